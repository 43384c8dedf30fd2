// How much longer ESP makes what it seals (RFC 4303 §2): each way in use is a fixed part, which is header, IV and ICV,
// and a block that the content is padded to. A set of ways is a bit mask, so that what does not fit is crossed out.

const HEADER = 8
/** Padding length and next header, which are padded together with the content. */
const TRAILER = 2
const BLOCKS = [4, 8, 16] as const
/** Without IV 12 to 32 octets of ICV (NULL), with 8 octets 0 to 32 (GCM, CTR, 3DES), with 16 octets 0 to 32 (CBC). */
const FIXED_PARTS = [8, 12, 16, 20, 24, 28, 32, 40, 48].map(rest => HEADER + rest)

export interface Way {
  readonly block: number
  readonly fixed: number
}

export const ways: readonly Way[] = BLOCKS.flatMap(block => FIXED_PARTS.map(fixed => ({ block, fixed })))
export const ALL_WAYS = (1 << ways.length) - 1

/** By what is left when the padded content is taken off: the bit of the fixed part, moved to its block's place. */
const bitOf = new Map(FIXED_PARTS.map((fixed, index) => [fixed, 1 << index]))
const partBits = Int32Array.from({ length: Math.max(...FIXED_PARTS) + 1 }, (_, part) => bitOf.get(part) ?? 0)

/** The ways in which `clear` octets become `sealed` octets from the SPI on; 0 where there is none. */
export function waysBetween(clear: number, sealed: number): number {
  let found = 0
  for (let index = 0; index < BLOCKS.length; index++) {
    const block = BLOCKS[index]!
    const part = sealed - Math.ceil((clear + TRAILER) / block) * block
    if (part >= 0 && part < partBits.length) found |= partBits[part]! << (index * FIXED_PARTS.length)
  }
  return found
}

/** The most octets that `sealed` octets can hold in one way; the least are `block - 1` fewer. */
export function mostClear(way: Way, sealed: number): number {
  return sealed - way.fixed - TRAILER
}
