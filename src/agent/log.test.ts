// The log's lines: one event a line in every form, whatever a peer calls itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { Secret } from '../base/secret.ts'
import type { KeyingEvent } from '../keying/machine.ts'
import type { ToldEvent } from '../monitor/told-event.ts'
import { eventOfKeying, wordsOfError } from './agent-event.ts'
import { Log, type LogForm } from './log.ts'

function written(form: LogForm, event: ToldEvent, least: ToldEvent['level'] = 'info'): string {
  let text = ''
  new Log({ form, least, write: piece => (text += piece) }).write(event)
  return text
}

const event: ToldEvent = {
  ...{ at: 1_800_000_000.5, level: 'warning', kind: 'in-clear', text: 'Look.' },
  fields: { peer: '10.0.0.2', problems: ['one', 'two'] },
}

test('a program gets one JSON object a line, a journal its priority in front, a person words', () => {
  const json = written('json', event)
  assert.deepEqual(JSON.parse(json), {
    ...{ time: '2027-01-15T08:00:00.500Z', level: 'warning', event: 'in-clear', message: 'Look.' },
    ...{ peer: '10.0.0.2', problems: ['one', 'two'] },
  })
  assert.equal(written('journal', event), `<4>${json}`)
  assert.equal(written('words', event), '08:00:00  warning: Look.\n          one\n          two\n')
})

test('what is below the wanted level is not written', () => {
  assert.equal(written('json', { ...event, level: 'debug' }), '')
  assert.notEqual(written('json', { ...event, level: 'debug' }, 'debug'), '')
})

test('a peer that calls itself by control characters writes no line of its own, and turns no writing', () => {
  const nasty = 'evil\nJan 1 root: all is well\u001b[2J\u202e\u2028\u0000'
  for (const form of ['json', 'words'] as const) {
    const text = written(form, { ...event, text: nasty, fields: { problems: [nasty] } })
    assert.doesNotMatch(text.replaceAll('\n          ', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}](?!$)/u)
  }
})

test('a program reads every field as it was', () => {
  const text = 'a\u202e\u{e0001}“b”\n'
  assert.equal(JSON.parse(written('json', { ...event, text })).message, text)
})

test('keys that keying tells for tests are no event of the agent', () => {
  const secret = { reveal: 'never' }
  const told = { kind: 'keys', keys: new Secret(secret), peer: parseAddress('10.0.0.2') } as unknown as KeyingEvent
  assert.equal(eventOfKeying(told), undefined)
})

test('an Error is told with its causes in one line', () => {
  const error = new Error('opening the port', { cause: new Error('bind answers\n EADDRINUSE') })
  assert.equal(wordsOfError(error), 'opening the port: bind answers EADDRINUSE')
  assert.equal(wordsOfError('text'), 'text')
})
