// One run of the demo: two hosts on a simulated wire, one policy, keys that they agree on by IKEv2, and the recorded traffic
// in virtual time; what stood on the wire as a capture and as sums, and what keying did. Nothing here sleeps or touches a file.
import { formatAddress, parseAddress, sameAddress } from '../../base/address.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { formatProblem } from '../../base/result.ts'
import { VirtualClock } from '../../base/time.ts'
import type { PacketCrypto } from '../../crypto/packet-crypto.ts'
import type { SimulatedHost } from '../../dataplane/simulated/host.ts'
import { SimulatedWire } from '../../dataplane/simulated/wire.ts'
import { espTable } from '../../ipsec/wireshark-table.ts'
import { credentialsOf } from '../../keying/credentials.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../../keying/keying-settings.ts'
import type { KeyingEvent } from '../../keying/machine.ts'
import { ikeTable } from '../../keying/wireshark-table.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import type { Policy } from '../../policy/model.ts'
import { readPolicyText } from '../../policy/policy-text.ts'
import { SimulatedPeer } from '../simulated-peer.ts'
import { type DemoAuthority, demoAuthority, demoCredential } from './demo-certificates.ts'
import {
  DEMO_RULE,
  type DemoHost,
  type DemoSetting,
  demoHosts,
  demoPolicyText,
  demoSettings,
  policyFileName,
} from './demo-policies.ts'
import { type Recording, recordedTraffic } from './recorded-traffic.ts'
import { demoNetworks, type KindOnWire, WireRecorder } from './wire-recorder.ts'

/** The hosts' own books, to be compared with what the auditor finds in the capture. */
export interface HostCounts {
  readonly name: string
  readonly address: string
  /** Whole packets. */
  readonly sent: { readonly sealed: number; readonly clear: number }
  readonly delivered: { readonly sealed: number; readonly clear: number }
  readonly drops: Readonly<Record<string, number>>
}

/** What a host's keying told, and when: seconds since the first packet. */
export interface TracedEvent {
  readonly time: number
  readonly host: string
  readonly event: KeyingEvent
}

export interface PolicyFile {
  readonly name: string
  readonly text: string
}

export interface DemoRun {
  readonly setting: DemoSetting
  /** A file for each host. */
  readonly policyFiles: readonly PolicyFile[]
  /** As compiled from the first one, for a capture between the two. */
  readonly policy: CompiledPolicy
  /** Of all runs of a seed. */
  readonly authority: DemoAuthority
  /** A pcapng file. */
  readonly capture: Uint8Array
  /** Lines of Wireshark's table `esp_sa`, for every association of the run. */
  readonly espTable: string
  /** Lines of Wireshark's table `ikev2_decryption_table`. */
  readonly ikeTable: string
  readonly packets: number
  readonly kinds: readonly KindOnWire[]
  readonly hosts: readonly HostCounts[]
  /** How often keys were agreed on, the first time included: those of ESP, and those of IKE itself. */
  readonly keysMade: { readonly esp: number; readonly ike: number }
  /** Of both hosts, in the order in which it happened; no event holds a key. */
  readonly trace: readonly TracedEvent[]
  /** Packets of the applications: how many were sent to one host, and how many of these arrived there unchanged. */
  readonly applications: { readonly sent: number; readonly arrived: number }
  /** Seconds of virtual time. */
  readonly seconds: number
}

const addresses = demoHosts.map(({ address }) => parseAddress(address)!)

/** Seconds after the last recorded packet until the hosts say farewell, and that this may take. */
const QUIET = 0.5
const FAREWELL = 1

/** Wireshark cannot check an ICV over a number that does not travel whole, so none is agreed on. */
const settings: KeyingSettings = {
  ...defaultKeyingSettings,
  extendedSequence: 'never',
  tellKeys: true,
  tellMessages: true,
}

export interface DemoScene {
  readonly traffic: Recording
  readonly authority: DemoAuthority
}

/** What all runs of a seed have in common: what the hosts will say, and who vouches for them. */
export function demoScene(capture: Uint8Array, seed: number): DemoScene {
  const { start, packets } = recordedTraffic(capture, demoNetworks)
  // Only what the two hosts sent: a recording may have others.
  const own = packets.filter(({ source }) => addresses.some(address => sameAddress(address, source)))
  return { traffic: { start, packets: own }, authority: demoAuthority(seededRandom(seed), start.seconds) }
}

export async function runDemo(
  setting: DemoSetting,
  { traffic, authority }: DemoScene,
  crypto: PacketCrypto,
  seed: number,
): Promise<DemoRun> {
  const random = seededRandom(seed * demoSettings.length + demoSettings.indexOf(setting) + 1)
  const policyFiles = demoHosts.map(host => ({
    name: policyFileName(setting, host),
    text: demoPolicyText(setting, host),
  }))
  const policies = policyFiles.map(read)
  const policy = compile(policies[0]!)
  const clock = new VirtualClock()
  const recorder = new WireRecorder(traffic.start, policy)
  const wire = new SimulatedWire({ clock, random, capture: (packet, time) => recorder.saw(packet, time) })
  const inbox = new Inbox()
  const trace = new Trace(clock)
  const peers = demoHosts.map((host, index) => {
    const deliver = (packet: Uint8Array) => inbox.arrived(host, packet)
    return new SimulatedPeer({
      ...{ name: host.name, addresses: [addresses[index]!], wire, clock, crypto, settings, deliver },
      random: seededRandom(seedFrom(random)),
      startDate: traffic.start.seconds,
      installed: ({ outbound }) => trace.espLines.push(espTable([outbound])),
      report: event => trace.add(host, event),
      failed: cause => {
        throw cause
      },
    })
  })
  for (const [index, peer] of peers.entries()) {
    await peer.enforce(policies[index]!, credentialsOf(new Map([[DEMO_RULE, [demoCredential(authority, index)]]])))
  }
  for (const recorded of traffic.packets) {
    const { host: sender } = peers[addresses.findIndex(address => sameAddress(address, recorded.source))]!
    inbox.expect(formatAddress(recorded.destination), recorded.packet)
    clock.at(recorded.time, () => recorder.during(recorded, () => sender.transmit(recorded.packet)))
  }
  const settle = async () => {
    for (const { keeper } of peers) await keeper.idle()
  }
  await clock.playTo((traffic.packets.at(-1)?.time ?? 0) + QUIET, settle)
  const seconds = clock.now()
  const counts = peers.map(({ host }) => host)
  for (const { keeper } of peers) {
    const stopped = keeper.stop(FAREWELL)
    await clock.playTo(clock.now() + FAREWELL, settle)
    await stopped
  }
  return {
    ...{ setting, policyFiles, policy, authority, seconds },
    capture: recorder.capture(),
    espTable: trace.espLines.join(''),
    ikeTable: [...trace.ikeLines].join(''),
    packets: recorder.packets,
    kinds: recorder.kinds(),
    hosts: counts.map(countsOf),
    keysMade: trace.keysMade(demoHosts[0]),
    trace: trace.events,
    applications: { sent: inbox.sent, arrived: inbox.received },
  }
}

function read({ name, text }: PolicyFile): Policy {
  const found = readPolicyText(text, name)
  if (!found.ok) throw new Error(`the demo's own policy is refused: ${found.error.map(formatProblem).join('; ')}`)
  return found.value.policy
}

function seedFrom(random: Random): number {
  return Math.floor(random.fraction() * 2 ** 32)
}

function countsOf(host: SimulatedHost): HostCounts {
  const { name, sent, delivered, drops } = host
  const address = formatAddress(host.addresses[0]!)
  return { name, address, sent: { ...sent }, delivered: { ...delivered }, drops: Object.fromEntries(drops) }
}

/** Knows what has to arrive where, octet for octet. */
class Inbox {
  sent = 0
  received = 0
  readonly #expected = new Map(demoHosts.map(({ address }) => [address, new Set<string>()]))

  /** Groups are nobody's: only what goes to one of the hosts is expected. */
  expect(address: string, packet: Uint8Array): void {
    const expected = this.#expected.get(address)
    if (expected === undefined) return
    this.sent++
    expected.add(textOf(packet))
  }

  arrived({ address }: DemoHost, packet: Uint8Array): void {
    if (this.#expected.get(address)!.delete(textOf(packet))) this.received++
  }
}

function textOf(packet: Uint8Array): string {
  return Buffer.from(packet.buffer, packet.byteOffset, packet.length).toString('latin1')
}

/** What both hosts tell. Keys become lines of tables at once: their owners wipe them. */
class Trace {
  readonly events: TracedEvent[] = []
  readonly espLines: string[] = []
  readonly ikeLines = new Set<string>()
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  add({ name: host }: DemoHost, event: KeyingEvent): void {
    if (event.kind === 'keys') this.ikeLines.add(ikeTable([event]))
    else this.events.push({ time: this.#clock.now(), host, event })
  }

  keysMade({ name }: DemoHost): DemoRun['keysMade'] {
    const count = (...kinds: readonly KeyingEvent['kind'][]) =>
      this.events.filter(({ host, event }) => host === name && kinds.includes(event.kind)).length
    return { esp: count('child-established'), ike: count('session-established', 'session-rekeyed') }
  }
}
