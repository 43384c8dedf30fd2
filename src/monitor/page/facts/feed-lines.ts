// Lines of the feed, from pieces of text as they come; each is a list of what was heard. What cannot be read ends the feed
// instead of being guessed at.
import type { Heard } from '../../view.ts'

/** Characters; a status with thousands of associations fits. */
export const LONGEST_LINE = 64 * 1024 * 1024

export class FeedLines {
  #rest: string[] = []
  #length = 0

  /** Throws where a line is no list, or does not end. */
  push(text: string): readonly Heard[] {
    const heard: Heard[] = []
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      const line = [...this.#rest, text.slice(from, end)].join('')
      this.#rest = []
      this.#length = 0
      from = end + 1
      if (line !== '') heard.push(...readLine(line))
    }
    if (from < text.length) {
      this.#rest.push(text.slice(from))
      this.#length += text.length - from
    }
    if (this.#length > LONGEST_LINE) throw new Error('a line of the feed does not end')
    return heard
  }
}

function readLine(line: string): readonly Heard[] {
  const read: unknown = JSON.parse(line)
  if (!Array.isArray(read)) throw new Error('a line of the feed is no list')
  return read as readonly Heard[]
}

/** A feed begins with the events that the server has kept: after a break those that were heard before come again. */
export function unheard(heard: readonly Heard[], newestAt: number): readonly Heard[] {
  return heard.filter(one => one.kind !== 'event' || one.event.at > newestAt)
}

export function newestOf(heard: readonly Heard[], newestAt: number): number {
  return heard.reduce((newest, one) => (one.kind === 'event' ? Math.max(newest, one.event.at) : newest), newestAt)
}

/** Seconds until the next attempt. */
export function pauseAfter(failures: number): number {
  return Math.min(5, 0.25 * 2 ** failures)
}
