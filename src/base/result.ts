// Success or failure as values. A Problem is what a person's input gets back: where it is, what is wrong, what to do.
// Peers and people never cause an exception; only the operating system and our own mistakes do.

export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }

export function success<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

export function failure<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error }
}

/** A fault in a person's input. An `error` stops the command with exit status 2; a `warning` is said and passed over. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  /** File, line and column where they are known, then the path inside: `policy.yaml:7:5 rules[0].mode`. */
  readonly where: string
  readonly what: string
  /** What to do about it; empty where nothing can be advised. */
  readonly hint: string
}

export function formatProblem(problem: Problem): string {
  return `${problem.where}: ${problem.what}${problem.hint === '' ? '' : ` (${problem.hint})`}`
}

/** The nearest of `known` to a misspelt word, or undefined where none is near: at most a third of its letters differ. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
