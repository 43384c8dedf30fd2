// The extensions of certificates (RFC 5280 §4.2) as values. Those that bear on whether a path holds are read whole; others
// are passed over, and remembered where they are critical.
import {
  constructed,
  context,
  type Element,
  elementsOf,
  inside,
  NotDer,
  onlyElement,
  readCount,
  readFlag,
  readInteger,
  readNamedBits,
  readOid,
  TAG,
} from './der-reader.ts'
import { type GeneralName, readGeneralName, readGeneralNames } from './general-name.ts'
import { type RelativeName, readRelative } from './name.ts'

export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof keyUsages)[number]

export interface PolicyMapping {
  readonly issuer: string
  readonly subject: string
}

export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

/** Reason flags by their bit (RFC 5280 §4.2.1.13). */
export type Reasons = ReadonlySet<number>

export interface DistributionPoint {
  readonly names: readonly GeneralName[]
  /** Below the name of the CRL's issuer. */
  readonly relative?: RelativeName
  readonly reasons?: Reasons
  readonly issuers: readonly GeneralName[]
}

export interface AuthorityKey {
  readonly keyIdentifier?: Uint8Array
  readonly issuers: readonly GeneralName[]
  readonly serialNumber?: Uint8Array
}

/** What is absent in the certificate is absent here, or empty where it is a list. */
export interface CertificateExtensions {
  readonly basicConstraints?: { readonly isAuthority: boolean; readonly pathLength?: number }
  readonly keyUsage?: ReadonlySet<KeyUsage>
  /** OIDs. */
  readonly extendedKeyUsage?: readonly string[]
  readonly alternativeNames: readonly GeneralName[]
  readonly nameConstraints?: NameConstraints
  /** OIDs. */
  readonly policies?: readonly string[]
  readonly policyMappings: readonly PolicyMapping[]
  readonly requireExplicitPolicy?: number
  readonly inhibitPolicyMapping?: number
  readonly inhibitAnyPolicy?: number
  readonly authorityKey?: AuthorityKey
  readonly subjectKeyIdentifier?: Uint8Array
  readonly distributionPoints: readonly DistributionPoint[]
  /** id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1). */
  readonly isOcspNoCheck: boolean
  /** OIDs of critical extensions that we do not act on, or that may not be critical: nobody may rely on the certificate. */
  readonly unknownCritical: readonly string[]
}

type Draft = { -readonly [K in keyof CertificateExtensions]: CertificateExtensions[K] }

interface Row {
  readonly name: string
  readonly read: (value: Element, into: Draft) => void
  readonly tag: number
  /** RFC 5280 wants it non-critical, always. */
  readonly neverCritical?: true
}

const rows: Readonly<Record<string, Row>> = {
  '2.5.29.14': {
    name: 'subjectKeyIdentifier',
    tag: TAG.octetString,
    neverCritical: true,
    read: (value, into) => {
      into.subjectKeyIdentifier = value.content
    },
  },
  '2.5.29.15': {
    name: 'keyUsage',
    tag: TAG.bitString,
    read: (value, into) => {
      const bits = readNamedBits(value, 'keyUsage')
      if (bits.size === 0) throw new NotDer('keyUsage: no bit is set')
      into.keyUsage = new Set(keyUsages.filter((_, bit) => bits.has(bit)))
    },
  },
  '2.5.29.17': {
    name: 'subjectAltName',
    tag: TAG.sequence,
    read: (value, into) => {
      into.alternativeNames = readGeneralNames(value, 'subjectAltName')
    },
  },
  '2.5.29.19': { name: 'basicConstraints', tag: TAG.sequence, read: readBasicConstraints },
  '2.5.29.30': { name: 'nameConstraints', tag: TAG.sequence, read: readNameConstraints },
  '2.5.29.31': {
    name: 'cRLDistributionPoints',
    tag: TAG.sequence,
    read: (value, into) => {
      into.distributionPoints = elementsOf(value, TAG.sequence, 'cRLDistributionPoints').map(readDistributionPoint)
    },
  },
  '2.5.29.32': { name: 'certificatePolicies', tag: TAG.sequence, read: readPolicies },
  '2.5.29.33': { name: 'policyMappings', tag: TAG.sequence, read: readMappings },
  '2.5.29.35': { name: 'authorityKeyIdentifier', tag: TAG.sequence, neverCritical: true, read: readAuthorityKey },
  '2.5.29.36': { name: 'policyConstraints', tag: TAG.sequence, read: readPolicyConstraints },
  '2.5.29.37': {
    name: 'extKeyUsage',
    tag: TAG.sequence,
    read: (value, into) => {
      into.extendedKeyUsage = elementsOf(value, TAG.oid, 'extKeyUsage').map(one => readOid(one, 'extKeyUsage'))
    },
  },
  '2.5.29.54': {
    name: 'inhibitAnyPolicy',
    tag: TAG.integer,
    read: (value, into) => {
      into.inhibitAnyPolicy = readCount(value, 'inhibitAnyPolicy')
    },
  },
  '1.3.6.1.5.5.7.1.1': {
    name: 'authorityInfoAccess',
    tag: TAG.sequence,
    neverCritical: true,
    // Nothing is fetched; what cannot be read is refused all the same.
    read: value => {
      for (const one of elementsOf(value, TAG.sequence, 'authorityInfoAccess')) {
        const reader = inside(one)
        readOid(reader.take(TAG.oid, 'authorityInfoAccess'), 'authorityInfoAccess')
        readGeneralName(reader, 'authorityInfoAccess')
        reader.end('authorityInfoAccess')
      }
    },
  },
  '1.3.6.1.5.5.7.48.1.5': {
    name: 'ocspNoCheck',
    tag: TAG.null,
    read: (_value, into) => {
      into.isOcspNoCheck = true
    },
  },
}

export interface RawExtension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** More would only cost time. */
const MOST_EXTENSIONS = 100

/** `Extensions`, of certificates, CRLs, their entries and OCSP; each OID once (RFC 5280 §4.2). */
export function readExtensionList(list: Element): readonly RawExtension[] {
  const found = elementsOf(list, TAG.sequence, 'extensions').map(element => {
    const reader = inside(element)
    const oid = readOid(reader.take(TAG.oid, 'extension'), 'extension')
    const critical = readFlag(reader.optional(TAG.boolean, 'critical'), 'critical')
    const value = reader.take(TAG.octetString, `extension ${oid}`).content
    reader.end(`extension ${oid}`)
    return { oid, critical, value }
  })
  if (found.length > MOST_EXTENSIONS) throw new NotDer(`${found.length} extensions`)
  if (new Set(found.map(one => one.oid)).size < found.length) throw new NotDer('an extension stands twice')
  return found
}

export function readCertificateExtensions(list: readonly RawExtension[]): CertificateExtensions {
  const into: Draft = {
    alternativeNames: [],
    policyMappings: [],
    distributionPoints: [],
    isOcspNoCheck: false,
    unknownCritical: list
      .filter(one => one.critical && (rows[one.oid] === undefined || rows[one.oid]!.neverCritical === true))
      .map(one => one.oid),
  }
  for (const { oid, value } of list) {
    const row = rows[oid]
    if (row !== undefined) row.read(onlyElement(value, row.tag, row.name), into)
  }
  return into
}

function readBasicConstraints(value: Element, into: Draft): void {
  const reader = inside(value)
  const isAuthority = readFlag(reader.optional(TAG.boolean, 'cA'), 'cA')
  const length = reader.optional(TAG.integer, 'pathLenConstraint')
  reader.end('basicConstraints')
  const pathLength = length === undefined ? {} : { pathLength: readCount(length, 'pathLenConstraint') }
  into.basicConstraints = { isAuthority, ...pathLength }
}

function readNameConstraints(value: Element, into: Draft): void {
  const reader = inside(value)
  const permitted = reader.optional(constructed(0), 'permittedSubtrees')
  const excluded = reader.optional(constructed(1), 'excludedSubtrees')
  reader.end('nameConstraints')
  if (permitted === undefined && excluded === undefined) throw new NotDer('nameConstraints: neither of its lists')
  const read = (list: Element | undefined) =>
    list === undefined ? [] : elementsOf(list, TAG.sequence, 'nameConstraints').map(readSubtree)
  into.nameConstraints = { permitted: read(permitted), excluded: read(excluded) }
}

/** `minimum` is 0 and `maximum` absent in this profile, and zero is the default, which DER leaves out. */
function readSubtree(element: Element): GeneralName {
  const reader = inside(element)
  const base = readGeneralName(reader, 'nameConstraints', true)
  reader.end('nameConstraints')
  return base
}

function readPolicies(value: Element, into: Draft): void {
  const policies = elementsOf(value, TAG.sequence, 'certificatePolicies').map(element => {
    const reader = inside(element)
    const oid = readOid(reader.take(TAG.oid, 'certificatePolicies'), 'certificatePolicies')
    // Qualifiers are words for people and links to more of them.
    reader.optional(TAG.sequence, 'policyQualifiers')
    reader.end('certificatePolicies')
    return oid
  })
  if (new Set(policies).size < policies.length) throw new NotDer('certificatePolicies: a policy stands twice')
  into.policies = policies
}

function readMappings(value: Element, into: Draft): void {
  into.policyMappings = elementsOf(value, TAG.sequence, 'policyMappings').map(element => {
    const reader = inside(element)
    const issuer = readOid(reader.take(TAG.oid, 'policyMappings'), 'policyMappings')
    const subject = readOid(reader.take(TAG.oid, 'policyMappings'), 'policyMappings')
    reader.end('policyMappings')
    return { issuer, subject }
  })
}

function readPolicyConstraints(value: Element, into: Draft): void {
  const reader = inside(value)
  const explicit = reader.optional(context(0), 'requireExplicitPolicy')
  const mapping = reader.optional(context(1), 'inhibitPolicyMapping')
  reader.end('policyConstraints')
  if (explicit === undefined && mapping === undefined) throw new NotDer('policyConstraints: neither of its numbers')
  if (explicit !== undefined) into.requireExplicitPolicy = readCount(explicit, 'requireExplicitPolicy')
  if (mapping !== undefined) into.inhibitPolicyMapping = readCount(mapping, 'inhibitPolicyMapping')
}

function readAuthorityKey(value: Element, into: Draft): void {
  into.authorityKey = authorityKeyOf(value)
}

export function authorityKeyOf(value: Element): AuthorityKey {
  const reader = inside(value)
  const key = reader.optional(context(0), 'keyIdentifier')
  const issuers = reader.optional(constructed(1), 'authorityCertIssuer')
  const serial = reader.optional(context(2), 'authorityCertSerialNumber')
  reader.end('authorityKeyIdentifier')
  return {
    ...(key === undefined ? {} : { keyIdentifier: key.content }),
    issuers: issuers === undefined ? [] : readGeneralNames(issuers, 'authorityCertIssuer'),
    ...(serial === undefined ? {} : { serialNumber: readInteger(serial, 'authorityCertSerialNumber') }),
  }
}

export function readDistributionPoint(element: Element): DistributionPoint {
  const reader = inside(element)
  const point = reader.optional(constructed(0), 'distributionPoint')
  const reasons = reader.optional(context(1), 'reasons')
  const issuers = reader.optional(constructed(2), 'cRLIssuer')
  reader.end('distribution point')
  if (point === undefined && issuers === undefined) throw new NotDer('a distribution point without name and issuer')
  return {
    ...(point === undefined ? { names: [] } : readPointName(point)),
    ...(reasons === undefined ? {} : { reasons: readNamedBits(reasons, 'reasons') }),
    issuers: issuers === undefined ? [] : readGeneralNames(issuers, 'cRLIssuer'),
  }
}

/** DistributionPointName: a CHOICE, so its own tags stand inside the tag of the field. */
export function readPointName(field: Element): Pick<DistributionPoint, 'names' | 'relative'> {
  const reader = inside(field)
  const element = reader.any('distributionPoint')
  reader.end('distributionPoint')
  if (element.tag === constructed(0)) return { names: readGeneralNames(element, 'distributionPoint') }
  if (element.tag === constructed(1)) return { names: [], relative: readRelative(element, 'distributionPoint') }
  throw new NotDer('distributionPoint: no kind of name')
}
