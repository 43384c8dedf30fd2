// Where metrics are served is read strictly: a place that other machines could reach is refused.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf } from '../monitor/access.ts'
import { readPlace, readToken } from './metrics-place.ts'

test('loopback and Unix sockets are places', () => {
  const cases = [
    ['127.0.0.1:9754', { kind: 'port', host: '127.0.0.1', port: 9754 }],
    ['localhost:1', { kind: 'port', host: '127.0.0.1', port: 1 }],
    ['[::1]:65535', { kind: 'port', host: '::1', port: 65535 }],
    ['unix:/run/m.sock', { kind: 'socket', path: '/run/m.sock' }],
  ] as const
  for (const [text, value] of cases) assert.deepEqual(readPlace(text), { ok: true, value })
})

test('what other machines reach, and what is no place, is refused with what to write', () => {
  const wrong = [
    '',
    '9754',
    '0.0.0.0:9754',
    '[::]:9754',
    '10.0.0.1:1',
    'toString:1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    'unix:',
  ]
  for (const text of [...wrong, `unix:/${'x'.repeat(200)}`]) {
    const read = readPlace(text)
    assert.ok(!read.ok, text)
    assert.match(read.error.hint, /127\.0\.0\.1:9754/)
  }
})

test('a token is a file’s first line, of some length, and only its digest is kept', t => {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-token-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'token')
  const read = (text: string) => {
    writeFileSync(file, text)
    return readToken(file)
  }
  assert.deepEqual(read('0123456789abcdef\nmore\n'), { ok: true, value: digestOf('0123456789abcdef') })
  for (const text of ['', 'short\n', 'two words of some length\n']) assert.equal(read(text).ok, false)
  assert.equal(readToken(join(folder, 'absent')).ok, false)
})
