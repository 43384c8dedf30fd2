// Negotiations as ladders of messages, from events: who said what, and how it ended, with the reason in words. A session is a
// ladder; of those that strangers begin there are never more than a bounded number.
import type { ToldEvent } from './told-event.ts'

export interface Rung {
  readonly at: number
  /** Undefined for what happened on this host. */
  readonly way: 'sent' | 'received' | undefined
  readonly text: string
  readonly isBad: boolean
}

export interface Negotiation {
  readonly session: string
  readonly peer: string | null
  readonly begunAt: number
  readonly lastAt: number
  readonly outcome: 'open' | 'established' | 'failed' | 'closed'
  /** Why it failed or was closed. */
  readonly reason: string | null
  /** The newest last. */
  readonly rungs: readonly Rung[]
  /** Older rungs that are no longer kept. */
  readonly omitted: number
}

export const MOST_NEGOTIATIONS = 200
export const MOST_RUNGS = 60

type Growing = { -readonly [Key in keyof Negotiation]: Negotiation[Key] } & { rungs: Rung[] }

export function followEvents(
  negotiations: readonly Negotiation[],
  events: readonly ToldEvent[],
): readonly Negotiation[] {
  const known = new Map<string, Negotiation | Growing>(negotiations.map(one => [one.session, one]))
  const own = new Map<string, Growing>()
  for (const event of events) {
    const session = event.fields?.['session']
    if (typeof session !== 'string') continue
    const growing = own.get(session) ?? begin(known.get(session), session, event.at)
    add(growing, event)
    own.set(session, growing)
    // What something happens to stands last, so that the ones at rest are the first to go.
    known.delete(session)
    known.set(session, growing)
    if (known.size > MOST_NEGOTIATIONS) {
      const oldest = known.keys().next().value!
      known.delete(oldest)
      own.delete(oldest)
    }
  }
  return [...known.values()]
}

function begin(known: Negotiation | undefined, session: string, at: number): Growing {
  if (known !== undefined) return { ...known, rungs: [...known.rungs] }
  return {
    ...{ session, peer: null, begunAt: at, lastAt: at },
    ...{ outcome: 'open', reason: null, rungs: [], omitted: 0 },
  }
}

function add(growing: Growing, { at, kind, text, fields }: ToldEvent): void {
  const { peer, way } = fields ?? {}
  if (typeof peer === 'string') growing.peer = peer
  growing.lastAt = at
  const isBad = kind === 'session-failed' || kind === 'child-failed'
  growing.rungs.push({ at, way: way === 'sent' || way === 'received' ? way : undefined, text, isBad })
  if (growing.rungs.length > MOST_RUNGS) {
    growing.rungs.shift()
    growing.omitted++
  }
  const outcome = outcomes[kind]
  if (outcome !== undefined) growing.outcome = outcome
  if (kind === 'session-failed' || kind === 'session-closed' || kind === 'child-failed') growing.reason = text
  // New keys: what failed before has been got over.
  if (kind === 'child-established') growing.reason = null
}

const outcomes: Readonly<Record<string, Negotiation['outcome'] | undefined>> = {
  'session-established': 'established',
  'session-failed': 'failed',
  'session-closed': 'closed',
  'session-rekeyed': 'closed',
}
