// Where the worker stands still: in poll(2) on the device, the sockets and the eventfd of the main thread. Sealed packets that
// come one by one, by raw sockets or frames, are given some microseconds to gather where many come, because waking up for
// each few of them costs more than they do; and as long as they come, the others are asked only now and then.
import { AH, ESP, ICMP, ICMPV6 } from '../../base/flow.ts'
import type { Arena } from '../../native/arena.ts'
import { PollSet, READABLE } from '../../native/readiness.ts'
import type { Arrivals } from './arrivals.ts'
import type { Doors } from './doors.ts'

/** As many at once as make the next ones worth waiting for; more than the most need no gathering. */
const LEAST_GATHERED = 4
const MOST_GATHERED = 64
const GATHERING_MICROSECONDS = 50
const SECONDS_OF_GATHERING = 0.002
/** Turns in a row that only what gathers gets. */
const MOST_SHORT_TURNS = 8

export interface WatchParts {
  readonly arena: Arena
  readonly wakeup: number
  readonly device: number
  readonly doors: readonly Doors[]
  readonly arrivals: Arrivals
  /** Called behind each wait, before anything is received; answers the time in seconds. */
  readonly awake: () => number
}

export class Watch {
  /** Of the last turn: whether the main thread calls, and what poll says of the device. */
  isCalled = false
  device = 0
  readonly #polled: PollSet
  /** What is not to wait while packets gather: the main thread and the device. */
  readonly #hurried: PollSet
  readonly #awake: () => number
  readonly #wakeupIndex: number
  readonly #deviceIndex: number
  readonly #works: (() => void)[] = []
  readonly #gathering: number[] = []
  #gathers: (() => void) | undefined
  #gathersUntil = 0
  #shortTurns = 0
  #now = 0

  constructor({ arena, wakeup, device, doors, arrivals, awake }: WatchParts) {
    this.#polled = new PollSet(arena)
    this.#hurried = new PollSet(arena, 2)
    this.#awake = awake
    this.#wakeupIndex = this.#polled.add(wakeup, READABLE)
    this.#deviceIndex = this.#polled.add(device, READABLE)
    this.#hurried.add(wakeup, READABLE)
    this.#hurried.add(device, READABLE)
    for (const one of doors) this.#watchDoors(one, arrivals)
  }

  #watchDoors(doors: Doors, arrivals: Arrivals): void {
    const { family, esp, ah, icmp, udp, frames } = doors
    const watch = (fd: number, work: () => void): number => {
      const index = this.#polled.add(fd, READABLE)
      this.#works[index] = work
      return index
    }
    const gather = (fd: number, receive: () => void): void => {
      const work = () => {
        const before = arrivals.messages
        receive()
        const count = arrivals.messages - before
        if (count < LEAST_GATHERED || count >= MOST_GATHERED) return
        this.#gathers = work
        this.#gathersUntil = this.#now + SECONDS_OF_GATHERING
      }
      this.#gathering.push(watch(fd, work))
    }
    gather(esp.fd, () => arrivals.raw(doors, esp.fd, ESP))
    if (frames !== undefined) gather(frames.ring.fd, () => arrivals.frames(doors))
    watch(ah.fd, () => arrivals.raw(doors, ah.fd, AH))
    watch(icmp.fd, () => arrivals.raw(doors, icmp.fd, family === 4 ? ICMP : ICMPV6))
    if (udp !== undefined) watch(udp.fd, () => arrivals.udp(doors))
  }

  /** Waits for at most `milliseconds`, and receives what the network brought. */
  turn(milliseconds: number): void {
    if (this.#now < this.#gathersUntil && this.#shortTurns < MOST_SHORT_TURNS) return this.#shortTurn()
    this.#shortTurns = 0
    const polled = this.#polled
    const isQuiet = polled.wait(milliseconds) === 0
    this.#now = this.#awake()
    this.isCalled = !isQuiet && polled.happened(this.#wakeupIndex) !== 0
    this.device = isQuiet ? 0 : polled.happened(this.#deviceIndex)
    if (isQuiet) return
    if (this.#now < this.#gathersUntil && this.#gathering.some(index => polled.happened(index) !== 0)) {
      this.#hurried.waitShortly(GATHERING_MICROSECONDS)
      this.device = READABLE
    }
    for (const [index, work] of this.#works.entries()) {
      if (work !== undefined && polled.happened(index) !== 0) work()
    }
  }

  #shortTurn(): void {
    this.#shortTurns++
    const isHurried = this.#hurried.waitShortly(GATHERING_MICROSECONDS) > 0
    this.#now = this.#awake()
    this.isCalled = isHurried && this.#hurried.happened(0) !== 0
    this.device = READABLE
    this.#gathers?.()
  }
}
