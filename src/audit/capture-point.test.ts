// Opened copies of a receiving host against leaks on a wire, frame by frame. The first half is what honest hosts show,
// the second what must never be taken for it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuditFramesOptions, auditFrames, everything, policy, rule } from '../../test/audit-frames.ts'
import {
  type Bytes,
  esp,
  ethernet,
  type Frame,
  fragments,
  icmp,
  ip,
  octets,
  tcp,
  udp,
} from '../../test/build-frames.ts'
import type { CapturePointOption } from './capture-point.ts'
import type { Verdict } from './verdict.ts'

const A = '10.54.0.1'
const B = '10.54.0.2'

/** How a cipher lengthens what it seals: IV, ICV, and the block that it pads to. */
interface Cipher {
  readonly iv: number
  readonly icv: number
  readonly block: number
}
const gcm: Cipher = { iv: 8, icv: 16, block: 4 }
const cbcSha256: Cipher = { iv: 16, icv: 16, block: 16 }
const tripleDesSha1: Cipher = { iv: 8, icv: 12, block: 8 }
const nullSha1: Cipher = { iv: 0, icv: 12, block: 4 }
const ciphers = [gcm, cbcSha256, tripleDesSha1, nullSha1]

function seal(cipher: Cipher, content: Bytes, sequence = 1): Bytes {
  const padded = Math.ceil((content.length + 2) / cipher.block) * cipher.block
  return esp(0x1000, sequence, cipher.iv + padded + cipher.icv)
}

interface Sent {
  readonly from?: string
  readonly to?: string
  readonly protocol?: number
  readonly content: Bytes
  readonly identification: number
}

/** What a receiving host shows of one packet: as it came, and opened. */
function received(sent: Sent, cipher: Cipher = gcm): { sealed: Bytes; opened: Bytes } {
  const { from = A, to = B, protocol = 6, content, identification } = sent
  return {
    sealed: ethernet(ip(from, to, 50, seal(cipher, content), { identification })),
    opened: ethernet(ip(from, to, protocol, content, { identification })),
  }
}

/** A reproducible source of numbers below `limit`. */
function numbers(seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

function totals(
  frames: readonly (Bytes | Frame)[],
  options: AuditFramesOptions = {},
): Partial<Record<Verdict, number>> {
  const { report, verdicts } = auditFrames(frames, { policy: everything, ...options })
  const told = Object.fromEntries(Object.entries(report.totals).filter(([, packets]) => packets > 0))
  const counted: Partial<Record<Verdict, number>> = {}
  for (const verdict of verdicts) counted[verdict] = (counted[verdict] ?? 0) + 1
  assert.deepEqual(counted, told, 'what is told of each packet adds up to the totals')
  return told
}

function stream(count: number, seed: number, cipher: Cipher = gcm): { sealed: Bytes; opened: Bytes }[] {
  const number = numbers(seed)
  return Array.from({ length: count }, (_, index) =>
    received({ content: tcp(1024, 445, octets(number(1300))), identification: 1000 + index }, cipher),
  )
}

test('on a receiving host the opened copies of sealed packets are protected, whatever the cipher', () => {
  for (const cipher of ciphers) {
    const frames = stream(40, 3, cipher).flatMap(({ sealed, opened }) => [sealed, opened])
    assert.deepEqual(totals(frames), { protected: 80 }, JSON.stringify(cipher))
  }
})

test('one sealed packet whose copy bears its identification is not enough: one packet shows no pattern', () => {
  const [one] = stream(1, 3)
  assert.deepEqual(totals([one!.sealed, one!.opened]), { protected: 1, leaked: 1 })
})

test('two sealed packets and their copies are enough where identifications tell them', () => {
  const frames = stream(2, 3).flatMap(({ sealed, opened }) => [sealed, opened])
  assert.deepEqual(totals(frames), { protected: 4 })
})

test('a burst of sealed packets, then their copies in the same order', () => {
  const packets = stream(64, 5)
  const frames: Bytes[] = []
  for (let at = 0; at < packets.length; at += 16) {
    const burst = packets.slice(at, at + 16)
    frames.push(...burst.map(({ sealed }) => sealed), ...burst.map(({ opened }) => opened))
  }
  assert.deepEqual(totals(frames), { protected: 128 })
})

test('what the receiving host sends is seen sealed only', () => {
  const frames = stream(20, 7).flatMap(({ sealed, opened }) => {
    const answer = received({ from: B, to: A, content: tcp(445, 1024, octets(30)), identification: 9 }).sealed
    return [sealed, opened, answer]
  })
  assert.deepEqual(totals(frames), { protected: 60 })
})

test('a capture that lost a few copies, or ends before the last, is still known for what it is', () => {
  const frames = stream(60, 9).flatMap(({ sealed, opened }, index) => (index % 20 === 5 ? [sealed] : [sealed, opened]))
  assert.deepEqual(totals(frames.slice(0, -1)), { protected: 60 + 57 - 1 })
})

test('a packet that leaks to a receiving host among opened copies is leaked, alone', () => {
  const frames = stream(30, 11).flatMap(({ sealed, opened }) => [sealed, opened])
  const leak = ethernet(ip(A, B, 6, tcp(1024, 445, octets(300)), { identification: 7000 }))
  for (const at of [0, 1, 2, 31, 60]) {
    assert.deepEqual(totals(frames.toSpliced(at, 0, leak)), { protected: 60, leaked: 1 }, `before frame ${at + 1}`)
  }
})

test('a packet that a receiving host leaks is leaked, and does not make leaks of the copies it received', () => {
  const frames = stream(30, 11).flatMap(({ sealed, opened }) => [sealed, opened])
  const leak = ethernet(ip(B, A, 6, tcp(445, 1024, octets(300)), { identification: 7000 }))
  assert.deepEqual(totals([...frames, leak]), { protected: 60, leaked: 1 })
})

test('a large packet that was fragmented after it was sealed is opened whole', () => {
  const content = icmp(8, octets(4000))
  const frames = [1, 2, 3].flatMap(identification => [
    ...fragments(A, B, 50, seal(gcm, content), identification).map(part => ethernet(part)),
    ethernet(ip(A, B, 1, content, { identification })),
  ])
  assert.deepEqual(totals(frames), { protected: frames.length })
})

test('ESP in UDP is opened like ESP', () => {
  const frames = stream(12, 13).flatMap(({ opened }, index) => {
    const sealed = seal(gcm, opened.slice(34), index)
    return [ethernet(ip(A, B, 17, udp(4500, 4500, sealed), { identification: 1000 + index })), opened]
  })
  assert.deepEqual(totals(frames), { protected: 24 })
})

test('segments that the receiving host joins into one long packet are the opened copy of all of them', () => {
  const segment = 1398
  const frames = [1, 2, 5, 3, 40].flatMap((count, round) => {
    const identification = 100 + round * 100
    const last = 1 + round * 300
    const payloads = Array.from({ length: count }, (_, index) => (index === count - 1 ? last : segment))
    const sealed = payloads.map((length, index) => {
      return received({ content: tcp(1024, 445, octets(length)), identification: identification + index }).sealed
    })
    const joined = tcp(1024, 445, octets(payloads.reduce((sum, length) => sum + length, 0)))
    return [...sealed, ethernet(ip(A, B, 6, joined, { identification }))]
  })
  assert.deepEqual(totals(frames), { protected: frames.length })
})

test('clear packets that need no seal count for the sealed packets that they open', () => {
  // Sealed by a peer at value 1, audited by a policy at value 0.
  const lenient = { ...everything, profile: 'windows-2000-sp1' } as const
  const frames = stream(10, 15).flatMap(({ sealed, opened }, index) => {
    const ticket = received({ content: tcp(1024, 88, octets(index * 50)), identification: 2000 + index })
    return [sealed, opened, ticket.sealed, ticket.opened]
  })
  assert.deepEqual(totals(frames, { policy: lenient }), { protected: 30, exempt: 10 })
})

// Where headers cannot tell: IPv6, tunnels, and senders without identifications.

const A6 = '2001:db8::1'
const B6 = '2001:db8::2'

function unidentified(count: number, seed: number, from = A6, to = B6): { sealed: Bytes; opened: Bytes }[] {
  const number = numbers(seed)
  return Array.from({ length: count }, () =>
    received({ from, to, content: tcp(1024, 445, octets(number(1300))), identification: 0 }, cbcSha256),
  )
}

test('without identifications copies are known by their lengths where every clear packet has its sealed one', () => {
  for (const [from, to] of [
    [A6, B6],
    [A, B],
  ] as const) {
    const frames = unidentified(12, 17, from, to).flatMap(({ sealed, opened }) => [sealed, opened])
    assert.deepEqual(totals(frames), { protected: 24 }, from)
  }
})

test('without identifications one leaked packet makes leaks of all, either way', () => {
  const frames = unidentified(12, 17).flatMap(({ sealed, opened }) => [sealed, opened])
  const leak = (from: string, to: string) => ethernet(ip(from, to, 6, tcp(1024, 445, octets(300))))
  assert.deepEqual(totals([...frames, leak(A6, B6)]), { protected: 12, leaked: 13 })
  assert.deepEqual(totals([leak(B6, A6), ...frames]), { protected: 12, leaked: 13 })
})

test('without identifications copies in both directions, of few packets or of one length are leaks', () => {
  const pairs = (count: number) => unidentified(count, 19).flatMap(({ sealed, opened }) => [sealed, opened])
  assert.deepEqual(totals(pairs(3)), { protected: 3, leaked: 3 })
  const back = unidentified(9, 21, B6, A6).flatMap(({ sealed, opened }) => [sealed, opened])
  assert.deepEqual(totals([...pairs(9), ...back]), { protected: 18, leaked: 18 })
  const beat = received({ from: A6, to: B6, content: udp(1, 2, octets(64)), identification: 0 })
  assert.deepEqual(totals(Array.from({ length: 20 }, () => [beat.sealed, beat.opened]).flat()), {
    protected: 20,
    leaked: 20,
  })
})

test('what a tunnel gateway opens has other addresses, and is known by its lengths', () => {
  const inner = policy([rule('192.168.1.0/24', '192.168.2.0/24', { mode: 'tunnel' })])
  const number = numbers(23)
  const frames = Array.from({ length: 30 }, (_, index) => {
    const [from, to] = [`192.168.1.${1 + (index % 3)}`, `192.168.2.${1 + (index % 3)}`]
    const packet = ip(from, to, 17, udp(1024, 5000 + index, octets(number(1200))), { identification: index })
    return [ethernet(ip(A, B, 50, seal(gcm, packet), { identification: 900 + index })), ethernet(packet)]
  }).flat()
  assert.deepEqual(totals(frames, { policy: inner }), { protected: 60 })
  const leak = ethernet(ip('192.168.1.1', '192.168.2.1', 17, udp(1, 2, octets(333))))
  // Ten of the thirty are between the two hosts of the leak.
  assert.deepEqual(totals([...frames, leak], { policy: inner }), { protected: 50, leaked: 11 })
})

test('a few clear packets between tunnelled networks are leaks, whatever sealed packet went before them', () => {
  const inner = policy([rule('192.168.1.0/24', '192.168.2.0/24', { mode: 'tunnel' })])
  const frames = stream(40, 25).map(({ sealed }) => sealed)
  const packet = ip('192.168.1.1', '192.168.2.1', 17, udp(1, 2, octets(100)))
  frames.splice(20, 0, ethernet(ip(A, B, 50, seal(gcm, packet), { identification: 5 })), ethernet(packet))
  assert.deepEqual(totals(frames, { policy: inner }), { protected: 41, leaked: 1 })
})

// On a wire.

test('a leak beside sealed packets is a leak, wherever it stands and however long it is', () => {
  const number = numbers(27)
  for (let round = 0; round < 40; round++) {
    const sealed = stream(1 + number(60), 100 + round).map(packet => packet.sealed)
    const leaks = Array.from({ length: 1 + number(3) }, (_, index) =>
      ethernet(ip(A, B, 6, tcp(1024, 445, octets(number(1300))), { identification: 40000 + index })),
    )
    const frames: Bytes[] = [...sealed]
    for (const leak of leaks) frames.splice(number(frames.length + 1), 0, leak)
    assert.deepEqual(totals(frames), { protected: sealed.length, leaked: leaks.length }, `round ${round}`)
  }
})

test('a leak as long as what the sealed packet before it holds is a leak', () => {
  for (const identification of [0, 1, 999, 40000]) {
    const frames = stream(20, 29).flatMap(({ sealed }, index) => {
      const content = sealed.length - 34 - 8 - 8 - 16 - 2 - 20
      const leak = ethernet(ip(A, B, 6, tcp(1024, 445, octets(content)), { identification: identification + index }))
      return index === 10 ? [sealed, leak] : [sealed]
    })
    assert.deepEqual(totals(frames), { protected: 20, leaked: 1 }, `identification ${identification}`)
  }
})

test('an application that sends each message twice, sealed and in clear, leaks', () => {
  const number = numbers(31)
  const frames = Array.from({ length: 50 }, (_, index) => {
    const message = udp(1024, 514, octets(50 + number(200)))
    const { sealed } = received({ protocol: 17, content: message, identification: 2 * index + 1 })
    return [sealed, ethernet(ip(A, B, 17, message, { identification: 2 * index + 2 }))]
  }).flat()
  assert.deepEqual(totals(frames), { protected: 50, leaked: 50 })
})

test('a host that writes one identification into all its packets makes no copies of its leaks by that', () => {
  const sealed = stream(20, 33).map((_, index) =>
    received({ content: tcp(1, 2, octets(index * 40)), identification: 1 }),
  )
  const frames = sealed.flatMap(packet => packet.sealed)
  frames.splice(11, 0, sealed[10]!.opened)
  assert.deepEqual(totals(frames), { protected: 20, leaked: 1 })
})

test('copies in both directions are no receiving host: one that sends each packet twice leaks', () => {
  const there = stream(20, 35).flatMap(({ sealed, opened }) => [sealed, opened])
  const back = Array.from({ length: 20 }, (_, index) =>
    received({ from: B, to: A, content: tcp(445, 1024, octets(index * 9)), identification: 300 + index }),
  ).flatMap(({ sealed, opened }) => [sealed, opened])
  assert.deepEqual(totals([...there, ...back]), { protected: 40, leaked: 40 })
})

test('a clear packet before its sealed one, or long after it, is a leak', () => {
  const before = stream(20, 37).flatMap(({ sealed, opened }) => [opened, sealed])
  assert.deepEqual(totals(before), { protected: 20, leaked: 20 })
  const late = stream(20, 37).flatMap(({ sealed, opened }, index) => [
    { bytes: sealed, time: 1000 + index },
    { bytes: opened, time: 1000 + index + 0.5 },
  ])
  assert.deepEqual(totals(late), { protected: 20, leaked: 20 })
})

test('a host that shows a few of its many packets in clear leaks them, even if they bear the identification of the seal', () => {
  const frames = stream(100, 39).flatMap(({ sealed, opened }, index) =>
    index % 10 === 0 ? [sealed, opened] : [sealed],
  )
  assert.deepEqual(totals(frames), { protected: 100, leaked: 10 })
})

test('a sealed packet opens once: the second clear copy of it is a leak', () => {
  const frames = stream(20, 41).flatMap(({ sealed, opened }, index) =>
    index === 7 ? [sealed, opened, opened] : [sealed, opened],
  )
  assert.deepEqual(totals(frames), { protected: 40, leaked: 1 })
})

test('--capture-point wire makes a leak of every clear packet, receiver a copy of every one that fits', () => {
  const frames = unidentified(3, 43).flatMap(({ sealed, opened }) => [sealed, opened])
  const leak = ethernet(ip(A6, B6, 6, tcp(1024, 445, octets(900))))
  const expected: readonly (readonly [CapturePointOption, Partial<Record<Verdict, number>>])[] = [
    ['auto', { protected: 3, leaked: 4 }],
    ['wire', { protected: 3, leaked: 4 }],
    ['receiver', { protected: 6, leaked: 1 }],
  ]
  for (const [capturePoint, told] of expected) {
    assert.deepEqual(totals([...frames, leak], { capturePoint }), told, capturePoint)
  }
})

test('--capture-point receiver pairs copies whose identification is another one, as tunnels in user space show them', () => {
  const frames = stream(10, 45).flatMap(({ sealed, opened }) => [sealed, opened.with(19, 0x77)])
  assert.deepEqual(totals(frames), { protected: 10, leaked: 10 })
  assert.deepEqual(totals(frames, { capturePoint: 'receiver' }), { protected: 20 })
})

test('the report says where the capture was taken, and why', () => {
  const copies = auditFrames(
    stream(9, 47).flatMap(({ sealed, opened }) => [sealed, opened]),
    { policy: everything },
  )
  assert.equal(copies.report.capturePoint.point, 'receiver')
  assert.equal(copies.report.capturePoint.openedCopies, 9)
  assert.match(copies.frames[1]!.because, /yet it stands in clear/)
  const wire = auditFrames(
    stream(9, 47).map(({ sealed }) => sealed),
    { policy: everything },
  )
  assert.equal(wire.report.capturePoint.point, 'wire')
  assert.equal(wire.report.capturePoint.openedCopies, 0)
})
