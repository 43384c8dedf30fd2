// What one value of a policy file means: an address, ports, a protocol. Each gives the value, or says what is wrong with
// it and what to write. Windows's own words that have no meaning away from Windows (DNS names, `dhcp` and `gateway` as
// addresses) are refused with what to write for them.
import {
  type Address,
  compareAddresses,
  formatPrefix,
  lastAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from '../base/address.ts'
import { parseProtocol, protocolNames } from '../base/flow.ts'
import { failure, nearest, type Result, success } from '../base/result.ts'
import { quote } from './located-yaml.ts'
import type { AddressSpec, PortRange } from './model.ts'

/** What is wrong with a value, and what to do about it. */
export interface Fault {
  readonly what: string
  readonly hint: string
}

export type Cell<T> = Result<T, Fault>

const forms = 'any, me, an address, a prefix (10.0.0.0/8, 10.0.0.0/255.0.0.0) or a range (10.0.0.1-10.0.0.9)'

function fault(what: string, hint: string): { ok: false; error: Fault } {
  return failure({ what, hint })
}

export function readAddressSpec(text: string): Cell<AddressSpec> {
  const word = text.trim()
  const lower = word.toLowerCase()
  if (lower === 'any' || lower === 'me') return success({ kind: lower })
  const address = parseAddress(word)
  if (address !== undefined) return success({ kind: 'range', first: address, last: address })
  if (word.includes('%')) return fault(`${quote(word)} names a link`, 'leave out the % and what follows it')
  if (word.includes('-')) return readRange(word)
  if (word.includes('/')) {
    const prefix = readPrefix(word)
    return prefix.ok ? success({ kind: 'range', first: prefix.value.address, last: lastAddress(prefix.value) }) : prefix
  }
  return fault(`${quote(word)} is no address`, addressHint(lower))
}

function addressHint(word: string): string {
  if (/^[\d.]+$/.test(word)) return 'an IPv4 address is four numbers of 0 to 255, without leading zeros'
  if (['dns', 'wins', 'dhcp', 'gateway'].includes(word)) return `write the addresses of the ${word} servers`
  const near = nearest(word, ['any', 'me'])
  if (near !== undefined && word.length <= 4) return `did you mean ${near}?`
  if (/^[a-z0-9._]+$/.test(word)) return `names are not looked up, their answer could be forged: write the address`
  return `write ${forms}`
}

function readRange(word: string): Cell<AddressSpec> {
  const ends = word.split('-').map(end => parseAddress(end.trim()))
  const [first, last] = ends
  if (ends.length !== 2 || first === undefined || last === undefined) {
    const isName = /^[a-z][a-z0-9.-]*$/i.test(word)
    return fault(
      isName ? `${quote(word)} is no address` : `${quote(word)} is no range of addresses`,
      isName ? addressHint('name') : 'a range is written from the first to the last address: 10.0.0.1-10.0.0.9',
    )
  }
  if (first.family !== last.family)
    return fault(`${quote(word)} goes from one IP version to the other`, 'write two ranges')
  if (compareAddresses(first, last) > 0)
    return fault(`the range ${quote(word)} ends before it begins`, 'exchange its ends')
  return success({ kind: 'range', first, last })
}

export function readPrefix(text: string): Cell<Prefix> {
  const word = text.trim()
  const prefix = parsePrefix(word)
  if (prefix !== undefined) return success(prefix)
  const isMask = word.slice(word.indexOf('/')).includes('.')
  const hint = isMask
    ? 'the bits of a mask are ones, then zeros'
    : 'write 10.0.0.0/8, with 0 to 32 bits, or fd00::/8, with 0 to 128'
  return fault(`${quote(word)} is no prefix`, hint)
}

/** A network the host is on: a prefix whose length is written. */
export function readNetwork(text: string): Cell<Prefix> {
  const prefix = readPrefix(text)
  if (prefix.ok && !text.includes('/')) {
    return fault(
      `${quote(text)} is an address, not a network`,
      `write its length too: ${formatPrefix(prefix.value)}/24`,
    )
  }
  return prefix
}

export function readHost(text: string): Cell<Address> {
  const address = parseAddress(text.trim())
  if (address !== undefined) return success(address)
  return fault(`${quote(text)} is no address of one host`, 'write an IPv4 or IPv6 address')
}

/** A protocol's number; undefined for any. */
export function readProtocol(value: string | number): Cell<number | undefined> {
  const word = String(value).trim().toLowerCase()
  if (word === 'any') return success(undefined)
  const protocol = parseProtocol(word)
  if (protocol !== undefined) return success(protocol)
  if (/^-?\d+(\.\d+)?$/.test(word))
    return fault(`${word.slice(0, 20)} is no protocol number`, 'protocol numbers go from 0 to 255')
  const near = nearest(word, [...protocolNames, 'any'])
  const hint =
    near === undefined
      ? 'write tcp, udp, icmp, another known name, a number of 0 to 255, or any'
      : `did you mean ${near}?`
  return fault(`${quote(String(value))} is no protocol`, hint)
}

/** A port or a range of ports; undefined for any. */
export function readPorts(value: string | number): Cell<PortRange | undefined> {
  const word = String(value).trim().toLowerCase()
  if (word === 'any') return success(undefined)
  const ends = word.split('-').map(end => end.trim())
  const [first, last = first] = ends.map(end => (/^\d{1,5}$/.test(end) ? Number(end) : Number.NaN))
  if (ends.length > 2 || first === undefined || last === undefined || Number.isNaN(first + last)) {
    return fault(`${quote(String(value))} is no port`, 'write a number of 0 to 65535, or two as in "1000-2000"')
  }
  if (first > 65535 || last > 65535) return fault(`${word} is above the last port, 65535`, 'ports go from 0 to 65535')
  if (first > last) return fault(`the ports ${word} end before they begin`, `write "${last}-${first}"`)
  return success({ first, last })
}
