// RC2 in CBC mode, deciphering alone (RFC 2268): Windows writes certificates in PKCS #12 files with it, and OpenSSL no
// longer has it in reach of Node. It is weak, and used for nothing that is to stay secret.

/** A fixed permutation of all octets, made from digits of pi (RFC 2268 §2). */
const permutation = Uint8Array.fromHex(
  [
    'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2',
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82',
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626',
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7',
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec',
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731',
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9',
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  ].join(''),
)

const BLOCK = 8
const ROTATIONS = [1, 2, 3, 5] as const

/** `effectiveBits` 1 to 1024 limits the strength, as export rules once did. The padding is left in its place. */
export function decipherRc2Cbc(
  key: Uint8Array,
  effectiveBits: number,
  iv: Uint8Array,
  content: Uint8Array,
): Uint8Array {
  const words = expandKey(key, effectiveBits)
  const clear = new Uint8Array(content.length)
  let previous = iv
  for (let at = 0; at + BLOCK <= content.length; at += BLOCK) {
    const block = content.subarray(at, at + BLOCK)
    const opened = decipherBlock(words, block)
    for (let i = 0; i < BLOCK; i++) clear[at + i] = opened[i]! ^ previous[i]!
    previous = block
  }
  return clear
}

/** RFC 2268 §2. */
function expandKey(key: Uint8Array, effectiveBits: number): Uint16Array {
  const octets = new Uint8Array(128)
  octets.set(key)
  for (let i = key.length; i < 128; i++) octets[i] = permutation[(octets[i - 1]! + octets[i - key.length]!) & 0xff]!
  const count = Math.ceil(effectiveBits / 8)
  const mask = 0xff >>> (8 * count - effectiveBits)
  octets[128 - count] = permutation[octets[128 - count]! & mask]!
  for (let i = 127 - count; i >= 0; i--) octets[i] = permutation[octets[i + 1]! ^ octets[i + count]!]!
  return Uint16Array.from({ length: 64 }, (_, i) => octets[2 * i]! | (octets[2 * i + 1]! << 8))
}

/** RFC 2268 §4: five rounds of mixing undone, one of mashing, six, one, five. */
function decipherBlock(words: Uint16Array, block: Uint8Array): Uint8Array {
  const parts = Uint16Array.from({ length: 4 }, (_, i) => block[2 * i]! | (block[2 * i + 1]! << 8))
  let next = 63
  for (let round = 0; round < 16; round++) {
    if (round === 5 || round === 11) {
      for (let i = 3; i >= 0; i--) parts[i] = parts[i]! - words[parts[(i + 3) % 4]! & 63]!
    }
    for (let i = 3; i >= 0; i--) {
      const by = ROTATIONS[i]!
      const [one, two, three] = [parts[(i + 3) % 4]!, parts[(i + 2) % 4]!, parts[(i + 1) % 4]!]
      const turned = (parts[i]! >>> by) | (parts[i]! << (16 - by))
      parts[i] = turned - words[next--]! - (one & two) - (~one & three)
    }
  }
  return Uint8Array.from([...parts].flatMap(part => [part & 0xff, part >>> 8]))
}
