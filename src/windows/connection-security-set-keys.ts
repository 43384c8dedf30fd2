// Sets of authentication and of algorithms as registry keys, both ways ([MS-GPFAS] §2.2.4 and §2.2.5): a key for each set,
// below it the proposals as 0000, 0001, …; all values are text. A value that nobody knows is a problem and is kept.
import type { Problem } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { type RegistryKey, registryKey, valueIn } from '../settings/registry.ts'
import { isSameName } from '../settings/registry-name.ts'
import { numberOf, type RegistryValue, stringValue, textOf } from '../settings/value.ts'
import { formatVersion, meaning, problem, quoted, readVersion, warning } from './connection-security-cells.ts'
import type {
  AuthMethod,
  AuthProposal,
  AuthSet,
  MainModeProposal,
  MainModeSet,
  QuickModeProposal,
  QuickModeSet,
  SchemaVersion,
  SetHead,
} from './connection-security-rules.ts'
import {
  auth1Methods,
  auth2Methods,
  authMethods,
  encapsulations,
  encryptions,
  freshKeyWords,
  groups,
  hashes,
  signings,
  type WordTable,
} from './connection-security-words.ts'

/** More proposals than this nobody offers. */
const MOST_PROPOSALS = 1000

/** Values of one key, read by name; what is left over at the end is unknown. */
class KeyReader {
  readonly key: RegistryKey
  readonly where: string
  readonly #problems: Problem[]
  readonly #asked: string[] = []

  constructor(key: RegistryKey, where: string, problems: Problem[]) {
    this.key = key
    this.where = where
    this.#problems = problems
  }

  wrong(name: string, what: string, hint = ''): void {
    this.#problems.push(problem(`${this.where}\\${name}`, what, hint))
  }

  text(name: string): string | undefined {
    this.#asked.push(name)
    const value = valueIn(this.key, name)
    if (value === undefined) return undefined
    const text = textOf(value)
    if (text === undefined) this.wrong(name, 'the value is no text', 'write it as REG_SZ')
    return text
  }

  /** `TRUE` as true; everything else as absent. */
  flag(name: string): true | undefined {
    const text = this.text(name)?.toUpperCase()
    if (text !== undefined && text !== 'TRUE' && text !== 'FALSE') this.wrong(name, 'this is neither TRUE nor FALSE')
    return text === 'TRUE' ? true : undefined
  }

  count(name: string, most: number): number | undefined {
    this.#asked.push(name)
    const value = valueIn(this.key, name)
    if (value === undefined) return undefined
    const text = textOf(value)
    const number = numberOf(value) ?? (text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined)
    if (number !== undefined && number <= most) return number
    this.wrong(name, `this is no number up to ${most}`)
    return undefined
  }

  version(name: string): SchemaVersion | undefined {
    const text = this.text(name)
    const version = text === undefined ? undefined : readVersion(text)
    if (text !== undefined && version === undefined) this.wrong(name, `${quoted(text)} is no version`, 'as in 2.0')
    return version
  }

  /** The first of the names that is there: newer algorithms stand in values of their own. */
  word<T extends string>(names: readonly string[], table: WordTable<T>): T | undefined {
    const texts = names.map(name => ({ name, text: this.text(name) })).filter(({ text }) => text !== undefined)
    const { name, text } = texts[0] ?? { name: '', text: undefined }
    if (text === undefined) return undefined
    if (texts.length > 1) this.wrong(texts[1]!.name, `it stands beside ${name}, which counts`, 'leave one of them out')
    const loose = (word: string) => word.replaceAll('-', '').toLowerCase()
    const found = table.rows.find(({ registry }) => registry !== undefined && loose(registry) === loose(text))
    if (found === undefined) this.wrong(name, `${quoted(text)} is not known`, table.hint('registry', text))
    return found?.word
  }

  /** Values that were never asked for, each with a problem. */
  rest(): readonly RegistryValue[] {
    const left = this.key.values.filter(({ name }) => !this.#asked.some(asked => isSameName(asked, name)))
    for (const { name } of left) this.wrong(name, 'the value is not known', meaning(name, this.#asked))
    return left
  }
}

function present<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [P in K]?: V })
}

function readHead(from: KeyReader): Omit<SetHead, 'other'> {
  const text = (name: string) => {
    const found = from.text(name)
    return found === '' ? undefined : found
  }
  return {
    id: from.key.name,
    ...present('version', from.version('Version')),
    ...present('name', text('Name')),
    ...present('description', text('Description')),
    ...present('group', text('EmbeddedContext')),
  }
}

/** The proposals of a set in their order; a key that is no proposal is a problem. */
function readProposals<T>(set: KeyReader, problems: Problem[], read: (from: KeyReader) => T | undefined): T[] {
  const proposals: T[] = []
  const keys = set.key.keys.toSorted((a, b) => Number(a.name) - Number(b.name) || (a.name < b.name ? -1 : 1))
  for (const [index, key] of keys.entries()) {
    const isIndex = /^\d{4}$/.test(key.name)
    if (!isIndex) set.wrong(key.name, 'this key is no proposal', 'proposals are 0000, 0001, …')
    if (index === MOST_PROPOSALS)
      set.wrong(key.name, `the set has ${keys.length} proposals`, `at most ${MOST_PROPOSALS}`)
    if (!isIndex || index >= MOST_PROPOSALS) continue
    const proposal = read(new KeyReader(key, `${set.where}\\${key.name}`, problems))
    if (proposal !== undefined) proposals.push(proposal)
  }
  return proposals
}

export function readAuthSet(key: RegistryKey, phase: 1 | 2, where: string, problems: Problem[]): AuthSet {
  const from = new KeyReader(key, where, problems)
  const head = readHead(from)
  const other = from.rest()
  const allowed = phase === 1 ? auth1Methods : auth2Methods
  return { ...head, proposals: readProposals(from, problems, proposal => readAuthProposal(proposal, allowed)), other }
}

function readAuthProposal(from: KeyReader, allowed: readonly AuthMethod[]): AuthProposal | undefined {
  const method = from.word(['Method'], authMethods)
  const key = from.text('SHKey')
  const signing = from.word(['OtherCertSigning'], signings)
  const proposal = {
    ...present('authority', from.text('CAName')),
    ...present('isIntermediate', from.flag('IntermediateCA')),
    ...(signing === undefined || signing === 'rsa' ? {} : { signing }),
    ...present('mapsAccount', from.flag('CertAccountMapping')),
    ...present('excludesAuthorityName', from.flag('ExcludeCAName')),
    ...present('isHealth', from.flag('HealthCert')),
    ...(key === undefined ? {} : { key: new Secret(key) }),
    ...present('skipVersion', from.version('SkipVersion')),
    other: from.rest(),
  }
  if (method === undefined) {
    if (valueIn(from.key, 'Method') === undefined) from.wrong('Method', 'the proposal has no method')
    return undefined
  }
  if (!allowed.includes(method)) from.wrong('Method', `${method} has no place in this authentication`)
  return { method, ...proposal }
}

export function readMainModeSet(key: RegistryKey, where: string, problems: Problem[]): MainModeSet {
  const from = new KeyReader(key, where, problems)
  return {
    ...readHead(from),
    forceDiffieHellman: from.flag('DoNotSkipDH') === true,
    ...present('minutes', from.count('TimeOutMinutes', 2880)),
    ...present('sessions', from.count('TimeOutSessions', 2147483647)),
    other: from.rest(),
    proposals: readProposals(from, problems, readMainModeProposal),
  }
}

function readMainModeProposal(from: KeyReader): MainModeProposal | undefined {
  const group = from.word(['KeyExchange', '2_16KeyExchange'], groups)
  const encryption = from.word(['Encryption'], encryptions)
  const hash = from.word(['Hash', '2_1Hash'], hashes)
  const rest = { ...present('skipVersion', from.version('SkipVersion')), other: from.rest() }
  if (group !== undefined && encryption !== undefined && hash !== undefined) return { group, encryption, hash, ...rest }
  from.wrong('', 'the proposal is not whole: it is left out', 'KeyExchange, Encryption and Hash make one')
  return undefined
}

export function readQuickModeSet(key: RegistryKey, where: string, problems: Problem[]): QuickModeSet {
  const from = new KeyReader(key, where, problems)
  return {
    ...readHead(from),
    freshKeys: from.word(['PFS', '2_16PFS'], freshKeyWords) ?? 'none',
    other: from.rest(),
    proposals: readProposals(from, problems, readQuickModeProposal),
  }
}

function readQuickModeProposal(from: KeyReader): QuickModeProposal | undefined {
  const encapsulation = from.word(['Protocol', '2_9Protocol'], encapsulations)
  const proposal = {
    ...present('ahHash', from.word(['AhHash', '2_1AhHash'], hashes)),
    ...present('espHash', from.word(['EspHash', '2_1EspHash'], hashes)),
    ...present('encryption', from.word(['Encryption', '2_1Encryption'], encryptions)),
    ...present('minutes', from.count('TimeOutMinutes', 2880)),
    ...present('kilobytes', from.count('TimeOutKbytes', 2147483647)),
    ...present('skipVersion', from.version('SkipVersion')),
    other: from.rest(),
  }
  if (encapsulation !== undefined) return { encapsulation, ...proposal }
  from.wrong('Protocol', 'the proposal names no protocol: it is left out', encapsulations.hint('registry', ''))
  return undefined
}

const VISTA: SchemaVersion = { major: 2, minor: 0 }
const SEVEN: SchemaVersion = { major: 2, minor: 9 }
const TEN: SchemaVersion = { major: 2, minor: 16 }

type Texts = readonly (readonly [string, string | undefined])[]

function valuesOf(texts: Texts, other: readonly RegistryValue[]): readonly RegistryValue[] {
  return [...texts.flatMap(([name, text]) => (text === undefined ? [] : [stringValue(name, text)])), ...other]
}

function yes(flag: boolean | undefined): string | undefined {
  return flag === true ? 'TRUE' : undefined
}

function setKey(head: SetHead, own: Texts, proposals: readonly (readonly RegistryValue[])[]): RegistryKey {
  const { version = { major: 2, minor: 26 }, name, description, group } = head
  const texts: Texts = [
    ['Version', formatVersion(version)],
    ['Name', name],
    ['Description', description],
    ['EmbeddedContext', group],
    ...own,
  ]
  const keys = proposals.map((values, index) => registryKey(String(index).padStart(4, '0'), values))
  return registryKey(head.id, valuesOf(texts, head.other), keys)
}

/** Versions that know a newer word skip nothing; older ones have to skip the proposal (§2.2.5.14). */
function skipText(own: SchemaVersion | undefined, needed: SchemaVersion | undefined): string | undefined {
  const version = own ?? needed
  return version === undefined ? undefined : formatVersion(version)
}

export function authSetKey(set: AuthSet, losses: Problem[]): RegistryKey {
  const proposals = set.proposals.map(proposal => {
    const { signing } = proposal
    const where = set.name ?? set.id
    if (proposal.criteria !== undefined) {
      losses.push(problem(where, 'which values of the registry hold criteria of certificates is not established'))
    }
    if (proposal.proxy !== undefined) {
      losses.push(warning(where, "which value of the registry holds a Kerberos proxy's name is not established"))
    }
    const texts: Texts = [
      ['Method', authMethods.in('registry', proposal.method)],
      ['CAName', proposal.authority],
      ['IntermediateCA', yes(proposal.isIntermediate)],
      ['CertAccountMapping', yes(proposal.mapsAccount)],
      ['ExcludeCAName', yes(proposal.excludesAuthorityName)],
      ['HealthCert', yes(proposal.isHealth)],
      ['SHKey', proposal.key?.reveal()],
      ['OtherCertSigning', signing === undefined ? undefined : signings.in('registry', signing)],
      ['SkipVersion', skipText(proposal.skipVersion, signing === undefined ? undefined : VISTA)],
    ]
    return valuesOf(texts, proposal.other)
  })
  return setKey(set, [], proposals)
}

export function mainModeSetKey(set: MainModeSet): RegistryKey {
  const proposals = set.proposals.map(proposal => {
    const { group, hash } = proposal
    const isNewHash = hash !== 'md5' && hash !== 'sha1'
    const needed = group === 'dh24' ? TEN : isNewHash ? VISTA : undefined
    const texts: Texts = [
      [group === 'dh24' ? '2_16KeyExchange' : 'KeyExchange', groups.in('registry', group)],
      ['Encryption', encryptions.in('registry', proposal.encryption)],
      [isNewHash ? '2_1Hash' : 'Hash', hashes.in('registry', hash)],
      ['SkipVersion', skipText(proposal.skipVersion, needed)],
    ]
    return valuesOf(texts, proposal.other)
  })
  const own: Texts = [
    ['DoNotSkipDH', yes(set.forceDiffieHellman)],
    ['TimeOutMinutes', numberText(set.minutes)],
    ['TimeOutSessions', numberText(set.sessions)],
  ]
  return setKey(set, own, proposals)
}

function numberText(number: number | undefined): string | undefined {
  return number === undefined ? undefined : String(number)
}

export function quickModeSetKey(set: QuickModeSet): RegistryKey {
  const proposals = set.proposals.map(proposal => {
    const { encapsulation, ahHash, espHash, encryption } = proposal
    const isNewHash = (hash: string | undefined) => hash !== undefined && hash !== 'md5' && hash !== 'sha1'
    const isNewCipher = encryption?.startsWith('aes-gcm') === true
    const isNew = isNewHash(ahHash) || isNewHash(espHash) || isNewCipher
    const needed = encapsulation === 'none' ? SEVEN : isNew ? VISTA : undefined
    const texts: Texts = [
      [encapsulation === 'none' ? '2_9Protocol' : 'Protocol', encapsulations.in('registry', encapsulation)],
      [isNewHash(ahHash) ? '2_1AhHash' : 'AhHash', ahHash && hashes.in('registry', ahHash)],
      [isNewHash(espHash) ? '2_1EspHash' : 'EspHash', espHash && hashes.in('registry', espHash)],
      [isNewCipher ? '2_1Encryption' : 'Encryption', encryption && encryptions.in('registry', encryption)],
      ['TimeOutMinutes', numberText(proposal.minutes)],
      ['TimeOutKbytes', numberText(proposal.kilobytes)],
      ['SkipVersion', skipText(proposal.skipVersion, needed)],
    ]
    return valuesOf(texts, proposal.other)
  })
  const name = set.freshKeys === 'dh24' ? '2_16PFS' : 'PFS'
  return setKey(set, [[name, freshKeyWords.in('registry', set.freshKeys)]], proposals)
}
