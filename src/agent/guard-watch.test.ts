// Changes of the guard by others: looked at at once, told once, and however many come, not more than once a second.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../base/time.ts'
import type { AgentEvent } from '../monitor/told-event.ts'
import type { GuardPart } from './agent-parts.ts'
import { GuardWatch } from './guard-watch.ts'

function watched() {
  const clock = new VirtualClock()
  const told: AgentEvent[] = []
  const state = { isThere: true, looks: 0 }
  const guard = {
    health: async () => {
      state.looks++
      return { isThere: state.isThere, text: 'somebody took it away' }
    },
  } as unknown as GuardPart
  const inForce = () => assert.fail('nothing is put in place by a look')
  const watch = new GuardWatch({ guard, clock, tell: event => told.push(event), inForce })
  const play = (seconds: number) =>
    clock.playTo(clock.now() + seconds, () => new Promise(resolve => setImmediate(resolve)))
  return { watch, told, state, play, change: () => watch.changed(work => void work()) }
}

test('a guard that goes is told of within moments, once', async () => {
  const { told, state, play, change } = watched()
  state.isThere = false
  change()
  await play(0.1)
  assert.deepEqual(
    told.map(({ kind, level }) => [kind, level]),
    [['guard-changed', 'error']],
  )
  assert.match(told[0]!.text, /not as it was put in place \(somebody took it away\)/)
  change()
  await play(2)
  assert.equal(told.length, 1, 'it is known by now')
  state.isThere = true
  change()
  await play(2)
  state.isThere = false
  change()
  await play(2)
  assert.equal(told.length, 2)
})

test('a storm of changes costs one look a second, and what leaves the guard as it was is not told', async () => {
  const { told, state, play, change } = watched()
  for (let changes = 0; changes < 1000; changes++) {
    change()
    await play(0.01)
  }
  assert.ok(state.looks >= 9 && state.looks <= 12, String(state.looks))
  assert.deepEqual(told, [])
})
