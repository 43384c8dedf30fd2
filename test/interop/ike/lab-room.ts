// A room for peers that are ordinary programs: network, process and mount namespaces of their own, with TAP devices whose
// other end is ours. Closing it ends every process in it and leaves nothing.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { FramePort } from '../uml/lab-link.ts'

const PYTHON = '/usr/bin/python3'
/** With the first process all others of the namespace end. */
const NAMESPACES = ['--net', '--pid', '--mount', '--fork', '--kill-child=SIGKILL', '--mount-proc']

/** Why no room can be made here; empty where one can. */
export function whyNoRoom(): string {
  if (process.getuid?.() !== 0) return 'skipped, because only root may make network namespaces'
  for (const [file, name] of [
    [PYTHON, 'python3'],
    ['/dev/net/tun', 'a kernel with TAP devices'],
  ] as const) {
    if (!existsSync(file)) return `skipped, because ${name} is not installed`
  }
  const tried = spawnSync('unshare', [...NAMESPACES, 'ip', 'tuntap', 'add', 'dev', 'lab0', 'mode', 'tap'], {
    encoding: 'utf8',
  })
  if (tried.status === 0) return ''
  return `skipped, because no TAP device can be made in a network namespace: ${tried.stderr?.trim() || 'ip or unshare is missing'}`
}

export interface Program {
  readonly words: readonly string[]
  /** A network namespace that was made in the room; left out, the room's own. */
  readonly namespace?: string
  readonly environment?: Readonly<Record<string, string>>
}

export interface Ran {
  readonly status: number
  readonly output: string
  readonly fault: string
}

export class LabRoom {
  /** For configuration, logs and sockets; seen by the host and by the programs in the room. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sealwire-room-'))
  complaints = ''
  readonly #child: ChildProcess
  readonly #channel: Duplex
  readonly #ports: FramePort[] = []
  readonly #waiting = new Map<number, (answer: object) => void>()
  #next = 0
  #held: Uint8Array = new Uint8Array(0)

  constructor() {
    const words = [...NAMESPACES, PYTHON, join(import.meta.dirname, 'lab-room.py')]
    this.#child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
    this.#channel = this.#child.stdio[3] as Duplex
    createInterface(this.#channel).on('line', line => {
      const answer = JSON.parse(line)
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
    this.#child.stderr!.on('data', text => {
      this.complaints += text
    })
    ;(this.#child.stdout as Readable).on('data', bytes => this.#take(bytes))
    for (const pipe of [this.#channel, this.#child.stdin!]) pipe.on('error', () => {})
    this.#child.on('exit', () => {
      for (const resolve of this.#waiting.values()) resolve({ error: `the room has ended: ${this.complaints}` })
      this.#waiting.clear()
    })
  }

  async run(program: Program, input = '', patience = 30): Promise<Ran> {
    return (await this.#ask({ do: 'run', ...program, input, patience })) as unknown as Ran
  }

  /** Its standard output; anything but success is an error with what the program said. */
  async must(namespace: string | undefined, words: string, input = ''): Promise<string> {
    const program = { words: words.split(' '), ...(namespace === undefined ? {} : { namespace }) }
    const { status, output, fault } = await this.run(program, input)
    if (status !== 0) throw new Error(`${words} failed in ${namespace ?? 'the room'}: ${fault || output}`)
    return output
  }

  /** The process's number inside the room. */
  async start(program: Program, log: string): Promise<number> {
    return ((await this.#ask({ do: 'start', ...program, log })) as { process: number }).process
  }

  async stopProgram(process: number, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#ask({ do: 'stop', process, signal })
  }

  /** A TAP device in the namespace, up, whose other end is the answer. */
  async tap(name: string, namespace?: string): Promise<FramePort> {
    const { number } = (await this.#ask({ do: 'tap', name })) as { number: number }
    const port: FramePort = {
      receive: () => {},
      send: frame => {
        const head = Uint8Array.of(frame.length >> 8, frame.length & 255, number)
        ;(this.#child.stdin as Writable).write(Buffer.concat([head, frame]))
      },
    }
    this.#ports[number] = port
    if (namespace !== undefined) await this.must(undefined, `ip link set ${name} netns ${namespace}`)
    return port
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.stdin!.end()
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(timer)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #ask(request: object): Promise<object> {
    const id = this.#next++
    const answer = await new Promise<{ error?: string }>(resolve => {
      this.#waiting.set(id, resolve)
      this.#channel.write(`${JSON.stringify({ ...request, id })}\n`)
    })
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer
  }

  #take(bytes: Uint8Array): void {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    let at = 0
    while (all.length - at >= 3) {
      const end = at + 3 + ((all[at]! << 8) | all[at + 1]!)
      if (end > all.length) break
      // A copy that is no Buffer: whoever slices a Buffer writes into the original.
      this.#ports[all[at + 2]!]?.receive(new Uint8Array(all.subarray(at + 3, end)))
      at = end
    }
    this.#held = all.slice(at)
  }
}
