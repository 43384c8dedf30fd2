// Reads the feed for as long as the page is open, and comes back by itself when it ends. A feed that says nothing for some
// seconds is dead too: the status comes every second.
import type { Heard } from '../view.ts'
import type { Asker } from './browser.ts'
import { FeedLines, newestOf, pauseAfter, unheard } from './facts/feed-lines.ts'

/** Milliseconds. */
const LONGEST_SILENCE = 6000

export interface FeedUses {
  readonly asker: Asker
  readonly after: (milliseconds: number, run: () => void) => () => void
  readonly hear: (heard: readonly Heard[]) => void
  /** The token is missing or wrong: only a person can help, so it is not tried again. */
  readonly refused: () => void
}

export async function followFeed(uses: FeedUses): Promise<void> {
  let failures = 0
  let newestAt = 0
  for (;;) {
    let heardBefore = newestAt
    const ended = await readFeed(uses, heard => {
      failures = 0
      uses.hear(unheard(heard, heardBefore))
      newestAt = newestOf(heard, newestAt)
      // Only what is kept can come twice; of two events in one moment neither is lost later.
      if (heard.length > 0) heardBefore = 0
    })
    if (ended.kind === 'refused') return uses.refused()
    uses.hear([{ kind: 'lost', why: ended.why }])
    const { promise, resolve } = Promise.withResolvers<void>()
    uses.after(pauseAfter(failures++) * 1000, resolve)
    await promise
  }
}

type Ended = { readonly kind: 'refused' } | { readonly kind: 'lost'; readonly why: string }

async function readFeed({ asker, after }: FeedUses, hear: (heard: readonly Heard[]) => void): Promise<Ended> {
  const abort = new AbortController()
  const watch = () => after(LONGEST_SILENCE, () => abort.abort())
  let calmed = watch()
  try {
    const response = await asker.stream('/feed', abort.signal)
    if (response.status === 401) return { kind: 'refused' }
    if (!response.ok || response.body === null) return lost(`The server answers ${response.status}`)
    const lines = new FeedLines()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return lost('The feed ended')
      calmed()
      calmed = watch()
      hear(lines.push(value))
    }
  } catch (error) {
    if (abort.signal.aborted) return lost('The agent says nothing')
    return lost(error instanceof SyntaxError ? 'The feed cannot be read' : 'The server is not reached')
  } finally {
    calmed()
    abort.abort()
  }
}

function lost(why: string): Ended {
  return { kind: 'lost', why }
}
