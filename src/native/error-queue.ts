// What the network reported about packets of a socket that was opened with `reportErrors`: the size of a path, peers
// that cannot be reached. ICMP is not authenticated: the caller judges what it believes (RFC 4301 §8.2.1).
//
// A socket that asks for these has each error pending as well: its next receive, or for UDP its next send, fails once
// with it (EMSGSIZE, ECONNREFUSED, EHOSTUNREACH, ENOPROTOOPT…), whatever that call was about, and nothing was sent.
// Reading the queue to its end clears that; then try once more.
import type { Address } from '../base/address.ts'
import { check, errorName, libC } from './libc.ts'
import { allocateMemory, type Memory } from './memory.ts'
import { type Endpoint, readSocketAddress, SOCKET_ADDRESS_BYTES } from './socket-address.ts'
import { SOL_IP, SOL_IPV6 } from './socket-options.ts'

const MSG_ERRQUEUE_DONTWAIT = 0x2040
const IP_RECVERR = 11
const IPV6_RECVERR = 25

/** Of struct msghdr, struct iovec, the name, the control data, and the octets of the packet that it is about. */
const VECTOR = 64
const NAME = 96
const CONTROL = 128
const CONTROL_BYTES = 256
const PACKET = 384
const PACKET_BYTES = 512

const origins = ['none', 'local', 'icmp', 'icmp'] as const

/** `path-size` is in octets with the IP header, as ICMP or the kernel has it; `octets` are the first of what was sent. */
export interface ReportedError {
  readonly kind: 'path-size' | 'unreachable' | 'other'
  /** errno's name: EMSGSIZE, ECONNREFUSED, EHOSTUNREACH… */
  readonly name: string
  /** `local`: this host found out by itself; `icmp`: somebody said so. */
  readonly origin: 'none' | 'local' | 'icmp'
  /** Of ICMP or ICMPv6; 0 and 0 for others. */
  readonly type: number
  readonly code: number
  /** 0 where it is not about a size. */
  readonly pathSize: number
  /** Where the packet was to go. */
  readonly to: Endpoint | undefined
  /** Who said so. */
  readonly from: Address | undefined
  readonly octets: Uint8Array
}

/** What ICMP's kinds of unreachable become (ip(7)); ENOPROTOOPT: the peer does not speak the protocol. */
const unreachable: ReadonlySet<string> = new Set(
  'ENETUNREACH EHOSTUNREACH ECONNREFUSED ENOPROTOOPT EHOSTDOWN ENETDOWN EACCES'.split(' '),
)

/** Reads what a socket's queue has, at most `most`, so that a flood of ICMP holds nobody up. Not for the packet path. */
export class ErrorQueue {
  readonly #memory: Memory = allocateMemory(PACKET + PACKET_BYTES)
  readonly #view: DataView

  constructor() {
    const { bytes } = this.#memory
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  read(fd: number, most = 32): readonly ReportedError[] {
    const found: ReportedError[] = []
    while (found.length < most) {
      const length = this.#receive(fd)
      if (length === undefined) break
      const error = this.#error(length)
      if (error !== undefined) found.push(error)
    }
    return found
  }

  #receive(fd: number): number | undefined {
    const view = this.#view
    const { address } = this.#memory
    const point = (at: number, offset: number) => view.setBigUint64(at, BigInt(address + offset), true)
    point(0, NAME)
    view.setBigUint64(8, BigInt(SOCKET_ADDRESS_BYTES), true)
    point(16, VECTOR)
    view.setBigUint64(24, 1n, true)
    point(32, CONTROL)
    view.setBigUint64(40, BigInt(CONTROL_BYTES), true)
    view.setBigUint64(48, 0n, true)
    point(VECTOR, PACKET)
    view.setBigUint64(VECTOR + 8, BigInt(PACKET_BYTES), true)
    const length = libC().recvmsg(fd, address, MSG_ERRQUEUE_DONTWAIT)
    if (errorName(length) === 'EAGAIN') return undefined
    return Math.min(check(length, 'recvmsg', 'reading errors of the network'), PACKET_BYTES)
  }

  /** struct sock_extended_err: errno, origin, type, code, then 32 bits that mean the path's size, then who said so. */
  #error(length: number): ReportedError | undefined {
    const view = this.#view
    let at = CONTROL
    const end = CONTROL + Math.min(view.getUint32(40, true), CONTROL_BYTES)
    while (at + 32 <= end) {
      const size = view.getUint32(at, true)
      if (size < 16 || at + size > end) return undefined
      const level = view.getInt32(at + 8, true)
      const kind = view.getInt32(at + 12, true)
      const wanted = (level === SOL_IP && kind === IP_RECVERR) || (level === SOL_IPV6 && kind === IPV6_RECVERR)
      if (wanted && size >= 32) return this.#describe(at + 16, at + size, length)
      at += (size + 7) & ~7
    }
    return undefined
  }

  #describe(at: number, end: number, length: number): ReportedError {
    const view = this.#view
    const errno = view.getUint32(at, true)
    const from = end - at >= 32 ? readSocketAddress(view, at + 16) : undefined
    const name = errorName(-errno)
    return {
      kind: name === 'EMSGSIZE' ? 'path-size' : unreachable.has(name) ? 'unreachable' : 'other',
      name,
      origin: origins[view.getUint8(at + 4)] ?? 'none',
      type: view.getUint8(at + 5),
      code: view.getUint8(at + 6),
      pathSize: name === 'EMSGSIZE' ? view.getUint32(at + 8, true) : 0,
      to: view.getUint32(8, true) === 0 ? undefined : readSocketAddress(view, NAME),
      from: from?.address,
      octets: this.#memory.bytes.slice(PACKET, PACKET + length),
    }
  }
}
