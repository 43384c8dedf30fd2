// The scripts of examples/ run as they stand, by the names under which others import the package.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

test('examples/scripted-peer.ts plays its scripts: faults of the wire are survived, a wrong answer is not', () => {
  const ran = spawnSync(process.execPath, ['examples/scripted-peer.ts'], { cwd: root, encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  const ends = [...ran.stdout.matchAll(/then {2}ours has (\d) pair of associations, the peer (\d)/g)]
  assert.deepEqual(
    ends.map(([, ours]) => ours),
    ['1', '1', '1', '1', '1', '1', '0', '0'],
  )
  for (const words of ['lost', 'comes twice', 'comes 2 s late', 'is altered', 'is replaced', 'NO_PROPOSAL_CHOSEN'])
    assert.ok(ran.stdout.includes(words), words)
})

test('examples/windows-2000-peer.ts speaks IKEv1 as Windows 2000 does, in both roles, and by its scripts', () => {
  const ran = spawnSync(process.execPath, ['examples/windows-2000-peer.ts'], { cwd: root, encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  const ends = [...ran.stdout.matchAll(/then {2}ours has (\d) pair of associations, Windows (\d)/g)]
  assert.deepEqual(
    ends.map(([, ours, windows]) => `${ours}${windows}`),
    ['11', '11', '11', '11', '00'],
  )
  const offered = ran.stdout.split('\n').filter(line => line.includes('offers '))
  assert.match(offered[0]!, /3des-sha1-modp1024 .*28,?800|8 h/)
  assert.ok(offered.every(line => !line.includes('prf')))
  for (const words of ['VID(Windows 2000)', 'lost', 'comes 2 s late', 'NO-PROPOSAL-CHOSEN'])
    assert.ok(ran.stdout.includes(words), words)
})
