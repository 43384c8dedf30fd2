// A Linux kernel with IPsec as a process: user-mode Linux on a TAP device in a network namespace of its own. Its root
// is this machine's file system, read only, so nothing has to be built; `unshare` sees to it that nothing is left over.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { UDP } from '../../../src/base/flow.ts'
import { transportChecksum } from '../../../src/ipsec/headers.ts'

const LINUX = '/usr/bin/linux.uml'
const PYTHON = '/usr/bin/python3'
const TAP = 'lab0'
export const guestStation = '02:54:09:00:00:02'
/** Seconds to the guest's first word; it takes two on an idle machine. */
const BOOT_PATIENCE = 60
/** Octets for a serial line at once, and milliseconds between two such. */
const [PIECE, PAUSE] = [1024, 5]
/** A network, process and mount namespace; with the first process all others of it end. */
const NAMESPACES = ['--net', '--pid', '--mount', '--fork', '--kill-child=SIGKILL', '--mount-proc']

/** Why no guest can be started here; empty where one can. */
export function whyNoGuest(): string {
  if (process.getuid?.() !== 0) return 'skipped, because only root may make a TAP device'
  for (const [file, name] of [
    [LINUX, 'user-mode-linux'],
    [PYTHON, 'python3'],
    ['/dev/net/tun', 'a kernel with TAP devices'],
  ] as const) {
    if (!existsSync(file)) return `skipped, because ${name} is not installed`
  }
  const tried = spawnSync('unshare', [...NAMESPACES, 'ip', 'tuntap', 'add', 'dev', TAP, 'mode', 'tap'], {
    encoding: 'utf8',
  })
  if (tried.status === 0) return ''
  return `skipped, because no TAP device can be made in a network namespace: ${tried.stderr?.trim() || 'ip or unshare is missing'}`
}

export type GuestRequest =
  | { readonly do: 'ip'; readonly lines: readonly string[] }
  | { readonly do: 'ping'; readonly to: string; readonly sizes: readonly number[]; readonly patience?: number }
  | { readonly do: 'send'; readonly to: string; readonly size: number; readonly seed: number }
  | { readonly do: 'encapsulation'; readonly port: number }
  | { readonly do: 'setting'; readonly values: Readonly<Record<string, string>> }
  | { readonly do: 'write'; readonly path: string; readonly text: string }
  | { readonly do: 'stop'; readonly process: number; readonly signal?: 'SIGTERM' | 'SIGKILL' }

export interface GuestProgram {
  readonly words: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

export class GuestMachine {
  /** Gets every frame that the guest sends. */
  receive: (frame: Uint8Array) => void = () => {}
  /** What the kernel has printed, for reports of faults. */
  console = ''
  release = ''
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #serial: Duplex
  readonly #second: Duplex
  readonly #lines: AsyncIterator<string>
  #held: Uint8Array = new Uint8Array(0)
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(station: string) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sealwire-guest-'))
    const init = join(this.#folder, 'guest.py')
    copyFileSync(join(import.meta.dirname, 'guest.py'), init)
    chmodSync(init, 0o755)
    const kernel = [
      ...[LINUX, 'mem=192M', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${init}`, 'panic=-1'],
      ...['con=null', 'con0=null,fd:1', 'ssl=null', 'ssl0=fd:3', 'ssl1=fd:4'],
      ...[`vec0:transport=tap,ifname=${TAP},mac=${station},depth=128`, `uml_dir=${this.#folder}/`, 'umid=guest'],
    ]
    const shuttle = [PYTHON, join(import.meta.dirname, 'tap-shuttle.py'), TAP, ...kernel]
    this.#child = spawn('unshare', [...NAMESPACES, ...shuttle], { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] })
    this.#serial = this.#child.stdio[3] as Duplex
    this.#second = this.#child.stdio[4] as unknown as Duplex
    this.#lines = createInterface(this.#serial)[Symbol.asyncIterator]()
    this.#child.stderr!.on('data', text => {
      this.console += text
    })
    ;(this.#child.stdout as Readable).on('data', bytes => this.#take(bytes))
    // A guest that ends by itself is told of where the next answer is missing.
    for (const pipe of [this.#serial, this.#second, this.#child.stdin!]) pipe.on('error', () => {})
  }

  static async start(station: string = guestStation): Promise<GuestMachine> {
    const guest = new GuestMachine(station)
    const timer = setTimeout(() => guest.#child.kill('SIGKILL'), BOOT_PATIENCE * 1000)
    try {
      const { ready, missing } = (await guest.#answer()) as { ready: string; missing: readonly string[] }
      guest.release = ready
      if (missing.length > 0) throw new Error(`the guest's kernel has no ${missing.join(', ')}`)
      return guest
    } catch (cause) {
      await guest.stop()
      throw new Error('the guest did not start', { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  /** Empty, or what went wrong. */
  async ask(request: GuestRequest): Promise<string> {
    return ((await this.#exchange(request)) as { fault: string }).fault
  }

  /** The kernel's counts of what its IPsec refused, those that are not zero. */
  async refusals(): Promise<Readonly<Record<string, number>>> {
    return ((await this.#exchange({ do: 'statistics' })) as { counts: Record<string, number> }).counts
  }

  /** A program of the host's, in the guest, until it has ended. */
  async run(program: GuestProgram, input = '', patience = 30) {
    const request = { do: 'run', ...program, input, patience }
    return (await this.#exchange(request)) as {
      readonly status: number
      readonly output: string
      readonly fault: string
    }
  }

  /** Its process number. */
  async startProgram(program: GuestProgram, log: string): Promise<number> {
    const { fault, process } = (await this.#exchange({ do: 'start', ...program, log })) as {
      fault: string
      process: number
    }
    if (fault !== '') throw new Error(`${program.words[0]} did not start in the guest: ${fault}`)
    return process
  }

  /** Empty where there is no such file. */
  async readText(path: string): Promise<string> {
    return ((await this.#exchange({ do: 'read', path })) as { text?: string }).text ?? ''
  }

  /** A stream to a Unix socket in the guest; one at a time. */
  async attach(path: string): Promise<Duplex> {
    const { fault } = (await this.#exchange({ do: 'attach', path })) as { fault: string }
    if (fault !== '') throw new Error(fault)
    const line = this.#second
    line.removeAllListeners('data')
    const stream = new Duplex({
      read() {},
      write: (bytes, _, done) => void writePaced(line, bytes).then(() => done()),
    })
    line.on('data', bytes => stream.push(bytes))
    return stream
  }

  send(frame: Uint8Array): void {
    const length = Uint8Array.of(frame.length >> 8, frame.length & 255)
    ;(this.#child.stdin as Writable).write(Buffer.concat([length, frame]))
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.stdin!.end()
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(timer)
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #exchange(request: object): Promise<unknown> {
    const turn = this.#turn.then(async () => {
      await writePaced(this.#serial, Buffer.from(`${JSON.stringify(request)}\n`))
      return this.#answer()
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`the guest has ended; its last words:\n${this.console.slice(-2000)}`)
    return JSON.parse(value)
  }

  #take(bytes: Uint8Array): void {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    let at = 0
    while (all.length - at >= 2) {
      const end = at + 2 + ((all[at]! << 8) | all[at + 1]!)
      if (end > all.length) break
      // A copy that is no Buffer: whoever slices a Buffer writes into the original.
      const frame = new Uint8Array(all.subarray(at + 2, end))
      completeChecksum(frame)
      this.receive(frame)
      at = end
    }
    this.#held = all.slice(at)
  }
}

/** A serial line of user-mode Linux that was given more than its 4,096 octets of room never reads again. */
async function writePaced(line: Duplex, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (at > 0) await wait(PAUSE)
    line.write(bytes.subarray(at, at + PIECE))
  }
}

/**
 * User-mode Linux leaves the checksum of UDP to its device, which has the sum of the pseudo-header there so far. That is
 * known by its value.
 */
function completeChecksum(frame: Uint8Array): void {
  const view = new DataView(frame.buffer)
  const isIpv4 =
    view.getUint16(12) === 0x0800 && frame[14] === 0x45 && frame[23] === UDP && ((frame[20]! & 0x3f) | frame[21]!) === 0
  const isIpv6 = view.getUint16(12) === 0x86dd && frame[20] === UDP
  if (!isIpv4 && !isIpv6) return
  const at = isIpv4 ? 34 : 54
  const length = view.getUint16(at + 4)
  if (at + length > frame.length) return
  let sum = UDP + length
  for (let place = isIpv4 ? 26 : 22; place < at; place += 2) sum += view.getUint16(place)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  if (view.getUint16(at + 6) !== sum) return
  view.setUint16(at + 6, 0)
  view.setUint16(at + 6, transportChecksum(frame, 14, at, length, UDP))
}
