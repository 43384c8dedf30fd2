// AES-XCBC (RFC 3566 §4) and AES-CMAC (RFC 4493 §2) from nothing but AES-CBC, so that every engine has them: the chain
// over all blocks but the last, then one block more that is mixed with a subkey. Both give 16 octets.
import { ciphers } from './ciphers.ts'
import type { IntegrityAlgorithm } from './integrity.ts'
import type { BlockCipher, Mac, Memory, PacketEngine } from './packet-engine.ts'

const BLOCK = 16
/** The longest message: an IP packet with the upper half of its sequence number behind it. */
const MOST = 65_536 + BLOCK
/** Where the working memory has a block of zeros, the last block, and the chain. */
const ZEROS = 0
const LAST = BLOCK
const CHAIN = 2 * BLOCK

interface Subkeys {
  /** Mixed into a last block that is whole. */
  readonly whole: Uint8Array
  /** Mixed into a last block that was filled up with a one bit and zeros. */
  readonly padded: Uint8Array
}

const aes128 = ciphers.find(row => row.name === 'aes-cbc' && row.keyBytes === BLOCK)!

/** Octets of working memory, which many keys may share. */
export const aesMacWorkBytes = CHAIN + MOST

/** By an engine that supports AES-CBC; `key` has 16 octets. */
export function aesMac(engine: PacketEngine, algorithm: IntegrityAlgorithm, key: Uint8Array, work: Memory): Mac {
  const { bytes } = work
  bytes.fill(0, ZEROS, BLOCK)
  const { chain, subkeys } = algorithm.name === 'aes-xcbc' ? xcbcKeys(engine, key, work) : cmacKeys(engine, key, work)
  return {
    resultBytes: BLOCK,
    compute(memory, at, length, into, result) {
      if (length > MOST) throw new RangeError(`${length} octets are more than a packet has`)
      const rest = length === 0 ? 0 : ((length - 1) % BLOCK) + 1
      const whole = length - rest
      const subkey = rest === BLOCK ? subkeys.whole : subkeys.padded
      for (let i = 0; i < BLOCK; i++) {
        const octet = i < rest ? memory.bytes[at + whole + i]! : i === rest ? 0x80 : 0
        bytes[LAST + i] = octet ^ subkey[i]!
      }
      if (whole > 0) chain.apply(work, ZEROS, memory, at, work, CHAIN, whole)
      chain.apply(work, whole > 0 ? CHAIN + whole - BLOCK : ZEROS, work, LAST, into, result, BLOCK)
    },
    close() {
      chain.close()
      subkeys.whole.fill(0)
      subkeys.padded.fill(0)
    },
  }
}

/** RFC 3566 §4: three keys, each the encryption of a block of one octet repeated. */
function xcbcKeys(engine: PacketEngine, key: Uint8Array, work: Memory): { chain: BlockCipher; subkeys: Subkeys } {
  const first = engine.cipher(aes128, key, 'encipher')
  const [k1, whole, padded] = [1, 2, 3].map(octet => encipherBlock(first, octet, work))
  first.close()
  const chain = engine.cipher(aes128, k1!, 'encipher')
  k1!.fill(0)
  return { chain, subkeys: { whole: whole!, padded: padded! } }
}

/** RFC 4493 §2.3: the encryption of zero, doubled once and twice in the field of 2^128. */
function cmacKeys(engine: PacketEngine, key: Uint8Array, work: Memory): { chain: BlockCipher; subkeys: Subkeys } {
  const chain = engine.cipher(aes128, key, 'encipher')
  const zero = encipherBlock(chain, 0, work)
  const whole = double(zero)
  zero.fill(0)
  return { chain, subkeys: { whole, padded: double(whole) } }
}

function double(block: Uint8Array): Uint8Array {
  const doubled = block.map((octet, i) => (octet << 1) | ((block[i + 1] ?? 0) >> 7))
  // Without a branch on the secret bit: the field's polynomial is mixed in times the bit that fell out.
  doubled[BLOCK - 1]! ^= 0x87 * (block[0]! >> 7)
  return doubled
}

/** A block of one octet repeated, enciphered. */
function encipherBlock(cipher: BlockCipher, octet: number, work: Memory): Uint8Array {
  work.bytes.fill(octet, LAST, LAST + BLOCK)
  cipher.apply(work, ZEROS, work, LAST, work, CHAIN, BLOCK)
  const result = work.bytes.slice(CHAIN, CHAIN + BLOCK)
  work.bytes.fill(0, CHAIN, CHAIN + BLOCK)
  return result
}
