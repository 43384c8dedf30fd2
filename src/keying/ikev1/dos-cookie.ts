// A Windows that defends itself against a flood answers a first message with a cookie of 8 octets and keeps nothing of it
// ([MS-IKEE] §3.9): the same message, with that for the responder's cookie, is taken.
import { type KeyingOutput, report } from '../machine.ts'
import { sent } from './flight.ts'
import type { Driven } from './opened.ts'
import { COOKIE_BYTES, ignoredIn } from './sending.ts'
import { about, inState, type SaSent, type Session } from './session.ts'

/** Requests with a cookie that are sent for one session, whoever asks for them. */
const MOST_COOKIES = 8

/** Anybody can ask, in clear: the message without a cookie stays on its way beside it. */
export function cookieBrought(session: Session<SaSent>, cookie: Uint8Array): Driven {
  const { state, path } = session
  const { flight, cookies = 0 } = state
  if (cookies >= MOST_COOKIES || cookie.every(octet => octet === 0))
    return ignoredIn(session, path, 'a cookie of a Windows')
  const octets = flight.octets.slice()
  octets.set(cookie, COOKIE_BYTES)
  const what = 'the peer, a Windows, defends itself against a flood: it gets the first message again with its cookie'
  const told: readonly KeyingOutput[] = cookies === 0 ? [report({ ...about(session), kind: 'warning', what })] : []
  return { session: inState(session, { ...state, cookies: cookies + 1 }), outputs: [sent(path, octets), ...told] }
}
