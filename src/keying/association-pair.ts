// The two associations of a child as values, whichever version of IKE agreed on it; and the SPIs that name them.
import type { Random } from '../base/random.ts'
import type { Suite, SuiteKeys } from '../crypto/suites.ts'
import type { AssociationPair, AssociationSpec, Encapsulation, LayerSpec, Spi } from '../ipsec/association.ts'
import type { Lifetime } from '../ipsec/lifetime.ts'
import type { RuleId } from '../policy/model.ts'
import type { Path, World } from './machine.ts'
import { outboundFilters, type RangeSelector, reversed } from './selectors.ts'

export interface PairTerms {
  readonly mode: 'transport' | 'tunnel'
  readonly rule: RuleId
  readonly inboundRule: RuleId
  readonly ownSelectors: readonly RangeSelector[]
  readonly peerSelectors: readonly RangeSelector[]
  /** From the inside out. */
  readonly layers: readonly PairLayer[]
  readonly extendedSequence: boolean
  readonly lifetime: Lifetime
  /** ESP in UDP, where a NAT or the policy wants it and the path has no port 500. */
  readonly isInUdp: boolean
}

export interface PairLayer {
  readonly suite: Suite
  /** Of what we receive, and of what the peer does. */
  readonly spi: Spi
  readonly peerSpi: Spi
  /** Of what we send, and of what the peer does. */
  readonly ownKeys: SuiteKeys
  readonly peerKeys: SuiteKeys
}

export function associationPair(terms: PairTerms, { local, remote }: Path, replayWindow: number): AssociationPair {
  const { mode, rule, inboundRule, ownSelectors, peerSelectors, layers, extendedSequence, lifetime } = terms
  const inUdp = terms.isInUdp && isFloated({ local, remote })
  const encapsulated = (sourcePort: number, destinationPort: number): { readonly encapsulation?: Encapsulation } =>
    inUdp ? { encapsulation: { sourcePort, destinationPort } } : {}
  const common = { mode, extendedSequence, replayWindow, lifetime }
  const filters = outboundFilters({ own: ownSelectors, peer: peerSelectors })
  const outbound: AssociationSpec = {
    ...common,
    rule,
    source: local.address,
    destination: remote.address,
    selectors: filters,
    layers: layers.map(({ suite, peerSpi, ownKeys }) => layerOf(suite, peerSpi, ownKeys)),
    ...encapsulated(local.port, remote.port),
  }
  const inbound: AssociationSpec = {
    ...common,
    rule: inboundRule,
    source: remote.address,
    destination: local.address,
    selectors: filters.map(reversed),
    layers: layers.map(({ suite, spi, peerKeys }) => layerOf(suite, spi, peerKeys)),
    ...encapsulated(remote.port, local.port),
  }
  return { inbound, outbound }
}

/** ESP in UDP goes where IKE goes with its marker, never to port 500 (RFC 3948 §2.2). */
function isFloated({ local, remote }: Path): boolean {
  return local.port !== 500 && remote.port !== 500
}

function layerOf(suite: Suite, spi: Spi, keys: SuiteKeys): LayerSpec {
  return suite.protocol === 'esp' ? { protocol: 'esp', spi, suite, keys } : { protocol: 'ah', spi, suite, keys }
}

const LOWEST_SPI = 256

/** An SPI at random, so that nobody can guess it, and of no other association (RFC 4303 §2.1 reserves the lowest). */
export function freeSpi({ random, isSpiTaken }: Pick<World, 'isSpiTaken'> & { readonly random: Random }): Spi {
  const bytes = new Uint8Array(4)
  for (;;) {
    random.fill(bytes)
    const spi = readSpi(bytes)
    if (spi >= LOWEST_SPI && !isSpiTaken(spi)) return spi
  }
}

export function readSpi(bytes: Uint8Array): Spi {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
}

export function spiBytes(spi: Spi): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, spi)
  return bytes
}
