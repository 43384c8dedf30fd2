// UDP as the data plane uses it: many datagrams in one call each way, own addresses, marks of congestion, path sizes.
// On loopback, so it needs no rights; what needs a namespace says so.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../base/address.ts'
import { Arena } from './arena.ts'
import { Destination } from './destination.ts'
import { ErrorQueue } from './error-queue.ts'
import { EAGAIN, errorName } from './libc.ts'
import { MessageBatch, MSG_TRUNC } from './message-batch.ts'
import { insideNamespace } from './namespaces.ts'
import { waitReadable, watchReadable } from './readiness.ts'
import { PORT_AT, readAddress, readSocketAddress } from './socket-address.ts'
import { SOL_SOCKET, setOption } from './socket-options.ts'
import { address, ip, twoHosts, whyNoHosts, whyNoIpv6 } from './test-namespaces.ts'
import { UdpSender } from './udp-sender.ts'
import { openUdpSocket, type UdpSocket } from './udp-socket.ts'

const skip = process.platform === 'linux' ? false : 'because this needs Linux'
const SO_NO_CHECK = 11
const SLOTS = 8
const ROOM = 65536

function receiver(arena: Arena) {
  const batch = new MessageBatch(arena, SLOTS)
  const rooms = arena.take(SLOTS * ROOM)
  for (let slot = 0; slot < SLOTS; slot++) batch.aim(slot, rooms + ROOM * slot, ROOM)
  return { batch, roomAt: (slot: number) => rooms + ROOM * slot }
}

/** Everything that is on its way to a socket, with the lengths of the datagrams inside messages. */
function takeAll(arena: Arena, socket: UdpSocket, { batch, roomAt }: ReturnType<typeof receiver>) {
  const octets: number[] = []
  const datagrams: number[] = []
  let messages = 0
  while (waitReadable(socket.fd, 200)) {
    const count = batch.receive(socket.fd)
    assert.ok(count > 0, errorName(count))
    for (let slot = 0; slot < count; slot++) {
      batch.readControl(slot)
      const length = batch.lengthOf(slot)
      octets.push(...arena.bytes.subarray(roomAt(slot), roomAt(slot) + length))
      const size = batch.segmentBytes === 0 ? length : batch.segmentBytes
      for (let at = 0; at < length; at += size) datagrams.push(Math.min(size, length - at))
      messages++
    }
  }
  return { messages, datagrams, octets: Uint8Array.from(octets) }
}

for (const text of ['127.0.0.1', '::1']) {
  test(`datagrams cut by the kernel arrive as they were, joined or not, at ${text}`, {
    skip: text === '::1' ? whyNoIpv6() : skip,
  }, context => {
    const own = address(text)
    const arena = new Arena(2 * 1024 * 1024)
    const from = openUdpSocket(own, 0)
    const joining = openUdpSocket(own, 0, { join: true, reportOwnAddress: true })
    const plain = openUdpSocket(own, 0)
    context.after(() => [from, joining, plain].map(socket => socket.close()))
    assert.ok(joining.joins)
    const sender = new UdpSender(arena, from.fd)
    const length = 10 * 1400 + 300
    const at = arena.take(length)
    for (let index = 0; index < length; index++) arena.bytes[at + index] = index * 7 + (index >> 8)
    const sent = arena.bytes.slice(at, at + length)
    const sizes = [...Array<number>(10).fill(1400), 300]
    const room = receiver(arena)

    assert.equal(sender.send(new Destination(arena, { to: own, port: joining.port }), at, length, 1400), length)
    const joined = takeAll(arena, joining, room)
    assert.deepEqual(joined.datagrams, sizes)
    assert.equal(joined.messages, 1, 'one message carries them all')
    assert.deepEqual(joined.octets, sent)

    assert.equal(sender.send(new Destination(arena, { to: own, port: plain.port }), at, length, 1400), length)
    const apart = takeAll(arena, plain, room)
    assert.equal(apart.messages, 11)
    assert.deepEqual(apart.datagrams, sizes)
    assert.deepEqual(apart.octets, sent)
    assert.deepEqual([sender.whole, sender.apart], [2, 0])
  })
}

test('where cutting is refused the same datagrams go one by one', { skip }, context => {
  const own = address('127.0.0.1')
  const arena = new Arena(2 * 1024 * 1024)
  const [from, to] = [openUdpSocket(own, 0), openUdpSocket(own, 0, { buffers: 1 << 20 })]
  context.after(() => [from, to].map(socket => socket.close()))
  // A socket that sends without checksums may not have datagrams cut (udp(7)).
  setOption(from.fd, SOL_SOCKET, SO_NO_CHECK, 1, 'no checksums')
  const sender = new UdpSender(arena, from.fd)
  const at = arena.take(100 * 200)
  for (let index = 0; index < 20000; index++) arena.bytes[at + index] = index >> 4
  assert.equal(sender.send(new Destination(arena, { to: own, port: to.port }), at, 19_950, 200), 19_950)
  assert.deepEqual([sender.whole, sender.apart], [0, 1])
  const got = takeAll(arena, to, receiver(arena))
  assert.deepEqual(got.datagrams, [...Array<number>(99).fill(200), 150])
  assert.deepEqual(got.octets, arena.bytes.slice(at, at + 19_950))
})

test('a socket at the wildcard address knows where each datagram was sent to, and answers from there', {
  skip,
}, context => {
  const arena = new Arena(2 * 1024 * 1024)
  const server = openUdpSocket(address('0.0.0.0'), 0, { reportOwnAddress: true })
  const client = openUdpSocket(address('127.0.0.1'), 0, { reportOwnAddress: true })
  context.after(() => [server, client].map(socket => socket.close()))
  const question = new Destination(arena, { to: address('127.0.0.77'), port: server.port })
  question.setTrafficClass(0xb9)
  const at = arena.take(64)
  assert.equal(new UdpSender(arena, client.fd).send(question, at, 10), 10)
  const { batch } = receiver(arena)
  assert.ok(waitReadable(server.fd, 1000))
  assert.equal(batch.receive(server.fd), 1)
  batch.readControl(0)
  assert.equal(formatAddress(readAddress(arena.view, batch.ownAddressAt, 4)), '127.0.0.77')
  assert.equal(batch.trafficClass, 0xb9)
  assert.ok(batch.link > 0)
  const peer = readSocketAddress(arena.view, batch.nameAt(0))!
  assert.equal(peer.port, client.port)
  assert.equal(arena.view.getUint16(batch.nameAt(0) + PORT_AT), client.port)

  const answer = new Destination(arena, { to: peer.address, port: peer.port, from: address('127.0.0.77') })
  assert.equal(new UdpSender(arena, server.fd).send(answer, at, 20), 20)
  assert.ok(waitReadable(client.fd, 1000))
  assert.equal(batch.receive(client.fd), 1)
  assert.equal(formatAddress(readSocketAddress(arena.view, batch.nameAt(0))!.address), '127.0.0.77')
  assert.equal(batch.receive(client.fd), -EAGAIN)
})

test('a destination that is redirected leaves nothing of the peer before', { skip: whyNoIpv6() }, context => {
  const arena = new Arena(1024 * 1024)
  const sockets = ['127.0.0.1', '::1'].map(own => openUdpSocket(address(own), 0, { reportOwnAddress: true })) as [
    UdpSocket,
    UdpSocket,
  ]
  context.after(() => sockets.map(socket => socket.close()))
  const { batch } = receiver(arena)
  const at = arena.take(64)
  const six = { to: address('::1'), port: sockets[1].port, from: address('::1') }
  const four = { to: address('127.0.0.1'), port: sockets[0].port, from: address('127.0.0.9') }
  const destination = new Destination(arena, six)
  for (const [index, route] of [six, four, six, { to: four.to, port: four.port }].entries()) {
    destination.redirect(route)
    if (index === 0) destination.setTrafficClass(8)
    const socket = sockets[route.to.family === 4 ? 0 : 1]
    // Bound to its address; one at the wildcard address leaves from where it is told.
    const from = openUdpSocket(address(route.to.family === 4 ? '0.0.0.0' : '::'), 0)
    assert.equal(new UdpSender(arena, from.fd).send(destination, at, 30 + index), 30 + index)
    from.close()
    assert.ok(waitReadable(socket.fd, 1000))
    assert.equal(batch.receive(socket.fd), 1)
    batch.readControl(0)
    const expected = index === 0 ? 8 : 0
    assert.equal(batch.trafficClass, expected)
    assert.equal(batch.lengthOf(0), 30 + index)
    const origin = formatAddress(readSocketAddress(arena.view, batch.nameAt(0))!.address)
    assert.equal(origin, ['::1', '127.0.0.9', '::1', '127.0.0.1'][index])
  }
})

test('whatever lies where control data is read, what is taken from it lies inside', { skip }, () => {
  const arena = new Arena(1024 * 1024)
  const batch = new MessageBatch(arena, 2)
  const at = batch.controlAt(0)
  const inside = (offset: number, size: number) => offset === 0 || (offset >= at && offset + size <= at + 192)
  let state = 7
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
  for (let round = 0; round < 20_000; round++) {
    for (let octet = 0; octet < 192; octet++) arena.bytes[at + octet] = next()
    // Parts that look right but for a few of their numbers.
    for (let part = 0; part < 192; part += 8 * (2 + (next() % 4))) {
      arena.view.setUint32(at + part, next() % 60, true)
      arena.view.setUint32(at + part + 8, [0, 1, 17, 41, 263][next() % 5]!, true)
      arena.view.setUint32(at + part + 12, [1, 8, 50, 67, 104, 35][next() % 6]!, true)
    }
    arena.view.setUint32(batch.headerAt(0) + 40, next() % 400, true)
    batch.readControl(0)
    assert.ok(inside(batch.ownAddressAt, 4) && inside(batch.timeAt, 16) && inside(batch.auxiliaryAt, 20))
  }
})

test('a datagram that is longer than its room is cut and marked, and no length reaches past the room', {
  skip,
}, context => {
  const arena = new Arena(1024 * 1024)
  const own = address('127.0.0.1')
  const [from, to] = [openUdpSocket(own, 0), openUdpSocket(own, 0)]
  context.after(() => [from, to].map(socket => socket.close()))
  const at = arena.take(1000)
  new UdpSender(arena, from.fd).send(new Destination(arena, { to: own, port: to.port }), at, 1000)
  const batch = new MessageBatch(arena, 1)
  batch.aim(0, arena.take(100), 100)
  assert.ok(waitReadable(to.fd, 1000))
  assert.equal(batch.receive(to.fd), 1)
  assert.equal(batch.lengthOf(0), 100)
  assert.ok((batch.flagsOf(0) & MSG_TRUNC) !== 0)
  assert.throws(() => batch.aim(0, arena.bytes.length - 10, 11), RangeError)
})

test('a port that is taken is an Error that says so', { skip }, context => {
  const own = address('127.0.0.1')
  const socket = openUdpSocket(own, 0)
  context.after(() => socket.close())
  assert.throws(() => openUdpSocket(own, socket.port), /opening UDP port \d+ for IPv4: bind answers EADDRINUSE/)
})

test('what is above the path size is refused, and the queue of errors tells the size', {
  skip: whyNoHosts(),
}, context => {
  const { left } = twoHosts(context)
  ip('-n', left, 'link', 'set', 'wire', 'mtu', '1300')
  const families = [
    ['0.0.0.0', '10.99.0.2', 1300],
    ['::', 'fd99::2', 1300],
  ] as const
  for (const [own, peer, size] of families) {
    const arena = new Arena(1024 * 1024)
    const socket = insideNamespace(left, () =>
      openUdpSocket(address(own), 0, { pathSize: 'follow', reportErrors: true, mark: 1, buffers: 1 << 23 }),
    )
    context.after(() => socket.close())
    const sender = new UdpSender(arena, socket.fd)
    const to = new Destination(arena, { to: address(peer), port: 4500 })
    const at = arena.take(4000)
    assert.equal(errorName(sender.send(to, at, 1400)), 'EMSGSIZE')
    assert.equal(errorName(sender.send(to, at, 2800, 1400)), 'EMSGSIZE', 'cutting is refused with the same word')
    const [first] = new ErrorQueue().read(socket.fd)
    assert.ok(first !== undefined)
    assert.equal(first.kind, 'path-size')
    assert.equal(first.origin, 'local')
    assert.equal(first.pathSize, size)
    assert.equal(formatAddress(first.to!.address), peer)
    assert.deepEqual(new ErrorQueue().read(socket.fd), [])
  }
})

test('a peer without that port is reported as one that refuses', { skip: whyNoHosts() }, context => {
  const { left } = twoHosts(context)
  const arena = new Arena(1024 * 1024)
  const socket = insideNamespace(left, () => openUdpSocket(address('0.0.0.0'), 0, { reportErrors: true }))
  context.after(() => socket.close())
  const sender = new UdpSender(arena, socket.fd)
  const to = new Destination(arena, { to: address('10.99.0.2'), port: 4500 })
  const at = arena.take(100)
  arena.bytes.set([1, 2, 3], at)
  assert.equal(sender.send(to, at, 3), 3)
  waitReadable(socket.fd, 1000)
  const [error] = new ErrorQueue().read(socket.fd)
  assert.ok(error !== undefined)
  assert.deepEqual(
    [error.kind, error.name, error.origin, error.type, error.code, formatAddress(error.from!), error.to!.port],
    ['unreachable', 'ECONNREFUSED', 'icmp', 3, 3, '10.99.0.2', 4500],
  )
  assert.deepEqual([...error.octets], [1, 2, 3])
})

test('the main loop goes on watching a socket that had an error, and promises go on at once', {
  skip,
}, async context => {
  const own = address('127.0.0.1')
  const arena = new Arena(1024 * 1024)
  const [watched, other, gone] = [
    openUdpSocket(own, 0, { reportErrors: true }),
    openUdpSocket(own, 0),
    openUdpSocket(own, 0),
  ]
  gone.close()
  const queue = new ErrorQueue()
  const { batch } = receiver(arena)
  let happened: string[] = []
  let settle = (_: readonly string[]): void => {}
  const watch = watchReadable(watched.fd, () => {
    happened = queue.read(watched.fd).map(error => error.name)
    const count = batch.receive(watched.fd)
    settle([...happened, count > 0 ? `${batch.lengthOf(0)} octets` : errorName(count)])
  })
  context.after(() => {
    watch.stop()
    for (const socket of [watched, other]) socket.close()
  })
  const at = arena.take(100)
  for (let round = 1; round <= 3; round++) {
    const refused = new Promise<readonly string[]>(resolve => (settle = resolve))
    new UdpSender(arena, watched.fd).send(new Destination(arena, { to: own, port: gone.port }), at, 10)
    assert.deepEqual(await refused, ['ECONNREFUSED', 'EAGAIN'])
    const next = new Promise<readonly string[]>(resolve => (settle = resolve))
    new UdpSender(arena, other.fd).send(new Destination(arena, { to: own, port: watched.port }), at, 10 + round)
    assert.deepEqual(await next, [`${10 + round} octets`])
  }
})
