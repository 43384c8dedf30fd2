// The running service: one queue of inputs, one place where Errors are caught, a state that can be asked for. What changes
// the whole host (a policy, addresses, going down) is done one after the other; what packets and peers say is taken at
// once, because an answer of a peer is what going down waits for, and keying has a queue of its own.
import { type Address, formatAddress } from '../base/address.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Counters, Spi } from '../ipsec/association.ts'
import { KeyingEndpoint } from '../keying/endpoint.ts'
import type { Path } from '../keying/machine.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import type { AgentEvent, Level, ToldEvent } from '../monitor/told-event.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import { eventOfKeying, eventOfProblems, wordsOfError } from './agent-event.ts'
import { type AgentParts, Unready } from './agent-parts.ts'
import { agentSteps } from './agent-steps.ts'
import { Enforcement, HalfEnforced, type InForce } from './enforcement.ts'
import { GuardWatch } from './guard-watch.ts'
import { Listeners } from './listeners.ts'
import { sameAddresses } from './own-addresses.ts'
import { Keeper } from './perform.ts'
import { planeForKeeper } from './plane-for-keeper.ts'
import { statusOf } from './status.ts'
import { type Step, Steps } from './steps.ts'
import { WatchedPlane } from './watched-plane.ts'
import { within } from './within.ts'

export type AgentInput =
  /** What a socket or the data plane heard on an IKE port. */
  | { readonly kind: 'datagram'; readonly path: Path; readonly bytes: Uint8Array }
  | { readonly kind: 'policy-changed' }
  | { readonly kind: 'addresses-changed' }
  /** The part that moves packets is gone. */
  | { readonly kind: 'plane-failed'; readonly error: unknown }
  /** Something threw where nobody catches. */
  | { readonly kind: 'failed'; readonly error: unknown }

export type Ending =
  | { readonly kind: 'asked' }
  /** The guard stays, whatever was said about it: nothing may leave in clear because we failed. */
  | { readonly kind: 'failed'; readonly error: unknown }

/** Seconds between looks at whether everything still stands. */
const LOOK_EVERY = 5
/** Looks between those at the guard, which cost a listing of its rules. */
const GUARD_EVERY = 3
/** Seconds that the data plane has for a word; whoever says nothing is asked again soon, and so often in all. */
const ANSWER_WITHIN = 4
const ASK_AGAIN = 1
const MOST_SILENT = 3
/** Seconds after which addresses are read: several change at a time. */
const ADDRESSES_QUIET = 0.3
/** Seconds that each step has on the way up or down. */
const STEP_PATIENCE = 30
const RECENT = 50
const FAREWELL = 2

export class Agent {
  readonly parts: AgentParts
  readonly plane: WatchedPlane
  readonly keeper: Keeper
  readonly endpoint = new KeyingEndpoint()
  /** Resolves once everything is taken back. */
  readonly finished: Promise<Ending>
  readonly #finish: (ending: Ending) => void
  readonly #steps: Steps
  readonly #enforcement: Enforcement
  /** What is done one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  readonly #recent: ToldEvent[] = []
  readonly #listeners = new Listeners()
  readonly #since: number
  #state: AgentStatus['state'] = 'going-up'
  #refused: { readonly at: number; readonly problems: readonly Problem[] } | undefined
  #keepsGuard: boolean
  #isAnswering = true
  #silent = 0
  readonly #guardWatch: GuardWatch | undefined
  #looks = 0
  #cancelLook: (() => void) | undefined
  #cancelAddresses: (() => void) | undefined

  /** `last`: steps of whoever starts it, taken when everything else stands, such as the control socket. */
  constructor(parts: AgentParts, last: (agent: Agent) => readonly Step[] = () => []) {
    this.parts = parts
    this.#keepsGuard = parts.keepGuard === true
    this.#since = parts.date()
    const { promise, resolve } = Promise.withResolvers<Ending>()
    this.finished = promise
    this.#finish = resolve
    const { plane, guard, clock, random, settings, farewell = FAREWELL } = parts
    // Messages are described where somebody watches, and cost nothing where nobody does.
    const talkative = { ...settings, tellMessages: true }
    this.plane = new WatchedPlane({
      ...{ plane: plane.plane, guard, clock },
      tell: event => this.tell(event),
      clearChanged: () =>
        this.#later('who speaks in clear', () => parts.routing.enforce(this.compiled, this.plane.clearPairs)),
    })
    this.keeper = new Keeper({
      endpoint: this.endpoint,
      dataPlane: planeForKeeper(this.plane, work => this.#caught('news of the data plane', work)),
      clock: { now: () => clock.now(), at: (time, work) => clock.at(time, () => this.#caught('a timer', work)) },
      world: () => {
        const { compiled, loaded } = this.#enforcement.inForce
        const world = { random, policy: compiled, credentials: loaded.credentials }
        return {
          ...world,
          date: Math.floor(parts.date()),
          settings: this.#listeners.wantDetails ? talkative : settings,
        }
      },
      send: (path, bytes) => this.#send(path, bytes),
      kerberos: parts.kerberos,
      report: event => {
        const told = eventOfKeying(event)
        if (told !== undefined) this.tell(told)
      },
      failed: ({ kind }, cause) => this.#fault(`the data plane could not carry out “${kind}”`, cause),
    })
    this.#enforcement = new Enforcement(parts, this.keeper, this.plane)
    const inForce = () => ({ compiled: this.compiled, clearPairs: this.plane.clearPairs })
    this.#guardWatch = guard && new GuardWatch({ guard, clock, tell: event => this.tell(event), inForce })
    const { keeper, plane: watched } = this
    const own = agentSteps({
      ...{ parts, keeper, plane: watched, enforcement: this.#enforcement, farewell },
      keepsGuard: () => this.#keepsGuard,
      wasUp: () => this.#state !== 'going-up',
      addressesChanged: () => this.#addressesSoon(),
      policyChanged: () => this.input({ kind: 'policy-changed' }),
      guardChanged: () => this.#guardWatch?.changed(work => this.#later('a look at the guard', work)),
      tell: event => this.tell(event),
    })
    const failed = (step: string, error: unknown) => this.#fault(`taking back ${step}`, error)
    this.#steps = new Steps([...own, ...last(this)], { clock, patience: STEP_PATIENCE, failed })
  }

  /** Everything stands, or nothing: then it throws, with what a person can do about it as an Unready. */
  async up(): Promise<void> {
    const { source, addresses } = this.parts
    const loaded = source.load()
    if (!loaded.ok) throw new Unready('input', loaded.error)
    const first = this.#enforcement.prepare(loaded.value, addresses.list())
    if ('length' in first) throw new Unready('input', first)
    this.#enforcement.begin(first)
    try {
      await this.#steps.up()
    } catch (error) {
      this.#state = 'down'
      throw error
    }
    this.#state = 'up'
    const { name } = loaded.value.policy
    this.tell({ level: 'info', kind: 'up', text: `The policy “${name}” is enforced.`, fields: { policy: name } })
    this.#tellWarnings()
    this.#addressesSoon()
    await this.#look()
  }

  input(input: AgentInput): void {
    switch (input.kind) {
      case 'datagram':
        if (this.#state !== 'down') this.#caught('a datagram', () => this.keeper.datagram(input.path, input.bytes))
        return
      case 'policy-changed':
        return this.#later('reading the policy', () => this.#reloadNow())
      case 'addresses-changed':
        return this.#later('the host’s addresses changed', () => this.#readAddresses())
      case 'plane-failed':
        // What is being done may be waiting for the data plane in vain; it is not waited for.
        if (this.#state === 'up') void this.#fail('the data plane ended', input.error)
        return
      case 'failed':
        void this.#fail('a fault that nobody expected', input.error)
    }
  }

  tell(event: AgentEvent): void {
    const told: ToldEvent = { at: this.parts.date(), ...event }
    if (event.level === 'warning' || event.level === 'error') {
      this.#recent.push(told)
      if (this.#recent.length > RECENT) this.#recent.shift()
    }
    this.plane.tally.event(event)
    this.parts.tell(told)
    this.#listeners.tell(told)
  }

  /** Hears of events of this level and above until the answer is called. */
  listen(listener: (event: ToldEvent) => void, least: Level = 'debug'): () => void {
    return this.#listeners.add(listener, least)
  }

  get inForce(): InForce {
    return this.#enforcement.inForce
  }

  get compiled(): CompiledPolicy {
    return this.inForce.compiled
  }

  get addresses(): readonly Address[] {
    return this.#enforcement.inForce.addresses
  }

  /** Answers also while something hangs: that is when it is asked. */
  async status(): Promise<AgentStatus> {
    const { parts, plane } = this
    const { guard, source, clock } = parts
    const { loaded, compiled, outlook, loadedAt, addresses } = this.inForce
    const isRunning = this.#state === 'up'
    const health = isRunning ? await this.#guardWatch?.look() : undefined
    if (health?.isThere === false) this.#mendGuard()
    const counters = isRunning ? this.#within(plane.counters()) : undefined
    return statusOf({
      ...{ state: this.#state, pid: process.pid, since: this.#since, now: clock.now(), source: source.name },
      ...{ compiled, outlook, loadedAt, at: parts.date(), policyWarnings: loaded.warnings, refused: this.#refused },
      addresses: addresses.map(formatAddress),
      planeFacts: parts.plane.facts(),
      isAnswering: this.#isAnswering,
      guard: guard === undefined ? undefined : { name: guard.name, health: health ?? { isThere: true, text: '' } },
      sessions: this.endpoint.sessions(),
      associations: plane.associations,
      counters: (await counters?.catch(() => undefined)) ?? new Map<Spi, Counters>(),
      ...{ clearPairs: plane.clearPairs, drops: plane.drops, recent: this.#recent, tally: plane.tally },
      wire: parts.wire?.status() ?? null,
    })
  }

  /** Reads the policy anew, in its turn. What is refused changes nothing. */
  reload(): Promise<Result<void, readonly Problem[]>> {
    const { promise, resolve } = Promise.withResolvers<Result<void, readonly Problem[]>>()
    const gone = (what: string) => resolve(failure([{ severity: 'error', where: 'the agent', what, hint: '' }]))
    this.#later(
      'reading the policy',
      async () => resolve(this.#state === 'up' ? await this.#reloadNow() : failure([notUp])),
      error => gone(wordsOfError(error)),
    )
    return promise
  }

  async #reloadNow(): Promise<Result<void, readonly Problem[]>> {
    const { source, date } = this.parts
    const loaded = source.load()
    const refuse = (problems: readonly Problem[]) => {
      this.#refused = { at: date(), problems }
      const text = 'The new policy is refused, and the one in force stays.'
      this.tell(eventOfProblems('policy-refused', text, problems, 'error'))
      return failure(problems)
    }
    const next = loaded.ok ? this.#enforcement.prepare(loaded.value, this.addresses) : loaded.error
    if ('length' in next) return refuse(next)
    try {
      await this.#enforcement.change(next)
    } catch (error) {
      if (error instanceof HalfEnforced) throw error
      const what = `it could not be put in place: ${wordsOfError(error)}`
      return refuse([{ severity: 'error', where: source.name, what, hint: '' }])
    }
    this.#refused = undefined
    const { name } = next.loaded.policy
    const text = `The policy “${name}” is in force.`
    this.tell({ level: 'info', kind: 'policy-changed', text, fields: { policy: name } })
    this.#tellWarnings()
    return success(undefined)
  }

  /** Takes everything back, in its turn, and the guard last. */
  async down(keepGuard = false): Promise<void> {
    if (this.#state === 'down') return
    this.#later('going down', async () => {
      if (keepGuard) this.#keepsGuard = true
      await this.#goDown({ kind: 'asked' })
    })
    await this.finished
  }

  async #goDown(ending: Ending): Promise<void> {
    if (this.#state !== 'up') return
    this.#state = 'going-down'
    if (ending.kind === 'failed') this.#keepsGuard = true
    const { guard } = this.parts
    this.tell({ level: 'info', kind: 'going-down', text: 'Going down: saying farewell to peers.' })
    this.#cancelLook?.()
    this.#cancelAddresses?.()
    await this.#steps.down()
    this.#state = 'down'
    const stays = guard !== undefined && this.#keepsGuard
    const text = stays ? 'Down. The guard stays: what must be sealed cannot leave.' : 'Down.'
    this.tell({ level: 'info', kind: 'down', text })
    this.#finish(ending)
  }

  /** The one queue. What throws half way leaves nothing that can be trusted, unless `refused` has a use for it. */
  #later(what: string, work: () => Promise<unknown>, refused?: (error: unknown) => void): void {
    this.#last = this.#last.then(async () => {
      try {
        if (this.#state === 'up' || refused !== undefined) await work()
      } catch (error) {
        refused?.(error)
        if (error instanceof HalfEnforced) await this.#fail(what, error)
        else this.#fault(what, error)
      }
    })
  }

  /** No peer and no packet can cause what is caught here: it is a fault of ours, and one session is not the host. */
  #caught(what: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#fault(what, error)
    }
  }

  #fault(what: string, error: unknown): void {
    const words = wordsOfError(error)
    this.tell({ level: 'error', kind: 'fault', text: `${what}: ${words}`, fields: { cause: words } })
  }

  /** The host may be half changed, or no packet passes any more: the agent ends, and the guard stays. */
  async #fail(what: string, error: unknown): Promise<void> {
    this.#fault(what, error)
    await this.#goDown({ kind: 'failed', error })
  }

  #addressesSoon(): void {
    const { clock } = this.parts
    this.#cancelAddresses ??= clock.at(clock.now() + ADDRESSES_QUIET, () => {
      this.#cancelAddresses = undefined
      this.input({ kind: 'addresses-changed' })
    })
  }

  async #readAddresses(): Promise<void> {
    const addresses = this.parts.addresses.list()
    if (sameAddresses(addresses, this.addresses)) return
    const next = this.#enforcement.prepare(this.#enforcement.inForce.loaded, addresses)
    if ('length' in next) {
      return this.tell(
        eventOfProblems('policy-refused', 'The policy no longer fits the host’s addresses.', next, 'error'),
      )
    }
    await this.#enforcement.change(next)
    const words = addresses.map(formatAddress)
    const text = `The host’s addresses are now ${words.join(', ') || 'none'}.`
    this.tell({ level: 'info', kind: 'addresses-changed', text, fields: { addresses: words } })
  }

  #send(path: Path, bytes: Uint8Array): void {
    const { plane, sockets } = this.parts
    if (path.local.port === NAT_TRAVERSAL_PORT) plane.sendKeying(path, bytes)
    else sockets.send(path, bytes)
  }

  #tellWarnings(): void {
    const { warnings } = this.#enforcement.inForce.loaded
    const { problems, remarks } = this.compiled.setting
    const all = [...warnings, ...problems, ...remarks]
    if (all.length === 0) return
    this.tell(eventOfProblems('policy-warnings', 'The policy has something to look at.', all, 'warning'))
  }

  /** Whether all still stands; a watchdog hears of it only where it does. */
  async #look(): Promise<void> {
    const { plane, clock, alive } = this.parts
    const was = this.#isAnswering
    this.#isAnswering = await this.#within(plane.isAnswering()).catch(() => false)
    if (was && !this.#isAnswering) {
      this.tell({ level: 'error', kind: 'data-plane-silent', text: 'The data plane does not answer: nothing passes.' })
    }
    if (!was && this.#isAnswering) {
      this.tell({ level: 'info', kind: 'data-plane-answers', text: 'The data plane answers again.' })
    }
    if (this.#state !== 'up') return
    this.#silent = this.#isAnswering ? 0 : this.#silent + 1
    // It holds what is to be sealed and cannot be mended from here: whoever starts this agent starts another one.
    if (this.#silent === MOST_SILENT) plane.giveUp(new Error(`no word from it, asked ${MOST_SILENT} times`))
    if (this.#isAnswering) alive?.()
    if (this.#looks++ % GUARD_EVERY === 0) this.#mendGuard()
    this.#cancelLook = clock.at(clock.now() + (this.#isAnswering ? LOOK_EVERY : ASK_AGAIN), () => void this.#look())
  }

  #mendGuard(): void {
    const watch = this.#guardWatch
    if (watch !== undefined) this.#later('the guard', () => watch.mend())
  }

  #within<T>(promise: Promise<T>): Promise<T> {
    return within(this.parts.clock, ANSWER_WITHIN, 'an answer', promise)
  }
}

const notUp: Problem = { severity: 'error', where: 'the agent', what: 'it is not up', hint: '' }
