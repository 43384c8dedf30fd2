// What the agent is for: whatever becomes of it, nothing that must be sealed stands on the wire in clear. Packets want to
// leave all the time, and a capture is judged by the auditor. SEALWIRE_LONG_TESTS=1 kills two hundred times.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../../src/base/random.ts'
import { audit, captureWire, type LiveHost, run, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const rounds = process.env['SEALWIRE_LONG_TESTS'] === '1' ? 200 : 5

function pidOf({ state }: LiveHost): number {
  return (JSON.parse(readFileSync(join(state, 'agent.json'), 'utf8')) as { pid: number }).pid
}

const wait = (seconds: number) => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

/** Echoes to the peer all the time, until the answer is called; a ping that ends by itself is followed by another one. */
function restless(host: LiveHost, to: string): () => void {
  const words = ['netns', 'exec', host.namespace, 'ping', '-q', '-i', '0.003', '-W', '1', to]
  let end = () => {}
  const begin = () => {
    const child = spawn('ip', words, { stdio: 'ignore' })
    let timer: NodeJS.Timeout | undefined
    const again = () => {
      timer = setTimeout(begin, 50)
    }
    child.on('exit', again)
    end = () => {
      clearTimeout(timer)
      child.off('exit', again)
      child.kill('SIGKILL')
    }
  }
  begin()
  return () => end()
}

/** What the agent's own watch saw since it went up. */
async function assertWatchSawNone(host: LiveHost): Promise<void> {
  const { wire } = await host.status()
  const bad = wire?.verdicts.filter(({ verdict }) => verdict === 'leaked' || verdict === 'received-in-clear')
  assert.deepEqual(bad, [], JSON.stringify(wire))
  assert.ok(
    wire!.verdicts.some(({ verdict }) => verdict === 'keying'),
    JSON.stringify(wire),
  )
}

/** Some of what becomes of agents. Each leaves it dead. */
const fates: readonly ((host: LiveHost, fraction: number) => Promise<void>)[] = [
  async (host, fraction) => {
    await wait(fraction / 2)
    host.kill()
  },
  async (host, fraction) => {
    const pid = pidOf(host)
    for (let times = 0; times < 5; times++) {
      process.kill(pid, 'SIGHUP')
      await wait(fraction / 20)
    }
    host.kill()
  },
  async (host, fraction) => {
    process.kill(pidOf(host), 'SIGSTOP')
    await wait(fraction / 2)
    host.kill()
  },
  async (host, fraction) => {
    // Out of descriptors: nothing can be opened any more, no policy read and no nft started.
    await run('prlimit', ['--pid', String(pidOf(host)), '--nofile=10:10'])
    process.kill(pidOf(host), 'SIGHUP')
    await wait(fraction / 2)
    host.kill()
  },
  async host => host.down('--keep-guard'),
]

test(`an agent that is killed, hung or starved ${rounds} times, and started again each time, lets nothing out in clear`, {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  const random = seededRandom(7)
  await Promise.all([one.up(), two.up()])
  const stop = await captureWire(one)
  const quiet = restless(one, two.address)
  context.after(quiet)
  for (let round = 0; round < rounds; round++) {
    await fates[round % fates.length]!(one, random.fraction())
    await one.up()
    // What comes next comes while packets flow; an agent that goes down no longer lets them for the second of its farewell.
    await wait(0.5)
  }
  assert.ok((await one.ping(two.address, 5)) >= 4, 'and it still works')
  quiet()
  const file = await stop()
  const { totals, classes } = await audit(file, one.policy)
  assert.equal(totals['leaked'], 0, file)
  assert.equal(classes['unicast'], 0)
  assert.ok(totals['protected']! > 100 * rounds, JSON.stringify(totals))
  // The peer watched all the time, this host since its last start.
  for (const host of [one, two]) await assertWatchSawNone(host)
})

test('where a start is killed at any moment of it, nothing leaves in clear after the first', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  await Promise.all([one.up('--keep-guard'), two.up()])
  one.kill()
  const stop = await captureWire(one)
  const quiet = restless(one, two.address)
  context.after(quiet)
  const random = seededRandom(8)
  for (let round = 0; round < rounds; round++) {
    const words = ['exec', one.namespace, join(import.meta.dirname, '..', '..', 'sealwire')]
    const agent = spawn('ip', ['netns', ...words, 'up', '--policy', one.policy, '--state', one.state], {
      stdio: 'ignore',
    })
    const ended = new Promise(resolve => agent.on('close', resolve))
    await wait(0.1 + 1.2 * random.fraction())
    agent.kill('SIGKILL')
    await ended
  }
  quiet()
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  await one.up()
  assert.equal(await one.ping(two.address), 3)
  for (const host of [one, two]) await assertWatchSawNone(host)
})
