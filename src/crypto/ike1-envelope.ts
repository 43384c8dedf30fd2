// Encryption of IKEv1 messages (RFC 2409 appendix B): everything behind the header in CBC mode, without an IV on the wire.
// Each message takes the last block of the one before it in its exchange, so both sides have to count along: an IV goes in,
// the next one comes out. Nothing here is authentic yet; that is the HASH payload's work, once the content is read.

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { octetsOf } from '../base/bytes.ts'
import type { CipherAlgorithm } from './ciphers.ts'
import type { SecretOctets } from './ike-keys.ts'
import { opensslKeyOf, opensslNameOf } from './openssl-names.ts'

export interface Sealed1 {
  /** Everything behind the header. */
  readonly sealed: Uint8Array
  /** For the next message of the exchange, whoever sends it. */
  readonly nextIv: Uint8Array
}

/** Octets of ciphertext around content of that length: whole blocks, no more. */
export function sealedBytes({ blockBytes }: CipherAlgorithm, contentLength: number): number {
  return Math.ceil(contentLength / blockBytes) * blockBytes
}

/** Padding is zeros (RFC 2409 appendix B), which the end of the payload chain tells apart. */
export function sealContent(cipher: CipherAlgorithm, key: SecretOctets, iv: Uint8Array, content: Uint8Array): Sealed1 {
  const plain = new Uint8Array(sealedBytes(cipher, content.length))
  plain.set(content)
  const run = createCipheriv(opensslNameOf(cipher)!, opensslKeyOf(cipher, key.reveal()), iv)
  const sealed = octetsOf(run.setAutoPadding(false).update(plain)).slice()
  run.final()
  plain.fill(0)
  return { sealed, nextIv: lastBlock(cipher, sealed) }
}

export interface Opened1 {
  /** With its padding; garbage where key or IV are wrong. */
  readonly opened: Uint8Array
  /** To be kept only if the content proves authentic: else a forger would put both sides out of step. */
  readonly nextIv: Uint8Array
}

/** undefined where it is nothing or not in whole blocks. */
export function openContent(
  cipher: CipherAlgorithm,
  key: SecretOctets,
  iv: Uint8Array,
  sealed: Uint8Array,
): Opened1 | undefined {
  if (sealed.length === 0 || sealed.length % cipher.blockBytes !== 0) return undefined
  const run = createDecipheriv(opensslNameOf(cipher)!, opensslKeyOf(cipher, key.reveal()), iv)
  const opened = octetsOf(run.setAutoPadding(false).update(sealed)).slice()
  run.final()
  return { opened, nextIv: lastBlock(cipher, sealed) }
}

function lastBlock({ blockBytes }: CipherAlgorithm, sealed: Uint8Array): Uint8Array {
  return sealed.slice(sealed.length - blockBytes)
}
