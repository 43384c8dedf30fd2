// The agent's side of the control socket: a few clients, requests of bounded length, answers in the order of the requests.
// Whoever reads its events too slowly is let go, so that nobody's reading makes the agent grow.
import { createServer, type Server, type Socket } from 'node:net'
import type { Level, ToldEvent } from '../monitor/told-event.ts'
import { wordsOfError } from './agent-event.ts'
import {
  type Answer,
  type Command,
  LONGEST_REQUEST,
  readRequest,
  refusal,
  writeAnswer,
  writeEvent,
} from './control-protocol.ts'
import { LineSplitter } from './line-splitter.ts'
import { closeToOthers, removeSocket, type StateFolder } from './state-folder.ts'

export interface ControlServerOptions {
  readonly folder: StateFolder
  readonly answer: (command: Command) => Promise<Answer>
  /** Calls back with every event of this level and above until it is stopped. */
  readonly listen: (listener: (event: ToldEvent) => void, least: Level) => () => void
}

const MOST_CLIENTS = 32
/** Requests of one client that wait for their turn. */
const MOST_WAITING = 64
/** Octets that a client has not read yet. */
const MOST_UNREAD = 4 * 1024 * 1024

export class ControlServer {
  readonly #options: ControlServerOptions
  readonly #clients = new Set<Socket>()
  /** Answers that are on their way. */
  readonly #works = new Set<Promise<void>>()
  #server: Server | undefined

  constructor(options: ControlServerOptions) {
    this.#options = options
  }

  /** The folder is held by this process: what lies there of a socket belongs to nobody. */
  async start(): Promise<void> {
    const { folder } = this.#options
    removeSocket(folder)
    const server = createServer(socket => this.#welcome(socket))
    server.maxConnections = MOST_CLIENTS
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(folder.socket, resolve)
    await promise
    closeToOthers(folder)
    this.#server = server
  }

  /** Nobody new; who is there hears the end. */
  stopListening(): void {
    this.#server?.close()
    this.#server = undefined
    removeSocket(this.#options.folder)
  }

  /** Once what was said to them is with them, or after a moment. */
  async close(): Promise<void> {
    this.stopListening()
    await Promise.all(this.#works)
    const ends = [...this.#clients].map(
      client =>
        new Promise<void>(resolve => {
          client.once('close', () => resolve())
          client.end()
          client.destroySoon()
        }),
    )
    await Promise.all(ends)
  }

  /** Those that do not go by themselves. */
  cut(): void {
    for (const client of this.#clients) client.destroy()
  }

  #welcome(socket: Socket): void {
    const splitter = new LineSplitter(LONGEST_REQUEST)
    const waiting: string[] = []
    let isBusy = false
    let stop: (() => void) | undefined
    this.#clients.add(socket)
    const say = (text: string) => {
      if (socket.destroyed) return
      socket.write(text)
      if (socket.writableLength > MOST_UNREAD) socket.destroy()
    }
    const subscribe = (least: Level) => {
      stop?.()
      stop = this.#options.listen(event => say(writeEvent(event)), least)
    }
    const work = async () => {
      for (let line = waiting.shift(); line !== undefined && !socket.destroyed; line = waiting.shift()) {
        const request = readRequest(line)
        if (!request.ok) {
          say(writeAnswer(request.error.id, { kind: 'refused', problems: [request.error.problem] }))
          continue
        }
        const { id, command } = request.value
        if (command.kind === 'subscribe') subscribe(command.least)
        say(writeAnswer(id, await this.#answer(command)))
      }
    }
    const begin = () => {
      isBusy = true
      const working = work().finally(() => {
        isBusy = false
        this.#works.delete(working)
      })
      this.#works.add(working)
    }
    socket.on('data', octets => {
      const lines = splitter.take(octets as Uint8Array)
      if (lines === undefined || waiting.length + lines.length > MOST_WAITING) return void socket.destroy()
      waiting.push(...lines.filter(line => line.trim() !== ''))
      if (!isBusy) begin()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      stop?.()
      this.#clients.delete(socket)
    })
  }

  async #answer(command: Command): Promise<Answer> {
    if (command.kind === 'subscribe') return { kind: 'fine', value: null }
    try {
      return await this.#options.answer(command)
    } catch (error) {
      return refusal(wordsOfError(error))
    }
  }
}
