// For tests of rules in a real kernel: a host in a network namespace of its own whose only wire is a TUN device, so that
// what leaves is read and what arrives is written as plain IP packets. A table of the test's own, beside the one that is
// tested, notes which packets came to the hooks and which went on behind them, and the wire is compared with that: packets carry numbers, in IPv4's
// identification and in IPv6's flow label.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { formatAddress } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import { setHeaderChecksum } from '../../ipsec/headers.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { enterNamespace } from '../../native/namespaces.ts'
import { openRawSocket } from '../../native/raw-socket.ts'
import { findLink, openRouting } from '../../native/routing.ts'
import { SOL_SOCKET, setOption } from '../../native/socket-options.ts'
import { ip, whyNoHosts } from '../../native/test-namespaces.ts'
import { openTunDevice, virtioHeader } from '../../native/tun-device.ts'
import { UdpSender } from '../../native/udp-sender.ts'
import { loadRuleset } from './nft.ts'

const RAW = 255
const SO_BROADCAST = 6
const ROOM = 65536 + virtioHeader.bytes

export const own = ['10.0.0.1', '10.0.0.4', 'fd00::1'] as const

/** For a test's `skip`: a reason, or false where it can run. */
export function whyNoGuard(): string | false {
  const why = whyNoHosts()
  if (why !== false) return `skipped, ${why}`
  return spawnSync('nft', ['--version']).error === undefined ? false : 'skipped, because nftables is not installed'
}

export interface Noted {
  /** Numbers of the packets that came to the hook. */
  readonly came: ReadonlySet<number>
  /** Of those that the rules let go on: on the wire, or to be delivered. */
  readonly passed: ReadonlySet<number>
}

export interface GuardedHost {
  /** Sends a whole packet by a raw socket; answers what the kernel says. */
  send(packet: Uint8Array): number
  /** Lets a packet arrive by the wire. */
  receive(packet: Uint8Array): number
  /** What happened since it was asked last. */
  outbound(family: 4 | 6): Promise<Noted>
  inbound(family: 4 | 6): Promise<Noted>
  /** Loads a ruleset, which the kernel has to take. */
  load(text: string): Promise<void>
}

/** Makes it a packet of the test, with a number by which it is known again: 1 to 65535. */
export function setNumber(packet: Uint8Array, number: number): void {
  if (packet[0]! >> 4 === 6) {
    packet[7] = OURS
    packet[2] = number >> 8
    packet[3] = number & 255
  } else {
    packet[8] = OURS
    packet[4] = number >> 8
    packet[5] = number & 255
    setHeaderChecksum(packet, 20)
  }
}

function numberOf(packet: Uint8Array): number {
  return packet[0]! >> 4 === 6
    ? ((packet[1]! & 15) << 16) | (packet[2]! << 8) | packet[3]!
    : (packet[4]! << 8) | packet[5]!
}

/** Time to live by which packets of the test differ from those that the kernel sends by itself. */
const OURS = 77
const FIELDS = { 4: 'ip id', 6: 'ip6 flowlabel' } as const
const IS_OURS = { 4: `ip ttl ${OURS}`, 6: `ip6 hoplimit ${OURS}` } as const
const NAMES = ['out_came', 'out_passed', 'in_came', 'in_passed'] as const

function observer(device: string): string {
  const families = [4, 6] as const
  const sets = NAMES.flatMap(name =>
    families.map(family => `set ${name}_${family} {\ntypeof ${FIELDS[family]}\nsize 65535\nflags dynamic\n}`),
  )
  const note = (name: string) =>
    families.map(family => `${IS_OURS[family]} add @${name}_${family} { ${FIELDS[family]} }`).join('\n')
  return `table inet observer\ndelete table inet observer\ntable inet observer {
${sets.join('\n')}
chain out_came {\ntype filter hook output priority -10\noifname ${device} jump note_out_came\n}
chain out_passed {\ntype filter hook postrouting priority 310\noifname ${device} jump note_out_passed\n}
chain in_came {\ntype filter hook prerouting priority -310\niifname ${device} jump note_in_came\n}
chain in_passed {\ntype filter hook input priority 10\niifname ${device} jump note_in_passed\n}
${NAMES.map(name => `chain note_${name} {\n${note(name)}\n}`).join('\n')}
}`
}

/** The calling thread moves into the new host's namespace for good. */
export async function guardedHost(context: TestContext, name: string): Promise<GuardedHost> {
  const namespace = `sealwire-${process.pid}-${name}`
  ip('netns', 'add', namespace)
  context.after(() => void spawnSync('ip', ['netns', 'delete', namespace]))
  enterNamespace(namespace)
  const arena = new Arena(1 << 20)
  const device = openTunDevice(arena, { name: 'net0', segmentation: 'none' })
  ip('link', 'set', 'lo', 'up')
  ip('link', 'set', 'net0', 'up', 'txqueuelen', '10000')
  ip('address', 'add', '10.0.0.1/24', 'broadcast', '10.0.0.255', 'dev', 'net0')
  ip('address', 'add', '10.0.0.4/32', 'dev', 'net0')
  ip('address', 'add', 'fd00::1/64', 'dev', 'net0', 'nodad')
  for (const family of ['-4', '-6']) ip(family, 'route', 'add', 'default', 'dev', 'net0')
  const netlink = openRouting()
  const link = findLink(netlink, 'net0')!.index
  netlink.close()
  const sockets = ([4, 6] as const).map(family => openRawSocket(family, RAW, { writesHeader: true }))
  setOption(sockets[0]!.fd, SOL_SOCKET, SO_BROADCAST, 1, 'sending broadcasts')
  const senders = sockets.map(({ fd }) => new UdpSender(arena, fd))
  const to = { family: 4, words: [0x0a000002] } as const
  const destination = new Destination(arena, { to, port: 0 })
  const at = arena.take(ROOM)
  context.after(() => {
    for (const one of [...sockets, device]) one.close()
  })
  const left = { 4: new Set<number>(), 6: new Set<number>() }
  const drain = () => {
    for (let length = device.read(at, ROOM); length > 0; length = device.read(at, ROOM)) {
      const packet = arena.bytes.subarray(at + virtioHeader.bytes, at + length)
      const family = packet[0]! >> 4 === 6 ? 6 : 4
      if (packet[family === 6 ? 7 : 8] === OURS) left[family].add(numberOf(packet))
    }
  }
  const load = async (text: string) => {
    const loaded = await loadRuleset(text)
    assert.ok(loaded.ok, loaded.ok ? '' : loaded.error.what)
  }
  await load(observer('net0'))
  // What the kernel told its neighbours before that.
  drain()
  for (const family of [4, 6] as const) left[family].clear()
  const noted = (set: string): ReadonlySet<number> => {
    const listed = spawnSync('nft', ['-j', 'list', 'set', 'inet', 'observer', set], { encoding: 'utf8' })
    const { nftables } = JSON.parse(listed.stdout) as { nftables: readonly { set?: { elem?: number[] } }[] }
    spawnSync('nft', ['flush', 'set', 'inet', 'observer', set])
    return new Set(nftables.flatMap(one => one.set?.elem ?? []))
  }
  return {
    send(packet) {
      const family = packet[0]! >> 4 === 6 ? 6 : 4
      const view = new DataView(packet.buffer, packet.byteOffset)
      const words = (family === 6 ? [24, 28, 32, 36] : [16]).map(offset => view.getUint32(offset))
      destination.redirect({ to: { family, words }, port: 0, ...(family === 6 ? { link } : {}) })
      arena.bytes.set(packet, at)
      const result = senders[family === 6 ? 1 : 0]!.send(destination, at, packet.length)
      drain()
      return result
    },
    receive(packet) {
      arena.bytes.fill(0, at, at + virtioHeader.bytes)
      arena.bytes.set(packet, at + virtioHeader.bytes)
      return device.write(at, packet.length + virtioHeader.bytes)
    },
    async outbound(family) {
      drain()
      const came = noted(`out_came_${family}`)
      const passed = noted(`out_passed_${family}`)
      // What the kernel itself does not send, such as to a group of this host alone, is no merit of the rules.
      for (const number of left[family]) {
        assert.ok(passed.has(number), `${number} is on the wire and passed no rules`)
      }
      left[family].clear()
      return { came, passed }
    },
    async inbound(family) {
      return { came: noted(`in_came_${family}`), passed: noted(`in_passed_${family}`) }
    },
    load,
  }
}

/** Whether the link sends it to every station. */
export function isBroadcastHere({ destination }: Flow): boolean {
  return ['10.0.0.255', '255.255.255.255'].includes(formatAddress(destination))
}
