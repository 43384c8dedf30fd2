// The journeys of packets through this host's policy and associations, between the TUN device and the network: the whole
// path of src/ipsec for whatever is rare, and behind it the short cuts of sealing-burst.ts and opening-burst.ts for the
// many packets that are like the ones before. Knows no device and no socket: what comes and goes is in `Surroundings`.
import type { Address } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import type { PacketCrypto } from '../../crypto/packet-crypto.ts'
import type { Association, AssociationPair, Counters, Spi } from '../../ipsec/association.ts'
import { AssociationDatabase } from '../../ipsec/association-database.ts'
import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { Inbound } from '../../ipsec/inbound.ts'
import type { Age } from '../../ipsec/lifetime.ts'
import { FallBacks, negotiationOf } from '../../ipsec/negotiation.ts'
import { Outbound, type OutboundOutcome } from '../../ipsec/outbound.ts'
import { Workbench } from '../../ipsec/seal.ts'
import type { Arena } from '../../native/arena.ts'
import { virtioHeader } from '../../native/tun-device.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import type { DataPlaneListener, WhyNone } from '../data-plane.ts'
import { keptRules } from '../kept-rules.ts'
import { type WaitingPacket, WaitingPackets } from '../waiting-packets.ts'
import { Ages } from './ages.ts'
import { SuperPacket } from './super-packet.ts'
import { tooBigReply } from './too-big-reply.ts'
import { mayBeTranslated, repairChecksum } from './translated-checksum.ts'

export interface Surroundings extends DataPlaneListener {
  /** A packet with its IP header, whole or as pieces, goes onto the network, behind all that went before. */
  send(pieces: readonly Uint8Array[]): void
  /** A whole packet goes to the host's applications, behind all that went before. */
  deliver(packet: Uint8Array): void
  /** Whatever was learnt about flows no longer holds. */
  changed(): void
}

export interface PacketPathOptions {
  readonly arena: Arena
  readonly crypto: PacketCrypto
  /** Of the links that sealed packets leave by. */
  readonly linkMtu: number
  readonly surroundings: Surroundings
}

export class PacketPath {
  readonly database: AssociationDatabase
  readonly ages: Ages
  readonly #options: PacketPathOptions
  readonly #bench = new Workbench()
  readonly #waiting = new WaitingPackets()
  readonly #fallBacks = new FallBacks()
  /** Where packets that waited are laid down to be read anew. */
  readonly #again: { readonly at: number; readonly packet: SuperPacket }
  readonly #toldAges = new WeakMap<Association, Age>()
  #outbound: Outbound | undefined
  #inbound: Inbound | undefined

  constructor(options: PacketPathOptions) {
    this.#options = options
    this.database = new AssociationDatabase(options.crypto)
    this.ages = new Ages((association, age) => this.#tellAge(association, age))
    const { arena } = options
    this.#again = { at: arena.take(SuperPacket.room), packet: new SuperPacket(arena) }
  }

  get outbound(): Outbound | undefined {
    return this.#outbound
  }

  get inbound(): Inbound | undefined {
    return this.#inbound
  }

  /** The last age of an association that was told. */
  toldAge(association: Association): Age {
    return this.#toldAges.get(association) ?? 'fresh'
  }

  readonly #tellAge = (association: Association, age: 'soft' | 'hard'): void => {
    this.#toldAges.set(association, age)
    this.#options.surroundings.ageing(association.name, age)
  }

  /** Without a policy nothing goes in or out: a host that has none yet fails closed. */
  enforce(policy: CompiledPolicy, now: number): void {
    const kept = keptRules(this.#outbound?.policy.policy, policy.policy)
    if (this.#outbound === undefined || this.#inbound === undefined) {
      const { linkMtu } = this.#options
      const shared = { database: this.database, bench: this.#bench, fallBacks: this.#fallBacks, ageing: this.#tellAge }
      this.#outbound = new Outbound(policy, { ...shared, linkMtu, tellsOwnSenders: true })
      this.#inbound = new Inbound(policy, shared)
    } else {
      this.#outbound.policy = policy
      this.#inbound.policy = policy
    }
    this.#fallBacks.clear()
    for (const association of [...this.database.all()]) {
      if (!kept.has(association.pair.outbound.rule)) this.#remove(association)
    }
    this.#options.surroundings.changed()
    this.#release(
      this.#waiting.takeOfRules(rule => !kept.has(rule)),
      now,
    )
  }

  install(pair: AssociationPair, now: number): void {
    this.ages.watch(this.database.install(pair, now), now)
  }

  beginSending(name: Spi, now: number): void {
    const association = this.database.beginSending(name)
    if (association === undefined) throw new RangeError(`no association 0x${name.toString(16)} is installed`)
    const { rule, mode, source, destination } = association.pair.outbound
    const negotiation = negotiationOf(rule, mode, source, destination)
    this.#fallBacks.end(negotiation)
    this.#options.surroundings.changed()
    this.#release(this.#waiting.take(negotiation), now)
  }

  remove(names: readonly Spi[]): void {
    for (const name of names) {
      const association = this.database.bySpi(name)
      if (association !== undefined) this.#remove(association)
    }
    this.#options.surroundings.changed()
  }

  #remove(association: Association): void {
    this.ages.forget(association)
    this.database.remove(association.name)
  }

  refuse(flow: Flow, name: RuleId, why: WhyNone, now: number): void {
    const rule = this.#outbound?.policy.policy.rules.find(rule => rule.name === name)
    const negotiation = negotiationOf(name, rule?.mode ?? 'transport', flow.source, flow.destination)
    const waiting = this.#waiting.take(negotiation)
    if (rule?.fallBackToClear === true && why === 'no-answer') {
      this.#fallBacks.begin(negotiation, now)
      this.#release(waiting, now)
      return
    }
    for (const _ of waiting) this.#drop('refused', flow)
  }

  counters(): ReadonlyMap<Spi, Counters> {
    return new Map([...this.database.all()].map(association => [association.name, association.counters]))
  }

  /** Nothing passes any more; keys are wiped. */
  close(): void {
    for (const association of [...this.database.all()]) this.#remove(association)
    this.#waiting.clear()
    this.#outbound = undefined
    this.#inbound = undefined
    this.#options.surroundings.changed()
  }

  /** What an application sent, read from the TUN device, goes the whole way. Answers what sealed it, where one association did. */
  leave(read: SuperPacket, now: number): Association | undefined {
    if (this.#outbound === undefined) {
      for (let index = 0; index < read.segments; index++) this.#drop('blocked', undefined)
      return undefined
    }
    let last: Association | undefined
    let isTold = false
    for (let index = 0; index < read.segments; index++) {
      const packet = read.copy(index)
      const outcome = this.#outbound.process(packet, now)
      if (outcome.kind === 'needs-keys' && index === 0) {
        this.#wait(outcome, outcome.wasCut ? withoutHeader(outcome.packet) : read.whole())
        return undefined
      }
      // One message is enough for all segments of a size.
      isTold = this.#left(outcome, packet, isTold) || isTold
      last = outcome.kind === 'pass' ? outcome.association : undefined
    }
    return last
  }

  /** Whether the sender was told that its packets are too big. */
  #left(outcome: OutboundOutcome, packet: Uint8Array, isTold: boolean): boolean {
    const { surroundings } = this.#options
    switch (outcome.kind) {
      case 'pass':
        surroundings.send(outcome.packets)
        return false
      case 'drop':
        this.#drop(outcome.reason, outcome.flow)
        if (outcome.mtu === undefined || isTold) return false
        surroundings.deliver(tooBigReply(packet, outcome.mtu))
        return true
      case 'needs-keys':
        this.#wait(outcome, withoutHeader(outcome.packet))
        return false
      case 'incomplete':
        return false
    }
  }

  #wait(outcome: Extract<OutboundOutcome, { kind: 'needs-keys' }>, read: Uint8Array): void {
    const { rule, flow, negotiation, wasCut } = outcome
    const { isNew, isKept } = this.#waiting.add(negotiation, rule, read, wasCut)
    if (isNew) this.#options.surroundings.needsKeys(rule, flow)
    if (!isKept) this.#drop('waiting-full', flow)
  }

  #release(waited: readonly WaitingPacket[], now: number): void {
    const { at, packet: read } = this.#again
    for (const { packet, wasCut } of waited) {
      if (wasCut && this.#outbound !== undefined) {
        const whole = packet.subarray(virtioHeader.bytes)
        this.#left(this.#outbound.process(whole, now, true), whole, false)
        continue
      }
      this.#options.arena.bytes.set(packet, at)
      if (read.read(at, packet.length)) this.leave(read, now)
    }
  }

  /** A whole packet from the network that is sealed, or ICMP that may be about one. */
  arrive(packet: Uint8Array, now: number): void {
    if (this.#inbound === undefined) return this.#drop('blocked', undefined)
    this.settle(this.#inbound.process(packet, now), now)
  }

  settle(outcome: ReturnType<Inbound['process']>, now: number): void {
    switch (outcome.kind) {
      case 'drop':
        return this.#drop(outcome.reason, outcome.flow)
      case 'too-big':
        this.#outbound?.mtu.tooBig(outcome.destination, outcome.mtu, now)
        return
      case 'pass':
        // What came in clear has come to the host by its own stack already, or was dropped there.
        if (outcome.association === undefined) return
        if (mayBeTranslated(outcome.association.pair.inbound)) repairChecksum(outcome.packet, 0, outcome.packet.length)
        this.#options.surroundings.deliver(outcome.packet)
        return
      case 'incomplete':
    }
  }

  /** The links that lead to peers are as large as `sizesTo` says, where they are smaller than was thought. */
  learnSizes(sizesTo: (destinations: readonly Address[]) => readonly (number | undefined)[], now: number): void {
    const mtu = this.#outbound?.mtu
    if (mtu === undefined) return
    const destinations = [...this.database.all()].map(({ pair }) => pair.outbound.destination)
    for (const [index, size] of sizesTo(destinations).entries()) {
      if (size !== undefined) mtu.tooBig(destinations[index]!, size, now)
    }
  }

  #drop(reason: DropReason, flow: Flow | undefined): void {
    this.#options.surroundings.dropped(reason, flow)
  }
}

/** As a read of the device would have brought it: one packet with a checksum of its own. */
function withoutHeader(packet: Uint8Array): Uint8Array {
  const read = new Uint8Array(virtioHeader.bytes + packet.length)
  read.set(packet, virtioHeader.bytes)
  return read
}
