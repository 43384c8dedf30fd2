// The worker of a live host as the main thread sees it.
import { Worker } from 'node:worker_threads'
import type { Asked, HostRole, Told } from './host-deeds.ts'

export class HostApplications {
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<Told>>()
  #next = 1

  private constructor(role: HostRole) {
    this.#worker = new Worker(new URL('./host-worker.ts', import.meta.url), { workerData: role })
    this.#worker.on('message', (told: Told) => {
      this.#waiting.get(told.id)?.resolve(told)
      this.#waiting.delete(told.id)
    })
    const failed = (cause: unknown) => {
      const error = new Error('the applications of a host failed', { cause })
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
    this.#worker.on('error', failed)
    this.#worker.on('exit', () => failed(new Error('their worker ended')))
  }

  /** Once the servers listen. */
  static async start(role: HostRole): Promise<HostApplications> {
    const made = new HostApplications(role)
    await made.#wait(0)
    return made
  }

  ask(what: Asked['what']): Promise<Told> {
    const id = this.#next++
    const told = this.#wait(id)
    this.#worker.postMessage({ id, what } satisfies Asked)
    return told
  }

  #wait(id: number): Promise<Told> {
    const waiting = Promise.withResolvers<Told>()
    this.#waiting.set(id, waiting)
    return waiting.promise
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
