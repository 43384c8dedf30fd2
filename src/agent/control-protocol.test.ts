// What is said over the control socket, both ways, and what becomes of lines that nobody sane writes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import {
  type Command,
  LONGEST_REQUEST,
  readHeard,
  readRequest,
  refusal,
  writeAnswer,
  writeEvent,
  writeRequest,
} from './control-protocol.ts'
import { LineSplitter } from './line-splitter.ts'

const host = parseAddress('10.0.0.2')!
const six = parseAddress('fd00::2')!
const none = { protocol: undefined, sourcePort: undefined, destinationPort: undefined }

const commands: readonly Command[] = [
  { kind: 'status' },
  { kind: 'reload' },
  { kind: 'down', keepGuard: true },
  { kind: 'close-peer', peer: host },
  { kind: 'close-peer', peer: undefined },
  { kind: 'negotiate', host: six, ...none },
  { kind: 'negotiate', host, protocol: 6, sourcePort: 1, destinationPort: 65535 },
  { kind: 'subscribe', least: 'debug' },
  { kind: 'policy' },
  { kind: 'preview-setting', value: undefined },
  { kind: 'preview-setting', value: 0xffffffff },
  { kind: 'change-setting', value: 1, expected: 0, by: 'the monitor’s page of root' },
]

for (const command of commands) {
  test(`${writeRequest({ id: 7, command }).trim()} is read as it was meant`, () => {
    assert.deepEqual(readRequest(writeRequest({ id: 7, command })), { ok: true, value: { id: 7, command } })
  })
}

const wrong: readonly (readonly [line: string, what: RegExp, id: number])[] = [
  ['', /no JSON/, 0],
  ['{', /no JSON/, 0],
  ['null', /no JSON object/, 0],
  ['[1]', /no JSON object/, 0],
  ['{"version":1,"command":"status"}', /id/, 0],
  ['{"version":1,"id":-1,"command":"status"}', /id/, 0],
  ['{"version":1,"id":1e300,"command":"status"}', /id/, 0],
  ['{"version":2,"id":3,"command":"status"}', /version/, 3],
  ['{"version":1,"id":3,"command":"toString"}', /no such command/, 3],
  ['{"version":1,"id":3,"command":"__proto__"}', /no such command/, 3],
  ['{"version":1,"id":3,"command":["status"]}', /no such command/, 3],
  ['{"version":1,"id":3,"command":"down","keepGuard":"no"}', /keepGuard/, 3],
  ['{"version":1,"id":3,"command":"close-peer","peer":"all"}', /peer/, 3],
  ['{"version":1,"id":3,"command":"negotiate"}', /host/, 3],
  ['{"version":1,"id":3,"command":"negotiate","host":{"words":[1]}}', /host/, 3],
  ['{"version":1,"id":3,"command":"negotiate","host":"10.0.0.2","protocol":"telepathy"}', /protocol/, 3],
  ['{"version":1,"id":3,"command":"negotiate","host":"10.0.0.2","protocol":6,"sourcePort":65536}', /ports/, 3],
  ['{"version":1,"id":3,"command":"negotiate","host":"10.0.0.2","sourcePort":1}', /TCP and UDP/, 3],
  ['{"version":1,"id":3,"command":"subscribe","least":"everything"}', /least/, 3],
  ['{"version":1,"id":3,"command":"preview-setting","value":"1"}', /value/, 3],
  ['{"version":1,"id":3,"command":"preview-setting","value":4294967296}', /value/, 3],
  ['{"version":1,"id":3,"command":"change-setting","value":1}', /expected/, 3],
  ['{"version":1,"id":3,"command":"change-setting","value":-1,"expected":0}', /value/, 3],
  ['{"version":1,"id":3,"command":"change-setting","value":1,"expected":0,"by":[]}', /by/, 3],
]

for (const [line, what, id] of wrong) {
  test(`${line || 'an empty line'} is refused with a reason`, () => {
    const read = readRequest(line)
    assert.ok(!read.ok)
    assert.match(read.error.problem.what, what)
    assert.equal(read.error.id, id)
  })
}

test('no line of any content throws, whoever reads it', () => {
  const random = seededRandom(3)
  const valid = commands.map(command => writeRequest({ id: 1, command }))
  const pieces = [
    '"',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '1e999',
    'null',
    '\\u0000',
    '\ud800',
    '__proto__',
    'constructor',
    '-',
    '0',
  ]
  for (let round = 0; round < 20_000; round++) {
    let line = valid[Math.floor(random.fraction() * valid.length)]!
    for (let times = 0; times < 1 + random.fraction() * 4; times++) {
      const at = Math.floor(random.fraction() * line.length)
      const piece = pieces[Math.floor(random.fraction() * pieces.length)]!
      line = line.slice(0, at) + piece + line.slice(at + Math.floor(random.fraction() * 6))
    }
    const read = readRequest(line)
    if (!read.ok) assert.ok(read.error.problem.what !== '')
    readHeard(line)
  }
})

test('who changes something is written down short, and nothing in it acts on a terminal', () => {
  const command = { kind: 'change-setting', value: 1, expected: 0, by: `\x1b]0;mine\x07\n${'x'.repeat(1000)}` } as const
  const read = readRequest(writeRequest({ id: 1, command }))
  assert.ok(read.ok && read.value.command.kind === 'change-setting')
  assert.doesNotMatch(read.value.command.by, /\p{Cc}/u)
  assert.ok(read.value.command.by.length < 250)
})

test('answers and events are told apart', () => {
  const event = { at: 1, level: 'info', kind: 'up', text: 'The policy is enforced.' } as const
  assert.deepEqual(readHeard(writeEvent(event)), { kind: 'event', event })
  const fine = { kind: 'fine', value: { a: 1 } } as const
  assert.deepEqual(readHeard(writeAnswer(3, fine)), { kind: 'answer', id: 3, answer: fine })
  const refused = refusal('no')
  assert.deepEqual(readHeard(writeAnswer(4, refused)), { kind: 'answer', id: 4, answer: refused })
  for (const line of ['', '{}', '{"version":2,"event":{}}', '{"version":1,"id":1,"ok":false}']) {
    assert.equal(readHeard(line), undefined)
  }
})

test('lines come out as they went in, however the octets arrive, and one without end is an end', () => {
  const text = 'one\n\nzwei – drei\n{"a":1}\n'
  const octets = new TextEncoder().encode(text)
  for (const size of [1, 2, 3, 7, octets.length]) {
    const splitter = new LineSplitter(100)
    const lines: string[] = []
    for (let at = 0; at < octets.length; at += size)
      lines.push(...(splitter.take(octets.subarray(at, at + size)) ?? []))
    assert.deepEqual(lines, text.split('\n').slice(0, -1))
  }
  const splitter = new LineSplitter(LONGEST_REQUEST)
  assert.deepEqual(splitter.take(new Uint8Array(LONGEST_REQUEST).fill(0x61)), [])
  assert.equal(splitter.take(Uint8Array.of(0x61)), undefined)
})
