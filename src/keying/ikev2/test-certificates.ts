// An authority and hosts of it, for the tests of this folder: certificates of one day whose keys are made on the spot.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  type AlternativeName,
  alternativeNames,
  authorityExtensions,
  hostExtensions,
  keyIdentifier,
  makeCertificate,
} from '../../crypto/make-certificate.ts'
import { type Certificate, parseCertificate } from '../../crypto/x509/certificate.ts'
import { address } from '../../policy/test-policies.ts'
import type { CertificateCredential, PublicKeyCredential } from '../credentials.ts'
import { readDistinguishedName } from '../distinguished-name.ts'
import { readIdentity } from '../identity.ts'

const IKE_PURPOSE = '1.3.6.1.5.5.7.3.17'

export interface Keys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const keyMakers = {
  p256: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  ed25519: () => generateKeyPairSync('ed25519'),
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
} as const

export function keysOf(kind: keyof typeof keyMakers): Keys {
  return keyMakers[kind]()
}

export class Authority {
  readonly certificate: Certificate
  readonly #subject: Uint8Array
  readonly #keys = keysOf('p256')
  readonly #date: number
  #issued = 1

  constructor(name: string, date: number) {
    this.#date = date
    this.#subject = nameOf(`CN=${name}`)
    this.certificate = parsed(
      this.#sign(this.#subject, this.#keys.publicKey, authorityExtensions(this.#keys.publicKey, {})),
    )
  }

  /** A host of that identity and no other, which trusts this authority. */
  host(
    identity: string,
    kind: keyof typeof keyMakers,
    changes: Partial<CertificateCredential> = {},
  ): CertificateCredential {
    const keys = keysOf(kind)
    const names: readonly AlternativeName[] = /^[\d.]+$/.test(identity)
      ? [{ kind: 'address', address: address(identity) }]
      : [{ kind: 'dns', text: identity }]
    const issuer = keyIdentifier(this.#keys.publicKey)
    const extensions = hostExtensions(alternativeNames(names, false), keys.publicKey, issuer, [IKE_PURPOSE])
    const own = {
      identity: identityOf(identity),
      chain: [this.#sign(nameOf(`CN=${identity}`), keys.publicKey, extensions)],
      key: keys.privateKey,
      issuers: [this.certificate.publicKeyHash],
    }
    const trust = { anchors: [this.certificate], intermediates: [], crls: [], revocation: 'off' } as const
    return { kind: 'certificate', own, trust, ...changes }
  }

  #sign(subject: Uint8Array, publicKey: KeyObject, extensions: readonly Uint8Array[]): Uint8Array {
    const [notBefore, notAfter] = [this.#date - 3600, this.#date + 86_400]
    const serialNumber = Uint8Array.of(this.#issued++)
    const issuer = this.#subject
    return makeCertificate(
      { subject, issuer, publicKey, serialNumber, notBefore, notAfter, extensions },
      this.#keys.privateKey,
    )
  }
}

export function rawKeys(own: Keys, peer: Keys, identity: string): PublicKeyCredential {
  return { kind: 'publicKey', identity: identityOf(identity), key: own.privateKey, peerKeys: [peer.publicKey] }
}

export function identityOf(text: string) {
  const read = readIdentity(text)
  if (!read.ok) throw new Error(read.error.what)
  return read.value
}

function nameOf(text: string): Uint8Array {
  const read = readDistinguishedName(text)
  if (!read.ok) throw new Error(read.error.what)
  return read.value
}

function parsed(der: Uint8Array): Certificate {
  const read = parseCertificate(der)
  if (!read.ok) throw new Error(read.error.what)
  return read.value
}
