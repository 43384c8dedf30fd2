// What this thread may do (capabilities(7)), in words for a person where something is missing. Read from the thread's
// own status, since capabilities belong to threads. In a container they may be there and still count only for network
// namespaces that the container owns.
import { existsSync, readFileSync } from 'node:fs'

/** Numbers of linux/capability.h. */
const numbers = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21 } as const

export type Capability = keyof typeof numbers

const uses: Readonly<Record<Capability, string>> = {
  CAP_NET_ADMIN: 'to make the TUN device, routes and rules, and to mark packets',
  CAP_NET_RAW: 'to send and receive ESP and AH, and to capture',
  CAP_SYS_ADMIN: 'to enter network namespaces',
}

/** The effective ones among those that this program knows; none where /proc cannot be read. */
export function effectiveCapabilities(status = readStatus()): ReadonlySet<Capability> {
  const mask = /^CapEff:\s*([0-9a-f]+)$/im.exec(status)?.[1]
  const bits = mask === undefined ? 0n : BigInt(`0x${mask}`)
  const all = Object.keys(numbers) as Capability[]
  return new Set(all.filter(name => (bits >> BigInt(numbers[name])) & 1n))
}

/** What is in the way of the user-space data plane, each in a sentence; empty where nothing is. */
export function missingForPackets(needed: readonly Capability[] = ['CAP_NET_ADMIN', 'CAP_NET_RAW']): readonly string[] {
  if (process.platform !== 'linux') return [`This needs Linux; this machine runs ${process.platform}.`]
  const has = effectiveCapabilities()
  const missing = needed
    .filter(name => !has.has(name))
    .map(name => `The capability ${name} is missing, which is needed ${uses[name]}: run it as root, or grant it.`)
  if (!existsSync('/dev/net/tun')) {
    missing.push('There is no /dev/net/tun: load the module tun, or give the container that device.')
  }
  return missing
}

function readStatus(): string {
  try {
    return readFileSync('/proc/thread-self/status', 'utf8')
  } catch {
    return ''
  }
}
