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
