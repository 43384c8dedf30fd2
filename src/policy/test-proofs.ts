// For the tests of proofs: policies with one planted gap each, policies without, and brute force that asks `decide` for
// every packet of a small space.
import { type Address, compareAddresses, parsePrefix } from '../base/address.ts'
import { AH, ESP, type Flow, hasPorts, ICMP, ICMPV6 } from '../base/flow.ts'
import { type CompiledPolicy, compile } from './compile.ts'
import { decide } from './decide.ts'
import type { Policy, Rule } from './model.ts'
import { compareFlows, isClear } from './prove.ts'
import { address, flow, policy, rule, spec } from './test-policies.ts'

const both = 'any 10.0.0.1 <-> 10.0.0.2'
const secure = (filters: readonly string[], changes: Partial<Rule> = {}) => rule('negotiate', filters, changes)
const xp = (noDefaultExempt: number, changes: Partial<Policy> = {}): Partial<Policy> => ({
  profile: 'windows-xp',
  noDefaultExempt,
  ...changes,
})
const own = { networks: [parsePrefix('10.0.0.0/24')!] }

export interface Case {
  readonly fact: string
  readonly asked: Policy
  readonly between?: readonly [string, string]
  /** The smallest flow in clear; left out where it is closed. */
  readonly smallest?: Flow
  readonly because?: string
}

export const gaps: readonly Case[] = [
  {
    fact: 'Kerberos at NoDefaultExempt 0',
    asked: policy([secure([both])], xp(0)),
    smallest: flow('tcp 10.0.0.1:0 10.0.0.2:88'),
    because: 'kerberos',
  },
  {
    fact: 'Kerberos at NoDefaultExempt 2, although a rule blocks port 88',
    asked: policy([secure([both]), rule('block', ['tcp 10.0.0.1 <-> 10.0.0.2:88'])], xp(2)),
    smallest: flow('tcp 10.0.0.1:0 10.0.0.2:88'),
    because: 'kerberos',
  },
  {
    fact: 'ICMP, where only TCP and UDP and all the rest but ICMP are secured',
    asked: policy([secure([both]), rule('permit', ['icmp 10.0.0.1 <-> 10.0.0.2'])]),
    smallest: flow('icmp 10.0.0.1 10.0.0.2 0'),
    because: 'filter',
  },
  {
    fact: 'every protocol without ports, where TCP and UDP are secured',
    asked: policy([secure(['tcp 10.0.0.1 <-> 10.0.0.2', 'udp 10.0.0.1 <-> 10.0.0.2'])]),
    smallest: flow('0 10.0.0.1 10.0.0.2'),
    because: 'no-filter-matched',
  },
  {
    fact: 'later fragments, where all ports of TCP are secured one by one and the rest is blocked',
    asked: policy([
      secure(['tcp 10.0.0.1:0-65535 <-> 10.0.0.2']),
      rule('block', [...allBut(6), 'udp 10.0.0.1 <-> 10.0.0.2', 'icmp 10.0.0.1 <-> 10.0.0.2']),
    ]),
    smallest: flow('tcp 10.0.0.1 10.0.0.2'),
    because: 'no-filter-matched',
  },
  {
    fact: 'one missing address in a range',
    asked: policy([secure(['any 10.0.0.1 <-> 10.0.0.8-10.0.0.11', 'any 10.0.0.1 <-> 10.0.0.13-10.0.0.15'])]),
    between: ['10.0.0.1', '10.0.0.8/29'],
    smallest: flow('0 10.0.0.1 10.0.0.12'),
    because: 'no-filter-matched',
  },
  {
    fact: 'one missing port between two ranges of ports, where a wider rule permits',
    asked: policy([
      secure(['tcp 10.0.0.1 <-> 10.0.0.2:0-1023', 'tcp 10.0.0.1 <-> 10.0.0.2:1025-65535']),
      rule('permit', ['tcp 10.0.0.1 <-> 10.0.0.2'], { name: 'rest' }),
      rule('block', ['any 10.0.0.1 <-> 10.0.0.2']),
    ]),
    smallest: flow('tcp 10.0.0.1:0 10.0.0.2:1024'),
    because: 'filter',
  },
  {
    fact: 'the way back of a filter that is not mirrored',
    asked: policy([secure(['any 10.0.0.1 -> 10.0.0.2'])]),
    smallest: flow('0 10.0.0.2 10.0.0.1'),
    because: 'no-filter-matched',
  },
  {
    fact: 'IPv6, where every IPv4 packet is secured',
    asked: policy([secure(['any 0.0.0.0/0 <-> 0.0.0.0/0'])]),
    between: ['any', 'any'],
    smallest: flow('0 :: ::1'),
    because: 'no-filter-matched',
  },
  {
    fact: 'a rule that is not active',
    asked: policy([secure([both], { active: false })]),
    smallest: flow('0 10.0.0.1 10.0.0.2'),
    because: 'no-filter-matched',
  },
  {
    fact: 'a permit that is more specific than the rule that secures',
    asked: policy([secure(['any me <-> any']), rule('permit', ['udp 10.0.0.1 <-> 10.0.0.2:53'])]),
    smallest: flow('udp 10.0.0.1:0 10.0.0.2:53'),
    because: 'filter',
  },
  {
    fact: 'a rule that may fall back to clear',
    asked: policy([secure([both], { fallBackToClear: true })]),
    smallest: flow('0 10.0.0.1 10.0.0.2'),
    because: 'filter',
  },
  {
    fact: 'the end of a range that is no prefix',
    asked: policy([secure(['any 10.0.0.1-10.0.0.6 <-> 10.0.1.0/24'])]),
    between: ['10.0.0.1-10.0.0.7', '10.0.1.0/24'],
    smallest: flow('0 10.0.0.7 10.0.1.0'),
    because: 'no-filter-matched',
  },
  {
    fact: 'one address of an IPv6 range across two words',
    asked: policy([
      secure(['any fd00::1 <-> fd00::ffff:fffe-fd00::ffff:ffff', 'any fd00::1 <-> fd00::1:0:1-fd00::1:0:2']),
    ]),
    between: ['fd00::1', 'fd00::ffff:fffe-fd00::1:0:2'],
    smallest: flow('0 fd00::1 fd00::1:0:0'),
    because: 'no-filter-matched',
  },
  {
    fact: 'multicast that is exempt, in a network of many hosts',
    asked: policy([secure(['any any <-> any'])], xp(1)),
    between: ['10.0.0.1', '0.0.0.0/0'],
    smallest: flow('0 10.0.0.1 224.0.0.0'),
    because: 'multicast',
  },
  {
    fact: 'the broadcast address of the network',
    asked: policy([secure(['any any <-> any'])], xp(1, own)),
    between: ['10.0.0.1', '10.0.0.0/24'],
    smallest: flow('0 10.0.0.1 10.0.0.255'),
    because: 'broadcast',
  },
  {
    fact: 'multicast that Vista never negotiates',
    asked: policy([secure(['any any <-> any'])], { profile: 'windows-vista', ipsecExempt: 0 }),
    between: ['10.0.0.1', '224.0.0.0/24'],
    smallest: flow('0 10.0.0.1 224.0.0.0'),
    because: 'no-filter-matched',
  },
  {
    fact: 'neighbour discovery on Vista at IPsecExempt 1',
    asked: policy([secure(['any any <-> any'])], { profile: 'windows-vista', ipsecExempt: 1 }),
    between: ['fd00::1', 'fd00::2'],
    smallest: flow('icmpv6 fd00::1 fd00::2 135'),
    because: 'neighbour-discovery',
  },
  {
    fact: 'DHCP on Vista at its default',
    asked: policy([secure(['any any <-> any'])], { profile: 'windows-vista' }),
    between: ['fd00::1', 'fd00::2'],
    smallest: flow('udp [fd00::1]:546 [fd00::2]:547'),
    because: 'dhcp',
  },
  {
    fact: 'UDP port 4500 where Windows 2000 knows no NAT traversal and a rule permits it',
    asked: policy([secure([both]), rule('permit', ['udp 10.0.0.1:4500 <-> 10.0.0.2:4500'])], {
      profile: 'windows-2000',
    }),
    smallest: flow('tcp 10.0.0.1:0 10.0.0.2:88'),
    because: 'kerberos',
  },
  {
    fact: 'what the default response rule leaves: it only answers',
    asked: policy([secure(['tcp 10.0.0.1 <-> 10.0.0.2'])], { defaultResponse: true }),
    smallest: flow('0 10.0.0.1 10.0.0.2'),
    because: 'default-response',
  },
  {
    fact: 'packets to a host that holds the policy: “me” is only ever the sender',
    asked: policy([secure(['any any -> me'])]),
    smallest: flow('0 10.0.0.1 10.0.0.2'),
    because: 'no-filter-matched',
  },
]

/** Filters for all protocols but one and those with ports or types. */
function allBut(left: number): readonly string[] {
  return Array.from({ length: 256 }, (_, protocol) => protocol)
    .filter(protocol => protocol !== left && protocol !== 17 && protocol !== 1)
    .map(protocol => `${protocol} 10.0.0.1 <-> 10.0.0.2`)
}

export const closed: readonly Case[] = [
  { fact: 'everything between two hosts', asked: policy([secure([both])]) },
  { fact: 'everything between two hosts, on Windows XP at 3', asked: policy([secure([both])], xp(3)) },
  { fact: 'everything between two hosts, at 1: neither is a group', asked: policy([secure([both])], xp(1, own)) },
  {
    fact: 'everything between two hosts on Server 2003',
    asked: policy([secure([both])], { profile: 'windows-server-2003' }),
  },
  {
    fact: 'everything between two IPv4 hosts on Vista with no exemption',
    asked: policy([secure([both])], { profile: 'windows-vista', ipsecExempt: 0 }),
  },
  { fact: 'everything of and to the host itself', asked: policy([secure(['any me <-> any'])]) },
  {
    fact: 'two filters, one for each way',
    asked: policy([secure(['any 10.0.0.1 -> 10.0.0.2', 'any 10.0.0.2 -> 10.0.0.1'])]),
  },
  { fact: 'a block', asked: policy([rule('block', [both])]) },
  {
    fact: 'all protocols, one filter for each',
    asked: policy([secure([...allBut(300), 'udp 10.0.0.1 <-> 10.0.0.2', 'icmp 10.0.0.1 <-> 10.0.0.2'])]),
  },
  {
    fact: 'a permit that is hidden behind more specific rules',
    asked: policy([rule('permit', ['any any <-> any']), secure([both])]),
  },
  {
    fact: 'a permit between other hosts',
    asked: policy([secure([both]), rule('permit', ['any 10.0.0.1 <-> 10.0.0.3'])]),
  },
  {
    fact: 'an inactive permit',
    asked: policy([secure([both]), rule('permit', ['tcp 10.0.0.1 <-> 10.0.0.2:80'], { active: false })]),
  },
  {
    fact: 'a range of prefixes side by side',
    asked: policy([
      secure(['any 10.0.0.1 <-> 10.0.0.8/30', 'any 10.0.0.1 <-> 10.0.0.12/31', 'any 10.0.0.1 <-> 10.0.0.14/31']),
    ]),
    between: ['10.0.0.1', '10.0.0.8/29'],
  },
  {
    fact: 'an IPv6 range across words, asked in a part of it',
    asked: policy([secure(['any fd00::1 <-> fd00::ffff:fffe-fd00::2:0:2'])]),
    between: ['fd00::1', 'fd00::ffff:ffff-fd00::2:0:1'],
  },
  { fact: 'any to any, both families', asked: policy([secure(['any any <-> any'])]), between: ['any', 'any'] },
  {
    fact: 'each family by itself',
    asked: policy([secure(['any ::/0 <-> ::/0', 'any 0.0.0.0/0 <-> 0.0.0.0/0'])]),
    between: ['any', 'any'],
  },
  {
    fact: 'ports secured, fragments and the rest blocked',
    asked: policy([secure(['tcp 10.0.0.1 <-> 10.0.0.2:0-65535']), rule('block', [both])]),
  },
  {
    fact: 'a rule that accepts what arrives in clear, but sends nothing so',
    asked: policy([secure([both], { acceptUnsecuredInbound: true })]),
  },
  {
    fact: 'a tunnel rule before a permit of two hosts',
    asked: policy([secure(['any any <-> any'], { mode: 'tunnel' }), rule('permit', [both])]),
  },
  {
    fact: 'block over permit where both are as specific',
    asked: policy([rule('permit', [both]), rule('block', [both], { name: 'no' })]),
  },
  {
    fact: 'groups blocked where they are never negotiated',
    asked: policy([secure(['any any <-> any']), rule('block', ['any any -> 224.0.0.0/4'])], {
      profile: 'windows-vista',
      ipsecExempt: 0,
    }),
    between: ['10.0.0.1', '224.0.0.0/4'],
  },
]

/** Judged by `decide` on the host that sends it. */
export function isClearByDecide(asked: Policy, packet: Flow): boolean {
  return isClear(decide(compile(asked, { me: [packet.source] }), packet, 'out'))
}

/** Addresses of a range worth asking: both ends, and up to twenty others between. */
function someOf(text: string): readonly Address[] {
  const range = spec(text)
  const ends =
    range.kind === 'range'
      ? [range.first, range.last]
      : ['0.0.0.0', '10.0.0.1', '10.0.0.255', '224.0.0.0', '255.255.255.255', '::', '::1', 'fd00::1'].map(address)
  const steps = Array.from({ length: 20 }, (_, step): Address => {
    const { family, words } = ends[0]!
    const low = words.at(-1)! + step
    const carry = low > 0xffffffff
    return {
      family,
      words: words.map((word, at) =>
        at === words.length - 1 ? low % 2 ** 32 : carry && at === words.length - 2 ? word + 1 : word,
      ),
    }
  })
  const isInside = (each: Address) =>
    range.kind !== 'range' || (compareAddresses(range.first, each) <= 0 && compareAddresses(each, range.last) <= 0)
  const groups = ['224.0.0.0', '255.255.255.255', 'ff00::'].map(address).filter(each => each.family === ends[0]!.family)
  return [...ends, ...steps, ...groups].filter(isInside)
}

/** A smallest packet has each port at 0, at a border of a filter or an exemption, or behind one: all that occur here. */
const borders = [0, 1, 53, 67, 68, 79, 80, 87, 88, 89, 443, 499, 500, 501, 546, 547, 1023, 1024, 4500, 65534, 65535]
const ports = [...new Set(borders.flatMap(port => [port, port + 1]))].filter(port => port <= 65535)

/** Every packet of a small space, fragments included, sealed ones left out. */
function* packetsBetween([a, b]: readonly [string, string]): Generator<Flow> {
  const ways = [
    [someOf(a), someOf(b)],
    [someOf(b), someOf(a)],
  ] as const
  for (const [sources, destinations] of ways) {
    for (const source of sources) {
      for (const destination of destinations) {
        if (source.family !== destination.family || compareAddresses(source, destination) === 0) continue
        for (let protocol = 0; protocol < 256; protocol++) {
          if (protocol === ESP || protocol === AH) continue
          yield { source, destination, protocol }
          if (protocol === ICMP || protocol === ICMPV6) {
            for (const icmpType of [0, 8, 133, 135, 255]) yield { source, destination, protocol, icmpType }
          }
          if (!hasPorts(protocol)) continue
          for (const sourcePort of ports) {
            for (const destinationPort of ports) yield { source, destination, protocol, sourcePort, destinationPort }
          }
        }
      }
    }
  }
}

export function smallestByForce({ asked, between = ['10.0.0.1', '10.0.0.2'] }: Case): Flow | undefined {
  const compiled = new Map<string, CompiledPolicy>()
  let smallest: Flow | undefined
  for (const packet of packetsBetween(between)) {
    if (smallest !== undefined && compareFlows(packet, smallest) >= 0) continue
    const key = packet.source.words.join()
    const onSender = compiled.get(key) ?? compile(asked, { me: [packet.source] })
    compiled.set(key, onSender)
    if (isClear(decide(onSender, packet, 'out'))) smallest = packet
  }
  return smallest
}
