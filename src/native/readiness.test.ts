// Waiting in a worker and on the main loop.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { Arena } from './arena.ts'
import {
  closeDescriptor,
  HUNG_UP,
  openWakeup,
  PollSet,
  READABLE,
  takeWakeup,
  WRITABLE,
  waitReadable,
  wakeUp,
  watchReadable,
} from './readiness.ts'

const skip = process.platform === 'linux' ? false : 'because this needs Linux'

test('a worker that stands in poll is woken by another thread', { skip }, async context => {
  const fd = openWakeup()
  context.after(() => closeDescriptor(fd))
  const worker = new Worker(new URL('./test-poll-worker.ts', import.meta.url), { workerData: { fd } })
  assert.deepEqual(await once(worker, 'message'), ['waiting'])
  const answer = once(worker, 'message')
  const end = once(worker, 'exit')
  wakeUp(fd)
  assert.deepEqual(await answer, [{ ready: 1, happened: READABLE, woken: true, again: false }])
  await end
})

test('a poll set tells which of its descriptors is ready, and ends in time where none is', { skip }, context => {
  const polled = new PollSet(new Arena(65536), 2)
  const fds = [openWakeup(), openWakeup()] as const
  context.after(() => fds.map(closeDescriptor))
  const [first, second] = fds.map(fd => polled.add(fd, READABLE)) as [number, number]
  assert.throws(() => polled.add(fds[0], READABLE), RangeError)
  assert.equal(polled.wait(0), 0)
  wakeUp(fds[1])
  assert.equal(polled.wait(1000), 1)
  assert.deepEqual([polled.happened(first), polled.happened(second)], [0, READABLE])
  polled.watch(first, WRITABLE)
  assert.equal(polled.wait(1000), 2)
  assert.equal(polled.happened(first), WRITABLE)
  assert.equal(polled.happened(first) & HUNG_UP, 0)
})

test('the main loop calls back each time, also after the collector has been, and not after stopping', {
  skip,
}, async context => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const fd = openWakeup()
  let calls = 0
  const watch = watchReadable(fd, () => {
    if (takeWakeup(fd)) calls++
  })
  context.after(() => closeDescriptor(fd))
  for (let expected = 1; expected <= 3; expected++) {
    collect()
    wakeUp(fd)
    for (let turn = 0; turn < 100 && calls < expected; turn++) await new Promise(resolve => setTimeout(resolve, 5))
    assert.equal(calls, expected)
  }
  watch.stop()
  watch.stop()
  wakeUp(fd)
  await new Promise(resolve => setTimeout(resolve, 20))
  assert.equal(calls, 3)
  assert.ok(waitReadable(fd, 0))
  takeWakeup(fd)
  assert.ok(!waitReadable(fd, 0))
})
