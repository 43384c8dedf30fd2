// Waiting until a descriptor can be read or written. A data-plane worker stands in poll(2), which is what answers
// fastest, and is woken by an eventfd; it must be woken before it is terminated, since nothing else reaches it there.
// The main thread must not stand still: there, koffi's poll hands the descriptor to Node's own loop.
import type { Arena } from './arena.ts'
import { foreign } from './foreign.ts'
import { check, EINTR, type LibC, libC } from './libc.ts'
import { allocateMemory } from './memory.ts'

export const READABLE = 0x1
export const WRITABLE = 0x4
/** Always reported, asked for or not: an error waits (an error queue has something), the other side is gone. */
export const FAILED = 0x8
export const HUNG_UP = 0x10

const ENTRY_BYTES = 8
const EVENTS = 4
const HAPPENED = 6
/** Of a struct timespec: seconds, nanoseconds. */
const TIME_BYTES = 16

/** The array that poll(2) takes, in an arena. */
export class PollSet {
  readonly #arena: Arena
  readonly #libC: LibC
  readonly #at: number
  readonly #most: number
  readonly #time: number
  #count = 0

  constructor(arena: Arena, most = 16) {
    this.#arena = arena
    this.#libC = libC()
    this.#most = most
    this.#at = arena.take(ENTRY_BYTES * most)
    this.#time = arena.take(TIME_BYTES)
  }

  /** Answers its index. */
  add(fd: number, events: number): number {
    if (this.#count === this.#most) throw new RangeError(`a poll set of ${this.#most} is full`)
    const index = this.#count++
    this.#arena.view.setInt32(this.#at + ENTRY_BYTES * index, fd, true)
    this.watch(index, events)
    return index
  }

  /** What to wait for from now on; 0 for nothing but failures. */
  watch(index: number, events: number): void {
    this.#arena.view.setUint16(this.#at + ENTRY_BYTES * index + EVENTS, events, true)
  }

  /** Blocks this thread for at most `milliseconds`, -1 without end. Answers how many are ready: 0 at the time's end. */
  wait(milliseconds: number): number {
    const ready = this.#libC.poll(this.#arena.address + this.#at, this.#count, milliseconds)
    if (ready === -EINTR) return 0
    return ready < 0 ? check(ready, 'poll', 'waiting for packets') : ready
  }

  /** The same for so many microseconds, less than a second; the kernel may add some 50. */
  waitShortly(microseconds: number): number {
    const { address, words } = this.#arena
    words[(this.#time >>> 2) + 2] = microseconds * 1000
    const ready = this.#libC.ppoll(address + this.#at, this.#count, address + this.#time, 0)
    if (ready === -EINTR) return 0
    return ready < 0 ? check(ready, 'ppoll', 'waiting for packets') : ready
  }

  /** What happened to one of them in the last `wait`: READABLE, WRITABLE, FAILED, HUNG_UP; meaningless after 0. */
  happened(index: number): number {
    return this.#arena.view.getUint16(this.#at + ENTRY_BYTES * index + HAPPENED, true)
  }
}

const EFD_NONBLOCK_CLOEXEC = 0x80800

/** An eventfd: wakes a thread that stands in poll. The number may be passed to other threads; all of them may signal. */
export function openWakeup(): number {
  return check(libC().eventfd(0, EFD_NONBLOCK_CLOEXEC), 'eventfd', 'making a wake-up')
}

/** Wakes whoever polls it, now or the next time. */
export function wakeUp(fd: number): void {
  const { scratch, write } = libC()
  scratch.bytes.set([1, 0, 0, 0, 0, 0, 0, 0])
  const result = write(fd, scratch.address, 8)
  // EAGAIN: it was signalled 2^64 times and not yet read, so it is awake.
  if (result < 0 && result !== -11) check(result, 'write', 'waking a worker')
}

/** To be called by the one that was woken; answers whether it was. */
export function takeWakeup(fd: number): boolean {
  const { scratch, read } = libC()
  return read(fd, scratch.address, 8) === 8
}

export function closeDescriptor(fd: number): void {
  libC().close(fd)
}

export interface Watch {
  /** Must be called before the descriptor is closed. */
  stop(): void
}

/** What is watched must not be collected: a handle that nobody holds falls silent without a word. */
const watched = new Set<object>()

/**
 * Calls back on Node's loop each time that `fd` can be read or has an error to tell, until it is stopped. What is there
 * must be taken in the callback, or it is called again at once. `isHolding` keeps the process up.
 */
export function watchReadable(fd: number, callback: () => void, isHolding = true): Watch {
  const koffi = foreign()
  if (koffi === undefined) throw new Error(`koffi, which calls C, is not built for ${process.arch} on this system`)
  let isDue = false
  let hasFailed = false
  const run = (): void => {
    isDue = false
    if (!watched.has(handle)) return
    try {
      callback()
    } finally {
      // libuv stops at an error of the socket, which an answer by ICMP is, or netlink's "missed": it is to go on.
      if (hasFailed && watched.has(handle)) handle.start({ readable: true }, happened)
      hasFailed = false
    }
  }
  // koffi calls outside of what Node does after a callback: promises that it settles would wait, an Error would be lost.
  // Its declarations leave out the status, which comes first.
  const happened = ((status: number): void => {
    hasFailed ||= status < 0
    if (!isDue) setImmediate(run)
    isDue = true
  }) as unknown as () => void
  const handle = koffi.node.poll(fd, { readable: true }, happened)
  watched.add(handle)
  if (!isHolding) handle.unref()
  return {
    stop() {
      if (!watched.delete(handle)) return
      handle.stop()
      handle.close()
    },
  }
}

/** Waits for one descriptor in this thread: for set-up, where an answer is due at once. True where it came in time. */
export function waitReadable(fd: number, milliseconds: number): boolean {
  const entry = allocateMemory(ENTRY_BYTES)
  const view = new DataView(entry.bytes.buffer, entry.bytes.byteOffset)
  view.setInt32(0, fd, true)
  view.setUint16(EVENTS, READABLE, true)
  const ready = libC().poll(entry.address, 1, milliseconds)
  return (
    check(ready === -EINTR ? 0 : ready, 'poll', 'waiting for an answer') > 0 && view.getUint16(HAPPENED, true) !== 0
  )
}
