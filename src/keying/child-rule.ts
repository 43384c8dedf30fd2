// Which rule of our policy a child is for, as the one who asks and as the one who answers (RFC 7296 §2.9), and whether
// the peer may have it: a session carries the children of those rules that accept the credential its peer was judged by.
import { formatAddress, sameAddress } from '../base/address.ts'
import { type Flow, formatFlow, reverseFlow } from '../base/flow.ts'
import { failure, type Result, success } from '../base/result.ts'
import type { Spi } from '../ipsec/association.ts'
import { decideByFilters, tableOf } from '../policy/decide.ts'
import { type DirectedFilter, directions, filterMatches } from '../policy/filter.ts'
import type { KeyingVersion, Rule, RuleId } from '../policy/model.ts'
import { notification } from '../wire/ike/notify.ts'
import type { Credential, Identity } from './credentials.ts'
import { type Path, type Refusal, refusal, type SessionId, type World } from './machine.ts'
import type { NatFindings } from './nat-findings.ts'
import { isSameValue } from './same-value.ts'
import {
  anyPacketOf,
  breadthOf,
  includes,
  narrow,
  offerOfSides,
  packetOf,
  type RangeSelector,
  reversed,
  type SelectorPair,
  sidesOf,
} from './selectors.ts'

/** What a host wants to protect, and why it speaks at all. */
export interface ChildWish {
  readonly rule: RuleId
  /** The packet that waits; absent where nothing waits, as in a rekey. */
  readonly flow?: Flow
  /** Child that this one replaces, by its name. */
  readonly replaces?: Spi
}

/** What a child that is replaced was for. */
export interface OldChild {
  readonly rule: RuleId
  readonly ownSelectors: readonly RangeSelector[]
  readonly peerSelectors: readonly RangeSelector[]
}

type Mode = 'transport' | 'tunnel'

/** What of its session a child has to know. */
export interface ChildContext {
  readonly keying: KeyingVersion
  readonly path: Path
  readonly nat: NatFindings
  /** The credential is known once the peer has proved itself. */
  readonly session: { readonly id: SessionId; readonly peerCredential?: Credential; readonly peerIdentity?: Identity }
}

export function ruleNamed(name: RuleId, { policy }: World): Rule | undefined {
  return policy.policy.rules.find(rule => rule.name === name && rule.active && rule.action === 'negotiate')
}

export interface AskedRule {
  readonly rule: Rule
  readonly selectors: SelectorPair
}

/** The filter that a waiting packet met, or what an older child was for. */
export function ruleToAsk(
  { rule: name, flow }: ChildWish,
  context: ChildContext,
  world: World,
  old: OldChild | undefined,
): Result<AskedRule, string> {
  const rule = ruleNamed(name, world)
  if (rule === undefined) return failure(`the policy has no rule ${name} that negotiates`)
  const why = whyNot(rule, context, world)
  if (why !== undefined) return failure(why)
  if (old !== undefined) {
    return success({ rule, selectors: { own: old.ownSelectors, peer: old.peerSelectors } })
  }
  for (const filter of filtersOut(rule, flow, world)) {
    const selectors = offerOfSides(sidesOf(filter, rule.mode, context.path, world.policy.me), flow)
    if (selectors !== undefined && (flow === undefined || includes(selectors, flow)))
      return success({ rule, selectors })
  }
  const peer = formatAddress(context.path.remote.address)
  const what = flow === undefined ? 'traffic' : formatFlow(flow)
  return failure(`the rule ${name} has no filter for ${what} with ${peer}`)
}

/** Those that may be meant, the right one first. */
function filtersOut(rule: Rule, flow: Flow | undefined, { policy }: World): readonly DirectedFilter[] {
  const all = rule.filters.flatMap(directions)
  if (flow === undefined) return all
  const { entry } = decideByFilters(policy, flow, 'out')
  if (entry?.rule.name === rule.name) return [entry.filter]
  return all.filter(filter => filterMatches(filter, flow, policy.me))
}

/** Why the peer may not have a child of that rule. */
function whyNot(rule: Rule, { keying, path, session }: ChildContext, { credentials }: World): string | undefined {
  const { name, mode, tunnelEndpoint } = rule
  if (!rule.keying.includes(keying)) return `the rule ${name} is not for ${keying === 'ikev2' ? 'IKEv2' : 'IKEv1'}`
  const { peerCredential } = session
  if (peerCredential !== undefined && !credentials.of(name).some(one => isSameValue(one, peerCredential))) {
    return `the peer proved itself in a way that the rule ${name} does not have`
  }
  const peer = path.remote.address
  if (mode === 'tunnel' && (tunnelEndpoint === undefined || !sameAddress(tunnelEndpoint, peer))) {
    const end = tunnelEndpoint === undefined ? 'nowhere' : `at ${formatAddress(tunnelEndpoint)}`
    return `the tunnel of the rule ${name} ends ${end}, the peer is ${formatAddress(peer)}`
  }
  return undefined
}

export interface AnsweredRule {
  readonly rule: Rule
  readonly inboundRule: RuleId
  readonly selectors: SelectorPair<RangeSelector>
}

/**
 * Where the first selectors are one packet's, the rule that the packet meets; else the filter that has most in common with
 * what the peer asks. A child that replaces another is of its rule, where that still fits.
 */
export function ruleToAnswer(
  offered: SelectorPair,
  mode: Mode,
  context: ChildContext,
  world: World,
  old: OldChild | undefined,
): AnsweredRule | Refusal {
  const found = ruleFitting(offered, mode, context, world, old)
  const { path, nat, session } = context
  const { id, peerIdentity: identity } = session
  if ('kind' in found || mode === 'tunnel' || !nat.beforePeer || identity === undefined) return found
  // The newer association would get what is meant for the other host (RFC 3948 §5.2).
  const claim = { session: id, identity, address: path.remote.address, selectors: found.selectors }
  return world.isAnothers?.(claim) === true
    ? unacceptable(`another host behind the NAT ${formatAddress(path.remote.address)} has an association for that`)
    : found
}

function ruleFitting(
  offered: SelectorPair,
  mode: Mode,
  context: ChildContext,
  world: World,
  old: OldChild | undefined,
): AnsweredRule | Refusal {
  const packet = packetOf(offered)
  if (packet !== undefined) return ruleOfPacket(packet, offered, mode, context, world)
  let best: { readonly rule: Rule; readonly selectors: SelectorPair<RangeSelector> } | undefined
  let bestRank: readonly [number, number] = [0, 0]
  let reason: string | undefined
  for (const { rule, filter } of candidates(mode, context, world)) {
    const selectors = narrow(offered, sidesOf(filter, rule.mode, context.path, world.policy.me))
    if (selectors === undefined) continue
    const why = rule.mode === mode ? whyNot(rule, context, world) : otherMode(rule, mode)
    if (why !== undefined) reason ??= why
    else {
      const rank = [rule.name === old?.rule ? 1 : 0, breadthOf(selectors)] as const
      if (rank[0] > bestRank[0] || (rank[0] === bestRank[0] && rank[1] > bestRank[1])) {
        best = { rule, selectors }
        bestRank = rank
      }
    }
  }
  if (best === undefined) {
    if (reason !== undefined) return refusal(notification('NO_PROPOSAL_CHOSEN', {}), reason)
    return unacceptable('the peer asks for traffic that no rule of ours negotiates')
  }
  const { rule, selectors } = best
  const inbound = inboundRuleFor(rule, selectors, undefined, context, world)
  if (!inbound.ok) return refusal(notification('NO_PROPOSAL_CHOSEN', {}), inbound.error)
  return { rule, selectors, inboundRule: inbound.value }
}

/** Filters by what leaves; only in a tunnel can it be of another family than the path. */
function candidates(mode: Mode, { path }: ChildContext, { policy }: World) {
  const families = mode === 'tunnel' ? ([4, 6] as const) : [path.local.address.family]
  const entries = families.flatMap(family => tableOf(policy, family).filters.map(({ entry }) => entry))
  return new Set(entries.filter(({ rule }) => rule.action === 'negotiate'))
}

function ruleOfPacket(
  packet: Flow,
  offered: SelectorPair,
  mode: Mode,
  context: ChildContext,
  world: World,
): AnsweredRule | Refusal {
  const { policy } = world
  const out = decideByFilters(policy, packet, 'out')
  const back = decideByFilters(policy, reverseFlow(packet), 'in')
  // A filter that is not mirrored may speak of what arrives alone.
  const entry = out.action === 'negotiate' ? out.entry : back.action === 'negotiate' ? back.entry : undefined
  if (entry === undefined) return unacceptable(`our policy does not protect ${formatFlow(reverseFlow(packet))}`)
  const { rule } = entry
  const filter = entry === out.entry ? entry.filter : reversed(entry.filter)
  const why = rule.mode === mode ? whyNot(rule, context, world) : otherMode(rule, mode)
  if (why !== undefined) return refusal(notification('NO_PROPOSAL_CHOSEN', {}), why)
  const selectors = narrow(offered, sidesOf(filter, mode, context.path, policy.me))
  if (selectors === undefined) {
    return unacceptable(`the peer's traffic selectors have nothing in common with the rule ${rule.name}`)
  }
  const inbound = inboundRuleFor(rule, selectors, packet, context, world)
  if (!inbound.ok) return refusal(notification('NO_PROPOSAL_CHOSEN', {}), inbound.error)
  return { rule, selectors, inboundRule: inbound.value }
}

function otherMode({ name, mode }: Rule, asked: Mode): string {
  return `the rule ${name} wants ${mode} mode, the peer asks for ${asked} mode`
}

function unacceptable(what: string): Refusal {
  return refusal(notification('TS_UNACCEPTABLE', {}), what)
}

/**
 * The rule that our policy picks for what comes back, which the data plane asks for what arrives. Rules of tunnels go one
 * way, so there are two of them; the peer must be acceptable to both.
 */
export function inboundRuleFor(
  rule: Rule,
  selectors: SelectorPair<RangeSelector>,
  packet: Flow | undefined,
  { session }: ChildContext,
  { policy, credentials }: World,
): Result<RuleId, string> {
  const back = reverseFlow(packet ?? anyPacketOf(selectors))
  const { action, entry } = decideByFilters(policy, back, 'in')
  const name = action === 'negotiate' && entry!.rule.mode === rule.mode ? entry!.rule.name : rule.name
  const { peerCredential } = session
  const isAccepted = [rule.name, name].every(
    one => peerCredential === undefined || credentials.of(one).some(each => isSameValue(each, peerCredential)),
  )
  return isAccepted ? success(name) : failure(`the peer proved itself in a way that the rule ${name} does not have`)
}
