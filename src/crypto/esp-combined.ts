// ESP with a cipher that also authenticates: AES-GCM (RFC 4106), AES-CCM (RFC 4309), ChaCha20-Poly1305 (RFC 7634). The
// nonce is salt and IV; authenticated besides are SPI and sequence number, with its upper half between them where it
// has 64 bits.
import type { CellPool, Memory } from '../native/memory.ts'
import { counterIvs } from './iv-source.ts'
import { checkPlace, copyOctets, copyWord, writeWord } from './octets.ts'
import { type AeadBurst, type AeadOpeningBurst, BURST_AAD, BURST_STRIDE, type PacketEngine } from './packet-engine.ts'
import type { EspBurst, EspOpener, EspSealer, ProtectionOptions } from './packet-protection.ts'
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
  const burstSealing = (aead: AeadBurst) => (memory: Memory, burst: EspBurst) => {
    const { bytes } = memory
    const { count, at: places, lengths, highs } = burst
    aead.begin(count)
    for (let index = 0; index < count; index++) {
      const at = places[index]!
      const length = lengths[index]!
      checkPlace(bytes, at, overhead + length, at + header, length)
      ivs.next(bytes, at + 8, ivBytes)
      writeBeside(
        aead.side.view,
        BURST_STRIDE * index,
        side.view.getInt32(offset),
        memory.view,
        at,
        aadBytes,
        highs[index]!,
      )
      const from = at + header
      aead.add(index, aadBytes, memory, from, from, length, from + length)
    }
    aead.run(count)
  }
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
    ...(key.burst === undefined ? {} : { sealBurst: burstSealing(key.burst) }),
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
  const burstOpening = (aead: AeadOpeningBurst) => (memory: Memory, burst: EspBurst) => {
    const { bytes } = memory
    const { count, at: places, lengths, highs, isOpen } = burst
    aead.begin(count)
    for (let index = 0; index < count; index++) {
      const at = places[index]!
      const length = lengths[index]!
      // What is too short for that is for `open` to refuse.
      const content = Math.max(0, length - header - icvBytes)
      checkPlace(bytes, at, length, at + header, content + icvBytes)
      writeBeside(
        aead.side.view,
        BURST_STRIDE * index,
        side.view.getInt32(offset),
        memory.view,
        at,
        aadBytes,
        highs[index]!,
      )
      const from = at + header
      aead.add(index, aadBytes, memory, from, from, content, from + content)
    }
    aead.run(count)
    for (let index = 0; index < count; index++) {
      const from = places[index]! + header
      const content = lengths[index]! - header - icvBytes
      const isAuthentic = aead.isAuthentic(index, memory, from, Math.max(0, content), from + content)
      isOpen[index] = isAuthentic && content >= LEAST_CONTENT ? 1 : 0
    }
  }
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
    ...(key.burst === undefined ? {} : { openBurst: burstOpening(key.burst) }),
    close() {
      key.close()
      cells.giveBack(cell)
    },
  }
}

/** For a burst, which only GCM has: its salt is one word, its IV two. */
function writeBeside(
  side: DataView,
  nonce: number,
  salt: number,
  view: DataView,
  at: number,
  aadBytes: number,
  high: number,
): void {
  side.setInt32(nonce, salt)
  copyWord(view, at + 8, side, nonce + 4)
  copyWord(view, at + 12, side, nonce + 8)
  const aad = nonce + BURST_AAD
  copyWord(view, at, side, aad)
  if (aadBytes === 12) side.setUint32(aad + 4, high)
  copyWord(view, at + 4, side, aad + aadBytes - 4)
}

/** RFC 4106 §5: SPI and sequence number as they travel, or with the upper half between them. */
function writeAad(into: Uint8Array, aad: number, bytes: Uint8Array, at: number, length: number, high: number): void {
  copyOctets(bytes, at, into, aad, 4)
  if (length === 12) writeWord(into, aad + 4, high)
  copyOctets(bytes, at + 4, into, aad + length - 4, 4)
}
