// A real TCP connection through two TUN devices, with the kernel's super-packets handed over as they are.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Arena } from './arena.ts'
import { EAGAIN, errorName } from './libc.ts'
import { insideNamespace } from './namespaces.ts'
import { PollSet, READABLE } from './readiness.ts'
import { ip, twoHosts, whyNoHosts } from './test-namespaces.ts'
import { sequence, type TcpTask } from './test-tcp-worker.ts'
import { MOST_TUN_BYTES, openTunDevice, type TunDevice, virtioHeader } from './tun-device.ts'

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
      assert.ok(counts.longest > 10_000, `the longest packet has ${counts.longest} octets`)
      assert.ok(counts.packets < octets / 1400, `${counts.packets} packets`)
    }
  })
}

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
