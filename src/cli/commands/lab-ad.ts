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

export const labOption: OptionSpec = {
  flags: '--state <folder>',
  key: 'state',
  description: `where the lab keeps its files; left out, ${DEFAULT_LAB}. Labs in different folders share nothing`,
  values: 'file',
}

/** For a lab that is made. */
export const netOptions: readonly OptionSpec[] = [
  { flags: '--mtu <bytes>', key: 'mtu', description: 'what the links of the lab carry, 1280 to 9000; left out, 1500' },
  {
    flags: '--ipv6-only',
    key: 'ipv6Only',
    description: 'no link has an address of IPv4: dc1 is fd54::1, dc2 fd54::2',
  },
]

const ABOUT =
  'The lab is two domain controllers of corp.test, dc1 10.54.0.1 and dc2 10.54.0.2, from Debian’s Samba, in network namespaces with ' +
  'a bridge between them and no way out. It needs root on Debian, and installs the packages that are missing.'

export const labUp: CommandSpec = {
  name: 'lab ad up',
  summary: 'make two Samba domain controllers in network namespaces',
  description: `${ABOUT} They stay until \`lab ad down\`.`,
  options: [labOption, ...netOptions, jsonOption],
  examples: ['sealwire lab ad up', 'sealwire lab ad up --mtu 1400', 'sealwire lab ad up --ipv6-only'],
  run: (input, console) =>
    inLab(console, async ({ story, directory, say }) => {
      const problems = netProblems(input)
      if (problems.length > 0) return refused(problems, console)
      await story.makeLab(directory(input), say, netOf(input))
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
    ...netOptions,
    { flags: '--short', key: 'short', description: 'exercise one step of each kind instead of all' },
    jsonOption,
  ],
  examples: [
    'sealwire lab ad tell --out verdict',
    'sealwire lab ad tell --only b,c --json',
    'sealwire lab ad tell --only c --ipv6-only',
  ],
  run: runTell,
}

export const labCommands: readonly CommandSpec[] = [labUp, labExercise, labDown, labTell]

type Story = typeof import('../../../lab/ad/story.ts')
type Net = import('../../../lab/ad/story.ts').Net
export type Ratios = import('../../../lab/ad/story.ts').Ratios
export type EnduranceVerdict = import('../../../lab/ad/story.ts').EnduranceVerdict

interface Session {
  readonly story: Story
  readonly say: (words: string) => void
  readonly directory: (input: CommandInput) => string
}

/** With Ctrl+C as an ordinary failure, so that what was made is removed on the way out. */
export async function inLab(console: Console, work: (session: Session) => Promise<number>): Promise<number> {
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
    problems.push(...netProblems(input))
    if (problems.length > 0) return refused(problems, console)
    const net = netOf(input)
    const out = textOption(input, 'out')
    const folder = out === undefined ? undefined : resolve(out)
    const length = input.options['short'] === true ? 'short' : 'whole'
    const verdict = await story.tellStory({
      ...{ directory: directory(input), only, length, folder, say },
      ...(net === undefined ? {} : { net }),
    })
    if (isJson(input)) console.json(verdict)
    else printVerdict(verdict, folder, console)
    return verdict.ok ? FINE : ANSWER_IS_NO
  })
}

/** Undefined where nothing is said of it. */
export function netOf(input: CommandInput): Net | undefined {
  const mtu = textOption(input, 'mtu')
  const isIpv6Only = input.options['ipv6Only'] === true
  return mtu === undefined && !isIpv6Only ? undefined : { linkSize: Number(mtu ?? 1500), isIpv6Only }
}

/** Below 1,280 there is no IPv6 (RFC 8200 section 5). */
export function netProblems(input: CommandInput): readonly Problem[] {
  const mtu = textOption(input, 'mtu')
  if (mtu === undefined || (/^\d+$/.test(mtu) && Number(mtu) >= 1280 && Number(mtu) <= 9000)) return []
  return [wrong('--mtu', `${mtu} is no size of a link`, 'a whole number of bytes, 1280 to 9000')]
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

export function wrong(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}

export function refused(problems: readonly Problem[], console: Console): number {
  console.problems(problems)
  return WRONG_INPUT
}

export function isJson(input: CommandInput): boolean {
  return input.options['json'] === true
}
