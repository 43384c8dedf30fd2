// A Linux kernel with IPsec as a process: user-mode Linux on a TAP device in a network namespace of its own. Its root
// is this machine's file system, read only, so nothing has to be built; `unshare` sees to it that nothing is left over.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Duplex, Readable, Writable } from 'node:stream'

const LINUX = '/usr/bin/linux.uml'
const PYTHON = '/usr/bin/python3'
const TAP = 'lab0'
/** Seconds to the guest's first word; it takes two on an idle machine. */
const BOOT_PATIENCE = 60
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

export class GuestMachine {
  /** Gets every frame that the guest sends. */
  receive: (frame: Uint8Array) => void = () => {}
  /** What the kernel has printed, for reports of faults. */
  console = ''
  release = ''
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #serial: Duplex
  readonly #lines: AsyncIterator<string>
  #held: Uint8Array = new Uint8Array(0)

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'sealwire-guest-'))
    const init = join(this.#folder, 'guest.py')
    copyFileSync(join(import.meta.dirname, 'guest.py'), init)
    chmodSync(init, 0o755)
    const kernel = [
      ...[LINUX, 'mem=192M', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${init}`, 'panic=-1'],
      ...['con=null', 'con0=null,fd:1', 'ssl=null', 'ssl0=fd:3'],
      ...[`vec0:transport=tap,ifname=${TAP},mac=02:54:09:00:00:02,depth=128`, `uml_dir=${this.#folder}/`, 'umid=guest'],
    ]
    const shuttle = [PYTHON, join(import.meta.dirname, 'tap-shuttle.py'), TAP, ...kernel]
    this.#child = spawn('unshare', [...NAMESPACES, ...shuttle], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
    this.#serial = this.#child.stdio[3] as Duplex
    this.#lines = createInterface(this.#serial)[Symbol.asyncIterator]()
    this.#child.stderr!.on('data', text => {
      this.console += text
    })
    ;(this.#child.stdout as Readable).on('data', bytes => this.#take(bytes))
    // A guest that ends by itself is told of where the next answer is missing.
    for (const pipe of [this.#serial, this.#child.stdin!]) pipe.on('error', () => {})
  }

  static async start(): Promise<GuestMachine> {
    const guest = new GuestMachine()
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

  async #exchange(request: object): Promise<unknown> {
    this.#serial.write(`${JSON.stringify(request)}\n`)
    return this.#answer()
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
      this.receive(new Uint8Array(all.subarray(at + 2, end)))
      at = end
    }
    this.#held = all.slice(at)
  }
}
