// A negotiation as a ladder of messages between this host and its peer, with how it ended in words above.
import type { Negotiation } from '../../negotiations.ts'
import { clockTime, count } from '../../words.ts'
import { isFailure, outcomeStanding, outcomeWords } from '../facts/ladders.ts'
import { Named } from './mark.tsx'

const ways = { sent: 'sent: ', received: 'received: ' } as const

export function Ladder({ negotiation }: { readonly negotiation: Negotiation }) {
  const { peer, session, rungs, omitted, reason, begunAt } = negotiation
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
        {omitted === 0 ? null : <li class="note">{`${count(omitted)} earlier steps are not kept`}</li>}
        {rungs.map(({ at, way, text, isBad }, index) => (
          <li key={omitted + index} class={`${way ?? 'note'}${isBad ? ' bad' : ''}`}>
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
