// The command line: picks the command from the table and answers its exit status. The only place, beside the agent's
// start, that reads the environment.
import { Command, CommanderError, Option } from 'commander'
import { type CommandInput, type CommandSpec, MACHINE_CANNOT, WRONG_INPUT } from './command.ts'
import { Console } from './console.ts'
import { loadCommands } from './load-commands.ts'
import { VERSION } from './version.ts'

const console = new Console({
  output: process.stdout,
  errorOutput: process.stderr,
  color: wantsColor(process.env, process.stdout.isTTY === true),
  ...columnsOf(process.env),
})

function columnsOf(environment: NodeJS.ProcessEnv): { readonly columns?: number } {
  const columns = environment['COLUMNS'] ?? ''
  return /^[1-9]\d{0,3}$/.test(columns) ? { columns: Number(columns) } : {}
}

function wantsColor(environment: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false
  if ((environment['FORCE_COLOR'] ?? '') !== '') return environment['FORCE_COLOR'] !== '0'
  return isTerminal && environment['TERM'] !== 'dumb'
}

/** Builds the parser from the table; words in a command's name become nested commands. */
function program(commands: readonly CommandSpec[]): Command {
  const root = new Command('sealwire')
    .description('Host-to-host IPsec that keeps the promise "all IP traffic is secured", and proves it from the wire.')
    .version(VERSION)
    .showSuggestionAfterError()
    .exitOverride()
  const groups = new Map<string, Command>([['', root]])
  for (const spec of commands) addCommand(groups, spec)
  return root
}

const groupSummaries: Readonly<Record<string, string>> = {
  policy: 'check, show and lint a policy; will two agree?',
  cert: 'make, sign and show certificates',
  reg: 'the registry, in the words of reg.exe',
  firewall: 'let only IPsec pass',
  boot: 'the net is there before the network is',
  lab: 'real hosts in network namespaces, to see it work',
  'lab ad': 'two Samba domain controllers, and the story of KB 254728',
}

function addCommand(groups: Map<string, Command>, spec: CommandSpec): void {
  const words = spec.name.split(' ')
  const last = words.pop()!
  let parent = groups.get('')!
  for (let depth = 1; depth <= words.length; depth++) {
    const path = words.slice(0, depth).join(' ')
    let group = groups.get(path)
    if (group === undefined) {
      group = parent.command(words[depth - 1]!).description(groupSummaries[path] ?? '')
      groups.set(path, group)
    }
    parent = group
  }
  const command = parent
    .command(last)
    .summary(spec.summary)
    .description(spec.description ?? spec.summary)
  for (const argument of spec.arguments ?? []) command.argument(argument.name, argument.description)
  for (const option of spec.options) {
    const made = new Option(option.flags, option.description).makeOptionMandatory(option.required === true)
    // A flag that begins with --no- would be read as a negation; its value is kept under a plain name.
    made.attributeName = () => option.key
    made.negate = false
    if (option.environment !== undefined) made.env(option.environment)
    command.addOption(made)
  }
  // `-h` may be another program's; help stays at its long name.
  if (spec.isRaw === true) command.allowUnknownOption().helpOption('--help', 'display help for command')
  const examples = spec.examples ?? []
  if (examples.length > 0) command.addHelpText('after', `\nExamples:\n${examples.map(line => `  ${line}`).join('\n')}`)
  command.action(async (...given: unknown[]) => {
    const options = command.opts() as CommandInput['options']
    const positional = given.slice(0, spec.arguments?.length ?? 0).flat() as (string | undefined)[]
    process.exitCode = await spec.run({ arguments: positional.filter(word => word !== undefined), options }, console)
  })
}

// A reader that has seen enough (`| head`) closes the pipe: that ends the command, and is no fault.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program(await loadCommands(process.argv.slice(2))).parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 || error.code === 'commander.help' ? error.exitCode : WRONG_INPUT
    if (error.code === 'commander.help') process.exitCode = process.argv.length <= 2 ? 0 : WRONG_INPUT
  } else {
    console.say(`sealwire: ${error instanceof Error ? error.message : String(error)}`)
    if ((process.env['SEALWIRE_DEBUG'] ?? '') !== '' && error instanceof Error) console.say(error.stack ?? '')
    process.exitCode = MACHINE_CANNOT
  }
}
