// Behind a translator the checksum inside a seal is over other addresses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { TCP, UDP } from '../../base/flow.ts'
import { setHeaderChecksum } from '../../ipsec/headers.ts'
import { repairChecksum } from './translated-checksum.ts'

for (const protocol of [TCP, UDP]) {
  test(`a translated packet of protocol ${protocol} gets the checksum of the addresses that it came with`, () => {
    const words = { destination: '10.0.0.2', protocol, payload: Uint8Array.of(1, 2, 3, 4, 5), identification: 7 }
    const packet = buildPacket({ ...words, source: '192.168.0.9' })
    packet.set([10, 0, 0, 77], 12)
    setHeaderChecksum(packet, 20)
    const right = buildPacket({ ...words, source: '10.0.0.77' })
    assert.equal(repairChecksum(packet, 0, packet.length), true)
    assert.deepEqual(packet, right)
    assert.equal(repairChecksum(packet, 0, packet.length), false)
    assert.deepEqual(packet, right)
  })
}

test('UDP without a checksum keeps none, and what is cut short is left alone', () => {
  const packet = buildPacket({
    source: '192.168.0.9',
    destination: '10.0.0.2',
    protocol: UDP,
    payload: new Uint8Array(9),
  })
  packet.fill(0, 26, 28)
  assert.equal(repairChecksum(packet, 0, packet.length), false)
  assert.deepEqual([...packet.subarray(26, 28)], [0, 0])
  assert.equal(repairChecksum(packet, 0, 25), false)
})
