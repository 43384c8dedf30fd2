// `monitor --web` beside an agent that goes and comes back: the address that was printed stays good, whoever reads along hears
// of both, and the setting is changed with the token and not without.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Answer, Command } from '../agent/control-protocol.ts'
import { ControlServer } from '../agent/control-server.ts'
import { prepareStateFolder, type StateFolder, stateFolder } from '../agent/state-folder.ts'
import { testStatus } from '../monitor/test-status.ts'
import { emptyView, follow, type Heard, type MonitorView } from '../monitor/view.ts'
import { monitor } from './commands/monitor.ts'
import { up } from './commands/up.ts'
import { runCommand } from './test-run.ts'

const main = join(import.meta.dirname, 'main.ts')

/** Whatever is asked; `pid` tells one run of it from another. */
async function agentAt(folder: StateFolder, pid: number, asked: Command[] = []) {
  const answer = async (command: Command): Promise<Answer> => {
    asked.push(command)
    return { kind: 'fine', value: command.kind === 'status' ? testStatus({ pid }) : null }
  }
  const server = new ControlServer({ folder, answer, listen: () => () => {} })
  await server.start()
  return {
    end() {
      server.stopListening()
      server.cut()
    },
  }
}

function stateOf(t: TestContext): StateFolder {
  const base = mkdtempSync(join(tmpdir(), 'sealwire-web-'))
  t.after(() => rmSync(base, { recursive: true }))
  const folder = stateFolder(join(base, 'state'))
  assert.ok(prepareStateFolder(folder).ok)
  return folder
}

async function started(t: TestContext, ...words: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [main, 'monitor', '--web', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout!.setEncoding('utf8').on('data', (piece: string) => (out += piece))
  let error = ''
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => (error += piece))
  while (!out.includes('\n') && child.exitCode === null)
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
  return { child, out: () => out, error: () => error }
}

/** The view that a page has of the feed, and waits for what it shows. */
async function reading(t: TestContext, base: string, token: string) {
  const leave = new AbortController()
  t.after(() => leave.abort())
  const response = await fetch(`${base}/feed`, { headers: { authorization: `Bearer ${token}` }, signal: leave.signal })
  assert.equal(response.status, 200)
  const pieces = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let view: MonitorView = emptyView
  let rest = ''
  return async (isShown: (view: MonitorView) => boolean) => {
    while (!isShown(view)) {
      const { value, done } = await pieces.read()
      assert.ok(!done, 'the feed ended')
      const lines = (rest + value).split('\n')
      rest = lines.pop()!
      for (const line of lines) view = follow(view, JSON.parse(line) as Heard[])
    }
    return view
  }
}

test('the page goes on while the agent goes and comes back, and Ctrl+C ends it well', { timeout: 60_000 }, async t => {
  const folder = stateOf(t)
  const first = await agentAt(folder, 100)
  t.after(() => first.end())
  const { child, out, error } = await started(t, '--state', folder.path)
  const [, base, token] = /^(http:\/\/127\.0\.0\.1:\d+)\/#token=([\w-]{32})\n$/.exec(out())!
  while (!error().includes('\n')) await once(child.stderr!, 'data')
  assert.match(error(), /Ctrl\+C ends it/)
  const shows = await reading(t, base!, token!)
  await shows(({ status }) => status?.pid === 100)
  first.end()
  const lost = await shows(({ connection }) => connection === 'lost')
  assert.equal(lost.lostBecause, 'none runs')
  const asked: Command[] = []
  const second = await agentAt(folder, 200, asked)
  t.after(() => second.end())
  await shows(({ connection, status }) => connection === 'there' && status?.pid === 200)

  const change = (headers: Readonly<Record<string, string>>) =>
    fetch(`${base}/setting`, {
      ...{ method: 'POST', body: JSON.stringify({ value: 1, expected: 0 }) },
      headers: { origin: base!, 'content-type': 'application/json', ...headers },
    })
  assert.equal((await change({})).status, 401)
  assert.deepEqual(await (await change({ authorization: `Bearer ${token}` })).json(), { ok: true })
  const [made, ...more] = asked.filter(({ kind }) => kind === 'change-setting')
  assert.deepEqual(more, [])
  assert.ok(made?.kind === 'change-setting' && made.value === 1 && made.expected === 0)
  assert.match(made.by, /the monitor’s page of .* \(process \d+\)/)

  child.kill('SIGINT')
  const [status] = (await once(child, 'exit')) as [number]
  assert.equal(status, 0)
  assert.ok(!error().includes(token!))
})

async function freePlace(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}

test('scripts get the address as JSON, on the port that they name', { timeout: 60_000 }, async t => {
  const folder = stateOf(t)
  const agent = await agentAt(folder, 1)
  t.after(() => agent.end())
  const place = await freePlace()
  const { child, out } = await started(t, place, '--state', folder.path, '--json')
  while (!out().trim().endsWith('}')) await once(child.stdout!, 'data')
  assert.ok((JSON.parse(out()) as { url: string }).url.startsWith(`http://${place}/#token=`))
  const taken = await started(t, place, '--state', folder.path)
  if (taken.child.exitCode === null) await once(taken.child, 'exit')
  assert.equal(taken.child.exitCode, 3)
  assert.match(taken.error(), /cannot be served: EADDRINUSE \(another program has it/)
})

test('a place that is none, one of other machines, and a port without a token are refused in words', async t => {
  const { path: state } = stateOf(t)
  for (const [place, what] of [
    ['0.0.0.0:8000', /no address of loopback/],
    ['here', /no address with a port/],
    ['unix:', /no name/],
  ] as const) {
    const ran = await runCommand(monitor, [], { web: place, state })
    assert.equal(ran.status, 2)
    assert.match(ran.said, what)
    assert.match(ran.said, /--web/)
  }
  assert.equal((await runCommand(monitor, [], { web: true, state })).status, 1)
  const terminal = await runCommand(monitor, [], { web: true, state, page: 'hosts', frames: '1' })
  assert.deepEqual([terminal.status, terminal.said.match(/^error: /gm)?.length], [2, 2])
  const open = await runCommand(up, [], { policy: 'policy.yaml', state, web: '127.0.0.1:8000' })
  assert.deepEqual([open.status, /write --web-token/.test(open.said)], [2, true], open.said)
  const alone = await runCommand(up, [], { policy: 'policy.yaml', state, webToken: 'token' })
  assert.match(alone.said, /write --web too/)
  const twice = { policy: 'policy.yaml', state, web: 'unix:/run/x.sock', metrics: 'unix:/run/x.sock' }
  assert.match((await runCommand(up, [], twice)).said, /answers \/metrics too/)
})
