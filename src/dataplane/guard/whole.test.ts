// Pieces of IPv6 that the kernel puts together before the rules are asked: what arrives in pieces is judged as what it is,
// and what is never whole never gets in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { formatAddress } from '../../base/address.ts'
import { formatFlow } from '../../base/flow.ts'
import { address } from '../../native/test-namespaces.ts'
import { compile } from '../../policy/compile.ts'
import { decideKnowing } from '../../policy/decide.ts'
import { pick, policy, randomFlow, randomPolicy, rule, seeded } from '../../policy/test-policies.ts'
import { decodeIp } from '../../wire/decode.ts'
import { Packet, PLAIN } from '../../wire/packet.ts'
import { applyGuard, loadWithPieces, seenGuard } from './apply.ts'
import { checkRuleset } from './nft.ts'
import { defaultGuard, guardRuleset, piecesFirst, type Ruleset } from './ruleset.ts'
import { type GuardedHost, guardedHost, own, setNumber, whyNoGuard } from './test-guarded-host.ts'

const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
const empty = guardRuleset(compile(policy([]))).text

async function whyNoPieces(): Promise<string | false> {
  const why = whyNoGuard()
  if (why !== false) return why
  const checked = await checkRuleset(`${empty}${piecesFirst(defaultGuard.table)}`)
  return checked.ok ? false : 'skipped, because the kernel has no nft_tproxy'
}

const skip = await whyNoPieces()

interface Cut {
  readonly from: number
  readonly to: number
}

let identification = 0

/** The IPv6 packet, which has no extension headers, in pieces; places count from behind its header. */
function cut(whole: Uint8Array, places: readonly Cut[]): readonly Uint8Array[] {
  identification++
  return places.map(({ from, to }) => {
    const bytes = new Uint8Array(48 + to - from)
    bytes.set(whole.subarray(0, 40))
    bytes[6] = 44
    const view = new DataView(bytes.buffer)
    view.setUint16(4, 8 + to - from)
    bytes[40] = whole[6]!
    view.setUint16(42, from | (40 + to < whole.length ? 1 : 0))
    view.setUint32(44, identification)
    bytes.set(whole.subarray(40 + from, 40 + to), 48)
    return bytes
  })
}

async function apply(ruleset: Ruleset): Promise<void> {
  const applied = await applyGuard(ruleset, defaultGuard.table)
  assert.ok(applied.ok, JSON.stringify(applied))
}

async function arrive(host: GuardedHost, packets: readonly (readonly Uint8Array[])[]): Promise<readonly boolean[]> {
  for (const [index, pieces] of packets.entries()) {
    for (const piece of pieces) {
      setNumber(piece, index + 1)
      host.receive(piece)
    }
  }
  const { passed } = await host.inbound(6)
  return packets.map((_, index) => passed.has(index + 1))
}

function datagram(sourcePort: number, destinationPort: number, payload: Uint8Array, source = 'fd00::2'): Uint8Array {
  return buildPacket({ source, destination: 'fd00::1', protocol: 17, sourcePort, destinationPort, payload })
}

test('ESP in UDP gets in when its pieces have come, and nothing else does because it is in pieces', {
  skip,
}, async context => {
  const host = await guardedHost(context, 'whole')
  const rules = [
    rule('permit', ['udp me <-> [fd00::2]:53']),
    rule('negotiate', ['any me <-> fd00::2']),
    rule('block', ['any me <-> fd00::3']),
  ]
  await apply(guardRuleset(compile(policy(rules))))
  const sealed = new Uint8Array(2400).fill(7)
  const plain = new Uint8Array(2400)
  const all: readonly Cut[] = [
    { from: 0, to: 1232 },
    { from: 1232, to: 2408 },
  ]
  const [first, last] = all as readonly [Cut, Cut]
  const cases: readonly (readonly [string, readonly Uint8Array[], boolean])[] = [
    ['ESP in UDP', cut(datagram(4500, 4500, sealed), all), true],
    ['ESP in UDP, the last piece first', cut(datagram(61000, 4500, sealed), [last, first]), true],
    ['ESP in UDP of a host that is blocked', cut(datagram(4500, 4500, sealed, 'fd00::3'), all), true],
    ['to another port', cut(datagram(4500, 4501, sealed), all), false],
    ['no ESP', cut(datagram(4500, 4500, plain), all), false],
    ['what is permitted by its port', cut(datagram(53, 1024, plain), all), true],
    ['its neighbour, which is not', cut(datagram(54, 1024, plain), all), false],
    ['the first piece alone', cut(datagram(53, 1024, plain), [first]), false],
    ['the last piece alone', cut(datagram(53, 1024, plain), [last]), false],
    [
      'a first piece that is permitted with the rest of another packet',
      [cut(datagram(53, 1024, plain), [first])[0]!, cut(datagram(53, 1024, plain), [last])[0]!],
      false,
    ],
    [
      'pieces that overlap (RFC 5722)',
      cut(datagram(4500, 4500, sealed), [
        { from: 0, to: 1232 },
        { from: 1224, to: 2408 },
      ]),
      false,
    ],
  ]
  const passed = await arrive(
    host,
    cases.map(([, pieces]) => pieces),
  )
  assert.deepEqual(
    cases.map(([name], index) => [name, passed[index]]),
    cases.map(([name, , expected]) => [name, expected]),
  )
})

test('what arrives in pieces is judged as decide judges the whole', { skip }, async context => {
  const host = await guardedHost(context, 'whole-random')
  const me = own.map(address)
  const mine = me.filter(({ family }) => family === 6)
  const counts = { passed: 0, stayed: 0 }
  for (let seed = 0; seed < (isLong ? 300 : 20); seed++) {
    const draw = seeded(9100 + seed)
    const drawn = randomPolicy(draw)
    const compiled = compile(drawn, { me })
    const asked: { readonly text: string; readonly pieces: readonly Uint8Array[]; readonly expected: boolean }[] = []
    for (let count = 0; count < 400; count++) {
      const flow = { ...randomFlow(draw, drawn), destination: pick(draw, mine) }
      const { source, destination, protocol, sourcePort, destinationPort } = flow
      const isOrdinary = source.family === 6 && source.words[0]! >>> 24 !== 0xff && source.words[0] !== 0
      const isOwn = me.some(one => formatAddress(one) === formatAddress(source))
      if (!isOrdinary || isOwn || (protocol !== 6 && protocol !== 17) || sourcePort === undefined) continue
      const payload = new Uint8Array(200).fill(draw() < 0.5 ? 7 : 0)
      const whole = buildPacket({
        ...{ source: formatAddress(source), destination: formatAddress(destination), protocol, payload, sourcePort },
        ...(destinationPort === undefined ? {} : { destinationPort }),
      })
      const packet = new Packet()
      decodeIp(packet, whole, 0, whole.length)
      // ESP and IKE on our ports pass under every policy: the table above.
      if (packet.content !== PLAIN) continue
      const { action, entry } = decideKnowing(compiled, packet.flow(), 'in', false)
      const expected = action === 'permit' || (action === 'negotiate' && entry!.rule.acceptUnsecuredInbound)
      const end = whole.length - 40
      const middle = 8 * (1 + Math.floor(draw() * (Math.floor(end / 8) - 1)))
      const cuts = [
        { from: 0, to: middle },
        { from: middle, to: end },
      ]
      asked.push({ text: formatFlow(flow), pieces: cut(whole, draw() < 0.5 ? cuts : cuts.toReversed()), expected })
    }
    await apply(guardRuleset(compiled))
    const passed = await arrive(
      host,
      asked.map(({ pieces }) => pieces),
    )
    for (const [index, { text, expected }] of asked.entries()) {
      assert.equal(passed[index], expected, `seed ${seed}: ${text} in`)
      counts[expected ? 'passed' : 'stayed']++
    }
  }
  assert.ok(counts.passed > 50 && counts.stayed > 50, JSON.stringify(counts))
  context.diagnostic(JSON.stringify(counts))
})

test('a kernel that cannot put pieces together gets the rules all the same', { skip }, async context => {
  await guardedHost(context, 'whole-without')
  const ruleset = guardRuleset(compile(policy([])))
  // As a kernel without the module answers: what stands behind the rules is refused.
  const loaded = await loadWithPieces(ruleset, 'no such name')
  assert.ok(loaded.ok, JSON.stringify(loaded))
  const seen = await seenGuard(defaultGuard.table)
  assert.ok(seen.ok && seen.value?.digest === ruleset.digest)
})
