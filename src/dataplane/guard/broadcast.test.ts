// Broadcast as the link knows it: an exemption for it must not pass a packet to one host in a frame to all, nor a packet
// to all in a frame to one.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { parsePrefix } from '../../base/address.ts'
import { Arena } from '../../native/arena.ts'
import { libC } from '../../native/libc.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { bindPacketSocket, openPacketSocket } from '../../native/packet-socket.ts'
import { findLink, openRouting } from '../../native/routing.ts'
import { twoHosts } from '../../native/test-namespaces.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { guardRuleset } from './ruleset.ts'
import { whyNoGuard } from './test-guarded-host.ts'

const skip = whyNoGuard()

test('a broadcast passes where it is exempt, and is one only by its address and by its frame', { skip }, context => {
  const { left, right } = twoHosts(context)
  const inLeft = (...words: readonly string[]) =>
    spawnSync('ip', ['netns', 'exec', left, ...words], { encoding: 'utf8' }).stdout
  const [link] = [insideNamespace(right, openRouting)].map(netlink => {
    const { index } = findLink(netlink, 'wire')!
    netlink.close()
    return index
  })
  const fd = insideNamespace(right, () => openPacketSocket({ link: link!, from: 'frames' }, 'sending frames'))
  context.after(() => void libC().close(fd))
  bindPacketSocket(fd, link!, 'sending frames')
  const own = /link\/ether (\S+)/.exec(inLeft('ip', 'link', 'show', 'wire'))![1]!
  const arena = new Arena(65536)
  const at = arena.take(256)
  const send = (to: 'all' | 'one', destination: string) => {
    const packet = buildPacket({ source: '10.99.0.2', destination, payload: new Uint8Array(16) })
    const hardware = to === 'all' ? 'ff:ff:ff:ff:ff:ff' : own
    arena.bytes.set(
      hardware.split(':').map(octet => Number.parseInt(octet, 16)),
      at,
    )
    arena.bytes.set([2, 0, 0, 0, 0, 1, 8, 0], at + 6)
    arena.bytes.set(packet, at + 14)
    assert.equal(libC().write(fd, arena.address + at, packet.length + 14), packet.length + 14)
  }
  const passed = () => {
    const listed = inLeft('nft', 'list', 'table', 'inet', 'after')
    return Number(/packets (\d+)/.exec(listed)![1])
  }
  const frames = [
    ['all', '10.99.0.255'],
    ['one', '10.99.0.255'],
    ['all', '10.99.0.1'],
    ['one', '10.99.0.1'],
    ['all', '255.255.255.255'],
  ] as const
  const cases = [
    // Nothing is known of networks: the link's word counts, where address and frame agree.
    { noDefaultExempt: 0, networks: [], expected: [1, 0, 0, 0, 1] },
    // The address is known to be a broadcast's, whatever the frame.
    { noDefaultExempt: 0, networks: ['10.99.0.0/24'], expected: [1, 1, 0, 0, 1] },
    // By the policy's word the network is a larger one, and this is a host in it.
    { noDefaultExempt: 0, networks: ['10.99.0.0/16'], expected: [0, 0, 0, 0, 1] },
    { noDefaultExempt: 3, networks: ['10.99.0.0/24'], expected: [0, 0, 0, 0, 0] },
  ]
  for (const { noDefaultExempt, networks, expected } of cases) {
    const asked = policy([rule('block', ['any any <-> any'])], {
      profile: 'windows-xp',
      noDefaultExempt,
      networks: networks.map(network => parsePrefix(network)!),
    })
    const { text } = guardRuleset(compile(asked))
    const after =
      'table inet after\ndelete table inet after\ntable inet after {\nchain input {\ntype filter hook input priority 10\niifname wire ip ttl 64 meta l4proto udp counter\n}\n}\n'
    const loaded = spawnSync('ip', ['netns', 'exec', left, 'nft', '-f', '-'], { input: text + after, encoding: 'utf8' })
    assert.equal(loaded.status, 0, loaded.stderr)
    const counts = frames.map(([to, destination]) => {
      const before = passed()
      send(to, destination)
      return passed() - before
    })
    assert.deepEqual(counts, expected, `NoDefaultExempt ${noDefaultExempt}, networks ${networks}`)
  }
})
