// Routing into the device, with the kernel's own rules and routes, in network namespaces.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { insideNamespace } from '../../native/namespaces.ts'
import { ip, whyNoHosts } from '../../native/test-namespaces.ts'
import type { Policy } from '../../policy/model.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { type RoutedHost, routedHost } from './test-routed-host.ts'

const skip = whyNoHosts()

const everything = rule('negotiate', ['any me <-> 10.99.0.2', 'any me <-> fd99::2'])

function allBetween(changes: Partial<Policy> = {}, ...more: readonly ReturnType<typeof rule>[]): Policy {
  return policy([everything, ...more], changes)
}

function sets(host: RoutedHost, setting: string, value: number): void {
  const run = spawnSync('ip', ['netns', 'exec', host.left, 'sysctl', '-q', '-w', `${setting}=${value}`])
  assert.equal(run.status, 0, String(run.stderr))
}

function tcp(host: RoutedHost, to: string, port: number): void {
  host.run('timeout', '0.3', 'bash', '-c', `: < /dev/tcp/${to}/${port}`)
}

test('TCP, UDP and ping to a secured peer enter the device, whether or not their source is chosen', {
  skip,
}, context => {
  const host = routedHost(context)
  host.enforce(allBetween())
  const seen = (send: () => void) => host.leaving(send).map(text => text.replace(/:\d{4,}(?= →)/, ''))
  for (const [own, peer, icmp] of [
    ['10.99.0.1', '10.99.0.2', 'icmp'],
    ['fd99::1', 'fd99::2', 'icmpv6'],
  ] as const) {
    const end = (text: string, port: number) => (icmp === 'icmp' ? `${text}:${port}` : `[${text}]:${port}`)
    assert.deepEqual(
      seen(() => host.run('ping', '-c', '1', '-W', '0.1', peer)),
      [`sealwire0 ${icmp} ${own} → ${peer}`],
    )
    const any = icmp === 'icmp' ? '0.0.0.0' : '::'
    for (const from of [own, any]) {
      const sent = host.leaving(() => host.udp(end(from, 999), end(peer, 445)))
      assert.deepEqual(sent, [`sealwire0 udp ${end(own, 999)} → ${end(peer, 445)}`])
    }
    const source = icmp === 'icmp' ? own : `[${own}]`
    const connecting = seen(() => tcp(host, peer, 22)).map(text => text.replace(/\]:\d+ →/, '] →'))
    assert.deepEqual(connecting, [`sealwire0 tcp ${source} → ${end(peer, 22)}`])
  }
})

test('what carries the mark, IKE and ESP stay outside, and the wire answers neighbours', { skip }, context => {
  const host = routedHost(context)
  host.enforce(allBetween())
  const sent = host.leaving(() => {
    host.udp('10.99.0.1:999', '10.99.0.2:445', { mark: 0x5ea1 })
    host.udp('[fd99::1]:999', '[fd99::2]:445', { mark: 0x5ea1 })
    host.udp('10.99.0.1:500', '10.99.0.2:500')
    host.udp('10.99.0.1:4500', '10.99.0.2:4500')
  })
  const udp = sent.filter(text => text.includes(' udp '))
  assert.equal(udp.length, 4, sent.join('\n'))
  assert.ok(
    sent.every(text => text.startsWith('wire ')),
    sent.join('\n'),
  )
  for (const [peer, way] of [
    ['10.99.0.2', '-4'],
    ['fd99::2', '-6'],
  ] as const) {
    ip('-n', host.left, way, 'neighbour', 'flush', 'dev', 'wire')
    const found = () => ip('-n', host.left, way, 'neighbour', 'show', peer)
    host.udp(way === '-4' ? '10.99.0.1:500' : '[fd99::1]:500', way === '-4' ? `${peer}:500` : `[${peer}]:500`)
    spawnSync('sleep', ['0.2'])
    assert.match(found(), /REACHABLE|DELAY|STALE/, found())
  }
})

test('Kerberos and permitted ports stay with the kernel where the policy leaves them out', { skip }, context => {
  const host = routedHost(context)
  const permit = rule('permit', ['tcp me <-> 10.99.0.2:22'])
  const kerberos = () => host.udp('10.99.0.1:999', '10.99.0.2:88')
  const links = (send: () => void) => [...new Set(host.leaving(send).map(text => text.split(' ')[0]))]
  for (const [noDefaultExempt, link] of [
    [0, 'wire'],
    [1, 'sealwire0'],
    [0, 'wire'],
  ] as const) {
    host.enforce(allBetween({ profile: 'windows-2000-sp1', noDefaultExempt }, permit))
    assert.deepEqual(links(kerberos), [link], `at ${noDefaultExempt}`)
    assert.deepEqual(
      links(() => host.udp('10.99.0.1:999', '10.99.0.2:89')),
      ['sealwire0'],
    )
    assert.deepEqual(
      links(() => tcp(host, '10.99.0.2', 22)),
      ['wire'],
    )
    assert.deepEqual(
      links(() => tcp(host, '10.99.0.2', 23)),
      ['sealwire0'],
    )
  }
})

for (const filter of [0, 1, 2]) {
  test(`ARP, IKE and ESP come in with rp_filter ${filter}, and so does what the agent opened`, { skip }, context => {
    const host = routedHost(context)
    for (const link of ['all', 'wire', 'sealwire0']) sets(host, `net.ipv4.conf.${link}.rp_filter`, filter)
    host.enforce(allBetween())
    const isStrict = ip('-n', host.left, 'rule').includes('5403:')
    assert.equal(isStrict, filter === 1)
    ip('-n', host.right, 'neighbour', 'flush', 'dev', 'wire')
    ip('-n', host.left, 'neighbour', 'flush', 'dev', 'wire')
    const counted = (name: string) => {
      const run = spawnSync('ip', ['netns', 'exec', host.left, 'nstat', '-asz', name], { encoding: 'utf8' })
      return Number(new RegExp(`${name}\\s+(\\d+)`).exec(run.stdout)?.[1] ?? -1)
    }
    const before = counted('TcpExtIPReversePathFilter')
    // The other side asks by ARP, then says IKE and ESP in UDP.
    const { right: namespace } = host
    for (const port of [500, 4500]) host.udp(`10.99.0.2:${port}`, `10.99.0.1:${port}`, { namespace })
    spawnSync('sleep', ['0.2'])
    assert.match(ip('-n', host.right, 'neighbour', 'show', '10.99.0.1'), /REACHABLE|DELAY/)
    assert.equal(before, counted('TcpExtIPReversePathFilter'))
    assert.equal(host.opened('10.99.0.2:7', '10.99.0.1:7008'), 'heard')
  })
}

test('addresses that come and go are followed, and everything is as before when it is over', {
  skip,
}, async context => {
  const host = routedHost(context)
  const shown = () =>
    [4, 6]
      .map(
        family =>
          ip('-n', host.left, `-${family}`, 'rule') +
          ip('-n', host.left, `-${family}`, 'route', 'show', 'table', 'all'),
      )
      .join('\n')
  sets(host, 'net.ipv4.conf.all.promote_secondaries', 1)
  const before = shown()
  host.enforce(allBetween())
  assert.notEqual(shown(), before)
  assert.match(shown(), /10\.99\.0\.2 dev sealwire0 table 54 proto 158 .*src 10\.99\.0\.1/)
  const failures: Error[] = []
  insideNamespace(host.left, () => host.routes.follow({ failed: error => failures.push(error) }))
  const until = async (pattern: RegExp) => {
    for (let turn = 0; turn < 200 && !pattern.test(shown()); turn++)
      await new Promise(resolve => setTimeout(resolve, 10))
    assert.match(shown(), pattern)
  }
  ip('-n', host.left, 'address', 'add', '10.99.0.9/24', 'dev', 'wire')
  ip('-n', host.left, 'address', 'del', '10.99.0.1/24', 'dev', 'wire')
  await until(/10\.99\.0\.2 dev sealwire0 table 54 proto 158 .*src 10\.99\.0\.9/)
  ip('-n', host.left, 'address', 'add', '10.99.0.1/24', 'dev', 'wire')
  ip('-n', host.left, 'address', 'del', '10.99.0.9/24', 'dev', 'wire')
  await until(/10\.99\.0\.2 dev sealwire0 table 54 proto 158 .*src 10\.99\.0\.1/)
  ip('-n', host.left, 'link', 'set', 'wire', 'mtu', '1300')
  await until(/10\.99\.0\.2 dev sealwire0 table 54/)
  assert.deepEqual(failures, [])
  assert.equal(insideNamespace(host.left, () => host.routes.withdraw()).kind, 'undone')
  assert.equal(shown(), before)
  assert.equal(insideNamespace(host.left, () => host.routes.withdraw()).kind, 'nothing')
})

test('each peer has the source and the size of the link that it is reached by', { skip }, context => {
  const host = routedHost(context)
  const { left, right } = host
  ip('link', 'add', 'narrow', 'netns', left, 'type', 'veth', 'peer', 'name', 'narrow', 'netns', right)
  for (const [index, name] of [left, right].entries()) {
    ip('-n', name, 'address', 'add', `10.98.0.${index + 1}/24`, 'dev', 'narrow')
    ip('-n', name, 'link', 'set', 'narrow', 'mtu', '1400', 'up')
  }
  ip('-n', left, 'route', 'add', 'default', 'via', '10.99.0.2')
  const plan = host.enforce(policy([rule('negotiate', ['any me <-> 10.0.0.0/8'])]))
  assert.equal(plan.mtu, 1458)
  assert.match(ip('-n', left, 'link', 'show', 'sealwire0'), /mtu 1458/)
  const routes = ip('-n', left, 'route', 'show', 'table', '54')
  assert.match(routes, /10\.0\.0\.0\/8 dev sealwire0 .*src 10\.99\.0\.1 metric 100 *$/m)
  assert.match(routes, /10\.98\.0\.0\/24 dev sealwire0 .*src 10\.98\.0\.1 metric 100 mtu 1358/)
  for (const [peer, own] of [
    ['10.99.0.2', '10.99.0.1'],
    ['10.98.0.2', '10.98.0.1'],
    ['10.1.2.3', '10.99.0.1'],
  ]) {
    const sent = host.leaving(() => host.udp('0.0.0.0:999', `${peer}:445`))
    assert.deepEqual(sent, [`sealwire0 udp ${own}:999 → ${peer}:445`])
  }
  assert.deepEqual(
    host.leaving(() => host.udp('0.0.0.0:999', '192.0.2.7:445')),
    ['wire udp 10.99.0.1:999 → 192.0.2.7:445'],
  )
})

test('a filter for one of several addresses holds whether it is asked for or chosen', { skip }, context => {
  const host = routedHost(context)
  ip('-n', host.left, 'address', 'add', '10.99.0.9/24', 'dev', 'wire')
  ip('-n', host.left, 'address', 'add', 'fd99::9/64', 'dev', 'wire', 'nodad', 'preferred_lft', '0')
  const from = (own: string, peer: string) =>
    host.leaving(() => host.udp(own, peer)).map(text => text.replace(/ udp.*/, ''))
  host.enforce(policy([rule('negotiate', ['any 10.99.0.1 <-> 10.99.0.2', 'any fd99::1 <-> fd99::2'])]))
  for (const [own, link] of [
    ['10.99.0.1:999', 'sealwire0'],
    ['10.99.0.9:999', 'wire'],
    ['0.0.0.0:999', 'sealwire0'],
  ] as const)
    assert.deepEqual(from(own, '10.99.0.2:445'), [link], own)
  for (const [own, link] of [
    ['[fd99::1]:999', 'sealwire0'],
    ['[fd99::9]:999', 'wire'],
    ['[::]:999', 'sealwire0'],
  ] as const)
    assert.deepEqual(from(own, '[fd99::2]:445'), [link], own)
  host.enforce(policy([rule('negotiate', ['any 10.99.0.9 <-> 10.99.0.2', 'any fd99::9 <-> fd99::2'])]))
  for (const [own, link] of [
    ['10.99.0.1:999', 'wire'],
    ['10.99.0.9:999', 'sealwire0'],
    ['0.0.0.0:999', 'wire'],
  ] as const)
    assert.deepEqual(from(own, '10.99.0.2:445'), [link], own)
})

test('when the device is gone, what is secured goes nowhere', { skip }, context => {
  const host = routedHost(context)
  host.enforce(allBetween())
  ip('-n', host.left, 'link', 'delete', 'sealwire0')
  const sent = host.leaving(() => {
    host.udp('0.0.0.0:999', '10.99.0.2:445')
    host.udp('[::]:999', '[fd99::2]:445')
    host.udp('10.99.0.1:500', '10.99.0.2:500')
    tcp(host, '10.99.0.2', 22)
  })
  assert.deepEqual(sent, ['wire udp 10.99.0.1:500 → 10.99.0.2:500'])
})
