// What a key does to what the person chose: q, arrows, /, and the few that hands try beside them.
import type { MonitorView } from '../view.ts'
import { type PageName, pageNames } from './pages.ts'
import { type Choices, shownRows } from './screen.ts'

const LONGEST_FILTER = 100
const PAGE = 10

/** One read of a terminal may bring several keys; sequences of control characters are one each. */
export function keysOf(text: string): readonly string[] {
  return text.match(/\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Z]|[\s\S]/gu) ?? []
}

export function press(choices: Choices, key: string, view: MonitorView): Choices | 'quit' {
  if (key === '\x03') return 'quit'
  if (choices.isTyping) return type(choices, key)
  switch (key) {
    case 'q':
    case '\x04':
      return 'quit'
    case '/':
      return { ...choices, isTyping: true }
    case '\x1b':
      return { ...choices, filter: '' }
    case '\x1b[D':
    case '\x1bOD':
    case 'h':
    case '\x1b[Z':
      return turn(choices, -1)
    case '\x1b[C':
    case '\x1bOC':
    case 'l':
    case '\t':
      return turn(choices, 1)
    case '\x1b[A':
    case '\x1bOA':
    case 'k':
      return move(choices, view, at => at - 1)
    case '\x1b[B':
    case '\x1bOB':
    case 'j':
      return move(choices, view, at => at + 1)
    case '\x1b[5~':
      return move(choices, view, at => at - PAGE)
    case '\x1b[6~':
      return move(choices, view, at => at + PAGE)
    case '\x1b[H':
    case '\x1b[1~':
      return move(choices, view, () => 0)
    case '\x1b[F':
    case '\x1b[4~':
      return move(choices, view, (_, last) => last)
    default: {
      const page = /^[1-9]$/.test(key) ? pageNames[Number(key) - 1] : undefined
      return page === undefined ? choices : onPage(choices, page)
    }
  }
}

function type(choices: Choices, key: string): Choices {
  const { filter } = choices
  if (key === '\r' || key === '\n') return { ...choices, isTyping: false }
  if (key === '\x1b') return { ...choices, isTyping: false, filter: '' }
  if (key === '\x7f' || key === '\b') return { ...choices, filter: [...filter].slice(0, -1).join('') }
  if (key === '\x15') return { ...choices, filter: '' }
  if (/^[\p{C}]/u.test(key) || filter.length >= LONGEST_FILTER) return choices
  return { ...choices, filter: filter + key }
}

function turn(choices: Choices, by: number): Choices {
  const next = (pageNames.indexOf(choices.page) + by + pageNames.length) % pageNames.length
  return onPage(choices, pageNames[next]!)
}

/** What was looked for on one page is not what another one is opened for. */
function onPage(choices: Choices, page: PageName): Choices {
  return page === choices.page ? choices : { ...choices, page, key: undefined, filter: '' }
}

function move(choices: Choices, view: MonitorView, to: (at: number, last: number) => number): Choices {
  const rows = shownRows(view, choices)
  const last = rows.length - 1
  if (last < 0) return choices
  const at = Math.max(
    0,
    rows.findIndex(({ key }) => key === choices.key),
  )
  return { ...choices, key: rows[Math.min(last, Math.max(0, to(at, last)))]!.key }
}
