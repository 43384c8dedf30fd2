// ESP by frames: past the kernel's IP both ways, for the host's own addresses only, and after the neighbour's station.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { bothEnds } from '../../../test/ipsec-pair.ts'
import { type Address, formatAddress } from '../../base/address.ts'
import { ESP } from '../../base/flow.ts'
import { pairName } from '../../ipsec/association.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { openFrameSender } from '../../native/packet-socket.ts'
import { findLink, openRouting } from '../../native/routing.ts'
import { ip, whyNoHosts } from '../../native/test-namespaces.ts'
import { RULE, Scene } from '../contract-scene.ts'
import { pause, tunHosts } from './test-tun-hosts.ts'

const skip = whyNoHosts()

async function hostsByFrames(context: TestContext, family: 4 | 6) {
  const planes = await tunHosts({ family, change: { byFrames: true } })
  context.after(() => planes.close())
  const scene = new Scene(planes)
  await scene.start()
  await scene.enforce('negotiate')
  const { one, other } = planes
  const words = { one: one.address, other: other.address, rule: RULE, security: 'esp-aes128gcm16' }
  const [here, there] = bothEnds(words)
  await one.plane.install(here)
  await other.plane.install(there)
  await other.plane.beginSending(pairName(there))
  await one.plane.beginSending(pairName(here))
  return { planes, scene }
}

function ping(namespace: string, to: Address, count: number): boolean {
  const words = ['netns', 'exec', namespace, 'ping', '-c', String(count), '-i', '0.005', '-W', '1', formatAddress(to)]
  return spawnSync('ip', words).status === 0
}

/** Packets that a rule of the guard has seen, by the chain and the words beside it. */
function counted(namespace: string, chain: string, words: string): number {
  const run = spawnSync('ip', ['netns', 'exec', namespace, 'nft', 'list', 'chain', 'inet', 'sealwire', chain], {
    encoding: 'utf8',
  })
  const line = run.stdout.split('\n').find(line => line.includes(`"${words}"`))
  return Number(/counter packets (\d+)/.exec(line ?? '')?.[1] ?? Number.NaN)
}

for (const family of [4, 6] as const) {
  test(`what goes and comes by frames the kernel's IP does not see, but for one in a second: over IPv${family}`, {
    skip,
  }, async context => {
    const { planes } = await hostsByFrames(context, family)
    const { left } = planes.hosts
    assert.ok(ping(left, planes.other.address, 200))
    await planes.settle()
    const out = counted(left, 'leaving', 'sealed')
    assert.ok(out > 0 && out < 50, `${out} packets went by the kernel's IP`)
    assert.equal(counted(left, 'input', 'sealed'), 0)
  })

  test(`a neighbour that moves to another station is found there, over IPv${family}`, { skip }, async context => {
    const { planes } = await hostsByFrames(context, family)
    const { left, right } = planes.hosts
    assert.ok(ping(left, planes.other.address, 20))
    const station = '02:00:00:00:00:77'
    ip('-n', right, 'link', 'set', 'wire', 'address', station)
    const to = formatAddress(planes.other.address)
    ip('-n', left, 'neigh', 'replace', to, 'lladdr', station, 'dev', 'wire', 'nud', 'permanent')
    await pause(1.1)
    assert.ok(ping(left, planes.other.address, 20))
  })
}

test('ESP for another host is not taken, and what nobody has keys for is told of; neither is what is cut short or damaged', {
  skip,
}, async context => {
  const { planes, scene } = await hostsByFrames(context, 4)
  const { left, right } = planes.hosts
  const arena = new Arena(1 << 17)
  const batch = new MessageBatch(arena, 1)
  const at = arena.take(2000)
  const [link, hardware] = [left, right].map(namespace => {
    const shown = JSON.parse(ip('-n', namespace, '-j', 'link', 'show', 'wire')) as { address: string }[]
    const netlink = insideNamespace(namespace, openRouting)
    const { index } = findLink(netlink, 'wire')!
    netlink.close()
    return { index, hardware: Uint8Array.fromHex(shown[0]!.address.replaceAll(':', '')) }
  })
  const sender = insideNamespace(left, () => openFrameSender({}))
  const destination = new Destination(arena, { to: undefined, port: 0 })
  destination.redirectToStation({ link: link!.index, hardware: hardware!.hardware }, 4)
  const send = async (to: string, change: (packet: Uint8Array) => Uint8Array = packet => packet) => {
    const spi = Uint8Array.of(0, 0, 9, 9, 0, 0, 0, 1, ...new Uint8Array(40))
    const packet = change(buildPacket({ source: '10.99.0.1', destination: to, protocol: ESP, payload: spi }))
    arena.bytes.set(packet, at)
    batch.aim(0, at, packet.length)
    batch.towardName(0, destination)
    assert.equal(batch.send(sender, 0, 1), 1)
    await planes.settle()
    return scene.toldOther.drops.get('no-association') ?? 0
  }
  assert.equal(await send('10.99.0.50'), 0)
  assert.equal(await send('10.99.0.2'), 1)
  // A frame has a least length, and what fills it up is no part of the packet.
  assert.equal(await send('10.99.0.2', packet => Uint8Array.of(...packet, 1, 2, 3)), 2)
  assert.equal(await send('10.99.0.2', packet => packet.subarray(0, packet.length - 1)), 2)
  assert.equal(await send('10.99.0.2', packet => packet.with(8, packet[8]! ^ 1)), 2)
  assert.equal(await send('10.99.0.2', packet => packet.with(0, 0x4f)), 2)
})
