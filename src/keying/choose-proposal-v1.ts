// From what a policy offers for main mode to SA payloads of IKEv1 and back (RFC 2408 §4.2, RFC 2409 §5); quick mode has its
// own file. An answer is always judged
// against the exact offers: what no offer names is never agreed on. As a responder OUR order of preference counts. Lifetimes
// decide nothing: the shorter one counts, and a responder that shortens one says so by RESPONDER-LIFETIME.
import { failure, type Result, success } from '../base/result.ts'
import { findCipher } from '../crypto/ciphers.ts'
import { type Ike1Suite, ike1HashOfPrf, ike1SuiteOf } from '../crypto/ike1-suites.ts'
import { findKeyExchange, type KeyExchangeMethod } from '../crypto/key-exchange.ts'
import type { IkeOffer } from '../policy/ike-offers.ts'
import { describeProposalsV1 } from '../wire/ike/v1-describe.ts'
import { protocolIdsV1 } from '../wire/ike/v1-numbers.ts'
import type { AttributeV1, Lifetimes, ProposalV1, TransformV1 } from '../wire/ike/v1-security-association.ts'
import { GSS_NAMES, type MainModeTerms, mainModeTerms, mainModeTransform } from './transforms-v1.ts'

export interface Mismatch1 {
  readonly kind: 'no-proposal-chosen' | 'not-offered'
  /** In plain words, naming what both sides have. */
  readonly what: string
}

/** What counts where nobody says a lifetime (RFC 2407 §4.5; Windows has the same for main mode). */
export const DEFAULT_LIFETIME_SECONDS = 28_800

export interface AgreedLifetimes {
  /** The shorter of each: ours, the peer's, or where nobody says one the default. */
  readonly lifetimes: Lifetimes & { readonly seconds: number }
  /** Whether ours is shorter than what the peer counts with, who has to be told. */
  readonly isShortened: boolean
}

export interface Ike1Offers {
  /** The preferred first. Combined modes, PRFs of their own and additional key exchanges are passed over. */
  readonly security: readonly IkeOffer[]
  /** Values of the attribute "authentication", the preferred first. */
  readonly authentications: readonly number[]
  readonly lifetimes: Lifetimes
  /** Our name in GSS-API, which transforms with Kerberos carry. */
  readonly gssName?: Uint8Array
}

export interface Ike1Choice extends AgreedLifetimes {
  /** The name in the policy. */
  readonly offer: string
  readonly suite: Ike1Suite
  readonly method: KeyExchangeMethod
  readonly authentication: number
  /** The peer's name in GSS-API. */
  readonly peerGssName?: Uint8Array
}

interface MainModeOffer {
  readonly offer: string
  readonly suite: Ike1Suite
  readonly method: KeyExchangeMethod
}

/** undefined where IKEv1 has no such thing: it has CBC ciphers, HMAC of one hash, and groups up to 30. */
function mainModeOffer(offer: IkeOffer): MainModeOffer | undefined {
  const { name, cipher, keyBits, icvBits, integrity, prf, group, additional } = offer
  const hash = prf === integrity ? ike1HashOfPrf(prf) : undefined
  const row = findCipher(cipher, keyBits / 8, icvBits / 8)
  const suite = hash && row && ike1SuiteOf(hash, row)
  const method = findKeyExchange(group)
  const isOfIkev1 = method.family === 'modp' || method.family === 'ecp'
  return suite === undefined || !isOfIkev1 || additional.length > 0 ? undefined : { offer: name, suite, method }
}

/** Those of a policy's offers that IKEv1 can make, in their order. */
export function offersOfIkev1(security: readonly IkeOffer[]): readonly IkeOffer[] {
  return security.filter(offer => mainModeOffer(offer) !== undefined)
}

function mainModeChoices(offers: Ike1Offers): readonly (MainModeOffer & { readonly authentication: number })[] {
  const known = offers.security.flatMap(offer => mainModeOffer(offer) ?? [])
  return offers.authentications.flatMap(authentication => known.map(each => ({ ...each, authentication })))
}

/** Kerberos, the only method with a name in its transforms. */
const KERBEROS = 65_001
/** Transform numbers are of one octet, and begin at 1. */
export const MOST_TRANSFORMS = 255

/** As an initiator: one proposal with a transform for each offer and method (RFC 2409 §5). Empty where there is none. */
export function ike1Proposals(offers: Ike1Offers): readonly ProposalV1[] {
  const { lifetimes, gssName } = offers
  const transforms = mainModeChoices(offers)
    .slice(0, MOST_TRANSFORMS)
    .map(({ suite, method, authentication }, index) => {
      const name = authentication === KERBEROS && gssName !== undefined ? { gssName } : {}
      return mainModeTransform(index + 1, { suite, group: method.transform, authentication, lifetimes, ...name })
    })
  if (transforms.length === 0) return []
  return [{ number: 1, protocol: protocolIdsV1.of.ISAKMP, spi: new Uint8Array(0), transforms }]
}

export interface Agreed1<C> {
  readonly choice: C
  /** What to answer with; SPIs are still the peer's. */
  readonly answer: readonly ProposalV1[]
}

/** As a responder. */
export function chooseIke1(
  offers: Ike1Offers,
  proposals: readonly ProposalV1[],
): Result<Agreed1<Ike1Choice>, Mismatch1> {
  const theirs = proposals
    .filter(({ protocol }) => protocol === protocolIdsV1.of.ISAKMP)
    .flatMap(proposal =>
      proposal.transforms.flatMap(transform => {
        const terms = mainModeTerms(transform)
        return terms === undefined ? [] : [{ proposal, transform, terms }]
      }),
    )
  for (const each of mainModeChoices(offers)) {
    const found = theirs.find(({ terms }) => isSameMainMode(each, terms))
    if (found === undefined) continue
    const transform = withGssName(found.transform, offers.gssName)
    const answer = [{ ...found.proposal, transforms: [transform] }]
    return success({ choice: ike1Choice(each, found.terms, offers.lifetimes), answer })
  }
  return noneInCommon(proposals, ike1Proposals(offers))
}

/** As an initiator: is the answer one of the offers? */
export function acceptedIke1(offers: Ike1Offers, answer: readonly ProposalV1[]): Result<Ike1Choice, Mismatch1> {
  const [only, ...others] = answer
  const [transform, ...more] = only?.transforms ?? []
  const terms = transform && mainModeTerms(transform)
  const isOne = others.length === 0 && more.length === 0 && only?.protocol === protocolIdsV1.of.ISAKMP
  const found = isOne && terms ? mainModeChoices(offers).find(each => isSameMainMode(each, terms)) : undefined
  if (found === undefined) return notOffered(answer, ike1Proposals(offers))
  return success(ike1Choice(found, terms!, offers.lifetimes))
}

function isSameMainMode(
  { suite, method, authentication }: MainModeOffer & { readonly authentication: number },
  terms: MainModeTerms,
): boolean {
  return (
    suite.hash === terms.suite.hash &&
    suite.cipher === terms.suite.cipher &&
    method.transform === terms.group &&
    authentication === terms.authentication
  )
}

function ike1Choice(
  { offer, suite, method, authentication }: MainModeOffer & { readonly authentication: number },
  { lifetimes, gssName }: MainModeTerms,
  own: Lifetimes,
): Ike1Choice {
  const name = gssName === undefined ? {} : { peerGssName: gssName }
  return { offer, suite, method, authentication, ...agreedLifetimes(own, [lifetimes]), ...name }
}

/** A responder tells its own name in the place of the initiator's, and leaves all else as it came. */
function withGssName(transform: TransformV1, gssName: Uint8Array | undefined): TransformV1 {
  if (gssName === undefined) return transform
  const attributes = transform.attributes.map(
    (each): AttributeV1 =>
      GSS_NAMES.some(type => type === each.type) ? { ...each, kind: 'long', value: gssName } : each,
  )
  return { ...transform, attributes }
}

export function agreedLifetimes(own: Lifetimes, theirs: readonly Lifetimes[]): AgreedLifetimes {
  // Zero is no lifetime, but what some send where they have none.
  const said = (key: keyof Lifetimes) => theirs.flatMap(each => each[key] || [])
  const shortest = (numbers: readonly number[]) => (numbers.length === 0 ? undefined : Math.min(...numbers))
  const ownSeconds = own.seconds ?? DEFAULT_LIFETIME_SECONDS
  const peerSeconds = shortest(said('seconds')) ?? DEFAULT_LIFETIME_SECONDS
  const peerKilobytes = shortest(said('kilobytes'))
  const kilobytes = shortest([own.kilobytes ?? [], peerKilobytes ?? []].flat())
  return {
    lifetimes: { seconds: Math.min(ownSeconds, peerSeconds), ...(kilobytes === undefined ? {} : { kilobytes }) },
    isShortened: ownSeconds < peerSeconds || (own.kilobytes ?? Infinity) < (peerKilobytes ?? Infinity),
  }
}

export function noneInCommon(theirs: readonly ProposalV1[], ours: readonly ProposalV1[]) {
  const what = `the peer offers ${describeProposalsV1(theirs)}, we want ${describeProposalsV1(ours)}`
  return failure<Mismatch1>({ kind: 'no-proposal-chosen', what })
}

export function notOffered(answer: readonly ProposalV1[], ours: readonly ProposalV1[]) {
  const what = `the peer answers ${describeProposalsV1(answer)}, where we offer ${describeProposalsV1(ours)}`
  return failure<Mismatch1>({ kind: 'not-offered', what })
}
