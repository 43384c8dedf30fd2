// Sends the probes one after another and watches the link for what comes back. All of it goes by raw sockets, so that source
// ports that others hold can be used; UDP ports are held meanwhile, lest this host's kernel answers for them.
import { type Address, lastAddress, maskAddress, parseAddress } from '../../base/address.ts'
import { UDP } from '../../base/flow.ts'
import type { Clock } from '../../base/time.ts'
import { Arena } from '../../native/arena.ts'
import { Destination } from '../../native/destination.ts'
import { errorName, failedCall } from '../../native/libc.ts'
import { MessageBatch } from '../../native/message-batch.ts'
import { openRawSocket, type RawSocket } from '../../native/raw-socket.ts'
import { listAddresses, openRouting } from '../../native/routing.ts'
import { attachFilter, SOL_SOCKET, setOption, takeNothing } from '../../native/socket-options.ts'
import { openUdpSocket } from '../../native/udp-socket.ts'
import type { Way } from '../ping/target.ts'
import { WireTap } from '../ping/wire-tap.ts'
import { type Answer, recognise, type Seen } from './probe-answers.ts'
import type { Beside, Probed } from './probe-conclusion.ts'
import type { Probe } from './probe-list.ts'

const SO_BROADCAST = 6
/** More answers to one probe than these say nothing new. */
const MOST_ANSWERS = 8

export interface ProbeOptions {
  readonly host: Address
  readonly way: Way
  readonly probes: readonly Probe[]
  /** Seconds between two packets, and seconds that answers are waited for behind the last. */
  readonly interval: number
  readonly patience: number
  readonly clock: Clock
  readonly signal?: AbortSignal
}

export interface ProbeRun {
  readonly probed: readonly Probed[]
  readonly beside: Beside
  readonly sent: { readonly packets: number; readonly octets: number }
  /** Resets by which this host's kernel ended connections that the host accepted. */
  readonly resets: number
}

export async function probeHost(options: ProbeOptions, tell: (text: string) => void): Promise<ProbeRun> {
  const { host, way, probes, interval, patience, clock, signal } = options
  const left = new Set<Probe>()
  const answers = new Map<Probe, Answer[]>()
  const beside = { asksForKeys: false, sealed: 0 }
  let resets = 0
  const take = (seen: Seen) => {
    if (seen.kind === 'left') left.add(seen.probe)
    else if (seen.kind === 'reset') resets++
    else if (seen.kind === 'sealed') beside.sealed++
    else if (seen.kind === 'asks-for-keys') beside.asksForKeys = true
    else {
      const known = answers.get(seen.probe) ?? []
      if (known.length < MOST_ANSWERS && !known.some(({ words }) => words === seen.answer.words))
        known.push(seen.answer)
      answers.set(seen.probe, known)
    }
  }
  const groups = probes.map(({ to }) => to)
  const tap = new WireTap(way.link.index, [host, ...distinct(groups, host)], false, (packet, bytes, isOutgoing) => {
    const seen = recognise(packet, bytes, isOutgoing, host, probes)
    if (seen !== undefined) take(seen)
  })
  const sender = new ProbeSender(way)
  const sent = { packets: 0, octets: 0 }
  try {
    for (const probe of probes) {
      if (signal?.aborted === true) break
      const failure = sender.send(probe)
      if (failure === undefined) {
        sent.packets++
        sent.octets += probe.message.length
      } else tell(`${probe.what}: not sent (${failure})`)
      await pause(clock, probe === probes.at(-1) ? patience : interval, signal)
    }
    tap.drain()
  } finally {
    tap.close()
    sender.close()
  }
  const probed = probes.map(probe => ({ probe, hasLeft: left.has(probe), answers: answers.get(probe) ?? [] }))
  return { probed, beside, sent, resets }
}

function distinct(addresses: readonly Address[], host: Address): readonly Address[] {
  const texts = new Set([host.words.join()])
  return addresses.filter(({ words }) => {
    const text = words.join()
    return !texts.has(text) && texts.add(text)
  })
}

function pause(clock: Clock, seconds: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.at(clock.now() + seconds, resolve)
  signal?.addEventListener('abort', () => resolve(), { once: true })
  return promise.finally(cancel)
}

/** A raw socket for each protocol, which takes nothing in. */
class ProbeSender {
  readonly #way: Way
  readonly #arena = new Arena(64 * 1024)
  readonly #batch = new MessageBatch(this.#arena, 1)
  readonly #at = this.#arena.take(2048)
  readonly #destination: Destination
  readonly #sockets = new Map<number, RawSocket>()
  readonly #held = new Map<number, { close(): void } | undefined>()

  constructor(way: Way) {
    this.#way = way
    this.#destination = new Destination(this.#arena, { to: way.own, port: 0 })
  }

  /** Answers undefined, or errno's name. */
  send({ to, protocol, message, expects }: Probe): string | undefined {
    const { own, link } = this.#way
    if (protocol === UDP && expects.kind !== 'echo' && expects.kind !== 'protocol') this.#hold(expects.ports.from)
    this.#destination.redirect({ to, port: 0, from: own, link: link.index })
    this.#arena.bytes.set(message, this.#at)
    this.#batch.aim(0, this.#at, message.length)
    this.#batch.toward(0, this.#destination, false)
    const result = this.#batch.sendOne(this.#socket(to.family, protocol).fd, 0)
    return result < 0 ? errorName(result) : undefined
  }

  #socket(family: 4 | 6, protocol: number): RawSocket {
    const known = this.#sockets.get(protocol)
    if (known !== undefined) return known
    const socket = openRawSocket(family, protocol, { pathSize: 'fragment' })
    this.#sockets.set(protocol, socket)
    attachFilter(socket.fd, takeNothing)
    setOption(socket.fd, SOL_SOCKET, SO_BROADCAST, 1, 'allowing broadcasts')
    return socket
  }

  /** Without somebody at the port our kernel would answer what comes for it, by ICMP. */
  #hold(port: number): void {
    if (this.#held.has(port)) return
    try {
      const socket = openUdpSocket(this.#way.own, port, { link: this.#way.link.index })
      attachFilter(socket.fd, takeNothing)
      this.#held.set(port, socket)
    } catch (error) {
      // Somebody holds it already.
      if (!['EADDRINUSE', 'EACCES'].includes(failedCall(error)?.name ?? '')) throw error
      this.#held.set(port, undefined)
    }
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close()
    for (const socket of this.#held.values()) socket?.close()
  }
}

/**
 * Groups that the host is in, as seen from here: the broadcast address of our own network where the host is on it, and all
 * hosts of the link. They reach others too.
 */
export function groupsOf({ own, link }: Way, host: Address): readonly Address[] {
  const all = parseAddress(host.family === 4 ? '224.0.0.1' : 'ff02::1')!
  const netlink = openRouting()
  try {
    const given = listAddresses(netlink).find(
      one => one.link === link.index && one.address.words.join() === own.words.join(),
    )
    if (given === undefined || host.family === 6 || given.prefixLength > 30) return [all]
    const prefix = { address: maskAddress(own, given.prefixLength), length: given.prefixLength }
    const isNear = maskAddress(host, given.prefixLength).words[0] === prefix.address.words[0]
    return isNear ? [lastAddress(prefix), all] : [all]
  } finally {
    netlink.close()
  }
}
