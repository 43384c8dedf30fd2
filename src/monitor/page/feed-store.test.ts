// What is heard, folded and shown, with time by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStatus } from '../test-status.ts'
import type { Heard } from '../view.ts'
import { FeedLines, newestOf, pauseAfter, unheard } from './facts/feed-lines.ts'
import { FeedStore } from './feed-store.ts'

function byHand() {
  let now = 0
  const frames: (() => void)[] = []
  const timers: { readonly at: number; readonly run: () => void }[] = []
  return {
    clock: {
      now: () => now,
      after(milliseconds: number, run: () => void) {
        timers.push({ at: now + milliseconds, run })
        return () => {}
      },
      onNextFrame: (run: () => void) => void frames.push(run),
    },
    frames,
    frame() {
      for (const run of frames.splice(0)) run()
    },
    pass(milliseconds: number) {
      now += milliseconds
      for (const due of timers.filter(({ at }) => at <= now)) {
        timers.splice(timers.indexOf(due), 1)
        due.run()
      }
    },
  }
}

const event = (at: number): Heard => ({ kind: 'event', event: { at, level: 'info', kind: 'test', text: String(at) } })

test('however much is heard between two frames, it is folded once and shown at most four times a second', () => {
  const hand = byHand()
  const store = new FeedStore(hand.clock)
  let shown = 0
  store.read(() => shown++)
  for (let frame = 0; frame < 60; frame++) {
    for (let line = 0; line < 10; line++) store.hear([event(frame * 10 + line)])
    assert.equal(hand.frames.length, 1)
    hand.frame()
    hand.pass(1000 / 60)
  }
  assert.ok(shown >= 3 && shown <= 5, `${shown}`)
  hand.pass(250)
  assert.equal(store.state.view.log.length, 600)
})

test('the last state is shown even where nothing comes after it', () => {
  const hand = byHand()
  const store = new FeedStore(hand.clock)
  const shown: number[] = []
  store.read(({ view }) => shown.push(view.log.length))
  store.hear([event(1)])
  hand.frame()
  store.hear([event(2)])
  hand.frame()
  assert.deepEqual(shown, [1])
  hand.pass(250)
  assert.deepEqual(shown, [1, 2])
})

test('a page that gets no frames does not gather without end', () => {
  const hand = byHand()
  const store = new FeedStore(hand.clock)
  for (let burst = 0; burst < 30; burst++)
    store.hear(Array.from({ length: 1000 }, (_, index) => event(burst * 1000 + index)))
  assert.ok(store.state.view.log.length === 1000, 'folded before any frame')
})

test('lines of the feed come in any pieces, and what is no list ends it', () => {
  const heard: readonly Heard[] = [{ kind: 'status', status: testStatus() }, event(1)]
  const text = `${JSON.stringify(heard)}\n${JSON.stringify([event(2)])}\n`
  for (let size = 1; size < text.length; size += 97) {
    const lines = new FeedLines()
    const got: Heard[] = []
    for (let at = 0; at < text.length; at += size) got.push(...lines.push(text.slice(at, at + size)))
    assert.deepEqual(got, [...heard, event(2)])
  }
  assert.throws(() => new FeedLines().push('{"kind":"lost"}\n'))
  assert.throws(() => new FeedLines().push('[1\n'))
})

test('after a break the events that were heard before do not come twice', () => {
  const kept = [event(1), event(2), event(3), { kind: 'lost', why: '' } as const]
  assert.deepEqual(unheard(kept, newestOf([event(1), event(2)], 0)), [event(3), kept[3]])
})

test('pauses between attempts grow to five seconds', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 50].map(pauseAfter), [0.25, 0.5, 1, 2, 4, 5, 5])
})
