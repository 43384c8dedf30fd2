// A host's keying as one thing: inputs in, outputs out. Here a version of IKE finds its host, and a rule that allows
// several goes from one to the next.
import type { Version2Input } from './ikev2/host.ts'
import { Version2Host } from './ikev2/host.ts'
import type { Instant, KeyingInput, KeyingOutput, OutsideWorld } from './machine.ts'
import { report } from './machine.ts'
import { RateLimit } from './rate-limit.ts'
import type { SessionSummary } from './session-summary.ts'

export type { OutsideWorld } from './machine.ts'

/** Events about what strangers send and leads nowhere, a second and at once: a flood of it is no flood of log lines. */
const IGNORED = [10, 50] as const

export class KeyingEndpoint {
  readonly #version2 = new Version2Host()
  readonly #ignored = new RateLimit(...IGNORED)

  /** When `wake` has to come, whatever else comes; undefined where nothing is to be done. */
  get wakeAt(): Instant | undefined {
    return this.#version2.wakeAt
  }

  sessions(): readonly SessionSummary[] {
    return this.#version2.sessions()
  }

  /** Never throws for anything that a peer sent. Outputs are to be carried out in their order. */
  handle(input: KeyingInput, outside: OutsideWorld): readonly KeyingOutput[] {
    return this.#withoutNoise(this.#handle(input, outside), outside)
  }

  #handle(input: KeyingInput, outside: OutsideWorld): readonly KeyingOutput[] {
    return input.kind === 'kerberos' ? [] : this.#version2.handle(input satisfies Version2Input, outside)
  }

  /** Without more words about useless datagrams than anybody can read. */
  #withoutNoise(outputs: readonly KeyingOutput[], { now }: OutsideWorld): readonly KeyingOutput[] {
    return outputs.flatMap(output => {
      if (output.kind !== 'report' || output.event.kind !== 'ignored') return [output]
      if (!this.#ignored.allows(now)) return []
      const more = this.#ignored.takePassedOver()
      if (more === 0) return [output]
      const { event } = output
      return [report({ ...event, what: `${event.what}; ${more} more before, of which nothing was said` })]
    })
  }
}
