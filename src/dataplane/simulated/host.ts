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
import { nextAgeAt } from '../../ipsec/lifetime.ts'
import { Outbound } from '../../ipsec/outbound.ts'
import { Workbench } from '../../ipsec/seal.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import type { DataPlane, DataPlaneListener } from '../data-plane.ts'
import type { SimulatedWire, WireHost } from './wire.ts'

/** Packets that wait for an association, of one rule and of the host: the bound that a flood meets. */
const MOST_WAITING_PER_RULE = 64

export interface SimulatedHostOptions {
  readonly name: string
  readonly addresses: readonly Address[]
  readonly wire: SimulatedWire
  readonly clock: Clock
  readonly crypto: PacketCrypto
  /** Gets every packet that reaches the host's applications. */
  readonly deliver: (packet: Uint8Array, wasSealed: boolean) => void
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
  readonly #waiting = new Map<RuleId, Uint8Array[]>()
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
    if (this.#outbound === undefined || this.#inbound === undefined) {
      const bench = this.#bench
      const database = this.#database
      const ageing = (association: Association, age: 'soft' | 'hard') => this.#listener?.ageing(association.name, age)
      this.#outbound = new Outbound(policy, { database, bench, linkMtu: wire.mtu, ageing })
      this.#inbound = new Inbound(policy, { database, bench })
    } else {
      this.#outbound.policy = policy
      this.#inbound.policy = policy
    }
    const rules = new Set(policy.policy.rules.filter(rule => rule.action === 'negotiate').map(rule => rule.name))
    for (const association of [...this.#database.all()]) {
      if (!rules.has(association.pair.outbound.rule)) this.#database.remove(association.name)
    }
    for (const rule of this.#waiting.keys()) {
      if (!rules.has(rule)) this.#waiting.delete(rule)
    }
  }

  async install(pair: AssociationPair): Promise<void> {
    this.#watchAge(this.#database.install(pair, this.#options.clock.now()))
  }

  async beginSending(name: Spi): Promise<void> {
    const association = this.#database.beginSending(name)
    if (association === undefined) throw new RangeError(`no association 0x${name.toString(16)} is installed`)
    const { rule } = association.pair.outbound
    const waiting = this.#waiting.get(rule) ?? []
    this.#waiting.delete(rule)
    for (const packet of waiting) this.transmit(packet)
  }

  async remove(names: readonly Spi[]): Promise<void> {
    for (const name of names) this.#database.remove(name)
  }

  async refuse(flow: Flow, rule: RuleId): Promise<void> {
    const waiting = this.#waiting.get(rule) ?? []
    this.#waiting.delete(rule)
    const mayFallBack = this.#outbound?.policy.policy.rules.some(r => r.name === rule && r.fallBackToClear) === true
    if (mayFallBack) {
      this.#outbound!.fallenBack.add(rule)
      for (const packet of waiting) this.transmit(packet)
      return
    }
    for (const _ of waiting) this.#drop('refused', flow)
  }

  async counters(): Promise<ReadonlyMap<Spi, Counters>> {
    return new Map([...this.#database.all()].map(association => [association.name, association.counters]))
  }

  async stop(): Promise<void> {
    this.#options.wire.detach(this)
    for (const association of [...this.#database.all()]) this.#database.remove(association.name)
    this.#waiting.clear()
    this.#listener = undefined
  }

  /** A packet of one of the host's applications, whole or as fragments. */
  transmit(packet: Uint8Array): void {
    const { clock, wire } = this.#options
    if (this.#outbound === undefined) return this.#drop('blocked', undefined)
    const outcome = this.#outbound.process(packet, clock.now())
    switch (outcome.kind) {
      case 'pass':
        for (const piece of outcome.packets) wire.send(this, piece)
        if (outcome.association === undefined) this.sent.clear++
        else this.sent.sealed++
        return
      case 'drop':
        return this.#drop(outcome.reason, outcome.flow)
      case 'needs-keys':
        return this.#wait(outcome.rule, outcome.flow, outcome.packet)
      case 'incomplete':
    }
  }

  receive(packet: Uint8Array): void {
    if (this.#inbound === undefined) return this.#drop('blocked', undefined)
    const outcome = this.#inbound.process(packet, this.#options.clock.now())
    if (outcome.kind === 'drop') this.#drop(outcome.reason, outcome.flow)
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

  #wait(rule: RuleId, flow: Flow, packet: Uint8Array): void {
    const waiting = this.#waiting.get(rule)
    if (waiting === undefined) {
      this.#waiting.set(rule, [packet.slice()])
      this.#listener?.needsKeys(rule, flow)
    } else if (waiting.length < MOST_WAITING_PER_RULE) waiting.push(packet.slice())
    else this.#drop('waiting-full', flow)
  }

  #drop(reason: DropReason, flow: Flow | undefined): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
    this.#listener?.dropped(reason, flow)
  }

  /** The clock's own limits: told even where no packet goes out. */
  #watchAge(association: Association): void {
    const { clock } = this.#options
    const { lifetime } = association.pair.outbound
    const use = { born: association.born, packets: 0, bytes: 0 }
    const next = nextAgeAt(lifetime, use, clock.now())
    if (next === undefined) return
    clock.at(next, () => {
      if (this.#database.bySpi(association.name) !== association) return
      const age = next >= association.born + (lifetime.hard.seconds ?? Number.POSITIVE_INFINITY) ? 'hard' : 'soft'
      if (association.toldAge !== 'hard' && association.toldAge !== age) {
        association.toldAge = age
        this.#listener?.ageing(association.name, age)
      }
      this.#watchAge(association)
    })
  }
}
