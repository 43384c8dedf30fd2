// The lab's commands, run by Node 26 as `node lab/ad/main.ts COMMAND`; see README.md beside it. Reads the arguments, tells
// a person how it goes on standard error, turns Ctrl-C into an ordinary failure, and takes down what a failed command
// made. Exit status: 0 well, 1 a step was not answered, 2 wrong arguments, 3 the machine cannot do it.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { record } from './capture.ts'
import { countPackets } from './counts.ts'
import { exercise, type StepResult, steps } from './exercise.ts'
import { bringUp, findLab, type Lab, takeDown } from './lab.ts'
import { forgetNeighbours } from './network.ts'
import { installPackages } from './packages.ts'
import { interrupt } from './run.ts'

const usage = `node lab/ad/main.ts COMMAND
  up                      two domain controllers, dc1 and dc2 of corp.test
  exercise [STEP…]        make them talk; --capture FILE records it, --patience SECONDS for one tool (10)
  down                    end them and remove what they left
  record FILE             up, exercise --capture FILE, down
  count FILE              what is in a recording, as a Markdown table
  steps                   the names of the steps
--state DIRECTORY where the lab keeps its files (/var/lib/sealwire-lab-ad), --json one JSON value on standard output
`

const begin = performance.now()

function say(words: string): void {
  process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${words}\n`)
}

class WrongArguments extends Error {}

function readArguments() {
  const text = { type: 'string' } as const
  const options = {
    state: text,
    patience: text,
    capture: text,
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const
  try {
    return parseArgs({ options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new WrongArguments(error instanceof Error ? error.message : String(error))
  }
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments()
  const [command, ...words] = positionals
  if (values.help || command === undefined) {
    process.stdout.write(usage)
    return command === undefined && !values.help ? 2 : 0
  }
  const directory = resolve(values.state ?? '/var/lib/sealwire-lab-ad')
  const patience = Number(values.patience ?? 10)
  if (!(patience > 0)) throw new WrongArguments(`--patience takes seconds, not ${values.patience}`)
  const answer = (value: unknown, inWords: string): void => {
    process.stdout.write(values.json ? `${JSON.stringify(value)}\n` : inWords)
  }
  switch (command) {
    case 'up':
      await up(directory)
      answer({ state: directory }, '')
      return 0
    case 'exercise': {
      const results = await exerciseLab(findLab(directory), { directory, only: words, patience, file: values.capture })
      answer(results, '')
      return results.every(each => each.ok) ? 0 : 1
    }
    case 'down':
      await down(directory)
      return 0
    case 'record': {
      const file = oneFile(words)
      const lab = await up(directory)
      try {
        const results = await exerciseLab(lab, { directory, only: [], patience, file })
        answer(results, '')
        return results.every(each => each.ok) ? 0 : 1
      } finally {
        await down(directory)
      }
    }
    case 'count': {
      const counts = await countPackets(oneFile(words))
      const lines = [...counts].map(([what, packets]) => `| ${what} | ${packets} |\n`)
      answer(Object.fromEntries(counts), ['| what | packets |\n', '|---|---:|\n', ...lines].join(''))
      return 0
    }
    case 'steps':
      answer(
        steps.map(({ name, story }) => ({ name, story })),
        steps.map(({ name, story }) => `${name.padEnd(24)}${story}\n`).join(''),
      )
      return 0
    default:
      throw new WrongArguments(`there is no command ${command}`)
  }
}

function oneFile(words: readonly string[]): string {
  const [file] = words
  if (file === undefined || words.length > 1) throw new WrongArguments('one file is needed')
  return file
}

async function up(directory: string): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('the lab needs root: namespaces, mounts, raw sockets')
  const installed = await installPackages()
  if (installed.length > 0) say(`installed ${installed.join(' ')}`)
  return bringUp(directory, say)
}

async function down(directory: string): Promise<void> {
  say((await takeDown(directory)) ? 'the lab is down' : 'there was no lab')
}

interface Exercise {
  readonly directory: string
  readonly only: readonly string[]
  readonly patience: number
  readonly file: string | undefined
}

async function exerciseLab(lab: Lab, { directory, only, patience, file }: Exercise): Promise<readonly StepResult[]> {
  const unknown = only.filter(name => !steps.some(step => step.name === name))
  if (unknown.length > 0) throw new WrongArguments(`there is no step ${unknown.join(', ')}`)
  const recording = file === undefined ? undefined : await record(lab.wire, directory)
  try {
    for (const { host } of lab.controllers) await forgetNeighbours(host)
    const results = await exercise(lab, { only, patience }, ({ ok, from, to, step, seconds, said }) => {
      say(`${ok ? 'ok    ' : 'failed'} ${from}>${to} ${step.padEnd(23)} ${seconds.toFixed(2).padStart(5)} s  ${said}`)
    })
    const well = results.filter(each => each.ok).length
    say(`exercise: ${well} ok, ${results.length - well} failed`)
    // Only a whole exercise: one that was broken off must not take the place of an earlier recording.
    if (recording !== undefined && file !== undefined) writeFileSync(file, await recording.stop())
    return results
  } finally {
    await recording?.stop()
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)

try {
  process.exitCode = await main()
} catch (error) {
  const wrong = error instanceof WrongArguments
  const aborted = error instanceof Error && error.name === 'AbortError'
  const words = aborted ? 'interrupted' : error instanceof Error ? error.message : String(error)
  process.stderr.write(`lab: ${words}\n${wrong ? usage : ''}`)
  process.exitCode = wrong ? 2 : 3
}
