// What a capture showed that may have to do with a ping: echoes in clear, sealed packets, keys being agreed on. Fragments
// of one sealed packet count as one, of their joint length. What is kept is bounded, however busy the wire is.

import { formatAddress } from '../../base/address.ts'
import { AH, ESP, ICMP, ICMPV6 } from '../../base/flow.ts'
import { ESP_IN_UDP, IKE, IS_IP, type Packet } from '../../wire/packet.ts'
import { type Echo, readEcho } from './echo-message.ts'

export type SealedForm = 'esp' | 'esp-in-udp' | 'ah'

interface Seen {
  readonly isOutgoing: boolean
  /** The address that is not ours, as it is printed. */
  readonly peer: string
}

export type Sighting =
  | (Seen & { readonly kind: 'echo'; readonly echo: Echo })
  | (Seen & {
      readonly kind: 'sealed'
      readonly form: SealedForm
      readonly spi: number
      /** From the SPI to the end of the ICV: the protocol's own header counts, IP's and UDP's do not. */
      readonly octets: number
      /** AH hides nothing. */
      readonly echo?: Echo
    })
  | (Seen & { readonly kind: 'ike' })

const MOST = 2000
/** Of sealed packets, of which thousands tell no more than some; an echo that is not kept might be one in clear. */
const MOST_SEALED = 1800

export class WireLog {
  readonly #sightings: Sighting[] = []
  /** Where the sighting of a fragmented sealed packet stands, by direction and identification. */
  readonly #fragmented = new Map<string, number>()
  /** Echoes with this identifier are kept, others not. */
  identifier = -1
  /** More of these were seen than are kept. */
  isOver = false

  get length(): number {
    return this.#sightings.length
  }

  /** From a number on that `length` gave. */
  since(from: number): readonly Sighting[] {
    return this.#sightings.slice(from)
  }

  /** To be called when nothing that was seen is asked for any more. */
  clear(): void {
    this.#sightings.length = 0
    this.#fragmented.clear()
    this.isOver = false
  }

  /** Answers what it is; undefined for what has nothing to do with a ping. */
  see(packet: Packet, bytes: Uint8Array, isOutgoing: boolean): Sighting | undefined {
    if (packet.kind !== IS_IP) return undefined
    if (packet.isLaterFragment) {
      this.#addFragment(packet, isOutgoing)
      return undefined
    }
    const sighting = sightingOf(packet, bytes, isOutgoing)
    if (sighting === undefined) return undefined
    const isEcho = 'echo' in sighting
    if (sighting.kind === 'ike' || (isEcho && sighting.echo?.identifier !== this.identifier)) return sighting
    if (this.#sightings.length >= (isEcho ? MOST : MOST_SEALED)) {
      this.isOver ||= isEcho
      return sighting
    }
    this.#sightings.push(sighting)
    if (sighting.kind === 'sealed' && packet.moreFragments)
      this.#fragmented.set(fragmentKey(packet, isOutgoing), this.#sightings.length - 1)
    return sighting
  }

  #addFragment(packet: Packet, isOutgoing: boolean): void {
    const index = this.#fragmented.get(fragmentKey(packet, isOutgoing))
    const first = index === undefined ? undefined : this.#sightings[index]
    // The length of ESP in UDP stands in its UDP header, whole.
    if (first?.kind !== 'sealed' || first.form === 'esp-in-udp') return
    const end = packet.fragmentOffset * 8 + statedOctets(packet)
    if (end > first.octets) this.#sightings[index!] = { ...first, octets: end }
  }
}

function fragmentKey(packet: Packet, isOutgoing: boolean): string {
  return `${isOutgoing} ${formatAddress(peerOf(packet, isOutgoing))} ${packet.identification}`
}

function peerOf(packet: Packet, isOutgoing: boolean) {
  return isOutgoing ? packet.destination() : packet.source()
}

/** Octets behind the headers as IP states them, captured or not. */
function statedOctets(packet: Packet): number {
  return packet.ipLength - (packet.transport - packet.ipOffset)
}

function sightingOf(packet: Packet, bytes: Uint8Array, isOutgoing: boolean): Sighting | undefined {
  const seen = { isOutgoing, peer: formatAddress(peerOf(packet, isOutgoing)) }
  const family = packet.version as 4 | 6
  const { transport, end, spi } = packet
  if (packet.protocol === ESP) return { ...seen, kind: 'sealed', form: 'esp', spi, octets: statedOctets(packet) }
  if (packet.content === ESP_IN_UDP) {
    const octets = ((bytes[transport + 4]! << 8) | bytes[transport + 5]!) - 8
    return { ...seen, kind: 'sealed', form: 'esp-in-udp', spi, octets }
  }
  if (packet.content === IKE) return { ...seen, kind: 'ike' }
  if (packet.protocol === AH) {
    // RFC 4302 §2.2: its length is in words of 32 bits, less two.
    const inner = end - transport < 2 ? end : transport + (bytes[transport + 1]! + 2) * 4
    const echo = isIcmp(packet.upper) ? readEcho(bytes, Math.min(inner, end), end, family) : undefined
    const octets = statedOctets(packet)
    return { ...seen, kind: 'sealed', form: 'ah', spi, octets, ...(echo === undefined ? {} : { echo }) }
  }
  if (!isIcmp(packet.protocol)) return undefined
  const echo = readEcho(bytes, transport, end, family)
  return echo === undefined ? undefined : { ...seen, kind: 'echo', echo }
}

function isIcmp(protocol: number): boolean {
  return protocol === ICMP || protocol === ICMPV6
}
