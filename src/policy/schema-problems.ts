// What the schema finds, in plain words: one Problem for each fault, at the key or value it is about. Values under
// `authentication`, `keys` and `ppk` are never shown: one of them may be a secret that slipped into the wrong place.
import type { z } from 'zod'
import { nearest, type Problem } from '../base/result.ts'
import { type LocatedValue, type Path, quote } from './located-yaml.ts'
import { keysAt } from './policy-schema.ts'

type Issue = z.core.$ZodIssue

export interface PlacedProblem {
  readonly offset: number
  readonly problem: Problem
}

export function schemaProblems(issues: readonly Issue[], file: LocatedValue): readonly PlacedProblem[] {
  return issues.flatMap(issue => problemsOf(issue, [], file))
}

function problemsOf(issue: Issue, base: Path, file: LocatedValue): readonly PlacedProblem[] {
  const path = [...base, ...(issue.path as Path)]
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownKey([...path, key], key, file))
  const value = valueAt(file.value, path)
  if (issue.code === 'invalid_union') {
    const fitting = issue.errors.find(branch => !branch.some(inner => isWrongKind(inner, value)))
    if (fitting !== undefined && fitting.length > 0) return fitting.flatMap(inner => problemsOf(inner, path, file))
  }
  const key = path.at(-1)
  if (value === undefined && typeof key === 'string') return [missingKey(path, key, issue.message, file)]
  if (issue.code === 'custom') {
    const hint: unknown = issue.params?.['hint']
    return [placed(path, 'value', issue.message, String(hint ?? ''), file)]
  }
  return [placed(path, 'value', `expected ${issue.message}, not ${shown(value, path)}`, advice(issue, value), file)]
}

/** The value is not of the kind that this branch of a union is for, so what else the branch says is no help. */
function isWrongKind(issue: Issue, value: unknown): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === 'invalid_type') return true
  return issue.code === 'invalid_value' && (typeof value !== 'string' || issue.values.length === 1)
}

function placed(path: Path, of: 'value' | 'key', what: string, hint: string, file: LocatedValue): PlacedProblem {
  return { offset: file.offset(path, of), problem: { severity: 'error', where: file.where(path, of), what, hint } }
}

function unknownKey(path: Path, key: string, file: LocatedValue): PlacedProblem {
  const colon = key.indexOf(':')
  // `{ key:1234 }` is one long key to YAML, and its second half may be a secret.
  if (colon > 0) {
    const what = `a blank is missing behind ${quote(key.slice(0, colon + 1))}`
    return placed(path.slice(0, -1), 'value', what, 'write key: value', file)
  }
  const place = path.slice(0, -1).filter(step => typeof step === 'string')
  const known = keysAt.get(place.join('.')) ?? []
  const near = nearest(key, known)
  const elsewhere = [...keysAt].find(([, keys]) => keys.includes(key))?.[0]
  const home = elsewhere === '' ? 'the policy itself' : `each of ${elsewhere}`
  const belongs = elsewhere === undefined ? `known here: ${known.join(', ')}` : `it belongs to ${home}`
  return placed(
    path,
    'key',
    `the key ${quote(key)} is unknown`,
    near === undefined ? belongs : `did you mean ${near}?`,
    file,
  )
}

function missingKey(path: Path, key: string, expected: string, file: LocatedValue): PlacedProblem {
  const inside = path.slice(0, -1)
  const where = file.where(inside)
  return {
    offset: file.offset(inside),
    problem: { severity: 'error', where, what: `the key ${quote(key)} is missing`, hint: `expected: ${expected}` },
  }
}

function advice(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const near = nearest(value, issue.values.map(String))
    return near === undefined ? '' : `did you mean ${near}?`
  }
  if (issue.message === 'true or false' && typeof value === 'string') return 'YAML reads yes, no, on and off as text'
  if (issue.message.startsWith('a list of') && value !== null && !Array.isArray(value))
    return 'put it in brackets: [ … ]'
  if (issue.message.startsWith('text in quotes') && typeof value !== 'object') return 'put it in quotes'
  return ''
}

function mayShow(path: Path): boolean {
  if (path[0] === 'keys' || path.includes('ppk')) return false
  return !path.includes('authentication') || path.includes('kdc')
}

function shown(value: unknown, path: Path): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a mapping'
  const kind = typeof value === 'string' ? 'text' : typeof value === 'number' ? 'number' : 'value'
  if (!mayShow(path)) return `this ${kind}`
  return `the ${kind} ${typeof value === 'string' ? quote(value) : String(value)}`
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}
