// sealwire on one controller, as a person at its keyboard runs it: the launcher of this checkout inside the lab host, with
// the default places (/etc/sealwire, /run/sealwire, /var/lib/sealwire), which are the lab host's own.

import { existsSync, mkdirSync } from 'node:fs'
import type { AgentStatus } from '../../src/monitor/agent-status.ts'
import type { RunningController } from './domain-controller.ts'
import { type Forest, fullName } from './forest.ts'
import { inside, sealwireInside } from './namespace.ts'
import { must, type Outcome, type RunOptions, run, waitUntil } from './run.ts'

export const policyPath = '/etc/sealwire/policy.yaml'
export const settingKey = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC'

/** Its start is twice as quick with it, and the checkout is not written to. */
const environment = { NODE_COMPILE_CACHE: '/run/sealwire-lab/compiled' }

export class HostAgent {
  readonly forest: Forest
  readonly controller: RunningController

  constructor(forest: Forest, controller: RunningController) {
    this.forest = forest
    this.controller = controller
  }

  get name(): string {
    return this.controller.name
  }

  get address(): string {
    return this.controller.address
  }

  /** The host's /etc/sealwire and /var/lib/sealwire, as this machine sees them. */
  get settings(): string {
    return `${this.controller.host.directory}/etc/sealwire`
  }

  get memory(): string {
    return `${this.controller.host.directory}/folders/var/lib/sealwire`
  }

  /** Any program inside the controller. */
  run(command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run(inside(this.controller.host, command), options)
  }

  sealwire(...words: readonly string[]): Promise<Outcome> {
    return this.run([sealwireInside, ...words], { environment })
  }

  /** What must work; its standard output. */
  async mustSealwire(...words: readonly string[]): Promise<string> {
    const outcome = await this.sealwire(...words)
    if (outcome.status !== 0) {
      throw new Error(
        `${this.name}: sealwire ${words.join(' ')}: exit status ${outcome.status}\n${outcome.output.trim()}`,
      )
    }
    return outcome.result
  }

  async writePolicy(text: string): Promise<void> {
    await must(inside(this.controller.host, ['mkdir', '-p', '/etc/sealwire']))
    await must(inside(this.controller.host, ['tee', policyPath]), { input: text })
  }

  async up(...more: readonly string[]): Promise<void> {
    await this.mustSealwire('up', '--policy', policyPath, '--detach', ...more)
  }

  async down(...more: readonly string[]): Promise<void> {
    await this.mustSealwire('down', ...more)
  }

  /** By SIGKILL, so that it can put nothing in order. */
  async kill(): Promise<void> {
    const { pid } = await this.status()
    await must(inside(this.controller.host, ['kill', '-KILL', String(pid)]))
    await waitUntil(`the agent of ${this.name} is gone`, 5, async () => {
      return (await this.run(['kill', '-0', String(pid)])).status !== 0
    })
  }

  /** Its exit status says whether something needs eyes; the value is the same. */
  async status(): Promise<AgentStatus> {
    const outcome = await this.sealwire('status', '--json')
    try {
      return JSON.parse(outcome.result) as AgentStatus
    } catch {
      throw new Error(`${this.name} has no status: ${outcome.output.trim()}`)
    }
  }

  /** MiB that are resident now, and that were at most; undefined while no agent runs. */
  async usedMemory(): Promise<{ readonly now: number; readonly most: number } | undefined> {
    const asked = await this.sealwire('status', '--json')
    if (asked.result === '') return undefined
    const { pid } = JSON.parse(asked.result) as Partial<AgentStatus>
    if (pid === undefined) return undefined
    const { result } = await this.run(['cat', `/proc/${pid}/status`])
    const mebibytes = (name: string) =>
      Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(result)?.[1]) / 1024)
    return { now: mebibytes('VmRSS'), most: mebibytes('VmHWM') }
  }

  /** The step of KB 254728. */
  setNoDefaultExempt(value: number): Promise<string> {
    const words = ['/v', 'NoDefaultExempt', '/t', 'REG_DWORD', '/d', String(value), '/f']
    return this.mustSealwire('reg', 'add', settingKey, ...words)
  }

  /** All that sealwire and a chapter can have changed in the controller's network, as text. */
  async traces(): Promise<string> {
    const questions = ['ip rule', 'ip route show table all', 'ip -o link', 'nft list ruleset']
    const answers = await Promise.all(questions.map(async words => (await this.run(words.split(' '))).result))
    return answers.join('\n')
  }

  /** Nothing of sealwire is left in this controller, whatever was done to it. */
  async restore(): Promise<void> {
    const { status } = await this.run(['test', '-e', '/run/sealwire', '-o', '-e', '/etc/sealwire'])
    if (status !== 0) return
    await this.sealwire('down')
    // Its firewall is among the rules, which are gone below.
    const hasBoot = (await this.run(['test', '-e', '/etc/sealwire/boot-guard'])).status === 0
    if (hasBoot) await this.sealwire('boot', 'remove')
    await this.run(['nft', 'flush', 'ruleset'])
    await this.run(['rm', '-rf', '/etc/sealwire', '/var/lib/sealwire', '/run/sealwire'])
    await this.run(['ip', 'route', 'flush', 'cache'])
  }
}

/** A CA and a certificate for every controller, made once in `folder`, and laid into each one's /etc/sealwire. */
export async function giveCertificates(agents: readonly HostAgent[], folder: string, launcher: string): Promise<void> {
  if (!existsSync(`${folder}/ca.pem`)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    await must([launcher, 'cert', 'ca', '--name', 'Lab CA', '--out', folder])
  }
  for (const { forest, controller } of agents) {
    const name = fullName(forest, controller)
    if (!existsSync(`${folder}/${name}.pem`)) {
      const who = ['--name', name, '--address', controller.address]
      await must([launcher, 'cert', 'request', ...who, '--ca', `${folder}/ca.pem`, '--out', folder])
    }
    await must(inside(controller.host, ['mkdir', '-p', '/etc/sealwire']))
    for (const file of ['ca.pem', `${name}.pem`, `${name}.key`]) {
      const copy = ['sh', '-c', 'umask 077 && cat >"$1"', 'sh', `/etc/sealwire/${file}`]
      await must(inside(controller.host, copy), { input: await must(['cat', `${folder}/${file}`]) })
    }
  }
}

export async function writePolicies(
  agents: readonly HostAgent[],
  textFor: (agent: HostAgent) => string,
): Promise<void> {
  for (const agent of agents) await agent.writePolicy(textFor(agent))
}
