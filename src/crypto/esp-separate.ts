// ESP with a cipher and an integrity algorithm of its own: AES-CBC (RFC 3602), AES-CTR (RFC 3686), DES and 3DES (RFC 2405,
// 2451) or NULL (RFC 2410). Enciphered first; the ICV covers SPI to the last octet of the content, and the upper half of the
// sequence number where it has 64 bits (RFC 4303 §2.8). Opening checks the ICV before anything is deciphered.
import type { CellPool } from '../native/memory.ts'
import { LEAST_CONTENT } from './esp-combined.ts'
import { counterIvs, type IvSource, randomIvs } from './iv-source.ts'
import { checkPlace, copyOctets, isEqual, writeWord } from './octets.ts'
import type { EngineName, Mac, Memory, PacketEngine } from './packet-engine.ts'
import type { EspOpener, EspSealer, ProtectionOptions } from './packet-protection.ts'
import { type EspSuite, espHeaderBytes } from './suites.ts'

/** In a key's cell: CTR's first counter block, the ICV that came, the ICV that was computed. */
const CAME = 32
const COMPUTED = 64

/** Enciphers or deciphers the content of the packet at `at`; the IV stands in the packet. */
type Transform = (memory: Memory, at: number, from: number, to: number, length: number) => void

interface SeparateParts {
  /** Absent for NULL. */
  readonly engine: PacketEngine | undefined
  readonly macEngine: EngineName
  readonly mac: Mac
  readonly cells: CellPool
  /** Key and salt of the cipher. */
  readonly material: Uint8Array
}

export function separateSealer(suite: EspSuite, parts: SeparateParts, options: ProtectionOptions): EspSealer {
  const keyed = new Separate(suite, parts, 'encipher', options.extendedSequence)
  const ivs = options.ivs ?? ivsFor(suite)
  const { ivBytes } = suite.cipher
  const { icvBytes } = suite.integrity!
  const header = espHeaderBytes(suite)
  return {
    suite,
    engines: keyed.engines,
    seal(memory, at, from, length, sequenceHigh) {
      if (length % suite.cipher.blockBytes !== 0) throw new RangeError(`${length} octets are not in whole blocks`)
      checkPlace(memory.bytes, at, header + length + icvBytes, from, length)
      if (ivBytes > 0) ivs.next(memory.bytes, at + 8, ivBytes)
      keyed.transform(memory, at, from, at + header, length)
      keyed.sign(memory, at, header + length, sequenceHigh)
    },
    close: () => keyed.close(),
  }
}

export function separateOpener(suite: EspSuite, parts: SeparateParts, options: ProtectionOptions): EspOpener {
  const keyed = new Separate(suite, parts, 'decipher', options.extendedSequence)
  const { blockBytes } = suite.cipher
  const icvBytes = suite.integrity!.icvBytes
  const header = espHeaderBytes(suite)
  return {
    suite,
    engines: keyed.engines,
    open(memory, at, length, to, sequenceHigh) {
      const content = length - header - icvBytes
      if (content < LEAST_CONTENT || content % blockBytes !== 0) return false
      checkPlace(memory.bytes, at, length, to, content)
      if (!keyed.verify(memory, at, header + content, sequenceHigh)) return false
      keyed.transform(memory, at, at + header, to, content)
      return true
    },
    close: () => keyed.close(),
  }
}

function ivsFor(suite: EspSuite): IvSource {
  return suite.cipher.mode === 'ctr' ? counterIvs() : randomIvs()
}

class Separate {
  readonly engines: readonly EngineName[]
  readonly transform: Transform
  readonly #isExtended: boolean
  readonly #icvBytes: number
  readonly #mac: Mac
  readonly #side: Memory
  readonly #offset: number
  readonly #close: () => void

  constructor(suite: EspSuite, parts: SeparateParts, direction: 'encipher' | 'decipher', isExtended: boolean) {
    const { engine, macEngine, mac, cells } = parts
    const cell = cells.take()
    this.engines = engine === undefined || engine.name === macEngine ? [macEngine] : [engine.name, macEngine]
    this.#isExtended = isExtended
    this.#icvBytes = suite.integrity!.icvBytes
    this.#mac = mac
    this.#side = cell.memory
    this.#offset = cell.offset
    const { transform, close } = this.#transformation(suite, engine, parts.material, direction)
    this.transform = transform
    this.#close = () => {
      close()
      mac.close()
      cells.giveBack(cell)
    }
  }

  #transformation(
    suite: EspSuite,
    engine: PacketEngine | undefined,
    material: Uint8Array,
    direction: 'encipher' | 'decipher',
  ): { readonly transform: Transform; readonly close: () => void } {
    const { keyBytes, mode, saltBytes, ivBytes } = suite.cipher
    if (engine === undefined) {
      return {
        transform: (memory, _at, from, to, length) => {
          if (from !== to) memory.bytes.copyWithin(to, from, from + length)
        },
        close: () => {},
      }
    }
    const cipher = engine.cipher(suite.cipher, material.subarray(0, keyBytes), direction)
    const close = () => cipher.close()
    if (mode === 'cbc') {
      return {
        transform: (memory, at, from, to, length) => cipher.apply(memory, at + 8, memory, from, memory, to, length),
        close,
      }
    }
    // RFC 3686 §4: the first counter block is nonce, IV and one.
    const side = this.#side
    const block = this.#offset
    side.bytes.set(material.subarray(keyBytes), block)
    writeWord(side.bytes, block + saltBytes + ivBytes, 1)
    return {
      transform: (memory, at, from, to, length) => {
        copyOctets(memory.bytes, at + 8, side.bytes, block + saltBytes, ivBytes)
        cipher.apply(side, block, memory, from, memory, to, length)
      },
      close,
    }
  }

  /** `length` octets at `at` are covered; the ICV goes right behind them. */
  sign(memory: Memory, at: number, length: number, high: number): void {
    this.#compute(memory, at, length, high)
    copyOctets(this.#side.bytes, this.#offset + COMPUTED, memory.bytes, at + length, this.#icvBytes)
  }

  verify(memory: Memory, at: number, length: number, high: number): boolean {
    const own = this.#side.bytes
    const icv = at + length
    const came = this.#offset + CAME
    copyOctets(memory.bytes, icv, own, came, this.#icvBytes)
    this.#compute(memory, at, length, high)
    if (this.#isExtended) copyOctets(own, came, memory.bytes, icv, 4)
    return isEqual(own, came, own, this.#offset + COMPUTED, this.#icvBytes)
  }

  #compute(memory: Memory, at: number, length: number, high: number): void {
    // The upper half is covered as if it followed the content, which is where the ICV stands: for as long as it is
    // computed, the half stands there, and everything covered is in one piece.
    if (this.#isExtended) writeWord(memory.bytes, at + length, high)
    const covered = this.#isExtended ? length + 4 : length
    this.#mac.compute(memory, at, covered, this.#side, this.#offset + COMPUTED)
  }

  close(): void {
    this.#close()
  }
}
