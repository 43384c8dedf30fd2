// The IKE port: one socket for each IP version at the wildcard address, which tells of each datagram where it was sent to,
// and answers from there. So addresses may come and go. Port 4500 is the data plane's: ESP comes there too.
import { type Address, formatAddress } from '../base/address.ts'
import type { Path } from '../keying/machine.ts'
import { Arena } from '../native/arena.ts'
import { Destination } from '../native/destination.ts'
import { errorName } from '../native/libc.ts'
import { MessageBatch, MSG_TRUNC } from '../native/message-batch.ts'
import { type Watch, watchReadable } from '../native/readiness.ts'
import { readAddress, readSocketAddress } from '../native/socket-address.ts'
import { openUdpSocket, type UdpSocket } from '../native/udp-socket.ts'
import { IKE_PORT } from '../wire/udp-encapsulation.ts'

export interface KeyingSocketsOptions {
  /** fwmark of what is sent: our routes leave it alone. */
  readonly mark: number
  readonly heard: (path: Path, bytes: Uint8Array) => void
  /** A datagram did not go. The peer asks again, or we do. */
  readonly failed?: (path: Path, name: string) => void
  readonly port?: number
}

const SLOTS = 16
/** The largest UDP datagram. */
const ROOM = 65_536
/** Batches taken in one go; what is left comes with the loop's next turn, so that a flood stops nothing else. */
const MOST_BATCHES = 8
const BUFFERS = 1 << 20

interface OneFamily {
  readonly socket: UdpSocket
  readonly watch: Watch
}

export class KeyingSockets {
  readonly #options: KeyingSocketsOptions
  readonly #open: OneFamily[] = []
  readonly #arena = new Arena(ROOM * (SLOTS + 1) + ROOM)
  readonly #batch = new MessageBatch(this.#arena, SLOTS)
  readonly #rooms = this.#arena.take(ROOM * SLOTS)
  readonly #outgoing = new MessageBatch(this.#arena, 1)
  readonly #outRoom = this.#arena.take(ROOM)
  readonly #destination = new Destination(this.#arena, { to: undefined, port: 0 })

  constructor(options: KeyingSocketsOptions) {
    this.#options = options
    for (let slot = 0; slot < SLOTS; slot++) this.#batch.aim(slot, this.#rooms + ROOM * slot, ROOM)
  }

  get families(): readonly (4 | 6)[] {
    return this.#open.map(({ socket }) => socket.family)
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
    const socket = openUdpSocket(any, port, options)
    this.#open.push({ socket, watch: watchReadable(socket.fd, () => this.#receive(socket)) })
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
    const one = this.#open.find(({ socket }) => socket.family === remote.address.family)
    const failed = (name: string) => this.#options.failed?.(path, name)
    if (one === undefined) return failed(`no socket for IPv${remote.address.family}`)
    if (bytes.length > ROOM) return failed('EMSGSIZE')
    this.#arena.bytes.set(bytes, this.#outRoom)
    this.#outgoing.aim(0, this.#outRoom, bytes.length)
    this.#destination.redirect({ to: remote.address, port: remote.port, from: local.address })
    this.#outgoing.toward(0, this.#destination, false)
    const result = this.#outgoing.sendOne(one.socket.fd, 0)
    if (result < 0) failed(errorName(result))
  }

  #receive({ fd, family, port }: UdpSocket): void {
    const { view, bytes } = this.#arena
    const batch = this.#batch
    for (let count = 0; count < MOST_BATCHES; count++) {
      const received = batch.receive(fd)
      // An answer by ICMP is reported as an error of the next call, and is gone with it.
      if (received <= 0) return
      for (let slot = 0; slot < received; slot++) {
        batch.readControl(slot)
        const from = readSocketAddress(view, batch.nameAt(slot))
        if (from === undefined || batch.ownAddressAt === 0 || (batch.flagsOf(slot) & MSG_TRUNC) !== 0) continue
        const local = { address: readAddress(view, batch.ownAddressAt, family), port }
        const remote = { address: from.address, port: from.port }
        const at = this.#rooms + ROOM * slot
        this.#options.heard({ local, remote }, bytes.slice(at, at + batch.lengthOf(slot)))
      }
    }
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
