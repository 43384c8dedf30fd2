// The agent's way to the system's Kerberos: a process with the library in it, started when the first session asks. What a
// session asks is answered in any case and in bounded time: a key centre that is silent, a library that hangs or a process
// that is gone are answers in words, and none of them is in the way of what is asked next.
import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { Clock } from '../../base/time.ts'
import type { KerberosAnswer, KerberosAsk, SessionId } from '../../keying/machine.ts'
import { KerberosCentres } from './kerberos-centres.ts'
import { circumstances } from './kerberos-contexts.ts'
import type { FromProcess, ToProcess } from './kerberos-messages.ts'
import { heading, silenceSentence } from './kerberos-words.ts'

export interface KerberosServiceParts {
  readonly clock: Clock
  /** Of the agent: KRB5_CONFIG and the like hold for the process too. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** File for what policies say about key centres; the system's configuration is read behind it. */
  readonly configuration: string
  /** Seconds that a key centre has. */
  readonly patience?: number
  readonly program?: URL
}

/** The library itself tries a centre that is silent for 20 seconds and more; IKE's other side does not wait for that. */
const PATIENCE = 10
/** Seconds for what asks nobody: past them the library hangs. */
const QUICK = 5
/** At a time; more is a flood of strangers' sessions. */
const MOST_ASKS = 200
/** Threads that wait for key centres, and how many of them may be given up before the process is started anew. */
const THREADS = 16
const MOST_LOST = 12

interface Pending {
  readonly ask: KerberosAsk
  readonly resolve: (answer: KerberosAnswer) => void
  readonly cancel: () => void
}

interface Running {
  readonly child: ChildProcess
  readonly pending: Map<number, Pending>
  /** Numbers of asks that were given up while C still works on them. */
  readonly lost: Set<number>
}

export class KerberosService {
  readonly #parts: KerberosServiceParts
  readonly #centres = new KerberosCentres()
  #running: Running | undefined
  #number = 0

  constructor(parts: KerberosServiceParts) {
    this.#parts = parts
  }

  /** Never rejects. Undefined for `forget`, which nothing answers. */
  async ask(session: SessionId, ask: KerberosAsk): Promise<KerberosAnswer | undefined> {
    if (ask.kind === 'forget') {
      if (this.#running !== undefined) this.#send(this.#running, { number: this.#number++, session, ask })
      return undefined
    }
    const running = this.#process(ask)
    if (running.pending.size >= MOST_ASKS) return failed('too many sessions ask at once')
    const number = this.#number++
    const { promise, resolve } = Promise.withResolvers<KerberosAnswer>()
    const { clock, patience = PATIENCE } = this.#parts
    const seconds = ask.kind === 'begin' ? patience : QUICK
    const cancel = clock.at(clock.now() + seconds, () => this.#late(running, number, session, seconds))
    running.pending.set(number, { ask, resolve, cancel })
    this.#send(running, { number, session, ask })
    return promise
  }

  /** Contexts are gone with it; what was asked is answered. */
  stop(): void {
    if (this.#running !== undefined) this.#end(this.#running, 'the agent goes down')
  }

  /** One that knows the key centres of the credential. */
  #process(ask: KerberosAsk): Running {
    const isNews = (ask.kind === 'begin' || ask.kind === 'accept') && this.#centres.learn(ask.credential)
    if (isNews) {
      writeFileSync(this.#parts.configuration, this.#centres.configuration(), { mode: 0o600 })
      // The library reads its configuration in moments of its own.
      if (this.#running !== undefined) this.#end(this.#running, 'other key centres are in force')
    }
    this.#running ??= this.#start()
    return this.#running
  }

  #start(): Running {
    const { environment, configuration, program = new URL('./kerberos-process.ts', import.meta.url) } = this.#parts
    const behind = environment['KRB5_CONFIG'] ?? '/etc/krb5.conf'
    const env = {
      ...environment,
      UV_THREADPOOL_SIZE: String(THREADS),
      ...(this.#centres.isEmpty ? {} : { KRB5_CONFIG: `${configuration}:${behind}` }),
    }
    const child = fork(program, {
      env,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const running: Running = { child, pending: new Map(), lost: new Set() }
    const gone = (how: string) => this.#gone(running, `the process with the system’s Kerberos ${how}`)
    child.on('message', message => this.#heard(running, message as FromProcess))
    child.on('error', error => gone(`cannot be reached: ${error.message}`))
    child.on('exit', (status, signal) => gone(`ended (${signal ?? `status ${status}`})`))
    // Neither keeps the agent from ending.
    child.unref()
    child.channel?.unref()
    return running
  }

  #send({ child }: Running, message: ToProcess): void {
    // Of one that is gone, “exit” tells.
    if (child.connected) child.send(message, () => {})
  }

  #heard(running: Running, { number, answer }: FromProcess): void {
    running.lost.delete(number)
    const pending = running.pending.get(number)
    if (pending === undefined) return
    running.pending.delete(number)
    pending.cancel()
    pending.resolve(answer)
  }

  #late(running: Running, number: number, session: SessionId, seconds: number): void {
    const pending = running.pending.get(number)
    if (pending === undefined) return
    running.pending.delete(number)
    const { ask, resolve } = pending
    if (ask.kind !== 'begin') {
      this.#end(running, 'it does not answer')
      return resolve(failed(`the system’s library does not answer in ${seconds} s`))
    }
    running.lost.add(number)
    this.#send(running, { number: this.#number++, session, ask: { kind: 'forget' } })
    if (running.lost.size >= MOST_LOST) this.#end(running, 'too many wait for silent key centres')
    resolve(failed(silenceSentence(circumstances('initiator', ask.credential, ask.target), seconds)))
  }

  #end(running: Running, why: string): void {
    this.#gone(running, why)
    // It may hang in C, where no message reaches it.
    running.child.kill('SIGKILL')
  }

  #gone(running: Running, why: string): void {
    if (this.#running === running) this.#running = undefined
    for (const { ask, cancel, resolve } of running.pending.values()) {
      cancel()
      const where = ask.kind === 'begin' ? heading(circumstances('initiator', ask.credential, ask.target)) : 'Kerberos'
      resolve(failed(`${where}: ${why}; try again`))
    }
    running.pending.clear()
  }
}

function failed(what: string): KerberosAnswer {
  return { kind: 'failed', what }
}
