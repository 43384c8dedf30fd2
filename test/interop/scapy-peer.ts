// Talks to scapy-peer.py, which seals and opens packets with scapy's IPsec layer; in scapy's words for our suites.
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Suite, SuiteKeys } from '../../src/crypto/suites.ts'

/** Debian's own Python: python3-scapy is a module of it, and of no other that may be found first. */
const PYTHON = '/usr/bin/python3'

export interface ScapySuite {
  readonly cipher?: string
  readonly integrity?: string
  /** Of the combined modes that scapy makes in several lengths. */
  readonly icvBytes?: number
}

export interface ScapyWords extends ScapySuite {
  readonly spi: number
  readonly keys: SuiteKeys
  readonly protocol: 'esp' | 'ah'
  readonly tunnel?: readonly [string, string]
  readonly port?: number
  readonly sequenceHigh?: number
}

/** The packet, or the fault that scapy finds with it. */
export type ScapyResult = { readonly packet: string } | { readonly fault: string }

export interface ScapyAnswer {
  readonly sealed: readonly ScapyResult[]
  readonly opened: readonly ScapyResult[]
}

/** Why scapy cannot be asked here; empty where it can. */
export function whyNoScapy(): string {
  const tried = spawnSync(PYTHON, ['-c', 'import scapy.layers.ipsec as i; i.CRYPT_ALGOS["AES-GCM"]'], {
    encoding: 'utf8',
  })
  if (tried.status === 0) return ''
  return 'skipped, because Debian’s python3-scapy with python3-cryptography is not installed'
}

const ciphers: Readonly<Record<string, string>> = {
  'aes-gcm': 'AES-GCM',
  'aes-ccm': 'AES-CCM',
  'chacha20-poly1305': 'CHACHA20-POLY1305',
  'aes-cbc': 'AES-CBC',
  'aes-ctr': 'AES-CTR',
  '3des-cbc': '3DES',
  'des-cbc': 'DES',
  null: 'NULL',
}

const integrity: Readonly<Record<string, string>> = {
  'hmac-md5': 'HMAC-MD5-96',
  'hmac-sha1': 'HMAC-SHA1-96',
  'hmac-sha2-256': 'SHA2-256-128',
  'hmac-sha2-384': 'SHA2-384-192',
  'hmac-sha2-512': 'SHA2-512-256',
  'aes-cmac': 'AES-CMAC-96',
}

/** Scapy's words for a suite, or what scapy lacks. */
export function scapySuite(suite: Suite): ScapySuite | string {
  const mac = suite.integrity && integrity[suite.integrity.name]
  if (suite.integrity !== undefined && mac === undefined) return suite.integrity.name
  if (suite.protocol === 'ah') return { integrity: mac! }
  const { name, icvBytes, mode } = suite.cipher
  const cipher = ciphers[name]
  if (cipher === undefined) return name
  // Its GCM comes with 16 octets of ICV only, whatever length it is asked for.
  if (name === 'aes-gcm' && icvBytes !== 16) return `${name} with ${icvBytes} octets of ICV`
  return { cipher, ...(mac === undefined ? {} : { integrity: mac }), ...(mode === 'aead' ? { icvBytes } : {}) }
}

export class ScapyPeer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  }

  static async start(): Promise<ScapyPeer> {
    const script = join(import.meta.dirname, 'scapy-peer.py')
    const peer = new ScapyPeer(spawn(PYTHON, ['-W', 'ignore', script], { stdio: ['pipe', 'pipe', 'inherit'] }))
    await peer.#answer()
    return peer
  }

  async ask(words: ScapyWords, seal: readonly Uint8Array[], open: readonly Uint8Array[]): Promise<ScapyAnswer> {
    const { keys, spi, protocol } = words
    const association = {
      spi,
      protocol,
      cipher: words.cipher ?? null,
      cipherKey: keys.cipher.reveal().toHex(),
      icvBytes: words.icvBytes ?? null,
      integrity: words.integrity ?? null,
      integrityKey: keys.integrity.reveal().toHex(),
      tunnel: words.tunnel ?? null,
      port: words.port ?? null,
      sequenceHigh: words.sequenceHigh ?? null,
    }
    const inHex = (packets: readonly Uint8Array[]) => packets.map(packet => packet.toHex())
    this.#child.stdin.write(`${JSON.stringify({ association, seal: inHex(seal), open: inHex(open) })}\n`)
    return (await this.#answer()) as ScapyAnswer
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('scapy ended without an answer')
    return JSON.parse(value)
  }

  stop(): void {
    this.#child.stdin.end()
  }
}
