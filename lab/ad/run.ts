// Runs the system's tools as child processes and says what came of it. Nothing else here starts a process, except
// namespace.ts (the holders, which outlive the command) and capture.ts (tcpdump, which is stopped by a signal).
// A shell is never involved: arguments are passed as they stand.

import { spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'

export interface Outcome {
  readonly status: number
  /** Standard output and standard error, as they came. */
  readonly output: string
  /** Standard output alone. */
  readonly result: string
  readonly seconds: number
}

export interface RunOptions {
  readonly input?: string
  /** Added to the clean environment below. */
  readonly environment?: Readonly<Record<string, string>>
  /** For a person who waits: standard output and error of the tool go to standard error. */
  readonly show?: boolean
}

/** The tools see this and not the caller's environment: a proxy, a locale or a Kerberos variable would change results. */
export const cleanEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  HOME: '/root',
  DEBIAN_FRONTEND: 'noninteractive',
}

/**
 * One switch for the process: after Ctrl-C every running and every later tool fails, so that the way out is the same
 * as after any failure (what was made is taken down). Taking down needs no tool, only signals.
 */
const interruption = new AbortController()

export function interrupt(): void {
  interruption.abort(new Error('interrupted'))
}

export function run(command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [program, ...rest] = command
  if (program === undefined) throw new Error('no program to run')
  return new Promise((resolve, reject) => {
    const begin = performance.now()
    const child = spawn(program, rest, {
      cwd: '/',
      env: { ...cleanEnvironment, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: interruption.signal,
    })
    const chunks: Buffer[] = []
    const results: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (stream === child.stdout) results.push(chunk)
        if (options.show) process.stderr.write(chunk)
      })
    }
    // A tool that does not read its input ends before it is written: its exit status says what matters.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({
        status: code ?? (signal === null ? 1 : 128),
        output: Buffer.concat(chunks).toString('utf8'),
        result: Buffer.concat(results).toString('utf8'),
        seconds: (performance.now() - begin) / 1000,
      })
    })
  })
}

/** For what must work: a tool that fails is an Error with its last words. */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await run(command, options)
  if (outcome.status !== 0) {
    const words = outcome.output.trim().split('\n').slice(-12).join('\n')
    throw new Error(`${command.join(' ')}: exit status ${outcome.status}\n${words}`)
  }
  return outcome.output
}

export function pause(milliseconds: number): Promise<void> {
  interruption.signal.throwIfAborted()
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

/** Asks every 200 ms until it is so; `what` names it in the Error after `seconds`. */
export async function waitUntil(what: string, seconds: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not so after ${seconds} s: ${what}`)
    await pause(200)
  }
}
