// Who asks, and how, decides what the server says: only GET, only who means this host, only with the token where one is set.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf } from './access.ts'
import type { AgentStatus } from './agent-status.ts'
import { serveForTest } from './server-of-tests.ts'
import { testSource } from './test-source.ts'
import { testStatus } from './test-status.ts'

test('metrics come in the form that is asked for, and are kept by nobody', async t => {
  const { get } = await serveForTest(t)
  const plain = await get('/metrics')
  assert.equal(plain.code, 200)
  assert.match(plain.headers['content-type']!, /^text\/plain; version=0\.0\.4/)
  assert.match(plain.text, /^sealwire_enforcing 1$/m)
  assert.equal(plain.headers['cache-control'], 'no-store')
  const open = await get('/metrics', { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' })
  assert.match(open.headers['content-type']!, /^application\/openmetrics-text/)
  assert.ok(open.text.endsWith('# EOF\n'))
})

test('a name that was made to lead to loopback is not answered', async t => {
  const { get, server } = await serveForTest(t)
  const { port } = server
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1',
    `127.0.0.1.evil.example:${port}`,
    `0.0.0.0:${port}`,
  ])
    assert.equal((await get('/metrics', { host })).code, 403, host)
  for (const host of [`localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`])
    assert.equal((await get('/metrics', { host })).code, 200)
})

test('a page of another origin is not answered, whatever it calls itself', async t => {
  const { get, server } = await serveForTest(t)
  for (const origin of ['http://evil.example', 'null', 'https://localhost', `http://localhost:${server.port! + 1}`])
    assert.equal((await get('/metrics', { origin })).code, 403, origin)
  assert.equal((await get('/metrics', { 'sec-fetch-site': 'cross-site' })).code, 403)
  assert.equal((await get('/metrics', { 'sec-fetch-site': 'same-site' })).code, 403)
  const own = await get('/metrics', { origin: `http://localhost:${server.port}`, 'sec-fetch-site': 'same-origin' })
  assert.equal(own.code, 200)
  assert.equal(own.headers['access-control-allow-origin'], undefined)
})

test('without the token nobody is told anything, health included', async t => {
  const token = 'a-token-of-some-length'
  const { get, source } = await serveForTest(t, { tokenDigest: digestOf(token) })
  const wrong: Record<string, string>[] = [
    {},
    { authorization: 'Bearer ' },
    { authorization: `Bearer ${token}x` },
    { authorization: `Basic ${token}` },
  ]
  for (const path of ['/metrics', '/healthz', '/readyz', '/'])
    for (const headers of wrong) assert.equal((await get(path, headers)).code, 401)
  assert.deepEqual(source.asked, [])
  assert.equal((await get('/metrics', { authorization: `Bearer ${token}` })).code, 200)
  assert.equal((await get(`/metrics?token=${token}`)).code, 401)
})

test('nothing but GET is answered, and nothing but three pages', async t => {
  const { get } = await serveForTest(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])
    assert.equal((await get('/metrics', {}, method)).code, 405)
  for (const path of ['/', '/metrics/', '/../etc/passwd', '/metrics%00', '//metrics'])
    assert.equal((await get(path)).code, 404, path)
})

test('however many ask, the agent is asked once a second', async t => {
  const { get, pass, source } = await serveForTest(t)
  await Promise.all(Array.from({ length: 20 }, () => get('/metrics')))
  assert.equal(source.asked.length, 1)
  pass(1)
  await get('/healthz')
  assert.equal(source.asked.length, 2)
})

test('health and readiness say what is so', async t => {
  const cases: readonly [Partial<AgentStatus>, health: number, readiness: number][] = [
    [{}, 200, 200],
    [{ guard: null }, 200, 200],
    [{ guard: { ...testStatus().guard!, isThere: false } }, 200, 503],
    [{ dataPlane: { isAnswering: false } }, 503, 503],
    [{ state: 'going-down' }, 200, 503],
  ]
  for (const [changes, health, readiness] of cases) {
    const { get } = await serveForTest(t, { source: testSource({ status: async () => testStatus(changes) }) })
    assert.equal((await get('/healthz')).code, health)
    assert.equal((await get('/readyz')).code, readiness)
  }
  const { get } = await serveForTest(t, {
    source: testSource({ status: () => Promise.reject(new Error('a secret of the system')) }),
  })
  const broken = await get('/metrics')
  assert.equal(broken.code, 503)
  assert.ok(!broken.text.includes('secret'))
})

test('a Unix socket is its user’s alone, and one that a killed agent left is taken over', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-metrics-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const place = { kind: 'socket', path: join(folder, 'm.sock') } as const
  await serveForTest(t, { place })
  const { get } = await serveForTest(t, { place })
  assert.equal((await get('/readyz', { host: 'anything' })).code, 200)
  assert.equal(statSync(place.path).mode & 0o777, 0o600)
  const taken = join(folder, 'file')
  writeFileSync(taken, 'mine')
  await assert.rejects(serveForTest(t, { place: { kind: 'socket', path: taken } }), /EADDRINUSE/)
})

test('a port that is taken is an error of starting', async t => {
  const { server } = await serveForTest(t)
  await assert.rejects(
    serveForTest(t, { place: { kind: 'port', host: '127.0.0.1', port: server.port! } }),
    /EADDRINUSE/,
  )
})

test('octets that are no HTTP, and heads without end, end the connection and nothing else', async t => {
  const { get, server } = await serveForTest(t)
  for (const text of [
    '\x16\x03\x01\x02\x00\x01',
    'GET /metrics HTTP/1.1\r\n\r\n',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ]) {
    const { promise, resolve } = Promise.withResolvers<string>()
    let answer = ''
    const socket = connect(server.port!, '127.0.0.1', () => socket.end(text))
    socket.setEncoding('latin1').on('data', chunk => (answer += chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    assert.doesNotMatch(await promise, /200 OK/)
  }
  assert.equal((await get('/metrics')).code, 200)
})
