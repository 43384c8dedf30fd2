// What the page needs of its browser that is not drawing: clock, timers, what is kept in the tab, and requests. Everything else
// of the page is given these.

/** Milliseconds; only differences mean something. */
export function now(): number {
  return performance.now()
}

export function after(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

/** Where the page is out of sight there are no frames, and nobody to see one. */
export function onNextFrame(run: () => void): void {
  if (document.hidden) setTimeout(run, 250)
  else requestAnimationFrame(run)
}

const TOKEN = 'sealwire-token'
const THEME = 'sealwire-theme'

/** From the address, once: it is kept in this tab, and neither history nor a screenshot of the address bar has it. */
export function takeToken(): string | null {
  const given = /^#token=(.+)$/.exec(location.hash)?.[1]
  if (given !== undefined) {
    keep(sessionStorage, TOKEN, decodeURIComponent(given))
    history.replaceState(null, '', location.pathname)
  }
  return kept(sessionStorage, TOKEN)
}

export type Theme = 'system' | 'light' | 'dark'

export function takeTheme(): Theme {
  const theme = kept(localStorage, THEME)
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

export function showTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme
  keep(localStorage, THEME, theme)
}

/** Where a browser keeps nothing, the page works without. */
function kept(storage: Storage, name: string): string | null {
  try {
    return storage.getItem(name)
  } catch {
    return null
  }
}

function keep(storage: Storage, name: string, value: string): void {
  try {
    storage.setItem(name, value)
  } catch {}
}

export interface Asker {
  /** Resolves with a status of HTTP and what was answered as JSON; undefined where it was none. */
  ask(path: string, change?: unknown): Promise<{ readonly code: number; readonly value: unknown }>
  stream(path: string, signal: AbortSignal): Promise<Response>
}

export function askerWith(token: string | null): Asker {
  const headers: Readonly<Record<string, string>> = token === null ? {} : { authorization: `Bearer ${token}` }
  const common = { cache: 'no-store', credentials: 'omit', redirect: 'error' } as const
  return {
    async ask(path, change) {
      const response =
        change === undefined
          ? await fetch(path, { ...common, headers })
          : await fetch(path, {
              ...{ ...common, method: 'POST', body: JSON.stringify(change) },
              headers: { ...headers, 'content-type': 'application/json' },
            })
      const value: unknown = await response.json().catch(() => undefined)
      return { code: response.status, value }
    },
    stream: (path, signal) => fetch(path, { ...common, headers, signal }),
  }
}
