// Associations between two hosts for the tests of data planes: the same agreement seen from both ends, with keys that
// anybody may know.
import type { Address } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { keyMaterialBytes, splitKeyMaterial, suiteOf } from '../crypto/suites.ts'
import type { AssociationPair, AssociationSpec, LayerSpec } from '../ipsec/association.ts'
import { offerOf } from '../policy/offers.ts'

export interface AgreementWords {
  readonly rule: string
  readonly one: Address
  readonly other: Address
  /** Of the first layer from `one` to `other`; the way back has its successor 0x800 further. */
  readonly spi: number
  /** A name of offers.ts. */
  readonly security?: string
  readonly lifetime?: AssociationSpec['lifetime']
}

const anything = [{ source: { kind: 'any' }, destination: { kind: 'any' }, isMirror: false }] as const

/** What to install at `one` and at `other`. */
export function agreement(words: AgreementWords): readonly [AssociationPair, AssociationPair] {
  const { rule, one, other, spi, security = 'esp-aes256gcm16', lifetime = { soft: {}, hard: {} } } = words
  const random = seededRandom(spi)
  const spec = (source: Address, destination: Address, first: number): AssociationSpec => ({
    rule,
    mode: 'transport',
    source,
    destination,
    selectors: anything,
    layers: layersOf(security, first, bytes => random.fill(bytes)),
    extendedSequence: false,
    replayWindow: 1024,
    lifetime,
  })
  const there = spec(one, other, spi)
  const back = spec(other, one, spi + 0x800)
  return [
    { outbound: there, inbound: back },
    { outbound: back, inbound: there },
  ]
}

function layersOf(security: string, first: number, fill: (bytes: Uint8Array) => void): readonly LayerSpec[] {
  const offer = offerOf(security)
  if (!offer.ok) throw new Error(offer.error.what)
  return offer.value.protections.map((words, index): LayerSpec => {
    const suite = suiteOf(words)
    if (suite === undefined) throw new Error(`${security} has no suite`)
    const material = new Uint8Array(keyMaterialBytes(suite))
    fill(material)
    const keys = splitKeyMaterial(suite, material)
    const spi = first + index
    return suite.protocol === 'esp' ? { protocol: 'esp', spi, suite, keys } : { protocol: 'ah', spi, suite, keys }
  })
}
