// The thread that moves the packets hangs, whatever of: the agent notices, lets nothing out in clear, and makes room for
// another one. One thread alone is stopped by ptrace(2), as no signal can.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()

function pidOf({ state }: LiveHost): number {
  return (JSON.parse(readFileSync(join(state, 'agent.json'), 'utf8')) as { pid: number }).pid
}

/** poll(2) on x86-64, ppoll(2) on x86-64 and arm64: nobody but the data plane's thread stands in them. */
const POLLS = process.arch === 'arm64' ? ['73'] : ['7', '271']

function packetThread(pid: number): number | undefined {
  const polling = readdirSync(`/proc/${pid}/task`).filter(thread => {
    const [number] = readFileSync(`/proc/${pid}/task/${thread}/syscall`, 'utf8').split(' ')
    return POLLS.includes(number!)
  })
  return polling.length === 1 ? Number(polling[0]) : undefined
}

/** Whoever traces a thread is a thread itself, and lets it go when it ends. */
async function holdThread(thread: number): Promise<() => Promise<void>> {
  const foreign = new URL('../../src/native/foreign.ts', import.meta.url).href
  const PTRACE_ATTACH = 16
  const holder = new Worker(
    `import { parentPort } from 'node:worker_threads'
     import { foreign } from ${JSON.stringify(foreign)}
     const ptrace = foreign().load(null).func('long ptrace(long, int, uintptr_t, uintptr_t)')
     parentPort.postMessage(ptrace(${PTRACE_ATTACH}, ${thread}, 0, 0))
     parentPort.on('message', () => process.exit())`,
    { eval: true },
  )
  const [answer] = (await once(holder, 'message')) as [number]
  assert.equal(Number(answer), 0, 'ptrace')
  return async () => void (await holder.terminate())
}

test('a data plane that hangs ends its agent, with the guard in place, and the next one serves again', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address), 3)
  const pid = pidOf(one)
  const thread = packetThread(pid)
  if (thread === undefined) return context.skip('skipped, because /proc does not tell which thread it is')
  const stop = await captureWire(one)
  const release = await holdThread(thread)
  context.after(release)
  const began = performance.now()
  const pinging = one.ping(two.address, 300, '-i', '0.1')
  await one.wrote('data-plane-silent')
  const ended = () => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] === 'Z'
    } catch {
      return true
    }
  }
  for (let tries = 0; !ended(); tries++) {
    assert.ok(tries < 900, `it is there after 90 s\n${one.log()}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  const seconds = (performance.now() - began) / 1000
  assert.match(one.log(), /no word from it/)
  await pinging
  assert.equal(await one.ping(two.address, 2), 0, 'the guard holds it')
  await one.up()
  assert.equal(await one.ping(two.address), 3, one.log())
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  context.diagnostic(`gone after ${seconds.toFixed(0)} s`)
})
