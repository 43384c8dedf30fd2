// Agents restarted while everything goes on, evenly over the time and never both at once: told to go down, with the guard left
// so that nothing passes in clear meanwhile, or killed. Counts and memory are read before each end, for they end with the agent.

import { performance } from 'node:perf_hooks'
import type { AgentStatus } from '../../../src/monitor/agent-status.ts'
import type { HostAgent } from '../agent.ts'
import { waitUntil } from '../run.ts'

export interface Restart {
  readonly host: string
  readonly how: 'down' | 'kill -9'
  /** Since the beginning. */
  readonly atSeconds: number
  /** From the command that ends it, which takes its time to start, until the hosts spoke with each other again. */
  readonly silentSeconds: number
}

/** One run of an agent, from its start to its end. */
export interface AgentLife {
  readonly host: string
  readonly seconds: number
  readonly rekeys: number
  readonly ikeRekeys: number
  readonly sealedPackets: number
  /** MiB that were resident: when it began, when it ended, and at most. */
  readonly memory: { readonly begin: number; readonly end: number; readonly most: number }
}

/** How many times each is done is told by the number: both hosts and both ways in turn. */
export function planned(index: number, hosts: number): { readonly host: number; readonly how: Restart['how'] } {
  return { host: index % hosts, how: Math.floor(index / hosts) % 2 === 0 ? 'down' : 'kill -9' }
}

/** Seconds after the beginning, with as much time before the first and after the last as half of what is between two. */
export function momentOf(index: number, restarts: number, seconds: number): number {
  return ((index + 0.5) * seconds) / restarts
}

export class Lives {
  readonly #begun = new Map<string, { readonly at: number; readonly memory: number }>()
  readonly ended: AgentLife[] = []

  async begins(agent: HostAgent): Promise<void> {
    const memory = (await agent.usedMemory())?.now ?? 0
    this.#begun.set(agent.name, { at: performance.now(), memory })
  }

  /** Before it does. */
  async ends(agent: HostAgent): Promise<AgentStatus> {
    const status = await agent.status()
    const used = await agent.usedMemory()
    const begun = this.#begun.get(agent.name)
    const { inbound, outbound } = status.sealed.confidential
    this.ended.push({
      host: agent.name,
      seconds: begun === undefined ? 0 : (performance.now() - begun.at) / 1000,
      rekeys: status.counts.childrenRekeyed,
      ikeRekeys: status.counts.sessionsRekeyed,
      sealedPackets: inbound.packets + outbound.packets,
      memory: { begin: begun?.memory ?? 0, end: used?.now ?? 0, most: used?.most ?? 0 },
    })
    return status
  }
}

export async function restart(
  agent: HostAgent,
  other: HostAgent,
  how: Restart['how'],
  { lives, since }: { readonly lives: Lives; readonly since: number },
): Promise<Restart> {
  await lives.ends(agent)
  const end = performance.now()
  await (how === 'down' ? agent.down('--keep-guard') : agent.kill())
  await agent.up()
  await waitUntil(`${agent.name} speaks sealed with ${other.name} again`, 60, async () => {
    return (await agent.run(['ping', '-n', '-c', '1', '-W', '1', other.address])).status === 0
  })
  const silentSeconds = (performance.now() - end) / 1000
  await lives.begins(agent)
  return { host: agent.name, how, atSeconds: (end - since) / 1000, silentSeconds }
}
