// Children of which one too many was made (redundancy.ts): which of them sends, who closes the other one and when, so that
// no packet is lost over it. Both ends receive on both; the loser stops being used before it is closed, and goes from the
// data plane of whoever closes it only when nothing can be on its way any more.
import { type Address, sameAddress } from '../../base/address.ts'
import type { Spi } from '../../ipsec/association.ts'
import type { RuleId } from '../../policy/model.ts'
import type { Instant, KeyingOutput, SessionId, World } from '../machine.ts'
import { areRivals, type ChildOfSession, isEstablished, isUsable, wins } from './redundancy.ts'
import type { Intention } from './session.ts'
import type { SessionBook } from './session-book.ts'

/** Installed, and does not send yet because another one does. */
interface Held {
  readonly other: Spi
  /** The peer made it and may not have heard our answer; after that time, or when packets come through it, it has. */
  readonly until?: Instant
}

export interface Closing {
  readonly id: SessionId
  readonly intention: Intention
}

export class Rivals {
  readonly #book: SessionBook
  readonly #held = new Map<Spi, Held>()
  /** Losers that are ours to close. */
  readonly #closings = new Map<Spi, { readonly at: Instant; readonly winner: Spi }>()
  /** They receive for a while after they are closed. */
  readonly #leaving = new Set<Spi>()
  readonly #lingering = new Map<Spi, Instant>()
  /** Children that this host asked for. */
  readonly #own = new Set<Spi>()

  constructor(book: SessionBook) {
    this.#book = book
  }

  get wakeAt(): Instant | undefined {
    const held = [...this.#held.values()].flatMap(({ until }) => (until === undefined ? [] : [until]))
    const times = [...held, ...[...this.#closings.values()].map(({ at }) => at), ...this.#lingering.values()]
    return times.length === 0 ? undefined : Math.min(...times)
  }

  isLingering(name: Spi): boolean {
    return this.#lingering.has(name)
  }

  /** What becomes of the order to send through a child. */
  begin(name: Spi, isOwn: boolean, world: World): readonly KeyingOutput[] {
    if (isOwn) this.#own.add(name)
    const child = this.#childOf(name)
    const rival = child === undefined ? undefined : this.#rivalOf(child, world)
    if (child === undefined || rival === undefined) return [{ kind: 'begin-sending', name }]
    const { now, settings } = world
    const isWinner = wins(child, rival)
    const [winner, loser] = isWinner ? [child, rival] : [rival, child]
    const at = now + settings.overlap
    if (this.#isOwn(winner)) this.#closings.set(loser.child.name, { at, winner: winner.child.name })
    if (isWinner && isOwn) return [{ kind: 'begin-sending', name }]
    const until = isWinner ? { until: now + 3 * settings.overlap } : {}
    this.#held.set(name, { other: rival.child.name, ...until })
    return []
  }

  /** What becomes of the order to take children away. */
  remove(names: readonly Spi[], world: World): readonly KeyingOutput[] {
    const outputs: KeyingOutput[] = []
    for (const name of names) {
      this.#held.delete(name)
      this.#closings.delete(name)
      this.#own.delete(name)
    }
    for (const [name, { other }] of this.#held) {
      if (names.includes(other)) outputs.push(...this.#beginHeld(name))
    }
    const stays = names.filter(name => this.#leaving.delete(name))
    for (const name of stays) this.#lingering.set(name, world.now + world.settings.overlap)
    const left = names.filter(name => !this.#lingering.has(name))
    return left.length === 0 ? outputs : [...outputs, { kind: 'remove', names: left }]
  }

  /** Packets wait, or came: then nothing is held back any more. */
  release(rule: RuleId, peer: Address): readonly KeyingOutput[] {
    const wanted = [...this.#held.keys()].filter(name => {
      const found = this.#childOf(name)
      return found?.child.rule === rule && sameAddress(found.session.path.remote.address, peer)
    })
    return wanted.flatMap(name => this.#beginHeld(name))
  }

  heard(names: readonly Spi[]): readonly KeyingOutput[] {
    return names.flatMap(name => (this.#held.get(name)?.until === undefined ? [] : this.#beginHeld(name)))
  }

  due({ now }: World): { readonly outputs: readonly KeyingOutput[]; readonly closings: readonly Closing[] } {
    const outputs: KeyingOutput[] = []
    for (const [name, { until }] of this.#held) {
      if (until !== undefined && now >= until) outputs.push(...this.#beginHeld(name))
    }
    const over = [...this.#lingering].filter(([, at]) => now >= at).map(([name]) => name)
    for (const name of over) this.#lingering.delete(name)
    if (over.length > 0) outputs.push({ kind: 'remove', names: over })
    const closings: Closing[] = []
    for (const [name, { at, winner }] of this.#closings) {
      if (now < at) continue
      this.#closings.delete(name)
      const closing = this.#close(name, winner)
      if (closing !== undefined) closings.push(closing)
    }
    return { outputs, closings }
  }

  /** A session that was made for this one child goes with it. */
  #close(name: Spi, winner: Spi): Closing | undefined {
    const loser = this.#childOf(name)
    const better = this.#childOf(winner)
    if (loser === undefined || better === undefined || !isUsable(loser.session)) return undefined
    if (loser.child.standing !== 'used' || better.child.standing !== 'used') return undefined
    this.#leaving.add(name)
    const { id, state } = loser.session
    const why = 'both hosts made one at the same time, and one is enough'
    const isAlone =
      id !== better.session.id && state.children.every(child => child.name === name || child.standing !== 'used')
    const isIdle = state.task === undefined && state.queue.length === 0
    return {
      id,
      intention: isAlone && isIdle ? { kind: 'delete-session', why } : { kind: 'delete-children', names: [name], why },
    }
  }

  #beginHeld(name: Spi): readonly KeyingOutput[] {
    this.#held.delete(name)
    return this.#childOf(name) === undefined ? [] : [{ kind: 'begin-sending', name }]
  }

  #isOwn({ session, child }: ChildOfSession): boolean {
    return this.#own.has(child.name) && isUsable(session)
  }

  #childOf(name: Spi): ChildOfSession | undefined {
    const session = this.#book.ofChild(name)
    if (!isEstablished(session)) return undefined
    const child = session.state.children.find(one => one.name === name)
    return child === undefined ? undefined : { session, child }
  }

  #rivalOf(child: ChildOfSession, { settings }: World): ChildOfSession | undefined {
    for (const session of this.#book.toPeer(child.session.path.remote.address)) {
      if (!isUsable(session)) continue
      const found = session.state.children.find(
        one => !this.#held.has(one.name) && areRivals({ session, child: one }, child, settings.overlap),
      )
      if (found !== undefined) return { session, child: found }
    }
    return undefined
  }
}
