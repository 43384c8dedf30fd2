// All sessions of a host, found by what a message, a packet or the clock knows of them. Sessions are values; this is where
// the present one of each stands.
import { type Address, formatAddress } from '../../base/address.ts'
import type { Spi } from '../../ipsec/association.ts'
import { DueTimes } from '../due-times.ts'
import { HalfOpen } from '../half-open.ts'
import type { Instant, SessionId } from '../machine.ts'
import type { Child, Session, State } from './session.ts'

export class SessionBook {
  readonly halfOpen = new HalfOpen()
  readonly #sessions = new Map<SessionId, Session>()
  readonly #byPeer = new Map<string, Set<SessionId>>()
  readonly #byChild = new Map<Spi, SessionId>()
  /** First messages that began a session here, by what `nameOfInit` gives: the same one again is not a new session. */
  readonly #byInit = new Map<string, SessionId>()
  readonly #initOf = new Map<SessionId, string>()
  /** How many of them have an initiator's SPI: to see without a hash that a message is new. */
  readonly #initSpis = new Map<number, number>()
  readonly #wakes = new DueTimes<SessionId>()

  get size(): number {
    return this.#sessions.size
  }

  get(id: SessionId): Session | undefined {
    return this.#sessions.get(id)
  }

  all(): readonly Session[] {
    return [...this.#sessions.values()]
  }

  toPeer(address: Address): readonly Session[] {
    return [...(this.#byPeer.get(formatAddress(address)) ?? [])].map(id => this.#sessions.get(id)!)
  }

  ofChild(name: Spi): Session | undefined {
    const id = this.#byChild.get(name)
    return id === undefined ? undefined : this.#sessions.get(id)
  }

  ofInit(name: string): Session | undefined {
    const id = this.#byInit.get(name)
    return id === undefined ? undefined : this.#sessions.get(id)
  }

  /** Whether `ofInit` can know the message, which is from the IKE header on; to be asked first, since it costs little. */
  mayKnowInit(octets: Uint8Array): boolean {
    return this.#initSpis.size > 0 && this.#initSpis.has(spiKey(octets))
  }

  rememberInit(name: string, id: SessionId): void {
    this.#byInit.set(name, id)
    this.#initOf.set(id, name)
    this.#countInit(id, 1)
  }

  #countInit(id: SessionId, change: 1 | -1): void {
    const key = spiKey(this.#sessions.get(id)!.spis.initiator)
    const count = (this.#initSpis.get(key) ?? 0) + change
    if (count === 0) this.#initSpis.delete(key)
    else this.#initSpis.set(key, count)
  }

  /** `wakeAt` is when the session has something to do by itself. */
  put(session: Session, wakeAt: Instant | undefined): void {
    const before = this.#sessions.get(session.id)
    if (before !== undefined) this.#unlist(before)
    this.#sessions.set(session.id, session)
    const peer = formatAddress(session.path.remote.address)
    const others = this.#byPeer.get(peer)
    if (others === undefined) this.#byPeer.set(peer, new Set([session.id]))
    else others.add(session.id)
    for (const name of spisOf(session.state)) this.#byChild.set(name, session.id)
    const { state } = session
    if (state.kind === 'awaiting-auth') this.halfOpen.add(session.id, session.path.remote.address, state.agreed.since)
    else this.halfOpen.delete(session.id)
    this.#wakes.set(session.id, wakeAt)
  }

  delete(id: SessionId): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    this.#unlist(session)
    this.halfOpen.delete(id)
    const init = this.#initOf.get(id)
    if (init !== undefined && this.#byInit.get(init) === id) this.#byInit.delete(init)
    if (this.#initOf.delete(id)) this.#countInit(id, -1)
    this.#sessions.delete(id)
    this.#wakes.set(id, undefined)
  }

  #unlist({ id, path, state }: Session): void {
    const peer = formatAddress(path.remote.address)
    const others = this.#byPeer.get(peer)
    others?.delete(id)
    if (others?.size === 0) this.#byPeer.delete(peer)
    for (const name of spisOf(state)) {
      // A child that went over to the session's successor is listed there.
      if (this.#byChild.get(name) === id) this.#byChild.delete(name)
    }
  }

  due(now: Instant): readonly Session[] {
    return this.#wakes.due(now).map(id => this.#sessions.get(id)!)
  }

  /** When the first session has something to do. */
  get earliest(): Instant | undefined {
    return this.#wakes.earliest
  }
}

/** Most bits of an SPI in one number; two that share it only cost a hash. */
function spiKey(octets: Uint8Array): number {
  let key = 0
  for (let at = 0; at < 6; at++) key = key * 256 + octets[at]!
  return key
}

export function childrenOf({ state }: Session): readonly Child[] {
  return state.kind === 'established' ? state.children : []
}

/** Own SPIs of children that are there or asked for. */
function spisOf(state: State): readonly Spi[] {
  if (state.kind === 'auth-sent') return state.child === undefined ? [] : [state.child.spi]
  if (state.kind !== 'established') return []
  const { task } = state
  const asked = task !== undefined && 'begun' in task ? [task.begun.spi] : []
  return [...state.children.map(({ name }) => name), ...asked]
}
