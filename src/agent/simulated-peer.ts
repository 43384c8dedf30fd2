// A simulated host that agrees on its keys itself: IKE in real packets over the wire in memory, ESP with what came of it, in
// virtual time. What a demonstration shows and a test of the whole journey runs.
import { type Address, sameAddress } from '../base/address.ts'
import { UDP } from '../base/flow.ts'
import type { Random } from '../base/random.ts'
import type { VirtualClock } from '../base/time.ts'
import type { PacketCrypto } from '../crypto/packet-crypto.ts'
import type { DataPlane } from '../dataplane/data-plane.ts'
import { SimulatedHost } from '../dataplane/simulated/host.ts'
import type { SimulatedWire } from '../dataplane/simulated/wire.ts'
import type { AssociationPair } from '../ipsec/association.ts'
import { cutToFit } from '../ipsec/fragmentation.ts'
import { setIpLength, transportChecksum, UDP_HEADER } from '../ipsec/headers.ts'
import type { Credentials } from '../keying/credentials.ts'
import { KeyingEndpoint } from '../keying/endpoint.ts'
import type { KeyingSettings } from '../keying/keying-settings.ts'
import type { KeyingEvent, Path } from '../keying/machine.ts'
import { compile } from '../policy/compile.ts'
import type { Policy } from '../policy/model.ts'
import { decodeIp } from '../wire/decode.ts'
import { IS_IP, Packet } from '../wire/packet.ts'
import { IKE_PORT, NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import { Keeper } from './perform.ts'

export interface SimulatedPeerOptions {
  readonly name: string
  readonly addresses: readonly Address[]
  readonly wire: SimulatedWire
  readonly clock: VirtualClock
  readonly crypto: PacketCrypto
  readonly random: Random
  readonly settings: KeyingSettings
  /** Unix seconds where the clock shows zero. */
  readonly startDate: number
  /** Gets every packet that reaches the host's applications; IKE does not. */
  readonly deliver: (packet: Uint8Array, wasSealed: boolean) => void
  readonly report?: (event: KeyingEvent) => void
  /** A pair of associations is about to be installed. */
  readonly installed?: (pair: AssociationPair) => void
  readonly failed?: (cause: unknown) => void
}

export class SimulatedPeer {
  readonly host: SimulatedHost
  readonly keeper: Keeper
  readonly endpoint = new KeyingEndpoint()
  readonly #options: SimulatedPeerOptions
  readonly #packet = new Packet()
  #identification = 0
  #policy: { readonly policy: Policy; readonly credentials: Credentials } | undefined

  constructor(options: SimulatedPeerOptions) {
    this.#options = options
    const { name, addresses, wire, clock, crypto, random, settings, startDate, failed } = options
    const deliver = (packet: Uint8Array, wasSealed: boolean) => {
      if (!this.#takes(packet)) options.deliver(packet, wasSealed)
    }
    this.host = new SimulatedHost({ name, addresses, wire, clock, crypto, deliver })
    this.keeper = new Keeper({
      endpoint: this.endpoint,
      dataPlane: options.installed === undefined ? this.host : told(this.host, options.installed),
      clock,
      world: () => {
        const { policy, credentials } = this.#policy!
        const date = startDate + clock.now()
        return { date, random, settings, credentials, policy: compile(policy, { me: addresses }) }
      },
      send: (path, bytes) => this.#send(path, bytes),
      report: event => options.report?.(event),
      failed: (_, cause) => failed?.(cause),
    })
  }

  /** The first time it starts the host; from then on it changes what is enforced. */
  async enforce(policy: Policy, credentials: Credentials): Promise<void> {
    const isFirst = this.#policy === undefined
    this.#policy = { policy, credentials }
    const compiled = compile(policy, { me: this.#options.addresses })
    if (isFirst) await this.keeper.start(compiled)
    else await this.keeper.enforce(compiled)
  }

  #send(path: Path, bytes: Uint8Array): void {
    this.#identification = (this.#identification + 1) & 0xffff
    const packet = udpPacket(path, bytes, this.#identification)
    for (const piece of cutToFit(packet, this.#options.wire.mtu, this.#identification) ?? []) this.host.transmit(piece)
  }

  #takes(bytes: Uint8Array): boolean {
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    if (packet.kind !== IS_IP || packet.protocol !== UDP || packet.fragmentOffset !== 0) return false
    const port = packet.destinationPort
    if (port !== IKE_PORT && port !== NAT_TRAVERSAL_PORT) return false
    const local = { address: packet.destination(), port }
    if (!this.#options.addresses.some(own => sameAddress(own, local.address))) return false
    const remote = { address: packet.source(), port: packet.sourcePort }
    const content = bytes.slice(packet.transport + UDP_HEADER, packet.ipLength)
    this.keeper.datagram({ local, remote }, content)
    return true
  }
}

/** The host, and somebody who hears of each pair before it. */
function told(host: DataPlane, installed: (pair: AssociationPair) => void): DataPlane {
  return {
    start: listener => host.start(listener),
    enforce: policy => host.enforce(policy),
    install(pair) {
      installed(pair)
      return host.install(pair)
    },
    beginSending: name => host.beginSending(name),
    remove: names => host.remove(names),
    refuse: (flow, rule, why) => host.refuse(flow, rule, why),
    counters: () => host.counters(),
    stop: () => host.stop(),
  }
}

const IPV4_HEADER = 20
const IPV6_HEADER = 40
const HOP_LIMIT = 64

/** A whole IP packet; `identification` is IPv4's, 16 bits. */
function udpPacket({ local, remote }: Path, content: Uint8Array, identification: number): Uint8Array {
  const isIpv4 = local.address.family === 4
  const header = isIpv4 ? IPV4_HEADER : IPV6_HEADER
  const packet = new Uint8Array(header + UDP_HEADER + content.length)
  const view = new DataView(packet.buffer)
  packet[0] = isIpv4 ? 0x45 : 0x60
  if (isIpv4) {
    view.setUint16(4, identification)
    packet.set([HOP_LIMIT, UDP], 8)
  } else packet.set([UDP, HOP_LIMIT], 6)
  for (const [index, word] of [...local.address.words, ...remote.address.words].entries()) {
    view.setUint32((isIpv4 ? 12 : 8) + 4 * index, word)
  }
  view.setUint16(header, local.port)
  view.setUint16(header + 2, remote.port)
  view.setUint16(header + 4, UDP_HEADER + content.length)
  packet.set(content, header + UDP_HEADER)
  setIpLength(packet, 0, packet.length)
  view.setUint16(header + 6, transportChecksum(packet, 0, header, packet.length - header, UDP))
  return packet
}
