// The packet engine on Intel's IPsec-MB: AES-GCM and AES-GMAC, one call a packet, or one for many in the release whose jobs
// are known. The library's other algorithms are reached through its job manager only and are left to the next engine. It
// computes tags and compares none: that is done here, and what was deciphered is wiped where the tag is wrong.
import { CONTEXT_BYTES, EXPANDED_KEY_BYTES, type Gcm, type IpsecMb, ipsecMb } from '../native/ipsec-mb.ts'
import { type GcmJobs, MOST_JOBS } from '../native/ipsec-mb-jobs.ts'
import { allocateMemory, type Cell, CellPool, Memory } from '../native/memory.ts'
import type { CipherAlgorithm } from './ciphers.ts'
import { isEqual, isEqualWords } from './octets.ts'
import {
  type AeadBurst,
  type AeadOpener,
  type AeadOpeningBurst,
  type AeadSealer,
  BURST_AAD,
  BURST_STRIDE,
  type PacketEngine,
} from './packet-engine.ts'

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
/** Of the tags of a burst. */
const TAG_STRIDE = 16

class GcmKeys {
  readonly #library: IpsecMb
  readonly #cells = new CellPool(EXPANDED_KEY_BYTES)
  readonly #scratch: Memory = allocateMemory(CONTEXT_BYTES + 64)
  readonly #jobs: GcmJobs | undefined
  readonly #side: Memory
  readonly #tags: Memory

  constructor(library: IpsecMb) {
    this.#library = library
    this.#jobs = library.jobs
    this.#side = allocateMemory(this.#jobs === undefined ? 0 : MOST_JOBS * BURST_STRIDE)
    this.#tags = allocateMemory(this.#jobs === undefined ? 0 : MOST_JOBS * TAG_STRIDE)
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
      ...this.#burst(algorithm, expanded, true),
      close: () => this.#cells.giveBack(cell),
    }
  }

  #burst(algorithm: CipherAlgorithm, expanded: number, isSealing: true): { readonly burst?: AeadBurst }
  #burst(algorithm: CipherAlgorithm, expanded: number, isSealing: false): { readonly burst?: AeadOpeningBurst }
  #burst({ keyBytes, icvBytes }: CipherAlgorithm, expanded: number, isSealing: boolean) {
    const jobs = this.#jobs
    if (jobs === undefined) return {}
    const side = this.#side
    const { view: tags, address: tagsAddress } = this.#tags
    const near = side.address
    const burst: AeadOpeningBurst = {
      most: MOST_JOBS,
      side,
      begin: count => jobs.begin(count),
      add(index, aadLength, memory, from, to, length, icv) {
        const { address } = memory
        const tag = isSealing ? address + icv : tagsAddress + TAG_STRIDE * index
        const nonce = near + BURST_STRIDE * index
        const [source, target] = [address + from, address + to]
        const aad = nonce + BURST_AAD
        jobs.put(index, isSealing, expanded, keyBytes, source, target, length, nonce, aad, aadLength, tag, icvBytes)
      },
      run(count) {
        jobs.run(count)
        side.bytes.fill(0, 0, BURST_STRIDE * count)
      },
      isAuthentic(index, memory, to, length, icv) {
        if (isEqualWords(tags, TAG_STRIDE * index, memory.view, icv, icvBytes)) return true
        memory.bytes.fill(0, to, to + length)
        return false
      },
    }
    return { burst }
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
      ...this.#burst(algorithm, expanded, false),
      close: () => this.#cells.giveBack(cell),
    }
  }
}
