// For tests: a host in a network namespace with a device and the routes of a policy, and a look at which link its packets
// leave by. Nobody seals anything: what enters the device ends there.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { isMulticast } from '../../base/address.ts'
import { type Flow, formatFlow } from '../../base/flow.ts'
import { setHeaderChecksum } from '../../ipsec/headers.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { PacketCapture } from '../../native/packet-capture.ts'
import { waitReadable } from '../../native/readiness.ts'
import { changeLink, findLink, listLinks, openRouting } from '../../native/routing.ts'
import { address, ip, type TwoHosts, twoHosts } from '../../native/test-namespaces.ts'
import { openTunDevice, virtioHeader } from '../../native/tun-device.ts'
import { UdpSender } from '../../native/udp-sender.ts'
import { openUdpSocket } from '../../native/udp-socket.ts'
import { compile } from '../../policy/compile.ts'
import type { Policy } from '../../policy/model.ts'
import { decodeIp } from '../../wire/decode.ts'
import { IS_IP, Packet } from '../../wire/packet.ts'
import { HostRoutes } from './routes.ts'

export interface RoutedHost extends TwoHosts {
  readonly routes: HostRoutes
  readonly folder: string
  enforce(policy: Policy): ReturnType<HostRoutes['enforce']>
  /** Runs a command there; it may fail. */
  run(...words: readonly string[]): void
  /** From the left host, unless `namespace` is another. */
  udp(from: string, to: string, changes?: { readonly mark?: number; readonly namespace?: string }): void
  /** A datagram comes out of the device, as one that the agent has opened: does a socket hear it? */
  opened(from: string, to: string): 'heard' | 'lost'
  /** What `send` makes leave, each packet once, as `LINK FLOW`; without what links say to their groups by themselves. */
  leaving(send: () => void): readonly string[]
}

export function routedHost(context: TestContext): RoutedHost {
  const { left, right } = twoHosts(context)
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-routes-'))
  const arena = new Arena(4 * 1024 * 1024)
  const device = insideNamespace(left, () => openTunDevice(arena, { name: 'sealwire0', segmentation: 'none' }))
  ip('netns', 'exec', left, 'sysctl', '-q', '-w', 'net.ipv6.conf.sealwire0.addr_gen_mode=1')
  const netlink = insideNamespace(left, openRouting)
  changeLink(netlink, findLink(netlink, 'sealwire0')!.index, { isUp: true, mtu: 1400 })
  const routes = insideNamespace(left, () => new HostRoutes({ folder, device: 'sealwire0' }))
  const capture = insideNamespace(left, () => new PacketCapture(arena, { link: 0, keep: 2048, from: 'packets' }))
  const at = arena.take(64)
  context.after(() => {
    for (const one of [routes, netlink, capture, device]) one.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const names = () => new Map(listLinks(netlink).map(link => [link.index, link.name]))
  const packet = new Packet()

  function fetch(): string[] {
    const found: string[] = []
    const links = names()
    while (waitReadable(capture.fd, 20)) {
      const count = capture.fetch()
      for (let slot = 0; slot < count; slot++) {
        if (!capture.isOutgoing(slot)) continue
        const from = capture.frameAt(slot)
        decodeIp(packet, arena.bytes, from, from + capture.keptBytes(slot))
        if (packet.kind !== IS_IP) continue
        const flow = flowOf(packet)
        if (!isMulticast(flow.destination)) found.push(`${links.get(capture.link(slot))} ${formatFlow(flow)}`)
      }
    }
    return found
  }

  return {
    left,
    right,
    routes,
    folder,
    enforce: policy => insideNamespace(left, () => routes.enforce(compile(policy))),
    run: (...words) => void spawnSync('ip', ['netns', 'exec', left, ...words], { encoding: 'utf8' }),
    udp(from, to, changes = {}) {
      const [source, destination] = [from, to].map(ended)
      const socket = insideNamespace(changes.namespace ?? left, () =>
        openUdpSocket(source!.address, source!.port, changes),
      )
      try {
        const toward = new Destination(arena, { to: destination!.address, port: destination!.port })
        new UdpSender(arena, socket.fd).send(toward, at, 5)
      } finally {
        socket.close()
      }
    },
    opened(from, to) {
      const [source, destination] = [from, to].map(ended)
      const socket = insideNamespace(left, () => openUdpSocket(destination!.address, destination!.port))
      try {
        const header = Uint8Array.from([0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0])
        arena.bytes.fill(0, at, at + 64)
        arena.bytes.set(header, at + virtioHeader.bytes)
        const { view } = arena
        const ipAt = at + virtioHeader.bytes
        view.setUint32(ipAt + 12, source!.address.words[0]!)
        view.setUint32(ipAt + 16, destination!.address.words[0]!)
        setHeaderChecksum(arena.bytes, 20, ipAt)
        view.setUint16(ipAt + 20, source!.port)
        view.setUint16(ipAt + 22, destination!.port)
        view.setUint16(ipAt + 24, 8)
        device.write(at, virtioHeader.bytes + 28)
        return waitReadable(socket.fd, 200) ? 'heard' : 'lost'
      } finally {
        socket.close()
      }
    },
    leaving(send) {
      fetch()
      send()
      return [...new Set(fetch())]
    },
  }
}

function ended(text: string) {
  const parts = /^\[?(.*?)\]?:(\d+)$/.exec(text)!
  return { address: address(parts[1]!), port: Number(parts[2]) }
}

function flowOf(packet: Packet): Flow {
  const { s0, s1, s2, s3, d0, d1, d2, d3, sourcePort, destinationPort, protocol } = packet
  const family = packet.version === 4 ? 4 : 6
  const words = (all: readonly number[]) => all.slice(0, family === 4 ? 1 : 4).map(word => word >>> 0)
  return {
    source: { family, words: words([s0, s1, s2, s3]) },
    destination: { family, words: words([d0, d1, d2, d3]) },
    protocol,
    ...(sourcePort < 0 ? {} : { sourcePort, destinationPort }),
  }
}
