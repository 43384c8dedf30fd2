// What the page asks of its server: files for everyone, everything else with the token; a feed, the policy, and one thing that
// can be changed. No request throws, hangs or takes more than its bounds.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { failure, type Problem } from '../base/result.ts'
import { systemClock } from '../base/time.ts'
import { digestOf } from './access.ts'
import { MOST_READERS } from './feed-hub.ts'
import type { MonitorServerOptions } from './server.ts'
import { type Sent, serveForTest } from './server-of-tests.ts'
import { EXPECTED } from './setting-change.ts'
import { testPolicy, testSource } from './test-source.ts'
import type { Heard } from './view.ts'

const TOKEN = 'a-token-of-some-length'
const authorization = `Bearer ${TOKEN}`

async function page(t: TestContext, changes: Partial<MonitorServerOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-page-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>sealwire</title>')
  writeFileSync(join(folder, 'page.js'), '// a script')
  const serving = await serveForTest(t, { page: folder, tokenDigest: digestOf(TOKEN), ...changes })
  const origin = `http://127.0.0.1:${serving.server.port}`
  const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const own = { authorization, origin, 'content-type': 'application/json', ...headers }
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return serving.ask('/setting', { method: 'POST', headers: own, body: text })
  }
  return { ...serving, folder, origin, post }
}

test('files of the page come without a token and hold nothing of the host, and what is not built says what to do', async t => {
  const { get, source } = await page(t)
  const index = await get('/')
  assert.deepEqual([index.code, index.headers['content-type']], [200, 'text/html; charset=utf-8'])
  assert.equal((await get('/page.js')).headers['content-type'], 'text/javascript; charset=utf-8')
  const missing = await get('/page.css')
  assert.equal(missing.code, 503)
  assert.match(missing.text, /not built here: run/)
  assert.deepEqual(source.asked, [])
  for (const path of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/page.js/',
    '//page.js',
    '/index.html',
    '/__proto__',
  ])
    assert.notEqual((await get(path, { authorization })).code, 200, path)
})

test('every answer forbids what a page could be tricked into, and is kept by nobody', async t => {
  const { get, post } = await page(t)
  const answers = [
    ...[await get('/'), await get('/page.css'), await get('/feed'), await get('/policy', { authorization })],
    ...[await get('/nothing', { authorization }), await post({ value: 1, expected: 0 }), await post('x')],
  ]
  for (const { headers } of answers) {
    const policy = headers['content-security-policy'] as string
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      'require-trusted-types-for',
    ])
      assert.ok(policy.includes(part), part)
    assert.doesNotMatch(policy, /unsafe/)
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
    assert.equal(headers['access-control-allow-origin'], undefined)
    assert.equal(headers['set-cookie'], undefined)
  }
})

test('without the token nothing is told and nothing is asked', async t => {
  const { get, post, source } = await page(t)
  for (const path of [
    '/feed',
    '/policy',
    '/setting',
    '/setting?value=1',
    '/metrics',
    '/healthz',
    '/nothing',
    `/feed?token=${TOKEN}`,
  ])
    assert.equal((await get(path)).code, 401, path)
  assert.equal((await post({ value: 1, expected: 0 }, { authorization: 'Bearer wrong' })).code, 401)
  assert.deepEqual(source.asked, [])
})

/** The lines of a feed, as they come. */
async function feed(
  t: TestContext,
  { open }: Awaited<ReturnType<typeof page>>,
  sent: Sent = { headers: { authorization } },
) {
  const lines: (readonly Heard[])[] = []
  const { promise: opened, resolve, reject } = Promise.withResolvers<number>()
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  let more = () => {}
  const request = open('/feed', sent)
  let rest = ''
  request.on('response', response => {
    resolve(response.statusCode!)
    response.setEncoding('utf8').on('data', (piece: string) => {
      const [last = '', ...whole] = (rest + piece).split('\n').reverse()
      rest = last
      for (const line of whole.reverse()) lines.push(JSON.parse(line) as Heard[])
      more()
    })
    response.on('error', () => {})
    response.on('close', close)
  })
  request.on('error', reject)
  request.end()
  t.after(() => request.destroy())
  assert.equal(await opened, 200)
  const until = async (count: number) => {
    while (lines.length < count) await new Promise<void>(resolve => (more = resolve))
  }
  return { lines, until, closed, request }
}

test('the feed begins at once, goes on, and ends with the server', async t => {
  const serving = await page(t, { clock: systemClock })
  const { lines, until, closed } = await feed(t, serving)
  await until(1)
  assert.deepEqual(
    lines[0]!.map(({ kind }) => kind),
    ['status'],
  )
  ;(serving.source as ReturnType<typeof testSource>).tell({ text: 'news' })
  await until(2)
  assert.ok(lines.flat().some(one => one.kind === 'event' && one.event.text === 'news'))
  await serving.server.close()
  await closed
})

test('as many as can read along do, numbers are still answered, and a place is free again when one leaves', async t => {
  const serving = await page(t, { clock: systemClock })
  const readers = []
  for (let count = 0; count < MOST_READERS; count++) readers.push(await feed(t, serving))
  const refused = await serving.get('/feed', { authorization })
  assert.equal(refused.code, 503)
  assert.match(refused.text, /enough/)
  assert.equal((await serving.get('/metrics', { authorization })).code, 200)
  readers[0]!.request.destroy()
  await new Promise(resolve => setTimeout(resolve, 100))
  await feed(t, serving)
})

test('who stops reading the feed is let go, and the server holds no more for it than it may', async t => {
  const serving = await page(t, { clock: systemClock })
  const source = serving.source
  const head = `GET /feed HTTP/1.1\r\nHost: 127.0.0.1:${serving.server.port}\r\nAuthorization: ${authorization}\r\n\r\n`
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  const socket = connect(serving.server.port!, '127.0.0.1', () => socket.write(head))
  socket.on('error', () => {})
  socket.on('close', resolve)
  socket.once('data', () => socket.pause())
  t.after(() => socket.destroy())
  while (source.listeners.values().next().value !== 'debug') await new Promise(resolve => setTimeout(resolve, 10))
  const before = process.memoryUsage().external
  for (let tries = 0; source.listeners.values().next().value === 'debug'; tries++) {
    assert.ok(tries < 400, 'it was not let go')
    for (let count = 0; count < 20; count++) source.tell({ text: 'x'.repeat(20_000) })
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  assert.ok(process.memoryUsage().external - before < 64 * 1024 * 1024)
  socket.resume()
  await gone
})

test('the policy and what another value would do come as JSON, and a value that is none is refused', async t => {
  const { get } = await page(t)
  assert.deepEqual(JSON.parse((await get('/policy', { authorization })).text), testPolicy)
  const preview = JSON.parse((await get('/setting?value=1', { authorization })).text)
  assert.deepEqual([preview.asked, preview.changes[0].then], [1, 'secured'])
  assert.equal((await get('/setting', { authorization })).code, 200)
  for (const value of ['', '-1', '1.5', '0x1', '4294967296', 'one', '99999999999'])
    assert.equal((await get(`/setting?value=${value}`, { authorization })).code, 422, value)
})

test('a change is made as it was asked for, and what the agent refuses comes back in its words', async t => {
  const asked: unknown[] = []
  let problem: Problem | undefined
  const source = testSource({
    async change(change) {
      asked.push(change)
      return problem === undefined ? { ok: true, value: undefined } : failure([problem])
    },
  })
  const { post } = await page(t, { source })
  const fine = await post({ value: 1, expected: 0 })
  assert.deepEqual([fine.code, JSON.parse(fine.text)], [200, { ok: true }])
  assert.deepEqual(asked, [{ value: 1, expected: 0 }])
  const severity = 'error'
  problem = { severity, where: EXPECTED, what: '1 is in force by now', hint: 'look again' }
  const late = await post({ value: 1, expected: 0 })
  const { severity: _, ...words } = problem
  assert.deepEqual([late.code, JSON.parse(late.text)], [409, { problems: [words] }])
  problem = { severity, where: 'value', what: 'this Windows does not honour it', hint: '' }
  assert.equal((await post({ value: 7, expected: 0 })).code, 422)
})

test('a change that is not as it has to be reaches no agent', async t => {
  const { post, source, ask, origin } = await page(t)
  const good = { value: 1, expected: 0 }
  for (const body of [
    '',
    'null',
    '[]',
    '1',
    '{',
    '{}',
    { value: 1 },
    { value: '1', expected: 0 },
    { value: 1, expected: null },
  ])
    assert.equal((await post(body)).code, 422, JSON.stringify(body))
  for (const value of [-1, 1.5, 2 ** 32, true]) assert.equal((await post({ value, expected: 0 })).code, 422)
  assert.equal((await post({ ...good, more: 'x'.repeat(2000) })).code, 413)
  assert.equal((await post(good, { 'content-type': 'text/plain' })).code, 415)
  assert.equal((await post(good, { origin: 'http://evil.example' })).code, 403)
  assert.equal((await post(good, { host: 'evil.example' })).code, 403)
  assert.equal((await post(good, { 'sec-fetch-site': 'cross-site' })).code, 403)
  const headers = { authorization, 'content-type': 'application/json' }
  const without = await ask('/setting', { method: 'POST', headers, body: JSON.stringify(good) })
  assert.equal(without.code, 403)
  const elsewhere = await ask('/policy', {
    method: 'POST',
    headers: { ...headers, origin },
    body: JSON.stringify(good),
  })
  assert.deepEqual([elsewhere.code, elsewhere.headers.allow], [405, 'GET'])
  assert.equal((await ask('/setting', { method: 'DELETE' })).headers.allow, 'GET, POST')
  assert.ok(!source.asked.includes('change'))
})

test('a body that comes in pieces and is too large is not waited for', async t => {
  const { open, origin, source } = await page(t)
  const headers = { authorization, origin, 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
  const request = open('/setting', { method: 'POST', headers })
  const { promise, resolve } = Promise.withResolvers<number>()
  request.on('response', response => {
    resolve(response.statusCode!)
    response.resume().on('error', () => {})
  })
  request.on('error', () => {})
  for (let count = 0; count < 20; count++) request.write('x'.repeat(100))
  assert.equal(await promise, 413)
  request.destroy()
  assert.ok(!source.asked.includes('change'))
})

test('where the agent does not answer, nor do its secrets', async t => {
  const broken = () => Promise.reject(new Error('a secret of the system'))
  const { get, post } = await page(t, {
    source: testSource({ policy: broken, preview: broken, change: broken, status: broken }),
  })
  for (const path of ['/policy', '/setting?value=1', '/metrics']) {
    const got = await get(path, { authorization })
    assert.equal(got.code, 503)
    assert.doesNotMatch(got.text, /secret/)
  }
  assert.equal((await post({ value: 1, expected: 0 })).code, 503)
})

test('whatever is sent, the server answers or ends the connection, and serves the next one', async t => {
  const { server, get } = await page(t)
  const piece = fc.oneof(
    fc.constantFrom(
      ...[
        'GET ',
        'POST ',
        ' HTTP/1.1\r\n',
        '\r\n',
        '\r\n\r\n',
        '/setting',
        '/feed',
        '/',
        '?value=',
        '%00',
        '../',
        ': ',
      ],
      ...[
        `Host: 127.0.0.1:${server.port}\r\n`,
        `Origin: http://127.0.0.1:${server.port}\r\n`,
        `Authorization: ${authorization}\r\n`,
      ],
      ...[
        'Content-Type: application/json\r\n',
        'Content-Length: 5\r\n',
        'Content-Length: 99999999\r\n',
        'Content-Length: -1\r\n',
      ],
      ...[
        'Transfer-Encoding: chunked\r\n',
        'Connection: upgrade\r\n',
        'Upgrade: websocket\r\n',
        'Expect: 100-continue\r\n',
      ],
      ...['{"value":1,"expected":0}', '5\r\nhello\r\n', '0\r\n\r\n', 'fffffffff\r\n'],
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async pieces => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const socket = connect(server.port!, '127.0.0.1', () => {
        socket.write(pieces.join(''), 'latin1')
        setTimeout(() => socket.destroy(), 5)
      })
      socket.resume().on('error', () => {})
      socket.on('close', () => resolve())
      await promise
    }),
    { numRuns: 100 },
  )
  assert.equal((await get('/readyz', { authorization })).code, 200)
})
