// The probe's packets, what is recognised in what comes back, and what the answers of a host are said to be like.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Address, addressOctets, parseAddress } from '../../base/address.ts'
import { ICMP, ICMPV6, RSVP, TCP, UDP } from '../../base/flow.ts'
import { seededRandom } from '../../base/random.ts'
import { internetChecksum, transportChecksum } from '../../ipsec/headers.ts'
import { decodeIp } from '../../wire/decode.ts'
import { readMessage } from '../../wire/ike/message.ts'
import { Packet } from '../../wire/packet.ts'
import { whyNoHost } from '../ping/target.ts'
import { recognise, type Seen } from './probe-answers.ts'
import { concludeProbe, type Likeness, meaningOf, type Probed } from './probe-conclusion.ts'
import { readIkeAnswer } from './probe-ike.ts'
import { listProbes, type Probe, usualPorts } from './probe-list.ts'

const at = (text: string): Address => parseAddress(text)!
const pairs = [
  [at('10.99.0.1'), at('10.99.0.2'), at('224.0.0.1')],
  [at('fd99::1'), at('fd99::2'), at('ff02::1')],
] as const

function probesOf([own, host, group]: (typeof pairs)[number]): readonly Probe[] {
  return listProbes({ own, host, ports: usualPorts, groups: [group], random: seededRandom(7) })
}

/** An IP packet around what is behind its header. */
function packetOf(from: Address, to: Address, protocol: number, message: Uint8Array): Uint8Array {
  const head = from.family === 4 ? new Uint8Array(20) : new Uint8Array(40)
  const view = new DataView(head.buffer)
  if (from.family === 4) {
    head[0] = 0x45
    view.setUint16(2, 20 + message.length)
    head[9] = protocol
    head.set([...addressOctets(from), ...addressOctets(to)], 12)
  } else {
    head[0] = 0x60
    view.setUint16(4, message.length)
    head[6] = protocol
    head.set([...addressOctets(from), ...addressOctets(to)], 8)
  }
  return Uint8Array.from([...head, ...message])
}

function seenIn(bytes: Uint8Array, isOutgoing: boolean, host: Address, probes: readonly Probe[]): Seen | undefined {
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  return recognise(packet, bytes, isOutgoing, host, probes)
}

function turned(message: Uint8Array): Uint8Array {
  return Uint8Array.from([...message.subarray(2, 4), ...message.subarray(0, 2), ...message.subarray(4)])
}

for (const pair of pairs) {
  const [own, host] = pair
  const probes = probesOf(pair)
  const family = own.family
  const find = (start: string) => probes.find(({ what }) => what.startsWith(start))!

  describe(`over IPv${family}`, () => {
    test('every packet is known when it leaves, and has the checksum it should have', () => {
      for (const probe of probes) {
        const bytes = packetOf(own, probe.to, probe.protocol, probe.message)
        const seen = seenIn(bytes, true, host, probes)
        assert.deepEqual(seen, { kind: 'left', probe }, probe.what)
        const { protocol, message } = probe
        if (protocol === TCP || protocol === UDP) {
          const copy = bytes.slice()
          const place = bytes.length - message.length + (protocol === TCP ? 16 : 6)
          copy.set([0, 0], place)
          const sum = transportChecksum(copy, 0, bytes.length - message.length, message.length, protocol)
          assert.equal((bytes[place]! << 8) | bytes[place + 1]!, sum, probe.what)
        }
        if (protocol === RSVP) assert.equal(internetChecksum(message), 0)
      }
    })

    test('packets are few, small, differ, and go to the host alone but for those to groups', () => {
      assert.ok(probes.length <= 20)
      assert.ok(probes.every(({ message }) => message.length < 300))
      assert.equal(new Set(probes.map(({ what }) => what)).size, probes.length)
      assert.ok(probes.every(({ to, class: kind }) => (kind === 'group') === (to !== host)))
    })

    test('TCP answers are told by their ports: accepted, reset', () => {
      const probe = find('TCP SYN from port 88 to port 445')
      const answer = turned(probe.message)
      answer[13] = 0x12
      const accepted = seenIn(packetOf(host, own, TCP, answer), false, host, probes)
      assert.deepEqual(accepted, {
        kind: 'answer',
        probe,
        answer: { kind: 'in-clear', words: 'TCP accepted (SYN and ACK)' },
      })
      answer[13] = 0x14
      const reset = seenIn(packetOf(host, own, TCP, answer), false, host, probes)
      assert.match(reset?.kind === 'answer' ? reset.answer.words : '', /reset/)
      assert.equal(seenIn(packetOf(own, own, TCP, answer), false, host, probes), undefined, 'from somebody else')
      const ours = probe.message.slice()
      ours[13] = 0x04
      assert.deepEqual(seenIn(packetOf(own, host, TCP, ours), true, host, probes), { kind: 'reset' })
    })

    test('an ICMP error is told by the packet that it quotes', () => {
      for (const [start, protocol] of [
        ['UDP from port 88', UDP],
        ['RSVP', RSVP],
      ] as const) {
        const probe = find(start)
        const quoted = packetOf(own, host, protocol, probe.message)
        const type = family === 4 ? 3 : 1
        const code = family === 4 ? 3 : 4
        const error = Uint8Array.from([type, code, 0, 0, 0, 0, 0, 0, ...quoted])
        const seen = seenIn(packetOf(host, own, family === 4 ? ICMP : ICMPV6, error), false, host, probes)
        assert.deepEqual(seen, { kind: 'answer', probe, answer: { kind: 'in-clear', words: 'ICMP: port closed' } })
        for (let length = 0; length < error.length; length++)
          seenIn(packetOf(host, own, family === 4 ? ICMP : ICMPV6, error.subarray(0, length)), false, host, probes)
      }
    })

    test('the echo is known by its nonce, RSVP by its protocol, ESP as sealed', () => {
      const probe = find('ICMP echo')
      const reply = probe.message.slice()
      reply[0] = family === 4 ? 0 : 129
      const seen = seenIn(packetOf(host, own, probe.protocol, reply), false, host, probes)
      assert.deepEqual(seen, { kind: 'answer', probe, answer: { kind: 'in-clear', words: 'echo reply' } })
      reply[10]! ^= 1
      assert.equal(seenIn(packetOf(host, own, probe.protocol, reply), false, host, probes), undefined)
      const error = Uint8Array.of(0x10, 3, 0, 0, 0, 0, 0, 8)
      const rsvp = seenIn(packetOf(host, own, RSVP, error), false, host, probes)
      assert.equal(rsvp?.kind === 'answer' && rsvp.answer.words, 'RSVP, a path error')
      assert.deepEqual(seenIn(packetOf(host, own, 50, new Uint8Array(40).fill(9)), false, host, probes), {
        kind: 'sealed',
      })
    })

    test('IKE is told by the SPI of the question, and a question of the host is none', () => {
      const probe = find('IKEv2 (port 500)')
      const answer = probe.message.slice()
      answer[8 + 19] = 0x20
      const seen = seenIn(packetOf(host, own, UDP, answer), false, host, probes)
      assert.ok(seen?.kind === 'answer' && seen.probe === probe && seen.answer.kind === 'keying')
      const other = probe.message.slice()
      other[8]! ^= 255
      assert.equal(seenIn(packetOf(host, own, UDP, other), false, host, probes)?.kind, 'asks-for-keys')
    })
  })
}

test('the proposals to IKE are well formed, and ask for what nobody gives', () => {
  const probes = probesOf(pairs[0])
  const contentOf = (start: string) => probes.find(({ what }) => what.startsWith(start))!.message.slice(8)
  const opening = readMessage(contentOf('IKEv2 (port 500)'))
  assert.ok(opening.ok)
  const kinds = opening.value.payloads.map(({ kind }) => kind)
  assert.deepEqual(kinds, ['security-association', 'key-exchange', 'nonce'])
  const main = contentOf('IKEv1')
  const read = readIkeAnswer(main)
  assert.deepEqual([read?.major, read?.isAnswer], [1, false])
  assert.equal(new DataView(main.buffer).getUint32(24), main.length)
  for (let length = 0; length < main.length; length++) readIkeAnswer(main.subarray(0, length))
})

test('what is no single host is refused by its address', () => {
  for (const text of [
    '224.0.0.1',
    '255.255.255.255',
    '127.0.0.1',
    '0.0.0.0',
    '0.1.2.3',
    '240.0.0.1',
    'ff02::1',
    '::1',
    '::',
  ]) {
    assert.notEqual(whyNoHost(at(text)), undefined, text)
  }
  for (const text of ['10.99.0.2', '192.0.2.255', 'fd99::2', 'fe80::1'])
    assert.equal(whyNoHost(at(text)), undefined, text)
})

describe('answers of a host are like', () => {
  const probes = probesOf(pairs[0])
  const all = (answering: (probe: Probe) => boolean, list: readonly Probe[] = probes): readonly Probed[] =>
    list.map(probe => ({
      ...{ probe, hasLeft: true },
      answers: answering(probe) ? [{ kind: probe.class === 'ike' ? 'keying' : 'in-clear', words: 'IKEv2, x' }] : [],
    }))
  const without = probes.filter(one => one.class !== 'group')
  const beside = { asksForKeys: false, sealed: 0 }
  const cases: readonly [Likeness, readonly Probed[], boolean][] = [
    ['not-secured', all(() => true), true],
    ['part-secured', all(one => one.what === 'TCP SYN to port 22'), true],
    ['no-default-exempt-0', all(one => ['kerberos', 'rsvp', 'group', 'ike'].includes(one.class)), true],
    ['no-default-exempt-2', all(one => ['kerberos', 'rsvp', 'ike'].includes(one.class)), true],
    ['no-default-exempt-0-or-2', all(one => one.class === 'kerberos', without), true],
    ['no-default-exempt-0-or-2', all(one => one.class === 'rsvp', without), true],
    ['no-default-exempt-1', all(one => one.class === 'group' || one.class === 'ike'), true],
    ['ipsec-exempt-icmp', all(one => one.class === 'icmp'), true],
    ['source-port-500', all(one => one.class === 'ike-port'), true],
    ['keying-only', all(one => one.class === 'ike'), false],
    ['silent', all(() => false), false],
    ['not-probed', all(() => false).map(one => ({ ...one, hasLeft: false })), false],
    ['not-probed', all(one => one.class === 'ike').map(one => ({ ...one, hasLeft: one.probe.class === 'ike' })), false],
  ]
  for (const [likeness, probed, answersInClear] of cases) {
    test(`“${likeness}”`, () => {
      const conclusion = concludeProbe(probed, beside)
      assert.deepEqual([conclusion.likeness, conclusion.answersInClear], [likeness, answersInClear])
      for (const one of probed) assert.notEqual(meaningOf(one, probed), '')
    })
  }

  test('and what did not leave in clear counts for nothing', () => {
    const probed = all(() => false).map(one => ({ ...one, hasLeft: one.probe.class !== 'rsvp' }))
    const { sentences } = concludeProbe(probed, { asksForKeys: true, sealed: 2 })
    assert.equal(sentences.length, 4)
    assert.match(meaningOf(probed.find(({ hasLeft }) => !hasLeft)!, probed), /nothing was learnt/)
  })
})
