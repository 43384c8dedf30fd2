// A host that began anew has lost its sessions, and tells whoever still asks under one (RFC 7296 §2.21.4). In clear, so that
// it proves nothing and ends nothing: it makes this host try a new session beside the one that got no answer, which a peer
// that is as it was would not need and a forger does not get. INITIAL_CONTACT, or that it stands, ends the old one.
import { sameAddress } from '../../base/address.ts'
import { type IkeHeader, isResponse } from '../../wire/ike/header.ts'
import { readMessage } from '../../wire/ike/message.ts'
import { placeOf } from '../exchange-window.ts'
import type { Instant, Path, SessionId } from '../machine.ts'
import { RateLimit } from '../rate-limit.ts'
import { isUsable } from './redundancy.ts'
import type { ChildWish, Session } from './session.ts'
import { findNotify } from './step.ts'

/** Sessions that are tried for it, a second and at once: whoever sees messages can write such answers. */
const TRIED = [1, 5] as const
/** Seconds until the same session is doubted again. */
const AGAIN = 10

export class LostSessions {
  readonly #tried = new RateLimit(...TRIED)
  readonly #doubted = new Map<SessionId, Instant>()

  /** What to try a new session with, where the message says that the peer has none like this. */
  wishFor(session: Session, header: IkeHeader, octets: Uint8Array, path: Path, now: Instant): ChildWish | undefined {
    if (!isUsable(session) || !isResponse(header) || !saysUnknown(octets)) return undefined
    if (placeOf(session.window, header) !== 'response') return undefined
    if (!sameAddress(session.path.remote.address, path.remote.address)) return undefined
    if ((this.#doubted.get(session.id) ?? -AGAIN) + AGAIN > now) return undefined
    const child = session.state.children.findLast(({ standing }) => standing === 'used')
    if (child === undefined || !this.#tried.allows(now)) return undefined
    this.#doubted.set(session.id, now)
    return { rule: child.rule }
  }

  isDoubted({ id }: Session): boolean {
    return this.#doubted.has(id)
  }

  forget(id: SessionId): void {
    this.#doubted.delete(id)
  }
}

function saysUnknown(octets: Uint8Array): boolean {
  const read = readMessage(octets)
  return read.ok && findNotify(read.value.payloads, 'INVALID_IKE_SPI') !== undefined
}
