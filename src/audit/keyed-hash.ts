// A hash whose collisions nobody can prepare without its seed: each half word is multiplied by a secret number of its
// own and the products are added (Carter and Wegman's universal hashing), so two keys fall together by chance only.

/** Two secret multipliers for each word of a key, drawn from the seed. */
export function multipliers(seed: number, words: number): Int32Array {
  let state = seed
  return Int32Array.from({ length: words * 2 }, () => {
    state = (state + 0x9e3779b9) | 0
    return scatter(state)
  })
}

/** A signed 32-bit number for the words of `keys` from `at` on, as many as there are pairs of multipliers. */
export function hashOf(keys: Int32Array, at: number, secret: Int32Array): number {
  let sum = 0
  for (let index = 0; index < secret.length; index += 2) {
    const word = keys[at + (index >> 1)]!
    sum = (sum + Math.imul(word >>> 16, secret[index]!) + Math.imul(word & 0xffff, secret[index + 1]!)) | 0
  }
  return scatter(sum)
}

/** Carries every bit into the low ones, which choose the slot (the finalizer of MurmurHash3). */
function scatter(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
