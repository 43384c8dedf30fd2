// Readers and writers at their bounds, and codecs that are put together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader, Unreadable, Writer } from './bytes.ts'
import {
  choice,
  counted,
  decode,
  encode,
  mapped,
  octets,
  refined,
  repeat,
  reserved,
  rest,
  restBetween,
  sized,
  struct,
  u8,
  u16,
  u32,
  u64,
} from './codec.ts'

const of = (...values: number[]) => Uint8Array.from(values)

test('a reader gives what is there and never a part of what is not', () => {
  const reader = new Reader(of(1, 0, 2, 0, 0, 0, 3), 0)
  assert.deepEqual([reader.u8(), reader.u16(), reader.left], [1, 2, 4])
  assert.throws(() => reader.u64(), Unreadable)
  assert.throws(() => reader.bytes(5), Unreadable)
  assert.equal(reader.u32(), 3)
  assert.throws(() => reader.u8(), Unreadable)
  assert.equal(reader.bytes(0).length, 0)
})

test('numbers of Windows are read and written with their low octet first', () => {
  const reader = new Reader(of(1, 0, 2, 0, 0, 0x80))
  assert.deepEqual([...reader.peek(2)], [1, 0])
  assert.deepEqual([reader.u16LittleEndian(), reader.u32LittleEndian(), reader.left], [1, 0x80000002, 0])
  assert.throws(() => reader.peek(1), Unreadable)
  const writer = new Writer()
  writer.u16LittleEndian(0x0102)
  writer.u32LittleEndian(0x80000003)
  assert.deepEqual([...writer.finish()], [2, 1, 3, 0, 0, 0x80])
  assert.throws(() => writer.u16LittleEndian(65536), RangeError)
})

test('a part ends where it has to, though octets follow', () => {
  const reader = new Reader(of(1, 2, 3, 4))
  const part = reader.part(2)
  assert.equal(part.u16(), 0x0102)
  assert.throws(() => part.u8(), Unreadable)
  assert.equal(reader.u16(), 0x0304)
})

test('a fault says where it is from the start of everything that was read', () => {
  const inner = sized(u8, struct({ first: u8, second: u16 }))
  const read = decode(struct({ before: u32, inner }), of(0, 0, 0, 0, 2, 9, 9))
  assert.deepEqual(read, { ok: false, error: { kind: 'malformed', what: 'octets needed: 2, left: 1', at: 6 } })
})

test('a Buffer is read as plain octets', () => {
  const read = decode(rest, Buffer.from('abc'))
  assert.ok(read.ok && read.value.constructor === Uint8Array)
})

test('a writer grows as it has to and refuses numbers that do not fit', () => {
  const writer = new Writer()
  for (let count = 0; count < 1000; count++) writer.u32(count)
  writer.u8(255)
  const bytes = writer.finish()
  assert.equal(bytes.length, 4001)
  assert.equal(new DataView(bytes.buffer).getUint32(4 * 999), 999)
  for (const wrong of [-1, 256, 1.5, Number.NaN]) assert.throws(() => writer.u8(wrong), RangeError)
  for (const wrong of [-1n, 1n << 64n]) assert.throws(() => writer.u64(wrong), RangeError)
  assert.throws(() => encode(octets(3), of(1)), RangeError)
  assert.throws(() => writer.patch(4000, to => to.u16(1)), RangeError)
})

test('octets that are left over are malformed', () => {
  assert.equal(decode(u16, of(0, 1, 2)).ok, false)
  assert.equal(decode(sized(u8, u8), of(2, 1, 1)).ok, false)
})

test('reserved octets are written as zero, ignored on receipt, and not in the value', () => {
  const codec = struct({ a: u8, gap: reserved(2), b: u64 })
  assert.deepEqual(encode(codec, { a: 1, b: 2n }), of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2))
  assert.deepEqual(decode(codec, of(1, 9, 9, 0, 0, 0, 0, 0, 0, 0, 2)), { ok: true, value: { a: 1, b: 2n } })
})

test('a length that counts its own header is written and held to', () => {
  const codec = sized(u16, repeat(u8), 2)
  assert.deepEqual(encode(codec, [7, 8]), of(0, 4, 7, 8))
  assert.equal(decode(codec, of(0, 1)).ok, false)
})

test('a count that lies ends where the octets end', () => {
  assert.equal(decode(counted(u16, u32), of(0xff, 0xff, 0, 0, 0, 1)).ok, false)
  assert.deepEqual(decode(counted(u8, u8), of(2, 5, 6)), { ok: true, value: [5, 6] })
})

test('a number in front chooses the format, and a value knows its number', () => {
  const short = mapped(
    u8,
    value => ({ wide: false, value }),
    one => one.value,
  )
  const wide = mapped(
    u16,
    value => ({ wide: true, value }),
    one => one.value,
  )
  const codec = choice(
    u8,
    tag => (tag === 1 ? short : wide),
    one => (one.wide ? 2 : 1),
  )
  for (const bytes of [of(1, 9), of(2, 1, 1)]) {
    const read = decode(codec, bytes)
    assert.ok(read.ok)
    assert.deepEqual(encode(codec, read.value), bytes)
  }
})

test('what would be refused is never sent', () => {
  const even = refined(u8, value => (value % 2 === 0 ? undefined : `${value} is odd`))
  assert.deepEqual(decode(even, of(3)), { ok: false, error: { kind: 'malformed', what: '3 is odd', at: 0 } })
  assert.throws(() => encode(even, 3), RangeError)
  assert.throws(() => encode(restBetween(2, 3, 'a word'), of(1)), RangeError)
})

test('an exception that is our own is not taken for the peer’s', () => {
  const faulty = { read: () => assert.fail('ours'), write: () => {} }
  assert.throws(() => decode(faulty, of(1)), assert.AssertionError)
  assert.throws(() => decode(repeat({ read: () => 0, write: () => {} }), of(1)), /takes no octets/)
})
