// The whole of a host: guard, routes and data plane on both sides, real sockets, and a kernel that is or is not strict about
// where packets come from.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { bothEnds } from '../../../test/ipsec-pair.ts'
import { formatAddress } from '../../base/address.ts'
import { pairName } from '../../ipsec/association.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { address, ip, twoHosts, whyNoHosts } from '../../native/test-namespaces.ts'
import { sequence, type TcpTask } from '../../native/test-tcp-worker.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { guardRuleset } from '../guard/ruleset.ts'
import { HostRoutes } from './routes.ts'
import { TunDataPlane } from './tun-data-plane.ts'

const RULE = 'all'
const OCTETS = 3_000_000

function whyNot(): string | false {
  if (spawnSync('nft', ['--version']).error !== undefined) return 'because nftables is not installed'
  return whyNoHosts()
}

function inside(namespace: string, ...words: readonly string[]) {
  const run = spawnSync('ip', ['netns', 'exec', namespace, ...words], { encoding: 'utf8' })
  return { status: run.status, text: run.stdout + run.stderr }
}

async function sealedHosts(context: TestContext, family: 4 | 6, isUdp: boolean, rpFilter: number) {
  const { left, right } = twoHosts(context)
  const ends = (family === 4 ? ['10.99.0.1', '10.99.0.2'] : ['fd99::1', 'fd99::2']).map(address)
  const filter = `any ${formatAddress(ends[0]!)} <-> ${formatAddress(ends[1]!)}`
  // Neighbours answer each other from the very addresses that the filter names: without the exemption the guard stops that.
  const profile = family === 6 ? 'windows-vista' : 'strict'
  const asked = policy([rule('negotiate', [filter], { name: RULE })], { profile })
  const planes: TunDataPlane[] = []
  for (const [index, namespace] of [left, right].entries()) {
    const folder = mkdtempSync(join(tmpdir(), 'sealwire-whole-'))
    for (const link of ['all', 'wire'])
      inside(namespace, 'sysctl', '-q', '-w', `net.ipv4.conf.${link}.rp_filter=${rpFilter}`)
    const compiled = compile(asked, { me: [ends[index]!] })
    const ruleset = guardRuleset(compiled).text
    const guard = spawnSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], { input: ruleset, encoding: 'utf8' })
    assert.equal(guard.status, 0, guard.stderr)
    const plane = new TunDataPlane({ device: 'sealwire%d', mtu: 1400, linkMtu: 1500, namespace })
    await plane.start({ needsKeys() {}, ageing() {}, dropped() {} })
    await plane.enforce(compiled)
    const routes = insideNamespace(namespace, () => {
      const routes = new HostRoutes({ folder, device: plane.facts!.device })
      routes.enforce(compiled)
      return routes
    })
    planes.push(plane)
    context.after(async () => {
      routes.close()
      await plane.stop()
      rmSync(folder, { recursive: true, force: true })
    })
  }
  const [one, other] = planes as [TunDataPlane, TunDataPlane]
  const encapsulation = isUdp ? { encapsulation: { sourcePort: 4500, destinationPort: 4500 } } : {}
  const [here, there] = bothEnds({
    one: ends[0]!,
    other: ends[1]!,
    security: 'esp-aes128gcm16',
    rule: RULE,
    ...encapsulation,
  })
  await one.install(here)
  await other.install(there)
  await other.beginSending(pairName(there))
  await one.beginSending(pairName(here))
  return { left, right, peer: formatAddress(ends[1]!), own: formatAddress(ends[0]!) }
}

async function transfer(context: TestContext, from: string, to: string, address: string): Promise<void> {
  const start = (task: Omit<TcpTask, 'done' | 'port' | 'octets' | 'address'>) => {
    const workerData: TcpTask = { ...task, address, port: 7777, octets: OCTETS, done: new SharedArrayBuffer(4) }
    const thread = new Worker(new URL('../../native/test-tcp-worker.ts', import.meta.url), { workerData })
    context.after(() => thread.terminate())
    return thread
  }
  await once(start({ namespace: to, role: 'server' }), 'message')
  const [answer] = await once(start({ namespace: from, role: 'client' }), 'message')
  assert.equal(answer, createHash('sha256').update(sequence(OCTETS)).digest('hex'))
}

const cases = [
  { family: 4, isUdp: true, rpFilter: 0 },
  { family: 4, isUdp: true, rpFilter: 1 },
  { family: 4, isUdp: false, rpFilter: 1 },
  { family: 4, isUdp: true, rpFilter: 2 },
  { family: 6, isUdp: true, rpFilter: 1 },
] as const

for (const { family, isUdp, rpFilter } of cases) {
  const title = `IPv${family}, ${isUdp ? 'ESP in UDP' : 'raw ESP'}, rp_filter ${rpFilter}`
  test(`pings and TCP pass sealed both ways, with neighbours forgotten in between: ${title}`, {
    skip: whyNot(),
  }, async context => {
    const { left, right, peer, own } = await sealedHosts(context, family, isUdp, rpFilter)
    for (const [from, to, far] of [
      [left, right, peer],
      [right, left, own],
    ] as const) {
      for (const name of [left, right]) ip('-n', name, `-${family}`, 'neighbour', 'flush', 'dev', 'wire')
      const ping = inside(from, 'ping', '-c', '5', '-i', '0.05', '-W', '1', far)
      assert.match(ping.text, /5 received/, ping.text)
      await transfer(context, from, to, far)
    }
    const dropped = inside(left, 'nft', 'list', 'table', 'inet', 'sealwire').text.split('\n')
    const counted = dropped.filter(line => /counter packets [1-9]\d* .*drop/.test(line))
    assert.deepEqual(counted, [], 'the guard had nothing to stop')
  })
}
