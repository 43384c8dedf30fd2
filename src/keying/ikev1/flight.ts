// What was sent last in an exchange: said again when nobody answers, where an answer is waited for, and when the peer says
// again what it was the answer to. The same octets each time, or else IVs would part.
import { createHash } from 'node:crypto'
import { isSameOctets, octetsOf } from '../../base/bytes.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { withMarker } from '../first-look.ts'
import type { Instant, KeyingOutput, Path, World } from '../machine.ts'
import { fragmentsOf } from './fragments.ts'

export interface Flight {
  readonly header: MessageHeader
  /** The whole message, from the header on. */
  readonly octets: Uint8Array
  /** `markOf` of the message that it answers. */
  readonly answers?: Uint8Array
  /** It has an ID payload: only then it may go in pieces. */
  readonly mayFragment: boolean
  readonly fragmentId: number
  readonly sentAt: Instant
  /** How often it was sent by our own clock. */
  readonly sends: number
  /** Seconds of the present wait. */
  readonly wait: number
  /** When it is sent again; absent where no answer is waited for. */
  readonly dueAt?: Instant
}

/** A stranger's message of 64 KiB is not kept for it. */
export function markOf(octets: Uint8Array): Uint8Array {
  return octetsOf(createHash('sha256').update(octets).digest())
}

/** Whether it is the answer to that very message. */
export function isAnswerTo(flight: Flight | undefined, mark: Uint8Array): boolean {
  return flight?.answers !== undefined && isSameOctets(flight.answers, mark)
}

export interface Launch {
  readonly header: MessageHeader
  readonly octets: Uint8Array
  readonly answers?: Uint8Array
  readonly mayFragment: boolean
  readonly isAwaited: boolean
}

/** What of a session sending has to know. */
export interface Sender {
  readonly path: Path
  /** The peer takes pieces, and has sent some itself. */
  readonly support: { readonly fragmentation: boolean; readonly hasFragmented: boolean }
}

/** Sent for the first time. */
export function launch(
  sender: Sender,
  { isAwaited, ...message }: Launch,
  world: World,
): { readonly flight: Flight; readonly outputs: readonly KeyingOutput[] } {
  const { now, settings, random } = world
  const wait = settings.retransmit.first
  const id = new Uint8Array(2)
  if (message.mayFragment) random.fill(id)
  const flight: Flight = {
    ...message,
    fragmentId: (id[0]! << 8) | id[1]! || 1,
    sentAt: now,
    sends: 1,
    wait,
    ...(isAwaited ? { dueAt: now + wait } : {}),
  }
  return { flight, outputs: sayAgain(sender, flight, world) }
}

/** Seconds after which a large message goes in pieces: it may be its size that keeps it from coming through. */
const WHOLE_FOR = 2

/** As it goes out now. */
export function sayAgain({ path, support }: Sender, flight: Flight, { now, settings }: World): readonly KeyingOutput[] {
  const isLate = now - flight.sentAt >= WHOLE_FOR
  const inPieces = flight.mayFragment && support.fragmentation && (support.hasFragmented || isLate)
  const pieces = inPieces ? fragmentsOf(flight.octets, flight.header, flight.fragmentId, path, settings) : undefined
  return (pieces ?? [flight.octets]).map(octets => sent(path, octets))
}

export function sent(path: Path, octets: Uint8Array): KeyingOutput {
  return { kind: 'send', path, bytes: withMarker(path, octets) }
}

/** Once more, and the next time later. */
export function repeated(
  sender: Sender,
  flight: Flight,
  world: World,
): { readonly flight: Flight; readonly outputs: readonly KeyingOutput[] } {
  const { now, settings } = world
  const wait = Math.min(flight.wait * settings.retransmit.factor, settings.retransmit.longest)
  const next = { ...flight, sends: flight.sends + 1, wait, dueAt: now + wait }
  return { flight: next, outputs: sayAgain(sender, next, world) }
}

/** Answered: from now on only who asks again gets it. */
export function landed({ dueAt: _, ...flight }: Flight): Flight {
  return flight
}
