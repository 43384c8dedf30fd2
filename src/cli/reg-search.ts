// What `reg query` finds: the values and keys of a key, of all below it, or those among them that a search matches.
import { keysFrom, type RegistryKey } from '../settings/registry.ts'
import { folded, isSameName } from '../settings/registry-name.ts'
import type { RegistryValue } from '../settings/value.ts'
import { dataWords, typeWord } from '../settings/value-words.ts'

export interface RegQuestion {
  /** One value by its name; the empty name is the default value. */
  readonly name?: string
  readonly below: boolean
  readonly search?: {
    /** `*` is any run of characters. */
    readonly text: string
    readonly inKeys: boolean
    readonly inData: boolean
    readonly isCaseSensitive: boolean
    readonly isExact: boolean
  }
  readonly type?: string
}

export interface Found {
  readonly path: string
  readonly values: readonly RegistryValue[]
  /** The key itself was looked for, or belongs to what was asked for, though it has no such value. */
  readonly isNamed: boolean
}

/** `path` as the registry spells it. */
export function search(key: RegistryKey, path: string, question: RegQuestion): readonly Found[] {
  const isSearch = question.search !== undefined || question.name !== undefined || question.type !== undefined
  const all = question.below ? keysFrom(key, path) : [{ path, key }]
  const found: Found[] = []
  for (const at of all) {
    const values = at.key.values.filter(value => isWanted(value, question))
    const isNamed = isSearch ? at.path !== path && isKeyWanted(at.key.name, question) : true
    if (values.length > 0 || isNamed) found.push({ path: at.path, values, isNamed })
  }
  if (question.below) return found
  const children = key.keys.filter(child => (isSearch ? isKeyWanted(child.name, question) : true))
  return [...found, ...children.map(child => ({ path: `${path}\\${child.name}`, values: [], isNamed: true }))]
}

function isKeyWanted(name: string, { search, name: valueName, type }: RegQuestion): boolean {
  if (search === undefined || valueName !== undefined || type !== undefined) return false
  // Without /k and /d everything is searched; with /d alone, data only.
  return (search.inKeys || !search.inData) && matches(name, search)
}

function isWanted(value: RegistryValue, { name, search, type }: RegQuestion): boolean {
  if (name !== undefined && !isSameName(name, value.name)) return false
  if (type !== undefined && typeWord(value) !== type) return false
  if (search === undefined) return true
  const { inKeys, inData } = search
  const isAll = !inKeys && !inData
  if ((inData || isAll) && matches(dataWords(value), search)) return true
  return isAll && name === undefined && matches(value.name, search)
}

function matches(
  text: string,
  { text: wanted, isCaseSensitive, isExact }: NonNullable<RegQuestion['search']>,
): boolean {
  const [where, what] = isCaseSensitive ? [text, wanted] : [folded(text), folded(wanted)]
  return isLike(where, isExact ? what : `*${what}*`)
}

/** Whether a text is like a pattern with `*` in it; in the time of their lengths, whatever the pattern is. */
function isLike(text: string, pattern: string): boolean {
  const [first, ...rest] = pattern.split('*')
  if (rest.length === 0) return text === first
  const last = rest.pop()!
  if (!text.startsWith(first!) || text.length < first!.length + last.length || !text.endsWith(last)) return false
  let at = first!.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= text.length - last.length
}
