// A flood of first messages from addresses that nobody has, 100,000 a second over a veth, and an honest peer that begins
// meanwhile: how long it takes to get in, and what the flood makes of the host's memory.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { median, type Table } from './bench.ts'
import type { Answer, Order } from './flood-role.ts'
import { VethPair, whyNoVethPair } from './veth-pair.ts'

const PER_SECOND = 100_000
const RUNS = 15
/** The honest peer begins so often, which with its time makes the flood's length. */
const PAUSE = 400
const FLOOD_SECONDS = 20

type AnswerOf<Kind extends Answer['kind']> = Extract<Answer, { readonly kind: Kind }>

class Role {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(name: string, namespace: string): Promise<Role> {
    const path = join(import.meta.dirname, 'flood-role.ts')
    const child = fork(path, [name, namespace], { execArgv: ['--expose-gc'] })
    const role = new Role(child)
    await role.#answer('ready')
    return role
  }

  ask<Kind extends Answer['kind']>(order: Order, kind: Kind, patience?: number): Promise<AnswerOf<Kind>> {
    const answer = this.#answer(kind, patience)
    this.#child.send(order)
    return answer
  }

  #answer<Kind extends Answer['kind']>(kind: Kind, patience = 60_000): Promise<AnswerOf<Kind>> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer)
        this.#child.off('message', heard)
        this.#child.off('exit', gone)
      }
      const heard = (answer: Answer) => {
        if (answer.kind !== kind) return
        end()
        resolve(answer as AnswerOf<Kind>)
      }
      const gone = () => {
        end()
        reject(new Error(`a process of the flood ended instead of saying ${kind}`))
      }
      const timer = setTimeout(() => {
        end()
        reject(new Error(`nothing of ${kind} in ${patience} ms`))
      }, patience)
      this.#child.on('message', heard)
      this.#child.on('exit', gone)
    })
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

export async function benchFlood(): Promise<readonly Table[]> {
  const why = whyNoVethPair()
  if (why !== '') {
    console.error(`flood: ${why}`)
    return []
  }
  const pair = new VethPair('flood')
  const { inside, outside } = pair
  const roles: Role[] = []
  try {
    const host = await Role.start('host', inside)
    roles.push(host)
    const peer = await Role.start('peer', outside)
    roles.push(peer)
    const flood = await Role.start('flood', outside)
    roles.push(flood)
    return [await measure(host, peer, flood)]
  } finally {
    for (const role of roles) role.end()
    pair.close()
  }
}

async function measure(host: Role, peer: Role, flood: Role): Promise<Table> {
  const times = async (runs: number): Promise<readonly number[]> => {
    const found: number[] = []
    for (let run = 0; run < runs; run++) {
      await wait(PAUSE)
      found.push((await peer.ask({ kind: 'begin' }, 'established')).seconds)
    }
    return found
  }
  // Whatever is compiled at the first time is not the matter here.
  await times(3)
  await flood.ask({ kind: 'flood', perSecond: PER_SECOND, seconds: 2 }, 'flooded')
  // Half-open sessions of the first flood end, so that memory is compared with a host at rest.
  await wait(35_000)
  const before = await host.ask({ kind: 'state' }, 'state')
  const quiet = await times(RUNS)
  const atStart = await host.ask({ kind: 'state' }, 'state')
  const flooded = flood.ask({ kind: 'flood', perSecond: PER_SECOND, seconds: FLOOD_SECONDS }, 'flooded')
  await wait(1000)
  const busy: number[] = []
  const end = performance.now() + (FLOOD_SECONDS - 3) * 1000
  while (performance.now() < end) busy.push(...(await times(1)))
  const { packets, seconds } = await flooded
  const after = await host.ask({ kind: 'state' }, 'state')
  const heard = after.heard - atStart.heard
  const perMessage = (after.processor - atStart.processor) / heard
  const words = (values: readonly number[]) =>
    `median ${(1000 * median(values)).toFixed(0)} ms, worst ${(1000 * Math.max(...values)).toFixed(0)} ms`
  const memory = ({ heap, resident }: AnswerOf<'state'>) =>
    `heap ${(heap / 1e6).toFixed(1)} MB, resident ${(resident / 1e6).toFixed(0)} MB`
  return {
    title: 'A flood of spoofed first messages',
    unit: 'an honest peer is in after',
    against: 'the time without a flood',
    rows: [
      { what: 'no flood', value: words(quiet), ratio: '1.00' },
      {
        what: `${Math.round(packets / seconds / 1000)},000 a second`,
        value: words(busy),
        ratio: (median(busy) / median(quiet)).toFixed(2),
      },
    ],
    remarks: [
      `${packets.toLocaleString('en-US')} IKE_SA_INIT requests in ${seconds.toFixed(0)} s from addresses, ports and SPIs that never come twice, through a raw socket over a veth; the host took ${Math.round((100 * heard) / packets)} % of them from its socket, at ${(1e6 * perMessage).toFixed(1)} µs of processor time each, the kernel's work for receiving and answering included. Flood, host and honest peer share the machine's cores with whatever else runs there. ${quiet.length} and ${busy.length} handshakes with a pre-shared key, whole processes and real sockets.`,
      `The host's memory: ${memory(before)} before; ${memory(after)} after. Sessions that it holds at the end: ${counted(after.sessions)}.`,
    ],
  }
}

function counted(states: readonly string[]): string {
  const counts = Map.groupBy(states, state => state)
  return [...counts].map(([state, { length }]) => `${length} ${state}`).join(', ') || 'none'
}
