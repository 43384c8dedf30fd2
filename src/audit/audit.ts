// The auditor: every frame of a capture gets a verdict. A frame costs one decoding and one look-up of its conversation;
// the policy is asked once for each conversation. Pure: bytes in, sums out; open-capture.ts brings the bytes.
import { formatAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decodeFrame } from '../wire/decode.ts'
import type { FrameSink } from '../wire/frame-sink.ts'
import { IS_IP, Packet, PLAIN } from '../wire/packet.ts'
import { type CapturePointOption, OpenedCopies } from './capture-point.ts'
import { Conversations } from './conversations.ts'
import { FirstFragments } from './first-fragments.ts'
import { Ledger } from './ledger.ts'
import { classOf, type Judgement, judge, type TrafficClass, type Verdict } from './verdict.ts'

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

/** Host pairs whose sealed packets are compared with clear ones; a scan has more, and none of them matter. */
const MOST_DIRECTIONS = 1 << 16

const LATER_FRAGMENT = 'a later fragment whose first one is not in the capture, judged without ports: '

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
      this.#tell(this.#ipv4, this.#fragments4, originalLength, seconds, nanoseconds, number)
    else this.#tell(this.#ipv6, this.#fragments6, originalLength, seconds, nanoseconds, number)
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
    length: number,
    seconds: number,
    nanoseconds: number,
    number: number,
  ): void {
    const packet = this.#packet
    const known = packet.fragmentOffset === 0 ? -1 : fragments.find(packet, table)
    let row = known >= 0 ? known : table.find(packet)
    if (row < 0) {
      row = -1 - row
      this.#startRow(table, row, seconds, nanoseconds, number)
    }
    table.packets[row]!++
    table.bytes[row]! += length
    const judgement = this.#judgements[table.judgement[row]!]!
    const isPaired = this.#pair(table, row, judgement, length, seconds + nanoseconds / 1e9)
    if (packet.moreFragments && packet.fragmentOffset === 0) fragments.remember(packet, row, number)
    if (this.onFrame !== undefined) {
      this.onFrame({
        frame: number,
        packet,
        class: judgement.class,
        verdict: judgement.verdict,
        because: judgement.because,
        firstFragment: known >= 0 ? fragments.frameOf(packet) : 0,
        isPaired,
        direction: table.direction[row]!,
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
    const mayPair = judged.class === 'esp' || judged.verdict === 'leaked'
    table.direction[row] = mayPair ? this.#directionOf(flow) : -1
    table.firstFrame[row] = number
    table.firstSeconds[row] = seconds
    table.firstNanoseconds[row] = nanoseconds
  }

  /** Judgements that say the same are kept once: there are few, however many conversations there are. */
  #numberOf(judgement: Judgement): number {
    const key = `${judgement.class} ${judgement.verdict} ${judgement.because}`
    let number = this.#judgementNumbers.get(key)
    if (number === undefined) {
      number = this.#judgements.push(judgement) - 1
      this.#judgementNumbers.set(key, number)
    }
    return number
  }

  #directionOf(flow: Flow): number {
    const name = directionName(flow)
    let direction = this.#directions.get(name)
    if (direction === undefined) {
      // Beyond the bound no copies are looked for: what might be one counts as leaked.
      if (this.#directions.size >= MOST_DIRECTIONS) return -1
      direction = this.copies.addDirection()
      this.#directions.set(name, direction)
    }
    return direction
  }

  /** Notes a sealed packet, or asks whether a clear one is the opened copy of one. */
  #pair(table: Conversations, row: number, judgement: Judgement, length: number, time: number): boolean {
    const packet = this.#packet
    const direction = table.direction[row]!
    if (direction < 0) return false
    if (judgement.class === 'esp') {
      const header = packet.transport - packet.ipOffset + (packet.content === 0 ? 0 : 8)
      this.copies.sealed(direction, packet.ipLength - header, time)
      return false
    }
    if (judgement.verdict !== 'leaked') return false
    const isTunnel = judgement.isTunnel === true
    const inner = isTunnel ? packet.ipLength : packet.ipLength - (packet.transport - packet.ipOffset)
    if (!this.copies.clear(direction, inner, time, isTunnel)) return false
    table.copies[row]!++
    table.copyBytes[row]! += length
    return true
  }

  #tellOther(packet: Packet, length: number, seconds: number, nanoseconds: number, number: number): void {
    const key = packet.problem
    let index = this.#other.get(key)
    if (index === undefined) {
      const judged = judge(undefined, NOWHERE, classOf(packet), PLAIN)
      const judgement = key === '' ? judged : { ...judged, because: key }
      index = this.sums.add(judgement, undefined, { frame: number, seconds, nanoseconds }, -1, -1)
      this.#other.set(key, index)
    }
    this.sums.count(index, 1, length, 0, 0)
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
        const direction = table.direction[row]!
        const back = direction < 0 ? -1 : (this.#directions.get(directionName(flow, true)) ?? -1)
        const index = this.sums.add(this.#judgements[table.judgement[row]!]!, flow, first, direction, back)
        this.sums.count(index, table.packets[row]!, table.bytes[row]!, table.copies[row]!, table.copyBytes[row]!)
      }
      table.clear()
    }
    this.#fragments4.clear()
    this.#fragments6.clear()
  }
}

const NOWHERE: Flow = { source: { family: 4, words: [0] }, destination: { family: 4, words: [0] }, protocol: 0 }

function directionName(flow: Flow, reversed = false): string {
  const from = formatAddress(reversed ? flow.destination : flow.source)
  return `${from}>${formatAddress(reversed ? flow.source : flow.destination)}`
}
