// Scapy's IPsec layer opens what we seal and seals what we open: every algorithm that both have, ESP and AH, both modes,
// both families, every length around the borders of blocks. SEALWIRE_LONG_TESTS=1 takes every length with every method.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ICMP, TCP, UDP } from '../../src/base/flow.ts'
import { offerNames } from '../../src/policy/offers.ts'
import { addressOf, buildPacket, type PacketWords } from '../build-packets.ts'
import { type PairWords, suitesOf } from '../ipsec-pair.ts'
import { crypto, ourEnd } from './packet-ends.ts'
import { ScapyPeer, type ScapyResult, scapySuite, whyNoScapy } from './scapy-peer.ts'

const skip = whyNoScapy() || false
const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
const hosts = { 4: ['10.54.0.1', '10.54.0.2'], 6: ['fd54::1', 'fd54::2'] } as const
type Family = keyof typeof hosts
const families: readonly Family[] = [4, 6]
const modes = ['transport', 'tunnel'] as const

/** The experimental protocol 253 has no header of its own: the payload is all that is sealed. */
const RAW = 253
const everySize = [...Array(71).keys(), 1400]
const someSizes = [0, 1, 13, 14, 15, 30, 31, 62, 1400]

/** One column and one row of ciphers by integrity: there every length counts. Elsewhere they only have to go together. */
function isSwept(name: string): boolean {
  return isLong || !/^esp-.*-|192/.test(name) || /-sha256$|^esp-null-/.test(name)
}

function packet(family: Family, more: Partial<PacketWords>): Uint8Array {
  const [source, destination] = hosts[family]
  return buildPacket({ source, destination, sourcePort: 40_000, destinationPort: 40_001, ...more })
}

function octets(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 255)
}

interface Case extends Omit<PairWords, 'one' | 'other'> {
  readonly family: Family
  /** The upper half of the sequence numbers. */
  readonly sequenceHigh?: number
  readonly packets: readonly Uint8Array[]
  /** What routers make of a sealed packet on its way; scapy opens only what has arrived. */
  readonly route?: (sealed: Uint8Array) => Uint8Array
  /** The packet that comes out, where the way changes it. */
  readonly arrived?: (packet: Uint8Array) => Uint8Array
  /** What scapy can do right of the two. */
  readonly only?: 'scapy-seals' | 'scapy-opens'
}

let peer: ScapyPeer
let exchanged = 0

async function agree(given: Case): Promise<void> {
  const { family, packets, sequenceHigh, encapsulation, security, mode } = given
  const [one, other] = hosts[family]
  const our = ourEnd({
    ...given,
    one: addressOf(one),
    other: addressOf(other),
    extendedSequence: sequenceHigh !== undefined,
  })
  if (sequenceHigh !== undefined) {
    our.association.sealing[0]!.sequence.high = sequenceHigh
    our.association.opening[0]!.window.accept(sequenceHigh, 0)
  }
  const route = given.route ?? (bytes => bytes)
  const wanted = packets.map(given.arrived ?? (bytes => bytes))
  const scapyWords = (direction: 'inbound' | 'outbound') => {
    const spec = our.association.pair[direction]
    const layer = spec.layers[0]!
    const suite = scapySuite(layer.suite)
    assert.ok(typeof suite === 'object', `scapy has no ${security}`)
    return {
      ...suite,
      ...{ spi: layer.spi, keys: layer.keys, protocol: layer.protocol },
      ...(mode === 'tunnel'
        ? { tunnel: direction === 'inbound' ? ([other, one] as const) : ([one, other] as const) }
        : {}),
      ...(encapsulation === undefined ? {} : { port: encapsulation.sourcePort }),
      ...(sequenceHigh === undefined ? {} : { sequenceHigh }),
    }
  }
  const what = (index: number) =>
    `${security}, IPv${family}, ${mode}, packet ${index} of ${packets[index]!.length} octets`
  const toSeal = given.only === 'scapy-opens' ? [] : packets
  const { sealed } = await peer.ask(scapyWords('inbound'), toSeal, [])
  sealed.forEach((result, index) => {
    const opened = our.open(route(bytesOf(result, `scapy seals ${what(index)}`)))
    assert.ok(typeof opened === 'object', `we open scapy's ${what(index)}: ${opened}`)
    assert.equal(opened.toHex(), wanted[index]!.toHex(), `what we open of scapy's ${what(index)}`)
  })
  const ours = (given.only === 'scapy-seals' ? [] : packets).map(bytes => route(our.seal(bytes)))
  our.close()
  const { opened } = await peer.ask(scapyWords('outbound'), [], ours)
  opened.forEach((result, index) => {
    const bytes = bytesOf(result, `scapy opens our ${what(index)}`)
    assert.equal(bytes.toHex(), wanted[index]!.toHex(), `what scapy opens of our ${what(index)}`)
  })
  exchanged += toSeal.length + ours.length
}

function bytesOf(result: ScapyResult, what: string): Uint8Array {
  assert.ok('packet' in result, `${what}: ${'fault' in result && result.fault}`)
  return Uint8Array.fromHex(result.packet)
}

const names = offerNames.filter(name => crypto.enginesFor(suitesOf(name)[0]!) !== undefined)
const lacking = new Map(
  names.map(name => [name, scapySuite(suitesOf(name)[0]!)] as const).filter(([, words]) => typeof words === 'string'),
)
const common = names.filter(name => !lacking.has(name))

describe('scapy and we open what the other seals', { skip }, () => {
  before(async () => {
    peer = await ScapyPeer.start()
  })
  after(() => peer.stop())

  test('scapy has what we have, but for GCM with short ICVs, GMAC and AES-XCBC', context => {
    assert.deepEqual([...new Set(lacking.values())].toSorted(), [
      'aes-gcm with 12 octets of ICV',
      'aes-gcm with 8 octets of ICV',
      'aes-gmac',
      'aes-xcbc',
    ])
    context.diagnostic(`${common.length} methods in common; scapy lacks ${[...lacking.keys()].join(', ')}`)
  })

  for (const security of common) {
    test(`${security}, transport and tunnel, IPv4 and IPv6`, async () => {
      for (const family of families) {
        for (const mode of modes) {
          // The same lengths of content come of both families; one of each mode is enough for the borders.
          const isTurn = isLong || (family === 4) === (mode === 'transport')
          const sizes = isTurn && isSwept(security) ? everySize : someSizes
          const packets = [
            ...sizes.map(size => packet(family, { protocol: RAW, payload: octets(size) })),
            ...[UDP, TCP].map(protocol => packet(family, { protocol, payload: octets(100) })),
            ...(family === 4 ? [packet(4, { protocol: ICMP, payload: octets(56), trafficClass: 0xb8 })] : []),
          ]
          await agree({ security, family, mode, packets })
        }
      }
    })
  }

  test('extended sequence numbers, with the combined modes and AH', async () => {
    const methods = common.filter(name => name.startsWith('ah-') || suitesOf(name)[0]!.integrity === undefined)
    for (const security of methods) {
      for (const family of families) {
        const packets = someSizes.map(size => packet(family, { protocol: RAW, payload: octets(size) }))
        for (const mode of modes) await agree({ security, family, mode, packets, sequenceHigh: 0x1234567 })
      }
    }
  })

  test('ESP in UDP; over IPv6 in transport mode scapy only seals', async () => {
    const encapsulation = { sourcePort: 4500, destinationPort: 4500 }
    for (const security of ['esp-aes256gcm16', 'esp-aes128-sha256', 'esp-null-sha1', 'esp-chacha20poly1305']) {
      for (const family of families) {
        const packets = someSizes.map(size => packet(family, { protocol: RAW, payload: octets(size) }))
        for (const mode of modes) {
          const only = family === 6 && mode === 'transport' ? { only: 'scapy-seals' as const } : {}
          await agree({ security, family, mode, packets, encapsulation, ...only })
        }
      }
    }
  })

  test('padding that hides lengths is taken off by scapy', async () => {
    for (const security of ['esp-aes256gcm16', 'esp-aes128-sha256']) {
      const packets = everySize.map(size => packet(4, { protocol: RAW, payload: octets(size) }))
      await agree({ security, family: 4, mode: 'transport', packets, padTo: 128 })
    }
  })

  const covering = ['ah-sha256', 'ah-sha1', 'ah-aescmac', 'ah-sha384', 'esp-aes256gcm16', 'esp-aes128-sha256']

  test('IPv4 options stay outside; AH covers those that do not change', async () => {
    // Router alert, a record of the route, a security label, a time stamp, a stream identifier, ends and fillings.
    const options = [
      '94040000',
      '0707040000000001',
      '820b000000000000000000 01',
      '4408050000000000',
      '8804 0001',
      '01010100',
    ]
    const packets = [...options, options.join('')].map(text =>
      packet(4, { protocol: RAW, payload: octets(33), options: Uint8Array.fromHex(text.replaceAll(' ', '')) }),
    )
    for (const security of covering) for (const mode of modes) await agree({ security, family: 4, mode, packets })
  })

  test('IPv6 extension headers stay outside or go inside, and AH covers those outside', async () => {
    const hopByHop = [0, Uint8Array.fromHex('0000050200000100')] as const
    const mutable = [0, Uint8Array.fromHex('00013e0c0102030405060708090a0b0c')] as const
    const destination = [60, Uint8Array.fromHex('00001e0401020304')] as const
    const done = [43, Uint8Array.fromHex(`0002000000000000${'fd5400000000000000000000000000aa'}`)] as const
    const chains = [[hopByHop], [mutable], [hopByHop, destination]]
    const routedChains = [[done], [hopByHop, done], [mutable, destination, done]]
    const build = (extensions: NonNullable<PacketWords['extensions']>) =>
      packet(6, { protocol: RAW, payload: octets(33), extensions })
    for (const security of covering) {
      for (const mode of modes) {
        await agree({ security, family: 6, mode, packets: chains.map(build) })
        // Sealing with AH, scapy turns the addresses of a routing header round even where no hop is left; opening ESP,
        // it takes the content for another header of the kind that the IPv6 header names.
        const can = security.startsWith('ah-') ? ('scapy-opens' as const) : ('scapy-seals' as const)
        const only = mode === 'transport' ? { only: can } : {}
        await agree({ security, family: 6, mode, packets: routedChains.map(build), ...only })
      }
    }
  })

  test('AH over a routing header with hops left is computed as the packet arrives', async () => {
    const hops = ['aa', 'bb', 'cc'].map(hop => `fd5400000000000000000000000000${hop}`)
    const header = Uint8Array.fromHex(`0006000300000000${hops.join('')}`)
    const packets = [packet(6, { protocol: RAW, payload: octets(40), extensions: [[43, header]] })]
    for (const security of covering) {
      await agree({ security, family: 6, mode: 'transport', packets, route: routed, arrived: routed })
    }
  })

  test('all of it was compared', context => context.diagnostic(`${exchanged} packets compared`))
})

/** What three routers make of a packet that they are named in (RFC 2460 §4.4). */
function routed(sent: Uint8Array): Uint8Array {
  const bytes = sent.slice()
  const first = 48
  for (let hop = 0; bytes[43]! > 0; hop++) {
    const next = bytes.slice(first + 16 * hop, first + 16 * hop + 16)
    bytes.set(bytes.slice(24, 40), first + 16 * hop)
    bytes.set(next, 24)
    bytes[43] = bytes[43]! - 1
  }
  return bytes
}
