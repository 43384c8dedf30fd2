// A small CA for trying things: an authority, keys with requests, and certificates that strongSwan, Libreswan, Windows and
// we take for IKE. It keeps no list of what it signed and revokes nothing; a company has a real one.
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { parseAddress } from '../../base/address.ts'
import { fillRandom } from '../../base/random.ts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import type { CertificateRequest } from '../../crypto/certificate-request.ts'
import {
  type AlternativeName,
  alternativeNames,
  authorityExtensions,
  extension,
  hostExtensions,
  keyIdentifier,
  makeCertificate,
  makeRequest,
  SUBJECT_ALTERNATIVE_NAME,
} from '../../crypto/make-certificate.ts'
import type { Certificate } from '../../crypto/x509/certificate.ts'
import { extendedKeyUsages } from '../../crypto/x509/extended-key-usage.ts'
import { readDistinguishedName } from '../../keying/distinguished-name.ts'
import { readIdentity } from '../../keying/identity.ts'

export const keyTypes = ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa2048', 'rsa3072'] as const
export type KeyType = (typeof keyTypes)[number]

const DAY = 86_400
/** Clocks of machines that are tried out are often a little behind. */
const BACKDATED = 3600

/** Throws where the machine has no randomness. */
export function generateKey(type: KeyType): KeyObject {
  switch (type) {
    case 'ecdsa-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    case 'ecdsa-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    case 'rsa3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey
  }
}

/** What a person says about whom a certificate is for. */
export interface Wishes {
  /** Host names, or mail addresses; the first is the common name where no subject is given. */
  readonly names: readonly string[]
  readonly addresses: readonly string[]
  /** Windows's user principal names. */
  readonly principals: readonly string[]
  /** A distinguished name in text. */
  readonly subject?: string
}

export interface Named {
  readonly subject: Uint8Array
  readonly names: readonly AlternativeName[]
}

/** Everything that is wrong at once. */
export function readWishes(wishes: Wishes): Result<Named, readonly Problem[]> {
  const problems: Problem[] = []
  const names: AlternativeName[] = []
  const add = (where: string, what: string, hint: string) => problems.push({ severity: 'error', where, what, hint })
  for (const text of wishes.names) {
    const read = readIdentity(text)
    const kind = read.ok ? nameKinds[read.value.type] : undefined
    if (kind !== undefined && read.ok) names.push({ kind, text: new TextDecoder().decode(read.value.data) })
    else
      add(
        '--name',
        `${JSON.stringify(text)} is no name of a host`,
        'as in dc1.corp.test; addresses go behind --address',
      )
  }
  for (const text of wishes.addresses) {
    const address = parseAddress(text)
    if (address !== undefined) names.push({ kind: 'address', address })
    else add('--address', `${JSON.stringify(text)} is no address`, 'as in 10.54.0.1 or 2001:db8::1')
  }
  for (const text of wishes.principals) {
    if (/^[^\s@]+@[^\s@]+$/.test(text)) names.push({ kind: 'upn', text })
    else add('--upn', `${JSON.stringify(text)} is no user principal name`, 'as in dc1$@corp.test')
  }
  const words = wishes.subject ?? `CN=${escapeValue(wishes.names[0] ?? wishes.addresses[0] ?? '')}`
  const subject = readDistinguishedName(words)
  if (!subject.ok && (wishes.subject !== undefined || problems.length === 0)) {
    add(wishes.subject === undefined ? '--name' : '--subject', subject.error.what, subject.error.hint)
  }
  return problems.length === 0 && subject.ok ? success({ subject: subject.value, names }) : failure(problems)
}

/** IKE's ID types of the names that may stand behind --name. */
const nameKinds: Readonly<Record<number, 'dns' | 'email'>> = { 2: 'dns', 3: 'email' }

/** A name of a person's choosing as a value of RFC 4514. */
export function escapeValue(text: string): string {
  return text.trim().replace(/[\\,;+"<>=#]/g, '\\$&')
}

/** A CA that signs itself. `name` is a common name, or a whole distinguished name. */
export function makeAuthority(name: string, key: KeyObject, days: number, at: number): Result<Uint8Array, Problem> {
  const subject = readDistinguishedName(/^[A-Za-z.\d]+\s*=/.test(name) ? name : `CN=${escapeValue(name)}`)
  if (!subject.ok) return failure({ severity: 'error', where: '--name', ...subject.error })
  const publicKey = createPublicKey(key)
  const spec = {
    subject: subject.value,
    issuer: subject.value,
    publicKey,
    serialNumber: randomSerial(),
    notBefore: at - BACKDATED,
    notAfter: at + days * DAY,
    extensions: authorityExtensions(publicKey, { pathLength: 0 }),
  }
  return success(makeCertificate(spec, key))
}

export function makeHostRequest({ subject, names }: Named, key: KeyObject): Uint8Array {
  return makeRequest(subject, names, createPublicKey(key), key)
}

export interface Signer {
  readonly certificate: Certificate
  readonly key: KeyObject
}

/** What IKE, Windows's choice of certificates and TLS ask for. */
const purposes = [extendedKeyUsages.ipsecIKE, extendedKeyUsages.serverAuth, extendedKeyUsages.clientAuth]

/** It ends no later than its CA. `wished`: names in place of those that the request asks for. */
export function signRequest(
  request: Pick<CertificateRequest, 'subject' | 'publicKey' | 'alternativeNamesDer'>,
  wished: readonly AlternativeName[],
  { certificate, key }: Signer,
  days: number,
  at: number,
): Uint8Array {
  const isNobody = request.subject.keys.length === 0
  const asked = request.alternativeNamesDer
  const names =
    wished.length > 0
      ? alternativeNames(wished, isNobody)
      : asked && extension(SUBJECT_ALTERNATIVE_NAME, isNobody, asked)
  const above = certificate.subjectKeyIdentifier ?? keyIdentifier(certificate.publicKey)
  const spec = {
    subject: request.subject.der,
    issuer: certificate.subject.der,
    publicKey: request.publicKey,
    serialNumber: randomSerial(),
    notBefore: Math.max(at - BACKDATED, certificate.notBefore),
    notAfter: Math.min(at + days * DAY, certificate.notAfter),
    extensions: hostExtensions(names, request.publicKey, above, purposes),
  }
  return makeCertificate(spec, key)
}

/** 126 random bits in 16 octets, positive and never short. */
function randomSerial(): Uint8Array {
  const octets = new Uint8Array(16)
  fillRandom(octets)
  octets[0] = (octets[0]! & 0x3f) | 0x40
  return octets
}
