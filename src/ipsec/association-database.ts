// The associations of a host: found by SPI for what arrives, by rule and flow for what leaves (RFC 4301 §4.4.2). Several
// of one rule may receive at the same time, while one is renewed; only the newest that may send does.

import { type Address, sameAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { PacketCrypto } from '../crypto/packet-crypto.ts'
import type { ProtectionOptions } from '../crypto/packet-protection.ts'
import { filterMatches } from '../policy/filter.ts'
import type { RuleId } from '../policy/model.ts'
import {
  Association,
  type AssociationPair,
  type AssociationSpec,
  type OpeningLayer,
  pairName,
  type SealingLayer,
  Sequence,
  type Spi,
} from './association.ts'
import { ReplayWindow } from './replay-window.ts'

/** What may send for a rule, the newest first: tunnels together, the others by a mix of the far end's address. */
interface SendingOfRule {
  tunnels: readonly Association[]
  readonly byPeer: Map<number, readonly Association[]>
}

export class AssociationDatabase {
  readonly #crypto: PacketCrypto
  readonly #bySpi = new Map<Spi, Association>()
  /** By the outermost outbound SPI, which the other hosts chose: two of them may have chosen the same. */
  readonly #bySealing = new Map<Spi, readonly Association[]>()
  readonly #sending = new Map<RuleId, SendingOfRule>()
  /** Replaces the source of IVs where runs must be repeatable. */
  readonly #ivs: ProtectionOptions['ivs']

  constructor(crypto: PacketCrypto, ivs?: ProtectionOptions['ivs']) {
    this.#crypto = crypto
    this.#ivs = ivs
  }

  get size(): number {
    return this.#bySpi.size
  }

  all(): Iterable<Association> {
    return this.#bySpi.values()
  }

  /** Throws where an SPI is taken or reserved: whoever chose it has to choose anew; and for what no packet can be made by. */
  install(pair: AssociationPair, now: number): Association {
    checkSpec(pair.inbound)
    checkSpec(pair.outbound)
    const name = pairName(pair)
    if (this.#bySpi.has(name)) throw new RangeError(`an association with SPI 0x${name.toString(16)} is installed`)
    const association = new Association(pair, this.#sealing(pair.outbound), this.#opening(pair.inbound), now)
    this.#bySpi.set(name, association)
    const sealing = outermostSpi(pair.outbound)
    this.#bySealing.set(sealing, [association, ...(this.#bySealing.get(sealing) ?? [])])
    return association
  }

  #options(spec: AssociationSpec): ProtectionOptions {
    const { extendedSequence } = spec
    return this.#ivs === undefined ? { extendedSequence } : { extendedSequence, ivs: this.#ivs }
  }

  #sealing(spec: AssociationSpec): readonly SealingLayer[] {
    const options = this.#options(spec)
    return spec.layers.map(layer => {
      const sequence = new Sequence(spec.extendedSequence)
      return layer.protocol === 'esp'
        ? { protocol: 'esp', spi: layer.spi, sealer: this.#crypto.sealer(layer.suite, layer.keys, options), sequence }
        : {
            protocol: 'ah',
            spi: layer.spi,
            authenticator: this.#crypto.authenticator(layer.suite, layer.keys, options),
            sequence,
          }
    })
  }

  #opening(spec: AssociationSpec): readonly OpeningLayer[] {
    const options = this.#options(spec)
    return spec.layers.map(layer => {
      const window = new ReplayWindow(spec.replayWindow, spec.extendedSequence)
      return layer.protocol === 'esp'
        ? { protocol: 'esp', spi: layer.spi, opener: this.#crypto.opener(layer.suite, layer.keys, options), window }
        : {
            protocol: 'ah',
            spi: layer.spi,
            authenticator: this.#crypto.authenticator(layer.suite, layer.keys, options),
            window,
          }
    })
  }

  beginSending(name: Spi): Association | undefined {
    const association = this.#bySpi.get(name)
    if (association === undefined || association.isSending) return association
    association.isSending = true
    // The newest first: an older one still receives what is under way.
    this.#changeSending(association, others => [association, ...others])
    return association
  }

  #changeSending({ pair }: Association, change: (others: readonly Association[]) => readonly Association[]): void {
    const { rule, mode, destination } = pair.outbound
    const sending: SendingOfRule = this.#sending.get(rule) ?? { tunnels: [], byPeer: new Map() }
    if (mode === 'tunnel') sending.tunnels = change(sending.tunnels)
    else {
      const mix = mixOf(destination)
      const changed = change(sending.byPeer.get(mix) ?? [])
      if (changed.length > 0) sending.byPeer.set(mix, changed)
      else sending.byPeer.delete(mix)
    }
    if (sending.tunnels.length > 0 || sending.byPeer.size > 0) this.#sending.set(rule, sending)
    else this.#sending.delete(rule)
  }

  remove(name: Spi): void {
    const association = this.#bySpi.get(name)
    if (association === undefined) return
    this.#bySpi.delete(name)
    const sealing = outermostSpi(association.pair.outbound)
    const left = this.#bySealing.get(sealing)!.filter(other => other !== association)
    if (left.length > 0) this.#bySealing.set(sealing, left)
    else this.#bySealing.delete(sealing)
    if (association.isSending) this.#changeSending(association, all => all.filter(other => other !== association))
    association.close()
  }

  bySpi(spi: Spi): Association | undefined {
    return this.#bySpi.get(spi)
  }

  /** The association that seals with this SPI from one address to the other. */
  bySealing(spi: Spi, source: Address, destination: Address): Association | undefined {
    return this.#bySealing.get(spi)?.find(({ pair: { outbound } }) => {
      return sameAddress(outbound.source, source) && sameAddress(outbound.destination, destination)
    })
  }

  /** The association that a flow of this rule goes out through. */
  forSending(rule: RuleId, flow: Flow): Association | undefined {
    const sending = this.#sending.get(rule)
    if (sending === undefined) return undefined
    const isRight = (association: Association) => carries(association.pair.outbound, flow)
    return sending.byPeer.get(mixOf(flow.destination))?.find(isRight) ?? sending.tunnels.find(isRight)
  }
}

function outermostSpi(spec: AssociationSpec): Spi {
  return spec.layers.at(-1)!.spi
}

/** Addresses that mix alike share a list; which of it is right, the selectors say. */
function mixOf({ words }: Address): number {
  return words.reduce((mix, word) => Math.imul(mix ^ word, 0x9e3779b1) | 0, 0)
}

function checkSpec(spec: AssociationSpec): void {
  const { layers, padTo = 1, encapsulation, source, destination } = spec
  if (layers.length < 1 || layers.length > 2)
    throw new RangeError(`an association has one layer or two, not ${layers.length}`)
  for (const { spi } of layers) {
    const isSpi = Number.isInteger(spi) && spi >= 256 && spi <= 0xffffffff
    if (!isSpi) throw new RangeError(`${spi} is no SPI: 256 to 4294967295 are`)
  }
  // Other multiples are no alignments of ciphers, and more padding than 255 octets cannot be told in one octet.
  if (![1, 2, 4, 8, 16, 32, 64, 128, 256].includes(padTo))
    throw new RangeError(`padding to a multiple of ${padTo}: powers of two up to 256 are possible`)
  if (encapsulation !== undefined && layers.at(-1)!.protocol !== 'esp')
    throw new RangeError('only ESP goes into UDP (RFC 3948)')
  if (source.family !== destination.family) throw new RangeError('an association has addresses of one family')
}

/** RFC 4301 §5.2: what is inside must be what the association was made for. */
export function carries(spec: AssociationSpec, flow: Flow): boolean {
  if (spec.mode === 'transport' && !sameAddress(spec.destination, flow.destination)) return false
  if (spec.mode === 'transport' && !sameAddress(spec.source, flow.source)) return false
  return spec.selectors.some(selector => filterMatches(selector, flow, 'any'))
}
