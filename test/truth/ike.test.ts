// Every IKE datagram of ../shared/testdata: read and written again, held against tshark's table, tshark itself and what
// others decrypted.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ruleFaults } from '../../src/wire/ike/exchange-rules.ts'
import { readHeader, readInside, readMessage, sealedOf, writeInside, writeMessage } from '../../src/wire/ike/message.ts'
import { type Payload, payloadType } from '../../src/wire/ike/v2-payloads.ts'
import { pcap } from '../../src/wire/test-captures.ts'
import { ipv4, RAW_IP, udp } from '../build-frames.ts'
import { testdata, testdataMissing } from './compare-truth.ts'
import { type IkeDatagram, listIkeDatagrams } from './ike-datagrams.ts'

const skip = testdataMissing === '' ? false : `skipped, because ${testdataMissing}`
const datagrams: readonly IkeDatagram[] = skip === false ? listIkeDatagrams() : []

/** What is not IKEv2 by its octets, and why; everything else has to survive. */
const malformed: Readonly<Record<string, string>> = {
  'captures/ndpi/default__pcap__ipsec_isakmp_esp.pcap frame 192':
    'A payload of the private type 127 says that an identification follows, and the message ends: a chain without its end.',
  'captures/tcpdump/ikev2-id-normal.pcap frame 1': 'An IPv4 identification of one octet, made to crash readers.',
  'captures/tcpdump/ikev2-id-short.pcap frame 1': 'An identification without room for its type, made to crash readers.',
  'ike-recorded/openswan/pcap/lp08-parentR1__parentR1notify.pcap frame 1':
    'Two zero octets behind the last payload, in a packet made by a unit test: lengths have to agree (RFC 7296 §3.1).',
}

/** Headers that tshark reads differently from what stands there. */
const otherHeaders: Readonly<Record<string, string>> = {
  'captures/tcpdump/isakmp-delete-segfault.pcap frame 1': 'Version 11.14: tshark writes another column there.',
}

/** Of the decrypted, those that are not in order, and what is found. */
const wrongInside: Readonly<Record<string, string>> = {
  // The name of Openswan's test says so: an invalid rekeying.
  'open/ike-recorded/openswan/pcap/lp88-rekeyv2-inval-R1__rekeyCI1.pcap message 0':
    'a nonce of 2 octets: 16 to 256 are allowed',
}

/** Made by hand for a test of a dissector: an SA, and nothing else that IKE_SA_INIT has to have. */
const unruly = /^captures\/(arkime\/(arkime|ike-cert)_synthetic\.pcap|tcpdump\/isakmp-)/

const isVersion2 = (bytes: Uint8Array) => bytes[17]! >> 4 === 2

test('every header says what the truth of its capture says: version, exchange and both SPIs', { skip }, () => {
  let compared = 0
  for (const { where, bytes, truth } of datagrams) {
    const header = readHeader(bytes)
    assert.ok(header.ok, where)
    if (truth === undefined || where in otherHeaders) continue
    const { version, exchange, initiatorSpi, responderSpi } = header.value
    const spis = [initiatorSpi, responderSpi].map(spi => spi.toString(16).padStart(16, '0')).join(' ')
    assert.deepEqual({ version: `${version.major}.${version.minor}`, exchange: String(exchange), spis }, truth, where)
    compared++
  }
  assert.ok(compared > 700, String(compared))
})

test('every IKEv2 message is written as it was read, octet by octet, but for those that are explained', {
  skip,
}, () => {
  const refused: string[] = []
  let same = 0
  for (const { where, bytes } of datagrams.filter(one => isVersion2(one.bytes))) {
    const message = readMessage(bytes)
    if (!message.ok) {
      refused.push(where)
      continue
    }
    assert.deepEqual(writeMessage(message.value), bytes, where)
    same++
  }
  assert.deepEqual(refused, Object.keys(malformed))
  assert.ok(same > 700, String(same))
})

test('recorded messages keep the table of what an exchange may carry, but for those made by hand', { skip }, () => {
  for (const { where, bytes } of datagrams) {
    const message = readMessage(bytes)
    if (message.ok && !unruly.test(where)) assert.deepEqual(ruleFaults(message.value), [], where)
  }
})

test('a recorded message that is cut off is malformed', { skip }, () => {
  for (const { where, bytes } of datagrams) {
    for (const end of [0, 27, 28, 31, 32, 40, bytes.length - 1]) {
      if (end >= 0 && end < bytes.length)
        assert.equal(readMessage(bytes.subarray(0, end)).ok, false, `${where} to ${end}`)
    }
  }
})

interface Recorded {
  readonly payloads?: readonly number[]
  /** Of the encrypted payload, with its padding. */
  readonly decrypted?: string
}

test('what others decrypted of Openswan reads as the payloads they found, and is written as it was', { skip }, () => {
  const file = join(testdata, 'ike-recorded/openswan/messages.json')
  const { exchanges } = JSON.parse(readFileSync(file, 'utf8')) as {
    exchanges: { file: string; messages: Recorded[] }[]
  }
  let opened = 0
  const wrong: Record<string, string> = {}
  for (const { file: capture, messages } of exchanges) {
    for (const [index, { decrypted, payloads = [] }] of messages.entries()) {
      if (decrypted === undefined || payloads.length === 0) continue
      const where = `${capture} message ${index}`
      const plain = Uint8Array.from(Buffer.from(decrypted, 'hex'))
      // The last octet says how much padding is in front of it (RFC 7296 §3.14).
      const content = plain.subarray(0, plain.length - 1 - plain.at(-1)!)
      const inside = readInside(payloads[0]!, content)
      if (!inside.ok) {
        wrong[where] = inside.error.what
        continue
      }
      assert.deepEqual(inside.value.map(payloadType), payloads, where)
      assert.deepEqual(writeInside(inside.value), { first: payloads[0], content }, where)
      const message = readMessage(datagrams.filter(one => capture.endsWith(one.file))[index]!.bytes)
      assert.ok(message.ok, where)
      assert.equal(sealedOf(message.value)?.firstInside, payloads[0], where)
      assert.deepEqual(ruleFaults(message.value, inside.value), [], where)
      opened++
    }
  }
  assert.deepEqual(wrong, wrongInside)
  assert.ok(opened > 20, String(opened))
})

/** As tshark counts: a proposal and a transform are payloads too. */
function flatTypes(payload: Payload): readonly number[] {
  const inside = payload.kind === 'security-association' ? payload.proposals : []
  return [payloadType(payload), ...inside.flatMap(({ transforms }) => [2, ...transforms.map(() => 3)])]
}

test('tshark finds the same payloads in the same order, and the same message ids', { skip }, context => {
  if (spawnSync('tshark', ['--version']).error !== undefined) return context.skip('because tshark is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-ike-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const messages = datagrams.flatMap(({ where, bytes }) => {
    const message = readMessage(bytes)
    return message.ok ? [{ where, bytes, message: message.value }] : []
  })
  const records = messages.map(({ bytes }, seconds) => {
    const frame = ipv4('192.0.2.1', '192.0.2.2', 17, udp(500, 500, bytes))
    return { seconds, fraction: 0, frame }
  })
  const file = join(folder, 'ike.pcap')
  writeFileSync(file, pcap({ little: true }, records, { link: RAW_IP }))
  const fields = ['isakmp.typepayload', 'isakmp.messageid'].flatMap(field => ['-e', field])
  const ran = spawnSync('tshark', ['-n', '-r', file, '-T', 'fields', ...fields], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  assert.equal(ran.status, 0, ran.stderr)
  const lines = ran.stdout.split('\n').slice(0, -1)
  assert.equal(lines.length, messages.length)
  for (const [index, { where, message }] of messages.entries()) {
    const types = message.payloads.flatMap(flatTypes).join(',')
    const id = `0x${message.header.messageId.toString(16).padStart(8, '0')}`
    assert.equal(lines[index], `${types}\t${id}`, where)
  }
})
