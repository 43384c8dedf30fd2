// Values of a script of PowerShell and how parameters take them: texts, lists, switches. Lists in lists are laid flat, as
// parameters of these commands take them, which keeps what a hostile script can grow bounded.

import { MOST_ENTRIES } from './connection-security-cells.ts'
import type { AuthProposal, MainModeProposal, QuickModeProposal } from './connection-security-rules.ts'

export type ObjectKind =
  | 'rule'
  | 'main-mode-rule'
  | 'auth1-set'
  | 'auth2-set'
  | 'main-mode-set'
  | 'quick-mode-set'
  | 'setting'

export type PowerShellObject =
  | { readonly kind: 'auth-proposal'; readonly proposal: AuthProposal }
  | { readonly kind: 'main-mode-proposal'; readonly proposal: MainModeProposal }
  | { readonly kind: 'quick-mode-proposal'; readonly proposal: QuickModeProposal }
  /** Something of the policy, by its id. */
  | { readonly kind: ObjectKind; readonly id: string; readonly name: string }
  | {
      readonly kind: 'hashtable'
      readonly entries: ReadonlyMap<string, { readonly key: string; readonly value: PowerShellValue }>
    }

export type Scalar = string | number | boolean | null | PowerShellObject
export type PowerShellValue = Scalar | readonly Scalar[]

export const LONGEST_TEXT = 1 << 16

/** What a value holds, one after the other; nothing holds nothing. */
export function entriesOf(value: PowerShellValue): readonly Scalar[] {
  if (value === null) return []
  return Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar]
}

/** One list of several values; undefined where it would be longer than lists may be. */
export function flatList(values: readonly PowerShellValue[]): PowerShellValue | undefined {
  let length = 0
  for (const value of values) length += Array.isArray(value) ? value.length : 1
  return length > MOST_ENTRIES
    ? undefined
    : values.flatMap(value => (Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar]))
}

/** As PowerShell writes it into a text; undefined for what has no text that means anything. */
export function textOfValue(value: PowerShellValue): string | undefined {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (!Array.isArray(value)) return undefined
  const texts = (value as readonly Scalar[]).map(textOfValue)
  return texts.includes(undefined) ? undefined : texts.join(' ')
}

/** `True` and `False` as texts too: commands for rules take them. */
export function booleanOf(value: PowerShellValue): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (value === 1 || value === 0) return value === 1
  const word = typeof value === 'string' ? value.toLowerCase() : ''
  return word === 'true' || word === '1' ? true : word === 'false' || word === '0' ? false : undefined
}

/** `*` and `?` as wildcards, without regard to case, in time proportional to both lengths. */
export function isLike(text: string, pattern: string): boolean {
  const [a, b] = [text.toLowerCase(), pattern.toLowerCase()]
  let [at, to, star, mark] = [0, 0, -1, 0]
  while (at < a.length) {
    if (b[to] === '*') {
      star = to++
      mark = at
    } else if (b[to] === '?' || b[to] === a[at]) {
      at++
      to++
    } else if (star >= 0) {
      to = star + 1
      at = ++mark
    } else return false
  }
  while (b[to] === '*') to++
  return to === b.length
}
