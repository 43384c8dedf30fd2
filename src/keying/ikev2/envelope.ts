// A session's messages sealed into datagrams and opened again: one encrypted payload, or several fragments where both hosts
// know RFC 7383 and the message is larger than every path must carry.

import { concatenate } from '../../base/bytes.ts'
import type { Random } from '../../base/random.ts'
import { envelopeBytes, openEnvelope, sealEnvelope } from '../../crypto/ike-envelope.ts'
import { counterIvs, type IvSource } from '../../crypto/iv-source.ts'
import { HEADER_LENGTH } from '../../wire/ike/header.ts'
import {
  frameOfSealed,
  inFrontOfSealed,
  type Message,
  type MessageHeader,
  readInside,
  sealedOf,
  writeInside,
} from '../../wire/ike/message.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { isMarked, MARKER_BYTES } from '../first-look.ts'
import type { KeyingSettings } from '../keying-settings.ts'
import type { Path, Role } from '../machine.ts'
import type { Pieces, Secured } from './session.ts'

const UDP_HEADER = 8
/** Generic header, then number and total (RFC 7383 §2.5). */
const FRAGMENT_HEADER = 8

/** What an encrypted payload could hold undivided. Who has proved nothing yet can send fragments already, large ones too. */
const MOST_BYTES = 0xffff

export interface SealedMessage {
  /** From the IKE header on, without marker. */
  readonly datagrams: readonly Uint8Array[]
  readonly secured: Secured
  /** What IntAuth covers: the head as if the message were whole, and the content (RFC 9242 §3.3.2). */
  readonly head: Uint8Array
  readonly content: Uint8Array
}

export function sealMessage(
  secured: Secured,
  role: Role,
  header: MessageHeader,
  payloads: readonly Payload[],
  path: Path,
  { random, settings }: { readonly random: Random; readonly settings: KeyingSettings },
): SealedMessage {
  const { suite, keys, mayFragment } = secured
  const { first, content } = writeInside(payloads)
  const room = roomFor(path, settings)
  const ivs = ivsFrom(secured, random)
  const head = frameOfSealed(header, first, 0)
  const seal = (before: Uint8Array, piece: Uint8Array) => sealEnvelope(suite, keys[role], before, piece, ivs)
  const whole = envelopeBytes(suite, content.length)
  if (!mayFragment || HEADER_LENGTH + 4 + whole <= room) {
    const datagrams = [seal(frameOfSealed(header, first, whole), content)]
    return { datagrams, secured: { ...secured, sealed: secured.sealed + 1 }, head, content }
  }
  const most = largestPiece(secured, room - HEADER_LENGTH - FRAGMENT_HEADER)
  const total = Math.ceil(content.length / most)
  const datagrams = Array.from({ length: total }, (_, index) => {
    const piece = content.subarray(index * most, (index + 1) * most)
    const fragment = { number: index + 1, total }
    const frame = frameOfSealed(header, index === 0 ? first : 0, envelopeBytes(suite, piece.length), { fragment })
    return seal(frame, piece)
  })
  return { datagrams, secured: { ...secured, sealed: secured.sealed + total }, head, content }
}

/** Octets of an IKE message that an IP packet of the agreed size has room for. */
function roomFor(path: Path, { fragmentBytes }: KeyingSettings): number {
  const packet = path.local.address.family === 4 ? fragmentBytes.ipv4 - 20 : fragmentBytes.ipv6 - 40
  return packet - UDP_HEADER - (isMarked(path) ? MARKER_BYTES : 0)
}

function largestPiece({ suite }: Secured, room: number): number {
  let piece = room - envelopeBytes(suite, 0)
  while (piece > 1 && envelopeBytes(suite, piece) > room) piece--
  return Math.max(piece, 1)
}

/** Counter modes go on from the messages sealed before; the others draw fresh octets. */
function ivsFrom({ suite, sealed }: Secured, random: Random): IvSource {
  if (suite.cipher.mode !== 'cbc') return counterIvs(0, BigInt(sealed))
  return { next: (bytes, at, length) => random.fill(bytes.subarray(at, at + length)) }
}

export type OpenedMessage =
  | {
      readonly kind: 'whole'
      readonly payloads: readonly Payload[]
      readonly head: Uint8Array
      readonly content: Uint8Array
    }
  /** Authentic, and more is to come. */
  | { readonly kind: 'piece'; readonly pieces: Pieces }
  | { readonly kind: 'not-authentic'; readonly what: string }
  /** Authentic, and yet no IKE: the peer itself errs. */
  | { readonly kind: 'malformed'; readonly what: string }

/** `sender` is the role whose keys seal the message; `pieces` are those of the same message that came before. */
export function openMessage(
  secured: Secured,
  sender: Role,
  message: Message,
  datagram: Uint8Array,
  pieces: Pieces | undefined,
  { mostFragments }: KeyingSettings,
): OpenedMessage {
  const sealed = sealedOf(message)
  if (sealed === undefined) return { kind: 'not-authentic', what: 'it is not encrypted' }
  const before = inFrontOfSealed(datagram, sealed)
  const isFragment = sealed.kind === 'encrypted-fragment'
  if (isFragment && (!secured.mayFragment || sealed.total > mostFragments)) {
    return { kind: 'not-authentic', what: `a fragment of ${sealed.total}, which was not agreed on` }
  }
  const content = openEnvelope(secured.suite, secured.keys[sender], datagram, before.length)
  if (content === undefined) return { kind: 'not-authentic', what: 'its integrity check fails' }
  if (!isFragment) return whole(sealed.firstInside, before, content)
  const isFirst = sealed.number === 1
  const head = isFirst ? frameOfSealed(message.header, sealed.firstInside, 0) : undefined
  const gathered = gather(pieces, message.header, sealed, content, head)
  if (bytesOf(gathered) > MOST_BYTES) return { kind: 'not-authentic', what: 'a fragment of more than a message holds' }
  if (gathered.contents.size < gathered.total || gathered.head === undefined) return { kind: 'piece', pieces: gathered }
  const parts = Array.from({ length: gathered.total }, (_, index) => gathered.contents.get(index + 1)!)
  return whole(gathered.firstInside, gathered.head, concatenate(parts))
}

function whole(first: number, head: Uint8Array, content: Uint8Array): OpenedMessage {
  const inside = readInside(first, content)
  if (!inside.ok) return { kind: 'malformed', what: inside.error.what }
  return { kind: 'whole', payloads: inside.value, head, content }
}

function bytesOf({ contents }: Pieces): number {
  let bytes = 0
  for (const { length } of contents.values()) bytes += length
  return bytes
}

function gather(
  pieces: Pieces | undefined,
  header: MessageHeader,
  { number, total, firstInside }: { readonly number: number; readonly total: number; readonly firstInside: number },
  content: Uint8Array,
  head: Uint8Array | undefined,
): Pieces {
  const isResponse = (header.flags & 0x20) !== 0
  // A larger total is the same message, cut smaller; pieces of the larger cut are of no use (RFC 7383 §2.6).
  const goesOn = pieces?.messageId === header.messageId && pieces.isResponse === isResponse && pieces.total >= total
  if (goesOn && pieces.total > total) return pieces
  const contents = new Map(goesOn ? pieces.contents : [])
  if (!contents.has(number)) contents.set(number, content)
  const kept = goesOn ? pieces : undefined
  const known = head ?? kept?.head
  return {
    messageId: header.messageId,
    isResponse,
    total,
    firstInside: number === 1 ? firstInside : (kept?.firstInside ?? 0),
    contents,
    ...(known === undefined ? {} : { head: known }),
  }
}
