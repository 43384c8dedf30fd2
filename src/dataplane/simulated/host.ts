// A host in memory: packets of its applications go out through the policy and the associations onto a simulated wire,
// and what arrives goes the way back. The same journeys as on a real host, in virtual time.
import type { Address } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import type { Clock } from '../../base/time.ts'
import type { PacketCrypto } from '../../crypto/packet-crypto.ts'
import type { ProtectionOptions } from '../../crypto/packet-protection.ts'
import type { Association, AssociationPair, Counters, Spi } from '../../ipsec/association.ts'
import { AssociationDatabase } from '../../ipsec/association-database.ts'
import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { Inbound } from '../../ipsec/inbound.ts'
import { ageOf, type Limits, nextAgeAt } from '../../ipsec/lifetime.ts'
import { FallBacks, negotiationOf } from '../../ipsec/negotiation.ts'
import { Outbound, type OutboundOutcome } from '../../ipsec/outbound.ts'
import { Workbench } from '../../ipsec/seal.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import type { DataPlane, DataPlaneListener, WhyNone } from '../data-plane.ts'
import { keptRules } from '../kept-rules.ts'
import { type WaitingPacket, WaitingPackets } from '../waiting-packets.ts'
import type { SimulatedWire, WireHost } from './wire.ts'

export interface SimulatedHostOptions {
  readonly name: string
  readonly addresses: readonly Address[]
  readonly wire: SimulatedWire
  readonly clock: Clock
  readonly crypto: PacketCrypto
  /** Gets every packet that reaches the host's applications. */
  readonly deliver: (packet: Uint8Array, wasSealed: boolean) => void
  /** What the host's own stack would tell the application: the packet must be cut, and at most so large. */
  readonly tooBig?: (flow: Flow, mtu: number) => void
  /** See AssociationDatabase. */
  readonly ivs?: NonNullable<ProtectionOptions['ivs']>
}

export class SimulatedHost implements DataPlane, WireHost {
  readonly name: string
  readonly addresses: readonly Address[]
  /** Packets dropped on the way out or in, by reason. */
  readonly drops = new Map<DropReason, number>()
  readonly sent = { sealed: 0, clear: 0 }
  readonly delivered = { sealed: 0, clear: 0 }
  readonly #options: SimulatedHostOptions
  readonly #database: AssociationDatabase
  readonly #bench = new Workbench()
  readonly #waiting = new WaitingPackets()
  readonly #fallBacks = new FallBacks()
  /** What ends the wait for an association's next age. */
  readonly #timers = new Map<Association, () => void>()
  #listener: DataPlaneListener | undefined
  #outbound: Outbound | undefined
  #inbound: Inbound | undefined

  constructor(options: SimulatedHostOptions) {
    this.name = options.name
    this.addresses = options.addresses
    this.#options = options
    this.#database = new AssociationDatabase(options.crypto, options.ivs)
  }

  async start(listener: DataPlaneListener): Promise<void> {
    this.#listener = listener
    this.#options.wire.attach(this)
  }

  /** Without a policy nothing goes in or out: a host that has none yet fails closed. */
  async enforce(policy: CompiledPolicy): Promise<void> {
    const { wire } = this.#options
    const kept = keptRules(this.#outbound?.policy.policy, policy.policy)
    if (this.#outbound === undefined || this.#inbound === undefined) {
      const bench = this.#bench
      const database = this.#database
      const fallBacks = this.#fallBacks
      const ageing = (association: Association, age: 'soft' | 'hard') => this.#listener?.ageing(association.name, age)
      this.#outbound = new Outbound(policy, { database, bench, fallBacks, linkMtu: wire.mtu, ageing })
      this.#inbound = new Inbound(policy, { database, bench, fallBacks, ageing })
    } else {
      this.#outbound.policy = policy
      this.#inbound.policy = policy
    }
    this.#fallBacks.clear()
    for (const association of [...this.#database.all()]) {
      if (!kept.has(association.pair.outbound.rule)) this.#remove(association)
    }
    for (const waited of this.#waiting.takeOfRules(rule => !kept.has(rule))) this.#transmit(waited)
  }

  async install(pair: AssociationPair): Promise<void> {
    this.#watchAge(this.#database.install(pair, this.#options.clock.now()))
  }

  async beginSending(name: Spi): Promise<void> {
    const association = this.#database.beginSending(name)
    if (association === undefined) throw new RangeError(`no association 0x${name.toString(16)} is installed`)
    const { rule, mode, source, destination } = association.pair.outbound
    const negotiation = negotiationOf(rule, mode, source, destination)
    this.#fallBacks.end(negotiation)
    for (const waited of this.#waiting.take(negotiation)) this.#transmit(waited)
  }

  async remove(names: readonly Spi[]): Promise<void> {
    for (const name of names) {
      const association = this.#database.bySpi(name)
      if (association !== undefined) this.#remove(association)
    }
  }

  #remove(association: Association): void {
    this.#timers.get(association)?.()
    this.#timers.delete(association)
    this.#database.remove(association.name)
  }

  async refuse(flow: Flow, name: RuleId, why: WhyNone): Promise<void> {
    const rule = this.#outbound?.policy.policy.rules.find(rule => rule.name === name)
    const negotiation = negotiationOf(name, rule?.mode ?? 'transport', flow.source, flow.destination)
    const waiting = this.#waiting.take(negotiation)
    if (rule?.fallBackToClear === true && why === 'no-answer') {
      this.#fallBacks.begin(negotiation, this.#options.clock.now())
      for (const waited of waiting) this.#transmit(waited)
      return
    }
    for (const _ of waiting) this.#drop('refused', flow)
  }

  async counters(): Promise<ReadonlyMap<Spi, Counters>> {
    return new Map([...this.#database.all()].map(association => [association.name, association.counters]))
  }

  async stop(): Promise<void> {
    this.#options.wire.detach(this)
    for (const association of [...this.#database.all()]) this.#remove(association)
    this.#waiting.clear()
    this.#fallBacks.clear()
    this.#outbound = undefined
    this.#inbound = undefined
    this.#listener = undefined
  }

  /** A packet of one of the host's applications, whole or as fragments. */
  transmit(packet: Uint8Array): void {
    this.#transmit({ packet, wasCut: false })
  }

  #transmit({ packet, wasCut }: WaitingPacket): void {
    const { clock, wire } = this.#options
    if (this.#outbound === undefined) return this.#drop('blocked', undefined)
    const outcome = this.#outbound.process(packet, clock.now(), wasCut)
    switch (outcome.kind) {
      case 'pass':
        for (const piece of outcome.packets) wire.send(this, piece)
        if (outcome.association === undefined) this.sent.clear++
        else this.sent.sealed++
        return
      case 'drop':
        if (outcome.mtu !== undefined && outcome.flow !== undefined) this.#options.tooBig?.(outcome.flow, outcome.mtu)
        return this.#drop(outcome.reason, outcome.flow)
      case 'needs-keys':
        return this.#wait(outcome)
      case 'incomplete':
    }
  }

  receive(packet: Uint8Array): void {
    if (this.#inbound === undefined) return this.#drop('blocked', undefined)
    const outcome = this.#inbound.process(packet, this.#options.clock.now())
    if (outcome.kind === 'drop') this.#drop(outcome.reason, outcome.flow)
    if (outcome.kind === 'too-big') this.pathIsSmaller(outcome.destination, outcome.mtu)
    if (outcome.kind !== 'pass') return
    const wasSealed = outcome.association !== undefined
    if (wasSealed) this.delivered.sealed++
    else this.delivered.clear++
    this.#options.deliver(outcome.packet, wasSealed)
  }

  /** ICMP "too big" about a path, as the host's own stack would have heard it. */
  pathIsSmaller(destination: Address, mtu: number): boolean {
    return this.#outbound?.mtu.tooBig(destination, mtu, this.#options.clock.now()) ?? false
  }

  #wait({ rule, flow, negotiation, packet, wasCut }: Extract<OutboundOutcome, { kind: 'needs-keys' }>): void {
    const { isNew, isKept } = this.#waiting.add(negotiation, rule, packet, wasCut)
    if (isNew) this.#listener?.needsKeys(rule, flow)
    if (!isKept) this.#drop('waiting-full', flow)
  }

  #drop(reason: DropReason, flow: Flow | undefined): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
    this.#listener?.dropped(reason, flow)
  }

  /** The clock's own limits: told even where no packet goes through. */
  #watchAge(association: Association): void {
    const { clock } = this.#options
    const { born, pair } = association
    const lifetime = {
      soft: sooner(pair.outbound.lifetime.soft, pair.inbound.lifetime.soft),
      hard: sooner(pair.outbound.lifetime.hard, pair.inbound.lifetime.hard),
    }
    const use = { born, packets: 0, bytes: 0 }
    const next = nextAgeAt(lifetime, use, clock.now())
    if (next === undefined) return
    const tell = () => {
      this.#timers.delete(association)
      const age = ageOf(lifetime, use, next)
      if (age !== 'fresh' && association.isNews(age)) this.#listener?.ageing(association.name, age)
      if (!association.isClosed) this.#watchAge(association)
    }
    this.#timers.set(association, clock.at(next, tell))
  }
}

function sooner(one: Limits, other: Limits): Limits {
  const least = Math.min(one.seconds ?? Number.POSITIVE_INFINITY, other.seconds ?? Number.POSITIVE_INFINITY)
  return least === Number.POSITIVE_INFINITY ? {} : { seconds: least }
}
