// Every IKEv1 datagram of ../shared/testdata: read and written again, hostile ones too, and held against tshark.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeMessageV1 } from '../../src/wire/ike/v1-describe.ts'
import { bodiesOfMessageV1, readMessageV1, writeMessageV1 } from '../../src/wire/ike/v1-message.ts'
import { bodyOfV1, type PayloadV1, payloadTypeV1 } from '../../src/wire/ike/v1-payloads.ts'
import { pcap } from '../../src/wire/test-captures.ts'
import { ipv4, RAW_IP, udp } from '../build-frames.ts'
import { testdataMissing } from './compare-truth.ts'
import { type IkeDatagram, listIkeDatagrams } from './ike-datagrams.ts'

const skip = testdataMissing === '' ? false : `skipped, because ${testdataMissing}`
const datagrams: readonly IkeDatagram[] =
  skip === false ? listIkeDatagrams().filter(({ bytes }) => bytes[17]! >> 4 === 1) : []

/** What is not IKEv1 by its octets, and why; everything else has to survive. */
const malformed: Readonly<Record<string, string>> = {
  'captures/arkime/ike-cert_synthetic.pcap frame 1':
    'An SA payload without a proposal, made by hand for its certificates.',
  'captures/arkime/ike-cert_synthetic.pcap frame 3': 'The same.',
  'captures/tcpdump/isakmp-no-none-np.pcapng frame 1':
    'The header states 84 octets of 2186, made to make readers loop.',
  'captures/tcpdump/isakmp-various-oobr.pcap frame 1': 'The header states two thousand million octets of 33.',
}

test('every IKEv1 message is written as it was read, octet by octet, but for four', {
  skip,
}, t => {
  const refused: Record<string, string> = {}
  const changed: string[] = []
  let same = 0
  for (const { where, bytes } of datagrams) {
    const message = readMessageV1(bytes)
    if (!message.ok) {
      refused[where] = message.error.what
      continue
    }
    assert.match(describeMessageV1(message.value), /^[\x20-\x7e…]+$/)
    if (Buffer.compare(writeMessageV1(message.value), bytes) === 0) same++
    else changed.push(where)
  }
  t.diagnostic(`${same} of ${datagrams.length}`)
  assert.deepEqual(Object.keys(refused), Object.keys(malformed), JSON.stringify(refused, undefined, 1))
  assert.deepEqual(changed, [])
  assert.ok(same > 70, String(same))
})

test('the bodies of payloads as they came are those that would be written', { skip }, () => {
  for (const { where, bytes } of datagrams) {
    const message = readMessageV1(bytes)
    if (!message.ok || message.value.kind !== 'clear') continue
    assert.deepEqual(bodiesOfMessageV1(bytes), message.value.payloads.map(bodyOfV1), where)
  }
})

test('a recorded message of IKEv1 that is cut off is malformed', { skip }, () => {
  for (const { where, bytes } of datagrams) {
    for (const end of [0, 27, 28, 31, 32, 40, bytes.length - 1]) {
      if (end < 0 || end >= bytes.length) continue
      assert.equal(readMessageV1(bytes.subarray(0, end)).ok, false, `${where} to ${end}`)
    }
  }
})

/** A NAT-D payload has the number 15 there, as in draft 04 for a while: for tshark it is a group's, and ends the chain. */
const otherChains: readonly string[] = [3, 4].map(
  frame =>
    `captures/tcpdump/ISAKMP_sa_setup.pcap frame ${frame}: 4,10,13,13,13,13,15\t0x00000000, we 4,10,13,13,13,13,15,15`,
)

/** As tshark counts: a proposal and a transform are payloads too. */
function flatTypes(payload: PayloadV1): readonly number[] {
  const inside = payload.kind === 'security-association' ? payload.proposals : []
  return [payloadTypeV1(payload), ...inside.flatMap(({ transforms }) => [2, ...transforms.map(() => 3)])]
}

test('tshark finds the same payloads of IKEv1 in the same order, and the same message ids', { skip }, context => {
  if (spawnSync('tshark', ['--version']).error !== undefined) return context.skip('because tshark is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-ikev1-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const messages = datagrams.flatMap(({ where, bytes }) => {
    const message = readMessageV1(bytes)
    return message.ok ? [{ where, bytes, message: message.value }] : []
  })
  const records = messages.map(({ bytes }, seconds) => {
    return { seconds, fraction: 0, frame: ipv4('192.0.2.1', '192.0.2.2', 17, udp(500, 500, bytes)) }
  })
  const file = join(folder, 'ikev1.pcap')
  writeFileSync(file, pcap({ little: true }, records, { link: RAW_IP }))
  const fields = ['isakmp.typepayload', 'isakmp.messageid'].flatMap(field => ['-e', field])
  const ran = spawnSync('tshark', ['-n', '-r', file, '-T', 'fields', ...fields], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  assert.equal(ran.status, 0, ran.stderr)
  const lines = ran.stdout.split('\n').slice(0, -1)
  assert.equal(lines.length, messages.length)
  const others: string[] = []
  for (const [index, { where, message }] of messages.entries()) {
    const types = message.kind === 'clear' ? message.payloads.flatMap(flatTypes).join(',') : ''
    const id = `0x${message.header.messageId.toString(16).padStart(8, '0')}`
    if (lines[index] !== `${types}\t${id}`) others.push(`${where}: ${lines[index]}, we ${types}`)
  }
  assert.deepEqual(others, otherChains)
})
