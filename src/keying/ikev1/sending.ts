// What messages of main mode are sent with, in clear or sealed, and what becomes of those that lead nowhere.
import type { Random } from '../../base/random.ts'
import { plainNotificationV1 } from '../../wire/ike/v1-notify.ts'
import type { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { protocolIdsV1 } from '../../wire/ike/v1-numbers.ts'
import type { PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import { type KeyingOutput, type Path, report, type World } from '../machine.ts'
import { launch } from './flight.ts'
import { type Driven, type Written, writeClear } from './opened.ts'
import { about, inState, type Session } from './session.ts'
import { told } from './told.ts'

export const COOKIE_BYTES = 8

export function freshOctets(random: Random, count: number): Uint8Array {
  const octets = new Uint8Array(count)
  random.fill(octets)
  return octets
}

/** Zero stands for "not chosen yet". */
export function freshCookie(random: Random): Uint8Array {
  const cookie = freshOctets(random, COOKIE_BYTES)
  return cookie.some(octet => octet !== 0) ? cookie : freshCookie(random)
}

export type Bare = Omit<Session, 'state'>

/** A message of main mode in clear, which is repeated only by the initiator; `answers` is the mark of the message before. */
export function sendClear(
  session: Bare,
  payloads: readonly PayloadV1[],
  answers: Uint8Array | undefined,
  world: World,
) {
  const written = writeClear(session, 'main mode', payloads)
  return sendWritten(session, written, payloads, answers, false, world)
}

export function sendWritten(
  session: Bare,
  { header, octets }: Pick<Written, 'header' | 'octets'>,
  payloads: readonly PayloadV1[],
  answers: Uint8Array | undefined,
  isSealed: boolean,
  world: World,
) {
  const launched = launch(
    session,
    {
      header,
      octets,
      ...(answers === undefined ? {} : { answers }),
      mayFragment: isSealed,
      isAwaited: session.role === 'initiator',
    },
    world,
  )
  return {
    flight: launched.flight,
    outputs: [...told('sent', session, header, payloads, session.path, isSealed, world), ...launched.outputs],
  }
}

export function cookieOctets(cookie: bigint): Uint8Array {
  const octets = new Uint8Array(COOKIE_BYTES)
  new DataView(octets.buffer).setBigUint64(0, cookie)
  return octets
}

/** Nobody has proved anything yet: notifications go in clear, and are believed by nobody (RFC 2409 §5.7). */
export function clearNotify(session: Bare, name: keyof typeof notifyTypesV1.of, world: World): readonly KeyingOutput[] {
  const { initiator, responder } = session.cookies
  const spi = new Uint8Array([...initiator, ...responder])
  const payloads = [plainNotificationV1(name, { protocol: protocolIdsV1.of.ISAKMP, spi })]
  const id = new DataView(freshCookie(world.random).buffer).getUint32(0)
  const written = writeClear(session, 'informational', payloads, id)
  const { outputs } = launch(session, { ...written, mayFragment: false, isAwaited: false }, world)
  return [...told('sent', session, written.header, payloads, session.path, false, world), ...outputs]
}

/** In clear: whatever is wrong with it may be a stranger's doing, and what is waited for may still come. */
export function ignoredIn(session: Session, path: Path, what: string): Driven {
  return { session, outputs: [report({ kind: 'ignored', ...about(session), path, what })] }
}

/** Seconds that an answer in clear which ends the attempt waits for a better one. */
const BETTER_ANSWER = 1.5

export function refusedForNow(session: Session, what: string, { now }: World): Driven {
  const { state } = session
  if (state.kind !== 'sa-sent' && state.kind !== 'key-sent' && state.kind !== 'proof-sent') {
    return { session, outputs: [] }
  }
  const refused = state.refused ?? { what, until: now + BETTER_ANSWER }
  return { session: inState(session, { ...state, refused }), outputs: [] }
}
