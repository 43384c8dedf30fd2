// What the worker of the TUN data plane opens: the device, and the sockets for ESP, AH, ESP in UDP and the ICMP that tells
// of path sizes. Everything that it sends carries the mark, so that no route leads it into the device again.
import { type Address, parseAddress } from '../../base/address.ts'
import { AH, ESP, ICMP, ICMPV6 } from '../../base/flow.ts'
import type { Arena } from '../../native/arena.ts'
import { FrameRing } from '../../native/frame-ring.ts'
import { failedCall, libC } from '../../native/libc.ts'
import { openFrameSender } from '../../native/packet-socket.ts'
import { openRawSocket, type RawSocket } from '../../native/raw-socket.ts'
import { changeLink, findLink, openRouting } from '../../native/routing.ts'
import { attachFilter } from '../../native/socket-options.ts'
import { readSysctl, writeSysctl } from '../../native/sysctl.ts'
import { openTunDevice, type TunDevice } from '../../native/tun-device.ts'
import { openUdpSocket, type UdpSocket } from '../../native/udp-socket.ts'
import { espBesideFrames, espOfFrames, onlyTooBig } from './packet-filters.ts'
import { SEALWIRE_MARK, type TunOptions } from './tun-options.ts'

/** Sockets of one family. */
export interface Doors {
  readonly family: 4 | 6
  /** For whole packets with their IP header. */
  readonly out: RawSocket
  readonly esp: RawSocket
  readonly ah: RawSocket
  readonly icmp: RawSocket
  readonly udp: UdpSocket | undefined
  /** Where ESP goes and comes by frames: then there is nothing for `esp` but what is rare. */
  readonly frames: Frames | undefined
}

export interface Frames {
  /** Sends whole packets to a station. */
  readonly out: number
  readonly ring: FrameRing
  close(): void
}

const BUFFERS = 8 * 1024 * 1024
/** Octets of the arena that frames of both families need, with what is rounded up. */
export const FRAMES_ROOM = 2 * BUFFERS + 512 * 1024
/** IPPROTO_RAW: a socket that only sends, whole packets. */
const ONLY_SENDS = 255
/** One super-packet fits one send of segments: 64 KiB less a header for each. */
const MOST_SEGMENTED = 61_000
/** Packets of the device's queue: its default of 500 is less than what one application's burst of small packets has. */
const QUEUE_PACKETS = 10_000

/** The device, up, as large as asked. Answers also what takes it down. */
export function openDevice(arena: Arena, options: TunOptions): TunDevice {
  const device = openTunDevice(arena, { name: options.device, segmentation: options.segmentation ?? 'tcp-and-udp' })
  try {
    const netlink = openRouting()
    try {
      const link = findLink(netlink, device.name)
      if (link === undefined) throw new Error(`the TUN device ${device.name} went away`)
      allowIpv6(device.name)
      const segments = link.segmentationBytes === 0 ? {} : { segmentationBytes: MOST_SEGMENTED }
      changeLink(netlink, link.index, { mtu: options.mtu, isUp: true, queuePackets: QUEUE_PACKETS, ...segments })
    } finally {
      netlink.close()
    }
    return device
  } catch (error) {
    device.close()
    throw error
  }
}

/**
 * New links begin as `default` says. Where that is without IPv6 and the host has it on its links all the same, what is to be
 * sealed would find no way into the device. A host that has no IPv6 at all keeps it so.
 */
function allowIpv6(device: string): void {
  const [all, own] = ['all', device].map(link => readSysctl(`net/ipv6/conf/${link}/disable_ipv6`))
  if (all !== '0' || own !== '1') return
  try {
    writeSysctl(`net/ipv6/conf/${device}/disable_ipv6`, '0')
  } catch {
    // Where settings of the kernel are read-only routes of IPv6 are refused, by name, and nothing leaves.
  }
}

/** Sockets of both families; those of IPv6 are left out where the kernel has none. */
export function openDoors(arena: Arena, options: TunOptions): readonly Doors[] {
  const opened: Doors[] = []
  try {
    for (const family of [4, 6] as const) {
      const doors = openFamily(arena, family, options)
      if (doors !== undefined) opened.push(doors)
    }
    return opened
  } catch (error) {
    for (const doors of opened) closeDoors(doors)
    throw error
  }
}

function openFamily(arena: Arena, family: 4 | 6, options: TunOptions): Doors | undefined {
  const { mark = SEALWIRE_MARK, udpPort = 4500 } = options
  const socket = { mark, buffers: BUFFERS }
  const opened: { close(): void }[] = []
  const keep = <T extends { close(): void }>(one: T): T => {
    opened.push(one)
    return one
  }
  try {
    const out = keep(openRawSocket(family, ONLY_SENDS, { ...socket, writesHeader: true }))
    const receiving = { ...socket, reportOwnAddress: true }
    // Over IPv4 a raw socket hands over the header, where all of that stands.
    const sealed = family === 4 ? socket : receiving
    const esp = keep(openRawSocket(family, ESP, sealed))
    const ah = keep(openRawSocket(family, AH, sealed))
    const icmp = keep(openRawSocket(family, family === 4 ? ICMP : ICMPV6, { mark, reportOwnAddress: family === 6 }))
    attachFilter(icmp.fd, onlyTooBig[family])
    const any: Address = parseAddress(family === 4 ? '0.0.0.0' : '::')!
    // A seal is cut where it must be by the whole path; what goes by this socket fits, and may not be cut on its way.
    const udp =
      udpPort === 0 ? undefined : keep(openUdpSocket(any, udpPort, { ...receiving, join: true, pathSize: 'probe' }))
    const frames = options.byFrames === true ? keep(openFrames(arena, family, options)) : undefined
    if (frames !== undefined) attachFilter(esp.fd, espBesideFrames[family])
    return { family, out, esp, ah, icmp, udp, frames }
  } catch (error) {
    for (const one of opened) one.close()
    if (family === 6 && failedCall(error)?.name === 'EAFNOSUPPORT') return undefined
    throw error
  }
}

function openFrames(arena: Arena, family: 4 | 6, { mark = SEALWIRE_MARK, linkMtu }: TunOptions): Frames {
  const ring = new FrameRing(arena, { family, filter: espOfFrames[family], packetBytes: linkMtu, bytes: BUFFERS })
  try {
    const out = openFrameSender({ mark, buffers: BUFFERS })
    const close = () => {
      libC().close(out)
      ring.close()
    }
    return { out, ring, close }
  } catch (error) {
    ring.close()
    throw error
  }
}

export function closeDoors({ out, esp, ah, icmp, udp, frames }: Doors): void {
  for (const socket of [out, esp, ah, icmp]) socket.close()
  udp?.close()
  frames?.close()
}
