// Encryption under a passphrase, as PKCS #8 and PKCS #12 files have it: PBES2 with PBKDF2 or scrypt (RFC 8018, RFC 7914), and
// the old schemes of PKCS #12 (RFC 7292 appendices B and C). RC4 and the MD5 and DES schemes of PKCS #5 v1 are left out.

import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync, scryptSync } from 'node:crypto'
import { octetsOf } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/result.ts'
import { DER_NULL, DER_OCTET_STRING, DER_SEQUENCE, derElement, derInteger } from './der.ts'
import { oidElement } from './object-identifiers.ts'
import { decipherRc2Cbc } from './rc2.ts'
import {
  type Element,
  type ElementReader,
  inside,
  NotDer,
  onlyElement,
  readCount,
  readOid,
  TAG,
} from './x509/der-reader.ts'

const PBES2 = '1.2.840.113549.1.5.13'
export const PBKDF2 = '1.2.840.113549.1.5.12'
const SCRYPT = '1.3.6.1.4.1.11591.4.11'
const AES_256_CBC = '2.16.840.1.101.3.4.1.42'
export const HMAC_SHA256 = '1.2.840.113549.2.9'

/** PBKDF2's and PBMAC1's functions; OpenSSL's name of the hash inside HMAC. */
export const macHashes: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  [HMAC_SHA256, 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
])

const ciphers: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24 }],
  [AES_256_CBC, { name: 'aes-256-cbc', keyBytes: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24 }],
])

interface OldScheme {
  readonly cipher: 'des-ede3-cbc' | 'rc2'
  readonly keyBytes: number
}

/** RFC 7292 appendix C, by the last number of their OIDs. */
const oldSchemes: ReadonlyMap<string, OldScheme> = new Map([
  ['1.2.840.113549.1.12.1.3', { cipher: 'des-ede3-cbc', keyBytes: 24 }],
  ['1.2.840.113549.1.12.1.4', { cipher: 'des-ede3-cbc', keyBytes: 16 }],
  ['1.2.840.113549.1.12.1.5', { cipher: 'rc2', keyBytes: 16 }],
  ['1.2.840.113549.1.12.1.6', { cipher: 'rc2', keyBytes: 5 }],
])

const schemeNames: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.12.1.1', 'RC4 with 128 bits'],
  ['1.2.840.113549.1.12.1.2', 'RC4 with 40 bits'],
  ['1.2.840.113549.1.5.3', 'DES with MD5'],
  ['1.2.840.113549.1.5.10', 'DES with SHA-1'],
])

export interface OpeningFault {
  readonly kind: 'wrong-passphrase' | 'not-known'
  readonly what: string
}

/** Iterations and scrypt's cost are bounded: a file must not keep a host busy for hours. */
const MOST_ITERATIONS = 10_000_000
const MOST_SCRYPT_MEMORY = 256 * 1024 * 1024

/** Opens `content` by its AlgorithmIdentifier. Throws NotDer where that cannot be read; call it within `readStrictly`. */
export function openWithPassphrase(
  algorithm: Element,
  content: Uint8Array,
  passphrase: string,
): Result<Uint8Array, OpeningFault> {
  const reader = inside(algorithm)
  const oid = readOid(reader.take(TAG.oid, 'encryption'), 'encryption')
  if (oid === PBES2) return openPbes2(inside(reader.take(TAG.sequence, 'PBES2')), content, passphrase)
  const old = oldSchemes.get(oid)
  if (old === undefined) return notKnown(`encryption ${schemeNames.get(oid) ?? oid}`)
  const parameters = inside(reader.take(TAG.sequence, 'encryption'))
  const salt = parameters.take(TAG.octetString, 'salt').content
  const iterations = readIterations(parameters)
  const derive = (use: number, length: number) =>
    pkcs12Key('sha1', bmpPassword(passphrase), salt, iterations, use, length)
  const [key, iv] = [derive(1, old.keyBytes), derive(2, 8)]
  if (old.cipher === 'rc2') return withoutPadding(decipherRc2Cbc(key, 8 * old.keyBytes, iv, content), 8)
  // Two keys: the first one again as the third.
  const whole = old.keyBytes === 24 ? key : Uint8Array.from([...key, ...key.subarray(0, 8)])
  return decipher(old.cipher, whole, iv, content)
}

function openPbes2(
  parameters: ElementReader,
  content: Uint8Array,
  passphrase: string,
): Result<Uint8Array, OpeningFault> {
  const derivation = parameters.take(TAG.sequence, 'key derivation')
  const scheme = inside(parameters.take(TAG.sequence, 'cipher'))
  const oid = readOid(scheme.take(TAG.oid, 'cipher'), 'cipher')
  const cipher = ciphers.get(oid)
  if (cipher === undefined) return notKnown(`cipher ${oid}`)
  const iv = scheme.take(TAG.octetString, 'IV').content
  const key = deriveKey(derivation, passphrase, cipher.keyBytes)
  return key.ok ? decipher(cipher.name, key.value, iv, content) : key
}

/** PBKDF2 or scrypt by its AlgorithmIdentifier; PBMAC1 uses it too. */
export function deriveKey(derivation: Element, passphrase: string, length: number): Result<Uint8Array, OpeningFault> {
  const reader = inside(derivation)
  const oid = readOid(reader.take(TAG.oid, 'key derivation'), 'key derivation')
  if (oid !== PBKDF2 && oid !== SCRYPT) return notKnown(`key derivation ${oid}`)
  const fields = inside(reader.take(TAG.sequence, 'key derivation'))
  const salt = fields.take(TAG.octetString, 'salt').content
  const secret = passphrase.normalize('NFC')
  if (oid === SCRYPT) {
    const [cost, blockSize, parallelization] = [0, 1, 2].map(() =>
      readCount(fields.take(TAG.integer, 'scrypt'), 'scrypt', 2 ** 24),
    ) as [number, number, number]
    if (128 * cost * blockSize > MOST_SCRYPT_MEMORY) return notKnown('scrypt with more memory than is reasonable')
    const limits = { cost, blockSize, parallelization, maxmem: 2 * MOST_SCRYPT_MEMORY }
    return success(octetsOf(scryptSync(secret, salt, length, limits)))
  }
  const iterations = readIterations(fields)
  if (fields.tag === TAG.integer) fields.any('key length')
  const prf = fields.done ? 'sha1' : macHashes.get(readOid(inside(fields.any('PRF')).take(TAG.oid, 'PRF'), 'PRF'))
  if (prf === undefined) return notKnown('PBKDF2 with another function than HMAC with SHA')
  return success(octetsOf(pbkdf2Sync(secret, salt, iterations, length, prf)))
}

function readIterations(from: ElementReader): number {
  const iterations = readCount(from.take(TAG.integer, 'iterations'), 'iterations', MOST_ITERATIONS + 1)
  if (iterations < 1 || iterations > MOST_ITERATIONS) throw new NotDer('iterations: more than is reasonable')
  return iterations
}

function decipher(
  name: string,
  key: Uint8Array,
  iv: Uint8Array,
  content: Uint8Array,
): Result<Uint8Array, OpeningFault> {
  try {
    const run = createDecipheriv(name, key, iv)
    return success(octetsOf(Buffer.concat([run.update(content), run.final()])))
  } catch {
    return wrongPassphrase
  } finally {
    key.fill(0)
  }
}

function withoutPadding(clear: Uint8Array, block: number): Result<Uint8Array, OpeningFault> {
  const padding = clear.at(-1) ?? 0
  const isPadded = padding >= 1 && padding <= block && clear.subarray(-padding).every(octet => octet === padding)
  return isPadded && clear.length % block === 0 ? success(clear.subarray(0, -padding)) : wrongPassphrase
}

/** What sealing under a passphrase draws: 16 octets each. */
export interface SealingSalt {
  readonly salt: Uint8Array
  readonly iv: Uint8Array
}

/** As many as keep a guess costly and an import short; Windows and OpenSSL take it. */
export const ITERATIONS = 50_000

/** PBES2 with AES-256 and HMAC-SHA-256: AlgorithmIdentifier in DER, and the sealed octets. */
export function sealWithPassphrase(content: Uint8Array, passphrase: string, { salt, iv }: SealingSalt) {
  const key = pbkdf2Sync(passphrase.normalize('NFC'), salt, ITERATIONS, 32, 'sha256')
  const run = createCipheriv('aes-256-cbc', key, iv)
  const sealed = octetsOf(Buffer.concat([run.update(content), run.final()]))
  key.fill(0)
  const sequence = (...parts: readonly Uint8Array[]) => derElement(DER_SEQUENCE, ...parts)
  const prf = sequence(oidElement(HMAC_SHA256), derElement(DER_NULL))
  const count = derInteger(Uint8Array.of(ITERATIONS >>> 16, ITERATIONS >>> 8, ITERATIONS))
  const derivation = sequence(oidElement(PBKDF2), sequence(derElement(DER_OCTET_STRING, salt), count, prf))
  const cipher = sequence(oidElement(AES_256_CBC), derElement(DER_OCTET_STRING, iv))
  return { algorithm: sequence(oidElement(PBES2), sequence(derivation, cipher)), sealed }
}

/** Big-endian UTF-16 with a zero behind it (RFC 7292 appendix B.1). */
export function bmpPassword(passphrase: string): Uint8Array {
  const octets = new Uint8Array(2 * passphrase.length + 2)
  const view = new DataView(octets.buffer)
  for (let i = 0; i < passphrase.length; i++) view.setUint16(2 * i, passphrase.charCodeAt(i))
  return octets
}

const blockBytes: Readonly<Record<string, number>> = { sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 }

/** RFC 7292 appendix B.2. `use`: 1 a key, 2 an IV, 3 a MAC's key. */
export function pkcs12Key(
  hash: string,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  use: number,
  length: number,
): Uint8Array {
  const block = blockBytes[hash]!
  const filled = (from: Uint8Array) =>
    Uint8Array.from({ length: block * Math.ceil(from.length / block) }, (_, i) => from[i % from.length]!)
  const mixed = Uint8Array.from([...filled(salt), ...filled(password)])
  const diversifier = new Uint8Array(block).fill(use)
  const made = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    let digest: Uint8Array = createHash(hash).update(diversifier).update(mixed).digest()
    for (let i = 1; i < iterations; i++) digest = createHash(hash).update(digest).digest()
    made.set(digest.subarray(0, length - at), at)
    at += digest.length
    // Each block of what is mixed in grows by the digest and one.
    for (let start = 0; start < mixed.length; start += block) {
      let carry = 1
      for (let i = block - 1; i >= 0; i--) {
        carry += mixed[start + i]! + digest[i % digest.length]!
        mixed[start + i] = carry & 0xff
        carry >>>= 8
      }
    }
  }
  return made
}

/** EncryptedPrivateKeyInfo (RFC 5958 §3) as PrivateKeyInfo. */
export function openPrivateKey(der: Uint8Array, passphrase: string): Result<Uint8Array, OpeningFault> {
  const reader = inside(onlyElement(der, TAG.sequence, 'encrypted key'))
  const algorithm = reader.take(TAG.sequence, 'encryption')
  const content = reader.take(TAG.octetString, 'encrypted key').content
  reader.end('encrypted key')
  return openWithPassphrase(algorithm, content, passphrase)
}

const wrongPassphrase = failure<OpeningFault>({ kind: 'wrong-passphrase', what: 'the passphrase does not open it' })

function notKnown(what: string) {
  return failure<OpeningFault>({
    kind: 'not-known',
    what: `it is protected by a method that is not known here: ${what}`,
  })
}
