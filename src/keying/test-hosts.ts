// Hosts in memory for the tests of keying: endpoints that hand each other datagrams over a wire with faults, in virtual time,
// and what a data plane would hold. The same seed gives the same run; a run that fails draws its messages as arrows.
import { type Address, formatAddress, parseAddress, sameAddress } from '../base/address.ts'
import { type Flow, TCP } from '../base/flow.ts'
import { type Random, seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { VirtualClock } from '../base/time.ts'
import { type AssociationPair, type AssociationSpec, pairName, type Spi } from '../ipsec/association.ts'
import { type CompiledPolicy, compile } from '../policy/compile.ts'
import type { Policy, Rule } from '../policy/model.ts'
import { policy as policyOf, rule as ruleOf } from '../policy/test-policies.ts'
import { isResponse } from '../wire/ike/header.ts'
import { readHeader } from '../wire/ike/message.ts'
import { exchangeTypes } from '../wire/ike/numbers.ts'
import { type Credential, type Credentials, credentialsOf } from './credentials.ts'
import { KeyingEndpoint } from './endpoint.ts'
import { defaultKeyingSettings, type KeyingSettings } from './keying-settings.ts'
import type { KerberosAsk, KeyingEvent, KeyingInput, KeyingOutput, Path, SessionId } from './machine.ts'

/** What happens to datagrams: shares from 0 to 1, and seconds. */
export interface Faults {
  readonly loss?: number
  readonly duplication?: number
  readonly reordering?: number
  readonly delay?: number
  readonly jitter?: number
}

/** Seconds since 1970 at the start of every run. */
export const START_DATE = 1_800_000_000

interface Letter {
  readonly time: number
  readonly path: Path
  readonly bytes: Uint8Array
  fate: string
}

export class TestNet {
  readonly clock = new VirtualClock()
  readonly random: Random
  readonly hosts: TestHost[] = []
  readonly letters: Letter[] = []
  faults: Faults
  /** Answers what goes on instead: nothing, or other octets. */
  tamper: ((bytes: Uint8Array, path: Path) => readonly Uint8Array[]) | undefined
  readonly #cut = new Set<string>()
  #isSilent = false

  constructor(seed: number, faults: Faults = {}) {
    this.random = seededRandom(seed)
    this.faults = faults
  }

  host(address: string, options: Partial<TestHostOptions> = {}): TestHost {
    const host = new TestHost(this, address, options)
    this.hosts.push(host)
    return host
  }

  /** Hosts of a test that talk do so as long as this is true. */
  isTalking = true

  /** As after a crash: the host's address is there again at once, and nothing of what it knew. */
  restart(host: TestHost): TestHost {
    const { policy, credentials, settings } = host
    host.isGone = true
    const again = new TestHost(this, formatAddress(host.address), { policy, credentials, settings })
    this.hosts[this.hosts.indexOf(host)] = again
    return again
  }

  cut(...ends: readonly TestHost[]): void {
    for (const { address } of ends) this.#cut.add(formatAddress(address))
  }

  mend(): void {
    this.#cut.clear()
  }

  hostAt(address: Address): TestHost | undefined {
    return this.hosts.find(one => sameAddress(one.address, address))
  }

  /** Nothing that is sent meanwhile goes anywhere. */
  inSilence(work: () => void): void {
    const before = this.#isSilent
    this.#isSilent = true
    work()
    this.#isSilent = before
  }

  advance(seconds: number): void {
    this.clock.advanceTo(this.clock.now() + seconds)
  }

  send(path: Path, bytes: Uint8Array): void {
    if (this.#isSilent) return
    for (const one of this.tamper?.(bytes, path) ?? [bytes]) this.#send(path, one)
  }

  #send(path: Path, bytes: Uint8Array): void {
    const { loss = 0, duplication = 0 } = this.faults
    const letter: Letter = { time: this.clock.now(), path, bytes: bytes.slice(), fate: '' }
    this.letters.push(letter)
    const isCut = [path.local, path.remote].some(({ address }) => this.#cut.has(formatAddress(address)))
    if (isCut || this.random.fraction() < loss) {
      letter.fate = isCut ? 'cut' : 'lost'
      return
    }
    this.#carry(letter)
    if (this.random.fraction() < duplication) {
      letter.fate = 'twice'
      this.#carry(letter)
    }
  }

  #carry({ path, bytes }: Letter): void {
    const { delay = 0.01, jitter = 0, reordering = 0 } = this.faults
    const late = this.random.fraction() < reordering ? 3 * delay + this.random.fraction() : 0
    this.clock.at(this.clock.now() + delay + jitter * this.random.fraction() + late, () => {
      this.hostAt(path.remote.address)?.input({
        kind: 'datagram',
        path: { local: path.remote, remote: path.local },
        bytes: bytes.slice(),
      })
    })
  }

  /** All messages as arrows, for a run that failed. */
  picture(last = 60): string {
    const [left] = this.hosts.map(({ address }) => address)
    const lines = this.letters.slice(-last).map(({ time, path, bytes, fate }) => {
      const isRight = left !== undefined && sameAddress(path.local.address, left)
      const text = headline(path.local.port === 4500 ? bytes.subarray(4) : bytes).padEnd(46, isRight ? '─' : '─')
      return `${time.toFixed(3).padStart(12)} ${isRight ? `── ${text}─►` : `◄─ ${text}──`} ${fate}`
    })
    return [
      `${this.letters.length} messages, the last of them:`,
      ...lines,
      ...this.hosts.map(host => host.state()),
    ].join('\n')
  }
}

function headline(bytes: Uint8Array): string {
  const header = readHeader(bytes)
  if (!header.ok) return `${bytes.length} octets `
  const { exchange, messageId, initiatorSpi, length } = header.value
  const what = isResponse(header.value) ? 'answer' : 'request'
  const name = exchangeTypes.nameOf(exchange)
  return `${name} ${what} ${messageId} of ${initiatorSpi.toString(16).slice(0, 4)}, ${length} `
}

export interface TestHostOptions {
  readonly policy: Policy
  readonly credentials: Credentials
  readonly settings: Partial<KeyingSettings>
}

interface Held {
  readonly pair: AssociationPair
  isSending: boolean
  readonly cancels: (() => void)[]
}

export class TestHost {
  readonly address: Address
  readonly endpoint = new KeyingEndpoint()
  readonly events: KeyingEvent[] = []
  /** What a data plane would hold: by name, the first ones the oldest; of those that send, the last begun counts. */
  readonly pairs = new Map<Spi, Held>()
  readonly sending: Spi[] = []
  readonly refused: Flow[] = []
  readonly refusals: Extract<KeyingOutput, { readonly kind: 'refuse' }>[] = []
  isGone = false
  /** The system's Kerberos, where a test has one; it answers by an input. */
  kerberos: ((session: SessionId, ask: KerberosAsk) => void) | undefined
  #asks = false
  policy: Policy
  credentials: Credentials
  settings: KeyingSettings
  readonly #net: TestNet
  readonly #random: Random
  #cancelWake: (() => void) | undefined
  #lastCompiled: CompiledPolicy | undefined

  constructor(net: TestNet, address: string, { policy, credentials, settings = {} }: Partial<TestHostOptions>) {
    this.#net = net
    this.address = parseAddress(address)!
    this.policy = policy ?? pskPolicy()
    this.credentials = credentials ?? sharedSecret(this.policy)
    this.settings = { ...defaultKeyingSettings, ...settings }
    this.#random = seededRandom(Math.floor(net.random.fraction() * 2 ** 32))
  }

  input(input: KeyingInput): void {
    if (this.isGone) return
    const { clock } = this.#net
    const world = {
      now: clock.now(),
      date: START_DATE + clock.now(),
      random: this.#random,
      policy: this.#compiled(),
      credentials: this.credentials,
      settings: this.settings,
    }
    for (const output of this.endpoint.handle(input, world)) this.#perform(output)
    this.#cancelWake?.()
    const { wakeAt } = this.endpoint
    this.#cancelWake = wakeAt === undefined ? undefined : clock.at(wakeAt, () => this.input({ kind: 'wake' }))
  }

  #compiled(): CompiledPolicy {
    if (this.#lastCompiled?.policy !== this.policy) this.#lastCompiled = compile(this.policy, { me: [this.address] })
    return this.#lastCompiled
  }

  /** A packet to the other host waits for keys. */
  needs(peer: TestHost, rule = 'all', changes: Partial<Flow> = {}): void {
    this.input({ kind: 'needs-keys', rule, flow: this.flowTo(peer, changes) })
  }

  /** Asks for keys as a data plane does: where nothing sends, and once until they come or are refused. */
  talksTo(peer: TestHost): void {
    if (this.#asks || this.sendingTo(peer) !== undefined) return
    this.#asks = true
    this.needs(peer)
  }

  flowTo({ address }: TestHost, changes: Partial<Flow> = {}): Flow {
    const ports = { sourcePort: 49152, destinationPort: 445 }
    return { source: this.address, destination: address, protocol: TCP, ...ports, ...changes }
  }

  #perform(output: KeyingOutput): void {
    const { clock } = this.#net
    switch (output.kind) {
      case 'send':
        return this.#net.send(output.path, output.bytes)
      case 'install': {
        const name = pairName(output.pair)
        if (this.pairs.has(name)) throw new RangeError(`SPI ${name} is installed twice`)
        const { soft, hard } = output.pair.outbound.lifetime
        const tell = (age: 'soft' | 'hard', seconds: number | undefined) =>
          seconds === undefined
            ? []
            : [clock.at(clock.now() + seconds, () => this.input({ kind: 'ageing', name, age }))]
        const cancels = [...tell('soft', soft.seconds), ...tell('hard', hard.seconds)]
        this.pairs.set(name, { pair: output.pair, isSending: false, cancels })
        return
      }
      case 'begin-sending': {
        const held = this.pairs.get(output.name)
        if (held === undefined) throw new RangeError(`SPI ${output.name} sends and is not installed`)
        if (!held.isSending) this.sending.push(output.name)
        held.isSending = true
        this.#asks = false
        return
      }
      case 'remove':
        for (const name of output.names) {
          for (const cancel of this.pairs.get(name)?.cancels ?? []) cancel()
          this.pairs.delete(name)
          const at = this.sending.indexOf(name)
          if (at >= 0) this.sending.splice(at, 1)
        }
        return
      case 'refuse':
        this.refused.push(output.flow)
        this.refusals.push(output)
        this.#asks = false
        return
      case 'kerberos':
        return this.kerberos?.(output.session, output.ask)
      case 'report':
        this.events.push(output.event)
    }
  }

  /** The pair that packets to the peer go out through now. */
  sendingTo({ address }: TestHost): AssociationPair | undefined {
    const name = this.sending.findLast(one => sameAddress(this.pairs.get(one)!.pair.outbound.destination, address))
    return name === undefined ? undefined : this.pairs.get(name)!.pair
  }

  /** Whether a packet to the peer would be opened there. */
  reaches(peer: TestHost): boolean {
    const pair = this.sendingTo(peer)
    return pair !== undefined && peer.counterpart(pair) !== undefined
  }

  /** What the other side of that pair is here: same SPIs, same keys, both ways. */
  counterpart({ inbound, outbound }: AssociationPair): AssociationPair | undefined {
    const held = this.pairs.get(outbound.layers.at(-1)!.spi)
    const isSame = held !== undefined && textOf(held.pair.inbound) === textOf(outbound)
    return isSame && textOf(held.pair.outbound) === textOf(inbound) ? held.pair : undefined
  }

  of<K extends KeyingEvent['kind']>(kind: K): readonly Extract<KeyingEvent, { readonly kind: K }>[] {
    return this.events.filter(event => event.kind === kind) as never
  }

  state(): string {
    const sessions = this.endpoint.sessions().map(({ id, role, state, children }) => {
      const names = children.map(({ name, standing }) => `${name.toString(16)} ${standing}`)
      return `  ${id} ${role} ${state}: ${names.join(', ')}`
    })
    const pairs = [...this.pairs].map(([name, { isSending }]) => `${name.toString(16)}${isSending ? ' sends' : ''}`)
    const events = this.events.slice(-12).map(event => `  ${lineOf(event)}`)
    return [`${formatAddress(this.address)}: installed ${pairs.join(', ')}`, ...sessions, ...events].join('\n')
  }
}

function lineOf(event: KeyingEvent): string {
  return JSON.stringify(event, (key, value: unknown) => {
    if (typeof value === 'bigint') return value.toString(16)
    if (value instanceof Uint8Array) return value.toHex()
    return key === 'path' || key === 'peer' ? undefined : value
  })
}

/** Suite, keys and SPI of each layer. */
function textOf({ layers, mode, extendedSequence, encapsulation }: AssociationSpec): string {
  const told = layers.map(({ protocol, spi, suite, keys }) => {
    const octets = [keys.cipher, keys.integrity].map(key => key.reveal().toHex())
    return [protocol, spi, JSON.stringify(suite), ...octets].join(' ')
  })
  return [...told, mode, extendedSequence, encapsulation === undefined].join('\n')
}

/** Everything with everybody, in transport mode; `changes` are the rule's. */
export function pskPolicy(changes: Partial<Rule> = {}, more: Partial<Policy> = {}): Policy {
  const authentication = [{ kind: 'preSharedKey', secret: new Secret('of all hosts of the tests') }] as const
  const all = ruleOf('negotiate', ['any me <-> any'], { name: 'all', authentication, ...changes })
  return policyOf([all], { ike: { security: ['aes128gcm16-prfsha256-curve25519'] }, ...more })
}

/** One secret for all rules of a policy. */
export function sharedSecret({ rules }: Policy, secret = 'of all hosts of the tests'): Credentials {
  const credential: Credential = { kind: 'preSharedKey', secret: new Secret(new TextEncoder().encode(secret)) }
  const list = [credential]
  return credentialsOf(new Map(rules.map(({ name }) => [name, list])))
}

/** Runs a test for one seed; what fails says the seed and shows the messages. */
export function inRun(seed: number, net: TestNet, run: () => void): void {
  try {
    run()
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`seed ${seed} at ${net.clock.now().toFixed(3)} s: ${what}\n${net.picture()}`, { cause })
  }
}
