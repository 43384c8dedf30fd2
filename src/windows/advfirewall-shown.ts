// The print-out of `netsh advfirewall consec show rule name=all verbose` and of `show global` read to a policy. A field that
// nobody knows and a value that means nothing are problems with their lines; print-outs in other languages are not read.
import type { Problem } from '../base/result.ts'
import { writeMainModeMethod } from './advfirewall-methods.ts'
import { AdvfirewallSession } from './advfirewall-session.ts'
import {
  LONGEST_SCRIPT,
  MOST_ENTRIES,
  MOST_PROBLEMS,
  meaning,
  problem,
  quoted,
  warning,
} from './connection-security-cells.ts'
import { defaultMainMode, MAIN_MODE_MINUTES } from './connection-security-defaults.ts'
import { type ConnectionSecurityPolicy, emptyPolicy, type Understood } from './connection-security-rules.ts'
import { networkProfiles } from './connection-security-words.ts'

interface ShownField {
  readonly label: string
  readonly value: string
  readonly line: number
}

/** Fields that become one parameter of `add rule`. */
const tagOf: ReadonlyMap<string, string> = new Map([
  ['Rule Name', 'name'],
  ['Description', 'description'],
  ['Enabled', 'enable'],
  ['Profiles', 'profile'],
  ['Type', 'type'],
  ['Mode', 'mode'],
  ['InterfaceTypes', 'interfacetype'],
  ['LocalTunnelEndpoint', 'localtunnelendpoint'],
  ['RemoteTunnelEndpoint', 'remotetunnelendpoint'],
  ['Endpoint1', 'endpoint1'],
  ['Endpoint2', 'endpoint2'],
  ['Port1', 'port1'],
  ['Port2', 'port2'],
  ['Protocol', 'protocol'],
  ['Action', 'action'],
  ['QuickModeSecMethods', 'qmsecmethods'],
  ['QuickModePFS', 'qmpfs'],
  ['ExemptIPsecProtectedConnections', 'exemptipsecprotectedconnections'],
  ['ApplyAuthorization', 'applyauthz'],
])

const mainModeTagOf: ReadonlyMap<string, string> = new Map([
  ...['Rule Name', 'Description', 'Enabled', 'Profiles', 'Endpoint1', 'Endpoint2'].map(
    label => [label, tagOf.get(label)!] as const,
  ),
  ['SecMethods', 'mmsecmethods'],
  ['ForceDH', 'mmforcedh'],
  ['KeyLifetime', 'mmkeylifetime'],
])

/** What says more of a certificate of the list before: ours for what follows the label's Auth1 or Auth2. */
const certificateFields: ReadonlyMap<string, string> = new Map([
  ['CAName', ''],
  ['CertMapping', 'certmapping'],
  ['ExcludeCAName', 'excludecaname'],
  ['CertType', 'catype'],
  ['HealthCert', 'health'],
  ['CertCriteriaType', 'certcriteriatype'],
  ['CertHash', 'certhash'],
  ['FollowRenewal', 'followrenewal'],
  ['CertEKU', 'certeku'],
  ['CertName', 'certname'],
  ['CertNameType', 'certnametype'],
])

export function readShownRules(
  text: string,
  where: string,
  policy: ConnectionSecurityPolicy = emptyPolicy,
): Understood<ConnectionSecurityPolicy> {
  const problems: Problem[] = []
  const session = new AdvfirewallSession(policy, problems)
  const said = new Map<string, string>()
  for (const rule of readBlocks(text, where, problems)) {
    const isMainMode = rule.some(({ label }) => label === 'SecMethods' || label === 'KeyLifetime')
    const words =
      rule.some(({ label }) => label === 'Action') || !isMainMode
        ? ruleWords(rule, where, problems)
        : mainModeWords(rule, where, problems)
    session.run(words, `${where}:${rule[0]!.line}`)
    shownMainMode(rule, session, said, where, problems)
  }
  return { value: session.policy, problems }
}

/** The fields of each rule, which begins at its name. */
function readBlocks(text: string, where: string, problems: Problem[]): readonly (readonly ShownField[])[] {
  const blocks: ShownField[][] = []
  if (text.length > LONGEST_SCRIPT) {
    problems.push(problem(where, 'the text is longer than 16 MiB', 'take it apart'))
    return blocks
  }
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const line = raw.trim()
    if (line === '' || /^-+$/.test(line) || /^Ok\.$/i.test(line) || /^No rules match/i.test(line)) continue
    if (problems.length >= MOST_PROBLEMS) break
    const parts = /^([^:]{1,60}):(?:\s+(.*))?$/.exec(line)
    const label = parts?.[1]?.trim()
    if (label === 'Rule Name') {
      if (blocks.length >= MOST_ENTRIES) {
        problems.push(
          problem(`${where}:${index + 1}`, `there are more than ${MOST_ENTRIES} rules`, 'take the text apart'),
        )
        break
      }
      blocks.push([])
    }
    const block = blocks.at(-1)
    if (label === undefined || block === undefined) {
      const hint =
        'a print-out of show rule name=all verbose has a name and a value in each line, and begins with Rule Name:'
      problems.push(problem(`${where}:${index + 1}`, `${quoted(line)} is no field of a rule`, hint))
    } else block.push({ label, value: parts?.[2]?.trim() ?? '', line: index + 1 })
  }
  return blocks
}

function ruleWords(rule: readonly ShownField[], where: string, problems: Problem[]): readonly string[] {
  const words: string[] = []
  for (const field of rule) {
    const tag = tagOf.get(field.label)
    if (tag !== undefined) words.push(`${tag}=${tag === 'profile' ? profileText(field.value) : field.value}`)
    else if (!isElsewhere(field.label)) unknownField(field, [...tagOf.keys(), 'Auth1', 'Auth2'], where, problems)
  }
  words.push(...authWords('Auth1', rule, where, problems), ...authWords('Auth2', rule, where, problems))
  return ['advfirewall', 'consec', 'add', 'rule', ...words]
}

function mainModeWords(rule: readonly ShownField[], where: string, problems: Problem[]): readonly string[] {
  const words: string[] = []
  for (const field of rule) {
    const tag = mainModeTagOf.get(field.label)
    if (tag !== undefined) words.push(`${tag}=${tag === 'profile' ? profileText(field.value) : field.value}`)
    else if (!isElsewhere(field.label)) unknownField(field, [...mainModeTagOf.keys(), 'Auth1'], where, problems)
  }
  words.push(...authWords('Auth1', rule, where, problems))
  return ['advfirewall', 'mainmode', 'add', 'rule', ...words]
}

function unknownField(field: ShownField, known: readonly string[], where: string, problems: Problem[]): void {
  problems.push(
    problem(`${where}:${field.line}`, `the field ${quoted(field.label)} is not known`, meaning(field.label, known)),
  )
}

/** Fields that the authentication and the main mode are read from, and those that say only where a rule came from. */
function isElsewhere(label: string): boolean {
  const rest = /^Auth[12](.*)$/.exec(label)?.[1]
  if (rest !== undefined)
    return rest === '' || rest === 'PSK' || rest === 'KerbProxyFQDN' || certificateFields.has(rest)
  return ['Rule source', 'MainModeSecMethods', 'MainModeKeyLifetime', 'Grouping'].includes(label)
}

function profileText(value: string): string {
  const profiles = value.split(',').map(word => networkProfiles.from('netsh', word.trim()))
  return profiles.length === 3 && new Set(profiles).size === 3 && !profiles.includes(undefined) ? 'any' : value
}

function authWords(
  label: 'Auth1' | 'Auth2',
  rule: readonly ShownField[],
  where: string,
  problems: Problem[],
): readonly string[] {
  const list = rule.find(field => field.label === label)
  if (list === undefined || list.value === '') return []
  const phase = label.toLowerCase()
  // The fields of a certificate come in the order of the list.
  const methods = list.value.split(',').map(method => method.trim())
  const isCertificate = (method: string) => /^(computer|user)cert/i.test(method)
  const certificates: Map<string, string>[] = []
  const words: string[] = []
  for (const field of rule) {
    if (!field.label.startsWith(label) || field.label === label) continue
    const rest = field.label.slice(label.length)
    const option = certificateFields.get(rest)
    if (option === undefined) {
      if (rest === 'PSK' || rest === 'KerbProxyFQDN') words.push(`${phase}${rest.toLowerCase()}=${field.value}`)
      continue
    }
    if (option === '') certificates.push(new Map())
    const certificate = certificates.at(-1)
    if (certificate === undefined)
      problems.push(problem(`${where}:${field.line}`, `${field.label} comes before ${label}CAName`))
    else certificate.set(option, field.value)
  }
  const asked = methods.filter(isCertificate)
  if (asked.length !== certificates.length) {
    problems.push(
      problem(`${where}:${list.line}`, `${asked.length} certificates are listed, ${certificates.length} are described`),
    )
  }
  const unique: string[] = []
  for (const method of methods) if (!unique.includes(method)) unique.push(method)
  for (const method of unique.filter(isCertificate)) {
    const own = certificates.filter((_, index) => asked[index] === method)
    const signing = /^(?:computer|user)cert(.*)$/i.exec(method)![1]!.toLowerCase()
    words.push(`${phase}${signing}ca=${own.map(certificateText).join(' | ')}`)
    if (own.some(one => one.get('health')?.toLowerCase() === 'yes')) words.push(`${phase}${signing}healthcert=yes`)
  }
  return [`${phase}=${unique.join(',')}`, ...words]
}

function certificateText(fields: ReadonlyMap<string, string>): string {
  const options = [...fields]
    .filter(([name]) => name !== '' && name !== 'health')
    .map(([name, value]) => `${name}:${value}`)
  return [(fields.get('') ?? '').replaceAll('"', "\\'"), ...options].join(' ')
}

/** What every rule's print-out says of main mode is the setting of the whole computer. */
function shownMainMode(
  rule: readonly ShownField[],
  session: AdvfirewallSession,
  said: Map<string, string>,
  where: string,
  problems: Problem[],
): void {
  for (const [label, tag] of [
    ['MainModeSecMethods', 'mmsecmethods'],
    ['MainModeKeyLifetime', 'mmkeylifetime'],
  ] as const) {
    const field = rule.find(one => one.label === label)
    if (field === undefined) continue
    const value = field.value.replace(/\s+/g, '').toLowerCase()
    const before = said.get(tag)
    said.set(tag, value)
    if (before === value || (before === undefined && value === shownDefault(session, tag))) continue
    if (before !== undefined) {
      problems.push(warning(`${where}:${field.line}`, `${label} differs from that of a rule before; the later counts`))
    }
    session.run(['advfirewall', 'set', 'global', 'mainmode', tag, value], `${where}:${field.line}`)
  }
}

function shownDefault(session: AdvfirewallSession, tag: 'mmsecmethods' | 'mmkeylifetime'): string {
  const set = defaultMainMode(session.policy)
  if (tag === 'mmkeylifetime') return `${set.minutes ?? MAIN_MODE_MINUTES}min,${set.sessions ?? 0}sess`
  return set.proposals
    .map(one => writeMainModeMethod(one, '-', '', []))
    .join(',')
    .toLowerCase()
}

const globalTags: ReadonlyMap<string, readonly ['ipsec' | 'mainmode', string]> = new Map(
  [
    'StrongCRLCheck',
    'SAIdleTimeMin',
    'DefaultExemptions',
    'IPsecThroughNAT',
    'AuthzUserGrp',
    'AuthzComputerGrp',
    'AuthzUserGrpTransport',
    'AuthzComputerGrpTransport',
    'KeyLifetime',
    'SecMethods',
    'ForceDH',
  ].map((label, index) => [
    label,
    index < 8 ? ['ipsec', label.toLowerCase()] : ['mainmode', `mm${label.toLowerCase()}`],
  ]),
)

/** The firewall's own part of the print-out. */
const firewallFields =
  /^(StatefulFTP|StatefulPPTP|BootTimeRuleCategory|FirewallRuleCategory|StealthRuleCategory|ConSecRuleCategory)$/

/** `netsh advfirewall show global`. */
export function readShownGlobal(
  text: string,
  where: string,
  policy: ConnectionSecurityPolicy = emptyPolicy,
): Understood<ConnectionSecurityPolicy> {
  const problems: Problem[] = []
  const session = new AdvfirewallSession(policy, problems)
  const rows = text.length > LONGEST_SCRIPT ? [] : text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  if (text.length > LONGEST_SCRIPT) problems.push(problem(where, 'the text is longer than 16 MiB', 'take it apart'))
  const mainMode: string[][] = []
  for (const [index, raw] of rows.entries()) {
    const line = raw.trim()
    if (line === '' || /^(-+|Ok\.|Global Settings:|IPsec:|Main Mode:|Categories:)$/i.test(line)) continue
    if (problems.length >= MOST_PROBLEMS) break
    const [label = '', value] = line.split(/\s{2,}/, 2)
    const row = globalTags.get(label)
    const at = `${where}:${index + 1}`
    if (row === undefined || value === undefined) {
      if (!firewallFields.test(label)) {
        const what = `${quoted(line)} is no line of show global`
        problems.push(problem(at, what, meaning(label, globalTags.keys())))
      }
      continue
    }
    const [part, tag] = row
    const plain = value.replace(/^([012]):\w+$/, '$1').replace(/^(\d+)min$/, '$1')
    const words = ['advfirewall', 'set', 'global', part, tag, part === 'ipsec' ? plain : value.replace(/\s+/g, '')]
    if (part === 'ipsec') session.run(words, at)
    else mainMode.push([...words, at])
  }
  // Where all of it is as Windows has it by itself, nothing is configured.
  const isBuiltIn = mainMode.every(words => {
    const [tag, value] = [words[4]!, words[5]!.toLowerCase()]
    if (tag === 'mmforcedh') return (value === 'yes') === defaultMainMode(session.policy).forceDiffieHellman
    return value === shownDefault(session, tag as 'mmsecmethods' | 'mmkeylifetime')
  })
  if (!isBuiltIn) for (const words of mainMode) session.run(words.slice(0, -1), words.at(-1)!)
  return { value: session.policy, problems }
}
