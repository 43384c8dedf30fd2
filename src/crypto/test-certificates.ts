// A CA and certificates for tests, made by our own maker: what a test is about is said, the rest is usual. Keys are made
// once a process and shared.
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { parseAddress } from '../base/address.ts'
import { DER_SEQUENCE, derElement } from './der.ts'
import {
  type AlternativeName,
  alternativeNames,
  authorityExtensions,
  DER_SET,
  hostExtensions,
  keyIdentifier,
  makeCertificate,
} from './make-certificate.ts'
import { oidElement } from './object-identifiers.ts'
import { type Certificate, parseCertificate } from './x509/certificate.ts'
import { extendedKeyUsages } from './x509/extended-key-usage.ts'

/** 1 January 2026, noon; test certificates hold for a hundred days around it. */
export const TEST_TIME = 1_767_268_800
const DAY = 86_400

/** A name of common names, the outermost first. */
export function testName(...names: readonly string[]): Uint8Array {
  const part = (name: string) =>
    derElement(
      DER_SET,
      derElement(DER_SEQUENCE, oidElement('2.5.4.3'), derElement(0x0c, new TextEncoder().encode(name))),
    )
  return derElement(DER_SEQUENCE, ...names.map(part))
}

export interface TestParty {
  readonly certificate: Certificate
  readonly key: KeyObject
}

export const testKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

export interface TestWishes {
  readonly subject?: Uint8Array
  /** `10.0.0.1`, `dc1.corp.test`, `mail@corp.test`, `upn:dc1$@corp.test`. */
  readonly names?: readonly string[]
  readonly key?: KeyObject
  readonly notBefore?: number
  readonly notAfter?: number
  readonly purposes?: readonly string[]
}

let serials = 0

export function testAuthority(name: string, issuer?: TestParty): TestParty {
  const key = testKey()
  const publicKey = createPublicKey(key)
  const spec = {
    subject: testName(name),
    issuer: issuer?.certificate.subject.der ?? testName(name),
    publicKey,
    serialNumber: Uint8Array.of(1, ++serials),
    notBefore: TEST_TIME - 100 * DAY,
    notAfter: TEST_TIME + 100 * DAY,
    extensions: authorityExtensions(
      publicKey,
      issuer === undefined ? {} : { issuerKeyIdentifier: keyIdentifier(issuer.certificate.publicKey) },
    ),
  }
  return { certificate: parsed(makeCertificate(spec, issuer?.key ?? key)), key }
}

export function testHost(issuer: TestParty, wishes: TestWishes = {}): TestParty {
  const { names = [], key = testKey(), purposes = [extendedKeyUsages.ipsecIKE] } = wishes
  const publicKey = createPublicKey(key)
  const above = keyIdentifier(issuer.certificate.publicKey)
  const list = names.length === 0 ? undefined : alternativeNames(names.map(alternativeNameOf), false)
  const spec = {
    subject: wishes.subject ?? testName(names[0] ?? 'host'),
    issuer: issuer.certificate.subject.der,
    publicKey,
    serialNumber: Uint8Array.of(2, ++serials),
    notBefore: wishes.notBefore ?? TEST_TIME - 50 * DAY,
    notAfter: wishes.notAfter ?? TEST_TIME + 50 * DAY,
    extensions: hostExtensions(list, publicKey, above, purposes),
  }
  return { certificate: parsed(makeCertificate(spec, issuer.key)), key }
}

function alternativeNameOf(text: string): AlternativeName {
  const address = parseAddress(text)
  if (address !== undefined) return { kind: 'address', address }
  if (text.startsWith('upn:')) return { kind: 'upn', text: text.slice(4) }
  return { kind: text.includes('@') ? 'email' : 'dns', text }
}

function parsed(der: Uint8Array): Certificate {
  const read = parseCertificate(der)
  if (!read.ok) throw new Error(`a test certificate cannot be read: ${read.error.what}`)
  return read.value
}
