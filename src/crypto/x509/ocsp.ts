// OCSP responses (RFC 6960 §4.2) as IKEv2 carries them beside certificates (RFC 4806): signed by the CA itself or by a
// responder that the CA has appointed, about this certificate, and fresh. There is no nonce, as the holder of the certificate
// brings the response.

import { createHash } from 'node:crypto'
import { isSameOctets } from '../../base/bytes.ts'
import { failure, type Result, success } from '../../base/result.ts'
import { type Certificate, parseCertificate, readSigned, type SignedPart } from './certificate.ts'
import { readExtensionList } from './certificate-extensions.ts'
import {
  constructed,
  context,
  type Element,
  type ElementReader,
  elementsOf,
  inside,
  NotDer,
  onlyElement,
  readInteger,
  readOid,
  readStrictly,
  readTime,
  TAG,
} from './der-reader.ts'
import { extendedKeyUsages } from './extended-key-usage.ts'
import { isSameName, type Name, readName } from './name.ts'
import { certificateFault } from './path-rules.ts'
import type { Effort } from './signature-check.ts'

export const MOST_RESPONSE_OCTETS = 65_536
const [MOST_ANSWERS, MOST_CERTIFICATES] = [64, 8]

interface Answer {
  readonly hash: string
  readonly issuerName: Uint8Array
  readonly issuerKey: Uint8Array
  readonly serialNumber: Uint8Array
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly thisUpdate: number
  readonly nextUpdate?: number
}

export interface OcspResponse {
  readonly signed: SignedPart
  readonly responder:
    | { readonly kind: 'name'; readonly name: Name }
    | { readonly kind: 'key'; readonly hash: Uint8Array }
  readonly answers: readonly Answer[]
  readonly certificates: readonly Certificate[]
}

export interface OcspFault {
  readonly kind: 'malformed' | 'too-long' | 'not-successful'
  readonly what: string
}

export function parseOcspResponse(der: Uint8Array): Result<OcspResponse, OcspFault> {
  if (der.length > MOST_RESPONSE_OCTETS) return failure({ kind: 'too-long', what: `${der.length} octets of OCSP` })
  const read = readStrictly(() => readOuter(Uint8Array.from(der)))
  if (!read.ok) return failure({ kind: 'malformed', what: read.error })
  if (typeof read.value !== 'number') return success(read.value)
  return failure({ kind: 'not-successful', what: `the OCSP responder answered with status ${read.value}` })
}

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'

/** A number is the status of a responder that has no answer. */
function readOuter(der: Uint8Array): OcspResponse | number {
  const outer = inside(onlyElement(der, TAG.sequence, 'OCSP response'))
  const { content } = outer.take(TAG.enumerated, 'responseStatus')
  const [status] = content
  if (status === undefined || content.length !== 1) throw new NotDer('responseStatus: not one octet')
  const field = outer.optional(constructed(0), 'responseBytes')
  outer.end('OCSP response')
  if (status !== 0) return status
  if (field === undefined) throw new NotDer('OCSP response: successful and empty')
  const bytes = inside(onlyElement(field.content, TAG.sequence, 'responseBytes'))
  const type = readOid(bytes.take(TAG.oid, 'responseType'), 'responseType')
  const response = bytes.take(TAG.octetString, 'response').content
  bytes.end('responseBytes')
  if (type !== BASIC_RESPONSE) throw new NotDer(`an OCSP response of the type ${type}`)
  return readBasic(onlyElement(response, TAG.sequence, 'basic response'))
}

function readBasic(whole: Element): OcspResponse {
  const { signed, body, behind } = readSigned(whole, 'OCSP response')
  const field = behind.optional(constructed(0), 'certs')
  behind.end('basic response')
  const reader = inside(body)
  // Version 1 is the only one, and the default, which DER leaves out.
  const responder = readResponder(reader.any('responderID'))
  readTime(reader, 'producedAt')
  const answers = elementsOf(reader.take(TAG.sequence, 'responses'), TAG.sequence, 'responses')
  refuseCritical(reader.optional(constructed(1), 'responseExtensions'))
  reader.end('tbsResponseData')
  if (answers.length > MOST_ANSWERS) throw new NotDer(`${answers.length} answers`)
  return { signed, responder, answers: answers.map(readAnswer), certificates: readCertificates(field) }
}

function readResponder(element: Element): OcspResponse['responder'] {
  const reader = inside(element)
  if (element.tag === constructed(1)) {
    const name = readName(reader, 'responderID')
    reader.end('responderID')
    return { kind: 'name', name }
  }
  if (element.tag !== constructed(2)) throw new NotDer('responderID: neither name nor key')
  return { kind: 'key', hash: onlyElement(element.content, TAG.octetString, 'responderID').content }
}

/** Those that cannot be read are of no use to anybody and harm nobody. */
function readCertificates(field: Element | undefined): readonly Certificate[] {
  if (field === undefined) return []
  const list = onlyElement(field.content, TAG.sequence, 'certs')
  if (list.content.length === 0) return []
  return elementsOf(list, TAG.sequence, 'certs')
    .slice(0, MOST_CERTIFICATES)
    .flatMap(element => {
      const read = parseCertificate(element.whole)
      return read.ok ? [read.value] : []
    })
}

const hashes: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

function readAnswer(element: Element): Answer {
  const reader = inside(element)
  const identifier = inside(reader.take(TAG.sequence, 'certID'))
  const algorithm = inside(identifier.take(TAG.sequence, 'hashAlgorithm'))
  const hash = hashes[readOid(algorithm.take(TAG.oid, 'hashAlgorithm'), 'hashAlgorithm')] ?? ''
  const issuerName = identifier.take(TAG.octetString, 'issuerNameHash').content
  const issuerKey = identifier.take(TAG.octetString, 'issuerKeyHash').content
  const serialNumber = readInteger(identifier.take(TAG.integer, 'serialNumber'), 'serialNumber')
  identifier.end('certID')
  const status = statusOf(reader.any('certStatus'))
  const thisUpdate = readTime(reader, 'thisUpdate')
  const nextUpdate = readNext(reader.optional(constructed(0), 'nextUpdate'))
  refuseCritical(reader.optional(constructed(1), 'singleExtensions'))
  reader.end('response')
  const next = nextUpdate === undefined ? {} : { nextUpdate }
  return { hash, issuerName, issuerKey, serialNumber, status, thisUpdate, ...next }
}

function statusOf(element: Element): Answer['status'] {
  if (element.tag === context(0) && element.content.length === 0) return 'good'
  if (element.tag === constructed(1)) return 'revoked'
  if (element.tag === context(2)) return 'unknown'
  throw new NotDer('certStatus: none that is known')
}

function readNext(field: Element | undefined): number | undefined {
  if (field === undefined) return undefined
  const reader: ElementReader = inside(field)
  const time = readTime(reader, 'nextUpdate')
  reader.end('nextUpdate')
  return time
}

function refuseCritical(field: Element | undefined): void {
  if (field === undefined) return
  const list = readExtensionList(onlyElement(field.content, TAG.sequence, 'extensions'))
  const critical = list.find(one => one.critical)
  if (critical !== undefined) throw new NotDer(`an unknown critical extension ${critical.oid}`)
}

export interface Verdict {
  readonly kind: 'good' | 'revoked' | 'unknown'
  /** Why; in words for a report. */
  readonly what: string
}

export interface OcspRules {
  readonly at: number
  readonly effort: Effort
  /** Of an appointed responder's certificate that does not say that nobody need ask (id-pkix-ocsp-nocheck). */
  readonly statusOf: (responder: Certificate) => Verdict
}

/** Without nextUpdate newer answers are always at hand (RFC 6960 §4.2.2.1), so an old one is no answer. */
const MOST_AGE_SECONDS = 86_400

/** What a response says of a certificate; `issuer` holds the key that signed it. */
export function ocspVerdict(
  response: OcspResponse,
  certificate: Certificate,
  issuer: Certificate,
  rules: OcspRules,
): Verdict {
  const answers = response.answers.filter(answer => isAbout(answer, certificate, issuer))
  if (answers.length === 0) return { kind: 'unknown', what: 'the OCSP response is about other certificates' }
  const why = signerFault(response, issuer, rules)
  if (why !== undefined) return { kind: 'unknown', what: `the OCSP response: ${why}` }
  // Old news of a revocation are news of a revocation.
  if (answers.some(answer => answer.status === 'revoked')) return { kind: 'revoked', what: 'revoked, says OCSP' }
  const current = answers.filter(answer => answer.thisUpdate <= rules.at && rules.at <= lastMoment(answer))
  if (current.length === 0) return { kind: 'unknown', what: 'the OCSP response is out of date' }
  const isGood = current.every(answer => answer.status === 'good')
  return isGood ? { kind: 'good', what: 'good, says OCSP' } : { kind: 'unknown', what: 'OCSP does not know it' }
}

const lastMoment = (answer: Answer) => answer.nextUpdate ?? answer.thisUpdate + MOST_AGE_SECONDS

function isAbout(answer: Answer, certificate: Certificate, issuer: Certificate): boolean {
  if (answer.hash === '' || !isSameOctets(answer.serialNumber, certificate.serialNumber)) return false
  const digest = (bytes: Uint8Array) => createHash(answer.hash).update(bytes).digest()
  return (
    isSameOctets(answer.issuerName, digest(certificate.issuer.der)) &&
    isSameOctets(answer.issuerKey, digest(issuer.publicKeyBits))
  )
}

/** §4.2.2.2: the CA itself, or whom it has certified, directly and for this purpose. */
function signerFault(response: OcspResponse, issuer: Certificate, rules: OcspRules): string | undefined {
  const { effort, at } = rules
  const isNamed = ({ subject, publicKeyBits }: Certificate) =>
    response.responder.kind === 'name'
      ? isSameName(subject, response.responder.name)
      : isSameOctets(response.responder.hash, createHash('sha1').update(publicKeyBits).digest())
  if (isNamed(issuer)) {
    const why = effort.signatureFault(response.signed, issuer.publicKey)
    if (why === undefined) return undefined
  }
  let worst = 'its signer is neither the CA nor appointed by it'
  for (const responder of response.certificates) {
    if (!isNamed(responder) || !isSameName(responder.issuer, issuer.subject)) continue
    const why =
      effort.signatureFault(responder.signed, issuer.publicKey) ??
      certificateFault(responder, at, effort.allowOld)?.what ??
      appointmentFault(responder, rules) ??
      effort.signatureFault(response.signed, responder.publicKey)
    if (why === undefined) return undefined
    worst = why
  }
  return worst
}

function appointmentFault(responder: Certificate, rules: OcspRules): string | undefined {
  const who = responder.subject.text
  // The purpose by name: a certificate for any purpose would make every host a responder.
  if (responder.extendedKeyUsage?.includes(extendedKeyUsages.ocspSigning) !== true) return `${who} is no OCSP responder`
  if (responder.keyUsage !== undefined && !responder.keyUsage.has('digitalSignature')) return `${who} must not sign`
  if (responder.isOcspNoCheck) return undefined
  const status = rules.statusOf(responder)
  return status.kind === 'good' ? undefined : `whether ${who} is revoked: ${status.what}`
}
