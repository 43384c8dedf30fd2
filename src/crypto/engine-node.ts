// The packet engine that every machine has: node:crypto. It makes a cipher object for each packet, which costs several
// microseconds; the other engines exist because of that. It is also the reference that they are compared with.
import {
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  getCiphers,
  getHashes,
} from 'node:crypto'
import type { CipherAlgorithm } from './ciphers.ts'
import type { IntegrityAlgorithm } from './integrity.ts'
import { hashBytesOf, hashNameOf, opensslKeyOf, opensslNameOf } from './openssl-names.ts'
import type { AeadOpener, AeadSealer, BlockCipher, Mac, PacketEngine } from './packet-engine.ts'

export function nodeEngine(): PacketEngine {
  const known = new Set([...getCiphers(), ...getHashes()].map(name => name.toLowerCase()))
  return {
    name: 'node',
    description: `node:crypto of Node ${process.versions.node} with OpenSSL ${process.versions.openssl}`,
    supports(algorithm) {
      const name = algorithm.kind === 'cipher' ? opensslNameOf(algorithm) : hashNameOf(algorithm)
      return name !== undefined && known.has(name)
    },
    aeadSealer,
    aeadOpener,
    cipher,
    mac,
  }
}

/** One of the combined modes; the types of node:crypto have a list for each and take the same arguments for all. */
function aeadName(algorithm: CipherAlgorithm): CipherGCMTypes {
  return opensslNameOf(algorithm) as CipherGCMTypes
}

function aeadSealer(algorithm: CipherAlgorithm, key: Uint8Array): AeadSealer {
  const name = aeadName(algorithm)
  const secret = createSecretKey(key)
  const nonceBytes = algorithm.saltBytes + algorithm.ivBytes
  const authTagLength = algorithm.icvBytes
  return {
    seal(side, nonce, aad, aadLength, memory, from, to, length, icv) {
      const run = createCipheriv(name, secret, side.bytes.subarray(nonce, nonce + nonceBytes), { authTagLength })
      run.setAAD(side.bytes.subarray(aad, aad + aadLength), { plaintextLength: length })
      memory.bytes.set(run.update(memory.bytes.subarray(from, from + length)), to)
      run.final()
      memory.bytes.set(run.getAuthTag(), icv)
    },
    close() {},
  }
}

function aeadOpener(algorithm: CipherAlgorithm, key: Uint8Array): AeadOpener {
  const name = aeadName(algorithm)
  const secret = createSecretKey(key)
  const nonceBytes = algorithm.saltBytes + algorithm.ivBytes
  const authTagLength = algorithm.icvBytes
  return {
    open(side, nonce, aad, aadLength, memory, from, to, length, icv) {
      const run = createDecipheriv(name, secret, side.bytes.subarray(nonce, nonce + nonceBytes), { authTagLength })
      run.setAuthTag(memory.bytes.subarray(icv, icv + authTagLength))
      run.setAAD(side.bytes.subarray(aad, aad + aadLength), { plaintextLength: length })
      let plain: Uint8Array | undefined
      try {
        plain = run.update(memory.bytes.subarray(from, from + length))
        // Throws where the tag is wrong; nothing has been handed out before.
        run.final()
      } catch {
        plain?.fill(0)
        return false
      }
      memory.bytes.set(plain, to)
      return true
    },
    close() {},
  }
}

function cipher(algorithm: CipherAlgorithm, key: Uint8Array, direction: 'encipher' | 'decipher'): BlockCipher {
  const name = opensslNameOf(algorithm)!
  const secret = createSecretKey(opensslKeyOf(algorithm, key))
  const ivBytes = algorithm.mode === 'ctr' ? 16 : algorithm.ivBytes
  const make = direction === 'encipher' ? createCipheriv : createDecipheriv
  return {
    apply(side, iv, memory, from, into, to, length) {
      const run = make(name, secret, side.bytes.subarray(iv, iv + ivBytes))
      run.setAutoPadding(false)
      into.bytes.set(run.update(memory.bytes.subarray(from, from + length)), to)
      run.final()
    },
    close() {},
  }
}

function mac(algorithm: IntegrityAlgorithm, key: Uint8Array): Mac {
  const hash = hashNameOf(algorithm)!
  const secret = createSecretKey(key)
  return {
    resultBytes: hashBytesOf(algorithm),
    compute(memory, at, length, into, result) {
      const run = createHmac(hash, secret)
      run.update(memory.bytes.subarray(at, at + length))
      into.bytes.set(run.digest(), result)
    },
    close() {},
  }
}
