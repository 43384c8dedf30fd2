// A packet arrives (RFC 4301 §5.2): put together, opened where it is sealed, and asked whether it should have been. What
// was inside must be what its association was made for; clear text that the policy wants sealed goes no further.
import { AH, ESP, type Flow } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decideKnowing } from '../policy/decide.ts'
import { decodeIp } from '../wire/decode.ts'
import { ESP_IN_UDP, IKE, IS_IP, KEEPALIVE, Packet } from '../wire/packet.ts'
import type { Association } from './association.ts'
import { type AssociationDatabase, carries } from './association-database.ts'
import type { DropReason } from './drop-reasons.ts'
import { UDP_HEADER } from './headers.ts'
import { ageOf } from './lifetime.ts'
import { isFragment } from './outbound.ts'
import { Reassembly } from './reassembly.ts'
import { openPacket, type Workbench } from './seal.ts'

export type InboundOutcome =
  /** For the host, whole. `association` opened it; without, it came in clear. */
  | { readonly kind: 'pass'; readonly packet: Uint8Array; readonly flow: Flow; readonly association?: Association }
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly flow?: Flow; readonly association?: Association }
  | { readonly kind: 'incomplete' }

const INCOMPLETE: InboundOutcome = { kind: 'incomplete' }

export interface InboundOptions {
  readonly database: AssociationDatabase
  readonly bench: Workbench
}

export class Inbound {
  policy: CompiledPolicy
  readonly reassembly = new Reassembly()
  readonly #options: InboundOptions
  readonly #packet = new Packet()

  constructor(policy: CompiledPolicy, options: InboundOptions) {
    this.policy = policy
    this.#options = options
  }

  process(given: Uint8Array, now: number): InboundOutcome {
    const packet = this.#packet
    decodeIp(packet, given, 0, given.length)
    if (packet.kind !== IS_IP || packet.ipLength > given.length) return { kind: 'drop', reason: 'malformed' }
    // Octets behind the packet are the link's padding.
    let whole: Uint8Array | undefined = given.subarray(0, packet.ipLength)
    if (isFragment(packet)) {
      whole = this.reassembly.add(packet, whole, now)
      if (whole === undefined) return INCOMPLETE
      decodeIp(packet, whole, 0, whole.length)
      if (packet.kind !== IS_IP) return { kind: 'drop', reason: 'malformed' }
    }
    if (packet.protocol === ESP || packet.protocol === AH)
      return this.#open(whole, packet.transport, packet.protocol, false, now)
    if (packet.content === ESP_IN_UDP) return this.#open(whole, packet.transport + UDP_HEADER, ESP, true, now)
    return this.#clear(whole, packet)
  }

  #clear(whole: Uint8Array, packet: Packet): InboundOutcome {
    const flow = packet.flow()
    if (packet.content === IKE || packet.content === KEEPALIVE) return { kind: 'pass', packet: whole, flow }
    const decision = decideKnowing(this.policy, flow, 'in', false)
    if (decision.action === 'permit') return { kind: 'pass', packet: whole, flow }
    if (decision.action === 'block') return { kind: 'drop', reason: 'blocked', flow }
    const { rule } = decision.entry!
    if (rule.acceptUnsecuredInbound || rule.fallBackToClear) return { kind: 'pass', packet: whole, flow }
    return { kind: 'drop', reason: 'should-be-protected', flow }
  }

  #open(whole: Uint8Array, start: number, protocol: number, isInUdp: boolean, now: number): InboundOutcome {
    const { bench, database } = this.#options
    const opened = openPacket(bench, spi => database.bySpi(spi), whole, start, protocol, isInUdp)
    const { association } = opened
    if ('drop' in opened) {
      return { kind: 'drop', reason: opened.drop, ...(association === undefined ? {} : { association }) }
    }
    if (association === undefined) return { kind: 'drop', reason: 'no-association' }
    const { inbound } = association.pair
    const { counters } = association
    if (ageOf(inbound.lifetime, { born: association.born, ...counters.inbound }, now) === 'hard') {
      return { kind: 'drop', reason: 'expired', association }
    }
    const packet = this.#packet
    decodeIp(packet, opened.packet, 0, opened.packet.length)
    if (packet.kind !== IS_IP || (isFragment(packet) && !opened.isTunnelled)) {
      return { kind: 'drop', reason: 'bad-inner-packet', association }
    }
    const flow = packet.flow()
    if (!carries(inbound, flow)) {
      counters.outsideSelectors++
      return { kind: 'drop', reason: 'outside-selectors', flow, association }
    }
    counters.inbound.packets++
    counters.inbound.bytes += opened.packet.length
    return { kind: 'pass', packet: opened.packet, flow, association }
  }
}
