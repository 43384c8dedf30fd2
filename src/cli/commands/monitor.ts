// `sealwire monitor`: what ipsecmon was. On a terminal a live view, elsewhere plain frames. Exit status 0 it was looked at, 1 no
// agent runs.
import type { Problem } from '../../base/result.ts'
import { systemClock } from '../../base/time.ts'
import { type PageName, pageNames } from '../../monitor/terminal/pages.ts'
import { type Choices, firstChoices, screenOf } from '../../monitor/terminal/screen.ts'
import { reachAgent, stateOf, stateOption } from '../agent-options.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, textOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'
import type { Feed } from '../monitor-feed.ts'
import type { WebOptions } from '../monitor-web.ts'

/** Seconds, as ipsecmon had 15. */
const INTERVAL = 1

export const monitor: CommandSpec = {
  name: 'monitor',
  summary: 'watch associations, hosts, negotiations and statistics live, as ipsecmon did',
  description:
    'On a terminal: associations with ipsecmon’s columns, rates, age and time to new keys; hosts and how each is spoken with; negotiations ' +
    'as ladders of messages, with the reason of a failure; what is exempt now and what passed of it; the statistics of ipsecmon and netsh; ' +
    'the log. Keys: ← → page, ↑ ↓ row, / filter, q quit. Elsewhere, or with --frames, the page is written as plain text. With --web all ' +
    'of it stands in a browser, where the setting can be changed too; the address holds a token that is new each time. ' +
    'Exit status 0: it was looked at; 1: no agent runs; 3: the agent belongs to somebody else.',
  options: [
    stateOption,
    {
      ...{
        flags: '--page <name>',
        key: 'page',
        description: `what is shown first: ${pageNames.join(', ')}; left out, associations`,
      },
      values: pageNames,
    },
    { flags: '--interval <seconds>', key: 'interval', description: 'between two looks, 0.2 to 3600; left out, 1' },
    {
      ...{ flags: '--frames <count>', key: 'frames' },
      description: 'so many frames as plain text, then end; rates are known from the second one on',
    },
    {
      ...{ flags: '--web [place]', key: 'web' },
      description:
        'serve the page for a browser, and print its address, until Ctrl+C: 127.0.0.1:PORT, [::1]:PORT or unix:PATH; without a place a free port',
    },
    {
      ...jsonOption,
      description:
        'all that the monitor knows after two looks, as one JSON value on standard output; with --web the address',
    },
  ],
  examples: [
    'sealwire monitor',
    'sealwire monitor --web',
    'sealwire monitor --page statistics --frames 1',
    'sealwire monitor --json',
  ],
  run: runMonitor,
}

interface Asked {
  readonly page: PageName
  readonly interval: number
  readonly frames: number | undefined
}

async function runMonitor(input: CommandInput, console: Console): Promise<number> {
  const asked = readAsked(input, console)
  if (asked === undefined) return WRONG_INPUT
  const folder = stateOf(input)
  const web = await readWeb(input, console)
  if (typeof web === 'number') return web
  const client = await reachAgent(folder, console)
  if (typeof client === 'number') return client
  if (web !== undefined) {
    const { serveMonitor } = await import('../monitor-web.ts')
    return serveMonitor(client, folder, web, console)
  }
  const { feedFrom } = await import('../monitor-feed.ts')
  const feed = feedFrom(client, folder)
  try {
    await show(feed, asked, input, console)
    return FINE
  } finally {
    feed.close()
  }
}

async function readWeb(input: CommandInput, console: Console): Promise<WebOptions | number | undefined> {
  const given = input.options['web']
  if (given !== true && typeof given !== 'string') return undefined
  const { readWebPlace } = await import('../monitor-web.ts')
  const place = readWebPlace(given)
  const ofTerminal = ['page', 'interval', 'frames'].filter(key => input.options[key] !== undefined)
  const needless = ofTerminal.map(key => wrong(`--${key}`, 'the page in a browser has none', 'leave it out, or --web'))
  if (place.ok && needless.length === 0) return { place: place.value, isJson: input.options['json'] === true }
  console.problems([...needless, ...(place.ok ? [] : [place.error])])
  return WRONG_INPUT
}

async function show(feed: Feed, asked: Asked, input: CommandInput, console: Console): Promise<void> {
  const { interval, page, frames } = asked
  const choices = { ...firstChoices, page }
  if (input.options['json'] === true) {
    await feed.look()
    await wait(interval)
    await feed.look()
    return console.json(feed.view())
  }
  if (frames === undefined && process.stdout.isTTY && process.stdin.isTTY) {
    const { showOnTerminal } = await import('../monitor-screen.ts')
    return showOnTerminal(feed, choices, interval, console)
  }
  return writeFrames(feed, choices, asked, console)
}

async function writeFrames(feed: Feed, choices: Choices, { interval, frames }: Asked, console: Console): Promise<void> {
  const { painted } = await import('../monitor-screen.ts')
  for (let frame = 1; frames === undefined || frame <= frames; frame++) {
    await feed.look()
    const view = feed.view()
    const lines = screenOf(view, choices, { columns: console.columns ?? 200, rows: undefined })
    if (frame > 1) console.print()
    for (const line of lines) console.print(painted(line, console))
    if (frame !== frames) await wait(interval)
  }
}

function wait(seconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  systemClock.at(systemClock.now() + seconds, resolve)
  return promise
}

function readAsked(input: CommandInput, console: Console): Asked | undefined {
  const page = pageNames.find(name => name === (textOption(input, 'page') ?? 'associations'))
  const interval = Number(textOption(input, 'interval') ?? INTERVAL)
  const text = textOption(input, 'frames')
  const frames = text === undefined ? undefined : Number(text)
  const problems = [
    page === undefined ? wrong('--page', 'there is no such page', `write ${pageNames.join(', ')}`) : undefined,
    interval >= 0.2 && interval <= 3600
      ? undefined
      : wrong('--interval', 'these are no seconds from 0.2 to 3600', 'write 1'),
    frames === undefined || (Number.isSafeInteger(frames) && frames > 0)
      ? undefined
      : wrong('--frames', 'this is no number of frames', 'write 1 or more'),
  ].filter(problem => problem !== undefined)
  if (page !== undefined && problems.length === 0) return { page, interval, frames }
  console.problems(problems)
  return undefined
}

function wrong(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}
