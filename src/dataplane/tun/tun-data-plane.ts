// The data plane in user space: what is routed into a TUN device is sealed and leaves by sockets, what comes sealed is opened
// and handed to the host through the device. This is its side in the main thread; a worker does all that is per packet.
// What comes in clear past the device is not its matter: the guard's rules in the kernel drop it.
import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Flow } from '../../base/flow.ts'
import type { AssociationPair, Counters, Spi } from '../../ipsec/association.ts'
import { closeDescriptor, openWakeup, wakeUp } from '../../native/readiness.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import type { DataPlane, DataPlaneListener, WhyNone } from '../data-plane.ts'
import {
  type Answer,
  type Asked,
  type Command,
  type KeyingPath,
  type Statistics,
  sendPair,
  sendPolicy,
  type Told,
  type TunFacts,
  wipePair,
} from './messages.ts'
import type { TunOptions } from './tun-options.ts'
import type { WorkerTask } from './worker.ts'

export interface TunDataPlaneOptions extends TunOptions {
  /** A datagram of IKE came to port 4500; `bytes` without the non-ESP marker. */
  readonly keyingDatagram?: (path: KeyingPath, bytes: Uint8Array) => void
  /** The worker ended though nobody asked it to: nothing passes any more. */
  readonly failed?: (error: Error) => void
}

/** Milliseconds that the thread has to end by itself, and once more when it is broken off. */
const END_WITHIN = 5000

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

interface Running {
  readonly worker: Worker
  readonly port: MessagePort
  readonly wakeup: number
  readonly facts: TunFacts
}

export class TunDataPlane implements DataPlane {
  readonly #options: TunDataPlaneOptions
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0
  #running: Running | undefined
  #listener: DataPlaneListener | undefined
  #failure: Error | undefined
  #started: { resolve: (facts: TunFacts) => void; reject: (error: Error) => void } | undefined

  constructor(options: TunDataPlaneOptions) {
    this.#options = options
  }

  /** What it runs with; undefined where it does not. */
  get facts(): TunFacts | undefined {
    return this.#running?.facts
  }

  /** Throws where the device or a socket cannot be had, with the reason. */
  async start(listener: DataPlaneListener): Promise<void> {
    if (this.#running !== undefined) throw new Error('the data plane runs already')
    this.#listener = listener
    this.#failure = undefined
    const { keyingDatagram: _, failed: __, ...options } = this.#options
    const { port1: port, port2: far } = new MessageChannel()
    const wakeup = openWakeup()
    const unheard = new SharedArrayBuffer(4)
    const task: WorkerTask = { port: far, wakeup, unheard, options }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: task,
      transferList: [far],
      // Flags of the process may be about its main program alone.
      execArgv: [],
    })
    const facts = new Promise<TunFacts>((resolve, reject) => (this.#started = { resolve, reject }))
    const count = new Int32Array(unheard)
    port.on('message', (told: Told) => {
      Atomics.sub(count, 0, 1)
      this.#hear(told)
    })
    worker.on('error', error => this.#end(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', () => this.#end(new Error('the thread of the data plane ended')))
    // A worker in poll is not reached by the end of the process: it is told, else the end would wait for it.
    const leave = () => {
      port.postMessage({ number: 0, command: { kind: 'stop' } } satisfies Asked)
      wakeUp(wakeup)
    }
    process.once('exit', leave)
    worker.once('exit', () => {
      process.removeListener('exit', leave)
      port.close()
      closeDescriptor(wakeup)
    })
    this.#running = { worker, port, wakeup, facts: await facts }
  }

  /** The worker's end, whatever brought it: whoever waits hears of it. */
  #end(error: Error): void {
    const wasRunning = this.#running !== undefined
    this.#failure ??= error
    this.#running = undefined
    this.#started?.reject(this.#failure)
    this.#started = undefined
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
    if (wasRunning) this.#options.failed?.(this.#failure)
  }

  async enforce(policy: CompiledPolicy): Promise<void> {
    await this.#ask({ kind: 'enforce', policy: sendPolicy(policy) })
  }

  async install(pair: AssociationPair): Promise<void> {
    const sent = sendPair(pair)
    const asked = this.#ask({ kind: 'install', pair: sent })
    wipePair(sent)
    await asked
  }

  async beginSending(name: Spi): Promise<void> {
    await this.#ask({ kind: 'begin-sending', name })
  }

  async remove(names: readonly Spi[]): Promise<void> {
    await this.#ask({ kind: 'remove', names })
  }

  async refuse(flow: Flow, rule: RuleId, why: WhyNone): Promise<void> {
    await this.#ask({ kind: 'refuse', flow, rule, why })
  }

  async counters(): Promise<ReadonlyMap<Spi, Counters>> {
    const answer = await this.#ask({ kind: 'counters' })
    return answer.kind === 'counters' ? answer.counters : new Map()
  }

  async statistics(): Promise<Statistics | undefined> {
    const answer = await this.#ask({ kind: 'statistics' })
    return answer.kind === 'statistics' ? answer.statistics : undefined
  }

  /** Puts a datagram of IKE on its way from port 4500; the non-ESP marker is added here. */
  sendKeying(path: KeyingPath, bytes: Uint8Array): void {
    if (this.#running === undefined) return
    // Whether it arrives is IKE's own matter: it sends again.
    this.#ask({ kind: 'send-keying', path, bytes }).catch(() => {})
  }

  /** For a thread that says nothing any more: whoever waits for it hears that it failed, and it is broken off if it can be. */
  giveUp(error: Error): void {
    void this.#running?.worker.terminate()
    this.#end(error)
  }

  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    const { worker } = running
    const isOver = () => once(worker, 'exit', { signal: AbortSignal.timeout(END_WITHIN) }).then(Boolean, () => false)
    this.#running = undefined
    const ended = isOver()
    this.#post(running, { kind: 'stop' })
    if (!(await ended)) {
      // A thread that goes round in circles is broken off. One that the kernel holds is not, and whoever waits is told.
      const broken = isOver()
      void worker.terminate()
      if (!(await broken)) throw new Error('the thread of the data plane hangs')
    }
    this.#listener = undefined
  }

  #ask(command: Command): Promise<Answer> {
    const running = this.#running
    if (running === undefined) return Promise.reject(this.#failure ?? new Error('the data plane does not run'))
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(this.#post(running, command), { resolve, reject })
    })
  }

  #post({ port, wakeup }: Running, command: Command): number {
    const number = ++this.#asked
    port.postMessage({ number, command } satisfies Asked)
    wakeUp(wakeup)
    return number
  }

  #hear(told: Told): void {
    switch (told.kind) {
      case 'started':
        this.#started?.resolve(told.facts)
        this.#started = undefined
        return
      case 'answer':
        return this.#answered(told.number, told.answer)
      case 'needs-keys':
        return this.#listener?.needsKeys(told.rule, told.flow)
      case 'ageing':
        return this.#listener?.ageing(told.name, told.age)
      case 'dropped':
        for (let count = 0; count < told.count; count++) this.#listener?.dropped(told.reason, told.flow)
        return
      case 'keying-datagram':
        return this.#options.keyingDatagram?.(told.path, told.bytes)
    }
  }

  #answered(number: number, answer: Answer): void {
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (answer.kind !== 'failed') waiting?.resolve(answer)
    else waiting?.reject(answer.isRange ? new RangeError(answer.message) : new Error(answer.message))
  }
}
