// Sealing and opening whole ESP packets on each packet engine, next to what `openssl speed` does with the bare cipher in
// the same rounds: ours counts header, IV, padding, trailer, sequence numbers and ICV; theirs only cipher and tag.
import { spawnSync } from 'node:child_process'
import { findCipher } from '../src/crypto/ciphers.ts'
import { findIntegrity } from '../src/crypto/integrity.ts'
import { PacketCrypto, tryEngine } from '../src/crypto/packet-crypto.ts'
import { allocateMemory, type EngineName } from '../src/crypto/packet-engine.ts'
import { type EspSuite, espHeaderBytes, keyMaterialBytes, splitKeyMaterial } from '../src/crypto/suites.ts'
import { Sequence } from '../src/ipsec/association.ts'
import { espBytes, OpenedEsp, openEsp, sealEsp } from '../src/ipsec/esp.ts'
import { hasCommand, interleave, type Row, type Table } from './bench.ts'

const engineNames: readonly EngineName[] = ['ipsec-mb', 'openssl', 'node']
const SIZES = [64, 512, 1400] as const
const ROUNDS = 7
/** Packets between two looks at the time. */
const BATCH = 256
/** Octets from one packet to the next: room for the headers that packets have in front, and for trailer and ICV. */
const STRIDE = 1600
const SPI = 0x1001
const IPV4 = 4
/** Seconds that one measurement takes. */
const LONG = 0.3

const gcm: EspSuite = { protocol: 'esp', cipher: findCipher('aes-gcm', 16, 16)! }

export async function benchPacketCrypto(): Promise<readonly Table[]> {
  if (!hasCommand('openssl'))
    throw new Error('openssl is missing, against which this is measured (apt-get install openssl)')
  return [...SIZES.map(size => againstOpenssl(size)), otherSuites()]
}

/** The engines that work here, each with node:crypto behind it for what it lacks. */
function engines(): readonly (readonly [EngineName, PacketCrypto])[] {
  const node = tryEngine('node')
  return engineNames.flatMap(name => {
    const engine = tryEngine(name)
    if (typeof engine === 'string' || typeof node === 'string') return []
    return [[name, new PacketCrypto([engine, node])] as const]
  })
}

function againstOpenssl(size: number): Table {
  const raw = 'openssl speed -evp aes-128-gcm'
  const alternatives: Record<string, () => number> = { [raw]: () => opensslSeconds('aes-128-gcm', size) }
  for (const [name, crypto] of engines()) Object.assign(alternatives, sealAndOpen(name, crypto, gcm, size))
  const seconds = interleave(alternatives, ROUNDS)
  const rows = Object.keys(alternatives).map(what => rowOf(what, size, seconds[what]!, seconds[raw]!))
  return {
    title: `Packet cryptography: ESP with AES-128-GCM, ${size.toLocaleString('en-US')} octets`,
    unit: 'packets a second',
    against: 'raw OpenSSL',
    rows,
    remarks: [remark()],
  }
}

/** What Windows and old peers are likely to ask for, by the engine that is chosen here. */
function otherSuites(): Table {
  const size = 1400
  const raw = 'openssl speed -evp aes-128-gcm'
  const with256 = { integrity: findIntegrity('hmac-sha2-256')! }
  const suites: readonly (readonly [string, EspSuite])[] = [
    ['AES-256-GCM', { protocol: 'esp', cipher: findCipher('aes-gcm', 32, 16)! }],
    ['ChaCha20-Poly1305', { protocol: 'esp', cipher: findCipher('chacha20-poly1305', 32, 16)! }],
    ['AES-128-GMAC', { protocol: 'esp', cipher: findCipher('aes-gmac', 16, 16)! }],
    ['AES-128-CCM', { protocol: 'esp', cipher: findCipher('aes-ccm', 16, 16)! }],
    ['AES-128-CBC, SHA2-256', { protocol: 'esp', cipher: findCipher('aes-cbc', 16, 0)!, ...with256 }],
    ['NULL, SHA2-256', { protocol: 'esp', cipher: findCipher('null', 0, 0)!, ...with256 }],
    ['3DES, SHA1', { protocol: 'esp', cipher: findCipher('3des-cbc', 24, 0)!, integrity: findIntegrity('hmac-sha1')! }],
  ]
  const quickest = engineNames.map(tryEngine).filter(engine => typeof engine !== 'string')
  const crypto = new PacketCrypto(quickest)
  const alternatives: Record<string, () => number> = { [raw]: () => opensslSeconds('aes-128-gcm', size) }
  for (const [name, suite] of suites) {
    Object.assign(alternatives, sealAndOpen(`${name} (${crypto.enginesFor(suite)!.join(', ')})`, crypto, suite, size))
  }
  const seconds = interleave(alternatives, ROUNDS)
  return {
    title: 'Packet cryptography: other suites, 1,400 octets',
    unit: 'packets a second',
    against: 'raw OpenSSL with AES-128-GCM',
    rows: Object.keys(alternatives).map(what => rowOf(what, size, seconds[what]!, seconds[raw]!)),
    remarks: ['In brackets the engine that does it when all of them work.'],
  }
}

function remark(): string {
  const version = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout.trim().split(' ').slice(0, 2).join(' ')
  const ours = engines().map(([, crypto]) => crypto.description)
  return `Whole ESP packets against the bare cipher of ${version}; ours: ${ours.join('; ')}. Time on the processor, medians of ${ROUNDS} rounds in turn.`
}

function rowOf(what: string, size: number, seconds: number, against: number): Row {
  const gigabits = ((size * 8) / seconds / 1e9).toFixed(2)
  return {
    what,
    value: `${(1 / seconds / 1e6).toFixed(3)} M (${gigabits} Gbit/s)`,
    ratio: (against / seconds).toFixed(2),
  }
}

/** Each answers the seconds for one packet. */
function sealAndOpen(name: string, crypto: PacketCrypto, suite: EspSuite, size: number): Record<string, () => number> {
  const material = someKey(keyMaterialBytes(suite))
  const options = { extendedSequence: false }
  const sealer = crypto.sealer(suite, splitKeyMaterial(suite, material), options)
  const opener = crypto.opener(suite, splitKeyMaterial(suite, material), options)
  const memory = allocateMemory(BATCH * STRIDE)
  const sequence = new Sequence(false)
  const opened = new OpenedEsp()
  const header = espHeaderBytes(suite)
  const whole = espBytes(sealer, size)
  const sealBatch = () => {
    for (let packet = 0; packet < BATCH; packet++) {
      const at = packet * STRIDE + 64
      if (!sequence.advance()) throw new Error('out of sequence numbers')
      sealEsp(memory, sealer, SPI, sequence, IPV4, at + header, size, at)
    }
  }
  const openBatch = () => {
    for (let packet = 0; packet < BATCH; packet++) {
      const fault = openEsp(memory, opener, packet * STRIDE + 64, whole, 0, opened)
      if (fault !== undefined || opened.length !== size) throw new Error(`${name}: ${fault ?? 'another length'}`)
    }
  }
  return {
    [`${name}: seal`]: () => measure(sealBatch, () => {}),
    [`${name}: open`]: () => measure(openBatch, sealBatch),
  }
}

/**
 * Seconds for one packet of a batch; what comes before each batch is not counted. Time on the processor, as `openssl
 * speed` counts it: on the clock, whatever else runs on the machine would be in it.
 */
function measure(batch: () => void, before: () => void): number {
  let spent = 0
  let packets = 0
  // The first batches warm up.
  for (let count = 0; count < 20; count++) {
    before()
    batch()
  }
  while (spent < LONG) {
    before()
    const start = process.threadCpuUsage()
    batch()
    const { user, system } = process.threadCpuUsage(start)
    spent += (user + system) / 1e6
    packets += BATCH
  }
  return spent / packets
}

/** Seconds for one message of `size` octets, as OpenSSL's own tool has it. */
function opensslSeconds(cipher: string, size: number): number {
  const words = ['speed', '-mr', '-seconds', '1', '-bytes', String(size), '-evp', cipher]
  const { stdout, stderr, status } = spawnSync('openssl', words, { encoding: 'utf8' })
  // `+F:22:AES-128-GCM:1697000000.00`: octets a second.
  const rate = Number(/^\+F:\d+:[^:]+:([\d.]+)/m.exec(stdout)?.[1])
  if (status !== 0 || !(rate > 0)) throw new Error(`openssl speed says nothing of ${cipher}: ${stderr.slice(-200)}`)
  return size / rate
}

function someKey(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + 1)
}
