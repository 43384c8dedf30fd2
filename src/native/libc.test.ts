// Calls of the C library, errors by name, and the memory that both sides see.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from './arena.ts'
import { check, EAGAIN, errorName, failedCall, libC } from './libc.ts'
import { closeDescriptor, openWakeup } from './readiness.ts'

const skip = process.platform === 'linux' ? false : 'because this needs Linux'

test('errors have the names of manual pages', () => {
  const expected = [
    [-11, 'EAGAIN'],
    [-95, 'EOPNOTSUPP'],
    [-105, 'ENOBUFS'],
    [-1000, 'errno 1000'],
    [0, ''],
    [7, ''],
  ] as const
  for (const [result, name] of expected) assert.equal(errorName(result), name)
})

test('a call that fails answers minus errno, and a set-up call becomes an Error with its cause', { skip }, () => {
  const c = libC()
  assert.equal(errorName(c.close(-1)), 'EBADF')
  assert.equal(errorName(c.open('/nowhere/at/all', 0)), 'ENOENT')
  assert.throws(
    () => check(c.setns(-1, 0), 'setns', 'entering nothing'),
    error => {
      assert.equal((error as Error).message, 'entering nothing: setns answers EBADF')
      assert.deepEqual(failedCall(error), { call: 'setns', name: 'EBADF', errno: 9 })
      return true
    },
  )
})

test('what would block says so without throwing', { skip }, () => {
  const c = libC()
  const fd = openWakeup()
  assert.equal(c.read(fd, c.scratch.address, 8), -EAGAIN)
  closeDescriptor(fd)
})

test('an arena is seen by the kernel at its offsets, and WebAssembly memory does not move', { skip }, () => {
  const arena = new Arena(100_000)
  assert.equal(arena.bytes.length, 131072)
  const at = arena.take(64)
  assert.ok(at > 0 && at % 64 === 0)
  const c = libC()
  const fd = c.open('/proc/self/comm', 0)
  const length = c.read(fd, arena.address + at, 64)
  c.close(fd)
  assert.ok(length > 1)
  assert.equal(arena.bytes[at + length - 1], 0x0a)
})

test('an arena gives no octet out twice, and says when it is full', () => {
  const arena = new Arena(65536)
  const first = arena.take(100)
  const second = arena.take(100, 8)
  assert.ok(second >= first + 100)
  assert.throws(() => arena.take(65536), RangeError)
  assert.ok(!arena.holds(0, 4))
  assert.ok(!arena.holds(65530, 7))
  assert.ok(arena.holds(65530, 6))
  assert.ok(!arena.holds(64, -1))
})

test('a pointer is written whole, above 4 GiB too', { skip }, () => {
  const arena = new Arena(65536)
  const at = arena.take(16)
  arena.putPointer(at, 4096)
  assert.equal(Number(arena.view.getBigUint64(at, true)), arena.address + 4096)
  arena.putPointer(at, 0)
  assert.equal(arena.view.getBigUint64(at, true), 0n)
})
