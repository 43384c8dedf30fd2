// What a packet is and what became of it: the closed sets of classes and verdicts, and how both are told for one packet.
// Content decides before ports, and sealed packets are what they are whatever they hold.

import { type Address, sameAddress } from '../base/address.ts'
import { AH, type Direction, ESP, type Flow, RSVP, TCP, UDP } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { type Because, type Decision, decideByFilters, decideKnowing, isGroup } from '../policy/decide.ts'
import { because } from '../policy/explain.ts'
import { ESP_IN_UDP, IKE, IS_IP, KEEPALIVE, NOT_IP, type Packet, PLAIN, type UdpContent } from '../wire/packet.ts'

/** In the order in which a packet is asked. */
export const classes = [
  'ike',
  'kerberos',
  'rsvp',
  'multicast',
  'broadcast',
  'esp',
  'ah',
  'unicast',
  'not-ip',
  'malformed',
] as const
export type TrafficClass = (typeof classes)[number]

/** From best to worst, as a bar shows them. */
export const verdicts = [
  'protected',
  'keying',
  'exempt',
  'permitted',
  'leaked',
  'blocked',
  'not-ip',
  'malformed',
  'no-policy',
] as const
export type Verdict = (typeof verdicts)[number]

const KERBEROS_PORT = 88

export function classOf(packet: Packet): TrafficClass {
  if (packet.kind !== IS_IP) return packet.kind === NOT_IP ? 'not-ip' : 'malformed'
  // A NAT keepalive carries nothing; it belongs to the keying that holds the mapping open (RFC 3948 §2.3).
  if (packet.content === IKE || packet.content === KEEPALIVE) return 'ike'
  if (packet.protocol === ESP || packet.content === ESP_IN_UDP) return 'esp'
  if (packet.protocol === AH) return 'ah'
  if (packet.protocol === TCP || packet.protocol === UDP) {
    if (packet.sourcePort === KERBEROS_PORT || packet.destinationPort === KERBEROS_PORT) return 'kerberos'
  }
  if (packet.protocol === RSVP) return 'rsvp'
  const first = packet.d0 >>> 0
  if (packet.version === 4 ? first >>> 28 === 0xe : first >>> 24 === 0xff) return 'multicast'
  // What went to every station is a broadcast on this wire; whether its exemption holds, the policy says by the address.
  if (packet.linkBroadcast || (packet.version === 4 && first === 0xffffffff)) return 'broadcast'
  return 'unicast'
}

export interface Judgement {
  readonly verdict: Verdict
  readonly class: TrafficClass
  /** Why, in a sentence. */
  readonly because: string
  readonly reason?: Because
  /** What an exempt packet would be if its exemption were withdrawn, and by which rule. */
  readonly otherwise?: { readonly verdict: Verdict; readonly rule?: string }
  /** The rule that decided secures in tunnel mode: what it opens to has other addresses than its seal. */
  readonly isTunnel?: boolean
}

/** Two judgements with the same key say the same. */
export function judgementKey(judgement: Judgement): string {
  const { class: trafficClass, verdict, because, otherwise, isTunnel } = judgement
  const without = otherwise === undefined ? '' : `${otherwise.verdict} ${otherwise.rule ?? ''}`
  return `${trafficClass} ${verdict} ${isTunnel === true} ${because}; ${without}`
}

/** What a host knows of a packet on its own links and no capture tells. */
export interface OnHost {
  /** Whether it left or came, whatever its addresses say. */
  readonly direction: Direction
  /** The fall back to clear that a rule may allow is in force between the two hosts. */
  readonly fallsBack: boolean
}

/** What the policy says of a packet, as long as it is neither sealed nor keying. */
export interface Considered extends OnHost {
  readonly decision: Decision
  /** What the filters alone would say of an exempt packet. */
  readonly otherwise?: Decision
}

export function consider(
  policy: CompiledPolicy | undefined,
  flow: Flow,
  trafficClass: TrafficClass,
  content: UdpContent,
  onHost?: OnHost,
): Considered | undefined {
  if (policy === undefined || fixed[trafficClass] !== undefined) return undefined
  // A capture does not tell who answered IKE: where a rule may fall back it is not said to leak.
  const { direction, fallsBack } = onHost ?? { direction: directionOf(policy, flow), fallsBack: true }
  const decision = decideKnowing(policy, flow, direction, content !== PLAIN)
  if (decision.because.kind !== 'exemption') return { direction, fallsBack, decision }
  return { direction, fallsBack, decision, otherwise: decideByFilters(policy, flow, direction) }
}

/** Classes that have one verdict, whatever a policy says. */
const fixed: Readonly<Partial<Record<TrafficClass, readonly [Verdict, string]>>> = {
  'not-ip': ['not-ip', 'it is not IP, so no IPsec policy speaks of it'],
  malformed: ['malformed', 'its headers cannot be read'],
  ike: ['keying', 'it is IKE, which agrees on the keys'],
  esp: ['protected', 'it is sealed with ESP'],
  ah: ['protected', 'it is authenticated with AH; AH does not hide the content'],
}

/** `content` is what the packet's UDP datagram is told to be. */
export function judgementOf(
  policy: CompiledPolicy | undefined,
  considered: Considered | undefined,
  trafficClass: TrafficClass,
  content: UdpContent,
): Judgement {
  const is = { class: trafficClass }
  if (content === KEEPALIVE) return { ...is, verdict: 'keying', because: 'it is a NAT keepalive of IKE' }
  const [verdict, sentence] = fixed[trafficClass] ?? (['no-policy', 'no policy was given'] as const)
  if (policy === undefined || considered === undefined) return { ...is, verdict, because: sentence }
  const { decision, otherwise } = considered
  const decided = verdictOf(decision, considered)
  return {
    ...is,
    verdict: decided,
    because: because(decision, policy) + aside(decision, decided, content),
    reason: decision.because,
    ...(otherwise === undefined ? {} : { otherwise: withoutExemption(otherwise, considered) }),
    ...(decision.entry?.rule.mode === 'tunnel' ? { isTunnel: true } : {}),
  }
}

/**
 * Without known own addresses, and between two of them, each packet is judged as its sender should have: that finds
 * most. What goes to a group arrives at us unless we sent it.
 */
function directionOf(policy: CompiledPolicy, flow: Flow): Direction {
  const { me } = policy
  if (me === 'any') return 'out'
  const isOwn = (address: Address) => me.some(own => sameAddress(own, address))
  if (isOwn(flow.source)) return 'out'
  return isOwn(flow.destination) || isGroup(policy, flow) ? 'in' : 'out'
}

function withoutExemption(decision: Decision, onHost: OnHost): NonNullable<Judgement['otherwise']> {
  const verdict = verdictOf(decision, onHost)
  return decision.because.kind === 'filter' ? { verdict, rule: decision.because.rule } : { verdict }
}

function verdictOf(decision: Decision, { direction, fallsBack }: OnHost): Verdict {
  if (decision.because.kind === 'exemption') return 'exempt'
  if (decision.action === 'permit') return 'permitted'
  if (decision.action === 'block') return 'blocked'
  const rule = decision.entry!.rule
  if (rule.fallBackToClear && fallsBack) return 'permitted'
  return direction === 'in' && rule.acceptUnsecuredInbound ? 'permitted' : 'leaked'
}

/** What the sentence about the decision alone would leave out. */
function aside(decision: Decision, verdict: Verdict, content: UdpContent): string {
  if (verdict === 'leaked') return ', yet it stands in clear'
  if (verdict === 'blocked') return ', yet it stands on the wire'
  if (decision.because.kind === 'exemption' && decision.because.exemption === 'ike' && content === PLAIN) {
    return '; but what it carries is not IKE'
  }
  return ''
}
