// `status --watch`: looks at the agent again and again until it is ended. On a terminal every look takes the place of the one
// before, on a screen of its own that leaves nothing behind; elsewhere looks follow each other.
import { ControlClient } from '../agent/control-client.ts'
import type { StateFolder } from '../agent/state-folder.ts'
import { within } from '../agent/within.ts'
import { type Clock, systemClock } from '../base/time.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import { ANSWER_IS_NO, FINE } from './command.ts'
import type { Console } from './console.ts'
import { printStatus } from './status-text.ts'

export interface Watch {
  readonly folder: StateFolder
  /** Between the end of a look and the next one. */
  readonly seconds: number
  readonly isJson: boolean
  readonly ended: AbortSignal
  readonly clock?: Clock
}

/** Seconds; an agent that is stopped or busy to death does not answer. */
const ANSWER_WITHIN = 15

/** The other screen, without a cursor and without lines that go on below; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/** The exit status of the last look that was done. */
export async function watchStatus(watch: Watch, console: Console): Promise<number> {
  const { seconds, isJson, ended, clock = systemClock } = watch
  const isDrawn = !isJson && console.rows !== undefined
  let last = FINE
  let looks = 0
  if (isDrawn) console.write(ENTER)
  try {
    while (!ended.aborted) {
      const seen = await look(watch, clock)
      if (ended.aborted) break
      last = typeof seen !== 'string' && seen.warnings.length === 0 ? FINE : ANSWER_IS_NO
      if (isDrawn) draw(seen, seconds, console)
      else tell(seen, isJson, looks > 0, console)
      looks++
      await pause(clock, seconds, ended)
    }
  } finally {
    if (isDrawn) console.write(LEAVE)
  }
  return last
}

/** A word about why where there is no status. */
async function look({ folder, ended }: Watch, clock: Clock): Promise<AgentStatus | string> {
  const client = await ControlClient.connect(folder)
  if (client === 'none') return `No agent runs with the state folder ${folder.path}.`
  if (client === 'forbidden') return `The agent at ${folder.path} belongs to another user.`
  const close = () => client.close()
  // Whoever ends the watch does not wait for an agent that hangs.
  ended.addEventListener('abort', close, { once: true })
  try {
    const answer = await within(clock, ANSWER_WITHIN, 'an answer of the agent', client.ask({ kind: 'status' }))
    return answer.kind === 'fine' ? (answer.value as AgentStatus) : answer.problems.map(({ what }) => what).join('; ')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    ended.removeEventListener('abort', close)
    close()
  }
}

function tell(seen: AgentStatus | string, isJson: boolean, isLater: boolean, console: Console): void {
  if (typeof seen === 'string') console.say(seen)
  else if (isJson) console.write(`${JSON.stringify(seen)}\n`)
  else {
    if (isLater) console.print()
    console.print(console.style('dim', new Date(seen.at * 1000).toISOString()))
    printStatus(seen, console)
  }
}

function draw(seen: AgentStatus | string, seconds: number, console: Console): void {
  const text = typeof seen === 'string' ? `${seen}\n` : console.captured(inner => printStatus(seen, inner))
  const when = typeof seen === 'string' ? '' : `${new Date(seen.at * 1000).toISOString().slice(11, 19)} UTC · `
  const head = console.style('dim', `sealwire status · ${when}every ${seconds} s · Ctrl+C ends`)
  const lines = [head, '', ...text.trimEnd().split('\n')]
  const rows = Math.max(4, console.rows ?? 24)
  const left = lines.length - rows
  const shown = left > 0 ? [...lines.slice(0, rows - 1), console.style('dim', `… ${left + 1} more lines`)] : lines
  console.write(`\x1b[H${shown.map(line => `${line}\x1b[K`).join('\r\n')}\x1b[J`)
}

function pause(clock: Clock, seconds: number, ended: AbortSignal): Promise<void> {
  if (ended.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      cancel()
      ended.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.at(clock.now() + seconds, done)
    ended.addEventListener('abort', done, { once: true })
  })
}
