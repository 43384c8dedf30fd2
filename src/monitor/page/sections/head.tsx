// The head of the page: whether all is sealed, in one word with its colour and shape, who enforces what, and what is wrong.

import type { Theme } from '../browser.ts'
import { headFacts } from '../facts/head-facts.ts'
import { type Overall, type OverallKind, overallOf } from '../facts/overall.ts'
import type { PageState } from '../facts/page-state.ts'
import type { Standing } from '../facts/peers.ts'
import { hashOf, type Section, sections } from '../facts/route.ts'
import { Mark } from '../parts/mark.tsx'

const standingOf: Readonly<Record<OverallKind, Standing>> = {
  ...{ waiting: 'idle', gone: 'failed', leaked: 'leaked', unguarded: 'leaked', silent: 'failed' },
  ...{ changing: 'negotiating', clear: 'clear', exempt: 'exempt', sealed: 'sealed' },
}

interface HeadProps {
  readonly state: PageState
  readonly section: Section
  readonly theme: Theme
  readonly onTheme: (theme: Theme) => void
}

export function Head({ state, section, theme, onTheme }: HeadProps) {
  const { status } = state.view
  const overall = overallOf(state)
  return (
    <header class={`head v-${overall.kind}`}>
      <div class="top">
        <h1>
          <span class="product">sealwire</span> <span class="policy">{status?.policy.name ?? ''}</span>
        </h1>
        <ThemeChoice theme={theme} onTheme={onTheme} />
      </div>
      <Verdict overall={overall} />
      <dl class="facts">
        {headFacts(state).map(({ label, value, isBad }) => (
          <div key={label} class={isBad ? 'bad' : ''}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Warnings warnings={status?.warnings ?? []} />
      <nav aria-label="Parts of the monitor">
        <ul>
          {sections.map(name => (
            <li key={name}>
              <a href={hashOf(name)} aria-current={name === section ? 'page' : undefined}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </header>
  )
}

/** Read out when the word changes, and not with every second's numbers. */
function Verdict({ overall }: { readonly overall: Overall }) {
  return (
    <div class="verdict">
      <Mark standing={standingOf[overall.kind]} />
      <p class="word" role="status">
        {overall.word}
      </p>
      <p class="sentence">{overall.sentence}</p>
    </div>
  )
}

const MOST_WARNINGS = 3

function Warnings({ warnings }: { readonly warnings: readonly string[] }) {
  if (warnings.length === 0) return null
  const [first, more] = [warnings.slice(0, MOST_WARNINGS), warnings.slice(MOST_WARNINGS)]
  return (
    <section class="warnings" aria-label="Warnings">
      <ul>
        {first.map(text => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      {more.length === 0 ? null : (
        <details>
          <summary>{`and ${more.length} more`}</summary>
          <ul>
            {more.map(text => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  )
}

const themes = { system: 'as the system', light: 'light', dark: 'dark' } as const

function ThemeChoice({ theme, onTheme }: Pick<HeadProps, 'theme' | 'onTheme'>) {
  return (
    <label class="theme">
      <span>Colours</span>
      <select value={theme} onChange={event => onTheme(event.currentTarget.value as Theme)}>
        {Object.entries(themes).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}
