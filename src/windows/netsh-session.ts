// `netsh` commands run one after the other: `ipsec static` and `ipsec dynamic` on Windows's own policy objects, `advfirewall`
// on connection security rules. Commands may be shortened as netsh allows; scripts for `netsh -f` open contexts. What is not
// done here is a problem with its line, never passed over.
import type { Problem } from '../base/result.ts'
import { AdvfirewallSession } from './advfirewall-session.ts'
import { readCommand } from './advfirewall-settings.ts'
import { MOST_PROBLEMS, problem, quoted } from './connection-security-cells.ts'
import type { ConnectionSecurityPolicy } from './connection-security-rules.ts'
import { dynamicCommands, dynamicShapes, showDynamic } from './netsh-dynamic-commands.ts'
import { type CommandShape, type NetshParameters, readNetshParameters } from './netsh-parameters.ts'
import { type NetshState, type NetshStep, type NetshWorld, staticStore } from './netsh-state.ts'
import { showShapes, showStatic, staticCommands, staticShapes } from './netsh-static-commands.ts'
import { readWord } from './netsh-values.ts'
import { writeNetsh } from './netsh-write.ts'

/** Those of netsh at large, by which shortened words are told apart. */
const topContexts =
  'advfirewall branchcache bridge consec dhcpclient dnsclient firewall http interface ipsec ipsecdosprotection lan mainmode namespace netio nlm p2p ras rpc trace wcn wfp winhttp winsock wlan'.split(
    ' ',
  )
const contexts = { ipsec: ['static', 'dynamic', 'dump', 'help', '?'] } as const
const verbs = 'add delete dump exportpolicy help importpolicy set show ?'.split(' ')

/** What is printed is bounded: a script may ask for everything again and again. */
const MOST_OUTPUT = 1 << 24

export class NetshSession {
  state: NetshState
  readonly output: string[] = []
  readonly #world: NetshWorld
  readonly #problems: Problem[]
  readonly #advfirewall: AdvfirewallSession
  #context: readonly string[] = []
  readonly #stack: (readonly string[])[] = []
  #printed = 0
  #hasEnded = false

  constructor(state: NetshState, rules: ConnectionSecurityPolicy, world: NetshWorld, problems: Problem[]) {
    this.state = state
    this.#world = world
    this.#problems = problems
    this.#advfirewall = new AdvfirewallSession(rules, problems)
  }

  get rules(): ConnectionSecurityPolicy {
    return this.#advfirewall.policy
  }

  /** A script that said `exit`, or that has too much wrong with it. */
  get hasEnded(): boolean {
    return this.#hasEnded || this.#problems.length >= MOST_PROBLEMS
  }

  /** `isInner`: a line of a script for netsh itself, which the open context goes before. */
  run(words: readonly string[], at: string, isInner = false): void {
    const [first = '', ...rest] = words
    if (first === '' || first.startsWith('#')) return
    if (!isInner) this.#context = []
    else if (this.#moves(first.toLowerCase(), rest, at)) return
    const full = this.#isTop(first) ? words : [...this.#context, ...words]
    if (first.toLowerCase() === '-c' && words.length > 2) {
      this.run([...words[1]!.trim().split(/\s+/), ...words.slice(2)], at)
      return
    }
    if (first.startsWith('-')) {
      this.#wrong(at, `netsh ${quoted(first)} is not done here`, 'write the commands themselves, or -f FILE')
      return
    }
    const top = this.#word(full[0], topContexts, at)
    if (top === 'ipsec') this.#ipsec(full.slice(1), at, isInner)
    else if (top === 'advfirewall' || top === 'consec' || top === 'mainmode')
      this.#firewall([top, ...full.slice(1)], at, isInner)
    else if (top !== undefined) this.#wrong(at, `netsh ${top} is not done here`, 'ipsec and advfirewall are')
  }

  #isTop(first: string): boolean {
    if (this.#context.length === 0) return true
    const lower = first.toLowerCase()
    return lower === 'ipsec' || lower === 'advfirewall'
  }

  /** Whether the word moves from one context to another. */
  #moves(word: string, rest: readonly string[], at: string): boolean {
    switch (word) {
      case 'pushd':
        if (this.#stack.length < 100) this.#stack.push(this.#context)
        if (rest.length > 0) {
          this.#context = []
          this.run(rest, at, true)
        }
        return true
      case 'popd':
        this.#context = this.#stack.pop() ?? []
        return true
      case '..':
        this.#context = this.#context.slice(0, -1)
        return true
      case 'exit':
      case 'quit':
      case 'bye':
        this.#hasEnded = true
        return true
      default:
        return false
    }
  }

  #wrong(at: string, what: string, hint = ''): void {
    this.#problems.push(problem(at, what, hint))
  }

  #word(word: string | undefined, known: readonly string[], at: string): string | undefined {
    return readCommand(word ?? '', known, at, this.#problems)
  }

  #firewall(words: readonly string[], at: string, isInner: boolean): void {
    const full = words[0] === 'advfirewall' ? words : ['advfirewall', ...words]
    const inner = full.slice(1).map(word => word.toLowerCase())
    if (isInner && inner.length <= 1 && inner.every(word => word === 'consec' || word === 'mainmode')) {
      this.#context = full
      return
    }
    const { output } = this.#advfirewall
    const before = output.length
    this.#advfirewall.run(full, at)
    for (const text of output.slice(before)) this.#print(text)
  }

  #ipsec(words: readonly string[], at: string, isInner: boolean): void {
    if (words.length === 0) {
      if (isInner) this.#context = ['ipsec']
      else this.#wrong(at, 'the command is not whole', `goes on with ${contexts.ipsec.join(', ')}`)
      return
    }
    const context = this.#word(words[0], contexts.ipsec, at)
    if (context === 'dump') this.#dump()
    else if (context === 'help' || context === '?') this.#help(['static', 'dynamic', 'dump'])
    else if (context === 'static' || context === 'dynamic') {
      if (words.length > 1) this.#command(context, words.slice(1), at)
      else if (isInner) this.#context = ['ipsec', context]
      else this.#help(verbs)
    }
  }

  #command(context: 'static' | 'dynamic', words: readonly string[], at: string): void {
    const verb = this.#word(words[0], verbs, at)
    if (verb === undefined) return
    if (verb === 'dump') return this.#dump()
    if (verb === 'help' || verb === '?') return this.#help(verbs)
    if (verb === 'exportpolicy' || verb === 'importpolicy') {
      const hint = verb === 'exportpolicy' ? 'ipsec dump writes a script' : 'give a script, a .reg file or LDIF'
      return this.#wrong(at, `${verb}: the form of .ipsec files is not public`, hint)
    }
    const shapes: Readonly<Record<string, CommandShape>> =
      verb === 'show' ? showShapes[context] : context === 'static' ? staticShapes : dynamicShapes
    const nouns = Object.keys(shapes).flatMap(name =>
      name.startsWith(`${verb} `) ? [name.slice(verb.length + 1)] : [],
    )
    if (words[1] === '?' || words[1]?.toLowerCase() === 'help') return this.#help(nouns)
    const noun = this.#word(words[1], nouns, at)
    if (noun === undefined) return
    const name = `${verb} ${noun}`
    if (words[2] === '?') return this.#help(shapes[name]!.tags.map(tag => `${tag}=`))
    const parameters = readNetshParameters(words.slice(2), shapes[name]!, at)
    if (verb === 'show') this.#show(context, noun, parameters)
    else {
      const command = (context === 'static' ? staticCommands : dynamicCommands)[name]!
      const step: NetshStep | undefined = parameters.isFine ? command(this.state, parameters, this.#world) : undefined
      this.#problems.push(...parameters.problems, ...(step?.notes ?? []))
      if (step === undefined || !parameters.isFine) return
      this.state = step.state
      if (step.output !== undefined) this.#print(step.output)
    }
  }

  #show(context: 'static' | 'dynamic', noun: string, parameters: NetshParameters): void {
    const isVerbose = parameters.read('level', readWord('verbose', 'normal')) === 'verbose'
    const isTable = parameters.read('format', readWord('list', 'table')) === 'table'
    const place = context === 'dynamic' ? 'Dynamic' : this.state.location === 'local' ? 'Local' : 'Persistent'
    const options = { isVerbose, isTable, place: `${place} Store <${this.#world.host}>` }
    if (this.#printed > MOST_OUTPUT) parameters.wrong('more than 16 MiB are shown already', 'take the script apart')
    if (parameters.isFine) {
      const show = context === 'static' ? showStatic : showDynamic
      this.#print(show(this.state, noun, parameters, options))
    }
    this.#problems.push(...parameters.problems)
  }

  #dump(): void {
    const { text, losses } = writeNetsh(staticStore(this.state))
    this.#print(text)
    this.#problems.push(...losses.map(one => ({ ...one, severity: 'warning' as const })))
  }

  #help(words: readonly string[]): void {
    this.#print(`${words.join('\r\n')}\r\n`)
  }

  #print(text: string): void {
    this.#printed += text.length
    if (this.#printed <= MOST_OUTPUT) this.output.push(text)
  }
}
