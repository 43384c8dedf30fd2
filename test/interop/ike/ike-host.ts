// Our host as an IKE peer in the lab: LabHost's applications and data plane with a keying endpoint behind UDP ports 500 and
// 4500, in real time. Inputs go to the endpoint, its outputs to the wire and the data plane; nothing is decided here.
import { formatAddress } from '../../../src/base/address.ts'
import { UDP } from '../../../src/base/flow.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { monotonicSeconds } from '../../../src/base/time.ts'
import type { Spi } from '../../../src/ipsec/association.ts'
import { cutToFit } from '../../../src/ipsec/fragmentation.ts'
import { type Credentials, noCredentials } from '../../../src/keying/credentials.ts'
import { defaultKeyingSettings, type KeyingSettings } from '../../../src/keying/keying-settings.ts'
import type { Instant, KeyingEvent, KeyingInput, KeyingOutput, Path, World } from '../../../src/keying/machine.ts'
import type { CompiledPolicy } from '../../../src/policy/compile.ts'
import { compile } from '../../../src/policy/compile.ts'
import { decodeIp } from '../../../src/wire/decode.ts'
import { Packet } from '../../../src/wire/packet.ts'
import { buildPacket } from '../../build-packets.ts'
import { LabHost, type LabHostOptions, realTime } from '../uml/lab-host.ts'

/** What src/keying's endpoint is to whoever drives it. */
export interface KeyingEndpoint {
  handle(input: KeyingInput, world: World): readonly KeyingOutput[]
  readonly wakeAt: Instant | undefined
}

const IKE_PORTS: readonly number[] = [500, 4500]
const UDP_HEADER = 8
/** Milliseconds between two looks at which associations were heard. */
const HEARD_EVERY = 500
/** Seconds for what a peer does, on a machine that has much else to do. */
const PATIENCE = 15

export interface IkeHostOptions {
  readonly addresses: readonly string[]
  readonly endpoint: KeyingEndpoint
  readonly credentials?: Credentials
  readonly settings?: Partial<KeyingSettings>
  readonly wire?: LabHostOptions['wire']
}

type EventOf<Kind extends KeyingEvent['kind']> = Extract<KeyingEvent, { readonly kind: Kind }>

export class IkeHost {
  readonly lab: LabHost
  readonly events: KeyingEvent[] = []
  /** What the data plane refused to do; a test wants none. */
  readonly faults: unknown[] = []
  credentials: Credentials
  settings: KeyingSettings
  readonly #endpoint: KeyingEndpoint
  readonly #packet = new Packet()
  readonly #installed = new Set<Spi>()
  readonly #heard = new Map<Spi, number>()
  readonly #watchers = new Set<(event: KeyingEvent) => void>()
  #policy: CompiledPolicy | undefined
  #identification = 0
  #cancelWake: (() => void) | undefined
  #hearing: ReturnType<typeof setInterval> | undefined

  constructor({ addresses, endpoint, credentials = noCredentials, settings = {}, wire = {} }: IkeHostOptions) {
    this.#endpoint = endpoint
    this.credentials = credentials
    this.settings = { ...defaultKeyingSettings, ...settings }
    this.lab = new LabHost(addresses, {
      wire,
      takes: packet => this.#takes(packet),
      listener: {
        needsKeys: (rule, flow) => this.input({ kind: 'needs-keys', rule, flow }),
        ageing: (name, age) => this.input({ kind: 'ageing', name, age }),
      },
    })
  }

  /** With new credentials too, where they are given; the endpoint is told. */
  async enforce(policy: Parameters<typeof compile>[0], credentials: Credentials = this.credentials): Promise<void> {
    const isFirst = this.#policy === undefined
    this.credentials = credentials
    this.#policy = compile(policy, { me: this.lab.host.addresses })
    if (isFirst) {
      await this.lab.start(this.#policy)
      this.#hearing = setInterval(() => void this.#tellHeard(), HEARD_EVERY)
    } else {
      await this.lab.host.enforce(this.#policy)
      this.input({ kind: 'policy-changed' })
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#hearing)
    this.#cancelWake?.()
    await this.lab.host.stop()
  }

  input(input: KeyingInput): void {
    const world: World = {
      now: monotonicSeconds(),
      date: Date.now() / 1000,
      random: systemRandom,
      policy: this.#policy!,
      credentials: this.credentials,
      settings: this.settings,
      isSpiTaken: name => this.#installed.has(name),
    }
    for (const output of this.#endpoint.handle(input, world)) this.#perform(output)
    this.#cancelWake?.()
    const { wakeAt } = this.#endpoint
    this.#cancelWake = wakeAt === undefined ? undefined : realTime.at(wakeAt, () => this.input({ kind: 'wake' }))
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

  #perform(output: KeyingOutput): void {
    const { host } = this.lab
    const done = (work: Promise<void>) => void work.catch(fault => this.faults.push(fault))
    switch (output.kind) {
      case 'send':
        return this.#send(output.path, output.bytes)
      case 'install':
        this.#installed.add(output.pair.inbound.layers.at(-1)!.spi)
        return done(host.install(output.pair))
      case 'begin-sending':
        return done(host.beginSending(output.name))
      case 'remove':
        for (const name of output.names) this.#installed.delete(name)
        return done(host.remove(output.names))
      case 'refuse':
        return done(host.refuse(output.flow, output.rule))
      case 'report':
        this.events.push(output.event)
        for (const watch of [...this.#watchers]) watch(output.event)
    }
  }

  #send({ local, remote }: Path, payload: Uint8Array): void {
    this.#identification = (this.#identification + 1) & 0xffff
    const packet = buildPacket({
      ...{ source: formatAddress(local.address), destination: formatAddress(remote.address), payload },
      ...{ sourcePort: local.port, destinationPort: remote.port, identification: this.#identification },
    })
    const { mtu } = this.lab.wire
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
    this.input({ kind: 'datagram', path: { local, remote }, bytes: content })
    return true
  }

  async #tellHeard(): Promise<void> {
    const names: Spi[] = []
    for (const [name, { inbound }] of await this.lab.host.counters()) {
      if (inbound.packets > (this.#heard.get(name) ?? 0)) names.push(name)
      this.#heard.set(name, inbound.packets)
    }
    if (names.length > 0) this.input({ kind: 'heard', names })
  }
}

function lineOf(event: KeyingEvent): string {
  const { kind } = event
  if (kind === 'message') {
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
