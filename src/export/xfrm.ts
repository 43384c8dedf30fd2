// A policy as the Linux kernel's own: lines for `ip -batch`, with our order as priorities. It says what has to be sealed
// and, where the policy file holds manual keys, with which; associations that IKE makes are IKE's business.
import { type Address, formatAddress } from '../base/address.ts'
import { ICMP, ICMPV6 } from '../base/flow.ts'
import { type FilterEntry, orderedFilters } from '../policy/compile.ts'
import { kernelCipherName, kernelMacName } from '../policy/kernel-names.ts'
import type { AddressSpec, Policy, PortRange, Rule } from '../policy/model.ts'
import { offerOf } from '../policy/offers.ts'
import { exemptPackets } from './exempt-selectors.ts'
import { type Exported, type ExportOptions, familiesOf, groupLosses, loss, mayBeOwn, prefixTexts } from './exported.ts'

type Losses = ReturnType<typeof loss>[]
type Direction = 'in' | 'out'

const directions: readonly Direction[] = ['out', 'in']

/** A range of ports is written as single ones up to this many; the kernel's selectors have a mask, which `ip` cannot write. */
const MOST_PORTS = 64
/** Behind all exemptions. */
const FIRST_PRIORITY = 1000

export function exportXfrm(policy: Policy, options: ExportOptions): Exported {
  const losses: Losses = [...groupLosses(policy)]
  if (policy.defaultResponse) losses.push(loss(undefined, 'the default response rule has no counterpart'))
  for (const rule of policy.rules) if (!rule.active) losses.push(loss(rule, 'it is inactive and is left out'))
  losses.push(
    loss(
      undefined,
      'sockets of IKE are not exempt by themselves',
      'the IKE daemon sets a policy for each of its sockets',
    ),
  )
  const lines = [
    ...exemptPackets(policy).flatMap(({ family, own, peer, protocol, ownPort, peerPort }) => {
      const packet = { source: own, destination: peer, protocol, sourcePort: ownPort, destinationPort: peerPort }
      return selectors(family, packet, options.me).flatMap(words =>
        directions.map(way => `xfrm policy add ${words} dir ${way} priority 1 action allow`),
      )
    }),
    ...orderedFilters(policy).flatMap((entry, index) => linesOf(entry, FIRST_PRIORITY + index, losses, options.me)),
  ]
  const text = [
    `# ${policy.name}: written by sealwire for ip -batch`,
    ...firstOfEach(lines),
    ...keyLines(policy, losses, options),
    '',
  ].join('\n')
  return { text, losses: [...new Map(losses.map(one => [`${one.where} ${one.what}`, one])).values()] }
}

/** The kernel has one policy for a selector and direction; who is asked later about the same packets is never heard. */
function firstOfEach(lines: readonly string[]): readonly string[] {
  const found = new Map<string, string>()
  for (const line of lines) {
    const key = line.slice(0, line.indexOf(' priority '))
    if (!found.has(key)) found.set(key, line)
  }
  return [...found.values()]
}

/** A filter is asked about what leaves and what arrives; only where an end can be this host. */
function linesOf(
  { rule, filter }: FilterEntry,
  priority: number,
  losses: Losses,
  me: readonly Address[],
): readonly string[] {
  for (const port of [filter.sourcePort, filter.destinationPort]) {
    if (port === undefined) continue
    if (port.first === 0) losses.push(loss(rule, 'port 0 stands for any in the kernel: it is left out'))
    if (port.last - port.first < MOST_PORTS) continue
    const what = `ports ${port.first} to ${port.last} are more than ${MOST_PORTS}: the filter is left out`
    losses.push(loss(rule, what, 'write a rule without ports'))
    return []
  }
  if (filter.protocol === 0) {
    losses.push(loss(rule, 'protocol 0 stands for any in the kernel: the filter is left out'))
    return []
  }
  if (rule.action === 'negotiate' && rule.fallBackToClear) {
    losses.push(loss(rule, 'it never falls back to clear: the kernel drops what has no association'))
  }
  const ways = directions.filter(way => mayBeOwn(way === 'out' ? filter.source : filter.destination, me))
  return familiesOf({ own: filter.source, peer: filter.destination }).flatMap(family =>
    selectors(family, filter, me).flatMap(words =>
      ways.flatMap(way => {
        const deed = deedOf(rule, way, losses)
        return deed === undefined ? [] : [`xfrm policy add ${words} dir ${way} priority ${priority} ${deed}`]
      }),
    ),
  )
}

function deedOf(rule: Rule, way: Direction, losses: Losses): string | undefined {
  if (rule.action === 'negotiate') return templatesOf(rule, way, losses)
  return `action ${rule.action === 'permit' ? 'allow' : 'block'}`
}

/** What seals, from the inside out; addresses of zero are those of the packet (transport mode). */
function templatesOf(rule: Rule, way: Direction, losses: Losses): string | undefined {
  const offer = offerOf(rule.security[0] ?? '')
  if (!offer.ok) {
    losses.push(loss(rule, 'no method stands in it: its packets are not secured by this text'))
    return undefined
  }
  const kinds = new Set(rule.security.map(name => name.split('-')[0]))
  if (kinds.size > 1)
    losses.push(loss(rule, `of ${rule.security.join(', ')} the kernel is told one kind: that of ${rule.security[0]}`))
  if (rule.mode === 'tunnel' && rule.tunnelEndpoint === undefined) return undefined
  const level = way === 'in' && rule.acceptUnsecuredInbound ? ' level use' : ''
  return offer.value.protections
    .map(({ protocol }, index) => {
      const isTunnel = rule.mode === 'tunnel' && index === 0
      const endpoint = isTunnel ? formatAddress(rule.tunnelEndpoint!) : undefined
      const none = rule.tunnelEndpoint?.family === 6 ? '::' : '0.0.0.0'
      const ends =
        endpoint === undefined ? '' : way === 'out' ? `src ${none} dst ${endpoint} ` : `src ${endpoint} dst ${none} `
      return `tmpl ${ends}proto ${protocol} mode ${isTunnel ? 'tunnel' : 'transport'}${level}`
    })
    .join(' ')
}

interface Packet {
  readonly source: AddressSpec
  readonly destination: AddressSpec
  readonly protocol?: number | undefined
  readonly sourcePort?: PortRange | undefined
  readonly destinationPort?: PortRange | undefined
}

/** `src … dst … proto … sport … dport …`, one for each pair of prefixes and ports. */
function selectors(family: 4 | 6, packet: Packet, me: readonly Address[]): readonly string[] {
  const { source, destination, protocol, sourcePort, destinationPort } = packet
  const prefixes = (spec: AddressSpec) =>
    spec.kind === 'me' && me.length > 0
      ? me
          .filter(address => address.family === family)
          .map(address => `${formatAddress(address)}/${family === 4 ? 32 : 128}`)
      : prefixTexts(spec, family)
  const isIcmp = protocol === ICMP || protocol === ICMPV6
  return prefixes(source).flatMap(from =>
    prefixes(destination).flatMap(to =>
      portsOf(sourcePort).flatMap(sport =>
        portsOf(destinationPort).map(dport =>
          [
            `src ${from} dst ${to}`,
            ...(protocol === undefined ? [] : [`proto ${protocol}`]),
            ...(sport === undefined || isIcmp ? [] : [`sport ${sport}`]),
            ...(dport === undefined ? [] : [isIcmp ? `type ${dport}` : `dport ${dport}`]),
          ].join(' '),
        ),
      ),
    ),
  )
}

function portsOf(range: PortRange | undefined): readonly (number | undefined)[] {
  if (range === undefined) return [undefined]
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index).filter(
    port => port > 0,
  )
}

/** Associations of manual keys. */
function keyLines({ keys = [], rules }: Policy, losses: Losses, { secrets }: ExportOptions): readonly string[] {
  if (keys.length > 0 && secrets === 'leave-out') {
    losses.push(loss(undefined, 'the manual keys are left out', 'export with their secrets'))
    return []
  }
  return keys.flatMap(({ rule: name, source, destination, security, layers }) => {
    const offer = offerOf(security)
    const rule = rules.find(one => one.name === name)
    if (!offer.ok) return []
    return offer.value.protections.flatMap(({ protocol, cipher, integrity, icvBits }, index) => {
      const { spi, cipherKey, integrityKey } = layers[index]!
      const key = (secret: typeof cipherKey) => (secret.reveal().length === 0 ? '""' : `0x${secret.reveal().toHex()}`)
      const mac = integrity === undefined ? undefined : kernelMacName(integrity)
      const named = kernelCipherName(cipher ?? 'null')
      const isGmac = integrity === 'aes-gmac'
      if (named === undefined || (integrity !== undefined && mac === undefined && !(isGmac && protocol === 'esp'))) {
        losses.push(loss(rule, `the kernel has no ${security}: its keys are left out`))
        return []
      }
      const algorithms = isGmac
        ? `aead ${kernelCipherName('aes-gmac')} ${key(cipherKey)} ${icvBits}`
        : integrity === undefined
          ? `aead ${named} ${key(cipherKey)} ${icvBits}`
          : [
              ...(protocol === 'esp' ? [`enc ${named} ${key(cipherKey)}`] : []),
              `auth-trunc ${mac} ${key(integrityKey)} ${icvBits}`,
            ].join(' ')
      const mode = rule?.mode === 'tunnel' && index === 0 ? 'tunnel' : 'transport'
      const align = protocol === 'ah' && source.family === 4 ? ' flag align4' : ''
      return [
        `xfrm state add src ${formatAddress(source)} dst ${formatAddress(destination)} proto ${protocol} spi 0x${spi.toString(16)} mode ${mode} replay-window 64${align} ${algorithms}`,
      ]
    })
  })
}
