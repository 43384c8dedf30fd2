// Which part of the page is shown, as the fragment of its address says it: so that links, the back button and bookmarks work.

export const sections = [
  'overview',
  'associations',
  'negotiations',
  'exemptions',
  'policy',
  'statistics',
  'log',
] as const
export type Section = (typeof sections)[number]

export interface Route {
  readonly section: Section
  /** What is chosen there: a peer's address, a session. */
  readonly chosen: string | undefined
}

export function routeOf(hash: string): Route {
  const [name, ...rest] = hash.replace(/^#/, '').split('/')
  const section = sections.find(one => one === name) ?? 'overview'
  const chosen = rest.join('/')
  return { section, chosen: chosen === '' ? undefined : decoded(chosen) }
}

export function hashOf(section: Section, chosen?: string): string {
  return chosen === undefined ? `#${section}` : `#${section}/${encodeURIComponent(chosen)}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
