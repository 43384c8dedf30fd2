// The monitor on a real wire: what happens is on the screen within moments, in tmux as a person has it, as text and as numbers;
// and the terminal is left as it was.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { MonitorView } from '../../src/monitor/view.ts'
import { type LiveHost, type Ran, run, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const hasTmux = spawnSync('tmux', ['-V']).status === 0
const program = join(import.meta.dirname, '..', '..', 'sealwire')

/** A terminal of its own with a program in it. */
class Terminal {
  readonly #socket: string

  constructor(context: TestContext, host: LiveHost, command: string) {
    this.#socket = join(host.folder, `tmux-${Date.now()}`)
    context.after(() => this.#tmux('kill-server'))
    const made = this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '150', '-y', '40', command)
    assert.equal(made.status, 0, made.stderr)
  }

  #tmux(...words: readonly string[]) {
    return spawnSync('tmux', ['-S', this.#socket, ...words], { encoding: 'utf8' })
  }

  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys)
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p').stdout
  }

  /** Seconds until the screen shows it. */
  async shows(what: RegExp, within = 6): Promise<number> {
    const begun = performance.now()
    while (!what.test(this.screen())) {
      assert.ok(performance.now() - begun < within * 1000, `${what} is not shown:\n${this.screen()}`)
      await new Promise(resolve => setTimeout(resolve, 30))
    }
    return (performance.now() - begun) / 1000
  }
}

test('in a terminal: keys that come, hosts that disagree, a guard that goes, an agent that goes and comes back', {
  skip: skip === false && !hasTmux ? 'because tmux is not installed' : skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  const command = `ip netns exec ${one.namespace} ${program} monitor --state ${one.state}; echo "ended with $?"; exec sleep 600`
  const terminal = new Terminal(context, one, command)
  await terminal.shows(/IP Security is enabled {2}Two hosts/)
  assert.match(terminal.screen(), /No associations/)

  const times: string[] = []
  const timed = async (what: string, shown: RegExp) =>
    times.push(`${what} ${(await terminal.shows(shown)).toFixed(2)} s`)
  assert.ok((await one.ping(two.address)) > 0)
  await timed('keys', /esp-aes256gcm16 .*10\.99\.0\.1 +10\.99\.0\.2/)
  terminal.press('2')
  await terminal.shows(/10\.99\.0\.2 +CN=dc2\.corp\.test +sealed/)
  terminal.press('3')
  await terminal.shows(/──► sealed: IKE_AUTH request/)
  assert.match(terminal.screen(), /◄── sealed: IKE_AUTH response/)

  // Another authority's certificates: the two no longer agree.
  const ca = await run(program, ['cert', 'ca', '--name', 'Another CA', '--out', join(one.folder, 'other')])
  assert.equal(ca.status, 0, ca.error)
  const changed = readFileSync(two.policy, 'utf8').replace('ca: ca.pem', 'ca: other/ca.pem')
  writeFileSync(two.policy, changed)
  await two.wrote('policy-changed')
  await one.ping(two.address, 1)
  await timed('failure', /failed .*(AUTHENTICATION_FAILED|certificate|trust|authority)/i)

  spawnSync('ip', ['netns', 'exec', one.namespace, 'nft', 'delete', 'table', 'inet', 'sealwire'])
  terminal.press('6')
  await timed('guard', /The guard was not as it was put in place/)

  terminal.press('1', '/')
  terminal.press('-l', 'nothing has this')
  await terminal.shows(/Nothing fits the filter/)
  terminal.press('Escape')
  await one.down()
  await timed('agent gone', /! The agent is not reached/)
  await one.up()
  await timed('agent back', /IP Security is enabled(?![\s\S]*not reached)/)

  terminal.press('q')
  await terminal.shows(/ended with 0/)
  assert.doesNotMatch(terminal.screen(), /IP Security|associations/)
  context.diagnostic(`on the screen after: ${times.join(', ')}`)
})

test('elsewhere: frames of text without control characters, and one JSON value', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  assert.ok((await one.ping(two.address)) > 0)
  const frames = await one.sealwire('monitor', '--state', one.state, '--frames', '2', '--interval', '0.3')
  assert.equal(frames.status, 0, frames.error)
  assert.equal(frames.out.match(/IP Security is enabled/g)?.length, 2)
  assert.match(frames.out, /^Policy Name +Security +Source Address +Dest\. Address +Protocol +Src\. Port/m)
  assert.doesNotMatch(frames.out.replaceAll('\n', ''), /\p{Cc}/u)
  const json = await one.sealwire('monitor', '--state', one.state, '--json', '--interval', '0.3')
  const view = JSON.parse(json.out) as MonitorView
  assert.deepEqual([view.connection, view.associations.length, view.hosts[0]?.standing], ['there', 1, 'sealed'])
  const wrong = await one.sealwire('monitor', '--page', 'weather', '--frames', '0', '--interval', 'soon')
  assert.equal(wrong.status, 2)
  assert.equal(wrong.error.match(/^error: /gm)?.length, 3)
  const nobody = await one.sealwire('monitor', '--state', join(one.folder, 'nobody'))
  assert.equal(nobody.status, 1)
})

function ask(host: LiveHost, ...words: readonly string[]): Promise<Ran> {
  const script = `const [url, ...pairs] = process.argv.slice(1)
    const headers = Object.fromEntries(pairs.map(pair => pair.split('=')))
    require('node:http').get(url, { headers }, response => {
      console.error(response.statusCode)
      response.pipe(process.stdout)
    }).on('error', error => console.error(error.code))`
  return host.run([process.execPath, '-e', script, ...words])
}

test('metrics say what went by, to this host and to who has the token', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  const token = 'a-token-for-the-metrics-of-a-test'
  writeFileSync(join(one.folder, 'token'), `${token}\n`)
  const place = '127.0.0.1:9754'
  await one.up('--metrics', place, '--metrics-token', join(one.folder, 'token'))
  await two.up('--metrics', `unix:${join(two.state, 'metrics.sock')}`)
  assert.equal(await one.ping(two.address, 5), 5)
  const metrics = (...more: readonly string[]) =>
    ask(one, `http://${place}/metrics`, `authorization=Bearer ${token}`, ...more)
  const { out } = await metrics()
  assert.match(out, /^sealwire_associations\{protection="confidential",mode="transport"\} 1$/m)
  assert.match(out, /^sealwire_guard_present 1$/m)
  const value = (series: string) =>
    Number(
      out
        .split('\n')
        .find(line => line.startsWith(`${series} `))!
        .slice(series.length + 1),
    )
  assert.ok(value('sealwire_sealed_packets_total{direction="out",protection="confidential"}') >= 5)
  assert.match((await ask(one, `http://${place}/metrics`)).error, /^401/)
  assert.match((await metrics('host=evil.example:9754')).error, /^403/)
  assert.match((await metrics('origin=http://evil.example')).error, /^403/)
  // Its wire does not have the port.
  assert.match((await ask(two, `http://${one.address}:9754/metrics`)).error, /ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH/)

  // What associations that are gone have done stays counted.
  await one.down()
  const after = await two.status()
  assert.deepEqual(after.associations, [])
  assert.ok(after.sealed.confidential.inbound.packets >= 5)
  assert.ok(after.counts.childrenClosed >= 1)
  assert.doesNotMatch(out + readFileSync(join(one.state, 'agent.log'), 'utf8'), new RegExp(token))

  const taken = await two.sealwire(
    'up',
    '--policy',
    two.policy,
    '--state',
    join(two.folder, 'x'),
    '--metrics',
    '0.0.0.0:9754',
  )
  assert.equal(taken.status, 2)
  assert.match(taken.error, /no address of loopback/)
})
