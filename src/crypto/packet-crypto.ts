// The packet engines of this machine behind one object: the quickest that passes its self-test is chosen, and where it
// lacks an algorithm the next one does it. What was not taken is said with the reason.
import { allocateMemory, CellPool, type Memory } from '../native/memory.ts'
import { aesMac, aesMacWorkBytes } from './aes-mac.ts'
import { ahAuthenticator, gmacJudge, macJudge } from './ah-integrity.ts'
import { type CipherAlgorithm, findCipher } from './ciphers.ts'
import { ipsecMbEngine } from './engine-ipsec-mb.ts'
import { nodeEngine } from './engine-node.ts'
import { opensslEngine } from './engine-openssl.ts'
import { failedSelfTest } from './engine-self-test.ts'
import { combinedOpener, combinedSealer } from './esp-combined.ts'
import { separateOpener, separateSealer } from './esp-separate.ts'
import { GMAC_TEXT, gmacOpener, gmacSealer } from './gmac.ts'
import type { IntegrityAlgorithm } from './integrity.ts'
import type { EngineName, Mac, PacketEngine } from './packet-engine.ts'
import type { AhAuthenticator, EspOpener, EspSealer, ProtectionOptions } from './packet-protection.ts'
import type { AhSuite, EspSuite, Suite, SuiteKeys } from './suites.ts'

export interface NotTaken {
  readonly name: EngineName
  readonly because: string
}

/** The quickest first. */
const inOrder: readonly EngineName[] = ['ipsec-mb', 'openssl', 'node']

/**
 * Takes the preferred engine where it works here, else the next slower one that does; without a preference the quickest.
 * Every engine has to pass its self-test. node:crypto always works.
 */
export function choosePacketCrypto(preference: EngineName = inOrder[0]!): PacketCrypto {
  const engines: PacketEngine[] = []
  const notTaken: NotTaken[] = []
  for (const name of inOrder.slice(inOrder.indexOf(preference))) {
    const tried = tryEngine(name)
    if (typeof tried === 'string') notTaken.push({ name, because: tried })
    else engines.push(tried)
  }
  return new PacketCrypto(engines, notTaken)
}

/** The engine, or why it cannot be used here. */
export function tryEngine(name: EngineName): PacketEngine | string {
  const made = makeEngine(name)
  return typeof made === 'string' ? made : (failedSelfTest(made) ?? made)
}

function makeEngine(name: EngineName): PacketEngine | string {
  switch (name) {
    case 'ipsec-mb':
      return ipsecMbEngine()
    case 'openssl':
      return opensslEngine() ?? 'OpenSSL cannot be called in this Node'
    case 'node':
      return nodeEngine()
  }
}

export class PacketCrypto {
  readonly name: EngineName
  /** For `status`: the library and its version. */
  readonly description: string
  readonly notTaken: readonly NotTaken[]
  readonly #engines: readonly PacketEngine[]
  readonly #cells = new CellPool(128)
  /** Where several pieces are gathered in one; each call is done with it before the next begins. */
  readonly #work: Memory = allocateMemory(GMAC_TEXT + 65_536 + 64)
  readonly #macWork: Memory = allocateMemory(aesMacWorkBytes)

  /** `engines`: the preferred first, at least one. */
  constructor(engines: readonly PacketEngine[], notTaken: readonly NotTaken[] = []) {
    const [first] = engines
    if (first === undefined) throw new Error('no packet engine works, not even node:crypto')
    this.name = first.name
    this.description = first.description
    this.notTaken = notTaken
    this.#engines = engines
  }

  /** Which engines would do the cipher and the integrity algorithm of a suite; undefined where one cannot be done. */
  enginesFor(suite: Suite): readonly EngineName[] | undefined {
    const found: EngineName[] = []
    const wanted = suite.protocol === 'esp' ? [suite.cipher, suite.integrity] : [suite.integrity]
    for (const algorithm of wanted) {
      if (algorithm === undefined || algorithm.name === 'null') continue
      const engine = this.#engineFor(algorithm)
      if (engine === undefined) return undefined
      found.push(engine.name)
    }
    return [...new Set(found)]
  }

  sealer(suite: EspSuite, keys: SuiteKeys, options: ProtectionOptions): EspSealer {
    const material = keys.cipher.reveal()
    const { cipher, integrity } = suite
    if (integrity !== undefined) return separateSealer(suite, this.#parts(cipher, integrity, keys), options)
    const engine = this.#need(cipher)
    if (cipher.mode === 'gmac') return gmacSealer(suite, engine, this.#work, material, options)
    return combinedSealer(suite, engine, this.#cells, material, options)
  }

  opener(suite: EspSuite, keys: SuiteKeys, options: ProtectionOptions): EspOpener {
    const material = keys.cipher.reveal()
    const { cipher, integrity } = suite
    if (integrity !== undefined) return separateOpener(suite, this.#parts(cipher, integrity, keys), options)
    const engine = this.#need(cipher)
    if (cipher.mode === 'gmac') return gmacOpener(suite, engine, this.#work, material, options)
    return combinedOpener(suite, engine, this.#cells, material, options)
  }

  /** One at a time: what is added between `start` and the ICV lies where that of all others does. */
  authenticator(suite: AhSuite, keys: SuiteKeys, options: ProtectionOptions): AhAuthenticator {
    const engine = this.#need(suite.integrity)
    const material = keys.integrity.reveal()
    const judge =
      suite.integrity.mode === 'gmac'
        ? gmacJudge(suite, engine, material, this.#work, options)
        : macJudge(suite, this.#mac(suite.integrity, material), this.#work)
    return ahAuthenticator(suite, engine.name, judge, this.#work, options)
  }

  #parts(cipher: CipherAlgorithm, integrity: IntegrityAlgorithm, keys: SuiteKeys) {
    return {
      engine: cipher.mode === 'null' ? undefined : this.#need(cipher),
      macEngine: this.#need(integrity).name,
      mac: this.#mac(integrity, keys.integrity.reveal()),
      cells: this.#cells,
      material: keys.cipher.reveal(),
    }
  }

  #mac(algorithm: IntegrityAlgorithm, key: Uint8Array): Mac {
    const engine = this.#need(algorithm)
    return algorithm.mode === 'aes' ? aesMac(engine, algorithm, key, this.#macWork) : engine.mac(algorithm, key)
  }

  #need(algorithm: CipherAlgorithm | IntegrityAlgorithm): PacketEngine {
    const engine = this.#engineFor(algorithm)
    if (engine === undefined) throw new Error(`no packet engine of this machine has ${algorithm.name}`)
    return engine
  }

  #engineFor(algorithm: CipherAlgorithm | IntegrityAlgorithm): PacketEngine | undefined {
    const asked = engineMatterOf(algorithm)
    return this.#engines.find(engine => engine.supports(asked))
  }
}

/** XCBC and CMAC are made of AES-CBC, and AH's GMAC is ESP's. */
export function engineMatterOf(algorithm: CipherAlgorithm | IntegrityAlgorithm): CipherAlgorithm | IntegrityAlgorithm {
  if (algorithm.kind === 'cipher') return algorithm
  if (algorithm.mode === 'aes') return findCipher('aes-cbc', 16, 0)!
  return algorithm.mode === 'gmac' ? findCipher('aes-gmac', algorithm.keyBytes, 16)! : algorithm
}
