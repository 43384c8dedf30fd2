// Manual pages from the table of commands, one for sealwire and one for each command, in the macros of man(7) that groff
// and mandoc both read. ASCII only: every other character stands by its number, whatever the reader's locale is.
import type { CommandSpec, OptionSpec } from '../src/cli/command.ts'
import { commands } from '../src/cli/commands.ts'
import { VERSION, VERSION_DATE } from '../src/cli/version.ts'

/** Longer lines of a text are broken at a space: pages are compared line by line. */
const WIDTH = 78

/** By their names in docs: `man/sealwire-audit.1`. */
export function manPages(): Readonly<Record<string, () => string>> {
  const pages = commands.map(command => [`man/${pageName(command)}.1`, () => commandPage(command)] as const)
  return { 'man/sealwire.1': rootPage, ...Object.fromEntries(pages) }
}

function pageName({ name }: CommandSpec): string {
  return ['sealwire', ...name.split(' ')].join('-')
}

const exitStatus: readonly (readonly [string, string])[] = [
  ['0', 'Fine.'],
  ['1', 'The answer is “no”: a leak was found, a proof refuted, something needs attention.'],
  ['2', 'The input is wrong: every problem was listed, and nothing was changed.'],
  ['3', 'The machine cannot do it.'],
]

const environment: readonly (readonly [string, string])[] = [
  ['NO_COLOR', 'Where it is set and not empty, nothing is coloured.'],
  ['FORCE_COLOR', 'Where it is set, output is coloured also where it goes to no terminal; 0 is the contrary.'],
  ['COLUMNS', 'The width of what is printed, where it goes to no terminal.'],
]

function rootPage(): string {
  const about = 'host-to-host IPsec that keeps the promise “all IP traffic is secured”, and proves it from the wire'
  return page('sealwire', about, [
    '.SH SYNOPSIS',
    '.B sealwire',
    '.I command',
    '.RI [ options ]',
    '.RI [ arguments ]',
    '.br',
    '.B sealwire',
    '.I command',
    '.B \\-\\-help',
    '.SH DESCRIPTION',
    ...text(
      'Each command has a page of its own. With --json a command prints one JSON value on standard output, and words for people on standard error.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap(command => [
      '.TP',
      `.BR ${escaped(pageName(command))} (1)`,
      ...text(`${capital(command.summary)}.`),
    ]),
    '.SH OPTIONS',
    ...entries([
      ['--help', 'Shows the commands, or the options of one.'],
      ['--version', 'Prints the version.'],
    ]),
    '.SH EXIT STATUS',
    ...entries(exitStatus),
    '.SH ENVIRONMENT',
    ...entries(environment),
  ])
}

function commandPage(command: CommandSpec): string {
  const { name, summary, description, options, examples = [] } = command
  const own = command.arguments ?? []
  const variables = options.flatMap(({ environment: variable, flags }) =>
    variable === undefined
      ? []
      : [[variable, `Counts where ${flags.split(/[ ,]/)[0]!} is left out.`] satisfies [string, string]],
  )
  return page(pageName(command), summary, [
    '.SH SYNOPSIS',
    `.B ${escaped(`sealwire ${name}`)}`,
    ...options.map(synopsisOf),
    ...own.map(({ name: argument }) => argumentOf(argument)),
    '.SH DESCRIPTION',
    ...text(description ?? `${capital(summary)}.`),
    ...(own.length === 0 ? [] : ['.SH ARGUMENTS']),
    ...own.flatMap(({ name: argument, description: says }) => ['.TP', argumentOf(argument), ...text(sentence(says))]),
    '.SH OPTIONS',
    ...options.flatMap(({ flags, description: says, values }) => [
      '.TP',
      flagsOf(flags),
      ...text(sentence(says)),
      ...(values === undefined || values === 'file' || values.length === 0
        ? []
        : text(`One of: ${values.join(', ')}.`)),
    ]),
    ...entries([['--help', 'Shows this in short.']]),
    '.SH EXIT STATUS',
    ...entries(exitStatus),
    '.SH ENVIRONMENT',
    ...entries([...variables, ...environment]),
    ...(examples.length === 0 ? [] : ['.SH EXAMPLES', '.EX', ...examples.map(line => guarded(escaped(line))), '.EE']),
  ])
}

function page(name: string, about: string, body: readonly string[]): string {
  const head = [
    '.\\" Made by `npm run docs` from the table of commands: do not edit.',
    `.TH ${escaped(name).toUpperCase()} 1 ${VERSION_DATE} "sealwire ${VERSION}" "sealwire"`,
    '.SH NAME',
    ...broken(`${name} - ${about}`),
  ]
  const also = name === 'sealwire' ? [] : ['.SH SEE ALSO', '.BR sealwire (1)']
  return `${[...head, ...body, ...also].join('\n')}\n`
}

function entries(rows: readonly (readonly [string, string])[]): readonly string[] {
  return rows.flatMap(([term, says]) => ['.TP', `.B ${escaped(term)}`, ...text(says)])
}

/** `[--policy <file>]`, as the synopsis shows it. */
function synopsisOf({ flags, required }: OptionSpec): string {
  return guarded(required === true ? flagsOf(flags) : `[${flagsOf(flags)}]`)
}

/** Flags in bold, values in italics: `--watch [seconds]`, `--host <address...>`. */
function flagsOf(flags: string): string {
  return flags
    .split(' ')
    .map(word =>
      word.startsWith('-')
        ? `\\fB${escaped(word.replace(/,$/, ''))}\\fR${word.endsWith(',') ? ',' : ''}`
        : argumentOf(word),
    )
    .join(' ')
}

/** `<capture...>`, `[file]`. */
function argumentOf(name: string): string {
  const word = `\\fI${escaped(name.replace(/^[<[]|(\.\.\.)?[>\]]$/g, ''))}\\fR${name.includes('...') ? ' ...' : ''}`
  return name.startsWith('[') ? `[${word}]` : word
}

function sentence(says: string): string {
  return /[.?!…]$/.test(says) ? capital(says) : `${capital(says)}.`
}

function capital(words: string): string {
  // A name of a program or a flag stays as it is written.
  return /^[a-z]+[ ,;:(]/.test(words) ? words.slice(0, 1).toUpperCase() + words.slice(1) : words
}

/** Every sentence begins a line: the distance behind it is the formatter's. */
function text(words: string): readonly string[] {
  return words.split(/(?<=[.?!]) (?=[^a-z])/).flatMap(broken)
}

function broken(words: string): readonly string[] {
  const lines: string[] = []
  for (const word of words.split(/\s+/).map(escaped)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines.map(guarded)
}

/** Nothing of a text is a request or an escape; a hyphen is the minus that a shell takes. */
function escaped(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/[^\n -~]/gu, character => `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`)
}

/** A line of text that begins with a point would be a request. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line
}
