// `policy pair` as a person and as a script meet it: words, JSON and exit status.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandInput } from '../command.ts'
import { runCommand } from '../test-run.ts'
import { policyPair } from './policy-pair.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-pair-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function file(content: string): string {
  const path = join(folder, `policy-${++files}.yaml`)
  writeFileSync(path, content)
  return path
}

const run = (words: readonly string[], options: CommandInput['options'] = {}) => runCommand(policyPair, words, options)

const hostPolicy = (name: string, filters: string, rest = '') =>
  file(
    `name: ${name}\nrules: [{ name: r, filters: [${filters}], action: negotiate, authentication: [{ preSharedKey: hunter2 }]${rest} }]`,
  )
const BOTH = '{ source: 10.0.0.1, destination: 10.0.0.2 }'
const [first, second] = [hostPolicy('One', BOTH), hostPolicy('Two', BOTH)]
const other = hostPolicy('Other', BOTH, ', security: [esp-chacha20poly1305]')
const mine = hostPolicy('Mine', '{ source: me, destination: any }')

test('two that agree end with 0, and what they agree on is told', async () => {
  const { status, out, said } = await run([first, second])
  assert.equal(status, 0)
  assert.equal(said, '')
  assert.match(out, /^A {2}10\.0\.0\.1 {2}One/)
  assert.match(out, /^secured {2}both ways: both secure it$/m)
  assert.match(out, /^ {2}✓ {2}packets +esp-aes256gcm16$/m)
  assert.match(out, /They agree\.\n$/)
  assert.equal(out.includes('hunter2'), false)
})

test('two that do not agree end with 1, and the reason is told', async () => {
  const { status, out } = await run([first, other])
  assert.equal(status, 1)
  assert.match(out, /✗ {2}packets +A offers esp-aes256gcm16, esp-aes128gcm16, B esp-chacha20poly1305: none in common$/m)
  assert.match(out, /They do not agree\.\n$/)
})

test('where neither secures anything the answer says so', async () => {
  const nothing = file('rules: []')
  const { status, out } = await run([nothing, nothing], { a: ['10.0.0.1'], b: ['10.0.0.2'] })
  assert.equal(status, 1)
  assert.match(out, /Neither secures anything between the two\.\n$/)
})

test('the JSON has the traffic, what each host that begins gets, and every part', async () => {
  const { status, out } = await run([first, second], { json: true })
  const value = JSON.parse(out)
  assert.equal(status, 0)
  assert.equal(value.agrees, true)
  assert.deepEqual(value.a, { policy: 'One', profile: 'strict', addresses: ['10.0.0.1'] })
  assert.equal(value.traffic[0].outcome, 'secured')
  assert.equal(value.traffic[0].selectors, 'any protocol 10.0.0.1 → 10.0.0.2')
  assert.equal(value.traffic[0].agreement, 0)
  const [agreement] = value.agreements
  assert.deepEqual(agreement.rules, { a: 'r', b: 'r' })
  assert.deepEqual(agreement.security, { byA: 'esp-aes256gcm16', byB: 'esp-aes256gcm16' })
  assert.deepEqual(agreement.parts[0], { subject: 'mode', state: 'agreed', text: 'transport' })
  assert.equal(out.includes('hunter2'), false)
})

test('hosts that the filters do not name have to be given, and have to be two', async () => {
  const missing = await run([mine, mine])
  assert.equal(missing.status, 2)
  assert.match(missing.said, /--a: the filters do not say which two hosts are meant/)
  assert.equal((await run([mine, mine], { a: ['10.0.0.1'], b: ['10.0.0.2', 'fd00::2'] })).status, 0)
  const same = await run([mine, mine], { a: ['10.0.0.1'], b: ['10.0.0.1'] })
  assert.equal(same.status, 2)
  assert.match(same.said, /--b: both are the same host/)
  const wrong = await run([mine, mine], { a: ['10.0.0'], b: ['dc2'] })
  assert.equal(wrong.status, 2)
  assert.match(wrong.said, /--a: .*\n.*--b: /)
  const families = await run([mine, mine], { a: ['10.0.0.1'], b: ['fd00::2'] })
  assert.equal(families.status, 2)
  assert.match(families.said, /--b: no packet goes from one IP version to the other/)
})

test('a file that cannot be read is a problem, and nothing is said of the other', async () => {
  const { status, out, said } = await run([first, join(folder, 'none.yaml')])
  assert.equal(status, 2)
  assert.equal(out, '')
  assert.match(said, /there is no such file/)
})
