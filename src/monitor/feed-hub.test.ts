// The feed is bounded in everything: questions to the agent, lines, events in a line, events that are kept, readers, and
// patience with each; and what was left out is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../base/time.ts'
import { FeedHub, type FeedReader, MOST_IN_A_LINE, MOST_KEPT, MOST_READERS, MOST_UNREAD } from './feed-hub.ts'
import { testSource } from './test-source.ts'
import { testStatus } from './test-status.ts'
import { emptyView, follow, type Heard } from './view.ts'

class TestReader implements FeedReader {
  readonly lines: (readonly Heard[])[] = []
  isReading = true
  isGone = false
  #unread = 0

  write(line: string): void {
    assert.ok(line.endsWith('\n') && !line.slice(0, -1).includes('\n'))
    this.lines.push(JSON.parse(line) as Heard[])
    if (!this.isReading) this.#unread += line.length
  }

  unread(): number {
    return this.#unread
  }

  end(): void {
    this.isGone = true
  }

  texts(): readonly string[] {
    return this.lines.flat().flatMap(one => (one.kind === 'event' ? [one.event.text] : []))
  }

  kinds(): readonly (readonly string[])[] {
    return this.lines.map(line => line.map(({ kind }) => kind))
  }
}

function hubbing(changes: Parameters<typeof testSource>[0] = {}) {
  const clock = new VirtualClock()
  const source = testSource(changes)
  const hub = new FeedHub({ source, clock })
  hub.start()
  const pass = (seconds: number) =>
    clock.playTo(clock.now() + seconds, () => new Promise(resolve => setImmediate(resolve)))
  return { clock, source, hub, pass }
}

test('the first line has what is kept and a status, and a status follows each second', async () => {
  const { hub, source, pass } = hubbing()
  source.tell({ text: 'before anybody looked' })
  const reader = new TestReader()
  hub.join(reader)
  await pass(0)
  assert.deepEqual(reader.kinds(), [['event', 'status']])
  await pass(10)
  assert.equal(reader.lines.length, 11)
  assert.equal(source.asked.length, 11)
  const view = follow(emptyView, reader.lines.flat())
  assert.equal(view.connection, 'there')
})

test('many readers share one question, and each gets every event once, whenever it came', async () => {
  const { hub, source, pass } = hubbing()
  const readers = Array.from({ length: MOST_READERS }, () => new TestReader())
  const [late, ...early] = readers
  for (const reader of early) hub.join(reader)
  await pass(0)
  source.tell({ text: 'one' })
  hub.join(late!)
  source.tell({ text: 'two' })
  await pass(3)
  source.tell({ text: 'three' })
  await pass(3)
  for (const reader of readers) assert.deepEqual(reader.texts(), ['one', 'two', 'three'])
  assert.ok(source.asked.length <= 12, `${source.asked.length} questions`)
  assert.equal(hub.join(new TestReader()), undefined)
})

test('news bring a status at once, and however many there are not more than five a second in ten lines', async () => {
  const { hub, source, pass } = hubbing()
  const reader = new TestReader()
  hub.join(reader)
  await pass(0.5)
  const [lines, asked] = [reader.lines.length, source.asked.length]
  source.tell({ text: 'news' })
  await pass(0.11)
  assert.equal(source.asked.length, asked + 1)
  assert.deepEqual(reader.kinds().slice(lines).flat(), ['event', 'status'])
  const begun = [reader.lines.length, source.asked.length] as const
  for (let count = 0; count < 1000; count++) {
    source.tell()
    await pass(0.01)
  }
  assert.ok(reader.lines.length - begun[0] <= 101, `${reader.lines.length - begun[0]} lines in ten seconds`)
  assert.ok(source.asked.length - begun[1] <= 51, `${source.asked.length - begun[1]} questions in ten seconds`)
})

test('a flood is counted instead of told, details first, and the view knows how much it missed', async () => {
  const { hub, source, pass } = hubbing()
  const reader = new TestReader()
  hub.join(reader)
  await pass(0)
  for (let count = 0; count < 10_000; count++) source.tell({ level: 'debug', text: 'detail' })
  for (let count = 0; count < 100; count++) source.tell({ level: 'error', text: 'error' })
  await pass(0.2)
  assert.equal(reader.texts().filter(text => text === 'error').length, 100)
  assert.ok(reader.lines.every(line => line.length <= MOST_IN_A_LINE + 2))
  const { omitted } = follow(emptyView, reader.lines.flat())
  assert.equal(omitted + reader.texts().length, 10_100)
  const late = new TestReader()
  hub.join(late)
  await pass(0)
  assert.ok(late.lines[0]!.length <= MOST_KEPT + 1)
  assert.equal(late.texts().at(-1), 'error')
})

test('who does not read is let go, and the others read on', async () => {
  const { hub, source, pass } = hubbing()
  const [slow, quick] = [new TestReader(), new TestReader()]
  slow.isReading = false
  hub.join(slow)
  hub.join(quick)
  await pass(0)
  for (let count = 0; !slow.isGone; count++) {
    assert.ok(slow.unread() <= MOST_UNREAD)
    assert.ok(count < 10_000)
    source.tell({ text: 'x'.repeat(10_000) })
    await pass(0.1)
  }
  const before = slow.lines.length
  source.tell({ text: 'after' })
  await pass(1)
  assert.equal(slow.lines.length, before)
  assert.ok(quick.texts().includes('after'))
})

test('details are described while somebody reads, and the agent is asked nothing when nobody does', async () => {
  const { hub, source, pass } = hubbing()
  const levels = () => [...source.listeners.values()]
  assert.deepEqual(levels(), ['info'])
  const leave = hub.join(new TestReader())!
  await pass(0)
  assert.deepEqual(levels(), ['debug'])
  leave()
  leave()
  const asked = source.asked.length
  await pass(100)
  assert.deepEqual(levels(), ['info'])
  assert.equal(source.asked.length, asked)
  hub.stop()
  assert.deepEqual(levels(), [])
})

test('an agent that is gone is told of with the reason, and its return with a status', async () => {
  let isThere = false
  const { hub, pass } = hubbing({
    status: async () => {
      if (!isThere) throw new Error('none runs')
      return testStatus()
    },
  })
  const reader = new TestReader()
  hub.join(reader)
  await pass(1)
  assert.deepEqual(reader.lines[0], [{ kind: 'lost', why: 'none runs' }])
  isThere = true
  await pass(1.1)
  assert.equal(follow(emptyView, reader.lines.flat()).connection, 'there')
})

test('while the agent hangs lines without anything say that the server is there', async () => {
  let hangs: Promise<void> | undefined
  const { hub, pass } = hubbing({
    status: async () => {
      await hangs
      return testStatus()
    },
  })
  const reader = new TestReader()
  const leave = hub.join(reader)!
  await pass(0.5)
  hangs = new Promise(() => {})
  await pass(30)
  assert.deepEqual(
    reader.kinds().slice(1),
    Array.from({ length: 15 }, () => []),
  )
  leave()
  await pass(30)
  assert.equal(reader.lines.length, 16)
})

test('an agent that does not answer is asked once, and whoever leaves meanwhile gets nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<ReturnType<typeof testStatus>>()
  const { hub, source, pass } = hubbing({ status: () => promise })
  const reader = new TestReader()
  const leave = hub.join(reader)!
  await pass(100)
  assert.ok(source.asked.length <= 2)
  leave()
  resolve(testStatus())
  await pass(1)
  assert.deepEqual(reader.lines, [])
})
