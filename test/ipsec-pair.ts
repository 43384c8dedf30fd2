// Two ends of an association for tests: the same agreement seen from both sides.
import type { Address } from '../src/base/address.ts'
import { seededRandom } from '../src/base/random.ts'
import { keyMaterialBytes, type Suite, splitKeyMaterial, suiteOf } from '../src/crypto/suites.ts'
import type { AssociationPair, AssociationSpec, Encapsulation, LayerSpec } from '../src/ipsec/association.ts'
import { offerOf } from '../src/policy/offers.ts'

export interface PairWords {
  readonly one: Address
  readonly other: Address
  /** A name of policy/offers.ts. */
  readonly security: string
  readonly mode?: 'transport' | 'tunnel'
  readonly rule?: string
  readonly seed?: number
  readonly extendedSequence?: boolean
  readonly replayWindow?: number
  readonly encapsulation?: Encapsulation
  readonly padTo?: number
  readonly selectors?: AssociationSpec['selectors']
  readonly lifetime?: AssociationSpec['lifetime']
  readonly firstSpi?: number
}

const anything = [{ source: { kind: 'any' }, destination: { kind: 'any' }, isMirror: false }] as const

export function suitesOf(security: string): readonly Suite[] {
  const offer = offerOf(security)
  if (!offer.ok) throw new Error(offer.error.what)
  return offer.value.protections.map(words => {
    const suite = suiteOf(words)
    if (suite === undefined) throw new Error(`${security} has no suite`)
    return suite
  })
}

/** The pairs to install at `one` and at `other`. */
export function bothEnds(words: PairWords): readonly [AssociationPair, AssociationPair] {
  const random = seededRandom(words.seed ?? 1)
  const first = words.firstSpi ?? 0x1000
  const spec = (source: Address, destination: Address, spi: number): AssociationSpec => ({
    rule: words.rule ?? 'all',
    mode: words.mode ?? 'transport',
    source,
    destination,
    selectors: words.selectors ?? anything,
    layers: suitesOf(words.security).map((suite, index): LayerSpec => {
      const material = new Uint8Array(keyMaterialBytes(suite))
      random.fill(material)
      return { protocol: suite.protocol, spi: spi + index, suite, keys: splitKeyMaterial(suite, material) } as LayerSpec
    }),
    extendedSequence: words.extendedSequence ?? false,
    replayWindow: words.replayWindow ?? 64,
    lifetime: words.lifetime ?? { soft: {}, hard: {} },
    ...(words.encapsulation === undefined ? {} : { encapsulation: words.encapsulation }),
    ...(words.padTo === undefined ? {} : { padTo: words.padTo }),
  })
  const there = spec(words.one, words.other, first)
  const back = spec(words.other, words.one, first + 0x100)
  return [
    { outbound: there, inbound: back },
    { outbound: back, inbound: there },
  ]
}
