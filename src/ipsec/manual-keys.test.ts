// Keys of a policy file at work: every method of the table seals on one host and opens on the other; what does not
// belong together is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import type { Problem } from '../base/result.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { suiteOf } from '../crypto/suites.ts'
import type { Policy } from '../policy/model.ts'
import { offerNames, offerOf } from '../policy/offers.ts'
import { keyNeeds } from '../policy/policy-keys.ts'
import { readPolicyText } from '../policy/policy-text.ts'
import { AssociationDatabase } from './association-database.ts'
import { manualPairs } from './manual-keys.ts'
import { openPacket, sealPacket, Workbench } from './seal.ts'

const dc1 = parseAddress('10.54.0.1')!
const dc2 = parseAddress('10.54.0.2')!
const router = parseAddress('10.54.0.254')!
const random = seededRandom(54)

function hex(octets: number): string {
  const bytes = new Uint8Array(octets)
  random.fill(bytes)
  return Buffer.from(bytes).toString('hex')
}

/** An entry of `keys:` with fresh key material for a method, whatever it takes. */
function entry(source: string, destination: string, security: string, spi: number, rule?: string) {
  const offer = offerOf(security)
  assert.ok(offer.ok)
  const needs = offer.value.protections.map(keyNeeds)
  const one = <T>(list: readonly T[]) => (list.length === 1 ? list[0] : list)
  const cipher = needs.filter(need => need.cipher > 0).map(need => hex(need.cipher + need.cipherSalt))
  const integrity = needs.filter(need => need.integrity > 0).map(need => hex(need.integrity + need.integritySalt))
  return {
    rule,
    source,
    destination,
    security,
    spi: one(needs.map((_, index) => spi + index)),
    ...(cipher.length === 0 ? {} : { key: cipher[0] }),
    ...(integrity.length === 0 ? {} : { integrityKey: one(integrity) }),
  }
}

function read(value: unknown): Policy {
  const result = readPolicyText(JSON.stringify(value), 'policy.json')
  assert.ok(result.ok, JSON.stringify(result))
  return result.value.policy
}

function policyWith(security: string): Policy {
  return read({
    test: true,
    rules: [
      {
        name: 'both',
        filters: [{ source: 'me', destination: '10.54.0.0/24' }],
        action: 'negotiate',
        security: [security],
        authentication: ['kerberos'],
      },
    ],
    keys: [entry('10.54.0.1', '10.54.0.2', security, 0x1001), entry('10.54.0.2', '10.54.0.1', security, 0x2001)],
  })
}

function pairsOf(policy: Policy, own = [dc1]) {
  const pairs = manualPairs(policy, own)
  assert.ok(pairs.ok, JSON.stringify(pairs))
  return pairs.value
}

function problemsOf(policy: Policy, own = [dc1]): readonly string[] {
  const pairs = manualPairs(policy, own)
  return pairs.ok ? [] : pairs.error.map(({ where, what }: Problem) => `${where}: ${what}`)
}

function ping(): Uint8Array {
  const packet = new Uint8Array(84)
  packet.set([0x45, 0, 0, 84, 0, 1, 0, 0, 64, 1, 0, 0, 10, 54, 0, 1, 10, 54, 0, 2, 8, 0])
  // The checksum of the header, which opening restores.
  const sum = 0x4500 + 84 + 1 + 0x4001 + 2 * 0x0a36 + 1 + 2
  const folded = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
  packet[10] = folded >> 8
  packet[11] = folded & 255
  return packet
}

test('the lengths that the policy file asks for are those that the algorithms take', () => {
  for (const name of offerNames) {
    const offer = offerOf(name)
    assert.ok(offer.ok)
    for (const protection of offer.value.protections) {
      const suite = suiteOf(protection)
      assert.ok(suite, name)
      const { cipher, cipherSalt, integrity, integritySalt } = keyNeeds(protection)
      const row = suite.protocol === 'esp' ? suite.cipher : undefined
      assert.deepEqual([cipher, cipherSalt], [row?.keyBytes ?? 0, row?.saltBytes ?? 0], name)
      const own = suite.integrity
      assert.deepEqual([integrity, integritySalt], [own?.keyBytes ?? 0, own?.saltBytes ?? 0], name)
    }
  }
})

const crypto = choosePacketCrypto()

for (const name of [
  ...offerNames,
  'ah-sha256+esp-aes128gcm16',
  'ah-sha1+esp-3des-sha1',
  'esp-null-sha256+ah-aes256gmac',
]) {
  test(`${name}: what one host seals with the keys of the file, the other opens`, context => {
    const policy = policyWith(name)
    const [own] = pairsOf(policy, [dc1])
    const [other] = pairsOf(policy, [dc2])
    const layers = [...own!.outbound.layers, ...own!.inbound.layers]
    if (layers.some(({ suite }) => crypto.enginesFor(suite) === undefined))
      return context.skip('because no packet engine of this machine has it')
    const bench = new Workbench()
    const sender = new AssociationDatabase(crypto)
    const receiver = new AssociationDatabase(crypto)
    const sealing = sender.install(own!, 0)
    receiver.install(other!, 0)
    const packet = ping()
    const sealed = sealPacket(bench, sealing, packet)
    assert.ok('packet' in sealed)
    const protocol = sealed.packet[9]!
    const opened = openPacket(bench, spi => receiver.bySpi(spi), sealed.packet, 20, protocol, false)
    assert.ok('packet' in opened, JSON.stringify(opened))
    assert.deepEqual(opened.packet, packet)
  })
}

test('a pair is named by the SPI that arrives outermost, and carries only what is between its two hosts', () => {
  const [pair] = pairsOf(policyWith('ah-sha256+esp-aes256-sha256'))
  assert.deepEqual(
    pair!.inbound.layers.map(({ protocol, spi }) => [protocol, spi]),
    [
      ['esp', 0x2001],
      ['ah', 0x2002],
    ],
  )
  assert.deepEqual(
    pair!.outbound.selectors.map(({ source, destination }) => [source, destination]),
    [
      [
        { kind: 'range', first: dc1, last: dc1 },
        { kind: 'range', first: dc2, last: dc2 },
      ],
    ],
  )
})

test('keys between other hosts are passed over', () => {
  assert.deepEqual(pairsOf(policyWith('esp-aes256-sha256'), [router]), [])
})

test('a policy without keys gives no pair', () => {
  const { keys: _, ...without } = policyWith('esp-aes256-sha256')
  assert.deepEqual(pairsOf(without), [])
})

test('a direction without its other one is a problem', () => {
  const policy = policyWith('esp-aes256-sha256')
  const problem = (index: number) => problemsOf({ ...policy, keys: [policy.keys![index]!] })
  assert.deepEqual(problem(0), ['keys[0]: there is no key for the way back, from 10.54.0.2 to 10.54.0.1'])
  assert.deepEqual(problem(1), ['keys[0]: there is no key for the way back, from 10.54.0.1 to 10.54.0.2'])
})

test('a method that counts packets is refused here too where the policy is no test', () => {
  const { test: _, ...real } = policyWith('esp-aes256gcm16')
  assert.deepEqual(problemsOf(real).slice(0, 1), [
    'keys[0]: esp-aes256gcm16 counts packets, and every start begins the count anew',
  ])
})

test('a key between hosts that the rule does not speak of is a problem', () => {
  const policy = policyWith('esp-aes256-sha256')
  const elsewhere = parseAddress('192.168.0.1')!
  const keys = policy.keys!.map(key =>
    key.source === policy.keys![0]!.source ? { ...key, destination: elsewhere } : { ...key, source: elsewhere },
  )
  assert.equal(
    problemsOf({ ...policy, keys })[0],
    'keys[0]: the rule has no filter for packets from 10.54.0.1 to 192.168.0.1',
  )
})

test('two rules of a tunnel, one for each way, make one pair', () => {
  const rule = (name: string, source: string, destination: string, tunnelEndpoint: string) => ({
    ...{ name, action: 'negotiate', mode: 'tunnel', tunnelEndpoint, authentication: ['kerberos'] },
    filters: [{ source, destination, mirrored: false }],
    security: ['esp-aes256-sha256'],
  })
  const policy = read({
    rules: [rule('there', 'me', '10.60.0.0/16', '10.54.0.2'), rule('back', '10.60.0.0/16', 'me', '10.54.0.1')],
    keys: [
      entry('10.54.0.1', '10.54.0.2', 'esp-aes256-sha256', 0x1001, 'there'),
      entry('10.54.0.2', '10.54.0.1', 'esp-aes256-sha256', 0x2001, 'back'),
    ],
  })
  const [pair] = pairsOf(policy)
  assert.deepEqual([pair!.outbound.rule, pair!.inbound.rule], ['there', 'back'])
  assert.deepEqual(pair!.outbound.selectors[0]!.source, { kind: 'range', first: dc1, last: dc1 })
})
