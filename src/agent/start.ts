// The composition root: the only place of the agent where the system's clock, randomness and environment come in, and where
// its parts are the real ones. What a person can mend is found before anything of the host is touched.
import { join } from 'node:path'
import type { Address } from '../base/address.ts'
import { systemRandom } from '../base/random.ts'
import type { Problem } from '../base/result.ts'
import { systemClock, unixSeconds, unixTime } from '../base/time.ts'
import { defaultGuard, type Ruleset } from '../dataplane/guard/ruleset.ts'
import { SEALWIRE_MARK } from '../dataplane/tun/tun-options.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../keying/keying-settings.ts'
import type { Path } from '../keying/machine.ts'
import type { AgentEvent, Level, ToldEvent } from '../monitor/told-event.ts'
import { missingForPackets } from '../native/capabilities.ts'
import type { FileLock } from '../native/file-lock.ts'
import { gssapi } from '../native/gssapi.ts'
import { failedCall } from '../native/libc.ts'
import { currentNamespace } from '../native/namespaces.ts'
import type { Policy } from '../policy/model.ts'
import { IKE_PORT, NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import { Agent, type AgentInput, type Ending } from './agent.ts'
import { wordsOfError } from './agent-event.ts'
import { type GuardPart, Unready } from './agent-parts.ts'
import { AssignedPolicySource, forgetDynamicRules, type OwnCertificate } from './assigned-policy-source.ts'
import { keepForBoot } from './boot.ts'
import { bootPlaces } from './boot-units.ts'
import { undoDeadAgent } from './clean-up.ts'
import { answerCommand } from './control-commands.ts'
import { ControlServer } from './control-server.ts'
import { guardPart } from './guard-part.ts'
import { journalOf } from './journal.ts'
import { KerberosService } from './kerberos/kerberos-service.ts'
import { KeyingSockets, wordsOfPath } from './keying-sockets.ts'
import { Log } from './log.ts'
import { type MonitorPlaces, monitorSteps } from './monitor-steps.ts'
import { OwnAddresses } from './own-addresses.ts'
import { FilePolicySource } from './policy-source.ts'
import { RegistryPolicySource } from './registry-policy-source.ts'
import { REGISTRY_POLICY } from './registry-settings.ts'
import { openRegistry } from './registry-store.ts'
import { routingPart } from './routing-part.ts'
import { type ServiceManager, serviceManager } from './service-manager.ts'
import * as folders from './state-folder.ts'
import type { Step } from './steps.ts'
import { tunPlanePart } from './tun-plane-part.ts'
import { wirePart } from './wire-watch/wire-part.ts'

export interface UpOptions extends MonitorPlaces {
  /** The name of a file, or `registry:` for what the registry assigns. */
  readonly policy: string
  /** For policies of the registry, which name an authority alone. */
  readonly certificate?: OwnCertificate | undefined
  readonly state: string
  readonly guard: boolean
  /** The guard stays when the agent goes. */
  readonly keepGuard: boolean
  /** ESP goes to stations of the own links and comes from them past the kernel's IP. */
  readonly byFrames?: boolean
  /** Whether what passes the links is looked at; left out, it is. */
  readonly wireWatch?: boolean
  readonly least: AgentEvent['level']
  /** What differs from the default: whoever embeds the agent may be less patient, and tests are. */
  readonly keying?: Partial<KeyingSettings>
  /** For a terminal; left out, JSON lines are written. */
  readonly paint?: (level: AgentEvent['level'], text: string) => string
}

export interface Refused {
  readonly kind: 'refused'
  /** `machine`: what is missing is no fault of what was written. */
  readonly whose: 'input' | 'machine'
  readonly problems: readonly Problem[]
}

export interface Running {
  readonly kind: 'up'
  readonly agent: Agent
  readonly folder: folders.StateFolder
  readonly finished: Promise<Ending>
}

/** Seconds that the process has to end by itself once everything is taken back. */
const END_WITHIN = 10

export async function startAgent(options: UpOptions): Promise<Refused | Running> {
  const folder = folders.stateFolder(options.state)
  const rules = { ...defaultGuard, espByFrames: options.byFrames === true }
  const taken = (ruleset: Ruleset) => keepLastGood(folder, ruleset)
  const guard = options.guard ? guardPart({ guard: rules, taken }) : undefined
  const held = await refuseEarly(options, folder, guard)
  if ('problems' in held) return held
  await forgetDynamicRules(openRegistry(folder))
  const log = logTo(options)
  const agent = compose(options, folder, guard, log)
  const signals = listenToSignals(agent)
  try {
    for (const event of undoDeadAgent(folder)) agent.tell(event)
    const { guard: hasGuard, keepGuard: keepsGuard, policy: policyFile } = options
    folders.writeNote(folder, { pid: process.pid, namespace: currentNamespace(), hasGuard, keepsGuard, policyFile })
    await agent.up()
  } catch (error) {
    signals.stop()
    agent.parts.addresses.close()
    folders.removeNote(folder)
    held.release()
    return { kind: 'refused', ...whoseFault(error) }
  }
  signals.areHeard()
  const finished = agent.finished.then(ending => {
    signals.stop()
    agent.parts.addresses.close()
    // What a guard that stays needs to be known by, the next agent or “down” finds in the note.
    if (ending.kind === 'asked') folders.removeNote(folder)
    held.release()
    // A thread that hangs would hold the process for ever; the guard stands, and there is nothing left to save.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), END_WITHIN * 1000).unref()
    return ending
  })
  return { kind: 'up', agent, folder, finished }
}

/** Everything that is known to be in the way, at once; the folder held where nothing is. */
async function refuseEarly(
  options: UpOptions,
  folder: folders.StateFolder,
  guard: GuardPart | undefined,
): Promise<Refused | FileLock> {
  const hasGuard = guard?.isThere().then(
    () => [],
    (error: unknown) => whoseFault(error).problems,
  )
  const loaded = policySource(options, folder).load()
  const missing = [...missingForPackets(), ...(loaded.ok ? missingForKerberos(loaded.value.policy) : [])]
  const machine = missing.map(what => problem('this machine', what))
  const prepared = folders.prepareStateFolder(folder)
  const lock = prepared.ok ? folders.holdStateFolder(folder) : undefined
  const isTaken = prepared.ok && lock === undefined
  const input = [
    ...(loaded.ok ? [] : loaded.error),
    ...(prepared.ok ? [] : prepared.error),
    ...(isTaken ? [anotherAgent(folder)] : []),
  ]
  // Asked before the guard is touched: who has the ports may have a guard of its own.
  const ports = isTaken || machine.length > 0 ? [] : portsInTheWay()
  const problems = [...input, ...machine, ...((await hasGuard) ?? []), ...ports]
  if (lock !== undefined && problems.length === 0) return lock
  lock?.release()
  return { kind: 'refused', whose: input.length > 0 ? 'input' : 'machine', problems }
}

function policySource({ policy, certificate }: UpOptions, folder: folders.StateFolder, own?: () => readonly Address[]) {
  const registry = openRegistry(folder)
  const source =
    policy === REGISTRY_POLICY
      ? new AssignedPolicySource({ registry, folder: folder.path, date: unixSeconds, certificate })
      : new FilePolicySource(policy, systemClock, unixSeconds, own)
  return new RegistryPolicySource(source, registry)
}

function missingForKerberos({ rules }: Policy): readonly string[] {
  const isAsked = rules.some(rule => rule.active && rule.authentication.some(({ kind }) => kind === 'kerberos'))
  const library = isAsked ? gssapi() : undefined
  return typeof library === 'string' ? [`a rule authenticates with Kerberos, and ${library}`] : []
}

function anotherAgent({ path }: folders.StateFolder): Problem {
  const hint = `end it with “sealwire down --state ${path}”, or give this one a folder of its own with --state`
  return problem(path, 'another agent runs with this state folder', hint)
}

function portsInTheWay(): readonly Problem[] {
  return [IKE_PORT, NAT_TRAVERSAL_PORT].flatMap(port => {
    const sockets = new KeyingSockets({ port, mark: SEALWIRE_MARK, heard() {} })
    try {
      sockets.open()
      return []
    } catch (error) {
      return whoseFault(error).problems
    } finally {
      sockets.close()
    }
  })
}

/** The next boot begins with the net of the host's own agent; that of another one, in a namespace, stays in its folder. */
function keepLastGood({ path }: folders.StateFolder, ruleset: Ruleset): void {
  keepForBoot(ruleset, path === folders.DEFAULT_STATE ? bootPlaces.lastGood : join(path, 'guard.nft'))
}

function problem(where: string, what: string, hint = ''): Problem {
  return { severity: 'error', where, what, hint }
}

function whoseFault(error: unknown): Pick<Refused, 'whose' | 'problems'> {
  if (error instanceof Unready) return error
  // Of a worker's error only the words come here.
  const isTaken = failedCall(error)?.name === 'EADDRINUSE' || wordsOfError(error).includes('EADDRINUSE')
  const hint = isTaken ? 'another IKE daemon has the port: stop it (strongSwan, Libreswan, racoon)' : ''
  return { whose: 'machine', problems: [problem('this machine', wordsOfError(error), hint)] }
}

function compose(options: UpOptions, folder: folders.StateFolder, guard: GuardPart | undefined, log: Log): Agent {
  const later: { agent?: Agent } = {}
  const hear = (input: AgentInput) => later.agent?.input(input)
  const tell = (event: AgentEvent) => later.agent?.tell(event)
  const manager = serviceManager(process.env, error =>
    tell({ level: 'warning', kind: 'service-manager', text: wordsOfError(error) }),
  )
  const heard = (path: Path, bytes: Uint8Array) => hear({ kind: 'datagram', path, bytes })
  const notSent = (path: Path, name: string) =>
    tell({ level: 'debug', kind: 'not-sent', text: `IKE ${wordsOfPath(path)} was not sent: ${name}` })
  const notFollowed = (error: Error) => {
    tell({ level: 'warning', kind: 'routes-behind', text: `Routes do not follow the network: ${wordsOfError(error)}` })
  }
  const failed = (error: Error) => hear({ kind: 'plane-failed', error })
  const plane = tunPlanePart({ heard, failed, byFrames: options.byFrames === true })
  const device = () => plane.facts()['device']
  const addresses = new OwnAddresses(name => name === device())
  const wire = options.wireWatch === false ? undefined : wirePart({ clock: systemClock, date: unixTime, device })
  const agent = new Agent(
    {
      ...{ guard, plane, wire, clock: systemClock, date: unixTime, random: systemRandom },
      source: policySource(options, folder, () => addresses.list()),
      registry: openRegistry(folder),
      routing: routingPart({ folder: folder.path, device, failed: notFollowed }),
      sockets: new KeyingSockets({ mark: SEALWIRE_MARK, heard, failed: notSent }),
      addresses,
      kerberos: new KerberosService({
        clock: systemClock,
        environment: process.env,
        configuration: join(folder.path, 'krb5.conf'),
      }),
      settings: { ...defaultKeyingSettings, ...options.keying },
      tell: (event: ToldEvent) => log.write(event),
      alive: () => manager.alive(),
      keepGuard: options.keepGuard,
    },
    of => [controlStep(of, folder), ...monitorSteps(of, options), managerStep(manager)],
  )
  later.agent = agent
  return agent
}

/** From here on others find the agent; what it answers while it goes down is that it does. */
function controlStep(agent: Agent, folder: folders.StateFolder): Step {
  const listen = (listener: (event: ToldEvent) => void, least: Level) => agent.listen(listener, least)
  const server = new ControlServer({ folder, listen, answer: command => answerCommand(agent, command) })
  return {
    name: 'the control socket',
    up: () => server.start(),
    async down() {
      server.stopListening()
      void agent.finished.then(() => {
        void server.close()
        systemClock.at(systemClock.now() + 1, () => server.cut())
      })
    },
  }
}

function managerStep(manager: ServiceManager): Step {
  return {
    name: 'word to the service manager',
    up: async () => manager.ready('The policy is enforced.'),
    down: async () => manager.stopping(),
  }
}

function logTo({ paint, least }: UpOptions): Log {
  const write = (text: string) => process.stderr.write(text)
  if (paint !== undefined) return new Log({ form: 'words', write, least, paint })
  const journal = journalOf(process.env)
  return new Log(
    journal === undefined
      ? { form: 'json', write, least }
      : { form: 'journal', write, least, enter: entry => journal.enter(entry) },
  )
}

/** SIGTERM and SIGINT go down, SIGHUP reads the policy anew. What comes before the agent is up counts once it is. */
function listenToSignals(agent: Agent) {
  let isUp = false
  let isWanted = false
  const end = () => {
    if (isUp) void agent.down()
    isWanted = true
  }
  const reload = () => agent.input({ kind: 'policy-changed' })
  const fault = (error: unknown) => agent.input({ kind: 'failed', error })
  const handlers = [
    ['SIGTERM', end],
    ['SIGINT', end],
    ['SIGHUP', reload],
    ['uncaughtException', fault],
    ['unhandledRejection', fault],
  ] as const
  for (const [name, handler] of handlers) process.on(name, handler)
  return {
    areHeard() {
      isUp = true
      if (isWanted) void agent.down()
    },
    stop() {
      for (const [name, handler] of handlers) process.off(name, handler)
    },
  }
}
