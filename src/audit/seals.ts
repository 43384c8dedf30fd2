// What keys made of the sealed packets of a capture: how many opened, what was inside, which were not what they seemed.
import type { CompiledPolicy } from '../policy/compile.ts'
import { because as reasonOf } from '../policy/explain.ts'
import type { Packet } from '../wire/packet.ts'
import type { KnownKey } from './known-key.ts'
import { type Seal, Unsealer } from './unseal.ts'
import { classes, classOf, consider, type Judgement, type TrafficClass } from './verdict.ts'

export interface SealReport {
  /** Packets whose check value fits a given key, those among them that came again, and those that hide nothing. */
  readonly opened: number
  readonly repeated: number
  readonly readable: number
  /** Taken at their word: no key for the SPI, a piece of a packet, cut by the capture. */
  readonly noKey: number
  readonly pieces: number
  readonly cut: number
  readonly notAuthentic: number
  /** Authentic packets with nothing in them. */
  readonly dummies: number
  /** What was inside of those that opened. */
  readonly inside: Readonly<Record<TrafficClass, number>>
}

export class Seals {
  readonly #unsealer: Unsealer
  readonly #policy: CompiledPolicy | undefined
  readonly #sums = new Map<Seal, number>()
  readonly #inside = new Map<TrafficClass, number>()
  #repeated = 0
  #readable = 0

  constructor(keys: readonly KnownKey[], policy: CompiledPolicy | undefined) {
    this.#unsealer = new Unsealer(keys)
    this.#policy = policy
  }

  /** The judgement that replaces the one from outside, undefined where that stands; and what was inside. */
  judge(packet: Packet, outside: Judgement, bytes: Uint8Array, now: number): SealJudgement {
    const seal = this.#unsealer.open(packet, bytes, now)
    this.#sums.set(seal, (this.#sums.get(seal) ?? 0) + 1)
    if (seal === 'not-authentic')
      return { judgement: { class: outside.class, verdict: 'malformed', because: NOT_AUTHENTIC } }
    if (seal !== 'opened') return {}
    const { inside, isRepeated, isReadable } = this.#unsealer
    if (isRepeated) this.#repeated++
    if (isReadable) this.#readable++
    const insideClass = classOf(inside)
    this.#inside.set(insideClass, (this.#inside.get(insideClass) ?? 0) + 1)
    const considered = consider(this.#policy, inside.flow(), insideClass, inside.content)
    if (considered?.decision.action !== 'block') return { inside, insideClass }
    const because = `it is sealed, yet what is inside must not pass: ${reasonOf(considered.decision, this.#policy!)}`
    return { judgement: { class: outside.class, verdict: 'blocked', because }, inside, insideClass }
  }

  report(): SealReport {
    const count = (seal: Seal) => this.#sums.get(seal) ?? 0
    const inside = Object.fromEntries(classes.map(name => [name, this.#inside.get(name) ?? 0]))
    return {
      ...{ opened: count('opened'), repeated: this.#repeated, readable: this.#readable },
      ...{ noKey: count('no-key'), pieces: count('incomplete'), cut: count('cut') },
      ...{ notAuthentic: count('not-authentic'), dummies: count('dummy') },
      inside: inside as Record<TrafficClass, number>,
    }
  }
}

export interface SealJudgement {
  readonly judgement?: Judgement
  readonly inside?: Packet
  readonly insideClass?: TrafficClass
}

const NOT_AUTHENTIC =
  'it names an association whose key was given, and its check value does not fit: changed on the way, or sealed by another'
