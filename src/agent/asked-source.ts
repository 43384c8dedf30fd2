// What a page asks, put as commands of the control socket: the same for an agent that serves its page itself and for a process
// that reaches the agent over its socket.
import { failure, success } from '../base/result.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import type { Asked, MonitorSource } from '../monitor/monitor-source.ts'
import type { PolicyView } from '../monitor/policy-view.ts'
import type { SettingPreview } from '../monitor/setting-change.ts'
import type { Agent } from './agent.ts'
import { answerCommand } from './control-commands.ts'
import type { Answer, Command } from './control-protocol.ts'

export interface AskedSourceOptions {
  /** Rejects, with words for a person, where nobody answers. */
  readonly ask: (command: Command) => Promise<Answer>
  readonly listen: MonitorSource['listen']
  /** Who changes the setting when the page does, in words. */
  readonly by: string
}

export function askedSource({ ask, listen, by }: AskedSourceOptions): MonitorSource {
  const asked = async <T>(command: Command): Asked<T> => {
    const answer = await ask(command)
    return answer.kind === 'fine' ? success(answer.value as T) : failure(answer.problems)
  }
  return {
    async status() {
      const status = await asked<AgentStatus>({ kind: 'status' })
      if (!status.ok) throw new Error(status.error.map(({ what }) => what).join('; '))
      return status.value
    },
    listen,
    policy: () => asked<PolicyView>({ kind: 'policy' }),
    preview: value => asked<SettingPreview>({ kind: 'preview-setting', value }),
    change: ({ value, expected }) => asked<void>({ kind: 'change-setting', value, expected, by }),
  }
}

/** Of an agent in this process. */
export function ownSource(agent: Agent, by: string): MonitorSource {
  return askedSource({
    ask: command => answerCommand(agent, command),
    listen: (least, hear) => agent.listen(hear, least),
    by,
  })
}
