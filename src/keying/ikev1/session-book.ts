// All main mode SAs of a host, found by what a message, a packet or the clock knows of them; and how many strangers' there may
// be. Who sent one message has cost little and proved nothing: the oldest such session goes for a new one, so that a flood of
// made-up addresses keeps nobody out who answers within its turn. Who answered has its address proved, and is counted apart.
import { type Address, formatAddress } from '../../base/address.ts'
import { DueTimes } from '../due-times.ts'
import { HalfOpen } from '../half-open.ts'
import type { KeyingSettings } from '../keying-settings.ts'
import type { Instant, SessionId } from '../machine.ts'
import { forgetKeys } from './forgetting-keys.ts'
import type { Session } from './session.ts'

export class SessionBook {
  readonly #sessions = new Map<SessionId, Session>()
  readonly #byPeer = new Map<string, Set<SessionId>>()
  /** First messages that began a session here, by octets and path: the same one again is not a new session. */
  readonly #byInit = new Map<string, SessionId>()
  readonly #initOf = new Map<SessionId, string>()
  readonly #times = new DueTimes<SessionId>()
  /** One message; the oldest first, in both. */
  readonly #strangers = new Map<SessionId, string>()
  readonly #strangersOf = new Map<string, Set<SessionId>>()
  /** Two messages: it heard us at its address. */
  readonly halfOpen = new HalfOpen()

  get(id: SessionId): Session | undefined {
    return this.#sessions.get(id)
  }

  all(): readonly Session[] {
    return [...this.#sessions.values()]
  }

  toPeer(address: Address): readonly Session[] {
    return [...(this.#byPeer.get(formatAddress(address)) ?? [])].map(id => this.#sessions.get(id)!)
  }

  ofInit(name: string): Session | undefined {
    const id = this.#byInit.get(name)
    return id === undefined ? undefined : this.#sessions.get(id)
  }

  rememberInit(name: string, id: SessionId): void {
    this.#byInit.set(name, id)
    this.#initOf.set(id, name)
  }

  get strangers(): number {
    return this.#strangers.size
  }

  get earliest(): Instant | undefined {
    return this.#times.earliest
  }

  due(now: Instant): readonly SessionId[] {
    return this.#times.due(now)
  }

  put(session: Session, wakeAt: Instant | undefined): void {
    const { id, path, state, role, begunAt } = session
    const peer = formatAddress(path.remote.address)
    const before = this.#sessions.get(id)
    if (before !== undefined && before.state !== state) forgetKeys(before, session)
    this.#sessions.set(id, session)
    const others = this.#byPeer.get(peer)
    if (others === undefined) this.#byPeer.set(peer, new Set([id]))
    else others.add(id)
    this.#times.set(id, wakeAt)
    if (role === 'initiator') return
    if (state.kind === 'sa-answered') this.#addStranger(id, peer)
    else this.#dropStranger(id)
    const isHalf = state.kind === 'key-answered' || state.kind === 'awaiting-kerberos'
    if (isHalf) this.halfOpen.add(id, path.remote.address, begunAt)
    else this.halfOpen.delete(id)
  }

  delete(id: SessionId): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    forgetKeys(session, undefined)
    this.#sessions.delete(id)
    const peer = formatAddress(session.path.remote.address)
    const others = this.#byPeer.get(peer)
    others?.delete(id)
    if (others?.size === 0) this.#byPeer.delete(peer)
    this.#times.set(id, undefined)
    this.#dropStranger(id)
    this.halfOpen.delete(id)
    const init = this.#initOf.get(id)
    this.#initOf.delete(id)
    if (init !== undefined && this.#byInit.get(init) === id) this.#byInit.delete(init)
  }

  /** Who has to go for one stranger more from that address; of its own first, then the oldest of all. */
  crowdedOut(address: Address, { halfOpen: { most, perAddress } }: KeyingSettings): SessionId | undefined {
    const own = this.#strangersOf.get(formatAddress(address))
    if (own !== undefined && own.size >= perAddress) return own.values().next().value
    return this.#strangers.size >= most ? this.#strangers.keys().next().value : undefined
  }

  #addStranger(id: SessionId, peer: string): void {
    this.#strangers.set(id, peer)
    const others = this.#strangersOf.get(peer)
    if (others === undefined) this.#strangersOf.set(peer, new Set([id]))
    else others.add(id)
  }

  #dropStranger(id: SessionId): void {
    const peer = this.#strangers.get(id)
    if (peer === undefined) return
    this.#strangers.delete(id)
    const others = this.#strangersOf.get(peer)
    others?.delete(id)
    if (others?.size === 0) this.#strangersOf.delete(peer)
  }
}
