// `sealwire lab ad measure · endure`: what the seal costs, and whether it holds for an hour of renewals and restarts.
import { writeFileSync } from 'node:fs'
import { ANSWER_IS_NO, type CommandInput, type CommandSpec, FINE, jsonOption, textOption } from '../command.ts'
import type { Console } from '../console.ts'
import {
  type EnduranceVerdict,
  inLab,
  isJson,
  labOption,
  netOf,
  netOptions,
  netProblems,
  type Ratios,
  refused,
  wrong,
} from './lab-ad.ts'

const outOption = {
  flags: '--out <file>',
  key: 'out',
  description: 'write the result there, as JSON',
  values: 'file',
} as const

export const labMeasure: CommandSpec = {
  name: 'lab ad measure',
  summary: 'how much longer each step takes when it is sealed',
  description:
    'Makes a lab, has the two controllers talk in clear and sealed by turns, and tells of each step the median times, how many times ' +
    'longer it takes sealed, and what memory the agents use. Without names all steps. Exit status 0: every step was answered; ' +
    '1: one was not.',
  arguments: [{ name: '[step...]', description: 'names of steps, as `lab ad exercise --list` tells them' }],
  options: [
    labOption,
    { flags: '--rounds <number>', key: 'rounds', description: 'how often each is done; left out, 3' },
    ...netOptions,
    outOption,
    jsonOption,
  ],
  examples: ['sealwire lab ad measure', 'sealwire lab ad measure --rounds 5 as-udp smb-copy'],
  run: runMeasure,
}

export const labEndure: CommandSpec = {
  name: 'lab ad endure',
  summary: 'whether anything is lost in an hour of traffic with new keys every minute',
  description:
    'Makes a lab with NoDefaultExempt 1 and keys that live a minute. All the time the controllers copy numbered changes of the ' +
    'directory to each other, send numbered octets over one TCP connection, and ask for tickets and entries; the agents are ' +
    'restarted, told to or killed. Everything on the bridge is audited. Exit status 0: everything arrived and nothing leaked; 1: not so.',
  options: [
    labOption,
    { flags: '--minutes <number>', key: 'minutes', description: 'how long it goes on; left out, 60' },
    {
      flags: '--restarts <number>',
      key: 'restarts',
      description: 'how often an agent is restarted, one host after the other; left out, 10',
    },
    ...netOptions,
    outOption,
    jsonOption,
  ],
  examples: ['sealwire lab ad endure', 'sealwire lab ad endure --minutes 5 --restarts 2'],
  run: runEndure,
}

export const labTrials: readonly CommandSpec[] = [labMeasure, labEndure]

function runMeasure(input: CommandInput, console: Console): Promise<number> {
  return inLab(console, async ({ story, directory, say }) => {
    const rounds = Number(textOption(input, 'rounds') ?? 3)
    const unknown = input.arguments.filter(name => !story.steps.some(step => step.name === name))
    const problems = [
      ...unknown.map(name => wrong(name, 'there is no such step', 'lab ad exercise --list tells them')),
      ...(isCount(rounds, 1) ? [] : [wrong('--rounds', 'this is no number of rounds', 'such as 3')]),
      ...netProblems(input),
    ]
    if (problems.length > 0) return refused(problems, console)
    const net = netOf(input)
    const ratios = await story.measure({
      ...{ directory: directory(input), rounds, only: input.arguments, say },
      ...(net === undefined ? {} : { net }),
    })
    finish(input, console, ratios, printRatios)
    return ratios.ok ? FINE : ANSWER_IS_NO
  })
}

function runEndure(input: CommandInput, console: Console): Promise<number> {
  return inLab(console, async ({ story, directory, say }) => {
    const minutes = Number(textOption(input, 'minutes') ?? 60)
    const restarts = Number(textOption(input, 'restarts') ?? 10)
    const problems = [
      ...(minutes > 0 ? [] : [wrong('--minutes', 'this is no time', 'such as 60')]),
      ...(isCount(restarts, 0) ? [] : [wrong('--restarts', 'this is no number of restarts', 'such as 10')]),
      ...netProblems(input),
    ]
    if (problems.length > 0) return refused(problems, console)
    const net = netOf(input)
    const verdict = await story.endure({
      ...{ directory: directory(input), minutes, restarts, say },
      ...(net === undefined ? {} : { net }),
    })
    finish(input, console, verdict, printEndurance)
    return verdict.ok ? FINE : ANSWER_IS_NO
  })
}

function isCount(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least
}

function finish<T>(input: CommandInput, console: Console, value: T, print: (value: T, console: Console) => void): void {
  const out = textOption(input, 'out')
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(value, undefined, 2)}\n`)
  if (isJson(input)) console.json(value)
  else print(value, console)
}

function printRatios({ steps, together, unanswered, memory }: Ratios, console: Console): void {
  const row = ({ step, clear, sealed, ratio, times }: Ratios['together']) => [
    ...[step, `${clear.toFixed(3)} s`, `${sealed.toFixed(3)} s`, ratio.toFixed(2), String(times)],
  ]
  const heading = ['step', 'in clear', 'sealed', 'ratio', 'times']
  console.table([heading, ...[...steps, together].map(row)], [1, 2, 3, 4])
  for (const words of unanswered) console.print(`not answered: ${words}`)
  for (const { host, when, now, most } of memory) console.print(`${host}, ${when}: ${now} MiB, at most ${most} MiB`)
}

function printEndurance({ checks, restarts, stream, changes, agents }: EnduranceVerdict, console: Console): void {
  for (const { what, ok, seen } of checks) {
    const word = ok ? console.style('blueBright', 'as due    ') : console.style('redBright', 'not as due')
    console.print(`${word}  ${what}: ${seen}`)
  }
  const longest = (seconds: readonly number[]) => `${Math.max(0, ...seconds).toFixed(1)} s`
  console.print(`longest without a word while an agent restarted: ${longest(restarts.map(each => each.silentSeconds))}`)
  console.print(`longest stall of the TCP connection: ${longest(stream.map(each => each.longestStallSeconds))}`)
  console.print(`longest way of a change: ${longest(changes.map(each => each.longestSeconds))}`)
  const rows = agents.map(({ host, seconds, rekeys, memory }) => [
    ...[host, `${seconds.toFixed(0)} s`, `${rekeys} renewals`, `${memory.begin} to ${memory.end} MiB`],
  ])
  console.table(rows, [1, 2, 3])
}
