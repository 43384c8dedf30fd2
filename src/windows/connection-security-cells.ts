// What one value of a rule means in any of Windows's text forms: addresses, ports, protocols, versions, lists. Each gives the
// value, or says what is wrong and what to write.
import { type Address, compareAddresses, formatAddress, parseAddress, parsePrefix } from '../base/address.ts'
import { failure, nearest, type Problem, success } from '../base/result.ts'
import type { PortRange } from '../policy/model.ts'
import { type Cell, readPorts } from '../policy/policy-cells.ts'
import type { AddressKeyword, EndpointAddress, SchemaVersion } from './connection-security-rules.ts'

/** Longer lists are a mistake or an attack. */
export const MOST_ENTRIES = 10_000
/** 16 MiB: the rules of a large domain, little enough to hold many times. */
export const LONGEST_SCRIPT = 1 << 24
/** A text with more problems is none of its form, and is not read on. */
export const MOST_PROBLEMS = 1000

export const addressKeywords: readonly AddressKeyword[] = ['LocalSubnet', 'DNS', 'DHCP', 'WINS', 'DefaultGateway']

/** How much of a word a message repeats. */
export function quoted(word: string): string {
  return JSON.stringify(word.length > 60 ? `${word.slice(0, 59)}…` : word)
}

export function problem(where: string, what: string, hint = ''): Problem {
  return { severity: 'error', where, what, hint }
}

export function warning(where: string, what: string, hint = ''): Problem {
  return { severity: 'warning', where, what, hint }
}

const ADDRESS_FORMS = `an address, 10.0.0.0/8, 10.0.0.0/255.0.0.0, 10.0.0.1-10.0.0.9 or one of ${addressKeywords.join(', ')}`

export function readEndpointAddress(text: string): Cell<EndpointAddress> {
  const word = text.trim()
  const keyword = addressKeywords.find(known => known.toLowerCase() === word.toLowerCase())
  if (keyword !== undefined) return success({ kind: 'keyword', keyword })
  const prefix = parsePrefix(word)
  if (prefix !== undefined) return success({ kind: 'prefix', prefix })
  const ends = word.split('-').map(end => parseAddress(end.trim()))
  const [first, last] = ends
  if (ends.length === 2 && first !== undefined && last !== undefined) {
    if (first.family !== last.family) {
      return failure({ what: `${quoted(word)} goes from one IP version to the other`, hint: 'write two ranges' })
    }
    if (compareAddresses(first, last) > 0) {
      return failure({ what: `the range ${quoted(word)} ends before it begins`, hint: 'exchange its ends' })
    }
    return success({ kind: 'range', first, last })
  }
  const near = nearest(word.slice(0, 64), addressKeywords)
  return failure({
    what: `${quoted(word)} is no address of a rule`,
    hint: near === undefined ? ADDRESS_FORMS : `did you mean ${near}?`,
  })
}

export function formatEndpointAddress(address: EndpointAddress): string {
  switch (address.kind) {
    case 'keyword':
      return address.keyword
    case 'range':
      return `${formatAddress(address.first)}-${formatAddress(address.last)}`
    case 'prefix': {
      const { prefix } = address
      const isHost = prefix.length === (prefix.address.family === 4 ? 32 : 128)
      return isHost ? formatAddress(prefix.address) : `${formatAddress(prefix.address)}/${prefix.length}`
    }
  }
}

/** Undefined: both. */
export function familyOf(address: EndpointAddress): 4 | 6 | undefined {
  if (address.kind === 'keyword') return address.family
  return address.kind === 'range' ? address.first.family : address.prefix.address.family
}

/** `any` is the empty list, and stands alone. */
export function readEndpoint(words: readonly string[]): Cell<readonly EndpointAddress[]> {
  return readList(words, readEndpointAddress)
}

export function readPortList(words: readonly string[]): Cell<readonly PortRange[]> {
  return readList(words, word => {
    const ports = readPorts(word)
    if (!ports.ok) return ports
    // `any` inside a list has been turned away already.
    return success(ports.value ?? { first: 0, last: 65535 })
  })
}

export function readList<T>(words: readonly string[], reader: (word: string) => Cell<T>): Cell<readonly T[]> {
  const isAny = (word: string) => word.trim().toLowerCase() === 'any'
  if (words.length === 1 && isAny(words[0]!)) return success([])
  if (words.length > MOST_ENTRIES) {
    return failure({ what: `a list of ${words.length} is too long`, hint: `at most ${MOST_ENTRIES} entries` })
  }
  const values: T[] = []
  for (const word of words) {
    if (isAny(word)) return failure({ what: 'any stands beside other values', hint: 'write any alone' })
    if (word.trim() === '') return failure({ what: 'an entry of the list is empty', hint: 'leave out the comma' })
    const value = reader(word)
    if (!value.ok) return value
    values.push(value.value)
  }
  return success(values)
}

/** netsh's and PowerShell's names; undefined for any. */
export function readProtocolWord(text: string): Cell<number | undefined> {
  const word = text.trim().toLowerCase()
  if (word === 'any') return success(undefined)
  const named = protocolNumbers.get(word)
  if (named !== undefined) return success(named)
  if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return success(Number(word))
  return failure({
    what: `${quoted(text)} is no protocol`,
    hint: 'any, tcp, udp, icmpv4, icmpv6 or a number of 0 to 255',
  })
}

export function formatProtocol(protocol: number | undefined): string {
  if (protocol === undefined) return 'Any'
  return protocolTitles.find(([, number]) => number === protocol)?.[0] ?? String(protocol)
}

const protocolTitles: readonly (readonly [string, number])[] = [
  ['TCP', 6],
  ['UDP', 17],
  ['ICMPv4', 1],
  ['ICMPv6', 58],
]
const protocolNumbers = new Map(protocolTitles.map(([name, number]) => [name.toLowerCase(), number]))

/** `2.10`. */
export function readVersion(text: string): SchemaVersion | undefined {
  const parts = /^(\d{1,5})\.(\d{1,5})$/.exec(text)
  return parts === null ? undefined : { major: Number(parts[1]), minor: Number(parts[2]) }
}

export function formatVersion({ major, minor }: SchemaVersion): string {
  return `${major}.${minor}`
}

/** A whole number of a form's own bounds. */
export function readCount(text: string, least: number, most: number): Cell<number> {
  const word = text.trim()
  const number = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN
  if (number >= least && number <= most) return success(number)
  return failure({ what: `${quoted(text)} is no number of ${least} to ${most}`, hint: `write ${least} to ${most}` })
}

export function readHostAddress(text: string): Cell<Address> {
  const address = parseAddress(text.trim())
  if (address !== undefined) return success(address)
  return failure({ what: `${quoted(text)} is no address of one host`, hint: 'write an IPv4 or IPv6 address, or any' })
}

/** The hint where a name is not known. */
export function meaning(word: string, known: Iterable<string>): string {
  const names = [...known]
  const near = nearest(word.slice(0, 64), names)
  if (near !== undefined) return `did you mean ${near}?`
  const shown = names.length > MOST_SHOWN ? [...names.slice(0, MOST_SHOWN), '…'] : names
  return `known: ${shown.join(', ')}`
}

/** A longer list helps nobody. */
const MOST_SHOWN = 16

/** Whether two plain values say the same, in whatever order their fields stand. Secrets in them look alike. */
export function sameContent(a: object, b: object): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: object): unknown {
  return Object.entries(value)
    .map(([name, one]) => [name, typeof one === 'object' && !Array.isArray(one) ? sorted(one as object) : one] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
