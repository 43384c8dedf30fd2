// Reading a certificate request (PKCS #10, RFC 2986): who it is for, its key, the alternative names that it asks for, and
// whether it was signed by that key. All other extensions that it asks for are the CA's to decide and are only named.
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { failure, type Result, success } from '../base/result.ts'
import { EXTENSION_REQUEST, SUBJECT_ALTERNATIVE_NAME } from './make-certificate.ts'
import { type SignatureScheme, schemeOfIdentifier } from './signature-schemes.ts'
import {
  constructed,
  type Element,
  type ElementReader,
  inside,
  onlyElement,
  readOid,
  readStrictly,
  readWholeBits,
  TAG,
} from './x509/der-reader.ts'
import { type GeneralName, readGeneralNames } from './x509/general-name.ts'
import { type Name, readName, readNameOctets } from './x509/name.ts'

export interface CertificateRequest {
  readonly subject: Name
  readonly publicKey: KeyObject
  readonly alternativeNames: readonly GeneralName[]
  /** The value of a subject alternative name in DER, as it is to stand in the certificate; absent where none is asked for. */
  readonly alternativeNamesDer?: Uint8Array
  /** Other extensions that are asked for, by their OIDs. */
  readonly others: readonly string[]
}

/** What stands in a request before anything is believed of it. */
interface Asked {
  readonly signed: Uint8Array
  readonly subject: Uint8Array
  readonly publicKeyInfo: Uint8Array
  readonly algorithm: Uint8Array
  readonly signature: Uint8Array
  readonly extensions: ReadonlyMap<string, Uint8Array>
}

/** `error` says in words what is wrong. */
export function readRequest(der: Uint8Array): Result<CertificateRequest, string> {
  const asked = readStrictly(() => readAsked(der))
  if (!asked.ok) return failure(`this is no certificate request (PKCS #10): ${asked.error}`)
  const { signed, publicKeyInfo, algorithm, signature, extensions } = asked.value
  const publicKey = readKey(publicKeyInfo)
  if (publicKey === undefined) return failure('its public key cannot be read')
  const scheme = schemeOfIdentifier(algorithm)
  if (scheme === undefined) return failure('it is signed with an algorithm that is not known here')
  if (scheme.old !== undefined) return failure(`it is signed with ${scheme.name}: ${scheme.old}`)
  // Who does not hold the key must not get a certificate for it (RFC 2986 §3).
  if (!isSignedBy(publicKey, scheme, signed, signature)) {
    return failure('its signature does not fit its own public key: it was changed, or made with another key')
  }
  const alternativeNamesDer = extensions.get(SUBJECT_ALTERNATIVE_NAME)
  const names = readStrictly(() =>
    alternativeNamesDer === undefined
      ? []
      : readGeneralNames(onlyElement(alternativeNamesDer, TAG.sequence, 'alternative names'), 'alternative names'),
  )
  if (!names.ok) return failure(names.error)
  const subject = readNameOctets(asked.value.subject, 'subject')
  return success({
    subject,
    publicKey,
    alternativeNames: names.value,
    ...(alternativeNamesDer === undefined ? {} : { alternativeNamesDer }),
    others: [...extensions.keys()].filter(oid => oid !== SUBJECT_ALTERNATIVE_NAME),
  })
}

function readAsked(der: Uint8Array): Asked {
  const request = inside(onlyElement(der, TAG.sequence, 'request'))
  const info = request.take(TAG.sequence, 'request')
  const algorithm = request.take(TAG.sequence, 'signature algorithm').whole
  const signature = readWholeBits(request.take(TAG.bitString, 'signature'), 'signature')
  request.end('request')
  const fields = inside(info)
  fields.take(TAG.integer, 'version')
  const subject = readName(fields, 'subject').der
  const publicKeyInfo = fields.take(TAG.sequence, 'public key').whole
  const extensions = fields.done ? new Map() : readAttributes(inside(fields.take(constructed(0), 'attributes')))
  fields.end('request')
  return { signed: info.whole, subject, publicKeyInfo, algorithm, signature, extensions }
}

/** Of attributes only the one that asks for extensions counts; others are passwords and templates for real CAs. */
function readAttributes(attributes: ElementReader): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  while (!attributes.done) {
    const attribute = inside(attributes.take(TAG.sequence, 'attribute'))
    const type = readOid(attribute.take(TAG.oid, 'attribute'), 'attribute')
    const values = attribute.take(TAG.set, 'attribute')
    if (type !== EXTENSION_REQUEST) continue
    const list = inside(onlyElement(values.content, TAG.sequence, 'extensions'))
    while (!list.done) readExtension(list.take(TAG.sequence, 'extension'), found)
  }
  return found
}

function readExtension(element: Element, found: Map<string, Uint8Array>): void {
  const parts = inside(element)
  const oid = readOid(parts.take(TAG.oid, 'extension'), 'extension')
  if (parts.tag === TAG.boolean) parts.any('extension')
  found.set(oid, parts.take(TAG.octetString, 'extension').content)
  parts.end('extension')
}

function readKey(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function isSignedBy(key: KeyObject, scheme: SignatureScheme, octets: Uint8Array, signature: Uint8Array): boolean {
  if (scheme.family === 'rsa-pss') return false
  try {
    return verify(scheme.hash.digest ?? null, octets, { key, dsaEncoding: 'der' }, signature)
  } catch {
    return false
  }
}
