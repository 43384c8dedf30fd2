// What of the sessions a new policy, or new credentials, no longer allow. Compared by value: a policy that was read again
// and says the same ends nothing.
import { sameAddress } from '../base/address.ts'
import { type Flow, hasPorts } from '../base/flow.ts'
import type { Spi } from '../ipsec/association.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { directions, filterMatches } from '../policy/filter.ts'
import type { Policy, Rule, RuleId } from '../policy/model.ts'
import type { TrafficSelector } from '../wire/ike/traffic-selectors.ts'
import { wantsEspInUdp } from './candidates.ts'
import type { Credential, Credentials } from './credentials.ts'
import type { Child, ChildTerms, Established, Session } from './ikev2/session.ts'
import type { World } from './machine.ts'
import { isSameValue } from './same-value.ts'

/** The rule, where it negotiates by IKEv2. */
export function keyedRule({ rules }: Policy, name: RuleId): Rule | undefined {
  const rule = rules.find(one => one.name === name)
  return rule?.active === true && rule.action === 'negotiate' ? rule : undefined
}

/** What of a child its rule has to have. */
export type AllowedChild = Pick<Child, 'rule' | 'security' | 'mode' | 'ownSelectors' | 'peerSelectors'>

export interface Change {
  readonly before: CompiledPolicy
  readonly after: CompiledPolicy
  readonly credentials: Credentials
}

export type Verdict =
  /** With credentials as the new policy has them. */
  | { readonly kind: 'stays'; readonly session: Session<Established>; readonly ending: readonly Spi[] }
  | { readonly kind: 'ends'; readonly why: string }

export function judgeSession(session: Session<Established>, change: Change): Verdict {
  const { state } = session
  const credential = sameCredential(state.peer.credential, change)
  if (credential === undefined) return { kind: 'ends', why: 'the policy no longer has what its peer was judged by' }
  const own = sameCredential(state.own.credential, change)
  if (own === undefined) return { kind: 'ends', why: 'the policy no longer has what this host proved itself with' }
  const { before, after } = change
  if (wantsEspInUdp(before, session.path, 'ikev2') !== wantsEspInUdp(after, session.path, 'ikev2')) {
    return { kind: 'ends', why: 'the policy wants ESP in another form' }
  }
  const ending = state.children.filter(child => !staysAllowed(child, credential, change)).map(({ name }) => name)
  if (ending.length > 0 && ending.length === state.children.length) {
    return { kind: 'ends', why: 'the policy no longer has the rules that it was for' }
  }
  const current: Established = {
    ...state,
    own: { ...state.own, credential: own },
    peer: { ...state.peer, credential },
  }
  return { kind: 'stays', session: { ...session, state: current }, ending }
}

export function sameCredential(credential: Credential, { after, credentials }: Change): Credential | undefined {
  for (const { name, active } of after.policy.rules) {
    const same = active ? credentials.of(name).find(one => isSameValue(one, credential)) : undefined
    if (same !== undefined) return same
  }
  return undefined
}

export function staysAllowed(
  child: AllowedChild,
  credential: Credential,
  { before, after, credentials }: Change,
): boolean {
  const rule = keyedRule(after.policy, child.rule)
  const old = keyedRule(before.policy, child.rule)
  if (rule === undefined || !rule.security.includes(child.security) || rule.mode !== child.mode) return false
  if (!credentials.of(rule.name).some(one => isSameValue(one, credential))) return false
  // The data plane lets go of associations by the same measure (dataplane/kept-rules.ts).
  if (old !== undefined && !(isSameEnd(rule, old) && isSameValue(rule.security, old.security))) return false
  return isCovered(rule, child, after)
}

/** Why a child that was agreed on a while ago, and is only made now, is no longer what the policy has. */
export function whyNoLonger(
  terms: ChildTerms,
  credential: Credential,
  { policy, credentials }: Pick<World, 'policy' | 'credentials'>,
): string | undefined {
  const accepts = (name: RuleId) => credentials.of(name).some(one => isSameValue(one, credential))
  const rules = [terms.rule, terms.inboundRule].map(name => keyedRule(policy.policy, name))
  const isAsAgreed = rules.every(
    rule => rule?.mode === terms.mode && rule.keying.includes('ikev2') && accepts(rule.name),
  )
  const [rule] = rules
  const isOurs = rule?.security.includes(terms.choice.security) === true && isCovered(rule, terms, policy)
  return isAsAgreed && isOurs ? undefined : `the policy changed meanwhile: ${terms.rule} no longer has this child`
}

function isSameEnd({ tunnelEndpoint: a }: Rule, { tunnelEndpoint: b }: Rule): boolean {
  return a === undefined || b === undefined ? a === b : sameAddress(a, b)
}

/** One of the rule's filters still has both corners of what was agreed on; which filter wins, each packet is asked. */
function isCovered(
  rule: Rule,
  { ownSelectors, peerSelectors }: Pick<Child, 'ownSelectors' | 'peerSelectors'>,
  { me }: CompiledPolicy,
): boolean {
  const filters = rule.filters.flatMap(directions)
  return ownSelectors.every(own =>
    peerSelectors.every(peer => {
      const corners = [flowAt(own, peer, 'start'), flowAt(own, peer, 'end')]
      return filters.some(filter => corners.every(flow => flow === undefined || filterMatches(filter, flow, me)))
    }),
  )
}

/** Undefined for selectors of a kind that no filter has. */
function flowAt(own: TrafficSelector, peer: TrafficSelector, corner: 'start' | 'end'): Flow | undefined {
  if (own.kind !== 'addresses' || peer.kind !== 'addresses') return undefined
  const port = ({ startPort, endPort }: typeof own) => (corner === 'start' ? startPort : endPort)
  const ports = { sourcePort: port(own), destinationPort: port(peer) }
  const { protocol } = own
  return { source: own[corner], destination: peer[corner], protocol, ...(hasPorts(protocol) ? ports : {}) }
}
