// What `sealwire cert show` tells of a file: every certificate and request in it in plain values, whether IKE can use it and
// why not, and what a CA's certificate says to it.
import { createHash, type KeyObject } from 'node:crypto'
import { formatAddress } from '../../base/address.ts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import { type CertificateRequest, readRequest } from '../../crypto/certificate-request.ts'
import { describeKey, whyNotForIke } from '../../crypto/private-key.ts'
import { schemeOfIdentifier } from '../../crypto/signature-schemes.ts'
import { type Certificate, parseCertificate } from '../../crypto/x509/certificate.ts'
import { demandOf, extendedKeyUsages, isMeantFor } from '../../crypto/x509/extended-key-usage.ts'
import { type GeneralName, principalNameOf } from '../../crypto/x509/general-name.ts'
import { type TrustStore, validatePath } from '../../crypto/x509/path.ts'
import { readPem } from '../../crypto/x509/pem.ts'
import { addressOfIdentity } from '../../keying/identity.ts'
import { CredentialFiles, certificateOctets } from '../credential-files.ts'

export interface NamedValue {
  /** `address`, `dns`, `email`, `upn`, `directory`, `uri`, `other`. */
  readonly kind: string
  readonly value: string
}

interface Described {
  readonly file: string
  readonly subject: string
  readonly names: readonly NamedValue[]
  /** `ECDSA P-256`. */
  readonly key: string
}

export interface DescribedCertificate extends Described {
  readonly kind: 'certificate'
  readonly issuer: string
  readonly isAuthority: boolean
  readonly isSelfIssued: boolean
  /** Unix seconds. */
  readonly notBefore: number
  readonly notAfter: number
  readonly state: 'valid' | 'expired' | 'not-yet-valid'
  readonly signature: string
  readonly keyUsage: readonly string[]
  readonly extendedKeyUsage: readonly string[]
  /** Hexadecimal. */
  readonly serialNumber: string
  /** SHA-256 of the whole, hexadecimal. */
  readonly fingerprint: string
  /** Whether a host can prove itself with it in IKE, as far as it says itself; empty where nothing stands against it. */
  readonly againstIke: readonly string[]
  /** Only where a CA was named: why it does not accept it, or that it does. */
  readonly judgement?: { readonly accepted: boolean; readonly why: string }
}

export interface DescribedRequest extends Described {
  readonly kind: 'request'
  /** Why no CA should sign it; absent where nothing is wrong. */
  readonly against?: string
}

export interface ShowOrder {
  readonly files: readonly string[]
  readonly ca?: string
  readonly passphrase?: string
}

export type Shown = DescribedCertificate | DescribedRequest

/** Everything in the files, in their order; or every file that cannot be read. */
export function describeFiles(
  { files, ca, passphrase }: ShowOrder,
  at: number,
): Result<readonly Shown[], readonly Problem[]> {
  const reader = new CredentialFiles('')
  const problems: Problem[] = []
  const wrong = (where: string, what: string, hint: string) => problems.push({ severity: 'error', where, what, hint })
  const anchors = ca === undefined ? undefined : reader.certificates(ca, passphrase)
  if (anchors?.ok === false) wrong(`--ca ${ca}`, anchors.error.what, anchors.error.hint)
  const trust = anchors?.ok === true ? trustOf(anchors.value) : undefined
  if (anchors?.ok === true && trust === undefined) {
    wrong(`--ca ${ca}`, 'it holds no CA certificate', "name the file of the CA's own certificate")
  }
  const shown = files.flatMap((file): readonly Shown[] => {
    const bytes = reader.read(file)
    if (!bytes.ok) {
      wrong(file, bytes.error.what, bytes.error.hint)
      return []
    }
    const request = requestIn(bytes.value)
    if (request !== undefined) return [describeRequest(file, request)]
    const ders = certificateOctets(bytes.value, passphrase)
    if (!ders.ok) {
      wrong(file, ders.error.what, ders.error.hint.replace('passphrase: beside it', '--passphrase-file'))
      return []
    }
    const certificates = ders.value.flatMap(der => {
      const read = parseCertificate(der)
      if (!read.ok) wrong(file, `a certificate cannot be read: ${read.error.what}`, '')
      return read.ok ? [read.value] : []
    })
    return certificates.map(one => describeCertificate(file, one, at, trust && { trust, offered: certificates }))
  })
  reader.wipe()
  return problems.length > 0 ? failure(problems) : success(shown)
}

function trustOf(certificates: readonly Certificate[]): TrustStore | undefined {
  const authorities = certificates.filter(one => one.basicConstraints?.isAuthority === true || one.isSelfIssued)
  if (authorities.length === 0) return undefined
  const roots = authorities.filter(({ isSelfIssued }) => isSelfIssued)
  const anchors = roots.length > 0 ? roots : authorities
  return { anchors, intermediates: authorities, crls: [], revocation: 'off' }
}

interface Judge {
  readonly trust: TrustStore
  readonly offered: readonly Certificate[]
}

export function describeCertificate(
  file: string,
  certificate: Certificate,
  at: number,
  judge?: Judge,
): DescribedCertificate {
  const { subject, issuer, notBefore, notAfter, keyUsage, extendedKeyUsage = [] } = certificate
  const isAuthority = certificate.basicConstraints?.isAuthority === true
  return {
    kind: 'certificate',
    file,
    subject: subject.text,
    issuer: issuer.text,
    isAuthority,
    isSelfIssued: certificate.isSelfIssued,
    names: certificate.alternativeNames.map(formatGeneralName),
    notBefore,
    notAfter,
    state: at < notBefore ? 'not-yet-valid' : at > notAfter ? 'expired' : 'valid',
    key: describeKey(certificate.publicKey),
    signature: schemeOfIdentifier(certificate.signed.algorithm)?.name ?? 'an algorithm that is not known here',
    keyUsage: [...(keyUsage ?? [])],
    extendedKeyUsage: extendedKeyUsage.map(nameOfUsage),
    serialNumber: certificate.serialNumber.toHex(),
    fingerprint: createHash('sha256').update(certificate.der).digest('hex'),
    againstIke: againstIke(certificate, at),
    ...(judge && { judgement: judgeCertificate(certificate, isAuthority, judge, at) }),
  }
}

function nameOfUsage(oid: string): string {
  return Object.entries(extendedKeyUsages).find(([, known]) => known === oid)?.[0] ?? oid
}

/** RFC 4945 §5.1.3, and what our own judgement of a peer adds. */
function againstIke(certificate: Certificate, at: number): readonly string[] {
  const { publicKey, keyUsage, extendedKeyUsage, notBefore, notAfter, subject, alternativeNames, signed } = certificate
  const signs = keyUsage === undefined || keyUsage.has('digitalSignature') || keyUsage.has('nonRepudiation')
  const scheme = schemeOfIdentifier(signed.algorithm)
  const reasons: readonly (string | undefined | false)[] = [
    keyFault(publicKey),
    at < notBefore && 'it is not valid yet',
    at > notAfter && 'it is no longer valid',
    !signs && 'its key is not for signing: key usage lacks digitalSignature',
    !isMeantFor(extendedKeyUsage, demandOf(undefined)) &&
      'it states purposes, and IKE is not among them: extended key usage lacks ipsecIKE',
    scheme === undefined && 'it is signed with an algorithm that is not known here',
    scheme?.old !== undefined && `it is signed with ${scheme.name}: ${scheme.old}`,
    subject.text === '' && alternativeNames.length === 0 && 'it names nobody',
  ]
  return reasons.filter(reason => typeof reason === 'string')
}

function keyFault(key: KeyObject): string | undefined {
  return whyNotForIke(key)
}

function judgeCertificate(certificate: Certificate, isAuthority: boolean, { trust, offered }: Judge, at: number) {
  // A CA is asked whether it may sign, not whether it may speak IKE.
  const use = isAuthority ? { keyUsage: ['keyCertSign'] as const, purpose: { kind: 'ignore' } as const } : {}
  const path = validatePath(certificate, offered, trust, { at, ...use })
  if (!path.ok) return { accepted: false, why: path.error.what }
  return {
    accepted: true,
    why: path.value.chain
      .slice(1)
      .map(({ subject }) => subject.text)
      .join(' ← '),
  }
}

function requestIn(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] !== 0x30) {
    const { blocks } = readPem(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
    return blocks.find(({ label }) => label.endsWith('CERTIFICATE REQUEST'))?.der
  }
  return readRequest(bytes).ok ? bytes : undefined
}

function describeRequest(file: string, der: Uint8Array): DescribedRequest {
  const read = readRequest(der)
  if (!read.ok) return { kind: 'request', file, subject: '', names: [], key: '', against: read.error }
  const { subject, alternativeNames, publicKey }: CertificateRequest = read.value
  const unfit = whyNotForIke(publicKey)
  return {
    kind: 'request',
    file,
    subject: subject.text,
    names: alternativeNames.map(formatGeneralName),
    key: describeKey(publicKey),
    ...(unfit === undefined ? {} : { against: unfit }),
  }
}

export function formatGeneralName(name: GeneralName): NamedValue {
  switch (name.kind) {
    case 'address': {
      const address = addressOfIdentity({ type: name.octets.length === 4 ? 1 : 5, data: name.octets })
      return { kind: 'address', value: address === undefined ? name.octets.toHex() : formatAddress(address) }
    }
    case 'rfc822':
      return { kind: 'email', value: name.value }
    case 'dns':
    case 'uri':
      return { kind: name.kind, value: name.value }
    case 'directory':
      return { kind: 'directory', value: name.name.text }
    case 'other': {
      const principal = principalNameOf(name)
      return principal === undefined ? { kind: 'other', value: name.type } : { kind: 'upn', value: principal }
    }
    case 'registered':
      return { kind: 'other', value: name.oid }
    default:
      return { kind: 'other', value: name.kind }
  }
}
