// Policies and flows for the tests of this folder: written short, or drawn at random from a seed so that a failure can
// be repeated. Random ones crowd around few addresses and ports, so that filters overlap and borders are met.

import { type Address, parseAddress, parsePrefix } from '../base/address.ts'
import { type Flow, hasPorts, ICMP, ICMPV6, parseProtocol, RSVP, TCP, UDP } from '../base/flow.ts'
import { seededRandom } from '../base/random.ts'
import type { AddressSpec, Filter, FilterAction, Policy, PortRange, ProfileName, Rule } from './model.ts'
import { readAddressSpec, readPorts } from './policy-cells.ts'
import { profiles } from './profiles.ts'

export function address(text: string): Address {
  const found = parseAddress(text)
  if (found === undefined) throw new Error(`${text} is no address`)
  return found
}

export function spec(text: string): AddressSpec {
  const cell = readAddressSpec(text)
  if (!cell.ok) throw new Error(cell.error.what)
  return cell.value
}

function ports(text: string): PortRange | undefined {
  const cell = readPorts(text)
  if (!cell.ok) throw new Error(cell.error.what)
  return cell.value
}

/** `tcp 10.0.0.1:88 -> any`, `any me <-> 10.0.0.0/8:80-90`, `tcp [fd00::1]:88 <-> any`: protocol, one end, arrow, other end. */
export function filter(text: string): Filter {
  const [protocol, from, arrow, to] = text.split(' ')
  const end = (word: string): readonly [string, string] => {
    const bracket = /^\[(.*)\](?::(.*))?$/.exec(word)
    if (bracket !== null) return [bracket[1]!, bracket[2] ?? 'any']
    const parts = word.split(':')
    return parts.length === 2 ? [parts[0]!, parts[1]!] : [word, 'any']
  }
  const [source, sourcePort] = end(from!)
  const [destination, destinationPort] = end(to!)
  const [fromPorts, toPorts] = [ports(sourcePort), ports(destinationPort)]
  const number = protocol === 'any' ? undefined : parseProtocol(protocol!)
  return {
    source: spec(source),
    destination: spec(destination),
    ...(number === undefined ? {} : { protocol: number }),
    ...(fromPorts === undefined ? {} : { sourcePort: fromPorts }),
    ...(toPorts === undefined ? {} : { destinationPort: toPorts }),
    mirrored: arrow === '<->',
  }
}

/** A rule named for its action and first filter unless `changes` name it. */
export function rule(action: FilterAction, filters: readonly string[], changes: Partial<Rule> = {}): Rule {
  return {
    name: `${action} ${filters[0]}`,
    filters: filters.map(filter),
    action,
    mode: 'transport',
    security: action === 'negotiate' ? ['esp-aes256gcm16'] : [],
    keying: ['ikev2'],
    authentication: [],
    acceptUnsecuredInbound: false,
    fallBackToClear: false,
    freshKeys: false,
    active: true,
    ...changes,
  }
}

/** Of the profile `strict` unless `changes` say otherwise. */
export function policy(rules: readonly Rule[], changes: Partial<Policy> = {}): Policy {
  return { name: 'test', profile: 'strict', defaultResponse: false, networks: [], rules, ...changes }
}

/** `tcp 10.0.0.1:49152 10.0.0.2:88`; `icmp 10.0.0.1 10.0.0.2 8`; without ports a later fragment. */
export function flow(text: string, changes: Partial<Flow> = {}): Flow {
  const [name, from, to, type] = text.split(' ')
  const end = (word: string) => {
    const parts = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(word)
    return parts === null ? { at: address(word) } : { at: address(parts[1] ?? parts[2]!), port: Number(parts[3]) }
  }
  const [source, destination] = [end(from!), end(to!)]
  return {
    source: source.at,
    destination: destination.at,
    protocol: parseProtocol(name!)!,
    ...(source.port === undefined ? {} : { sourcePort: source.port }),
    ...(destination.port === undefined ? {} : { destinationPort: destination.port }),
    ...(type === undefined ? {} : { icmpType: Number(type) }),
    ...changes,
  }
}

/** A generator of numbers from 0 up to but not 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  return seededRandom(seed).fraction
}

export type Draw = () => number

export function pick<T>(draw: Draw, list: readonly T[]): T {
  return list[Math.floor(draw() * list.length)]!
}

const hosts4 = ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.7', '10.0.0.8', '10.0.0.255']
const hosts6 = ['fd00::', 'fd00::1', 'fd00::2', 'fd00::ffff:ffff', 'fd00::1:0:0', 'fd00::1:0:1', 'fd00:0:0:1::']
const groups = ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1', '223.255.255.255', '240.0.0.0']
const oddHosts = ['0.0.0.0', '255.255.255.254', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'feff::1']
const wide = ['10.0.0.0/30', '10.0.0.0/29', '10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/0', 'fd00::/64', 'fd00::/16', '::/0']
const wideGroups = ['224.0.0.0/4', '192.0.0.0/2', 'ff00::/8']
const everyHost = [...hosts4, ...hosts4, ...hosts6, ...groups, ...oddHosts].map(address)
const borders = [0, 1, 67, 68, 79, 80, 87, 88, 89, 443, 499, 500, 501, 546, 547, 4500, 65534, 65535]
const protocols = [TCP, TCP, TCP, UDP, UDP, UDP, ICMP, ICMPV6, RSVP, 47, 50, 0, 255]

export const someHosts: readonly Address[] = ['10.0.0.1', '10.0.0.4', 'fd00::1'].map(address)

function randomSpec(draw: Draw, family: 4 | 6): AddressSpec {
  const chance = draw()
  if (chance < 0.12) return { kind: 'any' }
  if (chance < 0.3) return { kind: 'me' }
  const inFamily = (text: string) => text.includes(':') === (family === 6)
  if (chance < 0.55) return spec(pick(draw, [...hosts4, ...hosts6, ...groups].filter(inFamily)))
  if (chance < 0.8) return spec(pick(draw, [...wide, ...wideGroups].filter(inFamily)))
  const ends = [pick(draw, hosts4.concat(hosts6).filter(inFamily)), pick(draw, hosts4.concat(hosts6).filter(inFamily))]
  const [first, last] = ends.map(address).sort((a, b) => compareWords(a, b))
  return { kind: 'range', first: first!, last: last! }
}

function compareWords(a: Address, b: Address): number {
  const at = a.words.findIndex((word, index) => word !== b.words[index])
  return at < 0 ? 0 : a.words[at]! - b.words[at]!
}

function randomPorts(draw: Draw): PortRange | undefined {
  if (draw() < 0.5) return undefined
  const [a, b] = [pick(draw, borders), draw() < 0.5 ? undefined : pick(draw, borders)]
  return b === undefined ? { first: a, last: a } : { first: Math.min(a, b), last: Math.max(a, b) }
}

export function randomFilter(draw: Draw): Filter {
  const family = draw() < 0.7 ? 4 : 6
  const protocol = draw() < 0.25 ? undefined : pick(draw, protocols)
  const canHave = protocol !== undefined && hasPorts(protocol)
  const [sourcePort, destinationPort] = canHave ? [randomPorts(draw), randomPorts(draw)] : []
  return {
    source: randomSpec(draw, family),
    destination: randomSpec(draw, family),
    ...(protocol === undefined ? {} : { protocol }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    mirrored: draw() < 0.6,
  }
}

/** One to eight rules of one to three filters, under any profile at any of its values. */
export function randomPolicy(draw: Draw): Policy {
  const profile = pick<ProfileName>(draw, [...profiles.keys()])
  const { setting, table } = profiles.get(profile)!
  const value = pick(draw, [...table.keys()])
  const rules = Array.from({ length: 1 + Math.floor(draw() * 8) }, (_, index) =>
    rule(pick<FilterAction>(draw, ['permit', 'block', 'negotiate', 'negotiate']), [], {
      name: `rule ${index}`,
      filters: Array.from({ length: 1 + Math.floor(draw() * 3) }, () => randomFilter(draw)),
      mode: draw() < 0.1 ? 'tunnel' : 'transport',
      active: draw() < 0.92,
      fallBackToClear: draw() < 0.15,
      acceptUnsecuredInbound: draw() < 0.15,
    }),
  )
  return policy(rules, {
    profile,
    ...(setting === 'NoDefaultExempt' && draw() < 0.8 ? { noDefaultExempt: value } : {}),
    ...(setting === 'IPsecExempt' && draw() < 0.8 ? { ipsecExempt: value } : {}),
    defaultResponse: draw() < 0.3,
    networks: draw() < 0.5 ? [] : [parsePrefix('10.0.0.0/24')!],
  })
}

/** An address at or beside a border of one of the policy's filters, or one of the crowd. */
function randomAddress(draw: Draw, asked: Policy, family: 4 | 6): Address {
  if (draw() < 0.5)
    return pick(
      draw,
      everyHost.filter(host => host.family === family),
    )
  const { source, destination } = pick(draw, pick(draw, asked.rules).filters)
  const end = draw() < 0.5 ? source : destination
  if (end.kind !== 'range' || end.first.family !== family)
    return pick(
      draw,
      everyHost.filter(host => host.family === family),
    )
  const border = draw() < 0.5 ? end.first : end.last
  const step = Math.floor(draw() * 3) - 1
  const words = [...border.words]
  words[words.length - 1] = Math.min(0xffffffff, Math.max(0, words.at(-1)! + step))
  return { family, words }
}

/** A flow that may be on a wire: ports for TCP and UDP only, both or (a later fragment) neither, a type for ICMP only. */
export function randomFlow(draw: Draw, asked: Policy): Flow {
  const family = draw() < 0.7 ? 4 : 6
  const protocol = draw() < 0.9 ? pick(draw, protocols) : Math.floor(draw() * 256)
  const isLater = draw() < 0.1
  const port = () => (draw() < 0.9 ? pick(draw, borders) : Math.floor(draw() * 65536))
  const isIcmp = protocol === ICMP || protocol === ICMPV6
  return {
    source: randomAddress(draw, asked, family),
    destination: randomAddress(draw, asked, family),
    protocol,
    ...(hasPorts(protocol) && !isLater ? { sourcePort: port(), destinationPort: port() } : {}),
    ...(isIcmp && !isLater ? { icmpType: pick(draw, [0, 8, 132, 133, 134, 135, 136, 137, 138, 255]) } : {}),
    ...(draw() < 0.05 ? { linkBroadcast: true } : {}),
  }
}
