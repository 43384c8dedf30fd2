// Associations are found by SPI for what arrives and by rule and flow for what leaves; what no packet can be made by is
// refused when it is installed, not when the first packet meets it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../test/build-packets.ts'
import { bothEnds, type PairWords } from '../../test/ipsec-pair.ts'
import type { Flow } from '../base/flow.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { flow } from '../policy/test-policies.ts'
import type { AssociationPair } from './association.ts'
import { AssociationDatabase } from './association-database.ts'

const crypto = choosePacketCrypto('openssl')
const [one, other] = [addressOf('10.54.0.1'), addressOf('10.54.0.2')]
const there = flow('tcp 10.54.0.1:1024 10.54.0.2:445')

function pair(words: Partial<PairWords> = {}): AssociationPair {
  return bothEnds({ one, other, security: 'esp-aes256gcm16', ...words })[0]
}

test('an association receives once it is installed, and sends once it is told to', () => {
  const database = new AssociationDatabase(crypto)
  const { name } = database.install(pair(), 0)
  assert.equal(database.bySpi(name)?.name, name)
  assert.equal(database.forSending('all', there), undefined)
  assert.equal(database.beginSending(name)?.name, name)
  assert.equal(database.forSending('all', there)?.name, name)
  assert.equal(database.beginSending(9999), undefined)
})

test('the newest of a rule sends; when it goes, the one before does', () => {
  const database = new AssociationDatabase(crypto)
  const names = [0x1000, 0x2000, 0x3000].map(firstSpi => database.install(pair({ firstSpi }), 0).name)
  for (const name of names) database.beginSending(name)
  database.beginSending(names[0]!)
  assert.equal(database.forSending('all', there)?.name, names[2])
  database.remove(names[2]!)
  assert.equal(database.forSending('all', there)?.name, names[1])
  database.remove(names[0]!)
  database.remove(names[1]!)
  database.remove(names[1]!)
  assert.equal(database.forSending('all', there), undefined)
  assert.equal(database.size, 0)
})

test('each flow goes through an association with its own far end, and one whose selectors have it', () => {
  const database = new AssociationDatabase(crypto)
  const selectors = [{ source: { kind: 'any' }, destination: { kind: 'any' }, protocol: 17, isMirror: false }] as const
  const narrow = database.install(pair({ selectors, firstSpi: 0x9000 }), 0)
  database.beginSending(narrow.name)
  const far = [...Array(300).keys()].map(host => {
    const words = { other: { family: 4 as const, words: [0x0a360100 + host] }, firstSpi: 0x10000 + host * 0x1000 }
    const { name } = database.install(pair(words), 0)
    database.beginSending(name)
    return name
  })
  for (const [host, name] of far.entries()) {
    const asked: Flow = { ...there, destination: { family: 4, words: [0x0a360100 + host] } }
    assert.equal(database.forSending('all', asked)?.name, name)
  }
  assert.equal(database.forSending('all', there), undefined, 'TCP is not in the selectors')
  assert.equal(database.forSending('all', flow('udp 10.54.0.1:1 10.54.0.2:88'))?.name, narrow.name)
  assert.equal(database.forSending('another', flow('udp 10.54.0.1:1 10.54.0.2:88')), undefined)
  assert.equal(database.forSending('all', flow('udp 10.54.0.7:1 10.54.0.2:88')), undefined, 'from another address')
})

test('a tunnel carries flows between other hosts than its ends', () => {
  const database = new AssociationDatabase(crypto)
  const { name } = database.install(pair({ mode: 'tunnel' }), 0)
  database.beginSending(name)
  assert.equal(database.forSending('all', flow('tcp 10.1.0.1:1 10.2.0.1:2'))?.name, name)
})

test('what routers quote is found by the SPI that it was sealed with, between its own addresses', () => {
  const database = new AssociationDatabase(crypto)
  const mine = pair()
  const { name } = database.install(mine, 0)
  const { spi } = mine.outbound.layers[0]!
  assert.equal(database.bySealing(spi, one, other)?.name, name)
  assert.equal(database.bySealing(spi, other, one), undefined)
  assert.equal(database.bySealing(name, one, other), undefined)
  database.remove(name)
  assert.equal(database.bySealing(spi, one, other), undefined)
})

test('what cannot work is refused', () => {
  const database = new AssociationDatabase(crypto)
  database.install(pair(), 0)
  const layer = pair().inbound.layers[0]!
  const changed = (change: object) => ({ ...pair({ firstSpi: 0x5000 }), outbound: { ...pair().outbound, ...change } })
  for (const [words, message] of [
    [pair(), /is installed/],
    [pair({ firstSpi: 5 }), /no SPI/],
    [pair({ firstSpi: 2 ** 32 }), /no SPI/],
    [changed({ layers: [{ ...layer, spi: 255 }] }), /no SPI/],
    [changed({ layers: [] }), /one layer or two/],
    [changed({ layers: [layer, layer, layer] }), /one layer or two/],
    [changed({ padTo: 100 }), /powers of two/],
    [changed({ padTo: 512 }), /powers of two/],
    [changed({ destination: addressOf('fd54::2') }), /one family/],
    [
      pair({ security: 'ah-sha256', firstSpi: 0x6000, encapsulation: { sourcePort: 4500, destinationPort: 4500 } }),
      /only ESP/,
    ],
  ] as const)
    assert.throws(() => database.install(words, 0), message)
  assert.equal(database.size, 1)
})

test('a closed association says so, and closing twice is closing once', () => {
  const database = new AssociationDatabase(crypto)
  const association = database.install(pair(), 0)
  database.remove(association.name)
  assert.ok(association.isClosed)
  association.close()
})
