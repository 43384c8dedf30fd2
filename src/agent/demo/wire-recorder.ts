// Stands at the wire of a demo's run: writes what it sees as a capture, and counts it under what its sender was about.
import { formatAddress, parsePrefix } from '../../base/address.ts'
import { AH, ESP } from '../../base/flow.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { decide } from '../../policy/decide.ts'
import { CaptureWriter } from '../../wire/capture-writer.ts'
import { decodeIp } from '../../wire/decode.ts'
import { ETHERNET_LINK, ethernetFrame } from '../../wire/ethernet-frame.ts'
import { IKE, Packet } from '../../wire/packet.ts'
import { demoNetwork } from './demo-policies.ts'
import { type Instant, type RecordedPacket, type TrafficKind, trafficKinds } from './recorded-traffic.ts'

/** What stood on the wire of one kind of traffic, in packets of the wire: fragments count each. */
export interface KindOnWire {
  readonly kind: TrafficKind
  readonly sealed: number
  readonly clear: number
  /** Why it went in clear: an exemption, or that no filter speaks of it; absent where nothing did. */
  readonly because?: string
}

export const demoNetworks = [parsePrefix(demoNetwork)!]

export class WireRecorder {
  packets = 0
  readonly #parts: Uint8Array[] = []
  readonly #writer = new CaptureWriter(bytes => this.#parts.push(bytes), [ETHERNET_LINK])
  readonly #start: Instant
  readonly #policy: CompiledPolicy
  readonly #packet = new Packet()
  readonly #sums = new Map<TrafficKind, { sealed: number; clear: number; because?: string }>()
  #about: RecordedPacket | undefined
  #wasSeen = false
  /** By sender, in their order: packets that wait for keys; the first one goes out first. */
  readonly #waiting = new Map<string, RecordedPacket[]>()
  readonly #released = new Map<string, RecordedPacket>()

  constructor(start: Instant, policy: CompiledPolicy) {
    this.#start = start
    this.#policy = policy
  }

  /** The wire shows a packet while it is sent, so all but IKE that is seen during `send` belongs to this one. */
  during(recorded: RecordedPacket, send: () => void): void {
    this.#about = recorded
    this.#wasSeen = false
    send()
    this.#about = undefined
    if (this.#wasSeen) return
    const sender = formatAddress(recorded.source)
    this.#waiting.set(sender, [...(this.#waiting.get(sender) ?? []), recorded])
  }

  saw(bytes: Uint8Array, time: number): void {
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    const frame = ethernetFrame(bytes, packet.source(), packet.destination(), demoNetworks)
    const nanoseconds = this.#start.nanoseconds + Math.round(time * 1e9)
    this.#writer.frame(frame, this.#start.seconds + Math.floor(nanoseconds / 1e9), nanoseconds % 1e9)
    this.packets++
    if (packet.content === IKE) {
      this.#count('IKE', bytes)
      return
    }
    const { kind, packet: whole } = this.#about ?? this.#waited()
    this.#wasSeen = true
    this.#count(kind, whole)
  }

  /** A sealed packet that nobody sends just now is one that waited. */
  #waited(): RecordedPacket {
    const sender = formatAddress(this.#packet.source())
    if (this.#packet.fragmentOffset === 0) {
      const next = this.#waiting.get(sender)?.shift()
      if (next !== undefined) this.#released.set(sender, next)
      else this.#released.delete(sender)
    }
    const released = this.#released.get(sender)
    if (released === undefined) throw new Error('a host sent what nobody asked it to send')
    return released
  }

  #count(kind: TrafficKind, whole: Uint8Array): void {
    const { protocol } = this.#packet
    const isSealed = protocol === ESP || protocol === AH
    const sum = this.#sums.get(kind) ?? { sealed: 0, clear: 0 }
    this.#sums.set(kind, sum)
    if (isSealed) sum.sealed++
    else {
      sum.clear++
      sum.because ??= reason(whole, this.#policy)
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
