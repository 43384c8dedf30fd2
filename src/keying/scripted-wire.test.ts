// What a script says happens to the messages that it names and to no others, and the endpoints are what they are elsewhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { notification } from '../wire/ike/notify.ts'
import type { Path } from './machine.ts'
import { answering, type ScriptedFault, ScriptedWire } from './scripted-wire.ts'

const policy = (secret: string, more = '') => `
ike: { security: [aes128gcm16-prfsha256-curve25519], liveness: 0 }
rules:
  - name: all
    filters: [{ source: me, destination: any }]
    action: negotiate
    authentication: [{ preSharedKey: "${secret}" }]
    ${more}
`
const secret = 'of all hosts of this test'

function play(faults: readonly ScriptedFault[], seconds = 90, other = secret) {
  const lines: string[] = []
  const wire = new ScriptedWire({ faults, tell: line => lines.push(line) })
  const [one, two] = [wire.host('one', '10.0.0.1', policy(secret)), wire.host('two', '10.0.0.2', policy(other))]
  one.needsKeysTo(two)
  wire.run(seconds)
  const sent = (name: string) => lines.filter(line => line.includes(name)).length
  return { lines, one, two, sent }
}

test('without faults two hosts agree, and both hold the same pair', () => {
  const { lines, one, two } = play([])
  assert.equal(lines.filter(line => line.includes('→')).length, 4)
  const [[name, pair]] = [...one.pairs] as [[number, NonNullable<ReturnType<typeof one.pairs.get>>]]
  assert.deepEqual([...two.pairs.keys()], [pair.outbound.layers[0]!.spi])
  assert.deepEqual([one.sending, two.sending], [[name], [...two.pairs.keys()]])
})

test('what is lost is sent again; what comes twice is answered from memory; what is late changes nothing', () => {
  for (const [fault, requests] of [
    [{ on: 'IKE_SA_INIT response', kind: 'drop' }, 2],
    [{ on: 'IKE_SA_INIT request', kind: 'drop', times: 3 }, 4],
    [{ on: 'IKE_SA_INIT request', kind: 'duplicate' }, 1],
    [{ on: 'IKE_SA_INIT response', kind: 'delay', seconds: 0.7 }, 2],
  ] as const) {
    const { sent, one, two } = play([fault])
    assert.equal(sent('IKE_SA_INIT request'), requests, JSON.stringify(fault))
    assert.deepEqual([one.pairs.size, two.pairs.size], [1, 1])
  }
})

test('a responder whose proof was lost for long, and that asks whether we are there, still gets its session', () => {
  const lines: string[] = []
  const wire = new ScriptedWire({
    faults: [{ on: 'IKE_AUTH response', kind: 'drop', times: 6 }],
    tell: line => lines.push(line),
  })
  const impatient = policy(secret).replace('liveness: 0', 'liveness: 5')
  const [one, two] = [wire.host('one', '10.0.0.1', impatient), wire.host('two', '10.0.0.2', impatient)]
  one.needsKeysTo(two)
  wire.run(40)
  const asked = lines.findIndex(line => line.includes('two → one  INFORMATIONAL request'))
  assert.ok(asked >= 0 && asked < lines.findLastIndex(line => line.includes('IKE_AUTH response')))
  assert.deepEqual([one.pairs.size, two.pairs.size, one.refused.length], [1, 1, 0])
})

test('an altered message is not authentic and is sent again; a fault counts for so many messages and no more', () => {
  const { lines, sent, one } = play([{ on: 'IKE_AUTH request', kind: 'alter', times: 2 }])
  assert.equal(sent('its integrity check fails'), 2)
  assert.equal(sent('IKE_AUTH request'), 3)
  assert.equal(lines.filter(line => line.endsWith('is altered')).length, 2)
  assert.equal(one.pairs.size, 1)
})

test('a wrong answer in clear ends the attempt where none better follows, and is not believed once there are keys', () => {
  const by = answering(notification('NO_PROPOSAL_CHOSEN', {}))
  const once = play([{ on: 'IKE_SA_INIT response', kind: 'replace', by }])
  assert.deepEqual([once.one.pairs.size, once.one.refused.length], [1, 0])
  const always = play([{ on: 'IKE_SA_INIT response', kind: 'replace', by, times: 99 }])
  assert.deepEqual([always.one.pairs.size, always.one.refused.length], [0, 1])
  const late = play([{ on: 'IKE_AUTH response', kind: 'replace', by }])
  assert.deepEqual([late.one.pairs.size, late.two.pairs.size, late.one.refused.length], [1, 1, 0])
})

test('hosts with different secrets get no keys, and lifetimes of a policy are told without packets', () => {
  const { one, two, sent } = play([], 90, 'another')
  assert.deepEqual([one.pairs.size, two.pairs.size, one.refused.length], [0, 0, 1])
  assert.ok(sent('no IKE SA') > 0)
  const wire = new ScriptedWire()
  const short = policy(secret, 'lifetime: { seconds: 20 }')
  const [left, right] = [wire.host('left', '10.0.0.1', short), wire.host('right', '10.0.0.2', short)]
  left.needsKeysTo(right)
  wire.run(70)
  assert.ok(left.events.filter(({ kind }) => kind === 'child-established').length > 2)
  assert.equal(left.refused.length + right.refused.length, 0)
})

test('the same seed gives the same lines, another seed others', () => {
  const lines = (seed: number) => {
    const told: string[] = []
    const wire = new ScriptedWire({ seed, tell: line => told.push(line) })
    const [one, two] = [wire.host('one', '10.0.0.1', policy(secret)), wire.host('two', '10.0.0.2', policy(secret))]
    one.needsKeysTo(two)
    wire.run(10)
    return told
  }
  assert.deepEqual(lines(1), lines(1))
  assert.notDeepEqual(lines(1), lines(2))
})

test('an end that is not of ours gets datagrams as its socket would, and may answer as it likes', () => {
  const got: number[] = []
  const wire = new ScriptedWire()
  const one = wire.host('one', '10.0.0.1', policy(secret))
  const stranger = {
    ...{ name: 'stranger', address: parseAddress('10.0.0.2')! },
    datagram(path: Path, bytes: Uint8Array) {
      got.push(path.local.port)
      wire.send(path, bytes)
    },
  }
  wire.attach(stranger)
  one.needsKeysTo(stranger)
  wire.run(90)
  // Its own request comes back to it: nobody takes that for an answer.
  assert.ok(got.length > 2 && got.every(port => port === 500))
  assert.deepEqual([one.pairs.size, one.refused.length], [0, 1])
})

test('a policy that is not in order is refused with its place', () => {
  assert.throws(() => new ScriptedWire().host('one', '10.0.0.1', 'rules: 1'), /one:1/)
})
