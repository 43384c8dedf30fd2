// What two hosts agree on in quick mode, before there are messages of it (RFC 2409 §5.5): which rule of ours the traffic is of,
// what is offered for it, and the associations that come of it. Both roles, in the order of travel.
import { type Address, sameAddress } from '../../base/address.ts'
import { failure, type Result, success } from '../../base/result.ts'
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import { child1KeysOf } from '../../crypto/ike1-keys.ts'
import { findKeyExchange, type KeyExchangeMethod } from '../../crypto/key-exchange.ts'
import { beginKeyExchange, type SharedSecret } from '../../crypto/run-key-exchange.ts'
import type { AssociationPair } from '../../ipsec/association.ts'
import { ikeOffersOf, keyExchangeOf } from '../../policy/ike-offers.ts'
import type { Rule } from '../../policy/model.ts'
import { attributeNumber, type ProposalV1 } from '../../wire/ike/v1-security-association.ts'
import { encapsulationModes, ipsecAttributes } from '../../wire/ike/v1-transform-numbers.ts'
import { associationPair, freeSpi, readSpi, spiBytes } from '../association-pair.ts'
import { lifetimeOf, ruleLifetime } from '../child-lifetime.ts'
import {
  type ChildContext,
  type ChildWish,
  inboundRuleFor,
  type OldChild,
  ruleNamed,
  ruleToAnswer,
  ruleToAsk,
} from '../child-rule.ts'
import {
  acceptedChild1,
  type Child1Choice,
  type Child1Offers,
  chooseChild1,
  securityOfIkev1,
} from '../choose-child-v1.ts'
import type { Ike1Choice } from '../choose-proposal-v1.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import { isInUdp } from '../nat-findings.ts'
import { includes, type RangeSelector, type SelectorPair, withAddress } from '../selectors.ts'
import type { Child } from './children.ts'
import { formatSelector, isSameSelector, type NamedPair } from './identities.ts'
import type { ChildBegun, ChildSpis, ChildTerms, Established, Exchanged, Session } from './session.ts'

const NONCE_BYTES = 32

export function contextOf({ id, path, state }: Session<Established>): ChildContext {
  const { credential, identity } = state.peer
  return { keying: 'ikev1', path, nat: state.nat, session: { id, peerCredential: credential, peerIdentity: identity } }
}

/** As the initiator; the reason where the policy has no such child. */
export function beginChild(
  session: Session<Established>,
  wish: ChildWish,
  old: OldChild | undefined,
  world: World,
): Result<ChildBegun, string> {
  const asked = ruleToAsk(wish, contextOf(session), world, old)
  if (!asked.ok) return asked
  const { rule, selectors } = asked.value
  const pair = pairToAsk(selectors as SelectorPair<RangeSelector>, wish)
  if (pair === undefined) return failure(`IKEv1 names one port or all, and the rule ${rule.name} has others`)
  const methods = rule.freshKeys ? [wantedMethod(rule, session.state.choice)] : [undefined]
  const offers = offersFor(rule, session, methods, world)
  if (!offers.ok) return offers
  const nonce = new Uint8Array(NONCE_BYTES)
  world.random.fill(nonce)
  const [method] = methods
  return success({
    wish,
    spis: freeSpis(world),
    nonce,
    ...(method === undefined ? {} : { exchange: beginKeyExchange(method, world.random) }),
    own: pair.own,
    peer: pair.peer,
    mode: rule.mode,
    offers: offers.value,
  })
}

function freeSpis(world: World): ChildSpis {
  const esp = freeSpi(world)
  for (;;) {
    const ah = freeSpi(world)
    if (ah !== esp) return { esp, ah }
  }
}

/** One of each side: all of the filter where an identification can say it, else the packet that waits. */
function pairToAsk(
  { own, peer }: SelectorPair<RangeSelector>,
  wish: ChildWish,
): { readonly own: RangeSelector; readonly peer: RangeSelector } | undefined {
  const { flow } = wish
  const pairs = own.flatMap(one => peer.map(other => ({ own: one, peer: other })))
  const usable = pairs.filter(
    ({ own: one, peer: other }) =>
      one.protocol === other.protocol &&
      one.start.family === other.start.family &&
      [one, other].every(hasSayablePorts) &&
      (flow === undefined || includes({ own: [one], peer: [other] }, flow)),
  )
  // The packet itself stands first where it is a hint.
  return flow === undefined ? usable[0] : usable.at(-1)
}

function hasSayablePorts({ startPort, endPort }: RangeSelector): boolean {
  return (startPort === 0 && endPort === 65535) || (startPort === endPort && startPort !== 0)
}

function wantedMethod({ keyExchange }: Rule, { method }: Ike1Choice): KeyExchangeMethod {
  const named = keyExchange === undefined ? undefined : keyExchangeOf(keyExchange)
  return named?.ok === true ? findKeyExchange(named.value.group) : method
}

/** Ours first; a rule without fresh keys lets the peer have them, by any group that the policy trusts. */
function methodsToAccept(rule: Rule, choice: Ike1Choice, { policy }: World): Child1Offers['methods'] {
  const wanted = wantedMethod(rule, choice)
  const others =
    rule.keyExchange === undefined ? ikeOffersOf(policy.policy).map(({ group }) => findKeyExchange(group)) : []
  const all = [...new Set([wanted, choice.method, ...others])]
  return rule.freshKeys ? (rule.keyExchange === undefined ? all : [wanted]) : [undefined, ...all]
}

/** AH covers the addresses that a NAT changes: behind one only ESP is left. */
function offersFor(
  rule: Rule,
  { state, support }: Session<Established>,
  methods: Child1Offers['methods'],
  world: World,
): Result<Child1Offers, string> {
  const { nat } = state
  const isTranslated = nat.beforeUs || nat.beforePeer
  const known = securityOfIkev1(rule.security)
  const security = known.filter(name => !isTranslated || !name.includes('ah-'))
  if (known.length === 0) return failure(`${rule.name} has no security method that IKEv1 can agree on`)
  if (security.length === 0) return failure(`a NAT is on the way, and ${rule.name} has only AH, which it breaks`)
  const encapsulation = !isInUdp(nat) ? 'none' : support.nat === 'draft' ? 'udp-draft' : 'udp'
  return success({
    security,
    methods,
    mode: rule.mode,
    encapsulation,
    // Windows and others do not know them; who wants them has IKEv2.
    extendedSequence: 'never',
    lifetimes: ruleLifetime(rule.name, world),
  })
}

/** The mode that the peer's first proposal asks for; without a word of it transport mode, as between two hosts. */
export function modeAsked(proposals: readonly ProposalV1[]): 'transport' | 'tunnel' {
  const attribute = proposals[0]?.transforms[0]?.attributes.find(({ type }) => type === ipsecAttributes.of.mode)
  const number = attribute && attributeNumber(attribute)
  const { tunnel, 'udp-tunnel': udp, 'udp-tunnel-draft': draft } = encapsulationModes.of
  return number === tunnel || number === udp || number === draft ? 'tunnel' : 'transport'
}

export interface AgreedTerms {
  readonly terms: ChildTerms
  readonly answer: readonly ProposalV1[]
}

/** As the responder: exactly what the peer asks for, or nothing, for IKEv1 cannot narrow. */
export function agreeOnTerms(
  session: Session<Established>,
  proposals: readonly ProposalV1[],
  named: NamedPair,
  world: World,
): Result<AgreedTerms, { readonly isAboutTraffic: boolean; readonly what: string }> {
  const mode = modeAsked(proposals)
  const context = contextOf(session)
  const seen = asSeen({ own: named.responder, peer: named.initiator }, mode, session)
  const found = ruleToAnswer({ own: [seen.own], peer: [seen.peer] }, mode, context, world, undefined)
  if ('kind' in found) return failure({ isAboutTraffic: true, what: found.what })
  const { rule, selectors, inboundRule } = found
  const [own, peer] = [selectors.own[0]!, selectors.peer[0]!]
  if (
    selectors.own.length !== 1 ||
    selectors.peer.length !== 1 ||
    !isSameSelector(own, seen.own) ||
    !isSameSelector(peer, seen.peer)
  ) {
    const theirs = `${formatSelector(seen.peer)} with ${formatSelector(seen.own)}`
    const ours = `${formatSelector(peer)} with ${formatSelector(own)}`
    const what = `the peer asks for ${theirs}, the rule ${rule.name} has ${ours} of it, and IKEv1 cannot narrow`
    return failure({ isAboutTraffic: true, what })
  }
  const offers = offersFor(rule, session, methodsToAccept(rule, session.state.choice, world), world)
  if (!offers.ok) return failure({ isAboutTraffic: false, what: offers.error })
  const spis = freeSpis(world)
  const chosen = chooseChild1(offers.value, proposals, { esp: spiBytes(spis.esp), ah: spiBytes(spis.ah) })
  if (!chosen.ok) return failure({ isAboutTraffic: false, what: `${rule.name}: ${chosen.error.what}` })
  const { choice, answer } = chosen.value
  return success({ terms: { choice, mode, rule: rule.name, inboundRule, own, peer, spis }, answer })
}

/** Addresses as this host sees them: in transport mode behind a NAT those of the path. */
function asSeen(
  pair: { readonly own: RangeSelector; readonly peer: RangeSelector },
  mode: Child['mode'],
  { path, state: { nat } }: Session<Established>,
) {
  if (mode === 'tunnel') return pair
  const seen = (one: RangeSelector, isTranslated: boolean, address: Address) =>
    isTranslated ? (withAddress([one], address)[0] as RangeSelector) : one
  return {
    own: seen(pair.own, nat.beforeUs, path.local.address),
    peer: seen(pair.peer, nat.beforePeer, path.remote.address),
  }
}

/** As the initiator: nothing that was not asked for is accepted. */
export function concludeTerms(
  session: Session<Established>,
  begun: ChildBegun,
  proposals: readonly ProposalV1[],
  named: NamedPair | undefined,
  world: World,
): Result<ChildTerms, string> {
  const { wish, offers, own, peer, mode } = begun
  const accepted = acceptedChild1(offers, proposals)
  if (!accepted.ok) return failure(accepted.error.what)
  if (named !== undefined) {
    const answer = asSeen({ own: named.initiator, peer: named.responder }, mode, session)
    const isSame = isSameSelector(answer.own, own) && isSameSelector(answer.peer, peer)
    // A peer that sees another address of ours than we do names that one.
    if (
      !isSame &&
      !(isHostPair(begun) && isHostPair({ own: named.initiator, peer: named.responder }) && isInUdp(session.state.nat))
    ) {
      return failure(
        `the peer answers for ${formatSelector(named.responder)} with ${formatSelector(named.initiator)}, which was not asked for`,
      )
    }
  }
  const rule = ruleNamed(wish.rule, world)
  if (rule === undefined) return failure(`the policy has no rule ${wish.rule} any more`)
  const inbound = inboundRuleFor(rule, { own: [own], peer: [peer] }, wish.flow, contextOf(session), world)
  if (!inbound.ok) return inbound
  const choice = accepted.value
  if (rule.mode !== mode || !rule.security.includes(choice.security)) {
    return failure(`the policy changed meanwhile: ${rule.name} no longer has ${choice.security} in ${mode} mode`)
  }
  const replaced = wish.replaces === undefined ? {} : { replaces: wish.replaces }
  return success({
    choice,
    mode,
    rule: rule.name,
    inboundRule: inbound.value,
    own,
    peer,
    spis: begun.spis,
    ...replaced,
  })
}

function isHostPair({ own, peer }: { readonly own: RangeSelector; readonly peer: RangeSelector }): boolean {
  return [own, peer].every(({ start, end }) => sameAddress(start, end))
}

export interface MadeChild {
  readonly child: Child
  readonly install: KeyingOutput
  readonly told: KeyingOutput
}

/** The associations. `shared` is used up. */
export function makeChild(
  session: Session<Established>,
  terms: ChildTerms,
  nonces: Exchanged['nonces'],
  shared: SharedSecret | undefined,
  isOwn: boolean,
  world: World,
): MadeChild {
  const { choice, mode, rule, own, peer, spis, replaces } = terms
  const { path, state } = session
  const { suite, keys } = state.secured
  const layers = choice.layers.map(({ suite: packet, peerSpi }) => {
    const spi = spis[packet.protocol]
    const keysFor = (bytes: Uint8Array) =>
      child1KeysOf(suite.prf, keys.derivation, shared, nonces, { suite: packet, spi: bytes })
    // Each host chose the SPI under which it receives (RFC 2409 §5.5).
    return {
      suite: packet,
      spi,
      peerSpi: readSpi(peerSpi),
      ownKeys: keysFor(peerSpi),
      peerKeys: keysFor(spiBytes(spi)),
    }
  })
  if (shared !== undefined) wipeSecrets([shared])
  const pair = pairOf(session, terms, choice, layers, world)
  const outer = layers.at(-1)!
  const child: Child = {
    name: outer.spi,
    peerSpi: outer.peerSpi,
    layers: layers.map(({ suite: { protocol }, spi, peerSpi }) => ({ protocol, spi, peerSpi })),
    protocol: outer.suite.protocol,
    ...{ rule, mode, isOwn },
    security: choice.security,
    ownSelectors: [own],
    peerSelectors: [peer],
    standing: isOwn ? 'used' : 'coming',
    session: session.id,
    peer: peerOf(session),
    since: world.now,
    ...(replaces === undefined ? {} : { replaces }),
  }
  const { name, peerSpi, security } = child
  const about = { session: session.id, peer: path.remote.address, name, peerSpi, rule, security, mode }
  const told = report({ kind: 'child-established', ...about, ...(replaces === undefined ? {} : { replaces }) })
  return { child, install: { kind: 'install', pair }, told }
}

export function peerOf({ path, state }: Session<Established>): Child['peer'] {
  const { identity, credential } = state.peer
  return { address: path.remote.address, identity, credential, isTranslated: state.nat.beforePeer }
}

function pairOf(
  { path, state }: Session<Established>,
  { mode, rule, inboundRule, own, peer }: ChildTerms,
  { extendedSequence, lifetimes, layers: { length } }: Child1Choice,
  layers: Parameters<typeof associationPair>[0]['layers'],
  world: World,
): AssociationPair {
  const suites = layers.map(({ suite }) => suite)
  const lifetime = lifetimeOf({ rule, suites, extendedSequence }, world, lifetimes)
  const isUdp = isInUdp(state.nat) && length === 1 && suites[0]!.protocol === 'esp'
  return associationPair(
    {
      mode,
      rule,
      inboundRule,
      ownSelectors: [own],
      peerSelectors: [peer],
      layers,
      extendedSequence,
      lifetime,
      isInUdp: isUdp,
    },
    path,
    world.settings.replayWindow,
  )
}
