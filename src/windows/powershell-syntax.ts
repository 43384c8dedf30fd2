// What scripts that make IPsec rules use of PowerShell's language, as a tree: assignments, commands with parameters and
// splatting, pipelines, arrays, hashtables, strings with simple variables, comments, lines joined at a backtick. All else
// (functions, conditions, loops, operators, script blocks) is a problem with its line and is passed over as a whole.
import type { Problem } from '../base/result.ts'
import { LONGEST_SCRIPT, MOST_ENTRIES, MOST_PROBLEMS, problem, quoted } from './connection-security-cells.ts'
import { DASH, DOUBLE, PowerShellCursor, SINGLE, Unreadable } from './powershell-cursor.ts'
import type { Argument, Element, Expression, Pipeline, Statement } from './powershell-tree.ts'

const DEEPEST = 40
const MOST_WASTED = 1 << 25
/** A rule with sets of its own takes some ten. */
const MOST_STATEMENTS = 10 * MOST_ENTRIES
const keywords = new Set(
  'begin break catch class continue data do dynamicparam else elseif end enum exit filter finally for foreach function if in param process return switch throw trap try until using while workflow'.split(
    ' ',
  ),
)

export function readPowerShell(text: string, where: string, problems: Problem[]): readonly Statement[] {
  if (text.length > LONGEST_SCRIPT) {
    problems.push(problem(where, 'the script is longer than 16 MiB', 'take it apart'))
    return []
  }
  return new Parser(text.replace(/^\uFEFF/, ''), where, problems).script()
}

class Parser extends PowerShellCursor {
  readonly #problems: Problem[]
  readonly #where: string
  #depth = 0
  /** What was read in vain: a statement that fails late is passed over from its beginning. */
  #wasted = 0

  constructor(text: string, where: string, problems: Problem[]) {
    super(text)
    this.#where = where
    this.#problems = problems
  }

  script(): readonly Statement[] {
    const statements: Statement[] = []
    for (;;) {
      this.skip(true)
      while (this.peek() === ';') {
        this.next()
        this.skip(true)
      }
      if (this.at >= this.text.length) {
        if (this.hasOpenComment) this.#problem(this.line, 'a comment is not closed', 'write #> behind it')
        return statements
      }
      if (statements.length >= MOST_STATEMENTS) {
        this.#problem(this.line, `the script has more than ${MOST_STATEMENTS} statements`, 'take it apart')
        return statements
      }
      const [start, line] = [this.at, this.line]
      this.#depth = 0
      try {
        statements.push(this.#statement())
        this.skip(false)
        const next = this.peek()
        if (next !== '' && next !== '\n' && next !== ';') this.fail(`${quoted(next)} is not expected here`)
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error
        this.#problem(error.line, error.message, error.hint)
        this.#wasted += this.at - start
        if (this.#problems.length >= MOST_PROBLEMS || this.#wasted > MOST_WASTED) {
          this.#problem(error.line, 'there is too much that cannot be read: the rest is left out', '')
          return statements
        }
        this.at = start
        this.line = line
        this.passStatement()
      }
    }
  }

  #problem(line: number, what: string, hint: string): void {
    this.#problems.push(problem(`${this.#where}:${line}`, what, hint))
  }

  #statement(): Statement {
    const line = this.line
    const assignment = /^\$(?:\{([^}\n]{1,200})\}|((?:(?:script|global|local|private):)?\w{1,200}))[ \t]*=(?!=)/i.exec(
      this.text.slice(this.at, this.at + 500),
    )
    if (assignment !== null) {
      for (let index = 0; index < assignment[0].length; index++) this.next()
      this.skip(true)
      const variable = variableName(assignment[1] ?? assignment[2]!)
      return { line, variable, pipeline: this.#pipeline() }
    }
    const word = /^[a-z]+\b/i.exec(this.text.slice(this.at, this.at + 40))?.[0].toLowerCase()
    if (word !== undefined && keywords.has(word) && !DASH.test(this.peek(word.length))) {
      this.fail(`${word} is not read here`, 'write the commands that make the rules one after the other')
    }
    return { line, pipeline: this.#pipeline() }
  }

  #pipeline(): Pipeline {
    const elements = [this.#element()]
    for (;;) {
      this.skip(false)
      if (this.peek() !== '|') return elements
      if (this.peek(1) === '|') this.fail('|| is not read here')
      this.next()
      this.skip(true)
      elements.push(this.#element())
    }
  }

  #element(): Element {
    const line = this.line
    const letter = this.peek()
    if (letter === '&' || letter === '.')
      this.fail(`calling by ${letter} is not read here`, 'write the name of the command')
    if (/[$("'@\d\u2018-\u201f]/.test(letter)) return { kind: 'expression', value: this.#list(), line }
    if (letter === '[') this.fail('types in brackets are not read here', 'write the value itself')
    const name = /^[A-Za-z][\w.\\:]*(?:[-\u2013\u2014\u2015][\w.]+)*/.exec(this.text.slice(this.at, this.at + 300))?.[0]
    if (name === undefined) this.fail(`${quoted(letter)} begins no command`)
    for (let index = 0; index < name.length; index++) this.next()
    return { kind: 'command', name: name.replace(/[\u2013\u2014\u2015]/g, '-'), arguments: this.#arguments(), line }
  }

  #arguments(): readonly Argument[] {
    const found: Argument[] = []
    for (;;) {
      this.skip(false)
      const line = this.line
      const letter = this.peek()
      if (letter === '' || /[\n;|)}]/.test(letter)) return found
      if (found.length >= MOST_ENTRIES) this.fail('the command has too many arguments')
      if (DASH.test(letter) && /[A-Za-z?]/.test(this.peek(1))) {
        this.next()
        const name = this.word(/[\w?]/)
        if (this.peek() === ':') {
          this.next()
          this.skip(false)
          found.push({ kind: 'parameter', name, line, value: this.#list(true) })
        } else found.push({ kind: 'parameter', name, line })
      } else if (letter === '@' && /\w/.test(this.peek(1))) {
        this.next()
        found.push({ kind: 'splat', name: variableName(this.word(/[\w:]/)), line })
      } else if (letter === '>' || (/\d/.test(letter) && this.peek(1) === '>')) {
        this.fail('output to a file is not read here', 'leave out the > and what follows it')
      } else found.push({ kind: 'value', value: this.#list(true), line })
    }
  }

  /** Values with commas between; one value stands for itself. `bare`: words without quotes are texts. */
  #list(bare = false): Expression {
    const entries = [this.#value(bare)]
    for (;;) {
      const [at, line] = [this.at, this.line]
      this.skip(false)
      if (this.peek() !== ',') {
        // Blanks before what is no comma belong to what follows.
        this.at = at
        this.line = line
        const operator = bare ? null : /^\s*(\+|\*|[-\u2013](?=[a-z]{1,12}\s)|\.\.)/i.exec(this.text.slice(at, at + 40))
        if (operator !== null)
          this.fail(`the operator ${quoted(operator[1]!)} is not read here`, 'write the value itself')
        return entries.length === 1 ? entries[0]! : { kind: 'array', entries }
      }
      this.next()
      this.skip(true)
      if (entries.length >= MOST_ENTRIES) this.fail(`the list has more than ${MOST_ENTRIES} entries`)
      entries.push(this.#value(bare))
    }
  }

  #value(bare: boolean): Expression {
    if (++this.#depth > DEEPEST) this.fail('values are nested too deep')
    const value = this.#members(this.#primary(bare))
    this.#depth--
    return value
  }

  #members(value: Expression): Expression {
    let whole = value
    const canHave = value.kind === 'variable' || value.kind === 'pipeline' || value.kind === 'array'
    while (canHave && this.peek() === '.' && /[A-Za-z_]/.test(this.peek(1))) {
      this.next()
      whole = { kind: 'member', of: whole, name: this.word(/\w/) }
      if (this.peek() === '(') this.fail('methods are not read here', 'write the value itself')
    }
    if (canHave && this.peek() === '[') this.fail('single entries of lists are not read here', 'write the value itself')
    return whole
  }

  #primary(bare: boolean): Expression {
    const letter = this.peek()
    if (DOUBLE.test(letter)) return this.#doubleQuoted()
    if (SINGLE.test(letter)) return this.#singleQuoted()
    if (letter === '$') {
      if (this.peek(1) === '(') {
        this.next()
        return this.#parenthesised()
      }
      return this.#variable()
    }
    if (letter === '(') return this.#parenthesised()
    if (letter === '@' && this.peek(1) === '(') return this.#arrayLiteral()
    if (letter === '@' && this.peek(1) === '{') return this.#hashtable()
    if (letter === '@') this.fail('texts over several lines are not read here', 'write them in quotes on one line')
    if (letter === '{') this.fail('script blocks are not read here')
    if (letter === '[') this.fail('types in brackets are not read here', 'write the value itself')
    const word = bare ? this.word(/[^\s,;|(){}'"`\u2018-\u201f]/) : this.word(/[\w.]/)
    if (word === '') this.fail(letter === '' ? 'the script ends too early' : `${quoted(letter)} is not expected here`)
    // In an expression a word without quotes would be a command.
    const number = /^\d{1,15}(\.\d{1,6})?$/.test(word)
    if (!number && !bare) this.fail(`${quoted(word)} is no value`, 'write texts in quotes')
    return number && !bare ? { kind: 'number', number: Number(word) } : { kind: 'text', text: word }
  }

  #variable(): Expression {
    this.next()
    if (this.peek() === '{') {
      this.next()
      const name = this.word(/[^}\n]/)
      if (this.next() !== '}') this.fail('a variable in braces is not closed')
      return { kind: 'variable', name: variableName(name) }
    }
    const name = this.word(/[\w:?]/)
    if (name === '') this.fail('$ names no variable')
    return { kind: 'variable', name: variableName(name) }
  }

  #parenthesised(): Expression {
    this.next()
    if (++this.#depth > DEEPEST) this.fail('values are nested too deep')
    this.skip(true)
    const pipeline = this.#pipeline()
    this.skip(true)
    if (this.next() !== ')') this.fail('a parenthesis is not closed', 'one command stands in it')
    this.#depth--
    return { kind: 'pipeline', pipeline }
  }

  #arrayLiteral(): Expression {
    this.next()
    this.next()
    if (++this.#depth > DEEPEST) this.fail('values are nested too deep')
    const entries: Expression[] = []
    for (;;) {
      this.skip(true)
      if (this.peek() === ')') break
      if (this.peek() === ';') this.next()
      else if (entries.length >= MOST_ENTRIES) this.fail(`the list has more than ${MOST_ENTRIES} entries`)
      else entries.push({ kind: 'pipeline', pipeline: this.#pipeline() })
      this.skip(false)
      if (!/[\n;)]/.test(this.peek())) this.fail('a list is not closed', 'write ) behind it')
    }
    this.next()
    this.#depth--
    return { kind: 'array', entries }
  }

  #hashtable(): Expression {
    this.next()
    this.next()
    if (++this.#depth > DEEPEST) this.fail('values are nested too deep')
    const entries: { key: string; value: Expression; line: number }[] = []
    for (;;) {
      this.skip(true)
      while (this.peek() === ';') {
        this.next()
        this.skip(true)
      }
      if (this.peek() === '}') break
      const line = this.line
      const quote = this.peek()
      const isQuoted = DOUBLE.test(quote) || SINGLE.test(quote)
      const literal = isQuoted ? this.#primary(false) : undefined
      const key = literal === undefined ? this.word(/\w/) : literal.kind === 'text' ? literal.text : ''
      this.skip(false)
      if (key === '' || this.next() !== '=') this.fail('a hashtable is lines of Name = value')
      if (entries.length >= MOST_ENTRIES) this.fail(`the table has more than ${MOST_ENTRIES} entries`)
      this.skip(true)
      entries.push({ key, value: { kind: 'pipeline', pipeline: this.#pipeline() }, line })
      this.skip(false)
      if (!/[\n;}]/.test(this.peek())) this.fail('a hashtable is not closed', 'write } behind it')
    }
    this.next()
    this.#depth--
    return { kind: 'hashtable', entries }
  }

  #singleQuoted(): Expression {
    this.next()
    let text = ''
    for (;;) {
      if (this.at >= this.text.length) this.fail('a text in quotes is not closed')
      const letter = this.next()
      if (!SINGLE.test(letter)) text += letter
      else if (SINGLE.test(this.peek())) text += this.next()
      else return { kind: 'text', text }
    }
  }

  #doubleQuoted(): Expression {
    this.next()
    const parts: Expression[] = []
    let text = ''
    for (;;) {
      if (this.at >= this.text.length) this.fail('a text in quotes is not closed')
      const letter = this.peek()
      if (letter === '`') {
        this.next()
        const escaped = this.next()
        text += escapes.get(escaped) ?? escaped
      } else if (DOUBLE.test(letter)) {
        this.next()
        if (!DOUBLE.test(this.peek())) break
        text += this.next()
      } else if (letter === '$' && /[\w({:]/.test(this.peek(1))) {
        if (text !== '') parts.push({ kind: 'text', text })
        text = ''
        const isGroup = this.peek(1) === '('
        if (isGroup) this.next()
        parts.push(isGroup ? this.#parenthesised() : this.#variable())
      } else text += this.next()
    }
    if (parts.length === 0) return { kind: 'text', text }
    if (text !== '') parts.push({ kind: 'text', text })
    return { kind: 'joined', parts }
  }
}

const escapes = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['0', '\0'],
])

function variableName(name: string): string {
  return name.replace(/^(script|global|local|private):/i, '').toLowerCase()
}
