// A host that translates addresses for containers behind it: what they send leaves with the host's address, and what
// arrives at the host's address may be for them. The policy of the host counts for both.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { address, ip, twoHosts } from '../../native/test-namespaces.ts'
import { UdpSender } from '../../native/udp-sender.ts'
import { openUdpSocket } from '../../native/udp-socket.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { guardRuleset } from './ruleset.ts'
import { whyNoGuard } from './test-guarded-host.ts'

const skip = whyNoGuard()

function run(namespace: string, words: readonly string[], input = '') {
  return spawnSync('ip', ['netns', 'exec', namespace, ...words], { input, encoding: 'utf8' })
}

function send(namespace: string, to: string, port: number): void {
  const arena = new Arena(65536)
  const socket = insideNamespace(namespace, () => openUdpSocket(address('0.0.0.0'), 0))
  new UdpSender(arena, socket.fd).send(new Destination(arena, { to: address(to), port }), arena.take(64), 20)
  socket.close()
}

test('what containers send and get through this host is judged by the address it has on the wire', {
  skip,
}, context => {
  const { left: host, right: peer } = twoHosts(context)
  const inside = `${host}-inside`
  ip('netns', 'add', inside)
  context.after(() => void spawnSync('ip', ['netns', 'delete', inside]))
  ip('link', 'add', 'inner', 'netns', host, 'type', 'veth', 'peer', 'name', 'inner', 'netns', inside)
  for (const [name, own] of [
    [host, '10.77.0.1/24'],
    [inside, '10.77.0.2/24'],
  ] as const) {
    ip('-n', name, 'link', 'set', 'inner', 'up')
    ip('-n', name, 'address', 'add', own, 'dev', 'inner')
  }
  ip('-n', inside, 'route', 'add', 'default', 'via', '10.77.0.1')
  run(host, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
  const translation = `table ip translation {
chain out {\ntype nat hook postrouting priority srcnat\noifname wire masquerade\n}
chain in {\ntype nat hook prerouting priority dstnat\niifname wire udp dport 8080 dnat to 10.77.0.2:8080\n}
}\n`
  const loaded = run(host, ['nft', '-f', '-'], translation)
  if (loaded.status !== 0) return context.skip('skipped, because this kernel does not translate addresses')
  const counter =
    'table inet seen {\nchain in {\ntype filter hook input priority 0\nmeta l4proto udp udp dport { 9, 8080 } counter\n}\n}\n'
  for (const name of [peer, inside]) assert.equal(run(name, ['nft', '-f', '-'], counter).status, 0)
  const seen = (name: string) =>
    Number(/packets (\d+)/.exec(run(name, ['nft', 'list', 'table', 'inet', 'seen']).stdout)![1])
  const tried = () => {
    const before = [seen(peer), seen(inside)]
    send(inside, '10.99.0.2', 9)
    send(peer, '10.99.0.1', 8080)
    spawnSync('sleep', ['0.3'])
    return [seen(peer) - before[0]!, seen(inside) - before[1]!]
  }
  assert.deepEqual(tried(), [1, 1], 'both ways are open without the guard')
  const sealing = guardRuleset(compile(policy([rule('negotiate', ['any me <-> 10.99.0.2'])])))
  assert.equal(run(host, ['nft', '-f', '-'], sealing.text).status, 0)
  assert.deepEqual(tried(), [0, 0])
  const permitting = guardRuleset(
    compile(policy([rule('permit', ['any me <-> 10.99.0.2']), rule('block', ['any me <-> any'])])),
  )
  assert.equal(run(host, ['nft', '-f', '-'], permitting.text).status, 0)
  assert.deepEqual(tried(), [1, 1])
})
