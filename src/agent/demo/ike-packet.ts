// The IKE packet of the demo, because the recording has none: a well-formed IKE_SA_INIT request (RFC 7296 §1.2) in UDP from
// port 500 to port 500, with one proposal, a Curve25519 value and a nonce that are random octets. Nobody answers it.
import type { Address } from '../../base/address.ts'
import { UDP } from '../../base/flow.ts'
import type { Random } from '../../base/random.ts'
import { setIpLength, transportChecksum, UDP_HEADER } from '../../ipsec/headers.ts'
import { FROM_INITIATOR } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, writeMessage } from '../../wire/ike/message.ts'
import { exchangeTypes, protocolIds } from '../../wire/ike/numbers.ts'
import type { Proposal, Transform } from '../../wire/ike/security-association.ts'
import {
  encryptionTransforms,
  keyExchangeMethods,
  prfTransforms,
  transformAttributes,
  transformTypes,
} from '../../wire/ike/transform-numbers.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import { IKE_PORT } from '../../wire/udp-encapsulation.ts'

const IPV4_HEADER = 20

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
    return bytes
  }
  // In this order, so that a seed gives the packet it always gave.
  const publicValue = fresh(32)
  const nonce = fresh(32)
  const initiatorSpi = new DataView(fresh(8).buffer).getBigUint64(0)
  return writeMessage({
    header: {
      initiatorSpi,
      responderSpi: 0n,
      version: IKE_VERSION_2,
      exchange: exchangeTypes.of.IKE_SA_INIT,
      flags: FROM_INITIATOR,
      messageId: 0,
    },
    payloads: [
      payload('security-association', { proposals: [proposal] }),
      payload('key-exchange', { method: keyExchangeMethods.of.x25519, publicValue }),
      payload('nonce', { nonce }),
    ],
  })
}

/** AES-256-GCM with an ICV of 16 octets, HMAC-SHA-256, Curve25519 (RFC 7296 §3.3). */
const proposal: Proposal = {
  number: 1,
  protocol: protocolIds.of.IKE,
  spi: new Uint8Array(0),
  transforms: [
    transform(transformTypes.of.encryption, encryptionTransforms.of['aes-gcm-16'], 256),
    transform(transformTypes.of.prf, prfTransforms.of['hmac-sha256']),
    transform(transformTypes.of['key exchange'], keyExchangeMethods.of.x25519),
  ],
}

function transform(type: number, id: number, keyLength?: number): Transform {
  const attribute = { kind: 'short', type: transformAttributes.of['key length'] } as const
  return { type, id, attributes: keyLength === undefined ? [] : [{ ...attribute, value: keyLength }] }
}
