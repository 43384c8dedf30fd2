// What was changed on the host is taken back, whoever ended the agent, and when.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parsePrefix } from '../../base/address.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { addRule, findLink, openRouting } from '../../native/routing.ts'
import { readSysctl, writeSysctl } from '../../native/sysctl.ts'
import { ip, twoHosts, whyNoHosts } from '../../native/test-namespaces.ts'
import { seeded } from '../../policy/test-policies.ts'
import { undoTaken, writeTaken } from './taken.ts'

const skip = whyNoHosts()
const long = process.env.SEALWIRE_LONG_TESTS === '1'

function room(context: TestContext) {
  const { left, right } = twoHosts(context)
  // They come into use a second or two after the link is there, in the middle of things.
  ip('-n', left, 'address', 'flush', 'dev', 'wire', 'scope', 'link')
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-taken-'))
  const netlink = insideNamespace(left, openRouting)
  context.after(() => {
    netlink.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const shown = () =>
    ['-4', '-6']
      .map(family => ip('-n', left, family, 'rule') + ip('-n', left, family, 'route', 'show', 'table', 'all'))
      .join('\n')
  return { left, right, folder, netlink, shown, undo: () => insideNamespace(left, () => undoTaken(folder, netlink)) }
}

test('an agent that is killed at any moment leaves nothing that cannot be taken back', { skip }, async context => {
  const { left, folder, shown, undo } = room(context)
  // A rule and a route of somebody else, right among ours.
  ip('-n', left, 'rule', 'add', 'pref', '5411', 'to', '10.99.0.7', 'lookup', 'main')
  ip('-n', left, 'route', 'add', '10.97.0.0/16', 'dev', 'wire', 'table', '54')
  const before = shown()
  const draw = seeded(7)
  let found = 0
  for (let turn = 0; turn < (long ? 60 : 8); turn++) {
    const script = join(import.meta.dirname, 'test-changing-routes.ts')
    // The device is the wire itself: its routes do not go by themselves when the process ends.
    const child = spawn(process.execPath, [script, left, folder, 'wire', String(turn + 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    await new Promise(resolve => setTimeout(resolve, 5 + draw() * 150))
    child.kill('SIGKILL')
    await ended
    if (shown() !== before) found++
    const undone = undo()
    assert.deepEqual(undone.kind === 'undone' ? undone.failed : [], [])
    assert.equal(shown(), before, `turn ${turn}`)
    assert.equal(existsSync(join(folder, 'taken.json')), false)
    assert.deepEqual(undo(), { kind: 'nothing' })
  }
  assert.ok(found > 0, 'it never was in the middle of anything')
})

test('settings go back unless somebody else has set them since', { skip }, context => {
  const { left, folder, undo } = room(context)
  const path = 'net/ipv4/conf/wire/rp_filter'
  for (const [since, after] of [
    ['2', '0'],
    ['1', '1'],
  ] as const) {
    insideNamespace(left, () => {
      writeSysctl(path, '0')
      const change = { path, before: '0', after: '2' }
      writeTaken(folder, { done: [], settings: [change] })
      writeSysctl(path, since)
    })
    undo()
    assert.equal(
      insideNamespace(left, () => readSysctl(path)),
      after,
    )
  }
})

test('a record of another namespace or of an earlier start of the machine is not taken for ours', { skip }, context => {
  const { left, folder, netlink, undo, shown } = room(context)
  const rule = { family: 4, priority: 5420, table: 54, to: parsePrefix('10.99.0.2')! } as const
  addRule(netlink, rule)
  const there = shown()
  writeTaken(folder, { done: [{ kind: 'rule-added', rule }], settings: [] })
  assert.equal(undo().kind, 'elsewhere')
  assert.equal(shown(), there)
  insideNamespace(left, () => writeTaken(folder, { done: [{ kind: 'rule-added', rule }], settings: [] }))
  const file = join(folder, 'taken.json')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace(/"boot":"[^"]*"/, '"boot":"earlier"'))
  assert.equal(undo().kind, 'nothing')
  assert.equal(shown(), there)
})

test('where the record is spoilt, rules that bear our name are found and taken back', { skip }, context => {
  const { left, folder, netlink, undo, shown } = room(context)
  const before = shown()
  ip('-n', left, 'rule', 'add', 'pref', '5420', 'to', '10.99.0.9', 'lookup', '54')
  const others = shown()
  for (const text of ['', '{"version":1', '[]', 'null', '{"version":2,"done":[],"settings":[]}']) {
    addRule(netlink, { family: 4, priority: 5420, table: 54, to: parsePrefix('10.99.0.2')! })
    addRule(netlink, { family: 6, priority: 5499, table: 0, isLandmark: true })
    assert.notEqual(shown(), others)
    writeFileSync(join(folder, 'taken.json'), text)
    assert.deepEqual(undo(), { kind: 'undone', changes: 2, failed: [] })
    assert.equal(shown(), others)
  }
  assert.notEqual(others, before)
  assert.ok(findLink(netlink, 'wire') !== undefined)
})
