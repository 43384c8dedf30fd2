// Peers that ended their main mode and kept its associations, as IKEv1 lets them (RFC 2408 §5.15 ends one SA, not what it
// made), and as Windows does. Nobody asks such a peer any more whether it is there: after a silence main mode is made anew, and
// a peer that does not answer even that is gone, with all that was made with it.
import { formatAddress } from '../../base/address.ts'
import { DueTimes } from '../due-times.ts'
import type { Instant } from '../machine.ts'
import type { PeerOfChild } from './children.ts'

/** Seconds: the longest wait between two attempts. */
const LONGEST = 600

interface Watched {
  readonly peer: PeerOfChild
  readonly wait: number
  readonly heardAt: Instant
}

export class Orphans {
  readonly #watched = new Map<string, Watched>()
  readonly #times = new DueTimes<string>()

  get earliest(): Instant | undefined {
    return this.#times.earliest
  }

  /** Its last session is gone. `wait`: seconds of silence after which it is asked. */
  watch(peer: PeerOfChild, wait: number, now: Instant): void {
    if (!this.#watched.has(nameOf(peer))) this.#put({ peer, wait, heardAt: now }, now + wait)
  }

  /** A packet of the peer's came through. */
  heard(peer: PeerOfChild, now: Instant): void {
    const one = this.#watched.get(nameOf(peer))
    if (one !== undefined) this.#put({ ...one, heardAt: now }, now + one.wait)
  }

  /** Whether nothing came from it since then. */
  isSilentSince(peer: PeerOfChild, then: Instant): boolean {
    const one = this.#watched.get(nameOf(peer))
    return one !== undefined && one.heardAt <= then
  }

  /** Who is to be asked now; the next time later, until it is `over`. */
  due(now: Instant): readonly PeerOfChild[] {
    return this.#times.due(now).map(name => {
      const one = this.#watched.get(name)!
      const wait = Math.min(2 * one.wait, LONGEST)
      this.#put({ ...one, wait }, now + wait)
      return one.peer
    })
  }

  /** It has a session again, or no associations. */
  over(peer: PeerOfChild): void {
    this.#watched.delete(nameOf(peer))
    this.#times.set(nameOf(peer), undefined)
  }

  #put(one: Watched, at: Instant): void {
    this.#watched.set(nameOf(one.peer), one)
    this.#times.set(nameOf(one.peer), at)
  }
}

function nameOf({ address, identity }: PeerOfChild): string {
  return `${formatAddress(address)} ${identity.type} ${identity.data.toHex()}`
}
