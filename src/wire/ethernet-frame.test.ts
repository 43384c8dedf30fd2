// Stations of an Ethernet frame by the address that it goes to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress, parsePrefix } from '../base/address.ts'
import { decodeFrame } from './decode.ts'
import { ETHERNET_LINK, ethernetFrame } from './ethernet-frame.ts'
import { IS_IP, Packet } from './packet.ts'

const networks = [parsePrefix('10.54.0.0/24')!]

function frame(from: string, to: string): Uint8Array {
  const packet = new Uint8Array(from.includes(':') ? 40 : 20)
  packet[0] = from.includes(':') ? 0x60 : 0x45
  packet[3] = from.includes(':') ? 0 : 20
  packet[6] = from.includes(':') ? 59 : 0
  return ethernetFrame(packet, parseAddress(from)!, parseAddress(to)!, networks)
}

const receivers: readonly (readonly [to: string, station: string, from?: string])[] = [
  ['10.54.0.2', '02000a360002'],
  ['10.54.0.255', 'ffffffffffff'],
  ['10.54.1.255', '02000a3601ff'],
  ['255.255.255.255', 'ffffffffffff'],
  ['224.0.0.1', '01005e000001'],
  ['239.255.255.250', '01005e7ffffa'],
  ['fd00::2', '020000000002', 'fd00::1'],
  ['ff02::1:ff00:2', '3333ff000002', 'fd00::1'],
]

for (const [to, station, from = '10.54.0.1'] of receivers) {
  test(`what goes to ${to} goes to the station ${station}`, () => {
    const bytes = frame(from, to)
    assert.equal(Buffer.from(bytes.subarray(0, 6)).toString('hex'), station)
    const packet = new Packet()
    decodeFrame(packet, bytes, ETHERNET_LINK, 0, bytes.length)
    assert.equal(packet.kind, IS_IP, packet.problem)
    assert.equal(packet.linkBroadcast, station === 'ffffffffffff')
  })
}
