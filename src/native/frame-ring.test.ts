// The ring and the sender of frames, between two namespaces: everything in order, the large beside the small, more rounds than
// the ring has frames, and only what the filter and the station ask for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from './arena.ts'
import { Destination } from './destination.ts'
import { FrameRing } from './frame-ring.ts'
import { MessageBatch } from './message-batch.ts'
import { insideNamespace } from './namespaces.ts'
import { nextStation } from './neighbours.ts'
import { openFrameSender } from './packet-socket.ts'
import { waitReadable } from './readiness.ts'
import { findLink, openRouting } from './routing.ts'
import type { FilterStep } from './socket-options.ts'
import { address, ip, twoHosts, whyNoHosts } from './test-namespaces.ts'

const skip = whyNoHosts()
const RING_BYTES = 65_536
const FRAMES = RING_BYTES / 2048
/** What has protocol 253, for experiments (RFC 3692), from the IP header on; in frames for us. */
const experiments: readonly FilterStep[] = [
  [0x30, 0, 0, 0xfffff004],
  [0x15, 0, 3, 0],
  [0x30, 0, 0, 9],
  [0x15, 0, 1, 253],
  [0x06, 0, 0, 0x40000],
  [0x06, 0, 0, 0],
]

test('frames arrive in order and as they were, large ones too, round after round of the ring', {
  skip,
}, async context => {
  const { left, right } = twoHosts(context)
  for (const namespace of [left, right]) ip('-n', namespace, 'link', 'set', 'wire', 'mtu', '9000')
  const shown = JSON.parse(ip('-n', right, '-j', 'link', 'show', 'wire')) as { address: string }[]
  const station = Uint8Array.fromHex(shown[0]!.address.replaceAll(':', ''))
  const netlink = insideNamespace(left, openRouting)
  context.after(() => netlink.close())
  const link = findLink(netlink, 'wire')!.index

  assert.equal(nextStation(netlink, address('10.99.0.2'), 0), undefined, 'nobody has asked for it yet')
  ip('-n', left, 'neigh', 'replace', '10.99.0.2', 'lladdr', shown[0]!.address, 'dev', 'wire', 'nud', 'reachable')
  assert.deepEqual(nextStation(netlink, address('10.99.0.2'), 0), { link, hardware: station })
  ip('-n', left, 'route', 'add', '10.98.0.0/16', 'via', '10.99.0.2')
  assert.deepEqual(nextStation(netlink, address('10.98.7.7'), 0), { link, hardware: station }, 'by its gateway')
  ip('-n', left, 'route', 'add', '10.97.0.0/16', 'via', '10.99.0.2', 'mtu', '1300')
  assert.equal(nextStation(netlink, address('10.97.7.7'), 0), undefined, 'the path is smaller than the link')
  assert.equal(nextStation(netlink, address('127.0.0.1'), 0), undefined)
  assert.equal(nextStation(netlink, address('192.0.2.1'), 0), undefined, 'no route')

  const arena = new Arena(4 << 20)
  const options = { family: 4, filter: experiments, packetBytes: 1500, bytes: RING_BYTES } as const
  const ring = insideNamespace(right, () => new FrameRing(arena, options))
  const sender = insideNamespace(left, () => openFrameSender({ buffers: 1 << 20 }))
  const batch = new MessageBatch(arena, 1)
  const at = arena.take(10_000)
  const destination = new Destination(arena, { to: undefined, port: 0 })
  destination.redirectToStation({ link, hardware: station }, 4)
  const send = (number: number, length: number, protocol = 253) => {
    arena.bytes.fill(number, at, at + length)
    arena.bytes.set([0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, protocol], at)
    batch.aim(0, at, length)
    batch.towardName(0, destination)
    assert.equal(batch.send(sender, 0, 1), 1)
  }
  let number = 0
  for (let round = 0; round < 5; round++) {
    const sent: (readonly [number: number, length: number])[] = []
    while (sent.length < FRAMES - 3) {
      const length = number % 5 === 3 ? 2000 + number * 10 : 100 + number
      send(number & 255, length)
      send(number & 255, 100, 17)
      sent.push([number & 255, length])
      number++
    }
    assert.ok(waitReadable(ring.fd, 1000))
    for (const [filled, length] of sent) {
      assert.ok(ring.fetch())
      assert.equal(ring.length, length)
      const content = arena.bytes.subarray(ring.at + 10, ring.at + length)
      assert.ok(
        content.every(octet => octet === filled),
        `${length} octets of ${filled}`,
      )
      // It is ours to write to.
      content.fill(0)
      ring.giveBack()
    }
    assert.ok(!ring.fetch())
    assert.equal(ring.lost(), 0)
  }
  destination.redirectToStation({ link, hardware: station.with(5, station[5]! ^ 1) }, 4)
  send(1, 100)
  assert.ok(!waitReadable(ring.fd, 50), 'it was for another station')
  destination.redirectToStation({ link, hardware: station }, 4)
  for (let more = 0; more < FRAMES + 10; more++) send(more, 100)
  let came = 0
  for (; ring.fetch(); came++) ring.giveBack()
  assert.equal(came + ring.lost(), FRAMES + 10)
  ring.close()
})
