// Integrity for AH: pieces of a packet gathered in one, then any integrity algorithm over it (RFC 4302 §3.3.3). With GMAC
// the ICV field is IV and ICV, and all of it counts as zero (RFC 4543 §4).
import type { Memory } from '../native/memory.ts'
import { findCipher } from './ciphers.ts'
import { GMAC_ICV, GMAC_IV, GMAC_SALT_BYTES, GMAC_TEXT } from './gmac.ts'
import { counterIvs } from './iv-source.ts'
import { copyOctets, isEqual, writeWord } from './octets.ts'
import type { EngineName, Mac, PacketEngine } from './packet-engine.ts'
import type { AhAuthenticator, ProtectionOptions } from './packet-protection.ts'
import type { AhSuite } from './suites.ts'

/** What an ICV field is made and checked with, once everything is gathered: `length` octets from GMAC_TEXT on. */
interface Judge {
  sign(length: number, into: Uint8Array, icv: number): void
  verify(length: number, from: Uint8Array, icv: number): boolean
  close(): void
}

/** `work` has GMAC_TEXT octets and room for the longest packet behind them; all keys may share it. */
export function ahAuthenticator(
  suite: AhSuite,
  engine: EngineName,
  judge: Judge,
  work: Memory,
  options: ProtectionOptions,
): AhAuthenticator {
  const { bytes } = work
  let end = GMAC_TEXT
  const reserve = (length: number) => {
    // Four octets stay free for the upper half of the sequence number.
    if (end + length > bytes.length - 4) throw new RangeError('more than a packet holds was added to an ICV')
    end += length
    return end - length
  }
  const close = (high: number) => {
    if (!options.extendedSequence) return end - GMAC_TEXT
    writeWord(bytes, end, high)
    return end + 4 - GMAC_TEXT
  }
  return {
    suite,
    engines: [engine],
    start() {
      end = GMAC_TEXT
    },
    add(from, at, length) {
      copyOctets(from, at, bytes, reserve(length), length)
    },
    addZeros(length) {
      const at = reserve(length)
      bytes.fill(0, at, at + length)
    },
    sign: (sequenceHigh, into, icv) => judge.sign(close(sequenceHigh), into, icv),
    verify: (sequenceHigh, from, icv) => judge.verify(close(sequenceHigh), from, icv),
    close: () => judge.close(),
  }
}

export function macJudge(suite: AhSuite, mac: Mac, work: Memory): Judge {
  const { icvBytes } = suite.integrity
  return {
    sign(length, into, icv) {
      mac.compute(work, GMAC_TEXT, length, work, 0)
      copyOctets(work.bytes, 0, into, icv, icvBytes)
    },
    verify(length, from, icv) {
      mac.compute(work, GMAC_TEXT, length, work, 0)
      return isEqual(work.bytes, 0, from, icv, icvBytes)
    },
    close: () => mac.close(),
  }
}

/** `material` is key and salt. */
export function gmacJudge(
  suite: AhSuite,
  engine: PacketEngine,
  material: Uint8Array,
  work: Memory,
  options: ProtectionOptions,
): Judge {
  const { keyBytes, icvBytes, ivBytes } = suite.integrity
  const cipher = findCipher('aes-gmac', keyBytes, icvBytes)!
  const sealer = engine.aeadSealer(cipher, material.subarray(0, keyBytes))
  const salt = material.slice(keyBytes)
  const ivs = options.ivs ?? counterIvs()
  const seal = (length: number) => {
    copyOctets(salt, 0, work.bytes, 0, GMAC_SALT_BYTES)
    sealer.seal(work, 0, GMAC_TEXT, length, work, GMAC_ICV, GMAC_ICV, 0, GMAC_ICV)
  }
  return {
    sign(length, into, icv) {
      ivs.next(into, icv, ivBytes)
      copyOctets(into, icv, work.bytes, GMAC_IV, ivBytes)
      seal(length)
      copyOctets(work.bytes, GMAC_ICV, into, icv + ivBytes, icvBytes)
    },
    verify(length, from, icv) {
      copyOctets(from, icv, work.bytes, GMAC_IV, ivBytes)
      seal(length)
      return isEqual(work.bytes, GMAC_ICV, from, icv + ivBytes, icvBytes)
    },
    close() {
      sealer.close()
      salt.fill(0)
    },
  }
}
