// `sealwire status`: what the agent enforces, with whom it has keys, and what needs somebody's eyes. Exit status 0 all is
// well, 1 no agent runs or something needs eyes.
import type { AgentStatus } from '../../monitor/agent-status.ts'
import { askAgent, reachAgent, stateOf, stateOption } from '../agent-options.ts'
import { ANSWER_IS_NO, type CommandInput, type CommandSpec, FINE, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'
import { printStatus } from '../status-text.ts'

/** Seconds between two looks. */
const EVERY = 2
const LEAST = 0.1
const MOST = 86_400

export const status: CommandSpec = {
  name: 'status',
  summary: 'show what the agent enforces, with whom it has keys, and what needs attention',
  description:
    'The policy in force and its setting (NoDefaultExempt: its value, where it comes from, what it exempts), the guard, the data plane, ' +
    'sessions and associations with algorithm, SPIs, age, packets and time to renewal, who speaks in clear by fall-back, dropped packets ' +
    'by reason. With --watch it looks again until Ctrl+C, through restarts of the agent too: a terminal is drawn anew, elsewhere one ' +
    'status follows the other, with --json in one line each; what was seen last is the exit status. ' +
    'Exit status 0: all is well; 1: no agent runs, or there are warnings; 3: the agent belongs to somebody else.',
  options: [
    stateOption,
    {
      flags: '--watch [seconds]',
      key: 'watch',
      description: `look again every so many seconds, ${EVERY} where none are given, until Ctrl+C`,
    },
    jsonOption,
  ],
  examples: ['sealwire status', 'sealwire status --json', 'sealwire status --watch 5'],
  run: runStatus,
}

async function runStatus(input: CommandInput, console: Console): Promise<number> {
  const { watch } = input.options
  if (watch !== undefined) return runWatch(watch === true ? String(EVERY) : String(watch), input, console)
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

async function runWatch(text: string, input: CommandInput, console: Console): Promise<number> {
  const seconds = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < LEAST || seconds > MOST) {
    const hint = `a number from ${LEAST} to ${MOST}`
    console.problems([{ severity: 'error', where: '--watch', what: `“${text}” is no number of seconds`, hint }])
    return WRONG_INPUT
  }
  const { watchStatus } = await import('../watch-status.ts')
  const folder = stateOf(input)
  // Where no agent is at first, there is nothing to watch.
  const client = await reachAgent(folder, console)
  if (typeof client === 'number') return client
  client.close()
  const ended = new AbortController()
  const end = () => ended.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, end)
  try {
    return await watchStatus({ folder, seconds, isJson: input.options['json'] === true, ended: ended.signal }, console)
  } finally {
    for (const signal of signals) process.off(signal, end)
  }
}
