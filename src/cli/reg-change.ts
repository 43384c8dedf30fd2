// Carrying out what a person asks of the registry: the answer to a question where something would be overwritten, the change
// with its backup, advice about what was written, and word to the agent, which takes it at once.
import { createInterface } from 'node:readline'
import { openRegistry } from '../agent/registry-store.ts'
import { printable } from '../base/printable.ts'
import type { Problem, Result } from '../base/result.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import { adviceOn } from '../settings/catalogue.ts'
import type { RegistryChange, RegistryKey } from '../settings/registry.ts'
import type { Backup, Changed, RegistryFile } from '../settings/registry-file.ts'
import { askAgent, stateOf } from './agent-options.ts'
import { ANSWER_IS_NO, type CommandInput, FINE, MACHINE_CANNOT, WRONG_INPUT } from './command.ts'
import type { Console } from './console.ts'
import { settingLine } from './status-text.ts'

export const DONE = 'The operation completed successfully.'
export const CANCELLED = 'The operation was canceled by the user.'
export const NOT_FOUND = 'ERROR: The system was unable to find the specified registry key or value.'

export class RegRun {
  readonly console: Console
  readonly file: RegistryFile
  readonly isJson: boolean
  readonly #input: CommandInput

  constructor(input: CommandInput, console: Console) {
    this.#input = input
    this.console = console
    this.isJson = input.options['json'] === true
    this.file = openRegistry(stateOf(input))
  }

  hasOption(key: string): boolean {
    return this.#input.options[key] === true
  }

  /** The registry, or undefined where its problems were said: answer 2 then. */
  read(): RegistryKey | undefined {
    const read = this.file.read()
    if (!read.ok) this.problems(read.error)
    return read.ok ? read.value : undefined
  }

  notFound(): number {
    this.console.say(NOT_FOUND)
    if (this.isJson) this.console.json(null)
    return ANSWER_IS_NO
  }

  wrong(problems: readonly Problem[]): number {
    this.problems(problems)
    return WRONG_INPUT
  }

  /** What stands in a file of somebody else is not for the terminal to act on. */
  problems(problems: readonly Problem[]): void {
    this.console.problems(
      problems.map(one => ({
        ...one,
        where: printable(one.where),
        what: printable(one.what),
        hint: printable(one.hint),
      })),
    )
  }

  /** Asks on the terminal; who is not there says no. */
  async agrees(question: string): Promise<boolean> {
    const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
    process.stderr.write(`${printable(question)} (Yes/No)? `)
    try {
      for await (const line of lines) {
        if (/^y(es)?$/i.test(line.trim())) return true
        if (/^no?$/i.test(line.trim())) break
        process.stderr.write(`${printable(question)} (Yes/No)? `)
      }
      this.console.say(CANCELLED)
      return false
    } finally {
      lines.close()
    }
  }

  /** Makes the changes, which are looked for once nobody else writes. */
  async change(make: (root: RegistryKey) => Result<readonly RegistryChange[], readonly Problem[]>): Promise<number> {
    let made: readonly RegistryChange[] = []
    const changed = await this.file.change(root => {
      const result = make(root)
      if (result.ok) made = result.value
      return result
    })
    return this.finish(changed, made)
  }

  /** Says how it went. `done`: what a command prints that went well; `more`: what its JSON has besides. */
  async finish(
    changed: Result<Changed, readonly Problem[]>,
    made: readonly RegistryChange[] = [],
    done = DONE,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<number> {
    if (!changed.ok) return this.wrong(changed.error)
    const { backup } = changed.value
    const advice = made.flatMap(one => (one.kind === 'set' ? adviceOn(one.key, one.value) : []))
    for (const line of advice) this.console.say(printable(line))
    const { agent, setting } = backup === undefined ? unchanged : await this.#tellAgent()
    if (this.isJson) {
      const json = { changed: backup !== undefined, backup: backup?.number ?? null, agent, setting, advice }
      this.console.json({ ...json, ...more })
    } else if (agent !== 'refused' && done !== '') this.console.print(done)
    if (setting !== null && !this.isJson) this.console.say(`The running agent has it: ${setting}.`)
    return agent === 'refused' ? ANSWER_IS_NO : FINE
  }

  backupJson({ number, at, kind, file }: Backup) {
    return { number, at, kind, file }
  }

  /** Whether a running agent has what was written; its word stands for what counts now. */
  async #tellAgent(): Promise<Told> {
    const { ControlClient } = await import('../agent/control-client.ts')
    const client = await ControlClient.connect(stateOf(this.#input))
    if (typeof client === 'string') return { agent: 'none', setting: null }
    try {
      const answer = await askAgent(client, { kind: 'reload' }, this.console, RELOAD_WITHIN)
      if (typeof answer === 'number') {
        this.console.say('The registry is changed, and the running agent keeps to what it had.')
        return { agent: 'refused', setting: null }
      }
      const status = await askAgent(client, { kind: 'status' }, this.console)
      const isTold = typeof status !== 'number' && status.kind === 'fine'
      return { agent: 'took', setting: isTold ? settingLine(status.value as AgentStatus) : null }
    } finally {
      client.close()
    }
  }
}

interface Told {
  readonly agent: 'unchanged' | 'none' | 'took' | 'refused'
  /** What counts for the agent now, in words. */
  readonly setting: string | null
}

const unchanged: Told = { agent: 'unchanged', setting: null }

/** Seconds for the guard, the data plane and the routes to take it. */
const RELOAD_WITHIN = 100

/** What the operating system does not let us do, in words; anything else is thrown on. */
export function machineCannot(error: unknown, console: Console): number {
  const { code, path } = error as NodeJS.ErrnoException
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS' && code !== 'ENOSPC') throw error
  const hint = code === 'ENOSPC' ? 'the file system is full' : 'run this as the user whose registry it is, often root'
  console.say(`ERROR: Access is denied: ${path ?? 'the registry'} (${hint}).`)
  return MACHINE_CANNOT
}
