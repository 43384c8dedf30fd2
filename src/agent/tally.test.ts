// Sums of an agent do not fall when what they are of goes, and every event counts where it belongs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Counters } from '../ipsec/association.ts'
import { Tally } from './tally.ts'

function counters(bytes: number, replayed = 0): Counters {
  const traffic = { packets: bytes / 100, bytes }
  return {
    inbound: traffic,
    outbound: { packets: 0, bytes: 0 },
    replayed,
    notAuthentic: 0,
    badPadding: 0,
    outsideSelectors: 0,
  }
}

const sealed = { name: 1, rule: 'all', isConfidential: true, mode: 'transport' } as const
const signed = { name: 2, rule: 'signed', isConfidential: false, mode: 'tunnel' } as const

test('traffic of associations that are gone stays in the sums, and each octet is counted once', () => {
  const tally = new Tally()
  tally.look([sealed], new Map([[1, counters(100)]]))
  tally.look(
    [sealed, signed],
    new Map([
      [1, counters(300, 2)],
      [2, counters(1000)],
    ]),
  )
  tally.closed([1])
  tally.look([signed], new Map([[2, counters(1100)]]))
  const { confidential, authenticated, tunnel, faults } = tally.sealed
  assert.deepEqual(confidential.inbound, { packets: 3, bytes: 300 })
  assert.deepEqual(authenticated.inbound, { packets: 11, bytes: 1100 })
  assert.deepEqual(tunnel.inbound, authenticated.inbound)
  assert.equal(faults.replayed, 2)
  assert.equal(tally.counts.childrenClosed, 1)
})

test('each rule has the sum of its associations, also of those that are gone, until the rule goes', () => {
  const tally = new Tally()
  const second = { ...sealed, name: 3 }
  tally.look(
    [sealed, second, signed],
    new Map([
      [1, counters(100)],
      [2, counters(0)],
      [3, counters(500)],
    ]),
  )
  tally.closed([1])
  tally.look([second], new Map([[3, counters(700)]]))
  assert.deepEqual(tally.rules, [
    { rule: 'all', sealed: { inbound: { packets: 8, bytes: 800 }, outbound: { packets: 0, bytes: 0 } } },
  ])
  tally.keepRules(new Set(['signed']))
  assert.deepEqual(tally.rules, [])
})

test('an SPI that comes again begins at nothing', () => {
  const tally = new Tally()
  tally.look([sealed], new Map([[1, counters(500)]]))
  tally.look([sealed], new Map([[1, counters(200)]]))
  assert.equal(tally.sealed.confidential.inbound.bytes, 700)
})

test('new keys in place of others are a rekey and no quick mode', () => {
  const tally = new Tally()
  const event = (kind: string, fields = {}) => tally.event({ level: 'info', kind, text: '', fields })
  event('child-established')
  event('child-established', { replaces: '0x1' })
  event('session-failed')
  event('constructor')
  assert.equal(tally.counts.childrenEstablished, 1)
  assert.equal(tally.counts.childrenRekeyed, 1)
  assert.equal(tally.counts.sessionsFailed, 1)
})
