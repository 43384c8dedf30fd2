// The packet engine on OpenSSL's EVP: a context for each key and direction, made once; per packet only calls on it. An
// answer of OpenSSL other than "well" is our mistake or the system's, except where it says that a tag is wrong.
import { GET_TAG, type LibCrypto, libCrypto, SET_IV_LENGTH, SET_TAG } from '../native/libcrypto.ts'
import { allocateMemory, Memory } from '../native/memory.ts'
import type { CipherAlgorithm } from './ciphers.ts'
import type { IntegrityAlgorithm } from './integrity.ts'
import { hashBytesOf, hashNameOf, opensslKeyOf, opensslNameOf } from './openssl-names.ts'
import type { AeadOpener, AeadSealer, BlockCipher, Mac, PacketEngine } from './packet-engine.ts'

/** undefined where OpenSSL cannot be called from here. */
export function opensslEngine(): PacketEngine | undefined {
  const library = libCrypto()
  if (library === undefined) return undefined
  const engine = new Evp(library)
  return {
    name: 'openssl',
    description: `OpenSSL ${library.version} of Node ${process.versions.node} through EVP`,
    supports: algorithm => engine.supports(algorithm),
    aeadSealer: (algorithm, key) => engine.aeadSealer(algorithm, key),
    aeadOpener: (algorithm, key) => engine.aeadOpener(algorithm, key),
    cipher: (algorithm, key, direction) => engine.cipher(algorithm, key, direction === 'encipher' ? 1 : 0),
    mac: (algorithm, key) => engine.mac(algorithm, key),
  }
}

class Evp {
  readonly #library: LibCrypto
  readonly #ciphers = new Map<string, number>()
  /** Where OpenSSL says how many octets it wrote; the same for all, as one call ends before the next. */
  readonly #written: Memory = allocateMemory(64)

  constructor(library: LibCrypto) {
    this.#library = library
  }

  supports(algorithm: CipherAlgorithm | IntegrityAlgorithm): boolean {
    if (algorithm.kind === 'cipher') return this.#fetch(algorithm) !== 0
    const hash = hashNameOf(algorithm)
    if (hash === undefined) return false
    const context = this.#library.newHmac(hash, new Uint8Array(algorithm.keyBytes))
    if (context === 0) return false
    this.#library.freeMac(context)
    return true
  }

  #fetch(algorithm: CipherAlgorithm): number {
    const name = opensslNameOf(algorithm)
    if (name === undefined) return 0
    let cipher = this.#ciphers.get(name)
    if (cipher === undefined) {
      cipher = this.#library.fetchCipher(name)
      this.#ciphers.set(name, cipher)
    }
    return cipher
  }

  /** A context with its key; combined modes also learn how long nonce and tag are. */
  #context(algorithm: CipherAlgorithm, key: Uint8Array, encipher: 0 | 1): number {
    const library = this.#library
    const context = library.newCipherContext()
    const own = new Memory(Uint8Array.from(opensslKeyOf(algorithm, key)))
    let isWell = library.initCipher(context, this.#fetch(algorithm), 0, 0, encipher, 0) === 1
    if (algorithm.icvBytes > 0) {
      isWell &&= library.control(context, SET_IV_LENGTH, algorithm.saltBytes + algorithm.ivBytes, 0) === 1
      // CCM's first block holds the length of the tag, so that it has to be known before anything is enciphered.
      if (algorithm.name === 'aes-ccm') isWell &&= library.control(context, SET_TAG, algorithm.icvBytes, 0) === 1
    }
    isWell &&= library.initCipher(context, 0, own.address, 0, encipher, 0) === 1
    isWell &&= library.setPadding(context, 0) === 1
    own.bytes.fill(0)
    if (!isWell) throw new Error(`OpenSSL does not take a key for ${algorithm.name}`)
    return context
  }

  aeadSealer(algorithm: CipherAlgorithm, key: Uint8Array): AeadSealer {
    const { initCipher, update, final, control, freeCipherContext } = this.#library
    const context = this.#context(algorithm, key, 1)
    const written = this.#written.address
    const { icvBytes } = algorithm
    const isCcm = algorithm.name === 'aes-ccm'
    return {
      seal(side, nonce, aad, aadLength, memory, from, to, length, icv) {
        const { address } = memory
        let well = initCipher(context, 0, 0, side.address + nonce, -1, 0)
        if (isCcm) well &= update(context, 0, written, 0, length)
        if (aadLength > 0) well &= update(context, 0, written, side.address + aad, aadLength)
        if (length > 0 || isCcm) well &= update(context, address + to, written, address + from, length)
        well &= final(context, address + to, written)
        well &= control(context, GET_TAG, icvBytes, address + icv)
        if (well !== 1) throw new Error(`OpenSSL does not seal with ${algorithm.name}`)
      },
      close: () => freeCipherContext(context),
    }
  }

  aeadOpener(algorithm: CipherAlgorithm, key: Uint8Array): AeadOpener {
    const { initCipher, update, final, control, freeCipherContext } = this.#library
    const context = this.#context(algorithm, key, 0)
    const written = this.#written.address
    const { icvBytes } = algorithm
    const isCcm = algorithm.name === 'aes-ccm'
    return {
      open(side, nonce, aad, aadLength, memory, from, to, length, icv) {
        const { address } = memory
        let well = initCipher(context, 0, 0, side.address + nonce, -1, 0)
        well &= control(context, SET_TAG, icvBytes, address + icv)
        if (isCcm) well &= update(context, 0, written, 0, length)
        if (aadLength > 0) well &= update(context, 0, written, side.address + aad, aadLength)
        if (well !== 1) throw new Error(`OpenSSL does not open with ${algorithm.name}`)
        // CCM compares the tag here, the others at the end.
        let isAuthentic = length > 0 || isCcm ? update(context, address + to, written, address + from, length) : 1
        if (!isCcm) isAuthentic &= final(context, address + to, written)
        if (isAuthentic === 1) return true
        memory.bytes.fill(0, to, to + length)
        return false
      },
      close: () => freeCipherContext(context),
    }
  }

  cipher(algorithm: CipherAlgorithm, key: Uint8Array, encipher: 0 | 1): BlockCipher {
    const { initCipher, update, freeCipherContext } = this.#library
    const context = this.#context(algorithm, key, encipher)
    const written = this.#written.address
    return {
      apply(side, iv, memory, from, into, to, length) {
        let well = initCipher(context, 0, 0, side.address + iv, -1, 0)
        well &= update(context, into.address + to, written, memory.address + from, length)
        if (well !== 1) throw new Error(`OpenSSL does not run ${algorithm.name}`)
      },
      close: () => freeCipherContext(context),
    }
  }

  mac(algorithm: IntegrityAlgorithm, key: Uint8Array): Mac {
    const { initMac, updateMac, finalMac, freeMac, newHmac } = this.#library
    const context = newHmac(hashNameOf(algorithm)!, key)
    if (context === 0) throw new Error(`OpenSSL does not take a key for ${algorithm.name}`)
    const resultBytes = hashBytesOf(algorithm)
    const written = this.#written.address
    return {
      resultBytes,
      compute(memory, at, length, into, result) {
        let well = initMac(context, 0, 0, 0)
        well &= updateMac(context, memory.address + at, length)
        well &= finalMac(context, into.address + result, written, resultBytes)
        if (well !== 1) throw new Error(`OpenSSL does not run ${algorithm.name}`)
      },
      close: () => freeMac(context),
    }
  }
}
