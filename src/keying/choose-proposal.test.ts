// Agreeing on proposals: what travels, whose preference counts, and that nothing is agreed on that was not offered,
// whatever a peer sends. choose-proposal-random.test.ts plays random lists against each other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyIkeSuiteIsOld } from '../crypto/ike-suites.ts'
import { findKeyExchange, keyExchanges } from '../crypto/key-exchange.ts'
import {
  defaultIkeSecurity,
  groups,
  type IkeOffer,
  ikeCiphers,
  ikeIntegrities,
  ikeOfferOf,
  ikePrfs,
} from '../policy/ike-offers.ts'
import { offerNames } from '../policy/offers.ts'
import type { Proposal, Transform } from '../wire/ike/security-association.ts'
import {
  acceptedIke,
  type ChildOffers,
  childProposals,
  chooseChild,
  chooseIke,
  ikeProposals,
} from './choose-proposal.ts'
import { describeProposal } from './proposal-words.ts'

const NONE = new Uint8Array(0)
const SPI = Uint8Array.of(1, 2, 3, 4)

function offers(...names: readonly string[]): readonly IkeOffer[] {
  return names.map(name => {
    const offer = ikeOfferOf(name)
    assert.ok(offer.ok, name)
    return offer.value
  })
}

const words = (found: readonly Proposal[]) => found.map(describeProposal)

test('offers that differ in one part share a proposal, and the others have one each', () => {
  assert.deepEqual(words(ikeProposals(offers(...defaultIkeSecurity), NONE)), [
    'aes256gcm16-prfsha384-curve25519+mlkem768',
    'aes256gcm16-prfsha384-ecp384|curve25519',
    'aes128gcm16-prfsha256-ecp256|curve25519',
    'aes256-sha256-modp2048',
  ])
  // Four combinations of two ciphers and two groups are a whole product.
  const product = ['aes256', 'aes128'].flatMap(cipher => ['ecp256', 'ecp384'].map(group => `${cipher}-sha256-${group}`))
  assert.deepEqual(words(ikeProposals(offers(...product), NONE)), ['aes256|aes128-sha256-ecp256|ecp384'])
  assert.deepEqual(words(ikeProposals(offers(...product.slice(0, 3)), NONE)), [
    'aes256-sha256-ecp256|ecp384',
    'aes128-sha256-ecp256',
  ])
})

test('a cipher that authenticates travels without an integrity algorithm, others with theirs and the length of the key', () => {
  const [aead, separate] = ikeProposals(offers('chacha20poly1305-prfsha256-ecp256', 'aes192-sha512-modp4096'), NONE)
  assert.deepEqual(
    aead!.transforms.map(({ type, id, attributes }) => [type, id, attributes.length]),
    [
      [1, 28, 0],
      [2, 5, 0],
      [4, 19, 0],
    ],
  )
  assert.deepEqual(separate!.transforms, [
    { type: 1, id: 12, attributes: [{ kind: 'short', type: 14, value: 192 }] },
    { type: 2, id: 7, attributes: [] },
    { type: 3, id: 14, attributes: [] },
    { type: 4, id: 16, attributes: [] },
  ])
})

test('our own order of preference counts, whatever order the peer has', () => {
  const theirs = ikeProposals(offers('aes128gcm16-prfsha256-ecp256', 'aes256gcm16-prfsha384-ecp384'), NONE)
  const ours = offers('aes256gcm16-prfsha384-ecp384', 'aes128gcm16-prfsha256-ecp256')
  const chosen = chooseIke(ours, theirs, 20)
  assert.ok(chosen.ok)
  assert.equal(chosen.value.choice.offer, 'aes256gcm16-prfsha384-ecp384')
  assert.equal(chosen.value.answer.number, 2)
})

test('the answer has one transform of each type, and the number of the proposal that it is from', () => {
  const ours = offers(...defaultIkeSecurity)
  const chosen = chooseIke(offers('aes128gcm16-prfsha256-curve25519'), ikeProposals(ours, NONE), 31)
  assert.ok(chosen.ok)
  assert.equal(describeProposal(chosen.value.answer), 'aes128gcm16-prfsha256-curve25519')
  assert.equal(chosen.value.answer.number, 3)
  const accepted = acceptedIke(ours, [chosen.value.answer])
  assert.ok(accepted.ok)
  assert.equal(accepted.value.choice.offer, 'aes128gcm16-prfsha256-curve25519')
})

test('where only the group of the KE payload is another, the wanted group is told', () => {
  const both = offers('aes256gcm16-prfsha384-ecp384', 'aes256gcm16-prfsha384-curve25519')
  const chosen = chooseIke(both, ikeProposals(both, NONE), 31)
  assert.deepEqual(!chosen.ok && chosen.error, {
    kind: 'invalid-ke',
    what: 'the peer began with curve25519, we want ecp384',
    group: 20,
  })
})

test('where nothing fits, the reason names both lists and what keeps them apart', () => {
  const theirs = ikeProposals(offers('aes256-sha1-modp1024', '3des-sha1-modp1024'), NONE)
  const chosen = chooseIke(offers('aes256-sha256-modp2048'), theirs, 2)
  assert.deepEqual(!chosen.ok && chosen.error, {
    kind: 'no-proposal-chosen',
    what: 'the peer offers aes256|3des-sha1-modp1024, we want aes256-sha256-modp2048: no integrity algorithm and no PRF and no key exchange in common',
  })
})

function proposalOf(
  transforms: readonly (readonly [type: number, id: number, bits?: number])[],
  protocol = 1,
): Proposal {
  return {
    number: 1,
    protocol,
    spi: protocol === 1 ? NONE : SPI,
    transforms: transforms.map(([type, id, bits]): Transform => {
      const attributes = bits === undefined ? [] : [{ kind: 'short' as const, type: 14, value: bits }]
      return { type, id, attributes }
    }),
  }
}

test('transforms that nobody knows are passed over, and proposals with a type that nobody knows too', () => {
  const ours = offers('aes256gcm16-prfsha384-ecp384')
  const odd: Transform = { type: 1, id: 20, attributes: [{ kind: 'short', type: 99, value: 256 }] }
  const long: Transform = { type: 1, id: 20, attributes: [{ kind: 'long', type: 14, value: Uint8Array.of(1, 0) }] }
  const fine = proposalOf([
    [1, 999],
    [1, 20],
    [1, 20, 128],
    [1, 20, 256],
    [2, 77],
    [2, 6],
    [4, 999],
    [4, 20],
  ])
  const withOdd = { ...fine, transforms: [odd, long, ...fine.transforms] }
  const chosen = chooseIke(ours, [withOdd])
  assert.ok(chosen.ok)
  assert.deepEqual(
    chosen.value.answer.transforms,
    proposalOf([
      [1, 20, 256],
      [2, 6],
      [4, 20],
    ]).transforms,
  )
  const onlyOdd = { ...fine, transforms: [odd, long, ...fine.transforms.filter(({ type }) => type !== 1)] }
  assert.equal(chooseIke(ours, [onlyOdd]).ok, false)
  for (const type of [0, 5, 13, 99, 255]) {
    const strange = { ...fine, transforms: [...fine.transforms, { type, id: 0, attributes: [] }] }
    assert.equal(chooseIke(ours, [strange]).ok, false)
    const second = chooseIke(ours, [strange, { ...fine, number: 2 }])
    assert.ok(second.ok)
    assert.equal(second.value.answer.number, 2)
  }
})

test('NONE for integrity goes with a cipher that authenticates, and with no other', () => {
  const mixed = proposalOf([
    [1, 20, 256],
    [1, 12, 256],
    [2, 6],
    [2, 5],
    [3, 0],
    [3, 12],
    [4, 20],
  ])
  const aead = chooseIke(offers('aes256gcm16-prfsha384-ecp384'), [mixed])
  assert.ok(aead.ok)
  assert.deepEqual(
    aead.value.answer.transforms.map(({ type, id }) => [type, id]),
    [
      [1, 20],
      [2, 6],
      [3, 0],
      [4, 20],
    ],
  )
  const needed = proposalOf([
    [1, 20, 256],
    [2, 6],
    [3, 12],
    [4, 20],
  ])
  assert.equal(chooseIke(offers('aes256gcm16-prfsha384-ecp384'), [needed]).ok, false)
  const without = proposalOf([
    [1, 12, 256],
    [2, 5],
    [3, 0],
    [4, 20],
  ])
  assert.equal(chooseIke(offers('aes256-sha256-ecp384'), [without]).ok, false)
  const lacking = proposalOf([
    [1, 12, 256],
    [2, 5],
    [4, 20],
  ])
  assert.equal(chooseIke(offers('aes256-sha256-ecp384'), [lacking]).ok, false)
})

test('additional key exchanges are found in their order over the types, the others answered with NONE', () => {
  const ours = offers('aes256gcm16-prfsha384-curve25519+mlkem768')
  const base = [
    [1, 20, 256],
    [2, 6],
    [4, 31],
  ] as const
  const find = (...more: readonly (readonly [number, number])[]) => {
    const chosen = chooseIke(ours, [proposalOf([...base, ...more])])
    return chosen.ok && chosen.value.answer.transforms.slice(3).map(({ type, id }) => [type, id])
  }
  assert.deepEqual(find([6, 36]), [[6, 36]])
  assert.deepEqual(find([6, 0], [6, 36], [8, 0], [8, 36]), [
    [6, 36],
    [8, 0],
  ])
  // Taken at the first type, nothing would be left for the second.
  assert.deepEqual(find([6, 0], [6, 36], [7, 36]), [
    [6, 0],
    [7, 36],
  ])
  assert.equal(find([6, 36], [7, 36]), false)
  assert.equal(find([6, 35]), false)
  assert.equal(find(), false)
  const two = offers('aes256gcm16-prfsha384-curve25519+mlkem768+ecp384')
  assert.equal(chooseIke(two, [proposalOf([...base, [6, 20], [7, 36]])]).ok, false)
  assert.equal(chooseIke(two, [proposalOf([...base, [6, 36], [7, 20]])]).ok, true)
  // A peer from before RFC 9370 finds a proposal without them.
  const plain = offers('aes256gcm16-prfsha384-curve25519')
  assert.equal(chooseIke(plain, [proposalOf([...base, [6, 36]])]).ok, false)
  assert.equal(chooseIke(plain, [proposalOf([...base, [6, 36], [6, 0]])]).ok, true)
})

test('an answer that is not exactly one of the offers is refused with the reason', () => {
  const ours = offers('aes256gcm16-prfsha384-ecp384', 'aes128gcm16-prfsha256-ecp256')
  const [first] = ikeProposals(ours, NONE)
  const told = (...answer: readonly Proposal[]) => {
    const judged = acceptedIke(ours, answer)
    assert.ok(!judged.ok)
    assert.equal(judged.error.kind, 'not-offered')
    return judged.error.what.split(':')[0]
  }
  const change = (more: Partial<Proposal>) => ({ ...first!, ...more })
  const at = (index: number, id: number) =>
    change({ transforms: first!.transforms.map((each, i) => (i === index ? { ...each, id } : each)) })
  assert.equal(acceptedIke(ours, [first!]).ok, true)
  assert.equal(told(), "the peer's answer has 0 proposals where one is wanted")
  assert.equal(told(first!, first!), "the peer's answer has 2 proposals where one is wanted")
  assert.equal(told(change({ number: 2 })), "the peer's answer has a transform that was not offered")
  assert.equal(told(change({ number: 9 })), "the peer's answer is proposal 9, which was not made")
  assert.equal(told(change({ protocol: 3 })), "the peer's answer is for another protocol")
  assert.equal(told(change({ spi: SPI })), "the peer's answer has no usable SPI")
  assert.equal(told(at(1, 5)), "the peer's answer has a transform that was not offered")
  assert.equal(told(at(2, 14)), "the peer's answer has a transform that was not offered")
  assert.equal(told(change({ transforms: first!.transforms.slice(1) })), "the peer's answer lacks a transform")
  assert.equal(
    told(change({ transforms: [...first!.transforms, ...first!.transforms.slice(-1)] })),
    "the peer's answer has two transforms of one type",
  )
  assert.equal(
    told(change({ transforms: [...first!.transforms, { type: 6, id: 0, attributes: [] }] })),
    "the peer's answer has a transform that was not offered",
  )
})

const childOffers: ChildOffers = {
  security: ['esp-aes256gcm16', 'esp-aes128gcm16', 'esp-aes256-sha256', 'ah-sha256'],
  methods: [undefined],
  additional: [],
  extendedSequence: 'preferred',
}

test('children are offered with their kind of sequence numbers, and under a SPI of four octets', () => {
  const sent = childProposals(childOffers, SPI)
  assert.deepEqual(words(sent), ['esp-aes256gcm16|aes128gcm16-esn', 'esp-aes256-sha256-esn', 'ah-sha256-esn'])
  assert.deepEqual(
    sent.map(({ protocol }) => protocol),
    [3, 3, 2],
  )
  const chosen = chooseChild({ ...childOffers, security: ['ah-sha256'], extendedSequence: 'never' }, sent)
  assert.ok(chosen.ok)
  assert.equal(chosen.value.choice.extendedSequence, false)
  assert.equal(chosen.value.choice.protocol, 'ah')
  assert.deepEqual(chosen.value.peerSpi, SPI)
  for (const spi of [NONE, Uint8Array.of(1, 2, 3), new Uint8Array(8), Uint8Array.of(0, 0, 0, 255)]) {
    assert.equal(chooseChild(childOffers, childProposals(childOffers, spi)).ok, false)
  }
})

test('a fresh key exchange of a child is asked for, may be left out where both allow it, and its group is told', () => {
  const ecp = findKeyExchange('ecp-384')
  const fresh: ChildOffers = { ...childOffers, methods: [ecp] }
  const either: ChildOffers = { ...childOffers, methods: [ecp, undefined] }
  assert.equal(chooseChild(fresh, childProposals(childOffers, SPI)).ok, false)
  const without = chooseChild(either, childProposals(childOffers, SPI))
  assert.ok(without.ok)
  assert.equal(without.value.choice.method, undefined)
  const withIt = chooseChild(either, childProposals(fresh, SPI), 20)
  assert.ok(withIt.ok)
  assert.equal(withIt.value.choice.method?.name, 'ecp-384')
  const wrong = chooseChild(either, childProposals(fresh, SPI), 31)
  assert.equal(!wrong.ok && wrong.error.group, 20)
  const missing = chooseChild(either, childProposals(fresh, SPI), 0)
  assert.equal(!missing.ok && missing.error.what, 'the peer began without a key exchange, we want ecp384')
  const none = proposalOf(
    [
      [1, 20, 256],
      [4, 0],
      [5, 0],
    ],
    3,
  )
  const chosen = chooseChild(childOffers, [none])
  assert.ok(chosen.ok)
  assert.deepEqual(chosen.value.answer.transforms, none.transforms)
})

test('AH with ESP is never offered: IKEv2 has no bundles', () => {
  assert.deepEqual(childProposals({ ...childOffers, security: ['ah-sha256+esp-aes256gcm16'] }, SPI), [])
  const chosen = chooseChild(
    { ...childOffers, security: ['ah-sha256+esp-aes256gcm16'] },
    childProposals(childOffers, SPI),
  )
  assert.ok(!chosen.ok)
  assert.match(chosen.error.what, /we want nothing$/)
})

test('every method of IKE that a policy can name has a suite and a key exchange, and both tables call the same ones old', () => {
  for (const [cipher, { icvBits }] of ikeCiphers) {
    for (const integrity of icvBits > 0 ? [''] : [...ikeIntegrities.keys()].map(word => `-${word}`)) {
      for (const prf of ikePrfs.keys()) {
        const [offer] = offers(`${cipher}${integrity}-${prf}-curve25519`)
        const judged = acceptedIke([offer!], ikeProposals([offer!], NONE))
        assert.ok(judged.ok, offer!.name)
        assert.equal(whyIkeSuiteIsOld(judged.value.choice.suite).length > 0, offer!.strength === 'old', offer!.name)
      }
    }
  }
  for (const [group, { old }] of groups) {
    const judged = acceptedIke(offers(`aes256-sha256-${group}`), ikeProposals(offers(`aes256-sha256-${group}`), NONE))
    assert.ok(judged.ok, group)
    assert.equal(judged.value.choice.method.old !== undefined, old !== undefined, group)
  }
  assert.equal(groups.size, keyExchanges.length)
})

test('every security method of one header is agreed on as it is named', () => {
  for (const name of offerNames) {
    const wanted = { ...childOffers, security: [name] }
    const chosen = chooseChild(wanted, childProposals({ ...childOffers, security: offerNames }, SPI))
    assert.ok(chosen.ok, name)
    assert.equal(chosen.value.choice.security, name)
  }
})
