// One run of the demo: two hosts on a simulated wire, one policy, the recorded traffic in virtual time; and what stood on
// the wire, as a capture and as sums. Nothing here sleeps or touches a file.
import { formatAddress, parseAddress, parsePrefix, sameAddress } from '../../base/address.ts'
import { AH, ESP } from '../../base/flow.ts'
import { seededRandom } from '../../base/random.ts'
import { formatProblem } from '../../base/result.ts'
import { VirtualClock } from '../../base/time.ts'
import type { PacketCrypto } from '../../crypto/packet-crypto.ts'
import { SimulatedHost } from '../../dataplane/simulated/host.ts'
import { SimulatedWire } from '../../dataplane/simulated/wire.ts'
import type { AssociationSpec } from '../../ipsec/association.ts'
import { manualPairs } from '../../ipsec/manual-keys.ts'
import { espTable } from '../../ipsec/wireshark-table.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import { decide } from '../../policy/decide.ts'
import { readPolicyText } from '../../policy/policy-text.ts'
import { CaptureWriter } from '../../wire/capture-writer.ts'
import { decodeIp } from '../../wire/decode.ts'
import { ETHERNET_LINK, ethernetFrame } from '../../wire/ethernet-frame.ts'
import { Packet } from '../../wire/packet.ts'
import { type DemoSetting, demoHosts, demoNetwork, demoPolicyText, demoSettings } from './demo-policies.ts'
import { ikePacket } from './ike-packet.ts'
import {
  type Instant,
  type RecordedPacket,
  type Recording,
  recordedTraffic,
  type TrafficKind,
  trafficKinds,
} from './recorded-traffic.ts'

/** What stood on the wire of one kind of traffic, in packets of the wire: fragments count each. */
export interface KindOnWire {
  readonly kind: TrafficKind
  readonly sealed: number
  readonly clear: number
  /** Why it went in clear: an exemption, or that no filter speaks of it; absent where nothing did. */
  readonly because?: string
}

/** The hosts' own books, to be compared with what the auditor finds in the capture. */
export interface HostCounts {
  readonly name: string
  readonly address: string
  /** Whole packets. */
  readonly sent: { readonly sealed: number; readonly clear: number }
  readonly delivered: { readonly sealed: number; readonly clear: number }
  readonly drops: Readonly<Record<string, number>>
}

export interface DemoRun {
  readonly setting: DemoSetting
  /** The policy as a file, and as compiled from it. */
  readonly policyText: string
  readonly policy: CompiledPolicy
  /** A pcapng file. */
  readonly capture: Uint8Array
  /** Lines of Wireshark's table `esp_sa`. */
  readonly espTable: string
  readonly packets: number
  readonly kinds: readonly KindOnWire[]
  readonly hosts: readonly HostCounts[]
  /** Packets of the applications: how many were sent to one host, and how many of these arrived there unchanged. */
  readonly applications: { readonly sent: number; readonly arrived: number }
  /** Seconds of virtual time. */
  readonly seconds: number
}

const networks = [parsePrefix(demoNetwork)!]
const addresses = demoHosts.map(({ address }) => parseAddress(address)!)

/** What the hosts will say: the recording, and an IKE packet before it. */
export function demoTraffic(capture: Uint8Array, seed: number): Recording {
  const { start, packets } = recordedTraffic(capture, networks)
  const [source, destination] = addresses as [(typeof addresses)[0], (typeof addresses)[0]]
  const packet = ikePacket(source, destination, seededRandom(seed))
  // Only what the two hosts sent: a recording may have others.
  const own = packets.filter(({ source }) => addresses.some(address => sameAddress(address, source)))
  return { start, packets: [{ time: 0, source, destination, kind: 'IKE', packet }, ...own] }
}

export async function runDemo(
  setting: DemoSetting,
  traffic: Recording,
  crypto: PacketCrypto,
  seed: number,
): Promise<DemoRun> {
  const random = seededRandom(seed * demoSettings.length + demoSettings.indexOf(setting))
  const policyText = demoPolicyText(setting, random)
  const read = readPolicyText(policyText, `${setting.name}.yaml`)
  if (!read.ok) throw new Error(`the demo's own policy is refused: ${read.error.map(formatProblem).join('; ')}`)
  const { policy } = read.value
  const clock = new VirtualClock()
  const recorder = new WireRecorder(traffic.start)
  const wire = new SimulatedWire({ clock, random, capture: (packet, time) => recorder.saw(packet, time) })
  const expected = new Map(addresses.map(address => [formatAddress(address), new Set<string>()]))
  let arrived = 0
  const hosts: SimulatedHost[] = []
  const specs: AssociationSpec[] = []
  for (const [index, { name, address }] of demoHosts.entries()) {
    const own = [addresses[index]!]
    const deliver = (packet: Uint8Array) => {
      if (expected.get(address)!.delete(textOf(packet))) arrived++
    }
    const host = new SimulatedHost({ name, addresses: own, wire, clock, crypto, deliver })
    await host.start({ needsKeys: () => {}, ageing: () => {}, dropped: () => {} })
    await host.enforce(compile(policy, { me: own }))
    const pairs = manualPairs(policy, own)
    if (!pairs.ok) throw new Error(`the demo's own keys are refused: ${pairs.error.map(formatProblem).join('; ')}`)
    for (const pair of pairs.value) {
      await host.install(pair)
      await host.beginSending(pair.inbound.layers.at(-1)!.spi)
      specs.push(pair.outbound)
    }
    hosts.push(host)
  }
  let sent = 0
  const compiled = compile(policy)
  for (const recorded of traffic.packets) {
    const sender = hosts[addresses.findIndex(address => sameAddress(address, recorded.source))]!
    const receiver = expected.get(formatAddress(recorded.destination))
    if (receiver !== undefined) {
      sent++
      receiver.add(textOf(recorded.packet))
    }
    clock.at(recorded.time, () => recorder.during(recorded, compiled, () => sender.transmit(recorded.packet)))
  }
  clock.run()
  const counts = hosts.map(countsOf)
  for (const host of hosts) await host.stop()
  return {
    setting,
    policyText,
    policy: compiled,
    capture: recorder.capture(),
    espTable: espTable(specs),
    packets: recorder.packets,
    kinds: recorder.kinds(),
    hosts: counts,
    applications: { sent, arrived },
    seconds: clock.now(),
  }
}

function countsOf(host: SimulatedHost): HostCounts {
  const { name, sent, delivered, drops } = host
  const address = formatAddress(host.addresses[0]!)
  return { name, address, sent: { ...sent }, delivered: { ...delivered }, drops: Object.fromEntries(drops) }
}

function textOf(packet: Uint8Array): string {
  return Buffer.from(packet.buffer, packet.byteOffset, packet.length).toString('latin1')
}

/** Stands at the wire: writes what it sees, and counts it under what the sender was about. */
class WireRecorder {
  packets = 0
  readonly #parts: Uint8Array[] = []
  readonly #writer = new CaptureWriter(bytes => this.#parts.push(bytes), [ETHERNET_LINK])
  readonly #start: Instant
  readonly #packet = new Packet()
  readonly #sums = new Map<TrafficKind, { sealed: number; clear: number; because?: string }>()
  #about: { readonly recorded: RecordedPacket; readonly policy: CompiledPolicy } | undefined

  constructor(start: Instant) {
    this.#start = start
  }

  /** The wire shows a packet while it is sent, so all that is seen during `send` belongs to this one. */
  during(recorded: RecordedPacket, policy: CompiledPolicy, send: () => void): void {
    this.#about = { recorded, policy }
    send()
    this.#about = undefined
  }

  saw(bytes: Uint8Array, time: number): void {
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    const frame = ethernetFrame(bytes, packet.source(), packet.destination(), networks)
    const nanoseconds = this.#start.nanoseconds + Math.round(time * 1e9)
    this.#writer.frame(frame, this.#start.seconds + Math.floor(nanoseconds / 1e9), nanoseconds % 1e9)
    this.packets++
    if (this.#about === undefined) throw new Error('a host sent what nobody asked it to send')
    this.#count(this.#about.recorded, this.#about.policy)
  }

  #count({ kind, packet: whole }: RecordedPacket, policy: CompiledPolicy): void {
    const { protocol } = this.#packet
    const isSealed = protocol === ESP || protocol === AH
    const sum = this.#sums.get(kind) ?? { sealed: 0, clear: 0 }
    this.#sums.set(kind, sum)
    if (isSealed) sum.sealed++
    else {
      sum.clear++
      sum.because ??= reason(whole, policy)
    }
  }

  kinds(): readonly KindOnWire[] {
    return trafficKinds.flatMap(kind => {
      const sum = this.#sums.get(kind)
      return sum === undefined ? [] : [{ kind, ...sum }]
    })
  }

  capture(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts))
  }
}

function reason(whole: Uint8Array, policy: CompiledPolicy): string {
  const packet = new Packet()
  decodeIp(packet, whole, 0, whole.length)
  const { because } = decide(policy, packet.flow(), 'out')
  if (because.kind === 'exemption') return 'exempt'
  return because.kind === 'filter' ? `permitted by ${because.rule}` : 'no filter matches'
}
