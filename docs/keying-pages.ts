// The pages of the states of both versions of IKE, printed from the tables that the sessions run on.
import { exchangeTransitions, mainTransitions } from '../src/keying/ikev1/transitions.ts'
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

export function ikev1StatesPage(): string {
  const states = [...new Set(mainTransitions.flatMap(({ from, to }) => [from, ...to]))].filter(one => one !== 'gone')
  return [
    '# What can happen to a main mode SA of IKEv1',
    '',
    'Main mode comes first: each row is a message that a session can get in a state, and what it can be afterwards; everything else',
    'is ignored. While the system’s Kerberos is asked, the session waits for its answer. After main mode every exchange has a state',
    'of its own, by its message ID. Who begins repeats what nobody answers; who answers says the same again when it is asked the same',
    'again. Time ends the rest: lifetimes, peers that never prove who they are, questions (R-U-THERE) that nobody answers.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...states.map(state => `  state "${state.replaceAll('-', ' ')}" as ${idOf(state)}`),
    '  [*] --> sa_sent: a packet needs keys',
    '  [*] --> sa_answered: a stranger asks',
    ...mainTransitions.flatMap(({ from, to }) =>
      to.filter(next => next !== from).map(next => `  ${idOf(from)} --> ${next === 'gone' ? '[*]' : idOf(next)}`),
    ),
    '  awaiting_kerberos --> key_sent: a token',
    '  awaiting_kerberos --> key_answered: a token',
    '  awaiting_kerberos --> proof_sent: a wrapped proof',
    '  awaiting_kerberos --> established: both proved',
    '  established --> closing: this host closes it',
    '  closing --> [*]: the delete is answered',
    '```',
    '',
    '| state | what happens by its message of main mode | then |',
    '|---|---|---|',
    ...mainTransitions.map(({ from, story, to }) => `| ${from} | ${story} | ${to.join(', ')} |`),
    '',
    '## Exchanges under it',
    '',
    '| exchange so far | message | what happens | then |',
    '|---|---|---|---|',
    ...exchangeTransitions.map(
      ({ from, exchange, story, to }) => `| ${from} | ${exchange} | ${story} | ${to.join(', ')} |`,
    ),
    '',
  ].join('\n')
}
