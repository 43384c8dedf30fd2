// What changes around a running agent: keys that are renewed under load, addresses that come and go, a link that goes down,
// somebody who flushes all of nftables, packets of every size.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { ip } from '../../src/native/test-namespaces.ts'
import { audit, captureWire, run, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const wait = (seconds: number) => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

test('keys that live for seconds are renewed while packets flow, and none is lost or clear', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ more: ['lifetime: { seconds: 10 }'] })
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address, 1), 1)
  const pinging = one.run(['ping', '-q', '-c', '600', '-i', '0.02', two.address])
  await one.wrote('child-established', 2)
  const { out } = await pinging
  assert.match(out, / 600 received/, `${out}\n${one.log()}`)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

test('“me” is what the host has: an address that comes is sealed from then on, one that goes is not missed', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) {
    host.writePolicy()
    const text = readFileSync(host.policy, 'utf8')
    const filters = /filters:\n(?: {6}.*\n)+/
    writeFileSync(
      host.policy,
      text.replace(filters, 'filters: [{ source: me, destination: 10.99.0.0/24, mirrored: true }]\n'),
    )
  }
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address), 3)
  const stop = await captureWire(one)
  ip('-n', two.namespace, 'address', 'add', '10.99.0.77/24', 'dev', 'wire')
  await two.wrote('addresses-changed')
  assert.equal(await one.ping('10.99.0.77'), 3, one.log())
  ip('-n', one.namespace, 'address', 'add', '10.99.0.88/24', 'dev', 'wire')
  await one.wrote('addresses-changed')
  assert.equal(await one.ping(two.address, 3, '-I', '10.99.0.88'), 3, one.log())
  ip('-n', two.namespace, 'address', 'delete', '10.99.0.77/24', 'dev', 'wire')
  await two.wrote('addresses-changed', 2)
  assert.equal(await one.ping(two.address), 3)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

test('a link that goes down and comes back is used again', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address), 3)
  ip('-n', one.namespace, 'link', 'set', 'wire', 'down')
  await wait(0.5)
  const stop = await captureWire(two)
  ip('-n', one.namespace, 'link', 'set', 'wire', 'up')
  await wait(1)
  assert.equal(await one.ping(two.address), 3, one.log())
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

test('a host whose new links begin without IPv6, and whose own have it, seals IPv6', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  // Of which neighbour discovery is exempt.
  for (const host of [one, two]) host.writePolicy({ profile: 'windows-vista', noDefaultExempt: 1 })
  await one.run(['sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1'])
  await Promise.all([one.up(), two.up()])
  const stop = await captureWire(two)
  assert.equal(await one.ping(two.address6), 3, one.log())
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  assert.ok(totals['protected']! >= 6)
})

test('a guard that somebody flushed is put back', { skip }, async context => {
  const [one] = await twoAgents(context)
  await one.up()
  await one.run(['nft', 'flush', 'ruleset'])
  assert.equal((await one.status()).guard?.isThere, false)
  await one.wrote('guard-mended')
  assert.equal((await one.status()).guard?.isThere, true)
})

for (const mtu of [1280, 9000]) {
  test(`packets of every size pass a link of ${mtu} octets, sealed`, { skip }, async context => {
    const [one, two] = await twoAgents(context)
    for (const host of [one, two]) ip('-n', host.namespace, 'link', 'set', 'wire', 'mtu', String(mtu))
    const stop = await captureWire(one)
    await Promise.all([one.up(), two.up()])
    for (const size of [0, 1200, 1252, 1472, 8972, 20_000]) {
      assert.equal(await one.ping(two.address, 2, '-s', String(size)), 2, `${size} octets`)
    }
    const { totals } = await audit(await stop(), one.policy)
    assert.equal(totals['leaked'], 0)
  })
}

for (const form of ['raw', 'udp'] as const) {
  test(`packets keep their time to live when they are sealed, whole or in pieces, ESP ${form === 'raw' ? 'raw' : 'in UDP'}`, {
    skip,
  }, async context => {
    if (spawnSync('tshark', ['--version']).error !== undefined)
      return context.skip('skipped, because tshark is not installed')
    const [one, two] = await twoAgents(context)
    for (const host of [one, two]) host.writePolicy({ more: [`encapsulation: ${form}`] })
    await Promise.all([one.up(), two.up()])
    for (const peer of [two.address, two.address6]) assert.equal(await one.ping(peer), 3)
    const stop = await captureWire(one)
    const sent = [
      [two.address, 7, 56],
      [two.address6, 8, 56],
      [two.address, 9, 4000],
      [two.address6, 10, 4000],
      [two.address, 64, 4000],
      [two.address6, 64, 4000],
    ] as const
    for (const [peer, hops, size] of sent) await one.ping(peer, 1, '-t', String(hops), '-s', String(size))
    const file = await stop()
    const fields = ['ip.src', 'ipv6.src', 'ip.ttl', 'ipv6.hlim'].flatMap(field => ['-e', field])
    const { out } = await run('tshark', ['-r', file, '-T', 'fields', '-E', 'occurrence=f', ...fields])
    const seen = new Set<number>()
    for (const line of out.split('\n')) {
      const [v4, v6, ttl, hlim] = line.split('\t')
      if (v4 === one.address || v6 === one.address6) seen.add(Number(ttl || hlim))
    }
    // 255 is how neighbours find each other.
    seen.delete(255)
    assert.deepEqual([...seen], [7, 8, 9, 10, 64])
  })
}
