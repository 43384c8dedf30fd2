// The judgements of an audit, each kept once under a number: there are few, however many conversations there are. They
// are known by what decided, so that the sentence about it is put together once and not for every conversation.
import type { Flow } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Decision } from '../policy/decide.ts'
import { type Packet, PLAIN } from '../wire/packet.ts'
import { classes, classOf, consider, type Judgement, judgementKey, judgementOf, type OnHost } from './verdict.ts'

const LATER_FRAGMENT =
  'a later fragment whose first one does not stand before it in the capture, judged without ports: '
/** More filters than a policy can have; numbers of decisions stay below it. */
const DECISIONS = 2 ** 20

export class Judgements {
  readonly #policy: CompiledPolicy | undefined
  readonly #list: Judgement[] = []
  readonly #byKey = new Map<string, number>()
  readonly #byDecision = new Map<number, number>()
  readonly #decisions = new Map<Decision, number>()

  constructor(policy: CompiledPolicy | undefined) {
    this.#policy = policy
  }

  at(number: number): Judgement {
    return this.#list[number]!
  }

  /** The number of the judgement of a packet that begins a conversation; `onHost` where the packet is seen on a host. */
  of(packet: Packet, flow: Flow, onHost?: OnHost): number {
    const trafficClass = classOf(packet)
    const considered = consider(this.#policy, flow, trafficClass, packet.content, onHost)
    const isOrphan = packet.isLaterFragment && considered !== undefined
    // Decisions are one object for each entry of the policy, so their numbers say all that the sentence depends on.
    let key = classes.indexOf(trafficClass) * 8 + packet.content * 2 + (isOrphan ? 1 : 0)
    if (considered !== undefined) {
      const { decision, otherwise, direction, fallsBack } = considered
      key += (direction === 'out' ? 1 : 2) * 128 + (fallsBack ? 512 : 0)
      key += (this.#numberOf(decision) * DECISIONS + this.#numberOf(otherwise)) * 1024
    }
    let number = this.#byDecision.get(key)
    if (number === undefined) {
      const judged = judgementOf(this.#policy, considered, trafficClass, packet.content)
      number = this.keep(isOrphan ? { ...judged, because: LATER_FRAGMENT + judged.because } : judged)
      this.#byDecision.set(key, number)
    }
    return number
  }

  keep(judgement: Judgement): number {
    const key = judgementKey(judgement)
    let number = this.#byKey.get(key)
    if (number === undefined) {
      number = this.#list.push(judgement) - 1
      this.#byKey.set(key, number)
    }
    return number
  }

  #numberOf(decision: Decision | undefined): number {
    if (decision === undefined) return 0
    let number = this.#decisions.get(decision)
    if (number === undefined) {
      number = this.#decisions.size + 1
      this.#decisions.set(decision, number)
    }
    return number
  }
}

/** What is said of a packet that is not IP; `problem` where it should have been. */
export function judgementOfOther(packet: Packet): Judgement {
  const judged = judgementOf(undefined, undefined, classOf(packet), PLAIN)
  return packet.problem === '' ? judged : { ...judged, because: packet.problem }
}
