// The auditor: every frame of a capture gets a verdict. A frame costs one decoding and one look-up of its conversation;
// the policy is asked once for each conversation. Pure: bytes in, sums out; open-capture.ts brings the bytes.
import { TCP } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decodeFrame } from '../wire/decode.ts'
import type { FrameSink } from '../wire/frame-sink.ts'
import { IS_IP, Packet, PLAIN } from '../wire/packet.ts'
import { type CapturePointOption, OpenedCopies } from './capture-point.ts'
import { Conversations } from './conversations.ts'
import { FirstFragments } from './first-fragments.ts'
import { HostDirections } from './host-directions.ts'
import { Judgements, judgementOfOther } from './judgements.ts'
import type { KnownKey } from './known-key.ts'
import { Ledger } from './ledger.ts'
import type { ClearPacket } from './sealed-packets.ts'
import { type SealJudgement, Seals } from './seals.ts'
import { Timeline } from './timeline.ts'
import type { Judgement, TrafficClass, Verdict } from './verdict.ts'

export interface AuditOptions {
  readonly policy?: CompiledPolicy
  readonly capturePoint?: CapturePointOption
  /** With keys a seal is not taken at its word. */
  readonly keys?: readonly KnownKey[]
  /** Whether sums over time are wanted. */
  readonly overTime?: boolean
  /** See Conversations; left out only in tests. */
  readonly seed?: number
  /** Conversations of one family that are kept apart at a time, and sums that are; tests make them few. */
  readonly mostConversations?: number
  readonly mostEntries?: number
}

/** What is told of one frame. `packet` holds it only during the call. */
export interface FrameVerdict {
  readonly frame: number
  readonly packet: Packet
  readonly class: TrafficClass
  readonly verdict: Verdict
  readonly because: string
  /** The frame with the first fragment that this later fragment is judged with; 0 where it is not such a fragment. */
  readonly firstFragment: number
  /** It pairs with a sealed packet just before it: whether it is its opened copy is known at the end only. */
  readonly isPaired: boolean
  readonly direction: number
  /** What a key found in a sealed packet; it is filled anew with the next. */
  readonly inside: Packet | undefined
  readonly insideClass: TrafficClass | undefined
}

const NOT_LOOKED_INSIDE: SealJudgement = {}
const NO_INSIDE = { inside: undefined, insideClass: undefined } as const

/** Octets of a UDP header (RFC 768). */
const UDP_HEADER = 8

export class Auditor implements FrameSink {
  frames = 0
  wireBytes = 0
  first = { seconds: Number.POSITIVE_INFINITY, nanoseconds: 0 }
  last = { seconds: Number.NEGATIVE_INFINITY, nanoseconds: 0 }
  readonly copies: OpenedCopies
  readonly sums: Ledger
  /** Where keys were given. */
  readonly seals: Seals | undefined
  /** Where it was asked for. */
  readonly timeline: Timeline | undefined
  /** Called for each frame where somebody wants every packet told. */
  onFrame: ((verdict: FrameVerdict) => void) | undefined
  readonly #packet = new Packet()
  readonly #ipv4: Conversations
  readonly #ipv6: Conversations
  readonly #fragments4 = new FirstFragments()
  readonly #fragments6 = new FirstFragments()
  readonly #judgements: Judgements
  readonly #directions: HostDirections
  /** Packets that are not IP, by what is wrong with them. */
  readonly #other = new Map<string, number>()
  readonly #clear: ClearPacket = { length: 0, head: 0, mark: 0, time: 0 }

  constructor(options: AuditOptions = {}) {
    this.copies = new OpenedCopies(options.capturePoint ?? 'auto')
    const { seed = 0, mostConversations: most } = options
    const bounds = most === undefined ? { seed } : { seed, most }
    this.#ipv4 = new Conversations(4, bounds)
    this.#ipv6 = new Conversations(6, bounds)
    this.#judgements = new Judgements(options.policy)
    this.#directions = new HostDirections(seed)
    const { keys, policy } = options
    this.seals = keys === undefined ? undefined : new Seals(keys, policy)
    this.timeline = options.overTime === true ? new Timeline() : undefined
    this.sums = new Ledger(this.#judgements, seed, options.mostEntries)
  }

  frame(
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
    seconds: number,
    nanoseconds: number,
    number: number,
  ): void {
    const packet = this.#packet
    decodeFrame(packet, bytes, linkType, start, end)
    this.frames++
    this.wireBytes += originalLength
    this.#time(seconds, nanoseconds)
    if (packet.kind !== IS_IP) this.#tellOther(packet, originalLength, seconds, nanoseconds, number)
    else if (packet.version === 4)
      this.#tell(this.#ipv4, this.#fragments4, bytes, originalLength, seconds, nanoseconds, number)
    else this.#tell(this.#ipv6, this.#fragments6, bytes, originalLength, seconds, nanoseconds, number)
  }

  #time(seconds: number, nanoseconds: number): void {
    const { first, last } = this
    if (seconds < first.seconds || (seconds === first.seconds && nanoseconds < first.nanoseconds)) {
      first.seconds = seconds
      first.nanoseconds = nanoseconds
    }
    if (seconds > last.seconds || (seconds === last.seconds && nanoseconds > last.nanoseconds)) {
      last.seconds = seconds
      last.nanoseconds = nanoseconds
    }
  }

  #tell(
    table: Conversations,
    fragments: FirstFragments,
    bytes: Uint8Array,
    length: number,
    seconds: number,
    nanoseconds: number,
    number: number,
  ): void {
    const packet = this.#packet
    const known = packet.fragmentOffset === 0 ? -1 : fragments.find(packet, table, seconds)
    let row = known >= 0 ? known : table.find(packet)
    if (row < 0) {
      row = -1 - row
      this.#startRow(table, row, seconds, nanoseconds, number)
    }
    const outside = this.#judgements.at(table.judgement[row]!)
    const looked = this.#lookInside(outside, bytes, seconds)
    const judgement = looked.judgement ?? outside
    const direction = table.direction[row]!
    if (looked.judgement !== undefined) {
      const first = { frame: number, seconds, nanoseconds }
      this.sums.count(this.sums.addFrames(this.#judgements.keep(looked.judgement), first), 1, length)
    } else {
      table.packets[row]!++
      table.bytes[row]! += length
    }
    // A seal that is none excuses no clear packet behind it.
    const mayPair = direction >= 0 && looked.judgement === undefined
    const isPaired = mayPair && this.#pair(direction, judgement, bytes, seconds + nanoseconds / 1e9)
    if (isPaired) {
      table.copies[row]!++
      table.copyBytes[row]! += length
    }
    if (this.timeline !== undefined) {
      this.timeline.add(judgement.verdict, seconds + nanoseconds / 1e9, isPaired ? direction : -1)
    }
    if (packet.moreFragments && packet.fragmentOffset === 0) fragments.remember(packet, row, number, seconds)
    if (this.onFrame !== undefined) {
      this.onFrame({
        frame: number,
        packet,
        class: judgement.class,
        verdict: judgement.verdict,
        because: judgement.because,
        firstFragment: known >= 0 ? fragments.frameOf(packet) : 0,
        isPaired,
        direction,
        inside: looked.inside,
        insideClass: looked.insideClass,
      })
    }
    if (table.isFull) this.#fold()
  }

  #lookInside(outside: Judgement, bytes: Uint8Array, seconds: number): SealJudgement {
    const isSealed = outside.class === 'esp' || outside.class === 'ah'
    if (this.seals === undefined || !isSealed) return NOT_LOOKED_INSIDE
    return this.seals.judge(this.#packet, outside, bytes, seconds)
  }

  #startRow(table: Conversations, row: number, seconds: number, nanoseconds: number, number: number): void {
    const packet = this.#packet
    const judgement = this.#judgements.of(packet, packet.flow())
    table.judgement[row] = judgement
    table.direction[row] = this.#directionOf(this.#judgements.at(judgement))
    table.firstFrame[row] = number
    table.firstSeconds[row] = seconds
    table.firstNanoseconds[row] = nanoseconds
  }

  /** -1 where no copies are looked for: what might be one counts as leaked then. */
  #directionOf(judgement: Judgement): number {
    const mayBegin = judgement.class === 'esp' || judgement.verdict === 'leaked'
    if (!mayBegin) return this.#directions.find(this.#packet)
    return this.#directions.findOrAdd(this.#packet, () => this.copies.addDirections())
  }

  /** Notes a sealed packet, or asks whether a clear one is the opened copy of one. */
  #pair(direction: number, judgement: Judgement, bytes: Uint8Array, time: number): boolean {
    const packet = this.#packet
    const isIpv4 = packet.version === 4
    const mark = isIpv4 ? packet.identification : flowLabel(bytes, packet.ipOffset)
    const header = packet.transport - packet.ipOffset
    if (judgement.class === 'esp') {
      const sealed = packet.ipLength - header - (packet.content === PLAIN ? 0 : UDP_HEADER)
      if (packet.isLaterFragment) this.copies.sealedFragment(direction, sealed, mark)
      else this.copies.sealed(direction, sealed, mark, time)
      return false
    }
    const clear = this.#clear
    const isTunnel = judgement.isTunnel === true
    const outside = isTunnel ? 0 : header
    clear.length = packet.ipLength - outside
    clear.head = Math.max(0, headOfTcp(packet, bytes) - outside)
    clear.mark = isTunnel ? -1 : mark
    clear.time = time
    if (judgement.verdict === 'leaked') return this.copies.clear(direction, clear, isIpv4)
    // Only an identification tells a copy from what may pass in clear.
    if (isIpv4 && clear.mark > 0) this.copies.mayPass(direction, clear)
    return false
  }

  #tellOther(packet: Packet, length: number, seconds: number, nanoseconds: number, number: number): void {
    let index = this.#other.get(packet.problem)
    if (index === undefined) {
      const judgement = this.#judgements.keep(judgementOfOther(packet))
      index = this.sums.addFrames(judgement, { frame: number, seconds, nanoseconds })
      this.#other.set(packet.problem, index)
    }
    this.sums.count(index, 1, length)
    const { class: trafficClass, verdict, because } = this.sums.entries[index]!.judgement
    if (this.timeline !== undefined) this.timeline.add(verdict, seconds + nanoseconds / 1e9, -1)
    if (this.onFrame === undefined) return
    const is = { class: trafficClass, verdict, because }
    this.onFrame({ frame: number, packet, ...is, firstFragment: 0, isPaired: false, direction: -1, ...NO_INSIDE })
  }

  /** Folds all conversations into the sums and forgets them; call once at the end. */
  finish(): void {
    this.#fold()
  }

  #fold(): void {
    for (const table of [this.#ipv4, this.#ipv6]) {
      for (let row = 0; row < table.size; row++) this.sums.addConversation(table, row)
      table.clear()
    }
    this.#fragments4.clear()
    this.#fragments6.clear()
  }
}

/** IPv6 packets of one conversation share it, and sealing in transport mode leaves it (RFC 6437 §2). */
function flowLabel(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 1]! & 15) << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** Octets from the IP header to what TCP carries; 0 for another protocol, or where that is not captured. */
function headOfTcp(packet: Packet, bytes: Uint8Array): number {
  const { transport } = packet
  if (packet.protocol !== TCP || packet.isLaterFragment || packet.end - transport < 13) return 0
  return transport - packet.ipOffset + (bytes[transport + 12]! >> 4) * 4
}
