// The form of a packet that AH's ICV is computed over (RFC 4302 §3.3.3.1 and Appendix A): fields that change on the way
// are zero, fields whose value at the destination can be told hold that value. IPv4 options and IPv6 extension headers
// included. Works on a copy, so that the packet itself stays as it is.

const LOOSE_ROUTE = 131
const STRICT_ROUTE = 137
/** Options that must arrive as they were sent (RFC 4302 Appendix A1): security, extended and commercial security,
 * router alert, sender directed multi-destination delivery. All others are zeroed whole. */
const immutableOptions = new Set([130, 133, 134, 148, 149])

/** Zeroes and predicts in place, from the IP header at offset 0 of `copy` to `headerEnd`, where AH starts. False where a
 * header lies about its length or is of a kind that AH cannot cover. */
export function makeCanonical(copy: Uint8Array, headerEnd: number): boolean {
  return copy[0]! >> 4 === 4 ? canonicalIpv4(copy, headerEnd) : canonicalIpv6(copy, headerEnd)
}

function canonicalIpv4(copy: Uint8Array, headerEnd: number): boolean {
  copy[1] = 0 // type of service
  copy[6] = 0 // flags and fragment offset
  copy[7] = 0
  copy[8] = 0 // time to live
  copy[10] = 0 // checksum
  copy[11] = 0
  for (let at = 20; at < headerEnd; ) {
    const kind = copy[at]!
    if (kind === 0) break
    if (kind === 1) {
      at++
      continue
    }
    const length = at + 1 < headerEnd ? copy[at + 1]! : 0
    if (length < 2 || at + length > headerEnd) return false
    if (kind === LOOSE_ROUTE || kind === STRICT_ROUTE) takeLastHop(copy, at, length)
    if (!immutableOptions.has(kind)) copy.fill(0, at, at + length)
    at += length
  }
  return true
}

/** The destination that the packet will arrive with is the last address of its route, if it has hops left. */
function takeLastHop(copy: Uint8Array, at: number, length: number): void {
  const pointer = copy[at + 2] ?? 0
  if (length >= 7 && pointer <= length - 3) copy.copyWithin(16, at + length - 4, at + length)
}

function canonicalIpv6(copy: Uint8Array, headerEnd: number): boolean {
  copy[0] = 0x60 // traffic class and flow label
  copy[1] = 0
  copy[2] = 0
  copy[3] = 0
  copy[7] = 0 // hop limit
  let next = copy[6]!
  for (let at = 40; at < headerEnd; ) {
    const length = next === 44 ? 8 : (copy[at + 1]! + 1) * 8
    if (at + length > headerEnd) return false
    if (next === 0 || next === 60) {
      if (!zeroMutableOptions(copy, at + 2, at + length)) return false
    } else if (next === 43) {
      if (!arrivedRoute(copy, at, length)) return false
    }
    // What else stands before AH arrives as it was sent.
    next = copy[at]!
    at += length
  }
  return true
}

/** An option whose type has the bit 0x20 may change on the way: its data counts as zero (RFC 8200 §4.2). */
function zeroMutableOptions(copy: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; ) {
    const kind = copy[at]!
    if (kind === 0) {
      at++
      continue
    }
    const length = at + 1 < end ? copy[at + 1]! : end
    if (at + 2 + length > end) return false
    if ((kind & 0x20) !== 0) copy.fill(0, at + 2, at + 2 + length)
    at += 2 + length
  }
  return true
}

/** A routing header as it arrives: no segments left, and the addresses passed on by one place (RFC 4302 Appendix A2). */
function arrivedRoute(copy: Uint8Array, at: number, length: number): boolean {
  const kind = copy[at + 2]!
  const left = copy[at + 3]!
  if (left === 0) return true
  // Of the kinds of routing headers, 0 and 2 say where the packet will arrive; for others nobody can tell.
  if (kind !== 0 && kind !== 2) return false
  const addresses = (length - 8) / 16
  if (!Number.isInteger(addresses) || left > addresses) return false
  const first = at + 8 + (addresses - left) * 16
  const destination = copy.slice(24, 40)
  const last = copy.slice(first + (left - 1) * 16, first + left * 16)
  copy.copyWithin(first + 16, first, first + (left - 1) * 16)
  copy.set(destination, first)
  copy.set(last, 24)
  copy[at + 3] = 0
  return true
}
