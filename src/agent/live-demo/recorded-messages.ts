// Of the recording of two real domain controllers, what the live hosts say again: an RSVP packet, and an exchange of
// Kerberos for machines that have no KDC.
import { readFileSync } from 'node:fs'
import { parseAddress, sameAddress } from '../../base/address.ts'
import { UDP } from '../../base/flow.ts'
import { decodeIp } from '../../wire/decode.ts'
import { Packet } from '../../wire/packet.ts'
import { demoHosts } from '../demo/demo-policies.ts'
import { type RecordedPacket, recordedTraffic } from '../demo/recorded-traffic.ts'
import { demoNetworks } from '../demo/wire-recorder.ts'
import type { RecordedExchange } from './host-deeds.ts'

const recording = new URL('../../../examples/captures/two-domain-controllers.pcapng', import.meta.url)
const UDP_HEADER = 8
const KERBEROS = 88
/** AS-REQ and AS-REP by their first octet (RFC 4120 §5.4.1, §5.4.2: application tags 10 and 11). */
const AS_REQUEST = 0x6a
const AS_REPLY = 0x6b

export interface RecordedMessages {
  /** A whole IP packet from the first host to the second. */
  readonly rsvp: Uint8Array
  /** What was said when the first one asked the second for a ticket, over UDP. */
  readonly kerberos: RecordedExchange
}

export function recordedMessages(): RecordedMessages {
  const { packets } = recordedTraffic(readFileSync(recording), demoNetworks)
  const [first, second] = demoHosts.map(({ address }) => parseAddress(address)!)
  const isOnWay = ({ source, destination }: RecordedPacket) =>
    sameAddress(source, first!) && sameAddress(destination, second!)
  const rsvp = packets.find(packet => packet.kind === 'RSVP' && isOnWay(packet))?.packet
  const udp = packets.filter(({ kind }) => kind === 'Kerberos').flatMap(recorded => datagramOf(recorded) ?? [])
  for (const request of udp) {
    if (request.to !== KERBEROS || request.content[0] !== AS_REQUEST || !isOnWay(request.recorded)) continue
    const reply = udp.find(({ from, to, content, recorded: { time } }) => {
      const isLater = time > request.recorded.time
      return isLater && from === KERBEROS && to === request.from && content[0] === AS_REPLY
    })
    if (rsvp === undefined || reply === undefined) continue
    return { rsvp, kerberos: { request: request.content, reply: reply.content } }
  }
  throw new Error('the recording of the demo has no such messages')
}

function datagramOf(recorded: RecordedPacket) {
  const { packet: bytes } = recorded
  const packet = new Packet()
  decodeIp(packet, bytes, 0, bytes.length)
  if (packet.protocol !== UDP) return undefined
  const { sourcePort: from, destinationPort: to, transport } = packet
  return { recorded, from, to, content: bytes.slice(transport + UDP_HEADER) }
}
