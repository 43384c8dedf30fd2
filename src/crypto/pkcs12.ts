// PKCS #12 files (.p12, .pfx; RFC 7292): a key and its certificates under one passphrase. Reads what OpenSSL, Windows and
// Java write today and wrote before, in BER too, but not RC4, and not files that are protected by public keys; writes AES-256
// with SHA-256.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { concatenate, octetsOf } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/result.ts'
import { closeLengths } from './ber.ts'
import { DER_NULL, DER_OCTET_STRING, DER_SEQUENCE, derElement, derInteger } from './der.ts'
import { DER_SET } from './make-certificate.ts'
import { oidElement } from './object-identifiers.ts'
import {
  bmpPassword,
  deriveKey,
  ITERATIONS,
  macHashes,
  type OpeningFault,
  openPrivateKey,
  openWithPassphrase,
  pkcs12Key,
  type SealingSalt,
  sealWithPassphrase,
} from './password-encryption.ts'
import {
  constructed,
  context,
  type Element,
  elementsOf,
  inside,
  NotDer,
  onlyElement,
  readCount,
  readOid,
  readStrictly,
  TAG,
} from './x509/der-reader.ts'

const DATA = '1.2.840.113549.1.7.1'
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6'
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1'
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21'
const PBMAC1 = '1.2.840.113549.1.5.14'
const BAG = '1.2.840.113549.1.12.10.1'
const SHA256 = '2.16.840.1.101.3.4.2.1'

const hashes: ReadonlyMap<string, string> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  [SHA256, 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

/** In octets; a file has some thousand. */
const LARGEST_FILE = 8 * 1024 * 1024

export interface Pkcs12Content {
  /** PrivateKeyInfo in DER. */
  readonly keys: readonly Uint8Array[]
  readonly certificates: readonly Uint8Array[]
}

export interface Pkcs12Fault {
  readonly kind: 'malformed' | OpeningFault['kind']
  readonly what: string
}

/** Whether the octets begin as a PKCS #12 file does: a SEQUENCE with the version, 3, and another SEQUENCE. */
export function looksLikePkcs12(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30) return false
  const version = 2 + ((bytes[1] ?? 0) > 0x80 ? bytes[1]! & 0x7f : 0)
  return bytes.subarray(version, version + 4).toHex() === '02010330'
}

export function readPkcs12(bytes: Uint8Array, passphrase: string): Result<Pkcs12Content, Pkcs12Fault> {
  if (bytes.length > LARGEST_FILE)
    return failure({ kind: 'malformed', what: 'it is larger than any PKCS #12 file needs' })
  const found: Found = { keys: [], certificates: [] }
  const read = readStrictly(() => readFile(inDer(bytes), passphrase, found))
  if (!read.ok) return failure({ kind: 'malformed', what: `it is no PKCS #12 file: ${read.error}` })
  return read.value === undefined ? success(found) : failure(read.value)
}

/** Old browsers leave lengths open; the MAC is over the octets as they came. */
function inDer(bytes: Uint8Array): Uint8Array {
  const closed = closeLengths(bytes)
  if (closed === undefined) throw new NotDer('its elements do not fill it')
  return closed
}

interface Found {
  readonly keys: Uint8Array[]
  readonly certificates: Uint8Array[]
}

/** Fills `found`; answers what went wrong. */
function readFile(bytes: Uint8Array, passphrase: string, found: Found): OpeningFault | undefined {
  const file = inside(onlyElement(bytes, TAG.sequence, 'file'))
  file.take(TAG.integer, 'version')
  const { type, content } = readContent(file.take(TAG.sequence, 'content'))
  if (type !== DATA) return { kind: 'not-known', what: 'it is protected by a signature and not by a passphrase' }
  const safe = onlyElement(content, TAG.octetString, 'content').content
  if (!file.done) {
    const fault = checkMac(file.take(TAG.sequence, 'MAC'), safe, passphrase)
    if (fault !== undefined) return fault
  }
  const parts = inside(onlyElement(inDer(safe), TAG.sequence, 'content'))
  while (!parts.done) {
    const opened = openPart(parts.take(TAG.sequence, 'part'), passphrase)
    if (!opened.ok) return opened.error
    const fault = readBags(opened.value, passphrase, found, 0)
    if (fault !== undefined) return fault
  }
  return undefined
}

function readContent(element: Element): { readonly type: string; readonly content: Uint8Array } {
  const reader = inside(element)
  const type = readOid(reader.take(TAG.oid, 'content'), 'content')
  return { type, content: reader.take(constructed(0), 'content').content }
}

function openPart(element: Element, passphrase: string): Result<Uint8Array, OpeningFault> {
  const { type, content } = readContent(element)
  if (type === DATA) return success(onlyElement(content, TAG.octetString, 'part').content)
  if (type !== ENCRYPTED_DATA) {
    return failure({ kind: 'not-known', what: 'a part is encrypted to a public key and not by a passphrase' })
  }
  const reader = inside(onlyElement(content, TAG.sequence, 'encrypted part'))
  reader.take(TAG.integer, 'version')
  const info = inside(reader.take(TAG.sequence, 'encrypted part'))
  info.take(TAG.oid, 'encrypted part')
  const algorithm = info.take(TAG.sequence, 'encryption')
  const isInPieces = info.tag === constructed(0)
  const sealed = info.take(isInPieces ? constructed(0) : context(0), 'encrypted part')
  const whole = isInPieces
    ? elementsOf(sealed, TAG.octetString, 'encrypted part').map(piece => piece.content)
    : [sealed.content]
  return openWithPassphrase(algorithm, concatenate(whole), passphrase)
}

function readBags(content: Uint8Array, passphrase: string, found: Found, depth: number): OpeningFault | undefined {
  if (depth > 4) throw new NotDer('bags in bags in bags')
  const bags = inside(onlyElement(inDer(content), TAG.sequence, 'bags'))
  while (!bags.done) {
    const { type, content: value } = readContent(bags.take(TAG.sequence, 'bag'))
    if (type === `${BAG}.1`) found.keys.push(value)
    else if (type === `${BAG}.2`) {
      const key = openPrivateKey(value, passphrase)
      if (!key.ok) return key.error
      found.keys.push(key.value)
    } else if (type === `${BAG}.3`) {
      const certificate = readContent(onlyElement(value, TAG.sequence, 'certificate'))
      if (certificate.type !== X509_CERTIFICATE) continue
      found.certificates.push(onlyElement(certificate.content, TAG.octetString, 'certificate').content)
    } else if (type === `${BAG}.6`) {
      const fault = readBags(value, passphrase, found, depth + 1)
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

/** The file's HMAC (RFC 7292 §5.1) or PBMAC1 (RFC 9579): tells a wrong passphrase from a damaged file, more or less. */
function checkMac(element: Element, safe: Uint8Array, passphrase: string): OpeningFault | undefined {
  const reader = inside(element)
  const digest = inside(reader.take(TAG.sequence, 'MAC'))
  const algorithm = inside(digest.take(TAG.sequence, 'MAC'))
  const stated = digest.take(TAG.octetString, 'MAC').content
  const oid = readOid(algorithm.take(TAG.oid, 'MAC'), 'MAC')
  const salt = reader.take(TAG.octetString, 'MAC').content
  const iterations = reader.done ? 1 : readCount(reader.take(TAG.integer, 'iterations'), 'iterations', 10_000_000)
  const isRight = (hash: string, key: Uint8Array) => {
    const mac = octetsOf(createHmac(hash, key).update(safe).digest())
    return mac.length === stated.length && timingSafeEqual(mac, stated)
  }
  const wrong = { kind: 'wrong-passphrase', what: 'the passphrase does not open it, or it is damaged' } as const
  if (oid === PBMAC1) {
    const parameters = inside(algorithm.take(TAG.sequence, 'PBMAC1'))
    const derivation = parameters.take(TAG.sequence, 'PBMAC1')
    const hash = macHashes.get(readOid(inside(parameters.take(TAG.sequence, 'PBMAC1')).take(TAG.oid, 'MAC'), 'MAC'))
    if (hash === undefined) return { kind: 'not-known', what: 'its MAC is made with a hash that is not known here' }
    const key = deriveKey(derivation, passphrase, stated.length)
    if (!key.ok) return key.error
    return isRight(hash, key.value) ? undefined : wrong
  }
  const hash = hashes.get(oid)
  if (hash === undefined)
    return { kind: 'not-known', what: `its MAC is made with a hash that is not known here: ${oid}` }
  // An empty passphrase is written in two ways: as a zero, and as nothing at all.
  const passwords = passphrase === '' ? [bmpPassword(''), new Uint8Array(0)] : [bmpPassword(passphrase)]
  const keys = passwords.map(password => pkcs12Key(hash, password, salt, iterations, 3, stated.length))
  return keys.some(key => isRight(hash, key)) ? undefined : wrong
}

export interface Pkcs12Salts {
  readonly certificates: SealingSalt
  readonly key: SealingSalt
  readonly mac: Uint8Array
}

/** The certificate of the key first. `key`: PrivateKeyInfo in DER. */
export function writePkcs12({ keys, certificates }: Pkcs12Content, passphrase: string, salts: Pkcs12Salts): Uint8Array {
  const sequence = (...parts: readonly Uint8Array[]) => derElement(DER_SEQUENCE, ...parts)
  const octets = (content: Uint8Array) => derElement(DER_OCTET_STRING, content)
  const info = (type: string, content: Uint8Array) => sequence(oidElement(type), derElement(0xa0, content))
  // By this mark Windows and OpenSSL know which certificate is the key's.
  const mark = derElement(DER_SET, sequence(oidElement(LOCAL_KEY_ID), derElement(DER_SET, octets(Uint8Array.of(1)))))
  const bag = (kind: number, value: Uint8Array, isMarked: boolean) =>
    sequence(oidElement(`${BAG}.${kind}`), derElement(0xa0, value), ...(isMarked ? [mark] : []))
  const certificateBags = certificates.map((der, index) => bag(3, info(X509_CERTIFICATE, octets(der)), index === 0))
  const sealedBags = sealWithPassphrase(sequence(...certificateBags), passphrase, salts.certificates)
  const encrypted = sequence(
    derInteger(Uint8Array.of(0)),
    sequence(oidElement(DATA), sealedBags.algorithm, derElement(0x80, sealedBags.sealed)),
  )
  const keyBags = keys.map(key => {
    const { algorithm, sealed } = sealWithPassphrase(key, passphrase, salts.key)
    return bag(2, sequence(algorithm, octets(sealed)), true)
  })
  const safe = sequence(info(ENCRYPTED_DATA, encrypted), info(DATA, octets(sequence(...keyBags))))
  const macKey = pkcs12Key('sha256', bmpPassword(passphrase), salts.mac, ITERATIONS, 3, 32)
  const mac = octetsOf(createHmac('sha256', macKey).update(safe).digest())
  const digest = sequence(sequence(oidElement(SHA256), derElement(DER_NULL)), octets(mac))
  const count = derInteger(Uint8Array.of(ITERATIONS >>> 16, ITERATIONS >>> 8, ITERATIONS))
  return sequence(derInteger(Uint8Array.of(3)), info(DATA, octets(safe)), sequence(digest, octets(salts.mac), count))
}
