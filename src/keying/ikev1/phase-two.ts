// Messages after main mode, whatever their exchange: each begins with a HASH payload over its message ID and all that stands
// behind it, and is encrypted with an IV of its exchange (RFC 2409 §5.5, §5.7, appendix B).
import { answerHash, exchangeIv, messageHash, reliableDeleteHash } from '../../crypto/ike1-keys.ts'
import { isSameMac } from '../../crypto/whole-mac.ts'
import { writeInsideV1 } from '../../wire/ike/v1-message.ts'
import { type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { KeyingOutput, World } from '../machine.ts'
import { type Flight, launch } from './flight.ts'
import { behindHash, type ExchangeName, find, type Opened, writeSealed } from './opened.ts'
import type { Established, Exchange, Secured, Session } from './session.ts'
import { told } from './told.ts'

export function ivFor({ suite, iv }: Secured, messageId: number): Uint8Array {
  return exchangeIv(suite, iv, messageId)
}

/** How the HASH payload of a message is made of what stands behind it. */
export type HashOf = (behind: Uint8Array) => Uint8Array

export function firstHash({ suite, keys }: Secured, messageId: number): HashOf {
  return behind => messageHash(suite, keys, messageId, behind)
}

export function secondHash({ suite, keys }: Secured, messageId: number, initiatorNonce: Uint8Array): HashOf {
  return behind => answerHash(suite, keys, messageId, initiatorNonce, behind)
}

/** Of a message that came; in constant time. */
export function isAuthentic(message: Opened, hashOf: HashOf): boolean {
  const [first] = message.payloads
  return first?.kind === 'hash' && isSameMac(first.hash, hashOf(behindHash(message)))
}

export interface Saying {
  readonly exchange: ExchangeName
  readonly messageId: number
  readonly iv: Uint8Array
  readonly hashOf: HashOf
  readonly payloads: readonly PayloadV1[]
  readonly answers?: Uint8Array
  readonly isAwaited: boolean
}

export interface Said {
  readonly flight: Flight
  readonly nextIv: Uint8Array
  readonly outputs: readonly KeyingOutput[]
}

export function say(session: Session, secured: Secured, saying: Saying, world: World): Said {
  const { exchange, messageId, iv, hashOf, payloads, answers, isAwaited } = saying
  const all = [payloadV1('hash', { hash: hashOf(writeInsideV1(payloads).content) }), ...payloads]
  const { nextIv, ...written } = writeSealed(session, secured, iv, exchange, all, messageId)
  const mayFragment = find(payloads, 'identification') !== undefined
  const message = { ...written, ...(answers === undefined ? {} : { answers }), mayFragment, isAwaited }
  const { flight, outputs } = launch(session, message, world)
  return {
    flight,
    nextIv,
    outputs: [...told('sent', session, written.header, all, session.path, true, world), ...outputs],
  }
}

/** An informational exchange of one message, to which nothing answers. */
export function tell(
  session: Session<Established>,
  payloads: readonly PayloadV1[],
  world: World,
): { readonly session: Session<Established>; readonly outputs: readonly KeyingOutput[] } {
  const { secured, used } = session.state
  const messageId = used.fresh(world.random)
  const { outputs } = say(
    session,
    secured,
    {
      exchange: 'informational',
      ...{ messageId, payloads, iv: ivFor(secured, messageId) },
      hashOf: firstHash(secured, messageId),
      isAwaited: false,
    },
    world,
  )
  return { session: { ...session, state: { ...session.state, saidAt: world.now } }, outputs }
}

/** Windows answers a delete that has a nonce, under the same message ID ([MS-IKEE] §3.1). */
export function reliableHash(
  { suite, keys }: Secured,
  messageId: number,
  nonces: { readonly initiator: Uint8Array; readonly responder: Uint8Array },
): HashOf {
  // What stands behind the HASH payload begins with the nonce's own, whose octets stand elsewhere in this hash.
  return behind => reliableDeleteHash(suite, keys, messageId, nonces, behind.subarray(4 + nonces.responder.length))
}

/** Seconds that an exchange which is over still answers. */
export const LINGER = 30
const MOST_EXCHANGES = 256

export function withExchange(state: Established, id: number, exchange: Exchange, now: number): Established {
  const exchanges = new Map([...state.exchanges].filter(([, one]) => one.kind !== 'over' || one.until > now))
  return { ...state, exchanges: exchanges.set(id, exchange) }
}

/** Only who has the keys can begin one; and yet a peer that never ends any has only so much of this host's memory. */
export function hasTooMany({ exchanges }: Established): boolean {
  return exchanges.size >= MOST_EXCHANGES
}

export function withoutExchange(state: Established, id: number): Established {
  const exchanges = new Map(state.exchanges)
  exchanges.delete(id)
  return { ...state, exchanges }
}
