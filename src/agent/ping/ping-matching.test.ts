// Which packet of the wire an echo was, how certain that is, and what a ping comes to.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { internetChecksum } from '../../ipsec/headers.ts'
import { decodeIp } from '../../wire/decode.ts'
import { Packet } from '../../wire/packet.ts'
import { readEcho, writeEcho } from './echo-message.ts'
import { findOnWire, type KnownAssociation, type OnWire, type SentEcho } from './match-echo.ts'
import { type Asked, conclude, type EchoResult, protectionOf, summarize } from './ping-report.ts'
import { WireLog } from './wire-log.ts'

const nonce = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const host = '10.99.0.2'
const sent: SentEcho = { family: 4, host, identifier: 77, sequence: 3, nonce: '0102030405060708', size: 32 }
const known: KnownAssociation = {
  spiIn: 0x11111111,
  spiOut: 0x22222222,
  peer: host,
  algorithms: 'aes',
  mode: 'transport',
}
const nobody = { associations: [], isIncomplete: false }

interface Piece {
  readonly protocol: number
  readonly content: Uint8Array
  readonly isOutgoing?: boolean
  readonly offset?: number
  readonly more?: boolean
}

function logOf(): WireLog {
  const log = new WireLog()
  log.identifier = sent.identifier
  return log
}

/** Puts IPv4 around it and shows it to the log. */
function see(log: WireLog, { protocol, content, isOutgoing = true, offset = 0, more = false }: Piece) {
  const bytes = new Uint8Array(20 + content.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = 0x45
  view.setUint16(2, bytes.length)
  view.setUint16(4, 9)
  view.setUint16(6, (more ? 0x2000 : 0) | (offset / 8))
  bytes[8] = 64
  bytes[9] = protocol
  view.setUint32(12, isOutgoing ? 0x0a630001 : 0x0a630002)
  view.setUint32(16, isOutgoing ? 0x0a630002 : 0x0a630001)
  bytes.set(content, 20)
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  return log.see(packet, bytes, isOutgoing)
}

function esp(spi: number, octets: number): Uint8Array {
  const bytes = new Uint8Array(octets)
  new DataView(bytes.buffer).setUint32(0, spi)
  return bytes
}

function echoOf(form: Partial<SentEcho> = {}, isReply = false): Uint8Array {
  const { identifier, sequence, size } = { ...sent, ...form }
  const bytes = writeEcho({ family: 4, identifier, sequence, nonce, size })
  if (isReply) bytes[0] = 0
  return bytes
}

describe('an echo', () => {
  test('is read as it was written, for both versions of IP, and its checksum holds', () => {
    for (const family of [4, 6] as const) {
      const bytes = writeEcho({ family, identifier: 77, sequence: 65_539, nonce, size: 32 })
      assert.equal(bytes.length, 40)
      if (family === 4) assert.equal(internetChecksum(bytes), 0)
      const expected = { isReply: false, identifier: 77, sequence: 3, nonce: '0102030405060708' }
      assert.deepEqual(readEcho(bytes, 0, bytes.length, family), expected)
    }
  })

  test('of a payload shorter than the nonce carries as much of it as fits', () => {
    const bytes = writeEcho({ family: 4, identifier: 1, sequence: 1, nonce, size: 3 })
    assert.equal(readEcho(bytes, 0, bytes.length, 4)?.nonce, '010203')
    assert.equal(readEcho(bytes, 0, 7, 4), undefined)
    assert.equal(readEcho(Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0), 0, 8, 4), undefined)
  })
})

describe('on the wire', () => {
  test('an echo in clear is known by identifier, sequence number and nonce, and another one is not taken for it', () => {
    const log = logOf()
    see(log, { protocol: 1, content: echoOf({ sequence: 4 }) })
    see(log, { protocol: 1, content: echoOf({ identifier: 78 }) })
    see(log, { protocol: 1, content: echoOf({}, true), isOutgoing: false })
    assert.equal(findOnWire(sent, 'request', log.since(0), nobody).kind, 'unseen')
    assert.equal(findOnWire(sent, 'reply', log.since(0), nobody).kind, 'clear')
    see(log, { protocol: 1, content: echoOf() })
    const found = findOnWire(sent, 'request', log.since(0), nobody)
    assert.deepEqual([found.kind, found.certainty], ['clear', 'exact'])
  })

  test('a sealed packet counts by its length, and most where the agent has its association', () => {
    const log = logOf()
    see(log, { protocol: 50, content: esp(0x22222222, 72) })
    const alone = findOnWire(sent, 'request', log.since(0), nobody)
    assert.deepEqual(
      [alone.kind, alone.certainty, alone.spi, alone.algorithms],
      ['sealed', 'likely', '0x22222222', null],
    )
    const told = findOnWire(sent, 'request', log.since(0), { associations: [known], isIncomplete: false })
    assert.deepEqual([told.certainty, told.algorithms, told.octets, told.candidates], ['strong', 'aes', 72, 1])
    const lossy = findOnWire(sent, 'request', log.since(0), { associations: [known], isIncomplete: true })
    assert.deepEqual([lossy.kind, lossy.candidates], ['unseen', 1], 'what was missed may be the echo in clear')
    // The other direction's SPI is no proof for this one.
    assert.equal(findOnWire(sent, 'reply', log.since(0), nobody).kind, 'unseen')
    see(log, { protocol: 50, content: esp(0x33333333, 76) })
    assert.equal(findOnWire(sent, 'request', log.since(0), nobody).certainty, 'unsure')
    assert.equal(
      findOnWire(sent, 'request', log.since(0), { associations: [known], isIncomplete: false }).certainty,
      'strong',
    )
  })

  test('a sealed packet that cannot be the echo does not count as it', () => {
    const log = logOf()
    see(log, { protocol: 50, content: esp(7777, 1400) })
    const found = findOnWire(sent, 'request', log.since(0), nobody)
    assert.deepEqual([found.kind, found.certainty, found.octets], ['unseen', 'none', null])
    assert.match(found.why, /none of fitting length/)
  })

  test('fragments of a sealed packet count as one, of their joint length', () => {
    const log = logOf()
    see(log, { protocol: 50, content: esp(0x22222222, 1480), more: true })
    see(log, { protocol: 50, content: new Uint8Array(1480), offset: 1480, more: true })
    see(log, { protocol: 50, content: new Uint8Array(80), offset: 2960 })
    assert.equal(log.length, 1)
    const large = findOnWire({ ...sent, size: 3000 }, 'request', log.since(0), nobody)
    assert.deepEqual([large.kind, large.certainty, large.octets], ['sealed', 'likely', 3040])
  })

  test('ESP in UDP has the length that UDP states, and IKE beside it is keying', () => {
    const log = logOf()
    const udp = new Uint8Array(8 + 72)
    const view = new DataView(udp.buffer)
    view.setUint16(0, 4500)
    view.setUint16(2, 4500)
    view.setUint16(4, udp.length)
    view.setUint32(8, 0x22222222)
    assert.equal(see(log, { protocol: 17, content: udp })?.kind, 'sealed')
    assert.equal(findOnWire(sent, 'request', log.since(0), nobody).form, 'esp-in-udp')
    const ike = new Uint8Array(8 + 28)
    const header = new DataView(ike.buffer)
    header.setUint16(0, 500)
    header.setUint16(2, 500)
    header.setUint16(4, ike.length)
    ike[8 + 17] = 0x20
    ike[8 + 18] = 34
    header.setUint32(8 + 24, 28)
    assert.equal(see(log, { protocol: 17, content: ike })?.kind, 'ike')
  })

  test('AH is read inside, so it is certain', () => {
    const log = logOf()
    const content = new Uint8Array(24 + 40)
    content[0] = 1
    content[1] = 4
    new DataView(content.buffer).setUint32(4, 0x22222222)
    content.set(echoOf(), 24)
    see(log, { protocol: 51, content })
    const found = findOnWire(sent, 'request', log.since(0), nobody)
    assert.deepEqual([found.kind, found.form, found.certainty], ['sealed', 'ah', 'exact'])
  })

  test('a busy wire does not grow the memory, and hides no echo in clear', () => {
    const log = logOf()
    for (let index = 0; index < 2500; index++) see(log, { protocol: 50, content: esp(index + 1000, 72) })
    for (let index = 0; index < 2500; index++) see(log, { protocol: 1, content: echoOf({ identifier: 78 }) })
    assert.deepEqual([log.length, log.isOver], [1800, false])
    see(log, { protocol: 1, content: echoOf() })
    assert.equal(findOnWire(sent, 'request', log.since(0), nobody).kind, 'clear')
    for (let index = 0; index < 500; index++) see(log, { protocol: 1, content: echoOf() })
    assert.deepEqual([log.length, log.isOver], [2000, true])
    log.clear()
    assert.deepEqual([log.length, log.isOver], [0, false])
  })

  test('octets that lie give no exception', () => {
    const log = logOf()
    for (const protocol of [1, 17, 50, 51]) {
      for (let length = 0; length < 30; length++) {
        see(log, { protocol, content: new Uint8Array(length).fill(255) })
        see(log, { protocol, content: new Uint8Array(length) })
      }
    }
    findOnWire(sent, 'request', log.since(0), nobody)
  })
})

const way = (kind: OnWire['kind']): OnWire => ({
  ...{ kind, certainty: 'exact', why: '', form: null, spi: null, algorithms: null, octets: null, candidates: 0 },
})

function result(state: EchoResult['state'], request: OnWire['kind'], reply?: OnWire['kind']): EchoResult {
  return {
    ...{
      sequence: 1,
      state,
      waitedForKeys: state === 'negotiating',
      note: null,
      fellBack: false,
      request: way(request),
    },
    roundTripMilliseconds: state === 'reply' ? 2 : null,
    reply: reply === undefined ? null : way(reply),
  }
}

const secures: Asked = { action: 'negotiate', because: 'rule “r” secures it', rule: 'r' }
const permits: Asked = { action: 'permit', because: 'rule “r” permits it', rule: 'r' }
const blocks: Asked = { action: 'block', because: 'rule “r” blocks it', rule: 'r' }

describe('a ping comes to', () => {
  const cases: readonly [string, readonly EchoResult[], Asked | null, string, boolean][] = [
    ['all sealed', [result('reply', 'sealed', 'sealed')], secures, 'sealed', true],
    ['sealed without an agent', [result('reply', 'sealed', 'sealed')], null, 'sealed', true],
    ['keys first', [result('negotiating', 'unseen'), result('reply', 'sealed', 'sealed')], secures, 'sealed', true],
    ['only keys', [result('negotiating', 'unseen')], secures, 'no-answer', false],
    ['clear against the policy', [result('reply', 'clear', 'clear')], secures, 'clear', false],
    ['a clear reply to a sealed request', [result('reply', 'sealed', 'clear')], secures, 'clear', false],
    ['clear with no policy known', [result('reply', 'clear', 'clear')], null, 'clear', false],
    ['a clear request without an answer', [result('timed-out', 'clear')], secures, 'clear', false],
    ['clear where the policy permits', [result('reply', 'clear', 'clear')], permits, 'clear-as-asked', true],
    [
      'clear where the rule falls back',
      [{ ...result('reply', 'clear', 'clear'), fellBack: true }],
      secures,
      'clear-as-asked',
      true,
    ],
    ['clear where the policy blocks', [result('reply', 'clear', 'clear')], blocks, 'clear', false],
    ['not seen', [result('reply', 'unseen', 'unseen')], secures, 'unseen', false],
    [
      'one of two unanswered',
      [result('reply', 'sealed', 'sealed'), result('timed-out', 'sealed')],
      secures,
      'no-answer',
      false,
    ],
    ['blocked', [result('not-sent', 'unseen')], blocks, 'no-answer', false],
  ]
  for (const [name, echoes, asked, verdict, ok] of cases) {
    test(`“${verdict}”: ${name}`, () => {
      const conclusion = conclude(summarize(echoes, asked), asked, host)
      assert.deepEqual([conclusion.verdict, conclusion.ok], [verdict, ok], conclusion.sentence)
    })
  }

  test('sums that agree with its echoes', () => {
    const echoes = [
      result('reply', 'sealed', 'sealed'),
      { ...result('reply', 'clear', 'clear'), roundTripMilliseconds: 4 },
      result('timed-out', 'unseen'),
      result('not-sent', 'unseen'),
      result('negotiating', 'unseen'),
    ]
    assert.deepEqual(summarize(echoes, secures), {
      ...{
        sent: 4,
        received: 2,
        lost: 2,
        negotiating: 1,
        sealed: 1,
        clearAsAsked: 0,
        clear: 1,
        unseen: 0,
        fellBack: 0,
      },
      ...{ minimumMilliseconds: 2, averageMilliseconds: 3, maximumMilliseconds: 4 },
    })
    assert.equal(protectionOf(echoes[2]!, secures), undefined)
  })
})
