// The packets of a probe, from the header behind IP's on: each is well formed, asks for an answer, and leaves nothing behind
// at the host but a line in a log. Proposals to IKE are such that nobody accepts them.
import { type Address, addressOctets } from '../../base/address.ts'
import { TCP, UDP } from '../../base/flow.ts'
import { DER_BIT_STRING, DER_SEQUENCE, derElement, derInteger } from '../../crypto/der.ts'
import { internetChecksum } from '../../ipsec/headers.ts'

export interface Ends {
  readonly own: Address
  readonly to: Address
}

export interface Ports {
  readonly from: number
  readonly to: number
}

/** RFC 9293 §3.1, RFC 768, RFC 8200 §8.1: addresses, protocol and length are summed up as well. */
function withChecksum(message: Uint8Array, at: number, protocol: number, { own, to }: Ends): Uint8Array {
  const pseudo = [...addressOctets(own), ...addressOctets(to)]
  let sum = protocol + message.length
  for (let index = 0; index < pseudo.length; index += 2) sum += (pseudo[index]! << 8) | pseudo[index + 1]!
  const checksum = internetChecksum(message, 0, message.length, sum)
  new DataView(message.buffer).setUint16(at, checksum === 0 && protocol === UDP ? 0xffff : checksum)
  return message
}

/** A SYN with the usual maximum segment size; whoever listens answers with SYN and ACK, which our kernel resets. */
export function tcpSyn(ends: Ends, ports: Ports, sequence: number): Uint8Array {
  const message = new Uint8Array(24)
  const view = new DataView(message.buffer)
  view.setUint16(0, ports.from)
  view.setUint16(2, ports.to)
  view.setUint32(4, sequence)
  message[12] = 6 << 4
  message[13] = 0x02
  view.setUint16(14, 64_240)
  message.set([2, 4, 1460 >> 8, 1460 & 255], 20)
  return withChecksum(message, 16, TCP, ends)
}

export function udpDatagram(ends: Ends, ports: Ports, content: Uint8Array): Uint8Array {
  const message = new Uint8Array(8 + content.length)
  const view = new DataView(message.buffer)
  view.setUint16(0, ports.from)
  view.setUint16(2, ports.to)
  view.setUint16(4, message.length)
  message.set(content, 8)
  return withChecksum(message, 6, UDP, ends)
}

/**
 * A PATH message (RFC 2205 §3.1.3) with an object of a class that has to be refused with an error (§3.10): so whoever speaks
 * RSVP answers at once. It goes without the router alert option, which would have every router on the way look at it.
 */
export function rsvpPath({ own, to }: Ends): Uint8Array {
  const isIpv4 = own.family === 4
  const form = isIpv4 ? 1 : 2
  const objects = [
    // SESSION: to UDP port 9, discard.
    object(1, form, [...addressOctets(to), UDP, 0, 0, 9]),
    object(3, form, [...addressOctets(own), 0, 0, 0, 0]),
    // TIME_VALUES: refreshed every 30 s, which it never is.
    object(5, 1, [0, 0, 0x75, 0x30]),
    object(11, form, [...addressOctets(own), 0, 0, 0, 9]),
    object(UNKNOWN_CLASS, 1, [0, 0, 0, 0]),
  ].flat()
  const message = Uint8Array.from([0x10, 1, 0, 0, 1, 0, 0, 0, ...objects])
  const view = new DataView(message.buffer)
  view.setUint16(6, message.length)
  view.setUint16(2, internetChecksum(message))
  return message
}

/** Class numbers that begin with a zero bit are refused where they are not known. */
const UNKNOWN_CLASS = 127

function object(number: number, form: number, content: readonly number[]): readonly number[] {
  return [0, content.length + 4, number, form, ...content]
}

/** A question for all names of a host (RFC 1002 §4.2.17): what listens to it there answers to us alone. */
export function nameQuestion(id: number): Uint8Array {
  const name = [0x43, 0x4b, ...Array<number>(30).fill(0x41)]
  return Uint8Array.from([id >>> 8, id & 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 32, ...name, 0, 0, 0x21, 0, 1])
}

const REALM = 'SEALWIRE.INVALID'
const GENERALIZED_TIME = 0x18
const GENERAL_STRING = 0x1b
/** Of an AS-REQ (RFC 4120 §5.10). */
const APPLICATION_10 = 0x6a

/** Who asks for a ticket that nobody has (RFC 4120 §5.4.1): a key distribution centre answers with an error. */
export function kerberosRequest(nonce: number): Uint8Array {
  const field = (tag: number, ...parts: readonly Uint8Array[]) => derElement(0xa0 + tag, ...parts)
  const text = (value: string) => derElement(GENERAL_STRING, new TextEncoder().encode(value))
  const principal = (kind: number, ...words: readonly string[]) =>
    derElement(DER_SEQUENCE, field(0, integer(kind)), field(1, derElement(DER_SEQUENCE, ...words.map(text))))
  const body = derElement(
    DER_SEQUENCE,
    field(0, derElement(DER_BIT_STRING, new Uint8Array(5))),
    field(1, principal(1, 'probe')),
    field(2, text(REALM)),
    field(3, principal(2, 'krbtgt', REALM)),
    field(5, derElement(GENERALIZED_TIME, new TextEncoder().encode('20370913024805Z'))),
    field(7, integer(nonce & 0x7fffffff)),
    field(8, derElement(DER_SEQUENCE, ...[18, 17, 23].map(integer))),
  )
  const request = derElement(DER_SEQUENCE, field(1, integer(5)), field(2, integer(10)), field(4, body))
  return derElement(APPLICATION_10, request)
}

/** Not negative, below 2^31. */
function integer(value: number): Uint8Array {
  return derInteger(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value))
}
