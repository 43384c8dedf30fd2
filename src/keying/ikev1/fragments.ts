// Messages in pieces as Windows sends them, and others after it ([MS-IKEE] §2.2.3.1, §3.2): each piece is a message of its
// own with one fragment payload, in clear, so that anybody who sees the cookies can write one. They prove nothing and cost
// little: one message at a time, bounded in octets, pieces and seconds.
import { concatenate } from '../../base/bytes.ts'
import { HEADER_LENGTH } from '../../wire/ike/header.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { writeMessageV1 } from '../../wire/ike/v1-message.ts'
import { ENCRYPTED_FLAG } from '../../wire/ike/v1-numbers.ts'
import { LAST_FRAGMENT, type PayloadV1Of, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { KeyingSettings } from '../keying-settings.ts'
import type { Instant, Path } from '../machine.ts'

/** Seconds that pieces wait for the others. */
const PATIENCE = 70
/** What a message may hold at most, in all its pieces. */
const MOST_BYTES = 0xffff
const UDP_HEADER = 8
const MARKER = 4
/** Generic header, ID, number and flags. */
const FRAGMENT_HEADER = 8

export interface Gathered {
  readonly id: number
  readonly until: Instant
  readonly pieces: ReadonlyMap<number, Uint8Array>
  /** The number of the last piece, once it has come. */
  readonly total?: number
}

export type Gathering =
  | { readonly kind: 'whole'; readonly octets: Uint8Array }
  | { readonly kind: 'piece'; readonly gathered: Gathered }
  /** They contradict each other, or are too many: all are dropped. */
  | { readonly kind: 'refused'; readonly what: string }

export function gather(
  before: Gathered | undefined,
  { id, number, flags, data }: PayloadV1Of<'fragment'>,
  now: Instant,
  { mostFragments }: KeyingSettings,
): Gathering {
  const known = before?.id === id && now < before.until ? before : undefined
  const isLast = (flags & LAST_FRAGMENT) !== 0
  const total = isLast ? number : known?.total
  if (number > mostFragments) return refused(`a fragment ${number}, and ${mostFragments} are taken`)
  if (isLast && known?.total !== undefined && known.total !== number) return refused('two last fragments')
  const pieces = new Map(known?.pieces)
  if (!pieces.has(number)) pieces.set(number, data.slice())
  if (total !== undefined && [...pieces.keys()].some(one => one > total)) {
    return refused('a fragment with a number beyond the last one')
  }
  const bytes = [...pieces.values()].reduce((sum, { length }) => sum + length, 0)
  if (bytes > MOST_BYTES) return refused('fragments of more than a message holds')
  if (total !== undefined && pieces.size === total) {
    return { kind: 'whole', octets: concatenate(Array.from({ length: total }, (_, at) => pieces.get(at + 1)!)) }
  }
  const until = known?.until ?? now + PATIENCE
  return { kind: 'piece', gathered: { id, until, pieces, ...(total === undefined ? {} : { total }) } }
}

function refused(what: string): Gathering {
  return { kind: 'refused', what }
}

/** Octets of IKE that a packet of the size that every path carries has room for. */
function roomFor({ local }: Path, { fragmentBytes }: KeyingSettings): number {
  const packet = local.address.family === 4 ? fragmentBytes.ipv4 - 20 : fragmentBytes.ipv6 - 40
  return packet - UDP_HEADER - (local.port === 500 ? 0 : MARKER)
}

/** The pieces of a whole message, from its header on; undefined where it fits as it is. */
export function fragmentsOf(
  whole: Uint8Array,
  header: MessageHeader,
  id: number,
  path: Path,
  settings: KeyingSettings,
): readonly Uint8Array[] | undefined {
  const room = roomFor(path, settings)
  if (whole.length <= room) return undefined
  const most = Math.max(64, room - HEADER_LENGTH - FRAGMENT_HEADER)
  const total = Math.ceil(whole.length / most)
  return Array.from({ length: total }, (_, index) => {
    const data = whole.subarray(index * most, (index + 1) * most)
    const flags = index + 1 === total ? LAST_FRAGMENT : 0
    const piece = payloadV1('fragment', { id, number: index + 1, flags, data })
    const clear = { ...header, flags: header.flags & ~ENCRYPTED_FLAG }
    return writeMessageV1({ kind: 'clear', header: clear, payloads: [piece] })
  })
}
