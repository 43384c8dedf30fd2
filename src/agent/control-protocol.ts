// What is said over the control socket: one JSON value a line, each with the protocol's version. A request has an `id` that
// its answer repeats; events of a subscription have none. Whoever connects may do everything, so the socket is the user's
// alone; still, a line is held to be hostile until it is read.
import { type Address, formatAddress, parseAddress } from '../base/address.ts'
import { hasPorts, parseProtocol } from '../base/flow.ts'
import { printable } from '../base/printable.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { isSettingValue } from '../monitor/setting-change.ts'
import type { Level, ToldEvent } from '../monitor/told-event.ts'

export const CONTROL_VERSION = 1

/** Octets of a request's line. */
export const LONGEST_REQUEST = 65_536

export type Command =
  | { readonly kind: 'status' }
  | { readonly kind: 'reload' }
  | { readonly kind: 'down'; readonly keepGuard: boolean }
  | { readonly kind: 'close-peer'; readonly peer: Address | undefined }
  /** Keys for what this host would send there: asked for as a first packet would. */
  | {
      readonly kind: 'negotiate'
      readonly host: Address
      /** Left out, a ping's. */
      readonly protocol: number | undefined
      readonly sourcePort: number | undefined
      readonly destinationPort: number | undefined
    }
  | { readonly kind: 'subscribe'; readonly least: Level }
  /** The policy in force as a page shows it. */
  | { readonly kind: 'policy' }
  /** What another value of the setting would do; left out, the one in force. */
  | { readonly kind: 'preview-setting'; readonly value: number | undefined }
  /** In the agent's registry. `by`: who asks for it, in words. */
  | { readonly kind: 'change-setting'; readonly value: number; readonly expected: number; readonly by: string }

export interface Request {
  readonly id: number
  readonly command: Command
}

export type Answer =
  | { readonly kind: 'fine'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }

export interface Malformed {
  /** Of the request where it could be read. */
  readonly id: number
  readonly problem: Problem
}

type Fields = Readonly<Record<string, unknown>>

/** Any text gives a request or a word about what is wrong with it. */
export function readRequest(line: string): Result<Request, Malformed> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return malformed(0, 'this is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed(0, 'this is no JSON object')
  const fields = value as Fields
  const { id, version, command } = fields
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0)
    return malformed(0, '“id” has to be a whole number')
  if (version !== CONTROL_VERSION) {
    return malformed(id, `“version” has to be ${CONTROL_VERSION}`, 'use the sealwire that the agent was started with')
  }
  if (typeof command !== 'string' || !Object.hasOwn(readers, command)) {
    return malformed(id, 'there is no such command', `known are ${Object.keys(readers).join(', ')}`)
  }
  const read = readers[command as Command['kind']](fields)
  return typeof read === 'string' ? malformed(id, read) : success({ id, command: read })
}

/** What is wrong, in words, or the command. */
const readers: Readonly<Record<Command['kind'], (fields: Fields) => Command | string>> = {
  status: () => ({ kind: 'status' }),
  reload: () => ({ kind: 'reload' }),
  down({ keepGuard = false }) {
    return typeof keepGuard === 'boolean' ? { kind: 'down', keepGuard } : '“keepGuard” has to be true or false'
  },
  'close-peer'({ peer }) {
    if (peer === undefined) return { kind: 'close-peer', peer }
    const address = readAddress(peer)
    return address === undefined ? '“peer” has to be an IP address' : { kind: 'close-peer', peer: address }
  },
  negotiate({ host: text, protocol: name, sourcePort, destinationPort }) {
    const host = readAddress(text)
    if (host === undefined) return '“host” has to be an IP address'
    const protocol = name === undefined ? undefined : parseProtocol(String(name))
    if (name !== undefined && protocol === undefined) return '“protocol” has to be a name or 0 to 255'
    if (!isPort(sourcePort) || !isPort(destinationPort)) return 'ports have to be 0 to 65535'
    const hasAny = sourcePort !== undefined || destinationPort !== undefined
    if (hasAny && (protocol === undefined || !hasPorts(protocol))) return 'only TCP and UDP have ports'
    return { kind: 'negotiate', host, protocol, sourcePort, destinationPort }
  },
  subscribe({ least = 'info' }) {
    return isLevel(least) ? { kind: 'subscribe', least } : '“least” has to be debug, info, warning or error'
  },
  policy: () => ({ kind: 'policy' }),
  'preview-setting'({ value }) {
    if (value === undefined || isSettingValue(value)) return { kind: 'preview-setting', value }
    return '“value” has to be a whole number'
  },
  'change-setting'({ value, expected, by = 'somebody at the control socket' }) {
    if (!isSettingValue(value) || !isSettingValue(expected)) return '“value” and “expected” have to be whole numbers'
    if (typeof by !== 'string') return '“by” has to be words'
    return { kind: 'change-setting', value, expected, by: printable(by.slice(0, LONGEST_BY).toWellFormed()) }
  },
}

/** Characters. */
const LONGEST_BY = 200

function readAddress(value: unknown): Address | undefined {
  return typeof value === 'string' ? parseAddress(value) : undefined
}

function isPort(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535)
}

const levels: readonly Level[] = ['debug', 'info', 'warning', 'error']

function isLevel(value: unknown): value is Level {
  return levels.includes(value as Level)
}

export function isAtLeast(level: Level, least: Level): boolean {
  return levels.indexOf(level) >= levels.indexOf(least)
}

function malformed(id: number, what: string, hint = ''): Result<never, Malformed> {
  return failure({ id, problem: { severity: 'error', where: 'request', what, hint } })
}

export function refusal(what: string, hint = '', where = 'the agent'): Answer {
  return { kind: 'refused', problems: [{ severity: 'error', where, what, hint }] }
}

export function writeRequest({ id, command: { kind, ...fields } }: Request): string {
  const plain = Object.entries(fields).map(([name, value]) => [name, isAddress(value) ? formatAddress(value) : value])
  return `${JSON.stringify({ version: CONTROL_VERSION, id, command: kind, ...Object.fromEntries(plain) })}\n`
}

function isAddress(value: unknown): value is Address {
  return typeof value === 'object' && value !== null && 'words' in value
}

export function writeAnswer(id: number, answer: Answer): string {
  const { kind, ...rest } = answer
  return `${JSON.stringify({ version: CONTROL_VERSION, id, ok: kind === 'fine', ...rest })}\n`
}

export function writeEvent(event: ToldEvent): string {
  return `${JSON.stringify({ version: CONTROL_VERSION, event })}\n`
}

/** What a client hears. */
export type Heard =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'event'; readonly event: ToldEvent }

/** Undefined for what no agent of this version says. */
export function readHeard(line: string): Heard | undefined {
  try {
    const { version, id, ok, value, problems, event } = JSON.parse(line) as Fields
    if (version !== CONTROL_VERSION) return undefined
    if (typeof event === 'object' && event !== null) return { kind: 'event', event: event as ToldEvent }
    if (typeof id !== 'number' || typeof ok !== 'boolean') return undefined
    if (ok) return { kind: 'answer', id, answer: { kind: 'fine', value } }
    if (!Array.isArray(problems)) return undefined
    return { kind: 'answer', id, answer: { kind: 'refused', problems: problems as Problem[] } }
  } catch {
    return undefined
  }
}
