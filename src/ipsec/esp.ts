// ESP around and off a packet (RFC 4303): header, padding, next header; the keyed object of crypto does the rest. All in
// one Memory, offsets in and out; nothing is allocated per packet.
import type { Memory } from '../crypto/packet-engine.ts'
import type { EspBurst, EspOpener, EspSealer } from '../crypto/packet-protection.ts'
import { espAlignment, espHeaderBytes, espIcvBytes } from '../crypto/suites.ts'
import type { Sequence, Spi } from './association.ts'

export const NO_NEXT_HEADER = 59
/** Padding length and next header. */
const TRAILER = 2

/** Octets that ESP makes of `length` octets of content. */
export function espBytes(sealer: Pick<EspSealer | EspOpener, 'suite'>, length: number, padTo = 1): number {
  const { suite } = sealer
  return espHeaderBytes(suite) + padded(length, Math.max(espAlignment(suite), padTo)) + espIcvBytes(suite)
}

/** The largest content whose ESP packet has at most `room` octets; negative where none has. */
export function espRoom(sealer: Pick<EspSealer, 'suite'>, room: number, padTo = 1): number {
  const { suite } = sealer
  const unit = Math.max(espAlignment(suite), padTo)
  return Math.floor((room - espHeaderBytes(suite) - espIcvBytes(suite)) / unit) * unit - TRAILER
}

function padded(length: number, unit: number): number {
  return Math.ceil((length + TRAILER) / unit) * unit
}

/**
 * Seals the `length` octets at `from` into an ESP packet at `at` and answers its length. The trailer is written behind
 * the content, so 258 octets of room must be there; `at` must be where the content belongs, in front of it by
 * espHeaderBytes, or overlap nothing of it. `sequence` has been advanced.
 */
export function sealEsp(
  memory: Memory,
  sealer: EspSealer,
  spi: Spi,
  sequence: Sequence,
  nextHeader: number,
  from: number,
  length: number,
  at: number,
  padTo = 1,
): number {
  const { suite } = sealer
  const content = writeAround(memory, suite, spi, sequence.low, nextHeader, from, length, at, padTo)
  sealer.seal(memory, at, from, content, sequence.high)
  return espHeaderBytes(suite) + content + espIcvBytes(suite)
}

/** All of a packet but its seal, around the content that lies where it belongs; `sealAll` does the rest. Answers its length. */
export function prepareEsp(
  memory: Memory,
  { suite }: EspSealer,
  spi: Spi,
  sequence: Sequence,
  nextHeader: number,
  length: number,
  at: number,
  burst: EspBurst,
): number {
  const header = espHeaderBytes(suite)
  const content = writeAround(memory, suite, spi, sequence.low, nextHeader, at + header, length, at, 1)
  burst.put(at, content, sequence.high)
  return header + content + espIcvBytes(suite)
}

/** Seals what was prepared. */
export function sealAll(memory: Memory, sealer: EspSealer, burst: EspBurst): void {
  const { count, at, lengths, highs } = burst
  const header = espHeaderBytes(sealer.suite)
  if (sealer.sealBurst !== undefined && count > 1) sealer.sealBurst(memory, burst)
  else {
    for (let index = 0; index < count; index++) {
      sealer.seal(memory, at[index]!, at[index]! + header, lengths[index]!, highs[index]!)
    }
  }
}

/** Trailer, SPI and sequence number; answers the octets of content and trailer. */
function writeAround(
  { bytes }: Memory,
  suite: EspSealer['suite'],
  spi: Spi,
  sequenceLow: number,
  nextHeader: number,
  from: number,
  length: number,
  at: number,
  padTo: number,
): number {
  // Units of padding are alignments: 256 octets of padding would not fit the octet that counts them.
  const content = padded(length, Math.max(espAlignment(suite), padTo))
  const padding = content - length - TRAILER
  const trailer = from + length
  for (let index = 1; index <= padding; index++) bytes[trailer + index - 1] = index
  bytes[trailer + padding] = padding
  bytes[trailer + padding + 1] = nextHeader
  writeWord(bytes, at, spi)
  writeWord(bytes, at + 4, sequenceLow)
  return content
}

/** What `openEsp` found, filled anew each time. */
export class OpenedEsp {
  /** Where the content starts, its length without the trailer, and what it is. */
  at = 0
  length = 0
  nextHeader = NO_NEXT_HEADER
}

export type EspFault = 'not-authentic' | 'bad-padding'

/** Opens in place the ESP packet of `length` octets at `at`. Replay is the caller's matter. */
export function openEsp(
  memory: Memory,
  opener: EspOpener,
  at: number,
  length: number,
  sequenceHigh: number,
  opened: OpenedEsp,
): EspFault | undefined {
  const { suite } = opener
  const content = at + espHeaderBytes(suite)
  const contentLength = length - espHeaderBytes(suite) - espIcvBytes(suite)
  if (contentLength < TRAILER || !opener.open(memory, at, length, content, sequenceHigh)) return 'not-authentic'
  return readTrailer(memory, content, contentLength, opened)
}

/** Opens in place all of a burst, where that is quicker than one by one; `readOpened` tells what became of each. */
export function openAll(memory: Memory, opener: EspOpener, burst: EspBurst): void {
  const { count, at, lengths, highs, isOpen } = burst
  const header = espHeaderBytes(opener.suite)
  if (opener.openBurst !== undefined && count > 1) return opener.openBurst(memory, burst)
  for (let index = 0; index < count; index++) {
    const place = at[index]!
    isOpen[index] = opener.open(memory, place, lengths[index]!, place + header, highs[index]!) ? 1 : 0
  }
}

export function readOpened(
  memory: Memory,
  { suite }: EspOpener,
  { at, lengths, isOpen }: EspBurst,
  index: number,
  opened: OpenedEsp,
): EspFault | undefined {
  const header = espHeaderBytes(suite)
  const contentLength = lengths[index]! - header - espIcvBytes(suite)
  if (contentLength < TRAILER || isOpen[index] !== 1) return 'not-authentic'
  return readTrailer(memory, at[index]! + header, contentLength, opened)
}

function readTrailer(
  { bytes }: Memory,
  content: number,
  contentLength: number,
  opened: OpenedEsp,
): EspFault | undefined {
  const end = content + contentLength
  const padding = bytes[end - TRAILER]!
  if (padding > contentLength - TRAILER) return 'bad-padding'
  // Padding of any length is fine (KB 276360 is about a host that thought otherwise), but its octets count up from 1
  // (RFC 4303 §2.4): under a cipher that is malleable this catches what was cut and pasted.
  for (let index = 1; index <= padding; index++) {
    if (bytes[end - TRAILER - padding + index - 1] !== index) return 'bad-padding'
  }
  opened.at = content
  opened.length = contentLength - TRAILER - padding
  opened.nextHeader = bytes[end - 1]!
  return undefined
}

export function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

export function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
