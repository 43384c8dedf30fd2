// The page of IKEv2's states, printed from the table that the sessions run on.
import { transitions } from '../src/keying/ikev2/transitions.ts'

export function ikev2StatesPage(): string {
  const states = [...new Set(transitions.flatMap(({ from, to }) => [from, ...to]))].filter(one => one !== 'gone')
  return [
    '# What can happen to an IKE SA',
    '',
    'Each row is a message that a session can get in a state, and what it can be afterwards; everything else is refused or',
    'ignored. Time ends sessions as well: requests that nobody answers, peers that never prove who they are, lifetimes. What is',
    'replaced or closed stays for a while, to answer what was sent again or is still on its way. Whoever has nothing to tell',
    'but wants to know whether the peer is there sends an empty INFORMATIONAL request.',
    '',
    'The picture leaves out what changes no state; the table has it.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...states.map(state => `  state "${state.replaceAll('-', ' ')}" as ${idOf(state)}`),
    '  [*] --> awaiting_init: a stranger asks',
    '  [*] --> init_sent: a packet needs keys',
    ...arrows(),
    '  closed --> [*]: some time later',
    '```',
    '',
    '| state | message | what happens | then |',
    '|---|---|---|---|',
    ...transitions.map(
      ({ from, exchange, direction, story, to }) =>
        `| ${from} | ${exchange} ${direction} | ${story} | ${to.join(', ')} |`,
    ),
    '',
  ].join('\n')
}

/** One for each two states; a label has a line for each exchange. */
function arrows(): readonly string[] {
  const labels = new Map<string, Map<string, Set<string>>>()
  for (const { from, to, exchange, direction } of transitions) {
    for (const next of to) {
      if (next === from) continue
      const edge = `${idOf(from)} --> ${next === 'gone' ? '[*]' : idOf(next)}`
      const exchanges = labels.get(edge) ?? new Map<string, Set<string>>()
      labels.set(edge, exchanges.set(exchange, (exchanges.get(exchange) ?? new Set()).add(direction)))
    }
  }
  return [...labels].map(([edge, exchanges]) => {
    const lines = [...exchanges].map(([exchange, ways]) => (ways.size === 1 ? `${exchange} ${[...ways][0]}` : exchange))
    return `  ${edge}: ${lines.join('<br/>')}`
  })
}

function idOf(state: string): string {
  return state.replaceAll('-', '_')
}
