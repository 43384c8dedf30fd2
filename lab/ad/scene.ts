// Where a chapter acts: the running lab with an agent for every controller, recordings of the bridge, the filter on the wire,
// and what has been checked, captured and exercised so far. One scene for all chapters; each begins with nothing told.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { HostAgent as Agent, giveCertificates, type HostAgent, policyPath, writePolicies } from './agent.ts'
import { type Recording, record } from './capture.ts'
import type { AgentMemory, Check, Exercised } from './chapter.ts'
import { exercise, type LeftOut, leftOut, type StepResult, steps } from './exercise.ts'
import { disagreements, type JudgeBy, type JudgedCapture, judge } from './judge.ts'
import type { Lab, Progress } from './lab.ts'
import { forgetNeighbours } from './network.ts'
import { type PolicyChoice, securePolicy } from './policies.ts'
import { pause, waitUntil } from './run.ts'
import { unfilterWire } from './wire-filter.ts'

const launcher = fileURLToPath(new URL('../../sealwire', import.meta.url))

/** What nothing but a filter lets or keeps from being answered, by the kind of its packets. */
export const groupSteps: readonly string[] = [
  'netbios-broadcast',
  'broadcast-ping',
  'limited-broadcast-ping',
  'multicast-ping',
]

export const kerberosSteps: readonly string[] = [
  ...['as-udp', 'as-tcp', 'tgs-udp', 'tgs-tcp', 'as-udp-fragments', 'tgs-udp-fragments'],
]

/** A few that ask quickly, for whether anything passes at all. */
export const probeSteps: readonly string[] = ['ping', 'as-udp', 'smb-list']

/** One of each kind, for the short form. */
const essential: readonly string[] = [
  ...['ping', 'ping-fragments', 'netbios-unicast', 'broadcast-ping', 'multicast-ping', 'rsvp', 'dns-udp', 'cldap'],
  ...['ldap-gssapi', 'smb-list', 'rpc-tcp', ...kerberosSteps, 'kpasswd'],
]

export interface SceneOptions {
  /** Where recordings and policies are written. */
  readonly folder: string
  /** Whether all steps are exercised, or one of each kind. */
  readonly length: 'whole' | 'short'
  readonly say: Progress
}

export interface Told {
  readonly checks: readonly Check[]
  readonly captures: readonly JudgedCapture[]
  readonly exercises: readonly Exercised[]
  readonly memory: readonly AgentMemory[]
}

export type JudgingBy = 'first' | 'first-without-registry' | 'none' | HostAgent

export interface OngoingRecording {
  /**
   * Ends it and judges it by the policy and the registry that the first controller, or another one, has now; or by the policy
   * file of the first alone; or by none.
   */
  readonly stop: (by?: JudgingBy) => Promise<JudgedCapture>
}

export class Scene {
  readonly lab: Lab
  readonly agents: readonly HostAgent[]
  /** State folder of the lab. */
  readonly directory: string
  readonly #options: SceneOptions
  #letter = ''
  #recordings = new Set<Recording>()
  #told: { checks: Check[]; captures: JudgedCapture[]; exercises: Exercised[]; memory: AgentMemory[] } = nothing()

  constructor(lab: Lab, directory: string, options: SceneOptions, agents?: readonly HostAgent[]) {
    this.lab = lab
    this.directory = directory
    this.#options = options
    this.agents = agents ?? lab.controllers.map(controller => new Agent(lab.forest, controller))
    mkdirSync(options.folder, { recursive: true })
  }

  /** The same chapter in another lab: what is checked there is told here. Who makes it restores it. */
  of(lab: Lab, directory: string, agents?: readonly HostAgent[]): Scene {
    const other = new Scene(lab, directory, this.#options, agents)
    other.#letter = this.#letter
    other.#told = this.#told
    other.#recordings = this.#recordings
    return other
  }

  /** Where recordings are written. */
  get folder(): string {
    return this.#options.folder
  }

  get told(): Told {
    return this.#told
  }

  get isShort(): boolean {
    return this.#options.length === 'short'
  }

  begin(letter: string): void {
    this.#letter = letter
    this.#told = nothing()
  }

  say(words: string): void {
    this.#options.say(words)
  }

  check(what: string, ok: boolean, seen: string): void {
    this.#told.checks.push({ what, ok, seen })
    this.say(`  ${ok ? 'ok    ' : 'FAILED'} ${what}: ${seen}`)
  }

  checkEqual(what: string, seen: number, due: number): void {
    this.check(what, seen === due, seen === due ? String(seen) : `${seen}, not ${due}`)
  }

  /** Certificates and this policy at every controller, and the agents up, each with the other in sight. */
  async secure(choice: PolicyChoice): Promise<void> {
    await this.prepare(choice)
    await Promise.all(this.agents.map(agent => agent.up()))
    await this.untilSealed()
  }

  /** The same without starting an agent. */
  async prepare(choice: PolicyChoice): Promise<void> {
    await this.giveCertificates()
    const textOf = ({ forest, controller }: HostAgent) =>
      securePolicy(forest, controller, { peers: this.agents.map(each => each.controller), ...choice })
    await writePolicies(this.agents, textOf)
    const [first] = this.agents
    if (first !== undefined) this.keepPolicy(textOf(first))
  }

  /** For people, beside the captures that are judged by it. */
  keepPolicy(text: string, name = 'policy'): void {
    writeFileSync(`${this.#options.folder}/${this.#letter}-${name}.yaml`, text)
  }

  giveCertificates(): Promise<void> {
    return giveCertificates(this.agents, `${this.directory}/certificates`, launcher)
  }

  /** Until every agent has keys with every other and a ping through them is answered. */
  async untilSealed(): Promise<void> {
    for (const from of this.agents) {
      for (const to of this.agents) {
        if (from === to) continue
        await waitUntil(`${from.name} speaks sealed with ${to.name}`, 20, async () => {
          return (await from.run(['ping', '-n', '-c', '1', '-W', '1', to.address])).status === 0
        })
      }
    }
  }

  /** From here on every packet on the bridge; begins with ARP, so that a capture that is empty is a broken one. */
  async record(name: string): Promise<OngoingRecording> {
    const recording = await record(this.lab.wire, this.directory)
    this.#recordings.add(recording)
    for (const { host } of this.lab.controllers) await forgetNeighbours(host)
    return {
      stop: async (by = 'first') => {
        const file = `${this.#letter}-${name.replaceAll(/[^a-z0-9-]+/g, '-')}.pcapng`
        const path = `${this.#options.folder}/${file}`
        writeFileSync(path, await recording.stop())
        this.#recordings.delete(recording)
        const judged = await judge(name, path, file, this.#judgeBy(by))
        this.#told.captures.push(judged)
        const different = disagreements(judged)
        const seen = different.length === 0 ? `${judged.packets} packets` : different.join(', ')
        this.check(
          `${name}: the auditor and tshark count the same packets of every class`,
          different.length === 0,
          seen,
        )
        return judged
      },
    }
  }

  #judgeBy(by: JudgingBy): JudgeBy | undefined {
    if (by === 'none') return undefined
    const agent = typeof by === 'string' ? this.agents[0]! : by
    const policyFile = `${agent.settings}/${policyPath.split('/').at(-1)}`
    return by === 'first-without-registry' ? { policyFile } : { policyFile, registry: `${agent.memory}/registry` }
  }

  /** The steps, both ways; without names all of them, or the essential ones in the short form. */
  async exercise(name: string, only: readonly string[] = this.allSteps, patience = 10): Promise<readonly StepResult[]> {
    const begin = performance.now()
    const results = await exercise(this.lab, { only, patience }, ({ ok, from, to, step, said }) => {
      if (!ok) this.say(`  no answer: ${from}>${to} ${step}: ${said}`)
    })
    const well = results.filter(({ ok }) => ok).length
    this.say(
      `  ${name}: ${well} of ${results.length} steps answered in ${((performance.now() - begin) / 1000).toFixed(1)} s`,
    )
    for (const { step, because } of leftOut(this.lab, only)) this.say(`  left out: ${step}: ${because}`)
    this.exercised(name, results, leftOut(this.lab, only))
    return results
  }

  /** Also for steps that are not of the exercise. */
  exercised(name: string, results: readonly StepResult[], impossible: readonly LeftOut[] = []): void {
    this.#told.exercises.push({ name, steps: results, leftOut: impossible })
  }

  /** What goes to groups of hosts; on IPv6 no step does. */
  get groupKinds(): readonly ('multicast' | 'broadcast')[] {
    return this.lab.isIpv6Only ? [] : ['multicast', 'broadcast']
  }

  get allSteps(): readonly string[] {
    return steps.map(step => step.name).filter(step => !this.isShort || essential.includes(step))
  }

  checkAllWell(name: string, results: readonly StepResult[]): void {
    const bad = results.filter(({ ok }) => !ok).map(({ from, to, step }) => `${from}>${to} ${step}`)
    const seen = bad.length === 0 ? `${results.length} of ${results.length}` : `not ${bad.join(', ')}`
    this.check(`${name}: every step is answered`, results.length > 0 && bad.length === 0, seen)
  }

  checkNoneWell(name: string, results: readonly StepResult[]): void {
    const well = results.filter(({ ok }) => ok).map(({ from, to, step }) => `${from}>${to} ${step}`)
    const seen = well.length === 0 ? `0 of ${results.length}` : well.join(', ')
    this.check(`${name}: no step is answered`, results.length > 0 && well.length === 0, seen)
  }

  async noteMemory(when: string): Promise<void> {
    for (const agent of this.agents) {
      const used = await agent.usedMemory()
      if (used !== undefined) this.#told.memory.push({ host: agent.name, when, ...used })
    }
  }

  pause(seconds: number): Promise<void> {
    return pause(seconds * 1000)
  }

  async traces(): Promise<string> {
    return (await Promise.all(this.agents.map(agent => agent.traces()))).join('\n')
  }

  /** Nothing of sealwire and no filter is left in the lab. */
  async restore(): Promise<void> {
    // Where a chapter broke off, its recorder would outlive the lab.
    for (const recording of this.#recordings) await recording.stop().catch(() => undefined)
    this.#recordings.clear()
    await unfilterWire(this.lab.wire)
    await Promise.all(this.agents.map(agent => agent.restore()))
  }
}

function nothing() {
  return { checks: [], captures: [], exercises: [], memory: [] }
}
