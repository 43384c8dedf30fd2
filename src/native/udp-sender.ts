// Sending many datagrams of one size to one peer in one call: UDP_SEGMENT, which costs the kernel's path once for up to
// 64 of them; where it is refused, sendmmsg, which looks the same from outside. One a worker and socket.
import type { Arena } from './arena.ts'
import type { Destination } from './destination.ts'
import { EINVAL, EIO } from './libc.ts'
import { MessageBatch } from './message-batch.ts'

/** What the kernel takes in one message (UDP_MAX_SEGMENTS of older kernels), and in one IPv4 datagram before cutting. */
export const MOST_SEGMENTS = 64
export const MOST_SEGMENTED_BYTES = 65507

/** A device without checksums refuses; routes may move to one that has them, so it is asked again after so many sends. */
const ASK_AGAIN_AFTER = 1000

export class UdpSender {
  /** Messages that went as one, and that went datagram by datagram although more than one was in them. */
  whole = 0
  apart = 0
  readonly #fd: number
  readonly #batch: MessageBatch
  #untilAsked = 0

  constructor(arena: Arena, fd: number) {
    this.#fd = fd
    this.#batch = new MessageBatch(arena, MOST_SEGMENTS)
  }

  /**
   * Sends `length` octets of the arena as datagrams of `segmentBytes`, the last one being what is left; 0 sends them as
   * one datagram. Answers the octets that the kernel took, fewer where its buffer filled up between two datagrams, or
   * minus errno where it took none.
   */
  send(destination: Destination, at: number, length: number, segmentBytes = 0): number {
    const batch = this.#batch
    if (segmentBytes <= 0 || length <= segmentBytes) {
      batch.aim(0, at, length)
      batch.toward(0, destination, false)
      return batch.sendOne(this.#fd, 0)
    }
    if (this.#untilAsked === 0) {
      batch.aim(0, at, length)
      destination.setSegmentBytes(segmentBytes)
      batch.toward(0, destination, true)
      const result = batch.sendOne(this.#fd, 0)
      if (result >= 0) this.whole++
      // EINVAL may mean that a segment is above the path's size: each datagram alone then says so with EMSGSIZE.
      if (result !== -EIO && result !== -EINVAL) return result
      if (result === -EIO) this.#untilAsked = ASK_AGAIN_AFTER
    } else {
      this.#untilAsked--
    }
    return this.#sendApart(destination, at, length, segmentBytes)
  }

  #sendApart(destination: Destination, at: number, length: number, segmentBytes: number): number {
    const batch = this.#batch
    this.apart++
    let done = 0
    while (done < length) {
      let slots = 0
      let aimed = done
      for (; slots < batch.slots && aimed < length; slots++) {
        const size = Math.min(segmentBytes, length - aimed)
        batch.aim(slots, at + aimed, size)
        batch.toward(slots, destination, false)
        aimed += size
      }
      const sent = batch.send(this.#fd, 0, slots)
      if (sent < 0) return done > 0 ? done : sent
      if (sent < slots) return done + sent * segmentBytes
      done = aimed
    }
    return done
  }
}
