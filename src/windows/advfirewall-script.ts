// A batch file or a script of netsh as commands: lines joined at `^`, comments, quotes, `%variables%` that the file itself
// sets. What cmd.exe could do besides is a problem with its line; nothing is run and nothing outside the text is read.
import type { Problem } from '../base/result.ts'
import { LONGEST_SCRIPT, MOST_ENTRIES, MOST_PROBLEMS, problem, quoted, warning } from './connection-security-cells.ts'

export interface ScriptCommand {
  /** The first line of the command, from 1. */
  readonly line: number
  /** Behind `netsh`; empty for netsh alone. */
  readonly words: readonly string[]
  /** The line stood in netsh's own language, where it is read in the context that is open. */
  readonly isInner: boolean
}

const LONGEST_LINE = 1 << 16
const MOST_COMMANDS = 2 * MOST_ENTRIES

/** Words of cmd.exe that change nothing of a policy. */
const harmless = new Set(['echo', 'echo.', 'pause', 'cls', 'title', 'color', 'exit', 'timeout', 'setlocal', 'endlocal'])

interface LogicalLine {
  readonly line: number
  readonly text: string
}

export function readScript(text: string, where: string, problems: Problem[]): readonly ScriptCommand[] {
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
      const words = isInner ? part : batchWords(part, variables, at, problems)
      if (words !== undefined)
        commands.push({ line: logical.line, words: joinTags(words), isInner: isInner && !isNetsh(words[0]) })
    }
  }
  return commands.map(command =>
    isInner && !command.isInner ? { ...command, words: command.words.slice(1) } : command,
  )
}

/** For `netsh -f`: no line calls netsh, and one begins as its commands do. */
function isNetshScript(text: string): boolean {
  return (
    !/^[ \t@]*"?([^\s"]*[\\/])?netsh(\.exe)?("|\s|$)/im.test(text) &&
    /^\s*(advfirewall|consec|mainmode|pushd)\b/im.test(text)
  )
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
    const carets = /\^*$/.exec(raw)![0].length
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
    } else if (letter === '\\' && line[index + 1] === '"') {
      word = `${word ?? ''}"`
      index++
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

function isNetsh(word: string | undefined): boolean {
  return word !== undefined && /^(.*[\\/])?netsh(\.exe)?$/i.test(word)
}

/** What of a batch file's command is for netsh; undefined for what is not, with a problem where it might matter. */
function batchWords(
  words: readonly string[],
  variables: Map<string, string>,
  at: string,
  problems: Problem[],
): readonly string[] | undefined {
  const [first = '', ...rest] = words
  if (isNetsh(first)) return rest
  const name = first.toLowerCase()
  if (name === 'rem' || first.startsWith('::')) return undefined
  if (name === 'set') {
    const [variable, ...value] = rest.join(' ').split('=')
    if (/^[a-z_][^%\s"]*$/i.test(variable ?? '') && value.length > 0) {
      if (variables.size < MOST_ENTRIES) variables.set(variable!.toLowerCase(), value.join('='))
      return undefined
    }
    problems.push(problem(at, 'this form of set is not read', 'write set NAME=value'))
    return undefined
  }
  if (harmless.has(name)) {
    problems.push(warning(at, `${quoted(first)} changes nothing of the policy and is passed over`))
    return undefined
  }
  problems.push(problem(at, `${quoted(first)} is no command of netsh`, 'only netsh advfirewall is read here'))
  return undefined
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
  return joined
}
