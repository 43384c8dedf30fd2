// Two policies, one of each host: what becomes of the traffic between the two, and whether their rules will agree. Asked
// before anything runs; keying answers for the rules, the policies for the packets.
import { type Address, formatAddress, sameAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import { type Agreement, agree } from '../keying/agreement.ts'
import { type CompiledPolicy, compile } from '../policy/compile.ts'
import type { Decision } from '../policy/decide.ts'
import { formatFilter } from '../policy/filter.ts'
import { isOf, type Meeting, meetings, narrowed } from '../policy/meetings.ts'
import type { AddressSpec, Filter, Policy, Rule } from '../policy/model.ts'
import type { Way } from '../policy/prove.ts'

export type { Agreement } from '../keying/agreement.ts'
export type { Part } from '../keying/agreement-part.ts'

/** `unclear`: B's default response rule answers, and a policy says nothing about how. */
export type PairOutcome = 'secured' | 'clear' | 'blocked' | 'broken' | 'unclear'

/** Traffic for which both policies have one reason each. */
export interface PairTraffic {
  readonly ways: readonly Way[]
  readonly a: Decision
  readonly b: Decision
  readonly outcome: PairOutcome
  /** What becomes of it, in a sentence. */
  readonly sentence: string
  readonly smallest: Flow
  /** Where both negotiate: the traffic that both filters are for, as traffic selectors will have it. */
  readonly selectors?: string
  /** Where both negotiate: the place in `agreements`. */
  readonly agreement?: number
}

export interface PairAgreement extends Agreement {
  readonly a: string
  readonly b: string
}

export interface PolicyPair {
  /** Whether everything that either secures is secured by both, and there is something. */
  readonly agrees: boolean
  readonly a: CompiledPolicy
  readonly b: CompiledPolicy
  readonly traffic: readonly PairTraffic[]
  readonly agreements: readonly PairAgreement[]
  readonly isComplete: boolean
}

export interface Hosts {
  readonly a: readonly Address[]
  readonly b: readonly Address[]
}

export function pairPolicies(first: Policy, second: Policy, hosts: Hosts): PolicyPair {
  const [a, b] = [compile(first, { me: hosts.a }), compile(second, { me: hosts.b })]
  const [there, back] = [meetings(a, b), meetings(b, a)]
  const pairs = new Agreements(a, b)
  const traffic = new Map<string, PairTraffic>()
  const add = (way: Way, meeting: Meeting) => {
    const each = trafficOf(a, b, way, meeting, pairs)
    const key = JSON.stringify([each.a.because, each.b.because, each.sentence, each.agreement])
    const known = traffic.get(key)
    traffic.set(key, known === undefined ? each : { ...known, ways: [...new Set([...known.ways, way])] })
  }
  for (const meeting of there.found) add('a-to-b', meeting)
  for (const meeting of back.found) add('b-to-a', meeting)
  const all = [...traffic.values()].sort((x, y) => order.indexOf(x.outcome) - order.indexOf(y.outcome))
  const isBroken = all.some(({ outcome }) => outcome === 'broken' || outcome === 'unclear')
  return {
    agrees: !isBroken && all.some(({ outcome }) => outcome === 'secured'),
    a,
    b,
    traffic: all,
    agreements: pairs.all,
    isComplete: there.isComplete && back.isComplete,
  }
}

/** What a person must look at first. */
const order: readonly PairOutcome[] = ['broken', 'unclear', 'secured', 'blocked', 'clear']

/** One for each two rules that meet, judged once. */
class Agreements {
  readonly all: PairAgreement[] = []
  readonly #places = new Map<string, number>()
  readonly #a: CompiledPolicy
  readonly #b: CompiledPolicy

  constructor(a: CompiledPolicy, b: CompiledPolicy) {
    this.#a = a
    this.#b = b
  }

  of(...rules: readonly [a: Rule, b: Rule]): number {
    const key = JSON.stringify(rules.map(({ name }) => name))
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const made = agree({ policy: this.#a.policy, rule: rules[0] }, { policy: this.#b.policy, rule: rules[1] }, [
      addressesOf(this.#a),
      addressesOf(this.#b),
    ])
    const place = this.all.push({ ...made, a: rules[0].name, b: rules[1].name }) - 1
    this.#places.set(key, place)
    return place
  }
}

function addressesOf({ me }: CompiledPolicy): readonly string[] {
  return me === 'any' ? [] : me.map(formatAddress)
}

function trafficOf(a: CompiledPolicy, b: CompiledPolicy, way: Way, meeting: Meeting, pairs: Agreements): PairTraffic {
  const isThere = way === 'a-to-b'
  const [sender, receiver] = isThere ? [a, b] : [b, a]
  const [own, other] = isThere ? [meeting.out, meeting.in] : [meeting.in, meeting.out]
  const common = { ways: [way], a: own, b: other, smallest: meeting.smallest } as const
  const [from, to] = isThere ? (['A', 'B'] as const) : (['B', 'A'] as const)
  const { out, in: arrived, answer } = meeting
  const isExempt = arrived.because.kind === 'exemption'
  if (out.entry === undefined || answer === undefined || (arrived.action !== 'negotiate' && !isExempt)) {
    return { ...common, ...mismatch(meeting, from, to) }
  }
  if (answer.action !== 'negotiate' || answer.entry === undefined) {
    const sentence = isExempt
      ? `${from} asks for IKE, ${to} exempts it and has no rule that secures it: nothing passes`
      : `${from} asks for IKE, and ${to} has no rule that secures the way back: nothing passes`
    return { ...common, outcome: 'broken', sentence }
  }
  const rules = isThere
    ? ([out.entry.rule, answer.entry.rule] as const)
    : ([answer.entry.rule, out.entry.rule] as const)
  const agreement = pairs.of(...rules)
  const found = narrowed(sender, receiver, meeting)
  const selectors = found === undefined ? undefined : formatFilter({ ...found, isMirror: false })
  const fault = tunnelFault(out.entry.rule, receiver, from, to) ?? tunnelFault(answer.entry.rule, sender, to, from)
  const { isAgreed } = pairs.all[agreement]!
  const works = isExempt ? `${from} secures it, and ${to} takes what it exempts sealed as well` : 'both secure it'
  return {
    ...common,
    outcome: isAgreed && fault === undefined ? 'secured' : 'broken',
    sentence: isAgreed ? (fault ?? works) : 'both want to secure it, and cannot agree: nothing passes',
    ...(selectors === undefined ? {} : { selectors }),
    agreement,
  }
}

/** A tunnel has to end where the other host is. */
function tunnelFault(rule: Rule, other: CompiledPolicy, from: string, to: string): string | undefined {
  if (rule.mode !== 'tunnel' || isOf(rule.tunnelEndpoint, other)) return undefined
  const end = rule.tunnelEndpoint === undefined ? 'nowhere' : `at ${formatAddress(rule.tunnelEndpoint)}`
  return `the tunnel of ${from} towards ${to} ends ${end}, which is no address of ${to}: nothing passes`
}

function mismatch({ out, in: arrived }: Meeting, from: string, to: string): Pick<PairTraffic, 'outcome' | 'sentence'> {
  if (out.action === 'block') {
    const secures = arrived.action === 'negotiate'
    const sentence = `${from} blocks it${secures ? `, and ${to} waits for it to be secured` : ''}`
    return { outcome: secures ? 'broken' : 'blocked', sentence }
  }
  if (out.action === 'permit' && arrived.action === 'permit') {
    const isIke = [out, arrived].every(({ because }) => because.kind === 'exemption' && because.exemption === 'ike')
    return { outcome: 'clear', sentence: isIke ? 'it passes in clear, for it makes the keys' : 'it passes in clear' }
  }
  if (out.action === 'permit' && arrived.action === 'block') {
    return { outcome: 'blocked', sentence: `${from} sends it in clear, ${to} blocks it` }
  }
  if (out.action === 'permit') {
    if (arrived.entry?.rule.acceptUnsecuredInbound === true) {
      return {
        outcome: 'broken',
        sentence: `${from} sends it in clear and ${to} accepts it, but answers secured: ${from} has no rule for that`,
      }
    }
    return { outcome: 'broken', sentence: `${from} sends it in clear, ${to} accepts it only secured and drops it` }
  }
  if (arrived.action === 'block') return { outcome: 'broken', sentence: `${from} secures it, ${to} blocks it` }
  const { kind } = arrived.because
  if (kind === 'default-response') {
    const sentence = `${from} secures it, ${to} answers by its default response rule, of which the policy says no more`
    return { outcome: 'unclear', sentence }
  }
  const falls = out.entry?.rule.fallBackToClear === true
  const refused = `${from} asks for IKE, and no rule of ${to} secures it`
  const then = falls ? `${from} falls back to clear only where IKE is not answered at all` : 'nothing passes'
  return { outcome: 'broken', sentence: `${refused}: ${then}` }
}

/**
 * The two hosts, where the filters that negotiate name them: a pair of single addresses that both policies have, or "me"
 * and the far end on each side. Undefined where that is nobody or more than one pair. What is given stays.
 */
export function hostsOf(a: Policy, b: Policy, given: Partial<Hosts>): Hosts | undefined {
  if (given.a !== undefined && given.b !== undefined) return { a: given.a, b: given.b }
  const found = endsOf(a).flatMap(([own, far]) =>
    endsOf(b)
      // The far end of the one is the other.
      .filter(([theirOwn, theirFar]) => isOpenOrSame(own, theirFar) && isOpenOrSame(theirOwn, far))
      .map(([, theirFar]) => ({ a: own ?? theirFar, b: far })),
  )
  const fitting = found.filter(
    pair => isAmong(pair.a, given.a) && isAmong(pair.b, given.b) && !sameAddress(pair.a, pair.b),
  )
  const pairs = new Set(fitting.map(pair => [pair.a, pair.b].map(formatAddress).sort().join()))
  const [first] = fitting
  return first === undefined || pairs.size > 1 ? undefined : { a: given.a ?? [first.a], b: given.b ?? [first.b] }
}

function isAmong(address: Address, given: readonly Address[] | undefined): boolean {
  return given === undefined || given.some(own => sameAddress(own, address))
}

function isOpenOrSame(a: Address | undefined, b: Address): boolean {
  return a === undefined || sameAddress(a, b)
}

/** The host's own end of each filter, undefined for "me", and the far one; two hosts in both orders. */
function endsOf(policy: Policy): readonly (readonly [Address | undefined, Address])[] {
  const filters = policy.rules
    .filter(({ active, action, mode }) => active && action === 'negotiate' && mode === 'transport')
    .flatMap(({ filters: own }) => own)
  return filters.flatMap(({ source, destination }: Filter): (readonly [Address | undefined, Address])[] => {
    const [x, y] = [hostOf(source), hostOf(destination)]
    if (x === undefined || y === undefined) return []
    if (x === 'me') return y === 'me' ? [] : [[undefined, y]]
    if (y === 'me') return [[undefined, x]]
    return [
      [x, y],
      [y, x],
    ]
  })
}

function hostOf(spec: AddressSpec): Address | 'me' | undefined {
  if (spec.kind === 'me') return 'me'
  return spec.kind === 'range' && sameAddress(spec.first, spec.last) ? spec.first : undefined
}
