// What two hosts agree on for a child, of whichever exchange: proposals, selectors, mode and keys (RFC 7296 §1.3.1, §2.9,
// §2.17). Both roles: `beginChild`, `agreeOnChild`, `concludeChild`, in the order of travel. Which exchange carries the
// payloads, nonces and key exchanges is child.ts's and auth.ts's.

import { failure, type Result, success } from '../../base/result.ts'
import type { Nonces } from '../../crypto/ike-keys.ts'
import { childKeysOf, type SecretOctets } from '../../crypto/ike-keys.ts'
import type { KeyExchangeMethod } from '../../crypto/key-exchange.ts'
import type { PrfAlgorithm } from '../../crypto/prf.ts'
import { beginKeyExchange, type SharedSecret } from '../../crypto/run-key-exchange.ts'
import type { Rule } from '../../policy/model.ts'
import { notification } from '../../wire/ike/notify.ts'
import { isErrorNotify, notifyName } from '../../wire/ike/notify-numbers.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { associationPair, freeSpi, readSpi, spiBytes } from '../association-pair.ts'
import { lifetimeOf } from '../child-lifetime.ts'
import { type ChildContext, inboundRuleFor, ruleNamed, ruleToAnswer, ruleToAsk } from '../child-rule.ts'
import { acceptedChild, type ChildOffers, childProposals, chooseChild, type Mismatch } from '../choose-proposal.ts'
import { type KeyingOutput, type Refusal, refusal, report, type World } from '../machine.ts'
import { isInUdp } from '../nat-findings.ts'
import { acceptedSelectors, includes, namedAddress, type SelectorPair, withAddress } from '../selectors.ts'
import type { Child, ChildBegun, ChildTerms, ChildWish } from './session.ts'
import { find, findAll, findNotify } from './step.ts'

export type { ChildContext } from '../child-rule.ts'

/** Keys of a child come from these (RFC 7296 §2.17). Whoever gives them wipes them. */
export interface ChildKeySource {
  readonly prf: PrfAlgorithm
  readonly derivation: SecretOctets
  readonly nonces: Nonces
  readonly shared: readonly SharedSecret[]
}

export interface AgreedChild {
  readonly child: Child
  readonly outputs: readonly KeyingOutput[]
}

type Methods = ChildOffers['methods']
type Exchanges = Pick<ChildOffers, 'methods' | 'additional'>

const NONCE_BYTES = 32

export interface BeginOptions {
  readonly additional?: readonly KeyExchangeMethod[]
  readonly detours?: number
  /** The child to replace: the new one is for the same traffic (RFC 7296 §2.9.2). */
  readonly old?: Child
}

/** As the initiator; `methods` is [undefined] inside IKE_AUTH. The reason where the policy has no such child. */
export function beginChild(
  wish: ChildWish,
  context: ChildContext,
  methods: Methods,
  world: World,
  { additional = [], detours = 0, old }: BeginOptions = {},
): Result<{ readonly begun: ChildBegun; readonly payloads: readonly Payload[] }, string> {
  const asked = ruleToAsk(wish, context, world, old)
  if (!asked.ok) return asked
  const { rule, selectors } = asked.value
  const offers = childOffers(rule, context, { methods, additional }, world)
  if (!offers.ok) return offers
  const spi = freeSpi(world)
  const bytes = spiBytes(spi)
  const [method] = methods
  const nonce = new Uint8Array(NONCE_BYTES)
  world.random.fill(nonce)
  const begun: ChildBegun = {
    wish,
    spi,
    nonce,
    ...(method === undefined ? {} : { exchange: beginKeyExchange(method, world.random) }),
    ownSelectors: selectors.own,
    peerSelectors: selectors.peer,
    mode: rule.mode,
    offers: offers.value,
    detours,
  }
  const payloads = [
    payload('security-association', { proposals: childProposals(offers.value, bytes) }),
    payload('initiator-selectors', { selectors: selectors.own }),
    payload('responder-selectors', { selectors: selectors.peer }),
    ...(rule.mode === 'transport' ? [notification('USE_TRANSPORT_MODE', {})] : []),
  ]
  return success({ begun, payloads })
}

/** AH covers the addresses that a NAT changes: behind one only ESP is left. */
function childOffers(
  rule: Rule,
  { nat }: ChildContext,
  exchanges: Exchanges,
  { settings }: World,
): Result<ChildOffers, string> {
  const isTranslated = nat.beforeUs || nat.beforePeer
  const security = rule.security.filter(name => !isTranslated || !name.startsWith('ah-'))
  if (security.length === 0) return failure(`a NAT is on the way, and ${rule.name} has only AH, which it breaks`)
  return success({ ...exchanges, security, extendedSequence: settings.extendedSequence })
}

function modeOf(payloads: readonly Payload[]): Child['mode'] {
  return findNotify(payloads, 'USE_TRANSPORT_MODE') === undefined ? 'tunnel' : 'transport'
}

/** The rule that what the peer asks for would be of, whoever it may be. */
export function ruleAskedFor(payloads: readonly Payload[], context: ChildContext, world: World): Rule | undefined {
  const [theirs, ours] = [find(payloads, 'initiator-selectors'), find(payloads, 'responder-selectors')]
  if (theirs === undefined || ours === undefined) return undefined
  const mode = modeOf(payloads)
  const named = { own: ours.selectors, peer: theirs.selectors }
  const found = ruleToAnswer(seen(named, mode, context), mode, context, world, undefined)
  return 'kind' in found ? undefined : found.rule
}

/** Of what the peer asks: one of several wishes that our policy has, too. No key exchange is looked at but its number. */
export function agreeOnTerms(
  payloads: readonly Payload[],
  context: ChildContext,
  exchangesOf: (rule: Rule) => readonly Exchanges[],
  world: World,
  { prefers, old }: { readonly prefers?: number; readonly old?: Child } = {},
): { readonly terms: ChildTerms; readonly payloads: readonly Payload[] } | Refusal {
  const proposals = find(payloads, 'security-association')
  const [theirs, ours] = [find(payloads, 'initiator-selectors'), find(payloads, 'responder-selectors')]
  if (proposals === undefined || theirs === undefined || ours === undefined) {
    return refusal(notification('INVALID_SYNTAX', {}), 'the peer asks for a child without saying which')
  }
  const mode = modeOf(payloads)
  const named = { own: ours.selectors, peer: theirs.selectors }
  const found = ruleToAnswer(seen(named, mode, context), mode, context, world, old)
  if ('kind' in found) return found
  const { rule, selectors } = found
  const chosen = chooseAmong(rule, context, exchangesOf(rule), proposals.proposals, world, prefers)
  if ('notify' in chosen) return chosen
  const { choice, answer, peerSpi } = chosen
  const spi = freeSpi(world)
  const terms: ChildTerms = {
    choice,
    mode,
    rule: rule.name,
    inboundRule: found.inboundRule,
    spi,
    peerSpi: readSpi(peerSpi),
    ownSelectors: selectors.own,
    peerSelectors: selectors.peer,
    ...(old === undefined ? {} : { replaces: old.name }),
  }
  const told = toldAgain(selectors, named, mode, context)
  const reply = [
    payload('security-association', { proposals: [{ ...answer, spi: spiBytes(spi) }] }),
    payload('initiator-selectors', { selectors: told.peer }),
    payload('responder-selectors', { selectors: told.own }),
    ...(mode === 'transport' ? [notification('USE_TRANSPORT_MODE', {})] : []),
  ]
  return { terms, payloads: reply }
}

/** The first that fits; where none does, the reason of the preferred one. */
function chooseAmong(
  rule: Rule,
  context: ChildContext,
  exchanges: readonly Exchanges[],
  proposals: Parameters<typeof chooseChild>[1],
  world: World,
  prefers: number | undefined,
) {
  let refused: Refusal | undefined
  for (const one of exchanges) {
    const offers = childOffers(rule, context, one, world)
    if (!offers.ok) return refusal(notification('NO_PROPOSAL_CHOSEN', {}), offers.error)
    const chosen = chooseChild(offers.value, proposals, prefers)
    if (chosen.ok) return chosen.value
    refused ??= refusal(mismatchNotify(chosen.error), `${rule.name}: ${chosen.error.what}`)
  }
  return refused!
}

export function mismatchNotify({ kind, group }: Mismatch): Payload {
  return kind === 'invalid-ke' && group !== undefined
    ? notification('INVALID_KE_PAYLOAD', { method: group })
    : notification('NO_PROPOSAL_CHOSEN', {})
}

/** Addresses as this host sees them: in transport mode behind a NAT those of the path (RFC 7296 §2.23.1). */
function seen(pair: SelectorPair, mode: Child['mode'], { nat, path }: ChildContext): SelectorPair {
  if (mode === 'tunnel') return pair
  return {
    own: nat.beforeUs ? withAddress(pair.own, path.local.address) : pair.own,
    peer: nat.beforePeer ? withAddress(pair.peer, path.remote.address) : pair.peer,
  }
}

/** The same as the peer named them. */
function toldAgain(pair: SelectorPair, named: SelectorPair, mode: Child['mode'], { nat }: ChildContext): SelectorPair {
  if (mode === 'tunnel') return pair
  const [own, peer] = [namedAddress(named.own), namedAddress(named.peer)]
  return {
    own: nat.beforeUs && own !== undefined ? withAddress(pair.own, own) : pair.own,
    peer: nat.beforePeer && peer !== undefined ? withAddress(pair.peer, peer) : pair.peer,
  }
}

/** As the responder, where the child needs no key exchange of its own or has one already. */
export function agreeOnChild(
  payloads: readonly Payload[],
  context: ChildContext,
  keys: ChildKeySource,
  methods: Methods,
  world: World,
): (AgreedChild & { readonly payloads: readonly Payload[] }) | Refusal {
  const agreed = agreeOnTerms(payloads, context, () => [{ methods, additional: [] }], world)
  if ('kind' in agreed) return agreed
  return { ...makeChild(agreed.terms, context, keys, 'responder', world), payloads: agreed.payloads }
}

/** What the peer answered to what we asked, held against it: nothing that was not asked for is accepted. */
export function concludeTerms(
  begun: ChildBegun,
  payloads: readonly Payload[],
  context: ChildContext,
  world: World,
): ChildTerms | Refusal {
  const { wish, offers, mode } = begun
  const proposals = find(payloads, 'security-association')
  const [ours, theirs] = [find(payloads, 'initiator-selectors'), find(payloads, 'responder-selectors')]
  if (proposals === undefined || theirs === undefined || ours === undefined) {
    const error = errorIn(payloads)
    return unwanted(error === undefined ? 'the peer answers without a child' : `the peer refuses: ${error}`)
  }
  const accepted = acceptedChild(offers, proposals.proposals)
  if (!accepted.ok) return unwanted(accepted.error.what)
  const isTransport = findNotify(payloads, 'USE_TRANSPORT_MODE') !== undefined
  if (isTransport !== (mode === 'transport')) {
    return unwanted(`the peer made it in ${isTransport ? 'transport' : 'tunnel'} mode, ${wish.rule} wants ${mode} mode`)
  }
  const answer = seen({ own: ours.selectors, peer: theirs.selectors }, mode, context)
  const selectors = acceptedSelectors({ own: begun.ownSelectors, peer: begun.peerSelectors }, answer)
  if (selectors === undefined) return unwanted('the peer answers with other traffic selectors than were offered')
  if (wish.flow !== undefined && !includes(selectors, wish.flow)) {
    return unwanted('the peer narrowed the child so that the packet that waits is not in it')
  }
  const rule = ruleNamed(wish.rule, world)
  if (rule === undefined) return unwanted(`the policy has no rule ${wish.rule} any more`)
  const inbound = inboundRuleFor(rule, selectors, wish.flow, context, world)
  if (!inbound.ok) return unwanted(inbound.error)
  const { choice, peerSpi } = accepted.value
  if (rule.mode !== mode || !rule.security.includes(choice.security)) {
    return unwanted(`the policy changed meanwhile: ${rule.name} no longer has ${choice.security} in ${mode} mode`)
  }
  return {
    choice,
    mode,
    rule: rule.name,
    inboundRule: inbound.value,
    spi: begun.spi,
    peerSpi: readSpi(peerSpi),
    ownSelectors: selectors.own,
    peerSelectors: selectors.peer,
    ...(wish.replaces === undefined ? {} : { replaces: wish.replaces }),
  }
}

function unwanted(what: string): Refusal {
  return refusal('silent', what)
}

/** The name of the first error that the peer tells. */
export function errorIn(payloads: readonly Payload[]): string | undefined {
  const error = findAll(payloads, 'notify').find(({ type }) => isErrorNotify(type))
  return error === undefined ? undefined : notifyName(error.type)
}

/** As the initiator, where the child needs no key exchange of its own or has one already. */
export function concludeChild(
  begun: ChildBegun,
  payloads: readonly Payload[],
  context: ChildContext,
  keys: ChildKeySource,
  world: World,
): AgreedChild | Refusal {
  const terms = concludeTerms(begun, payloads, context, world)
  return 'kind' in terms ? terms : makeChild(terms, context, keys, 'initiator', world)
}

/**
 * The associations; `role` is that in the exchange that asked for them, which orders the keys (RFC 7296 §2.17). A child
 * that takes another's place begins to send at once only at its initiator (§2.8).
 */
export function makeChild(
  terms: ChildTerms,
  { path, nat, session }: ChildContext,
  keys: ChildKeySource,
  role: 'initiator' | 'responder',
  world: World,
): AgreedChild {
  const { choice, mode, rule, spi, peerSpi, ownSelectors, peerSelectors, replaces } = terms
  const made = childKeysOf(keys.prf, keys.derivation, keys.shared, keys.nonces, [choice.suite])
  const [fromInitiator, fromResponder] = [made.fromInitiator[0]!, made.fromResponder[0]!]
  const [own, peer] = role === 'initiator' ? [fromInitiator, fromResponder] : [fromResponder, fromInitiator]
  const { suite, extendedSequence } = choice
  const inUdp = choice.protocol === 'esp' && isInUdp(nat)
  const lifetime = lifetimeOf({ rule, suites: [suite], extendedSequence }, world)
  const layers = [{ suite, spi, peerSpi, ownKeys: own, peerKeys: peer }]
  const { replayWindow } = world.settings
  const pair = associationPair({ ...terms, layers, extendedSequence, lifetime, isInUdp: inUdp }, path, replayWindow)
  const { security, protocol } = choice
  const replacing = replaces === undefined ? {} : { replaces }
  const child: Child = {
    name: spi,
    peerSpi,
    protocol,
    rule,
    security,
    mode,
    ownSelectors,
    peerSelectors,
    standing: 'used',
    ...replacing,
    since: world.now,
  }
  const begins = role === 'initiator' || replaces === undefined
  const told = {
    session: session.id,
    peer: path.remote.address,
    name: spi,
    peerSpi,
    rule,
    security,
    mode,
    ...replacing,
  }
  const outputs: readonly KeyingOutput[] = [
    { kind: 'install', pair },
    ...(begins ? [{ kind: 'begin-sending', name: spi } as const] : []),
    report({ kind: 'child-established', ...told }),
  ]
  return { child, outputs }
}
