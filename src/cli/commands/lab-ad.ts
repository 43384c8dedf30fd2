// `sealwire lab ad up · exercise · down · tell`: two Samba domain controllers in network namespaces of this machine, and the
// story of KB 254728 told with them. All of it is in lab/ad, which is loaded only when one of these commands is run.
import { resolve } from 'node:path'
import type { Problem } from '../../base/result.ts'
import { monotonicSeconds } from '../../base/time.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  MACHINE_CANNOT,
  type OptionSpec,
  textOption,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'

const DEFAULT_LAB = '/var/lib/sealwire-lab-ad'

const labOption: OptionSpec = {
  flags: '--state <folder>',
  key: 'state',
  description: `where the lab keeps its files; left out, ${DEFAULT_LAB}. Labs in different folders share nothing`,
  values: 'file',
}

const ABOUT =
  'The lab is two domain controllers of corp.test, dc1 10.54.0.1 and dc2 10.54.0.2, from Debian’s Samba, in network namespaces with ' +
  'a bridge between them and no way out. It needs root on Debian, and installs the packages that are missing.'

export const labUp: CommandSpec = {
  name: 'lab ad up',
  summary: 'make two Samba domain controllers in network namespaces',
  description: `${ABOUT} They stay until \`lab ad down\`.`,
  options: [labOption, jsonOption],
  examples: ['sealwire lab ad up'],
  run: (input, console) =>
    inLab(console, async ({ story, directory, say }) => {
      await story.makeLab(directory(input), say)
      if (isJson(input)) console.json({ ok: true, state: directory(input) })
      return FINE
    }),
}

export const labExercise: CommandSpec = {
  name: 'lab ad exercise',
  summary: 'have the two controllers talk: Kerberos, LDAP, replication, SMB, DNS …',
  description:
    'Each step asks the other controller, both ways, and is well only if that one answered. Without names all steps. ' +
    'Exit status 0: all were answered; 1: one was not.',
  arguments: [{ name: '[step...]', description: 'names of steps, as --list tells them' }],
  options: [
    labOption,
    {
      flags: '--capture <file>',
      key: 'capture',
      description: 'record what crosses the bridge (pcapng), and tell what tshark counts in it',
      values: 'file',
    },
    { flags: '--patience <seconds>', key: 'patience', description: 'how long one tool may take; left out, 10' },
    { flags: '--list', key: 'list', description: 'tell the steps and what each does' },
    jsonOption,
  ],
  examples: ['sealwire lab ad exercise', 'sealwire lab ad exercise as-udp tgs-udp', 'sealwire lab ad exercise --list'],
  run: runExercise,
}

export const labDown: CommandSpec = {
  name: 'lab ad down',
  summary: 'end the controllers and remove what they left',
  options: [labOption, jsonOption],
  examples: ['sealwire lab ad down'],
  run: (input, console) =>
    inLab(console, async ({ story, directory }) => {
      const wasThere = await story.endLab(directory(input))
      console.say(wasThere ? 'The lab is down.' : 'There was no lab.')
      if (isJson(input)) console.json({ ok: true, wasThere })
      return FINE
    }),
}

export const labTell: CommandSpec = {
  name: 'lab ad tell',
  summary: 'the story of KB 254728 with two real domain controllers, each chapter with its verdict',
  description:
    `${ABOUT} Each chapter says what it shows, acts it out, and checks what was recorded on the bridge, by sealwire’s auditor and by ` +
    'tshark. With --out it leaves verdict.json, verdict.html and the recordings. A lab that is up is used and stays; else one is ' +
    'made and removed. Exit status 0: all is as it should be; 1: something is not.',
  options: [
    labOption,
    { flags: '--only <letters>', key: 'only', description: 'only these chapters, separated by commas: a,b,c' },
    {
      flags: '--out <folder>',
      key: 'out',
      description: 'write verdict.json, verdict.html and the recordings there',
      values: 'file',
    },
    { flags: '--short', key: 'short', description: 'exercise one step of each kind instead of all' },
    jsonOption,
  ],
  examples: ['sealwire lab ad tell --out verdict', 'sealwire lab ad tell --only b,c --json'],
  run: runTell,
}

export const labCommands: readonly CommandSpec[] = [labUp, labExercise, labDown, labTell]

type Story = typeof import('../../../lab/ad/story.ts')

interface Session {
  readonly story: Story
  readonly say: (words: string) => void
  readonly directory: (input: CommandInput) => string
}

/** With Ctrl+C as an ordinary failure, so that what was made is removed on the way out. */
async function inLab(console: Console, work: (session: Session) => Promise<number>): Promise<number> {
  const story = await import('../../../lab/ad/story.ts')
  const begin = monotonicSeconds()
  const say = (words: string) => console.say(`${(monotonicSeconds() - begin).toFixed(1).padStart(6)} s  ${words}`)
  const directory = (input: CommandInput) => resolve(textOption(input, 'state') ?? DEFAULT_LAB)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, story.interrupt)
  try {
    return await work({ story, say, directory })
  } catch (error) {
    const isStopped = error instanceof Error && error.name === 'AbortError'
    const what = isStopped ? 'stopped' : error instanceof Error ? error.message : String(error)
    console.say(`sealwire: the lab: ${what}`)
    return MACHINE_CANNOT
  } finally {
    for (const signal of signals) process.off(signal, story.interrupt)
  }
}

function runExercise(input: CommandInput, console: Console): Promise<number> {
  return inLab(console, async ({ story, directory, say }) => {
    const { steps } = story
    if (input.options['list'] === true) {
      if (isJson(input)) console.json(steps.map(({ name, story: does }) => ({ name, story: does })))
      else console.table(steps.map(({ name, story: does }) => [name, does]))
      return FINE
    }
    const patience = Number(textOption(input, 'patience') ?? 10)
    const problems = unknownOf(
      input.arguments,
      steps.map(({ name }) => name),
      'step',
      'lab ad exercise --list tells them',
    )
    if (!(patience > 0)) problems.push(wrong('--patience', 'this is no number of seconds', 'such as 3'))
    if (problems.length > 0) return refused(problems, console)
    const capture = textOption(input, 'capture')
    const {
      ok,
      steps: done,
      counts,
    } = await story.exerciseLab(directory(input), {
      ...{ only: input.arguments, patience, capture, say },
    })
    if (isJson(input)) console.json({ ok, steps: done, ...(counts && { counts: Object.fromEntries(counts) }) })
    else
      console.table(
        [...(counts ?? [])].map(([what, packets]) => [what, String(packets)]),
        [1],
      )
    return ok ? FINE : ANSWER_IS_NO
  })
}

function runTell(input: CommandInput, console: Console): Promise<number> {
  return inLab(console, async ({ story, directory, say }) => {
    const only = (textOption(input, 'only') ?? '').split(',').filter(letter => letter !== '')
    const problems = unknownOf(
      only,
      story.chapters.map(({ letter }) => letter),
      'chapter',
      '',
    )
    if (problems.length > 0) return refused(problems, console)
    const out = textOption(input, 'out')
    const folder = out === undefined ? undefined : resolve(out)
    const length = input.options['short'] === true ? 'short' : 'whole'
    const verdict = await story.tellStory({ directory: directory(input), only, length, folder, say })
    if (isJson(input)) console.json(verdict)
    else printVerdict(verdict, folder, console)
    return verdict.ok ? FINE : ANSWER_IS_NO
  })
}

function printVerdict(
  verdict: Awaited<ReturnType<Story['tellStory']>>,
  folder: string | undefined,
  console: Console,
): void {
  const rows = verdict.chapters.map(({ letter, title, ok, seconds, checks }) => [
    `${letter}.`,
    title,
    ok ? console.style('blueBright', 'as due') : console.style('redBright', 'not as due'),
    `${checks.filter(check => check.ok).length} of ${checks.length} checks`,
    `${seconds.toFixed(0)} s`,
  ])
  console.table(rows, [3, 4])
  for (const { letter, checks } of verdict.chapters) {
    for (const { what, seen } of checks.filter(({ ok }) => !ok)) console.print(`${letter}. ${what}: ${seen}`)
  }
  if (folder !== undefined) console.print(`Written to ${folder}: verdict.html, verdict.json and the recordings`)
}

function unknownOf(given: readonly string[], known: readonly string[], what: string, hint: string): Problem[] {
  const bad = given.filter(each => !known.includes(each))
  return bad.map(each => wrong(each, `there is no such ${what}`, hint === '' ? known.join(', ') : hint))
}

function wrong(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}

function refused(problems: readonly Problem[], console: Console): number {
  console.problems(problems)
  return WRONG_INPUT
}

function isJson(input: CommandInput): boolean {
  return input.options['json'] === true
}
