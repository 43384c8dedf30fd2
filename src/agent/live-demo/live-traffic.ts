// What the two live hosts say in every phase, step by step, and whether each step came to its end at the other host.
import type { HostApplications } from './host-applications.ts'
import type { Deed, HeardCounts } from './host-deeds.ts'
import type { KeyCenter } from './key-center.ts'
import type { LiveStep } from './live-phases.ts'
import { pause, runProgram } from './programs.ts'
import { inside, type Stage } from './stage.ts'

export interface LiveTrafficParts {
  readonly stage: Stage
  readonly first: HostApplications
  readonly second: HostApplications
  /** Undefined where a recorded exchange stands in for it. */
  readonly keyCenter: KeyCenter | undefined
  readonly signal: AbortSignal
}

const ECHOES = 3
/** Twentieths of a second in which a datagram that nobody answers arrives. */
const PATIENCE = 20

export class LiveTraffic {
  readonly #parts: LiveTrafficParts

  constructor(parts: LiveTrafficParts) {
    this.#parts = parts
  }

  /** Undefined where it worked, else why not. */
  play(step: LiveStep): Promise<string | undefined> {
    const { keyCenter } = this.#parts
    switch (step) {
      case 'ping':
        return this.#ping()
      case 'Kerberos, UDP':
        return keyCenter === undefined ? this.#ask('kerberos-udp') : keyCenter.tickets('udp')
      case 'Kerberos, TCP':
        return keyCenter === undefined ? this.#ask('kerberos-tcp') : keyCenter.tickets('tcp')
      case 'TCP, 400 kB':
        return this.#ask('tcp')
      case 'UDP, 20 kB':
        return this.#ask('udp')
      case 'DNS':
        return this.#ask('dns')
      case 'RSVP':
        return this.#tell('rsvp')
      case 'broadcast':
      case 'multicast':
        return this.#tell(step)
    }
  }

  /** Until the two have keys: an agent that was started just now has none. Answers whether they agreed on any. */
  async makeContact(): Promise<boolean> {
    const [{ namespace }, { address }] = this.#parts.stage.hosts
    const words = inside(namespace, ['ping', '-n', '-q', '-c', '1', '-i', '0.2', '-w', '15', address])
    const { status } = await runProgram(words, { signal: this.#parts.signal })
    return status === 0
  }

  /** Both ways at once: where neither may speak, neither does. */
  async #ping(): Promise<string | undefined> {
    const { hosts } = this.#parts.stage
    const answers = await Promise.all(
      hosts.map(async ({ namespace }, index) => {
        const { address } = hosts[1 - index]!
        const words = ['ping', '-n', '-c', String(ECHOES), '-i', '0.1', '-W', '2', address]
        const { out } = await runProgram(inside(namespace, words), { signal: this.#parts.signal, within: 6 })
        return Number(/(\d+) received/.exec(out)?.[1] ?? 0)
      }),
    )
    if (answers.every(count => count === ECHOES)) return undefined
    return `of ${ECHOES} echoes each ${answers.join(' and ')} came back`
  }

  async #ask(deed: Deed): Promise<string | undefined> {
    const { worked, why } = await this.#parts.first.ask(deed)
    return worked ? undefined : why
  }

  /** Nobody answers these: the other host is asked whether they came. */
  async #tell(kind: keyof HeardCounts): Promise<string | undefined> {
    const { first, second, signal } = this.#parts
    const before = (await second.ask('heard')).heard[kind]
    const { worked, why } = await first.ask(kind)
    if (!worked) return why
    let arrived = 0
    for (let turn = 0; turn < PATIENCE && arrived < ECHOES; turn++) {
      arrived = (await second.ask('heard')).heard[kind] - before
      if (arrived < ECHOES) await pause(0.05, signal)
    }
    return arrived >= ECHOES ? undefined : `of ${ECHOES} datagrams ${arrived} arrived`
  }
}
