// A small public-key infrastructure for tests: CAs, hosts, CRLs and OCSP responses, well-formed or bent on purpose.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { octetsOf } from '../src/base/bytes.ts'
import { DER_BIT_STRING, DER_NULL, DER_OCTET_STRING, DER_SEQUENCE, derElement, derInteger } from '../src/crypto/der.ts'
import { basicConstraints, extension, keyUsage, makeCertificate } from '../src/crypto/make-certificate.ts'
import { oidElement } from '../src/crypto/object-identifiers.ts'
import { findSignature } from '../src/crypto/signature-schemes.ts'
import { type Certificate, parseCertificate } from '../src/crypto/x509/certificate.ts'

export const DAY = 86_400
/** In the middle of everybody's validity. */
export const NOON = Date.UTC(2026, 5, 1, 12) / 1000

export interface Party {
  readonly name: Uint8Array
  readonly key: KeyObject
  readonly publicKey: KeyObject
  readonly certificate: Certificate
  readonly der: Uint8Array
}

const text = (tag: number, value: string) => derElement(tag, new TextEncoder().encode(value))
export const sequence = (...parts: readonly Uint8Array[]) => derElement(DER_SEQUENCE, ...parts)

export function commonName(value: string, tag = 0x0c): Uint8Array {
  return sequence(derElement(0x31, sequence(oidElement('2.5.4.3'), text(tag, value))))
}

export interface Wishes {
  readonly issuer?: Party
  readonly extensions?: readonly Uint8Array[]
  readonly notBefore?: number
  readonly notAfter?: number
  readonly serial?: number
  readonly name?: Uint8Array
  /** Another certificate for a party's key. */
  readonly of?: Party
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
}

let serials = 0

export function certify(name: string, wishes: Wishes = {}): Party {
  const { issuer, of } = wishes
  const made =
    wishes.keys ??
    (of === undefined
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : { publicKey: of.publicKey, privateKey: of.key })
  const subject = wishes.name ?? of?.name ?? commonName(name)
  const der = makeCertificate(
    {
      subject,
      issuer: issuer?.name ?? subject,
      publicKey: made.publicKey,
      serialNumber: Uint8Array.of(wishes.serial ?? (++serials % 100) + 20),
      notBefore: wishes.notBefore ?? NOON - 30 * DAY,
      notAfter: wishes.notAfter ?? NOON + 30 * DAY,
      extensions: wishes.extensions ?? [basicConstraints({ isAuthority: false })],
    },
    issuer?.key ?? made.privateKey,
  )
  const read = parseCertificate(der)
  assert.ok(read.ok, `${name}: ${read.ok ? '' : read.error.what}`)
  return { name: subject, key: made.privateKey, publicKey: made.publicKey, certificate: read.value, der }
}

export const caExtensions = [basicConstraints({ isAuthority: true }), keyUsage(['keyCertSign', 'cRLSign'])]

export function authority(name: string, wishes: Wishes = {}): Party {
  return certify(name, { extensions: caExtensions, ...wishes })
}

export const purposes = (...oids: readonly string[]) => extension('2.5.29.37', false, sequence(...oids.map(oidElement)))

/** Content of subjectAltName, or of one list in nameConstraints when wrapped. */
export const dns = (value: string) => text(0x82, value)
export const mail = (value: string) => text(0x81, value)
export const uri = (value: string) => text(0x86, value)
export const address = (...octets: readonly number[]) => derElement(0x87, Uint8Array.from(octets))
export const directory = (name: Uint8Array) => derElement(0xa4, name)
export const alternative = (...names: readonly Uint8Array[]) => extension('2.5.29.17', false, sequence(...names))

export function constraints(permitted: readonly Uint8Array[], excluded: readonly Uint8Array[] = []): Uint8Array {
  const list = (tag: number, names: readonly Uint8Array[]) =>
    names.length === 0 ? [] : [derElement(tag, ...names.map(name => sequence(name)))]
  return extension('2.5.29.30', true, sequence(...list(0xa0, permitted), ...list(0xa1, excluded)))
}

function generalizedTime(seconds: number): Uint8Array {
  return text(0x18, new Date(seconds * 1000).toISOString().replace(/\.\d+|[-:T]/g, ''))
}

function signedBy(body: Uint8Array, key: KeyObject, ...behind: readonly Uint8Array[]): Uint8Array {
  const signature = octetsOf(sign('sha256', body, key))
  return sequence(body, ecdsaIdentifier, derElement(DER_BIT_STRING, Uint8Array.of(0), signature), ...behind)
}

const ecdsaIdentifier = findSignature('ecdsa', 'sha2-256')!.identifier

export interface ListWishes {
  readonly revoked?: readonly { readonly serial: Uint8Array; readonly reason?: number }[]
  readonly thisUpdate?: number
  readonly nextUpdate?: number
  readonly number?: number
  readonly extensions?: readonly Uint8Array[]
  /** Whose name stands in it, where that is not who signs. */
  readonly name?: Uint8Array
}

/** DER of a CRL. */
export function revocationList(signer: Party, wishes: ListWishes = {}): Uint8Array {
  const entries = (wishes.revoked ?? []).map(({ serial, reason }) =>
    sequence(
      derElement(0x02, serial),
      generalizedTime(NOON - DAY),
      ...(reason === undefined
        ? []
        : [sequence(extension('2.5.29.21', false, derElement(0x0a, Uint8Array.of(reason))))]),
    ),
  )
  const number = extension('2.5.29.20', false, derInteger(Uint8Array.of(wishes.number ?? 1)))
  const body = sequence(
    derInteger(Uint8Array.of(1)),
    ecdsaIdentifier,
    wishes.name ?? signer.name,
    generalizedTime(wishes.thisUpdate ?? NOON - DAY),
    generalizedTime(wishes.nextUpdate ?? NOON + DAY),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    derElement(0xa0, sequence(number, ...(wishes.extensions ?? []))),
  )
  return signedBy(body, signer.key)
}

const statuses = {
  good: derElement(0x80),
  revoked: derElement(0xa1, generalizedTime(NOON - DAY)),
  unknown: derElement(0x82),
}

export interface ResponseWishes {
  /** Who signs; default: the CA. */
  readonly signer?: Party
  readonly hash?: 'sha1' | 'sha256'
  readonly thisUpdate?: number
  /** `null`: none. */
  readonly nextUpdate?: number | null
  readonly byKey?: boolean
  readonly certificates?: readonly Party[]
}

const hashOids = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' }

/** DER of an OCSP response about one certificate. */
export function ocspResponse(
  about: Party,
  issuer: Party,
  status: keyof typeof statuses,
  wishes: ResponseWishes = {},
): Uint8Array {
  const hash = wishes.hash ?? 'sha1'
  const digest = (bytes: Uint8Array, by = hash) => derElement(DER_OCTET_STRING, createHash(by).update(bytes).digest())
  const identifier = sequence(
    sequence(oidElement(hashOids[hash]), derElement(DER_NULL)),
    digest(issuer.name),
    digest(issuer.certificate.publicKeyBits),
    derElement(0x02, about.certificate.serialNumber),
  )
  const signer = wishes.signer ?? issuer
  const next = wishes.nextUpdate === null ? [] : [derElement(0xa0, generalizedTime(wishes.nextUpdate ?? NOON + DAY))]
  const body = sequence(
    wishes.byKey === true
      ? derElement(0xa2, digest(signer.certificate.publicKeyBits, 'sha1'))
      : derElement(0xa1, signer.name),
    generalizedTime(NOON - DAY),
    sequence(sequence(identifier, statuses[status], generalizedTime(wishes.thisUpdate ?? NOON - DAY / 2), ...next)),
  )
  const carried = wishes.certificates ?? (signer === issuer ? [] : [signer])
  const certificates = carried.length === 0 ? [] : [derElement(0xa0, sequence(...carried.map(party => party.der)))]
  const basic = signedBy(body, signer.key, ...certificates)
  const bytes = sequence(oidElement('1.3.6.1.5.5.7.48.1.1'), derElement(DER_OCTET_STRING, basic))
  return sequence(derElement(0x0a, Uint8Array.of(0)), derElement(0xa0, bytes))
}
