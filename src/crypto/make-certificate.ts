// Certificates and certificate requests as a small CA makes them (RFC 5280, RFC 2986): what goes in is plain values, what
// comes out is DER. For trying things and for tests; a CA for a company does more (revocation, logs, a key in hardware).

import { createHash, type KeyObject, sign } from 'node:crypto'
import { type Address, addressOctets, formatAddress } from '../base/address.ts'
import { octetsOf } from '../base/bytes.ts'
import { DER_BIT_STRING, DER_OCTET_STRING, DER_SEQUENCE, derElement, derInteger, readDer, readOne } from './der.ts'
import { oidElement } from './object-identifiers.ts'
import { findSignature, type SignatureScheme } from './signature-schemes.ts'

const DER_BOOLEAN = 0x01
const DER_UTC_TIME = 0x17
const DER_GENERALIZED_TIME = 0x18
export const DER_SET = 0x31

export const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'
/** Windows's name of an account in a certificate: `host$@corp.test`. */
const USER_PRINCIPAL_NAME = '1.3.6.1.4.1.311.20.2.3'

export type AlternativeName =
  | { readonly kind: 'dns' | 'email' | 'upn'; readonly text: string }
  | { readonly kind: 'address'; readonly address: Address }

export interface CertificateSpec {
  /** Names in DER. */
  readonly subject: Uint8Array
  readonly issuer: Uint8Array
  readonly publicKey: KeyObject
  /** At most 20 octets; the caller draws them at random (CA/Browser Forum asks for 64 bits of it). */
  readonly serialNumber: Uint8Array
  /** Unix seconds, both included. */
  readonly notBefore: number
  readonly notAfter: number
  readonly extensions: readonly Uint8Array[]
}

/** DER of a certificate that `key` signs. Throws for kinds of keys that `signatureOf` does not have. */
export function makeCertificate(spec: CertificateSpec, key: KeyObject): Uint8Array {
  const { identifier } = signatureOf(key)
  const signed = derElement(
    DER_SEQUENCE,
    derElement(0xa0, derInteger(Uint8Array.of(2))),
    derInteger(spec.serialNumber),
    identifier,
    spec.issuer,
    derElement(DER_SEQUENCE, time(spec.notBefore), time(spec.notAfter)),
    spec.subject,
    publicKeyInfo(spec.publicKey),
    derElement(0xa3, derElement(DER_SEQUENCE, ...spec.extensions)),
  )
  return withSignature(signed, key)
}

/** DER of a PKCS #10 request for `names`, signed by the key that it is about. */
export function makeRequest(
  subject: Uint8Array,
  names: readonly AlternativeName[],
  publicKey: KeyObject,
  key: KeyObject,
): Uint8Array {
  const extensions = derElement(DER_SEQUENCE, alternativeNames(names, isNobody(subject)))
  const attribute = derElement(DER_SEQUENCE, oidElement(EXTENSION_REQUEST), derElement(DER_SET, extensions))
  const attributes = names.length === 0 ? [] : [attribute]
  const signed = derElement(
    DER_SEQUENCE,
    derInteger(Uint8Array.of(0)),
    subject,
    publicKeyInfo(publicKey),
    derElement(0xa0, ...attributes),
  )
  return withSignature(signed, key)
}

export interface AuthorityPlace {
  /** CAs that may stand between this one and a host: 0 for a CA that signs hosts alone; absent for no limit. */
  readonly pathLength?: number
  /** Of the CA above; absent where it signs itself. */
  readonly issuerKeyIdentifier?: Uint8Array
}

/** What a CA says of itself. */
export function authorityExtensions(
  publicKey: KeyObject,
  { issuerKeyIdentifier, ...limit }: AuthorityPlace,
): readonly Uint8Array[] {
  return [
    basicConstraints({ isAuthority: true, ...limit }),
    keyUsage(['keyCertSign', 'cRLSign']),
    subjectKeyIdentifier(publicKey),
    ...(issuerKeyIdentifier === undefined ? [] : [authorityKeyIdentifier(issuerKeyIdentifier)]),
  ]
}

/** What a host's certificate needs for IKE with strongSwan, Libreswan, Windows and us. */
export function hostExtensions(
  names: Uint8Array | undefined,
  publicKey: KeyObject,
  issuerKeyIdentifier: Uint8Array,
  purposes: readonly string[],
): readonly Uint8Array[] {
  return [
    basicConstraints({ isAuthority: false }),
    keyUsage(['digitalSignature']),
    extension('2.5.29.37', false, derElement(DER_SEQUENCE, ...purposes.map(oidElement))),
    ...(names === undefined ? [] : [names]),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(issuerKeyIdentifier),
  ]
}

export function basicConstraints({
  isAuthority,
  pathLength,
}: {
  isAuthority: boolean
  pathLength?: number
}): Uint8Array {
  const yes = isAuthority ? [derElement(DER_BOOLEAN, Uint8Array.of(0xff))] : []
  const limit = pathLength === undefined ? [] : [derInteger(Uint8Array.of(pathLength))]
  return extension('2.5.29.19', true, derElement(DER_SEQUENCE, ...yes, ...limit))
}

/** Bits as RFC 5280 §4.2.1.3 numbers them. */
const usageBits = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
}

export function keyUsage(usages: readonly (keyof typeof usageBits)[]): Uint8Array {
  const octet = usages.reduce((bits, usage) => bits | (0x80 >>> usageBits[usage]), 0)
  const unused = octet === 0 ? 0 : 31 - Math.clz32(octet & -octet)
  return extension('2.5.29.15', true, derElement(DER_BIT_STRING, Uint8Array.of(unused, octet)))
}

/** Critical where the subject names nobody (RFC 5280 §4.2.1.6). */
export function alternativeNames(names: readonly AlternativeName[], isCritical: boolean): Uint8Array {
  return extension(SUBJECT_ALTERNATIVE_NAME, isCritical, derElement(DER_SEQUENCE, ...names.map(generalName)))
}

/** GeneralName of RFC 5280 §4.2.1.6. */
function generalName(name: AlternativeName): Uint8Array {
  if (name.kind === 'address') return derElement(0x87, addressOctets(name.address))
  const text = new TextEncoder().encode(name.text)
  if (name.kind === 'email') return derElement(0x81, text)
  if (name.kind === 'dns') return derElement(0x82, text)
  return derElement(0xa0, oidElement(USER_PRINCIPAL_NAME), derElement(0xa0, derElement(0x0c, text)))
}

export function formatAlternativeName(name: AlternativeName): string {
  return name.kind === 'address' ? formatAddress(name.address) : name.text
}

function subjectKeyIdentifier(publicKey: KeyObject): Uint8Array {
  return extension('2.5.29.14', false, derElement(DER_OCTET_STRING, keyIdentifier(publicKey)))
}

function authorityKeyIdentifier(identifier: Uint8Array): Uint8Array {
  return extension('2.5.29.35', false, derElement(DER_SEQUENCE, derElement(0x80, identifier)))
}

export function extension(oid: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [derElement(DER_BOOLEAN, Uint8Array.of(0xff))] : []
  return derElement(DER_SEQUENCE, oidElement(oid), ...critical, derElement(DER_OCTET_STRING, value))
}

/** SHA-1 of the key's bits without their algorithm (RFC 5280 §4.2.1.2, method 1). */
export function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const inside = readOne(publicKeyInfo(publicKey), DER_SEQUENCE)!
  const bits = readDer(inside)![1]!.content.subarray(1)
  return octetsOf(createHash('sha1').update(bits).digest())
}

export function publicKeyInfo(publicKey: KeyObject): Uint8Array {
  return octetsOf(publicKey.export({ type: 'spki', format: 'der' }))
}

/** UTCTime up to 2049, then GeneralizedTime (RFC 5280 §4.1.2.5). */
function time(seconds: number): Uint8Array {
  const digits = new Date(seconds * 1000).toISOString().replace(/\.\d+|[-:T]/g, '')
  const isEarly = digits >= '1950' && digits < '2050'
  const text = isEarly ? digits.slice(2) : digits
  return derElement(isEarly ? DER_UTC_TIME : DER_GENERALIZED_TIME, new TextEncoder().encode(text))
}

function withSignature(signed: Uint8Array, key: KeyObject): Uint8Array {
  const { identifier, hash } = signatureOf(key)
  const made = octetsOf(sign(hash.digest ?? null, signed, { key, dsaEncoding: 'der' }))
  return derElement(DER_SEQUENCE, signed, identifier, derElement(DER_BIT_STRING, Uint8Array.of(0), made))
}

/** RSA by PKCS #1 v1.5: peers that know RSA-PSS in certificates are fewer than those that do not. */
function signatureOf(key: KeyObject): SignatureScheme {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const found =
    type === 'rsa'
      ? findSignature('rsa-pkcs1', 'sha2-256')
      : type === 'ec'
        ? findSignature('ecdsa', curveHashes[details?.namedCurve ?? ''] ?? 'sha2-256')
        : type === 'ed25519' || type === 'ed448'
          ? findSignature(type, 'identity')
          : undefined
  if (found === undefined) throw new TypeError(`certificates are not signed with keys of kind ${type}`)
  return found
}

const curveHashes: Readonly<Record<string, 'sha2-384' | 'sha2-512'>> = { secp384r1: 'sha2-384', secp521r1: 'sha2-512' }

function isNobody(subject: Uint8Array): boolean {
  return readOne(subject, DER_SEQUENCE)?.length === 0
}
