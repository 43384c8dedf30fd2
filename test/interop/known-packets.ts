// Packets that others made, with the keys they were made with: one association of ours for both directions, so that they
// can be opened and made again.
import { createHmac } from 'node:crypto'
import { Secret } from '../../src/base/secret.ts'
import type { PacketCrypto } from '../../src/crypto/packet-crypto.ts'
import type { Association, AssociationSpec, LayerSpec } from '../../src/ipsec/association.ts'
import { AssociationDatabase } from '../../src/ipsec/association-database.ts'
import { addressOf } from '../build-packets.ts'
import { suitesOf } from '../ipsec-pair.ts'

export interface KnownKeys {
  readonly security: string
  readonly spi: number
  /** In hex, the salt behind the key. */
  readonly cipher: string
  readonly integrity?: string
  readonly mode: 'transport' | 'tunnel'
  readonly source: string
  readonly destination: string
  readonly port?: number
  readonly extendedSequence?: boolean
  /** In hex: the IV of what is sealed. */
  readonly iv?: string
}

const anything = [{ source: { kind: 'any' }, destination: { kind: 'any' }, isMirror: false }] as const

export function knownAssociation(crypto: PacketCrypto, words: KnownKeys): Association {
  const { spi, mode, port, iv } = words
  const hex = (text = '') => new Secret(Uint8Array.fromHex(text))
  const suite = suitesOf(words.security)[0]!
  const keys = { cipher: hex(words.cipher), integrity: hex(words.integrity) }
  const spec: AssociationSpec = {
    ...{ rule: 'known', mode, selectors: anything, replayWindow: 64, lifetime: { soft: {}, hard: {} } },
    source: addressOf(words.source),
    destination: addressOf(words.destination),
    layers: [{ protocol: suite.protocol, spi, suite, keys } as LayerSpec],
    extendedSequence: words.extendedSequence ?? false,
    ...(port === undefined ? {} : { encapsulation: { sourcePort: port, destinationPort: port } }),
  }
  const ivs =
    iv === undefined ? undefined : { next: (bytes: Uint8Array, at: number) => bytes.set(hex(iv).reveal(), at) }
  return new AssociationDatabase(crypto, ivs).install({ inbound: spec, outbound: spec }, 0)
}

/** The next packet of the association is this one, in both directions. */
export function expectNext({ sealing, opening }: Association, high: number, low: number): void {
  const before = low > 0 ? { high, low: low - 1 } : { high: high - 1, low: 0xffffffff }
  Object.assign(sealing[0]!.sequence, before)
  opening[0]!.window.accept(before.high, before.low)
}

/** A key of ours for packets that were recorded without a key for their ICV, or without any ICV. */
export const ownIntegrityKey = '0b'.repeat(20)

/**
 * The packet with the ICV of HMAC-SHA1-96 under our own key, in place of the last `replaced` octets. Without integrity
 * nothing opens here, so this is how the content of such a packet gets through the same code.
 */
export function signedAnew(packet: Uint8Array, espStart: number, replaced: number): Uint8Array {
  const covered = packet.subarray(espStart, packet.length - replaced)
  const icv = createHmac('sha1', Uint8Array.fromHex(ownIntegrityKey)).update(covered).digest().subarray(0, 12)
  const bytes = new Uint8Array(packet.length - replaced + icv.length)
  bytes.set(packet.subarray(0, packet.length - replaced))
  bytes.set(icv, bytes.length - icv.length)
  return bytes
}
