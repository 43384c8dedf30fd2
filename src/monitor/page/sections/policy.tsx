// The policy in force, rule by rule in the order of the policy, each with how often it decided.
import { useState } from 'preact/hooks'
import type { AgentStatus } from '../../agent-status.ts'
import type { PolicyView, RuleView } from '../../policy-view.ts'
import { type RuleHits, ruleHits } from '../../rule-hits.ts'
import { count } from '../../words.ts'
import type { Asker } from '../browser.ts'
import { actionStandings } from '../facts/fates.ts'
import { hitCount, hitParts } from '../facts/hit-words.ts'
import { momentWords } from '../facts/moment.ts'
import { actionWords, ruleExceptions, ruleFacts, ruleText } from '../facts/policy-words.ts'
import { filterRows } from '../facts/table-rows.ts'
import { FilterField } from '../parts/filter-field.tsx'
import { Mark, Named } from '../parts/mark.tsx'
import { useAnswer } from '../parts/use-answer.ts'

interface PolicyProps {
  readonly status: AgentStatus
  readonly asker: Asker
}

/** Drawn at once; of more a filter finds the ones that are wanted. */
const MOST_SHOWN = 100

export function Policy({ status, asker }: PolicyProps) {
  const { policy } = status
  const [filter, setFilter] = useState('')
  const answer = useAnswer<PolicyView>(asker, '/policy', policy.loadedAt)
  const hits = new Map(ruleHits(status).map(one => [one.rule, one]))
  const rules = answer.kind === 'fine' ? filterRows(answer.value.rules, ruleText, filter) : []
  const shown = rules.slice(0, MOST_SHOWN)
  return (
    <section aria-labelledby="policy-title">
      <div class="title">
        <h2 id="policy-title">{policy.name}</h2>
        <FilterField label="Rule, filter, address" value={filter} onValue={setFilter} />
        <p class="soft">{`${policy.source}, profile ${policy.profile}, in force since ${momentWords(policy.loadedAt, status.at)} UTC`}</p>
      </div>
      {policy.refused === null ? null : (
        <section class="card bad-edge" aria-label="Refused">
          <h3>{`Its newest form was refused at ${momentWords(policy.refused.at, status.at)} UTC`}</h3>
          <ul>
            {policy.refused.problems.map(text => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </section>
      )}
      {answer.kind === 'waiting' ? <p class="empty">Asking for the policy …</p> : null}
      {answer.kind === 'refused' ? answer.words.map(text => <p key={text}>{text}</p>) : null}
      <ol class="rules">
        {shown.map(rule => (
          <Rule key={rule.name} rule={rule} hits={hits.get(rule.name)} />
        ))}
      </ol>
      {rules.length > shown.length ? (
        <p class="note">{`${count(rules.length - shown.length)} more rules: the filter finds them.`}</p>
      ) : null}
      {answer.kind === 'fine' && answer.value.moreRules > 0 ? (
        <p class="note">{`${count(answer.value.moreRules)} rules are too many to be sent: sealwire policy show has them.`}</p>
      ) : null}
    </section>
  )
}

function Rule({ rule, hits }: { readonly rule: RuleView; readonly hits: RuleHits | undefined }) {
  const { name, action, filters, moreFilters } = rule
  const all = hitCount(hits)
  const exceptions = ruleExceptions(rule)
  return (
    <li class="card rule">
      <h3>
        <Named standing={actionStandings[action]} word={actionWords[action]} />
        <span>{name}</span>
        <span class="hits">{all === 0 ? 'no packet yet' : all === 1 ? 'one packet' : `${count(all)} packets`}</span>
      </h3>
      {hits === undefined || all === 0 ? null : (
        <ul class="hit-parts">
          {hitParts(hits).map(({ standing, words }) => (
            <li key={words}>
              <Mark standing={standing} /> {words}
            </li>
          ))}
        </ul>
      )}
      <ul class="filters">
        {filters.map(text => (
          <li key={text}>
            <code>{text}</code>
          </li>
        ))}
        {moreFilters === 0 ? null : <li>{`and ${count(moreFilters)} more`}</li>}
      </ul>
      <dl class="facts">
        {ruleFacts(rule).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {exceptions.length === 0 ? null : <p class="note">{`This rule ${exceptions.join(' and ')}.`}</p>}
    </li>
  )
}
