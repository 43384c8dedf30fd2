// Where a capture was taken. A Linux host that receives ESP shows each packet twice: sealed as it came, and opened a
// moment later. On a mirror port or a bridge the same picture would be a leak. An opened copy is known by what a leak
// cannot arrange by chance: it follows its own sealed packet within a moment and has the length that the seal holds,
// hardly a sealed packet lacks its copy, the other direction has no copies at all, and in transport mode both bear the
// same IPv4 identification. Where headers cannot tell, every clear packet of both hosts must have its sealed one.
import { type ClearPacket, SealedPackets } from './sealed-packets.ts'
import { ALL_WAYS } from './sealing-overhead.ts'

export type CapturePoint = 'wire' | 'receiver'
export type CapturePointOption = 'auto' | CapturePoint

/** Of the sealed packets, how many must have shown their copy: captures lose some, and dummies have none. */
const SHARE_OPENED = 0.9
/** A capture may end between a sealed packet and its copy. */
const MAY_LACK = 1
/** Copies that lengths alone must make out: fewer may be two applications that send in step. */
const LEAST_BY_LENGTH = 4

/** One direction between two hosts. */
export class HostDirection {
  readonly back: number
  sealed = 0
  /** Sealed packets that a clear packet opens. */
  opened = 0
  /** Clear packets that should have been sealed, with and without a sealed packet before them that fits. */
  paired = 0
  unpaired = 0
  /** Of the paired, those that an IPv4 identification tells. */
  identified = 0
  /** The direction in which their sealed packets went: another one in tunnel mode, -1 before the first. */
  outer = -1
  /** The ways to seal that fit all pairs that lengths alone tell. */
  ways = ALL_WAYS
  hasLengths = false
  #lastLength = -1
  #lastMark = -1
  #marks = 0

  constructor(back: number) {
    this.back = back
  }

  noteSealed(mark: number): void {
    this.sealed++
    if (mark !== this.#lastMark) this.#marks++
    this.#lastMark = mark
  }

  notePaired(length: number): void {
    this.paired++
    if (this.#lastLength >= 0 && this.#lastLength !== length) this.hasLengths = true
    this.#lastLength = length
  }

  /** Senders that write the same identification into every packet tell nothing by it. */
  get hasTellingMarks(): boolean {
    return this.#marks > 1 && this.#marks * 2 >= this.sealed
  }
}

export class OpenedCopies {
  readonly directions: HostDirection[] = []
  readonly #point: CapturePointOption
  readonly #sealed = new SealedPackets()

  constructor(point: CapturePointOption) {
    this.#point = point
  }

  /** Two directions at once, there and back; answers the number of the first, the other is one more. */
  addDirections(): number {
    const there = this.directions.length
    this.directions.push(new HostDirection(there + 1), new HostDirection(there))
    return there
  }

  /** `length`: octets of the ESP packet from its SPI on. `mark` as in ClearPacket, `time` in seconds. */
  sealed(direction: number, length: number, mark: number, time: number): void {
    this.directions[direction]!.noteSealed(mark)
    this.#sealed.add(direction, length, mark, time)
  }

  sealedFragment(direction: number, length: number, mark: number): void {
    this.#sealed.lengthen(direction, length, mark)
  }

  /** A clear packet that the policy wants sealed. Answers whether it pairs with sealed ones. */
  clear(direction: number, clear: ClearPacket, isIpv4: boolean): boolean {
    const own = this.directions[direction]!
    const isIdentified = isIpv4 && clear.mark > 0
    const outer = clear.mark >= 0 ? direction : own.outer
    let opened = 0
    if (this.#point !== 'wire') opened = this.#sealed.find(outer, clear, isIdentified ? ALL_WAYS : own.ways)
    // Whoever says that this is the receiving host need not be shown that headers agree.
    if (opened === 0 && this.#point === 'receiver') opened = this.#sealed.find(outer, { ...clear, mark: -1 }, ALL_WAYS)
    if (opened === 0) {
      own.unpaired++
      return false
    }
    own.outer = this.#sealed.take()
    this.directions[own.outer]!.opened += opened
    own.notePaired(clear.length)
    if (isIdentified) own.identified++
    else own.ways &= this.#sealed.ways
    return true
  }

  /** A clear packet that may pass in clear. If it is an opened copy all the same, its sealed packet does not lack one. */
  mayPass(direction: number, clear: ClearPacket): void {
    const opened = this.#point === 'wire' ? 0 : this.#sealed.find(direction, clear, ALL_WAYS)
    if (opened > 0) this.directions[this.#sealed.take()]!.opened += opened
  }

  /** Whether the paired clear packets of a direction are opened copies. */
  areCopies(direction: number): boolean {
    const own = this.directions[direction]!
    if (own.paired === 0) return false
    if (this.#point !== 'auto') return this.#point === 'receiver'
    const outer = this.directions[own.outer]!
    const back = this.directions[own.back]!
    if (back.paired > 0 || outer.opened < outer.sealed * SHARE_OPENED - MAY_LACK) return false
    if (own.identified > 0 && outer.hasTellingMarks) return true
    return own.unpaired + back.unpaired === 0 && own.paired >= LEAST_BY_LENGTH && own.hasLengths
  }
}
