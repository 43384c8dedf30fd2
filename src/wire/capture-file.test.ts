// Capture files of every form: byte orders, clocks, block kinds, pushed whole or in pieces, cut off and damaged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CaptureParser } from './capture-file.ts'
import {
  assemble,
  block,
  description,
  enhanced,
  type Order,
  obsolete,
  option,
  pcap,
  section,
  simple,
} from './test-captures.ts'
import { bytesOf } from './test-frames.ts'

const big: Order = { little: false }
const little: Order = { little: true }
const orders: readonly (readonly [string, Order])[] = [
  ['big-endian', big],
  ['little-endian', little],
]

interface Seen {
  readonly frames: readonly string[]
  readonly problem: string
  readonly warnings: readonly string[]
  readonly count: number
}

/** Each frame as `number: link type, seconds.nanoseconds, original length, octets`, pushed `chunk` octets at a time. */
function read(file: Uint8Array, chunk = file.length): Seen {
  const frames: string[] = []
  const parser = new CaptureParser({
    frame(bytes, start, end, linkType, original, seconds, nanoseconds, number) {
      const octets = Buffer.from(bytes.subarray(start, end)).toString('hex')
      frames.push(`${number}: ${linkType}, ${seconds}.${String(nanoseconds).padStart(9, '0')}, ${original}, ${octets}`)
    },
  })
  let rest = new Uint8Array(0)
  for (let at = 0; at < file.length; at += chunk) {
    // A copy of just these octets, so that reading beyond them throws.
    const bytes = Uint8Array.from([...rest, ...file.subarray(at, at + chunk)])
    const consumed = parser.push(bytes, new DataView(bytes.buffer), bytes.length)
    rest = bytes.slice(consumed)
  }
  parser.finish(rest.length)
  return { frames, problem: parser.problem, warnings: parser.warnings, count: parser.frames }
}

const a = bytesOf('0a0b0c0d0e')
const b = bytesOf('1a1b1c1d')

for (const [name, order] of orders) {
  test(`pcap, ${name}: microseconds, and what was left out of a frame is known`, () => {
    const file = pcap(order, [
      { seconds: 1000000000, fraction: 999999, frame: a },
      { seconds: 4294967295, fraction: 1, frame: b, original: 1500 },
    ])
    assert.deepEqual(read(file).frames, [
      '1: 1, 1000000000.999999000, 5, 0a0b0c0d0e',
      '2: 1, 4294967295.000001000, 1500, 1a1b1c1d',
    ])
  })

  test(`pcap, ${name}: nanoseconds`, () => {
    const file = pcap(order, [{ seconds: 1, fraction: 999999999, frame: a }], { magic: 0xa1b23c4d, link: 101 })
    assert.deepEqual(read(file).frames, ['1: 101, 1.999999999, 5, 0a0b0c0d0e'])
  })

  test(`pcap, ${name}: the longer record headers of Kuznetzov`, () => {
    const file = pcap(
      order,
      [
        { seconds: 1, fraction: 2, frame: a },
        { seconds: 3, fraction: 4, frame: b },
      ],
      { magic: 0xa1b2cd34 },
    )
    assert.deepEqual(read(file).frames, ['1: 1, 1.000002000, 5, 0a0b0c0d0e', '2: 1, 3.000004000, 4, 1a1b1c1d'])
  })

  test(`pcapng, ${name}: enhanced, simple and obsolete packet blocks`, () => {
    const file = Buffer.concat([
      section(order),
      description(order, { link: 1, snap: 4 }),
      description(order, { link: 113 }),
      enhanced(order, a, 1_500_000n, 0, 60),
      enhanced(order, b, (5n << 32n) + 7n, 1),
      simple(order, b, 99),
      obsolete(order, a, 1_000_001n, 1),
    ])
    const seconds = ((5n << 32n) + 7n) / 1_000_000n
    const fraction = String(((5n << 32n) + 7n) % 1_000_000n).padStart(6, '0')
    assert.deepEqual(read(file).frames, [
      '1: 1, 1.500000000, 60, 0a0b0c0d0e',
      `2: 113, ${seconds}.${fraction}000, 4, 1a1b1c1d`,
      '3: 1, 0.000000000, 99, 1a1b1c1d',
      '4: 113, 1.000001000, 5, 0a0b0c0d0e',
    ])
  })
}

test('the upper bits of the pcap link type say how long the check sequence is, not what the link is', () => {
  const file = pcap(little, [{ seconds: 0, fraction: 0, frame: a }], { link: 0x54000001 })
  assert.match(read(file).frames[0]!, /^1: 1,/)
})

test('before version 2.4 the lengths of a pcap record may stand the other way round', () => {
  const records = assemble(little, [[4, 1], [4, 0], [4, 60], [4, 5], a])
  assert.deepEqual(read(Buffer.concat([pcap(little, [], { minor: 2 }), records])).frames, [
    '1: 1, 1.000000000, 60, 0a0b0c0d0e',
  ])
})

test('a fraction of more than a second is carried', () => {
  const file = pcap(little, [{ seconds: 1, fraction: 2_000_003, frame: a }])
  assert.match(read(file).frames[0]!, / 3\.000003000,/)
})

test('sections of mixed byte order follow one another, each with its own interfaces', () => {
  const file = Buffer.concat([
    section(big),
    description(big, { link: 101 }),
    enhanced(big, a, 1_000_000n),
    section(little, 1, 2),
    description(little, { link: 113 }),
    enhanced(little, b, 2_000_000n),
  ])
  assert.deepEqual(read(file).frames, ['1: 101, 1.000000000, 5, 0a0b0c0d0e', '2: 113, 2.000000000, 4, 1a1b1c1d'])
})

test('a section of another version is passed over with a warning, and the next one is read', () => {
  const file = Buffer.concat([
    section(big),
    description(big),
    enhanced(big, a, 0n),
    section(little, 2, 0),
    description(little),
    enhanced(little, a, 0n),
    section(big),
    description(big),
    enhanced(big, b, 0n),
  ])
  const { frames, problem, warnings } = read(file)
  assert.equal(frames.length, 2)
  assert.equal(problem, '')
  assert.deepEqual(warnings, ['a section of pcapng version 2.0 behind frame 1 is passed over'])
})

test('blocks that Wireshark counts as frames count, and those it does not do not', () => {
  const counted = [9, 0xbad, 0x40000bad, 0x204, 0x216, 0x221]
  const passedOver = [4, 5, 10, 11, 0x80000001, 0x7777]
  const file = Buffer.concat([
    section(big),
    ...counted.map(type => block(big, type, [[4, 32473], bytesOf('00112233')])),
    description(big),
    ...passedOver.map(type => block(big, type, [[4, 32473], bytesOf('00112233')])),
    enhanced(big, a, 0n),
  ])
  const { frames, count } = read(file)
  assert.equal(count, counted.length + 1)
  assert.match(frames[0]!, /^7:/)
})

const clocks: readonly (readonly [string, number, bigint, string])[] = [
  ['seconds', 0, 1_700_000_000n, '1700000000.000000000'],
  ['milliseconds', 3, 1_700_000_000_123n, '1700000000.123000000'],
  ['nanoseconds', 9, 1_700_000_000_999_999_999n, '1700000000.999999999'],
  ['nanoseconds just behind a second', 9, 1_700_000_000_000_000_000n, '1700000000.000000000'],
  ['picoseconds', 12, 1_700_000_123_456_789_012n, '1700000.123456789'],
  ['10⁻¹⁹ of a second', 19, 18_446_744_073_709_551_615n, '1.844674407'],
  ['10⁻¹²⁷ of a second', 127, 18_446_744_073_709_551_615n, '0.000000000'],
  ['1/1024 of a second', 0x8a, 1_700_000_000n * 1024n + 1n, '1700000000.000976562'],
  ['2⁻²⁹ of a second', 0x9d, (1_700_000_000n << 29n) + (1n << 29n) - 1n, '1700000000.999999998'],
  ['2⁻³² of a second', 0xa0, (1_700_000_000n << 32n) + 0xffffffffn, '1700000000.999999999'],
  ['2⁻¹²⁷ of a second', 0xff, 1n << 63n, '0.000000000'],
]

for (const [name, resolution, ticks, expected] of clocks) {
  test(`a clock of ${name} gives ${expected}`, () => {
    const file = Buffer.concat([section(little), description(little, { resolution }), enhanced(little, a, ticks)])
    assert.match(read(file).frames[0]!, new RegExp(` ${expected.replace('.', '\\.')},`))
  })
}

test('every time of every clock is what exact arithmetic gives', () => {
  const ticks = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
  const resolution = fc.integer({ min: 0, max: 255 })
  fc.assert(
    fc.property(ticks, resolution, (time, octet) => {
      const perSecond = octet < 128 ? 10n ** BigInt(octet) : 1n << BigInt(octet - 128)
      const whole = time / perSecond
      const nanoseconds = String(((time % perSecond) * 1_000_000_000n) / perSecond).padStart(9, '0')
      const description_ = description(big, { resolution: octet })
      const frame = read(Buffer.concat([section(big), description_, enhanced(big, a, time)])).frames[0]!
      assert.equal(frame.split(', ')[1], `${Number(whole)}.${nanoseconds}`)
    }),
    { seed: 1, numRuns: 3000 },
  )
})

test('the offset of an interface is added to every time', () => {
  for (const offset of [3600n, -3600n]) {
    const file = Buffer.concat([
      section(big),
      description(big, { resolution: 9, offset }),
      enhanced(big, a, 1_700_000_000_000_000_001n),
    ])
    assert.match(read(file).frames[0]!, new RegExp(` ${1_700_000_000n + offset}\\.000000001,`))
  }
})

test('options that are unknown, or longer than their block, do no harm', () => {
  const unknown = option(little, 0x8001, bytesOf('00112233'))
  const overlong = assemble(little, [
    [2, 9],
    [2, 200],
  ])
  const interface_ = block(little, 1, [[2, 1], [2, 0], [4, 0], unknown, overlong])
  assert.equal(read(Buffer.concat([section(little), interface_, enhanced(little, a, 1n)])).frames.length, 1)
})

const everything = Buffer.concat([
  section(big),
  description(big, { resolution: 9 }),
  enhanced(big, a, 1_700_000_000_000_000_001n),
  block(big, 5, [[4, 0]]),
  section(little),
  description(little),
  simple(little, b),
  block(little, 0xbad, [[4, 1]]),
  obsolete(little, a, 1n),
])
const plain = pcap(big, [
  { seconds: 1, fraction: 2, frame: a },
  { seconds: 3, fraction: 4, frame: b },
])

for (const [name, file] of [
  ['pcapng', everything],
  ['pcap', plain],
] as const) {
  test(`${name} pushed in pieces of any size gives the same frames`, () => {
    const whole = read(file)
    assert.equal(whole.problem, '')
    for (let size = 1; size <= file.length; size++) assert.deepEqual(read(file, size), whole, `pieces of ${size}`)
  })

  test(`${name} cut off anywhere gives the frames before the cut, and says that it is cut off`, () => {
    const whole = read(file)
    for (let length = 0; length < file.length; length++) {
      const cut = read(file.subarray(0, length))
      assert.deepEqual(cut.frames, whole.frames.slice(0, cut.frames.length))
      if (cut.problem === '') assert.ok(cut.count === whole.count || isBlockEnd(file, length), `cut at ${length}`)
    }
  })

  test(`${name} with any one octet changed is read or refused, never thrown about`, () => {
    for (let at = 0; at < file.length; at++) {
      for (const value of [0x00, 0x7f, 0x80, 0xff]) {
        const damaged = Uint8Array.from(file)
        damaged[at] = value
        read(damaged)
      }
    }
  })
}

/** Whether a file that ends here ends between two records, which no reader can tell from a whole file. */
function isBlockEnd(file: Uint8Array, length: number): boolean {
  if (file === plain) return length === 24 || length === 24 + 16 + a.length
  let at = 0
  let isLittle = false
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  while (at < length) {
    if (view.getUint32(at) === 0x0a0d0d0a) isLittle = view.getUint32(at + 8, true) === 0x1a2b3c4d
    at += view.getUint32(at + 4, isLittle)
  }
  return at === length
}

const damaged: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['nothing', new Uint8Array(0), /the file is empty/],
  ['ten octets', new Uint8Array(10), /not a capture file: only 10 bytes/],
  ['text', Buffer.from('hello world, this is not a capture'), /neither pcap nor pcapng/],
  ['pcap of version 3', Buffer.concat([plain.subarray(0, 4), bytesOf('0003'), plain.subarray(6)]), /version 3\.4/],
  ['a record of 4 GB', Buffer.concat([pcap(big, []), new Uint8Array(16).fill(0xff)]), /claims 4294967295 bytes/],
  ['a block of 8 octets', Buffer.concat([section(big), bytesOf('00000006 00000008 00000008')]), /claims 8 bytes/],
  ['no byte order', Buffer.concat([section(big), bytesOf('0a0d0d0a 0000001c 00000000')]), /no byte-order magic/],
  ['a frame of no interface', Buffer.concat([section(big), enhanced(big, a, 0n)]), /names interface 0/],
  [
    'a frame longer than its block',
    Buffer.concat([section(big), description(big), block(big, 6, [[4, 0], [8, 0], [4, 99], [4, 99], a])]),
    /shorter than what it claims/,
  ],
  [
    'an interface of four octets',
    Buffer.concat([section(big), block(big, 1, [[4, 0]])]),
    /shorter than what it claims/,
  ],
  [
    'lengths that differ',
    Buffer.concat([section(big), bytesOf('00000005 00000010 00000000 00000014')]),
    /the two lengths of the block behind frame 0 differ/,
  ],
]

for (const [name, file, problem] of damaged) {
  test(`a damaged file, ${name}: the problem is said`, () => assert.match(read(file).problem, problem))
}
