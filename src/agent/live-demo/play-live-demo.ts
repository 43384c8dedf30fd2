// The live demo from its empty stage to the last phase: two hosts, two agents, real programs, and the wire between them
// captured. Whatever happens, all of it is gone in the end, unless it is to be kept.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatProblem } from '../../base/result.ts'
import { unixSeconds, unixTime } from '../../base/time.ts'
import { effectiveCapabilities, missingForPackets } from '../../native/capabilities.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import { orderAuthority, orderRequest } from '../certificates/certificate-tool.ts'
import { readPolicyFile } from '../policy-file.ts'
import { HostApplications } from './host-applications.ts'
import { KeyCenter, missingForKerberos } from './key-center.ts'
import { LiveAgent } from './live-agent.ts'
import { type LivePhase, livePhases, liveSteps, type StepResult } from './live-phases.ts'
import { writeLivePolicy } from './live-policy.ts'
import { LiveTraffic } from './live-traffic.ts'
import { missingPrograms, pause, type Words } from './programs.ts'
import { recordedMessages } from './recorded-messages.ts'
import { buildStage, planStage, removeLeftStages, removeStage, type Stage } from './stage.ts'
import { captureWire, kerberosByTshark } from './wire-capture.ts'
import { countWire, type StepTime } from './wire-counts.ts'

export interface LiveRun {
  readonly phase: LivePhase
  /** Both hosts' policies and the certificates that these name, by the names of the files. No private keys. */
  readonly files: ReadonlyMap<string, string>
  readonly policy: CompiledPolicy
  readonly capture: Uint8Array
  /** IP packets. */
  readonly packets: number
  readonly ike: number
  readonly steps: readonly StepResult[]
  /** Messages that tshark reads as Kerberos; undefined where there is no tshark. */
  readonly kerberosSeen: Promise<readonly string[] | undefined>
}

export interface LiveOptions {
  readonly sealwire: Words
  readonly keep: boolean
  readonly signal: AbortSignal
  readonly progress: (text: string) => void
  /** Hears of the stage once it is planned. */
  readonly planned: (stage: Stage) => void
}

export interface LiveMachine {
  /** What the demo cannot do without. */
  readonly missing: readonly string[]
  /** What a real Kerberos would need. */
  readonly missingForKerberos: readonly string[]
}

export function liveMachine(): LiveMachine {
  const missing = [...missingForPackets()]
  if (process.platform === 'linux' && !effectiveCapabilities().has('CAP_SYS_ADMIN')) {
    missing.push('The capability CAP_SYS_ADMIN is missing, which is needed to make network namespaces: run it as root.')
  }
  const packages = { ip: 'iproute2', nft: 'nftables', tcpdump: 'tcpdump', ping: 'iputils-ping' } as const
  for (const name of missingPrograms(Object.keys(packages))) {
    missing.push(`The program ${name} is missing: install ${packages[name as keyof typeof packages]}.`)
  }
  return { missing, missingForKerberos: missingForKerberos() }
}

export async function* playLiveDemo(options: LiveOptions): AsyncGenerator<LiveRun, void, undefined> {
  const { signal, progress } = options
  const left = await removeLeftStages()
  if (left.length > 0) progress(`Removed what was left of ${left.join(', ')}`)
  const stage = planStage()
  const applications: HostApplications[] = []
  let isOver = false
  try {
    options.planned(stage)
    progress('Two hosts, a bridge between them, certificates, a KDC')
    await buildStage(stage, signal)
    const { agents, traffic } = await populate(stage, options, applications)
    const looks: Promise<unknown>[] = []
    for (const [index, phase] of livePhases.entries()) {
      const tell = (text: string) => progress(`${index + 1} of ${livePhases.length}: ${text}`)
      const run = await playPhase(phase, { stage, agents, traffic, signal, progress: tell })
      looks.push(run.kerberosSeen)
      yield run
    }
    // They read files of the stage.
    await Promise.all(looks)
    isOver = true
  } finally {
    await Promise.all(applications.map(one => one.stop()))
    // Only what came to its end is worth keeping.
    if (!isOver || !options.keep) await removeStage(stage)
  }
}

/** Certificates, policies, servers; the agents come up in the first phase. */
async function populate(stage: Stage, { sealwire, signal }: LiveOptions, applications: HostApplications[]) {
  makeCertificates(stage)
  const messages = recordedMessages()
  const hasKeyCenter = missingForKerberos().length === 0
  const keyCenter = hasKeyCenter ? new KeyCenter(stage, signal) : undefined
  const roles = stage.hosts.map(({ namespace, address }, index) => ({
    ...{ namespace, address },
    peer: stage.hosts[1 - index]!.address,
    broadcast: address.replace(/\d+$/, '255'),
    rsvp: index === 0 ? messages.rsvp : undefined,
    kerberos: hasKeyCenter ? undefined : messages.kerberos,
  }))
  const starting = roles.map(async role => {
    const one = await HostApplications.start(role)
    applications.push(one)
    return one
  })
  const [first, second] = await Promise.all([...starting, keyCenter?.start()])
  const agents = stage.hosts.map(host => new LiveAgent(host, sealwire, signal))
  const traffic = new LiveTraffic({ stage, first: first!, second: second!, keyCenter, signal })
  return { agents: agents as [LiveAgent, LiveAgent], traffic }
}

function makeCertificates({ folder, hosts }: Stage): void {
  const order = { keyType: 'ecdsa-p256', days: 90, force: false } as const
  const at = unixSeconds()
  const made = [orderAuthority({ ...order, name: 'sealwire demo CA', folder }, at)]
  const signer = { ca: join(folder, 'ca.pem'), key: join(folder, 'ca.key') }
  for (const { fullName, address } of hosts) {
    const wishes = { names: [fullName], addresses: [address], principals: [] }
    made.push(orderRequest({ ...order, wishes, folder, signer }, at))
  }
  for (const one of made) if (!one.ok) throw new Error(one.error.map(formatProblem).join('; '))
}

interface Scene {
  readonly stage: Stage
  readonly agents: readonly [LiveAgent, LiveAgent]
  readonly traffic: LiveTraffic
  readonly signal: AbortSignal
  readonly progress: (text: string) => void
}

/** What the two agents wrote when they could not agree on keys: without any there is no story. */
export class NoContact extends Error {}

async function makeContact({ agents, traffic }: Scene): Promise<void> {
  if (await traffic.makeContact()) return
  throw new NoContact(agents.map(agent => `${agent.host.name} wrote:\n${agent.log()}`).join('\n'))
}

async function playPhase(phase: LivePhase, scene: Scene): Promise<LiveRun> {
  const { stage, agents, traffic, signal, progress } = scene
  const [first] = agents
  progress(phase.doing)
  // Between two phases nobody says anything; what changes during one is captured.
  const capture = await captureWire(stage, join(stage.folder, `${phase.name}.pcap`), signal)
  switch (phase.name) {
    case 'absent':
      for (const { host } of agents) writeLivePolicy(host, phase.value)
      await Promise.all(agents.map(agent => agent.up()))
      await makeContact(scene)
      break
    case 'no-default-exempt-1':
      for (const { host } of agents) writeLivePolicy(host, phase.value)
      await Promise.all(agents.map(agent => agent.hasValue(1)))
      break
    case 'firewall':
      await Promise.all(agents.map(agent => agent.sealwire('firewall', 'apply', '--yes')))
      break
    case 'killed':
      await Promise.all(agents.map(agent => agent.sealwire('firewall', 'remove')))
      await first.kill()
      break
    case 'back':
      await first.up()
      await makeContact(scene)
      break
  }
  const times: StepTime[] = []
  const done: Omit<StepResult, 'sealed' | 'clear' | 'because'>[] = []
  for (const step of liveSteps) {
    times.push({ step, from: unixTime() })
    progress(`${phase.doing}: ${step}`)
    const why = await traffic.play(step)
    done.push({ step, worked: why === undefined, why: why ?? '' })
    // The last packets of one step, such as acknowledgements, are not the next one's.
    await pause(0.06, signal)
  }
  const bytes = await capture.stop()
  const { files, policy } = readFiles(phase, stage)
  const counts = countWire(bytes, policy, times)
  const kerberosSeen = kerberosByTshark(capture.file, signal)
  // Whoever awaits it hears of it; a demo that is stopped before has no use for it.
  kerberosSeen.catch(() => {})
  return {
    ...{ phase, files, policy, capture: bytes, packets: counts.packets, ike: counts.ike },
    steps: done.map(one => ({ ...one, ...counts.steps.get(one.step)! })),
    kerberosSeen,
  }
}

function readFiles({ name }: LivePhase, { folder, hosts }: Stage): Pick<LiveRun, 'files' | 'policy'> {
  const [first] = hosts
  const read = readPolicyFile(first.policy)
  if (!read.ok) throw new Error(read.error.map(formatProblem).join('; '))
  const texts = hosts.map(host => {
    const file = host === first ? `${name}.yaml` : `${name}.${host.name}.yaml`
    return [file, readFileSync(host.policy, 'utf8')] as const
  })
  const certificates = ['ca.pem', ...hosts.map(({ fullName }) => `${fullName}.pem`)]
  const others = certificates.map(file => [file, readFileSync(join(folder, file), 'utf8')] as const)
  return { files: new Map([...texts, ...others]), policy: compile(read.value.policy) }
}
