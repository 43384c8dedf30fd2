// Where the monitor in a terminal hears: events of a running agent as they come, its status when it looks, and both again when
// the agent is back. What comes is kept until somebody looks, so that a burst is folded at once; what is too much is left out
// and counted.
import type { ControlClient } from '../agent/control-client.ts'
import type { StateFolder } from '../agent/state-folder.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import { emptyView, follow, type Heard, type MonitorView } from '../monitor/view.ts'
import { AgentLink } from './agent-link.ts'

export interface Feed {
  /** All that was heard so far, folded. */
  view(): MonitorView
  /** Asks for the status now; resolves when it is heard, or the agent is not. */
  look(): Promise<void>
  /** Calls back when something happened that is more than a detail: the status may be another one now. */
  onNews(hear: () => void): void
  close(): void
}

/** Events between two looks; a flood is told by the counts of the status. */
const MOST_WAITING = 20_000

export function feedFrom(first: ControlClient, folder: StateFolder): Feed {
  const link = new AgentLink(folder, first)
  let view = emptyView
  let waiting: Heard[] = []
  let omitted = 0
  let news = () => {}
  const hear = (heard: Heard) => {
    if (heard.kind === 'event' && waiting.length >= MOST_WAITING) omitted++
    else waiting.push(heard)
    if (heard.kind === 'event' && heard.event.level !== 'debug') news()
  }
  link.listen('debug', event => hear({ kind: 'event', event }))
  link.onLost(() => {
    hear({ kind: 'lost', why: 'it is gone' })
    news()
  })
  return {
    view() {
      if (waiting.length > 0) {
        view = follow(view, omitted === 0 ? waiting : [...waiting, { kind: 'omitted', events: omitted }])
        waiting = []
        omitted = 0
      }
      return view
    },
    async look() {
      try {
        const answer = await link.ask({ kind: 'status' })
        if (answer.kind === 'fine') hear({ kind: 'status', status: answer.value as AgentStatus })
        else hear({ kind: 'lost', why: answer.problems.map(({ what }) => what).join('; ') })
      } catch (error) {
        hear({ kind: 'lost', why: error instanceof Error ? error.message : 'it does not answer' })
      }
    },
    onNews(hear) {
      news = hear
    },
    close: () => link.close(),
  }
}
