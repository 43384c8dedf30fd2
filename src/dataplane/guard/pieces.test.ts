// Pieces of IPv6 packets, which the kernel shows to the rules one by one: who may speak in clear may send great datagrams
// too, and nothing that must be sealed gets through in pieces.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { TCP, UDP } from '../../base/flow.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { guardRuleset } from './ruleset.ts'
import { guardedHost, setNumber, whyNoGuard } from './test-guarded-host.ts'

const skip = whyNoGuard()
const DESTINATION_OPTIONS = 60

/** `upper` is what the fragment header says comes behind it. */
function piece(source: string, upper: number, isFirst: boolean, sourcePort = 1024): Uint8Array {
  const place = isFirst ? [0, 1] : [5, 0xc9]
  const header = Uint8Array.of(0, 0, ...place, 0, 0, 0, 9)
  const ports = { sourcePort, destinationPort: 1024 }
  // Not built as UDP or TCP where it is a later piece: there are no ports in it.
  const protocol = isFirst ? upper : 253
  const bytes = buildPacket({
    source,
    destination: 'fd00::1',
    protocol,
    ...ports,
    payload: new Uint8Array(64),
    extensions: [[44, header]],
  })
  bytes[40] = upper
  return bytes
}

test('pieces pass between hosts that may speak in clear, and stay where any of it might have to be sealed', {
  skip,
}, async context => {
  const host = await guardedHost(context, 'pieces')
  const rules = [
    rule('permit', ['any me <-> fd00::9']),
    rule('permit', ['udp me <-> fd00::7:53'.replace('fd00::7:53', '[fd00::7]:53')]),
    rule('negotiate', ['tcp me <-> [fd00::8]:445']),
    rule('negotiate', ['any me <-> fd00::2', 'any me <-> fd00::7']),
    rule('negotiate', ['any me <-> fd00::3'], { acceptUnsecuredInbound: true }),
    rule('block', ['udp me <-> [fd00::4]:53']),
  ]
  await host.load(guardRuleset(compile(policy(rules))).text)
  const table = [
    ['fd00::9', UDP, true],
    ['fd00::2', UDP, false],
    ['fd00::2', TCP, false],
    // One port of it is permitted; what port a later piece is of, nobody knows.
    ['fd00::7', UDP, false],
    // Only TCP is sealed with this one.
    ['fd00::8', TCP, false],
    ['fd00::8', UDP, true],
    ['fd00::8', DESTINATION_OPTIONS, false],
    ['fd00::3', UDP, true],
    ['fd00::4', UDP, false],
    ['fd00::4', TCP, true],
    // No rule knows this host.
    ['fd00::5', UDP, true],
    ['fd00::5', DESTINATION_OPTIONS, true],
  ] as const
  let number = 0
  for (const [source, upper] of table) {
    for (const isFirst of [true, false]) {
      const bytes = piece(source, upper, isFirst)
      setNumber(bytes, ++number)
      host.receive(bytes)
    }
  }
  const { came, passed } = await host.inbound(6)
  for (const [index, [source, upper, expected]] of table.entries()) {
    const [first, later] = [2 * index + 1, 2 * index + 2]
    assert.ok(came.has(later), `${source} ${upper} came`)
    assert.equal(passed.has(later), expected, `a later piece from ${source}, protocol ${upper}`)
    if (expected) assert.ok(!came.has(first) || passed.has(first), `the first piece from ${source}, protocol ${upper}`)
  }
})
