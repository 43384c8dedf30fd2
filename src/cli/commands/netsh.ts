// `sealwire netsh`, `sealwire ipsecpol` and `sealwire ipseccmd`: Windows's own command lines on the agent's registry. What a
// command or a whole script changes is made at once or not at all, with a backup before, and reaches a running agent.
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { octetsOf } from '../../base/bytes.ts'
import { printable } from '../../base/printable.ts'
import { systemRandom } from '../../base/random.ts'
import { failure, type Problem, success } from '../../base/result.ts'
import { unixSeconds } from '../../base/time.ts'
import type { RegistryChange, RegistryKey } from '../../settings/registry.ts'
import {
  type NetshProgram,
  type NetshRun,
  type NetshStart,
  runNetshLine,
  runNetshScript,
} from '../../windows/netsh-script.ts'
import { netshChanges, readNetshStart } from '../../windows/netsh-store.ts'
import { stateOption } from '../agent-options.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, textOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'
import { machineCannot, RegRun } from '../reg-change.ts'

const encodingOption = {
  flags: '--encoding <name>',
  key: 'encoding',
  description: 'of a script: gbk, shift_jis, windows-1252 …; left out, UTF-8 or UTF-16, else windows-1252',
}

const example = 'sealwire netsh ipsec static'

const netsh: CommandSpec = {
  name: 'netsh',
  summary: 'IPsec policies in the words of Windows’s netsh: ipsec static and dynamic, advfirewall',
  description:
    'Commands, tags and values may be shortened as netsh allows. -f FILE and exec FILE run a script: commands for netsh -f, or a batch ' +
    'file. Every line that means nothing here is named, and then nothing is changed. With up --policy registry: an agent runs the ' +
    'policy that is assigned, and has a change when this answers.',
  arguments: [{ name: '[words...]', description: 'as behind Windows’s netsh', values: 'file' }],
  options: [stateOption, encodingOption, jsonOption],
  isRaw: true,
  examples: [
    `${example} add policy name=Servers assign=yes`,
    `${example} show all`,
    'sealwire netsh ipsec dynamic set config ipsecexempt 3',
    'sealwire netsh -f policy.bat',
  ],
  run: (input, console) => run('netsh', input, console),
}

function older(name: NetshProgram, windows: string, line: string): CommandSpec {
  return {
    name,
    summary: `IPsec policies in the words of ${windows}’s ${name}`,
    description:
      'With -w REG a policy of the machine is made or changed, -x assigns it, -y takes that back, -o deletes it; without -w a rule lasts ' +
      'until the agent ends, and -u takes all of these away.',
    arguments: [{ name: '[words...]', description: `as behind Windows’s ${name}` }],
    options: [stateOption, jsonOption],
    isRaw: true,
    examples: [`sealwire ${name} ${line}`],
    run: (input, console) => run(name, input, console),
  }
}

export const netshCommands: readonly CommandSpec[] = [
  netsh,
  older('ipsecpol', 'Windows 2000', '-w REG -p "Web" -r "Block UDP 1434" -f *=0:1434:UDP -n BLOCK -x'),
  older('ipseccmd', 'Windows XP', '-f 0+10.0.0.2 -n ESP[3DES,SHA] -a PRESHARE:"a long key"'),
]

interface Work {
  run(start: NetshStart): NetshRun
}

async function run(program: NetshProgram, input: CommandInput, console: Console): Promise<number> {
  try {
    const reg = new RegRun(input, console)
    const work = workOf(program, input)
    if (!('run' in work)) return reg.wrong([work])
    const root = reg.read()
    if (root === undefined) return WRONG_INPUT
    const first = attempt(root, work)
    if (first.errors.length > 0) {
      write(first.run, console)
      return reg.wrong([...first.errors, ...first.warnings])
    }
    let made: readonly RegistryChange[] = []
    let last = first
    if (first.changes.length === 0) {
      reg.problems(first.warnings)
      return printed(first.run, reg, console)
    }
    // Once more, on what the registry holds when nobody else writes.
    const changed = await reg.file.change(now => {
      last = attempt(now, work)
      made = last.changes
      return last.errors.length > 0 ? failure(last.errors) : success(made)
    })
    reg.problems(last.warnings)
    if (!reg.isJson) write(last.run, console)
    return await reg.finish(changed, made, '', { output: last.run.output })
  } catch (error) {
    return machineCannot(error, console)
  }
}

/** Names that somebody else wrote are not for the terminal to act on; a file gets them to the letter. */
function write({ output }: Pick<NetshRun, 'output'>, console: Console): void {
  const lines = () => output.split(/\r?\n/).map(printable).join('\n')
  console.write(console.rows === undefined ? output : lines())
}

function printed({ output }: NetshRun, reg: RegRun, console: Console): number {
  if (reg.isJson) console.json({ changed: false, output })
  else write({ output }, console)
  return FINE
}

function attempt(root: RegistryKey, work: Work) {
  const read = readNetshStart(root)
  const run = work.run(read.start)
  const { changes, losses } = netshChanges(root, read, run)
  const all = [...run.problems, ...losses]
  const errors = all.filter(({ severity }) => severity === 'error')
  return { run, changes, errors, warnings: all.filter(({ severity }) => severity === 'warning') }
}

function workOf(program: NetshProgram, input: CommandInput): Work | Problem {
  const world = { random: systemRandom, now: unixSeconds(), host: hostname().split('.')[0]!.toUpperCase() }
  const words = input.arguments
  const isFile = program === 'netsh' && /^(-f|exec)$/i.test(words[0] ?? '')
  if (!isFile) return { run: start => runNetshLine(program, words, start, world) }
  const file = words[1]
  if (file === undefined || words.length > 2) return fault('netsh', `${words[0]} takes one file`, 'write -f FILE')
  const text = textOfFile(file, textOption(input, 'encoding'))
  if (typeof text !== 'string') return text
  return { run: start => runNetshScript(text, file, start, world) }
}

/** Of a character at most four octets; readers take 4 MiB of characters. */
const LARGEST_FILE = 1 << 24

function textOfFile(file: string, encoding: string | undefined): string | Problem {
  let bytes: Uint8Array
  try {
    if (statSync(file).size > LARGEST_FILE) return fault(file, 'the file is larger than 16 MiB', 'take it apart')
    bytes = octetsOf(readFileSync(file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const known = ['ENOENT', 'EISDIR', 'ENOTDIR', 'EACCES'].includes(code ?? '')
    if (!known) throw error
    return fault(file, `the file cannot be read (${code})`, 'check the name')
  }
  const marked =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(encoding ?? marked, { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof RangeError)
      return fault('--encoding', `“${encoding}” is no encoding that is known`, 'write gbk')
    if (encoding !== undefined) return fault(file, `the file is no text in ${encoding}`, 'name another encoding')
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

function fault(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}
