// The small CA of the demo and the certificates of its two hosts. Their keys come from the seed, so that the same seed gives
// the same octets on the wire: Ed25519, whose keys are any 32 octets and whose signatures need no randomness (RFC 8032).

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { parseAddress } from '../../base/address.ts'
import { octetsOf } from '../../base/bytes.ts'
import type { Random } from '../../base/random.ts'
import {
  alternativeNames,
  authorityExtensions,
  hostExtensions,
  keyIdentifier,
  makeCertificate,
} from '../../crypto/make-certificate.ts'
import { type Certificate, parseCertificate } from '../../crypto/x509/certificate.ts'
import { extendedKeyUsages } from '../../crypto/x509/extended-key-usage.ts'
import { identitiesOf } from '../../crypto/x509/identity.ts'
import { writePem } from '../../crypto/x509/pem.ts'
import type { CertificateCredential } from '../../keying/credentials.ts'
import { readDistinguishedName } from '../../keying/distinguished-name.ts'
import { type DemoHost, demoHosts } from './demo-policies.ts'

export interface DemoIdentity {
  readonly host: DemoHost
  readonly certificate: Certificate
  readonly key: KeyObject
}

export interface DemoAuthority {
  readonly certificate: Certificate
  /** In the order of `demoHosts`. */
  readonly hosts: readonly DemoIdentity[]
}

const DAY = 86_400
/** Long enough for whoever tries the written files later. */
const YEARS = 10
const SERIAL_BYTES = 16
const KEY_BYTES = 32

/** `start`: Unix seconds of the recording's first packet. The key of the CA is gone when this returns. */
export function demoAuthority(random: Random, start: number): DemoAuthority {
  const [notBefore, notAfter] = [Math.floor(start) - DAY, Math.floor(start) + YEARS * 365 * DAY]
  const key = seededKey(random)
  const subject = nameOf('CN=sealwire demo CA')
  const validity = { notBefore, notAfter, issuer: subject }
  const publicKey = createPublicKey(key)
  const extensions = authorityExtensions(publicKey, { pathLength: 0 })
  const made = makeCertificate({ ...validity, subject, publicKey, serialNumber: serial(random), extensions }, key)
  const hosts = demoHosts.map(host => {
    const own = seededKey(random)
    const names = alternativeNames(
      [
        { kind: 'dns', text: host.fullName },
        { kind: 'address', address: parseAddress(host.address)! },
      ],
      false,
    )
    const ownPublic = createPublicKey(own)
    const purposes = [extendedKeyUsages.ipsecIKE]
    const spec = {
      ...validity,
      subject: nameOf(`CN=${host.fullName}`),
      publicKey: ownPublic,
      serialNumber: serial(random),
      extensions: hostExtensions(names, ownPublic, keyIdentifier(publicKey), purposes),
    }
    return { host, certificate: parsed(makeCertificate(spec, key)), key: own }
  })
  return { certificate: parsed(made), hosts }
}

/** As loading the written files gives it. */
export function demoCredential(authority: DemoAuthority, index: number): CertificateCredential {
  const { certificate, key } = authority.hosts[index]!
  // By its subject, as a host calls itself that is told nothing else.
  const identity = identitiesOf(certificate).at(-1)!
  const own = { identity, chain: [certificate.der], key, issuers: [authority.certificate.publicKeyHash] }
  const trust = { anchors: [authority.certificate], intermediates: [], crls: [], revocation: 'if-known' } as const
  return { kind: 'certificate', own, trust }
}

export interface CredentialFile {
  readonly name: string
  readonly text: string
  readonly isSecret: boolean
}

/** The files that the policies name. */
export function credentialFiles({ certificate, hosts }: DemoAuthority): readonly CredentialFile[] {
  const file = (name: string, label: string, der: Uint8Array, isSecret = false) => {
    return { name, text: writePem(label, der), isSecret }
  }
  return [
    file('ca.pem', 'CERTIFICATE', certificate.der),
    ...hosts.flatMap(({ host, certificate: own, key }) => [
      file(`${host.name}.pem`, 'CERTIFICATE', own.der),
      file(`${host.name}.key`, 'PRIVATE KEY', octetsOf(key.export({ type: 'pkcs8', format: 'der' })), true),
    ]),
  ]
}

function seededKey(random: Random): KeyObject {
  const key = new Uint8Array(KEY_BYTES)
  random.fill(key)
  return createPrivateKey({ format: 'raw-private', asymmetricKeyType: 'ed25519', key })
}

/** Positive and never short. */
function serial(random: Random): Uint8Array {
  const octets = new Uint8Array(SERIAL_BYTES)
  random.fill(octets)
  octets[0] = (octets[0]! & 0x3f) | 0x40
  return octets
}

function nameOf(text: string): Uint8Array {
  const name = readDistinguishedName(text)
  if (!name.ok) throw new Error(name.error.what)
  return name.value
}

function parsed(der: Uint8Array): Certificate {
  const certificate = parseCertificate(der)
  if (!certificate.ok) throw new Error(certificate.error.what)
  return certificate.value
}
