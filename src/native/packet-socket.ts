// AF_PACKET sockets see every frame that a link takes in or gives out (packet(7)): what both kinds of capture share.
import { check, libC } from './libc.ts'
import { applyOptions, attachFilter, type FilterStep, openSocket, type SocketOptions } from './socket-options.ts'

export const AF_PACKET = 17
const SOCK_DGRAM = 2
const SOCK_RAW = 3
/** ETH_P_ALL in network order, as the call wants it. */
const EVERY_PROTOCOL = 0x0300

export const SOL_PACKET = 263
const PACKET_STATISTICS = 6

/** struct sockaddr_ll: offsets of its fields. */
export const frameAddress = {
  ...{ bytes: 20, protocol: 2, link: 4, hardware: 8, kind: 10, addressLength: 11, address: 12 },
} as const
/** Values of `kind`. */
export const PACKET_BROADCAST = 1
export const PACKET_OUTGOING = 4

export interface TapOptions {
  /** 0 for every link of the namespace. */
  readonly link: number
  /** `frames`: from the link header on. `packets`: from the IP header on, on whatever kind of link. */
  readonly from: 'frames' | 'packets'
  /** Its answer is how many octets of a frame are kept, 0 for none of it. */
  readonly filter?: readonly FilterStep[]
}

/** After `fetch`, frames are asked for by number, from 0; what is answered holds until the next `fetch`. */
export interface CapturedFrames {
  /** For whoever waits: readable when `fetch` would find something. */
  readonly fd: number
  /** Answers how many frames were there, 0 for none. Throws where the link is gone. */
  fetch(): number
  /** Offset into the arena. */
  frameAt(slot: number): number
  /** Octets that lie at `frameAt`. */
  keptBytes(slot: number): number
  /** Octets that the frame had; offload makes frames of 64 KiB that no wire carries. */
  wireBytes(slot: number): number
  /** EtherType, or what stands for it on other links. */
  protocol(slot: number): number
  /** Number of the link. */
  link(slot: number): number
  /** ARPHRD_…: 1 Ethernet, 772 loopback, 65534 none (TUN). */
  hardware(slot: number): number
  /** True for what this host sent. */
  isOutgoing(slot: number): boolean
  /** The VLAN tag that the kernel took off the frame, with its priority; -1 where there was none. */
  vlanTag(slot: number): number
  /** Nanoseconds since 1970. */
  time(slot: number): bigint
  /** Frames that were lost for want of room, since the last question. */
  lost(): number
  close(): void
}

/** Needs CAP_NET_RAW. It hears nothing until it is bound: otherwise frames of every link come in before the filter stands. */
export function openPacketSocket(options: TapOptions, doing: string): number {
  const fd = openSocket(AF_PACKET, options.from === 'frames' ? SOCK_RAW : SOCK_DGRAM, 0, doing)
  try {
    if (options.filter !== undefined) attachFilter(fd, options.filter)
    return fd
  } catch (error) {
    libC().close(fd)
    throw error
  }
}

/** `protocol` in network order. */
export function bindPacketSocket(fd: number, link: number, doing: string, protocol = EVERY_PROTOCOL): void {
  const { scratch, bind } = libC()
  const view = new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset)
  scratch.bytes.fill(0, 0, frameAddress.bytes)
  view.setUint16(0, AF_PACKET, true)
  view.setUint16(frameAddress.protocol, protocol, true)
  view.setInt32(frameAddress.link, link, true)
  check(bind(fd, scratch.address, frameAddress.bytes), 'bind', doing)
}

/** A socket that sends packets past the kernel's IP, from their IP header on, and hears nothing. */
export function openFrameSender(options: SocketOptions): number {
  const doing = 'opening a socket for frames'
  const fd = openSocket(AF_PACKET, SOCK_DGRAM, 0, doing)
  try {
    applyOptions(fd, 4, options)
    return fd
  } catch (error) {
    libC().close(fd)
    throw error
  }
}

export function lostFrames(fd: number): number {
  const { scratch, getsockopt } = libC()
  const view = new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset)
  view.setUint32(16, 12, true)
  check(
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, scratch.address, scratch.address + 16),
    'getsockopt',
    'counting losses',
  )
  return view.getUint32(4, true)
}
