// Whether all is sealed, in one word: the worst that is so right now, with a sentence that says what it rests on.
import type { AgentStatus } from '../../agent-status.ts'
import { clockTime, count } from '../../words.ts'
import type { PageState } from './page-state.ts'
import { leakOf } from './wire-facts.ts'

export type OverallKind =
  | 'waiting'
  | 'gone'
  | 'leaked'
  | 'unguarded'
  | 'silent'
  | 'changing'
  | 'clear'
  | 'exempt'
  | 'sealed'

export interface Overall {
  readonly kind: OverallKind
  /** Says it all from across a room. */
  readonly word: string
  readonly sentence: string
}

/** Seconds that what passed unsealed counts as being so now. */
export const RECENT = 60
/** Seconds that a leak is what the page says first; later it is among the notes. */
export const LEAK_STAYS = 600

export function overallOf(state: PageState): Overall {
  const { view } = state
  const { status } = view
  if (view.connection === 'lost')
    return {
      kind: 'gone',
      word: 'Agent gone',
      sentence: `${view.lostBecause ?? 'The agent is not reached'}. What is shown is old.`,
    }
  if (status === null) return { kind: 'waiting', word: 'Waiting', sentence: 'No word from the agent yet.' }
  if (status.state === 'down') return { kind: 'gone', word: 'Agent down', sentence: 'The agent has gone down.' }
  return leakedNow(status) ?? brokenNow(status) ?? unsealedNow(state, status) ?? sealed(state, status)
}

function leakedNow({ wire, at }: AgentStatus): Overall | undefined {
  const leak = leakOf(wire)
  if (leak === null || (leak.newest !== null && at - leak.newest.lastAt >= LEAK_STAYS)) return undefined
  const packets = leak.packets === 1 ? 'One packet' : `${count(leak.packets)} packets`
  const last = leak.newest === null ? '' : `, last at ${clockTime(leak.newest.lastAt)}: ${leak.newest.flow}`
  return { kind: 'leaked', word: 'Leaked', sentence: `${packets} left in clear against the policy${last}.` }
}

function brokenNow({ guard, dataPlane, state }: AgentStatus): Overall | undefined {
  if (guard === null)
    return {
      kind: 'unguarded',
      word: 'No guard',
      sentence: 'The agent runs without a guard: should it fail, traffic leaves in clear.',
    }
  if (!guard.isThere)
    return {
      kind: 'unguarded',
      word: 'Guard missing',
      sentence: `${guard.name} is not as it was put in place: should the agent fail, traffic leaves in clear.`,
    }
  if (dataPlane['isAnswering'] !== true && state === 'up')
    return { kind: 'silent', word: 'Nothing passes', sentence: 'The data plane does not answer.' }
  if (state !== 'up')
    return {
      kind: 'changing',
      word: state === 'going-up' ? 'Going up' : 'Going down',
      sentence: 'The agent is not ready; the guard stands.',
    }
  return undefined
}

function unsealedNow(state: PageState, status: AgentStatus): Overall | undefined {
  const clear = status.inClear.length
  if (clear > 0) {
    const pairs = clear === 1 ? 'One pair of hosts speaks' : `${count(clear)} pairs of hosts speak`
    return {
      kind: 'clear',
      word: 'In clear',
      sentence: `${pairs} in clear, because a rule allows it where keys cannot be agreed on.`,
    }
  }
  const permitted = recentOf(state, status, ['permitted', 'in-clear'])
  if (permitted.length > 0)
    return {
      kind: 'clear',
      word: 'In clear',
      sentence: `By rule unsecured within a minute: ${named(permitted)}. Nothing leaves against the policy.`,
    }
  const exempt = recentOf(state, status, ['exempt']).filter(title => title !== keyingTitle(status))
  // The watch knows of what passed before the page was opened too.
  const seen = exempt.length > 0 ? exempt : seenExempt(status)
  if (seen.length > 0) {
    const sentence = `Exempt from the policy and in clear within a minute: ${named(seen)}.`
    return { kind: 'exempt', word: 'Exempt passes', sentence }
  }
  return undefined
}

function sealed({ view }: PageState, { associations, wire }: AgentStatus): Overall {
  const failed = view.hosts.filter(({ standing }) => standing === 'failed').length
  const failure =
    failed === 0 ? '' : ` With ${failed === 1 ? 'one host' : `${count(failed)} hosts`} no keys could be agreed on.`
  const isNew = associations.length === 0 ? ' No associations yet: keys are asked for by the first packet.' : ''
  const watch = wire === null ? 'nobody watches the wire itself' : 'the watch on the wire saw no leak'
  const sentence = `Nothing that the policy secures passes in clear; the guard stands, ${watch}.${isNew}${failure}`
  return { kind: 'sealed', word: 'Sealed', sentence }
}

/** IKE is in clear by its nature and no sign of anything. */
function keyingTitle({ setting }: AgentStatus): string {
  return setting.exempt.find(({ name }) => name === 'ike')?.title ?? 'IKE'
}

function recentOf({ passing }: PageState, { at, guard }: AgentStatus, kinds: readonly string[]): readonly string[] {
  const found = guard?.traffic.filter(({ kind, direction, why }) => {
    const lastAt = passing.get(`${kind} ${direction} ${why}`)?.lastAt
    return kinds.includes(kind) && lastAt !== undefined && lastAt !== null && at - lastAt < RECENT
  })
  return [...new Set(found?.map(({ why }) => why))]
}

function seenExempt({ wire, at }: AgentStatus): readonly string[] {
  const recent = wire?.flows.filter(({ verdict, lastAt }) => verdict === 'exempt' && at - lastAt < RECENT)
  return [...new Set(recent?.map(({ flow }) => flow))]
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ')
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown
}
