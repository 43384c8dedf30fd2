import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { decodeSection, encodeSection, part, Vici } from './vici.ts'

const message = { name: 'lab', list: ['one', 'two'], empty: [], inner: { key: 'value', deeper: { list: ['three'] } } }

test('a vici message is read as it was written', () => {
  assert.deepEqual(decodeSection(encodeSection(message)), message)
  assert.deepEqual(part(message, 'inner', 'deeper'), { list: ['three'] })
  assert.deepEqual(part(message, 'no', 'such'), {})
  assert.throws(() => decodeSection(encodeSection(message).subarray(0, 20)), /ends too early/)
})

test('a refusal is an error with its reason, and events come between answers, however the bytes are cut', async () => {
  const [ours, theirs] = duplexPair()
  const vici = new Vici(ours)
  const answers = [
    Uint8Array.of(5),
    ...[
      Uint8Array.of(7, 2, 0x75, 0x70, ...encodeSection({ state: 'up' })),
      Uint8Array.of(1, ...encodeSection({ a: 'b' })),
    ],
    Uint8Array.of(1, ...encodeSection({ success: 'no', errmsg: 'not today' })),
    Uint8Array.of(2),
  ]
  const bytes = answers.flatMap(answer => [0, 0, 0, answer.length, ...answer])
  const heard: unknown[] = []
  const listening = vici.on('up', event => heard.push(event))
  const asked = vici.ask('list')
  const refused = vici.ask('go')
  const unknown = vici.ask('fly')
  const ended = Promise.all([
    assert.rejects(refused, /strongSwan, go: not today/),
    assert.rejects(unknown, /knows no command fly/),
  ])
  for (const byte of bytes) {
    theirs.write(Uint8Array.of(byte))
    await wait(0)
  }
  await listening
  assert.deepEqual(await asked, { a: 'b' })
  await ended
  assert.deepEqual(heard, [{ state: 'up' }])
  vici.close()
})
