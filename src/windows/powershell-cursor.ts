// A place in a script of PowerShell: what comes next, blanks and comments that are passed over, and the end of a statement
// that cannot be read. Quotation marks and dashes of word processors count as their plain ones, as PowerShell takes them.

/** Thrown where a statement cannot be read, and caught where the next one begins. */
export class Unreadable extends Error {
  readonly line: number
  readonly hint: string

  constructor(line: number, what: string, hint = '') {
    super(what)
    this.line = line
    this.hint = hint
  }
}

export const DASH = /[-\u2013\u2014\u2015]/
export const DOUBLE = /["\u201c\u201d\u201e]/
export const SINGLE = /['\u2018\u2019\u201a\u201b]/

export class PowerShellCursor {
  protected readonly text: string
  protected at = 0
  /** From 1. */
  protected line = 1
  protected hasOpenComment = false

  constructor(text: string) {
    this.text = text
  }

  fail(what: string, hint = ''): never {
    throw new Unreadable(this.line, what, hint)
  }

  peek(ahead = 0): string {
    const letter = this.text[this.at + ahead] ?? ''
    return letter === '\r' ? '\n' : letter
  }

  next(): string {
    const letter = this.text[this.at++] ?? ''
    if (letter === '\n' || (letter === '\r' && this.text[this.at] !== '\n')) this.line++
    return letter
  }

  /** Blanks, comments and joined lines; line ends too where they mean nothing. */
  skip(lines: boolean): void {
    for (;;) {
      const letter = this.peek()
      if (letter === '#') while (this.at < this.text.length && this.peek() !== '\n') this.next()
      else if (letter === '<' && this.peek(1) === '#') {
        const end = this.text.indexOf('#>', this.at + 2)
        if (end < 0) {
          // What stands in it cannot be told from what does not.
          this.at = this.text.length
          this.hasOpenComment = true
          return
        }
        while (this.at < end + 2) this.next()
      } else if (letter === '`' && this.peek(1) === '\n') {
        this.next()
        if (this.next() === '\r' && this.text[this.at] === '\n') this.next()
      } else if (letter === '\n' ? lines : letter !== '' && /\s/.test(letter)) this.next()
      else return
    }
  }

  /** Behind a statement that cannot be read: to the end of its line, and of what it opens. */
  passStatement(): void {
    let depth = 0
    for (;;) {
      const letter = this.peek()
      if (letter === '') return
      if (letter === '#' || (letter === '<' && this.peek(1) === '#') || (letter === '`' && this.peek(1) === '\n')) {
        this.skip(false)
        continue
      }
      if ((letter === '\n' || letter === ';') && depth <= 0) {
        this.next()
        if (letter === ';') return
        if (!this.#goesOn()) return
        continue
      }
      this.next()
      if (letter === '`') this.next()
      else if (DOUBLE.test(letter) || SINGLE.test(letter)) this.#passString(letter)
      else if (letter === '{' || letter === '(') depth++
      else if (letter === '}' || letter === ')') depth--
    }
  }

  /** Whether what follows still belongs to a condition or loop: its block, `else`, `catch`. */
  #goesOn(): boolean {
    const rest = /^\s*(\{|(else|elseif|catch|finally|until|while)\b)/i.exec(this.text.slice(this.at, this.at + 200))
    return rest !== null && rest[1]!.toLowerCase() !== 'while'
  }

  #passString(quote: string): void {
    const isDouble = DOUBLE.test(quote)
    while (this.at < this.text.length) {
      const letter = this.next()
      if (isDouble && letter === '`') this.next()
      else if ((isDouble ? DOUBLE : SINGLE).test(letter)) return
    }
  }

  word(letters: RegExp): string {
    const start = this.at
    while (this.at < this.text.length && letters.test(this.peek())) this.next()
    return this.text.slice(start, this.at)
  }
}
