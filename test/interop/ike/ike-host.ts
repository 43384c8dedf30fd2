// Our host as an IKE peer in the lab: LabHost's applications and data plane, the keying endpoint behind UDP ports 500 and
// 4500, and between them the same Keeper that drives a real host, in real time.

import { loadCredentials } from '../../../src/agent/load-credentials.ts'
import { Keeper } from '../../../src/agent/perform.ts'
import { formatAddress } from '../../../src/base/address.ts'
import { UDP } from '../../../src/base/flow.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { cutToFit } from '../../../src/ipsec/fragmentation.ts'
import { type Credentials, noCredentials } from '../../../src/keying/credentials.ts'
import { KeyingEndpoint } from '../../../src/keying/endpoint.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../../../src/keying/keying-settings.ts'
import type { KeyingEvent, Path } from '../../../src/keying/machine.ts'
import { type CompiledPolicy, compile } from '../../../src/policy/compile.ts'
import { readPolicyText } from '../../../src/policy/policy-text.ts'
import { decodeIp } from '../../../src/wire/decode.ts'
import { Packet } from '../../../src/wire/packet.ts'
import { buildPacket } from '../../build-packets.ts'
import { LabHost, type LabHostOptions, realTime } from '../uml/lab-host.ts'

const IKE_PORTS: readonly number[] = [500, 4500]
const UDP_HEADER = 8
/** Seconds for what a peer does, on a machine that has much else to do. */
const PATIENCE = 15

export interface IkeHostOptions {
  readonly addresses: readonly string[]
  readonly settings?: Partial<KeyingSettings>
  readonly wire?: LabHostOptions['wire']
  /** What IKE says in datagrams larger than the wire's MTU is lost, as where a firewall takes pieces of packets for an attack. */
  readonly losesPieces?: boolean
  /** What becomes of our and the peer's IKE messages on their way. */
  readonly altered?: (message: Uint8Array) => Uint8Array
}

type EventOf<Kind extends KeyingEvent['kind']> = Extract<KeyingEvent, { readonly kind: Kind }>

export class IkeHost {
  readonly lab: LabHost
  readonly endpoint = new KeyingEndpoint()
  readonly keeper: Keeper
  readonly events: KeyingEvent[] = []
  /** What the data plane refused to do; a test wants none. */
  readonly faults: unknown[] = []
  readonly #settings: KeyingSettings
  readonly #losesPieces: boolean
  readonly #altered: (message: Uint8Array) => Uint8Array
  readonly #packet = new Packet()
  readonly #watchers = new Set<(event: KeyingEvent) => void>()
  #credentials: Credentials = noCredentials
  #policy: CompiledPolicy | undefined
  #identification = 0

  constructor({ addresses, settings = {}, wire = {}, losesPieces = false, altered }: IkeHostOptions) {
    this.#losesPieces = losesPieces
    this.#altered = altered ?? (message => message)
    this.#settings = { ...defaultKeyingSettings, tellMessages: true, ...settings }
    this.lab = new LabHost(addresses, { wire, takes: packet => this.#takes(packet) })
    this.keeper = new Keeper({
      ...{ endpoint: this.endpoint, dataPlane: this.lab.host, clock: realTime },
      world: () => ({
        ...{ date: Date.now() / 1000, random: systemRandom, settings: this.#settings },
        ...{ policy: this.#policy!, credentials: this.#credentials },
      }),
      send: (path, bytes) => this.#send(path, bytes),
      report: event => {
        this.events.push(event)
        for (const watch of [...this.#watchers]) watch(event)
      },
      failed: (output, cause) => this.faults.push(output.kind, cause),
    })
  }

  /** A policy as a file has it; names of credential files count from the folder. */
  async follow(text: object, folder = '.'): Promise<void> {
    const name = 'lab.json'
    const read = readPolicyText(JSON.stringify(text), name)
    if (!read.ok) throw new Error(JSON.stringify(read.error))
    const { policy } = read.value
    const loaded = loadCredentials(policy, { folder, name, at: Date.now() / 1000 })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
    const isFirst = this.#policy === undefined
    this.#credentials = loaded.value.credentials
    this.#policy = compile(policy, { me: this.lab.host.addresses })
    if (isFirst) await this.keeper.start(this.#policy)
    else await this.keeper.enforce(this.#policy)
  }

  /** Says farewell, if there is anybody and not `silently`. */
  async stop(silently = false): Promise<void> {
    if (this.#policy === undefined) return
    await this.keeper.stop(silently ? 0 : 1)
  }

  /** Established or not, in a word each. */
  sessions(): readonly string[] {
    return this.endpoint.sessions().map(({ role, state, children }) => `${role} ${state} ${children.length}`)
  }

  /** The next event of that kind; ends with an error that tells what came instead. */
  async next<Kind extends KeyingEvent['kind']>(kind: Kind, patience = PATIENCE): Promise<EventOf<Kind>> {
    const from = this.events.length
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        this.#watchers.delete(watch)
      }
      const watch = (event: KeyingEvent) => {
        if (event.kind !== kind) return
        end()
        resolve(event as EventOf<Kind>)
      }
      const timer = setTimeout(() => {
        end()
        reject(new Error(`no ${kind} in ${patience} s; instead:\n${this.story(from)}`))
      }, patience * 1000)
      this.#watchers.add(watch)
    })
  }

  /** The events in a line each, for reports of faults. */
  story(from = 0): string {
    return this.events.slice(from).map(lineOf).join('\n')
  }

  count(kind: KeyingEvent['kind']): number {
    return this.events.filter(event => event.kind === kind).length
  }

  #send({ local, remote }: Path, message: Uint8Array): void {
    const payload = this.#altered(message)
    this.#identification = (this.#identification + 1) & 0xffff
    const packet = buildPacket({
      ...{ source: formatAddress(local.address), destination: formatAddress(remote.address), payload },
      ...{ sourcePort: local.port, destinationPort: remote.port, identification: this.#identification },
    })
    const { mtu } = this.lab.wire
    if (packet.length > mtu && this.#losesPieces) return
    const pieces = packet.length <= mtu ? [packet] : (cutToFit(packet, mtu, this.#identification) ?? [])
    for (const piece of pieces) this.lab.host.transmit(piece)
  }

  #takes(bytes: Uint8Array): boolean {
    const packet = this.#packet
    decodeIp(packet, bytes, 0, bytes.length)
    if (packet.protocol !== UDP || !IKE_PORTS.includes(packet.destinationPort)) return false
    const local = { address: packet.destination(), port: packet.destinationPort }
    const remote = { address: packet.source(), port: packet.sourcePort }
    const content = bytes.slice(packet.transport + UDP_HEADER, packet.ipLength)
    this.keeper.datagram({ local, remote }, this.#altered(content))
    return true
  }
}

function lineOf(event: KeyingEvent): string {
  const { kind } = event
  if (kind === 'message' || kind === 'message-v1') {
    const { way, header, payloads, again } = event
    const inside = payloads.map(payload => payload.kind).join(' ')
    return `${way} ${JSON.stringify(header, printable)} ${inside}${again > 0 ? `, again (${again})` : ''}`
  }
  return JSON.stringify(event, printable)
}

function printable(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toHex()
  if (typeof value === 'bigint') return String(value)
  const address = value as { readonly family?: unknown; readonly words?: unknown } | null
  if (typeof address === 'object' && Array.isArray(address?.words) && (address.family === 4 || address.family === 6)) {
    return formatAddress(address as Parameters<typeof formatAddress>[0])
  }
  return value
}
