// RSVP (IP protocol 46) as routers speak it: whole packets, with the Router Alert option in the IP header.
import { parseAddress } from '../../base/address.ts'
import { RSVP } from '../../base/flow.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { errorName } from '../../native/libc.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { openRawSocket, type RawSocket } from '../../native/raw-socket.ts'

const LONGEST = 2048

export class RsvpSocket {
  readonly #socket: RawSocket
  readonly #arena = new Arena(65_536)
  readonly #receiving = new MessageBatch(this.#arena, 1)
  readonly #sending = new MessageBatch(this.#arena, 1)
  readonly #in = this.#arena.take(LONGEST)
  readonly #out = this.#arena.take(LONGEST)

  constructor(peer: string) {
    this.#receiving.aim(0, this.#in, LONGEST)
    const to = new Destination(this.#arena, { to: parseAddress(peer), port: 0, family: 4 })
    this.#sending.toward(0, to, false)
    this.#socket = openRawSocket(4, RSVP, { writesHeader: true })
  }

  /** Answers undefined, or why this host did not send it. */
  send(packet: Uint8Array): string | undefined {
    if (packet.length > LONGEST) throw new RangeError(`a packet of ${packet.length} octets`)
    this.#arena.bytes.set(packet, this.#out)
    this.#sending.aim(0, this.#out, packet.length)
    const result = this.#sending.sendOne(this.#socket.fd, 0)
    return result < 0 ? errorName(result) : undefined
  }

  /** Packets that came since it was last asked. */
  received(): number {
    let count = 0
    while (this.#receiving.receive(this.#socket.fd, 1) > 0) count++
    return count
  }
}
