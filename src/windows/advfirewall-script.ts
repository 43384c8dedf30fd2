// A batch file or a script of netsh as commands: lines joined at `^`, comments, quotes, `%variables%` that the file itself
// sets. What cmd.exe could do besides is a problem with its line; nothing is run and nothing outside the text is read.
import type { Problem } from '../base/result.ts'
import { LONGEST_SCRIPT, MOST_ENTRIES, MOST_PROBLEMS, problem, quoted, warning } from './connection-security-cells.ts'

export interface ScriptCommand {
  /** The first line of the command, from 1. */
  readonly line: number
  /** `netsh`, or another of the programs that were asked for. */
  readonly program: string
  /** Behind the program; empty for the program alone. */
  readonly words: readonly string[]
  /** The line stood in netsh's own language, where it is read in the context that is open. */
  readonly isInner: boolean
}

const LONGEST_LINE = 1 << 16
const MOST_COMMANDS = 2 * MOST_ENTRIES

/** Words of cmd.exe that change nothing of a policy. */
const harmless = new Set(['echo', 'echo.', 'pause', 'cls', 'title', 'color', 'exit', 'timeout', 'setlocal', 'endlocal'])

/** What could change which commands of netsh run, or what counts beside them. */
const matters = new Set(
  'if for goto call cmd start ipsecpol ipseccmd netsh powershell pwsh reg regedit regini secedit wmic ( )'.split(' '),
)

interface LogicalLine {
  readonly line: number
  readonly text: string
}

/** `programs`: whose commands are read; those of every other program are problems. */
export function readScript(
  text: string,
  where: string,
  problems: Problem[],
  programs: readonly string[] = ['netsh'],
): readonly ScriptCommand[] {
  if (text.length > LONGEST_SCRIPT) {
    problems.push(problem(where, 'the script is longer than 16 MiB', 'take it apart'))
    return []
  }
  const isInner = isNetshScript(text)
  const variables = new Map<string, string>()
  const commands: ScriptCommand[] = []
  for (const logical of joinLines(text, where, problems)) {
    const at = `${where}:${logical.line}`
    if (problems.length >= MOST_PROBLEMS) {
      problems.push(problem(at, 'there is too much that cannot be read: the rest is left out'))
      break
    }
    if (commands.length >= MOST_COMMANDS) {
      problems.push(problem(at, `the script has more than ${MOST_COMMANDS} commands`, 'take it apart'))
      break
    }
    const line = logical.text.trim().replace(/^@\s*/, '')
    if (line === '' || isComment(line, isInner)) continue
    const expanded = isInner ? line : expandVariables(line, variables, at, problems)
    if (expanded === undefined) continue
    for (const part of splitCommands(expanded, at, problems)) {
      const program = programOf(part[0], programs)
      if (program === undefined && !isInner) readOther(part, variables, at, problems)
      else if (program === undefined || program === 'netsh') {
        const words = joinTags(program === undefined ? part : part.slice(1))
        commands.push({ line: logical.line, program: 'netsh', words, isInner: program === undefined })
      } else commands.push({ line: logical.line, program, words: part.slice(1).map(bare), isInner: false })
    }
  }
  return commands
}

/** For `netsh -f`: no line calls netsh, and one begins as its commands do. */
function isNetshScript(text: string): boolean {
  const firsts = text.split(/\r\n|\r|\n/, MOST_LINES).map(line => firstWord(line.slice(0, 1000)))
  return (
    !firsts.some(word => programOf(word, ['netsh']) !== undefined) &&
    firsts.some(word => /^(advfirewall|consec|mainmode|ipsec|static|dynamic|pushd)$/i.test(word))
  )
}

const MOST_LINES = 100_000

function firstWord(line: string): string {
  const trimmed = line.replaceAll('@', ' ').trimStart()
  const isQuoted = trimmed.startsWith('"')
  const end = trimmed.slice(1).search(isQuoted ? /"/ : /[\s"]/)
  return trimmed.slice(isQuoted ? 1 : 0, end < 0 ? undefined : end + 1)
}

function isComment(line: string, isInner: boolean): boolean {
  return /^(rem(\s|$)|::)/i.test(line) || (isInner && line.startsWith('#')) || /^echo\s+o(ff|n)$/i.test(line)
}

/** `^` at the end of a line takes the meaning from its end. */
function* joinLines(text: string, where: string, problems: Problem[]): Generator<LogicalLine> {
  let open: { line: number; parts: string[]; length: number } | undefined
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const begun = open ?? { line: index + 1, parts: [], length: 0 }
    let carets = 0
    while (raw[raw.length - 1 - carets] === '^') carets++
    const continues = carets % 2 === 1
    begun.parts.push(continues ? raw.slice(0, -1) : raw)
    begun.length += raw.length
    if (begun.length > LONGEST_LINE) {
      if (problems.length < MOST_PROBLEMS)
        problems.push(problem(`${where}:${begun.line}`, `a command is longer than ${LONGEST_LINE} characters`))
      open = undefined
      continue
    }
    open = continues ? begun : undefined
    const whole = continues ? '' : begun.parts.join('').trim()
    if (whole !== '') yield { line: begun.line, text: whole }
  }
  if (open !== undefined) yield { line: open.line, text: open.parts.join('') }
}

function expandVariables(
  line: string,
  variables: ReadonlyMap<string, string>,
  at: string,
  problems: Problem[],
): string | undefined {
  const missing: string[] = []
  let length = line.length
  const expanded = line.replace(/%%|%([A-Za-z_][^%\s"]*)%|%(~?[0-9*])/g, (whole, name: string | undefined) => {
    if (whole === '%%') return '%'
    const value = name === undefined ? undefined : variables.get(name.toLowerCase())
    if (value === undefined) missing.push(whole)
    length += value?.length ?? 0
    return length > LONGEST_LINE ? '' : (value ?? whole)
  })
  for (const name of missing) {
    problems.push(problem(at, `${quoted(name)} has no value in this file`, 'write the value itself, or set it above'))
  }
  if (length > LONGEST_LINE) {
    problems.push(problem(at, `with its variables the command is longer than ${LONGEST_LINE} characters`))
    return undefined
  }
  return missing.length > 0 ? undefined : expanded
}

/** Commands between `&`, each as words; redirected output goes nowhere here. */
function splitCommands(line: string, at: string, problems: Problem[]): readonly (readonly string[])[] {
  const commands: string[][] = []
  let words: string[] = []
  let word: string | undefined
  let isQuoted = false
  const endWord = () => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  const endCommand = () => {
    endWord()
    if (words.length > 0) commands.push(words)
    words = []
  }
  for (let index = 0; index < line.length; index++) {
    const letter = line[index]!
    if (letter === '"') {
      isQuoted = !isQuoted
      word ??= ''
      // `tag=""` has a value, which is empty: the next word is not it.
      if (!isQuoted && word.endsWith('=')) word += EMPTY
    } else if (letter === '\\') {
      let slashes = 1
      while (line[index + slashes] === '\\') slashes++
      // As programs of Windows read them: before a quotation mark two stand for one.
      const isEscape = line[index + slashes] === '"'
      word = `${word ?? ''}${'\\'.repeat(isEscape ? slashes >> 1 : slashes)}`
      index += slashes - 1
      if (isEscape && slashes % 2 === 1) {
        word += '"'
        index++
      }
    } else if (isQuoted) word = `${word ?? ''}${letter}`
    else if (letter === '^' && index + 1 < line.length) word = `${word ?? ''}${line[++index]}`
    else if (/\s/.test(letter)) endWord()
    else if (letter === '&') {
      if (line[index + 1] === '&') index++
      endCommand()
    } else if (letter === '|' || letter === '<') {
      const what = letter === '|' ? 'a | hands what is printed to another program' : 'a < reads from a file'
      problems.push(problem(at, `${what}, which is not done here`, 'write one command a line, texts with | in quotes'))
      return commands
    } else if (letter === '>') {
      // `2>&1` and `>nul`: only where the output goes.
      if (word !== undefined && /^\d$/.test(word)) word = undefined
      const target = /^>?\s*(&\d|"[^"]*"|[^\s&|]+)/.exec(line.slice(index + 1))
      index += target?.[0].length ?? 0
      endWord()
    } else word = `${word ?? ''}${letter}`
  }
  if (isQuoted) {
    problems.push(problem(at, 'a quotation mark is not closed', 'write a second one'))
    return commands
  }
  endCommand()
  return commands
}

/** A path before the name and `.exe` behind it mean nothing. */
function programOf(word: string | undefined, programs: readonly string[]): string | undefined {
  if (word === undefined) return undefined
  const name = word
    .slice(Math.max(word.lastIndexOf('/'), word.lastIndexOf('\\')) + 1)
    .toLowerCase()
    .replace(/\.exe$/, '')
  return programs.find(program => program === name)
}

/** A line that is for no program that is read here: what it sets is kept, and what might matter is a problem. */
function readOther(words: readonly string[], variables: Map<string, string>, at: string, problems: Problem[]): void {
  const [first = '', ...rest] = words.map(bare)
  const name = first.toLowerCase()
  if (name === 'rem' || first.startsWith('::')) return
  if (name === 'set') {
    const [variable, ...value] = rest.join(' ').split('=')
    if (/^[a-z_][^%\s"]*$/i.test(variable ?? '') && value.length > 0) {
      if (variables.size < MOST_ENTRIES) variables.set(variable!.toLowerCase(), value.join('='))
      return
    }
    problems.push(problem(at, 'this form of set is not read', 'write set NAME=value'))
    return
  }
  if (harmless.has(name)) {
    problems.push(warning(at, `${quoted(first)} changes nothing of the policy and is passed over`))
    return
  }
  const what = `${quoted(first)} is no command of netsh`
  // What decides which commands run, or changes policies and settings by other means, cannot be left alone.
  if (matters.has(name.replace(/\.exe$/, '')))
    problems.push(problem(at, what, 'write the commands of netsh themselves'))
  else problems.push(warning(at, what, 'it is left alone'))
}

/** A value in quotes, as `readScript` reads it: backslashes before a quotation mark count twice. */
export function quotedForBatch(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll(/\\+(?="|$)/g, slashes => slashes + slashes)
  return `"${escaped.replaceAll('"', '\\"')}"`
}

const EMPTY = '\0'

function bare(word: string): string {
  return word.replaceAll(EMPTY, '')
}

/** `name = value` with blanks around the sign is one word, as netsh takes it. */
function joinTags(words: readonly string[]): readonly string[] {
  const joined: string[] = []
  let isOpen = false
  for (const word of words) {
    const last = joined.at(-1)
    if (isOpen || (last !== undefined && word.startsWith('=') && !last.includes('=')))
      joined[joined.length - 1] = `${last}${word}`
    else joined.push(word)
    isOpen = /^\w+=$/.test(joined.at(-1)!)
  }
  return joined.map(bare)
}
