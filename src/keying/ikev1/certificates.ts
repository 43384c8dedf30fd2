// Certificates of IKEv1 (RFC 2408 §3.9, §3.10, RFC 4945 §3.2, §3.3): a request names an authority by its distinguished name,
// and a chain goes in several CERT payloads, our own certificate first, in the messages that have an ID payload.
import { certificateEncodingsV1 } from '../../wire/ike/v1-numbers.ts'
import { type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { CertificateCredential, Credential } from '../credentials.ts'
import { isSameDistinguishedName } from '../identity.ts'
import { knownCertificates } from '../known-certificates.ts'
import { findAll } from './opened.ts'

const X509 = certificateEncodingsV1.of['X.509']

/** One for each authority that is trusted, each once. */
export function requestPayloads(credentials: readonly Credential[]): readonly PayloadV1[] {
  const names = new Map<string, Uint8Array>()
  for (const credential of credentials) {
    if (credential.kind !== 'certificate') continue
    for (const { subject } of credential.trust.anchors) names.set(subject.der.toHex(), subject.der)
  }
  return [...names.values()].map(data => payloadV1('certificate-request', { encoding: X509, data }))
}

/** Requests that are kept of one peer; more are passed over. */
const MOST_REQUESTS = 64

export function requestsOf(payloads: readonly PayloadV1[]): readonly Uint8Array[] {
  return findAll(payloads, 'certificate-request')
    .filter(({ encoding }) => encoding === X509)
    .slice(0, MOST_REQUESTS)
    .map(({ data }) => data.slice())
}

export function certificatePayloads({ own }: CertificateCredential): readonly PayloadV1[] {
  return (own?.chain ?? []).map(data => payloadV1('certificate', { encoding: X509, data }))
}

/** Whether one of the authorities asked for stands above our certificate. Nobody asked, or for any: every one will do. */
export function isAskedFor(credential: CertificateCredential, requests: readonly Uint8Array[]): boolean {
  if (requests.length === 0 || requests.some(({ length }) => length === 0)) return true
  const known = knownCertificates(credential.trust)
  const issuers = (credential.own?.chain ?? []).flatMap(der => {
    const read = known.parse(der)
    return read.ok ? [read.value.issuer.der] : []
  })
  return issuers.some(issuer => requests.some(wanted => isSameDistinguishedName(wanted, issuer)))
}
