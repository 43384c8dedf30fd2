// The control socket as a process of the same machine meets it: who may, how much, and what a bad neighbour can do.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ToldEvent } from '../monitor/told-event.ts'
import { ControlClient } from './control-client.ts'
import { type Answer, type Command, isAtLeast } from './control-protocol.ts'
import { ControlServer } from './control-server.ts'
import { prepareStateFolder, stateFolder } from './state-folder.ts'

async function serving(context: TestContext, answer: (command: Command) => Promise<Answer>) {
  const base = mkdtempSync(join(tmpdir(), 'sealwire-control-'))
  const folder = stateFolder(join(base, 'state'))
  assert.ok(prepareStateFolder(folder).ok)
  const listeners = new Map<(event: ToldEvent) => void, ToldEvent['level']>()
  const listen = (listener: (event: ToldEvent) => void, least: ToldEvent['level']) => {
    listeners.set(listener, least)
    return () => listeners.delete(listener)
  }
  const server = new ControlServer({ folder, answer, listen })
  await server.start()
  context.after(() => {
    server.stopListening()
    server.cut()
    rmSync(base, { recursive: true })
  })
  const tell = (text: string, level: ToldEvent['level'] = 'info') => {
    for (const [listener, least] of listeners)
      if (isAtLeast(level, least)) listener({ at: 0, level, kind: 'test', text })
  }
  return { folder, server, tell, listeners }
}

const kindOf = async ({ kind }: Command): Promise<Answer> => ({ kind: 'fine', value: kind })

async function client(folder: ReturnType<typeof stateFolder>): Promise<ControlClient> {
  const connected = await ControlClient.connect(folder)
  assert.ok(typeof connected !== 'string', String(connected))
  return connected
}

function ended(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', piece => {
    text += piece
  })
  socket.on('error', () => {})
  return new Promise(resolve => socket.on('close', () => resolve(text)))
}

test('only its own user may enter the folder and speak to the socket', async context => {
  const { folder } = await serving(context, kindOf)
  assert.equal(statSync(folder.path).mode & 0o777, 0o700)
  assert.equal(statSync(folder.socket).mode & 0o777, 0o600)
})

test('every request gets its answer, in order, and several clients do not disturb each other', async context => {
  const { folder } = await serving(context, kindOf)
  const [one, other] = [await client(folder), await client(folder)]
  const answers = await Promise.all([
    one.ask({ kind: 'status' }),
    one.ask({ kind: 'reload' }),
    other.ask({ kind: 'status' }),
  ])
  assert.deepEqual(
    answers.map(answer => answer.kind === 'fine' && answer.value),
    ['status', 'reload', 'status'],
  )
  one.close()
  other.close()
})

test('a command that throws is refused, with the reason', async context => {
  const { folder } = await serving(context, async () => {
    throw new Error('the kernel says no', { cause: new Error('EPERM') })
  })
  const asking = await client(folder)
  const answer = await asking.ask({ kind: 'status' })
  assert.ok(answer.kind === 'refused')
  assert.match(answer.problems[0]!.what, /the kernel says no: EPERM/)
  asking.close()
})

test('subscribers hear events from their level on; who leaves is forgotten', async context => {
  const { folder, tell, listeners } = await serving(context, kindOf)
  const heard: string[] = []
  const listening = await client(folder)
  await listening.subscribe('warning', ({ text }) => heard.push(text))
  tell('nothing much')
  tell('look here', 'error')
  await listening.ask({ kind: 'status' })
  assert.deepEqual(heard, ['look here'])
  listening.close()
  await listening.closed
  for (let tries = 0; listeners.size > 0 && tries < 100; tries++) await new Promise(resolve => setTimeout(resolve, 10))
  assert.equal(listeners.size, 0)
})

test('who does not read its events is let go, and the agent keeps nothing for it', async context => {
  const { folder, tell, listeners } = await serving(context, kindOf)
  const slow = connect(folder.socket)
  slow.write('{"version":1,"id":1,"command":"subscribe"}\n')
  await new Promise(resolve => slow.once('data', resolve))
  slow.pause()
  const gone = ended(slow)
  for (let count = 0; count < 200 && listeners.size > 0; count++) {
    tell('x'.repeat(100_000))
    await new Promise(resolve => setImmediate(resolve))
  }
  assert.equal(listeners.size, 0)
  slow.resume()
  await gone
})

test('a line without end, or too many requests at once, end the connection and nothing else', async context => {
  const { folder } = await serving(context, async command => {
    await new Promise(resolve => setTimeout(resolve, 5))
    return kindOf(command)
  })
  const endless = connect(folder.socket)
  const over = ended(endless)
  endless.write('a'.repeat(70_000))
  await over
  const flood = connect(folder.socket)
  const flooded = ended(flood)
  flood.write('{"version":1,"id":1,"command":"status"}\n'.repeat(1000))
  await flooded
  const asking = await client(folder)
  assert.equal((await asking.ask({ kind: 'status' })).kind, 'fine')
  asking.close()
})

test('more clients than there is room for are turned away', async context => {
  const { folder } = await serving(context, kindOf)
  const all = Array.from({ length: 40 }, () => connect(folder.socket))
  const dropped = all.map(socket => ended(socket))
  const first = await Promise.race(dropped)
  assert.equal(first, '')
  for (const socket of all) socket.destroy()
})

test('an answer that is on its way arrives before the socket is closed', async context => {
  const { folder, server } = await serving(context, async command => {
    await new Promise(resolve => setTimeout(resolve, 50))
    return kindOf(command)
  })
  const asking = await client(folder)
  const answer = asking.ask({ kind: 'down', keepGuard: false })
  await new Promise(resolve => setTimeout(resolve, 20))
  await server.close()
  assert.equal((await answer).kind, 'fine')
  assert.equal(await ControlClient.connect(folder), 'none')
})
