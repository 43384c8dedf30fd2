// Namespaces belong to threads: what that means for sockets, workers, children and settings.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { effectiveCapabilities, missingForPackets } from './capabilities.ts'
import { currentNamespace, enterNamespace, insideNamespace } from './namespaces.ts'
import { findLink, openRouting } from './routing.ts'
import { readSysctl, restoreSysctl, writeSysctl } from './sysctl.ts'
import { address, ip, twoHosts, whyNoHosts } from './test-namespaces.ts'
import { openUdpSocket } from './udp-socket.ts'

const skip = whyNoHosts()

test('a thread goes into a namespace and comes back, also when what it ran there failed', { skip }, context => {
  const { left, right } = twoHosts(context)
  const own = currentNamespace()
  const there = insideNamespace(left, currentNamespace)
  assert.notEqual(there, own)
  assert.equal(currentNamespace(), own)
  assert.deepEqual(
    insideNamespace(left, () => insideNamespace(right, currentNamespace) === there),
    false,
  )
  assert.throws(() => insideNamespace(left, () => assert.fail('inside')), /inside/)
  assert.equal(currentNamespace(), own)
  assert.throws(() => insideNamespace('no-such-namespace', () => 0), /entering the network namespace no-such-namespace/)
  assert.throws(() => enterNamespace('../escape'), RangeError)
  assert.equal(currentNamespace(), own)
})

test('a socket stays in the namespace that it was opened in', { skip }, context => {
  const { left, right } = twoHosts(context)
  const [one, two] = [left, right].map(name => insideNamespace(name, openRouting)) as [never, never]
  const sockets = [left, right].map(name => insideNamespace(name, () => openUdpSocket(address('0.0.0.0'), 4500)))
  context.after(() => sockets.map(socket => socket.close()))
  ip('-n', left, 'link', 'set', 'wire', 'mtu', '1280')
  assert.equal(findLink(one, 'wire')?.mtu, 1280)
  assert.equal(findLink(two, 'wire')?.mtu, 1500)
})

test('a worker that enters has its own namespace, and the main thread keeps its own', { skip }, async context => {
  const { left } = twoHosts(context)
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(async module => {
      module.enterNamespace(workerData.name)
      await new Promise(resolve => setTimeout(resolve, 20))
      parentPort.postMessage(module.currentNamespace())
    })`
  const module = new URL('./namespaces.ts', import.meta.url).href
  const worker = new Worker(code, { eval: true, workerData: { module, name: left } })
  const own = currentNamespace()
  const [there] = (await once(worker, 'message')) as [string]
  assert.equal(there, insideNamespace(left, currentNamespace))
  assert.equal(currentNamespace(), own)
})

test('a child starts in the namespace of the thread that started it', { skip }, context => {
  const { left } = twoHosts(context)
  const child = insideNamespace(left, () => spawnSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }))
  assert.equal(child.stdout.trim(), insideNamespace(left, currentNamespace))
})

test('settings are those of the namespace, are remembered, and are put back unless somebody else changed them', {
  skip,
}, context => {
  const { left } = twoHosts(context)
  const path = 'net/ipv4/conf/wire/rp_filter'
  assert.equal(readSysctl(path), undefined, 'there is no such link outside')
  assert.equal(readSysctl('net/ipv4/no_such_setting'), undefined)
  insideNamespace(left, () => {
    const before = readSysctl(path)!
    const after = before === '2' ? '1' : '2'
    const change = writeSysctl(path, after)
    assert.deepEqual(change, { path, before, after })
    assert.equal(readFileSync(`/proc/sys/${path}`, 'utf8').trim(), after)
    assert.equal(writeSysctl(path, after), undefined)
    assert.ok(restoreSysctl(change!))
    assert.equal(readSysctl(path), before)
    assert.ok(!restoreSysctl(change!), 'it no longer has the value that was set')
    assert.throws(() => writeSysctl('net/ipv4/no_such_setting', '1'), /no setting/)
    assert.throws(() => writeSysctl(path, 'many'), /setting net\/ipv4\/conf\/wire\/rp_filter to many/)
    assert.throws(() => readSysctl('../version'), RangeError)
  })
})

test('capabilities are read from the effective set, and what is missing is said in a sentence', () => {
  const text = (mask: string) => `Name:\tnode\nCapPrm:\tffffffffffffffff\nCapEff:\t${mask}\n`
  assert.deepEqual([...effectiveCapabilities(text('0000000000000000'))], [])
  assert.deepEqual([...effectiveCapabilities(text('0000000000003000'))], ['CAP_NET_ADMIN', 'CAP_NET_RAW'])
  assert.deepEqual([...effectiveCapabilities(text('0000000000201000'))], ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'])
  assert.deepEqual([...effectiveCapabilities('')], [])
  if (skip === false) assert.deepEqual(missingForPackets(), [])
})
