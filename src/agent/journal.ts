// systemd's journal, where standard error leads to it: entries go to its socket, so that they have fields. Nobody waits for a
// journal that does not read: what it has no room for is left off, and the next entry is told how many that were.
import { fstatSync } from 'node:fs'
import { EAGAIN } from '../native/libc.ts'
import { UnixDatagramSocket } from '../native/unix-datagram.ts'
import { journalEntry, LONGEST_ENTRY } from './journal-entry.ts'

export const JOURNAL_SOCKET = '/run/systemd/journal/socket'

/** `environment` as systemd gives it: JOURNAL_STREAM names what it connected. Undefined where that is not standard error. */
export function journalOf(
  environment: Readonly<Record<string, string | undefined>>,
  descriptor = 2,
): Journal | undefined {
  const stream = environment['JOURNAL_STREAM'] ?? ''
  if (stream === '') return undefined
  const { dev, ino } = fstatSync(descriptor, { bigint: true })
  return stream === `${dev}:${ino}` ? new Journal(JOURNAL_SOCKET) : undefined
}

export class Journal {
  readonly #path: string
  #socket: UnixDatagramSocket | undefined
  #lost = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Answers false where no journal listens, and the entry has to go another way. */
  enter(entry: Uint8Array): boolean {
    if (this.#lost > 0 && !this.#tellOfLost()) return this.#leaveOff()
    const sent = this.#send(entry)
    if (sent === -EAGAIN) return this.#leaveOff()
    return sent >= 0
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  #leaveOff(): true {
    this.#lost++
    return true
  }

  #tellOfLost(): boolean {
    const events = this.#lost
    const text = `The journal had no room: ${events === 1 ? 'one event is' : `${events} events are`} missing before this.`
    const isTold =
      this.#send(journalEntry({ at: 0, level: 'warning', kind: 'log-lost', text, fields: { events } })) !== -EAGAIN
    if (isTold) this.#lost = 0
    return isTold
  }

  /** A journal that was started anew has another socket under the same name. */
  #send(entry: Uint8Array): number {
    for (let isAgain = false; ; isAgain = true) {
      try {
        this.#socket ??= new UnixDatagramSocket(this.#path, {
          doing: 'reaching the journal',
          longest: LONGEST_ENTRY,
          isPatient: false,
        })
      } catch {
        return -1
      }
      const sent = this.#socket.send(entry)
      if (sent >= 0 || sent === -EAGAIN || isAgain) return sent
      this.close()
    }
  }
}
