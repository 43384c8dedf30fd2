// The parameters of `consec` and `mainmode` rules, `tag=value`, and what each does to a rule. A tag that the command does not
// have, one that comes twice and a value that means nothing are problems; the rest of the rule is read all the same.
import { failure, type Problem, success } from '../base/result.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { type AuthPhase, readAuthentication } from './advfirewall-authentication.ts'
import { readKeyLifetime, readMainModeMethods, readQuickModeMethods } from './advfirewall-methods.ts'
import {
  meaning,
  problem,
  quoted,
  readEndpoint,
  readHostAddress,
  readList,
  readPortList,
  readProtocolWord,
} from './connection-security-cells.ts'
import { defaultQuickModeProposals, MAIN_MODE_MINUTES, wellKnownSets } from './connection-security-defaults.ts'
import {
  type AuthProposal,
  type ConnectionSecurityRule,
  connectionSecurityRule,
  type MainModeRule,
  type MainModeSet,
  type QuickModeSet,
  type RuleFlag,
  type RuleHead,
  ruleFlags,
} from './connection-security-rules.ts'
import {
  actionRows,
  freshKeyWords,
  interfaceTypes,
  networkProfiles,
  type WordTable,
} from './connection-security-words.ts'

const headTags = ['name', 'description', 'enable', 'profile', 'type', 'endpoint1', 'endpoint2'] as const
const phaseTags = (phase: AuthPhase) => [
  phase,
  `${phase}kerbproxyfqdn`,
  ...['', 'ecdsap256', 'ecdsap384'].map(signing => `${phase}${signing}ca`),
  ...['', 'ecdsap256', 'ecdsap384'].map(signing => `${phase}${signing}healthcert`),
]
const auth1Tags = [...phaseTags('auth1'), 'auth1psk']

export const consecTags: readonly string[] = [
  ...headTags,
  'action',
  'mode',
  'localtunnelendpoint',
  'remotetunnelendpoint',
  'port1',
  'port2',
  'protocol',
  'interfacetype',
  ...auth1Tags,
  ...phaseTags('auth2'),
  'qmpfs',
  'qmsecmethods',
  'exemptipsecprotectedconnections',
  'applyauthz',
]

export const mainModeTags: readonly string[] = [...headTags, 'mmsecmethods', 'mmforcedh', 'mmkeylifetime', ...auth1Tags]

/** By which `set`, `delete` and `show` choose rules. */
export const criterionTags: readonly string[] = [
  'name',
  'group',
  'profile',
  'type',
  'endpoint1',
  'endpoint2',
  'port1',
  'port2',
  'protocol',
]

export type Parameters = ReadonlyMap<string, string>

export function readParameters(
  words: readonly string[],
  known: readonly string[],
  at: string,
  problems: Problem[],
): Parameters {
  const parameters = new Map<string, string>()
  for (const word of words) {
    const equals = word.indexOf('=')
    const tag = (equals < 0 ? word : word.slice(0, equals)).toLowerCase()
    if (equals < 0 || !known.includes(tag)) {
      const what =
        equals < 0 ? `${quoted(word)} is no parameter: it has no =` : `the parameter ${quoted(tag)} is not known`
      problems.push(problem(at, what, meaning(tag, known)))
    } else if (parameters.has(tag)) problems.push(problem(at, `${tag} comes twice`, 'write it once'))
    else parameters.set(tag, word.slice(equals + 1))
  }
  return parameters
}

/** Makes the sets that a rule of netsh carries in itself, and gives their ids. */
export interface SetMaker {
  auth(phase: AuthPhase, proposals: readonly AuthProposal[], rule: string): string
  quickMode(set: Pick<QuickModeSet, 'proposals' | 'freshKeys'>, rule: string): string
  mainMode(set: Pick<MainModeSet, 'proposals' | 'forceDiffieHellman' | 'minutes' | 'sessions'>, rule: string): string
  quickModeSet(id: string | undefined): QuickModeSet | undefined
  mainModeSet(id: string | undefined): MainModeSet | undefined
}

class ParameterReader {
  readonly parameters: Parameters
  readonly at: string
  readonly problems: Problem[]

  constructor(parameters: Parameters, at: string, problems: Problem[]) {
    this.parameters = parameters
    this.at = at
    this.problems = problems
  }

  wrong(tag: string, what: string, hint: string): void {
    this.problems.push(problem(this.at, `${tag}: ${what}`, hint))
  }

  read<T>(tag: string, reader: (text: string) => Cell<T>): { readonly value: T } | undefined {
    const text = this.parameters.get(tag)
    if (text === undefined) return undefined
    const cell = reader(text)
    if (cell.ok) return { value: cell.value }
    this.wrong(tag, cell.error.what, cell.error.hint)
    return undefined
  }

  yes(tag: string): boolean | undefined {
    return this.read(tag, text => {
      const word = text.toLowerCase()
      if (word === 'yes' || word === 'no') return success(word === 'yes')
      return failure({ what: `${quoted(text)} is neither yes nor no`, hint: 'write yes or no' })
    })?.value
  }

  word<T extends string>(tag: string, table: WordTable<T>): T | undefined {
    return this.read(tag, text => {
      const word = table.from('netsh', text)
      return word === undefined
        ? failure({ what: `${quoted(text)} is not known`, hint: table.hint('netsh', text) })
        : success(word)
    })?.value
  }

  words<T extends string>(tag: string, table: WordTable<T>): readonly T[] | undefined {
    return this.read(tag, text =>
      readList(text.split(','), entry => {
        const word = table.from('netsh', entry.trim())
        return word === undefined
          ? failure({ what: `${quoted(entry)} is not known`, hint: table.hint('netsh', entry) })
          : success(word)
      }),
    )?.value
  }

  head<R extends RuleHead>(rule: R): R {
    const changed: { -readonly [K in keyof RuleHead]?: RuleHead[K] } = {}
    const name = this.parameters.get('name')
    if (name !== undefined) {
      if (name.toLowerCase() === 'all' || name === '')
        this.wrong('name', `a rule cannot be called ${quoted(name)}`, 'write a name of its own')
      changed.name = name
    }
    const description = this.parameters.get('description')
    if (description !== undefined && description !== '') changed.description = description
    const active = this.yes('enable')
    if (active !== undefined) changed.active = active
    const profiles = this.words('profile', networkProfiles)
    if (profiles !== undefined) changed.profiles = profiles
    for (const side of ['endpoint1', 'endpoint2'] as const) {
      const addresses = this.read(side, text => readEndpoint(text.split(',')))
      if (addresses !== undefined) changed[side] = addresses.value
    }
    return { ...rule, ...changed }
  }

  auth(phase: AuthPhase, maker: SetMaker, rule: string): string | undefined {
    const proposals = this.read(phase, list => readAuthentication(phase, list, tag => this.parameters.get(tag)))?.value
    if (!this.parameters.has(phase)) {
      const alone = [...this.parameters.keys()].find(tag => tag.startsWith(phase))
      if (alone !== undefined) this.wrong(alone, `it comes without ${phase}`, `write ${phase}= as well`)
    }
    return proposals === undefined ? undefined : maker.auth(phase, proposals, rule)
  }
}

/** The rule with the parameters applied to it. */
export function changeRule(
  rule: ConnectionSecurityRule,
  parameters: Parameters,
  maker: SetMaker,
  at: string,
  problems: Problem[],
): ConnectionSecurityRule {
  const from = new ParameterReader(parameters, at, problems)
  const changed: { -readonly [K in keyof ConnectionSecurityRule]: ConnectionSecurityRule[K] } = from.head(rule)
  const action = from.read('action', text => {
    const known = actionRows.flatMap(({ netsh }) => netsh?.toLowerCase() ?? [])
    const row = actionRows.find(({ netsh }) => netsh?.toLowerCase() === text.toLowerCase())
    return row === undefined
      ? failure({ what: `${quoted(text)} is no action`, hint: meaning(text, known) })
      : success(row.action)
  })
  if (action !== undefined) changed.action = action.value
  const protocol = from.read('protocol', readProtocolWord)
  if (protocol !== undefined) {
    delete changed.protocol
    if (protocol.value !== undefined) changed.protocol = protocol.value
  }
  changed.ports1 = from.read('port1', text => readPortList(text.split(',')))?.value ?? changed.ports1
  changed.ports2 = from.read('port2', text => readPortList(text.split(',')))?.value ?? changed.ports2
  changed.interfaceTypes = from.words('interfacetype', interfaceTypes) ?? changed.interfaceTypes
  changeType(changed, from)
  changeTunnel(changed, from)
  const flags: readonly (readonly [string, RuleFlag])[] = [
    ['exemptipsecprotectedconnections', 'bypass-tunnel'],
    ['applyauthz', 'authorize'],
  ]
  for (const [tag, flag] of flags) {
    const on = from.yes(tag)
    if (on === undefined) continue
    changed.flags = ruleFlags.filter(name => (name === flag ? on : changed.flags.includes(name)))
  }
  for (const phase of ['auth1', 'auth2'] as const) {
    const id = from.auth(phase, maker, changed.name)
    if (id !== undefined) changed[phase] = id
  }
  const freshKeys = from.word('qmpfs', freshKeyWords)
  const proposals = from.read('qmsecmethods', readQuickModeMethods)?.value
  if (freshKeys !== undefined || proposals !== undefined) {
    const before = maker.quickModeSet(changed.quickMode)
    const set = {
      proposals: proposals ?? before?.proposals ?? defaultQuickModeProposals,
      freshKeys: freshKeys ?? before?.freshKeys ?? 'none',
    }
    const isDefault = freshKeys === undefined && parameters.get('qmsecmethods')?.toLowerCase() === 'default'
    changed.quickMode = isDefault ? wellKnownSets.quickMode : maker.quickMode(set, changed.name)
  }
  return changed
}

type Changing = { -readonly [K in keyof ConnectionSecurityRule]: ConnectionSecurityRule[K] }

function changeType(rule: Changing, from: ParameterReader): void {
  const type = from.parameters.get('type')?.toLowerCase()
  if (type === undefined) return
  delete rule.isStatic
  if (type === 'static') rule.isStatic = true
  else if (type !== 'dynamic') from.wrong('type', `${quoted(type)} is no type`, 'dynamic or static')
}

function changeTunnel(rule: Changing, from: ParameterReader): void {
  const mode = from.parameters.get('mode')?.toLowerCase()
  const end = (tag: string) =>
    from.read(tag, text => {
      if (text.toLowerCase() === 'any') return success([])
      const address = readHostAddress(text)
      return address.ok ? success([address.value]) : address
    })?.value
  const [local, remote] = [end('localtunnelendpoint'), end('remotetunnelendpoint')]
  if (mode !== undefined && mode !== 'tunnel' && mode !== 'transport') {
    from.wrong('mode', `${quoted(mode)} is no mode`, 'transport or tunnel')
  }
  if (mode === 'transport') delete rule.tunnel
  const isTunnel = mode === 'tunnel' || rule.tunnel !== undefined
  if (!isTunnel && (local ?? remote) !== undefined) {
    from.wrong('mode', 'ends of a tunnel without a tunnel', 'write mode=tunnel')
  }
  if (!isTunnel) return
  rule.tunnel = {
    ...rule.tunnel,
    local: local ?? rule.tunnel?.local ?? [],
    remote: remote ?? rule.tunnel?.remote ?? [],
  }
}

/** A new rule; what `add rule` asks for and is not there is a problem. */
export function newRule(
  parameters: Parameters,
  maker: SetMaker,
  id: string,
  at: string,
  problems: Problem[],
): ConnectionSecurityRule {
  const plain = connectionSecurityRule({ id, name: parameters.get('name') ?? '', action: 'require-in-require-out' })
  for (const tag of ['name', 'endpoint1', 'endpoint2', 'action']) {
    if (!parameters.has(tag)) problems.push(problem(at, `${tag} is missing`, `write ${tag}=`))
  }
  const rule = changeRule(plain, parameters, maker, at, problems)
  const isExempt = rule.action === 'no-authentication'
  const isTunnel = parameters.get('mode')?.toLowerCase() === 'tunnel'
  const ends = ['localtunnelendpoint', 'remotetunnelendpoint'].filter(tag => !parameters.has(tag))
  if (isTunnel && !isExempt && ends.length > 0) {
    problems.push(problem(at, `a tunnel needs ${ends.join(' and ')}`, 'write an address, or any'))
  }
  if (rule.action === 'require-in-clear-out' && !isTunnel) {
    problems.push(problem(at, 'requireinclearout is for tunnels only', 'write mode=tunnel, or requireinrequestout'))
  }
  if (isExempt) return rule
  // Without a word about it Windows's own methods count.
  const auth1 = rule.auth1 ?? wellKnownSets.auth1
  const auth2 = rule.auth2 ?? (parameters.has('auth1') ? undefined : wellKnownSets.auth2)
  return {
    ...rule,
    auth1,
    ...(auth2 === undefined ? {} : { auth2 }),
    quickMode: rule.quickMode ?? wellKnownSets.quickMode,
  }
}

export function changeMainModeRule(
  rule: MainModeRule,
  parameters: Parameters,
  maker: SetMaker,
  at: string,
  problems: Problem[],
): MainModeRule {
  const from = new ParameterReader(parameters, at, problems)
  const changed: { -readonly [K in keyof MainModeRule]: MainModeRule[K] } = from.head(rule)
  const type = parameters.get('type')?.toLowerCase()
  if (type !== undefined && type !== 'dynamic' && type !== 'static') {
    from.wrong('type', `${quoted(type)} is no type`, 'dynamic or static')
  }
  const auth1 = from.auth('auth1', maker, changed.name)
  if (auth1 !== undefined) changed.auth1 = auth1
  const proposals = from.read('mmsecmethods', readMainModeMethods)?.value
  const lifetime = from.read('mmkeylifetime', readKeyLifetime)?.value
  const forced = from.yes('mmforcedh')
  if (proposals !== undefined || lifetime !== undefined || forced !== undefined) {
    const before = changed.mainMode === undefined ? undefined : maker.mainModeSet(changed.mainMode)
    const set = {
      proposals: proposals ?? before?.proposals ?? [],
      forceDiffieHellman: forced ?? before?.forceDiffieHellman ?? false,
      minutes: lifetime?.minutes ?? before?.minutes ?? MAIN_MODE_MINUTES,
      sessions: lifetime?.sessions ?? before?.sessions ?? 0,
    }
    changed.mainMode = maker.mainMode(set, changed.name)
  }
  return changed
}
