// What all commands that speak to an agent share: which agent is meant, and what is said where none answers.
import type { ControlClient } from '../agent/control-client.ts'
import type { Answer, Command } from '../agent/control-protocol.ts'
import { DEFAULT_STATE, type StateFolder, stateFolder } from '../agent/state-folder.ts'
import { systemClock } from '../base/time.ts'
import { ANSWER_IS_NO, type CommandInput, MACHINE_CANNOT, type OptionSpec, textOption } from './command.ts'
import type { Console } from './console.ts'

export const stateOption: OptionSpec = {
  flags: '--state <folder>',
  key: 'state',
  description: `the agent's folder, by which several on one machine are told apart; left out, SEALWIRE_STATE, then ${DEFAULT_STATE}`,
  values: 'file',
  environment: 'SEALWIRE_STATE',
}

export function stateOf(input: CommandInput): StateFolder {
  return stateFolder(textOption(input, 'state') ?? DEFAULT_STATE)
}

/** The agent that lives there; where none does, the exit status, and why has been said. */
export async function reachAgent(folder: StateFolder, console: Console): Promise<ControlClient | number> {
  // Brought in here: help and completion need no sockets.
  const { ControlClient } = await import('../agent/control-client.ts')
  const client = await ControlClient.connect(folder)
  if (client === 'none') {
    console.say(`No agent runs with the state folder ${folder.path}: “sealwire up” starts one.`)
    return ANSWER_IS_NO
  }
  if (client === 'forbidden') {
    console.say(`The agent at ${folder.path} belongs to another user: run this as root.`)
    return MACHINE_CANNOT
  }
  return client
}

/** Seconds; a process that is stopped or busy to death does not answer. */
const ANSWER_WITHIN = 15
const HANGS = 'its process hangs: kill -9 ends it while the guard stays, then “sealwire down” takes back the rest'

/** Asks one thing; the exit status where the agent refuses, and why has been said. */
export async function askAgent(
  client: ControlClient,
  command: Command,
  console: Console,
  seconds = ANSWER_WITHIN,
): Promise<Answer | number> {
  const { within } = await import('../agent/within.ts')
  const asked = within(systemClock, seconds, 'an answer of the agent', client.ask(command))
  const late = (error: Error): Answer => ({
    kind: 'refused',
    problems: [{ severity: 'error', where: 'the agent', what: error.message, hint: HANGS }],
  })
  const answer = await asked.catch(late)
  if (answer.kind === 'fine') return answer
  console.problems(answer.problems)
  return ANSWER_IS_NO
}
