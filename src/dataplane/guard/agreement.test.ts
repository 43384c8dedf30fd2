// What the kernel does by the guard's rules against what `decide` says: random policies, random packets of every kind,
// sent by raw sockets and written to the wire of a host in a namespace. The two agree, or the kernel is the stricter one,
// or the packet is one of those that pass under every policy; each such case stands here with its reason, and every other
// one fails. SEALWIRE_LONG_TESTS=1 tries ten times as many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { formatAddress } from '../../base/address.ts'
import { type Direction, type Flow, formatFlow, ICMP, ICMPV6, UDP } from '../../base/flow.ts'
import { address } from '../../native/test-namespaces.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import { decideKnowing } from '../../policy/decide.ts'
import { type Draw, pick, randomFlow, randomPolicy, seeded } from '../../policy/test-policies.ts'
import { decodeIp } from '../../wire/decode.ts'
import { IKE, IS_IP, Packet, PLAIN } from '../../wire/packet.ts'
import { defaultGuard, guardRuleset, withoutTable } from './ruleset.ts'
import { guardedHost, isBroadcastHere, own, setNumber, whyNoGuard } from './test-guarded-host.ts'

const skip = whyNoGuard()
const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'

/** Where the kernel may be stricter than `decide`, and why. */
const stricter = {
  'IPv6 in pieces':
    'the kernel shows pieces of IPv6 to the rules one by one: those behind the first have no ports, and are judged by their addresses',
  'IPv4 in pieces': 'the same of a piece that a program makes itself',
  unreadable: 'the headers of IPv6 lead nowhere: nobody could take such a packet, and no filter for a protocol sees it',
  loopback: 'to the kernel ::1 is an own address like the others; the policy was compiled without it',
  'strange port':
    'what looks like ESP or IKE and goes to another port than our own 500 and 4500 is judged as any packet is',
} as const

/** What passes under every policy: the agent asks what the kernel cannot. */
const always = {
  sealed: 'ESP and AH: the agent opens what arrives, and nobody else takes it; what leaves was sealed',
  keying: 'IKE, ESP in UDP and keepalives from and to our own port: the agent asks who it is',
  'path MTU': 'a router says in clear that a sealed packet was too big',
  neighbours:
    'neighbour discovery of the own link, where a rule wants traffic sealed: nothing sealed could leave without',
} as const

type Difference = keyof typeof stricter | keyof typeof always

interface Asked {
  readonly bytes: Uint8Array
  readonly flow: Flow
  readonly packet: Packet
  readonly expected: boolean
}

function ask(compiled: CompiledPolicy, bytes: Uint8Array, direction: Direction): Asked | undefined {
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  if (packet.kind !== IS_IP) return undefined
  const seen = packet.flow()
  // A TUN device has no frames, so nothing that arrives was sent to every station.
  const flow = direction === 'out' && isBroadcastHere(seen) ? { ...seen, linkBroadcast: true } : seen
  const { action, entry } = decideKnowing(compiled, flow, direction, packet.content !== PLAIN)
  const expected =
    action === 'permit' || (action === 'negotiate' && direction === 'in' && entry!.rule.acceptUnsecuredInbound)
  return { bytes, flow, packet, expected }
}

/** The difference that explains why the kernel did not do what was expected. */
function difference(asked: Asked, direction: Direction): Difference | undefined {
  const { packet, flow, expected, bytes } = asked
  const isPiece = packet.fragmentOffset > 0 || packet.moreFragments
  if (expected) {
    if (isPiece) return packet.version === 6 ? 'IPv6 in pieces' : 'IPv4 in pieces'
    if ([flow.source, flow.destination].some(one => formatAddress(one) === '::1')) return 'loopback'
    if (packet.version === 6 && [0, 43, 44, 51, 60, 135, 139, 140].includes(flow.protocol)) return 'unreadable'
    return packet.content !== PLAIN && !isOwnPort(asked, direction) ? 'strange port' : undefined
  }
  if (flow.protocol === 50 || flow.protocol === 51) return 'sealed'
  if (direction === 'in' && isTooBig(packet, bytes)) return 'path MTU'
  const { icmpType = 0 } = flow
  if (flow.protocol === ICMPV6 && icmpType >= 133 && icmpType <= 136 && bytes[7] === 255) return 'neighbours'
  return packet.content !== PLAIN && isOwnPort(asked, direction) ? 'keying' : undefined
}

/** 500 for IKE as it is; 4500 for IKE behind its marker, ESP and keepalives. */
function isOwnPort({ flow, packet, bytes }: Asked, direction: Direction): boolean {
  const port = direction === 'out' ? flow.sourcePort : flow.destinationPort
  const isPlainIke =
    packet.content === IKE &&
    bytes
      .subarray(packet.transport + 8)
      .slice(0, 4)
      .some(octet => octet !== 0)
  return port === (isPlainIke ? 500 : 4500)
}

function isTooBig({ protocol, icmpType, transport }: Packet, bytes: Uint8Array): boolean {
  if (protocol === ICMP) return icmpType === 3 && bytes[transport + 17] === 50
  return protocol === ICMPV6 && icmpType === 2 && bytes[transport + 14] === 50
}

function ikeHeader(draw: Draw): Uint8Array {
  const bytes = new Uint8Array(40)
  for (let index = 0; index < 16; index++) bytes[index] = 1 + Math.floor(draw() * 255)
  const [version, exchange] = pick(draw, [
    [0x20, 34],
    [0x10, 2],
    [0x20, 35],
    [0x20, 5],
    [0x30, 34],
  ] as const)
  bytes.set([33, version, exchange, 8], 16)
  bytes[27] = 40
  return bytes
}

/** What a datagram on IKE's ports may carry: IKE with and without marker, ESP, a keepalive, or neither. */
function contentOf(draw: Draw): Uint8Array {
  const random = Uint8Array.from({ length: 1 + Math.floor(draw() * 60) }, () => Math.floor(draw() * 256))
  // The kernel cannot compare a length with the datagram's: one that only seems to be IKE's is not drawn here.
  if (random.length > 26) random.set([0xff, 0xff], 24)
  const marked = new Uint8Array(44)
  marked.set(ikeHeader(draw), 4)
  const sealed = new Uint8Array(24 + 4 * Math.floor(draw() * 4)).fill(7)
  return pick(draw, [random, ikeHeader(draw), marked, sealed, Uint8Array.of(0xff), new Uint8Array(0)])
}

function build(draw: Draw, flow: Flow): Uint8Array {
  const { protocol, sourcePort, destinationPort, icmpType } = flow
  const isIcmp = protocol === ICMP || protocol === ICMPV6
  const isLater = (protocol === 6 || protocol === UDP) && sourcePort === undefined
  const onIke = [sourcePort, destinationPort].some(port => port === 500 || port === 4500)
  const icmp = new Uint8Array(64)
  const isNews = draw() < 0.5
  const type = isNews ? (protocol === ICMP ? 3 : 2) : (icmpType ?? 0)
  const quoted = pick(draw, [50, 50, 17, 6])
  if (isNews)
    icmp.set(protocol === ICMP ? [0x45, 0, 0, 60, 0, 1, 0x40, 0, 64, quoted] : [0x60, 0, 0, 0, 0, 20, quoted], 0)
  const is6 = flow.source.family === 6
  const extensions: [number, Uint8Array][] = []
  if (is6 && draw() < 0.1) extensions.push([60, Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0)])
  const inPieces = isLater ? 'later' : draw() < 0.06 ? 'first' : 'whole'
  if (is6 && inPieces !== 'whole') {
    extensions.push([
      44,
      Uint8Array.of(0, 0, inPieces === 'later' ? 5 : 0, inPieces === 'later' ? 0xc8 : 1, 0, 0, 0, 9),
    ])
  }
  const payload = onIke && protocol === UDP ? contentOf(draw) : protocol === ICMP ? icmp : new Uint8Array(24)
  const bytes = buildPacket({
    source: formatAddress(flow.source),
    destination: formatAddress(flow.destination),
    // A later piece shows bytes where ports would be.
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    payload: protocol === ICMPV6 ? Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0, ...icmp) : payload,
    extensions,
  })
  const view = new DataView(bytes.buffer)
  if (protocol === ICMP && !is6) bytes.set([type, isNews ? 4 : 0], 20)
  if (!is6 && inPieces === 'later') view.setUint16(6, 185)
  if (!is6 && inPieces === 'first') view.setUint16(6, 0x2000)
  if (isIcmp && inPieces === 'later' && !is6) view.setUint16(6, 185)
  return bytes
}

const directions: readonly Direction[] = ['out', 'in']

test('the kernel lets pass what decide permits, and nothing else but what is sealed or agrees on keys', {
  skip,
}, async context => {
  const host = await guardedHost(context, 'agreement')
  const me = own.map(address)
  const [policies, packets] = isLong ? [400, 1000] : [30, 500]
  const counts = new Map<string, number>()
  const count = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  for (let seed = 0; seed < policies; seed++) {
    const draw = seeded(7000 + seed)
    const policy = randomPolicy(draw)
    const compiled = compile(policy, { me })
    await host.load(guardRuleset(compiled).text)
    const sent = new Map<string, Asked>()
    for (let number = 1; number <= packets; number++) {
      const direction = pick(draw, directions)
      const drawn = randomFlow(draw, policy)
      const family = drawn.source.family
      const mine = me.filter(one => one.family === family)
      // Most of what arrives is for us, and most of what leaves is ours.
      const flow = {
        ...drawn,
        ...(draw() < 0.8 ? { [direction === 'out' ? 'source' : 'destination']: pick(draw, mine) } : {}),
      }
      const bytes = build(draw, flow)
      setNumber(bytes, number)
      const asked = ask(compiled, bytes, direction)
      // A raw socket writes an own address over 0.0.0.0.
      const isRewritten = direction === 'out' && formatAddress(flow.source) === '0.0.0.0'
      if (asked === undefined || isRewritten) continue
      sent.set(`${direction} ${family} ${number}`, asked)
      if (direction === 'out') host.send(bytes)
      else host.receive(bytes)
    }
    const noted = {
      out: { 4: await host.outbound(4), 6: await host.outbound(6) },
      in: { 4: await host.inbound(4), 6: await host.inbound(6) },
    }
    // What the kernel does not deliver anyhow, such as what comes from an own address, says nothing about the rules.
    await host.load(withoutTable(defaultGuard.table))
    for (const [key, { bytes }] of sent) if (key.startsWith('in')) host.receive(bytes)
    const deliverable = { 4: await host.inbound(4), 6: await host.inbound(6) }
    for (const direction of directions) {
      for (const family of [4, 6] as const) {
        const { passed } = noted[direction][family]
        const came = direction === 'out' ? noted.out[family].came : deliverable[family].passed
        for (const number of came) {
          const asked = sent.get(`${direction} ${family} ${number}`)
          if (asked === undefined) continue
          const did = passed.has(number)
          if (did === asked.expected) count(`${direction} ${family} ${did ? 'passed' : 'stayed'}`)
          else {
            const why = difference(asked, direction)
            const { action, because } = decideKnowing(compiled, asked.flow, direction, asked.packet.content !== PLAIN)
            assert.ok(
              why !== undefined,
              `seed ${seed}: ${formatFlow(asked.flow)} ${direction} ${did ? 'passed' : 'stayed'}: ${action} ${JSON.stringify(because)} ${Buffer.from(asked.bytes).toString('hex')} ${policy.profile}`,
            )
            count(`${direction} ${why}`)
          }
        }
      }
    }
  }
  for (const direction of directions) {
    for (const family of [4, 6]) {
      for (const what of ['passed', 'stayed']) {
        assert.ok(
          (counts.get(`${direction} ${family} ${what}`) ?? 0) > policies,
          [direction, family, what, ...counts].join(' '),
        )
      }
    }
  }
  for (const what of ['in sealed', 'out sealed', 'in keying', 'out keying', 'in path MTU']) {
    assert.ok((counts.get(what) ?? 0) > 0, `${what} was never met`)
  }
  context.diagnostic([...counts].map(([key, number]) => `${number} ${key}`).join(', '))
})

test('where the lab is required, nftables and namespaces are there', () => {
  if (process.env['SEALWIRE_LAB'] === 'required') assert.equal(skip, false)
})
