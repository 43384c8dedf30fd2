// Which IKE identities a certificate stands for (RFC 4945 §3.1): each kind of identification payload has its place in the
// certificate, and only there. The subject's common name is never taken for a host name, and a wildcard is a name like any
// other, matched by itself alone.
import { isSameOctets } from '../../base/bytes.ts'
import type { Certificate } from './certificate.ts'
import { readStrictly } from './der-reader.ts'
import { principalNameOf } from './general-name.ts'
import { isEmptyName, isSameName, readNameOctets } from './name.ts'

/** IANA's IKEv2 Identification Payload ID Types. */
const [ID_IPV4_ADDR, ID_FQDN, ID_RFC822_ADDR, ID_IPV6_ADDR, ID_DER_ASN1_DN] = [1, 2, 3, 5, 9] as const

/** `type` and `data` as the identification payload has them. */
export interface CertificateIdentity {
  readonly type: number
  readonly data: Uint8Array
}

export function bindsIdentity(certificate: Certificate, identity: CertificateIdentity): boolean {
  const { alternativeNames, subject } = certificate
  const { type, data } = identity
  switch (type) {
    case ID_IPV4_ADDR:
    case ID_IPV6_ADDR:
      if (data.length !== (type === ID_IPV4_ADDR ? 4 : 16)) return false
      return alternativeNames.some(name => name.kind === 'address' && isSameOctets(name.octets, data))
    case ID_FQDN: {
      const wanted = hostName(data)
      return wanted !== '' && alternativeNames.some(name => name.kind === 'dns' && name.value.toLowerCase() === wanted)
    }
    case ID_RFC822_ADDR: {
      const wanted = mailName(data)
      return (
        wanted !== undefined && alternativeNames.some(name => name.kind === 'rfc822' && foldMail(name.value) === wanted)
      )
    }
    case ID_DER_ASN1_DN: {
      const wanted = readStrictly(() => readNameOctets(data, 'identity'))
      return wanted.ok && !isEmptyName(wanted.value) && isSameName(wanted.value, subject)
    }
    default:
      return false
  }
}

/** What its holder may say of itself: names in subjectAltName first, in their order, and the subject last. */
export function identitiesOf(certificate: Certificate): readonly CertificateIdentity[] {
  const found: CertificateIdentity[] = certificate.alternativeNames.flatMap((name): readonly CertificateIdentity[] => {
    switch (name.kind) {
      case 'address':
        return [{ type: name.octets.length === 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR, data: name.octets }]
      case 'dns':
        return name.value === '' ? [] : [{ type: ID_FQDN, data: ascii(name.value) }]
      case 'rfc822':
        return [{ type: ID_RFC822_ADDR, data: ascii(name.value) }]
      default:
        return []
    }
  })
  if (!isEmptyName(certificate.subject)) found.push({ type: ID_DER_ASN1_DN, data: certificate.subject.der })
  return found
}

/** Windows's user principal names, `host$@corp.example`, by which it maps certificates to accounts. */
export function principalNamesOf(certificate: Certificate): readonly string[] {
  return certificate.alternativeNames.flatMap(name => principalNameOf(name) ?? [])
}

const ascii = (text: string) => new TextEncoder().encode(text)

/** '' for what is no plain text: octets beyond ASCII could look like another name. */
function hostName(data: Uint8Array): string {
  if (data.length > 1024) return ''
  return data.every(octet => octet > 0x20 && octet < 0x7f) ? String.fromCharCode(...data).toLowerCase() : ''
}

/** RFC 5280 §7.5: letter case counts before the @ and not behind it. */
function foldMail(text: string): string {
  const at = text.lastIndexOf('@')
  return text.slice(0, at) + text.slice(at).toLowerCase()
}

function mailName(data: Uint8Array): string | undefined {
  if (data.length > 1024 || !data.every(octet => octet > 0x20 && octet < 0x7f)) return undefined
  const text = String.fromCharCode(...data)
  return text.indexOf('@') > 0 ? foldMail(text) : undefined
}
