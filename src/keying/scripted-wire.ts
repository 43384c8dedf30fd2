// Hosts that negotiate in memory, in virtual time, over a wire that does to their messages what a script says: loses them,
// doubles, delays or alters them, or puts another in their place. To try how an endpoint, ours or one that is being written,
// takes it. Nothing sleeps. The same seed gives the same run, and the same octets but for ML-KEM, whose
// encapsulation draws from the system alone.
import { type Address, formatAddress, parseAddress, sameAddress } from '../base/address.ts'
import { type Flow, TCP } from '../base/flow.ts'
import { type Random, seededRandom } from '../base/random.ts'
import { formatProblem } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { VirtualClock } from '../base/time.ts'
import { type AssociationPair, pairName, type Spi } from '../ipsec/association.ts'
import { type CompiledPolicy, compile } from '../policy/compile.ts'
import type { Policy, RuleId } from '../policy/model.ts'
import { readPolicyText } from '../policy/policy-text.ts'
import { type IkeHeader, isResponse } from '../wire/ike/header.ts'
import { readHeader, writeMessage } from '../wire/ike/message.ts'
import { exchangeTypes } from '../wire/ike/numbers.ts'
import { readMessageV1, writeMessageV1 } from '../wire/ike/v1-message.ts'
import { exchangeTypesV1 } from '../wire/ike/v1-numbers.ts'
import type { PayloadV1 } from '../wire/ike/v1-payloads.ts'
import type { Payload } from '../wire/ike/v2-payloads.ts'
import { NAT_TRAVERSAL_PORT } from '../wire/udp-encapsulation.ts'
import { type Credential, type Credentials, credentialsOf } from './credentials.ts'
import { describeEvent } from './describe-event.ts'
import { KeyingEndpoint } from './endpoint.ts'
import type { ExchangeName } from './ikev2/step.ts'
import { defaultKeyingSettings, type KeyingSettings } from './keying-settings.ts'
import type { KeyingEvent, KeyingInput, KeyingOutput, Path } from './machine.ts'

/**
 * Which messages: of an exchange and a direction, as in `IKE_AUTH response`; of IKEv1 by their number in the exchange, as in
 * `main mode message 2`.
 */
export type MessageName = `${ExchangeName} ${'request' | 'response'}` | `${ExchangeNameV1} message ${number}`
type ExchangeNameV1 = keyof typeof exchangeTypesV1.of

/** What happens to a message of that name, so many `times`; left out, to the first one. Of several, the first counts. */
export type ScriptedFault = { readonly on: MessageName; readonly times?: number } & (
  | { readonly kind: 'drop' }
  /** It comes twice. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'delay'; readonly seconds: number }
  /** A bit of that octet is turned over; negative counts from the end, and left out it is the last. */
  | { readonly kind: 'alter'; readonly octet?: number }
  /** Something else goes on in its place; no marker for port 4500 stands in front. */
  | { readonly kind: 'replace'; readonly by: (message: Uint8Array) => Uint8Array }
)

export interface ScriptedWireOptions {
  readonly faults?: readonly ScriptedFault[]
  /** Gets a line for each message and each event of the hosts. */
  readonly tell?: (line: string) => void
  readonly seed?: number
  /** Seconds from one host to the other; default 0.01. */
  readonly delay?: number
  /** Unix seconds where the clock shows zero, for certificates; default 1,800,000,000. */
  readonly startDate?: number
}

const DELAY = 0.01
const START_DATE = 1_800_000_000
const MARKER_BYTES = 4

/** Whoever stands at the wire: a host of ours, or an endpoint that somebody tries. It sends by `wire.send`. */
export interface WireEnd {
  readonly name: string
  readonly address: Address
  /** `path` as the receiver sees it: `local` is its own end. */
  datagram(path: Path, bytes: Uint8Array): void
}

export class ScriptedWire {
  readonly clock = new VirtualClock()
  readonly random: Random
  readonly startDate: number
  readonly #ends: WireEnd[] = []
  readonly #options: ScriptedWireOptions
  /** Of IKEv1: the messages of each exchange, each once. */
  readonly #exchanges = new Map<string, string[]>()
  readonly #left: { readonly fault: ScriptedFault; times: number }[]

  constructor(options: ScriptedWireOptions = {}) {
    this.#options = options
    this.#left = (options.faults ?? []).map(fault => ({ fault, times: fault.times ?? 1 }))
    this.random = seededRandom(options.seed ?? 1)
    this.startDate = options.startDate ?? START_DATE
  }

  /**
   * A host with a policy, as a value or as the text of a file. Preshared keys are taken from it; for what lies in files give
   * `credentials`. Throws an Error for a policy that is not in order.
   */
  host(name: string, address: string, policy: Policy | string, more: Partial<ScriptedHostOptions> = {}): ScriptedHost {
    const host = new ScriptedHost(this, name, parseAddress(address)!, policyOf(policy, name), more)
    this.attach(host)
    return host
  }

  attach(end: WireEnd): void {
    this.#ends.push(end)
  }

  /** Lets so many seconds pass. */
  run(seconds: number): void {
    this.clock.advanceTo(this.clock.now() + seconds)
  }

  tell(text: string): void {
    this.#options.tell?.(`${this.clock.now().toFixed(3).padStart(9)}  ${text}`)
  }

  /** `path.local` is the sender's; the datagram goes to whoever has the other address. */
  send(path: Path, bytes: Uint8Array): void {
    const header = readHeader(isMarked(path) ? bytes.subarray(MARKER_BYTES) : bytes)
    const named = header.ok ? this.#nameOf(header.value, bytes) : undefined
    const fault = this.#faultOn(named)
    const number = header.ok && header.value.version.major > 1 ? ` ${header.value.messageId}` : ''
    const what = header.ok ? `${named}${number}` : 'a keepalive, or no IKE'
    const names = [path.local, path.remote].map(({ address }) => this.#endAt(address)?.name ?? formatAddress(address))
    this.tell(
      `${names.join(' → ')}  ${what}, ${bytes.length} octets${fault === undefined ? '' : `: ${wordsOf(fault)}`}`,
    )
    const delay = this.#options.delay ?? DELAY
    switch (fault?.kind) {
      case 'drop':
        return
      case 'duplicate':
        this.#carry(path, bytes, delay)
        return this.#carry(path, bytes, 2 * delay)
      case 'delay':
        return this.#carry(path, bytes, delay + fault.seconds)
      case 'alter':
        return this.#carry(path, altered(bytes, fault.octet ?? -1), delay)
      case 'replace':
        return this.#carry(path, replaced(path, bytes, fault.by), delay)
      case undefined:
        return this.#carry(path, bytes, delay)
    }
  }

  /** IKEv1 has no requests and answers in its header: messages are counted, and one that is said again keeps its number. */
  #nameOf(header: IkeHeader, bytes: Uint8Array): MessageName {
    const { version, exchange, initiatorSpi, messageId } = header
    if (version.major > 1) return messageName(header)
    const key = `${initiatorSpi} ${exchange} ${messageId}`
    const known = this.#exchanges.get(key) ?? []
    const text = bytes.toHex()
    const all = known.includes(text) ? known : [...known, text]
    this.#exchanges.set(key, all)
    return `${exchangeTypesV1.nameOf(exchange) as ExchangeNameV1} message ${all.indexOf(text) + 1}`
  }

  #faultOn(named: MessageName | undefined): ScriptedFault | undefined {
    const found = this.#left.find(({ fault, times }) => fault.on === named && times > 0)
    if (found !== undefined) found.times--
    return found?.fault
  }

  #carry({ local, remote }: Path, bytes: Uint8Array, delay: number): void {
    const copy = bytes.slice()
    this.clock.at(this.clock.now() + delay, () => {
      this.#endAt(remote.address)?.datagram({ local: remote, remote: local }, copy)
    })
  }

  #endAt(address: Address): WireEnd | undefined {
    return this.#ends.find(end => sameAddress(end.address, address))
  }
}

export interface ScriptedHostOptions {
  readonly credentials: Credentials
  readonly settings: Partial<KeyingSettings>
}

/** An endpoint with what a data plane would hold. */
export class ScriptedHost implements WireEnd {
  readonly name: string
  readonly address: Address
  readonly endpoint = new KeyingEndpoint()
  readonly events: KeyingEvent[] = []
  /** What is installed, by its name; of those in `sending` the last one sends. */
  readonly pairs = new Map<Spi, AssociationPair>()
  readonly sending: Spi[] = []
  /** Flows for which no keys came. */
  readonly refused: Flow[] = []
  readonly #wire: ScriptedWire
  readonly #policy: CompiledPolicy
  readonly #credentials: Credentials
  readonly #settings: KeyingSettings
  readonly #random: Random
  #cancelWake: (() => void) | undefined

  constructor(wire: ScriptedWire, name: string, address: Address, policy: Policy, more: Partial<ScriptedHostOptions>) {
    this.#wire = wire
    this.name = name
    this.address = address
    this.#policy = compile(policy, { me: [address] })
    this.#credentials = more.credentials ?? sharedKeysOf(policy)
    this.#settings = { ...defaultKeyingSettings, ...more.settings }
    this.#random = seededRandom(Math.floor(wire.random.fraction() * 2 ** 32))
  }

  /** A packet to the other host waits for keys; left out, of the first rule. */
  needsKeysTo(
    { address: destination }: Pick<WireEnd, 'address'>,
    rule: RuleId = this.#policy.policy.rules[0]!.name,
  ): void {
    const flow = { source: this.address, destination, protocol: TCP, sourcePort: 49152, destinationPort: 445 }
    this.input({ kind: 'needs-keys', rule, flow })
  }

  datagram(path: Path, bytes: Uint8Array): void {
    this.input({ kind: 'datagram', path, bytes })
  }

  input(input: KeyingInput): void {
    const { clock, startDate } = this.#wire
    const now = clock.now()
    const world = {
      ...{ now, date: startDate + Math.floor(now), random: this.#random },
      ...{ policy: this.#policy, credentials: this.#credentials, settings: this.#settings },
    }
    for (const output of this.endpoint.handle(input, world)) this.#perform(output)
    this.#cancelWake?.()
    const { wakeAt } = this.endpoint
    this.#cancelWake = wakeAt === undefined ? undefined : clock.at(wakeAt, () => this.input({ kind: 'wake' }))
  }

  #perform(output: KeyingOutput): void {
    switch (output.kind) {
      case 'send':
        return this.#wire.send(output.path, output.bytes)
      case 'install':
        return this.#install(output.pair)
      case 'begin-sending':
        this.sending.push(output.name)
        return
      case 'remove':
        for (const name of output.names) {
          this.pairs.delete(name)
          if (this.sending.includes(name)) this.sending.splice(this.sending.indexOf(name), 1)
        }
        return
      case 'refuse':
        this.refused.push(output.flow)
        return this.#wire.tell(`${this.name}: the packet gets no keys`)
      case 'report':
        this.events.push(output.event)
        if (output.event.kind !== 'message' && output.event.kind !== 'message-v1')
          this.#wire.tell(`${this.name}: ${describeEvent(output.event)}`)
    }
  }

  /** Lifetimes in seconds are told, as a data plane tells them; there are no packets to count. */
  #install(pair: AssociationPair): void {
    const { clock } = this.#wire
    const name = pairName(pair)
    this.pairs.set(name, pair)
    for (const age of ['soft', 'hard'] as const) {
      const { seconds } = pair.outbound.lifetime[age]
      if (seconds === undefined) continue
      clock.at(clock.now() + seconds, () => {
        if (this.pairs.get(name) === pair) this.input({ kind: 'ageing', name, age })
      })
    }
  }
}

function policyOf(policy: Policy | string, name: string): Policy {
  if (typeof policy !== 'string') return policy
  const read = readPolicyText(policy, name)
  if (!read.ok) throw new Error(read.error.map(formatProblem).join('\n'))
  return read.value.policy
}

/** What a policy holds itself; a list for each rule. */
function sharedKeysOf({ rules }: Policy): Credentials {
  const octets = (secret: Secret<string>) => new Secret(new TextEncoder().encode(secret.reveal()))
  const lists = rules.map(({ name, authentication }): readonly [RuleId, readonly Credential[]] => [
    name,
    authentication.flatMap(way =>
      way.kind === 'preSharedKey' ? [{ kind: 'preSharedKey', secret: octets(way.secret) } as const] : [],
    ),
  ])
  return credentialsOf(new Map(lists))
}

function messageName(header: IkeHeader): MessageName {
  const name = exchangeTypes.nameOf(header.exchange) as ExchangeName
  return `${name} ${isResponse(header) ? 'response' : 'request'}`
}

function isMarked({ local, remote }: Path): boolean {
  return local.port === NAT_TRAVERSAL_PORT || remote.port === NAT_TRAVERSAL_PORT
}

function wordsOf(fault: ScriptedFault): string {
  switch (fault.kind) {
    case 'drop':
      return 'lost'
    case 'duplicate':
      return 'comes twice'
    case 'delay':
      return `comes ${fault.seconds} s late`
    case 'alter':
      return 'is altered'
    case 'replace':
      return 'is replaced'
  }
}

/** For `replace`: the same header in front of other payloads, in clear, as a peer sends that answers wrongly. */
export function answering(...payloads: readonly Payload[]): (message: Uint8Array) => Uint8Array {
  return bytes => {
    const read = readHeader(bytes)
    return read.ok ? writeMessage({ header: read.value, payloads }) : bytes
  }
}

/** The same of a message of IKEv1 in clear: other payloads stand behind its header. Sealed ones go on as they are. */
export function rewritten(
  change: (payloads: readonly PayloadV1[]) => readonly PayloadV1[],
): (message: Uint8Array) => Uint8Array {
  return bytes => {
    const read = readMessageV1(bytes)
    if (!read.ok || read.value.kind !== 'clear') return bytes
    return writeMessageV1({ ...read.value, payloads: change(read.value.payloads) })
  }
}

function altered(bytes: Uint8Array, octet: number): Uint8Array {
  const copy = bytes.slice()
  const at = octet < 0 ? copy.length + octet : octet
  if (at >= 0 && at < copy.length) copy[at]! ^= 1
  return copy
}

function replaced(path: Path, bytes: Uint8Array, by: (message: Uint8Array) => Uint8Array): Uint8Array {
  if (!isMarked(path)) return by(bytes)
  const message = by(bytes.subarray(MARKER_BYTES))
  const marked = new Uint8Array(MARKER_BYTES + message.length)
  marked.set(message, MARKER_BYTES)
  return marked
}
