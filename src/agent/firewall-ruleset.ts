// The firewall of KB 233256 as nftables rules: between this host and the others only ESP, AH and IKE pass, and what the
// administrator names. It knows no policy; it stops what a mistake in one would let out. Unlike the advice of its time it
// lets nothing in because of a source port: answers pass because the kernel remembers the question.
import { type Address, formatPrefix, isInside, type Prefix } from '../base/address.ts'
import { ICMP, ICMPV6 } from '../base/flow.ts'
import { chain, type Ruleset, rulesetOf } from '../dataplane/guard/ruleset.ts'
import type { PortRange } from '../policy/model.ts'

export const FIREWALL_TABLE = 'sealwire_firewall'

/** What passes beside IPsec; who begins: the others (`in`), this host (`out`) or either. Answers pass as well. */
export interface Permit {
  readonly begins: 'in' | 'out' | 'either'
  /** Absent: DHCP, which is four pairs of ports. */
  readonly protocol?: number
  /** Of the side that is asked. */
  readonly ports?: PortRange
  /** The other hosts; absent: any. */
  readonly with?: Prefix
  /** As it was written. */
  readonly text: string
}

export interface FirewallOptions {
  readonly permits: readonly Permit[]
  /** Only traffic with these is filtered; none: all traffic is. */
  readonly hosts: readonly Prefix[]
  /** nft's pattern of the devices behind which the agent seals and opens. */
  readonly device?: string
}

export function firewallRuleset({ permits, hosts, device = 'sealwire*' }: FirewallOptions): Ruleset {
  const body = [
    ...chain('input', [
      'type filter hook input priority filter; policy accept;',
      'iif lo accept',
      // What comes from there was sealed on the wire.
      `iifname "${device}" counter accept comment "opened by the agent"`,
      ...unnamed(hosts, 'saddr'),
      ...ipsec('dport'),
      ...neighbours(),
      // Without this news a path with a smaller MTU swallows sealed packets.
      'icmp type destination-unreachable icmp code frag-needed counter accept comment "path MTU"',
      'icmpv6 type packet-too-big counter accept comment "path MTU"',
      ...permits.flatMap(permitted('in')),
      'counter drop comment "not sealed"',
    ]),
    // Behind every translation of addresses: what is forwarded for containers leaves as this host's own.
    ...chain('leaving', [
      'type filter hook postrouting priority srcnat + 200; policy accept;',
      'oif lo accept',
      `oifname "${device}" counter accept comment "to be sealed by the agent"`,
      ...unnamed(hosts, 'daddr'),
      ...ipsec('sport'),
      ...neighbours(),
      ...permits.flatMap(permitted('out')),
      'counter drop comment "not sealed"',
    ]),
  ]
  return rulesetOf(FIREWALL_TABLE, 'only IPsec passes (KB 233256)', body)
}

/** Whether a connection that another host began goes on under these rules. */
export function staysConnected(
  { permits, hosts }: FirewallOptions,
  { protocol, peer, port }: { readonly protocol: number; readonly peer: Address; readonly port: number },
): boolean {
  if (hosts.length > 0 && !hosts.some(host => isInside(peer, host))) return true
  return permits.some(
    permit =>
      permit.begins !== 'out' &&
      permit.protocol === protocol &&
      (permit.ports === undefined || (permit.ports.first <= port && port <= permit.ports.last)) &&
      (permit.with === undefined || isInside(peer, permit.with)),
  )
}

/** The other hosts are none of this firewall's business. */
function unnamed(hosts: readonly Prefix[], side: 'saddr' | 'daddr'): readonly string[] {
  if (hosts.length === 0) return []
  return ([4, 6] as const).flatMap(family => {
    const named = hosts.filter(({ address }) => address.family === family)
    const keyword = family === 4 ? 'ip' : 'ip6'
    if (named.length === 0) return `meta nfproto ipv${family} accept`
    if (named.some(({ length }) => length === 0)) return []
    return `${named.map(host => `${keyword} ${side} != ${formatPrefix(host)}`).join(' ')} accept`
  })
}

/** IKE has our own port at our end; the other end's may have been translated. */
function ipsec(own: 'sport' | 'dport'): readonly string[] {
  return [
    'meta l4proto { esp, ah } counter accept comment "ESP and AH"',
    // In IPv6 the kernel takes AH for an extension header, and shows pieces of a packet one by one.
    'ip6 nexthdr ah counter accept comment "ESP and AH"',
    'frag nexthdr { esp, ah } counter accept comment "ESP and AH"',
    `udp ${own} { 500, 4500 } counter accept comment "IKE"`,
  ]
}

/**
 * Neighbour and router discovery are to IPv6 what ARP is to IPv4, which these rules never see; none of it crosses a router
 * (hop limit 255, RFC 4861 §7.1). Switches that follow group memberships pass it on only to who reports them (RFC 4541).
 */
export function neighbours(): readonly string[] {
  const kinds = '{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect }'
  const reports = '{ mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }'
  return [
    `ip6 hoplimit 255 icmpv6 type ${kinds} counter accept comment "IPv6 neighbours"`,
    `ip6 saddr { fe80::/10, :: } icmpv6 type ${reports} counter accept comment "IPv6 group membership"`,
  ]
}

function permitted(direction: 'in' | 'out'): (permit: Permit) => readonly string[] {
  return permit => {
    const why = `counter accept comment "${permit.text}"`
    if (permit.protocol === undefined) return dhcpRules(direction, why)
    const { begins, protocol, ports } = permit
    const far = farEnd(permit, direction)
    const family = protocol === ICMP ? 'meta nfproto ipv4 ' : protocol === ICMPV6 ? 'meta nfproto ipv6 ' : ''
    const front = `${family}${far}meta l4proto ${protocol}`
    if (ports === undefined) {
      if (begins === 'either' || begins === direction) return [`${front} ${why}`]
      return [`${front} ct direction reply ${why}`]
    }
    const range = ports.first === ports.last ? String(ports.first) : `${ports.first}-${ports.last}`
    const asked = `${front} th dport ${range} ${why}`
    // What this host serves it may answer without memory: connections are older than these rules at times.
    const answers =
      direction === 'out' ? `${front} th sport ${range} ${why}` : `${front} th sport ${range} ct direction reply ${why}`
    const other = direction === 'in' ? 'out' : 'in'
    return [...(begins === other ? [] : [asked]), ...(begins === direction ? [] : [answers])]
  }
}

function farEnd({ with: far }: Permit, direction: 'in' | 'out'): string {
  if (far === undefined) return ''
  const family = far.address.family
  if (far.length === 0) return `meta nfproto ipv${family} `
  return `${family === 4 ? 'ip' : 'ip6'} ${direction === 'in' ? 'saddr' : 'daddr'} ${formatPrefix(far)} `
}

/** A client's: over IPv4 between ports 68 and 67, over IPv6 between 546 and 547. */
export function dhcpRules(direction: 'in' | 'out', why: string): readonly string[] {
  return [
    ['ipv4', 68, 67],
    ['ipv6', 546, 547],
  ].map(([family, client, server]) => {
    const [from, to] = direction === 'out' ? [client, server] : [server, client]
    return `meta nfproto ${family} udp sport ${from} udp dport ${to} ${why}`
  })
}
