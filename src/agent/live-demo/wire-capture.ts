// tcpdump at the bridge: not a program of ours, so that what it saw can be held against us.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mustRun, pause } from './programs.ts'
import { inside, type Stage } from './stage.ts'

export interface WireCapture {
  readonly file: string
  /** Answers the capture, with all that was on the wire by then. */
  stop(): Promise<Uint8Array>
}

export async function captureWire({ wire }: Stage, file: string, signal: AbortSignal): Promise<WireCapture> {
  signal.throwIfAborted()
  // Without -Z it gives up its rights and may not write here. Immediate: nothing waits in the kernel when it is ended; its
  // buffer then has room for so many frames of the longest kind, so that is said to be what this wire carries.
  const options = ['-n', '-s', '2048', '-B', '8192', '--immediate-mode', '-U', '-Z', 'root']
  const [command, ...words] = inside(wire.namespace, ['tcpdump', '-i', wire.port, ...options, '-w', file])
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>()
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.includes('listening on')) resolve()
  })
  const ended = new Promise<void>(done => child.once('close', () => done()))
  child.once('error', reject)
  void ended.then(() => reject(new Error(`tcpdump: ${said.trim()}`)))
  await listening
  return {
    file,
    async stop() {
      // The last frames are on their way to the file.
      await pause(0.15)
      child.kill('SIGINT')
      await ended
      const lost = /(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? '0'
      if (lost !== '0') throw new Error(`tcpdump lost ${lost} packets: the capture is not the whole wire`)
      return Uint8Array.from(readFileSync(file))
    },
  }
}

/** The message types and names that tshark reads as Kerberos in a capture; undefined where there is no tshark. */
export async function kerberosByTshark(file: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const fields = ['-e', 'kerberos.msg_type', '-e', 'kerberos.CNameString', '-e', 'kerberos.SNameString']
  try {
    const out = await mustRun(['tshark', '-n', '-r', file, '-Y', 'kerberos', '-T', 'fields', ...fields], { signal })
    return out.split('\n').filter(line => line !== '')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
