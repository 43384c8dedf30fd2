// What sockets of both kinds are told when they are opened: options as integers, buffers, the mark, where a packet's own
// address is to be reported. All of it is set-up; failures are Errors that name the option.
import type { Address } from '../base/address.ts'
import { check, errorName, libC } from './libc.ts'
import type { Memory } from './memory.ts'
import { familyNumber, readSocketAddress, SOCKET_ADDRESS_BYTES, writeSocketAddress } from './socket-address.ts'

export const SOL_SOCKET = 1
export const SOL_IP = 0
export const SOL_UDP = 17
export const SOL_IPV6 = 41

const SOCK_NONBLOCK_CLOEXEC = 0x80800
const SO_REUSEADDR = 2
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_REUSEPORT = 15
const SO_BINDTODEVICE = 25
const SO_ATTACH_FILTER = 26
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SO_MARK = 36
const SO_ATTACH_REUSEPORT_CBPF = 51

/**
 * What the kernel does about the size of a path (ip(7)). `fragment`: no DF, fragments here where needed. `follow`: DF,
 * refuses what is above the path's known size with EMSGSIZE. `probe`: DF whatever is known. `interface`: no DF, never
 * believes ICMP, refuses what the link does not take (the answer to forged ICMP).
 */
export type PathSize = 'fragment' | 'follow' | 'probe' | 'interface'

const pathSizes: Readonly<Record<PathSize, number>> = { fragment: 0, follow: 2, probe: 3, interface: 4 }

/** For each family the level and the numbers of options that both have. */
const byFamily = {
  4: { level: SOL_IP, pathSize: 10, ownAddress: 8, trafficClass: 13, errors: 11, free: 15, timeToLive: 2 },
  6: { level: SOL_IPV6, pathSize: 23, ownAddress: 49, trafficClass: 66, errors: 25, free: 78, timeToLive: 16 },
} as const

export interface SocketOptions {
  readonly pathSize?: PathSize
  /** fwmark of all that it sends; needs CAP_NET_ADMIN. */
  readonly mark?: number
  /** Octets of each buffer; past the system's limit with CAP_NET_ADMIN, else up to it. */
  readonly buffers?: number
  /** Name of the link that it is bound to. */
  readonly device?: string
  /** Reports the own address that each packet was sent to, and its traffic class. */
  readonly reportOwnAddress?: boolean
  /** Keeps errors that the network reports in a queue: see error-queue.ts for what that does to sending. */
  readonly reportErrors?: boolean
  readonly reuseAddress?: boolean
  /** Several sockets at one port: the kernel deals flows out among them. */
  readonly reusePort?: boolean
  /** Binds to an address that is not (yet) ours. */
  readonly freeBind?: boolean
}

/** A socket that neither blocks nor is inherited by child processes. */
export function openSocket(domain: number, type: number, protocol: number, doing: string): number {
  return check(libC().socket(domain, type | SOCK_NONBLOCK_CLOEXEC, protocol), 'socket', doing)
}

/** Minus errno, or 0. */
export function trySetOption(fd: number, level: number, name: number, value: number): number {
  const { scratch, setsockopt } = libC()
  new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset).setInt32(0, value, true)
  return setsockopt(fd, level, name, scratch.address, 4)
}

export function setOption(fd: number, level: number, name: number, value: number, doing: string): void {
  check(trySetOption(fd, level, name, value), 'setsockopt', doing)
}

export function getOption(fd: number, level: number, name: number, doing: string): number {
  const { scratch, getsockopt } = libC()
  const view = viewOf(scratch)
  view.setUint32(4, 4, true)
  check(getsockopt(fd, level, name, scratch.address, scratch.address + 4), 'getsockopt', doing)
  return view.getInt32(0, true)
}

export function applyOptions(fd: number, family: 4 | 6, options: SocketOptions): void {
  const { level, ownAddress, trafficClass, errors, free } = byFamily[family]
  if (options.reuseAddress === true) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'sharing the address')
  if (options.reusePort === true) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1, 'sharing the port')
  if (options.freeBind === true) setOption(fd, level, free, 1, 'binding to an address that is not there yet')
  if (options.mark !== undefined) setOption(fd, SOL_SOCKET, SO_MARK, options.mark, `marking with ${options.mark}`)
  if (options.buffers !== undefined) setBuffers(fd, options.buffers)
  if (options.device !== undefined) bindToDevice(fd, options.device)
  if (options.pathSize !== undefined) setPathSize(fd, family, options.pathSize)
  if (options.reportOwnAddress === true) {
    setOption(fd, level, ownAddress, 1, 'asking for own addresses')
    setOption(fd, level, trafficClass, 1, 'asking for traffic classes')
  }
  if (options.reportErrors === true) setOption(fd, level, errors, 1, 'asking for errors of the network')
}

/** What happens about the path size from now on. */
export function setPathSize(fd: number, family: 4 | 6, size: PathSize): void {
  const { level, pathSize } = byFamily[family]
  setOption(fd, level, pathSize, pathSizes[size], 'choosing what happens about the path size')
}

/** TTL or hop limit of what is sent from now on, 1 to 255; left out, the system's. */
export function setTimeToLive(fd: number, family: 4 | 6, hops = -1): void {
  const { level, timeToLive } = byFamily[family]
  setOption(fd, level, timeToLive, hops, 'setting the time to live')
}

function setBuffers(fd: number, octets: number): void {
  const pairs = [
    [SO_RCVBUFFORCE, SO_RCVBUF],
    [SO_SNDBUFFORCE, SO_SNDBUF],
  ] as const
  for (const [forced, plain] of pairs) {
    const result = trySetOption(fd, SOL_SOCKET, forced, octets)
    if (result >= 0) continue
    if (errorName(result) !== 'EPERM') check(result, 'setsockopt', `buffers of ${octets} octets`)
    setOption(fd, SOL_SOCKET, plain, octets, `buffers of ${octets} octets`)
  }
}

function bindToDevice(fd: number, name: string): void {
  const { scratch, setsockopt } = libC()
  const octets = new TextEncoder().encode(name)
  scratch.bytes.fill(0, 0, 16)
  scratch.bytes.set(octets.subarray(0, 15))
  check(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, scratch.address, 16), 'setsockopt', `binding to ${name}`)
}

export function bindSocket(fd: number, address: Address, port: number, link: number, doing: string): void {
  const { scratch, bind } = libC()
  const length = writeSocketAddress(viewOf(scratch), 0, address, port, link)
  check(bind(fd, scratch.address, length), 'bind', doing)
}

export function connectSocket(fd: number, address: Address, port: number, link: number, doing: string): void {
  const { scratch, connect } = libC()
  const length = writeSocketAddress(viewOf(scratch), 0, address, port, link)
  check(connect(fd, scratch.address, length), 'connect', doing)
}

/** Of a bound socket; undefined where it is of another family. */
export function boundPort(fd: number): number | undefined {
  const { scratch, getsockname } = libC()
  const view = viewOf(scratch)
  view.setUint32(SOCKET_ADDRESS_BYTES, SOCKET_ADDRESS_BYTES, true)
  check(getsockname(fd, scratch.address, scratch.address + SOCKET_ADDRESS_BYTES), 'getsockname', 'asking for the port')
  return readSocketAddress(view, 0)?.port
}

/** One instruction of the kernel's classic packet filter (linux/filter.h). */
export type FilterStep = readonly [code: number, ifTrue: number, ifFalse: number, operand: number]

/** Takes nothing: for a socket that is only there so that the kernel believes the protocol is spoken here. */
export const takeNothing: readonly FilterStep[] = [[0x06, 0, 0, 0]]

/** What the filter refuses never reaches the socket. */
export function attachFilter(fd: number, steps: readonly FilterStep[]): void {
  attach(fd, SO_ATTACH_FILTER, steps)
}

/**
 * Which of the sockets at one port (`reusePort`) gets a datagram: what the program answers counts them in the order in which
 * they were opened. Offset 0 is that of UDP's content.
 */
export function attachChoice(fd: number, steps: readonly FilterStep[]): void {
  attach(fd, SO_ATTACH_REUSEPORT_CBPF, steps)
}

function attach(fd: number, option: number, steps: readonly FilterStep[]): void {
  const { scratch, setsockopt } = libC()
  const view = viewOf(scratch)
  const at = 16
  if (at + 8 * steps.length > scratch.bytes.length) throw new RangeError(`a filter of ${steps.length} steps`)
  view.setBigUint64(0, BigInt(steps.length), true)
  view.setBigUint64(8, BigInt(scratch.address + at), true)
  for (const [index, [code, ifTrue, ifFalse, operand]] of steps.entries()) {
    view.setUint16(at + 8 * index, code, true)
    view.setUint8(at + 8 * index + 2, ifTrue)
    view.setUint8(at + 8 * index + 3, ifFalse)
    view.setUint32(at + 8 * index + 4, operand, true)
  }
  check(setsockopt(fd, SOL_SOCKET, option, scratch.address, 16), 'setsockopt', 'attaching a filter')
}

/** The socket's domain for a family. */
export function domainOf(family: 4 | 6): number {
  return familyNumber(family)
}

function viewOf(memory: Memory): DataView {
  return new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.length)
}
