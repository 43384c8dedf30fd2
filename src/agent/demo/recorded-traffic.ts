// What the demo's hosts say: the IP packets of a recording, whole, each with its time and its sender. Fragments are put
// together, so that whoever replays them may seal first and cut afterwards; TCP segments that would not fit once they
// are sealed are cut in two, as a host does that knows the path.
import {
  type Address,
  isLimitedBroadcast,
  isMulticast,
  lastAddress,
  type Prefix,
  sameAddress,
} from '../../base/address.ts'
import { ICMP, RSVP, TCP } from '../../base/flow.ts'
import { setIpLength, transportChecksum } from '../../ipsec/headers.ts'
import { Reassembly } from '../../ipsec/reassembly.ts'
import { CaptureParser } from '../../wire/capture-file.ts'
import { decodeFrame, decodeIp } from '../../wire/decode.ts'
import { IKE, IS_IP, Packet } from '../../wire/packet.ts'

/** What a packet is for, in the order in which tables show it. */
export const trafficKinds = [
  'Kerberos',
  'RSVP',
  'LDAP',
  'RPC',
  'SMB',
  'DNS',
  'password change',
  'NetBIOS',
  'ping',
  'other',
  'broadcast',
  'multicast',
  'IKE',
] as const
export type TrafficKind = (typeof trafficKinds)[number]

export interface RecordedPacket {
  /** Seconds since the first packet. */
  readonly time: number
  readonly source: Address
  readonly destination: Address
  readonly kind: TrafficKind
  readonly packet: Uint8Array
}

export interface Instant {
  readonly seconds: number
  readonly nanoseconds: number
}

export interface Recording {
  /** When the first packet was seen, since 1970. */
  readonly start: Instant
  readonly packets: readonly RecordedPacket[]
}

/** Octets of the longest TCP packet that stays below 1,500 whatever seals it here. */
const LONGEST_TCP = 1400

/** Throws where the recording cannot be read: it is a file of ours. */
export function recordedTraffic(capture: Uint8Array, networks: readonly Prefix[]): Recording {
  const packets: RecordedPacket[] = []
  const packet = new Packet()
  const reassembly = new Reassembly()
  let start: Instant | undefined
  const take = (whole: Uint8Array, time: number) => {
    for (const piece of cutTcp(packet, whole)) {
      decodeIp(packet, piece, 0, piece.length)
      const [source, destination] = [packet.source(), packet.destination()]
      packets.push({ time, source, destination, kind: kindOf(packet, networks), packet: piece })
    }
  }
  const parser = new CaptureParser({
    frame(bytes, from, to, linkType, _original, seconds, nanoseconds) {
      decodeFrame(packet, bytes, linkType, from, to)
      if (packet.kind !== IS_IP) return
      start ??= { seconds, nanoseconds }
      const time = seconds - start.seconds + (nanoseconds - start.nanoseconds) / 1e9
      const isFragment = packet.moreFragments || packet.fragmentOffset !== 0
      const whole = isFragment
        ? reassembly.add(packet, bytes, time)
        : bytes.slice(packet.ipOffset, packet.ipOffset + packet.ipLength)
      if (whole instanceof Uint8Array) take(whole, time)
    },
  })
  const view = new DataView(capture.buffer, capture.byteOffset, capture.length)
  parser.finish(capture.length - parser.push(capture, view, capture.length))
  if (parser.problem !== '') throw new Error(`the recording of the demo cannot be read: ${parser.problem}`)
  return { start: start ?? { seconds: 0, nanoseconds: 0 }, packets }
}

/** An IPv4 packet with TCP that is too long, as two. */
function cutTcp(packet: Packet, whole: Uint8Array): readonly Uint8Array[] {
  decodeIp(packet, whole, 0, whole.length)
  if (packet.version !== 4 || packet.protocol !== TCP || whole.length <= LONGEST_TCP) return [whole]
  const at = packet.transport
  const content = at + (whole[at + 12]! >> 4) * 4
  const first = whole.slice(0, LONGEST_TCP)
  const second = new Uint8Array(content + whole.length - LONGEST_TCP)
  second.set(whole.subarray(0, content))
  second.set(whole.subarray(LONGEST_TCP), content)
  const view = new DataView(second.buffer)
  view.setUint32(at + 4, view.getUint32(at + 4) + LONGEST_TCP - content)
  // Packets that are not cut may share an identification; these two are told apart all the same.
  view.setUint16(4, view.getUint16(4) ^ 0x8000)
  // What ends or pushes the stream belongs to its last octet.
  first[at + 13] = first[at + 13]! & ~(FIN | PUSH)
  for (const piece of [first, second]) finish(piece, at)
  return [first, ...cutTcp(packet, second)]
}

const FIN = 1
const PUSH = 8

function finish(packet: Uint8Array, at: number): void {
  setIpLength(packet, 0, packet.length)
  packet.fill(0, at + 16, at + 18)
  const sum = transportChecksum(packet, 0, at, packet.length - at, TCP)
  packet[at + 16] = sum >> 8
  packet[at + 17] = sum & 255
}

const kindOfPort: ReadonlyMap<number, TrafficKind> = new Map([
  [88, 'Kerberos'],
  [53, 'DNS'],
  [135, 'RPC'],
  [137, 'NetBIOS'],
  [138, 'NetBIOS'],
  [139, 'SMB'],
  [389, 'LDAP'],
  [445, 'SMB'],
  [464, 'password change'],
  [636, 'LDAP'],
  [3268, 'LDAP'],
  [3269, 'LDAP'],
])

/** Where servers of RPC are given their ports. */
const FIRST_DYNAMIC_PORT = 49_152

/** A whole packet's kind; what goes to a group is that, whatever it holds. */
export function kindOf(packet: Packet, networks: readonly Prefix[]): TrafficKind {
  const destination = packet.destination()
  if (isMulticast(destination)) return 'multicast'
  const isBroadcast = networks.some(network => sameAddress(lastAddress(network), destination))
  if (isBroadcast || isLimitedBroadcast(destination)) return 'broadcast'
  if (packet.content === IKE) return 'IKE'
  if (packet.protocol === RSVP) return 'RSVP'
  if (packet.protocol === ICMP) return 'ping'
  const ports = [packet.destinationPort, packet.sourcePort].toSorted((a, b) => a - b)
  for (const port of ports) {
    const kind = kindOfPort.get(port)
    if (kind !== undefined) return kind
  }
  return packet.protocol === TCP && ports.some(port => port >= FIRST_DYNAMIC_PORT) ? 'RPC' : 'other'
}
