// What strangers and liars can do to a host: nothing throws, nothing stays, nobody honest is kept out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { rule } from '../policy/test-policies.ts'
import { LENGTH_AT } from '../wire/ike/header.ts'
import { readHeader } from '../wire/ike/message.ts'
import { exchangeTypes } from '../wire/ike/numbers.ts'
import type { Path } from './machine.ts'
import { inRun, pskPolicy, sharedSecret, type TestHost, TestNet } from './test-hosts.ts'
import { stateOf, variantsOf } from './test-variants.ts'

const init = exchangeTypes.of.IKE_SA_INIT

/** The content as IKE sees it: behind the marker. */
function ikeOf({ remote }: Path, bytes: Uint8Array): Uint8Array {
  return remote.port === 4500 ? bytes.subarray(4) : bytes
}

const fullPolicy = pskPolicy(
  { freshKeys: true, lifetime: { seconds: 40 } },
  { ike: { security: ['aes256gcm16-prfsha384-curve25519+mlkem768'], lifetime: { seconds: 100 } } },
)
const policy = {
  ...fullPolicy,
  rules: [
    ...fullPolicy.rules,
    rule('negotiate', ['tcp me <-> any:80'], { name: 'web', authentication: fullPolicy.rules[0]!.authentication }),
  ],
}
const options = { policy, credentials: sharedSecret(policy) }

test('every message of every exchange, cut at every length and changed at every octet, changes nothing', () => {
  const net = new TestNet(1)
  const [one, other] = [net.host('10.0.0.1', options), net.host('10.0.0.2', options)] as const
  const random = seededRandom(5)
  const seen = new Map<string, number>()
  const spoil = (host: TestHost, path: Path, bytes: Uint8Array) => {
    const header = readHeader(ikeOf(path, bytes))
    assert.ok(header.ok)
    const { exchange } = header.value
    const isAnswer = (header.value.flags & 0x20) !== 0
    const name = `${exchangeTypes.nameOf(exchange)} ${isAnswer ? 'answer' : 'request'}`
    seen.set(name, (seen.get(name) ?? 0) + 1)
    // The answer to the first message is in clear: who can change it can end the attempt, and nobody can tell.
    if (exchange === init && isAnswer) return
    const before = stateOf(host)
    for (const variant of variantsOf(bytes, () => random.fraction(), bytes.length - ikeOf(path, bytes).length)) {
      host.input({ kind: 'datagram', path: { local: path.remote, remote: path.local }, bytes: variant })
      if (exchange !== init) assert.equal(stateOf(host), before)
    }
  }
  inRun(1, net, () => {
    net.tamper = (bytes, path) => {
      const host = net.hostAt(path.remote.address)!
      // When it would arrive, the receiver is in the right state for it.
      net.clock.at(net.clock.now() + 0.009, () => net.inSilence(() => spoil(host, path, bytes)))
      return [bytes]
    }
    one.needs(other)
    net.advance(10)
    assert.ok(one.reaches(other) && other.reaches(one))
    other.needs(one, 'web', { destinationPort: 80 })
    net.advance(150)
    assert.ok(one.reaches(other) && other.reaches(one))
    other.input({ kind: 'close' })
    net.advance(100)
    for (const host of [one, other]) assert.deepEqual([host.endpoint.sessions(), host.pairs.size], [[], 0])
  })
  for (const name of [
    'IKE_SA_INIT',
    'IKE_INTERMEDIATE',
    'IKE_AUTH',
    'CREATE_CHILD_SA',
    'IKE_FOLLOWUP_KE',
    'INFORMATIONAL',
  ]) {
    assert.ok(seen.get(`${name} request`)! > 0 && seen.get(`${name} answer`)! > 0, name)
  }
})

test('a changed answer to the first message ends one attempt at worst; the next one succeeds', () => {
  let length = 400
  for (let at = 0; at < length; at++) {
    const net = new TestNet(at)
    const [one, other] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
    const random = seededRandom(at)
    inRun(at, net, () => {
      let isDone = false
      net.tamper = (bytes, path) => {
        if (isDone || path.local.address !== other.address) return [bytes]
        isDone = true
        length = bytes.length
        const changed = bytes.slice()
        changed[at]! ^= 1 + Math.floor(255 * random.fraction())
        return [changed]
      }
      one.needs(other)
      net.advance(200)
      if (one.pairs.size === 0) {
        assert.ok(one.refused.length > 0)
        one.needs(other)
        net.advance(20)
      }
      assert.ok(one.reaches(other) && other.reaches(one))
      assert.equal(one.endpoint.sessions().length, 1)
    })
  }
})

test('all messages of the past, sent again, change nothing', () => {
  const net = new TestNet(3)
  const [one, other] = [net.host('10.0.0.1', options), net.host('10.0.0.2', options)] as const
  inRun(3, net, () => {
    one.needs(other)
    net.advance(140)
    for (const { path, bytes } of [...net.letters]) {
      const host = net.hostAt(path.remote.address)!
      const before = stateOf(host)
      net.inSilence(() => host.input({ kind: 'datagram', path: { local: path.remote, remote: path.local }, bytes }))
      const header = readHeader(ikeOf(path, bytes))
      // A first message of old is a stranger's: it begins a session that leads nowhere.
      if (header.ok && header.value.exchange !== init) assert.equal(stateOf(host), before)
    }
    const sessions = () => [one, other].map(host => host.endpoint.sessions().length)
    assert.deepEqual(sessions(), [1, 2])
    net.advance(31)
    assert.ok(one.reaches(other) && other.reaches(one))
    assert.ok(one.pairs.size <= 3)
  })
})

/** First messages as others would send them, with other SPIs and nonces. */
function firstMessage(): Uint8Array {
  const net = new TestNet(9)
  const [one, other] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  one.needs(other)
  return net.letters[0]!.bytes
}

function strangerPath(index: number, host: TestHost): Path {
  const address = parseAddress(`172.${16 + ((index >> 16) & 15)}.${(index >> 8) & 255}.${index & 255}`)!
  return { local: { address: host.address, port: 500 }, remote: { address, port: 500 } }
}

test('100,000 first messages from addresses that are not theirs cost little, and an honest peer still gets in', () => {
  const net = new TestNet(4)
  const [one, other] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  const first = firstMessage()
  const random = seededRandom(4)
  let most = 0
  inRun(4, net, () => {
    for (let index = 0; index < 100_000; index++) {
      random.fill(first.subarray(0, 8))
      const path = strangerPath(index, other)
      net.inSilence(() => other.input({ kind: 'datagram', path, bytes: first.slice() }))
      if (index === 50_000) one.needs(other)
      if (index % 10 === 0) net.advance(0.001)
      if (index % 1000 === 0) most = Math.max(most, other.endpoint.sessions().length)
    }
    assert.ok(one.reaches(other) && other.reaches(one), 'the honest peer is kept out')
    assert.ok(most <= other.settings.halfOpen.cookiesFrom + 1, `${most} sessions`)
    const told = other.events.length
    assert.ok(told < 1000, `${told} events`)
    net.advance(60)
    assert.equal(other.endpoint.sessions().length, 1)
  })
})

test('strangers who do show cookies, from 3,000 addresses, fill all places and keep no honest peer out', () => {
  const net = new TestNet(6)
  const [one, other] = [net.host('10.0.0.1'), net.host('10.0.0.2')] as const
  const first = firstMessage()
  const random = seededRandom(6)
  const { most } = other.settings.halfOpen
  inRun(6, net, () => {
    for (let index = 0; index < 3000; index++) {
      random.fill(first.subarray(0, 8))
      // Two sessions for each address.
      const path = strangerPath(index >> 1, other)
      net.tamper = bytes => {
        const cookie = bytes.subarray(28)
        const asked = new Uint8Array(first.length + cookie.length)
        asked.set(first.subarray(0, 28))
        asked.set(cookie, 28)
        asked.set(first.subarray(28), 28 + cookie.length)
        asked[28] = first[16]!
        asked[16] = 41
        new DataView(asked.buffer).setUint32(LENGTH_AT, asked.length)
        net.tamper = () => []
        other.input({ kind: 'datagram', path, bytes: asked })
        return []
      }
      other.input({ kind: 'datagram', path, bytes: first.slice() })
      net.tamper = undefined
      if (index % 10 === 0) net.advance(0.001)
      if (index === 2900) one.needs(other)
      const { length } = index % 100 === 0 ? other.endpoint.sessions() : []
      assert.ok(length <= most + 1, `${length} sessions`)
    }
    assert.ok(other.endpoint.sessions().length > most / 2)
    net.advance(5)
    assert.ok(one.reaches(other) && other.reaches(one), 'the honest peer is kept out')
    net.advance(60)
    assert.equal(other.endpoint.sessions().length, 1)
  })
})
