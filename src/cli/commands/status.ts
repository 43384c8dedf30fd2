// `sealwire status`: what the agent enforces, with whom it has keys, and what needs somebody's eyes. Exit status 0 all is
// well, 1 no agent runs or something needs eyes.
import type { AgentStatus } from '../../monitor/agent-status.ts'
import { askAgent, reachAgent, stateOf, stateOption } from '../agent-options.ts'
import { ANSWER_IS_NO, type CommandInput, type CommandSpec, FINE, jsonOption } from '../command.ts'
import type { Console } from '../console.ts'
import { printStatus } from '../status-text.ts'

export const status: CommandSpec = {
  name: 'status',
  summary: 'show what the agent enforces, with whom it has keys, and what needs attention',
  description:
    'The policy in force and its setting (NoDefaultExempt: its value, where it comes from, what it exempts), the guard, the data plane, ' +
    'sessions and associations with algorithm, SPIs, age, packets and time to renewal, who speaks in clear by fall-back, dropped packets ' +
    'by reason. Exit status 0: all is well; 1: no agent runs, or there are warnings; 3: the agent belongs to somebody else.',
  options: [stateOption, jsonOption],
  examples: ['sealwire status', 'sealwire status --json'],
  run: runStatus,
}

async function runStatus(input: CommandInput, console: Console): Promise<number> {
  const client = await reachAgent(stateOf(input), console)
  if (typeof client === 'number') return client
  const answer = await askAgent(client, { kind: 'status' }, console)
  client.close()
  if (typeof answer === 'number' || answer.kind !== 'fine') return ANSWER_IS_NO
  const value = answer.value as AgentStatus
  if (input.options['json'] === true) console.json(value)
  else printStatus(value, console)
  return value.warnings.length === 0 ? FINE : ANSWER_IS_NO
}
