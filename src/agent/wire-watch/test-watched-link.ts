// For tests of the watch without a link: a policy in force that can be changed, time that stands still, and packets as octets.
import { VirtualClock } from '../../base/time.ts'
import type { AgentEvent } from '../../monitor/told-event.ts'
import type { WireFlow, WireVerdict } from '../../monitor/wire-status.ts'
import { compile } from '../../policy/compile.ts'
import type { Policy } from '../../policy/model.ts'
import { address } from '../../policy/test-policies.ts'
import { decodeIp } from '../../wire/decode.ts'
import { Packet } from '../../wire/packet.ts'
import type { WireRules } from '../agent-parts.ts'
import { WireWatch } from './wire-watch.ts'

export const OWN = ['10.0.0.1', 'fd00::1']

export interface Seen {
  readonly out?: boolean
  /** To every station of the link. */
  readonly broadcast?: boolean
}

export class WatchedLink {
  readonly clock = new VirtualClock(1000)
  readonly told: AgentEvent[] = []
  readonly watch: WireWatch
  rules: WireRules

  constructor(policy: Policy, mostConversations?: number) {
    this.rules = rulesOf(policy)
    this.watch = new WireWatch({
      rules: () => this.rules,
      tell: event => this.told.push(event),
      ...{ clock: this.clock, date: () => 1_800_000_000 + this.clock.now(), seed: 5 },
      ...(mostConversations === undefined ? {} : { mostConversations }),
    })
  }

  /** Together in one burst; left out, they leave. */
  see(packets: readonly Uint8Array[], { out = true, broadcast = false }: Seen = {}): void {
    const packet = new Packet()
    this.watch.begin()
    for (const bytes of packets) {
      decodeIp(packet, bytes, 0, bytes.length)
      packet.linkBroadcast = broadcast
      this.watch.see(packet, bytes, out)
    }
    this.watch.end()
  }

  pass(seconds: number): void {
    this.clock.advanceTo(this.clock.now() + seconds)
  }

  /** `leaked out 3`: what was seen, in the order of the verdicts. */
  sums(): readonly string[] {
    return this.watch
      .status([], 0)
      .verdicts.map(({ verdict, direction, packets }) => `${verdict} ${direction} ${packets}`)
  }

  flows(verdict?: WireVerdict): readonly WireFlow[] {
    return this.watch.status([], 0).flows.filter(flow => verdict === undefined || flow.verdict === verdict)
  }

  takeTold(): readonly AgentEvent[] {
    return this.told.splice(0)
  }
}

export function rulesOf(policy: Policy, clear: readonly (readonly [own: string, peer: string])[] = []): WireRules {
  return {
    compiled: compile(policy, { me: OWN.map(address) }),
    clearPairs: clear.map(([own, peer]) => ({ rule: 'all', own: address(own), peer: address(peer), until: 1e9 })),
    isChanging: false,
  }
}
