// Small work on octets that every packet needs, without making an object for it.

/** In a time that tells nothing of where two differ; `length` octets of each. */
export function isEqual(a: Uint8Array, atA: number, b: Uint8Array, atB: number, length: number): boolean {
  let difference = 0
  for (let i = 0; i < length; i++) difference |= a[atA + i]! ^ b[atB + i]!
  return difference === 0
}

/** The same for whole words. */
export function isEqualWords(a: DataView, atA: number, b: DataView, atB: number, length: number): boolean {
  let difference = 0
  for (let i = 0; i < length; i += 4) difference |= a.getInt32(atA + i, true) ^ b.getInt32(atB + i, true)
  return difference === 0
}

export function copyWord(from: DataView, at: number, to: DataView, toAt: number): void {
  to.setInt32(toAt, from.getInt32(at, true), true)
}

/** A 32-bit number, the highest octet first. */
export function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
}

/** Below this many octets a loop is quicker than a call. */
const FEW = 48

/** Copies between arrays; `copyWithin` and `set` would need one array or a view of it. They must not overlap. */
export function copyOctets(from: Uint8Array, at: number, to: Uint8Array, toAt: number, length: number): void {
  if (length > FEW) Buffer.prototype.copy.call(from, to, toAt, at, at + length)
  else for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!
}

/**
 * Throws where a packet or its content does not lie in the memory: an offset that is wrong by mistake must not reach C,
 * which would read or write what lies there instead.
 */
export function checkPlace(
  bytes: Uint8Array,
  at: number,
  length: number,
  content: number,
  contentLength: number,
): void {
  const isInside = at >= 0 && length >= 0 && at + length <= bytes.length
  if (isInside && content >= 0 && contentLength >= 0 && content + contentLength <= bytes.length) return
  throw new RangeError(
    `${length} octets at ${at} or ${contentLength} at ${content} are outside a memory of ${bytes.length}`,
  )
}
