// ICMP "too big" comes in clear from anybody: it counts where it quotes what this host sealed, and nowhere else.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { icmp, ipv4, ipv6, join, octets } from '../../test/build-frames.ts'
import { addressOf, buildPacket } from '../../test/build-packets.ts'
import { ends, hosts, packetOf, reason, seal } from '../../test/receiving-end.ts'
import { ICMPV6 } from '../base/flow.ts'
import type { Association } from './association.ts'
import { writeWord } from './esp.ts'

describe('ICMP too big', () => {
  const quote = (sealed: Uint8Array, mtu: number, octetsQuoted = 28) =>
    ipv4('10.54.9.9', hosts[4][1], 1, icmpOf(3, 4, mtu, sealed.slice(0, octetsQuoted)))
  const icmpOf = (type: number, code: number, mtu: number, quoted: Uint8Array) => {
    const made = join(icmp(type, octets(4)), quoted)
    made[1] = code
    made[6] = mtu >> 8
    made[7] = mtu & 255
    return made
  }
  /** What the receiver of `ends` itself sent. */
  const own = (receiver: Association, family: 4 | 6 = 4, size = 1200) =>
    seal(receiver, buildPacket({ source: hosts[family][1], destination: hosts[family][0], payload: octets(size) }))

  test('counts where it quotes what this host sealed, whoever sends it', () => {
    for (const [security, encapsulation, quoted] of [
      ['esp-aes256gcm16', undefined, 28],
      ['ah-sha256', undefined, 28],
      ['esp-aes256gcm16', { sourcePort: 4500, destinationPort: 4500 }, 36],
    ] as const) {
      const { inbound, receiver } = ends({ security, ...(encapsulation === undefined ? {} : { encapsulation }) })
      const outcome = inbound.process(quote(own(receiver), 1000, quoted), 0)
      assert.ok(outcome.kind === 'too-big', reason(outcome))
      assert.equal(outcome.mtu, 1000)
      assert.equal(outcome.association, receiver)
      assert.deepEqual(outcome.destination, addressOf(hosts[4][0]))
    }
  })

  test('over IPv6 as well', () => {
    const { inbound, receiver } = ends({ family: 6 })
    const content = icmpOf(2, 0, 1300, own(receiver, 6, 1400).slice(0, 200))
    const outcome = inbound.process(ipv6('fd99::1', hosts[6][1], ICMPV6, content), 0)
    assert.ok(outcome.kind === 'too-big' && outcome.mtu === 1300, reason(outcome))
  })

  test('that quotes anything else is judged like all clear text', () => {
    const { inbound, receiver, sender } = ends()
    const foreign = own(receiver)
    writeWord(foreign, 20, 0x12121212)
    for (const bytes of [
      quote(foreign, 1000),
      quote(seal(sender, packetOf(4, { payload: octets(1200) })), 1000),
      quote(packetOf(4, { payload: octets(1200) }), 1000),
      quote(own(receiver), 1300),
      quote(own(receiver), 1000, 22),
    ]) {
      bytes[15] = 1
      bytes[14] = 0
      assert.equal(reason(inbound.process(bytes, 0)), 'should-be-protected')
    }
  })
})
