// From what a rule offers to the SA payload of quick mode and back (RFC 2408 §4.2, RFC 2407 §4.5, RFC 2409 §5.5), judged as
// main mode's is: against the exact offers, by our order of preference, with the shorter of two lifetimes. AH and ESP
// together are proposals with one number, taken both or not at all.
import { type Result, success } from '../base/result.ts'
import type { KeyExchangeMethod } from '../crypto/key-exchange.ts'
import { type Suite, suiteOf } from '../crypto/suites.ts'
import { offerOf } from '../policy/offers.ts'
import { protocolIdsV1 } from '../wire/ike/v1-numbers.ts'
import type { Lifetimes, ProposalV1, TransformV1 } from '../wire/ike/v1-security-association.ts'
import { encapsulationModes } from '../wire/ike/v1-transform-numbers.ts'
import {
  type Agreed1,
  type AgreedLifetimes,
  agreedLifetimes,
  type Mismatch1,
  MOST_TRANSFORMS,
  noneInCommon,
  notOffered,
} from './choose-proposal-v1.ts'
import { type QuickModeTerms, quickModeTerms, quickModeTransform, suiteMark } from './transforms-v1.ts'

export interface Child1Offers {
  /** Names of policy/offers.ts, the preferred first; AH with ESP are two headers of one offer. */
  readonly security: readonly string[]
  /** undefined stands for no fresh key exchange; the preferred first. An initiator sends one KE payload, for the first. */
  readonly methods: readonly (KeyExchangeMethod | undefined)[]
  readonly mode: 'transport' | 'tunnel'
  /** How ESP travels: in UDP as RFC 3947 or as the drafts before it number that, where a NAT is on the way. */
  readonly encapsulation: 'none' | 'udp' | 'udp-draft'
  /**
   * `preferred`: extended sequence numbers or, second, those of 32 bits. Peers that do not know the attribute may take
   * the transform all the same, Windows among them.
   */
  readonly extendedSequence: 'never' | 'preferred'
  readonly lifetimes: Lifetimes
}

/** One header of what was agreed on. */
export interface Child1Layer {
  readonly suite: Suite
  /** What we send with. */
  readonly peerSpi: Uint8Array
}

export interface Child1Choice extends AgreedLifetimes {
  /** A name of policy/offers.ts. */
  readonly security: string
  /** From the inside out, as they are put on. */
  readonly layers: readonly Child1Layer[]
  /** Absent: the keys come from the main mode's. */
  readonly method?: KeyExchangeMethod
  readonly extendedSequence: boolean
}

/** The SPIs under which we receive, of 4 octets; AH needs one only where an offer has it. */
export interface OwnSpis {
  readonly esp: Uint8Array
  readonly ah: Uint8Array
}

interface QuickModeOffer {
  readonly security: string
  /** From the inside out. */
  readonly suites: readonly Suite[]
  readonly method: KeyExchangeMethod | undefined
  readonly extendedSequence: boolean
}

function encapsulationOf({ mode, encapsulation }: Child1Offers): number {
  const { [mode]: plain, [`udp-${mode}` as const]: udp, [`udp-${mode}-draft` as const]: draft } = encapsulationModes.of
  return { none: plain, udp, 'udp-draft': draft }[encapsulation]
}

function suitesOf(security: string): readonly Suite[] | undefined {
  const offer = offerOf(security)
  const suites = offer.ok ? offer.value.protections.flatMap(protection => suiteOf(protection) ?? []) : []
  const isWhole = offer.ok && suites.length === offer.value.protections.length
  return isWhole && suites.every(suite => suiteMark(suite) !== undefined) ? suites : undefined
}

/** Those of a rule's methods that IKEv1 can agree on, in their order. */
export function securityOfIkev1(security: readonly string[]): readonly string[] {
  return security.filter(name => suitesOf(name) !== undefined)
}

function quickModeOffers(
  offers: Child1Offers,
  methods: readonly (KeyExchangeMethod | undefined)[],
): readonly QuickModeOffer[] {
  const known = methods.filter(method => method === undefined || method.family === 'modp' || method.family === 'ecp')
  return offers.security.flatMap(security => {
    const suites = suitesOf(security)
    if (suites === undefined) return []
    return known.flatMap(method =>
      (offers.extendedSequence === 'never' ? [false] : [true, false]).map(extendedSequence => ({
        security,
        suites,
        method,
        extendedSequence,
      })),
    )
  })
}

function protocolOf({ protocol }: Suite): number {
  return protocolIdsV1.of[protocol === 'esp' ? 'ESP' : 'AH']
}

/** Numbers of proposals are of one octet, and begin at 1. */
const MOST_PROPOSALS = 255

/**
 * As an initiator. All transforms name one group, for there is one KE payload (RFC 2409 §5.5). Offers of one header that
 * follow each other are transforms of one proposal; AH and ESP together are two proposals with one number.
 */
export function child1Proposals(offers: Child1Offers, own: OwnSpis): readonly ProposalV1[] {
  const made: ProposalV1[] = []
  for (const offer of quickModeOffers(offers, offers.methods.slice(0, 1))) {
    const terms = quickModeTermsOf(offers, offer)
    const last = made.at(-1)
    const isAlone = offer.suites.length === 1
    const isOfLast =
      isAlone &&
      last !== undefined &&
      last.protocol === protocolOf(offer.suites[0]!) &&
      last.transforms.length < MOST_TRANSFORMS &&
      made.filter(({ number }) => number === last.number).length === 1
    if (isOfLast) {
      const transform = quickModeTransform(last.transforms.length + 1, offer.suites[0]!, terms)
      made.splice(-1, 1, { ...last, transforms: [...last.transforms, transform] })
      continue
    }
    const number = (last?.number ?? 0) + 1
    if (number > MOST_PROPOSALS) break
    // AH is the outer header and comes first on the wire, as in RFC 2408 §4.2.
    for (const suite of offer.suites.toReversed()) {
      const transforms = [quickModeTransform(1, suite, terms)]
      made.push({ number, protocol: protocolOf(suite), spi: own[suite.protocol], transforms })
    }
  }
  return made
}

function quickModeTermsOf(offers: Child1Offers, { method, extendedSequence }: QuickModeOffer) {
  const group = method?.transform ?? 0
  return { encapsulation: encapsulationOf(offers), group, extendedSequence, lifetimes: offers.lifetimes }
}

interface Matched {
  readonly proposal: ProposalV1
  readonly transform: TransformV1
  readonly terms: QuickModeTerms
}

/** The transform of each header that fits, where the proposals of one number are for exactly the headers of an offer. */
function matched(
  offers: Child1Offers,
  offer: QuickModeOffer,
  together: readonly ProposalV1[],
): readonly Matched[] | undefined {
  if (together.length !== offer.suites.length) return undefined
  const encapsulation = encapsulationOf(offers)
  const found = offer.suites.map(suite => {
    const mark = suiteMark(suite)
    const group = offer.method?.transform ?? 0
    const proposal = together.find(({ protocol }) => protocol === protocolOf(suite))
    if (proposal === undefined || !isPacketSpi(proposal.spi)) return undefined
    for (const transform of proposal.transforms) {
      const terms = quickModeTerms(proposal.protocol, transform)
      if (
        terms === undefined ||
        terms.mark !== mark ||
        terms.group !== group ||
        terms.extendedSequence !== offer.extendedSequence
      )
        continue
      if (terms.encapsulation === encapsulation) return { proposal, transform, terms }
    }
    return undefined
  })
  const whole = found.filter(each => each !== undefined)
  return whole.length === offer.suites.length ? whole : undefined
}

/** 1 to 255 are reserved and 0 is never sent (RFC 4303 §2.1). */
function isPacketSpi(spi: Uint8Array): boolean {
  return spi.length === 4 && (spi[0] !== 0 || spi[1] !== 0 || spi[2] !== 0)
}

/** Proposals of one number, which stand side by side (RFC 2408 §4.2), in the order of the peer. */
function byNumber(proposals: readonly ProposalV1[]): readonly (readonly ProposalV1[])[] {
  const groups = new Map<number, ProposalV1[]>()
  for (const proposal of proposals) {
    const group = groups.get(proposal.number)
    if (group === undefined) groups.set(proposal.number, [proposal])
    else group.push(proposal)
  }
  return [...groups.values()]
}

/** As a responder; `own` are the SPIs that the answer says. Every fresh key exchange of ours will do, and none where we name it. */
export function chooseChild1(
  offers: Child1Offers,
  proposals: readonly ProposalV1[],
  own: OwnSpis,
): Result<Agreed1<Child1Choice>, Mismatch1> {
  const groups = byNumber(proposals)
  for (const offer of quickModeOffers(offers, offers.methods)) {
    for (const together of groups) {
      const found = matched(offers, offer, together)
      if (found === undefined) continue
      // In the order in which the peer proposed them.
      const answer = together.map(proposal => ({
        ...proposal,
        spi: own[proposal.protocol === protocolIdsV1.of.AH ? 'ah' : 'esp'],
        transforms: [found.find(each => each.proposal === proposal)!.transform],
      }))
      return success({ choice: child1Choice(offers, offer, found), answer })
    }
  }
  return noneInCommon(proposals, child1Proposals(offers, NO_SPIS))
}

const NO_SPIS: OwnSpis = { esp: new Uint8Array(4), ah: new Uint8Array(4) }

/** As an initiator, of whom one group was offered: the first. */
export function acceptedChild1(offers: Child1Offers, answer: readonly ProposalV1[]): Result<Child1Choice, Mismatch1> {
  const isOne = answer.every(({ number, transforms }) => number === answer[0]!.number && transforms.length === 1)
  for (const offer of isOne ? quickModeOffers(offers, offers.methods.slice(0, 1)) : []) {
    const found = matched(offers, offer, answer)
    if (found !== undefined) return success(child1Choice(offers, offer, found))
  }
  return notOffered(answer, child1Proposals(offers, NO_SPIS))
}

function child1Choice(offers: Child1Offers, offer: QuickModeOffer, found: readonly Matched[]): Child1Choice {
  const { security, suites, method, extendedSequence } = offer
  const lifetimes = agreedLifetimes(
    offers.lifetimes,
    found.map(({ terms }) => terms.lifetimes),
  )
  return {
    security,
    layers: suites.map((suite, index) => ({ suite, peerSpi: found[index]!.proposal.spi })),
    ...(method === undefined ? {} : { method }),
    extendedSequence,
    ...lifetimes,
  }
}
