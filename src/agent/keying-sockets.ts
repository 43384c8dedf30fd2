// The IKE port: sockets for each IP version at the wildcard address, which tells of each datagram where it was sent to,
// and answers from there. So addresses may come and go. Port 4500 is the data plane's: ESP comes there too.
import { type Address, formatAddress } from '../base/address.ts'
import { copyOctets } from '../crypto/octets.ts'
import type { Path } from '../keying/machine.ts'
import { Arena } from '../native/arena.ts'
import { Destination } from '../native/destination.ts'
import { errorName } from '../native/libc.ts'
import { MessageBatch, MSG_TRUNC } from '../native/message-batch.ts'
import { type Watch, watchReadable } from '../native/readiness.ts'
import { readAddress, readSocketAddress } from '../native/socket-address.ts'
import { attachChoice, type FilterStep } from '../native/socket-options.ts'
import { openUdpSocket, type UdpSocket } from '../native/udp-socket.ts'
import { exchangeTypes, payloadTypes } from '../wire/ike/numbers.ts'
import { IKE_PORT } from '../wire/udp-encapsulation.ts'

export interface KeyingSocketsOptions {
  /** fwmark of what is sent: our routes leave it alone. */
  readonly mark: number
  readonly heard: (path: Path, bytes: Uint8Array) => void
  /** A datagram did not go. The peer asks again, or we do. */
  readonly failed?: (path: Path, name: string) => void
  readonly port?: number
}

const SLOTS = 64
/** The largest UDP datagram. */
const ROOM = 65_536
/** Batches taken in one go; what is left comes with the loop's next turn, so that a flood stops nothing else. */
const MOST_BATCHES = 2
const BUFFERS = 1 << 20
/** What is sent while a batch is taken goes in one call, where it is no larger: a flood of strangers gets short answers. */
const SMALL = 2048

/** Classic BPF: codes, then steps to pass over where it is so, or not, then what it is about. */
const [LOAD_OCTET, LOAD_WORD, IS_EQUAL, ANSWER] = [0x30, 0x20, 0x15, 0x06]

/**
 * Two sockets for each IP version at the port, so that a flood of strangers' first messages fills only the buffer of the
 * first: what has an SPI of ours, or begins with a notification as a request with a cookie does, comes by the second.
 */
const byUrgency: readonly FilterStep[] = [
  [LOAD_OCTET, 0, 0, 18],
  [IS_EQUAL, 0, 7, exchangeTypes.of.IKE_SA_INIT],
  [LOAD_WORD, 0, 0, 8],
  [IS_EQUAL, 0, 5, 0],
  [LOAD_WORD, 0, 0, 12],
  [IS_EQUAL, 0, 3, 0],
  [LOAD_OCTET, 0, 0, 16],
  [IS_EQUAL, 1, 0, payloadTypes.of.N],
  [ANSWER, 0, 0, 0],
  [ANSWER, 0, 0, 1],
]

interface OneSocket {
  readonly socket: UdpSocket
  readonly watch: Watch
}

export class KeyingSockets {
  readonly #options: KeyingSocketsOptions
  readonly #open: OneSocket[] = []
  readonly #arena = new Arena((ROOM + SMALL) * SLOTS + 2 * ROOM)
  readonly #batch = new MessageBatch(this.#arena, SLOTS)
  readonly #rooms = this.#arena.take(ROOM * SLOTS)
  readonly #outgoing = new MessageBatch(this.#arena, SLOTS)
  readonly #outRooms = this.#arena.take(SMALL * SLOTS)
  readonly #largeRoom = this.#arena.take(ROOM)
  readonly #destinations = Array.from({ length: SLOTS }, () => new Destination(this.#arena, { to: undefined, port: 0 }))
  /** The socket of which a batch is being taken, and what waits to be sent by it. */
  #gathering: UdpSocket | undefined
  #gathered: Path[] = []

  constructor(options: KeyingSocketsOptions) {
    this.#options = options
    for (let slot = 0; slot < SLOTS; slot++) this.#batch.aim(slot, this.#rooms + ROOM * slot, ROOM)
  }

  get families(): readonly (4 | 6)[] {
    return [...new Set(this.#open.map(({ socket }) => socket.family))]
  }

  /** Throws where the port is taken. IPv6 is left out where the machine has none. */
  open(): void {
    try {
      this.#openOne({ family: 4, words: [0] })
      try {
        this.#openOne({ family: 6, words: [0, 0, 0, 0] })
      } catch (error) {
        if (!isWithoutIpv6(error)) throw error
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  #openOne(any: Address): void {
    const { mark, port = IKE_PORT } = this.#options
    // Large messages of peers that cannot cut them themselves are cut by the kernel: no DF.
    const options = { mark, buffers: BUFFERS, reportOwnAddress: true, pathSize: 'fragment' } as const
    // Another program's port is refused only without this: ours share it.
    openUdpSocket(any, port, options).close()
    for (const steps of [undefined, byUrgency]) {
      const socket = openUdpSocket(any, port, { ...options, reusePort: true })
      this.#open.push({ socket, watch: watchReadable(socket.fd, () => this.#receive(socket, steps === undefined)) })
      if (steps !== undefined) attachChoice(socket.fd, steps)
    }
  }

  close(): void {
    for (const { socket, watch } of this.#open.splice(0)) {
      watch.stop()
      socket.close()
    }
  }

  /** `bytes` are all of the datagram's content. */
  send(path: Path, bytes: Uint8Array): void {
    const { local, remote } = path
    const isFitting = (socket: UdpSocket | undefined) => socket?.family === remote.address.family
    const socket = isFitting(this.#gathering) ? this.#gathering : this.#open.find(one => isFitting(one.socket))?.socket
    const failed = (name: string) => this.#options.failed?.(path, name)
    if (socket === undefined) return failed(`no socket for IPv${remote.address.family}`)
    if (bytes.length > ROOM) return failed('EMSGSIZE')
    const isSmall = bytes.length <= SMALL
    if (this.#gathered.length === SLOTS || !isSmall || this.#gathering !== socket) this.#flush()
    const slot = this.#gathered.length
    const room = isSmall ? this.#outRooms + SMALL * slot : this.#largeRoom
    this.#arena.bytes.set(bytes, room)
    this.#outgoing.aim(slot, room, bytes.length)
    const destination = this.#destinations[slot]!
    destination.redirect({ to: remote.address, port: remote.port, from: local.address })
    this.#outgoing.toward(slot, destination, false)
    if (isSmall && this.#gathering === socket) {
      this.#gathered.push(path)
      return
    }
    const result = this.#outgoing.sendOne(socket.fd, slot)
    if (result < 0) failed(errorName(result))
  }

  #flush(): void {
    const paths = this.#gathered
    this.#gathered = []
    for (let done = 0; done < paths.length; ) {
      const sent = this.#outgoing.send(this.#gathering!.fd, done, paths.length - done)
      // One that does not go keeps no other back.
      if (sent <= 0) this.#options.failed?.(paths[done]!, errorName(sent))
      done += Math.max(1, sent)
    }
  }

  #receive(socket: UdpSocket, areStrangers: boolean): void {
    this.#gathering = socket
    try {
      this.#take(socket, areStrangers)
    } finally {
      this.#flush()
      this.#gathering = undefined
    }
  }

  #take({ fd, family, port }: UdpSocket, areStrangers: boolean): void {
    const { view, bytes } = this.#arena
    const batch = this.#batch
    for (let count = 0; count < MOST_BATCHES; count++) {
      const received = batch.receive(fd)
      // An answer by ICMP is reported as an error of the next call, and is gone with it.
      if (received <= 0) return
      const copies = areStrangers ? this.#copiesOf(received) : undefined
      for (let slot = 0, done = 0; slot < received; slot++) {
        const length = batch.lengthOf(slot)
        const start = done
        done += length
        batch.readControl(slot)
        const from = readSocketAddress(view, batch.nameAt(slot))
        if (from === undefined || batch.ownAddressAt === 0 || (batch.flagsOf(slot) & MSG_TRUNC) !== 0) continue
        const local = { address: readAddress(view, batch.ownAddressAt, family), port }
        const remote = { address: from.address, port: from.port }
        const at = this.#rooms + ROOM * slot
        const content = copies?.subarray(start, done) ?? bytes.slice(at, at + length)
        this.#options.heard({ local, remote }, content)
      }
      this.#flush()
      if (received < SLOTS) return
    }
  }

  /** A whole batch in one piece of memory: nearly all of what strangers send is answered and gone at once. */
  #copiesOf(received: number): Uint8Array {
    const batch = this.#batch
    let total = 0
    for (let slot = 0; slot < received; slot++) total += batch.lengthOf(slot)
    const copies = new Uint8Array(total)
    for (let slot = 0, done = 0; slot < received; slot++) {
      const length = batch.lengthOf(slot)
      copyOctets(this.#arena.bytes, this.#rooms + ROOM * slot, copies, done, length)
      done += length
    }
    return copies
  }
}

function isWithoutIpv6(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { readonly name?: string } | undefined) : undefined
  return ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT'].includes(cause?.name ?? '')
}

/** For people: which datagram did not go where. */
export function wordsOfPath({ local, remote }: Path): string {
  const of = ({ address, port }: Path['local']) =>
    address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`
  return `from ${of(local)} to ${of(remote)}`
}
