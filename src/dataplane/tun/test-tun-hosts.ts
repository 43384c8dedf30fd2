// For tests: two hosts in network namespaces with a TUN data plane each, real applications' sockets, the guard's rules in the
// kernel, routes that lead what the applications say into the device, and a capture of the wire between them.
import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { type Address, formatAddress } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import { monotonicSeconds, systemClock } from '../../base/time.ts'
import type { AssociationPair, Counters, Spi } from '../../ipsec/association.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { PacketCapture } from '../../native/packet-capture.ts'
import { findLink, openRouting } from '../../native/routing.ts'
import { address, ip, type TwoHosts, twoHosts } from '../../native/test-namespaces.ts'
import { UdpSender } from '../../native/udp-sender.ts'
import { openUdpSocket, type UdpSocket } from '../../native/udp-socket.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import type { Datagram, PlanesUnderTest, PlaneUnderTest } from '../contract-scene.ts'
import type { DataPlane, DataPlaneListener, WhyNone } from '../data-plane.ts'
import { clearPairs, defaultGuard, guardRuleset } from '../guard/ruleset.ts'
import { TunDataPlane, type TunDataPlaneOptions } from './tun-data-plane.ts'

const PORT = 7001
/** Of the routes into the device. */
export const TABLE = 54
const MARK = 0x5ea1

export async function pause(seconds: number): Promise<void> {
  await new Promise<void>(resolve => systemClock.at(monotonicSeconds() + seconds, resolve))
}

const nothing = `table inet sealwire
delete table inet sealwire
table inet sealwire {
  chain input { type filter hook input priority filter; policy drop; iif lo accept; meta l4proto ipv6-icmp accept; }
  chain output { type filter hook output priority filter; policy drop; oif lo accept; oifname "sealwire*" accept; meta l4proto ipv6-icmp accept; }
}
`

function nft(namespace: string, words: readonly string[], input = ''): string {
  const run = spawnSync('ip', ['netns', 'exec', namespace, 'nft', ...words], { input, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`nft ${words.join(' ')}: ${run.stderr}`)
  return run.stdout
}

/** The data plane as an agent has it: the worker for what is sealed, the kernel's rules for what is not. */
class GuardedPlane implements DataPlane {
  readonly tun: TunDataPlane
  readonly #namespace: string
  readonly #own: Address
  readonly #peer: Address
  readonly #espByFrames: boolean
  #listener: DataPlaneListener | undefined
  #policy: CompiledPolicy | undefined
  #isInClear = false
  #counted = new Map<string, number>()

  constructor(namespace: string, own: Address, peer: Address, options: TunDataPlaneOptions) {
    this.tun = new TunDataPlane({ ...options, namespace })
    this.#namespace = namespace
    this.#own = own
    this.#peer = peer
    this.#espByFrames = options.byFrames === true
  }

  async start(listener: DataPlaneListener): Promise<void> {
    this.#listener = listener
    nft(this.#namespace, ['-f', '-'], nothing)
    await this.tun.start(listener)
    const device = this.tun.facts!.device
    const six = this.#own.family === 6 ? ['-6'] : []
    const ns = ['-n', this.#namespace, ...six]
    const [own, peer] = [formatAddress(this.#own), formatAddress(this.#peer)]
    ip(...ns, 'route', 'add', peer, 'dev', device, 'src', own, 'table', String(TABLE))
    ip(...ns, 'rule', 'add', 'pref', '5400', 'fwmark', String(MARK), 'lookup', 'main')
    ip(
      ...ns,
      'rule',
      'add',
      'pref',
      '5410',
      'to',
      peer,
      'ipproto',
      'udp',
      'dport',
      String(PORT),
      'lookup',
      String(TABLE),
    )
    for (const protocol of ['tcp', this.#own.family === 4 ? 'icmp' : 'ipv6-icmp'])
      ip(...ns, 'rule', 'add', 'pref', '5411', 'to', peer, 'ipproto', protocol, 'lookup', String(TABLE))
  }

  async enforce(policy: CompiledPolicy): Promise<void> {
    this.collect()
    this.#policy = policy
    nft(this.#namespace, ['-f', '-'], guardRuleset(policy, { ...defaultGuard, espByFrames: this.#espByFrames }).text)
    this.#counted.clear()
    this.#isInClear = false
    await this.tun.enforce(policy)
  }

  install(pair: AssociationPair): Promise<void> {
    return this.tun.install(pair)
  }

  async beginSending(name: Spi): Promise<void> {
    if (this.#isInClear) this.#clearPair('delete')
    this.#isInClear = false
    await this.tun.beginSending(name)
  }

  remove(names: readonly Spi[]): Promise<void> {
    return this.tun.remove(names)
  }

  async refuse(flow: Flow, name: RuleId, why: WhyNone): Promise<void> {
    const rule = this.#policy?.policy.rules.find(rule => rule.name === name)
    if (rule?.fallBackToClear === true && why === 'no-answer') {
      this.#clearPair('add')
      this.#isInClear = true
    }
    await this.tun.refuse(flow, name, why)
  }

  #clearPair(change: 'add' | 'delete'): void {
    const pair = `{ ${formatAddress(this.#own)} . ${formatAddress(this.#peer)} }`
    nft(this.#namespace, [change, 'element', 'inet', 'sealwire', clearPairs[this.#own.family], pair])
  }

  counters(): Promise<ReadonlyMap<Spi, Counters>> {
    return this.tun.counters()
  }

  async stop(): Promise<void> {
    nft(this.#namespace, ['-f', '-'], nothing)
    await this.tun.stop()
  }

  /** What the kernel's rules have dropped on its way in since the last time. */
  collect(): void {
    if (this.#policy === undefined) return
    const { nftables } = JSON.parse(nft(this.#namespace, ['-j', 'list', 'table', 'inet', 'sealwire'])) as {
      nftables: { rule?: { chain: string; handle: number; comment?: string; expr: Record<string, unknown>[] } }[]
    }
    for (const { rule } of nftables) {
      if (rule === undefined || !/^rule_\d+_in$/.test(rule.chain) || !rule.expr.some(part => 'drop' in part)) continue
      const counter = rule.expr.find(part => 'counter' in part)?.['counter'] as { packets: number } | undefined
      const before = this.#counted.get(String(rule.handle)) ?? 0
      const packets = counter?.packets ?? 0
      this.#counted.set(String(rule.handle), packets)
      const reason = rule.comment?.endsWith('only sealed') === true ? 'should-be-protected' : 'blocked'
      for (let count = before; count < packets; count++) this.#listener?.dropped(reason, undefined)
    }
  }
}

/** An application's socket of the test. */
class Application {
  readonly got: Datagram[] = []
  readonly #arena = new Arena(1 << 20)
  readonly #socket: UdpSocket
  readonly #sender: UdpSender
  readonly #to: Destination
  readonly #at: number
  readonly #batch: MessageBatch
  readonly #room: number

  constructor(namespace: string, own: Address, peer: Address) {
    this.#socket = insideNamespace(namespace, () => openUdpSocket(own, PORT, { buffers: 8 << 20 }))
    this.#sender = new UdpSender(this.#arena, this.#socket.fd)
    this.#to = new Destination(this.#arena, { to: peer, port: PORT })
    this.#at = this.#arena.take(65536)
    this.#room = this.#arena.take(65536)
    this.#batch = new MessageBatch(this.#arena, 1)
    this.#batch.aim(0, this.#room, 65536)
  }

  send({ payload }: Datagram): void {
    this.#arena.bytes.set(payload, this.#at)
    for (let tries = 0; tries < 1000; tries++) {
      // Its own firewall may refuse it; then it is not on the wire, as the tests want.
      const sent = this.#sender.send(this.#to, this.#at, payload.length)
      if (sent !== -11 && sent !== -105) return
    }
  }

  drain(): readonly Datagram[] {
    while (this.#batch.receive(this.#socket.fd) === 1) {
      const payload = this.#arena.bytes.slice(this.#room, this.#room + this.#batch.lengthOf(0))
      this.got.push({ port: PORT, payload })
    }
    return this.got
  }

  close(): void {
    this.#socket.close()
  }
}

/** Everything that stood on the left host's link. */
export class Wire {
  readonly packets: Uint8Array[] = []
  readonly #arena = new Arena(4 << 20)
  readonly #capture: PacketCapture | undefined

  constructor(namespace: string, keep: number) {
    if (keep === 0) return
    this.#capture = insideNamespace(namespace, () => {
      const netlink = openRouting()
      const link = findLink(netlink, 'wire')!.index
      netlink.close()
      return new PacketCapture(this.#arena, { link, keep, batch: 32, from: 'packets', buffer: 64 << 20 })
    })
  }

  fetch(keep: (packet: Uint8Array) => boolean): readonly Uint8Array[] {
    const capture = this.#capture
    if (capture === undefined) return []
    for (let count = capture.fetch(); count > 0; count = capture.fetch()) {
      for (let slot = 0; slot < count; slot++) {
        const at = capture.frameAt(slot)
        const protocol = capture.protocol(slot)
        if (protocol !== 0x0800 && protocol !== 0x86dd) continue
        const packet = this.#arena.bytes.slice(at, at + capture.keptBytes(slot))
        if (keep(packet)) this.packets.push(packet)
      }
    }
    return this.packets
  }

  close(): void {
    this.#capture?.close()
  }
}

export interface TunHostsOptions {
  readonly family: 4 | 6
  readonly change?: Partial<TunDataPlaneOptions>
  /** Of the wire. */
  readonly linkMtu?: number
  /** Octets that are kept of each packet on the wire; 0 captures nothing. Absent: whole packets. */
  readonly captureBytes?: number
}

export async function tunHosts({
  family,
  change = {},
  linkMtu = 1500,
  captureBytes = 65_600,
}: TunHostsOptions): Promise<PlanesUnderTest & { readonly hosts: TwoHosts; readonly wireNow: Wire }> {
  const cleaning: (() => void)[] = []
  const hosts = twoHosts({ after: (work: () => void) => void cleaning.push(work) } as unknown as TestContext)
  const ends = [
    address(family === 4 ? '10.99.0.1' : 'fd99::1'),
    address(family === 4 ? '10.99.0.2' : 'fd99::2'),
  ] as const
  const names = [hosts.left, hosts.right] as const
  for (const [index, name] of names.entries()) {
    ip('-n', name, 'link', 'set', 'wire', 'mtu', String(linkMtu))
    // The policies of these tests are about all that the two say to each other, neighbour discovery included.
    const links = JSON.parse(ip('-n', names[1 - index]!, '-j', 'link', 'show', 'wire')) as { address: string }[]
    const to = formatAddress(ends[1 - index]!)
    ip('-n', name, 'neigh', 'replace', to, 'lladdr', links[0]!.address, 'dev', 'wire', 'nud', 'permanent')
  }
  const options = { device: 'sealwire%d', mtu: linkMtu - 80, linkMtu, ...change }
  const wireNow = new Wire(hosts.left, captureBytes)
  const isBetween = (packet: Uint8Array) => {
    const text = (at: number) => Buffer.from(packet.subarray(at, at + (family === 4 ? 4 : 16))).toString('hex')
    const known = new Set(ends.map(({ words }) => words.map(word => word.toString(16).padStart(8, '0')).join('')))
    return (
      packet[0]! >> 4 === family && known.has(text(family === 4 ? 12 : 8)) && known.has(text(family === 4 ? 16 : 24))
    )
  }
  const side = (index: 0 | 1): PlaneUnderTest & { guarded: GuardedPlane; application: Application } => {
    const [own, peer] = [ends[index], ends[index === 0 ? 1 : 0]]
    const guarded = new GuardedPlane(names[index], own, peer, options)
    const application = new Application(names[index], own, peer)
    return {
      guarded,
      application,
      plane: guarded,
      address: own,
      send: datagram => application.send(datagram),
      received: () => application.drain(),
    }
  }
  const [one, other] = [side(0), side(1)]
  const sides = [one, other]
  const state = async () => {
    const statistics = await Promise.all(sides.map(({ guarded }) => guarded.tun.statistics().catch(() => undefined)))
    return JSON.stringify([statistics, wireNow.fetch(isBetween).length, sides.map(({ received }) => received().length)])
  }
  return {
    one,
    other,
    hosts,
    wireNow,
    wire: () => wireNow.fetch(isBetween),
    async settle() {
      let before = await state()
      for (let quiet = 0; quiet < 3; ) {
        await pause(0.008)
        const now = await state()
        quiet = now === before ? quiet + 1 : 0
        before = now
      }
      for (const { guarded } of sides) guarded.collect()
    },
    async close() {
      await Promise.all(sides.map(({ guarded }) => guarded.tun.stop()))
      for (const { application } of sides) application.close()
      wireNow.close()
      for (const clean of cleaning) clean()
    },
  }
}
