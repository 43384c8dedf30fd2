// The scene of the data planes' contract: two hosts, what they were told, and what their applications say to each other.
import assert from 'node:assert/strict'
import type { Address } from '../base/address.ts'
import { type Flow, UDP } from '../base/flow.ts'
import { type AssociationPair, pairName, type Spi } from '../ipsec/association.ts'
import type { DropReason } from '../ipsec/drop-reasons.ts'
import { compile } from '../policy/compile.ts'
import type { FilterAction, Rule } from '../policy/model.ts'
import { policy as policyOf, rule as ruleOf } from '../policy/test-policies.ts'
import { decodeIp } from '../wire/decode.ts'
import { IS_IP, Packet } from '../wire/packet.ts'
import type { DataPlane, DataPlaneListener } from './data-plane.ts'
import { type AgreementWords, agreement } from './test-associations.ts'

export interface Datagram {
  /** UDP, source and destination alike. */
  readonly port: number
  readonly payload: Uint8Array
}

export interface PlaneUnderTest {
  readonly plane: DataPlane
  readonly address: Address
  /** An application sends to the other host. */
  send(datagram: Datagram): void
  /** What applications got so far, in order. */
  received(): readonly Datagram[]
}

export interface PlanesUnderTest {
  readonly one: PlaneUnderTest
  readonly other: PlaneUnderTest
  /** Every IP packet that stood between the two so far, and perhaps others. */
  wire(): readonly Uint8Array[]
  /** Until what was sent has arrived or is dropped. */
  settle(): Promise<void>
  /** Lets so many seconds pass; absent where a test cannot wait so long. */
  readonly pass?: (seconds: number) => Promise<void>
  close(): Promise<void>
}

/** A sentence about every back end, and what shows it. */
export type Fact = readonly [sentence: string, show: (scene: Scene) => Promise<void>]

export const RULE = 'both'
const PORT = 7001

/** What a listener was told. */
export class Told implements DataPlaneListener {
  readonly needs: { rule: string; flow: Flow }[] = []
  readonly ages: string[] = []
  readonly drops = new Map<DropReason, number>()

  needsKeys(rule: string, flow: Flow): void {
    this.needs.push({ rule, flow })
  }

  ageing(spi: Spi, age: 'soft' | 'hard'): void {
    this.ages.push(`${spi} ${age}`)
  }

  dropped(reason: DropReason): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
  }
}

/** Two hosts, what they were told, and what their applications say to each other. */
export class Scene {
  readonly planes: PlanesUnderTest
  readonly one: PlaneUnderTest
  readonly other: PlaneUnderTest
  readonly toldOne = new Told()
  readonly toldOther = new Told()
  #spi = 0x10000
  #said = 0

  constructor(planes: PlanesUnderTest) {
    this.planes = planes
    this.one = planes.one
    this.other = planes.other
  }

  async start(): Promise<void> {
    await this.one.plane.start(this.toldOne)
    await this.other.plane.start(this.toldOther)
  }

  /**
   * The same policy at both ends: one rule about everything between the two. The far end has it first, since what waited
   * at the near one may be on its way at once.
   */
  async enforce(action: FilterAction, changes: Partial<Rule> = {}): Promise<void> {
    for (const { plane, address } of [this.other, this.one])
      await plane.enforce(compile(this.policy(action, changes), { me: [address] }))
  }

  policy(action: FilterAction, changes: Partial<Rule> = {}) {
    const range = (address: Address) => ({ kind: 'range', first: address, last: address }) as const
    const filters = [{ source: range(this.one.address), destination: range(this.other.address), mirrored: true }]
    return policyOf([ruleOf(action, [], { name: RULE, filters, ...changes })])
  }

  agree(words: Partial<AgreementWords> = {}): readonly [AssociationPair, AssociationPair] {
    this.#spi += 0x1000
    return agreement({ rule: RULE, one: this.one.address, other: this.other.address, spi: this.#spi, ...words })
  }

  /** Both ends receive before either sends. */
  async connect(words: Partial<AgreementWords> = {}): Promise<readonly [Spi, Spi]> {
    const [here, there] = this.agree(words)
    await this.one.plane.install(here)
    await this.other.plane.install(there)
    await this.other.plane.beginSending(pairName(there))
    await this.one.plane.beginSending(pairName(here))
    return [pairName(here), pairName(there)]
  }

  /** Sends datagrams that are all different; answers them. */
  say(from: PlaneUnderTest, count: number, size = 100): readonly Datagram[] {
    return Array.from({ length: count }, () => {
      const payload = new Uint8Array(size).fill(0x2e)
      new DataView(payload.buffer).setUint32(0, this.#said++)
      const datagram = { port: PORT, payload }
      from.send(datagram)
      return datagram
    })
  }

  /** Packets on the wire that show a datagram of the applications. */
  shown(): number {
    const packet = new Packet()
    const shows = this.planes.wire().filter(bytes => {
      decodeIp(packet, bytes, 0, bytes.length)
      if (packet.kind !== IS_IP) return false
      return packet.protocol === UDP && (packet.destinationPort === PORT || packet.fragmentOffset !== 0)
    })
    return shows.length
  }
}

/** In any order: wires reorder. */
export function assertSame(received: readonly Datagram[], sent: readonly Datagram[]): void {
  const text = ({ port, payload }: Datagram) =>
    `${port} ${payload.length} ${Buffer.from(payload).toString('hex', 0, 8)}`
  assert.deepEqual(received.map(text).toSorted(), sent.map(text).toSorted())
}
