// One process of the flood benchmark, in a network namespace of its own choice: the host, an honest peer, or the flood. It is
// told what to do, and answers, by messages of its parent.

import { KeyingSockets } from '../src/agent/keying-sockets.ts'
import { Keeper } from '../src/agent/perform.ts'
import { systemClock, unixSeconds } from '../src/base/time.ts'
import type { DataPlane } from '../src/dataplane/data-plane.ts'
import { KeyingEndpoint } from '../src/keying/endpoint.ts'
import type { KeyingEvent } from '../src/keying/machine.ts'
import { Arena } from '../src/native/arena.ts'
import { Destination } from '../src/native/destination.ts'
import { MessageBatch } from '../src/native/message-batch.ts'
import { enterNamespace } from '../src/native/namespaces.ts'
import { openRawSocket } from '../src/native/raw-socket.ts'
import { initiatorAddress, present, RESPONDER, sharedWorld, type WorldBut, wish } from './handshake-hosts.ts'

export const PEER = { family: 4, words: [RESPONDER.words[0]! + 1] } as const
const IPPROTO_RAW = 255
const HEADERS = 28
const BATCH = 64
const STRIDE = 2048

export type Order =
  | { readonly kind: 'state' }
  /** The honest peer begins a session. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'flood'; readonly perSecond: number; readonly seconds: number }
  | { readonly kind: 'end' }

export type Answer =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'state'
      readonly heap: number
      readonly resident: number
      readonly sessions: readonly string[]
      readonly processor: number
      readonly heard: number
    }
  | { readonly kind: 'established'; readonly seconds: number }
  | { readonly kind: 'flooded'; readonly packets: number; readonly seconds: number }

const world: WorldBut = sharedWorld({
  ...{ ike: ['aes128gcm16-prfsha256-curve25519'], esp: 'esp-aes128gcm16', folder: '.' },
  authentication: { preSharedKey: 'a secret of the benchmark' },
})

const noDataPlane: DataPlane = {
  start: async () => {},
  enforce: async () => {},
  install: async () => {},
  beginSending: async () => {},
  remove: async () => {},
  refuse: async () => {},
  counters: async () => new Map(),
  stop: async () => {},
}

function tell(answer: Answer): void {
  process.send!(answer)
}

class Host {
  readonly endpoint = new KeyingEndpoint()
  heard = 0
  readonly #sockets: KeyingSockets
  readonly keeper: Keeper

  constructor(report: (event: KeyingEvent) => void) {
    this.keeper = new Keeper({
      ...{ endpoint: this.endpoint, dataPlane: noDataPlane, clock: systemClock, report },
      world: () => ({ ...world, date: unixSeconds() }),
      send: (path, bytes) => {
        this.#sockets.send(path, bytes)
      },
    })
    const heard = (path: Parameters<Keeper['datagram']>[0], bytes: Uint8Array) => {
      this.heard++
      this.keeper.datagram(path, bytes)
    }
    this.#sockets = new KeyingSockets({ mark: 0, heard })
    this.#sockets.open()
  }

  close(): void {
    this.#sockets.close()
  }
}

function beHost(): (order: Order) => void {
  const host = new Host(() => {})
  return () => {
    globalThis.gc?.()
    const { heapUsed: heap, rss: resident } = process.memoryUsage()
    const sessions = host.endpoint.sessions().map(({ state }) => state)
    const { user, system } = process.cpuUsage()
    tell({ kind: 'state', heap, resident, sessions, processor: (user + system) / 1e6, heard: host.heard })
  }
}

function bePeer(): (order: Order) => void {
  let before: Host | undefined
  return () => {
    before?.close()
    const start = performance.now()
    const host = new Host(event => {
      if (event.kind === 'session-established')
        tell({ kind: 'established', seconds: (performance.now() - start) / 1000 })
    })
    before = host
    host.keeper.input(wish(PEER))
  }
}

/** A first message as an honest host sends it, from addresses, ports and SPIs that never come twice in a minute. */
function beFlood(): (order: Order) => void {
  let first = new Uint8Array(0)
  for (const output of new KeyingEndpoint().handle(wish(initiatorAddress(0)), present(world))) {
    if (output.kind === 'send') first = output.bytes.slice()
  }
  const arena = new Arena(BATCH * STRIDE + 65_536)
  const batch = new MessageBatch(arena, BATCH)
  const rooms = arena.take(BATCH * STRIDE)
  const { fd } = openRawSocket(4, IPPROTO_RAW, { writesHeader: true, buffers: 1 << 22 })
  const destination = new Destination(arena, { to: RESPONDER, port: 0 })
  for (let slot = 0; slot < BATCH; slot++) {
    const at = rooms + STRIDE * slot
    arena.bytes.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17], at)
    arena.view.setUint32(at + 16, RESPONDER.words[0]!)
    arena.view.setUint16(at + 22, 500)
    arena.view.setUint16(at + 24, 8 + first.length)
    arena.bytes.set(first, at + HEADERS)
    batch.aim(slot, at, HEADERS + first.length)
    batch.toward(slot, destination, false)
  }
  let number = 0
  const send = (count: number): number => {
    for (let slot = 0; slot < count; slot++) {
      const at = rooms + STRIDE * slot
      // 10.128.0.0/9, in another order than that of numbers.
      arena.view.setUint32(at + 12, 0x0a800000 + (Math.imul(++number, 0x9e3779b1) >>> 9))
      arena.view.setUint16(at + 20, 1024 + (number % 60_000))
      arena.view.setUint32(at + HEADERS, number)
      arena.view.setUint32(at + HEADERS + 4, Math.imul(number, 0x85ebca6b))
    }
    return Math.max(0, batch.send(fd, 0, count))
  }
  const pause = new Int32Array(new SharedArrayBuffer(4))
  return order => {
    if (order.kind !== 'flood') return
    const { perSecond, seconds } = order
    const start = performance.now()
    let sent = 0
    for (;;) {
      const passed = (performance.now() - start) / 1000
      if (passed >= seconds) break
      // What a pause has cost is made up for, and no more than a tenth of a second of it.
      const due = Math.floor(passed * perSecond) - sent
      if (due > perSecond / 10) sent += due - perSecond / 10
      if (due >= BATCH) sent += send(BATCH)
      else Atomics.wait(pause, 0, 0, 0.3)
    }
    tell({ kind: 'flooded', packets: number, seconds: (performance.now() - start) / 1000 })
    number = 0
  }
}

const roles: Readonly<Record<string, () => (order: Order) => void>> = { host: beHost, peer: bePeer, flood: beFlood }

if (import.meta.main) {
  const [role, namespace] = process.argv.slice(2)
  enterNamespace(namespace!)
  const obey = roles[role!]!()
  process.on('message', (order: Order) => {
    if (order.kind === 'end') process.exit(0)
    obey(order)
  })
  tell({ kind: 'ready' })
}
