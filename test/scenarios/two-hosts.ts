// A stage for scenarios: two hosts on a simulated wire that share an association under one policy, and our own auditor,
// who sees all that stands on the wire.

import { Auditor } from '../../src/audit/audit.ts'
import type { Verdict } from '../../src/audit/verdict.ts'
import { seededRandom } from '../../src/base/random.ts'
import { VirtualClock } from '../../src/base/time.ts'
import type { PacketCrypto } from '../../src/crypto/packet-crypto.ts'
import type { DataPlaneListener } from '../../src/dataplane/data-plane.ts'
import { SimulatedHost } from '../../src/dataplane/simulated/host.ts'
import { SimulatedWire, type WireFaults } from '../../src/dataplane/simulated/wire.ts'
import { pairName } from '../../src/ipsec/association.ts'
import { compile } from '../../src/policy/compile.ts'
import { policy, rule } from '../../src/policy/test-policies.ts'
import { RAW_IP } from '../build-frames.ts'
import { addressOf } from '../build-packets.ts'
import { bothEnds, type PairWords } from '../ipsec-pair.ts'

export const both = { 4: ['10.54.0.1', '10.54.0.2'], 6: ['fd54::1', 'fd54::2'] } as const

export interface StageWords extends WireFaults {
  readonly crypto: PacketCrypto
  readonly family?: 4 | 6
  readonly mtu?: number
  readonly seed?: number
  readonly association: Omit<PairWords, 'one' | 'other' | 'rule'>
  /** Of host 0 and 1: what reaches its applications. */
  readonly deliver: (at: 0 | 1, packet: Uint8Array) => void
  readonly tooBig?: (at: 0 | 1, mtu: number) => void
}

export interface Stage {
  readonly clock: VirtualClock
  readonly wire: SimulatedWire
  readonly hosts: readonly [SimulatedHost, SimulatedHost]
  /** The sizes of all packets on the wire. */
  readonly largest: () => number
  /** Verdicts of our own auditor on all of them, by packets; those that no packet got are left out. */
  verdicts(): Partial<Record<Verdict, number>>
}

export const deaf: DataPlaneListener = { needsKeys: () => {}, ageing: () => {}, dropped: () => {} }

export async function twoHosts(words: StageWords): Promise<Stage> {
  const { crypto, family = 4, seed = 1, association, deliver, tooBig, ...faults } = words
  const clock = new VirtualClock()
  const everything = policy([rule('negotiate', [`any ${both[family][0]} <-> ${both[family][1]}`], { name: 'all' })])
  const auditor = new Auditor({ policy: compile(everything), capturePoint: 'wire' })
  let largest = 0
  const capture = (packet: Uint8Array, time: number) => {
    largest = Math.max(largest, packet.length)
    const seconds = Math.floor(time)
    const nanoseconds = Math.floor((time - seconds) * 1e9)
    auditor.frame(packet, 0, packet.length, RAW_IP, packet.length, seconds, nanoseconds, auditor.frames + 1)
  }
  const wire = new SimulatedWire({ clock, random: seededRandom(seed), capture, ...faults })
  const [one, other] = both[family].map(addressOf)
  const pairs = bothEnds({ one: one!, other: other!, rule: 'all', ...association })
  const hosts = [one!, other!].map((address, index) => {
    const at = index as 0 | 1
    return new SimulatedHost({
      name: `host ${index}`,
      addresses: [address],
      wire,
      clock,
      crypto,
      deliver: packet => deliver(at, packet),
      tooBig: (_, mtu) => tooBig?.(at, mtu),
    })
  }) as [SimulatedHost, SimulatedHost]
  for (const [index, host] of hosts.entries()) {
    await host.start(deaf)
    await host.enforce(compile(everything, { me: host.addresses }))
    await host.install(pairs[index]!)
  }
  for (const [index, host] of hosts.entries()) await host.beginSending(pairName(pairs[index]!))
  return {
    clock,
    wire,
    hosts,
    largest: () => largest,
    verdicts: () => {
      auditor.finish()
      const sums: Partial<Record<Verdict, number>> = {}
      for (const { judgement, packets } of auditor.sums.entries)
        sums[judgement.verdict] = (sums[judgement.verdict] ?? 0) + packets
      return sums
    },
  }
}
