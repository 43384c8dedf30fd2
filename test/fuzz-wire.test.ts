// Hostile octets: every test capture mutated, cut off and decoded as every link type. Nothing may throw or hang, and no
// answer may depend on an octet behind the end of a frame. Seeded and bounded; without the captures, synthetic frames.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../src/base/random.ts'
import { CaptureParser } from '../src/wire/capture-file.ts'
import { decodeFrame } from '../src/wire/decode.ts'
import { IS_IP, MALFORMED, Packet } from '../src/wire/packet.ts'
import { description, enhanced, pcap, section } from '../src/wire/test-captures.ts'
import { bytesOf, ipv4, ipv6 } from '../src/wire/test-frames.ts'
import { listCaptures, readTestdata, testdataMissing } from './truth/compare-truth.ts'

const BUDGET_MS = 2000
const MARGIN = 128

/** Whole numbers from 0 up to what is asked. */
function randomNumbers(seed: number): (below: number) => number {
  const { fraction } = seededRandom(seed)
  return below => (fraction() * 2 ** 32) % below
}

const linkTypes: readonly number[] = [...Array(300).keys(), 65535]

const synthetic: readonly Uint8Array[] = (() => {
  const little = { little: true }
  const ethernet = bytesOf(`ffffffffffff 020000000002 8100 0005 0800 ${ipv4}`)
  const frames = [ethernet, bytesOf(ipv4), bytesOf(ipv6), bytesOf(`0000 0001 0006 0200000000020000 86dd ${ipv6}`)]
  return [
    pcap(
      little,
      frames.map(frame => ({ seconds: 1, fraction: 2, frame })),
    ),
    Buffer.concat([section(little), description(little), ...frames.map(frame => enhanced(little, frame, 1n))]),
  ]
})()

const captures: readonly Uint8Array[] =
  testdataMissing === '' ? listCaptures().map(capture => readTestdata(`captures/${capture}`)) : synthetic

interface Frame {
  readonly link: number
  readonly bytes: Uint8Array
}

/** The first frames of every capture: the kinds matter here, not their number. */
const frames: readonly Frame[] = captures.flatMap(capture => {
  const found: Frame[] = []
  parse(capture, (bytes, start, end, link) => {
    if (found.length < 40) found.push({ link, bytes: bytes.slice(start, Math.min(end, start + 512)) })
  })
  return found
})

function parse(
  file: Uint8Array,
  each: (bytes: Uint8Array, start: number, end: number, link: number) => void,
): CaptureParser {
  const parser = new CaptureParser({
    frame(bytes, start, end, link, _original, _seconds, nanoseconds) {
      assert.ok(start <= end && end <= bytes.length)
      assert.ok(nanoseconds >= 0 && nanoseconds < 1e9)
      each(bytes, start, end, link)
    },
  })
  const bytes = Uint8Array.from(file)
  const consumed = parser.push(bytes, new DataView(bytes.buffer), bytes.length)
  assert.ok(consumed >= 0 && consumed <= bytes.length)
  parser.finish(bytes.length - consumed)
  return parser
}

const buffer = new Uint8Array(MARGIN + 4096 + MARGIN)
const packet = new Packet()
const again = new Packet()

/** Decodes octets between sentinels of two kinds, and expects the same answer, within the frame. */
function decodeBetweenSentinels(link: number, bytes: Uint8Array, length: number): void {
  const end = MARGIN + length
  for (const [sentinel, into] of [
    [0x00, packet],
    [0xff, again],
  ] as const) {
    buffer.fill(sentinel)
    buffer.set(length === bytes.length ? bytes : bytes.subarray(0, length), MARGIN)
    decodeFrame(into, buffer, link, MARGIN, end)
  }
  let same = true
  for (const key in packet) same &&= packet[key as keyof Packet] === again[key as keyof Packet]
  if (!same)
    assert.deepEqual(packet, again, `link type ${link}, ${Buffer.from(bytes.subarray(0, length)).toString('hex')}`)
  if (packet.kind === IS_IP) {
    assert.ok(packet.ipOffset >= MARGIN && packet.ipOffset < end)
    assert.ok(packet.end > packet.ipOffset && packet.end <= end)
    assert.ok(packet.transport > packet.ipOffset)
    assert.ok(packet.protocol >= 0 && packet.protocol <= 255)
    assert.ok(packet.version === 4 || packet.version === 6)
  } else if (packet.kind === MALFORMED) assert.notEqual(packet.problem, '')
}

test('frames cut off anywhere give an answer that no octet behind their end changes', () => {
  const started = performance.now()
  const random = randomNumbers(1)
  assert.ok(frames.length > 4)
  for (const { link, bytes } of frames) {
    const limit = Math.min(bytes.length, 120)
    for (let turn = 0; turn < 12; turn++) decodeBetweenSentinels(link, bytes, random(limit + 1))
    if (performance.now() - started > BUDGET_MS) break
  }
})

test('every link type reads every length of one frame of each capture without touching an octet behind it', () => {
  const started = performance.now()
  const random = randomNumbers(2)
  while (performance.now() - started < BUDGET_MS / 2) {
    const { bytes } = frames[random(frames.length)]!
    const limit = Math.min(bytes.length, 100)
    for (const link of linkTypes) decodeBetweenSentinels(link, bytes, random(limit + 1))
  }
})

test('no octet before a frame or behind its end is read', () => {
  const started = performance.now()
  const random = randomNumbers(5)
  while (performance.now() - started < BUDGET_MS / 2) {
    const { link, bytes } = frames[random(frames.length)]!
    const end = MARGIN + random(Math.min(bytes.length, 120) + 1)
    buffer.fill(0)
    buffer.set(bytes, MARGIN)
    const watched = new Proxy(buffer, {
      get(octets, key) {
        const at = Number(key)
        assert.ok(at >= MARGIN && at < end, `link type ${link}: octet ${at - MARGIN} of ${end - MARGIN} is read`)
        return octets[at]
      },
    })
    decodeFrame(packet, watched, link, MARGIN, end)
    for (let count = 0; count < 10; count++) decodeFrame(packet, watched, random(300), MARGIN, end)
  }
})

test('frames with changed octets, repeated parts and noise are decoded or refused', () => {
  const started = performance.now()
  const random = randomNumbers(3)
  // Octets that lengths, types and flags turn on.
  const telling = [
    0x00, 0x01, 0x03, 0x06, 0x08, 0x11, 0x2b, 0x2c, 0x33, 0x3c, 0x45, 0x60, 0x7f, 0x80, 0x81, 0x88, 0xaa, 0xff,
  ]
  while (performance.now() - started < BUDGET_MS) {
    const { link, bytes } = frames[random(frames.length)]!
    const changed = Uint8Array.from(bytes)
    for (let count = 1 + random(6); count > 0 && changed.length > 0; count--) {
      changed[random(Math.min(changed.length, 96))] = random(2) === 0 ? random(256) : telling[random(telling.length)]!
    }
    if (random(4) === 0 && changed.length > 16) changed.copyWithin(8, 0, changed.length - 8)
    decodeBetweenSentinels(
      random(8) === 0 ? random(300) : link,
      changed,
      changed.length - random(Math.min(8, changed.length + 1)),
    )
  }
})

test('capture files with changed octets, and cut off, are read or refused with a reason', () => {
  const started = performance.now()
  const random = randomNumbers(4)
  let turn = 0
  while (performance.now() - started < BUDGET_MS / 2) {
    const capture = captures[turn++ % captures.length]!
    const changed = Uint8Array.from(capture.subarray(0, Math.min(capture.length, 4000)))
    for (let count = random(8); count > 0; count--) changed[random(changed.length)] = random(256)
    const parser = parse(changed.subarray(0, changed.length - random(40)), (bytes, start, end, link) =>
      decodeFrame(packet, bytes, link, start, end),
    )
    assert.ok(parser.frames < 4000)
  }
})
