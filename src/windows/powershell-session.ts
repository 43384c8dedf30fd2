// What a script of PowerShell works on: the policy, and the ids that are taken in it.
import type { Problem } from '../base/result.ts'
import { problem } from './connection-security-cells.ts'
import { madeId } from './connection-security-defaults.ts'
import type { ConnectionSecurityPolicy } from './connection-security-rules.ts'
import type { CallParameters, ParameterNames } from './powershell-parameters.ts'
import type { PowerShellValue } from './powershell-value.ts'

/** Rules looked at by all commands together; a rule that is changed counts twenty times. */
const MOST_WORK = 5_000_000

type ListField = 'rules' | 'mainModeRules' | 'auth1Sets' | 'auth2Sets' | 'mainModeSets' | 'quickModeSets'

export interface Command {
  readonly name: string
  readonly parameters: ParameterNames
  /** `input`: what comes through a pipe; absent where nothing does. */
  run(session: IPsecSession, parameters: CallParameters, input: PowerShellValue | undefined): PowerShellValue
}

export class IPsecSession {
  policy: ConnectionSecurityPolicy
  readonly problems: Problem[]
  readonly #made = new Map<string, number>()
  readonly #ids: Set<string>
  readonly #own = new WeakSet<readonly unknown[]>()
  #work = 0

  constructor(policy: ConnectionSecurityPolicy, problems: Problem[]) {
    this.policy = policy
    this.problems = problems
    const { rules, mainModeRules, auth1Sets, auth2Sets, mainModeSets, quickModeSets } = policy
    const all = [rules, mainModeRules, auth1Sets, auth2Sets, mainModeSets, quickModeSets].flat()
    this.#ids = new Set(all.map(({ id }) => id.toLowerCase()))
  }

  /** Puts one more at the end of a list. A list that this session made is its own until the script has ended. */
  add<F extends ListField>(field: F, item: ConnectionSecurityPolicy[F][number]): void {
    let list: unknown[] = this.policy[field] as unknown[]
    if (!this.#own.has(list)) {
      list = [...list]
      this.#own.add(list)
      this.policy = { ...this.policy, [field]: list }
    }
    list.push(item)
  }

  /** False where something has the id already. */
  takeId(id: string): boolean {
    if (this.#ids.has(id.toLowerCase())) return false
    this.#ids.add(id.toLowerCase())
    return true
  }

  giveBack(id: string): void {
    this.#ids.delete(id.toLowerCase())
  }

  /** False once a script has asked for more than any honest one does. */
  mayWork(units: number, at: string): boolean {
    const isFirst = this.#work <= MOST_WORK
    this.#work += units
    if (this.#work <= MOST_WORK) return true
    if (isFirst)
      this.problems.push(
        problem(at, 'the script asks for all rules too often: from here on it is not run', 'take it apart'),
      )
    return false
  }

  newId(kind: string, name: string): string {
    const key = JSON.stringify([kind, name])
    for (let ordinal = this.#made.get(key) ?? 0; ; ordinal++) {
      this.#made.set(key, ordinal + 1)
      const id = madeId(kind, name, ordinal)
      if (this.takeId(id)) return id
    }
  }
}
