// A packet leaves (RFC 4301 §5.1): decided, sealed where the policy says so, cut to the path's size afterwards. What it
// becomes is a value; nothing is sent here.
import type { Flow } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decideKnowing } from '../policy/decide.ts'
import type { RuleId } from '../policy/model.ts'
import { IKE, KEEPALIVE, Packet } from '../wire/packet.ts'
import type { Association } from './association.ts'
import type { AssociationDatabase } from './association-database.ts'
import type { DropReason } from './drop-reasons.ts'
import { allowCutting, cutToFit, mustNotBeCut } from './fragmentation.ts'
import { type Age, ageOf } from './lifetime.ts'
import { type FallBacks, type Negotiation, negotiationOf } from './negotiation.ts'
import { PathMtu } from './path-mtu.ts'
import { headersOutside, innerMtu, sealPacket, type Workbench } from './seal.ts'
import { holdsFragment, WholePackets } from './whole-packets.ts'

export type OutboundOutcome =
  /** Packets for the wire, in order. `association` sealed them; without, they go in clear. */
  | { readonly kind: 'pass'; readonly packets: readonly Uint8Array[]; readonly association?: Association }
  | {
      readonly kind: 'drop'
      readonly reason: DropReason
      readonly flow?: Flow
      /** What the sender may send instead. */
      readonly mtu?: number
    }
  | {
      readonly kind: 'needs-keys'
      readonly rule: RuleId
      readonly flow: Flow
      readonly negotiation: Negotiation
      /** Whole; `wasCut` goes back in with it when keys have come. */
      readonly packet: Uint8Array
      readonly wasCut: boolean
    }
  /** A fragment was taken; the packet is not whole yet. */
  | { readonly kind: 'incomplete' }

const INCOMPLETE: OutboundOutcome = { kind: 'incomplete' }

export interface OutboundOptions {
  readonly database: AssociationDatabase
  readonly bench: Workbench
  readonly linkMtu: number
  readonly fallBacks: FallBacks
  /** A sender on this host hears by ICMP what fits, so that its IPv6 packets need not be cut after sealing. */
  readonly tellsOwnSenders?: boolean
  /** Told when an association reaches a limit. */
  readonly ageing: (association: Association, age: Exclude<Age, 'fresh'>) => void
}

export class Outbound {
  policy: CompiledPolicy
  readonly mtu: PathMtu
  readonly #packets = new WholePackets()
  readonly #options: OutboundOptions
  readonly #packet = new Packet()
  #identification = 0

  constructor(policy: CompiledPolicy, options: OutboundOptions) {
    this.policy = policy
    this.#options = options
    this.mtu = new PathMtu(options.linkMtu)
  }

  /** `now` in seconds of one clock. `isOfPieces`: whole as it is, it came in fragments before. */
  process(given: Uint8Array, now: number, isOfPieces = false): OutboundOutcome {
    const packet = this.#packet
    // Fragments are put together first: transport mode seals whole packets only, and filters ask for ports.
    const whole = this.#packets.take(packet, given, now)
    if (whole === 'incomplete') return INCOMPLETE
    if (typeof whole === 'string') return { kind: 'drop', reason: whole }
    const wasCut = isOfPieces || holdsFragment(given)
    const flow = packet.flow()
    // Our own keying must go out whatever the filters say: without it nothing could ever be agreed on.
    if (packet.content === IKE || packet.content === KEEPALIVE) return this.#clear(whole, flow, now, wasCut)
    const decision = decideKnowing(this.policy, flow, 'out', false)
    if (decision.action === 'permit') return this.#clear(whole, flow, now, wasCut)
    if (decision.action === 'block') return { kind: 'drop', reason: 'blocked', flow }
    const { rule } = decision.entry!
    const association = this.#options.database.forSending(rule.name, flow)
    if (association !== undefined) return this.#seal(association, whole, flow, now, wasCut)
    const negotiation = negotiationOf(rule.name, rule.mode, flow.source, flow.destination)
    if (rule.fallBackToClear && this.#options.fallBacks.isInClear(negotiation, now))
      return this.#clear(whole, flow, now, wasCut)
    return { kind: 'needs-keys', rule: rule.name, flow, negotiation, packet: whole, wasCut }
  }

  get reassembly() {
    return this.#packets.reassembly
  }

  #clear(whole: Uint8Array, flow: Flow, now: number, wasCut: boolean): OutboundOutcome {
    if (wasCut) allowCutting(whole)
    const mtu = this.mtu.to(flow.destination, now)
    const packets = cutToFit(whole, mtu, this.#nextIdentification())
    return packets === undefined ? { kind: 'drop', reason: 'too-big', flow, mtu } : { kind: 'pass', packets }
  }

  #seal(association: Association, whole: Uint8Array, flow: Flow, now: number, wasCut: boolean): OutboundOutcome {
    const { outbound } = association.pair
    const age = this.#age(association, now)
    if (age === 'hard') return { kind: 'drop', reason: 'expired', flow }
    const mtu = this.mtu.to(outbound.destination, now)
    const room = innerMtu(association, mtu, flow.source.family, headersOutside(whole))
    // A sender that forbids cutting learns how much fits inside (RFC 4301 §8.1). IPv6 senders cut only by themselves,
    // but a host seals its own packets, and those of up to 1,280 octets have to pass. Who has cut already has done what
    // it can: smaller pieces would become the same whole packet here.
    const isHeard = outbound.mode === 'tunnel' || this.#options.tellsOwnSenders === true
    const isTooBig =
      !wasCut &&
      whole.length > room &&
      (mustNotBeCut(whole) || (flow.source.family === 6 && whole.length > 1280 && isHeard))
    if (isTooBig)
      return { kind: 'drop', reason: 'too-big', flow, mtu: Math.max(room, flow.source.family === 6 ? 1280 : 68) }
    const sealed = sealPacket(this.#options.bench, association, whole)
    if ('drop' in sealed) {
      if (sealed.drop === 'exhausted') this.#tell(association, 'hard')
      return { kind: 'drop', reason: sealed.drop, flow }
    }
    if (wasCut) allowCutting(sealed.packet)
    const packets = cutToFit(sealed.packet, mtu, this.#nextIdentification())
    return packets === undefined
      ? { kind: 'drop', reason: 'too-big', flow, mtu }
      : { kind: 'pass', packets, association }
  }

  #age(association: Association, now: number): Age {
    const { lifetime } = association.pair.outbound
    const { packets, bytes } = association.counters.outbound
    const isNearEnd = association.sealing.some(({ sequence }) => sequence.used >= NEARLY_USED)
    const age = ageOf(lifetime, { born: association.born, packets, bytes }, now)
    const counted = age === 'fresh' && isNearEnd ? 'soft' : age
    if (counted !== 'fresh') this.#tell(association, counted)
    return counted
  }

  #tell(association: Association, age: Exclude<Age, 'fresh'>): void {
    if (association.isNews(age)) this.#options.ageing(association, age)
  }

  #nextIdentification(): number {
    this.#identification = (this.#identification + 1) >>> 0
    return this.#identification
  }
}

/** Share of the sequence numbers after which a new association is due. */
const NEARLY_USED = 0.9
