// An event as an entry of systemd's journal, in the journal's own protocol: fields that can be searched for, whatever is in them.
// What others named cannot become a field of its own: a value with line breaks goes with its length in front. An entry is
// bounded, since it has to fit in one datagram.
import { Writer } from '../base/bytes.ts'
import { printable } from '../base/printable.ts'
import type { Level, ToldEvent } from '../monitor/told-event.ts'

/** Octets. A Unix datagram may be four times as long where nobody set it lower. */
export const LONGEST_ENTRY = 48 * 1024
const LONGEST_VALUE = 8 * 1024
/** Of one list. */
const MOST_VALUES = 32
const LONGEST_NAME = 64
const LINE_END = 0x0a
const EQUALS = 0x3d

/** syslog's numbers. */
export const priorities: Readonly<Record<Level, number>> = { debug: 7, info: 6, warning: 4, error: 3 }

/** What a person reads of an event: a line, and one for each problem. */
export function linesOf({ text, fields }: ToldEvent, most = Infinity): readonly string[] {
  const problems = Array.isArray(fields?.['problems']) ? (fields['problems'] as readonly string[]) : []
  return [text, ...problems.slice(0, most)].map(printable)
}

export function journalEntry(event: ToldEvent): Uint8Array {
  const entry = new Writer()
  let isCut = false
  const add = (name: string, text: string) => {
    const value = new TextEncoder().encode(text.toWellFormed())
    // Name, line ends, length, and room to say that the entry is cut.
    const room = Math.min(LONGEST_VALUE, LONGEST_ENTRY - entry.at - 2 * LONGEST_NAME)
    if (room <= 0) isCut = true
    else isCut = writeField(entry, name, value, room) || isCut
  }
  add('MESSAGE', linesOf(event, MOST_VALUES).join('\n'))
  add('PRIORITY', String(priorities[event.level]))
  add('SYSLOG_IDENTIFIER', 'sealwire')
  add('SEALWIRE_EVENT', event.kind)
  for (const [key, value] of Object.entries(event.fields ?? {})) {
    const name = fieldName(key)
    if (value === null || name === 'SEALWIRE_EVENT' || name === 'SEALWIRE_CUT') continue
    const values = Array.isArray(value) ? (value as readonly string[]) : [String(value)]
    for (const one of values.slice(0, MOST_VALUES)) add(name, one)
    isCut ||= values.length > MOST_VALUES
  }
  if (isCut) writeField(entry, 'SEALWIRE_CUT', new TextEncoder().encode('yes'), LONGEST_NAME)
  return entry.finish()
}

/** `peerSpi` is SEALWIRE_PEER_SPI: the journal takes capitals, digits and underscores. */
function fieldName(key: string): string {
  const name = key.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+/g, '_').toUpperCase()
  return `SEALWIRE_${name}`.slice(0, LONGEST_NAME)
}

/** Whether something had to be left off. */
function writeField(entry: Writer, name: string, value: Uint8Array, room: number): boolean {
  const kept = value.subarray(0, wholeCharacters(value, room))
  entry.bytes(new TextEncoder().encode(name))
  if (kept.includes(LINE_END)) {
    entry.u8(LINE_END)
    // 64 bits.
    entry.u32LittleEndian(kept.length)
    entry.u32LittleEndian(0)
  } else entry.u8(EQUALS)
  entry.bytes(kept)
  entry.u8(LINE_END)
  return kept.length < value.length
}

/** At most `room` octets of UTF-8, and no half character at their end. */
function wholeCharacters(text: Uint8Array, room: number): number {
  let end = Math.min(room, text.length)
  while (end < text.length && end > 0 && (text[end]! & 0xc0) === 0x80) end--
  return end
}
