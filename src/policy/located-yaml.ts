// YAML 1.2 (and with it JSON) as plain values that remember where they were written. Made for files that may be hostile:
// size, depth and what aliases expand to are bounded, keys are counted once, no tag builds anything, nothing is thrown.
// Left out: merge keys, several documents, tags. The parser's own messages can quote the file, secrets too, so each of
// its errors is said in words of ours.
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml'
import { failure, type Problem, type Result, success } from '../base/result.ts'

/** Characters. A rule takes some 200, so this is a policy of more than 20,000 rules. */
export const LARGEST_TEXT = 4_000_000
/** A policy nests seven deep. */
const DEEPEST = 32
/** Values that aliases may stand for, taken together. */
const MOST_ALIASED = 20_000

export type Path = readonly (string | number)[]

export interface LocatedValue {
  /** Plain data: null, booleans, numbers, strings, lists and mappings without a prototype. */
  readonly value: unknown
  /** `file:line:column path` of a value, or of its key; of the nearest thing around it where it is not written. */
  where(path: Path, of?: 'value' | 'key'): string
  /** Offset in the text, to bring problems into the order of the file. */
  offset(path: Path, of?: 'value' | 'key'): number
}

/** Where the children of one list or mapping stand: offsets of keys and values. */
interface Places {
  readonly keys: ReadonlyMap<string | number, number>
  readonly values: ReadonlyMap<string | number, number>
}

export function readLocatedYaml(text: string, fileName: string): Result<LocatedValue, readonly Problem[]> {
  const problem = (where: string, what: string, hint: string): Problem => ({ severity: 'error', where, what, hint })
  if (text.length > LARGEST_TEXT) {
    const what = `the file has ${text.length} characters, more than the ${LARGEST_TEXT} that a policy may have`
    return failure([problem(fileName, what, 'is this a policy?')])
  }
  const content = text.startsWith('\ufeff') ? text.slice(1) : text
  const lines = new LineCounter()
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${fileName}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
  const document = parseDocument(content, {
    lineCounter: lines,
    prettyErrors: false,
    // Compared pair by pair there: a mapping of many keys would take minutes.
    uniqueKeys: false,
    stringKeys: true,
    resolveKnownTags: false,
    logLevel: 'error',
  })
  if (document.errors.length > 0) {
    const seen = new Map<string, Problem>()
    for (const error of document.errors) {
      const where = at(error.pos[0])
      const { what, hint } = syntaxErrors[error.code] ?? unknownSyntaxError
      if (!seen.has(where)) seen.set(where, problem(where, what, hint))
    }
    return failure([...seen.values()].slice(0, 20))
  }
  const problems: Problem[] = document.warnings.map(warning =>
    problem(at(warning.pos[0]), 'a tag or directive means nothing in a policy', 'leave the word with ! or % out'),
  )
  const converter = new Converter((offset, what, hint) => problems.push(problem(at(offset), what, hint)))
  const value = converter.convert(document.contents, 0)
  if (problems.length > 0) return failure(problems)
  const offset = (path: Path, of: 'value' | 'key' = 'value') => converter.offset(value, path, of)
  return success({
    value,
    offset,
    where: (path, of) => `${at(offset(path, of))}${path.length === 0 ? '' : ` ${formatPath(path)}`}`,
  })
}

/** `rules[0].filters[1].source` */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`
      if (!/^[\w$-]{1,60}$/.test(step)) return `[${quote(step)}]`
      return index === 0 ? step : `.${step}`
    })
    .join('')
}

/** Text from a file as it is shown: in quotes, cut where it is long, without anything that steers a terminal. */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 59)}…` : text
  return JSON.stringify(short).replace(/\p{C}/gu, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

class Converter {
  readonly #report: (offset: number, what: string, hint: string) => void
  readonly #places = new WeakMap<object, Places>()
  readonly #anchors = new Map<string, ParsedNode>()
  readonly #open = new Set<ParsedNode>()
  #aliased = 0
  #aliasDepth = 0
  #root = 0

  constructor(report: (offset: number, what: string, hint: string) => void) {
    this.#report = report
  }

  convert(node: ParsedNode | null, depth: number): unknown {
    if (node === null) return null
    if (depth === 0) this.#root = node.range[0]
    if (this.#aliasDepth > 0 && ++this.#aliased > MOST_ALIASED) {
      if (this.#aliased === MOST_ALIASED + 1) {
        this.#report(
          node.range[0],
          `aliases stand for more than ${MOST_ALIASED} values`,
          'write them out, or fewer of them',
        )
      }
      return null
    }
    if (depth > DEEPEST) {
      this.#report(node.range[0], `nested more than ${DEEPEST} deep`, 'a policy nests at most seven deep')
      return null
    }
    if (isAlias(node)) return this.#resolve(node, depth)
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    if (isScalar(node)) return node.value
    this.#open.add(node)
    const value = isSeq<ParsedNode>(node)
      ? this.#list(node.items, depth)
      : isMap(node)
        ? this.#mapping(node.items, depth)
        : null
    this.#open.delete(node)
    return value
  }

  #resolve(alias: Alias.Parsed, depth: number): unknown {
    const target = this.#anchors.get(alias.source)
    if (target === undefined) {
      this.#report(
        alias.range[0],
        `no anchor of the name ${quote(alias.source)} stands before this alias`,
        'name the anchor first',
      )
      return null
    }
    if (this.#open.has(target)) {
      this.#report(
        alias.range[0],
        `the alias ${quote(alias.source)} stands inside what it stands for`,
        'write the value out',
      )
      return null
    }
    this.#aliasDepth++
    const value = this.convert(target, depth)
    this.#aliasDepth--
    return value
  }

  #list(items: readonly ParsedNode[], depth: number): unknown {
    const values = new Map<number, number>()
    const list = items.map((item, index) => {
      values.set(index, item.range[0])
      return this.convert(item, depth + 1)
    })
    this.#places.set(list, { keys: values, values })
    return list
  }

  #mapping(pairs: readonly { key: unknown; value: unknown }[], depth: number): unknown {
    const keys = new Map<string, number>()
    const values = new Map<string, number>()
    const mapping: Record<string, unknown> = Object.create(null)
    for (const pair of pairs) {
      const keyNode = pair.key as ParsedNode
      const value = pair.value as ParsedNode | null
      const key = String(isScalar(keyNode) ? keyNode.value : '')
      const offset = keyNode.range[0]
      if (keys.has(key))
        this.#report(offset, `the key ${quote(key)} is written twice in one mapping`, 'keep one of them')
      keys.set(key, offset)
      values.set(key, value?.range[0] ?? offset)
      mapping[key] = this.convert(value, depth + 1)
    }
    this.#places.set(mapping, { keys, values })
    return mapping
  }

  offset(root: unknown, path: Path, of: 'value' | 'key'): number {
    let value = root
    let found = this.#root
    for (const [index, step] of path.entries()) {
      const places = typeof value === 'object' && value !== null ? this.#places.get(value) : undefined
      const wantsKey = of === 'key' && index === path.length - 1
      const offset = (wantsKey ? places?.keys : places?.values)?.get(step)
      if (offset === undefined) break
      found = offset
      value = (value as Record<string | number, unknown>)[step]
    }
    return found
  }
}

interface Words {
  readonly what: string
  readonly hint: string
}

const unknownSyntaxError: Words = { what: 'this is not YAML', hint: 'look at the line before it, too' }

const quotesHint = 'put the text in quotes, and close every quote and bracket'

/** The parser's errors by their code. */
const syntaxErrors: Readonly<Record<string, Words>> = {
  ALIAS_PROPS: { what: 'an alias cannot have an anchor or a tag', hint: 'leave the word with & or ! out' },
  BAD_ALIAS: { what: 'an alias or anchor has no usable name', hint: 'text that begins with * or & goes in quotes' },
  BAD_DIRECTIVE: { what: 'a line that begins with % is no known directive', hint: 'leave the line out' },
  BAD_DQ_ESCAPE: {
    what: 'a backslash in double quotes is followed by something it cannot be',
    hint: 'write \\\\ for a backslash, or use single quotes',
  },
  BAD_INDENT: {
    what: 'the indentation does not fit, or a bracket is not closed',
    hint: 'keys of one mapping begin in the same column',
  },
  BAD_SCALAR_START: { what: 'text cannot begin with this character', hint: 'put the text in quotes' },
  BLOCK_AS_IMPLICIT_KEY: {
    what: 'a colon stands where a value goes on',
    hint: 'put text that has a colon in quotes, or begin a new line',
  },
  BLOCK_IN_FLOW: { what: 'a colon or a dash stands inside brackets where it cannot', hint: quotesHint },
  MISSING_CHAR: { what: 'a colon, a quote, a comma or a bracket is missing', hint: quotesHint },
  MULTIPLE_DOCS: {
    what: 'the file has several documents',
    hint: 'a policy file is one document: leave the line --- out',
  },
  MULTILINE_IMPLICIT_KEY: {
    what: 'a key goes over several lines, or its colon is missing',
    hint: 'write key: value on one line',
  },
  NON_STRING_KEY: { what: 'a key is not text', hint: 'write key: value' },
  RESOURCE_EXHAUSTION: { what: `nested more than ${DEEPEST} deep`, hint: 'a policy nests at most seven deep' },
  TAB_AS_INDENT: {
    what: 'a tab stands in the indentation, and YAML allows only blanks there',
    hint: 'replace it with blanks',
  },
  UNEXPECTED_TOKEN: { what: 'something stands here that does not belong', hint: quotesHint },
}
