// A TUN device with segmentation offload: what the host sends through it arrives here as IP packets of up to 64 KiB,
// each behind a struct virtio_net_hdr that says how to cut it, and what is written may be joined in the same way. One
// read or write is one system call. The device goes away when its last descriptor is closed.
import type { Arena } from './arena.ts'
import { check, type LibC, libC } from './libc.ts'

const O_RDWR_NONBLOCK_CLOEXEC = 0x80802

const TUNSETIFF = 0x400454ca
const TUNSETOFFLOAD = 0x400454d0
const TUNSETQUEUE = 0x400454d9

const IFF_TUN = 0x0001
const IFF_MULTI_QUEUE = 0x0100
const IFF_ATTACH_QUEUE = 0x0200
const IFF_DETACH_QUEUE = 0x0400
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000
/** Never join a device that somebody else has: names of persistent ones are taken at times. */
const IFF_TUN_EXCL = 0x8000

/** struct ifreq: a name of 16 octets with its zero, then flags. */
const IFREQ_BYTES = 40
const NAME_BYTES = 16

const OFFLOAD_CHECKSUM = 0x01
const OFFLOAD_TCP = 0x02 | 0x04
const OFFLOAD_UDP = 0x20 | 0x40

/**
 * struct virtio_net_hdr, 10 octets, little-endian on both machines that this runs on: offsets of its fields.
 * `headerBytes` is a hint, and wrong at times: count the headers. `segmentBytes` is TCP's or UDP's payload in each part.
 * `checksumStart` and `checksumOffset` count from the IP header and from there.
 */
export const virtioHeader = {
  bytes: 10,
  flags: 0,
  segmentation: 1,
  headerBytes: 2,
  segmentBytes: 4,
  checksumStart: 6,
  checksumOffset: 8,
} as const

/** In `flags`: the checksum field holds the pseudo-header's sum, and the rest is to be summed up by who reads. */
export const NEEDS_CHECKSUM = 1
/** In `flags`, of a packet that is written: its checksum is known to be good. */
export const CHECKSUM_IS_GOOD = 2
/** Values of `segmentation`; congestion marks in TCP's header are treated with care where SEGMENT_ECN is added. */
export const SEGMENT_NONE = 0
export const SEGMENT_TCP4 = 1
export const SEGMENT_TCP6 = 4
export const SEGMENT_UDP = 5
export const SEGMENT_ECN = 0x80

/** The largest packet that a read can bring, with its virtio header. */
export const MOST_TUN_BYTES = 65535 + virtioHeader.bytes

export interface TunOptions {
  /** A name, or one with `%d` for the next free number; at most 15 octets. */
  readonly name: string
  /** `tcp-and-udp` needs Linux 6.2; where it is refused, `tcp` is what is had. */
  readonly segmentation: 'none' | 'tcp' | 'tcp-and-udp'
  /** Further descriptors of the same device, one a worker: each gets a share of the flows. */
  readonly queues?: 'one' | 'first-of-several' | 'another'
}

export interface TunDevice {
  readonly fd: number
  /** As the kernel has it. */
  readonly name: string
  /** What was granted. */
  readonly segmentation: 'none' | 'tcp' | 'tcp-and-udp'
  /** One packet behind its virtio header; answers octets with that header, or minus errno: EAGAIN where none waits. */
  read(at: number, length: number): number
  /** Answers octets, or minus errno: EIO where the device is down, EINVAL for what is no IP packet or contradicts its header. */
  write(at: number, length: number): number
  /** Takes this queue out of the flows' sharing, or puts it back; for devices with several. */
  takePart(isTaking: boolean): void
  close(): void
}

/** Needs CAP_NET_ADMIN and /dev/net/tun. What is read and written lies in `arena`. */
export function openTunDevice(arena: Arena, options: TunOptions): TunDevice {
  const c = libC()
  const doing = `making the TUN device ${options.name}`
  const name = new TextEncoder().encode(options.name)
  if (name.length === 0 || name.length >= NAME_BYTES) throw new RangeError(`${doing}: a name has 1 to 15 octets`)
  const fd = check(c.open('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC), 'open of /dev/net/tun', doing)
  try {
    const queues = options.queues ?? 'one'
    const flags =
      IFF_TUN |
      IFF_NO_PI |
      IFF_VNET_HDR |
      (queues === 'one' ? 0 : IFF_MULTI_QUEUE) |
      (queues === 'another' ? 0 : IFF_TUN_EXCL)
    const { bytes, address } = c.scratch
    bytes.fill(0, 0, IFREQ_BYTES)
    bytes.set(name)
    bytes.set([flags & 255, flags >>> 8], NAME_BYTES)
    check(c.ioctl(fd, TUNSETIFF, address), 'ioctl TUNSETIFF', doing)
    const granted = new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)))
    return device(arena, c, fd, granted, segment(c, fd, options.segmentation, doing))
  } catch (error) {
    c.close(fd)
    throw error
  }
}

function segment(c: LibC, fd: number, wanted: TunOptions['segmentation'], doing: string): TunDevice['segmentation'] {
  if (wanted === 'tcp-and-udp' && c.ioctl(fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM | OFFLOAD_TCP | OFFLOAD_UDP) >= 0) {
    return wanted
  }
  const offloads = wanted === 'none' ? 0 : OFFLOAD_CHECKSUM | OFFLOAD_TCP
  check(c.ioctl(fd, TUNSETOFFLOAD, offloads), 'ioctl TUNSETOFFLOAD', doing)
  return wanted === 'none' ? 'none' : 'tcp'
}

function device(arena: Arena, c: LibC, fd: number, name: string, segmentation: TunDevice['segmentation']): TunDevice {
  const { address } = arena
  return {
    fd,
    name,
    segmentation,
    read(at, length) {
      if (!arena.holds(at, length)) throw new RangeError(`${length} octets at ${at} do not lie in the arena`)
      return c.read(fd, address + at, length)
    },
    write(at, length) {
      if (!arena.holds(at, length)) throw new RangeError(`${length} octets at ${at} do not lie in the arena`)
      return c.write(fd, address + at, length)
    },
    takePart(isTaking) {
      const { scratch } = c
      scratch.bytes.fill(0, 0, IFREQ_BYTES)
      const flags = isTaking ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE
      scratch.bytes.set([flags & 255, flags >>> 8], NAME_BYTES)
      check(c.ioctl(fd, TUNSETQUEUE, scratch.address), 'ioctl TUNSETQUEUE', `a queue of ${name}`)
    },
    close: () => void c.close(fd),
  }
}
