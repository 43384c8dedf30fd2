// strongSwan's control protocol, vici: length-prefixed packets over a stream, commands with one answer each, and events.
// Written from its published description. A connection has one command under way at a time; for more, open more.
import { createConnection } from 'node:net'
import type { Duplex } from 'node:stream'

export type ViciValue = string | Uint8Array | readonly (string | Uint8Array)[] | ViciSection
export interface ViciSection {
  readonly [name: string]: ViciValue
}

const [SECTION_START, SECTION_END, KEY_VALUE, LIST_START, LIST_ITEM, LIST_END] = [1, 2, 3, 4, 5, 6]
const [REQUEST, RESPONSE, UNKNOWN_COMMAND, REGISTER, UNREGISTER, CONFIRMED, UNKNOWN_EVENT, EVENT] = [
  0, 1, 2, 3, 4, 5, 6, 7,
]
const text = new TextDecoder()

export function encodeSection(section: ViciSection): Uint8Array {
  const parts: Uint8Array[] = []
  const put = (type: number, name: string) =>
    parts.push(Uint8Array.of(type, Buffer.byteLength(name)), Buffer.from(name))
  const putValue = (value: string | Uint8Array) => {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    parts.push(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes)
  }
  for (const [name, value] of Object.entries(section)) {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      put(KEY_VALUE!, name)
      putValue(value)
    } else if (Array.isArray(value)) {
      put(LIST_START!, name)
      for (const item of value) {
        parts.push(Uint8Array.of(LIST_ITEM!))
        putValue(item)
      }
      parts.push(Uint8Array.of(LIST_END!))
    } else {
      put(SECTION_START!, name)
      parts.push(encodeSection(value as ViciSection), Uint8Array.of(SECTION_END!))
    }
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** Throws where the bytes are none: they come from a program that this test has started. */
export function decodeSection(bytes: Uint8Array): ViciSection {
  let at = 0
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error('a vici message ends too early')
    at += length
    return bytes.subarray(at - length, at)
  }
  const name = () => text.decode(take(take(1)[0]!))
  const value = () => {
    const [high, low] = take(2)
    return text.decode(take(high! * 256 + low!))
  }
  const section = (): ViciSection => {
    const read: Record<string, ViciValue> = {}
    for (;;) {
      if (at === bytes.length) return read
      const type = take(1)[0]
      if (type === SECTION_END) return read
      const key = name()
      if (type === KEY_VALUE) read[key] = value()
      else if (type === SECTION_START) read[key] = section()
      else if (type === LIST_START) read[key] = list()
      else throw new Error(`a vici message has an element of type ${type}`)
    }
  }
  const list = (): readonly string[] => {
    const items: string[] = []
    while (take(1)[0] === LIST_ITEM) items.push(value())
    return items
  }
  return section()
}

/** A part of an answer, by names; an empty section where there is none. */
export function part(section: ViciSection, ...names: readonly string[]): ViciSection {
  const next = names.length === 0 ? section : section[names[0]!]
  if (next === undefined) return {}
  return names.length === 0 ? section : part(next as ViciSection, ...names.slice(1))
}

type Listener = (event: ViciSection) => void
interface Waiting {
  readonly resolve: (answer: ViciSection) => void
  readonly reject: (fault: Error) => void
  readonly what: string
}

export class Vici {
  readonly #stream: Duplex
  readonly #waiting: Waiting[] = []
  readonly #listeners = new Map<string, Set<Listener>>()
  #turn: Promise<unknown> = Promise.resolve()
  #held: Uint8Array = new Uint8Array(0)

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', bytes => this.#take(bytes))
    const end = (cause?: Error) => {
      for (const { reject, what } of this.#waiting.splice(0))
        reject(new Error(`vici has ended during ${what}`, { cause }))
    }
    stream.on('error', end)
    stream.on('close', () => end())
  }

  static async connect(path: string): Promise<Vici> {
    const socket = createConnection(path)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Vici(socket)
  }

  close(): void {
    this.#stream.destroy()
  }

  /** The answer; a command that strongSwan could not carry out is an error with its reason. */
  async ask(command: string, message: ViciSection = {}): Promise<ViciSection> {
    const answer = await this.#exchange(REQUEST!, command, message)
    if (answer['success'] === 'no') throw new Error(`strongSwan, ${command}: ${answer['errmsg'] ?? 'refused'}`)
    return answer
  }

  /** Commands whose answer comes as events, such as list-sas with its list-sa. */
  async list(command: string, event: string, message: ViciSection = {}): Promise<readonly ViciSection[]> {
    const listed: ViciSection[] = []
    const end = await this.on(event, item => listed.push(item))
    try {
      await this.ask(command, message)
    } finally {
      await end()
    }
    return listed
  }

  /** Answers what ends it. */
  async on(event: string, listener: Listener): Promise<() => Promise<void>> {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners)
    listeners.add(listener)
    if (listeners.size === 1) await this.#exchange(REGISTER!, event)
    return async () => {
      listeners.delete(listener)
      if (listeners.size === 0) await this.#exchange(UNREGISTER!, event)
    }
  }

  async #exchange(type: number, name: string, message?: ViciSection): Promise<ViciSection> {
    const body = message === undefined ? new Uint8Array(0) : encodeSection(message)
    const packet = Buffer.concat([Uint8Array.of(type, Buffer.byteLength(name)), Buffer.from(name), body])
    const turn = this.#turn.then(() => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(packet.length)
      return new Promise<ViciSection>((resolve, reject) => {
        if (this.#stream.destroyed) return reject(new Error('vici is closed'))
        this.#waiting.push({ resolve, reject, what: name })
        this.#stream.write(Buffer.concat([length, packet]))
      })
    })
    this.#turn = turn.catch(() => {})
    return turn
  }

  #take(bytes: Uint8Array): void {
    let all = Buffer.concat([this.#held, bytes])
    while (all.length >= 4 && all.length - 4 >= all.readUInt32BE(0)) {
      const end = 4 + all.readUInt32BE(0)
      this.#packet(all.subarray(4, end))
      all = all.subarray(end)
    }
    this.#held = all
  }

  #packet(packet: Uint8Array): void {
    const type = packet[0]!
    if (type === EVENT) {
      const end = 2 + packet[1]!
      const event = decodeSection(packet.subarray(end))
      for (const listener of this.#listeners.get(text.decode(packet.subarray(2, end))) ?? []) listener(event)
      return
    }
    const waiting = this.#waiting.shift()
    if (type === RESPONSE) waiting?.resolve(decodeSection(packet.subarray(1)))
    else if (type === CONFIRMED) waiting?.resolve({})
    else {
      const kind = type === UNKNOWN_COMMAND ? 'command' : type === UNKNOWN_EVENT ? 'event' : `packet type ${type} in`
      waiting?.reject(new Error(`strongSwan knows no ${kind} ${waiting.what}`))
    }
  }
}
