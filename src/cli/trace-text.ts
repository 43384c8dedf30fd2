// IKE for a person: a line for each message with an arrow between the hosts, and between the lines what came of them. On a
// terminal long lines go on below where they began; elsewhere each stays one line.
import type { TraceLine } from '../agent/demo/trace.ts'
import { type Console, meaning, type Style } from './console.ts'

const TIME = 11

/** The first of `hosts` stands at the left. */
export function printTrace(lines: readonly TraceLine[], hosts: readonly [string, string], console: Console): void {
  for (const line of lines) {
    const time = console.style('dim', line.time.toFixed(6).padStart(TIME))
    if (line.kind === 'message') printMessage(line, time, hosts, console)
    else printEvent(line, time, hosts, console)
  }
}

type MessageLine = Extract<TraceLine, { kind: 'message' }>

function printMessage(line: MessageLine, time: string, [left, right]: readonly [string, string], console: Console) {
  const isRequest = line.direction === 'request'
  const arrow = line.from === left ? '──►' : '◄──'
  const head = `${left} ${arrow} ${right}  ${line.exchange.padEnd(15)} ${line.direction.padEnd(8)} ${line.messageId}`
  const seal = line.isSealed ? console.style(meaning.protected, '█ sealed') : console.style(meaning.exempt, '▒ clear ')
  const again = line.again === 0 ? [] : [`sent again, time ${line.again + 1}`]
  const shown = console.style(isRequest ? ['bold', meaning.keying] : meaning.keying, head)
  const words = line.payloads.length === 0 ? ['empty'] : line.payloads
  const indent = TIME + 2 + head.length + 2 + 8 + 2
  print(`${time}  ${shown}  ${seal}  `, [...again, ...words], indent, console)
}

const eventStyles: Partial<Record<Extract<TraceLine, { kind: 'event' }>['event'], Style>> = {
  'session-failed': meaning.leaked,
  'child-failed': meaning.leaked,
  ignored: meaning.leaked,
  warning: meaning.exempt,
  'session-closed': 'dim',
  'child-closed': 'dim',
}

function printEvent(
  { host, event, text }: Extract<TraceLine, { kind: 'event' }>,
  time: string,
  [left, right]: readonly [string, string],
  console: Console,
): void {
  const place =
    host === left ? left.padEnd(left.length + 5 + right.length) : right.padStart(left.length + 5 + right.length)
  const style = eventStyles[event] ?? meaning.protected
  const indent = TIME + 2 + place.length + 4
  print(`${time}  ${console.style('dim', place)}  `, text.split(' '), indent, console, style, '● ')
}

/** Words one after the other, broken before the edge where there is one. */
function print(
  head: string,
  words: readonly string[],
  indent: number,
  console: Console,
  style?: Style,
  mark = '',
): void {
  const room = Math.max(30, (console.columns ?? Number.POSITIVE_INFINITY) - indent)
  const rows: string[] = []
  for (const word of words) {
    const last = rows.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) rows[rows.length - 1] = `${last} ${word}`
    else rows.push(word)
  }
  const show = (text: string) => (style === undefined ? text : console.style(style, text))
  const [first = '', ...more] = rows
  console.print(`${head}${show(`${mark}${first}`)}`.trimEnd())
  for (const row of more) console.print(`${' '.repeat(indent)}${show(row)}`)
}
