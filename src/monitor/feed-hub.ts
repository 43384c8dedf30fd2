// What happens, as lines for everybody who reads along: one question for the status, however many ask, and one text for all
// readers. Bounded in lines, events and patience: a flood is counted instead of told, and who reads too slowly is let go.
import type { Clock } from '../base/time.ts'
import type { AgentStatus } from './agent-status.ts'
import type { MonitorSource } from './monitor-source.ts'
import type { ToldEvent } from './told-event.ts'
import type { Heard } from './view.ts'

export interface FeedReader {
  write(line: string): void
  /** Octets that it was sent and has not taken. */
  unread(): number
  /** Lets it go. */
  end(): void
}

export interface FeedHubOptions {
  readonly source: Pick<MonitorSource, 'status' | 'listen'>
  readonly clock: Clock
}

export const MOST_KEPT = 1000
export const MOST_READERS = 16
export const MOST_IN_A_LINE = 2000
/** Of these so many may be details, so that a flood of them hides no error. */
const MOST_DETAILS = 1500
export const MOST_UNREAD = 4 * 1024 * 1024
/** Seconds. */
const STATUS_EVERY = 1
const STATUS_AFTER_NEWS = 0.2
const LINE_EVERY = 0.1
/** So long nothing may be said: who reads along knows then that the server is there, though the agent may hang. */
const SILENCE = 2

export class FeedHub {
  readonly #options: FeedHubOptions
  readonly #readers = new Map<FeedReader, 'waits for its first line' | 'reads along'>()
  #kept: ToldEvent[] = []
  #events: ToldEvent[] = []
  #omitted = 0
  /** Not written yet. */
  #status: Heard | undefined
  #asked: { readonly at: number; readonly status: Promise<AgentStatus> } | undefined
  #stopListening: (() => void) | undefined
  #cancelLine: (() => void) | undefined
  #lineAt = Number.NEGATIVE_INFINITY
  #cancelBeat: (() => void) | undefined
  #cancelLook: (() => void) | undefined
  #isLooking = false
  #isNews = false

  constructor(options: FeedHubOptions) {
    this.#options = options
  }

  /** From here on events are kept for readers who come later. */
  start(): void {
    this.#listen('info')
  }

  stop(): void {
    this.#stopListening?.()
    this.#stopListening = undefined
    for (const reader of this.#readers.keys()) reader.end()
    this.#readers.clear()
    this.#rest()
  }

  /** Not older than `seconds`; all who ask meanwhile share one question. */
  status(seconds = STATUS_EVERY): Promise<AgentStatus> {
    const { clock, source } = this.#options
    const at = clock.now()
    if (this.#asked === undefined || at - this.#asked.at >= seconds) this.#asked = { at, status: source.status() }
    return this.#asked.status
  }

  /** Its first line has the status and what is kept. Answers what to call when it leaves; undefined where enough are here. */
  join(reader: FeedReader): (() => void) | undefined {
    if (this.#readers.size >= MOST_READERS) return undefined
    this.#readers.set(reader, 'waits for its first line')
    if (this.#readers.size === 1) {
      // Details, such as the messages of a negotiation, are described while somebody looks.
      this.#listen('debug')
      this.#lookIn(STATUS_EVERY)
      this.#sayAll([])
    }
    void this.#heardStatus(STATUS_AFTER_NEWS).then(status => {
      if (!this.#readers.has(reader)) return
      // The others get what waits first: it is among what is kept, and this one would get it twice.
      this.#writeLine()
      this.#readers.set(reader, 'reads along')
      this.#say(reader, textOf([...this.#kept.slice(-MOST_KEPT).map(heardEvent), status]))
    })
    return () => this.#leave(reader)
  }

  #leave(reader: FeedReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return
    this.#rest()
    this.#listen('info')
  }

  #rest(): void {
    this.#cancelLook?.()
    this.#cancelBeat?.()
    this.#cancelLine?.()
    this.#cancelLine = undefined
    this.#events = []
    this.#omitted = 0
    this.#status = undefined
  }

  #listen(least: 'info' | 'debug'): void {
    this.#stopListening?.()
    this.#stopListening = this.#options.source.listen(least, event => this.#hear(event))
  }

  #hear(event: ToldEvent): void {
    this.#kept.push(event)
    if (this.#kept.length >= 2 * MOST_KEPT) this.#kept = this.#kept.slice(-MOST_KEPT)
    if (this.#readers.size === 0) return
    const isDetail = event.level === 'debug'
    if (this.#events.length < (isDetail ? MOST_DETAILS : MOST_IN_A_LINE)) this.#events.push(event)
    else this.#omitted++
    this.#lineSoon()
    if (isDetail) return
    this.#isNews = true
    if (!this.#isLooking) this.#lookIn(0)
  }

  #lookIn(seconds: number): void {
    const { clock } = this.#options
    this.#cancelLook?.()
    const earliest = (this.#asked?.at ?? Number.NEGATIVE_INFINITY) + STATUS_AFTER_NEWS
    this.#cancelLook = clock.at(Math.max(clock.now() + seconds, earliest), () => void this.#look())
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    this.#isNews = false
    const heard = await this.#heardStatus(STATUS_AFTER_NEWS)
    this.#isLooking = false
    if (this.#readers.size === 0) return
    this.#status = heard
    this.#lineSoon()
    this.#lookIn(this.#isNews ? 0 : STATUS_EVERY)
  }

  async #heardStatus(seconds: number): Promise<Heard> {
    try {
      return { kind: 'status', status: await this.status(seconds) }
    } catch (error) {
      return { kind: 'lost', why: error instanceof Error ? error.message : 'it does not answer' }
    }
  }

  #lineSoon(): void {
    const { clock } = this.#options
    this.#cancelLine ??= clock.at(Math.max(clock.now(), this.#lineAt + LINE_EVERY), () => this.#writeLine())
  }

  #writeLine(): void {
    this.#cancelLine?.()
    this.#cancelLine = undefined
    const omitted: readonly Heard[] = this.#omitted === 0 ? [] : [{ kind: 'omitted', events: this.#omitted }]
    const status = this.#status === undefined ? [] : [this.#status]
    const heard = [...this.#events.map(heardEvent), ...omitted, ...status]
    this.#events = []
    this.#omitted = 0
    this.#status = undefined
    if (heard.length > 0) this.#sayAll(heard)
  }

  #sayAll(heard: readonly Heard[]): void {
    const { clock } = this.#options
    this.#lineAt = clock.now()
    this.#cancelBeat?.()
    this.#cancelBeat = clock.at(this.#lineAt + SILENCE, () => this.#sayAll([]))
    const text = textOf(heard)
    for (const [reader, place] of this.#readers) if (place === 'reads along') this.#say(reader, text)
  }

  #say(reader: FeedReader, text: string): void {
    reader.write(text)
    if (reader.unread() <= MOST_UNREAD) return
    reader.end()
    this.#leave(reader)
  }
}

function heardEvent(event: ToldEvent): Heard {
  return { kind: 'event', event }
}

function textOf(heard: readonly Heard[]): string {
  return `${JSON.stringify(heard)}\n`
}
