// A packet arrives (RFC 4301 §5.2): put together, opened where it is sealed, and asked whether it should have been. What
// was inside must be what its association was made for and what the policy of this moment lets in; clear text that the
// policy wants sealed goes no further.
import type { Address } from '../base/address.ts'
import { AH, ESP, type Flow } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decideKnowing } from '../policy/decide.ts'
import { ESP_IN_UDP, IKE, KEEPALIVE, Packet } from '../wire/packet.ts'
import { NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import type { Association } from './association.ts'
import { type AssociationDatabase, carries } from './association-database.ts'
import type { DropReason } from './drop-reasons.ts'
import { UDP_HEADER } from './headers.ts'
import { type Age, ageOf } from './lifetime.ts'
import { type FallBacks, negotiationOf } from './negotiation.ts'
import { openPacket, type Workbench } from './seal.ts'
import { readTooBig } from './too-big.ts'
import { holdsFragment, WholePackets } from './whole-packets.ts'

export type InboundOutcome =
  /** For the host, whole. `association` opened it; without, it came in clear. */
  | { readonly kind: 'pass'; readonly packet: Uint8Array; readonly flow: Flow; readonly association?: Association }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly flow?: Flow; readonly association?: Association }
  /** A router says that what `association` sealed is too big: for PathMtu, not for the host. */
  | {
      readonly kind: 'too-big'
      readonly destination: Address
      readonly mtu: number
      readonly association: Association
    }
  | { readonly kind: 'incomplete' }

const INCOMPLETE: InboundOutcome = { kind: 'incomplete' }

export interface InboundOptions {
  readonly database: AssociationDatabase
  readonly bench: Workbench
  readonly fallBacks: FallBacks
  /** Told when an association reaches a limit by what it opened. */
  readonly ageing: (association: Association, age: Exclude<Age, 'fresh'>) => void
}

export class Inbound {
  policy: CompiledPolicy
  readonly #options: InboundOptions
  readonly #packets = new WholePackets()
  /** Fragments that another implementation put into a tunnel. */
  readonly #innerPackets = new WholePackets()
  readonly #packet = new Packet()

  constructor(policy: CompiledPolicy, options: InboundOptions) {
    this.policy = policy
    this.#options = options
  }

  get reassembly() {
    return this.#packets.reassembly
  }

  /** `now` in seconds of one clock. */
  process(given: Uint8Array, now: number): InboundOutcome {
    const packet = this.#packet
    const whole = this.#packets.take(packet, given, now)
    if (whole === 'incomplete') return INCOMPLETE
    if (typeof whole === 'string') return { kind: 'drop', reason: whole }
    if (packet.protocol === ESP || packet.protocol === AH)
      return this.#open(whole, packet.transport, packet.protocol, false, now)
    if (this.#isForUs(packet)) return this.#open(whole, packet.transport + UDP_HEADER, ESP, true, now)
    return this.#clear(whole, packet, now)
  }

  /** ESP in UDP comes to our port; other traffic may come from this port of the other host. */
  #isForUs(packet: Packet): boolean {
    if (packet.content !== ESP_IN_UDP) return false
    return packet.destinationPort === NAT_TRAVERSAL_PORT || this.#options.database.bySpi(packet.spi) !== undefined
  }

  #clear(whole: Uint8Array, packet: Packet, now: number): InboundOutcome {
    const flow = packet.flow()
    if (packet.content === IKE || packet.content === KEEPALIVE) return { kind: 'pass', packet: whole, flow }
    const tooBig = readTooBig(packet, whole)
    if (tooBig !== undefined) {
      const { spi, source, destination, mtu } = tooBig
      const association = this.#options.database.bySealing(spi, source, destination)
      if (association !== undefined) return { kind: 'too-big', destination, mtu, association }
    }
    const decision = decideKnowing(this.policy, flow, 'in', false)
    if (decision.action === 'permit') return { kind: 'pass', packet: whole, flow }
    if (decision.action === 'block') return { kind: 'drop', reason: 'blocked', flow }
    const { rule } = decision.entry!
    const mayBeClear =
      rule.acceptUnsecuredInbound ||
      (rule.fallBackToClear &&
        this.#options.fallBacks.isInClear(negotiationOf(rule.name, rule.mode, flow.destination, flow.source), now))
    return mayBeClear ? { kind: 'pass', packet: whole, flow } : { kind: 'drop', reason: 'should-be-protected', flow }
  }

  #open(whole: Uint8Array, start: number, protocol: number, isInUdp: boolean, now: number): InboundOutcome {
    const { bench, database, ageing } = this.#options
    const opened = openPacket(bench, spi => database.bySpi(spi), whole, start, protocol, isInUdp)
    const { association } = opened
    if ('drop' in opened) {
      return { kind: 'drop', reason: opened.drop, ...(association === undefined ? {} : { association }) }
    }
    if (association === undefined) return { kind: 'drop', reason: 'no-association' }
    const { counters, born } = association
    const age = ageOf(association.pair.inbound.lifetime, { born, ...counters.inbound }, now)
    if (age !== 'fresh' && association.isNews(age)) ageing(association, age)
    if (age === 'hard') return { kind: 'drop', reason: 'expired', association }
    counters.inbound.packets++
    counters.inbound.bytes += opened.packet.length
    return this.judgeOpened(opened.packet, association, opened.isTunnelled, now)
  }

  /** What was inside a seal that is authentic and counted: also for those who open packets by themselves. */
  judgeOpened(content: Uint8Array, association: Association, isTunnelled: boolean, now: number): InboundOutcome {
    const packet = this.#packet
    // Transport mode seals whole packets only (RFC 4303 §3.1.1).
    if (!isTunnelled && holdsFragment(content)) return { kind: 'drop', reason: 'bad-inner-packet', association }
    const whole = this.#innerPackets.take(packet, content, now, association.name)
    if (whole === 'incomplete') return INCOMPLETE
    if (typeof whole === 'string') {
      return { kind: 'drop', reason: whole === 'fragment' ? whole : 'bad-inner-packet', association }
    }
    const flow = packet.flow()
    const reason = this.#whyNotThrough(association, flow)
    if (reason === undefined) return { kind: 'pass', packet: whole, flow, association }
    if (reason === 'outside-selectors') association.counters.outsideSelectors++
    return { kind: 'drop', reason, flow, association }
  }

  /**
   * RFC 4301 §5.2, steps 3c and 4. The policy is asked again because it may have changed since, and because a filter that is
   * more specific may want another seal, or none to pass. What it would let through in clear may as well come sealed.
   */
  #whyNotThrough(association: Association, flow: Flow): DropReason | undefined {
    const { inbound } = association.pair
    if (!carries(inbound, flow)) return 'outside-selectors'
    const { action, entry } = decideKnowing(this.policy, flow, 'in', false)
    if (action === 'block') return 'blocked'
    return action === 'negotiate' && entry!.rule.name !== inbound.rule ? 'outside-selectors' : undefined
  }
}
