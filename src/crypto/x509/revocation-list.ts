// Certificate revocation lists (RFC 5280 §5) as values: complete and delta, direct and indirect, of a whole CA or a part of its
// certificates. Reading one judges nothing: who signed it and what it is good for is the matter of revocation.ts.
import { failure, type Result, success } from '../../base/result.ts'
import { checkAlgorithm, readSigned, type SignedPart } from './certificate.ts'
import {
  type AuthorityKey,
  authorityKeyOf,
  type DistributionPoint,
  type RawExtension,
  type Reasons,
  readExtensionList,
  readPointName,
} from './certificate-extensions.ts'
import {
  constructed,
  context,
  type Element,
  type ElementReader,
  inside,
  NotDer,
  onlyElement,
  readBoolean,
  readCount,
  readInteger,
  readNamedBits,
  readStrictly,
  readTime,
  TAG,
} from './der-reader.ts'
import { readGeneralNames } from './general-name.ts'
import { type Name, nameKey, readName } from './name.ts'
import { readPemOrDer, revocationListLabels } from './pem.ts'

/** In octets: some hundred thousand entries. */
export const MOST_LIST_OCTETS = 32 * 1024 * 1024

export interface RevokedEntry {
  /** CRLReason (RFC 5280 §5.3.1); 0 where none is stated. */
  readonly reason: number
}

/** What a list is about, where it is not about all certificates of its issuer. */
export interface Scope {
  readonly point?: Pick<DistributionPoint, 'names' | 'relative'>
  readonly onlyUsers: boolean
  readonly onlyAuthorities: boolean
  readonly onlyAttributes: boolean
  readonly onlyReasons?: Reasons
  readonly isIndirect: boolean
  /** DER; a delta and its base have the same. */
  readonly der: Uint8Array
}

export interface RevocationList {
  readonly signed: SignedPart
  readonly issuer: Name
  /** Unix seconds. */
  readonly thisUpdate: number
  readonly nextUpdate?: number
  /** Content of its INTEGER, in hex of 40 digits so that texts compare as numbers do. */
  readonly number?: string
  /** Of a delta: the least number of a complete list that it goes with. */
  readonly base?: string
  readonly scope?: Scope
  readonly authorityKey?: AuthorityKey
  /** Why nobody can be cleared by it; what it names as revoked is revoked all the same (RFC 5280 §5.2). */
  readonly flaws: readonly string[]
  readonly count: number
  find(certificateIssuer: Name, serialNumber: Uint8Array): RevokedEntry | undefined
}

export interface RevocationListFault {
  readonly kind: 'malformed' | 'too-long'
  readonly what: string
}

export function parseRevocationList(der: Uint8Array): Result<RevocationList, RevocationListFault> {
  if (der.length > MOST_LIST_OCTETS) return failure({ kind: 'too-long', what: `a CRL of ${der.length} octets` })
  const read = readStrictly(() => readList(Uint8Array.from(der)))
  return read.ok ? success(read.value) : failure({ kind: 'malformed', what: read.error })
}

/** Of a file's content, PEM with any number of lists, or DER. */
export function readRevocationLists(file: Uint8Array): readonly Result<RevocationList, RevocationListFault>[] {
  return readPemOrDer(file, revocationListLabels).map(parseRevocationList)
}

function readList(der: Uint8Array): RevocationList {
  const { signed, body, behind } = readSigned(onlyElement(der, TAG.sequence, 'CRL'), 'CRL')
  behind.end('CRL')
  const reader = inside(body)
  const version = reader.optional(TAG.integer, 'version')
  if (version !== undefined && readCount(version, 'version') !== 1) throw new NotDer('a CRL of another version')
  checkAlgorithm(reader.take(TAG.sequence, 'signature'), signed)
  const issuer = readName(reader, 'issuer')
  const thisUpdate = readTime(reader, 'thisUpdate')
  const hasNext = reader.tag === TAG.utcTime || reader.tag === TAG.generalizedTime
  const nextUpdate = hasNext ? readTime(reader, 'nextUpdate') : undefined
  const entries = reader.optional(TAG.sequence, 'revokedCertificates')
  const field = reader.optional(constructed(0), 'crlExtensions')
  reader.end('CRL')
  if (field !== undefined && version === undefined) throw new NotDer('extensions in a CRL of version 1')
  const list = field === undefined ? [] : readExtensionList(onlyElement(field.content, TAG.sequence, 'crlExtensions'))
  const extensions = readListExtensions(list)
  const own = nameKey(issuer)
  const revoked = readEntries(entries, own, extensions.scope?.isIndirect === true)
  const flaws = [...extensions.flaws, ...revoked.flaws]
  if (nextUpdate === undefined) flaws.push('it does not say until when it holds')
  return {
    signed,
    issuer,
    thisUpdate,
    ...(nextUpdate === undefined ? {} : { nextUpdate }),
    ...extensions,
    flaws,
    count: revoked.entries.size,
    find: (certificateIssuer, serialNumber) =>
      revoked.entries.get(entryKey(nameKey(certificateIssuer), own, serialNumber)),
  }
}

const [ISSUER_ALTERNATIVE, CRL_NUMBER, DELTA_INDICATOR] = ['2.5.29.18', '2.5.29.20', '2.5.29.27']
const [ISSUING_POINT, AUTHORITY_KEY, FRESHEST, AUTHORITY_INFO] = [
  '2.5.29.28',
  '2.5.29.35',
  '2.5.29.46',
  '1.3.6.1.5.5.7.1.1',
]
const neverCritical = [ISSUER_ALTERNATIVE, CRL_NUMBER, AUTHORITY_KEY, FRESHEST, AUTHORITY_INFO]

type ListExtensions = Pick<RevocationList, 'number' | 'base' | 'scope' | 'authorityKey' | 'flaws'>

function readListExtensions(list: readonly RawExtension[]): ListExtensions {
  const value = (oid: string) => list.find(one => one.oid === oid)?.value
  const numberOf = (octets: Uint8Array) => longNumber(onlyElement(octets, TAG.integer, 'CRL number'))
  const [number, base, point, key] = [CRL_NUMBER, DELTA_INDICATOR, ISSUING_POINT, AUTHORITY_KEY].map(value)
  const flaws = list
    .filter(one => one.critical && one.oid !== DELTA_INDICATOR && one.oid !== ISSUING_POINT)
    .map(({ oid }) =>
      neverCritical.includes(oid)
        ? `its extension ${oid} is critical, which it may not be`
        : `it has the unknown critical extension ${oid}`,
    )
  // RFC 5280 §5.2.3: without it nobody can tell which of two lists is the newer one.
  if (number === undefined) flaws.push('it has no number')
  return {
    flaws,
    ...(number === undefined ? {} : { number: numberOf(number) }),
    ...(base === undefined ? {} : { base: numberOf(base) }),
    ...(point === undefined ? {} : { scope: readScope(point) }),
    ...(key === undefined ? {} : { authorityKey: authorityKeyOf(onlyElement(key, TAG.sequence, 'authority key')) }),
  }
}

function longNumber(element: Element): string {
  const content = readInteger(element, 'CRL number')
  if (content.length > 20 || content[0]! >= 0x80) throw new NotDer('a CRL number that is too long or below zero')
  return content.toHex().padStart(40, '0')
}

function readScope(value: Uint8Array): Scope {
  const what = 'issuingDistributionPoint'
  const reader = inside(onlyElement(value, TAG.sequence, what))
  const point = reader.optional(constructed(0), what)
  const flag = (number: number) => {
    const element = reader.optional(context(number), what)
    return element !== undefined && readBoolean(element, what)
  }
  const [onlyUsers, onlyAuthorities] = [flag(1), flag(2)]
  const reasons = reader.optional(context(3), what)
  const [isIndirect, onlyAttributes] = [flag(4), flag(5)]
  reader.end(what)
  return {
    ...(point === undefined ? {} : { point: readPointName(point) }),
    onlyUsers,
    onlyAuthorities,
    onlyAttributes,
    ...(reasons === undefined ? {} : { onlyReasons: readNamedBits(reasons, what) }),
    isIndirect,
    der: value,
  }
}

/** In a list for one issuer the name is left out, which saves memory for large ones. */
function entryKey(issuer: string, own: string, serialNumber: Uint8Array): string {
  return issuer === own ? serialNumber.toHex() : `${serialNumber.toHex()} ${issuer}`
}

interface Entries {
  readonly entries: ReadonlyMap<string, RevokedEntry>
  readonly flaws: readonly string[]
}

function readEntries(list: Element | undefined, own: string, isIndirect: boolean): Entries {
  const entries = new Map<string, RevokedEntry>()
  const flaws = new Set<string>()
  if (list === undefined) return { entries, flaws: [] }
  const reader = inside(list)
  // Most entries of a list have the same few extensions, octet for octet.
  const known = new Map<string, EntryExtensions>()
  const readOnce = (entry: ElementReader): EntryExtensions => {
    const list = entry.take(TAG.sequence, 'crlEntryExtensions')
    entry.end('CRL entry')
    if (list.content.length > 32) return readEntryExtensions(list)
    const key = list.content.toHex()
    const value = known.get(key) ?? readEntryExtensions(list)
    known.set(key, value)
    return value
  }
  // The issuer of an entry in an indirect list is that of the entry before it, unless it names another (§5.3.3).
  let issuer = own
  while (!reader.done) {
    const entry = inside(reader.take(TAG.sequence, 'CRL entry'))
    const serialNumber = readInteger(entry.take(TAG.integer, 'userCertificate'), 'userCertificate')
    entry.any('revocationDate')
    const { reason, named, unknown } = entry.done ? plainEntry : readOnce(entry)
    if (named !== undefined) {
      if (isIndirect) issuer = named
      else flaws.add('it speaks of another CA without being an indirect CRL')
    }
    if (unknown !== undefined) flaws.add(`an entry has the unknown critical extension ${unknown}`)
    const key = entryKey(issuer, own, serialNumber)
    if (entries.get(key) === undefined || reason !== REMOVED) entries.set(key, { reason })
  }
  return { entries, flaws: [...flaws] }
}

interface EntryExtensions {
  readonly reason: number
  readonly named?: string
  readonly unknown?: string
}

const plainEntry: EntryExtensions = { reason: 0 }

/** CRLReason removeFromCRL: only in a delta. */
export const REMOVED = 8
const [REASON_CODE, HOLD_INSTRUCTION, INVALIDITY_DATE, CERTIFICATE_ISSUER] = [
  '2.5.29.21',
  '2.5.29.23',
  '2.5.29.24',
  '2.5.29.29',
]

function readEntryExtensions(list: Element): EntryExtensions {
  let result = plainEntry
  for (const { oid, critical, value } of readExtensionList(list)) {
    if (oid === REASON_CODE) {
      const { content } = onlyElement(value, TAG.enumerated, 'reasonCode')
      if (content.length !== 1) throw new NotDer('reasonCode: not one octet')
      result = { ...result, reason: content[0]! }
    } else if (oid === CERTIFICATE_ISSUER) {
      const names = readGeneralNames(onlyElement(value, TAG.sequence, 'certificateIssuer'), 'certificateIssuer')
      const name = names.find(one => one.kind === 'directory')
      if (name === undefined) throw new NotDer('certificateIssuer: no name of a CA')
      result = { ...result, named: nameKey(name.name) }
    } else if (critical && oid !== HOLD_INSTRUCTION && oid !== INVALIDITY_DATE) {
      result = { ...result, unknown: oid }
    }
  }
  return result
}
