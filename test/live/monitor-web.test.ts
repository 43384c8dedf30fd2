// `monitor --web` over a real agent: what the wire does is in the feed, and NoDefaultExempt is changed by a request as the page
// makes it, in force at once; the same from an agent that serves its page itself.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PolicyView } from '../../src/monitor/policy-view.ts'
import { ruleHits } from '../../src/monitor/rule-hits.ts'
import type { SettingPreview } from '../../src/monitor/setting-change.ts'
import { emptyView, follow, type Heard, type MonitorView } from '../../src/monitor/view.ts'
import { type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const program = join(import.meta.dirname, '..', '..', 'sealwire')
const RULE = 'Everything between the two'

/** A request from within the host's namespace, as the page makes it; lines of the answer as they come. */
const asker = `
const [url, token, body] = process.argv.slice(1)
const headers = { authorization: 'Bearer ' + token }
const origin = new URL(url).origin
const options = body === undefined ? { headers } : { method: 'POST', body, headers: { ...headers, origin, 'content-type': 'application/json' } }
fetch(url, options).then(async response => {
  process.stderr.write(response.status + '\\n')
  for await (const piece of response.body) process.stdout.write(piece)
})`

async function ask<T>(host: LiveHost, url: string, token: string, body?: unknown): Promise<readonly [number, T]> {
  const more = body === undefined ? [] : [JSON.stringify(body)]
  const { out, error } = await host.run([process.execPath, '-e', asker, url, token, ...more])
  return [Number(error.trim()), (out.startsWith('{') ? JSON.parse(out) : undefined) as T]
}

/** The view as the page folds it. */
function read(context: TestContext, host: LiveHost, base: string, token: string) {
  const words = ['netns', 'exec', host.namespace, process.execPath, '-e', asker, `${base}/feed`, token]
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'ignore'] })
  context.after(() => child.kill('SIGKILL'))
  let view: MonitorView = emptyView
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    for (const line of lines) view = follow(view, JSON.parse(line) as Heard[])
  })
  /** Seconds until it is so. */
  return async (isShown: (view: MonitorView) => boolean, within = 10) => {
    const begun = performance.now()
    while (!isShown(view)) {
      assert.ok(performance.now() - begun < within * 1000, `it is not shown: ${JSON.stringify(view.status)}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return (performance.now() - begun) / 1000
  }
}

async function web(
  context: TestContext,
  host: LiveHost,
): Promise<readonly [base: string, token: string, ChildProcess]> {
  const words = ['netns', 'exec', host.namespace, program, 'monitor', '--web', '--state', host.state]
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGTERM'))
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece))
  while (!out.includes('\n')) await once(child.stdout, 'data')
  const [base, token] = out.trim().split('/#token=')
  return [base!, token!, child]
}

test('what happens on the wire is in the feed, and a change of the setting is in force at once', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  const [base, token, child] = await web(context, one)
  const shows = read(context, one, base, token)
  await shows(({ connection }) => connection === 'there')
  assert.ok((await one.ping(two.address)) > 0)
  await shows(({ hosts }) => hosts[0]?.standing === 'sealed')
  await shows(({ negotiations }) => negotiations.some(({ rungs }) => rungs.length >= 4))
  await shows(({ status }) => {
    const [hits] = ruleHits(status!)
    return hits?.rule === RULE && hits.sealed.outbound.packets > 0 && hits.sealed.inbound.packets > 0
  })
  const [, policy] = await ask<PolicyView>(one, `${base}/policy`, token)
  assert.deepEqual(
    policy.rules.map(({ name, action, security }) => [name, action, security]),
    [[RULE, 'negotiate', ['esp-aes256gcm16']]],
  )

  const [, preview] = await ask<SettingPreview>(one, `${base}/setting?value=1`, token)
  assert.deepEqual([preview.value, preview.from, preview.isChangeable], [0, 'default', true])
  assert.ok(preview.changes.some(({ title, then }) => title === 'Kerberos' && then === 'secured'))
  const change = { value: 1, expected: 0 }
  assert.equal((await ask(one, `${base}/setting`, 'a-wrong-token-of-some-length', change))[0], 401)
  assert.equal((await one.status()).setting.value, 0)
  assert.deepEqual(await ask(one, `${base}/setting`, token, change), [200, { ok: true }])
  const { setting } = await one.status()
  assert.deepEqual([setting.value, setting.from], [1, 'registry'])
  const after = await shows(view => view.status?.setting.value === 1)
  await shows(({ log }) =>
    log.some(({ kind, text }) => kind === 'setting-changed' && text.includes('the monitor’s page')),
  )
  assert.equal((await ask(one, `${base}/setting`, token, change))[0], 409)
  // The same registry that `sealwire reg` has, with a backup before the change.
  const value = String.raw`HKLM\SYSTEM\CurrentControlSet\Services\IPSEC`
  assert.match((await one.sealwire('reg', 'query', value, '/v', 'NoDefaultExempt', '--state', one.state)).out, /0x1/)
  assert.match((await one.sealwire('reg', 'backup', '--list', '--state', one.state)).out, /before a change/)

  await one.down()
  await shows(({ connection }) => connection === 'lost')
  await one.up()
  await shows(({ connection, status }) => connection === 'there' && status?.state === 'up')
  const closed = once(child, 'exit')
  child.kill('SIGINT')
  await closed
  context.diagnostic(`the change stood in the feed ${after.toFixed(2)} s after its answer`)
})

test('an agent serves its page itself, with a token on a port, and nobody else’s wire has it', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const token = 'a-token-for-the-page-of-a-test'
  const file = join(one.folder, 'web-token')
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  await one.up('--web', '127.0.0.1:9755', '--web-token', file)
  await two.up('--web', `unix:${join(two.state, 'web.sock')}`)
  const base = 'http://127.0.0.1:9755'
  const shows = read(context, one, base, token)
  await shows(({ connection }) => connection === 'there')
  assert.ok((await one.ping(two.address)) > 0)
  await shows(({ hosts }) => hosts[0]?.standing === 'sealed')
  assert.deepEqual(await ask(one, `${base}/setting`, token, { value: 1, expected: 0 }), [200, { ok: true }])
  await shows(view => view.status?.setting.value === 1)
  assert.equal((await ask(one, `${base}/`, 'none'))[0], 200)
  const elsewhere = await two.run([process.execPath, '-e', asker, `http://${one.address}:9755/policy`, token])
  assert.notEqual(elsewhere.status, 0)
  assert.ok(!one.log().includes(token))
  const open = await one.sealwire(
    'up',
    '--policy',
    one.policy,
    '--state',
    join(one.folder, 'x'),
    '--web',
    '127.0.0.1:9756',
  )
  assert.equal(open.status, 2)
  assert.match(open.error, /--web-token/)
})
