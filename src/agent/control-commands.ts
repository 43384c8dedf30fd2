// What each command of the control socket does with the agent.
import { formatAddress } from '../base/address.ts'
import { type Flow, formatFlow, ICMP, ICMPV6 } from '../base/flow.ts'
import { decide } from '../policy/decide.ts'
import { because } from '../policy/explain.ts'
import type { Agent } from './agent.ts'
import { changeSetting } from './change-setting.ts'
import { type Answer, type Command, refusal } from './control-protocol.ts'
import { policyViewOf } from './policy-words.ts'
import { previewOf } from './setting-preview.ts'

/** What is known after `negotiate`; events tell the rest. */
export interface Negotiating {
  readonly own: string
  readonly action: 'permit' | 'block' | 'negotiate'
  /** Why, in a sentence. */
  readonly because: string
  readonly rule: string | null
  /** SPIs of associations that carry traffic between the two already. */
  readonly associations: readonly string[]
}

export async function answerCommand(agent: Agent, command: Command): Promise<Answer> {
  switch (command.kind) {
    case 'status':
      return fine(await agent.status())
    case 'reload': {
      const reloaded = await agent.reload()
      return reloaded.ok ? fine(null) : { kind: 'refused', problems: reloaded.error }
    }
    case 'down':
      await agent.down(command.keepGuard)
      return fine(null)
    case 'close-peer':
      agent.keeper.close(command.peer)
      return fine(null)
    case 'negotiate':
      return negotiate(agent, command)
    case 'subscribe':
      return fine(null)
    case 'policy':
      return fine(policyViewOf(agent.compiled, agent.parts.source.name))
    case 'preview-setting':
      return previewOf(agent.inForce, command.value)
    case 'change-setting':
      return changeSetting(agent, command)
  }
}

const ECHO: Readonly<Record<4 | 6, readonly [protocol: number, type: number]>> = { 4: [ICMP, 8], 6: [ICMPV6, 128] }

function negotiate(agent: Agent, { host, protocol, ...ports }: Extract<Command, { kind: 'negotiate' }>): Answer {
  const own = agent.parts.addresses.ownFor(host)
  if (own === undefined) return refusal('no route leads there', 'check the address and the routes', formatAddress(host))
  const [echo, icmpType] = ECHO[host.family]
  const { sourcePort, destinationPort } = ports
  const flow: Flow = {
    ...{ source: own, destination: host, protocol: protocol ?? echo },
    ...(protocol === undefined ? { icmpType } : {}),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  }
  const decision = decide(agent.compiled, flow, 'out')
  const rule = decision.because.kind === 'filter' ? decision.because.rule : null
  const standing = agent.plane.associations.filter(
    one => one.rule === rule && one.isSending && formatAddress(one.peer) === formatAddress(host),
  )
  if (decision.action === 'negotiate' && rule !== null && standing.length === 0) {
    agent.tell({ level: 'info', kind: 'asked-for-keys', text: `Keys are asked for: ${formatFlow(flow)}.` })
    agent.keeper.input({ kind: 'needs-keys', rule, flow })
  }
  const answer: Negotiating = {
    own: formatAddress(own),
    action: decision.action,
    because: because(decision, agent.compiled),
    rule,
    associations: standing.map(({ name }) => `0x${name.toString(16).padStart(8, '0')}`),
  }
  return fine(answer)
}

function fine(value: unknown): Answer {
  return { kind: 'fine', value }
}
