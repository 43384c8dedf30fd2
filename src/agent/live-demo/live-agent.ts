// An agent of the live demo: `sealwire up` as a person types it, in the namespace of its host.
import { readFileSync } from 'node:fs'
import { formatProblem } from '../../base/result.ts'
import type { AgentStatus } from '../../monitor/agent-status.ts'
import { ControlClient } from '../control-client.ts'
import { readNote, stateFolder } from '../state-folder.ts'
import { mustRun, pause, runProgram, type Words } from './programs.ts'
import { inside, kill, type StageHost } from './stage.ts'

/** Seconds that an agent may take to be up, or to take a policy. */
const PATIENCE = 20

export class LiveAgent {
  readonly host: StageHost
  /** How sealwire is called here. */
  readonly #sealwire: Words
  readonly #signal: AbortSignal

  constructor(host: StageHost, sealwire: Words, signal: AbortSignal) {
    this.host = host
    this.#sealwire = sealwire
    this.#signal = signal
  }

  async up(): Promise<void> {
    const { policy, state } = this.host
    await this.sealwire('up', '--policy', policy, '--state', state, '--detach')
  }

  /** Throws where it refuses. */
  async sealwire(...words: readonly string[]): Promise<void> {
    const options = { signal: this.#signal, within: PATIENCE }
    await mustRun(inside(this.host.namespace, [...this.#sealwire, ...words]), options)
  }

  /** Until the agent has taken the policy with that value. */
  async hasValue(value: number): Promise<void> {
    for (let turn = 0; turn < PATIENCE * 20; turn++) {
      const status = await this.#status()
      if (status.policy.refused !== null) throw new Error(`the agent refuses: ${status.policy.refused.problems.join()}`)
      if (status.setting.value === value) return
      await pause(0.05, this.#signal)
    }
    throw new Error(`the agent of ${this.host.name} did not take its new policy:\n${this.log()}`)
  }

  async #status(): Promise<AgentStatus> {
    const client = await ControlClient.connect(stateFolder(this.host.state))
    if (typeof client === 'string') throw new Error(`no agent answers for ${this.host.name}:\n${this.log()}`)
    const answer = await client.ask({ kind: 'status' })
    client.close()
    if (answer.kind === 'refused') throw new Error(answer.problems.map(formatProblem).join('; '))
    return answer.value as AgentStatus
  }

  /** SIGKILL: it has no last word. Until its process is gone. */
  async kill(): Promise<void> {
    const note = readNote(stateFolder(this.host.state))
    if (note === undefined) throw new Error(`the agent of ${this.host.name} left no note of itself`)
    kill(note.pid)
    for (let turn = 0; turn < PATIENCE * 20; turn++) {
      const { out } = await runProgram(['ip', 'netns', 'pids', this.host.namespace], { signal: this.#signal })
      if (!out.split('\n').includes(String(note.pid))) return
      await pause(0.05, this.#signal)
    }
    throw new Error(`process ${note.pid} does not go`)
  }

  /** The last lines that the agent wrote. */
  log(): string {
    try {
      return readFileSync(stateFolder(this.host.state).log, 'utf8').split('\n').slice(-10).join('\n')
    } catch {
      return ''
    }
  }
}
