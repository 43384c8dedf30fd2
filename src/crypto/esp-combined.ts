// ESP with a cipher that also authenticates: AES-GCM (RFC 4106), AES-CCM (RFC 4309), ChaCha20-Poly1305 (RFC 7634). The
// nonce is salt and IV; authenticated besides are SPI and sequence number, with its upper half between them where it
// has 64 bits.
import type { CellPool } from '../native/memory.ts'
import { counterIvs } from './iv-source.ts'
import { checkPlace, copyOctets, writeWord } from './octets.ts'
import type { PacketEngine } from './packet-engine.ts'
import type { EspOpener, EspSealer, ProtectionOptions } from './packet-protection.ts'
import { type EspSuite, espHeaderBytes } from './suites.ts'

/** In a key's cell: the nonce, then what is authenticated besides. */
const AAD = 16
/** Pad length and next header: an ESP packet has at least these inside. */
export const LEAST_CONTENT = 2

/** `material` is key and salt. */
export function combinedSealer(
  suite: EspSuite,
  engine: PacketEngine,
  cells: CellPool,
  material: Uint8Array,
  options: ProtectionOptions,
): EspSealer {
  const { keyBytes, saltBytes, ivBytes } = suite.cipher
  const key = engine.aeadSealer(suite.cipher, material.subarray(0, keyBytes))
  const cell = cells.take()
  const { memory: side, offset } = cell
  const own = side.bytes
  own.set(material.subarray(keyBytes), offset)
  const header = espHeaderBytes(suite)
  const aad = offset + AAD
  const aadBytes = options.extendedSequence ? 12 : 8
  const overhead = header + suite.cipher.icvBytes
  const ivs = options.ivs ?? counterIvs()
  return {
    suite,
    engines: [engine.name],
    seal(memory, at, from, length, sequenceHigh) {
      const { bytes } = memory
      checkPlace(bytes, at, overhead + length, from, length)
      ivs.next(bytes, at + 8, ivBytes)
      copyOctets(bytes, at + 8, own, offset + saltBytes, ivBytes)
      writeAad(own, aad, bytes, at, aadBytes, sequenceHigh)
      const to = at + header
      key.seal(side, offset, aad, aadBytes, memory, from, to, length, to + length)
    },
    close() {
      key.close()
      cells.giveBack(cell)
    },
  }
}

export function combinedOpener(
  suite: EspSuite,
  engine: PacketEngine,
  cells: CellPool,
  material: Uint8Array,
  options: ProtectionOptions,
): EspOpener {
  const { keyBytes, saltBytes, ivBytes, icvBytes } = suite.cipher
  const key = engine.aeadOpener(suite.cipher, material.subarray(0, keyBytes))
  const cell = cells.take()
  const { memory: side, offset } = cell
  const own = side.bytes
  own.set(material.subarray(keyBytes), offset)
  const header = espHeaderBytes(suite)
  const aad = offset + AAD
  const aadBytes = options.extendedSequence ? 12 : 8
  return {
    suite,
    engines: [engine.name],
    open(memory, at, length, to, sequenceHigh) {
      const content = length - header - icvBytes
      if (content < LEAST_CONTENT) return false
      const { bytes } = memory
      checkPlace(bytes, at, length, to, content)
      copyOctets(bytes, at + 8, own, offset + saltBytes, ivBytes)
      writeAad(own, aad, bytes, at, aadBytes, sequenceHigh)
      const from = at + header
      return key.open(side, offset, aad, aadBytes, memory, from, to, content, from + content)
    },
    close() {
      key.close()
      cells.giveBack(cell)
    },
  }
}

/** RFC 4106 §5: SPI and sequence number as they travel, or with the upper half between them. */
function writeAad(into: Uint8Array, aad: number, bytes: Uint8Array, at: number, length: number, high: number): void {
  copyOctets(bytes, at, into, aad, 4)
  if (length === 12) writeWord(into, aad + 4, high)
  copyOctets(bytes, at + 4, into, aad + length - 4, 4)
}
