// The parameters of a `netsh ipsec` command: `tag=value` with tags shortened to what is unique, or values alone in the order
// of the tags, and words such as `all` that stand for themselves. Every word that means nothing is a problem.
import type { Problem } from '../base/result.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { meaning, problem, quoted } from './connection-security-cells.ts'

export interface CommandShape {
  /** In the order in which values without a tag belong to them. */
  readonly tags: readonly string[]
  /** Words without a value. */
  readonly flags?: readonly string[]
  /** Tags that may come more than once. */
  readonly repeated?: readonly string[]
}

export class NetshParameters {
  readonly at: string
  readonly flags: ReadonlySet<string>
  readonly problems: Problem[]
  readonly #given: readonly (readonly [tag: string, value: string])[]

  constructor(
    at: string,
    given: readonly (readonly [string, string])[],
    flags: ReadonlySet<string>,
    problems: Problem[],
  ) {
    this.at = at
    this.#given = given
    this.flags = flags
    this.problems = problems
  }

  get(tag: string): string | undefined {
    return this.#given.find(([name]) => name === tag)?.[1]
  }

  has(tag: string): boolean {
    return this.get(tag) !== undefined
  }

  /** Those of some tags, in the order in which they were written. */
  ordered(tags: readonly string[]): readonly (readonly [tag: string, value: string])[] {
    return this.#given.filter(([tag]) => tags.includes(tag))
  }

  wrong(what: string, hint = ''): undefined {
    this.problems.push(problem(this.at, what, hint))
    return undefined
  }

  /** Undefined where the tag was not given, or was and means nothing. */
  read<T>(tag: string, reader: (text: string) => Cell<T>): T | undefined {
    const text = this.get(tag)
    if (text === undefined) return undefined
    const cell = reader(text)
    if (cell.ok) return cell.value
    return this.wrong(`${tag}: ${cell.error.what}`, cell.error.hint)
  }

  /** Whether all of these were given; what is missing is a problem. */
  needs(...tags: readonly string[]): boolean {
    const missing = tags.filter(tag => !this.has(tag))
    for (const tag of missing) this.wrong(`${tag} is missing`, `write ${tag}=`)
    return missing.length === 0
  }

  /** Whether no problem was found so far. */
  get isFine(): boolean {
    return this.problems.length === 0
  }
}

export function readNetshParameters(words: readonly string[], shape: CommandShape, at: string): NetshParameters {
  const problems: Problem[] = []
  const given: (readonly [string, string])[] = []
  const flags = new Set<string>()
  const { tags, flags: known = [], repeated = [] } = shape
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals < 0 && known.includes(word.toLowerCase())) {
      flags.add(word.toLowerCase())
      continue
    }
    const tag = equals < 0 ? nextTag(tags, given) : tagNamed(word.slice(0, equals).trim(), tags, at, problems)
    if (tag === undefined) {
      if (equals < 0) problems.push(problem(at, `${quoted(word)} is one value too many`, `the tags are ${list(tags)}`))
      continue
    }
    if (given.some(([name]) => name === tag) && !repeated.includes(tag))
      problems.push(problem(at, `${tag} comes twice`, 'write it once'))
    else given.push([tag, equals < 0 ? word : word.slice(equals + 1).trim()])
  }
  return new NetshParameters(at, given, flags, problems)
}

/** A value without a tag belongs to the first tag that has none yet. */
function nextTag(tags: readonly string[], given: readonly (readonly [string, string])[]): string | undefined {
  return tags.find(tag => !given.some(([name]) => name === tag))
}

function tagNamed(word: string, tags: readonly string[], at: string, problems: Problem[]): string | undefined {
  const lower = word.toLowerCase()
  if (tags.includes(lower)) return lower
  const begun = lower === '' ? [] : tags.filter(tag => tag.startsWith(lower))
  if (begun.length === 1) return begun[0]
  if (begun.length > 1)
    problems.push(problem(at, `the tag ${quoted(word)} may be ${begun.join(' or ')}`, 'write more of it'))
  else problems.push(problem(at, `the tag ${quoted(word)} is not known`, meaning(lower, tags)))
  return undefined
}

function list(tags: readonly string[]): string {
  return tags.length === 0 ? 'none' : tags.join(', ')
}
