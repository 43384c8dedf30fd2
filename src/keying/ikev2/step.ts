// What a handler gets and gives: a message that is in order and authentic as far as its exchange goes, and the step that
// follows from it. Sealing, message IDs, retransmission and fragments are drive.ts's; handlers know nothing of them.
import type { MessageHeader } from '../../wire/ike/message.ts'
import { type NotifyContent, type NotifyKind, notifyTypeOf, readNotify } from '../../wire/ike/notify.ts'
import type { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { Payload, PayloadKind, PayloadOf } from '../../wire/ike/v2-payloads.ts'
import type { KeyingOutput, Path, Refusal, World } from '../machine.ts'
import type { Session, State } from './session.ts'

export type ExchangeName = keyof typeof exchangeTypes.of

export interface Opened {
  readonly header: MessageHeader
  /** What was inside the encrypted payload; of IKE_SA_INIT, what stands in clear. */
  readonly payloads: readonly Payload[]
  /** Of IKE_SA_INIT: the octets from the IKE header on, a copy that stays. Empty for sealed messages. */
  readonly octets: Uint8Array
  /** Where it came from and to. */
  readonly path: Path
}

export interface Step {
  /** What the session has become; absent when nothing is left of it. */
  readonly session: Session | undefined
  /** To the request that is being handled: sealed with the keys that opened it. Empty lists are answers too. */
  readonly reply?: readonly Payload[]
  /** To send next, sealed with the keys of the new state. Only where no request is outstanding. */
  readonly request?: { readonly exchange: ExchangeName; readonly payloads: readonly Payload[] }
  /** The IKE SAs that this exchange made beside this one: two where both hosts rekeyed at once. */
  readonly siblings?: readonly Session[]
  readonly outputs: readonly KeyingOutput[]
}

export type Handler<S extends State = State> = (session: Session<S>, message: Opened, world: World) => Step | Refusal

export function find<K extends PayloadKind>(payloads: readonly Payload[], kind: K): PayloadOf<K> | undefined {
  return payloads.find(one => one.kind === kind) as PayloadOf<K> | undefined
}

export function findAll<K extends PayloadKind>(payloads: readonly Payload[], kind: K): readonly PayloadOf<K>[] {
  return payloads.filter(one => one.kind === kind) as unknown as readonly PayloadOf<K>[]
}

/** The payload of that kind, which the rules of its exchange have already asked for. */
export function need<K extends PayloadKind>(payloads: readonly Payload[], kind: K): PayloadOf<K> {
  const found = find(payloads, kind)
  if (found === undefined) throw new Error(`a message without ${kind} has passed the rules of its exchange`)
  return found
}

export type NotifyOf<K extends NotifyKind> = Extract<NotifyContent, { readonly kind: K }>

/** The first notification of that kind whose data can be read; others of its type are as if they were not there. */
export function findNotify<K extends NotifyKind>(payloads: readonly Payload[], kind: K): NotifyOf<K> | undefined {
  return findNotifies(payloads, kind)[0]
}

export function findNotifies<K extends NotifyKind>(payloads: readonly Payload[], kind: K): readonly NotifyOf<K>[] {
  const type = notifyTypeOf(kind)
  return findAll(payloads, 'notify').flatMap(one => {
    if (one.type !== type) return []
    const content = readNotify(one)
    return content.ok ? [content.value as NotifyOf<K>] : []
  })
}
