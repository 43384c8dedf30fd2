// ESP and AH on the wire, from user space, without the kernel's own IPsec.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../base/address.ts'
import { Arena } from './arena.ts'
import { Destination } from './destination.ts'
import { ErrorQueue } from './error-queue.ts'
import { errorName } from './libc.ts'
import { MessageBatch } from './message-batch.ts'
import { insideNamespace } from './namespaces.ts'
import { PacketCapture } from './packet-capture.ts'
import { holdProtocol, openRawSocket, PROTOCOL_AH, PROTOCOL_ESP } from './raw-socket.ts'
import { waitReadable } from './readiness.ts'
import { findLink, openRouting } from './routing.ts'
import { readAddress, readSocketAddress } from './socket-address.ts'
import { address, twoHosts, whyNoHosts } from './test-namespaces.ts'

const skip = whyNoHosts()
const COUNT = 64
const ROOM = 2048

function batchOf(arena: Arena, slots: number) {
  const batch = new MessageBatch(arena, slots)
  const rooms = arena.take(slots * ROOM)
  const roomAt = (slot: number) => rooms + ROOM * slot
  for (let slot = 0; slot < slots; slot++) batch.aim(slot, roomAt(slot), ROOM)
  return { batch, roomAt }
}

function findLinkIn(namespace: string, name: string): number {
  const netlink = insideNamespace(namespace, openRouting)
  const link = findLink(netlink, name)
  netlink.close()
  return link!.index
}

const cases = [
  { family: 4, protocol: PROTOCOL_ESP, from: '10.99.0.1', to: '10.99.0.2', header: 20, connected: false },
  { family: 6, protocol: PROTOCOL_ESP, from: 'fd99::1', to: 'fd99::2', header: 0, connected: false },
  { family: 4, protocol: PROTOCOL_AH, from: '10.99.0.1', to: '10.99.0.2', header: 20, connected: true },
  { family: 6, protocol: PROTOCOL_AH, from: 'fd99::1', to: 'fd99::2', header: 0, connected: true },
] as const

for (const { family, protocol, from, to, header, connected } of cases) {
  const form = connected ? 'by a connected socket' : 'to a named destination'
  test(`protocol ${protocol} over IPv${family} goes out in one call and comes in whole, ${form}`, { skip }, context => {
    const { left, right } = twoHosts(context)
    const arena = new Arena(1024 * 1024)
    const peer = address(to)
    const sending = insideNamespace(left, () =>
      openRawSocket(family, protocol, { pathSize: 'follow', mark: 1, ...(connected ? { to: peer } : {}) }),
    )
    const receiving = insideNamespace(right, () =>
      openRawSocket(family, protocol, { reportOwnAddress: true, buffers: 1 << 23 }),
    )
    context.after(() => [sending, receiving].map(socket => socket.close()))
    const destination = new Destination(arena, connected ? { to: undefined, port: 0, family } : { to: peer, port: 0 })
    destination.setTrafficClass(0x2a)
    const out = batchOf(arena, COUNT)
    for (let slot = 0; slot < COUNT; slot++) {
      arena.bytes.fill(slot, out.roomAt(slot), out.roomAt(slot) + 1400)
      out.batch.aim(slot, out.roomAt(slot), 1000 + slot)
      out.batch.toward(slot, destination, false)
    }
    assert.equal(out.batch.send(sending.fd, 0, COUNT), COUNT)

    const { batch, roomAt } = batchOf(arena, COUNT)
    let seen = 0
    while (seen < COUNT && waitReadable(receiving.fd, 1000)) {
      const count = batch.receive(receiving.fd)
      assert.ok(count > 0, errorName(count))
      for (let slot = 0; slot < count; slot++, seen++) {
        batch.readControl(slot)
        assert.equal(batch.lengthOf(slot), header + 1000 + seen)
        assert.equal(batch.trafficClass, 0x2a)
        assert.equal(formatAddress(readAddress(arena.view, batch.ownAddressAt, family)), to)
        assert.equal(formatAddress(readSocketAddress(arena.view, batch.nameAt(slot))!.address), from)
        assert.equal(arena.bytes[roomAt(slot) + header], seen)
        if (header === 0) continue
        assert.equal(arena.bytes[roomAt(slot)], 0x45)
        assert.equal(arena.bytes[roomAt(slot) + 9], protocol)
        assert.equal(arena.view.getUint16(roomAt(slot) + 2), header + 1000 + seen, 'total length, in network order')
      }
    }
    assert.equal(seen, COUNT)
  })
}

test('a header of our own goes out with its identification and no DF', { skip }, context => {
  const { left, right } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const sending = insideNamespace(left, () => openRawSocket(4, PROTOCOL_AH, { writesHeader: true }))
  const receiving = insideNamespace(right, () => openRawSocket(4, PROTOCOL_AH))
  context.after(() => [sending, receiving].map(socket => socket.close()))
  const out = batchOf(arena, 1)
  const at = out.roomAt(0)
  arena.bytes.set([0x45, 0x88, 0, 0, 0x12, 0x34, 0, 0, 33, PROTOCOL_AH, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2], at)
  out.batch.aim(0, at, 100)
  out.batch.toward(0, new Destination(arena, { to: address('10.99.0.2'), port: 0 }), false)
  assert.equal(out.batch.send(sending.fd, 0, 1), 1)
  const { batch, roomAt } = batchOf(arena, 1)
  assert.ok(waitReadable(receiving.fd, 1000))
  assert.equal(batch.receive(receiving.fd), 1)
  const got = [...arena.bytes.subarray(roomAt(0), roomAt(0) + 10)]
  assert.deepEqual(got, [0x45, 0x88, 0, 100, 0x12, 0x34, 0, 0, 33, PROTOCOL_AH])
})

test('over IPv6 too a header of our own goes out, with its flow label and hop limit', { skip }, context => {
  const { left, right } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const sending = insideNamespace(left, () => openRawSocket(6, PROTOCOL_AH, { writesHeader: true }))
  const receiving = insideNamespace(right, () => openRawSocket(6, PROTOCOL_AH, { reportOwnAddress: true }))
  const capture = insideNamespace(
    right,
    () => new PacketCapture(arena, { link: findLinkIn(right, 'wire'), keep: 256, from: 'packets' }),
  )
  context.after(() => [sending, receiving, capture].map(socket => socket.close()))
  const out = batchOf(arena, 1)
  const at = out.roomAt(0)
  arena.bytes.set([0x6a, 0xb1, 0x23, 0x45, 0, 60, PROTOCOL_AH, 33], at)
  arena.view.setUint16(at + 8, 0xfd99)
  arena.bytes[at + 23] = 1
  arena.view.setUint16(at + 24, 0xfd99)
  arena.bytes[at + 39] = 2
  out.batch.aim(0, at, 100)
  out.batch.toward(0, new Destination(arena, { to: address('fd99::2'), port: 0 }), false)
  assert.equal(out.batch.send(sending.fd, 0, 1), 1)
  const { batch } = batchOf(arena, 1)
  assert.ok(waitReadable(receiving.fd, 1000))
  assert.equal(batch.receive(receiving.fd), 1)
  batch.readControl(0)
  assert.deepEqual([batch.lengthOf(0), batch.trafficClass], [60, 0xab])
  const seen: number[][] = []
  for (let count = capture.fetch(); count > 0; count = capture.fetch()) {
    for (let slot = 0; slot < count; slot++) {
      const start = capture.frameAt(slot)
      if (arena.bytes[start + 6] === PROTOCOL_AH) seen.push([...arena.bytes.subarray(start, start + 8)])
    }
  }
  assert.deepEqual(seen, [[0x6a, 0xb1, 0x23, 0x45, 0, 60, PROTOCOL_AH, 33]])
})

test('the kernel answers "protocol unreachable" until a socket holds the protocol', { skip }, context => {
  const { left, right } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const sending = insideNamespace(left, () =>
    openRawSocket(4, PROTOCOL_ESP, { reportErrors: true, to: address('10.99.0.2') }),
  )
  context.after(() => sending.close())
  const out = batchOf(arena, 1)
  out.batch.aim(0, out.roomAt(0), 100)
  out.batch.toward(0, new Destination(arena, { to: undefined, port: 0, family: 4 }), false)
  const { batch: incoming } = batchOf(arena, 1)
  const answers = () => {
    assert.equal(out.batch.send(sending.fd, 0, 1), 1)
    waitReadable(sending.fd, 300)
    const next = errorName(incoming.receive(sending.fd))
    return [next, ...new ErrorQueue().read(sending.fd).map(error => [error.name, error.type, error.code])]
  }
  assert.deepEqual(answers(), ['ENOPROTOOPT', ['ENOPROTOOPT', 3, 2]], 'a read fails once, the queue says why')
  const holding = insideNamespace(right, () => holdProtocol(4, PROTOCOL_ESP))
  context.after(() => holding.close())
  assert.deepEqual(answers(), ['EAGAIN'])
})
