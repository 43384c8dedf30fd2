// The test of KB 254728's time: ping a host, and see whether keys are agreed on and whether what goes over the wire is
// sealed. Echoes go one by one; a capture on the link that they leave by tells how each of them looked there.
import { formatAddress } from '../../base/address.ts'
import type { Random } from '../../base/random.ts'
import type { Clock } from '../../base/time.ts'
import { watchReadable } from '../../native/readiness.ts'
import { type AgentView, associationsOf, fallsBack, hasKeys } from './agent-view.ts'
import { NONCE_OCTETS, readEcho, writeEcho } from './echo-message.ts'
import { EchoSocket, type Heard } from './echo-socket.ts'
import { findOnWire, type KnownAssociation, type OnWire, type SentEcho } from './match-echo.ts'
import type { Asked, EchoResult, EchoState } from './ping-report.ts'
import type { Target, Way } from './target.ts'
import { WireLog } from './wire-log.ts'
import { WireTap } from './wire-tap.ts'

export interface PingOptions {
  readonly target: Target
  readonly way: Way
  readonly count: number
  /** Octets of payload. */
  readonly size: number
  /** Seconds from one echo to the next, and seconds that an answer may take. */
  readonly interval: number
  readonly patience: number
  readonly clock: Clock
  readonly random: Random
  readonly agent: AgentView | undefined
  /** Ends it early, with what there is. */
  readonly signal?: AbortSignal
}

export type PingNews =
  | { readonly kind: 'negotiating'; readonly sequence: number }
  | { readonly kind: 'echo'; readonly echo: EchoResult }

export interface Pinged {
  readonly echoes: readonly EchoResult[]
  readonly asked: Asked | null
  readonly socket: 'ping' | 'raw'
  readonly lostFrames: number
}

/** What the policy asks is told with the news, null until it is known. */
export type TellPing = (news: PingNews, asked: Asked | null) => void

export async function ping(options: PingOptions, tell: TellPing): Promise<Pinged> {
  const run = new PingRun(options, tell)
  try {
    return await run.all()
  } finally {
    run.close()
  }
}

/** What came to an echo that is under way. */
interface UnderWay {
  readonly sent: SentEcho
  readonly since: number
  readonly lostBefore: number
  waitsForKeys: boolean
  answered: { readonly at: number } | undefined
  failed: { readonly state: EchoState; readonly note: string } | undefined
}

class PingRun {
  readonly #options: PingOptions
  readonly #tell: TellPing
  readonly #log = new WireLog()
  readonly #socket: EchoSocket
  readonly #tap: WireTap
  readonly #watch: { stop(): void }
  #wake: () => void = () => {}
  #now: UnderWay | undefined
  #known: readonly KnownAssociation[] = []
  #asked: Asked | null = null

  constructor(options: PingOptions, tell: TellPing) {
    const { target, way, random } = options
    this.#options = options
    this.#tell = tell
    const identifier = new Uint8Array(2)
    random.fill(identifier)
    const see = (...seen: Parameters<WireLog['see']>) => {
      const sighting = this.#log.see(...seen)
      if (sighting?.kind === 'ike') this.#sawKeying()
    }
    this.#tap = new WireTap(way.link.index, [target.address], options.agent !== undefined, see)
    try {
      const own = (identifier[0]! << 8) | identifier[1]!
      this.#socket = new EchoSocket(target.address, way.own, way.link.index, own)
    } catch (error) {
      this.#tap.close()
      throw error
    }
    this.#log.identifier = this.#socket.identifier
    this.#watch = watchReadable(this.#socket.fd, () => this.#hear())
  }

  close(): void {
    this.#watch.stop()
    this.#socket.close()
    this.#tap.close()
  }

  async all(): Promise<Pinged> {
    const { count, interval, clock, signal } = this.#options
    const stop = () => this.#wake()
    signal?.addEventListener('abort', stop)
    const echoes: EchoResult[] = []
    for (let sequence = 1; sequence <= count && signal?.aborted !== true; sequence++) {
      const started = clock.now()
      const echo = await this.#one(sequence)
      echoes.push(echo)
      this.#tell({ kind: 'echo', echo }, this.#asked)
      if (sequence < count) await this.#until(started + interval, () => false)
    }
    signal?.removeEventListener('abort', stop)
    return { echoes, asked: this.#asked, socket: this.#socket.kind, lostFrames: this.#tap.lost() }
  }

  async #one(sequence: number): Promise<EchoResult> {
    const { clock, patience, target, size, random } = this.#options
    const { address } = target
    const nonce = new Uint8Array(NONCE_OCTETS)
    random.fill(nonce)
    const { identifier } = this.#socket
    const message = writeEcho({ family: address.family, identifier, sequence, nonce, size })
    this.#tap.drain()
    this.#log.clear()
    const sent: SentEcho = {
      ...{ family: address.family, host: formatAddress(address), identifier, sequence, size },
      nonce: nonce.subarray(0, Math.min(size, NONCE_OCTETS)).toHex(),
    }
    const lostBefore = this.#tap.lost()
    const now: UnderWay = {
      sent,
      since: clock.now(),
      lostBefore,
      waitsForKeys: false,
      answered: undefined,
      failed: undefined,
    }
    this.#now = now
    const refusal = this.#socket.send(message)
    if (refusal !== undefined) now.failed = { state: 'not-sent', note: whyNotSent(refusal) }
    // Asked behind the first echo: it is traffic that is to bring about the keys, not the question.
    if (sequence === 1) await this.#askAgent()
    await this.#until(now.since + patience, () => now.answered !== undefined || now.failed !== undefined)
    this.#tap.drain()
    const status = await this.#options.agent?.look()
    this.#known = associationsOf(status)
    const hasNoKeys = status !== undefined && !hasKeys(status, address)
    if (hasNoKeys && this.#asked?.action === 'negotiate' && now.answered === undefined) this.#waitsForKeys(now)
    return this.#result(now, fallsBack(status, address))
  }

  async #askAgent(): Promise<void> {
    const asks = await this.#options.agent?.asks()
    if (asks === undefined) return
    const { action, because, rule } = asks
    this.#asked = { action, because, rule }
  }

  /** Waits until that time, or until `isDone`, or until it is to end. */
  async #until(time: number, isDone: () => boolean): Promise<void> {
    const { clock, signal } = this.#options
    while (!isDone() && clock.now() < time && signal?.aborted !== true) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const cancel = clock.at(time, resolve)
      await promise
      cancel()
    }
  }

  #sawKeying(): void {
    const now = this.#now
    if (now !== undefined && now.answered === undefined) this.#waitsForKeys(now)
  }

  #waitsForKeys(now: UnderWay): void {
    if (now.waitsForKeys || now.failed !== undefined) return
    // Its request stands on the wire already: whatever keys are agreed on, it does not wait for them.
    if (this.#onWire(now, 'request').kind !== 'unseen') return
    now.waitsForKeys = true
    this.#tell({ kind: 'negotiating', sequence: now.sent.sequence }, this.#asked)
  }

  #hear(): void {
    for (let heard = this.#socket.receive(); heard !== undefined; heard = this.#socket.receive()) this.#take(heard)
    this.#wake()
  }

  #take(heard: Heard): void {
    const now = this.#now
    if (now === undefined) return
    if (heard.kind === 'error') {
      const about = readEcho(heard.error.octets, 0, heard.error.octets.length, now.sent.family)
      if (about !== undefined && about.sequence !== (now.sent.sequence & 0xffff)) return
      now.failed ??= {
        state: heard.error.origin === 'icmp' ? 'unreachable' : 'not-sent',
        note: errorWords(heard.error),
      }
      return
    }
    const { identifier, sequence, nonce } = now.sent
    const { echo } = heard
    if (echo.identifier !== identifier || echo.sequence !== (sequence & 0xffff) || echo.nonce !== nonce) return
    now.answered ??= { at: this.#options.clock.now() }
  }

  #result(now: UnderWay, fellBack: boolean): EchoResult {
    const { answered, failed, sent, since } = now
    const request = this.#onWire(now, 'request')
    const isHeldBack = now.waitsForKeys && request.kind === 'unseen'
    const state = answered !== undefined ? 'reply' : (failed?.state ?? (isHeldBack ? 'negotiating' : 'timed-out'))
    return {
      sequence: sent.sequence,
      state,
      waitedForKeys: now.waitsForKeys,
      roundTripMilliseconds: answered === undefined ? null : Math.round((answered.at - since) * 1e6) / 1e3,
      request,
      reply: answered === undefined ? null : this.#onWire(now, 'reply'),
      note: answered === undefined ? (failed?.note ?? null) : null,
      fellBack,
    }
  }

  #onWire({ sent, lostBefore }: UnderWay, way: 'request' | 'reply'): OnWire {
    const isIncomplete = this.#log.isOver || this.#tap.lost() > lostBefore
    return findOnWire(sent, way, this.#log.since(0), { associations: this.#known, isIncomplete })
  }
}

function whyNotSent(name: string): string {
  return notSent[name] ?? `the system refuses to send it: ${name}`
}

const notSent: Readonly<Record<string, string>> = {
  EPERM: 'a firewall of this host does not let it out',
  EACCES: 'this host does not let it out',
  ENETUNREACH: 'this host has no route there',
  EHOSTUNREACH: 'nobody on the link has that address',
  EMSGSIZE: 'it is larger than the way allows',
  ENOBUFS: 'this host has no room for it',
}

function errorWords({ name, origin, from }: Extract<Heard, { kind: 'error' }>['error']): string {
  if (origin !== 'icmp') return whyNotSent(name)
  const who = from === undefined ? 'somebody on the way' : formatAddress(from)
  return `${who} says that it cannot be reached (${name})`
}
