// For tests with real agents: two network namespaces with a wire between, a CA with a certificate for each, and sealwire
// run as a person runs it. What stood on the wire is captured and judged by the auditor. All is gone when the test is over.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { KeyingSettings } from '../../src/keying/keying-settings.ts'
import type { AgentStatus } from '../../src/monitor/agent-status.ts'
import { twoHosts, whyNoHosts } from '../../src/native/test-namespaces.ts'

const program = join(import.meta.dirname, '..', '..', 'sealwire')

/** For a test's `skip`: a reason, or false where it can run. */
export function whyNoAgents(): string | false {
  const why = whyNoHosts()
  if (why !== false) return `skipped, ${why}`
  for (const [tool, flag, from] of [
    ['nft', '--version', 'nftables'],
    ['tcpdump', '--version', 'tcpdump'],
    ['ping', '-V', 'iputils-ping'],
  ] as const) {
    if (spawnSync(tool, [flag]).error !== undefined) return `skipped, because ${from} is not installed`
  }
  return false
}

export interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}

export interface PolicyWords {
  readonly profile?: string
  readonly noDefaultExempt?: number
  /** Keys of the policy's `ike`, in YAML. */
  readonly ike?: readonly string[]
  /** Keys of the rule, in YAML, such as `fallBackToClear: true`. */
  readonly more?: readonly string[]
  /** Whole rules in front, in YAML. */
  readonly rules?: readonly string[]
}

export class LiveHost {
  readonly name: string
  readonly namespace: string
  readonly address: string
  readonly address6: string
  readonly folder: string
  readonly state: string
  readonly policy: string

  constructor(folder: string, namespace: string, number: 1 | 2) {
    this.name = `dc${number}.corp.test`
    this.namespace = namespace
    this.address = `10.99.0.${number}`
    this.address6 = `fd99::${number}`
    this.folder = folder
    this.state = join(folder, `state-${number}`)
    this.policy = join(folder, `policy-${number}.yaml`)
  }

  /** Runs a program in the host's namespace. */
  run(words: readonly string[]): Promise<Ran> {
    return run('ip', ['netns', 'exec', this.namespace, ...words])
  }

  sealwire(...words: readonly string[]): Promise<Ran> {
    return this.run([program, ...words])
  }

  /** Everything between the two is negotiated. */
  writePolicy({
    profile = 'windows-2000-sp1',
    noDefaultExempt,
    ike = [],
    more = [],
    rules = [],
  }: PolicyWords = {}): void {
    const { name } = this
    const lines = [
      'name: Two hosts',
      `profile: ${profile}`,
      ...(noDefaultExempt === undefined ? [] : [`noDefaultExempt: ${noDefaultExempt}`]),
      ...(ike.length === 0 ? [] : ['ike:', ...ike.map(line => `  ${line}`)]),
      'rules:',
      ...rules.map(rule => `  - ${rule}`),
      '  - name: Everything between the two',
      '    filters:',
      '      - { source: 10.99.0.1, destination: 10.99.0.2, mirrored: true }',
      '      - { source: "fd99::1", destination: "fd99::2", mirrored: true }',
      '    action: negotiate',
      '    security: [esp-aes256gcm16]',
      `    authentication: [{ certificate: { ca: ca.pem, own: ${name}.pem, key: ${name}.key } }]`,
      ...more.map(line => `    ${line}`),
    ]
    writeFileSync(this.policy, `${lines.join('\n')}\n`)
  }

  async up(...more: readonly string[]): Promise<void> {
    const ran = await this.sealwire('up', '--policy', this.policy, '--state', this.state, '--detach', ...more)
    assert.equal(ran.status, 0, `${ran.error}\n${this.log()}`)
  }

  /** With other settings of keying than people can choose, and an environment of its own. */
  async upWith(keying: Partial<KeyingSettings>, environment: Readonly<Record<string, string>> = {}): Promise<void> {
    mkdirSync(this.state, { recursive: true, mode: 0o700 })
    const log = openSync(join(this.state, 'agent.log'), 'a', 0o600)
    const agent = join(import.meta.dirname, 'agent-of-tests.ts')
    // Only the agent itself may live in another time.
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const words = ['env', ...variables, process.execPath, agent, this.policy, this.state, JSON.stringify(keying)]
    spawn('ip', ['netns', 'exec', this.namespace, ...words], { stdio: ['ignore', log, log] }).unref()
    closeSync(log)
    await this.wrote('up')
  }

  async down(...more: readonly string[]): Promise<void> {
    const ran = await this.sealwire('down', '--state', this.state, ...more)
    assert.equal(ran.status, 0, ran.error)
  }

  async status(): Promise<AgentStatus> {
    const ran = await this.sealwire('status', '--state', this.state, '--json')
    return JSON.parse(ran.out) as AgentStatus
  }

  /** All that the agent wrote. */
  log(): string {
    try {
      return readFileSync(join(this.state, 'agent.log'), 'utf8')
    } catch {
      return ''
    }
  }

  /** Until the agent has written such an event, `count` times. */
  async wrote(event: string, count = 1): Promise<void> {
    const found = () => this.log().split(`"event":"${event}"`).length > count
    for (let tries = 0; !found(); tries++) {
      assert.ok(tries < 500, `${event} was not written:\n${this.log()}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** Rules, routes, links and tables of nftables, as text: what must be the same before and after. */
  async traces(): Promise<string> {
    const commands = [
      'ip rule',
      'ip -6 rule',
      'ip route show table all',
      'ip -6 route show table all',
      'ip link',
      'nft list ruleset',
    ]
    const texts = await Promise.all(commands.map(async words => (await this.run(words.split(' '))).out))
    // The link's own address comes some seconds after the link, whatever else happens.
    return texts.join('\n').replaceAll(/^local fe80::.*\n/gm, '')
  }

  /** Answers how many of `count` echoes came back. */
  async ping(to: string, count = 3, ...more: readonly string[]): Promise<number> {
    const ran = await this.run(['ping', '-c', String(count), '-i', '0.05', '-W', '1', ...more, to])
    return Number(/(\d+) received/.exec(ran.out)?.[1] ?? 0)
  }

  /** Nothing of this host runs any more, whatever the test did to it. */
  async end(): Promise<void> {
    const ran = await this.sealwire('down', '--state', this.state)
    if (ran.status !== 0 && existsSync(join(this.state, 'agent.json'))) this.kill()
  }

  kill(): void {
    const { pid } = JSON.parse(readFileSync(join(this.state, 'agent.json'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
  }
}

export function run(command: string, words: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let error = ''
    child.stdout.setEncoding('utf8').on('data', piece => (out += piece))
    child.stderr.setEncoding('utf8').on('data', piece => (error += piece))
    child.on('error', reject)
    child.on('close', status => resolve({ status, out, error }))
  })
}

/** Both ends with certificates and policies, and nothing running. */
export async function twoAgents(context: TestContext): Promise<readonly [LiveHost, LiveHost]> {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-live-'))
  // What is done afterwards is done in the order in which it was asked for: agents end before their namespaces go, since
  // nobody reaches one that lives on in a namespace without a name.
  const made: LiveHost[] = []
  context.after(async () => {
    for (const host of made) await host.end()
    rmSync(folder, { recursive: true, force: true })
  })
  const { left, right } = twoHosts(context)
  const hosts = [new LiveHost(folder, left, 1), new LiveHost(folder, right, 2)] as const
  made.push(...hosts)
  const ca = await run(program, ['cert', 'ca', '--name', 'Test CA', '--out', folder])
  assert.equal(ca.status, 0, ca.error)
  for (const { name, address, address6 } of hosts) {
    const words = ['--name', name, '--address', address, address6, '--ca', join(folder, 'ca.pem'), '--out', folder]
    const made = await run(program, ['cert', 'request', ...words])
    assert.equal(made.status, 0, made.error)
  }
  for (const host of hosts) host.writePolicy()
  return hosts
}

/** Captures the wire from here on; `stop` answers the file. */
export async function captureWire(host: LiveHost): Promise<() => Promise<string>> {
  const file = join(host.folder, `wire-${Date.now()}.pcap`)
  const words = [
    'netns',
    'exec',
    host.namespace,
    'tcpdump',
    '-i',
    'wire',
    '-U',
    '--immediate-mode',
    '-s',
    '200',
    '-w',
    file,
    '-Z',
    'root',
  ]
  const child = spawn('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('listening on')) resolve()
    })
    child.on('close', status => reject(new Error(`tcpdump ended with ${status}`)))
  })
  return async () => {
    // What was said last is on its way to the file.
    await new Promise(resolve => setTimeout(resolve, 200))
    const ended = new Promise(resolve => child.on('close', resolve))
    child.kill('SIGINT')
    await ended
    return file
  }
}

/** What the auditor makes of a capture, by a host's policy. */
export async function audit(file: string, policy: string) {
  const ran = await run(program, ['audit', '--policy', policy, '--json', file])
  return JSON.parse(ran.out) as {
    readonly totals: Readonly<Record<string, number>>
    readonly classes: Readonly<Record<string, number>>
    readonly findings: readonly {
      readonly verdict: string
      readonly flow: { readonly source: string; readonly destination: string } | null
      readonly first: { readonly frame: number; readonly time: string }
    }[]
    readonly conversations: readonly {
      readonly verdict: string
      readonly packets: number
      readonly flow: { readonly source: string; readonly destination: string } | null
    }[]
  }
}
