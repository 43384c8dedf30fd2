// Changes of the directory, numbered, one after the other: each must be seen on the other controller before the next is made, so
// that not one can be passed over. They are copied as Samba does by itself; where that takes long, replication is asked for.

import { performance } from 'node:perf_hooks'
import type { RunningController } from '../domain-controller.ts'
import { baseName, type Forest } from '../forest.ts'
import { inside } from '../namespace.ts'
import { must, pause, run } from '../run.ts'

export interface ChangesSeen {
  readonly from: string
  readonly to: string
  readonly made: number
  readonly seen: number
  /** How often replication had to be asked for, since the change had not come by itself. */
  readonly askedFor: number
  readonly longestSeconds: number
}

const database = '/var/lib/samba/private/sam.ldb'
const ASK_AFTER_SECONDS = 15
const LOST_AFTER_SECONDS = 240

export class Changes {
  readonly #forest: Forest
  readonly #from: RunningController
  readonly #to: RunningController
  #made = 0
  #seen = 0
  #askedFor = 0
  #longest = 0

  constructor(forest: Forest, from: RunningController, to: RunningController) {
    this.#forest = forest
    this.#from = from
    this.#to = to
  }

  get state(): ChangesSeen {
    const { name: from } = this.#from
    const counts = { made: this.#made, seen: this.#seen, askedFor: this.#askedFor }
    return { from, to: this.#to.name, ...counts, longestSeconds: this.#longest }
  }

  /** Until it is told to end, and what was made last is seen, or lost. */
  async keepOn(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#make(this.#made + 1)
      this.#made++
      const begin = performance.now()
      const isSeen = await this.#arrives(this.#made)
      this.#longest = Math.max(this.#longest, (performance.now() - begin) / 1000)
      if (isSeen) this.#seen++
    }
  }

  get #name(): string {
    return `CN=changed-on-${this.#from.name},CN=Users,${baseName(this.#forest)}`
  }

  async #make(number: number): Promise<void> {
    const text = `number ${number}.`
    const change =
      number === 1
        ? `changetype: add\nobjectClass: contact\ndescription: ${text}\n`
        : `changetype: modify\nreplace: description\ndescription: ${text}\n`
    await must(inside(this.#from.host, ['ldbmodify', '-H', database]), { input: `dn: ${this.#name}\n${change}` })
  }

  async #arrives(number: number): Promise<boolean> {
    const begin = performance.now()
    const waited = () => (performance.now() - begin) / 1000
    let asked = 0
    while (waited() < LOST_AFTER_SECONDS) {
      await pause(1000)
      // Looked for in the other's own files, so that only replication crosses the wire.
      const question = ['ldbsearch', '-H', database, '-b', this.#name, '-s', 'base', 'description']
      const found = await run(inside(this.#to.host, question))
      if (found.result.includes(`description: number ${number}.\n`)) return true
      if (waited() > ASK_AFTER_SECONDS * (asked + 1)) {
        asked++
        this.#askedFor++
        const words = ['drs', 'replicate', this.#to.name, this.#from.name, baseName(this.#forest)]
        await run(inside(this.#to.host, ['samba-tool', ...words], 30))
      }
    }
    return false
  }
}
