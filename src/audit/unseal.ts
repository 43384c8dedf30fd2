// Opens sealed packets with keys that somebody gave, so that a seal is not taken at its word: the check value is computed,
// and what is inside is looked at as the receiving host would. Nothing that was opened leaves this module but its headers.
import { type Address, sameAddress } from '../base/address.ts'
import { AH, ESP } from '../base/flow.ts'
import { choosePacketCrypto, type PacketCrypto } from '../crypto/packet-crypto.ts'
import { Association, type AssociationSpec, type OpeningLayer, type SequenceWindow } from '../ipsec/association.ts'
import { UDP_HEADER } from '../ipsec/headers.ts'
import { MOST_WINDOW, ReplayWindow } from '../ipsec/replay-window.ts'
import { openPacket, Workbench } from '../ipsec/seal.ts'
import { WholePackets } from '../ipsec/whole-packets.ts'
import { decodeIp } from '../wire/decode.ts'
import { ESP_IN_UDP, IS_IP, Packet } from '../wire/packet.ts'
import type { KnownKey } from './known-key.ts'

export type Seal =
  /** Nobody gave a key for its SPI, or the suite is none that this machine can do. */
  | 'no-key'
  /** A piece of a packet whose last piece is still to come. */
  | 'incomplete'
  /** The capture holds only a part of it. */
  | 'cut'
  /** Its check value does not fit the key: changed on the way, or sealed by somebody else. */
  | 'not-authentic'
  /** Authentic, and nothing in it: a packet that hides how much is said (RFC 4303 §2.6). */
  | 'dummy'
  | 'opened'

/** ESP in AH, and a tunnel in transport mode, are seals within seals. */
const MOST_SEALS = 4
const INNER_IPV4 = 4
const INNER_IPV6 = 41

export class Unsealer {
  /** What the last call that answered `opened` found inside; filled anew each time. */
  readonly inside = new Packet()
  /** Whether anybody on the way could read that. */
  isReadable = false
  /** Whether its sequence number came before: a replay, or a network that doubles packets. */
  isRepeated = false
  readonly #bySpi = new Map<number, Opening[]>()
  readonly #bench = new Workbench()
  readonly #packets = new WholePackets()
  readonly #packet = new Packet()

  constructor(keys: readonly KnownKey[], crypto: PacketCrypto = choosePacketCrypto()) {
    for (const key of keys) {
      if (crypto.enginesFor(key.suite) === undefined) continue
      const openings = this.#bySpi.get(key.spi)
      if (openings === undefined) this.#bySpi.set(key.spi, [new Opening(key, crypto)])
      else openings.push(new Opening(key, crypto))
    }
  }

  /** `packet` stands in `bytes` and is ESP, ESP in UDP, AH, or a piece of such; `now` in seconds. */
  open(packet: Packet, bytes: Uint8Array, now: number): Seal {
    const end = packet.ipOffset + packet.ipLength
    if (end > packet.end) return 'cut'
    const outer = this.#packet
    const whole = this.#packets.take(outer, bytes.subarray(packet.ipOffset, end), now)
    if (typeof whole === 'string') return whole === 'incomplete' ? 'incomplete' : 'not-authentic'
    this.isReadable = true
    this.isRepeated = false
    let content = whole
    for (let seals = 0; seals < MOST_SEALS; seals++) {
      const opened = this.#openOnce(outer, content)
      if (typeof opened === 'string') return opened
      content = withoutTunnel(outer, opened)
      if (outer.kind !== IS_IP) return 'not-authentic'
      if (outer.protocol !== ESP && outer.protocol !== AH) {
        decodeIp(this.inside, content, 0, content.length)
        return 'opened'
      }
    }
    return 'not-authentic'
  }

  #openOnce(packet: Packet, bytes: Uint8Array): Uint8Array | Exclude<Seal, 'opened'> {
    const isInUdp = packet.content === ESP_IN_UDP
    const opening = this.#find(packet, bytes)
    if (opening === undefined) return 'no-key'
    const start = packet.transport + (isInUdp ? UDP_HEADER : 0)
    const protocol = isInUdp ? ESP : packet.protocol
    const opened = openPacket(this.#bench, () => opening.association, bytes, start, protocol, isInUdp)
    if ('drop' in opened) return opened.drop === 'dummy' ? 'dummy' : 'not-authentic'
    this.isReadable &&= opening.isReadable
    this.isRepeated ||= opening.window.isRepeated
    return opened.packet
  }

  #find(packet: Packet, bytes: Uint8Array): Opening | undefined {
    const openings = this.#bySpi.get(packet.spi)
    if (openings === undefined) return undefined
    // Every host chooses its SPIs by itself: two of them may have chosen the same.
    decodeIp(packet, bytes, 0, bytes.length)
    const { source, destination } = packet.flow()
    return openings.find(({ key }) => fits(key.source, source) && fits(key.destination, destination))
  }
}

function fits(wanted: Address | undefined, address: Address): boolean {
  return wanted === undefined || sameAddress(wanted, address)
}

/** Decodes `bytes` into `packet`; where they are a tunnel's outer packet, what it carries, since its rules are about that. */
function withoutTunnel(packet: Packet, bytes: Uint8Array): Uint8Array {
  decodeIp(packet, bytes, 0, bytes.length)
  if (packet.kind !== IS_IP || (packet.protocol !== INNER_IPV4 && packet.protocol !== INNER_IPV6)) return bytes
  const inner = bytes.subarray(packet.transport)
  decodeIp(packet, inner, 0, inner.length)
  return inner
}

/** One association at work, inbound only: its own spec stands in for the other direction, which seals nothing here. */
class Opening {
  readonly key: KnownKey
  readonly window: PatientWindow
  readonly association: Association
  /** AH and NULL hide nothing. */
  readonly isReadable: boolean

  constructor(key: KnownKey, crypto: PacketCrypto) {
    this.key = key
    this.window = new PatientWindow(key.extendedSequence)
    const { suite, keys, spi, extendedSequence } = key
    this.isReadable = suite.protocol === 'ah' || suite.cipher.mode === 'null' || suite.cipher.mode === 'gmac'
    const { window } = this
    const options = { extendedSequence }
    const layer: OpeningLayer =
      suite.protocol === 'esp'
        ? { protocol: 'esp', spi, opener: crypto.opener(suite, keys, options), window }
        : { protocol: 'ah', spi, authenticator: crypto.authenticator(suite, keys, options), window }
    const spec = specOf(key)
    this.association = new Association({ inbound: spec, outbound: spec }, [], [layer], 0)
  }
}

const ANY: Address = { family: 4, words: [0] }

/** Transport mode whatever was agreed on: tunnels show by what they carry. */
function specOf({ source = ANY, destination = ANY, spi, suite, keys, extendedSequence }: KnownKey): AssociationSpec {
  const layer =
    suite.protocol === 'esp'
      ? { protocol: suite.protocol, spi, suite, keys }
      : { protocol: suite.protocol, spi, suite, keys }
  return {
    ...{ rule: '', mode: 'transport', source, destination, selectors: [], layers: [layer], extendedSequence },
    ...{ replayWindow: MOST_WINDOW, lifetime: { soft: {}, hard: {} } },
  }
}

/** Lets every sequence number through and notes which came again: an auditor judges repeated packets too. */
class PatientWindow implements SequenceWindow {
  isRepeated = false
  readonly #window: ReplayWindow

  constructor(isExtended: boolean) {
    this.#window = new ReplayWindow(MOST_WINDOW, isExtended)
  }

  get top() {
    return this.#window.top
  }

  inferHigh(low: number): number {
    return Math.max(0, this.#window.inferHigh(low))
  }

  isNew(): boolean {
    return true
  }

  accept(high: number, low: number): void {
    this.isRepeated = !this.#window.isNew(high, low)
    if (!this.isRepeated) this.#window.accept(high, low)
  }
}
