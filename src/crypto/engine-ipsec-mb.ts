// The packet engine on Intel's IPsec-MB: AES-GCM and AES-GMAC, one call a packet. The library's other algorithms are reached
// through its job manager only, whose layout is another in each release and which gains most from many packets at once;
// they are left to the next engine. It computes tags and compares none: that is done here, and what was deciphered is
// wiped where the tag is wrong.
import { CONTEXT_BYTES, EXPANDED_KEY_BYTES, type Gcm, type IpsecMb, ipsecMb } from '../native/ipsec-mb.ts'
import { allocateMemory, type Cell, CellPool, Memory } from '../native/memory.ts'
import type { CipherAlgorithm } from './ciphers.ts'
import { isEqual } from './octets.ts'
import type { AeadOpener, AeadSealer, PacketEngine } from './packet-engine.ts'

/** The engine, or why it cannot be had here. */
export function ipsecMbEngine(): PacketEngine | string {
  const library = ipsecMb()
  if (typeof library === 'string') return library
  const engine = new GcmKeys(library)
  const lacks = (): never => {
    throw new Error('IPsec-MB is asked for AES-GCM and AES-GMAC only')
  }
  return {
    name: 'ipsec-mb',
    description: `Intel IPsec-MB ${library.version} (${library.variant})`,
    supports: algorithm => algorithm.kind === 'cipher' && opensAsGcm(algorithm),
    aeadSealer: (algorithm, key) => engine.sealer(algorithm, key),
    aeadOpener: (algorithm, key) => engine.opener(algorithm, key),
    cipher: lacks,
    mac: lacks,
  }
}

function opensAsGcm(algorithm: CipherAlgorithm): boolean {
  return algorithm.name === 'aes-gcm' || algorithm.name === 'aes-gmac'
}

/** In the engine's own memory: what a call keeps notes in, and the tag it computes. */
const TAG = CONTEXT_BYTES

class GcmKeys {
  readonly #library: IpsecMb
  readonly #cells = new CellPool(EXPANDED_KEY_BYTES)
  readonly #scratch: Memory = allocateMemory(CONTEXT_BYTES + 64)

  constructor(library: IpsecMb) {
    this.#library = library
  }

  #prepare(algorithm: CipherAlgorithm, key: Uint8Array): { readonly gcm: Gcm; readonly cell: Cell } {
    const gcm = this.#library.gcm.get(algorithm.keyBytes)
    if (gcm === undefined) throw new Error(`IPsec-MB does not take a key of ${algorithm.keyBytes} octets`)
    const cell = this.#cells.take()
    const own = new Memory(Uint8Array.from(key))
    gcm.prepare(own.address, cell.memory.address + cell.offset)
    own.bytes.fill(0)
    return { gcm, cell }
  }

  sealer(algorithm: CipherAlgorithm, key: Uint8Array): AeadSealer {
    const { gcm, cell } = this.#prepare(algorithm, key)
    const { seal } = gcm
    const expanded = cell.memory.address + cell.offset
    const context = this.#scratch.address
    const { icvBytes } = algorithm
    return {
      seal(side, nonce, aad, aadLength, memory, from, to, length, icv) {
        const { address } = memory
        const { address: near } = side
        seal(
          expanded,
          context,
          address + to,
          address + from,
          length,
          near + nonce,
          near + aad,
          aadLength,
          address + icv,
          icvBytes,
        )
      },
      close: () => this.#cells.giveBack(cell),
    }
  }

  opener(algorithm: CipherAlgorithm, key: Uint8Array): AeadOpener {
    const { gcm, cell } = this.#prepare(algorithm, key)
    const { open } = gcm
    const expanded = cell.memory.address + cell.offset
    const { bytes: scratch, address: context } = this.#scratch
    const { icvBytes } = algorithm
    return {
      open(side, nonce, aad, aadLength, memory, from, to, length, icv) {
        const { address } = memory
        const { address: near } = side
        open(
          expanded,
          context,
          address + to,
          address + from,
          length,
          near + nonce,
          near + aad,
          aadLength,
          context + TAG,
          icvBytes,
        )
        if (isEqual(scratch, TAG, memory.bytes, icv, icvBytes)) return true
        memory.bytes.fill(0, to, to + length)
        return false
      },
      close: () => this.#cells.giveBack(cell),
    }
  }
}
