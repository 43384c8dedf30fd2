// All negotiations that are kept, what failed on top, and the ladder of the chosen one beside them.
import type { Negotiation } from '../../negotiations.ts'
import { clockTime } from '../../words.ts'
import { ordered, outcomeStanding, outcomeWords } from '../facts/ladders.ts'
import { hashOf } from '../facts/route.ts'
import { Ladder } from '../parts/ladder.tsx'
import { Mark } from '../parts/mark.tsx'

interface NegotiationsProps {
  readonly negotiations: readonly Negotiation[]
  readonly chosen: string | undefined
}

export function Negotiations({ negotiations, chosen }: NegotiationsProps) {
  const rows = ordered(negotiations)
  const shown = rows.find(({ session }) => session === chosen) ?? rows[0]
  return (
    <section class="negotiations" aria-labelledby="negotiations-title">
      <h2 id="negotiations-title">Negotiations</h2>
      {shown === undefined ? (
        <p class="empty">Nothing was negotiated since this page was opened.</p>
      ) : (
        <div class="beside">
          <ul class="choices" aria-label="Negotiations, those that failed first">
            {rows.map(one => (
              <li key={one.session}>
                <a href={hashOf('negotiations', one.session)} aria-current={one === shown ? 'true' : undefined}>
                  <Mark standing={outcomeStanding(one)} />
                  <span class="who">{one.peer ?? 'unknown host'}</span>
                  <span class="soft">{clockTime(one.lastAt)}</span>
                  <span class="how">{one.reason ?? outcomeWords(one)}</span>
                </a>
              </li>
            ))}
          </ul>
          <Ladder negotiation={shown} />
        </div>
      )}
    </section>
  )
}
