// The associations of a host: found by SPI for what arrives, by rule and flow for what leaves (RFC 4301 §4.4.2). Several
// of one rule may receive at the same time, while one is renewed; only the newest that may send does.

import { sameAddress } from '../base/address.ts'
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

export class AssociationDatabase {
  readonly #crypto: PacketCrypto
  readonly #bySpi = new Map<Spi, Association>()
  readonly #sending = new Map<RuleId, Association[]>()
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

  /** Throws where an SPI is taken or reserved: whoever chose it has to choose anew. */
  install(pair: AssociationPair, now: number): Association {
    const name = pairName(pair)
    if (name < 256 || name > 0xffffffff) throw new RangeError(`${name} is no SPI: 256 to 4294967295 are`)
    if (this.#bySpi.has(name)) throw new RangeError(`an association with SPI 0x${name.toString(16)} is installed`)
    const association = new Association(pair, this.#sealing(pair.outbound), this.#opening(pair.inbound), now)
    this.#bySpi.set(name, association)
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
    const { rule } = association.pair.outbound
    // The newest first: an older one still receives what is under way.
    this.#sending.set(rule, [association, ...(this.#sending.get(rule) ?? [])])
    return association
  }

  remove(name: Spi): void {
    const association = this.#bySpi.get(name)
    if (association === undefined) return
    this.#bySpi.delete(name)
    const { rule } = association.pair.outbound
    const left = (this.#sending.get(rule) ?? []).filter(other => other !== association)
    if (left.length > 0) this.#sending.set(rule, left)
    else this.#sending.delete(rule)
    association.close()
  }

  bySpi(spi: Spi): Association | undefined {
    return this.#bySpi.get(spi)
  }

  /** The association that a flow of this rule goes out through. */
  forSending(rule: RuleId, flow: Flow): Association | undefined {
    return this.#sending.get(rule)?.find(association => carries(association.pair.outbound, flow))
  }
}

/** RFC 4301 §5.2: what is inside must be what the association was made for. */
export function carries(spec: AssociationSpec, flow: Flow): boolean {
  if (spec.mode === 'transport' && !sameAddress(spec.destination, flow.destination)) return false
  if (spec.mode === 'transport' && !sameAddress(spec.source, flow.source)) return false
  return spec.selectors.some(selector => filterMatches(selector, flow, 'any'))
}
