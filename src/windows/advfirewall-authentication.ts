// netsh's words for authentication, both ways: `auth1=computerkerb,computercert` with the tags beside it, and authorities with
// their options, `CN=… certmapping:yes excludecaname:no`, several between bars.
import { failure, type Problem, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { meaning, problem, quoted, readList, sameContent } from './connection-security-cells.ts'
import type { AuthMethod, AuthProposal, CertificateCriteria, CertificateSigning } from './connection-security-rules.ts'
import { auth1Methods, auth2Methods, authMethods, signings } from './connection-security-words.ts'

/** `auth1` takes computers, `auth2` users. */
export type AuthPhase = 'auth1' | 'auth2'

const certificateOptions = [
  'certmapping',
  'excludecaname',
  'catype',
  'certhash',
  'followrenewal',
  'certeku',
  'certnametype',
  'certname',
  'certcriteriatype',
] as const
const OPTION = new RegExp(`\\s(${certificateOptions.join('|')}):`, 'gi')

/** netsh's word and PowerShell's, which is ours. */
export const subjectTypes: readonly (readonly [string, string])[] = [
  ['SubjectAltDNS', 'DomainName'],
  ['SubjectAltEmail', 'EmailAddress'],
  ['SubjectCN', 'CN'],
  ['SubjectOU', 'OU'],
  ['SubjectO', 'O'],
  ['SubjectDC', 'DC'],
]

interface MethodWord {
  readonly method: AuthMethod
  readonly signing: CertificateSigning
}

function isCertificate(method: AuthMethod): boolean {
  return method === 'computer-certificate' || method === 'user-certificate'
}

function methodWords(phase: AuthPhase): ReadonlyMap<string, MethodWord> {
  const methods = phase === 'auth1' ? auth1Methods : auth2Methods
  return new Map(
    methods.flatMap(method => {
      const word = authMethods.in('netsh', method)!
      const kinds = isCertificate(method) ? signings.rows.map(row => row.word) : (['rsa'] as const)
      return kinds.map(signing => [`${word}${signings.in('netsh', signing)}`, { method, signing }] as const)
    }),
  )
}

const wordsOf = { auth1: methodWords('auth1'), auth2: methodWords('auth2') }

/** The tags that say more of a method: `auth1ca`, `auth1ecdsap256ca`, … */
export function detailTag(phase: AuthPhase, signing: CertificateSigning, detail: 'ca' | 'healthcert'): string {
  return `${phase}${signings.in('netsh', signing)!.toLowerCase()}${detail}`
}

export type TagReader = (tag: string) => string | undefined

/** The proposals of `auth1=…` or `auth2=…` with what the other tags say of them. */
export function readAuthentication(phase: AuthPhase, list: string, tag: TagReader): Cell<readonly AuthProposal[]> {
  const proposals: AuthProposal[] = []
  const entries = list.split(',').map(entry => entry.trim())
  if (entries.length > 100) return failure({ what: 'more methods than there are', hint: 'name each once' })
  for (const entry of entries) {
    const row = [...wordsOf[phase]].find(([word]) => word.toLowerCase() === entry.toLowerCase())?.[1]
    if (row === undefined) {
      const known = [...wordsOf[phase].keys()].map(word => word.toLowerCase())
      return failure({ what: `${quoted(entry)} is no method of ${phase}`, hint: meaning(entry, known) })
    }
    const { method, signing } = row
    if (method === 'computer-preshared-key') {
      const key = tag(`${phase}psk`)
      if (key === undefined) return failure({ what: 'computerpsk comes without its key', hint: 'write auth1psk=…' })
      proposals.push({ method, key: new Secret(key), other: [] })
    } else if (isCertificate(method)) {
      const certificates = readCertificates(phase, row, tag)
      if (!certificates.ok) return certificates
      proposals.push(...certificates.value)
    } else {
      const proxy = method.endsWith('kerberos') ? tag(`${phase}kerbproxyfqdn`) : undefined
      const signed = signing === 'rsa' ? {} : { signing }
      proposals.push({ method, ...signed, ...(proxy === undefined ? {} : { proxy }), other: [] })
    }
  }
  return success(proposals)
}

function readCertificates(
  phase: AuthPhase,
  { method, signing }: MethodWord,
  tag: TagReader,
): Cell<readonly AuthProposal[]> {
  const caTag = detailTag(phase, signing, 'ca')
  const list = tag(caTag)
  const health = tag(detailTag(phase, signing, 'healthcert'))?.toLowerCase()
  if (health !== undefined && health !== 'yes' && health !== 'no') {
    return failure({ what: `${quoted(health)} is neither yes nor no`, hint: 'write yes or no' })
  }
  if (list === undefined)
    return failure({ what: 'a certificate comes without its authority', hint: `write ${caTag}="CN=…"` })
  return readList(list.split('|'), text => {
    const certificate = readCertificate(text)
    if (!certificate.ok) return certificate
    const signed = signing === 'rsa' ? {} : { signing }
    return success({
      method,
      ...signed,
      ...(health === 'yes' ? { isHealth: true as const } : {}),
      ...certificate.value,
    })
  })
}

/** `CN=… certmapping:yes excludecaname:no`; a quotation mark in a name is written \'. */
export function readCertificate(text: string): Cell<Omit<AuthProposal, 'method'>> {
  const padded = ` ${text.trim()}`
  const marks = [...padded.matchAll(OPTION)]
  const name = padded
    .slice(0, marks[0]?.index ?? padded.length)
    .trim()
    .replaceAll("\\'", '"')
  const options = new Map<string, string>()
  for (const [index, mark] of marks.entries()) {
    const word = mark[1]!.toLowerCase()
    const value = padded.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? padded.length).trim()
    if (options.has(word)) return failure({ what: `${word} comes twice`, hint: 'write it once' })
    options.set(word, value)
  }
  const flags: Record<string, boolean> = {}
  for (const word of ['certmapping', 'excludecaname', 'followrenewal']) {
    const value = options.get(word)?.toLowerCase()
    if (value !== undefined && value !== 'yes' && value !== 'no') {
      return failure({ what: `${word}:${quoted(value)} is neither yes nor no`, hint: `write ${word}:yes` })
    }
    flags[word] = value === 'yes'
  }
  const type = options.get('catype')?.toLowerCase()
  if (type !== undefined && type !== 'root' && type !== 'intermediate') {
    return failure({ what: `${quoted(type)} is no kind of authority`, hint: 'root or intermediate' })
  }
  const criteria = readCriteria(options, flags['followrenewal'] === true)
  if (!criteria.ok) return criteria
  return success({
    ...(name === '' ? {} : { authority: name }),
    ...(type === 'intermediate' ? { isIntermediate: true as const } : {}),
    ...(flags['certmapping'] === true ? { mapsAccount: true as const } : {}),
    ...(flags['excludecaname'] === true ? { excludesAuthorityName: true as const } : {}),
    ...(criteria.value === undefined ? {} : { criteria: criteria.value }),
    other: [],
  })
}

function readCriteria(
  options: ReadonlyMap<string, string>,
  followRenewal: boolean,
): Cell<CertificateCriteria | undefined> {
  const thumbprint = options.get('certhash')
  const usages = options.get('certeku')
  const subject = options.get('certname')
  const netshType = options.get('certnametype')
  const purpose = options.get('certcriteriatype')?.toLowerCase()
  if ([thumbprint, usages, subject, netshType, purpose].every(one => one === undefined) && !followRenewal) {
    return success(undefined)
  }
  const subjectType = subjectTypes.find(([word]) => word.toLowerCase() === netshType?.toLowerCase())?.[1]
  if (netshType !== undefined && subjectType === undefined) {
    const known = subjectTypes.map(([word]) => word)
    return failure({ what: `${quoted(netshType)} is no kind of name`, hint: meaning(netshType, known) })
  }
  if (purpose !== undefined && purpose !== 'selection' && purpose !== 'validation' && purpose !== 'both') {
    return failure({ what: `${quoted(purpose)} is no use of criteria`, hint: 'selection, validation or both' })
  }
  return success({
    purpose: purpose ?? 'both',
    ...(thumbprint === undefined ? {} : { thumbprint }),
    ...(followRenewal ? { followRenewal: true as const } : {}),
    usages: usages === undefined ? [] : usages.split(',').map(usage => usage.trim()),
    ...(subject === undefined ? {} : { subject }),
    ...(subjectType === undefined ? {} : { subjectType }),
  })
}

export interface WrittenAuthentication {
  readonly list: string
  /** The tags beside it. */
  readonly tags: readonly (readonly [string, string])[]
}

export function writeAuthentication(
  phase: AuthPhase,
  proposals: readonly AuthProposal[],
  where: string,
  losses: Problem[],
): WrittenAuthentication {
  const lists: { readonly word: string; readonly signing: CertificateSigning; readonly members: AuthProposal[] }[] = []
  for (const proposal of proposals) {
    const { method, signing = 'rsa' } = proposal
    const word = `${authMethods.in('netsh', method)}${signings.in('netsh', signing)}`.toLowerCase()
    const known = lists.find(group => group.word === word)
    if (known !== undefined && known !== lists.at(-1)) {
      losses.push(problem(where, `netsh keeps no order in which ${word} comes twice with others between`))
    }
    if (known === undefined) lists.push({ word, signing, members: [proposal] })
    else known.members.push(proposal)
    if (proposal.other.length > 0 || proposal.skipVersion !== undefined) {
      losses.push(problem(where, 'netsh has no word for further values of a proposal'))
    }
  }
  const tags: (readonly [string, string])[] = []
  for (const { signing, members } of lists) {
    const [first] = members as [AuthProposal]
    if (isCertificate(first.method)) tags.push(...certificateTags(phase, signing, members, where, losses))
    else if (members.length > 1) losses.push(problem(where, `netsh says ${first.method} once: the others are left out`))
    if (first.method === 'computer-preshared-key') {
      const key = first.key?.reveal() ?? ''
      if (key.includes('"') || key === '')
        losses.push(problem(where, 'this preshared key cannot stand in quotation marks'))
      tags.push([`${phase}psk`, key])
    }
    if (first.proxy !== undefined) tags.push([`${phase}kerbproxyfqdn`, first.proxy])
  }
  const certificates = lists.filter(({ members: [first] }) => first !== undefined && isCertificate(first.method))
  if (new Set(certificates.map(({ signing }) => signing)).size < certificates.length) {
    losses.push(problem(where, 'netsh names one list of authorities for the certificates of computers and of users'))
  }
  const proxies = new Set(proposals.filter(({ method }) => method.endsWith('kerberos')).map(({ proxy }) => proxy))
  if (proxies.size > 1) losses.push(problem(where, 'netsh knows one Kerberos proxy for both methods'))
  return { list: lists.map(({ word }) => word).join(','), tags }
}

function certificateTags(
  phase: AuthPhase,
  signing: CertificateSigning,
  members: readonly AuthProposal[],
  where: string,
  losses: Problem[],
): readonly (readonly [string, string])[] {
  const texts = members.map(member => writeCertificate(member, where, losses))
  const health = members.filter(({ isHealth }) => isHealth === true).length
  if (health > 0 && health < members.length) {
    losses.push(problem(where, 'netsh asks for health certificates of all authorities or of none'))
  }
  const tags: (readonly [string, string])[] = [[detailTag(phase, signing, 'ca'), texts.join(' | ')]]
  if (health > 0) tags.push([detailTag(phase, signing, 'healthcert'), 'yes'])
  return tags
}

function writeCertificate(proposal: AuthProposal, where: string, losses: Problem[]): string {
  const { criteria } = proposal
  const subjectType = subjectTypes.find(([, word]) => word === criteria?.subjectType)?.[0]
  const usages = criteria === undefined || criteria.usages.length === 0 ? undefined : criteria.usages.join(', ')
  const options: readonly (readonly [string, string | undefined])[] = [
    ['certmapping', proposal.mapsAccount === true ? 'yes' : 'no'],
    ['excludecaname', proposal.excludesAuthorityName === true ? 'yes' : 'no'],
    ['catype', proposal.isIntermediate === true ? 'intermediate' : undefined],
    ['certhash', criteria?.thumbprint],
    ['followrenewal', criteria?.followRenewal === true ? 'yes' : undefined],
    ['certeku', usages],
    ['certname', criteria?.subject],
    ['certnametype', subjectType],
    ['certcriteriatype', criteria?.purpose],
  ]
  const words = options.flatMap(([word, value]) => (value === undefined ? [] : [`${word}:${value}`]))
  const text = [(proposal.authority ?? '').replaceAll('"', "\\'"), ...words].join(' ')
  const again = readCertificate(text)
  const { method, signing, isHealth, skipVersion, key, proxy, ...said } = proposal
  const isSame = again.ok && sameContent(again.value, { ...said, other: [] })
  if (!isSame || text.includes('|') || proposal.authority === undefined) {
    losses.push(
      problem(where, `netsh cannot say this certificate as it is: ${quoted(proposal.authority ?? 'no authority')}`),
    )
  }
  return text.replaceAll('|', '_')
}
