// For tests that need a real kernel: two network namespaces with a veth between them, gone when the test is over. The
// links are `wire` on both sides, 10.99.0.1 and fd99::1 in the left one, 10.99.0.2 and fd99::2 in the right one.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { type Address, parseAddress } from '../base/address.ts'
import { effectiveCapabilities } from './capabilities.ts'
import { insideNamespace } from './namespaces.ts'
import { writeSysctl } from './sysctl.ts'

export interface TwoHosts {
  readonly left: string
  readonly right: string
}

let made = 0

/** For a test's `skip`: a reason, or false where it can run. */
export function whyNoHosts(): string | false {
  if (process.platform !== 'linux') return 'because this needs Linux'
  const has = effectiveCapabilities()
  if (!has.has('CAP_NET_ADMIN') || !has.has('CAP_SYS_ADMIN')) return 'because this needs root'
  if (!existsSync('/dev/net/tun')) return 'because there is no /dev/net/tun'
  if (spawnSync('ip', ['-V']).error !== undefined) return 'because iproute2 is not installed'
  return false
}

/** For tests on ::1. */
export function whyNoIpv6(): string | false {
  if (process.platform !== 'linux') return 'because this needs Linux'
  return existsSync('/proc/net/if_inet6') ? false : 'because IPv6 is switched off here'
}

/** What `ip` prints; throws where it refuses. */
export function ip(...words: readonly string[]): string {
  const run = spawnSync('ip', words, { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`ip ${words.join(' ')}: ${run.stderr}`)
  return run.stdout
}

export function twoHosts(context: TestContext): TwoHosts {
  const tag = `sealwire-${process.pid}-${++made}`
  const [left, right] = [`${tag}-left`, `${tag}-right`]
  context.after(() => {
    for (const name of [left, right]) spawnSync('ip', ['netns', 'delete', name])
  })
  for (const name of [left, right]) ip('netns', 'add', name)
  ip('link', 'add', 'wire', 'netns', left, 'type', 'veth', 'peer', 'name', 'wire', 'netns', right)
  for (const [index, name] of [left, right].entries()) {
    ip('-n', name, 'link', 'set', 'lo', 'up')
    // Nobody else can have their addresses, and looking for it takes a moment that chance chooses.
    insideNamespace(name, () => writeSysctl('net/ipv6/conf/wire/accept_dad', '0'))
    ip('-n', name, 'link', 'set', 'wire', 'up')
    ip('-n', name, 'address', 'add', `10.99.0.${index + 1}/24`, 'dev', 'wire')
    ip('-n', name, 'address', 'add', `fd99::${index + 1}/64`, 'dev', 'wire', 'nodad')
  }
  return { left, right }
}

export function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new Error(`${text} is no address`)
  return parsed
}
