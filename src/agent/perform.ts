// The one place where what keying wants becomes calls on a data plane and datagrams, and where their news become keying's
// inputs. Everything goes in the order in which it was wanted: who installs before it answers loses no packet.

import type { Address } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { Clock } from '../base/time.ts'
import type { DataPlane, DataPlaneListener } from '../dataplane/data-plane.ts'
import { pairName, type Spi } from '../ipsec/association.ts'
import type { DropReason } from '../ipsec/drop-reasons.ts'
import type { KeyingEndpoint, OutsideWorld } from '../keying/endpoint.ts'
import { isBeginning } from '../keying/first-look.ts'
import type {
  Instant,
  KerberosAnswer,
  KerberosAsk,
  KeyingEvent,
  KeyingInput,
  KeyingOutput,
  Path,
  SessionId,
} from '../keying/machine.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { KerberosPart } from './agent-parts.ts'

export interface KeeperParts {
  readonly endpoint: Pick<KeyingEndpoint, 'handle' | 'wakeAt' | 'sessions'>
  /** As things are now; asked at every input. */
  readonly world: () => Omit<OutsideWorld, 'now'>
  readonly dataPlane: DataPlane
  readonly clock: Clock
  /** Puts a datagram on its way. `bytes` is all of its content. */
  readonly send: (path: Path, bytes: Uint8Array) => void
  readonly report: (event: KeyingEvent) => void
  /** The system's Kerberos. Left out, there is none. */
  readonly kerberos?: Pick<KerberosPart, 'ask'> | undefined
  readonly dropped?: (reason: DropReason, flow: Flow | undefined) => void
  /** The data plane could not do it. Keying is told what it must know; this is for the log. */
  readonly failed?: (output: KeyingOutput, cause: unknown) => void
}

/** Seconds between two looks at which associations packets came through. */
const LOOK_EVERY = 5

export class Keeper {
  readonly #parts: KeeperParts
  /** What is to be done, in order; the first is being done. */
  readonly #queue: (() => Promise<void>)[] = []
  #isBusy = false
  #done: (() => void)[] = []
  readonly #installed = new Map<Spi, number>()
  #cancelWake: (() => void) | undefined
  #wakeAt: Instant | undefined
  #cancelLook: (() => void) | undefined
  #isLeaving = false
  #isStopped = false

  constructor(parts: KeeperParts) {
    this.#parts = parts
  }

  /** The data plane runs with the policy, and its news come here. */
  async start(policy: CompiledPolicy): Promise<void> {
    const { dataPlane, dropped } = this.#parts
    const listener: DataPlaneListener = {
      needsKeys: (rule, flow) => this.input({ kind: 'needs-keys', rule, flow }),
      ageing: (name, age) => this.input({ kind: 'ageing', name, age }),
      dropped: (reason, flow) => dropped?.(reason, flow),
    }
    await dataPlane.start(listener)
    await dataPlane.enforce(policy)
  }

  /** `world` has the new policy, and the credentials that belong to it, from now on. */
  async enforce(policy: CompiledPolicy): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#later(() => this.#parts.dataPlane.enforce(policy).then(resolve, reject))
    })
    this.input({ kind: 'policy-changed' })
    await this.idle()
  }

  /** A datagram of an IKE port, all of its content. */
  datagram(path: Path, bytes: Uint8Array): void {
    this.input({ kind: 'datagram', path, bytes })
  }

  /** Sessions with that address, or all, are closed, and their peers told. */
  close(peer?: Address): void {
    this.input({ kind: 'close', ...(peer === undefined ? {} : { peer }) })
  }

  input(input: KeyingInput): void {
    if (this.#isStopped || (this.#isLeaving && beginsSession(input))) return
    const { endpoint, world, clock } = this.#parts
    for (const output of endpoint.handle(input, { ...world(), now: clock.now() })) this.#take(output)
    const { wakeAt } = endpoint
    // Most of what comes changes nothing about it, a flood above all.
    if (wakeAt === this.#wakeAt && this.#cancelWake !== undefined) return
    this.#cancelWake?.()
    this.#wakeAt = wakeAt
    this.#cancelWake = wakeAt === undefined ? undefined : clock.at(wakeAt, () => this.#wake())
  }

  #wake(): void {
    this.#cancelWake = undefined
    this.input({ kind: 'wake' })
  }

  /** When all that was wanted up to now is done. */
  idle(): Promise<void> {
    if (!this.#isBusy) return Promise.resolve()
    return new Promise(resolve => this.#done.push(resolve))
  }

  /** Says farewell to all peers, waits for their answers so many seconds at most, and stops the data plane. */
  async stop(patience = 1): Promise<void> {
    const { endpoint, clock, dataPlane } = this.#parts
    this.close()
    // Whoever is told farewell may ask at once for keys anew, and would not hear of the end of those.
    this.#isLeaving = true
    const end = clock.now() + patience
    const isWaiting = () => endpoint.sessions().some(({ state }) => state === 'closing' || state === 'established')
    while (isWaiting() && clock.now() < end) {
      await new Promise<void>(resolve => clock.at(Math.min(end, clock.now() + patience / 10), resolve))
    }
    this.#isStopped = true
    this.#cancelWake?.()
    this.#cancelLook?.()
    await this.idle()
    await dataPlane.stop()
  }

  #take(output: KeyingOutput): void {
    const { send, report } = this.#parts
    const now = (work: () => void) => {
      // A datagram does not wait for nothing, and does not overtake what was wanted before it.
      if (this.#isBusy) this.#later(async () => work())
      else work()
    }
    switch (output.kind) {
      case 'send':
        return now(() => send(output.path, output.bytes))
      case 'report':
        return now(() => report(output.event))
      case 'kerberos':
        return now(() => this.#askKerberos(output.session, output.ask))
      default:
        this.#later(() => this.#perform(output))
    }
  }

  #askKerberos(session: SessionId, ask: KerberosAsk): void {
    const { kerberos, clock } = this.#parts
    const answered =
      kerberos?.ask(session, ask) ?? Promise.resolve({ kind: 'failed', what: 'it is not available here' } as const)
    // By the clock, which catches what an input throws.
    const take = (answer: KerberosAnswer) =>
      clock.at(clock.now(), () => this.input({ kind: 'kerberos', session, answer }))
    void answered.then(answer => (answer === undefined ? undefined : take(answer)))
  }

  async #perform(output: Exclude<KeyingOutput, { readonly kind: 'send' | 'report' | 'kerberos' }>): Promise<void> {
    const { dataPlane, failed } = this.#parts
    try {
      switch (output.kind) {
        case 'install':
          await dataPlane.install(output.pair)
          this.#installed.set(pairName(output.pair), 0)
          return this.#lookLater()
        case 'begin-sending':
          // One that could not be installed has been reported already.
          return this.#installed.has(output.name) ? await dataPlane.beginSending(output.name) : undefined
        case 'remove':
          for (const name of output.names) this.#installed.delete(name)
          return await dataPlane.remove(output.names)
        case 'refuse':
          return await dataPlane.refuse(
            output.flow,
            output.rule,
            output.isSilent === true ? 'no-answer' : 'disagreement',
          )
      }
    } catch (cause) {
      failed?.(output, cause)
      // The peer believes in it: it is told that there is none.
      if (output.kind === 'install') this.input({ kind: 'ageing', name: pairName(output.pair), age: 'hard' })
    }
  }

  #later(work: () => Promise<void>): void {
    this.#queue.push(work)
    if (!this.#isBusy) void this.#work()
  }

  async #work(): Promise<void> {
    const { clock } = this.#parts
    this.#isBusy = true
    for (let work = this.#queue.shift(); work !== undefined; work = this.#queue.shift()) {
      // One that fails holds nobody up; the clock catches it.
      await work().catch(cause =>
        clock.at(clock.now(), () => {
          throw cause
        }),
      )
    }
    this.#isBusy = false
    const done = this.#done
    this.#done = []
    for (const resolve of done) resolve()
  }

  /** Keying hears of packets only so: a peer whose packets come is there (RFC 7296 §2.4). */
  #lookLater(): void {
    if (this.#cancelLook !== undefined || this.#isStopped) return
    const { clock } = this.#parts
    this.#cancelLook = clock.at(clock.now() + LOOK_EVERY, () => {
      this.#cancelLook = undefined
      if (this.#installed.size > 0) this.#later(() => this.#look())
    })
  }

  async #look(): Promise<void> {
    const names: Spi[] = []
    // A data plane that failed has told so by itself.
    const counters = await this.#parts.dataPlane.counters().catch(() => undefined)
    for (const [name, { inbound }] of counters ?? []) {
      const before = this.#installed.get(name)
      if (before === undefined) continue
      if (inbound.packets > before) names.push(name)
      this.#installed.set(name, inbound.packets)
    }
    if (names.length > 0) this.input({ kind: 'heard', names })
    this.#lookLater()
  }
}

function beginsSession(input: KeyingInput): boolean {
  return input.kind === 'needs-keys' || (input.kind === 'datagram' && isBeginning(input.path, input.bytes))
}
