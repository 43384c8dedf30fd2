// What came back, and to which probe: by ports, by IKE's SPI, by an echo's nonce, by the packet that an ICMP error quotes.
// Everything here was seen in clear on the wire. Whoever answers may lie: nothing more than words comes of it.
import { type Address, sameAddress } from '../../base/address.ts'
import { AH, ESP, ICMP, ICMPV6, RSVP, TCP, UDP } from '../../base/flow.ts'
import { IS_IP, type Packet } from '../../wire/packet.ts'
import { readEcho } from '../ping/echo-message.ts'
import { readIkeAnswer } from './probe-ike.ts'
import type { Probe } from './probe-list.ts'

export interface Answer {
  /** `keying`: IKE, which nothing needs to secure. */
  readonly kind: 'in-clear' | 'keying'
  readonly words: string
}

export type Seen =
  | { readonly kind: 'answer'; readonly probe: Probe; readonly answer: Answer }
  /** Our own packet, on its way out in clear. */
  | { readonly kind: 'left'; readonly probe: Probe }
  /** What our kernel sent without being asked: resets of connections that nobody wanted. */
  | { readonly kind: 'reset' }
  /** The host asks for keys, so it wants to secure what it was sent or what it would answer. */
  | { readonly kind: 'asks-for-keys'; readonly words: string }
  | { readonly kind: 'sealed' }

/** Undefined for what has nothing to do with the probes. */
export function recognise(
  packet: Packet,
  bytes: Uint8Array,
  isOutgoing: boolean,
  host: Address,
  probes: readonly Probe[],
): Seen | undefined {
  if (packet.kind !== IS_IP || packet.isLaterFragment) return undefined
  if (isOutgoing) return leaving(packet, bytes, probes)
  if (!sameAddress(packet.source(), host)) return undefined
  switch (packet.protocol) {
    case ESP:
    case AH:
      return { kind: 'sealed' }
    case TCP:
      return tcpAnswer(packet, bytes, probes)
    case UDP:
      return udpAnswer(packet, bytes, probes)
    case RSVP: {
      const type = packet.end > packet.transport + 1 ? bytes[packet.transport + 1]! : 0
      return answerOf(probes.find(isOfProtocol(RSVP)), `RSVP, ${rsvpNames[type] ?? `message ${type}`}`)
    }
    case ICMP:
    case ICMPV6:
      return icmpAnswer(packet, bytes, probes)
    default:
      return undefined
  }
}

const rsvpNames: Readonly<Record<number, string>> = {
  1: 'PATH',
  2: 'RESV',
  3: 'a path error',
  4: 'a reservation error',
}

function isOfProtocol(protocol: number): (probe: Probe) => boolean {
  return probe => probe.protocol === protocol && probe.expects.kind === 'protocol'
}

function answerOf(probe: Probe | undefined, words: string): Seen | undefined {
  return probe === undefined ? undefined : { kind: 'answer', probe, answer: { kind: 'in-clear', words } }
}

/** The probe whose octets go out there; a datagram that was cut is known by its beginning. */
function leaving(packet: Packet, bytes: Uint8Array, probes: readonly Probe[]): Seen | undefined {
  const { transport, end, protocol } = packet
  const there = packet.destination()
  const probe = probes.find(({ message, to, protocol: wanted }) => {
    if (wanted !== protocol || !sameAddress(to, there)) return false
    const length = Math.min(message.length, end - transport)
    // The kernel writes the checksum of ICMPv6.
    return (
      length >= 8 &&
      message.subarray(0, length).every((octet, at) => isChecksum(protocol, at) || octet === bytes[transport + at])
    )
  })
  if (probe !== undefined) return { kind: 'left', probe }
  const isReset = protocol === TCP && end - transport >= 14 && (bytes[transport + 13]! & 0x04) !== 0
  return isReset && probes.some(one => hasPorts(one, packet.sourcePort, packet.destinationPort))
    ? { kind: 'reset' }
    : undefined
}

function isChecksum(protocol: number, at: number): boolean {
  return protocol === ICMPV6 && (at === 2 || at === 3)
}

function hasPorts({ expects }: Probe, from: number, to: number): boolean {
  return (expects.kind === 'ports' || expects.kind === 'ike') && expects.ports.from === from && expects.ports.to === to
}

function tcpAnswer(
  { sourcePort, destinationPort, transport, end }: Packet,
  bytes: Uint8Array,
  probes: readonly Probe[],
) {
  if (end - transport < 14) return undefined
  const probe = probes.find(one => one.protocol === TCP && hasPorts(one, destinationPort, sourcePort))
  const flags = bytes[transport + 13]!
  if ((flags & 0x04) !== 0) return answerOf(probe, 'TCP reset: nobody listens there')
  return (flags & 0x12) === 0x12 ? answerOf(probe, 'TCP accepted (SYN and ACK)') : undefined
}

function udpAnswer(packet: Packet, bytes: Uint8Array, probes: readonly Probe[]): Seen | undefined {
  const { sourcePort, destinationPort, transport, end } = packet
  const start = transport + 8
  if (end < start) return undefined
  const isNat = sourcePort === 4500 || destinationPort === 4500
  if (sourcePort === 500 || destinationPort === 500 || isNat) {
    const marked = isNat && end - start >= 4 && bytes.subarray(start, start + 4).every(octet => octet === 0)
    const stated = (bytes[transport + 4]! << 8) | bytes[transport + 5]!
    // What is longer than what a capture keeps is read as far as it goes: its header is enough.
    const ike = readIkeAnswer(bytes.slice(marked ? start + 4 : start, Math.min(end, transport + stated)))
    const probe = probes.find(one => one.expects.kind === 'ike' && one.expects.spi === ike?.initiatorSpi)
    if (ike !== undefined && probe !== undefined) {
      return { kind: 'answer', probe, answer: { kind: 'keying', words: ike.words } }
    }
    if (ike !== undefined && !ike.isAnswer) return { kind: 'asks-for-keys', words: ike.words }
    if (ike !== undefined) return undefined
  }
  const octets = end - start
  const direct = probes.find(one => one.protocol === UDP && hasPorts(one, destinationPort, sourcePort))
  return answerOf(direct, `UDP, ${octets} octets`)
}

function icmpAnswer(packet: Packet, bytes: Uint8Array, probes: readonly Probe[]): Seen | undefined {
  const { transport, end, protocol } = packet
  const family = protocol === ICMP ? 4 : 6
  const echo = readEcho(bytes, transport, end, family)
  if (echo !== undefined) {
    const probe = probes.find(
      ({ expects }) =>
        echo.isReply &&
        expects.kind === 'echo' &&
        expects.identifier === echo.identifier &&
        expects.nonce === echo.nonce,
    )
    return answerOf(probe, 'echo reply')
  }
  const words = errorWords(family, bytes[transport] ?? -1, bytes[transport + 1] ?? -1)
  if (words === undefined) return undefined
  const quoted = quotedProbe(bytes, transport + 8, end, family, probes)
  return answerOf(quoted, `ICMP: ${words}`)
}

/** RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1; RFC 4443 §3. Undefined for what is no error. */
function errorWords(family: 4 | 6, type: number, code: number): string | undefined {
  const codes = family === 4 ? unreachable4 : unreachable6
  if (type === (family === 4 ? 3 : 1)) return codes[code] ?? `unreachable, code ${code}`
  if (family === 6 && type === 4) return code === 1 ? 'protocol not spoken' : 'something in it is not understood'
  return type === (family === 4 ? 11 : 3) ? 'time exceeded' : undefined
}

const unreachable4: Readonly<Record<number, string>> = {
  ...{ 0: 'network unreachable', 1: 'host unreachable', 2: 'protocol not spoken', 3: 'port closed' },
  ...{ 9: 'refused by an administrator', 10: 'refused by an administrator', 13: 'refused by an administrator' },
}
const unreachable6: Readonly<Record<number, string>> = {
  ...{ 0: 'no route', 1: 'refused by an administrator', 3: 'address unreachable', 4: 'port closed' },
  ...{ 5: 'refused by its source address', 6: 'refused' },
}

function quotedProbe(
  bytes: Uint8Array,
  at: number,
  end: number,
  family: 4 | 6,
  probes: readonly Probe[],
): Probe | undefined {
  const header = family === 4 ? (bytes[at] ?? 0) & 15 : 10
  const inner = at + header * 4
  if (end - at < (family === 4 ? 20 : 40) || header < 5 || inner + 4 > end) return undefined
  const protocol = bytes[family === 4 ? at + 9 : at + 6]!
  if (protocol !== TCP && protocol !== UDP) return probes.find(one => one.protocol === protocol)
  const from = (bytes[inner]! << 8) | bytes[inner + 1]!
  const to = (bytes[inner + 2]! << 8) | bytes[inner + 3]!
  return probes.find(one => one.protocol === protocol && hasPorts(one, from, to))
}
