// One lab host: a process (hold.sh) that is PID 1 of its own PID namespace and holds its own network, mount, UTS and IPC
// namespaces. Commands enter it with nsenter. No name is registered anywhere (no /run/netns): when PID 1 is gone, so are
// its processes, mounts and interfaces. Leaves out user namespaces: Samba needs real root for its extended attributes.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment, waitUntil } from './run.ts'

export interface LabHost {
  readonly name: string
  readonly directory: string
  /** PID 1 of the lab host, as the machine numbers it. */
  readonly pid: number
  /** When that process began, in clock ticks since boot: a PID alone may be another process's by now. */
  readonly began: string
}

const holdScript = fileURLToPath(new URL('hold.sh', import.meta.url))
const checkout = fileURLToPath(new URL('../..', import.meta.url))

/** The launcher of this checkout, as every lab host sees it. */
export const sealwireInside = '/run/sealwire-lab/program/sealwire'

export async function hold(name: string, directory: string): Promise<LabHost> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const unshare = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child=SIGKILL']
  const holder = spawn('unshare', [...unshare, 'bash', holdScript, name, directory, checkout], {
    cwd: '/',
    env: cleanEnvironment,
    // Its own session: Ctrl-C at the terminal must reach the command only, which then ends the hosts in order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let words = ''
  let ended = false
  holder.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString()
  })
  holder.on('error', error => {
    words += String(error)
    ended = true
  })
  holder.on('exit', () => {
    ended = true
  })
  const pidFile = `${directory}/pid`
  try {
    await waitUntil(`lab host ${name} is held`, 10, () => ended || existsSync(pidFile))
    if (ended) throw new Error(`lab host ${name} did not start: ${words.trim()}`)
  } catch (error) {
    holder.kill('SIGKILL')
    throw error
  }
  holder.stderr.destroy()
  holder.unref()
  const pid = Number(readFileSync(pidFile, 'utf8'))
  const began = beginning(pid)
  if (began === undefined) throw new Error(`lab host ${name} ended at once`)
  return { name, directory, pid, began }
}

/** The command as run inside the lab host, all namespaces entered. Only `seconds` long: the tools have long retries of their own. */
export function inside(host: LabHost, command: readonly string[], seconds?: number): readonly string[] {
  const limit = seconds === undefined ? [] : ['timeout', '-k', '1', String(seconds)]
  return ['nsenter', '-t', String(host.pid), '-n', '-m', '-u', '-i', '-p', '--', ...limit, ...command]
}

/** The command as run in the lab host's network, but with this machine's files and processes. */
export function inNetworkOf(host: LabHost, command: readonly string[]): readonly string[] {
  return ['nsenter', '-t', String(host.pid), '-n', '--', ...command]
}

export function isAlive(host: LabHost): boolean {
  return beginning(host.pid) === host.began
}

/** Ends the lab host and with it every process in it; returns when they are gone. */
export async function end(host: LabHost): Promise<void> {
  const deadline = Date.now() + 10_000
  while (isAlive(host)) {
    if (Date.now() > deadline) throw new Error(`lab host ${host.name} (PID ${host.pid}) does not end`)
    try {
      process.kill(host.pid, 'SIGKILL')
    } catch {
      // It ended between the look and the signal.
    }
    // Not pause(): this must also work after Ctrl-C.
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function beginning(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 22; the second field, the name, may hold blanks and brackets.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : rest[18]
  } catch {
    return undefined
  }
}
