// What a handler of IKEv1 gets and gives, how messages are sealed and opened, and how their payloads are found.

import { openContent, sealContent } from '../../crypto/ike1-envelope.ts'
import { FROM_INITIATOR } from '../../wire/ike/header.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { bodiesOfV1, IKE_VERSION_1, readInsideV1, writeInsideV1, writeMessageV1 } from '../../wire/ike/v1-message.ts'
import type { notifyTypesV1 as NotifyTypes } from '../../wire/ike/v1-notify-numbers.ts'
import { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { ENCRYPTED_FLAG, exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import type { NotifyV1, PayloadKindV1, PayloadV1, PayloadV1Of } from '../../wire/ike/v1-payloads.ts'
import type { KeyingOutput, Path, World } from '../machine.ts'
import type { Child } from './children.ts'
import type { Secured, Session } from './session.ts'

export type ExchangeName = keyof typeof exchangeTypesV1.of

export interface Opened {
  readonly header: MessageHeader
  readonly payloads: readonly PayloadV1[]
  /** The body of each, as it travelled: what hashes cover. */
  readonly bodies: readonly Uint8Array[]
  /** The chain as it travelled, without padding. */
  readonly content: Uint8Array
  readonly path: Path
  /** By which the same message is known again. */
  readonly mark: Uint8Array
}

/** What the children and the other sessions of a peer have to do with it; host.ts does that. */
export type News =
  | { readonly kind: 'child-made'; readonly child: Child }
  /** A child that was answered for may be used from now on. */
  | { readonly kind: 'child-ready'; readonly name: number }
  /** It was answered for, and the peer never said that it has the answer. */
  | { readonly kind: 'never-confirmed'; readonly name: number }
  /** The peer deletes children, by the SPIs that it receives under. */
  | { readonly kind: 'children-deleted'; readonly protocol: 'esp' | 'ah'; readonly peerSpis: readonly number[] }
  | { readonly kind: 'first-contact' }
  /** Master PFS: its keys made a quick mode, and the peer wants another. */
  | { readonly kind: 'used-up' }
  /** Nobody answered the first message of a session. */
  | { readonly kind: 'unanswered' }
  /** The peer counts with less for a child, as it says when the child is made already; `spi` is of either direction. */
  | { readonly kind: 'child-lifetime'; readonly spi: number; readonly seconds: number }
  /** Its lifetime nears its end: another main mode is to take its place, where anybody still needs one. */
  | { readonly kind: 'renew' }
  /** It answers no more: what it made is of no use. */
  | { readonly kind: 'peer-gone'; readonly why: string }

export interface Driven {
  /** What the session has become; absent when nothing is left of it. */
  readonly session: Session | undefined
  readonly outputs: readonly KeyingOutput[]
  readonly news?: readonly News[]
}

export type Handler<S extends Session['state'] = Session['state']> = (
  session: Session<S>,
  message: Opened,
  world: World,
) => Driven

export function find<K extends PayloadKindV1>(payloads: readonly PayloadV1[], kind: K): PayloadV1Of<K> | undefined {
  return payloads.find(one => one.kind === kind) as PayloadV1Of<K> | undefined
}

export function findAll<K extends PayloadKindV1>(payloads: readonly PayloadV1[], kind: K): readonly PayloadV1Of<K>[] {
  return payloads.filter(one => one.kind === kind) as unknown as readonly PayloadV1Of<K>[]
}

/** The body of the first payload of that kind, as it travelled. */
export function bodyOf({ payloads, bodies }: Opened, kind: PayloadKindV1): Uint8Array | undefined {
  return bodies[payloads.findIndex(one => one.kind === kind)]
}

export function findNotify(payloads: readonly PayloadV1[], name: keyof typeof NotifyTypes.of): NotifyV1 | undefined {
  return findAll(payloads, 'notify').find(({ type }) => type === notifyTypesV1.of[name])
}

/** Octets of a generic header. */
const GENERIC = 4

/** What stands behind the HASH payload that begins a message, as it travelled. */
export function behindHash({ bodies, content }: Opened): Uint8Array {
  return content.subarray(GENERIC + (bodies[0]?.length ?? 0))
}

export function headerOf(
  { cookies }: Pick<Session, 'cookies'>,
  exchange: ExchangeName,
  messageId: number,
  flags: number,
): MessageHeader {
  const view = (cookie: Uint8Array) => new DataView(cookie.buffer, cookie.byteOffset, 8).getBigUint64(0)
  return {
    initiatorSpi: view(cookies.initiator),
    responderSpi: view(cookies.responder),
    version: IKE_VERSION_1,
    exchange: exchangeTypesV1.of[exchange],
    flags: flags & ~FROM_INITIATOR,
    messageId,
  }
}

export interface Written {
  readonly header: MessageHeader
  readonly octets: Uint8Array
  readonly nextIv: Uint8Array
}

export function writeClear(
  session: Pick<Session, 'cookies'>,
  exchange: ExchangeName,
  payloads: readonly PayloadV1[],
  messageId = 0,
): Written {
  const header = headerOf(session, exchange, messageId, 0)
  return { header, octets: writeMessageV1({ kind: 'clear', header, payloads }), nextIv: new Uint8Array(0) }
}

export function writeSealed(
  session: Pick<Session, 'cookies'>,
  { suite, keys }: Secured,
  iv: Uint8Array,
  exchange: ExchangeName,
  payloads: readonly PayloadV1[],
  messageId = 0,
): Written {
  const header = headerOf(session, exchange, messageId, ENCRYPTED_FLAG)
  const { first, content } = writeInsideV1(payloads)
  const { sealed, nextIv } = sealContent(suite.cipher, keys.cipher, iv, content)
  return { header, octets: writeMessageV1({ kind: 'sealed', header, firstInside: first, sealed }), nextIv }
}

export interface Unsealed {
  readonly payloads: readonly PayloadV1[]
  readonly bodies: readonly Uint8Array[]
  readonly content: Uint8Array
  readonly nextIv: Uint8Array
}

/** Not authentic yet. Undefined where it is no chain of payloads: a wrong key or IV, or a forgery. */
export function unseal(
  { suite, keys }: Pick<Secured, 'suite' | 'keys'>,
  iv: Uint8Array,
  first: number,
  sealed: Uint8Array,
): Unsealed | undefined {
  const result = openContent(suite.cipher, keys.cipher, iv, sealed)
  if (result === undefined) return undefined
  const { opened, nextIv } = result
  const read = readInsideV1(first, opened)
  if (!read.ok) return undefined
  const { payloads, length } = read.value
  const content = opened.subarray(0, length)
  return { payloads, bodies: bodiesOfV1(first, content), content, nextIv }
}
