// Every link type and every layer that may stand before IP, each as its definition has it, with the smallest packet behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFlow } from '../base/flow.ts'
import { decodeFrame } from './decode.ts'
import { IS_IP, MALFORMED, NOT_IP, Packet } from './packet.ts'
import { bytesOf, flow4, flow6, ipv4, ipv6 } from './test-frames.ts'

/** Octets before an IPv4 packet and before an IPv6 packet, as the definition of each link type has them. */
interface LinkCase {
  readonly name: string
  readonly link: number
  readonly four?: string
  readonly six?: string
  readonly broadcast?: boolean
}

const snap4 = 'aaaa03 000000 0800'
const snap6 = 'aaaa03 000000 86dd'
const stations = '020000000001 020000000002'
const everyone = 'ffffffffffff 020000000002'
const wireless = '0800 0000 020000000001 020000000002 020000000003 1000'

const linkCases: readonly LinkCase[] = [
  { name: 'BSD loopback, little-endian', link: 0, four: '02000000', six: '1e000000' },
  { name: 'BSD loopback, big-endian', link: 0, four: '00000002', six: '0000001c' },
  { name: 'Ethernet', link: 1, four: `${stations} 0800`, six: `${stations} 86dd` },
  { name: 'Ethernet to every station', link: 1, four: `${everyone} 0800`, six: `${everyone} 86dd`, broadcast: true },
  { name: 'Ethernet with a VLAN tag', link: 1, four: `${stations} 8100 0005 0800`, six: `${stations} 8100 0005 86dd` },
  { name: 'Ethernet with two tags', link: 1, four: `${stations} 88a8 0005 8100 0006 0800` },
  { name: 'Ethernet with a tag and a length', link: 1, four: `${stations} 8100 0005 0030 ${snap4}` },
  { name: 'Ethernet with LLC and SNAP', link: 1, four: `${stations} 0030 ${snap4}`, six: `${stations} 003c ${snap6}` },
  { name: 'Ethernet with IP by its service access point', link: 1, four: `${stations} 0030 060603` },
  { name: 'Ethernet with MPLS', link: 1, four: `${stations} 8847 00001040 00002140`, six: `${stations} 8847 00002140` },
  {
    name: 'Ethernet in MPLS with a control word',
    link: 1,
    four: `${stations} 8847 00012140 00000000 ${stations} 0800`,
  },
  { name: 'Ethernet in MPLS', link: 1, four: `${stations} 8847 00012140 ${stations} 8100 0005 0800` },
  { name: 'an associated channel in MPLS', link: 1, four: `${stations} 8847 00012140 10000021` },
  { name: 'PPPoE', link: 1, four: `${stations} 8864 1100 0001 0022 0021`, six: `${stations} 8864 1100 0001 0036 0057` },
  { name: 'PPP on Ethernet', link: 1, four: `${stations} 880b 0021` },
  { name: 'backbone bridging', link: 1, four: `${stations} 88e7 00000001 ${everyone} 0800`, broadcast: true },
  { name: 'VN-tag', link: 1, four: `${stations} 8926 00000000 8100 0005 0800` },
  { name: 'Cisco metadata', link: 1, four: `${stations} 8909 0101 0001 0001 0800` },
  { name: 'FabricPath', link: 1, four: `${stations} 8903 0000 ${stations} 0800` },
  { name: 'ISL', link: 1, four: `01000c0000 00 020000000002 0040 aaaa03 00000c 0002 0000 0000 ${stations} 0800` },
  { name: 'TRILL', link: 1, four: `${stations} 22f3 0010 0001 0002 ${stations} 0800` },
  { name: 'TRILL with options', link: 1, four: `${stations} 22f3 0050 0001 0002 00000000 ${stations} 0800` },
  { name: 'a service function chain', link: 1, four: `${stations} 894f 0fc6 0101 00000001 ${'00'.repeat(16)}` },
  {
    name: 'a service function chain of Ethernet',
    link: 1,
    six: `${stations} 894f 0fc2 0203 000001ff ${stations} 86dd`,
  },
  { name: 'a redundancy tag of HSR', link: 1, four: `${stations} 892f 0030 0001 0800` },
  { name: 'a redundancy tag of 802.1CB', link: 1, four: `${stations} f1c1 0000 0001 0800` },
  { name: 'MACsec without encryption', link: 1, four: `${stations} 88e5 00 00 00000001 0800` },
  { name: 'bridged Ethernet', link: 1, four: `${stations} 6558 ${stations} 0800` },
  { name: 'E-tag', link: 1, four: `${stations} 893f 000000000000 0800` },
  { name: 'a time stamp of Arista', link: 1, four: `${stations} d28b 0001 0010 0000000000000000 0800` },
  { name: 'a short time stamp of Arista', link: 1, four: `${stations} d28b 0001 0120 000000000000 0800` },
  { name: 'IPv6 under the EtherType of IPv4', link: 1, six: `${stations} 0800` },
  { name: 'token ring', link: 6, four: `1040 ${stations} ${snap4}`, six: `1040 ${stations} ${snap6}` },
  { name: 'token ring with a route', link: 6, four: `1040 020000000001 820000000002 0630 0012 0020 ${snap4}` },
  { name: 'token ring to the ring', link: 6, four: `1040 c000ffffffff 020000000002 ${snap4}`, broadcast: true },
  { name: 'ARCNET of BSD', link: 7, four: '01 02 d4 00 0001' },
  { name: 'ARCNET of BSD, old', link: 7, four: '01 00 f0', broadcast: true },
  { name: 'SLIP', link: 8, four: `00 40 ${'00'.repeat(14)}`, six: `01 40 ${'00'.repeat(14)}` },
  { name: 'PPP', link: 9, four: 'ff03 0021', six: 'ff03 0057' },
  { name: 'PPP with everything compressed', link: 9, four: '21', six: '57' },
  { name: 'PPP multilink', link: 9, four: 'ff03 003d c0000001 0021' },
  { name: 'PPP bridging', link: 9, four: `ff03 0031 00 01 ${stations} 0800` },
  { name: 'PPP with MPLS', link: 9, four: 'ff03 0281 00012140' },
  { name: 'HDLC of Cisco under the link type of PPP', link: 9, four: '0f00 0800', six: '8f00 86dd' },
  { name: 'FDDI', link: 10, four: `50 ${stations} ${snap4}`, six: `57 ${stations} ${snap6}` },
  { name: 'raw IP as BSD numbers it', link: 12, four: '', six: '' },
  { name: 'raw IP as OpenBSD numbers it', link: 14, four: '', six: '' },
  { name: 'PPP in HDLC framing', link: 50, four: 'ff03 0021', six: 'ff03 0057' },
  { name: 'PPPoE session', link: 51, four: '1100 0001 0022 0021' },
  { name: 'Symantec firewall', link: 99, four: `${'00'.repeat(6)} 0800 ${'00'.repeat(36)}` },
  { name: 'Symantec firewall, third version', link: 99, six: `${'00'.repeat(18)} 86dd ${'00'.repeat(36)}` },
  { name: 'ATM with LLC', link: 100, four: snap4, six: snap6 },
  { name: 'ATM with protocol identifiers', link: 100, four: 'fefe03 cc', six: 'fefe03 8e' },
  { name: 'ATM with PPP', link: 100, four: 'fefe03 cf 0021' },
  { name: 'ATM with bridged Ethernet', link: 100, four: `aaaa03 0080c2 0007 0000 ${stations} 0800` },
  { name: 'raw IP', link: 101, four: '', six: '' },
  { name: 'SLIP of BSD/OS', link: 102, four: '00'.repeat(24) },
  { name: 'PPP of BSD/OS', link: 103, four: `${'00'.repeat(24)} ff03 0021` },
  { name: 'HDLC of Cisco', link: 104, four: '0f00 0800', six: '0f00 86dd' },
  { name: 'HDLC of Cisco with PPP', link: 104, four: 'ff03 0021' },
  { name: '802.11', link: 105, four: `${wireless} ${snap4}`, six: `${wireless} ${snap6}` },
  {
    name: '802.11 to the distribution system',
    link: 105,
    four: `0801 0000 020000000001 020000000002 ffffffffffff 1000 ${snap4}`,
    broadcast: true,
  },
  {
    name: '802.11 to every station',
    link: 105,
    four: `0802 0000 ffffffffffff 020000000002 020000000003 1000 ${snap4}`,
    broadcast: true,
  },
  { name: '802.11 with quality of service', link: 105, four: `8802 0000 ${stations} 020000000003 1000 0000 ${snap4}` },
  {
    name: '802.11 with high throughput control',
    link: 105,
    four: `8882 0000 ${stations} 020000000003 1000 0000 00000000 ${snap4}`,
  },
  {
    name: '802.11 between access points',
    link: 105,
    four: `0803 0000 ${stations} 020000000003 1000 020000000004 ${snap4}`,
  },
  {
    name: '802.11 aggregate',
    link: 105,
    four: `8802 0000 ${stations} 020000000003 1000 8000 ${everyone} 0034 ${snap4}`,
    broadcast: true,
  },
  {
    name: '802.11 between mesh stations',
    link: 105,
    four: `8803 0000 ${stations} 020000000003 1000 020000000004 0001 00 1f 00000000 ${snap4}`,
  },
  { name: 'classical IP over ATM without LLC', link: 106, four: '' },
  { name: 'classical IP over ATM', link: 106, four: snap4 },
  { name: 'Frame Relay', link: 107, four: '1841 03 cc', six: '1841 03 8e' },
  { name: 'Frame Relay with SNAP', link: 107, four: '1841 03 00 80 000000 0800' },
  { name: 'Frame Relay with a long address', link: 107, four: '18400041 03 cc' },
  { name: 'Frame Relay of Cisco', link: 107, four: '1841 0800', six: '1841 86dd' },
  { name: 'Frame Relay with bridged Ethernet', link: 107, four: `1841 03 00 80 0080c2 0007 ${stations} 0800` },
  { name: 'Frame Relay with PPP', link: 107, four: '1841 03 cf 0021' },
  { name: 'OpenBSD loopback', link: 108, four: '00000002', six: '00000018' },
  {
    name: 'OpenBSD enc, little-endian',
    link: 109,
    four: '02000000 00001000 00000000',
    six: '18000000 00001000 00000000',
  },
  { name: 'OpenBSD enc, big-endian', link: 109, four: '00000002 00001000 00000000' },
  {
    name: 'Linux cooked',
    link: 113,
    four: '0000 0001 0006 0200000000020000 0800',
    six: '0000 0001 0006 0200000000020000 86dd',
  },
  { name: 'Linux cooked, broadcast', link: 113, four: '0001 0001 0006 0200000000020000 0800', broadcast: true },
  { name: 'Linux cooked with LLC', link: 113, four: `0000 0001 0006 0200000000020000 0004 ${snap4}` },
  { name: 'Linux cooked with a VLAN tag', link: 113, four: '0000 0001 0006 0200000000020000 8100 0005 0800' },
  {
    name: 'Linux cooked from a wireless monitor',
    link: 113,
    four: `0000 0323 0006 0200000000020000 0004 0000 0800 00000000 ${wireless} ${snap4}`,
  },
  { name: 'Linux cooked with a whole frame', link: 113, four: `0000 0001 0006 0200000000020000 0003 ${stations} 0800` },
  { name: 'Linux cooked from Frame Relay', link: 113, four: '0000 0302 0000 0000000000000000 0000 1841 03 cc' },
  {
    name: 'OpenBSD packet filter',
    link: 117,
    four: `3d 02 0000 ${'00'.repeat(60)}`,
    six: `3d 18 0000 ${'00'.repeat(60)}`,
  },
  { name: '802.11 with Prism', link: 119, four: `44000000 90000000 ${'00'.repeat(136)} ${wireless} ${snap4}` },
  {
    name: '802.11 with AVS under the link type of Prism',
    link: 119,
    four: `80211001 00000040 ${'00'.repeat(56)} ${wireless} ${snap4}`,
  },
  { name: 'IP over Fibre Channel', link: 122, four: `1000020000000001 1000020000000002 ${snap4}` },
  { name: 'ATM of Solaris', link: 123, four: `82 00 0064 ${snap4}` },
  { name: 'ATM of Solaris with LAN emulation', link: 123, four: `81 00 0064 0001 ${stations} 0800` },
  { name: 'radiotap', link: 127, four: `0000 0800 00000000 ${wireless} ${snap4}` },
  {
    name: 'radiotap with padding',
    link: 127,
    four: `0000 0900 02000000 20 8802 0000 ${stations} 020000000003 1000 0000 0000 ${snap4}`,
  },
  {
    name: 'radiotap with a clock and padding',
    link: 127,
    four: `0000 1900 030000a0 00000000 00000000 0000000000000000 20 8802 0000 ${stations} 020000000003 1000 0000 0000 ${snap4}`,
  },
  { name: 'TZSP', link: 128, four: `01 00 0001 00 0a0102 01 ${stations} 0800` },
  { name: 'ARCNET of Linux', link: 129, four: '01 02 0000 d4 00 0001', six: '01 02 0000 c4 00 0001' },
  { name: 'ARCNET of Linux, exception', link: 129, four: '01 02 0000 d4 ff ffff d4 00 0001' },
  { name: 'FireWire', link: 138, four: '0200000000000001 0200000000000002 0800' },
  { name: 'DOCSIS', link: 143, four: `00 00 0030 0000 ${stations} 0800` },
  { name: 'DOCSIS with an extended header', link: 143, four: `01 05 0030 0000000000 0000 ${stations} 0800` },
  { name: '802.11 with AVS', link: 163, four: `80211001 00000040 ${'00'.repeat(56)} ${wireless} ${snap4}` },
  { name: 'pppd', link: 166, four: '0103 0021', six: '0003 0057' },
  { name: 'multilink Frame Relay', link: 182, four: 'c001 1841 03 cc' },
  { name: 'PPI', link: 192, four: `0000 0800 01000000 ${stations} 0800` },
  {
    name: 'PPI of PPI of 802.11',
    link: 192,
    four: `0000 0800 c0000000 0000 0c00 69000000 00000000 ${wireless} ${snap4}`,
  },
  { name: 'ERF', link: 197, four: `0000000000000000 02 00 0040 0000 0030 0000 ${stations} 0800` },
  {
    name: 'ERF with extension headers',
    link: 197,
    four: `0000000000000000 96 00 0040 0000 0030 8000000000000000 0000000000000000`,
  },
  { name: 'ERF of packet over SONET', link: 197, four: `0000000000000000 01 00 0040 0000 0030 ff03 0021` },
  { name: 'PPP with a direction', link: 204, four: '00 ff03 0021', six: '01 0057' },
  { name: 'HDLC of Cisco with a direction', link: 205, four: '00 0f00 0800' },
  { name: 'Frame Relay with a direction', link: 206, four: '01 1841 03 cc' },
  { name: 'AX.25', link: 3, four: '8284868890a0e0 a2a4a6a8aab061 03 cc' },
  { name: 'AX.25 in KISS', link: 202, four: '00 8284868890a0e0 a2a4a6a8aab061 03 cc' },
  { name: 'MPLS', link: 219, four: '00012140' },
  {
    name: 'Fibre Channel',
    link: 224,
    four: `04000001 00000002 05380000 00200000 00010002 00000000 1000020000000001 1000020000000002 ${snap4}`,
  },
  {
    name: 'Solaris IP observability',
    link: 226,
    four: `01 02 0000 ${'00'.repeat(20)}`,
    six: `01 1a 0000 ${'00'.repeat(20)}`,
  },
  { name: 'IPv4', link: 228, four: '' },
  { name: 'IPv6', link: 229, six: '' },
  {
    name: 'netfilter log, little-endian',
    link: 239,
    four: '02 00 0000 0800 0100 08000300 2400 0900',
    six: '0a 00 0000 3800 0900',
  },
  { name: 'netfilter log, big-endian', link: 239, four: '02 00 0000 0005 000a 00000000 0024 0009' },
  { name: 'netfilter log of a bridge', link: 239, four: '07 00 0000 0800 0100 08000300 2400 0900' },
  { name: 'netANALYZER', link: 240, four: `00000000 ${stations} 0800` },
  { name: 'netANALYZER with preamble', link: 241, four: `00000000 55555555555555d5 ${stations} 0800` },
  { name: 'InfiniBand', link: 242, four: `${'00'.repeat(40)} 0800 0000`, six: `${'00'.repeat(40)} 86dd 0000` },
  {
    name: 'InfiniBand, broadcast',
    link: 242,
    four: `${'00'.repeat(24)} ff12401bffff00000000 0000ffffffff 0800 0000`,
    broadcast: true,
  },
  { name: 'PKTAP', link: 258, four: `6c000000 01000000 01000000 ${'00'.repeat(96)} ${stations} 0800` },
  { name: 'EPON', link: 259, four: `5555d55555 0001 00 ${stations} 0800` },
  { name: 'Ethernet with preemption, express', link: 274, four: `55555555555555d5 ${stations} 0800` },
  { name: 'Ethernet with preemption, first fragment', link: 274, four: `55555555555555e6 ${stations} 0800` },
  {
    name: 'Linux cooked, second version',
    link: 276,
    four: '0800 0000 00000002 0001 00 06 0200000000020000',
    six: '86dd 0000 00000002 0001 04 06 0200000000020000',
  },
  {
    name: 'Linux cooked, second version, broadcast',
    link: 276,
    four: '0800 0000 00000002 0001 01 06 0200000000020000',
    broadcast: true,
  },
  { name: 'switch tag of Broadcom', link: 281, four: `${stations} 00000000 0800` },
  { name: 'switch tag of Broadcom in front', link: 282, four: `00000000 ${stations} 0800` },
  { name: 'switch tag of Marvell', link: 284, four: `${everyone} 40000000 0800`, broadcast: true },
  { name: 'switch tag of Marvell with an EtherType', link: 285, four: `${stations} dada 0000 40000000 0800` },
  { name: 'Juniper Ethernet', link: 178, four: `4d4743 80 0006 0102 8a00 0000 ${stations} 0800` },
  { name: 'Juniper Ethernet without its header', link: 178, four: '4d4743 02 02000000' },
  { name: 'Juniper PPP', link: 179, four: '4d4743 00 ff03 0021' },
  { name: 'Juniper Frame Relay', link: 180, four: '4d4743 00 1841 03 cc' },
  { name: 'Juniper HDLC', link: 181, four: '4d4743 00 0f00 0800' },
  { name: 'Juniper ATM', link: 137, four: `4d4743 00 00000000 ${snap4}` },
  { name: 'Juniper ATM, newer', link: 135, four: `4d4743 00 0000000000000000 ${snap4}` },
  { name: 'Juniper ATM, newer, without LLC', link: 135, four: '4d4743 00 0000000000000000' },
  { name: 'Juniper services', link: 136, four: '4d4743 00 0000000000000000' },
  { name: 'Juniper PPPoE over ATM', link: 168, four: '4d4743 00 8864 1100 0001 0022 0021' },
]

interface Frame {
  readonly name: string
  readonly link: number
  readonly bytes: Uint8Array
  readonly expected: string
  readonly broadcast: boolean
}

const frames: readonly Frame[] = linkCases.flatMap(({ name, link, four, six, broadcast = false }) => [
  ...(four === undefined ? [] : [{ name, link, bytes: bytesOf(four + ipv4), expected: flow4, broadcast }]),
  ...(six === undefined
    ? []
    : [{ name: `${name}, IPv6`, link, bytes: bytesOf(six + ipv6), expected: flow6, broadcast }]),
])

function decoded(link: number, bytes: Uint8Array): Packet {
  const packet = new Packet()
  decodeFrame(packet, bytes, link, 0, bytes.length)
  return packet
}

for (const { name, link, bytes, expected, broadcast } of frames) {
  test(`link type ${link}: IP is found behind ${name}`, () => {
    const packet = decoded(link, bytes)
    assert.equal(packet.problem, '')
    assert.equal(packet.kind, IS_IP)
    assert.equal(formatFlow(packet.flow()), `udp ${expected}`)
    assert.equal(packet.linkBroadcast, broadcast)
  })
}

test('a frame that is cut off anywhere is malformed, not IP, or IP without what was cut off', () => {
  for (const { name, link, bytes } of frames) {
    const whole = decoded(link, bytes)
    for (let length = 0; length < bytes.length; length++) {
      const packet = decoded(link, bytes.subarray(0, length))
      if (packet.kind === IS_IP) {
        assert.equal(packet.ipOffset, whole.ipOffset, `${name} cut to ${length}`)
        assert.ok(packet.end <= length)
      } else if (packet.kind === MALFORMED) {
        assert.notEqual(packet.problem, '')
      }
    }
  }
})

const notIp: readonly (readonly [string, number, string])[] = [
  ['ARP', 1, `${everyone} 0806 0001 0800 0604`],
  ['a spanning tree frame', 1, '0180c2000000 020000000002 0026 424203'],
  ['a number between length and EtherType', 1, `${stations} 05dd ${snap4} ${ipv4}`],
  ['a SNAP protocol that is no EtherType', 1, `${stations} 0030 aaaa03 000000 0004 ${ipv4}`],
  ['PPP link control', 9, 'ff03 c021 01000004'],
  ['a later fragment of PPP multilink', 9, `ff03 003d 40000001 ${ipv4}`],
  ['a later fragment of ARCNET', 7, `01 02 d4 02 0001 ${ipv4}`],
  ['an 802.11 beacon', 105, `8000 0000 ${everyone} 020000000003 1000 ${'00'.repeat(12)}`],
  ['an encrypted 802.11 frame', 105, `0842 0000 ${stations} 020000000003 1000 ${snap4} ${ipv4}`],
  ['an 802.11 frame without data', 105, `4800 0000 ${stations} 020000000003 1000`],
  ['encrypted MACsec', 1, `${stations} 88e5 0c 00 00000001 ${'ab'.repeat(40)}`],
  ['the second part of a preempted frame', 274, `55555555555561 2a ${ipv4}`],
  ['a link type that is not known', 9999, ipv4],
  ['netlink', 113, `0000 0338 0000 0000000000000000 0000 ${ipv4}`],
  ['a service function chain without a path', 1, `${stations} 894f 0fc1 0101 00000001 ${ipv4}`],
  ['Juniper without its magic number', 178, `4d4744 00 ${stations} 0800 ${ipv4}`],
]

for (const [name, link, hex] of notIp) {
  test(`link type ${link}: ${name} is not IP`, () => {
    assert.equal(decoded(link, bytesOf(hex)).kind, NOT_IP)
  })
}

test('headers that nest without end are walked once, however long the frame', () => {
  const nests: readonly (readonly [number, string])[] = [
    [1, `${stations} 8100`],
    [1, `${stations} 6558`],
    [1, `${stations} 0030 aaaa03 000000 8870`],
    [1, `${stations} 8847 00012140`],
    [9, 'ff03 003d c0000001'],
    [192, '0000 0800 c0000000'],
    [258, '0c000000 01000000 02010000'],
  ]
  for (const [link, hex] of nests) {
    const unit = bytesOf(hex)
    const bytes = new Uint8Array(1_000_000)
    for (let at = 0; at + unit.length <= bytes.length; at += unit.length) bytes.set(unit, at)
    assert.notEqual(decoded(link, bytes).kind, IS_IP)
  }
})

test('a broken link header is said in words', () => {
  const packet = decoded(1, bytesOf(stations))
  assert.equal(packet.kind, MALFORMED)
  assert.equal(packet.problem, 'the link header is cut off')
  assert.equal(decoded(101, bytesOf('00')).problem, 'the IP version is neither 4 nor 6')
})
