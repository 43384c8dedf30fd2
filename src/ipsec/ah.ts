// AH around and off a packet (RFC 4302): the header with its ICV, over the packet in the form of ah-canonical.ts.
import type { AhAuthenticator } from '../crypto/packet-protection.ts'
import { ahIcvFieldBytes } from '../crypto/suites.ts'
import { makeCanonical } from './ah-canonical.ts'
import type { Sequence, Spi } from './association.ts'
import { writeWord } from './esp.ts'

/** Next header, length, reserved, SPI, sequence number. */
const FIXED = 12

/** Octets of the AH header: the ICV field padded to 4, over IPv6 the header to 8 (RFC 4302 §2.2). */
export function ahBytes(authenticator: Pick<AhAuthenticator, 'suite'>, family: 4 | 6): number {
  const unit = family === 4 ? 4 : 8
  return Math.ceil((FIXED + ahIcvFieldBytes(authenticator.suite)) / unit) * unit
}

/**
 * Writes the AH header at `at`, between the IP headers, which start at `ip` and already name AH and state the whole length, and
 * `end`. False where the headers hold something that AH cannot cover.
 */
export function writeAh(
  bytes: Uint8Array,
  authenticator: AhAuthenticator,
  spi: Spi,
  sequence: Sequence,
  nextHeader: number,
  ip: number,
  at: number,
  end: number,
): boolean {
  const family = bytes[ip]! >> 4 === 4 ? 4 : 6
  const length = ahBytes(authenticator, family)
  bytes.fill(0, at, at + length)
  bytes[at] = nextHeader
  bytes[at + 1] = length / 4 - 2
  writeWord(bytes, at + 4, spi)
  writeWord(bytes, at + 8, sequence.low)
  if (!cover(bytes, authenticator, ip, at, length, end)) return false
  authenticator.sign(sequence.high, bytes, at + FIXED)
  return true
}

export type AhFault = 'malformed' | 'not-authentic' | 'cannot-be-covered'

/** Checks the AH header at `at` of the packet from `ip` to `end`. Replay is the caller's matter. */
export function checkAh(
  bytes: Uint8Array,
  authenticator: AhAuthenticator,
  sequenceHigh: number,
  ip: number,
  at: number,
  end: number,
): AhFault | undefined {
  const family = bytes[ip]! >> 4 === 4 ? 4 : 6
  const length = (bytes[at + 1]! + 2) * 4
  if (end - at < FIXED || length !== ahBytes(authenticator, family) || at + length > end) return 'malformed'
  if (!cover(bytes, authenticator, ip, at, length, end)) return 'cannot-be-covered'
  return authenticator.verify(sequenceHigh, bytes, at + FIXED) ? undefined : 'not-authentic'
}

const HEADERS = new Uint8Array(4096)

function cover(
  bytes: Uint8Array,
  authenticator: AhAuthenticator,
  ip: number,
  at: number,
  length: number,
  end: number,
): boolean {
  const headers = at - ip
  if (headers > HEADERS.length) return false
  const copy = HEADERS.subarray(0, headers)
  copy.set(bytes.subarray(ip, at))
  if (!makeCanonical(copy, headers)) return false
  const icv = ahIcvFieldBytes(authenticator.suite)
  authenticator.start()
  authenticator.add(copy, 0, headers)
  authenticator.add(bytes, at, FIXED)
  authenticator.addZeros(icv)
  // Padding behind the ICV is covered as it stands.
  authenticator.add(bytes, at + FIXED + icv, length - FIXED - icv)
  authenticator.add(bytes, at + length, end - at - length)
  return true
}
