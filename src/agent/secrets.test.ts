// No key leaves the agent by any way on which people or machines look at it. Two agents agree on keys by a secret that is
// planted here; then all that they show, tell, write and serve is searched for it and for what was derived from it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UDP } from '../base/flow.ts'
import { seededRandom } from '../base/random.ts'
import { success } from '../base/result.ts'
import { VirtualClock } from '../base/time.ts'
import { defaultKeyingSettings } from '../keying/keying-settings.ts'
import { pskPolicy, sharedSecret } from '../keying/test-hosts.ts'
import { writeMetrics } from '../monitor/metrics.ts'
import { pageNames } from '../monitor/terminal/pages.ts'
import { firstChoices, screenOf } from '../monitor/terminal/screen.ts'
import { emptyView, follow, type Heard } from '../monitor/view.ts'
import { answerCommand } from './control-commands.ts'
import type { Command } from './control-protocol.ts'
import { journalEntry } from './journal-entry.ts'
import { Log } from './log.ts'
import { loaded, one, other, TestAgent } from './test-agent-parts.ts'

const SECRET = 'the planted secret of two agents'

/** Two agents on one clock whose IKE ports are joined. */
function pair(): readonly [TestAgent, TestAgent] {
  const clock = new VirtualClock()
  const hosts: TestAgent[] = []
  const make = (seed: number): TestAgent => {
    const host: TestAgent = new TestAgent({
      clock,
      random: seededRandom(seed),
      // The worst that can be set: keys are told inside, and have to stop before anybody hears them.
      settings: { ...defaultKeyingSettings, tellKeys: true },
      sockets: {
        open() {},
        send: ({ local, remote }, bytes) =>
          hosts[2 - seed]!.agent.input({ kind: 'datagram', path: { local: remote, remote: local }, bytes }),
        close() {},
      },
    })
    const policy = pskPolicy()
    host.next = success({ ...loaded(policy), credentials: sharedSecret(policy, SECRET) })
    host.addresses = [seed === 1 ? one : other]
    return host
  }
  hosts.push(make(1), make(2))
  return [hosts[0]!, hosts[1]!]
}

async function settle(clock: VirtualClock, seconds: number): Promise<void> {
  await clock.playTo(clock.now() + seconds, () => new Promise(resolve => setImmediate(resolve)))
}

/** Each way in which octets are written. */
function formsOf(octets: Uint8Array): readonly string[] {
  const hex = octets.toHex()
  const list = [...octets]
  return [
    ...[hex, hex.toUpperCase(), hex.match(/../g)!.join(':'), hex.match(/../g)!.join(' ')],
    ...[octets.toBase64(), octets.toBase64({ alphabet: 'base64url', omitPadding: true })],
    ...[Buffer.from(octets).toString('latin1'), list.join(','), list.join(', ')],
  ]
}

test('status, events, logs, metrics and the monitor’s frames hold no secret and no derived key', async () => {
  const hosts = pair()
  const [first, second] = hosts
  const shared = first.parts.clock as VirtualClock
  const heard: Heard[] = []
  for (const { agent } of hosts) agent.listen(event => heard.push({ kind: 'event', event }))
  for (const { agent } of hosts) {
    const up = agent.up()
    await settle(shared, 2)
    await up
  }
  first.listener!.needsKeys('all', {
    source: one,
    destination: other,
    protocol: UDP,
    sourcePort: 1,
    destinationPort: 2,
  })
  await settle(shared, 5)
  const pairs = hosts.flatMap(({ associations }) => [...associations.values()])
  assert.equal(pairs.length, 2, 'the two have agreed')
  const keys = pairs.flatMap(({ inbound, outbound }) =>
    [inbound, outbound].flatMap(({ layers }) =>
      layers.flatMap(({ keys }) => [keys.cipher, keys.integrity].map(key => key.reveal())),
    ),
  )
  const planted = [new TextEncoder().encode(SECRET), ...keys].filter(({ length }) => length >= 8)
  assert.ok(planted.length >= 5)
  for (const octets of planted)
    assert.ok(
      octets.some(octet => octet !== 0),
      'the keys were not wiped before the search',
    )

  for (const { agent } of hosts) heard.push({ kind: 'status', status: await agent.status() })
  const view = follow(emptyView, heard)
  const asked: readonly Command[] = [{ kind: 'policy' }, { kind: 'preview-setting', value: undefined }]
  const answers = await Promise.all(hosts.flatMap(({ agent }) => asked.map(command => answerCommand(agent, command))))
  const statuses = heard.flatMap(one => (one.kind === 'status' ? [one.status] : []))
  const told = [...first.told, ...second.told]
  assert.ok(
    told.some(({ kind }) => kind === 'message'),
    'messages are told while somebody listens',
  )
  const logs = (['json', 'journal', 'words'] as const).flatMap(form => {
    const lines: string[] = []
    const log = new Log({ form, least: 'debug', write: line => lines.push(line) })
    for (const event of told) log.write(event)
    return lines
  })
  const entries = told.map(event => Buffer.from(journalEntry(event)).toString('latin1'))
  const frames = pageNames.flatMap(page =>
    screenOf(view, { ...firstChoices, page }, { columns: 10_000, rows: 500 }).map(line =>
      line.map(({ text }) => text).join(''),
    ),
  )
  const outputs = {
    status: JSON.stringify(statuses),
    events: JSON.stringify(told),
    log: logs.join(''),
    journal: entries.join(''),
    answers: JSON.stringify(answers),
    metrics: statuses.map(status => writeMetrics(status, 'openmetrics') + writeMetrics(status, 'prometheus')).join(''),
    view: JSON.stringify(view),
    frames: frames.join('\n'),
  }
  for (const [name, text] of Object.entries(outputs)) {
    assert.ok(text.length > 500, `${name} has something to search`)
    for (const octets of planted)
      for (const form of formsOf(octets)) assert.ok(!text.includes(form), `${name} holds a key`)
  }
  assert.ok(told.every(({ kind }) => !kind.startsWith('keys')))
})

test('the search finds what is there', () => {
  const octets = Uint8Array.of(222, 173, 190, 239, 1, 2, 3, 4)
  for (const text of [JSON.stringify(octets.toHex()), JSON.stringify({ key: [...octets] }), octets.toBase64()])
    assert.ok(formsOf(octets).some(form => text.includes(form)))
})
