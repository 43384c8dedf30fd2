// A socket for echoes to one host: Linux's ping socket where the system's ping_group_range lets this user have one (it
// takes no rights), else a raw one. The kernel cuts what is above the link's size.
import type { Address } from '../../base/address.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { ErrorQueue, type ReportedError } from '../../native/error-queue.ts'
import { EAGAIN, EINTR, errorName, failedCall, libC } from '../../native/libc.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { openRawSocket } from '../../native/raw-socket.ts'
import {
  applyOptions,
  bindSocket,
  boundPort,
  connectSocket,
  domainOf,
  openSocket,
} from '../../native/socket-options.ts'
import { type Echo, echoProtocol, readEcho } from './echo-message.ts'

const SOCK_DGRAM = 2
const LONGEST = 65_536

export type Heard =
  | { readonly kind: 'reply'; readonly echo: Echo }
  | { readonly kind: 'error'; readonly error: ReportedError }

export class EchoSocket {
  readonly fd: number
  readonly kind: 'ping' | 'raw'
  /** Of the echoes that it sends: a ping socket has the kernel choose it. */
  readonly identifier: number
  readonly #family: 4 | 6
  readonly #arena = new Arena(4 * LONGEST)
  readonly #receiving: MessageBatch
  readonly #sending: MessageBatch
  readonly #in: number
  readonly #out: number
  readonly #destination: Destination
  readonly #errors = new ErrorQueue()

  /** `identifier` is what a raw socket uses. */
  constructor(host: Address, own: Address, link: number, identifier: number) {
    const { family } = host
    this.#family = family
    const opened = openPing(host, own, link) ?? openRaw(host, own, link)
    this.fd = opened.fd
    this.kind = opened.kind
    this.identifier = opened.kind === 'ping' ? (boundPort(this.fd) ?? identifier) : identifier
    this.#receiving = new MessageBatch(this.#arena, 1)
    this.#sending = new MessageBatch(this.#arena, 1)
    this.#in = this.#arena.take(LONGEST)
    this.#out = this.#arena.take(LONGEST)
    this.#receiving.aim(0, this.#in, LONGEST)
    this.#destination = new Destination(this.#arena, { to: undefined, port: 0, family })
  }

  /** Answers undefined, or errno's name: this host did not send it. */
  send(message: Uint8Array): string | undefined {
    this.#arena.bytes.set(message, this.#out)
    this.#sending.aim(0, this.#out, message.length)
    this.#sending.toward(0, this.#destination, false)
    const result = this.#sending.sendOne(this.fd, 0)
    return result < 0 ? errorName(result) : undefined
  }

  /** The next reply or error that is there; undefined where there is none. */
  receive(): Heard | undefined {
    for (let turn = 0; turn < 1000; turn++) {
      const [error] = this.#errors.read(this.fd, 1)
      if (error !== undefined) return { kind: 'error', error }
      const count = this.#receiving.receive(this.fd, 1)
      if (count === -EAGAIN || count === -EINTR) return undefined
      // An error of the network that is pending as well stands in the queue.
      if (count < 0) continue
      const echo = this.#read(this.#receiving.lengthOf(0))
      if (echo?.isReply === true) return { kind: 'reply', echo }
    }
    return undefined
  }

  #read(length: number): Echo | undefined {
    const { bytes } = this.#arena
    const end = this.#in + length
    // Raw sockets of IPv4 give the IP header as well.
    const hasHeader = this.kind === 'raw' && this.#family === 4
    const at = this.#in + (hasHeader && length >= 20 ? (bytes[this.#in]! & 15) * 4 : 0)
    return at > end ? undefined : readEcho(bytes, at, end, this.#family)
  }

  close(): void {
    libC().close(this.fd)
  }
}

const options = { reportErrors: true, pathSize: 'fragment', buffers: 512 * 1024 } as const

function openPing(
  host: Address,
  own: Address,
  link: number,
): { readonly kind: 'ping'; readonly fd: number } | undefined {
  const doing = 'opening a ping socket'
  let fd: number
  try {
    fd = openSocket(domainOf(host.family), SOCK_DGRAM, echoProtocol(host.family), doing)
  } catch (error) {
    // EACCES: not for this user's groups. The others: no kernel with ping sockets of that family.
    if (['EACCES', 'EPERM', 'EPROTONOSUPPORT'].includes(failedCall(error)?.name ?? '')) return undefined
    throw error
  }
  try {
    applyOptions(fd, host.family, options)
    bindSocket(fd, own, 0, link, doing)
    connectSocket(fd, host, 0, link, doing)
    return { kind: 'ping', fd }
  } catch (error) {
    libC().close(fd)
    throw error
  }
}

function openRaw(host: Address, own: Address, link: number): { readonly kind: 'raw'; readonly fd: number } {
  const { fd } = openRawSocket(host.family, echoProtocol(host.family), { ...options, from: own, to: host, link })
  return { kind: 'raw', fd }
}
