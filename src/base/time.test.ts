// Virtual time goes as it is told, with and without promises; the system's clock is only asked whether it is one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, VirtualClock } from './time.ts'

test('appointments are kept in their order, those of one moment in the order in which they were made', () => {
  const clock = new VirtualClock(10)
  const done: string[] = []
  clock.at(12, () => done.push('c'))
  clock.at(11, () => done.push('a'))
  clock.at(11, () => clock.at(5, () => done.push('b')))
  const cancel = clock.at(11.5, () => done.push('never'))
  cancel()
  clock.advanceTo(11.5)
  assert.deepEqual(done, ['a', 'b'])
  clock.run()
  assert.deepEqual([done, clock.now()], [['a', 'b', 'c'], 12])
})

test('where work makes promises, each appointment waits until those before it have settled', async () => {
  const clock = new VirtualClock()
  const done: string[] = []
  let promise = Promise.resolve()
  const work = (name: string) => () => {
    promise = (async () => {
      await Promise.resolve()
      done.push(`${name} at ${clock.now()}`)
    })()
  }
  clock.at(1, work('a'))
  clock.at(2, work('b'))
  clock.at(9, work('c'))
  await clock.playTo(3, () => promise)
  assert.deepEqual(done, ['a at 1', 'b at 2'])
  assert.equal(clock.now(), 3)
})

test('the clock of the system keeps appointments, and those that are cancelled it does not', async () => {
  const begin = systemClock.now()
  const cancel = systemClock.at(begin + 0.01, () => assert.fail('it was cancelled'))
  cancel()
  await new Promise<void>(resolve => systemClock.at(begin + 0.03, resolve))
  assert.ok(systemClock.now() >= begin + 0.02)
  await new Promise<void>(resolve => systemClock.at(begin - 5, resolve))
})
