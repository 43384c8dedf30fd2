// A real TCP connection through two TUN devices, with the kernel's super-packets handed over as they are.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Arena } from './arena.ts'
import { Destination } from './destination.ts'
import { EAGAIN, errorName } from './libc.ts'
import { MessageBatch } from './message-batch.ts'
import { insideNamespace } from './namespaces.ts'
import { PollSet, READABLE, waitReadable } from './readiness.ts'
import { changeLink, findLink, openRouting } from './routing.ts'
import { address, ip, twoHosts, whyNoHosts } from './test-namespaces.ts'
import { sequence, type TcpTask } from './test-tcp-worker.ts'
import { MOST_TUN_BYTES, openTunDevice, SEGMENT_UDP, type TunDevice, virtioHeader } from './tun-device.ts'
import { UdpSender } from './udp-sender.ts'
import { openUdpSocket } from './udp-socket.ts'

const skip = whyNoHosts()

function worker(task: Omit<TcpTask, 'done'>) {
  const done = new SharedArrayBuffer(4)
  const data: TcpTask = { ...task, done }
  return { thread: new Worker(new URL('./test-tcp-worker.ts', import.meta.url), { workerData: data }), done }
}

for (const segmentation of ['tcp-and-udp', 'none'] as const) {
  test(`TCP passes two TUN devices byte for byte, with segmentation ${segmentation}`, { skip }, async context => {
    const { left, right } = twoHosts(context)
    const arena = new Arena(1024 * 1024)
    const open = (namespace: string) =>
      insideNamespace(namespace, () => openTunDevice(arena, { name: 'tunnel%d', segmentation }))
    const [one, two] = [open(left), open(right)]
    context.after(() => [one, two].map(device => device.close()))
    for (const [index, namespace] of [left, right].entries()) {
      ip('-n', namespace, 'address', 'add', `10.98.0.${index + 1}/24`, 'dev', 'tunnel0')
      ip('-n', namespace, 'link', 'set', 'tunnel0', 'mtu', '1400', 'up')
    }
    assert.equal(one.name, 'tunnel0')
    const netlink = insideNamespace(left, openRouting)
    changeLink(netlink, findLink(netlink, 'tunnel0')!.index, { segmentationBytes: 61_000 })
    netlink.close()
    const octets = 4_000_000
    const server = worker({ namespace: right, role: 'server', address: '10.98.0.2', port: 7777, octets })
    context.after(() => server.thread.terminate())
    await once(server.thread, 'message')
    const client = worker({ namespace: left, role: 'client', address: '10.98.0.2', port: 7777, octets })
    context.after(() => client.thread.terminate())
    const answer = once(client.thread, 'message')

    const counts = { packets: 0, cut: 0, longest: 0 }
    const at = arena.take(MOST_TUN_BYTES)
    const polled = new PollSet(arena)
    for (const device of [one, two]) polled.add(device.fd, READABLE)
    const pass = (from: TunDevice, to: TunDevice): void => {
      for (;;) {
        const length = from.read(at, MOST_TUN_BYTES)
        if (length === -EAGAIN) return
        assert.ok(length > virtioHeader.bytes, errorName(length))
        counts.packets++
        counts.longest = Math.max(counts.longest, length)
        if (arena.bytes[at + virtioHeader.segmentation] !== 0) counts.cut++
        const written = to.write(at, length)
        assert.equal(written, length, errorName(written))
      }
    }
    // The main thread stands in poll here, as a data-plane worker does: the other two run by themselves.
    for (let quiet = 0; Atomics.load(new Int32Array(client.done), 0) === 0 && quiet < 100; ) {
      if (polled.wait(100) === 0) quiet++
      pass(one, two)
      pass(two, one)
    }
    assert.deepEqual(await answer, [createHash('sha256').update(sequence(octets)).digest('hex')])
    assert.equal(one.segmentation === 'none', segmentation === 'none')
    if (segmentation === 'none') {
      assert.equal(counts.cut, 0)
      assert.equal(counts.longest, 1400 + virtioHeader.bytes)
    } else {
      assert.ok(counts.cut > 10, `${counts.cut} packets to be cut`)
      const isLong = counts.longest > 10_000 && counts.longest <= 61_000 + virtioHeader.bytes
      assert.ok(isLong, `the longest packet has ${counts.longest} octets`)
      assert.ok(counts.packets < octets / 1400, `${counts.packets} packets`)
    }
  })
}

test('datagrams that an application sends as one pass as one, and arrive apart or joined', { skip }, context => {
  const { left, right } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const open = (namespace: string) =>
    insideNamespace(namespace, () => openTunDevice(arena, { name: 'tunnel0', segmentation: 'tcp-and-udp' }))
  const [one, two] = [open(left), open(right)]
  context.after(() => [one, two].map(device => device.close()))
  if (one.segmentation !== 'tcp-and-udp') return context.skip('because this kernel is older than 6.2')
  for (const [index, namespace] of [left, right].entries()) {
    ip('-n', namespace, 'address', 'add', `10.98.0.${index + 1}/24`, 'dev', 'tunnel0')
    ip('-n', namespace, 'link', 'set', 'tunnel0', 'up')
  }
  const own = address('0.0.0.0')
  const from = insideNamespace(left, () => openUdpSocket(own, 0))
  const joining = insideNamespace(right, () => openUdpSocket(own, 4000, { join: true }))
  const apart = insideNamespace(right, () => openUdpSocket(own, 4001))
  context.after(() => [from, joining, apart].map(socket => socket.close()))
  const at = arena.take(MOST_TUN_BYTES)
  const payload = arena.take(10_000)
  const batch = new MessageBatch(arena, 16)
  for (let slot = 0; slot < 16; slot++) batch.aim(slot, arena.take(16_384), 16_384)
  const sender = new UdpSender(arena, from.fd)
  for (const [port, socket, messages] of [[4000, joining, 1] as const, [4001, apart, 10] as const]) {
    const to = new Destination(arena, { to: address('10.98.0.2'), port })
    assert.equal(sender.send(to, payload, 9_500, 1000), 9_500)
    let read = 0
    for (let length = one.read(at, MOST_TUN_BYTES); length > 0; length = one.read(at, MOST_TUN_BYTES)) {
      // What else a link says of itself is not IPv4 with UDP.
      if (arena.bytes[at + virtioHeader.bytes] !== 0x45 || arena.bytes[at + virtioHeader.bytes + 9] !== 17) continue
      read++
      assert.equal(arena.bytes[at + virtioHeader.segmentation], SEGMENT_UDP)
      assert.equal(arena.view.getUint16(at + virtioHeader.segmentBytes, true), 1000)
      assert.equal(length, virtioHeader.bytes + 28 + 9_500)
      assert.equal(two.write(at, length), length)
    }
    assert.equal(read, 1)
    assert.ok(waitReadable(socket.fd, 1000))
    assert.equal(batch.receive(socket.fd), messages)
    let octets = 0
    for (let slot = 0; slot < messages; slot++) octets += batch.lengthOf(slot)
    assert.equal(octets, 9_500)
    batch.readControl(0)
    assert.equal(batch.segmentBytes, messages === 1 ? 1000 : 0)
  }
})

test('a second queue is the same device, a second device of that name is refused', { skip }, context => {
  const { left } = twoHosts(context)
  const arena = new Arena(65536)
  insideNamespace(left, () => {
    const options = { name: 'several', segmentation: 'tcp' } as const
    const first = openTunDevice(arena, { ...options, queues: 'first-of-several' })
    const another = openTunDevice(arena, { ...options, queues: 'another' })
    assert.equal(another.name, 'several')
    another.takePart(false)
    another.takePart(true)
    assert.throws(() => openTunDevice(arena, options), /making the TUN device several: ioctl TUNSETIFF answers/)
    assert.throws(() => openTunDevice(arena, { ...options, name: 'a-name-that-is-too-long' }), RangeError)
    const at = arena.take(100)
    assert.equal(errorName(first.read(at, 100)), 'EAGAIN')
    assert.equal(errorName(first.write(at, 100)), 'EINVAL', 'it is neither IPv4 nor IPv6')
    arena.bytes[at + virtioHeader.bytes] = 0x45
    assert.equal(errorName(first.write(at, 100)), 'EIO', 'it is down')
    assert.throws(() => first.read(arena.bytes.length - 50, 100), RangeError)
    another.close()
    first.close()
    assert.throws(() => ip('-n', left, 'link', 'show', 'several'), /does not exist/)
  })
})
