// What becomes of a kind of traffic, in words and with the mark that the page has for it.
import type { Fate } from '../../setting-change.ts'
import type { Standing } from './peers.ts'

export const fateWords: Readonly<Record<Fate, string>> = {
  exempt: 'exempt, in clear',
  secured: 'sealed',
  blocked: 'blocked',
  permitted: 'in clear, permitted',
}

export const fateStandings: Readonly<Record<Fate, Standing>> = {
  exempt: 'exempt',
  secured: 'sealed',
  blocked: 'failed',
  permitted: 'permitted',
}

export const actionStandings = { permit: 'permitted', block: 'failed', negotiate: 'sealed' } as const

/** Answers of the server that are no success, in words; whatever it says is held to be wrong until it is read. */
export function refusalWords(code: number, value: unknown): readonly string[] {
  const problems = typeof value === 'object' && value !== null && 'problems' in value ? value.problems : undefined
  const words = Array.isArray(problems) ? problems.flatMap(problemWords) : []
  if (words.length > 0) return words
  if (code === 401) return ['The token is no longer good. Open the address that sealwire monitor --web prints.']
  return [`The server answers ${code}.`]
}

function problemWords(problem: unknown): readonly string[] {
  if (typeof problem !== 'object' || problem === null || !('what' in problem)) return []
  const { what, where, hint } = problem as { readonly what: unknown; readonly where?: unknown; readonly hint?: unknown }
  const text = (one: unknown) => (typeof one === 'string' && one !== '' ? one : undefined)
  return [
    [[text(where), text(what)].filter(one => one !== undefined).join(': '), text(hint)]
      .filter(one => one !== undefined)
      .join('. '),
  ]
}
