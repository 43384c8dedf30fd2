// `sealwire completion SHELL`: completion scripts made from the table of commands, so that they know what it knows. The
// scripts hold all words themselves: pressing Tab starts nothing.
import {
  type ArgumentSpec,
  type CommandInput,
  type CommandSpec,
  FINE,
  type OptionSpec,
  type Values,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'

const shells = ['bash', 'zsh', 'fish'] as const

/** The table is asked for when the command runs: this command stands in it too. */
export function completion(commands: () => readonly CommandSpec[]): CommandSpec {
  return {
    name: 'completion',
    summary: 'print a script that completes commands, options and values in bash, zsh or fish',
    description:
      'Prints a completion script. bash: put it in ~/.local/share/bash-completion/completions/sealwire. zsh: into a folder ' +
      'of $fpath, as _sealwire. fish: into ~/.config/fish/completions/sealwire.fish. The script knows the commands of this ' +
      'version; make it again after an update.',
    arguments: [{ name: '<shell>', description: shells.join(', '), values: shells }],
    options: [],
    examples: ['sealwire completion bash > ~/.local/share/bash-completion/completions/sealwire'],
    run: (input, console) => runCompletion(input, console, commands()),
  }
}

function runCompletion(input: CommandInput, console: Console, commands: readonly CommandSpec[]): number {
  const [shell] = input.arguments
  const script = shell === undefined ? undefined : scripts.get(shell)
  if (script === undefined) {
    const what = `“${(shell ?? '').replace(/\p{C}/gu, '').slice(0, 40)}” is no shell that completes here`
    console.problems([{ severity: 'error', where: 'completion', what, hint: `write one of ${shells.join(', ')}` }])
    return WRONG_INPUT
  }
  console.write(script(commands))
  return FINE
}

const scripts: ReadonlyMap<string, (commands: readonly CommandSpec[]) => string> = new Map([
  ['bash', bashScript],
  ['zsh', zshScript],
  ['fish', fishScript],
])

interface Flag {
  readonly flag: string
  readonly description: string
  readonly takesValue: boolean
  readonly values: Values | undefined
}

/** Each spelling of an option: `-p, --policy <file>` is two. */
function flagsOf(options: readonly OptionSpec[]): readonly Flag[] {
  return options.flatMap(({ flags, description, values }) =>
    [...flags.matchAll(/(?<![\w-])--?[a-z][\w-]*/gi)].map(([flag]) => ({
      flag,
      description,
      takesValue: /[<[]/.test(flags),
      values,
    })),
  )
}

/** The words that can follow each beginning of a command, `''` for the first. */
function wordsAfter(commands: readonly CommandSpec[]): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const found = new Map<string, Map<string, string>>()
  for (const { name, summary } of commands) {
    const words = name.split(' ')
    words.forEach((word, index) => {
      const before = words.slice(0, index).join(' ')
      const next = found.get(before) ?? new Map<string, string>()
      found.set(before, next)
      const isLast = index === words.length - 1
      if (isLast) next.set(word, summary)
      else
        next.set(
          word,
          [...(found.get([...words.slice(0, index + 1)].join(' '))?.keys() ?? []), words[index + 1]!].join(', '),
        )
    })
  }
  return found
}

/** What a positional argument is completed with: that of the first argument, which the last may repeat. */
function argumentValues(argument: readonly ArgumentSpec[] | undefined): Values | undefined {
  return argument?.[0]?.values
}

/** In single quotes for any of the three shells' common ground. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function valueWords(values: Values | undefined): string {
  return values === undefined || values === 'file' ? '' : values.join(' ')
}

function bashScript(commands: readonly CommandSpec[]): string {
  const groups = [...wordsAfter(commands)].map(
    ([before, words]) => `    ${quoted(before)}) words=${quoted([...words.keys()].join(' '))} ;;`,
  )
  const options = commands.map(
    ({ name, options: own }) =>
      `    ${quoted(name)}) flags=${quoted([...flagsOf(own).map(({ flag }) => flag), '--help'].join(' '))} ;;`,
  )
  const values = commands.flatMap(({ name, options: own }) =>
    flagsOf(own)
      .filter(({ takesValue }) => takesValue)
      .map(({ flag, values: known }) => `    ${quoted(`${name} ${flag}`)}) ${bashValues(known)} ;;`),
  )
  const positional = commands.map(
    ({ name, arguments: own }) => `    ${quoted(name)}) ${bashValues(argumentValues(own))} ;;`,
  )
  return `# sealwire: completion for bash, made by: sealwire completion bash
_sealwire() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev='' command='' words='' flags='' word next i
  COMPREPLY=()
  ((COMP_CWORD > 0)) && prev=\${COMP_WORDS[COMP_CWORD-1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    next=\${command:+$command }$word
    case $next in
${knownNames(commands)
  .map(name => `      ${quoted(name)}) command=$next ;;`)
  .join('\n')}
      *) break ;;
    esac
  done
  _sealwire_files() { local IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); }
  _sealwire_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
  case "$command $prev" in
${values.join('\n')}
    *)
      if [[ $cur == -* ]]; then
        flags='--help --version'
        case $command in
${indent(options, 4)}
        esac
        _sealwire_words "$flags"
      else
        case $command in
${indent(groups, 4)}
        esac
        if [[ -n $words ]]; then _sealwire_words "$words"; else
          case $command in
${indent(positional, 6)}
          esac
        fi
      fi ;;
  esac
}
complete -F _sealwire sealwire ./sealwire
`
}

function bashValues(values: Values | undefined): string {
  if (values === 'file') return '_sealwire_files'
  return values === undefined ? ':' : `_sealwire_words ${quoted(valueWords(values))}`
}

function indent(lines: readonly string[], blanks: number): string {
  return lines.map(line => ' '.repeat(blanks) + line).join('\n')
}

/** Every command and every beginning of one. */
function knownNames(commands: readonly CommandSpec[]): readonly string[] {
  const names = commands.flatMap(({ name }) => {
    const words = name.split(' ')
    return words.map((_, index) => words.slice(0, index + 1).join(' '))
  })
  return [...new Set(names)]
}

function zshScript(commands: readonly CommandSpec[]): string {
  const groups = [...wordsAfter(commands)].map(([before, words]) => {
    const described = [...words].map(([word, summary]) => quoted(`${word}:${summary.replaceAll(':', '\\:')}`))
    return `    ${quoted(before)}) words_after=(${described.join(' ')}) ;;`
  })
  const specs = commands.map(({ name, options, arguments: own }) => {
    const flags = flagsOf(options).map(({ flag, description, takesValue, values }) => {
      const value = takesValue ? `:value:${zshValues(values)}` : ''
      return quoted(`*${flag}[${description.replace(/[[\]\\:]/g, '\\$&')}]${value}`)
    })
    const positional =
      own === undefined ? [] : [quoted(`*:${own[0]!.name.replace(/[^a-z]/g, '')}:${zshValues(argumentValues(own))}`)]
    return `    ${quoted(name)}) _arguments ${[...flags, quoted('--help[show help]'), ...positional].join(' ')} ;;`
  })
  return `#compdef sealwire
# sealwire: completion for zsh, made by: sealwire completion zsh
_sealwire() {
  local command='' next i
  local -a words_after
  for ((i = 2; i < CURRENT; i++)); do
    next=\${command:+$command }\${words[i]}
    case $next in
${knownNames(commands)
  .map(name => `      ${quoted(name)}) command=$next ;;`)
  .join('\n')}
      *) break ;;
    esac
  done
  case $command in
${groups.join('\n')}
  esac
  if ((\${#words_after})); then
    _describe command words_after
    return
  fi
  # What is left for _arguments is the last word of the command and what follows it.
  words=("\${(@)words[i-1,-1]}")
  ((CURRENT -= i - 2))
  case $command in
${specs.join('\n')}
  esac
}
if [[ $funcstack[1] == _sealwire ]]; then _sealwire "$@"; else compdef _sealwire sealwire; fi
`
}

function zshValues(values: Values | undefined): string {
  if (values === 'file') return '_files'
  return values === undefined ? ' ' : `(${valueWords(values)})`
}

function fishScript(commands: readonly CommandSpec[]): string {
  const at = (name: string) => `-n ${quoted(`__sealwire_at ${name}`.trim())}`
  const words = [...wordsAfter(commands)].flatMap(([before, next]) =>
    [...next].map(
      ([word, summary]) => `complete -c sealwire -f ${at(before)} -a ${quoted(word)} -d ${quoted(summary)}`,
    ),
  )
  const options = commands.flatMap(({ name, options: own, arguments: positional }) => [
    ...flagsOf(own).map(({ flag, description, takesValue, values }) => {
      const spelling = flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
      const value = !takesValue
        ? ''
        : values === 'file'
          ? ' -r -F'
          : values === undefined
            ? ' -x'
            : ` -x -a ${quoted(valueWords(values))}`
      return `complete -c sealwire ${at(name)} ${spelling}${value} -d ${quoted(description)}`
    }),
    ...fishArguments(at(name), argumentValues(positional)),
  ])
  return `# sealwire: completion for fish, made by: sealwire completion fish
# Whether the words before the cursor begin with exactly this command, and not with a longer one.
function __sealwire_at
    set -l known ${knownNames(commands).map(quoted).join(' ')}
    set -l found
    for word in (commandline -opc)[2..]
        set -l next $found $word
        contains -- "$next" $known; or break
        set found $next
    end
    test "$found" = "$argv"
end
complete -c sealwire -f
complete -c sealwire -l help -d 'show help'
${[...words, ...options].join('\n')}
`
}

function fishArguments(condition: string, values: Values | undefined): readonly string[] {
  if (values === undefined) return []
  return [
    values === 'file'
      ? `complete -c sealwire ${condition} -F`
      : `complete -c sealwire -f ${condition} -a ${quoted(valueWords(values))}`,
  ]
}
