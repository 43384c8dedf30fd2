// A TCP connection between two lab hosts that lasts as long as the trial: both ends send numbered octets without pause and check
// what arrives. It is never made anew: what breaks it, fails.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { RunningController } from '../domain-controller.ts'
import { inNetworkOf } from '../namespace.ts'
import { cleanEnvironment, waitUntil } from '../run.ts'

export interface StreamEnd {
  readonly host: string
  readonly sent: number
  readonly received: number
  /** Position of the first octets that were not what was due; null where there are none. */
  readonly wrongAt: number | null
  readonly error: string | null
  /** Whether the other end said that nothing more comes. */
  readonly ended: boolean
  /** Between two arrivals. */
  readonly longestStallSeconds: number
}

export interface Stream {
  /** How it stood at most ten seconds ago. */
  readonly now: () => readonly StreamEnd[]
  readonly stop: () => Promise<readonly StreamEnd[]>
}

const PORT = '5254'
/** For what is under way when the sending ends, over a net that may just be mending itself. */
const LAST_SECONDS = 60
const program = fileURLToPath(new URL('stream-program.ts', import.meta.url))

export async function openStream(from: RunningController, to: RunningController): Promise<Stream> {
  const server = new End(to, ['listen', to.address, PORT])
  try {
    await waitUntil(`${to.name} listens on TCP ${PORT}`, 20, () => server.said('"listening"'))
    const client = new End(from, ['connect', from.address, PORT, to.address])
    try {
      await waitUntil(`${from.name} is connected with ${to.name}`, 20, () => client.said('"connected"'))
    } catch (error) {
      client.kill()
      throw error
    }
    const ends = [client, server]
    return {
      now: () => ends.map(end => end.state),
      stop: async () => {
        for (const end of ends) end.stopSending()
        // An end that does not close is judged by what it last said.
        await waitUntil('both ends are closed', LAST_SECONDS, () => ends.every(end => end.isGone)).catch(() => {})
        for (const end of ends) end.kill()
        return ends.map(end => end.state)
      },
    }
  } catch (error) {
    server.kill()
    throw error
  }
}

class End {
  readonly #host: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #lines: string[] = []
  #problem = ''
  isGone = false

  constructor(controller: RunningController, words: readonly string[]) {
    this.#host = controller.name
    // Should this process be killed, so is it.
    const command = ['setpriv', '--pdeathsig', 'KILL', process.execPath, program, ...words]
    const [name = '', ...rest] = inNetworkOf(controller.host, command)
    this.#child = spawn(name, rest, { cwd: '/', env: cleanEnvironment, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdout.on('data', (chunk: Buffer) => {
      // Only the newest line is of interest; one may come in parts.
      const lines = ((this.#lines.pop() ?? '') + chunk.toString()).split('\n')
      this.#lines = [...this.#lines, ...lines].slice(-3)
    })
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#problem = (this.#problem + chunk.toString()).slice(-500)
    })
    this.#child.stdin.on('error', () => {})
    this.#child.on('error', error => {
      this.#problem = String(error)
      this.isGone = true
    })
    this.#child.on('close', () => {
      this.isGone = true
    })
  }

  said(line: string): boolean {
    if (this.isGone) throw new Error(`${this.#host}: the stream's program ended: ${this.#problem}`)
    return this.#lines.includes(line)
  }

  get state(): StreamEnd {
    const last = this.#lines.findLast(line => line.startsWith('{') && line.endsWith('}'))
    const none = { sent: 0, received: 0, wrongAt: null, error: null, ended: false, longestStallSeconds: 0 }
    const state = { ...none, ...(last === undefined ? {} : (JSON.parse(last) as object)), host: this.#host }
    const problem = this.#problem === '' ? {} : { error: this.#problem.trim() }
    return { ...state, ...problem }
  }

  stopSending(): void {
    this.#child.stdin.end('end\n')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
