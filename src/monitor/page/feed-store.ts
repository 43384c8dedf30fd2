// What was heard becomes what is shown: heard things are gathered and folded once a frame, however many come, and whoever shows
// them is told a few times a second.
import type { Heard } from '../view.ts'
import { emptyState, followPage, type PageState } from './facts/page-state.ts'

export interface FrameClock {
  /** Milliseconds. */
  now(): number
  after(milliseconds: number, run: () => void): () => void
  onNextFrame(run: () => void): void
}

/** Milliseconds between two showings. */
export const SHOWN_EVERY = 250
/** A page that gets no frames does not gather without end. */
const MOST_GATHERED = 20_000

export class FeedStore {
  readonly #clock: FrameClock
  readonly #readers = new Set<(state: PageState) => void>()
  #gathered: Heard[] = []
  #state: PageState = emptyState
  #isFoldAwaited = false
  #shownAt = Number.NEGATIVE_INFINITY
  #isShowAwaited = false

  constructor(clock: FrameClock) {
    this.#clock = clock
  }

  get state(): PageState {
    return this.#state
  }

  hear(heard: readonly Heard[]): void {
    // Not by spreading: a burst may be larger than a call can take.
    for (const one of heard) this.#gathered.push(one)
    if (this.#gathered.length > MOST_GATHERED) this.#fold()
    if (this.#isFoldAwaited) return
    this.#isFoldAwaited = true
    this.#clock.onNextFrame(() => {
      this.#isFoldAwaited = false
      this.#fold()
    })
  }

  /** Hears each state that is to be shown until the answer is called. */
  read(reader: (state: PageState) => void): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  #fold(): void {
    if (this.#gathered.length === 0) return
    const heard = this.#gathered
    this.#gathered = []
    this.#state = followPage(this.#state, heard)
    const wait = this.#shownAt + SHOWN_EVERY - this.#clock.now()
    if (wait <= 0) this.#show()
    else if (!this.#isShowAwaited) {
      this.#isShowAwaited = true
      this.#clock.after(wait, () => {
        this.#isShowAwaited = false
        this.#show()
      })
    }
  }

  #show(): void {
    this.#shownAt = this.#clock.now()
    for (const reader of this.#readers) reader(this.#state)
  }
}
