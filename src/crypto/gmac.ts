// AES-GMAC in ESP (RFC 4543 §3): AES-GCM that enciphers nothing. The content stays readable; authenticated are SPI,
// sequence number, IV and content, gathered in one piece first, as the upper half of the sequence number may be among them.
import type { Memory } from '../native/memory.ts'
import { LEAST_CONTENT } from './esp-combined.ts'
import { counterIvs } from './iv-source.ts'
import { checkPlace, copyOctets, writeWord } from './octets.ts'
import type { PacketEngine } from './packet-engine.ts'
import type { EspOpener, EspSealer, ProtectionOptions } from './packet-protection.ts'
import { type EspSuite, espHeaderBytes } from './suites.ts'

/** In the working memory: the nonce, the ICV, then what is authenticated. AH's GMAC uses it alike. */
export const GMAC_IV = 4
export const GMAC_ICV = 16
export const GMAC_TEXT = 64
/** RFC 4543 §3.1 and §4 have the same nonce: four octets of salt and eight of IV. */
export const GMAC_SALT_BYTES = 4

/** Gathers a packet whose covered part is `length` octets; answers how many octets that makes. */
function gather(work: Memory, memory: Memory, at: number, length: number, isExtended: boolean, high: number): number {
  copyOctets(memory.bytes, at + 8, work.bytes, GMAC_IV, 8)
  if (!isExtended) {
    copyOctets(memory.bytes, at, work.bytes, GMAC_TEXT, length)
    return length
  }
  copyOctets(memory.bytes, at, work.bytes, GMAC_TEXT, 4)
  writeWord(work.bytes, GMAC_TEXT + 4, high)
  copyOctets(memory.bytes, at + 4, work.bytes, GMAC_TEXT + 8, length - 4)
  return length + 4
}

export function gmacSealer(
  suite: EspSuite,
  engine: PacketEngine,
  work: Memory,
  material: Uint8Array,
  options: ProtectionOptions,
): EspSealer {
  const key = engine.aeadSealer(suite.cipher, material.subarray(0, suite.cipher.keyBytes))
  const salt = material.slice(suite.cipher.keyBytes)
  const header = espHeaderBytes(suite)
  const ivs = options.ivs ?? counterIvs()
  return {
    suite,
    engines: [engine.name],
    seal(memory, at, from, length, sequenceHigh) {
      const to = at + header
      checkPlace(memory.bytes, at, header + length + suite.cipher.icvBytes, from, length)
      ivs.next(memory.bytes, at + 8, 8)
      if (from !== to) memory.bytes.copyWithin(to, from, from + length)
      copyOctets(salt, 0, work.bytes, 0, GMAC_SALT_BYTES)
      const covered = gather(work, memory, at, header + length, options.extendedSequence, sequenceHigh)
      key.seal(work, 0, GMAC_TEXT, covered, memory, to, to, 0, to + length)
    },
    close() {
      key.close()
      salt.fill(0)
    },
  }
}

export function gmacOpener(
  suite: EspSuite,
  engine: PacketEngine,
  work: Memory,
  material: Uint8Array,
  options: ProtectionOptions,
): EspOpener {
  const key = engine.aeadOpener(suite.cipher, material.subarray(0, suite.cipher.keyBytes))
  const salt = material.slice(suite.cipher.keyBytes)
  const header = espHeaderBytes(suite)
  const { icvBytes } = suite.cipher
  return {
    suite,
    engines: [engine.name],
    open(memory, at, length, to, sequenceHigh) {
      const content = length - header - icvBytes
      if (content < LEAST_CONTENT) return false
      const from = at + header
      checkPlace(memory.bytes, at, length, to, content)
      copyOctets(salt, 0, work.bytes, 0, GMAC_SALT_BYTES)
      const covered = gather(work, memory, at, header + content, options.extendedSequence, sequenceHigh)
      if (!key.open(work, 0, GMAC_TEXT, covered, memory, from, from, 0, from + content)) return false
      if (from !== to) memory.bytes.copyWithin(to, from, from + content)
      return true
    },
    close() {
      key.close()
      salt.fill(0)
    },
  }
}
