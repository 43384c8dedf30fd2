// `status --watch` against a control socket: a screen that is drawn anew, lines of JSON, and an end at once by Ctrl+C.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ControlServer } from '../agent/control-server.ts'
import { prepareStateFolder, stateFolder } from '../agent/state-folder.ts'
import { TestAgent } from '../agent/test-agent-parts.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import { Console } from './console.ts'
import { watchStatus } from './watch-status.ts'

const program = join(import.meta.dirname, '../../sealwire')

/** A control socket where an agent's status is told, or nothing at all while `silent`. */
async function serving(context: TestContext) {
  const base = mkdtempSync(join(tmpdir(), 'sealwire-watch-'))
  const folder = stateFolder(join(base, 'state'))
  assert.ok(prepareStateFolder(folder).ok)
  const host = new TestAgent()
  await host.in(host.agent.up())
  const value = await host.in(host.agent.status())
  const state = { silent: false, looks: 0, warnings: [] as readonly string[] }
  const start = async () => {
    const server = new ControlServer({
      folder,
      listen: () => () => {},
      answer: async () => {
        state.looks++
        if (state.silent) await new Promise(() => {})
        return { kind: 'fine', value: { ...value, warnings: state.warnings } satisfies AgentStatus }
      },
    })
    await server.start()
    return () => {
      server.stopListening()
      server.cut()
    }
  }
  let stop = await start()
  context.after(() => {
    stop()
    rmSync(base, { recursive: true })
  })
  return {
    folder,
    state,
    stop: () => stop(),
    restart: async () => {
      stop = await start()
    },
  }
}

function terminal(rows: number) {
  const written: string[] = []
  const errors: string[] = []
  const console = new Console({
    output: { write: text => written.push(text), isTTY: true, columns: 80, rows },
    errorOutput: { write: text => errors.push(text) },
    color: true,
  })
  return { console, written, errors }
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 1000, 'it does not happen')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

test('a terminal is drawn anew at every look, never beyond its last line, and is left as it was', async context => {
  const { folder } = await serving(context)
  const { console, written } = terminal(6)
  const ended = new AbortController()
  const watching = watchStatus({ folder, seconds: 0.05, isJson: false, ended: ended.signal }, console)
  await until(() => written.length >= 4)
  ended.abort()
  assert.equal(await watching, 0)
  assert.equal(written[0], '\x1b[?1049h\x1b[?25l\x1b[?7l')
  assert.equal(written.at(-1), '\x1b[?7h\x1b[?25h\x1b[?1049l')
  for (const screen of written.slice(1, -1)) {
    assert.ok(screen.startsWith('\x1b[H') && screen.endsWith('\x1b[J'), screen)
    assert.equal(screen.split('\n').length, 6)
    assert.match(screen, /Ctrl\+C ends[\s\S]*first[\s\S]*… \d+ more lines/)
  }
})

test('an agent that goes away and comes back is watched on, and what was seen last is the exit status', async context => {
  const agent = await serving(context)
  const { console, written } = terminal(30)
  const ended = new AbortController()
  const watching = watchStatus({ folder: agent.folder, seconds: 0.05, isJson: false, ended: ended.signal }, console)
  await until(() => /policy/.test(written.at(-1)!))
  agent.stop()
  await until(() => /No agent runs/.test(written.at(-1)!))
  agent.state.warnings = ['the moon is full']
  await agent.restart()
  await until(() => /the moon is full/.test(written.at(-1)!))
  ended.abort()
  assert.equal(await watching, 1)
})

test('whoever ends the watch does not wait for an agent that hangs', async context => {
  const agent = await serving(context)
  agent.state.silent = true
  const { console, written } = terminal(30)
  const ended = new AbortController()
  const watching = watchStatus({ folder: agent.folder, seconds: 60, isJson: false, ended: ended.signal }, console)
  await until(() => agent.state.looks > 0)
  const before = performance.now()
  ended.abort()
  await watching
  assert.ok(performance.now() - before < 5000)
  assert.equal(written.length, 2)
})

test('with --json each look is one line, and Ctrl+C ends it with the exit status of the last and without a word', async context => {
  const { folder } = await serving(context)
  const child = spawn(program, ['status', '--watch', '0.1', '--json', '--state', folder.path])
  let out = ''
  let error = ''
  child.stdout.setEncoding('utf8').on('data', piece => {
    out += piece
  })
  child.stderr.setEncoding('utf8').on('data', piece => {
    error += piece
  })
  const closed = new Promise(resolve => child.on('close', (status, signal) => resolve([status, signal])))
  await until(() => out.split('\n').length > 3)
  child.kill('SIGINT')
  assert.deepEqual(await closed, [0, null])
  assert.equal(error, '')
  const lines = out.trimEnd().split('\n')
  for (const line of lines) assert.equal((JSON.parse(line) as AgentStatus).policy.name, 'first')
})

test('where no agent is there is nothing to watch, and what is no number of seconds is refused', async () => {
  for (const [words, status, said] of [
    [['--watch', '--state', '/nowhere/at-all'], 1, /No agent runs/],
    [['--watch', 'soon'], 2, /“soon” is no number of seconds/],
    [['--watch', '0'], 2, /“0” is no number of seconds \(a number from 0\.1 to 86400\)/],
  ] as const) {
    const child = spawn(program, ['status', ...words])
    let error = ''
    child.stderr.setEncoding('utf8').on('data', piece => {
      error += piece
    })
    assert.equal(await new Promise(resolve => child.on('close', resolve)), status)
    assert.match(error, said)
  }
})
