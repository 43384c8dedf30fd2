// `sealwire down`: ends the agent of a state folder and leaves the host as it was found; also after an agent that died.
import { askAgent, reachAgent, stateOf, stateOption } from '../agent-options.ts'
import { type CommandInput, type CommandSpec, FINE, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

export const down: CommandSpec = {
  name: 'down',
  summary: 'end the agent, and leave the host as it was found',
  description:
    'Peers are told, routes, device and guard are taken away. Where the agent was killed, this undoes what it had done. From then ' +
    'on traffic is in clear, unless --keep-guard leaves the net in place. Exit status 0: nothing runs any more; 1: it could not be ended.',
  options: [
    stateOption,
    {
      flags: '--keep-guard',
      key: 'keepGuard',
      description: 'leave the guard: what must be sealed cannot leave in clear',
    },
  ],
  examples: ['sealwire down', 'sealwire down --keep-guard'],
  run: runDown,
}

/** Seconds for every step of going down. */
const PATIENCE = 120

async function runDown(input: CommandInput, console: Console): Promise<number> {
  const folder = stateOf(input)
  const keepGuard = input.options['keepGuard'] === true
  const { ControlClient } = await import('../../agent/control-client.ts')
  const client = await ControlClient.connect(folder)
  if (client === 'forbidden') return (await reachAgent(folder, console)) as number
  if (client !== 'none') {
    const answer = await askAgent(client, { kind: 'down', keepGuard }, console, PATIENCE)
    client.close()
    if (typeof answer === 'number') return answer
    console.say('Down.')
    return FINE
  }
  const { takeBackDeadAgent } = await import('../../agent/clean-up.ts')
  const taken = await takeBackDeadAgent(folder, keepGuard)
  if (!taken.ok) {
    console.problems(taken.error)
    return WRONG_INPUT
  }
  const { said } = taken.value
  for (const line of said.length === 0 ? [`No agent runs with the state folder ${folder.path}.`] : said)
    console.say(line)
  return FINE
}
