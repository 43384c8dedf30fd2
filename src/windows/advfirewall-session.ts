// `netsh advfirewall` commands run on a policy: consec and mainmode rules are added, set, deleted and shown, global settings
// set. Commands may be shortened as netsh allows, to what is unique. What is no part of connection security is said.
import type { Problem } from '../base/result.ts'
import { fits } from './advfirewall-criteria.ts'
import {
  changeMainModeRule,
  changeRule,
  consecTags,
  criterionTags,
  mainModeTags,
  newRule,
  type Parameters,
  readParameters,
  type SetMaker,
} from './advfirewall-parameters.ts'
import { readScript } from './advfirewall-script.ts'
import { changeIpsecSetting, changeMainModeSetting, readCommand } from './advfirewall-settings.ts'
import { showGlobal, showMainModeRules, showRules } from './advfirewall-show.ts'
import { MOST_ENTRIES, MOST_PROBLEMS, problem, quoted, warning } from './connection-security-cells.ts'
import {
  defaultMainMode,
  isSameId,
  madeId,
  mainModeOf,
  quickModeOf,
  wellKnownSets,
} from './connection-security-defaults.ts'
import {
  type AuthProposal,
  type ConnectionSecurityPolicy,
  type ConnectionSecurityRule,
  emptyPolicy,
  type MainModeRule,
  type MainModeSet,
  mainModeRule,
  type QuickModeSet,
  type RuleHead,
  type SetHead,
} from './connection-security-rules.ts'

export interface AdvfirewallRun {
  readonly policy: ConnectionSecurityPolicy
  readonly problems: readonly Problem[]
  /** What the commands of the script print, `show` above all. */
  readonly output: string
}

/** Never throws. `where` is the file's name; a script may go on from a policy that is there. */
export function runAdvfirewall(
  text: string,
  where: string,
  policy: ConnectionSecurityPolicy = emptyPolicy,
): AdvfirewallRun {
  const problems: Problem[] = []
  const session = new AdvfirewallSession(policy, problems)
  for (const { line, words, isInner } of readScript(text, where, problems)) {
    session.run(words, `${where}:${line}`, isInner)
    if (problems.length > MOST_PROBLEMS) break
  }
  return { policy: session.policy, problems, output: session.output.join('') }
}

/** What is printed is bounded: a script may ask for all rules again and again. */
const MOST_OUTPUT = 1 << 24
/** Rules looked at by all commands together; a rule that is changed or shown counts thirty times. */
const MOST_WORK = 5_000_000

const contexts: Readonly<Record<string, readonly string[]>> = {
  advfirewall: 'consec dump export firewall help import mainmode monitor reset set show ?'.split(' '),
  rules: 'add delete dump help set show ?'.split(' '),
  set: 'allprofiles currentprofile domainprofile global privateprofile publicprofile store'.split(' '),
  global: 'statefulftp statefulpptp ipsec mainmode'.split(' '),
}

export class AdvfirewallSession implements SetMaker {
  policy: ConnectionSecurityPolicy
  readonly output: string[] = []
  readonly #problems: Problem[]
  #context: readonly string[] = []
  #printed = 0
  /** How many sets came of rules with a name: their ids are made of both. */
  readonly #made = new Map<string, number>()
  readonly #ids: Set<string>
  readonly #madeSets = new Set<string>()
  readonly #quickModes = new Map<string, QuickModeSet>()
  readonly #mainModes = new Map<string, MainModeSet>()
  readonly #before: ConnectionSecurityPolicy
  #work = 0

  constructor(policy: ConnectionSecurityPolicy, problems: Problem[]) {
    this.policy = policy
    this.#before = policy
    this.#problems = problems
    const { rules, mainModeRules, auth1Sets, auth2Sets, mainModeSets, quickModeSets } = policy
    const all = [rules, mainModeRules, auth1Sets, auth2Sets, mainModeSets, quickModeSets].flat()
    this.#ids = new Set(all.map(({ id }) => id.toLowerCase()))
  }

  /** `isInner`: a line of a script for netsh itself, which the open context goes before. */
  run(words: readonly string[], at: string, isInner = false): void {
    const [first = ''] = words
    if (!isInner) this.#context = []
    if (isInner && /^(pushd|popd|exit|quit|bye|\.\.|online|offline|commit)$/i.test(first)) {
      if (first === '..') this.#context = this.#context.slice(0, -1)
      return
    }
    if (first.startsWith('-')) {
      if (first.toLowerCase() === '-c' && words.length > 1) this.run([...words[1]!.split(/\s+/), ...words.slice(2)], at)
      else this.#wrong(at, `netsh ${quoted(first)} is not done here`, 'write the commands themselves')
      return
    }
    const full = this.#inContext(words)
    const [context = '', ...rest] = full
    if (context === '') return
    // `a` to `advfirewall`: netsh has no other context that begins with it.
    if (!'advfirewall'.startsWith(context.toLowerCase())) {
      this.#wrong(at, `netsh ${quoted(context)} is no part of advfirewall`, 'commands begin with netsh advfirewall')
      return
    }
    this.#advfirewall(rest, at, isInner)
  }

  #inContext(words: readonly string[]): readonly string[] {
    const [first = ''] = words
    const lower = first.toLowerCase()
    if (lower === 'advfirewall') return words
    if (lower === 'consec' || lower === 'mainmode') return ['advfirewall', ...words]
    return [...this.#context, ...words]
  }

  #wrong(at: string, what: string, hint = ''): undefined {
    this.#problems.push(problem(at, what, hint))
    return undefined
  }

  #note(at: string, what: string, hint = ''): void {
    this.#problems.push(warning(at, what, hint))
  }

  #command(word: string | undefined, known: readonly string[], at: string): string | undefined {
    return readCommand(word ?? '', known, at, this.#problems)
  }

  #advfirewall(words: readonly string[], at: string, isInner: boolean): void {
    const [word, ...rest] = words
    if (word === undefined) {
      if (isInner) this.#context = ['advfirewall']
      return
    }
    const command = this.#command(word, contexts['advfirewall']!, at)
    switch (command) {
      case 'consec':
      case 'mainmode':
        if (rest.length === 0 && isInner) this.#context = ['advfirewall', command]
        else this.#rules(command, rest, at)
        return
      case 'set':
        this.#set(rest, at)
        return
      case 'show':
        if (this.#command(rest[0], contexts['set']!, at) === 'global') this.#print(showGlobal(this.policy).value)
        return
      case 'reset':
        if (rest.length > 0) this.#wrong(at, 'reset with an export is not done here', 'write reset alone')
        else this.policy = emptyPolicy
        return
      case 'dump':
      case 'help':
      case '?':
        return
      case 'firewall':
        this.#note(at, 'a rule of the firewall is no part of connection security and is left out')
        return
      case 'monitor':
        this.#note(at, 'monitor shows what runs, which a script does not have')
        return
      case 'export':
      case 'import':
        this.#wrong(at, `${command} works on a file that is not read here`, 'give its rules as text')
    }
  }

  #rules(context: 'consec' | 'mainmode', words: readonly string[], at: string): void {
    const [word = '', noun, ...rest] = words
    const verb = this.#command(word, contexts['rules']!, at)
    if (verb === undefined || verb === 'dump' || verb === 'help' || verb === '?') return
    if (this.#command(noun, ['rule'], at) === undefined) return
    if (verb === 'add') this.#add(context, rest, at)
    else if (verb === 'set') this.#change(context, rest, at)
    else if (verb === 'delete') this.#delete(context, rest, at)
    else this.#show(context, rest, at)
  }

  #add(context: 'consec' | 'mainmode', words: readonly string[], at: string): void {
    const tags = context === 'consec' ? consecTags : mainModeTags
    const parameters = readParameters(words, tags, at, this.#problems)
    const { rules, mainModeRules } = this.policy
    const name = parameters.get('name') ?? ''
    if (rules.length + mainModeRules.length >= MOST_ENTRIES) {
      this.#wrong(at, `there are ${MOST_ENTRIES} rules already`, 'take the policy apart')
      return
    }
    const id = this.#newId(context, name)
    if (context === 'consec') {
      const rule = newRule(parameters, this, id, at, this.#problems)
      this.policy = { ...this.policy, rules: [...this.policy.rules, rule] }
      return
    }
    for (const tag of ['name', 'mmsecmethods']) {
      if (!parameters.has(tag)) this.#wrong(at, `${tag} is missing`, `write ${tag}=`)
    }
    const plain = mainModeRule({ id, name })
    const rule = changeMainModeRule(plain, parameters, this, at, this.#problems)
    const whole = {
      ...rule,
      auth1: rule.auth1 ?? wellKnownSets.auth1,
      mainMode: rule.mainMode ?? wellKnownSets.mainMode,
    }
    this.policy = { ...this.policy, mainModeRules: [...this.policy.mainModeRules, whole] }
  }

  #newId(kind: string, name: string): string {
    const key = JSON.stringify([kind, name])
    for (let ordinal = this.#made.get(key) ?? 0; ; ordinal++) {
      const id = madeId(kind, name, ordinal)
      if (this.#ids.has(id.toLowerCase())) continue
      this.#made.set(key, ordinal + 1)
      this.#ids.add(id.toLowerCase())
      return id
    }
  }

  /** False once a script has asked for more than any honest one does. */
  #mayWork(units: number, at: string): boolean {
    const isFirst = this.#work <= MOST_WORK
    this.#work += units
    if (this.#work <= MOST_WORK) return true
    if (isFirst) this.#wrong(at, 'the script asks for all rules too often: from here on it is not run', 'take it apart')
    return false
  }

  #change(context: 'consec' | 'mainmode', words: readonly string[], at: string): void {
    const split = words.findIndex(word => word.toLowerCase() === 'new')
    if (split < 0) {
      this.#wrong(at, 'set rule says nothing new', 'write set rule name=… new endpoint1=…')
      return
    }
    const criteria = readParameters(words.slice(0, split), criterionTags, at, this.#problems)
    const tags = context === 'consec' ? consecTags : mainModeTags
    const parameters = readParameters(words.slice(split + 1), tags, at, this.#problems)
    const chosen = this.#chosen(context, criteria, at)
    if (!this.#mayWork(30 * chosen.size, at)) return
    const { rules, mainModeRules } = this.policy
    if (context === 'consec') {
      const changed = rules.map(rule =>
        chosen.has(rule) ? changeRule(rule, parameters, this, at, this.#problems) : rule,
      )
      this.policy = { ...this.policy, rules: changed }
    } else {
      const changed = mainModeRules.map(rule =>
        chosen.has(rule) ? changeMainModeRule(rule, parameters, this, at, this.#problems) : rule,
      )
      this.policy = { ...this.policy, mainModeRules: changed }
    }
    this.#dropUnused()
  }

  #delete(context: 'consec' | 'mainmode', words: readonly string[], at: string): void {
    const chosen = this.#chosen(context, readParameters(words, criterionTags, at, this.#problems), at)
    const { rules, mainModeRules } = this.policy
    const kept = <R extends RuleHead>(list: readonly R[]) => list.filter(rule => !chosen.has(rule))
    if (context === 'consec') this.policy = { ...this.policy, rules: kept(rules) }
    else this.policy = { ...this.policy, mainModeRules: kept(mainModeRules) }
    this.#dropUnused()
  }

  #show(context: 'consec' | 'mainmode', words: readonly string[], at: string): void {
    const isVerbose = words.at(-1)?.toLowerCase() === 'verbose'
    const criteria = readParameters(isVerbose ? words.slice(0, -1) : words, criterionTags, at, this.#problems)
    const chosen = this.#chosen(context, criteria, at)
    if (!this.#mayWork(30 * chosen.size, at)) return
    const { policy } = this
    if (context === 'consec') {
      const rules = policy.rules.filter(rule => chosen.has(rule))
      this.#print(showRules({ ...policy, rules }, isVerbose).value)
    } else {
      const mainModeRules = policy.mainModeRules.filter(rule => chosen.has(rule))
      this.#print(showMainModeRules({ ...policy, mainModeRules }).value)
    }
  }

  #print(text: string): void {
    this.#printed += text.length
    if (this.#printed <= MOST_OUTPUT) this.output.push(text)
  }

  /** The rules that all of the criteria hold for. */
  #chosen(context: 'consec' | 'mainmode', criteria: Parameters, at: string): ReadonlySet<RuleHead> {
    const list: readonly RuleHead[] = context === 'consec' ? this.policy.rules : this.policy.mainModeRules
    if (!criteria.has('name') && !criteria.has('group')) {
      this.#wrong(at, 'which rules are meant is not said', 'write name=…, or name=all')
      return new Set()
    }
    if (!this.#mayWork(list.length, at)) return new Set()
    const found = list.filter(rule => [...criteria].every(([tag, text]) => fits(rule, tag, text)))
    if (found.length === 0) this.#note(at, 'no rule is as the command says')
    return new Set(found)
  }

  #set(words: readonly string[], at: string): void {
    const what = this.#command(words[0], contexts['set']!, at)
    if (what === undefined) return
    if (what === 'store') {
      const store = words.slice(1).join(' ')
      if (!/^(store=)?("?local"?)$/i.test(store))
        this.#note(at, `what follows is meant for ${quoted(store)}; it is read into the one policy`)
      return
    }
    if (what !== 'global') {
      this.#note(at, `set ${what} is the firewall's and no part of connection security`)
      return
    }
    const part = this.#command(words[1], contexts['global']!, at)
    if (part === 'ipsec') {
      const settings = changeIpsecSetting(this.policy.settings, words.slice(2), at, this.#problems)
      this.policy = { ...this.policy, settings }
    } else if (part === 'mainmode') {
      const change = changeMainModeSetting(defaultMainMode(this.policy), words.slice(2), at, this.#problems)
      if (change !== undefined) this.#setDefault(change.set)
    } else if (part !== undefined) this.#note(at, `${part} is the firewall's and no part of connection security`)
  }

  #setDefault(set: MainModeSet | undefined): void {
    const id = this.policy.defaults.mainMode ?? wellKnownSets.mainMode
    const others = this.policy.mainModeSets.filter(other => !isSameId(other.id, id))
    this.policy = { ...this.policy, mainModeSets: set === undefined ? others : [...others, { ...set, id }] }
  }

  /** Sets that this script made for rules which are gone. */
  #dropUnused(): void {
    const { rules, mainModeRules } = this.policy
    const used = new Set([...rules, ...mainModeRules].flatMap(idsOf).map(id => id.toLowerCase()))
    const kept = <S extends SetHead>(sets: readonly S[]) =>
      sets.filter(({ id }) => !this.#madeSets.has(id) || used.has(id.toLowerCase()))
    const { auth1Sets, auth2Sets, mainModeSets, quickModeSets } = this.policy
    this.policy = {
      ...this.policy,
      auth1Sets: kept(auth1Sets),
      auth2Sets: kept(auth2Sets),
      mainModeSets: kept(mainModeSets),
      quickModeSets: kept(quickModeSets),
    }
  }

  auth(phase: 'auth1' | 'auth2', proposals: readonly AuthProposal[], rule: string): string {
    const field = phase === 'auth1' ? 'auth1Sets' : 'auth2Sets'
    const set = { ...this.#setHead(phase, rule), proposals }
    this.policy = { ...this.policy, [field]: [...this.policy[field], set] }
    return set.id
  }

  quickMode(content: Pick<QuickModeSet, 'proposals' | 'freshKeys'>, rule: string): string {
    const set = { ...this.#setHead('quick-mode', rule), ...content }
    this.policy = { ...this.policy, quickModeSets: [...this.policy.quickModeSets, set] }
    this.#quickModes.set(set.id, set)
    return set.id
  }

  mainMode(
    content: Pick<MainModeSet, 'proposals' | 'forceDiffieHellman' | 'minutes' | 'sessions'>,
    rule: string,
  ): string {
    const set = { ...this.#setHead('main-mode', rule), ...content }
    this.policy = { ...this.policy, mainModeSets: [...this.policy.mainModeSets, set] }
    this.#mainModes.set(set.id, set)
    return set.id
  }

  #setHead(kind: string, rule: string): SetHead {
    const id = this.#newId(kind, rule)
    this.#madeSets.add(id)
    return { id, name: rule, other: [] }
  }

  // The lists change with every rule: what this script made is looked up by itself.
  quickModeSet(id: string | undefined): QuickModeSet | undefined {
    return this.#quickModes.get(id ?? '') ?? quickModeOf(this.#before, id)
  }

  mainModeSet(id: string | undefined): MainModeSet | undefined {
    return this.#mainModes.get(id ?? '') ?? mainModeOf(this.#before, id)
  }
}

function idsOf(rule: ConnectionSecurityRule | MainModeRule): readonly string[] {
  const { auth1, auth2, quickMode, mainMode } = rule as Partial<ConnectionSecurityRule & MainModeRule>
  return [auth1, auth2, quickMode, mainMode].filter(id => id !== undefined)
}
