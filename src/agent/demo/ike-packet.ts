// The IKE packet of the demo, because the recording has none: a well-formed IKE_SA_INIT request (RFC 7296 §1.2) in UDP from
// port 500 to port 500, with one proposal, a Curve25519 value and a nonce that are random octets. Nobody answers it.
import type { Address } from '../../base/address.ts'
import { UDP } from '../../base/flow.ts'
import type { Random } from '../../base/random.ts'
import { setIpLength, transportChecksum, UDP_HEADER } from '../../ipsec/headers.ts'

const IKE_PORT = 500
const IPV4_HEADER = 20
const SA = 33
const KEY_EXCHANGE = 34
const NONCE = 40
const CURVE25519 = 31

/** An IPv4 packet. */
export function ikePacket(source: Address, destination: Address, random: Random): Uint8Array {
  const message = initRequest(random)
  const packet = new Uint8Array(IPV4_HEADER + UDP_HEADER + message.length)
  const view = new DataView(packet.buffer)
  packet.set([0x45, 0, 0, 0, 0x50, 0x54, 0, 0, 64, UDP])
  view.setUint32(12, source.words[0]!)
  view.setUint32(16, destination.words[0]!)
  view.setUint16(20, IKE_PORT)
  view.setUint16(22, IKE_PORT)
  view.setUint16(24, UDP_HEADER + message.length)
  packet.set(message, IPV4_HEADER + UDP_HEADER)
  view.setUint16(26, transportChecksum(packet, 0, IPV4_HEADER, packet.length - IPV4_HEADER, UDP))
  setIpLength(packet, 0, packet.length)
  return packet
}

function initRequest(random: Random): Uint8Array {
  const fresh = (octets: number) => {
    const bytes = new Uint8Array(octets)
    random.fill(bytes)
    return [...bytes]
  }
  const payloads = [
    ...payload(KEY_EXCHANGE, proposal()),
    ...payload(NONCE, [...word16(CURVE25519), 0, 0, ...fresh(32)]),
    ...payload(0, fresh(32)),
  ]
  const length = 28 + payloads.length
  const noResponderYet = [0, 0, 0, 0, 0, 0, 0, 0]
  // Version 2.0, exchange 34, sent by the initiator, message 0.
  const header = [SA, 0x20, 34, 0x08, 0, 0, 0, 0, 0, 0, ...word16(length)]
  return Uint8Array.from([...fresh(8), ...noResponderYet, ...header, ...payloads])
}

function payload(next: number, body: readonly number[]): readonly number[] {
  return [next, 0, ...word16(4 + body.length), ...body]
}

/** AES-256-GCM with an ICV of 16 octets, HMAC-SHA-256, Curve25519 (RFC 7296 §3.3). */
function proposal(): readonly number[] {
  const transforms = [
    [3, 0, ...word16(12), 1, 0, ...word16(20), 0x80, 14, ...word16(256)],
    [3, 0, ...word16(8), 2, 0, ...word16(5)],
    [0, 0, ...word16(8), 4, 0, ...word16(CURVE25519)],
  ].flat()
  return [0, 0, ...word16(8 + transforms.length), 1, 1, 0, 3, ...transforms]
}

function word16(value: number): readonly number[] {
  return [value >> 8, value & 255]
}
