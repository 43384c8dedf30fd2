// Whom this host speaks with, and where the picture puts them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testAssociation, testStatus } from '../../test-status.ts'
import { emptyView, follow } from '../../view.ts'
import { MUST_PASS, type WireFlow } from '../../wire-status.ts'
import { peerLabel, shortened } from './peer-label.ts'
import { groupsOf, type Peer, peersOf, peerWords } from './peers.ts'
import { layoutOf, lineWidth, MOST_LINES, shiftsOf } from './picture-layout.ts'

const AT = 1_800_000_000

function flow(verdict: WireFlow['verdict'], peer: string | null, changes: Partial<WireFlow> = {}): WireFlow {
  return {
    ...{ verdict, peer, because: '', flow: '', direction: 'out', packets: 1, bytes: 100, firstAt: AT - 10, lastAt: AT },
    ...changes,
  }
}

function peersWith(...flows: readonly WireFlow[]): readonly Peer[] {
  const status = testStatus({ at: AT, wire: { links: [], since: 0, verdicts: [], flows, unread: 0 } })
  return peersOf(follow(emptyView, [{ kind: 'status', status }]))
}

test('a peer has its worst standing, and a line for everything that goes between the two', () => {
  const [peer] = peersWith(flow('exempt', '10.0.0.2'), flow('leaked', '10.0.0.2'))
  assert.equal(peer!.standing, 'leaked')
  assert.deepEqual(peer!.strands, ['leaked', 'exempt', 'sealed'])
  assert.match(
    peerWords(peer!),
    /^dc2\.corp\.test \(10\.0\.0\.2\): leaked and exempt traffic and sealed, one association/,
  )
})

test('who is seen on the wire alone is a peer too, unless only keys were asked for', () => {
  const found = peersWith(
    flow('exempt', '10.0.0.10'),
    flow('keying', '10.0.0.11'),
    flow('exempt', '10.0.0.9'),
    flow('exempt', null),
  )
  assert.deepEqual(
    found.map(({ address, standing }) => `${address} ${standing}`),
    ['10.0.0.2 sealed', '10.0.0.9 exempt', '10.0.0.10 exempt'],
  )
})

test('what no filter matches is in clear and permitted, beside what is sealed; what sealing itself needs is not shown', () => {
  const found = peersWith(
    flow('permitted', '10.0.0.2'),
    flow('permitted', '10.0.0.9'),
    flow('permitted', '10.0.0.10', { because: MUST_PASS }),
  )
  assert.deepEqual(
    found.map(({ address, standing, strands }) => `${address} ${standing}: ${strands.join(', ')}`),
    ['10.0.0.2 sealed: sealed, permitted', '10.0.0.9 permitted: permitted'],
  )
})

test('what was seen long ago is no longer so, except that something leaked', () => {
  const old = { lastAt: AT - 120 }
  const found = peersWith(flow('exempt', '10.0.0.9', old), flow('leaked', '10.0.0.10', old))
  assert.deepEqual(
    found.map(({ address }) => address),
    ['10.0.0.2', '10.0.0.10'],
  )
})

test('a peer that sends in clear what the policy secures is refused here, with the reason', () => {
  const found = peersWith(flow('received-in-clear', '10.0.0.9', { direction: 'in' })).find(
    ({ address }) => address === '10.0.0.9',
  )
  assert.equal(found?.standing, 'failed')
  assert.match(found?.reason ?? '', /sends in clear/)
})

test('groups come worst first', () => {
  const found = groupsOf(peersWith(flow('exempt', '10.0.0.9'), flow('leaked', '10.0.0.10')))
  assert.deepEqual(
    found.map(({ standing }) => standing),
    ['leaked', 'exempt', 'sealed'],
  )
})

test('at any width and number of peers no two of them stand on one another, and labels stay inside', () => {
  for (const width of [300, 380, 619, 620, 900, 1280, 2560])
    for (const height of [100, 350, 700])
      for (let peers = 1; peers <= MOST_LINES; peers++) {
        const layout = layoutOf(peers, width, height)
        assert.equal(layout.peers.length, peers)
        for (const [index, { x, y, side }] of layout.peers.entries()) {
          assert.ok(y >= 20 && y <= layout.height - 20, `${peers} at ${width}: ${y} of ${layout.height}`)
          const edge = side === 'right' ? x + layout.labelWidth : x - layout.labelWidth
          assert.ok(edge >= 0 && edge <= width, `${peers} at ${width}: the label ends at ${edge}`)
          const others = layout.peers.filter((one, place) => place !== index && one.side === side)
          assert.ok(others.every(one => Math.abs(one.y - y) >= 43.9))
        }
      }
})

test('lines to one peer lie beside one another and grow with what they carry', () => {
  assert.deepEqual(shiftsOf([4, 2]), [-2, 3])
  assert.deepEqual(shiftsOf([5]), [0])
  assert.ok(lineWidth(0) < lineWidth(1e4) && lineWidth(1e4) < lineWidth(1e8) && lineWidth(1e15) <= 9)
})

test('a label that is cut holds nothing that steers a display', () => {
  const [peer] = peersWith()
  const [first] = peerLabel({ ...peer!, name: '\u202egpj.exe' }, 40)
  assert.equal(first, '\\u{202e}gpj.exe')
  assert.equal(shortened('\u0000abc', 4), '\\u{…')
})

test('a peer that only has associations that receive is not called sealed', () => {
  const status = testStatus({ associations: [testAssociation({ isSending: false })] })
  const [peer] = peersOf(follow(emptyView, [{ kind: 'status', status }]))
  assert.equal(peer!.standing, 'idle')
})
