// What a capture sees on a veth: both directions, lengths, times, and nothing of other links.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from './arena.ts'
import { Destination } from './destination.ts'
import { insideNamespace } from './namespaces.ts'
import { PacketCapture } from './packet-capture.ts'
import { PacketRing } from './packet-ring.ts'
import { waitReadable } from './readiness.ts'
import { findLink, openRouting } from './routing.ts'
import { address, ip, twoHosts, whyNoHosts } from './test-namespaces.ts'
import { UdpSender } from './udp-sender.ts'
import { openUdpSocket } from './udp-socket.ts'

const skip = whyNoHosts()

test('frames come with their direction, their length, their kind and a time', { skip }, context => {
  const { left, right } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const netlink = insideNamespace(left, openRouting)
  const wire = findLink(netlink, 'wire')!.index
  const sockets = [left, right].map(name => insideNamespace(name, () => openUdpSocket(address('0.0.0.0'), 9999)))
  const options = { link: wire, keep: 128, batch: 4 }
  // Only IPv4: EtherType at 12 of a frame; a packet socket without link header finds the protocol at a place of its own.
  const ipv4 = [
    [0x28, 0, 0, 12],
    [0x15, 0, 1, 0x0800],
    [0x06, 0, 0, 0x40000],
    [0x06, 0, 0, 0],
  ] as const
  const frames = insideNamespace(
    left,
    () => new PacketCapture(arena, { ...options, from: 'frames', filter: ipv4, buffer: 1 << 20 }),
  )
  const packets = insideNamespace(left, () => new PacketCapture(arena, { ...options, from: 'packets' }))
  context.after(() => {
    for (const one of [...sockets, frames, packets, netlink]) one.close()
  })
  const at = arena.take(1024)
  const before = BigInt(Date.now()) * 1_000_000n
  for (const [index, size] of [300, 5].entries()) {
    const to = new Destination(arena, { to: address(`10.99.0.${2 - index}`), port: 9999 })
    assert.equal(new UdpSender(arena, sockets[index]!.fd).send(to, at, size), size)
    assert.ok(waitReadable(sockets[1 - index]!.fd, 1000))
  }
  const seen = []
  while (seen.length < 2 && waitReadable(frames.fd, 1000)) {
    const count = frames.fetch()
    for (let slot = 0; slot < count; slot++) {
      const age = frames.time(slot) - before
      assert.ok(age > -1_000_000_000n && age < 60_000_000_000n, `${age} ns`)
      assert.deepEqual([frames.hardware(slot), frames.link(slot), frames.vlanTag(slot)], [1, wire, -1])
      assert.equal(arena.view.getUint16(frames.frameAt(slot) + 12), 0x0800)
      seen.push([frames.isOutgoing(slot), frames.protocol(slot), frames.wireBytes(slot), frames.keptBytes(slot)])
    }
  }
  assert.deepEqual(seen, [
    [true, 0x0800, 14 + 28 + 300, 128],
    [false, 0x0800, 14 + 28 + 5, 47],
  ])
  assert.equal(frames.fetch(), 0)
  assert.equal(frames.lost(), 0)
  // Without a filter, ARP and neighbour discovery are seen as well.
  const without = []
  for (let count = packets.fetch(); count > 0; count = packets.fetch()) {
    for (let slot = 0; slot < count; slot++) {
      if (packets.protocol(slot) !== 0x0800) continue
      assert.equal(arena.bytes[packets.frameAt(slot)], 0x45)
      without.push([packets.isOutgoing(slot), packets.wireBytes(slot)])
    }
  }
  assert.deepEqual(without, [
    [true, 328],
    [false, 33],
  ])
})

test('frames that found no room are counted, and a link that goes is an Error', { skip }, context => {
  const { left } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const netlink = insideNamespace(left, openRouting)
  const wire = findLink(netlink, 'wire')!.index
  const capture = insideNamespace(
    left,
    () => new PacketCapture(arena, { link: wire, keep: 64, from: 'frames', buffer: 4096 }),
  )
  const socket = insideNamespace(left, () => openUdpSocket(address('0.0.0.0'), 9999))
  context.after(() => {
    for (const one of [capture, socket, netlink]) one.close()
  })
  const to = new Destination(arena, { to: address('10.99.0.2'), port: 9999 })
  const sender = new UdpSender(arena, socket.fd)
  const at = arena.take(1400)
  for (let index = 0; index < 100; index++) sender.send(to, at, 1000)
  waitReadable(capture.fd, 1000)
  const fetched = capture.fetch()
  assert.ok(fetched > 0)
  assert.ok(capture.lost() > 0)
  assert.equal(capture.lost(), 0)
  ip('-n', left, 'link', 'del', 'wire')
  assert.throws(() => {
    for (;;) if (capture.fetch() === 0) return
  }, /capturing: recvmmsg answers ENE?T?/)
})

test("a ring sees the same frames, block after block, and its pages become the arena's again", { skip }, context => {
  const { left } = twoHosts(context)
  const arena = new Arena(2 * 1024 * 1024)
  const netlink = insideNamespace(left, openRouting)
  const wire = findLink(netlink, 'wire')!.index
  const ipv4 = [
    [0x28, 0, 0, 12],
    [0x15, 0, 1, 0x0800],
    [0x06, 0, 0, 1000],
    [0x06, 0, 0, 0],
  ] as const
  const options = {
    link: wire,
    from: 'frames',
    filter: ipv4,
    blockBytes: 65536,
    blocks: 4,
    patienceMilliseconds: 5,
  } as const
  const ring = insideNamespace(left, () => new PacketRing(arena, options))
  const sockets = [left, left].map(name => insideNamespace(name, () => openUdpSocket(address('10.99.0.1'), 0)))
  context.after(() => {
    for (const one of [...sockets, netlink]) one.close()
  })
  const to = new Destination(arena, { to: address('10.99.0.2'), port: 9999 })
  const sender = new UdpSender(arena, sockets[0]!.fd)
  const at = arena.take(1400)
  // More than all blocks hold at once, in portions that they do hold.
  const count = 400
  const seen: number[] = []
  let firstFrame = 0
  for (let index = 0; index < count; ) {
    for (let portion = 0; portion < 50; portion++, index++) {
      arena.view.setUint32(at, index)
      assert.equal(sender.send(to, at, 1200), 1200)
    }
    while (waitReadable(ring.fd, 100)) {
      const frames = ring.fetch()
      for (let slot = 0; slot < frames; slot++) {
        assert.ok(ring.time(slot) > 1_600_000_000_000_000_000n)
        assert.deepEqual([ring.hardware(slot), ring.link(slot), ring.vlanTag(slot)], [1, wire, -1])
        assert.equal(ring.protocol(slot), 0x0800)
        firstFrame ||= ring.frameAt(slot)
        // Not the ICMP that comes back, which the kernel sends at a rate of its own.
        if (!ring.isOutgoing(slot)) continue
        assert.deepEqual([ring.wireBytes(slot), ring.keptBytes(slot)], [14 + 28 + 1200, 1000])
        assert.equal(arena.view.getUint16(ring.frameAt(slot) + 12), 0x0800)
        seen.push(arena.view.getUint32(ring.frameAt(slot) + 14 + 28))
      }
    }
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, index) => index),
  )
  assert.equal(ring.lost(), 0)
  assert.equal(ring.fetch(), 0)
  ring.close()
  assert.equal(arena.view.getUint32(firstFrame), 0)
  arena.view.setUint32(firstFrame, 7)
  assert.equal(arena.view.getUint32(firstFrame), 7)
  assert.throws(() => new PacketRing(arena, { ...options, blockBytes: 1000 }), RangeError)
})
