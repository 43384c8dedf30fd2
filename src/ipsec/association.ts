// A security association (RFC 4301 §4): what both ends agreed on for one direction, its keys at work, its counters. ESP
// within AH, as a Windows offer may ask, is one association of two layers, the inner one first.
import type { Address } from '../base/address.ts'
import type { AhAuthenticator, EspOpener, EspSealer } from '../crypto/packet-protection.ts'
import type { AhSuite, EspSuite, SuiteKeys } from '../crypto/suites.ts'
import type { DirectedFilter } from '../policy/filter.ts'
import type { RuleId } from '../policy/model.ts'
import type { Age, Lifetime } from './lifetime.ts'
import type { ReplayWindow } from './replay-window.ts'

/** Security parameters index, 256 to 2^32 - 1; smaller ones are reserved (RFC 4303 §2.1). */
export type Spi = number

export type LayerSpec =
  | { readonly protocol: 'esp'; readonly spi: Spi; readonly suite: EspSuite; readonly keys: SuiteKeys }
  | { readonly protocol: 'ah'; readonly spi: Spi; readonly suite: AhSuite; readonly keys: SuiteKeys }

/** UDP around ESP (RFC 3948). */
export interface Encapsulation {
  readonly sourcePort: number
  readonly destinationPort: number
}

/** One direction, as agreed on. */
export interface AssociationSpec {
  readonly rule: RuleId
  readonly mode: 'transport' | 'tunnel'
  /** Of the packets on the wire. */
  readonly source: Address
  readonly destination: Address
  /** The flows that it may carry; one of them must match. */
  readonly selectors: readonly DirectedFilter[]
  /** One or two, from the inside out. */
  readonly layers: readonly LayerSpec[]
  readonly extendedSequence: boolean
  /** Packets, 64 to 8,192; only inbound. */
  readonly replayWindow: number
  readonly lifetime: Lifetime
  readonly encapsulation?: Encapsulation
  /** Content is padded to a multiple of this many octets, a power of two up to 256, to hide its length. */
  readonly padTo?: number
}

/** Both directions of what was agreed on. The SPI of the outermost inbound layer, which this host chose, names the pair. */
export interface AssociationPair {
  readonly inbound: AssociationSpec
  readonly outbound: AssociationSpec
}

export function pairName(pair: AssociationPair): Spi {
  return pair.inbound.layers.at(-1)!.spi
}

export interface DirectionCounters {
  packets: number
  /** Octets of the packets inside the seal. */
  bytes: number
}

export interface Counters {
  readonly inbound: DirectionCounters
  readonly outbound: DirectionCounters
  replayed: number
  notAuthentic: number
  badPadding: number
  outsideSelectors: number
}

/** What opening asks about sequence numbers. */
export type SequenceWindow = Pick<ReplayWindow, 'inferHigh' | 'isNew' | 'accept' | 'top'>

/** Outbound layer at work. Sequence numbers are unsigned 32-bit halves; the first packet has 1. */
export type SealingLayer =
  | { readonly protocol: 'esp'; readonly spi: Spi; readonly sealer: EspSealer; sequence: Sequence }
  | { readonly protocol: 'ah'; readonly spi: Spi; readonly authenticator: AhAuthenticator; sequence: Sequence }

export type OpeningLayer =
  | { readonly protocol: 'esp'; readonly spi: Spi; readonly opener: EspOpener; readonly window: SequenceWindow }
  | {
      readonly protocol: 'ah'
      readonly spi: Spi
      readonly authenticator: AhAuthenticator
      readonly window: SequenceWindow
    }

/** Counts up and never comes back to zero (RFC 4303 §3.3.3): at its end the association ends. */
export class Sequence {
  high = 0
  low = 0
  readonly #isExtended: boolean

  constructor(isExtended: boolean) {
    this.#isExtended = isExtended
  }

  /** False when every number is used; then nothing may be sent any more. */
  advance(): boolean {
    if (this.low < 0xffffffff) {
      this.low++
      return true
    }
    if (!this.#isExtended || this.high === 0xffffffff) return false
    this.high++
    this.low = 0
    return true
  }

  /** Share of the numbers that is used, 0 to 1; a new association is due well before the end. */
  get used(): number {
    return this.#isExtended ? this.high / 2 ** 32 : this.low / 2 ** 32
  }
}

/** A pair at work. */
export class Association {
  readonly pair: AssociationPair
  readonly name: Spi
  readonly sealing: readonly SealingLayer[]
  readonly opening: readonly OpeningLayer[]
  readonly counters: Counters = {
    inbound: { packets: 0, bytes: 0 },
    outbound: { packets: 0, bytes: 0 },
    replayed: 0,
    notAuthentic: 0,
    badPadding: 0,
    outsideSelectors: 0,
  }
  /** Seconds of the data plane's clock. */
  readonly born: number
  /** Outbound packets go through it: the newest of its rule. */
  isSending = false
  /** Its keys are gone: nothing goes through it any more, whoever still holds it. */
  isClosed = false
  #toldAge: Age = 'fresh'

  constructor(pair: AssociationPair, sealing: readonly SealingLayer[], opening: readonly OpeningLayer[], born: number) {
    this.pair = pair
    this.name = pairName(pair)
    this.sealing = sealing
    this.opening = opening
    this.born = born
  }

  /** Whether this age is news to the listener; each is told once, and after `hard` none. */
  isNews(age: Exclude<Age, 'fresh'>): boolean {
    if (this.#toldAge === age || this.#toldAge === 'hard') return false
    this.#toldAge = age
    return true
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const layer of this.sealing) (layer.protocol === 'esp' ? layer.sealer : layer.authenticator).close()
    for (const layer of this.opening) (layer.protocol === 'esp' ? layer.opener : layer.authenticator).close()
  }
}
