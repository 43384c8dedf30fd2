// What a journal hears: fields that can be searched for, whatever peers call themselves; nobody waits for it. At a socket of our
// own, and with systemd's journald itself where it is installed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ToldEvent } from '../monitor/told-event.ts'
import { whyNoHosts } from '../native/test-namespaces.ts'
import { listenForDatagrams } from '../native/test-unix-datagram.ts'
import { Journal, journalOf } from './journal.ts'
import { journalEntry, LONGEST_ENTRY } from './journal-entry.ts'
import { Log } from './log.ts'

const skip = process.platform === 'linux' ? false : 'skipped, because this needs Linux'

const event: ToldEvent = {
  ...{ at: 1_800_000_000.5, level: 'warning', kind: 'in-clear', text: 'Look.' },
  fields: { peer: '10.0.0.2', peerSpi: '0x1', role: null, isSealed: true, packets: 3, problems: ['one', 'two'] },
}

/** The journal's own reading of a datagram: `NAME=value` to the line's end, or NAME, a length and that many octets. */
function fieldsIn(entry: Uint8Array): readonly (readonly [string, string])[] {
  const fields: [string, string][] = []
  const text = (from: number, to: number) => new TextDecoder('utf-8', { fatal: true }).decode(entry.subarray(from, to))
  for (let at = 0; at < entry.length; ) {
    const end = entry.indexOf(0x0a, at)
    assert.notEqual(end, -1, 'each field ends with a line')
    const equals = entry.subarray(at, end).indexOf(0x3d)
    if (equals !== -1) {
      fields.push([text(at, at + equals), text(at + equals + 1, end)])
      at = end + 1
      continue
    }
    const view = new DataView(entry.buffer, entry.byteOffset)
    const length = Number(view.getBigUint64(end + 1, true))
    fields.push([text(at, end), text(end + 9, end + 9 + length)])
    assert.equal(entry[end + 9 + length], 0x0a)
    at = end + 10 + length
  }
  return fields
}

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-journal-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('an event becomes an entry whose fields a journal can be asked for', () => {
  assert.deepEqual(fieldsIn(journalEntry(event)), [
    ['MESSAGE', 'Look.\none\ntwo'],
    ['PRIORITY', '4'],
    ['SYSLOG_IDENTIFIER', 'sealwire'],
    ['SEALWIRE_EVENT', 'in-clear'],
    ['SEALWIRE_PEER', '10.0.0.2'],
    ['SEALWIRE_PEER_SPI', '0x1'],
    ['SEALWIRE_IS_SEALED', 'true'],
    ['SEALWIRE_PACKETS', '3'],
    ['SEALWIRE_PROBLEMS', 'one'],
    ['SEALWIRE_PROBLEMS', 'two'],
  ])
})

test('what a peer calls itself makes no field, ends none, and turns no writing in the message', () => {
  const nasty = 'evil\nPRIORITY=0\n_UID=0\n\u001b[2J\u202e\0\ud800'
  const fields = fieldsIn(journalEntry({ ...event, text: nasty, fields: { peerName: nasty, '=\nX': 'y', event: 'z' } }))
  assert.deepEqual(
    fields.map(([name]) => name),
    ['MESSAGE', 'PRIORITY', 'SYSLOG_IDENTIFIER', 'SEALWIRE_EVENT', 'SEALWIRE_PEER_NAME', 'SEALWIRE__X'],
  )
  assert.doesNotMatch(fields[0]![1], /\p{C}/u)
  assert.equal(fields[1]![1], '4')
  assert.equal(fields[4]![1], nasty.toWellFormed())
})

test('an entry stays within a datagram and says when it was cut', () => {
  const long = 'ü€😀'.repeat(5000)
  for (const fields of [
    { found: long },
    { problems: Array.from({ length: 5000 }, (_, at) => `${at} ${long}`) },
    Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`field${at}`, `${at}\n`])),
  ]) {
    const entry = journalEntry({ ...event, text: long, fields })
    assert.ok(entry.length <= LONGEST_ENTRY)
    const read = fieldsIn(entry)
    assert.deepEqual(read.at(-1), ['SEALWIRE_CUT', 'yes'])
    assert.ok(read.length > 4)
  }
})

test('only where standard error is the journal’s does the journal get entries', context => {
  const file = openSync(join(folderOf(context), 'file'), 'w')
  context.after(() => closeSync(file))
  const { dev, ino } = fstatSync(file)
  assert.ok(journalOf({ JOURNAL_STREAM: `${dev}:${ino}` }, file) !== undefined)
  for (const stream of [undefined, '', `${dev}:${ino + 1}`, 'x'])
    assert.equal(journalOf({ JOURNAL_STREAM: stream }, file), undefined)
})

test('a journal that does not read is not waited for, and hears later what is missing', { skip }, context => {
  const name = join(folderOf(context), 'socket')
  const listener = listenForDatagrams(name)
  const journal = new Journal(name)
  context.after(() => journal.close())
  const begun = performance.now()
  for (let sent = 0; sent < 5000; sent++) assert.equal(journal.enter(journalEntry(event)), true)
  assert.ok(performance.now() - begun < 5000)
  let heard = 0
  while (listener.take() !== undefined) heard++
  assert.ok(heard > 0 && heard < 5000)
  assert.equal(journal.enter(journalEntry(event)), true)
  const told = new Map(fieldsIn(listener.take()!))
  assert.deepEqual([told.get('SEALWIRE_EVENT'), told.get('SEALWIRE_EVENTS')], ['log-lost', String(5000 - heard)])
  assert.equal(new Map(fieldsIn(listener.take()!)).get('SEALWIRE_EVENT'), 'in-clear')
  listener.close()
})

test('where no journal listens a line is written, and one that was started anew is found', { skip }, context => {
  const name = join(folderOf(context), 'socket')
  const journal = new Journal(name)
  context.after(() => journal.close())
  const lines: string[] = []
  const log = new Log({ form: 'journal', write: line => lines.push(line), enter: entry => journal.enter(entry) })
  log.write(event)
  assert.match(lines.join(''), /^<4>\{.*"event":"in-clear".*\}\n$/)
  for (let starts = 0; starts < 2; starts++) {
    const listener = listenForDatagrams(name)
    log.write(event)
    assert.ok(listener.take() !== undefined)
    listener.close()
    rmSync(name)
  }
  assert.equal(lines.length, 1)
  log.write(event)
  assert.equal(lines.length, 2)
})

const daemon = '/usr/lib/systemd/systemd-journald'
const noJournald = whyNoHosts() !== false || !existsSync(daemon) || spawnSync('journalctl', ['--version']).status !== 0

/** journald in a mount namespace, where it finds its folders empty; a log of ours writes; what journalctl then has is printed. */
const inNamespace = `
  set -e
  mount --make-rprivate /
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /var/log
  mkdir -p /run/log/journal
  [ -s /etc/machine-id ] || { echo 0123456789abcdef0123456789abcdef >/run/id; touch /etc/machine-id; mount --bind /run/id /etc/machine-id; }
  ${daemon} 2>/run/said &
  journald=$!
  trap 'kill $journald; wait $journald' EXIT
  for i in $(seq 100); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.05; done
  systemd-cat -t words sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"' sh "$@"
  journalctl --sync
  journalctl -o json --no-pager SYSLOG_IDENTIFIER=sealwire
`

const writer = `
  const { journalOf } = await import('${join(import.meta.dirname, 'journal.ts')}')
  const { Log } = await import('${join(import.meta.dirname, 'log.ts')}')
  const journal = journalOf(process.env)
  if (journal === undefined) throw new Error('standard error is not the journal')
  const log = new Log({ form: 'journal', write() { throw new Error('a line') }, enter: entry => journal.enter(entry) })
  log.write(JSON.parse(process.argv[1]))
  log.write({ ...JSON.parse(process.argv[1]), level: 'info', kind: 'last' })
`

test('journald keeps the fields, and journalctl finds them', {
  skip: noJournald && 'skipped, because this needs root and systemd’s journald',
}, () => {
  const nasty = 'line\nPRIORITY=0\n'
  const told = { ...event, text: 'Who is there?', fields: { ...event.fields, peerName: nasty } }
  const words = ['-m', 'sh', '-c', inNamespace, 'sh', process.execPath, '--input-type=module', '-e', writer]
  const ran = spawnSync('unshare', [...words, JSON.stringify(told)], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(ran.status, 0, ran.stderr)
  const entries = ran.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    entries.map(entry => entry['SEALWIRE_EVENT']),
    ['in-clear', 'last'],
  )
  const [first] = entries
  assert.deepEqual(
    ['MESSAGE', 'PRIORITY', 'SEALWIRE_PEER', 'SEALWIRE_PEER_NAME', 'SEALWIRE_PROBLEMS', '_TRANSPORT'].map(
      name => first![name],
    ),
    ['Who is there?\none\ntwo', '4', '10.0.0.2', nasty, ['one', 'two'], 'journal'],
  )
})
