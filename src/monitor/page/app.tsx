// The page as a whole: head, the part that the address names, and what to do where nobody is let in.
import { useEffect, useState } from 'preact/hooks'
import { printable } from '../../base/printable.ts'
import { type Asker, showTheme, type Theme } from './browser.ts'
import { overallOf } from './facts/overall.ts'
import type { PageState } from './facts/page-state.ts'
import { peerAt } from './facts/peers.ts'
import { type Route, routeOf } from './facts/route.ts'
import type { FeedStore } from './feed-store.ts'
import { Associations } from './sections/associations.tsx'
import { Exemptions } from './sections/exemptions.tsx'
import { Head } from './sections/head.tsx'
import { Log } from './sections/log.tsx'
import { Negotiations } from './sections/negotiations.tsx'
import { Overview } from './sections/overview.tsx'
import { Policy } from './sections/policy.tsx'
import { Statistics } from './sections/statistics.tsx'

interface AppProps {
  readonly store: FeedStore
  readonly asker: Asker
  readonly firstTheme: Theme
}

export function App({ store, asker, firstTheme }: AppProps) {
  const [state, setState] = useState(store.state)
  const [route, setRoute] = useState(() => routeOf(location.hash))
  const [theme, setTheme] = useState(firstTheme)
  const isDark = useIsDark(theme)
  useEffect(() => store.read(setState), [store])
  useEffect(() => {
    const onChange = () => setRoute(routeOf(location.hash))
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  useEffect(() => showTheme(theme), [theme])
  const { word } = overallOf(state)
  const policy = state.view.status?.policy.name
  useEffect(() => {
    document.title = printable(`${word} – ${policy ?? 'sealwire'}`)
  }, [word, policy])
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        To the content
      </button>
      <Head state={state} section={route.section} theme={theme} onTheme={setTheme} />
      <main id="main" tabIndex={-1}>
        <Section {...{ state, route, asker }} colors={isDark ? 'dark' : 'light'} />
      </main>
    </>
  )
}

/** The fragment names a part of the monitor, so the jump is made by hand. */
function skip(): void {
  document.getElementById('main')?.focus()
}

interface SectionProps {
  readonly state: PageState
  readonly route: Route
  readonly asker: Asker
  readonly colors: string
}

function Section({ state, route: { section, chosen }, asker, colors }: SectionProps) {
  const { view } = state
  if (view.status === null)
    return (
      <p class="empty">
        {view.connection === 'lost' ? `${view.lostBecause ?? 'The agent is not reached'}.` : 'Asking the agent …'}
      </p>
    )
  switch (section) {
    case 'overview':
      return <Overview state={state} colors={colors} />
    case 'associations':
      return (
        <Associations associations={view.associations} peer={chosen === undefined ? undefined : peerAt(view, chosen)} />
      )
    case 'negotiations':
      return <Negotiations negotiations={view.negotiations} chosen={chosen} />
    case 'exemptions':
      return <Exemptions state={state} asker={asker} />
    case 'policy':
      return <Policy status={view.status} asker={asker} />
    case 'statistics':
      return <Statistics status={view.status} />
    case 'log':
      return <Log view={view} />
  }
}

function useIsDark(theme: Theme): boolean {
  const [isSystemDark, setIsSystemDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const onChange = () => setIsSystemDark(query.matches)
    query.addEventListener('change', onChange)
    return () => query.removeEventListener('change', onChange)
  }, [])
  return theme === 'system' ? isSystemDark : theme === 'dark'
}

/** Where the token is missing or wrong. */
export function NotLetIn({ hasToken }: { readonly hasToken: boolean }) {
  return (
    <main class="not-let-in">
      <h1>sealwire</h1>
      <p>
        {hasToken ? 'The token of this page is not, or no longer, good.' : 'This page was opened without its token.'}
      </p>
      <p>
        Open the address that <code>sealwire monitor --web</code> prints, with everything behind the <code>#</code>. For
        an agent that serves the page itself, put <code>#token=</code> and the content of its token file behind the
        address.
      </p>
    </main>
  )
}
