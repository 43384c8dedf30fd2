// A link to an agent: found again when it is back, and not held up by what takes long.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ControlClient } from '../agent/control-client.ts'
import type { Answer, Command } from '../agent/control-protocol.ts'
import { ControlServer } from '../agent/control-server.ts'
import { prepareStateFolder, stateFolder } from '../agent/state-folder.ts'
import type { ToldEvent } from '../monitor/told-event.ts'
import { AgentLink } from './agent-link.ts'

async function linked(t: TestContext, answer: (command: Command) => Promise<Answer>) {
  const base = mkdtempSync(join(tmpdir(), 'sealwire-link-'))
  t.after(() => rmSync(base, { recursive: true }))
  const folder = stateFolder(join(base, 'state'))
  assert.ok(prepareStateFolder(folder).ok)
  const listeners = new Set<(event: ToldEvent) => void>()
  const listen = (listener: (event: ToldEvent) => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  const start = async () => {
    const server = new ControlServer({ folder, answer, listen })
    await server.start()
    return () => {
      server.stopListening()
      server.cut()
    }
  }
  const end = await start()
  t.after(end)
  const client = await ControlClient.connect(folder)
  assert.ok(typeof client !== 'string')
  const link = new AgentLink(folder, client)
  t.after(() => link.close())
  return { link, start, end, listeners }
}

const fine = async ({ kind }: Command): Promise<Answer> => ({ kind: 'fine', value: kind })
const moment = () => new Promise(resolve => setTimeout(resolve, 20))

test('a change that takes long keeps nobody from the status', async t => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { link } = await linked(t, async command => {
    if (command.kind === 'change-setting') await promise
    return fine(command)
  })
  const change = link.ask({ kind: 'change-setting', value: 1, expected: 0, by: 'a test' })
  assert.deepEqual(await link.ask({ kind: 'status' }), { kind: 'fine', value: 'status' })
  resolve()
  assert.deepEqual(await change, { kind: 'fine', value: 'change-setting' })
})

test('an agent that is back is asked and heard again; without one, questions say so', async t => {
  const { link, start, end, listeners } = await linked(t, fine)
  const heard: string[] = []
  let lost = 0
  link.onLost(() => lost++)
  const stop = link.listen('info', ({ text }) => heard.push(text))
  await link.ask({ kind: 'status' })
  const tell = (text: string) => {
    for (const listener of listeners) listener({ at: 0, level: 'info', kind: 'test', text })
  }
  tell('one')
  end()
  while (lost === 0) await moment()
  await assert.rejects(link.ask({ kind: 'status' }), /none runs/)
  await assert.rejects(link.ask({ kind: 'change-setting', value: 1, expected: 0, by: '' }), /none runs/)
  t.after(await start())
  const both = await Promise.all([link.ask({ kind: 'status' }), link.ask({ kind: 'policy' })])
  assert.deepEqual(
    both.map(({ kind }) => kind),
    ['fine', 'fine'],
  )
  while (listeners.size === 0) await moment()
  assert.equal(listeners.size, 1)
  tell('two')
  while (heard.length < 2) await moment()
  assert.deepEqual(heard, ['one', 'two'])
  stop()
  tell('three')
  await link.ask({ kind: 'status' })
  assert.deepEqual(heard, ['one', 'two'])
})
