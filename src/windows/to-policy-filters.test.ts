// Filters of Windows, of both versions, as filters of ours; servers that the machine knows; what is lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFilter } from '../policy/filter.ts'
import { address } from '../policy/test-policies.ts'
import type { AddressVersion2, FilterVersion2 } from './policy-filter-blob.ts'
import { actionGuids } from './policy-guids.ts'
import { filterListOf, filterVersion1 } from './policy-makers.ts'
import { id, said, sixteen, storeWith, version2, word } from './test-windows-stores.ts'

const HOST = 0xffff_ffff

test('addresses, masks, protocols and ports of version 1 are read as what they stand for', () => {
  const cases = [
    [{}, 'any protocol any ↔ any'],
    [{ sourceMask: HOST }, 'any protocol me ↔ any'],
    [{ sourceMask: HOST, destinationAddress: word('10.0.0.1'), destinationMask: HOST }, 'any protocol me ↔ 10.0.0.1'],
    [
      { destinationAddress: word('10.1.2.3'), destinationMask: word('255.255.0.0'), mirrored: 0 },
      'any protocol any → 10.1.0.0/16',
    ],
    [{ protocol: 6, destinationPort: 445 }, 'tcp any ↔ any:445'],
    [{ protocol: 17, sourcePort: 1701, destinationPort: 65535 }, 'udp any:1701 ↔ any:65535'],
    [{ protocol: 47 }, 'gre any ↔ any'],
    [{ sourceAddress: word('255.255.255.255'), sourceMask: HOST }, 'any protocol 255.255.255.255 ↔ any'],
  ] as const
  for (const [changes, text] of cases) {
    const { rule, losses } = said(storeWith({ list: filterListOf([filterVersion1(id(9), changes)]) }))
    assert.deepEqual([rule.filters.map(filter => formatFilter(filter)), losses], [[text], []])
  }
})

test('servers that only the machine knows are those that it is told of, or an error unless the rule permits', () => {
  const list = (special: number) =>
    filterListOf([filterVersion1(id(9), { special, sourceMask: special < 0x80 ? 0 : HOST })])
  const dns = { servers: { dns: [address('10.0.0.53'), address('10.0.1.53')], gateway: [address('10.0.0.1')] } }
  const known = said(storeWith({ list: list(0x81) }), dns)
  assert.deepEqual(
    known.rule.filters.map(filter => formatFilter(filter)),
    ['any protocol me ↔ 10.0.0.53', 'any protocol me ↔ 10.0.1.53'],
  )
  assert.deepEqual(known.losses, ['warning: the addresses of the DNS servers are kept as they are now'])
  assert.deepEqual(
    said(storeWith({ list: list(4) }), dns).rule.filters.map(filter => formatFilter(filter)),
    ['any protocol 10.0.0.1 ↔ any'],
  )
  const unknown = said(storeWith({ list: list(0x82) }), dns)
  assert.equal(unknown.rule, undefined)
  assert.deepEqual(unknown.losses, [
    'error: the addresses of the WINS servers are not known here',
    'error: it has no filter',
  ])
  const permitted = said(storeWith({ list: list(3), action: actionGuids.permit }), dns)
  assert.deepEqual(permitted.losses, [
    'warning: the addresses of the DHCP server are not known here',
    'warning: it has no filter',
  ])
  assert.equal(said(storeWith({ list: list(0x55) })).losses[0], 'error: special address 85 is not known')
})

test('masks with gaps and protocols beyond 255 leave a filter out, a looked-up name stays as its address', () => {
  const filter = (changes: object) => said(storeWith({ list: filterListOf([filterVersion1(id(9), changes)]) }))
  assert.match(
    filter({ sourceAddress: 1, sourceMask: word('255.0.255.0') }).losses[0]!,
    /^error: the mask 255.0.255.0 has gaps/,
  )
  assert.match(filter({ protocol: 300 }).losses[0]!, /^error: protocol 300/)
  const named = filter({ sourceName: 'www.example', sourceAddress: word('192.0.2.1'), sourceMask: HOST })
  assert.deepEqual(
    [named.rule.filters.length, named.losses],
    [1, ['warning: the name "www.example" is kept as the address 192.0.2.1']],
  )
  assert.match(filter({ protocol: 1, sourcePort: 7 }).losses[0]!, /^warning: ports with protocol 1/)
})

test('filters of version 2 take the place of those that stand for them: ranges, IPv6, ranges of ports', () => {
  const spec = (type: number, version: number, first: Uint8Array, second = sixteen()): AddressVersion2 => ({
    type,
    version,
    address: first,
    second,
  })
  const v6 = sixteen(0xfd, 0, 1)
  const cases: readonly (readonly [Partial<FilterVersion2>, string])[] = [
    [{ source: spec(2, 1, sixteen(10, 0, 0, 1), sixteen(10, 0, 0, 9)) }, 'any protocol 10.0.0.1-10.0.0.9 ↔ any'],
    [{ source: spec(4, 1, sixteen(10, 1, 0, 1), sixteen(255, 255)) }, 'any protocol 10.1.0.0/16 ↔ any'],
    [{ source: spec(1, 2, v6) }, 'any protocol fd00:100:: ↔ any'],
    [{ source: spec(4, 2, v6, sixteen(8)) }, 'any protocol fd00::/8 ↔ any'],
    [{ source: spec(8, 3, sixteen()), destination: spec(0, 2, sixteen()) }, 'any protocol me ↔ ::/0'],
    [{ protocol: 6, destinationPorts: { type: 2, first: 1000, last: 2000 } }, 'tcp any ↔ any:1000-2000'],
    [{ protocol: 6, sourcePorts: { type: 1, first: 80, last: 0 } }, 'tcp any:80 ↔ any'],
  ]
  for (const [changes, text] of cases) {
    const { rule, losses } = said(storeWith({ list: version2(changes) }))
    assert.deepEqual([rule.filters.map(filter => formatFilter(filter)), losses], [['tcp any ↔ any', text], []])
  }
  const lost: readonly (readonly [Partial<FilterVersion2>, RegExp])[] = [
    [{ source: spec(2, 1, sixteen(10, 0, 0, 9), sixteen(10, 0, 0, 1)) }, /a range whose end comes before/],
    [{ source: spec(3, 1, sixteen()) }, /an address of type 3/],
    [{ source: spec(1, 7, sixteen()) }, /IP version 7/],
    [{ source: spec(4, 2, v6, sixteen(129)) }, /a prefix of 129 bits/],
    [{ protocol: 6, sourcePorts: { type: 2, first: 9, last: 1 } }, /ports of a kind/],
  ]
  for (const [changes, pattern] of lost)
    assert.match(said(storeWith({ list: version2(changes) })).losses.join(), pattern)
})
