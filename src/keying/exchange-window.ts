// Message IDs of one IKE SA (RFC 7296 §2.1 to §2.3) with a window of one: at most one request of ours is on its way, the
// peer's requests come in order, and the last response is kept to answer the same request again. Shared by all exchanges.

import { createHash } from 'node:crypto'
import { octetsOf } from '../base/bytes.ts'
import { isResponse } from '../wire/ike/header.ts'
import type { MessageHeader } from '../wire/ike/message.ts'
import type { KeyingSettings } from './keying-settings.ts'
import type { Instant } from './machine.ts'

export interface ExchangeWindow {
  /** Message ID of our next request. */
  readonly nextOwn: number
  /** Message ID of the peer's next request. */
  readonly nextPeer: number
  /** Sent and not answered yet. */
  readonly outstanding?: Outstanding
  /** What the peer's last request was answered with. */
  readonly answered?: Answered
}

export interface Answered {
  readonly id: number
  /**
   * What `markOf` gives for the request's datagram, or the first of its fragments: the same request has the same octets
   * (RFC 7296 §2.1).
   */
  readonly asked: Uint8Array
  readonly datagrams: readonly Uint8Array[]
}

export interface Outstanding {
  readonly id: number
  readonly exchange: number
  readonly datagrams: readonly Uint8Array[]
  /** Times it was sent. */
  readonly sends: number
  readonly dueAt: Instant
  /** Seconds of the present wait. */
  readonly wait: number
}

export const newWindow: ExchangeWindow = { nextOwn: 0, nextPeer: 0 }

/** Message IDs end at 2^32 - 1; a session is replaced long before (RFC 7296 §2.2). */
export const LAST_MESSAGE_ID = 0xffff_ffff

export type Place =
  /** The peer's next request. */
  | 'request'
  /** The request that was answered last, again: the same octets go out again, and nothing else happens. */
  | 'request-again'
  /** The answer to what is outstanding. */
  | 'response'
  /** Old, or of the future: nobody waits for it. */
  | 'stale'

export function placeOf(
  window: ExchangeWindow,
  header: Pick<MessageHeader, 'flags' | 'messageId' | 'exchange'>,
): Place {
  const { messageId } = header
  if (isResponse(header)) {
    const { outstanding } = window
    return outstanding?.id === messageId && outstanding.exchange === header.exchange ? 'response' : 'stale'
  }
  if (messageId === window.nextPeer) return 'request'
  return messageId === window.answered?.id ? 'request-again' : 'stale'
}

/** The window with a request on its way. IKE_SA_INIT may be asked anew under the same number 0 (RFC 7296 §2.2). */
export function withRequest(
  window: ExchangeWindow,
  request: Pick<Outstanding, 'id' | 'exchange' | 'datagrams'>,
  now: Instant,
  { retransmit }: KeyingSettings,
): ExchangeWindow {
  const wait = retransmit.first
  const outstanding = { ...request, sends: 1, dueAt: now + wait, wait }
  return { ...window, nextOwn: request.id + 1, outstanding }
}

/** The window after another sending of what is outstanding. */
export function sentAgain(window: ExchangeWindow, now: Instant, { retransmit }: KeyingSettings): ExchangeWindow {
  const { outstanding } = window
  if (outstanding === undefined) return window
  const wait = Math.min(outstanding.wait * retransmit.factor, retransmit.longest)
  return { ...window, outstanding: { ...outstanding, sends: outstanding.sends + 1, dueAt: now + wait, wait } }
}

export function withoutRequest({ outstanding: _, ...window }: ExchangeWindow): ExchangeWindow {
  return window
}

export function withResponse(
  window: ExchangeWindow,
  id: number,
  asked: Uint8Array,
  datagrams: readonly Uint8Array[],
): ExchangeWindow {
  return { ...window, nextPeer: id + 1, answered: { id, asked: markOf(asked), datagrams } }
}

/** Whether the request that was answered last is this one. */
export function isAskedAgain({ answered }: ExchangeWindow, datagram: Uint8Array): boolean {
  return answered !== undefined && Buffer.compare(answered.asked, markOf(datagram)) === 0
}

/** A stranger's request of 64 KiB is not kept for it: sessions that came to nothing are many when somebody wants it so. */
function markOf(datagram: Uint8Array): Uint8Array {
  return octetsOf(createHash('sha256').update(datagram).digest())
}
