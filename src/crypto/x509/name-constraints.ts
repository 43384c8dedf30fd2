// Name constraints (RFC 5280 §4.2.1.10): what a CA may certify. A name of a kind that is constrained in a way we cannot judge
// is refused. Directory names, DNS, mail, URI and IP addresses are judged; otherName, X.400, EDI and registered IDs are not.
import type { Certificate } from './certificate.ts'
import type { NameConstraints } from './certificate-extensions.ts'
import type { GeneralName } from './general-name.ts'
import { isEmptyName, isNameWithin } from './name.ts'
import type { Effort } from './signature-check.ts'

/** Why the certificate's names are outside what an issuer above it may certify; undefined where they are inside. */
export function constraintFault(
  certificate: Certificate,
  constraints: NameConstraints,
  effort: Effort,
): string | undefined {
  const names = constrainedNames(certificate)
  const { permitted, excluded } = constraints
  // Thousands of names against thousands of constraints would be a cheap way to make us work.
  if (!effort.compare(names.length * (permitted.length + excluded.length))) return 'too many names and constraints'
  const broken = [...permitted, ...excluded].find(base => !isWellFormed(base))
  if (broken !== undefined) return `a name constraint that cannot be understood: ${textOf(broken)}`
  // Addresses of both families are one kind: a permitted IPv4 network alone leaves IPv6 without a permission.
  for (const name of names) {
    if (excluded.some(base => base.kind === name.kind && mayMatch(name, base, true))) {
      return `${textOf(name)} is excluded by a name constraint`
    }
    const sameKind = permitted.filter(base => base.kind === name.kind)
    if (sameKind.length > 0 && !sameKind.some(base => mayMatch(name, base, false))) {
      return `${textOf(name)} is not within the name constraints`
    }
  }
  return undefined
}

function constrainedNames(certificate: Certificate): readonly GeneralName[] {
  const { subject, alternativeNames } = certificate
  const directory: readonly GeneralName[] = isEmptyName(subject) ? [] : [{ kind: 'directory', name: subject }]
  const mails = subject.emails.map(value => ({ kind: 'rfc822', value }) as const)
  return [...directory, ...mails, ...alternativeNames]
}

function isWellFormed(base: GeneralName): boolean {
  switch (base.kind) {
    case 'rfc822':
      return /^([^@]+@)?\.?[^@.][^@]*$/.test(base.value) || base.value === ''
    case 'dns':
      return /^\.?([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*$/.test(base.value)
    case 'uri':
      return /^\.?([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+$/.test(base.value)
    default:
      return true
  }
}

/** Where one cannot be judged: excluded counts as matching and permitted as not. */
function mayMatch(name: GeneralName, base: GeneralName, isExcluded: boolean): boolean {
  if (name.kind === 'directory' && base.kind === 'directory') return isNameWithin(name.name, base.name)
  if (name.kind === 'address' && base.kind === 'address') return isAddressWithin(name.octets, base.octets)
  if (name.kind === 'dns' && base.kind === 'dns') return matchesDns(name.value, base.value, isExcluded)
  if (name.kind === 'rfc822' && base.kind === 'rfc822') return matchesMail(name.value, base.value, isExcluded)
  if (name.kind === 'uri' && base.kind === 'uri') return matchesUri(name.value, base.value, isExcluded)
  return isExcluded
}

/** The mask stands behind the address; it need not be a prefix. */
function isAddressWithin(address: Uint8Array, base: Uint8Array): boolean {
  const { length } = address
  if (base.length !== length * 2) return false
  return address.every((octet, at) => (octet & base[length + at]!) === (base[at]! & base[length + at]!))
}

const domain = (text: string) => text.toLowerCase().replace(/\.$/, '')
const isBelow = (name: string, parent: string) => parent === '' || name.endsWith(`.${parent}`)

function matchesDns(name: string, base: string, isExcluded: boolean): boolean {
  const [own, limit] = [domain(name), domain(base)]
  // With a dot in front it is about what lies below alone, as many CAs write it.
  const within = limit.startsWith('.') ? own.endsWith(limit) : own === limit || isBelow(own, limit)
  if (within || !isExcluded || !own.startsWith('*.')) return within
  // A wildcard stands for names that an exclusion inside its domain forbids (CVE-2025-61727).
  const bare = limit.replace(/^\./, '')
  return bare === own.slice(2) || isBelow(bare, own.slice(2))
}

function matchesMail(name: string, base: string, isExcluded: boolean): boolean {
  const at = name.lastIndexOf('@')
  if (at <= 0) return isExcluded
  const [local, host] = [name.slice(0, at), domain(name.slice(at + 1))]
  const limitAt = base.lastIndexOf('@')
  if (limitAt < 0) return matchesHost(host, domain(base))
  const limitLocal = base.slice(0, limitAt)
  // Letter case counts in the local part (RFC 5280 §7.5), but nobody shall slip out of an exclusion by it.
  const isSameLocal = local === limitLocal || (isExcluded && local.toLowerCase() === limitLocal.toLowerCase())
  return isSameLocal && host === domain(base.slice(limitAt + 1))
}

/** `.example.org` is every host below, `example.org` the host alone: of mail and URI, unlike DNS. */
function matchesHost(host: string, limit: string): boolean {
  return limit === '' || (limit.startsWith('.') ? host.endsWith(limit) : host === limit)
}

function matchesUri(name: string, base: string, isExcluded: boolean): boolean {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(name)?.[1]
  const host = domain((authority ?? '').replace(/^.*@/, '').replace(/:\d*$/, ''))
  // Without a host name there is nothing to hold against the constraint, so it has to be refused.
  if (!/^[a-z0-9_.-]+$/.test(host) || /(^|\.)\d*$/.test(host)) return isExcluded
  return matchesHost(host, domain(base))
}

export function textOf(name: GeneralName): string {
  switch (name.kind) {
    case 'directory':
      return name.name.text
    case 'address':
      return `the address ${name.octets.toHex()}`
    case 'registered':
      return name.oid
    case 'other':
      return `an otherName of the type ${name.type}`
    case 'x400':
    case 'edi':
      return `a name of the kind ${name.kind}`
    default:
      return name.value
  }
}
