// Where the monitor hears: events of a running agent as they come, its status every second, and both again when the agent is
// back. What comes is kept until somebody looks, so that a burst is folded at once; what is too much is left out and counted.
import type { ControlClient } from '../agent/control-client.ts'
import type { StateFolder } from '../agent/state-folder.ts'
import { within } from '../agent/within.ts'
import { systemClock } from '../base/time.ts'
import type { AgentStatus } from '../monitor/agent-status.ts'
import { emptyView, follow, type Heard, type MonitorView } from '../monitor/view.ts'

export interface Feed {
  /** All that was heard so far, folded. */
  view(): MonitorView
  /** Asks for the status now; resolves when it is heard, or the agent is not. */
  look(): Promise<void>
  /** Calls back when something happened that is more than a detail: the status may be another one now. */
  onNews(hear: () => void): void
  close(): void
}

/** Seconds that an agent has for its status. */
const ANSWER_WITHIN = 5
/** Events between two looks; a flood is told by the counts of the status. */
const MOST_WAITING = 20_000

export function feedFrom(first: ControlClient, folder: StateFolder): Feed {
  let client: ControlClient | undefined
  let view = emptyView
  let waiting: Heard[] = []
  let news = () => {}
  const hear = (heard: Heard) => {
    if (heard.kind !== 'event' || waiting.length < MOST_WAITING) waiting.push(heard)
    if (heard.kind === 'event' && heard.event.level !== 'debug') news()
  }
  const take = (taken: ControlClient) => {
    client = taken
    void taken.subscribe('debug', event => hear({ kind: 'event', event }))
    void taken.closed.then(() => {
      if (client !== taken) return
      client = undefined
      hear({ kind: 'lost', why: 'it is gone' })
      news()
    })
  }
  const reach = async () => {
    const { ControlClient } = await import('../agent/control-client.ts')
    const found = await ControlClient.connect(folder)
    if (typeof found === 'string') hear({ kind: 'lost', why: found === 'none' ? 'none runs' : 'it is another user’s' })
    else take(found)
  }
  take(first)
  return {
    view() {
      if (waiting.length > 0) {
        view = follow(view, waiting)
        waiting = []
      }
      return view
    },
    async look() {
      try {
        if (client === undefined) await reach()
        if (client === undefined) return
        const answer = await within(systemClock, ANSWER_WITHIN, 'an answer', client.ask({ kind: 'status' }))
        if (answer.kind === 'fine') hear({ kind: 'status', status: answer.value as AgentStatus })
        else hear({ kind: 'lost', why: answer.problems.map(({ what }) => what).join('; ') })
      } catch (error) {
        hear({ kind: 'lost', why: error instanceof Error ? error.message : 'it does not answer' })
      }
    },
    onNews(hear) {
      news = hear
    },
    close() {
      const last = client
      client = undefined
      last?.close()
    },
  }
}
