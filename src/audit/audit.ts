// The auditor: every frame of a capture gets a verdict. A frame costs one decoding and one look-up of its conversation;
// the policy is asked once for each conversation. Pure: bytes in, sums out; open-capture.ts brings the bytes.
import { type Address, formatAddress } from '../base/address.ts'
import { type Flow, TCP } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decodeFrame } from '../wire/decode.ts'
import type { FrameSink } from '../wire/frame-sink.ts'
import { IS_IP, Packet, PLAIN } from '../wire/packet.ts'
import { type CapturePointOption, OpenedCopies } from './capture-point.ts'
import { Conversations } from './conversations.ts'
import { FirstFragments } from './first-fragments.ts'
import { Ledger } from './ledger.ts'
import type { ClearPacket } from './sealed-packets.ts'
import { classOf, type Judgement, judge, judgementKey, type TrafficClass, type Verdict } from './verdict.ts'

export interface AuditOptions {
  readonly policy?: CompiledPolicy
  readonly capturePoint?: CapturePointOption
  /** See Conversations; left out only in tests. */
  readonly seed?: number
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
}

/** Octets of a UDP header (RFC 768). */
const UDP_HEADER = 8
/** Directions between hosts whose sealed packets are compared with clear ones; a scan has more, and none of them matter. */
const MOST_DIRECTIONS = 1 << 16

const LATER_FRAGMENT =
  'a later fragment whose first one does not stand before it in the capture, judged without ports: '

export class Auditor implements FrameSink {
  frames = 0
  wireBytes = 0
  first = { seconds: Number.POSITIVE_INFINITY, nanoseconds: 0 }
  last = { seconds: Number.NEGATIVE_INFINITY, nanoseconds: 0 }
  readonly copies: OpenedCopies
  readonly sums = new Ledger()
  /** Called for each frame where somebody wants every packet told. */
  onFrame: ((verdict: FrameVerdict) => void) | undefined
  readonly #policy: CompiledPolicy | undefined
  readonly #packet = new Packet()
  readonly #ipv4: Conversations
  readonly #ipv6: Conversations
  readonly #fragments4 = new FirstFragments()
  readonly #fragments6 = new FirstFragments()
  readonly #judgements: Judgement[] = []
  readonly #judgementNumbers = new Map<string, number>()
  readonly #directions = new Map<string, number>()
  readonly #other = new Map<string, number>()
  readonly #clear: ClearPacket = { length: 0, head: 0, mark: 0, time: 0 }

  constructor(options: AuditOptions = {}) {
    this.#policy = options.policy
    this.copies = new OpenedCopies(options.capturePoint ?? 'auto')
    this.#ipv4 = new Conversations(4, options.seed ?? 0)
    this.#ipv6 = new Conversations(6, options.seed ?? 0)
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
    table.packets[row]!++
    table.bytes[row]! += length
    const judgement = this.#judgements[table.judgement[row]!]!
    const direction = table.direction[row]!
    const isPaired = direction >= 0 && this.#pair(direction, judgement, bytes, seconds + nanoseconds / 1e9)
    if (isPaired) {
      table.copies[row]!++
      table.copyBytes[row]! += length
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
      })
    }
    if (table.isFull) this.#fold()
  }

  #startRow(table: Conversations, row: number, seconds: number, nanoseconds: number, number: number): void {
    const packet = this.#packet
    const flow = packet.flow()
    const judged = judge(this.#policy, flow, classOf(packet), packet.content)
    const isOrphan = packet.isLaterFragment && judged.reason !== undefined
    table.judgement[row] = this.#numberOf(isOrphan ? { ...judged, because: LATER_FRAGMENT + judged.because } : judged)
    table.direction[row] = this.#directionOf(flow, judged)
    table.firstFrame[row] = number
    table.firstSeconds[row] = seconds
    table.firstNanoseconds[row] = nanoseconds
  }

  /** Judgements that say the same are kept once: there are few, however many conversations there are. */
  #numberOf(judgement: Judgement): number {
    const key = judgementKey(judgement)
    let number = this.#judgementNumbers.get(key)
    if (number === undefined) {
      number = this.#judgements.push(judgement) - 1
      this.#judgementNumbers.set(key, number)
    }
    return number
  }

  /** -1 where no copies are looked for: what might be one counts as leaked then. */
  #directionOf(flow: Flow, judgement: Judgement): number {
    const mayBegin = judgement.class === 'esp' || judgement.verdict === 'leaked'
    if (!mayBegin && this.#directions.size === 0) return -1
    const name = directionName(flow.source, flow.destination)
    const known = this.#directions.get(name)
    if (known !== undefined || !mayBegin || this.#directions.size >= MOST_DIRECTIONS) return known ?? -1
    const there = this.copies.addDirections()
    this.#directions.set(directionName(flow.destination, flow.source), there + 1)
    this.#directions.set(name, there)
    return there
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
    const key = packet.problem
    let index = this.#other.get(key)
    if (index === undefined) {
      const judged = judge(undefined, NOWHERE, classOf(packet), PLAIN)
      const judgement = key === '' ? judged : { ...judged, because: key }
      index = this.sums.add(judgement, undefined, { frame: number, seconds, nanoseconds }, -1)
      this.#other.set(key, index)
    }
    this.sums.count(index, 1, length)
    if (this.onFrame === undefined) return
    const { class: trafficClass, verdict, because } = this.sums.judgementOf(index)
    const is = { class: trafficClass, verdict, because }
    this.onFrame({ frame: number, packet, ...is, firstFragment: 0, isPaired: false, direction: -1 })
  }

  /** Folds all conversations into the sums and forgets them; call once at the end. */
  finish(): void {
    this.#fold()
  }

  #fold(): void {
    for (const table of [this.#ipv4, this.#ipv6]) {
      for (let row = 0; row < table.size; row++) {
        const flow = table.flowOf(row)
        const first = {
          frame: table.firstFrame[row]!,
          seconds: table.firstSeconds[row]!,
          nanoseconds: table.firstNanoseconds[row]!,
        }
        const judgement = this.#judgements[table.judgement[row]!]!
        const copies = table.copies[row]!
        const copyBytes = table.copyBytes[row]!
        const others = table.packets[row]! - copies
        if (others > 0) {
          this.sums.count(this.sums.add(judgement, flow, first, -1), others, table.bytes[row]! - copyBytes)
        }
        if (copies > 0) this.sums.count(this.sums.add(judgement, flow, first, table.direction[row]!), copies, copyBytes)
      }
      table.clear()
    }
    this.#fragments4.clear()
    this.#fragments6.clear()
  }
}

const NOWHERE: Flow = { source: { family: 4, words: [0] }, destination: { family: 4, words: [0] }, protocol: 0 }

function directionName(from: Address, to: Address): string {
  return `${formatAddress(from)}>${formatAddress(to)}`
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
