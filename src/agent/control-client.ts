// The other side of the control socket: what `down`, `status` and others ask a running agent with.
import { connect, type Socket } from 'node:net'
import type { ToldEvent } from '../monitor/told-event.ts'
import { type Answer, type Command, readHeard, writeRequest } from './control-protocol.ts'
import { LineSplitter } from './line-splitter.ts'
import type { StateFolder } from './state-folder.ts'

/** An answer with everything about a thousand associations has less. */
const LONGEST_LINE = 64 * 1024 * 1024

/** Where nobody answers. `none`: no agent lives there; `forbidden`: one may, and this user may not speak to it. */
export type Absent = 'none' | 'forbidden'

export class ControlClient {
  readonly #socket: Socket
  readonly #answers = new Map<number, (answer: Answer) => void>()
  /** Resolves when the connection is over, whoever ended it. */
  readonly closed: Promise<void>
  #next = 1
  #listener: (event: ToldEvent) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    const splitter = new LineSplitter(LONGEST_LINE)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    socket.on('data', octets => {
      const lines = splitter.take(octets as Uint8Array)
      if (lines === undefined) return void socket.destroy()
      for (const line of lines) this.#hear(line)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      const lost: Answer = {
        kind: 'refused',
        problems: [{ severity: 'error', where: 'the agent', what: 'it went away before it answered', hint: '' }],
      }
      for (const answer of this.#answers.values()) answer(lost)
      this.#answers.clear()
      resolve()
    })
  }

  static connect({ socket: path }: StateFolder): Promise<ControlClient | Absent> {
    const { promise, resolve, reject } = Promise.withResolvers<ControlClient | Absent>()
    const socket = connect(path)
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EACCES' || error.code === 'EPERM') resolve('forbidden')
      else if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'ENOTSOCK'].includes(error.code ?? '')) resolve('none')
      else reject(new Error(`speaking to the agent at ${path}`, { cause: error }))
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      resolve(new ControlClient(socket))
    })
    return promise
  }

  ask(command: Command): Promise<Answer> {
    const id = this.#next++
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#answers.set(id, resolve)
    this.#socket.write(writeRequest({ id, command }))
    return promise
  }

  /** Events come to the listener from now on, until it is closed. */
  subscribe(least: ToldEvent['level'], listener: (event: ToldEvent) => void): Promise<Answer> {
    this.#listener = listener
    return this.ask({ kind: 'subscribe', least })
  }

  close(): void {
    this.#socket.destroy()
  }

  #hear(line: string): void {
    const heard = readHeard(line)
    if (heard?.kind === 'event') this.#listener(heard.event)
    if (heard?.kind !== 'answer') return
    this.#answers.get(heard.id)?.(heard.answer)
    this.#answers.delete(heard.id)
  }
}
