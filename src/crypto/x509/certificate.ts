// A certificate (RFC 5280 §4) as a value. Reading it judges its form alone: whether anybody may rely on it is the matter of
// path.ts. Strict where the profile is; hostile octets end as a fault.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { isSameOctets, octetsOf } from '../../base/bytes.ts'
import { failure, type Result, success } from '../../base/result.ts'
import {
  type CertificateExtensions,
  type RawExtension,
  readCertificateExtensions,
  readExtensionList,
} from './certificate-extensions.ts'
import {
  constructed,
  context,
  type Element,
  type ElementReader,
  inside,
  NotDer,
  onlyElement,
  readCount,
  readInteger,
  readOid,
  readStrictly,
  readTime,
  readWholeBits,
  TAG,
} from './der-reader.ts'
import { isEmptyName, isSameName, type Name, readName } from './name.ts'

/** In octets. Those of real peers have one to six thousand; the largest ones of governments some twenty. */
export const MOST_CERTIFICATE_OCTETS = 65_536

/** RFC 5280 §4.1.2.2. */
const MOST_SERIAL_OCTETS = 20
const ALTERNATIVE_NAME = '2.5.29.17'

export interface Certificate extends CertificateExtensions {
  readonly der: Uint8Array
  /** 1, 2 or 3. */
  readonly version: number
  /** Content of its INTEGER, two's complement. */
  readonly serialNumber: Uint8Array
  readonly issuer: Name
  readonly subject: Name
  /** Unix seconds, both of them still inside. */
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: KeyObject
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyInfo: Uint8Array
  /** SHA-1 of SubjectPublicKeyInfo, as IKEv2's CERTREQ lists it (RFC 7296 §3.7). */
  readonly publicKeyHash: Uint8Array
  /** The key's bits alone, of which OCSP has hashes (RFC 6960 §4.1.1). */
  readonly publicKeyBits: Uint8Array
  readonly signed: SignedPart
  readonly isSelfIssued: boolean
}

/** What certificates, CRLs and OCSP responses share: octets, and a signature over them. */
export interface SignedPart {
  readonly octets: Uint8Array
  /** AlgorithmIdentifier in DER. */
  readonly algorithm: Uint8Array
  readonly signature: Uint8Array
}

export interface CertificateFault {
  readonly kind: 'malformed' | 'too-long' | 'unusable-key'
  readonly what: string
}

export function parseCertificate(der: Uint8Array): Result<Certificate, CertificateFault> {
  if (der.length > MOST_CERTIFICATE_OCTETS) return fault('too-long', `a certificate of ${der.length} octets`)
  // A copy, so that nobody who holds the packet's buffer changes what was judged.
  const read = readStrictly(() => readCertificate(Uint8Array.from(der)))
  if (!read.ok) return fault('malformed', read.error)
  const publicKey = keyOf(read.value.publicKeyInfo)
  if (publicKey === undefined) return fault('unusable-key', `the public key of ${read.value.subject.text}`)
  return success({ ...read.value, publicKey })
}

function keyOf(info: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(info), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function readCertificate(der: Uint8Array): Omit<Certificate, 'publicKey'> {
  const { signed, body, behind } = readSigned(onlyElement(der, TAG.sequence, 'certificate'), 'certificate')
  behind.end('certificate')
  const reader = inside(body)
  const version = readVersion(reader)
  const serialNumber = readInteger(reader.take(TAG.integer, 'serialNumber'), 'serialNumber')
  checkAlgorithm(reader.take(TAG.sequence, 'signature'), signed)
  const issuer = readName(reader, 'issuer')
  const validity = inside(reader.take(TAG.sequence, 'validity'))
  const notBefore = readTime(validity, 'notBefore')
  const notAfter = readTime(validity, 'notAfter')
  validity.end('validity')
  const subject = readName(reader, 'subject')
  const key = reader.take(TAG.sequence, 'subjectPublicKeyInfo')
  for (const number of [1, 2]) {
    const identifier = reader.optional(context(number), 'unique identifier')
    if (identifier !== undefined && version === 1) throw new NotDer('a unique identifier in version 1')
  }
  const list = readExtensions(reader, version)
  const extensions = readCertificateExtensions(list)
  reader.end('certificate')
  if (serialNumber.length > MOST_SERIAL_OCTETS) throw new NotDer(`a serial number of ${serialNumber.length} octets`)
  // RFC 5280 §4.2.1.6: who passes the extension over must not take it for a certificate of nobody.
  if (isEmptyName(subject) && list.some(one => one.oid === ALTERNATIVE_NAME && !one.critical)) {
    throw new NotDer('no subject, and subjectAltName is not critical')
  }
  if (isEmptyName(issuer)) throw new NotDer('issuer: empty')
  if (extensions.basicConstraints?.isAuthority === true && isEmptyName(subject)) throw new NotDer('a CA without a name')
  const keyBits = readKeyBits(key)
  return {
    der,
    version,
    serialNumber,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKeyInfo: key.whole,
    publicKeyHash: octetsOf(createHash('sha1').update(key.whole).digest()),
    publicKeyBits: keyBits,
    signed,
    isSelfIssued: isSameName(issuer, subject),
    ...extensions,
  }
}

function readVersion(reader: ElementReader): number {
  const field = reader.optional(constructed(0), 'version')
  if (field === undefined) return 1
  const version = readCount(onlyElement(field.content, TAG.integer, 'version'), 'version') + 1
  // Version 1 is the default, which DER leaves out.
  if (version !== 2 && version !== 3) throw new NotDer(`version ${version}`)
  return version
}

function readExtensions(reader: ElementReader, version: number): readonly RawExtension[] {
  const field = reader.optional(constructed(3), 'extensions')
  if (field === undefined) return []
  if (version !== 3) throw new NotDer(`extensions in version ${version}`)
  return readExtensionList(onlyElement(field.content, TAG.sequence, 'extensions'))
}

const EC_KEY = '1.2.840.10045.2.1'

function readKeyBits(info: Element): Uint8Array {
  const reader = inside(info)
  const algorithm = inside(reader.take(TAG.sequence, 'key algorithm'))
  const oid = readOid(algorithm.take(TAG.oid, 'key algorithm'), 'key algorithm')
  // Parameters of a curve that the peer made up could lie (CVE-2020-0601); RFC 5480 §2.1.1 has names only.
  if (oid === EC_KEY && algorithm.tag !== TAG.oid) throw new NotDer('a curve without a name')
  const bits = readWholeBits(reader.take(TAG.bitString, 'public key'), 'public key')
  reader.end('subjectPublicKeyInfo')
  return bits
}

/** SEQUENCE { what is signed, algorithm, signature, … }; OCSP has certificates behind. */
export function readSigned(whole: Element, what: string): { signed: SignedPart; body: Element; behind: ElementReader } {
  const reader = inside(whole)
  const body = reader.take(TAG.sequence, what)
  const algorithm = reader.take(TAG.sequence, 'signatureAlgorithm').whole
  const signature = readWholeBits(reader.take(TAG.bitString, 'signature'), 'signature')
  return { signed: { octets: body.whole, algorithm, signature }, body, behind: reader }
}

/** The algorithm inside what is signed has to be the one outside (RFC 5280 §4.1.1.2). */
export function checkAlgorithm(within: Element, signed: SignedPart): void {
  if (!isSameOctets(within.whole, signed.algorithm)) throw new NotDer('two different signature algorithms')
}

export function isSameCertificate(a: Certificate, b: Certificate): boolean {
  return isSameOctets(a.der, b.der)
}

function fault(kind: CertificateFault['kind'], what: string) {
  return failure({ kind, what } as const)
}
