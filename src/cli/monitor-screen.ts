// The monitor on a terminal: draws whole frames on the other screen, reads keys as they are pressed, and leaves the terminal
// as it was however it ends.
import { systemClock } from '../base/time.ts'
import { keysOf, press } from '../monitor/terminal/keys.ts'
import type { Line, Style } from '../monitor/terminal/line.ts'
import { type Choices, screenOf } from '../monitor/terminal/screen.ts'
import type { Style as ConsoleStyle } from './console.ts'
import type { Feed } from './monitor-feed.ts'

/** Told apart without colours too: words say it, and what is bad is bold or begins with a mark. */
const styles: Readonly<Record<Style, ConsoleStyle>> = {
  ...{ bold: 'bold', dim: 'dim', good: 'blueBright', bad: 'redBright', note: 'yellow', chosen: 'inverse' },
}

export interface Paint {
  style(style: ConsoleStyle, text: string): string
}

export function painted(line: Line, paint: Paint): string {
  return line
    .map(({ text, style }) => (style === undefined ? text : paint.style(styles[style], text)))
    .join('')
    .trimEnd()
}

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
/** A terminal that knows it shows a frame at once, and not while it is written. */
const [FRAME, SHOWN] = ['\x1b[?2026h\x1b[H', '\x1b[J\x1b[?2026l']

/** The least seconds between two frames, however fast keys and events come. */
const FRAME_AFTER = 0.05

/** The least seconds between two looks at the status, whatever happens: each costs the agent a listing of its guard. */
const LOOK_AFTER = 0.3

/** Resolves when the person has seen enough. */
export async function showOnTerminal(feed: Feed, first: Choices, interval: number, paint: Paint): Promise<void> {
  const { stdin, stdout } = process
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  let choices = first
  let cancelFrame: (() => void) | undefined
  let cancelLook: (() => void) | undefined
  let isOver = false
  const draw = () => {
    cancelFrame = undefined
    const size = { columns: Math.max(20, stdout.columns ?? 80), rows: Math.max(5, stdout.rows ?? 24) }
    const lines = screenOf(feed.view(), choices, size).map(line => `${painted(line, paint)}\x1b[K`)
    stdout.write(`${FRAME}${lines.join('\r\n')}${SHOWN}`)
  }
  const drawSoon = () => {
    if (!isOver) cancelFrame ??= systemClock.at(systemClock.now() + FRAME_AFTER, draw)
  }
  let lookedAt = Number.NEGATIVE_INFINITY
  let isLooking = false
  let isNews = false
  const lookIn = (seconds: number) => {
    cancelLook?.()
    cancelLook = systemClock.at(Math.max(systemClock.now() + seconds, lookedAt + LOOK_AFTER), () => void look())
  }
  const look = async () => {
    isLooking = true
    isNews = false
    lookedAt = systemClock.now()
    await feed.look()
    isLooking = false
    if (isOver) return
    drawSoon()
    lookIn(isNews ? 0 : interval)
  }
  feed.onNews(() => {
    drawSoon()
    isNews = true
    if (!isLooking && !isOver) lookIn(0)
  })
  const typed = (text: string) => {
    for (const key of keysOf(text)) {
      const next = press(choices, key, feed.view())
      if (next === 'quit') return leave()
      choices = next
    }
    drawSoon()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const restore = () => stdout.write(LEAVE)
  process.once('exit', restore)
  for (const signal of signals) process.once(signal, leave)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8').on('data', typed).on('end', leave).resume()
  stdout.on('resize', drawSoon)
  stdout.write(ENTER)
  try {
    draw()
    void look()
    await left
  } finally {
    isOver = true
    cancelFrame?.()
    cancelLook?.()
    stdout.off('resize', drawSoon)
    stdin.off('data', typed).off('end', leave)
    stdin.setRawMode(false)
    stdin.pause()
    for (const signal of signals) process.off(signal, leave)
    process.off('exit', restore)
    restore()
  }
}
