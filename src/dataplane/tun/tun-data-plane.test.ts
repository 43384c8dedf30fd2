// The life of the TUN data plane: what it says where it cannot start, what becomes of those who wait when its thread dies,
// that a process ends with it, and how datagrams of IKE share its port.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { bothEnds } from '../../../test/ipsec-pair.ts'
import { pairName } from '../../ipsec/association.ts'
import { address, ip, twoHosts, whyNoHosts } from '../../native/test-namespaces.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import type { DataPlaneListener } from '../data-plane.ts'
import type { KeyingPath } from './messages.ts'
import { pause } from './test-tun-hosts.ts'
import { TunDataPlane, type TunDataPlaneOptions } from './tun-data-plane.ts'

const skip = whyNoHosts()
const quiet: DataPlaneListener = { needsKeys: () => {}, ageing: () => {}, dropped: () => {} }
const sizes = { device: 'sealwire%d', mtu: 1400, linkMtu: 1500 }

async function running(context: TestContext, options: Partial<TunDataPlaneOptions>, listener = quiet) {
  const plane = new TunDataPlane({ ...sizes, ...options })
  context.after(() => plane.stop())
  await plane.start(listener)
  return plane
}

test('a port or a device that is taken is said, and nothing is left behind', { skip }, async context => {
  const { left } = twoHosts(context)
  const first = await running(context, { namespace: left })
  assert.equal(first.facts?.device, 'sealwire0')
  const second = new TunDataPlane({ ...sizes, namespace: left })
  await assert.rejects(second.start(quiet), /opening UDP port 4500 for IPv4: bind answers EADDRINUSE/)
  const third = new TunDataPlane({ ...sizes, device: 'sealwire0', namespace: left, udpPort: 0 })
  await assert.rejects(third.start(quiet), /TUN device sealwire0: ioctl TUNSETIFF answers/)
  await assert.rejects(new TunDataPlane({ ...sizes, namespace: 'no-such-namespace' }).start(quiet), /entering/)
  await assert.rejects(second.counters(), /EADDRINUSE/)
  assert.equal(JSON.parse(ip('-n', left, '-j', 'link', 'show', 'type', 'tun')).length, 1)
  await first.stop()
  assert.equal(JSON.parse(ip('-n', left, '-j', 'link', 'show', 'type', 'tun')).length, 0)
  await first.start(quiet)
  assert.equal(first.facts?.device, 'sealwire0')
})

test('where the device is taken away the agent hears of it, and nobody waits forever', { skip }, async context => {
  const { left } = twoHosts(context)
  const failures: Error[] = []
  const plane = await running(context, { namespace: left, failed: error => void failures.push(error) })
  await plane.enforce(compile(policy([rule('negotiate', ['any 10.99.0.1 <-> 10.99.0.2'])])))
  ip('-n', left, 'link', 'delete', 'sealwire0')
  for (let tries = 0; failures.length === 0 && tries < 200; tries++) await pause(0.02)
  assert.match(failures[0]!.message, /the TUN device sealwire0/)
  await assert.rejects(plane.counters(), /sealwire0/)
  await plane.stop()
})

test('datagrams of IKE share port 4500: with the marker in front, and their addresses with them', {
  skip,
}, async context => {
  const { left, right } = twoHosts(context)
  const heard: { path: KeyingPath; bytes: Uint8Array }[] = []
  const one = await running(context, { namespace: left })
  await running(context, { namespace: right, keyingDatagram: (path, bytes) => void heard.push({ path, bytes }) })
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index)
  for (const [own, peer] of [
    ['10.99.0.1', '10.99.0.2'],
    ['fd99::1', 'fd99::2'],
  ] as const) {
    const path = { local: { address: address(own), port: 4500 }, remote: { address: address(peer), port: 4500 } }
    one.sendKeying(path, bytes)
    for (let tries = 0; heard.length === 0 && tries < 200; tries++) await pause(0.02)
    assert.deepEqual(heard, [{ path: { local: path.remote, remote: path.local }, bytes }])
    heard.length = 0
  }
})

test('limits in seconds are told by the clock alone, and once', { skip }, async context => {
  const { left } = twoHosts(context)
  const ages: string[] = []
  const plane = await running(
    context,
    { namespace: left },
    { ...quiet, ageing: (name, age) => void ages.push(`${name} ${age}`) },
  )
  await plane.enforce(compile(policy([rule('negotiate', ['any 10.99.0.1 <-> 10.99.0.2'], { name: 'all' })])))
  const ends = { one: address('10.99.0.1'), other: address('10.99.0.2'), security: 'esp-aes128gcm16' }
  const [pair] = bothEnds({ ...ends, lifetime: { soft: { seconds: 0.2 }, hard: { seconds: 0.5 } } })
  await plane.install(pair)
  await pause(0.35)
  assert.deepEqual(ages, [`${pairName(pair)} soft`])
  await pause(0.4)
  assert.deepEqual(ages, [`${pairName(pair)} soft`, `${pairName(pair)} hard`])
})

test('a process that stops it ends, and one that ends without stopping it does too', { skip }, context => {
  const { left } = twoHosts(context)
  for (const end of ['await plane.stop()', 'process.exit(0)', 'setTimeout(() => process.exit(0), 300)']) {
    const program = `
      import { TunDataPlane } from ${JSON.stringify(new URL('./tun-data-plane.ts', import.meta.url).href)}
      const plane = new TunDataPlane({ device: 'sealwire%d', mtu: 1400, linkMtu: 1500, namespace: ${JSON.stringify(left)} })
      await plane.start({ needsKeys() {}, ageing() {}, dropped() {} })
      ${end}`
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    assert.equal(run.status, 0, `${end}: ${run.signal} ${run.stderr}`)
    assert.equal(JSON.parse(ip('-n', left, '-j', 'link', 'show', 'type', 'tun')).length, 0)
  }
})
