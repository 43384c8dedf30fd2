// Addresses in text: what is one, what is none, and how it is printed (RFC 5952).
import assert from 'node:assert/strict'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Address,
  compareAddresses,
  formatAddress,
  formatPrefix,
  isLimitedBroadcast,
  isMulticast,
  lastAddress,
  maskAddress,
  parseAddress,
  parsePrefix,
  sameAddress,
} from './address.ts'

const printed: readonly (readonly [string, string])[] = [
  ['10.54.0.1', '10.54.0.1'],
  ['255.255.255.255', '255.255.255.255'],
  ['0.0.0.0', '0.0.0.0'],
  // RFC 5952 §1 to §4
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1'],
  ['2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:0', '2001:db8:0:0:1::'],
  ['2001:db8:85a3::8A2E:370:7334', '2001:db8:85a3::8a2e:370:7334'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['fe80:0:0:0:0:0:0:0', 'fe80::'],
  // RFC 5952 §5
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['::ffff:c000:201', '::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
]

for (const [text, expected] of printed) {
  test(`${text} is printed ${expected}`, () => assert.equal(formatAddress(parseAddress(text)!), expected))
}

const none = [
  '',
  '10.0.0',
  '10.0.0.256',
  '10.0.0.01',
  '10.0.0.1/8',
  ':',
  ':::',
  '1::2::3',
  'fe80::1%eth0',
  '12345::',
  'me',
]

for (const text of none) {
  test(`"${text}" is no address`, () => assert.equal(parseAddress(text), undefined))
}

const octets4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
/** Groups that are often zero, so that runs of zeros of every length occur. */
const groups6 = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })

const address: fc.Arbitrary<Address> = fc.oneof(
  octets4.map((octets): Address => ({ family: 4, words: [new DataView(octets.buffer).getUint32(0)] })),
  groups6.map((g): Address => ({ family: 6, words: [0, 2, 4, 6].map(i => g[i]! * 65536 + g[i + 1]!) })),
)

test('every address that is printed is one to node:net, and parses to itself', () => {
  fc.assert(
    fc.property(address, one => {
      const text = formatAddress(one)
      assert.ok(one.family === 4 ? isIPv4(text) : isIPv6(text))
      assert.deepEqual(parseAddress(text), one)
    }),
    { seed: 1, numRuns: 2000 },
  )
})

test('what is printed is what the URL standard prints, but for addresses that hold IPv4', () => {
  fc.assert(
    fc.property(groups6, groups => {
      const text = groups.map(group => group.toString(16)).join(':')
      const ours = formatAddress(parseAddress(text)!)
      if (!ours.includes('.')) assert.equal(ours, new URL(`http://[${text}]/`).hostname.slice(1, -1))
    }),
    { seed: 1, numRuns: 2000 },
  )
})

test('whatever node:net takes for an address without a zone is parsed, and nothing else', () => {
  const letters = fc.string({ unit: fc.constantFrom(...'0123456789abcF:.%/ '), maxLength: 24 })
  const nearly = fc.tuple(address, letters, fc.nat(40)).map(([one, noise, at]) => {
    const text = formatAddress(one)
    return text.slice(0, at) + noise.slice(0, 2) + text.slice(at)
  })
  fc.assert(
    fc.property(fc.oneof(letters, nearly), text => {
      const parsed = parseAddress(text)
      assert.equal(parsed !== undefined, (isIPv4(text) || isIPv6(text)) && !text.includes('%'), text)
    }),
    { seed: 1, numRuns: 5000 },
  )
})

test('prefixes are parsed with a length, with a mask, or without either', () => {
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['10.54.0.1', '10.54.0.1'],
    ['10.54.0.1/32', '10.54.0.1'],
    ['10.54.7.9/16', '10.54.0.0/16'],
    ['10.54.7.9/255.255.0.0', '10.54.0.0/16'],
    ['10.54.7.9/0.0.0.0', '0.0.0.0/0'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['2001:db8::1/64', '2001:db8::/64'],
    ['2001:db8::1', '2001:db8::1'],
    ['::/0', '::/0'],
    ['10.0.0.0/33', undefined],
    ['10.0.0.0/255.0.255.0', undefined],
    ['2001:db8::/129', undefined],
    ['2001:db8::/255.255.0.0', undefined],
    ['10.0.0.0/', undefined],
    ['10.0.0.0/-1', undefined],
    ['/8', undefined],
  ]
  for (const [text, expected] of texts) {
    const prefix = parsePrefix(text)
    assert.equal(prefix === undefined ? undefined : formatPrefix(prefix), expected, text)
  }
})

test('a prefix holds the addresses that node:net says it holds', () => {
  fc.assert(
    fc.property(address, address, fc.nat(128), (inside, other, bits) => {
      const length = Math.min(bits, inside.family === 4 ? 32 : 128)
      const prefix = { address: maskAddress(inside, length), length }
      const family = inside.family === 4 ? 'ipv4' : 'ipv6'
      const list = new BlockList()
      list.addSubnet(formatAddress(prefix.address), length, family)
      for (const one of [inside, prefix.address, lastAddress(prefix), other]) {
        if (one.family !== inside.family) continue
        const held = compareAddresses(one, prefix.address) >= 0 && compareAddresses(one, lastAddress(prefix)) <= 0
        assert.equal(held, list.check(formatAddress(one), family))
        assert.equal(held, sameAddress(maskAddress(one, length), prefix.address))
      }
    }),
    { seed: 1, numRuns: 1000 },
  )
})

test('addresses sort by number, every IPv4 address before every IPv6 address', () => {
  const sorted = ['0.0.0.0', '9.255.255.255', '10.0.0.0', '255.255.255.255', '::', '::1', '1::', 'ffff::'].map(
    text => parseAddress(text)!,
  )
  assert.deepEqual([...sorted].reverse().sort(compareAddresses), sorted)
})

test('multicast and limited broadcast are known by their first bits and by all their bits', () => {
  const which = (text: string) => [isMulticast(parseAddress(text)!), isLimitedBroadcast(parseAddress(text)!)]
  assert.deepEqual(which('224.0.0.1'), [true, false])
  assert.deepEqual(which('239.255.255.255'), [true, false])
  assert.deepEqual(which('223.255.255.255'), [false, false])
  assert.deepEqual(which('240.0.0.0'), [false, false])
  assert.deepEqual(which('255.255.255.255'), [false, true])
  assert.deepEqual(which('ff02::1'), [true, false])
  assert.deepEqual(which('fe80::1'), [false, false])
  assert.deepEqual(which('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), [true, false])
})
