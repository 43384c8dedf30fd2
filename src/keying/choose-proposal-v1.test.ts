// What two policies agree on in main mode of IKEv1, judged on both sides of the wire.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { groups, ikeCiphers, ikeIntegrities, ikeOfferOf, ikePrfs } from '../policy/ike-offers.ts'
import { isIkeOfferOfIkev1 } from '../policy/offers-of-ikev1.ts'
import {
  type AttributeV1,
  numberAttribute,
  type ProposalV1,
  type TransformV1,
} from '../wire/ike/v1-security-association.ts'
import { ikeAttributes } from '../wire/ike/v1-transform-numbers.ts'
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
    // Five ciphers, five hashes, eight primes and three curves.
    assert.equal(able.length, 5 * 5 * 11)
  })
})
