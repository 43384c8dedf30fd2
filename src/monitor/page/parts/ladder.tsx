// A negotiation as a ladder of messages between this host and its peer, with how it ended in words above.
import type { Negotiation } from '../../negotiations.ts'
import { clockTime, count } from '../../words.ts'
import { isFailure, outcomeStanding, outcomeWords } from '../facts/ladders.ts'
import { Named } from './mark.tsx'

const ways = { sent: 'sent: ', received: 'received: ' } as const

interface LadderProps {
  readonly negotiation: Negotiation
  /** Only so many of the newest steps. */
  readonly most?: number
}

export function Ladder({ negotiation, most = Number.POSITIVE_INFINITY }: LadderProps) {
  const { peer, session, reason, begunAt } = negotiation
  const rungs = negotiation.rungs.slice(-most)
  const hidden = negotiation.rungs.length - rungs.length
  const earlier = negotiation.omitted + hidden
  return (
    <article class="ladder" aria-label={`Negotiation with ${peer ?? 'an unknown host'}`}>
      <header>
        <h3>{peer ?? 'unknown host'}</h3>
        <p>
          <Named standing={outcomeStanding(negotiation)} word={outcomeWords(negotiation)} />
          <span class="soft">{`, begun at ${clockTime(begunAt)} UTC, session ${session.slice(0, 16)}`}</span>
        </p>
        {reason === null ? null : <p class={isFailure(negotiation) ? 'reason bad' : 'reason'}>{reason}</p>}
      </header>
      <div class="ends" aria-hidden="true">
        <span>this host</span>
        <span>{peer ?? 'peer'}</span>
      </div>
      <ol>
        {earlier === 0 ? null : (
          <li class="note">{`${count(earlier)} earlier steps are ${hidden === 0 ? 'not kept' : 'not shown'}`}</li>
        )}
        {rungs.map(({ at, way, text, isBad }, index) => (
          <li key={earlier + index} class={`${way ?? 'note'}${isBad ? ' bad' : ''}`}>
            <time>{clockTime(at)}</time>
            <span class="said">
              {way === undefined ? null : <span class="unseen">{ways[way]}</span>}
              {text}
            </span>
            {way === undefined ? null : <span class="arrow" aria-hidden="true" />}
          </li>
        ))}
      </ol>
    </article>
  )
}
