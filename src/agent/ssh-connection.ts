// The ssh connection through which a command is run, where there is one: a firewall that cuts it leaves its administrator
// outside. sudo clears the environment, so that of every process above this one is asked.
import { readFileSync } from 'node:fs'
import { type Address, parseAddress } from '../base/address.ts'

export interface SshConnection {
  readonly peer: Address
  /** Ours, which the daemon listens on. */
  readonly port: number
}

const MOST_ANCESTORS = 100

/** Undefined where none is found: on a console, or where the processes above cannot be read. */
export function sshConnection(
  process: number | 'self' = 'self',
  read: (path: string) => string = path => readFileSync(path, 'latin1'),
): SshConnection | undefined {
  let next: number | 'self' = process
  for (let step = 0; step < MOST_ANCESTORS; step++) {
    const found = connectionIn(tryRead(read, `/proc/${next}/environ`))
    if (found !== undefined) return found
    const parent: string | undefined = /^PPid:\s*(\d+)$/m.exec(tryRead(read, `/proc/${next}/status`))?.[1]
    if (parent === undefined || Number(parent) < 2) return undefined
    next = Number(parent)
  }
  return undefined
}

/** sshd sets `SSH_CONNECTION=peer port own port`. */
function connectionIn(environment: string): SshConnection | undefined {
  const line = environment.split('\0').find(one => one.startsWith('SSH_CONNECTION='))
  const [peer = '', , , port = ''] = line?.slice('SSH_CONNECTION='.length).split(' ') ?? []
  const address = parseAddress(peer.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, ''))
  return address === undefined || !/^\d+$/.test(port) ? undefined : { peer: address, port: Number(port) }
}

function tryRead(read: (path: string) => string, path: string): string {
  try {
    return read(path)
  } catch {
    return ''
  }
}
