// Agreeing on proposals with random lists on both sides, with responders that mix as they like, and with peers that send
// whatever can be written: nothing is ever agreed on that was not offered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode } from '../base/codec.ts'
import { success } from '../base/result.ts'
import { findKeyExchange } from '../crypto/key-exchange.ts'
import { groups, type IkeOffer, ikeOfferOf } from '../policy/ike-offers.ts'
import { type Proposal, proposals, type Transform } from '../wire/ike/security-association.ts'
import {
  acceptedChild,
  acceptedIke,
  type ChildOffers,
  childProposals,
  chooseChild,
  chooseIke,
  ikeProposals,
} from './choose-proposal.ts'
import { describeProposals } from './proposal-words.ts'

const NONE = new Uint8Array(0)
const SPI = Uint8Array.of(1, 2, 3, 4)
const OTHER_SPI = Uint8Array.of(5, 6, 7, 8)

function offers(...names: readonly string[]): readonly IkeOffer[] {
  return names.map(name => {
    const offer = ikeOfferOf(name)
    assert.ok(offer.ok, name)
    return offer.value
  })
}

const pickWord = (words: Iterable<string>) => fc.constantFrom(...words)
// Few words, so that two lists often meet.
const ikeName = fc
  .tuple(
    pickWord(['aes256gcm16', 'aes128gcm16', 'chacha20poly1305', 'aes256-sha256', 'aes128-sha1', '3des-sha256']),
    pickWord(['prfsha256', 'prfsha384']),
    fc.uniqueArray(pickWord(['curve25519', 'ecp384', 'mlkem768', 'modp2048']), { minLength: 1, maxLength: 3 }),
  )
  .map(([cipher, prf, exchange]) => `${cipher}-${prf}-${exchange.join('+')}`)
const ikeList = fc.uniqueArray(ikeName, { minLength: 1, maxLength: 12 })

/** Through the octets of a message: what cannot be written is no proposal. */
function overTheWire(sent: readonly Proposal[]): readonly Proposal[] {
  const read = decode(proposals, encode(proposals, sent))
  assert.ok(read.ok)
  return read.value
}

test('on random lists the responder chooses what both have and it likes best, and the initiator accepts it', () => {
  fc.assert(
    fc.property(ikeList, ikeList, (initiator, responder) => {
      const chosen = chooseIke(offers(...responder), overTheWire(ikeProposals(offers(...initiator), NONE)))
      const best = responder.find(name => initiator.includes(name))
      if (best === undefined) {
        assert.equal(!chosen.ok && chosen.error.kind, 'no-proposal-chosen')
        return
      }
      assert.ok(chosen.ok)
      assert.equal(chosen.value.choice.offer, best)
      const accepted = acceptedIke(offers(...initiator), overTheWire([chosen.value.answer]))
      assert.deepEqual(accepted, success({ choice: chosen.value.choice, peerSpi: NONE }))
    }),
    { numRuns: 2000 },
  )
})

test('a responder that mixes the transforms of a proposal as it likes still gets only what was offered', () => {
  fc.assert(
    fc.property(ikeList, fc.infiniteStream(fc.nat()), (initiator, draws) => {
      const draw = (below: number) => draws.next().value! % below
      const sent = ikeProposals(offers(...initiator), NONE)
      const one = sent[draw(sent.length)]!
      const byType = Map.groupBy(one.transforms, ({ type }) => type)
      const transforms = [...byType.values()].map(each => each[draw(each.length)]!)
      const accepted = acceptedIke(offers(...initiator), [{ ...one, transforms }])
      assert.ok(accepted.ok)
      assert.ok(initiator.includes(accepted.value.choice.offer))
      // What was accepted is what the transforms say.
      assert.deepEqual(ikeProposals(offers(accepted.value.choice.offer), NONE)[0]!.transforms, transforms)
    }),
    { numRuns: 2000 },
  )
})

const methodOrNone = fc.constantFrom(undefined, findKeyExchange('ecp-384'), findKeyExchange('curve25519'))
const childList: fc.Arbitrary<ChildOffers> = fc.record({
  security: fc.uniqueArray(
    pickWord([
      'esp-aes256gcm16',
      'esp-aes128gcm16',
      'esp-aes256-sha256',
      'esp-aes128-sha256',
      'esp-null-sha256',
      'ah-sha256',
      'ah-sha1',
      'ah-sha256+esp-aes256gcm16',
    ]),
    { minLength: 1, maxLength: 8 },
  ),
  methods: fc.uniqueArray(methodOrNone, { minLength: 1, maxLength: 3 }),
  additional: fc.constantFrom([], [findKeyExchange('ml-kem-768')]),
  extendedSequence: fc.constantFrom('never' as const, 'preferred' as const, 'both' as const),
})

test('the same holds of children', () => {
  const order = { never: [false], preferred: [true, false], both: [false, true] }
  const all = ({ security, methods, additional, extendedSequence }: ChildOffers) =>
    security
      .filter(name => !name.includes('+'))
      .flatMap(name =>
        methods.flatMap(method =>
          order[extendedSequence].map(esn =>
            [name, method?.name, method === undefined ? '' : additional.map(each => each.name).join(), esn].join(' '),
          ),
        ),
      )
  fc.assert(
    fc.property(childList, childList, (initiator, responder) => {
      const sent = childProposals(initiator, SPI)
      const chosen = chooseChild(responder, sent.length === 0 ? [] : overTheWire(sent))
      const best = all(responder).find(name => all(initiator).includes(name))
      assert.equal(chosen.ok, best !== undefined)
      if (!chosen.ok) return
      const { choice, answer, peerSpi } = chosen.value
      const { security, method, additional, extendedSequence } = choice
      assert.equal([security, method?.name, additional.map(each => each.name).join(), extendedSequence].join(' '), best)
      assert.deepEqual(peerSpi, SPI)
      const accepted = acceptedChild(initiator, overTheWire([{ ...answer, spi: OTHER_SPI }]))
      assert.deepEqual(accepted, success({ choice, peerSpi: OTHER_SPI }))
    }),
    { numRuns: 2000 },
  )
})

const hostileTransform: fc.Arbitrary<Transform> = fc.record({
  type: fc.oneof(fc.integer({ min: 0, max: 14 }), fc.nat(255)),
  id: fc.oneof(fc.constantFrom(0, 1, 5, 6, 12, 20, 28, 31, 36), fc.nat(65535)),
  attributes: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('short' as const),
        type: fc.constantFrom(14, 14, 1),
        value: fc.constantFrom(128, 256, 0),
      }),
      fc.record({
        kind: fc.constant('long' as const),
        type: fc.constantFrom(14, 7),
        value: fc.uint8Array({ maxLength: 4 }),
      }),
    ),
    { maxLength: 2 },
  ),
})
const hostileProposal: fc.Arbitrary<Proposal> = fc.record({
  number: fc.nat(255),
  protocol: fc.oneof(fc.constantFrom(1, 2, 3), fc.nat(255)),
  spi: fc.oneof(fc.constant(NONE), fc.constant(SPI), fc.uint8Array({ maxLength: 10 })),
  transforms: fc.array(hostileTransform, { maxLength: 12 }),
})

test('whatever a peer sends, nothing throws, and what is agreed on was offered by both', () => {
  fc.assert(
    fc.property(
      fc.array(hostileProposal, { maxLength: 5 }),
      ikeList,
      childList,
      fc.nat(40),
      (sent, ike, child, group) => {
        describeProposals(sent)
        for (const found of [chooseIke(offers(...ike), sent, group), acceptedIke(offers(...ike), sent)]) {
          if (found.ok) assert.ok(ike.includes(found.value.choice.offer))
        }
        for (const found of [chooseChild(child, sent, group), acceptedChild(child, sent)]) {
          if (found.ok) assert.ok(child.security.includes(found.value.choice.security))
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test('the longest list that fits a message is judged at once', { timeout: 5000 }, () => {
  const many = Array.from(
    { length: 255 },
    (_, index): Proposal => ({
      number: index,
      protocol: 1,
      spi: NONE,
      transforms: Array.from({ length: 30 }, (_, at) => ({
        type: 6 + (at % 7),
        id: at % 2 === 0 ? 0 : 36,
        attributes: [],
      })),
    }),
  )
  const ours = offers(
    ...[...groups.keys()].flatMap(group => ['aes256', 'aes128'].map(cipher => `${cipher}-sha256-${group}`)),
  )
  for (let round = 0; round < 20; round++) assert.equal(chooseIke(ours, many).ok, false)
  assert.match(describeProposals(many), / and 251 more$/)
})
