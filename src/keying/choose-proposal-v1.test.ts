// What two policies agree on in IKEv1: main mode and quick mode, judged on both sides of the wire.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findKeyExchange, type KeyExchangeMethod } from '../crypto/key-exchange.ts'
import { groups, ikeCiphers, ikeIntegrities, ikeOfferOf, ikePrfs } from '../policy/ike-offers.ts'
import { offerNames } from '../policy/offers.ts'
import { isIkeOfferOfIkev1, isSecurityOfIkev1 } from '../policy/offers-of-ikev1.ts'
import {
  type AttributeV1,
  numberAttribute,
  type ProposalV1,
  type TransformV1,
} from '../wire/ike/v1-security-association.ts'
import { ikeAttributes, ipsecAttributes } from '../wire/ike/v1-transform-numbers.ts'
import { acceptedChild1, type Child1Offers, child1Proposals, chooseChild1, securityOfIkev1 } from './choose-child-v1.ts'
import { acceptedIke1, chooseIke1, type Ike1Offers, ike1Proposals, offersOfIkev1 } from './choose-proposal-v1.ts'

const SHARED_KEY = 1
const RSA = 3
const KERBEROS = 65_001
const hex = (text: string) => Uint8Array.fromHex(text)

function ikeOffers(names: readonly string[], more: Partial<Ike1Offers> = {}): Ike1Offers {
  const security = names.map(name => {
    const offer = ikeOfferOf(name)
    assert.ok(offer.ok, name)
    return offer.value
  })
  return { security, authentications: [SHARED_KEY], lifetimes: { seconds: 28_800 }, ...more }
}

/** Puts other attributes into the only transform of the only proposal. */
function changed(
  proposals: readonly ProposalV1[],
  change: (attributes: readonly AttributeV1[]) => readonly AttributeV1[],
): readonly ProposalV1[] {
  return proposals.map(proposal => ({
    ...proposal,
    transforms: proposal.transforms.map(
      (transform): TransformV1 => ({ ...transform, attributes: change(transform.attributes) }),
    ),
  }))
}

describe('main mode of IKEv1', () => {
  const names = ['aes256-sha256-modp2048', '3des-sha1-modp1024']

  it('offers one proposal with a transform for each method and offer, the preferred first', () => {
    const [proposal, ...others] = ike1Proposals(ikeOffers(names, { authentications: [RSA, SHARED_KEY] }))
    assert.equal(others.length, 0)
    assert.deepEqual(
      proposal!.transforms.map(({ number }) => number),
      [1, 2, 3, 4],
    )
    assert.equal(proposal!.spi.length, 0)
  })

  it('is agreed on and accepted, with what the answer says', () => {
    const chosen = chooseIke1(ikeOffers(['3des-sha1-modp1024']), ike1Proposals(ikeOffers(names)))
    assert.ok(chosen.ok)
    const { choice, answer } = chosen.value
    assert.equal(choice.offer, '3des-sha1-modp1024')
    assert.equal(answer[0]!.transforms[0]!.number, 2)
    const accepted = acceptedIke1(ikeOffers(names), answer)
    assert.ok(accepted.ok)
    assert.deepEqual(accepted.value, choice)
    assert.equal(choice.suite.prf.name, 'hmac-sha1')
    assert.equal(choice.method.name, 'modp-1024')
  })

  it("follows the responder's order", () => {
    const chosen = chooseIke1(ikeOffers(names.toReversed()), ike1Proposals(ikeOffers(names)))
    assert.ok(chosen.ok && chosen.value.choice.offer === '3des-sha1-modp1024')
  })

  it('passes over what IKEv1 does not have: combined modes, other PRFs and groups, additional key exchanges', () => {
    const modern = [
      'aes256gcm16-prfsha384-ecp384',
      'aes256-sha256-curve25519',
      'aes256-sha256-prfsha384-modp2048',
      'aes256-aesxcbc-modp2048',
      'aes256-sha256-modp2048+mlkem768',
    ]
    assert.deepEqual(ike1Proposals(ikeOffers(modern)), [])
    const kept = offersOfIkev1(ikeOffers([...modern, 'aes128-sha512-ecp521']).security)
    assert.deepEqual(
      kept.map(({ name }) => name),
      ['aes128-sha512-ecp521'],
    )
  })

  it('says what both have where nothing fits, and does not take another authentication', () => {
    const proposals = ike1Proposals(ikeOffers(names, { authentications: [RSA] }))
    const chosen = chooseIke1(ikeOffers(names), proposals)
    assert.ok(!chosen.ok)
    assert.equal(chosen.error.kind, 'no-proposal-chosen')
    assert.equal(
      chosen.error.what,
      'the peer offers aes-cbc-256-sha256-modp2048 RSA signature | 3des-sha1-modp1024 RSA signature, ' +
        'we want aes-cbc-256-sha256-modp2048 shared key | 3des-sha1-modp1024 shared key',
    )
  })

  it('takes the shorter lifetime, and says where ours is the shorter', () => {
    const proposals = ike1Proposals(ikeOffers(names, { lifetimes: { seconds: 86_400 } }))
    const chosen = chooseIke1(ikeOffers(names), proposals)
    assert.ok(chosen.ok)
    assert.deepEqual(chosen.value.choice.lifetimes, { seconds: 28_800 })
    assert.equal(chosen.value.choice.isShortened, true)
    const shorter = chooseIke1(ikeOffers(names), ike1Proposals(ikeOffers(names, { lifetimes: { seconds: 600 } })))
    assert.ok(shorter.ok)
    assert.deepEqual(shorter.value.choice.lifetimes, { seconds: 600 })
    assert.equal(shorter.value.choice.isShortened, false)
  })

  it('counts with eight hours where nobody says a lifetime, and reads one of four octets', () => {
    const life = ikeAttributes.of['life duration']
    const types: readonly number[] = [ikeAttributes.of['life type'], life]
    const bare = changed(ike1Proposals(ikeOffers(names)), all => all.filter(({ type }) => !types.includes(type)))
    const none = chooseIke1(ikeOffers(names, { lifetimes: {} }), bare)
    assert.ok(none.ok && none.value.choice.lifetimes.seconds === 28_800)
    const long = changed(ike1Proposals(ikeOffers(names)), all =>
      all.map(each => (each.type === life ? { kind: 'long', type: life, value: hex('00000e10') } : each)),
    )
    const read = chooseIke1(ikeOffers(names), long)
    assert.ok(read.ok && read.value.choice.lifetimes.seconds === 3600)
  })

  it('is not stopped by attributes that nobody knows, but by a PRF, a described group and two of one kind', () => {
    const proposals = ike1Proposals(ikeOffers(['3des-sha1-modp1024']))
    const judged = (more: readonly AttributeV1[]) =>
      chooseIke1(
        ikeOffers(names),
        changed(proposals, all => [...all, ...more]),
      ).ok
    assert.equal(judged([numberAttribute(9999, 7)]), true)
    assert.equal(judged([numberAttribute(ikeAttributes.of['key length'], 192)]), true)
    assert.equal(judged([numberAttribute(ikeAttributes.of.prf, 1)]), false)
    assert.equal(judged([{ kind: 'long', type: ikeAttributes.of['group prime'], value: hex('17') }]), false)
    assert.equal(judged([numberAttribute(ikeAttributes.of.hash, 1)]), false)
  })

  it('carries names with Kerberos: the responder puts its own into the answer', () => {
    const authentications = [KERBEROS, SHARED_KEY]
    const [client, server] = [hex('610062'), hex('6300')]
    const own = ikeOffers(names, { authentications, gssName: client })
    const proposals = ike1Proposals(own)
    const chosen = chooseIke1(ikeOffers(names, { authentications, gssName: server }), proposals)
    assert.ok(chosen.ok)
    assert.deepEqual(chosen.value.choice.peerGssName, client)
    const accepted = acceptedIke1(own, chosen.value.answer)
    assert.ok(accepted.ok)
    assert.deepEqual(accepted.value.peerGssName, server)
    assert.equal(accepted.value.authentication, KERBEROS)
    const plain = proposals[0]!.transforms.at(-1)!
    assert.ok(plain.attributes.every(({ type }) => type !== ikeAttributes.of['GSS identity']))
  })

  it('does not take an answer that was not offered, that is two, or that mixes', () => {
    const offers = ikeOffers(['aes256-sha256-modp2048'])
    const other = ike1Proposals(ikeOffers(['aes128-sha256-modp2048']))
    const twice = ike1Proposals(ikeOffers(names))
    for (const answer of [other, twice, [...other, ...other], []]) {
      const accepted = acceptedIke1(offers, answer)
      assert.ok(!accepted.ok && accepted.error.kind === 'not-offered')
    }
  })
})

const own = { esp: hex('c0000001'), ah: hex('c0000002') }
const peer = { esp: hex('d0000001'), ah: hex('d0000002') }
const modp2048 = findKeyExchange('modp-2048')
const modp1024 = findKeyExchange('modp-1024')

function childOffers(security: readonly string[], more: Partial<Child1Offers> = {}): Child1Offers {
  return {
    security,
    methods: [undefined],
    mode: 'transport',
    encapsulation: 'none',
    extendedSequence: 'never',
    lifetimes: { seconds: 3600, kilobytes: 100_000 },
    ...more,
  }
}

describe('quick mode of IKEv1', () => {
  const every = [
    'esp-aes256gcm16',
    'esp-aes128ccm8',
    'esp-aes192ctr-sha384',
    'esp-aes128-sha1',
    'esp-aes256gmac',
    'esp-null-aesxcbc',
    'ah-sha256',
    'ah-aes192gmac',
    'ah-sha1+esp-3des-md5',
    'esp-des-sha1',
    'ah-md5',
  ]

  it('agrees on every method, whole bundles included, and both sides find the same', () => {
    for (const name of every) {
      const chosen = chooseChild1(childOffers([name]), child1Proposals(childOffers(every), peer), own)
      assert.ok(chosen.ok, name)
      const { choice, answer } = chosen.value
      assert.equal(choice.security, name)
      assert.deepEqual(
        choice.layers.map(({ suite, peerSpi }) => [suite.protocol, peerSpi]),
        choice.layers.map(({ suite }) => [suite.protocol, peer[suite.protocol]]),
      )
      const accepted = acceptedChild1(childOffers(every), answer)
      assert.ok(accepted.ok, name)
      assert.deepEqual(
        accepted.value.layers.map(({ peerSpi }) => peerSpi),
        choice.layers.map(({ suite }) => own[suite.protocol]),
      )
      assert.deepEqual(
        accepted.value.layers.map(({ suite }) => suite),
        choice.layers.map(({ suite }) => suite),
      )
    }
  })

  it('puts AH and ESP together under one number, AH first, and gives the layers from the inside out', () => {
    const proposals = child1Proposals(childOffers(['esp-aes128-sha1', 'ah-sha1+esp-3des-md5']), peer)
    assert.deepEqual(
      proposals.map(({ number, protocol }) => [number, protocol]),
      [
        [1, 3],
        [2, 2],
        [2, 3],
      ],
    )
    const chosen = chooseChild1(childOffers(['esp-3des-md5+ah-sha1']), proposals, own)
    assert.ok(chosen.ok)
    assert.deepEqual(
      chosen.value.choice.layers.map(({ suite }) => suite.protocol),
      ['esp', 'ah'],
    )
    assert.deepEqual(
      chosen.value.answer.map(({ protocol }) => protocol),
      [2, 3],
    )
  })

  it('never takes half of a bundle, nor one header where two are wanted', () => {
    const bundle = child1Proposals(childOffers(['ah-sha1+esp-3des-md5']), peer)
    assert.equal(chooseChild1(childOffers(['esp-3des-md5', 'ah-sha1']), bundle, own).ok, false)
    const single = child1Proposals(childOffers(['esp-3des-md5', 'ah-sha1']), peer)
    assert.equal(chooseChild1(childOffers(['ah-sha1+esp-3des-md5']), single, own).ok, false)
    assert.equal(acceptedChild1(childOffers(['ah-sha1+esp-3des-md5']), bundle.slice(0, 1)).ok, false)
  })

  it('offers several methods of one header as transforms of one proposal', () => {
    const proposals = child1Proposals(childOffers(['esp-aes128-sha1', 'esp-3des-sha1', 'ah-sha1']), peer)
    assert.deepEqual(
      proposals.map(({ transforms }) => transforms.map(({ number }) => number)),
      [[1, 2], [1]],
    )
    assert.deepEqual(
      proposals.map(({ spi }) => spi),
      [peer.esp, peer.ah],
    )
  })

  it('passes over what has no number in IKEv1', () => {
    assert.deepEqual(securityOfIkev1(['esp-chacha20poly1305', 'esp-aes128-aescmac', 'ah-aescmac', 'ah-sha1']), [
      'ah-sha1',
    ])
    assert.deepEqual(child1Proposals(childOffers(['esp-chacha20poly1305']), peer), [])
  })

  const modes: readonly (readonly [Child1Offers['mode'], Child1Offers['encapsulation'], number])[] = [
    ['tunnel', 'none', 1],
    ['transport', 'none', 2],
    ['tunnel', 'udp', 3],
    ['transport', 'udp', 4],
    ['tunnel', 'udp-draft', 61443],
    ['transport', 'udp-draft', 61444],
  ]
  for (const [mode, encapsulation, number] of modes) {
    it(`says ${mode} with encapsulation ${encapsulation} by the number ${number}, and takes no other`, () => {
      const proposals = child1Proposals(childOffers(['esp-aes128-sha1'], { mode, encapsulation }), peer)
      const said = proposals[0]!.transforms[0]!.attributes.find(({ type }) => type === ipsecAttributes.of.mode)
      assert.deepEqual(said, numberAttribute(ipsecAttributes.of.mode, number))
      for (const [otherMode, otherEncapsulation] of modes) {
        const offers = childOffers(['esp-aes128-sha1'], { mode: otherMode, encapsulation: otherEncapsulation })
        const isSame = otherMode === mode && otherEncapsulation === encapsulation
        assert.equal(chooseChild1(offers, proposals, own).ok, isSame)
      }
    })
  }

  it('takes only a group that the policy names, or none where it names that', () => {
    const proposals = (method: KeyExchangeMethod | undefined) =>
      child1Proposals(childOffers(['esp-aes128-sha1'], { methods: [method] }), peer)
    const chosen = (methods: Child1Offers['methods'], method: KeyExchangeMethod | undefined) => {
      const result = chooseChild1(childOffers(['esp-aes128-sha1'], { methods }), proposals(method), own)
      return result.ok ? (result.value.choice.method?.name ?? 'none') : 'refused'
    }
    assert.equal(chosen([modp2048], modp2048), 'modp-2048')
    assert.equal(chosen([modp2048, undefined], undefined), 'none')
    assert.equal(chosen([modp2048], undefined), 'refused')
    assert.equal(chosen([undefined], modp2048), 'refused')
    assert.equal(chosen([modp2048], modp1024), 'refused')
  })

  it('agrees on extended sequence numbers only where both want them', () => {
    const wanting = childOffers(['esp-aes128-sha1'], { extendedSequence: 'preferred' })
    const plain = childOffers(['esp-aes128-sha1'])
    const both = chooseChild1(wanting, child1Proposals(wanting, peer), own)
    assert.ok(both.ok && both.value.choice.extendedSequence)
    const one = chooseChild1(plain, child1Proposals(wanting, peer), own)
    assert.ok(one.ok && !one.value.choice.extendedSequence)
    const other = chooseChild1(wanting, child1Proposals(plain, peer), own)
    assert.ok(other.ok && !other.value.choice.extendedSequence)
  })

  it('takes the shorter of each lifetime, of every header', () => {
    const theirs = childOffers(['ah-sha1+esp-3des-md5'], { lifetimes: { seconds: 900, kilobytes: 500_000 } })
    const chosen = chooseChild1(childOffers(['ah-sha1+esp-3des-md5']), child1Proposals(theirs, peer), own)
    assert.ok(chosen.ok)
    assert.deepEqual(chosen.value.choice.lifetimes, { seconds: 900, kilobytes: 100_000 })
    assert.equal(chosen.value.choice.isShortened, true)
    const endless = childOffers(['esp-aes128-sha1'], { lifetimes: { seconds: 3600 } })
    const told = chooseChild1(childOffers(['esp-aes128-sha1']), child1Proposals(endless, peer), own)
    assert.ok(told.ok && told.value.choice.isShortened)
  })

  it('refuses SPIs that are reserved or of another length, and a transform without a mode', () => {
    const proposals = child1Proposals(childOffers(['esp-aes128-sha1']), peer)
    for (const spi of ['000000ff', '00', '', '00000000', 'd000000100']) {
      const wrong = proposals.map(proposal => ({ ...proposal, spi: hex(spi) }))
      assert.equal(chooseChild1(childOffers(['esp-aes128-sha1']), wrong, own).ok, false, spi)
    }
    const bare = changed(proposals, all => all.filter(({ type }) => type !== ipsecAttributes.of.mode))
    assert.equal(chooseChild1(childOffers(['esp-aes128-sha1']), bare, own).ok, false)
  })

  it('takes AES-CBC without a key length for 128 bits', () => {
    const proposals = changed(child1Proposals(childOffers(['esp-aes128-sha1']), peer), all =>
      all.filter(({ type }) => type !== ipsecAttributes.of['key length']),
    )
    assert.equal(chooseChild1(childOffers(['esp-aes128-sha1']), proposals, own).ok, true)
    assert.equal(chooseChild1(childOffers(['esp-aes256-sha1']), proposals, own).ok, false)
  })
})

describe('what policies say of IKEv1 beforehand', () => {
  it('is what can be put into a proposal: every cipher, integrity algorithm, PRF and group of IKE', () => {
    const heads = [...ikeCiphers].flatMap(([cipher, { icvBits }]) => {
      const prfs = [...ikePrfs.keys()]
      if (icvBits > 0) return prfs.map(prf => `${cipher}-${prf}`)
      return [...ikeIntegrities.keys()].flatMap(integrity => prfs.map(prf => `${cipher}-${integrity}-${prf}`))
    })
    const names = heads.flatMap(head => [...groups.keys(), 'modp2048+mlkem768'].map(group => `${head}-${group}`))
    const { security } = ikeOffers(names)
    const able = security.filter(isIkeOfferOfIkev1)
    assert.deepEqual(
      able.map(({ name }) => name),
      offersOfIkev1(security).map(({ name }) => name),
    )
    // Five ciphers, five hashes, nine primes and three curves.
    assert.equal(able.length, 5 * 5 * 11)
  })

  it('is what can be put into a proposal: every method for packets', () => {
    const names = [...offerNames, 'ah-sha256+esp-chacha20poly1305', 'ah-aescmac+esp-3des-md5', 'ah-sha1+esp-3des-md5']
    assert.deepEqual(names.filter(isSecurityOfIkev1), securityOfIkev1(names))
  })
})
