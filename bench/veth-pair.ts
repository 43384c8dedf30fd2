// Two network namespaces with a veth between them, for benchmarks on real sockets: one of a host at 10.200.0.1, whose way to
// everywhere leads over the veth, and one of all others, which has every address of 10.201.0.0/16.
import { spawnSync } from 'node:child_process'
import { effectiveCapabilities } from '../src/native/capabilities.ts'

export class VethPair {
  readonly inside: string
  readonly outside: string

  constructor(name: string) {
    ;[this.inside, this.outside] = [`sealwire-${name}-${process.pid}-in`, `sealwire-${name}-${process.pid}-out`]
    try {
      this.#make()
    } catch (error) {
      this.close()
      throw error
    }
  }

  #make(): void {
    const { inside, outside } = this
    for (const name of [inside, outside]) ip('netns', 'add', name)
    ip('link', 'add', 'wire', 'netns', inside, 'type', 'veth', 'peer', 'name', 'wire', 'netns', outside)
    for (const [name, address] of [
      [inside, '10.200.0.1/24'],
      [outside, '10.200.0.2/24'],
    ] as const) {
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'address', 'add', address, 'dev', 'wire')
      ip('-n', name, 'link', 'set', 'wire', 'up')
    }
    ip('-n', inside, 'route', 'add', 'default', 'via', '10.200.0.2')
    ip('-n', outside, 'route', 'add', 'local', '10.201.0.0/16', 'dev', 'lo')
  }

  close(): void {
    for (const name of [this.inside, this.outside]) spawnSync('ip', ['netns', 'delete', name])
  }
}

/** Why none can be made; empty where one can. */
export function whyNoVethPair(): string {
  const has = effectiveCapabilities()
  return has.has('CAP_NET_ADMIN') && has.has('CAP_SYS_ADMIN') ? '' : 'left out, because this needs root'
}

function ip(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`)
}
