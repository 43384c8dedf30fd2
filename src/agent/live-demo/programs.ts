// The programs of the system that the live demo is made of (ip, tcpdump, ping, kinit, sealwire itself): run to their end,
// within a time, and stopped when the demo is.
import { spawn, spawnSync } from 'node:child_process'
import { systemClock } from '../../base/time.ts'

export interface Ran {
  /** Null where it was stopped. */
  readonly status: number | null
  readonly out: string
  readonly error: string
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined
  /** Seconds; what takes longer is stopped. */
  readonly within?: number
  readonly input?: string
}

export type Words = readonly [string, ...string[]]

/** Throws where there is no such program, and the signal's reason where that came first. */
export function runProgram([command, ...words]: Words, { signal, within = 30, input }: RunOptions = {}): Promise<Ran> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Ran>()
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  const said = { out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    said.out += piece
  })
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    said.error += piece
  })
  // One that does not read what it is told ends without it.
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const stop = () => void child.kill('SIGKILL')
  const cancel = systemClock.at(systemClock.now() + within, stop)
  signal?.addEventListener('abort', stop)
  const end = () => {
    cancel()
    signal?.removeEventListener('abort', stop)
  }
  child.once('error', error => {
    end()
    reject(error)
  })
  // What it left running in the background holds its pipes open, so “close” may never come.
  child.once('exit', status => {
    end()
    const done = () => (signal?.aborted === true ? reject(signal.reason) : resolve({ status, ...said }))
    child.once('close', done)
    systemClock.at(systemClock.now() + 0.2, done)
  })
  return promise
}

/** Answers what it printed; throws where it refused. */
export async function mustRun(words: Words, options: RunOptions = {}): Promise<string> {
  const { status, out, error } = await runProgram(words, options)
  if (status === 0) return out
  const how = status === null ? 'it took too long' : `status ${status}`
  throw new Error(`${words.join(' ')}: ${(error || out).trim() || how}`)
}

/** Of these programs, those that the machine does not have. */
export function missingPrograms(names: readonly string[]): readonly string[] {
  return names.filter(name => spawnSync('sh', ['-c', `command -v "$1"`, 'sh', name]).status !== 0)
}

export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = () => {
    cancel()
    reject(signal?.reason)
  }
  const cancel = systemClock.at(systemClock.now() + seconds, () => {
    signal?.removeEventListener('abort', stop)
    resolve()
  })
  if (signal?.aborted === true) stop()
  else signal?.addEventListener('abort', stop, { once: true })
  return promise
}
