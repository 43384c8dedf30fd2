// ESP packets that others made and published with their keys: the Linux kernel's, Wireshark's, tcpdump's and RUB's
// recordings, and the whole packets of RFC 3602, RFC 7634 and draft-mcgrew-gcm-test. Ours opens all of them, and where
// the IV is known makes the same octets again.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readCapture } from '../../src/audit/open-capture.ts'
import { parseAddress } from '../../src/base/address.ts'
import { ESP } from '../../src/base/flow.ts'
import type { Association } from '../../src/ipsec/association.ts'
import { sealPacket, Workbench } from '../../src/ipsec/seal.ts'
import { decodeFrame, decodeIp } from '../../src/wire/decode.ts'
import { ESP_IN_UDP, IKE, IS_IP, Packet } from '../../src/wire/packet.ts'
import { buildPacket } from '../build-packets.ts'
import { suitesOf } from '../ipsec-pair.ts'
import { readTestdata, testdata, testdataMissing } from '../truth/compare-truth.ts'
import { expectNext, type KnownKeys, knownAssociation, ownIntegrityKey, signedAnew } from './known-packets.ts'
import { crypto, openWith } from './packet-ends.ts'

const skip = testdataMissing === '' ? false : `skipped, because ${testdataMissing}`
const bench = new Workbench()
const hosts = { source: '10.125.0.2', destination: '10.125.0.1' } as const

// biome-ignore lint/suspicious/noExplicitAny: JSON of others, read field by field
const json = (path: string): any => JSON.parse(readTestdata(path).toString('utf8'))

/** The IP packets of a capture, without their frames. */
async function packetsOf(capture: string): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = []
  const packet = new Packet()
  await readCapture(join(testdata, capture), {
    frame: (bytes, start, end, linkType) => {
      decodeFrame(packet, bytes, linkType, start, end)
      assert.equal(packet.kind, IS_IP)
      found.push(bytes.slice(packet.ipOffset, packet.ipOffset + packet.ipLength))
    },
  })
  return found
}

function opens(association: Association, packet: Uint8Array, what: string): Uint8Array {
  const opened = openWith(association, packet)
  assert.ok(typeof opened === 'object', `${what}: ${opened}`)
  return opened
}

function staysShut(association: Association, packet: Uint8Array, why: string, what: string): void {
  assert.equal(openWith(association, packet), why, what)
}

interface Known extends KnownKeys {
  readonly what: string
  /** From the SPI to the ICV. */
  readonly esp: string
  readonly sequence: { readonly high: number; readonly low: number }
  /** The content with its trailer. */
  readonly plaintext: string
}

/** Opens the packet to what was in it, and seals that to the same octets. */
function bothWays(known: Known): void {
  const { what, esp, plaintext, sequence } = known
  const [padding, nextHeader] = Uint8Array.fromHex(plaintext.slice(-4)) as unknown as [number, number]
  const content = Uint8Array.fromHex(plaintext.slice(0, -4 - 2 * padding))
  const association = knownAssociation(crypto, { ...known, mode: 'transport' })
  expectNext(association, sequence.high, sequence.low)
  const sealedWhole = buildPacket({ ...hosts, protocol: ESP, payload: Uint8Array.fromHex(esp) })
  const clear = buildPacket({ ...hosts, protocol: nextHeader })
  const whole = Uint8Array.from([...clear.subarray(0, 20), ...content])
  whole[2] = whole.length >> 8
  whole[3] = whole.length & 255
  const opened = opens(association, sealedWhole, what)
  assert.equal(opened.subarray(20).toHex(), content.toHex(), what)
  assert.equal(opened[9], nextHeader, what)
  staysShut(association, sealedWhole, 'replayed', `${what}, again`)
  const sealed = sealPacket(bench, association, whole)
  assert.ok('packet' in sealed, what)
  assert.equal(sealed.packet.subarray(20).toHex(), esp, `${what}, sealed by us`)
  for (const at of [20, 24, 28, sealedWhole.length - 1]) {
    const forged = sealedWhole.slice()
    forged[at] = forged[at]! ^ 1
    const fresh = knownAssociation(crypto, { ...known, mode: 'transport' })
    expectNext(fresh, sequence.high, sequence.low)
    assert.ok(typeof openWith(fresh, forged) === 'string', `${what}, forged at ${at}`)
  }
}

describe('what others sealed opens', { skip }, () => {
  test("the Linux kernel's packets from scapy's tests, each of our algorithms", context => {
    const cases: Readonly<Record<string, string>> = {
      DES: 'esp-des-sha1',
      '3DES': 'esp-3des-sha1',
      'AES-CTR': 'esp-aes128ctr-sha1',
      'AES-GCM': 'esp-aes128gcm16',
      'AES-NULL-GMAC': 'esp-aes128gmac',
      'AES-CCM': 'esp-aes128ccm8',
    }
    const left: string[] = []
    for (const item of json('vectors/esp/scapy-linux-esp.json').tests) {
      const security = cases[item.crypt_algo]
      if (security === undefined) left.push(item.name)
      if (security === undefined) continue
      const suite = suitesOf(security)[0]!
      assert.ok(suite.protocol === 'esp')
      const spi = Number(item.spi)
      const esp = Uint8Array.fromHex(
        `${spi.toString(16).padStart(8, '0')}${item.seq.toString(16).padStart(8, '0')}${item.payload_after_spi_seq}`,
      )
      // Those without any integrity were made before Linux refused that; ours has never opened them.
      const hasIcv = suite.integrity === undefined
      bothWays({
        ...{ what: item.name, ...hosts, security, spi, mode: 'transport' },
        cipher: item.crypt_key + item.salt,
        ...(hasIcv ? {} : { integrity: ownIntegrityKey }),
        esp: (hasIcv ? esp : signedAnew(esp, 0, 0)).toHex(),
        extendedSequence: item.esn_high !== null,
        sequence: { high: item.esn_high ?? 0, low: item.seq },
        iv: item.payload_after_spi_seq.slice(0, 2 * suite.cipher.ivBytes),
        plaintext: item.plaintext,
      })
    }
    assert.deepEqual(left, ['IPv4 / ESP - Transport - Blowfish - NULL'])
    context.diagnostic(`not ours: ${left}`)
  })

  test('the packets of draft-mcgrew-gcm-test, but for the one with the reserved SPI 0', () => {
    let opened = 0
    for (const item of json('vectors/esp/draft-mcgrew-gcm-test-01.json').tests) {
      const spi = Number.parseInt(item.spi, 16)
      const known: KnownKeys = {
        ...{ ...hosts, spi, mode: 'transport' },
        security: `esp-aes${item.key.length * 4}gcm16`,
        cipher: item.key + item.salt,
        extendedSequence: item.esn,
        iv: item.iv,
      }
      if (spi < 256) {
        assert.throws(() => knownAssociation(crypto, known), RangeError)
        continue
      }
      const sequence = BigInt(`0x${item.seq}`)
      const [high, low] = [Number(sequence >> 32n), Number(sequence & 0xffff_ffffn)]
      const { esp_packet: esp, plaintext } = item
      bothWays({ ...known, what: `case ${item.case}`, esp, sequence: { high, low }, plaintext })
      opened++
    }
    assert.equal(opened, 8)
  })

  test('the packet of RFC 7634 Appendix A, through a tunnel', () => {
    const item = json('vectors/esp/rfc7634-appendix.json').tests[0]
    const packet = Uint8Array.fromHex(item.packet)
    const known = {
      ...({ security: 'esp-chacha20poly1305', spi: 0x01020304, mode: 'tunnel' } as const),
      cipher: item.keymat as string,
      ...{ source: '203.0.113.153', destination: '203.0.113.5', iv: item.packet.slice(56, 72) },
    } as const satisfies KnownKeys
    const association = knownAssociation(crypto, known)
    assert.equal(opens(association, packet, 'RFC 7634').toHex(), item.source_packet)
    expectNext(association, 0, 5)
    const sealed = sealPacket(bench, association, Uint8Array.fromHex(item.source_packet))
    assert.ok('packet' in sealed)
    assert.equal(sealed.packet.subarray(20).toHex(), packet.subarray(20).toHex())
    const whole = 'ike-recorded/rfc7634/rfc7634-appendix.snoop'
    assert.ok(readTestdata(whole).includes(packet), 'the same packet stands in the recording')
  })

  test('the packets of RFC 3602 §4, transport and tunnel, under an ICV of ours', () => {
    for (const item of json('vectors/esp/rfc3602-section4.json').tests) {
      if (item.type !== 'esp-packet') continue
      const known: KnownKeys = {
        ...{ security: 'esp-aes128-sha1', spi: Number.parseInt(item.spi, 16), mode: item.mode },
        ...{ cipher: item.key, integrity: ownIntegrityKey },
        ...{ source: '192.168.123.3', destination: item.case === 5 ? '192.168.123.100' : '192.168.123.200' },
      }
      const packet = Uint8Array.fromHex(item.packet)
      const padding = Number.parseInt(item.padded_plaintext.slice(-4, -2), 16)
      const content = item.padded_plaintext.slice(0, -4 - 2 * padding)
      const opened = opens(knownAssociation(crypto, known), signedAnew(packet, 20, 0), `case ${item.case}`).toHex()
      assert.equal(opened, item.mode === 'tunnel' ? content : item.orig_ip_header + content, `case ${item.case}`)
      staysShut(knownAssociation(crypto, known), packet, 'not-authentic', 'without its ICV')
    }
  })

  test("RUB's packets: the rest of RFC 3602 §4, and one of a real exchange with its ICV", () => {
    const constants: readonly { var?: string; hex: readonly string[] }[] = json(
      'ike-recorded/rub-nds/ESPMessageTest.json',
    ).constants
    const named = (name: string) => constants.find(item => item.var === name)!.hex[0]!
    const rows = [
      ['CASE5', 'transport', constants[0]!.hex[0]!],
      ['CASE6', 'transport', constants[0]!.hex[0]!],
      ['CASE7', 'tunnel', named('CASE78_KEY')],
      ['CASE8', 'tunnel', named('CASE78_KEY')],
    ] as const
    const open = (what: string, known: Pick<KnownKeys, 'mode' | 'cipher' | 'integrity'>, message: Uint8Array) => {
      const spi = Buffer.from(message).readUInt32BE(0)
      const association = knownAssociation(crypto, { ...hosts, ...known, security: 'esp-aes128-sha1', spi })
      return opens(association, buildPacket({ ...hosts, protocol: ESP, payload: message }), what)
    }
    for (const [name, mode, cipher] of rows) {
      const message = signedAnew(Uint8Array.fromHex(named(`${name}_MSG`)), 0, 0)
      const opened = open(name, { mode, cipher, integrity: ownIntegrityKey }, message)
      assert.equal(opened.subarray(mode === 'tunnel' ? 0 : 20).toHex(), named(`${name}_PAYLOAD`), name)
    }
    const keys = { cipher: named('WITHAUTH_ENC_KEY'), integrity: named('WITHAUTH_AUTH_KEY') }
    const opened = open('real', { mode: 'tunnel', ...keys }, Uint8Array.fromHex(named('WITHAUTH_MSG')))
    assert.equal(opened.toHex(), named('WITHAUTH_PAYLOAD'))
  })

  test("Wireshark's recording of two directions, every ICV right", async () => {
    const exchange = json('ike-recorded/wireshark/keys-and-decrypted.json').exchanges.find(
      (item: { esp_sa?: unknown }) => item.esp_sa !== undefined,
    )
    const associations = new Map<string, Association>()
    for (const sa of exchange.esp_sa) {
      const [cipher, integrity] = [sa.enc_key.slice(2), sa.auth_key.slice(2)]
      const known = { security: 'esp-aes128-sha1', spi: Number(sa.spi), mode: 'tunnel', cipher, integrity } as const
      associations.set(sa.spi, knownAssociation(crypto, { ...known, source: sa.src, destination: sa.dst }))
    }
    const packets = await packetsOf(exchange.capture.replace('open/', ''))
    assert.equal(packets.length, exchange.frames.length)
    packets.forEach((packet, index) => {
      const frame = exchange.frames[index]
      const opened = opens(associations.get(frame.spi)!, packet, `frame ${frame.frame}`)
      const inner = new Packet()
      decodeIp(inner, opened, 0, opened.length)
      const { source, destination } = inner.flow()
      assert.deepEqual(source, parseAddress(frame['ip_src(outer,inner)'].split(',')[1]))
      assert.deepEqual(destination, parseAddress(frame['ip_dst(outer,inner)'].split(',')[1]))
      assert.ok(opened.toHex().endsWith(frame.data), `frame ${frame.frame}`)
    })
  })

  test("tcpdump's recordings, under an ICV of ours because the keys of theirs were not published", async () => {
    const { captures } = json('ike-recorded/tcpdump/esp-keys-and-decrypted.json')
    const counts: Record<string, number> = {}
    for (const item of captures.filter((capture: { sa?: unknown }) => capture.sa !== undefined)) {
      const isInUdp = item.capture.endsWith('espudp1.pcap')
      const [first, second] = item.sa.map((sa: { spi: string; enc_key: string }) =>
        knownAssociation(crypto, {
          ...{ security: 'esp-3des-sha1', spi: Number.parseInt(sa.spi, 16), mode: 'tunnel' },
          ...{ source: '192.1.2.23', destination: '192.1.2.45', ...(isInUdp ? { port: 4500 } : {}) },
          ...{ cipher: sa.enc_key, integrity: ownIntegrityKey },
        }),
      )
      const packets = await packetsOf(item.capture.replace('open/', ''))
      assert.equal(packets.length, item.frames.length)
      packets.forEach((packet, index) => {
        const what = `${item.capture} ${index + 1}`
        const decoded = new Packet()
        decodeIp(decoded, packet, 0, packet.length)
        assert.equal(decoded.content === ESP_IN_UDP, isInUdp, what)
        staysShut(first, packet, 'not-authentic', what)
        const opened = opens(first, signedAnew(packet, decoded.transport + (isInUdp ? 8 : 0), 12), what)
        assert.equal(opened.toHex(), item.frames[index].inner, what)
        // The second recording has ESP within ESP, for another host.
        const inside = second && opens(second, signedAnew(opened, 20, 12), `${what}, inside`)
        if (inside !== undefined) assert.equal(inside[0], 0x45, what)
      })
      counts[item.capture.split('/').at(-1)] = packets.length
    }
    assert.deepEqual(counts, { '02-sunrise-sunset-esp.pcap': 8, '08-sunrise-sunset-esp2.pcap': 8, 'espudp1.pcap': 8 })
  })

  test('an IKE message is no ESP in UDP, whatever its ports', async () => {
    const packets = await packetsOf('captures/tcpdump/ikev2pI2.pcap')
    for (const bytes of packets) {
      const packet = new Packet()
      decodeIp(packet, bytes, 0, bytes.length)
      assert.equal(packet.content, IKE)
    }
    assert.ok(packets.length > 0)
  })
})
