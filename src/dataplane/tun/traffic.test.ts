// Real traffic of the host's own stacks between two namespaces, sealed by the TUN data plane: TCP byte for byte, pings,
// large datagrams, small and large links, keys renewed under load; and nothing in clear on the wire.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { buildPacket } from '../../../test/build-packets.ts'
import { bothEnds, type PairWords } from '../../../test/ipsec-pair.ts'
import { type Address, formatAddress } from '../../base/address.ts'
import { ESP, ICMP, ICMPV6 } from '../../base/flow.ts'
import { pairName } from '../../ipsec/association.ts'
import { espTable } from '../../ipsec/wireshark-table.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { openRawSocket } from '../../native/raw-socket.ts'
import { address, ip, whyNoHosts } from '../../native/test-namespaces.ts'
import { sequence, type TcpTask } from '../../native/test-tcp-worker.ts'
import { CaptureWriter } from '../../wire/capture-writer.ts'
import { decodeIp } from '../../wire/decode.ts'
import { ESP_IN_UDP, Packet } from '../../wire/packet.ts'
import { assertSame, RULE, Scene } from '../contract-scene.ts'
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
  return { planes, scene, renew, first: await renew() }
}

/** Sends `octets` from one namespace to the other; answers whether what came is what was sent. */
async function transfer(
  context: TestContext,
  from: string,
  to: string,
  address: string,
  port: number,
  octets = OCTETS,
): Promise<void> {
  const start = (task: Omit<TcpTask, 'done'>) => {
    const workerData: TcpTask = { ...task, done: new SharedArrayBuffer(4) }
    const thread = new Worker(new URL('../../native/test-tcp-worker.ts', import.meta.url), { workerData })
    context.after(() => thread.terminate())
    return thread
  }
  const server = start({ namespace: to, role: 'server', address, port, octets })
  await once(server, 'message')
  const client = start({ namespace: from, role: 'client', address, port, octets })
  const [answer] = await once(client, 'message')
  assert.equal(answer, createHash('sha256').update(sequence(octets)).digest('hex'))
}

/** Nothing but ESP stood on the wire: raw, or in UDP between the ports of both, of which later pieces show nothing. */
function assertOnlySealed(wire: readonly Uint8Array[], isInUdpOnly = false): void {
  const packet = new Packet()
  assert.ok(wire.length > 0)
  for (const bytes of wire) {
    decodeIp(packet, bytes, 0, bytes.length)
    const isInUdp = packet.sourcePort === 4500 && packet.destinationPort === 4500 && packet.content === ESP_IN_UDP
    const isPiece = packet.fragmentOffset !== 0 && (packet.protocol === ESP || isInUdpOnly)
    assert.ok(packet.protocol === ESP || isInUdp || isPiece, `${Buffer.from(bytes).toString('hex', 0, 64)} is in clear`)
  }
}

function ping(namespace: string, address: string, ...words: readonly string[]) {
  const run = spawnSync('ip', ['netns', 'exec', namespace, 'ping', '-W', '2', ...words, address], { encoding: 'utf8' })
  return { isWell: run.status === 0, text: run.stdout + run.stderr }
}

for (const family of [4, 6] as const) {
  for (const form of ['raw', 'in UDP', 'raw by frames']) {
    const encapsulation = form === 'in UDP' ? IN_UDP : undefined
    const change = { byFrames: form === 'raw by frames' }
    test(`TCP of 50 MB arrives as it was sent in both directions, over IPv${family}, ${form}`, {
      skip,
    }, async context => {
      const words = encapsulation === undefined ? {} : { encapsulation }
      const { planes, scene } = await sealedHosts(context, { family, captureBytes: 128, change }, words)
      const { left, right } = planes.hosts
      const [one, other] = [planes.one, planes.other].map(side => formatAddress(side.address))
      await transfer(context, left, right, other!, 7801)
      assertOnlySealed(planes.wire())
      await transfer(context, right, left, one!, 7802)
      assert.deepEqual([...scene.toldOne.drops], [])
      assert.deepEqual([...scene.toldOther.drops], [])
      assertOnlySealed(planes.wire())
    })
  }
}

const shapes = [
  { family: 4, linkMtu: 1280, words: {} },
  { family: 4, linkMtu: 9000, words: { encapsulation: IN_UDP } },
  { family: 6, linkMtu: 1360, words: { encapsulation: IN_UDP } },
  { family: 6, linkMtu: 9000, words: { mode: 'tunnel' } },
  { family: 4, linkMtu: 1500, words: { mode: 'tunnel', encapsulation: IN_UDP, extendedSequence: true } },
  { family: 4, linkMtu: 1500, words: { security: 'ah-sha256' } },
  { family: 4, linkMtu: 1500, words: { security: 'esp-aes128-sha256' } },
  { family: 6, linkMtu: 1500, words: { security: 'ah-sha256' } },
  { family: 4, linkMtu: 1280, words: {}, byFrames: true },
  { family: 4, linkMtu: 1500, words: { mode: 'tunnel', extendedSequence: true }, byFrames: true },
  { family: 4, linkMtu: 1500, words: { security: 'ah-sha256' }, byFrames: true },
  { family: 6, linkMtu: 9000, words: { security: 'esp-aes128-sha256' }, byFrames: true },
  { family: 6, linkMtu: 1500, words: { mode: 'tunnel' }, byFrames: true },
] as const

for (const shape of shapes) {
  const { family, linkMtu, words } = shape
  const byFrames = 'byFrames' in shape
  const text = `IPv${family}, a link of ${linkMtu}, ${JSON.stringify(words)}${byFrames ? ', by frames' : ''}`
  test(`pings, TCP and datagrams of 20,000 octets pass: ${text}`, { skip }, async context => {
    const { planes, scene } = await sealedHosts(context, { family, linkMtu, change: { byFrames } }, words)
    const { left, right } = planes.hosts
    const other = formatAddress(planes.other.address)
    // The kernel asks the guard before it puts pieces of IPv6 together, and later pieces show no port of ESP in UDP.
    const isCutToo = family === 4 || !('encapsulation' in words)
    for (const size of [0, 56, 1000, linkMtu - 200, ...(isCutToo ? [20_000, 60_000] : [])]) {
      const { isWell, text } = ping(left, other, '-c', '3', '-i', '0.01', '-s', String(size))
      assert.ok(isWell, `${size} octets: ${text}`)
    }
    await transfer(context, left, right, other, 7801, 5_000_000)
    const large = isCutToo ? [...scene.say(planes.one, 2, 20_000), ...scene.say(planes.one, 2, 61_000)] : []
    const sent = [...large, ...scene.say(planes.one, 5)]
    await planes.settle()
    assertSame(planes.other.received(), sent)
    assert.deepEqual([...scene.toldOne.drops], [])
    assert.deepEqual([...scene.toldOther.drops], [])
    if (!('security' in words) || words.security.startsWith('esp'))
      assertOnlySealed(planes.wire(), 'encapsulation' in words)
  })
}

test('keys that are renewed again and again under a TCP stream lose no octet and show none', {
  skip,
}, async context => {
  for (const words of [{}, { encapsulation: IN_UDP }]) {
    const { planes, scene, renew, first } = await sealedHosts(context, { family: 4, captureBytes: 128 }, words)
    const { left, right } = planes.hosts
    let isOver = false
    const done = transfer(context, left, right, '10.99.0.2', 7801, 100_000_000).finally(() => (isOver = true))
    let old = first
    let renewals = 0
    while (!isOver) {
      await pause(0.05)
      const next = await renew()
      await pause(0.05)
      await planes.one.plane.remove([old[0]])
      await planes.other.plane.remove([old[1]])
      old = next
      renewals++
      planes.wire()
    }
    await done
    assert.ok(renewals >= 5, `${renewals} renewals`)
    assertOnlySealed(planes.wire())
    assert.equal(scene.toldOne.needs.length + scene.toldOther.needs.length, 0)
    context.diagnostic(`${renewals} renewals; dropped there: ${JSON.stringify([...scene.toldOther.drops])}`)
  }
})

/** A router beside the far host says that what it saw does not fit: in clear, as routers do. */
function saysTooBig(context: TestContext, right: string, family: 4 | 6, to: Address, sealed: Uint8Array, mtu: number) {
  const arena = new Arena(1 << 17)
  const batch = new MessageBatch(arena, 1)
  const at = arena.take(2000)
  let message: Uint8Array
  if (family === 4) {
    const words = {
      source: '10.99.0.77',
      destination: formatAddress(to),
      protocol: ICMP,
      payload: sealed.slice(0, 100),
    }
    message = buildPacket(words)
    message.set([3, 4, 0, 0, 0, 0, mtu >> 8, mtu & 255], 20)
    let sum = 0
    for (let at = 20; at < message.length; at += 2) sum += (message[at]! << 8) | message[at + 1]!
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    message.set([(~sum >> 8) & 255, ~sum & 255], 22)
  } else {
    ip('-n', right, 'address', 'add', 'fd99::77/64', 'dev', 'wire', 'nodad')
    // The kernel writes the IP header and the checksum.
    message = Uint8Array.of(2, 0, 0, 0, 0, 0, mtu >> 8, mtu & 255, ...sealed.subarray(0, 1000))
  }
  const router = insideNamespace(right, () =>
    family === 4
      ? openRawSocket(4, 255, { writesHeader: true })
      : openRawSocket(6, ICMPV6, { from: address('fd99::77') }),
  )
  context.after(() => router.close())
  arena.bytes.set(message, at)
  batch.aim(0, at, message.length)
  batch.toward(0, new Destination(arena, { to, port: 0 }), false)
  assert.equal(batch.sendOne(router.fd, 0), message.length)
}

for (const family of [4, 6] as const) {
  for (const encapsulation of [undefined, IN_UDP]) {
    const form = encapsulation === undefined ? 'raw' : 'in UDP'
    // IPv6 senders go down to 1,280 octets and no further.
    const size = family === 4 ? 1300 : 1400
    const sentence = `a path that became smaller is told to who sends, and TCP goes on, over IPv${family}, ${form}`
    test(sentence, { skip }, async context => {
      const { planes, scene } = await sealedHosts(context, { family }, encapsulation && { encapsulation })
      const { left, right } = planes.hosts
      const other = formatAddress(planes.other.address)
      assert.ok(ping(left, other, '-c', '1', '-M', 'do', '-s', '1350').isWell)
      await planes.settle()
      const from = (bytes: Uint8Array) => (family === 4 ? bytes[15] : bytes[23])
      const sealed = planes.wire().find(bytes => bytes.length > 1350 && from(bytes) === 1)!
      saysTooBig(context, right, family, planes.one.address, sealed, size)
      await planes.settle()
      const { isWell, text } = ping(left, other, '-c', '2', '-i', '0.05', '-M', 'do', '-s', '1350')
      assert.ok(!isWell, text)
      assert.match(text, /mtu ?= ?1[23]\d\d|Frag needed|too long|too big/i)
      const stood = planes.wire().length
      assert.ok(ping(left, other, '-c', '1', '-M', 'do', '-s', '1180').isWell)
      await transfer(context, left, right, other, 7801, 5_000_000)
      assert.ok((scene.toldOne.drops.get('too-big') ?? 0) > 0)
      const packet = new Packet()
      for (const bytes of planes.wire().slice(stood)) {
        decodeIp(packet, bytes, 0, bytes.length)
        // What the kernel cuts for the wire stands here uncut.
        if (from(bytes) === 1 && encapsulation === undefined) assert.ok(packet.ipLength <= size, `${packet.ipLength}`)
      }
    })
  }
}

test('a link that is smaller than was thought is found out, and TCP passes', { skip }, async context => {
  for (const [words, byFrames] of [
    [{}, false],
    [{}, true],
    [{ encapsulation: IN_UDP }, false],
  ] as const) {
    const change = { linkMtu: 1500, mtu: 1420, byFrames }
    const { planes, scene } = await sealedHosts(context, { family: 4, linkMtu: 1400, change }, words)
    const { left, right } = planes.hosts
    await transfer(context, left, right, '10.99.0.2', 7801, 5_000_000)
    const lost = scene.toldOne.drops.get('too-big') ?? 0
    assert.ok(lost > 0 && lost < 200, `${lost} packets were too big`)
  }
})

test('tshark opens what stood on the wire with the written keys, and every ICV is good', {
  skip: skip || (spawnSync('tshark', ['-v']).error === undefined ? false : 'because tshark is not installed'),
}, async context => {
  const { planes } = await sealedHosts(context, { family: 4 }, { security: 'esp-aes128gcm16' })
  const { left, right } = planes.hosts
  assert.ok(ping(left, '10.99.0.2', '-c', '3', '-i', '0.01').isWell)
  await transfer(context, left, right, '10.99.0.2', 7801, 500_000)
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-tun-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const all = { one: planes.one.address, other: planes.other.address, security: 'esp-aes128gcm16', rule: RULE }
  const [pair] = bothEnds({ ...all, firstSpi: 0x2000, seed: 0x2000, replayWindow: 4096 })
  const parts: Uint8Array[] = []
  const RAW_IP = 101
  const writer = new CaptureWriter(bytes => void parts.push(bytes), [RAW_IP])
  for (const [index, bytes] of planes.wire().entries()) writer.frame(bytes, index, 0)
  const capture = join(folder, 'wire.pcapng')
  writeFileSync(capture, Buffer.concat(parts))
  mkdirSync(join(folder, 'wireshark'))
  writeFileSync(join(folder, 'wireshark', 'esp_sa'), espTable([pair.outbound, pair.inbound]))
  const options = ['esp.enable_encryption_decode', 'esp.enable_authentication_check', 'tcp.check_checksum']
  const words = ['-r', capture, ...options.flatMap(option => ['-o', `${option}:TRUE`])]
  const fields = ['esp.spi', 'esp.icv_good', 'tcp.checksum.status', 'icmp.type'].flatMap(field => ['-e', field])
  const ran = spawnSync('tshark', [...words, '-T', 'fields', ...fields], {
    encoding: 'utf8',
    env: { ...process.env, XDG_CONFIG_HOME: folder },
  })
  const lines = ran.stdout
    .trim()
    .split('\n')
    .map(line => line.split('\t'))
  assert.ok(lines.length > 50, ran.stderr)
  assert.equal(lines.filter(([spi]) => spi === '').length, 0)
  assert.deepEqual([...new Set(lines.map(([, icv]) => icv))], ['1'])
  assert.deepEqual([...new Set(lines.map(([, , checksum]) => checksum))].toSorted(), ['', '1'])
  assert.equal(lines.filter(([, , , type]) => type === '8').length, 3)
})
