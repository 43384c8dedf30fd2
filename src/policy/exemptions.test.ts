// What of traffic each Windows leaves out of its filters: every era and value against every kind of traffic, as a table
// that restates the reference. The policy secures everything, so that what is not exempt is sealed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrefix } from '../base/address.ts'
import type { Direction, Flow } from '../base/flow.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import type { Policy, ProfileName } from './model.ts'
import { flow, policy, rule } from './test-policies.ts'

/** `2003 2`, `vista 9` … each column of the table below. */
const columns: readonly (readonly [ProfileName, number])[] = [
  ['windows-2000', 0],
  ['windows-2000-sp1', 0],
  ['windows-2000-sp1', 1],
  ['windows-xp', 0],
  ['windows-xp', 1],
  ['windows-xp', 2],
  ['windows-xp', 3],
  ['windows-server-2003', 0],
  ['windows-server-2003', 1],
  ['windows-server-2003', 2],
  ['windows-server-2003', 3],
  ['windows-vista', 0],
  ['windows-vista', 1],
  ['windows-vista', 2],
  ['windows-vista', 4],
  ['windows-vista', 8],
  ['windows-vista', 15],
  ['strict', 3],
]

/** i IKE, k Kerberos, r RSVP, m multicast, b broadcast, n neighbour and v router discovery, c ICMP, d DHCP; s sealed; - in clear, because groups are not negotiated here. */
const letters: Readonly<Record<string, string>> = {
  ike: 'i',
  kerberos: 'k',
  rsvp: 'r',
  multicast: 'm',
  broadcast: 'b',
  'neighbour-discovery': 'n',
  'router-discovery': 'v',
  icmp: 'c',
  dhcp: 'd',
}

/** Kind of traffic; the flow; its letters as it leaves, in the order of the columns; as it arrives, where that differs. */
const table: readonly (readonly [string, Flow, string, string?])[] = [
  // era                                                     2000 sp1 xp   2003 vista  strict
  ['a request to Kerberos over TCP', flow('tcp 10.0.0.1:49152 10.0.0.2:88'), 'k ks ksks ksks ssssss s'],
  ['an answer of Kerberos over TCP', flow('tcp 10.0.0.2:88 10.0.0.1:49152'), 'k ks ksks ksks ssssss s'],
  ['a request to Kerberos over UDP', flow('udp 10.0.0.1:49152 10.0.0.2:88'), 'k ks ksks ksks ssssss s'],
  ['an answer of Kerberos over UDP', flow('udp 10.0.0.2:88 10.0.0.1:49152'), 'k ks ksks ksks ssssss s'],
  ['Kerberos over IPv6', flow('tcp [fd00::1]:49152 [fd00::2]:88'), 'k ks ksks ksks ssssss s'],
  ['any port from port 88', flow('tcp 10.0.0.1:88 10.0.0.2:445'), 'k ks ksks ksks ssssss s'],
  ['port 87', flow('tcp 10.0.0.1:87 10.0.0.2:445'), 's ss ssss ssss ssssss s'],
  ['port 89', flow('udp 10.0.0.1:49152 10.0.0.2:89'), 's ss ssss ssss ssssss s'],
  ['Kerberos password changes, port 464', flow('tcp 10.0.0.1:49152 10.0.0.2:464'), 's ss ssss ssss ssssss s'],
  ['a later fragment of Kerberos over UDP', flow('udp 10.0.0.1 10.0.0.2'), 's ss ssss ssss ssssss s'],
  ['protocol 88, which is no port', flow('eigrp 10.0.0.1 10.0.0.2'), 's ss ssss ssss ssssss s'],
  ['RSVP', flow('rsvp 10.0.0.1 10.0.0.2'), 'r rs rsrs rsrs ssssss s'],
  ['RSVP over IPv6', flow('rsvp fd00::1 fd00::2'), 'r rs rsrs rsrs ssssss s'],
  ['UDP from port 46', flow('udp 10.0.0.1:46 10.0.0.2:46'), 's ss ssss ssss ssssss s'],
  ['IKE', flow('udp 10.0.0.1:500 10.0.0.2:500'), 'i ii iiii iiii iiiiii i'],
  ['IKE over IPv6', flow('udp [fd00::1]:500 [fd00::2]:500'), 'i ii iiii iiii iiiiii i'],
  ['UDP from port 500 to another', flow('udp 10.0.0.1:500 10.0.0.2:137'), 's ss ssss ssss ssssss s'],
  ['UDP to port 500 from another', flow('udp 10.0.0.1:1024 10.0.0.2:500'), 's ss ssss ssss ssssss s'],
  ['TCP between ports 500', flow('tcp 10.0.0.1:500 10.0.0.2:500'), 's ss ssss ssss ssssss s'],
  ['IKE behind a NAT', flow('udp 10.0.0.1:1025 10.0.0.2:4500'), 's ii iiii iiii iiiiii i'],
  ['an answer of IKE behind a NAT', flow('udp 10.0.0.2:4500 10.0.0.1:1025'), 's ii iiii iiii iiiiii i'],
  ['UDP port 4500 over IPv6', flow('udp [fd00::1]:4500 [fd00::2]:4500'), 's ii iiii iiii ssssss i'],
  ['multicast', flow('udp 10.0.0.1:5353 224.0.0.251:5353'), 'm mm mmss mmss ------ s', 'm mm mmss mm-- ------ s'],
  [
    'the first multicast address',
    flow('igmp 10.0.0.1 224.0.0.0'),
    'm mm mmss mmss ------ s',
    'm mm mmss mm-- ------ s',
  ],
  [
    'the last multicast address',
    flow('udp 10.0.0.1:9 239.255.255.255:9'),
    'm mm mmss mmss ------ s',
    'm mm mmss mm-- ------ s',
  ],
  ['the address below multicast', flow('udp 10.0.0.1:9 223.255.255.255:9'), 's ss ssss ssss ssssss s'],
  ['the address above multicast', flow('udp 10.0.0.1:9 240.0.0.0:9'), 's ss ssss ssss ssssss s'],
  [
    'multicast over IPv6',
    flow('udp [fd00::1]:5353 [ff02::fb]:5353'),
    'm mm mmss mmss ------ s',
    'm mm mmss mm-- ------ s',
  ],
  [
    'Kerberos to a multicast address',
    flow('udp 10.0.0.1:9 224.0.0.9:88'),
    'k km kmks kmks ------ s',
    'k km kmks kmk- ------ s',
  ],
  [
    'the limited broadcast',
    flow('udp 10.0.0.1:138 255.255.255.255:138'),
    'b bb bbss bbss ------ s',
    'b bb bbss bb-- ------ s',
  ],
  [
    'the broadcast of an own network',
    flow('udp 10.0.0.1:138 10.0.0.255:138'),
    'b bb bbss bbss ------ s',
    'b bb bbss bb-- ------ s',
  ],
  ['the broadcast of a foreign network', flow('udp 10.0.0.1:138 10.0.1.255:138'), 's ss ssss ssss ssssss s'],
  [
    'a frame to every station of the link',
    flow('udp 10.0.0.1:138 10.0.1.255:138', { linkBroadcast: true }),
    'b bb bbss bbss ------ s',
    'b bb bbss bb-- ------ s',
  ],
  [
    'a question of neighbour discovery',
    flow('icmpv6 fd00::1 ff02::1:ff00:2 135'),
    'm mm mmss mmss -nc--n s',
    'm mm mmss mm-- -nc--n s',
  ],
  ['an answer of neighbour discovery', flow('icmpv6 fd00::1 fd00::2 136'), 's ss ssss ssss sncssn s'],
  ['a redirect', flow('icmpv6 fe80::1 fd00::2 137'), 's ss ssss ssss sncssn s'],
  ['a question of router discovery', flow('icmpv6 fd00::1 fe80::1 133'), 's ss ssss ssss sscvsc s'],
  ['an answer of router discovery', flow('icmpv6 fe80::1 fd00::1 134'), 's ss ssss ssss sscvsc s'],
  ['ICMPv6 of the type below, 132', flow('icmpv6 fe80::1 fd00::1 132'), 's ss ssss ssss sscssc s'],
  ['ICMPv6 of the type above, 138', flow('icmpv6 fe80::1 fd00::1 138'), 's ss ssss ssss sscssc s'],
  ['a later fragment of ICMPv6', flow('icmpv6 fe80::1 fd00::1'), 's ss ssss ssss sscssc s'],
  ['ping over IPv6', flow('icmpv6 fd00::1 fd00::2 128'), 's ss ssss ssss sscssc s'],
  ['ping', flow('icmp 10.0.0.1 10.0.0.2 8'), 's ss ssss ssss sscssc s'],
  ['ICMPv6 in an IPv4 packet', flow('icmpv6 10.0.0.1 10.0.0.2 135'), 's ss ssss ssss ssssss s'],
  ['ICMP in an IPv6 packet', flow('icmp fd00::1 fd00::2 8'), 's ss ssss ssss ssssss s'],
  ['DHCP from a client', flow('udp 0.0.0.0:68 10.0.0.9:67'), 's ss ssss ssss ssssdd s'],
  ['DHCP from a server', flow('udp 10.0.0.9:67 10.0.0.1:68'), 's ss ssss ssss ssssdd s'],
  ['DHCP from a relay', flow('udp 10.0.0.7:67 10.0.0.9:67'), 's ss ssss ssss ssssdd s'],
  ['port 68 to port 68', flow('udp 10.0.0.7:68 10.0.0.9:68'), 's ss ssss ssss ssssss s'],
  [
    'DHCP by broadcast',
    flow('udp 0.0.0.0:68 255.255.255.255:67'),
    'b bb bbss bbss ----dd s',
    'b bb bbss bb-- ----dd s',
  ],
  ['DHCPv6', flow('udp [fe80::1]:546 [fe80::2]:547'), 's ss ssss ssss ssssdd s'],
  ['DHCPv6 from a server', flow('udp [fe80::2]:547 [fe80::1]:546'), 's ss ssss ssss ssssdd s'],
  ['the ports of DHCP over IPv6', flow('udp [fe80::1]:68 [fe80::2]:67'), 's ss ssss ssss ssssss s'],
  ['SMB', flow('tcp 10.0.0.1:49152 10.0.0.2:445'), 's ss ssss ssss ssssss s'],
  ['ESP', flow('esp 10.0.0.1 10.0.0.2'), 's ss ssss ssss ssssss s'],
]

function everythingSealed(profile: ProfileName, value: number): Policy {
  const setting = profile === 'windows-vista' ? { ipsecExempt: value } : { noDefaultExempt: value }
  const read = profile === 'windows-2000' || profile === 'strict' ? {} : setting
  return policy([rule('negotiate', ['any any <-> any'])], { profile, ...read, networks: [parsePrefix('10.0.0.0/24')!] })
}

const compiled = columns.map(([profile, value]) => compile(everythingSealed(profile, value)))

function lettersOf(packet: Flow, direction: Direction): string {
  return compiled
    .map(each => {
      const { action, because } = decide(each, packet, direction)
      if (because.kind === 'exemption') return letters[because.exemption]
      return action === 'negotiate' ? 's' : '-'
    })
    .join('')
}

for (const [kind, packet, leaving, arriving] of table) {
  test(`${kind} is exempt where the table has it: ${leaving}`, () => {
    assert.equal(lettersOf(packet, 'out'), leaving.replaceAll(' ', ''), 'as it leaves')
    assert.equal(lettersOf(packet, 'in'), (arriving ?? leaving).replaceAll(' ', ''), 'as it arrives')
  })
}

test('a network of 31 or 32 bits has no broadcast address', () => {
  for (const [network, action] of [
    ['10.0.0.2/31', 'negotiate'],
    ['10.0.0.3/32', 'negotiate'],
    ['10.0.0.0/30', 'permit'],
  ] as const) {
    const asked = compile({ ...everythingSealed('windows-xp', 0), networks: [parsePrefix(network)!] })
    assert.equal(decide(asked, flow('udp 10.0.0.1:9 10.0.0.3:9'), 'out').action, action, network)
  }
})
