// What two policies agree on in quick mode of IKEv1, judged on both sides of the wire.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findKeyExchange, type KeyExchangeMethod } from '../crypto/key-exchange.ts'
import { offerNames } from '../policy/offers.ts'
import { isSecurityOfIkev1 } from '../policy/offers-of-ikev1.ts'
import {
  type AttributeV1,
  numberAttribute,
  type ProposalV1,
  type TransformV1,
} from '../wire/ike/v1-security-association.ts'
import { ipsecAttributes } from '../wire/ike/v1-transform-numbers.ts'
import { acceptedChild1, type Child1Offers, child1Proposals, chooseChild1, securityOfIkev1 } from './choose-child-v1.ts'

const hex = (text: string) => Uint8Array.fromHex(text)

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

  it('is told beforehand by policies for every method as it is', () => {
    const names = [...offerNames, 'ah-sha256+esp-chacha20poly1305', 'ah-aescmac+esp-3des-md5', 'ah-sha1+esp-3des-md5']
    assert.deepEqual(names.filter(isSecurityOfIkev1), securityOfIkev1(names))
  })
})
