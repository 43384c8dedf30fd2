// A running agent over its control socket, found again when it is back: what it is asked goes to whichever runs now, and who
// hears of its events goes on hearing.
import { ControlClient } from '../agent/control-client.ts'
import type { Answer, Command } from '../agent/control-protocol.ts'
import type { StateFolder } from '../agent/state-folder.ts'
import { within } from '../agent/within.ts'
import { systemClock } from '../base/time.ts'
import type { Level, ToldEvent } from '../monitor/told-event.ts'

/** Seconds that an agent has for an answer; for what changes the host, as long as `sealwire reg` waits. */
const ANSWER_WITHIN = 5
const CHANGE_WITHIN = 100

export class AgentLink {
  readonly #folder: StateFolder
  #client: ControlClient | undefined
  #reaching: Promise<ControlClient> | undefined
  #least: Level | undefined
  #hear: (event: ToldEvent) => void = () => {}
  #lost: () => void = () => {}
  #isClosed = false

  /** `first`: where it was reached already. */
  constructor(folder: StateFolder, first: ControlClient) {
    this.#folder = folder
    this.#take(first)
  }

  /** Rejects, in words for a person, where nobody answers. */
  async ask(command: Command): Promise<Answer> {
    if (command.kind === 'change-setting') return await this.#askAlone(command)
    const client = this.#client ?? (await this.#reach())
    return await within(systemClock, ANSWER_WITHIN, 'an answer', client.ask(command))
  }

  /** Answers come in the order of requests: what takes long has a connection of its own, and the status does not wait for it. */
  async #askAlone(command: Command): Promise<Answer> {
    const client = await this.#connected()
    try {
      return await within(systemClock, CHANGE_WITHIN, 'an answer', client.ask(command))
    } finally {
      client.close()
    }
  }

  /** Instead of whoever heard before. */
  listen(least: Level, hear: (event: ToldEvent) => void): () => void {
    this.#least = least
    this.#hear = hear
    this.#subscribe()
    return () => {
      if (this.#hear === hear) this.#hear = () => {}
    }
  }

  /** Calls back when the agent goes. */
  onLost(lost: () => void): void {
    this.#lost = lost
  }

  close(): void {
    this.#isClosed = true
    this.#client?.close()
    this.#client = undefined
  }

  #reach(): Promise<ControlClient> {
    this.#reaching ??= this.#connect().finally(() => (this.#reaching = undefined))
    return this.#reaching
  }

  async #connect(): Promise<ControlClient> {
    const found = await this.#connected()
    this.#take(found)
    return found
  }

  async #connected(): Promise<ControlClient> {
    const found = await ControlClient.connect(this.#folder)
    if (typeof found === 'string') throw new Error(found === 'none' ? 'none runs' : 'it is another user’s')
    return found
  }

  #take(client: ControlClient): void {
    if (this.#isClosed) return client.close()
    this.#client = client
    this.#subscribe()
    void client.closed.then(() => {
      if (this.#client !== client) return
      this.#client = undefined
      this.#lost()
    })
  }

  #subscribe(): void {
    if (this.#least !== undefined) void this.#client?.subscribe(this.#least, event => this.#hear(event))
  }
}
