// The encrypted payload of IKEv2 (SK, and SKF of RFC 7383): IV, content with padding, ICV. Combined modes as RFC 5282
// has it, the others with integrity over the whole message (RFC 7296 §3.14). Works on whole messages and allocates; what
// stands before the IV, headers and lengths, is the caller's.

import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto'
import { concatenate, octetsOf } from '../base/bytes.ts'
import { type Random, systemRandom } from '../base/random.ts'
import type { IkeSideKeys } from './ike-keys.ts'
import type { IkeSuite } from './ike-suites.ts'
import { counterIvs, type IvSource, randomIvs } from './iv-source.ts'
import { opensslKeyOf, opensslNameOf } from './openssl-names.ts'
import { integrityCheck, isSameMac } from './whole-mac.ts'

export type EnvelopeKeys = Pick<IkeSideKeys, 'cipher' | 'integrity'>

/** One for each side's keys, for as long as they live: a counter mode must never see an IV twice (RFC 5282 §3.1). */
export function envelopeIvs(suite: IkeSuite, random: Random = systemRandom): IvSource {
  return suite.cipher.mode === 'cbc' ? randomIvs(random) : counterIvs()
}

/** Octets from the IV to the ICV around content of that length, so that the lengths before them can be written first. */
export function envelopeBytes(suite: IkeSuite, contentLength: number): number {
  const { ivBytes } = suite.cipher
  return ivBytes + contentLength + paddingBytes(suite, contentLength) + 1 + icvBytesOf(suite)
}

/**
 * The whole message: `before`, all from the IKE header to the octet before the IV with its lengths already final, then IV,
 * enciphered content and ICV. `content` is the inner payloads.
 */
export function sealEnvelope(
  suite: IkeSuite,
  keys: EnvelopeKeys,
  before: Uint8Array,
  content: Uint8Array,
  ivs: IvSource,
): Uint8Array {
  const { cipher, integrity } = suite
  const iv = new Uint8Array(cipher.ivBytes)
  ivs.next(iv, 0, iv.length)
  const padding = paddingBytes(suite, content.length)
  const plain = new Uint8Array(content.length + padding + 1)
  plain.set(content)
  plain[plain.length - 1] = padding
  try {
    if (integrity === undefined) {
      const run = createCipheriv(aeadName(suite), keyOf(suite, keys), nonceOf(suite, keys, iv), tagOf(suite))
      run.setAAD(before, { plaintextLength: plain.length })
      const sealed = run.update(plain)
      run.final()
      return concatenate([before, iv, sealed, run.getAuthTag()])
    }
    const run = createCipheriv(opensslNameOf(cipher)!, keyOf(suite, keys), nonceOf(suite, keys, iv))
    const sealed = run.setAutoPadding(false).update(plain)
    run.final()
    const signed = [before, iv, sealed]
    return concatenate([...signed, integrityCheck(integrity, keys.integrity.reveal(), signed)])
  } finally {
    plain.fill(0)
  }
}

/**
 * The content of a message whose IV starts at `ivAt`; undefined where it is too short, not in whole blocks, not authentic
 * or wrongly padded. Nothing is deciphered before its ICV is right, so a peer learns nothing from which of these it was.
 */
export function openEnvelope(
  suite: IkeSuite,
  keys: EnvelopeKeys,
  message: Uint8Array,
  ivAt: number,
): Uint8Array | undefined {
  const { cipher, integrity } = suite
  const textAt = ivAt + cipher.ivBytes
  const icvAt = message.length - icvBytesOf(suite)
  const length = icvAt - textAt
  if (ivAt < 0 || length < 1 || length % cipher.blockBytes !== 0) return undefined
  const iv = message.subarray(ivAt, textAt)
  const sealed = message.subarray(textAt, icvAt)
  const icv = message.subarray(icvAt)
  const key = keyOf(suite, keys)
  const nonce = nonceOf(suite, keys, iv)
  let plain: Uint8Array
  if (integrity === undefined) {
    const run = createDecipheriv(aeadName(suite), key, nonce, tagOf(suite))
    run.setAuthTag(icv)
    run.setAAD(message.subarray(0, ivAt), { plaintextLength: length })
    plain = new Uint8Array(0)
    try {
      plain = octetsOf(run.update(sealed))
      run.final()
    } catch {
      // node:crypto says a wrong tag by an exception; CCM before there is text, the others behind it.
      plain.fill(0)
      return undefined
    }
  } else {
    const expected = integrityCheck(integrity, keys.integrity.reveal(), [message.subarray(0, icvAt)])
    if (!isSameMac(expected, icv)) return undefined
    const run = createDecipheriv(opensslNameOf(cipher)!, key, nonce)
    plain = octetsOf(run.setAutoPadding(false).update(sealed))
    run.final()
  }
  return withoutPadding(plain)
}

/** What padding holds is the sender's choice and not looked at (RFC 7296 §3.14). */
function withoutPadding(plain: Uint8Array): Uint8Array | undefined {
  const end = plain.length - 1 - plain[plain.length - 1]!
  const content = end < 0 ? undefined : plain.slice(0, end)
  plain.fill(0)
  return content
}

function paddingBytes(suite: IkeSuite, contentLength: number): number {
  const { blockBytes } = suite.cipher
  return blockBytes - 1 - (contentLength % blockBytes)
}

function icvBytesOf(suite: IkeSuite): number {
  return suite.integrity?.icvBytes ?? suite.cipher.icvBytes
}

function keyOf(suite: IkeSuite, keys: EnvelopeKeys): Uint8Array {
  return opensslKeyOf(suite.cipher, keys.cipher.reveal().subarray(0, suite.cipher.keyBytes))
}

/** The salt and the IV; counter mode counts blocks from 1 behind them (RFC 5930 §3.1). */
function nonceOf(suite: IkeSuite, keys: EnvelopeKeys, iv: Uint8Array): Uint8Array {
  const salt = keys.cipher.reveal().subarray(suite.cipher.keyBytes)
  const counter = suite.cipher.mode === 'ctr' ? [0, 0, 0, 1] : []
  return concatenate([salt, iv, Uint8Array.from(counter)])
}

/** The types of node:crypto have a list for each combined mode and take the same arguments for all. */
function aeadName(suite: IkeSuite): CipherGCMTypes {
  return opensslNameOf(suite.cipher) as CipherGCMTypes
}

function tagOf(suite: IkeSuite): { readonly authTagLength: number } {
  return { authTagLength: suite.cipher.icvBytes }
}
