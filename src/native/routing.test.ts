// Links, addresses, routes and rules, against what iproute2 sees of them.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { formatAddress, parsePrefix } from '../base/address.ts'
import { concatenate } from '../base/bytes.ts'
import { failedCall } from './libc.ts'
import { insideNamespace } from './namespaces.ts'
import { attribute, readAttributes, readText, readU32, text, u16, u32 } from './netlink-attributes.ts'
import { type NetworkChange, NetworkWatcher } from './network-watcher.ts'
import { waitReadable, watchReadable } from './readiness.ts'
import { MADE_BY_SEALWIRE, type Rule, readRoute, readRule } from './route-messages.ts'
import {
  addAddress,
  addRoute,
  addRule,
  changeLink,
  type Done,
  findLink,
  linkOfAddress,
  listAddresses,
  listLinks,
  listRoutes,
  listRules,
  lookUpRoute,
  openRouting,
  removeAddress,
  removeRule,
  undo,
} from './routing.ts'
import { address, ip, twoHosts, whyNoHosts } from './test-namespaces.ts'

const skip = whyNoHosts()

function room(context: TestContext) {
  const { left } = twoHosts(context)
  const netlink = insideNamespace(left, openRouting)
  context.after(() => netlink.close())
  return { left, netlink }
}

const prefix = (words: string) => parsePrefix(words)!

test('attributes are read as they were written, and a broken one ends the reading', () => {
  const bytes = concatenate([attribute(1, u32(0xfedcba98)), attribute(2, text('wire')), attribute(3, undefined)])
  const read = readAttributes(bytes)
  assert.deepEqual([...read.keys()], [1, 2])
  assert.equal(readU32(read.get(1)), 0xfedcba98)
  assert.equal(readText(read.get(2)), 'wire')
  for (let length = 0; length < bytes.length; length++) assert.ok(readAttributes(bytes.subarray(0, length)).size <= 2)
  assert.equal(readAttributes(concatenate([u16(3), u16(1)])).size, 0)
  assert.equal(readAttributes(concatenate([u16(400), u16(1), u32(1)])).size, 0)
  assert.equal(readRule(new Uint8Array(11)), undefined)
  assert.equal(readRoute(new Uint8Array(11)), undefined)
})

test('links are listed, found, changed and put back', { skip }, context => {
  const { left, netlink } = room(context)
  assert.deepEqual(
    listLinks(netlink).map(link => [link.name, link.isUp, link.isLoopback]),
    [
      ['lo', true, true],
      ['wire', true, false],
    ],
  )
  assert.equal(findLink(netlink, 'absent'), undefined)
  const wire = findLink(netlink, 'wire')!
  assert.deepEqual([wire.mtu, wire.isRunning], [1500, true])
  assert.deepEqual(findLink(netlink, wire.index), wire)
  const done = changeLink(netlink, wire.index, { mtu: 1400, segmentationBytes: 61000, isUp: true })
  const before = { mtu: 1500, segmentationBytes: wire.segmentationBytes }
  const after = { mtu: 1400, segmentationBytes: 61000 }
  assert.deepEqual(done, { kind: 'link-changed', index: wire.index, before, after })
  assert.match(ip('-n', left, '-d', 'link', 'show', 'wire'), /mtu 1400 .*gso_max_size 61000/s)
  assert.deepEqual(changeLink(netlink, wire.index, { mtu: 1400 }), { kind: 'nothing' })
  undo(netlink, done)
  assert.deepEqual(findLink(netlink, 'wire'), wire)
  const again = changeLink(netlink, wire.index, after)
  ip('-n', left, 'link', 'set', 'wire', 'mtu', '1300')
  undo(netlink, again)
  const left1300 = { ...wire, mtu: 1300 }
  assert.deepEqual(findLink(netlink, 'wire'), left1300, 'what somebody else has changed since stays')

  changeLink(netlink, wire.index, { isUp: false })
  assert.match(ip('-n', left, 'link', 'show', 'wire'), /state DOWN/)
})

test('addresses are listed, added, and removed by undoing', { skip }, context => {
  const { left, netlink } = room(context)
  const link = findLink(netlink, 'wire')!.index
  const own = () => listAddresses(netlink).flatMap(one => (one.link === link ? formatAddress(one.address) : []))
  assert.deepEqual(
    own().filter(one => !one.startsWith('fe80')),
    ['10.99.0.1', 'fd99::1'],
  )
  assert.equal(linkOfAddress(netlink, address('fd99::1')), link)
  for (const words of ['10.99.7.1', 'fd99:7::1']) {
    const given = { link, address: address(words), prefixLength: words.includes(':') ? 64 : 24 }
    const done = addAddress(netlink, given)
    assert.equal(done.kind, 'address-added')
    assert.ok(ip('-n', left, 'address').includes(`${words}/${given.prefixLength}`))
    assert.equal(addAddress(netlink, given).kind, 'nothing')
    assert.equal(undo(netlink, done).kind, 'address-removed')
    assert.ok(!ip('-n', left, 'address').includes(words))
    assert.equal(removeAddress(netlink, given).kind, 'nothing')
  }
})

test('routes appear in their table with source and MTU, decide look-ups, and disappear', { skip }, context => {
  const { left, netlink } = room(context)
  const link = findLink(netlink, 'wire')!.index
  const cases = [
    {
      to: '203.0.113.7',
      source: '10.99.0.1',
      shown: /203\.0\.113\.7 dev wire proto 158 scope link src 10\.99\.0\.1 mtu 1446/,
    },
    { to: '2001:db8::7', source: 'fd99::1', shown: /2001:db8::7 dev wire proto 158 src fd99::1 metric 1024 mtu 1446/ },
  ]
  for (const { to, source, shown } of cases) {
    const peer = address(to)
    const [family, table] = [peer.family, 1000]
    const route = { to: prefix(to), table, link, source: address(source), mtu: 1446 }
    const version = `-${family}`
    const done = addRoute(netlink, route)
    assert.equal(done.kind, 'route-added')
    assert.equal(addRoute(netlink, route).kind, 'nothing')
    assert.match(ip('-n', left, version, 'route', 'show', 'table', '1000'), shown)
    assert.equal(lookUpRoute(netlink, { to: peer }).kind, 'none')
    const rule = addRule(netlink, { family, priority: 110, to: prefix(to), table })
    const way = lookUpRoute(netlink, { to: peer })
    assert.ok(way.kind === 'unicast', JSON.stringify(way))
    assert.deepEqual([way.link, way.table, formatAddress(way.source!)], [link, table, source])
    const [listed] = listRoutes(netlink, family, table)
    assert.deepEqual(
      { ...listed },
      { ...route, kind: 'unicast', madeBy: MADE_BY_SEALWIRE, ...(family === 6 ? { metric: 1024 } : {}) },
    )
    undo(netlink, rule)
    assert.equal(undo(netlink, done).kind, 'route-removed')
    assert.equal(ip('-n', left, version, 'route', 'show', 'table', 'all').includes(to), false)
    assert.equal(undo(netlink, done).kind, 'nothing')
  }
  for (const kind of ['blackhole', 'unreachable', 'prohibit'] as const) {
    const done = addRoute(netlink, { to: prefix('203.0.113.0/24'), kind })
    assert.match(ip('-n', left, 'route'), new RegExp(`^${kind} 203.0.113.0/24`, 'm'))
    assert.equal(lookUpRoute(netlink, { to: address('203.0.113.9') }).kind, 'none')
    undo(netlink, done)
  }
})

test('rules say what iproute2 reads, by every part that they have, and disappear', { skip }, context => {
  const { left, netlink } = room(context)
  const ports = (from: number, to = from) => ({ from, to })
  const cases: readonly (readonly [Rule, string])[] = [
    [{ family: 4, priority: 100, table: 254, mark: 1 }, '100:\tfrom all fwmark 0x1 lookup main proto 158'],
    [
      { family: 4, priority: 105, table: 254, protocol: 17, sourcePorts: ports(4500), destinationPorts: ports(4500) },
      '105:\tfrom all ipproto udp sport 4500 dport 4500 lookup main proto 158',
    ],
    [
      {
        family: 4,
        priority: 110,
        table: 1000,
        from: prefix('10.99.0.0/24'),
        to: prefix('10.99.0.2'),
        protocol: 6,
        destinationPorts: ports(80, 90),
      },
      '110:\tfrom 10.99.0.0/24 to 10.99.0.2 ipproto tcp dport 80-90 lookup 1000 proto 158',
    ],
    [
      { family: 4, priority: 111, table: 1000, incomingLink: 'wire', mark: 2, markMask: 3, isInverted: true },
      '111:\tnot from all fwmark 0x2/0x3 iif wire lookup 1000 proto 158',
    ],
    [{ family: 4, priority: 200, table: 0, isLandmark: true }, '200:\tfrom all nop proto 158'],
    [
      { family: 4, priority: 113, table: 0, protocol: 50, goTo: 32766 },
      '113:\tfrom all ipproto esp goto 32766 proto 158',
    ],
    [{ family: 6, priority: 112, table: 300, to: prefix('fd99::2') }, '112:\tfrom all to fd99::2 lookup 300 proto 158'],
  ]
  for (const [rule, shown] of cases) {
    const before = ip('-n', left, `-${rule.family}`, 'rule')
    const done = addRule(netlink, rule)
    assert.deepEqual(done, { kind: 'rule-added', rule } satisfies Done)
    assert.ok(
      ip('-n', left, `-${rule.family}`, 'rule').split('\n').includes(shown),
      ip('-n', left, `-${rule.family}`, 'rule'),
    )
    assert.equal(addRule(netlink, rule).kind, 'nothing')
    const listed = listRules(netlink, rule.family).find(one => one.madeBy === MADE_BY_SEALWIRE)
    const { madeBy: _, ...same } = listed!
    const whole = rule.mark !== undefined && rule.markMask === undefined ? { ...rule, markMask: 0xffffffff } : rule
    assert.deepEqual(same, whole)
    assert.equal(undo(netlink, done).kind, 'rule-removed')
    assert.equal(ip('-n', left, `-${rule.family}`, 'rule'), before)
    assert.equal(removeRule(netlink, rule).kind, 'nothing')
  }
})

test('a look-up follows the mark, the protocol and the ports', { skip }, context => {
  const { netlink } = room(context)
  const link = findLink(netlink, 'wire')!.index
  const lo = findLink(netlink, 'lo')!.index
  const to = address('10.99.0.2')
  addRoute(netlink, { to: prefix('10.99.0.2'), table: 1000, link: lo })
  addRule(netlink, { family: 4, priority: 100, table: 254, mark: 1 })
  addRule(netlink, {
    family: 4,
    priority: 110,
    table: 1000,
    to: prefix('10.99.0.2'),
    protocol: 6,
    destinationPorts: { from: 80, to: 80 },
  })
  const linkFor = (question: object) => {
    const way = lookUpRoute(netlink, { to, ...question })
    return way.kind === 'none' ? way.name : way.link
  }
  assert.equal(linkFor({}), link)
  assert.equal(linkFor({ protocol: 6, destinationPort: 80 }), lo)
  assert.equal(linkFor({ protocol: 6, destinationPort: 81 }), link)
  assert.equal(linkFor({ protocol: 6, destinationPort: 80, mark: 1 }), link)
})

test('what the kernel refuses is an Error with its name and its own sentence', { skip }, context => {
  const { netlink } = room(context)
  assert.throws(
    () => addRoute(netlink, { to: prefix('203.0.113.0/24'), gateway: address('198.51.100.1') }),
    error => {
      assert.equal(failedCall(error)?.name, 'ENETUNREACH')
      assert.match(
        (error as Error).message,
        /adding a route to 203\.0\.113\.0\/24: the kernel answers ENETUNREACH, .*gateway/,
      )
      return true
    },
  )
})

test('a watcher sees an address and a link come and go', { skip }, async context => {
  const { left } = twoHosts(context)
  const watcher = insideNamespace(left, () => new NetworkWatcher())
  const heard: NetworkChange[] = []
  const watch = watchReadable(watcher.fd, () => heard.push(...watcher.changes()))
  context.after(() => {
    watch.stop()
    watcher.close()
  })
  const until = async (found: (change: NetworkChange) => boolean) => {
    for (let turn = 0; turn < 100 && !heard.some(found); turn++) await new Promise(resolve => setTimeout(resolve, 10))
    assert.ok(heard.some(found), JSON.stringify(heard))
  }
  const isAddress = (isGone: boolean) => (change: NetworkChange) =>
    change.kind === 'address' && change.isGone === isGone && formatAddress(change.address.address) === '10.99.3.1'
  ip('-n', left, 'address', 'add', '10.99.3.1/32', 'dev', 'wire')
  await until(isAddress(false))
  assert.ok(!heard.some(isAddress(true)))
  ip('-n', left, 'address', 'del', '10.99.3.1/32', 'dev', 'wire')
  await until(isAddress(true))
  const isLink = (isGone: boolean) => (change: NetworkChange) =>
    change.kind === 'link' && change.isGone === isGone && change.link.name === 'wire'
  ip('-n', left, 'link', 'del', 'wire')
  await until(isLink(true))
})

test('a watcher that hears more than it can hold says so', { skip }, context => {
  const { left } = twoHosts(context)
  const watcher = insideNamespace(left, () => new NetworkWatcher(['route']))
  const netlink = insideNamespace(left, openRouting)
  context.after(() => {
    watcher.close()
    netlink.close()
  })
  const link = findLink(netlink, 'wire')!.index
  for (let index = 0; index < 1500; index++) {
    addRoute(netlink, { to: { address: { family: 4, words: [0xcb007100 + index] }, length: 32 }, link })
  }
  assert.ok(waitReadable(watcher.fd, 100))
  const first = watcher.changes()
  assert.deepEqual(first, [{ kind: 'missed' }])
})
