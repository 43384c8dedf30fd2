// The agent's folder: whose it is, one agent at a time, and notes that survive whoever wrote them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { holdStateFolder, prepareStateFolder, readNote, removeNote, stateFolder, writeNote } from './state-folder.ts'

const base = mkdtempSync(join(tmpdir(), 'sealwire-state-'))
after(() => rmSync(base, { recursive: true }))
const skip = process.platform === 'linux' ? false : 'skipped, because this needs Linux'

test('it is made where it is not there, for this user alone', () => {
  const folder = stateFolder(join(base, 'new', 'folder'))
  assert.ok(prepareStateFolder(folder).ok)
  assert.equal(statSync(folder.path).mode & 0o777, 0o700)
  assert.ok(prepareStateFolder(folder).ok, 'and used where it is')
})

test('a folder in which others may write, a file, and a name too long for a socket are refused', () => {
  const open = join(base, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  const file = join(base, 'file')
  writeFileSync(file, '')
  for (const [path, what] of [
    [open, /others may write/],
    [file, /no folder/],
    [join(file, 'below'), /no folder/],
    [join(base, 'x'.repeat(100)), /too long/],
  ] as const) {
    const prepared = prepareStateFolder(stateFolder(path))
    assert.ok(!prepared.ok)
    assert.match(prepared.error[0]!.what, what)
  }
})

test('one agent holds it at a time, and its end, whatever it is, lets go', { skip }, () => {
  const folder = stateFolder(join(base, 'held'))
  assert.ok(prepareStateFolder(folder).ok)
  const script =
    `import { holdStateFolder, stateFolder } from ${JSON.stringify(join(import.meta.dirname, 'state-folder.ts'))};` +
    `console.log(holdStateFolder(stateFolder(${JSON.stringify(folder.path)})) !== undefined); process.kill(process.pid, 'SIGKILL')`
  const inAnother = () =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim()
  assert.equal(inAnother(), 'true')
  const lock = holdStateFolder(folder)
  assert.ok(lock !== undefined, 'although the one before was killed')
  assert.equal(inAnother(), 'false')
  lock.release()
  assert.equal(inAnother(), 'true')
})

test('a note is read as it was written; a torn one is none', () => {
  const folder = stateFolder(join(base, 'notes'))
  assert.ok(prepareStateFolder(folder).ok)
  const note = { pid: 1, namespace: 'net:[1]', hasGuard: true, keepsGuard: false, policyFile: 'policy.yaml' }
  assert.equal(readNote(folder), undefined)
  writeNote(folder, note)
  assert.deepEqual(readNote(folder), note)
  for (const text of ['', '{"pid":', 'null', '{"pid":"1","namespace":"a"}']) {
    writeFileSync(join(folder.path, 'agent.json'), text)
    assert.equal(readNote(folder), undefined)
  }
  removeNote(folder)
  assert.equal(readNote(folder), undefined)
})
