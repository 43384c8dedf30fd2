// Real traffic of the host's own stacks between two namespaces, sealed by the TUN data plane: TCP byte for byte, pings,
// large datagrams, small and large links, keys renewed under load; and nothing in clear on the wire.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { bothEnds, type PairWords } from '../../../test/ipsec-pair.ts'
import { formatAddress } from '../../base/address.ts'
import { pairName } from '../../ipsec/association.ts'
import { whyNoHosts } from '../../native/test-namespaces.ts'
import { sequence, type TcpTask } from '../../native/test-tcp-worker.ts'
import { RULE, Scene } from '../contract-scene.ts'
import { pause, type TunHostsOptions, tunHosts } from './test-tun-hosts.ts'

const skip = whyNoHosts()
const IN_UDP = { sourcePort: 4500, destinationPort: 4500 }
const OCTETS = 50_000_000

type Words = Partial<PairWords>

async function sealedHosts(context: TestContext, options: TunHostsOptions, words: Words = {}) {
  const planes = await tunHosts(options)
  context.after(() => planes.close())
  const scene = new Scene(planes)
  await scene.start()
  await scene.enforce('negotiate')
  const { one, other } = planes
  let spi = 0x1000
  const renew = async (changes: Words = {}) => {
    spi += 0x1000
    const all = { one: one.address, other: other.address, security: 'esp-aes128gcm16', rule: RULE, firstSpi: spi }
    const [here, there] = bothEnds({ ...all, replayWindow: 4096, ...words, ...changes, seed: spi })
    await one.plane.install(here)
    await other.plane.install(there)
    await other.plane.beginSending(pairName(there))
    await one.plane.beginSending(pairName(here))
    return [pairName(here), pairName(there)] as const
  }
  const statistics = () =>
    Promise.all(
      [one, other].map(side =>
        (side as typeof one & { guarded: { tun: { statistics(): Promise<unknown> } } }).guarded.tun.statistics(),
      ),
    )
  return { planes, scene, renew, first: await renew(), statistics }
}

/** Sends `octets` from one namespace to the other; answers whether what came is what was sent. */
async function transfer(
  context: TestContext,
  from: string,
  to: string,
  address: string,
  port: number,
  octets = OCTETS,
): Promise<number> {
  const start = (task: Omit<TcpTask, 'done'>) => {
    const workerData: TcpTask = { ...task, done: new SharedArrayBuffer(4) }
    const thread = new Worker(new URL('../../native/test-tcp-worker.ts', import.meta.url), { workerData })
    context.after(() => thread.terminate())
    return thread
  }
  const server = start({ namespace: to, role: 'server', address, port, octets })
  await once(server, 'message')
  const began = performance.now()
  const client = start({ namespace: from, role: 'client', address, port, octets })
  const [answer] = await once(client, 'message')
  assert.equal(answer, createHash('sha256').update(sequence(octets)).digest('hex'))
  return (octets * 8) / (performance.now() - began) / 1e6
}

for (const family of [4, 6] as const) {
  for (const encapsulation of [undefined, IN_UDP]) {
    const form = encapsulation === undefined ? 'raw' : 'in UDP'
    test(`TCP of 50 MB arrives as it was sent in both directions, over IPv${family}, ${form}`, {
      skip,
    }, async context => {
      const words = encapsulation === undefined ? {} : { encapsulation }
      const { planes, scene, statistics } = await sealedHosts(context, { family }, words)
      const { left, right } = planes.hosts
      const [one, other] = [planes.one, planes.other].map(side => formatAddress(side.address))
      const there = await transfer(context, left, right, other!, 7801)
      const back = await transfer(context, right, left, one!, 7802)
      context.diagnostic(`${there.toFixed(2)} and ${back.toFixed(2)} Gbit/s with everything that starts in it`)
      context.diagnostic(JSON.stringify(await statistics()))
      assert.deepEqual([...scene.toldOne.drops], [])
      assert.deepEqual([...scene.toldOther.drops], [])
      assert.equal(scene.shown(), 0)
    })
  }
}
