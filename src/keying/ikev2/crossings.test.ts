// Two hosts that rekey, delete and lose datagrams at random: whatever crosses whatever, nothing throws, nobody sends into
// nothing while the other lives, and in the end both have the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { flow } from '../../policy/test-policies.ts'
import { type Host, ONE, RULE, TWO, TwoHosts, WAITING } from './test-two-hosts.ts'

const RUNS = process.env['SEALWIRE_LONG_TESTS'] === '1' ? 2000 : 60

type Wish = (host: Host) => void

const flowOf = (host: Host) => (host.name === 'one' ? WAITING : flow(`tcp ${TWO}:88 ${ONE}:49152`))
const rekeyChild: Wish = host => {
  const [child] = host.children
  if (child !== undefined) host.wants({ kind: 'rekey-child', name: child.name })
}
const rekeySession: Wish = host => host.wants({ kind: 'rekey-session' })
const ask: Wish = host => host.wants({ kind: 'ask-whether-alive' })
const makeChild: Wish = host => host.wants({ kind: 'make-child', wish: { rule: RULE, flow: flowOf(host) } })
const deleteChild: Wish = host => {
  const [child] = host.children
  if (child !== undefined) host.wants({ kind: 'delete-children', names: [child.name], why: 'a test' })
}

function play(seed: number, wishes: readonly Wish[], plan: ConstructorParameters<typeof TwoHosts>[0]): TwoHosts {
  const hosts = new TwoHosts({ ...plan, seed }).withChild()
  const { one, two } = hosts
  const random = seededRandom(seed + 1000)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random.fraction() * list.length)]!
  hosts.isStrict = !wishes.includes(deleteChild)
  for (let step = 0; step < 60; step++) {
    const host = pick([one, two])
    const what = random.fraction()
    if (what < 0.15 && host.standing.length > 0) pick(wishes)(host)
    else if (what < 0.25) hosts.clock.now += random.fraction()
    else if (host.wire.length === 0) host.wake()
    else if (what < 0.35) hosts.lose(host)
    else if (what < 0.45) host.wire.push(host.wire.shift()!.slice())
    else if (what < 0.5) host.wire.push(host.wire[0]!.slice())
    else hosts.deliver(host)
  }
  hosts.settle()
  hosts.pass(400)
  return hosts
}

function assertAgreement(hosts: TwoHosts, seed: number): void {
  const { one, two } = hosts
  const names = (host: Host, of: 'name' | 'peerSpi') => host.children.map(child => child[of]).toSorted()
  assert.deepEqual(names(one, 'name'), names(two, 'peerSpi'), `seed ${seed}`)
  assert.deepEqual(names(two, 'name'), names(one, 'peerSpi'), `seed ${seed}`)
  for (const host of [one, two]) {
    assert.deepEqual([...host.installed.keys()].toSorted(), names(host, 'name'), `data plane, seed ${seed}`)
    assert.ok(host.sessions.length <= 1, `seed ${seed}: ${host.sessions.length} sessions`)
  }
  hosts.check()
}

test('rekeys of children and of the IKE SA that cross, with datagrams lost, late and doubled, leave both with the same', () => {
  for (let seed = 0; seed < RUNS; seed++) {
    const hosts = play(seed, [rekeyChild, rekeyChild, rekeySession, ask, makeChild], {})
    assertAgreement(hosts, seed)
    assert.equal(hosts.one.children.length, 1, `seed ${seed}`)
  }
})

test('so do rekeys with additional key exchanges', () => {
  const plan = {
    changes: { freshKeys: true, keyExchange: 'curve25519+mlkem512' },
    policy: { ike: { security: ['aes128gcm16-prfsha256-curve25519+mlkem512'] } },
  }
  for (let seed = 0; seed < RUNS / 2; seed++) {
    const hosts = play(seed, [rekeyChild, rekeyChild, rekeySession, makeChild], plan)
    assertAgreement(hosts, seed)
    assert.equal(hosts.one.children.length, 1, `seed ${seed}`)
  }
})

test('so do rekeys, deletes and new children in any order', () => {
  for (let seed = 0; seed < RUNS; seed++) {
    assertAgreement(play(seed, [rekeyChild, rekeySession, deleteChild, makeChild, ask], {}), seed)
  }
})
