// What an agent left that did not go down by itself: its routes, its note, its socket, and where that is asked for its guard.
// Until then the guard stands, and nothing that must be sealed leaves in clear.
import { type Problem, type Result, success } from '../base/result.ts'
import type { Undone } from '../dataplane/tun/taken.ts'
import type { AgentEvent } from '../monitor/told-event.ts'
import { currentNamespace } from '../native/namespaces.ts'
import { guardPart } from './guard-part.ts'
import { undoRoutes } from './routing-part.ts'
import {
  type AgentNote,
  holdStateFolder,
  isThere,
  readNote,
  removeNote,
  removeSocket,
  type StateFolder,
} from './state-folder.ts'

/** To be called by whoever holds the folder. The guard stays: an agent that comes replaces it in one step. */
export function undoDeadAgent(folder: StateFolder): readonly AgentEvent[] {
  const note = readNote(folder)
  const undone = undoRoutes(folder.path)
  removeSocket(folder)
  removeNote(folder)
  return note === undefined && undone.kind === 'nothing' ? [] : [eventOf(note, undone)]
}

function eventOf(note: AgentNote | undefined, undone: Undone): AgentEvent {
  const changes = undone.kind === 'undone' ? undone.changes : 0
  const which = note === undefined ? '' : ` (process ${note.pid})`
  const what = changes === 0 ? 'it left nothing to undo' : `${changes} rules and routes of it are taken back`
  const text = `The agent before${which} did not go down by itself; ${what}.`
  return { level: 'warning', kind: 'dead-agent', text, fields: { changes } }
}

export interface TakenBack {
  /** For people; empty where nothing was left. */
  readonly said: readonly string[]
}

/** For `down` where nobody answers: leaves the host as it was found. */
export async function takeBackDeadAgent(
  folder: StateFolder,
  keepGuard: boolean,
): Promise<Result<TakenBack, readonly Problem[]>> {
  if (!isThere(folder)) return success({ said: [] })
  const note = readNote(folder)
  const namespace = currentNamespace()
  if (note !== undefined && note.namespace !== namespace) {
    return refused(
      folder,
      `its agent lived in another network namespace (${note.namespace}; this is ${namespace})`,
      'run this there, with “ip netns exec NAME” in front; where that namespace is gone, remove the folder',
    )
  }
  const lock = holdStateFolder(folder)
  if (lock === undefined) {
    return refused(folder, 'its agent does not answer: it is just going up or down', 'try again in a moment')
  }
  try {
    const events = undoDeadAgent(folder)
    const said = events.map(({ text }) => text)
    if (note?.hasGuard !== true) return success({ said })
    if (keepGuard || note.keepsGuard) return success({ said: [...said, 'The guard stays.'] })
    await guardPart().remove()
    return success({ said: [...said, 'The guard is taken away.'] })
  } finally {
    lock.release()
  }
}

function refused({ path: where }: StateFolder, what: string, hint: string): Result<never, readonly Problem[]> {
  return { ok: false, error: [{ severity: 'error', where, what, hint }] }
}
