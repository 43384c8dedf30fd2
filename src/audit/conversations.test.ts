// The table of conversations against a plain Map, on packets that a small world of hosts and ports makes collide.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatFlow } from '../base/flow.ts'
import { IS_IP, Packet } from '../wire/packet.ts'
import { Conversations } from './conversations.ts'

interface Key {
  readonly source: number
  readonly destination: number
  readonly protocol: number
  readonly ports: number
  readonly isBroadcast: boolean
  readonly isLater: boolean
}

const small = { min: -2, max: 2 }
const keys = fc.record({
  source: fc.integer(small),
  destination: fc.integer(small),
  protocol: fc.constantFrom(1, 6, 17, 50, 51, 58, 89),
  ports: fc.integer({ min: -1, max: 3 }),
  isBroadcast: fc.boolean(),
  isLater: fc.boolean(),
})

function fill(packet: Packet, family: 4 | 6, key: Key): Packet {
  packet.reset()
  packet.kind = IS_IP
  packet.version = family
  packet.s0 = key.source
  packet.d0 = key.destination
  if (family === 6) {
    packet.s3 = key.source
    packet.d3 = ~key.destination
  }
  packet.protocol = key.protocol
  packet.linkBroadcast = key.isBroadcast
  packet.fragmentOffset = key.isLater ? 100 : 0
  if (key.isLater || key.ports < 0) return packet
  if (key.protocol === 6 || key.protocol === 17) {
    packet.sourcePort = 65535 - key.ports
    packet.destinationPort = 65535
  } else if (key.protocol === 1 || key.protocol === 58) packet.icmpType = key.ports
  else if (key.protocol === 50 || key.protocol === 51) packet.spi = 0xfffffffe + (key.ports & 1)
  return packet
}

/** Everything of a packet that makes it another conversation. */
function nameOf(packet: Packet): string {
  const { protocol, spi, fragmentOffset } = packet
  return `${formatFlow(packet.flow())} ${protocol} ${spi} ${packet.icmpType} ${packet.linkBroadcast} ${fragmentOffset > 0}`
}

for (const family of [4, 6] as const) {
  test(`each conversation of IPv${family} has one row, as a Map would have it, before and after it is cleared`, () => {
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 300 }), fc.integer(), fc.nat(300), (list, seed, clearAt) => {
        const table = new Conversations(family, { seed, most: 1000 })
        const oracle = new Map<string, number>()
        const packet = new Packet()
        list.forEach((key, index) => {
          if (index === clearAt) {
            table.clear()
            oracle.clear()
          }
          fill(packet, family, key)
          const name = nameOf(packet)
          const known = oracle.get(name)
          const row = table.find(packet)
          assert.equal(row, known ?? -1 - oracle.size, name)
          if (known !== undefined) return
          oracle.set(name, oracle.size)
          const flow = packet.flow()
          assert.deepEqual(table.flowOf(oracle.size - 1), flow)
        })
        assert.equal(table.size, oracle.size)
      }),
      { numRuns: 200, seed: 54 },
    )
  })

  test(`the table of IPv${family} grows past its first size and keeps every row and count`, () => {
    const table = new Conversations(family, { seed: 3, most: 100_000 })
    const packet = new Packet()
    const rows = 50_000
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < rows; index++) {
        fill(packet, family, {
          source: Math.imul(index, 0x9e3779b1),
          destination: index,
          protocol: 6,
          ports: 1,
          isBroadcast: false,
          isLater: false,
        })
        const row = table.find(packet)
        assert.equal(row, round === 0 ? -1 - index : index)
        table.packets[index]!++
      }
    }
    assert.equal(table.size, rows)
    assert.ok(table.packets.subarray(0, rows).every(packets => packets === 2))
  })
}

test('the table is full at its bound, and empty again when it is cleared', () => {
  const table = new Conversations(4, { seed: 0, most: 10 })
  const packet = new Packet()
  for (let index = 0; index < 10; index++) {
    assert.equal(table.isFull, false)
    fill(packet, 4, { source: index, destination: 1, protocol: 89, ports: 0, isBroadcast: false, isLater: false })
    table.find(packet)
  }
  assert.equal(table.isFull, true)
  table.clear()
  assert.deepEqual([table.isFull, table.size], [false, 0])
  assert.equal(table.find(packet), -1)
})
