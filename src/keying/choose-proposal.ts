// From what a policy offers to proposals on the wire and back (RFC 7296 §2.7, §3.3; RFC 9370 §2.2.2). An answer is always
// judged against the exact offers, never against a proposal: what no offer names is never agreed on. As a responder OUR
// order of preference counts, so that both hosts of a pair are judged by their own policy; where the KE payload that came
// is for another group, INVALID_KE_PAYLOAD asks for ours.

import { failure, type Result, success } from '../base/result.ts'
import { findCipher } from '../crypto/ciphers.ts'
import { type IkeSuite, ikeSuiteOf } from '../crypto/ike-suites.ts'
import { findIntegrity } from '../crypto/integrity.ts'
import { findKeyExchange, type KeyExchangeMethod } from '../crypto/key-exchange.ts'
import { findPrf } from '../crypto/prf.ts'
import { type AhSuite, type EspSuite, type Suite, suiteOf } from '../crypto/suites.ts'
import type { IkeOffer } from '../policy/ike-offers.ts'
import { offerOf } from '../policy/offers.ts'
import { protocolIds } from '../wire/ike/numbers.ts'
import type { Proposal, Transform } from '../wire/ike/security-association.ts'
import { sequenceNumberTransforms } from '../wire/ike/transform-numbers.ts'
import { acceptFrom, type Chosen, type Combination, chooseFrom, proposalsOf, transform, types } from './combinations.ts'
import { describeProposals, groupWord, nothingInCommon } from './proposal-words.ts'

export interface Mismatch {
  /** `invalid-ke`: everything fits but the group of the KE payload; `group` is the one that is wanted. */
  readonly kind: 'no-proposal-chosen' | 'invalid-ke' | 'not-offered'
  /** In plain words, naming what both sides have. */
  readonly what: string
  readonly group?: number
}

export interface IkeChoice {
  /** The name in the policy. */
  readonly offer: string
  readonly suite: IkeSuite
  readonly method: KeyExchangeMethod
  /** Key exchanges that are done after the first, in this order. */
  readonly additional: readonly KeyExchangeMethod[]
}

/** As a responder: what is agreed on, and the proposal to answer with, which needs our own SPI in the place of `peerSpi`. */
export interface Agreed<C> {
  readonly choice: C
  readonly answer: Proposal
  readonly peerSpi: Uint8Array
}

interface Offered<C> extends Combination {
  readonly choice: C
  readonly method?: KeyExchangeMethod
}

function ikeChoice(offer: IkeOffer): IkeChoice | undefined {
  const { name, cipher, keyBits, icvBits, integrity, group, additional } = offer
  const row = findCipher(cipher, keyBits / 8, icvBits / 8)
  const suite = row && ikeSuiteOf(findPrf(offer.prf), row, integrity && findIntegrity(integrity))
  if (suite === undefined) return undefined
  return { offer: name, suite, method: findKeyExchange(group), additional: additional.map(findKeyExchange) }
}

function ikeCombinations(offers: readonly IkeOffer[]): readonly Offered<IkeChoice>[] {
  return offers.flatMap(offer => {
    const choice = ikeChoice(offer)
    if (choice === undefined) return []
    const { suite, method, additional } = choice
    const { cipher, prf, integrity } = suite
    const transforms: readonly Transform[] = [
      transform(types.encryption, cipher.transform, cipher.keyLengthAttribute),
      transform(types.prf, prf.transform),
      // A combined mode goes without, not with NONE (RFC 7296 §3.3; RFC 5282 §8 wants it apart from the others).
      ...(integrity === undefined ? [] : [transform(types.integrity, integrity.transform)]),
      transform(types.keyExchange, method.transform),
    ]
    const after = additional.map(each => each.transform)
    return [{ protocol: protocolIds.of.IKE, transforms, additional: after, choice, method }]
  })
}

/** Eight octets where an IKE SA is rekeyed, none in IKE_SA_INIT (RFC 7296 §3.3.1); zero is no SPI. */
function hasIkeSpi({ spi }: Proposal): boolean {
  return spi.length === 0 || (spi.length === 8 && spi.some(octet => octet !== 0))
}

/** 1 to 255 are reserved and 0 is never sent (RFC 4303 §2.1). */
function hasPacketSpi({ spi }: Proposal): boolean {
  return spi.length === 4 && (spi[0] !== 0 || spi[1] !== 0 || spi[2] !== 0)
}

/** `spi`: empty in IKE_SA_INIT, of 8 octets in a rekey. The KE payload to begin with is for the first offer's group. */
export function ikeProposals(offers: readonly IkeOffer[], spi: Uint8Array): readonly Proposal[] {
  return proposalsOf(ikeCombinations(offers), spi)
}

/** As a responder; `prefers` is the group of the KE payload that came. Left out, that is not asked. */
export function chooseIke(
  offers: readonly IkeOffer[],
  proposals: readonly Proposal[],
  prefers?: number,
): Result<Agreed<IkeChoice>, Mismatch> {
  return choose(ikeCombinations(offers), proposals, hasIkeSpi, prefers)
}

/** As an initiator: is the answer one of the offers? */
export function acceptedIke(
  offers: readonly IkeOffer[],
  answer: readonly Proposal[],
): Result<{ readonly choice: IkeChoice; readonly peerSpi: Uint8Array }, Mismatch> {
  return accepted(ikeCombinations(offers), answer, hasIkeSpi)
}

export interface ChildChoice {
  /** A name of policy/offers.ts. */
  readonly security: string
  readonly protocol: 'esp' | 'ah'
  readonly suite: EspSuite | AhSuite
  readonly extendedSequence: boolean
  /** Absent: the keys come from the IKE session's. */
  readonly method?: KeyExchangeMethod
  readonly additional: readonly KeyExchangeMethod[]
}

export interface ChildOffers {
  /** Names of policy/offers.ts, the preferred first. AH with ESP is passed over: IKEv2 cannot agree on it. */
  readonly security: readonly string[]
  /** undefined stands for no fresh key exchange; the preferred first. */
  readonly methods: readonly (KeyExchangeMethod | undefined)[]
  /** Done after whichever method is chosen. */
  readonly additional: readonly KeyExchangeMethod[]
  /** `preferred`: extended sequence numbers or, second, those of 32 bits; `both`: the other way round. */
  readonly extendedSequence: 'never' | 'preferred' | 'both'
}

const sequenceOrder = { never: [false], preferred: [true, false], both: [false, true] } as const

function packetTransforms(suite: Suite): readonly Transform[] {
  const integrity = suite.integrity === undefined ? [] : [transform(types.integrity, suite.integrity.transform)]
  if (suite.protocol === 'ah') return integrity
  const { transform: id, keyLengthAttribute } = suite.cipher
  return [transform(types.encryption, id, keyLengthAttribute), ...integrity]
}

function childCombinations(wanted: ChildOffers): readonly Offered<ChildChoice>[] {
  return wanted.security.flatMap(security => {
    const offer = offerOf(security)
    const [protection, second] = offer.ok ? offer.value.protections : []
    const suite = protection === undefined || second !== undefined ? undefined : suiteOf(protection)
    if (suite === undefined) return []
    return wanted.methods.flatMap(method => {
      const additional = method === undefined ? [] : wanted.additional
      // RFC 9370 §2.2.2: no method is done twice.
      if (method !== undefined && new Set([method, ...additional]).size <= additional.length) return []
      return sequenceOrder[wanted.extendedSequence].map(extendedSequence =>
        childCombination(security, suite, extendedSequence, method, additional),
      )
    })
  })
}

function childCombination(
  security: string,
  suite: Suite,
  extendedSequence: boolean,
  method: KeyExchangeMethod | undefined,
  additional: readonly KeyExchangeMethod[],
): Offered<ChildChoice> {
  const fresh = method === undefined ? {} : { method }
  const { protocol } = suite
  const { esn, 'no-esn': noEsn } = sequenceNumberTransforms.of
  return {
    protocol: protocolIds.of[protocol === 'esp' ? 'ESP' : 'AH'],
    transforms: [
      ...packetTransforms(suite),
      ...(method === undefined ? [] : [transform(types.keyExchange, method.transform)]),
      transform(types.sequenceNumbers, extendedSequence ? esn : noEsn),
    ],
    additional: additional.map(each => each.transform),
    choice: { security, protocol, suite, extendedSequence, ...fresh, additional },
    ...fresh,
  }
}

/** `spi`: the four octets under which we receive. */
export function childProposals(wanted: ChildOffers, spi: Uint8Array): readonly Proposal[] {
  return proposalsOf(childCombinations(wanted), spi)
}

/** As a responder; `prefers` is the group of the KE payload that came, 0 where none did. Left out, that is not asked. */
export function chooseChild(
  wanted: ChildOffers,
  proposals: readonly Proposal[],
  prefers?: number,
): Result<Agreed<ChildChoice>, Mismatch> {
  return choose(childCombinations(wanted), proposals, hasPacketSpi, prefers)
}

/** As an initiator. */
export function acceptedChild(
  wanted: ChildOffers,
  answer: readonly Proposal[],
): Result<{ readonly choice: ChildChoice; readonly peerSpi: Uint8Array }, Mismatch> {
  return accepted(childCombinations(wanted), answer, hasPacketSpi)
}

function choose<C>(
  combinations: readonly Offered<C>[],
  proposals: readonly Proposal[],
  isUsable: (proposal: Proposal) => boolean,
  prefers: number | undefined,
): Result<Agreed<C>, Mismatch> {
  const chosen: Chosen<Offered<C>> | undefined = chooseFrom(combinations, proposals, isUsable)
  if (chosen === undefined) {
    const ours = proposalsOf(combinations, new Uint8Array(0))
    const missing = nothingInCommon(proposals, ours)
    const reason = missing.length === 0 ? '' : `: no ${missing.join(' and no ')} in common`
    const what = `the peer offers ${describeProposals(proposals)}, we want ${describeProposals(ours)}${reason}`
    return failure({ kind: 'no-proposal-chosen', what })
  }
  const { method, choice } = chosen.combination
  const { answer } = chosen
  if (method !== undefined && prefers !== undefined && prefers !== method.transform) {
    const began = prefers === 0 ? 'without a key exchange' : `with ${groupWord(prefers)}`
    const what = `the peer began ${began}, we want ${groupWord(method.transform)}`
    return failure({ kind: 'invalid-ke', what, group: method.transform })
  }
  return success({ choice, answer, peerSpi: answer.spi })
}

function accepted<C>(
  combinations: readonly Offered<C>[],
  answer: readonly Proposal[],
  isUsable: (proposal: Proposal) => boolean,
): Result<{ readonly choice: C; readonly peerSpi: Uint8Array }, Mismatch> {
  const judged = acceptFrom(combinations, answer, isUsable)
  if (judged.ok) return success({ choice: judged.value.choice, peerSpi: answer[0]!.spi })
  const ours = describeProposals(proposalsOf(combinations, new Uint8Array(0)))
  const what = `the peer's answer ${judged.error}: ${describeProposals(answer)}, where we offer ${ours}`
  return failure({ kind: 'not-offered', what })
}
