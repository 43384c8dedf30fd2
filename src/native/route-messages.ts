// What rtnetlink(7) says of routes and rules, between its octets and plain values. No socket here.

import { type Address, addressOctets, maskAddress, type Prefix } from '../base/address.ts'
import { concatenate } from '../base/bytes.ts'
import { asAddress, optionalAddress } from './link-messages.ts'
import {
  type Attributes,
  attribute,
  readAttributes,
  readText,
  readU32,
  text,
  u8,
  u16,
  u32,
} from './netlink-attributes.ts'
import { familyNumber } from './socket-address.ts'

const RTM_F_LOOKUP_TABLE = 0x1000

export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
export const RTM_GETRULE = 34

/** The kernel's table of routes that `ip route` shows. */
export const TABLE_MAIN = 254
/** Says in `ip route` and `ip rule` that this program made it: so what an agent that was killed left can be found. */
export const MADE_BY_SEALWIRE = 158

/** Where packets go: through a link, by a gateway, or nowhere. */
export type RouteKind = 'unicast' | 'local' | 'blackhole' | 'unreachable' | 'prohibit'

export interface Route {
  readonly to: Prefix
  readonly kind?: RouteKind
  readonly table?: number
  readonly link?: number
  readonly gateway?: Address
  /** Source address of what does not name one. */
  readonly source?: Address
  readonly metric?: number
  /** Of the path, for TCP among others. */
  readonly mtu?: number
}

export interface RouteAnswer {
  readonly kind: RouteKind | 'broadcast' | 'multicast' | 'other'
  readonly link: number
  readonly source: Address | undefined
  readonly gateway: Address | undefined
  readonly table: number
  /** Of the path where one is known, else 0. */
  readonly mtu: number
}

export interface PortRange {
  readonly from: number
  readonly to: number
}

/** Which packets look into a table. What is left out matches everything. Lower priorities come first. */
export interface Rule {
  readonly family: 4 | 6
  readonly priority: number
  readonly table: number
  readonly from?: Prefix
  readonly to?: Prefix
  readonly mark?: number
  readonly markMask?: number
  readonly protocol?: number
  readonly sourcePorts?: PortRange
  readonly destinationPorts?: PortRange
  readonly incomingLink?: string
  readonly isInverted?: boolean
  /** Goes on at the rule of that priority, which comes later and must be there; `table` is 0 then. */
  readonly goTo?: number
  /** Does nothing: others go on there. `table` is 0 then. */
  readonly isLandmark?: true
}

const routeKinds: ReadonlyMap<RouteKind, number> = new Map([
  ['unicast', 1],
  ['local', 2],
  ['blackhole', 6],
  ['unreachable', 7],
  ['prohibit', 8],
])

/** struct rtmsg: family, lengths of destination and source, TOS, table, who made it, scope, kind, flags. */
export function routeBody(route: Route): Uint8Array {
  const { to, kind = 'unicast', table = TABLE_MAIN } = route
  const isOnLink = kind === 'unicast' && route.gateway === undefined && to.address.family === 4
  const scope = kind === 'local' ? 254 : isOnLink ? 253 : 0
  const family = familyNumber(to.address.family)
  const metrics = route.mtu === undefined ? undefined : attribute(2, u32(route.mtu))
  return concatenate([
    Uint8Array.of(family, to.length, 0, 0, table < 256 ? table : 0, MADE_BY_SEALWIRE, scope, routeKinds.get(kind)!),
    u32(0),
    attribute(1, to.length === 0 ? undefined : addressOctets(maskAddress(to.address, to.length))),
    attribute(15, u32(table)),
    attribute(4, route.link === undefined ? undefined : u32(route.link)),
    attribute(5, optionalAddress(route.gateway)),
    attribute(7, optionalAddress(route.source)),
    attribute(6, route.metric === undefined ? undefined : u32(route.metric)),
    attribute(8, metrics),
  ])
}

/** What a route look-up is asked: as a packet of that kind would be routed, by rules too. */
export interface RouteQuestion {
  readonly to: Address
  readonly from?: Address
  readonly mark?: number
  readonly protocol?: number
  readonly sourcePort?: number
  readonly destinationPort?: number
}

export function routeQuestionBody(question: RouteQuestion): Uint8Array {
  const { to, from } = question
  const bits = to.family === 4 ? 32 : 128
  const port = (value: number | undefined) =>
    value === undefined ? undefined : Uint8Array.of(value >>> 8, value & 255)
  return concatenate([
    Uint8Array.of(familyNumber(to.family), bits, from === undefined ? 0 : bits, 0, 0, 0, 0, 0),
    // IPv4 tells the table that it was found in where it is asked to; IPv6 tells it always, and refuses to be asked.
    u32(to.family === 4 ? RTM_F_LOOKUP_TABLE : 0),
    attribute(1, addressOctets(to)),
    attribute(2, optionalAddress(from)),
    attribute(16, question.mark === undefined ? undefined : u32(question.mark)),
    attribute(27, question.protocol === undefined ? undefined : u8(question.protocol)),
    attribute(28, port(question.sourcePort)),
    attribute(29, port(question.destinationPort)),
  ])
}

const answerKinds: readonly RouteAnswer['kind'][] =
  'other unicast local broadcast other multicast blackhole unreachable prohibit'.split(' ') as RouteAnswer['kind'][]

export function readRouteAnswer(body: Uint8Array): RouteAnswer | undefined {
  if (body.length < 12) return undefined
  const attributes = readAttributes(body.subarray(12))
  const metrics: Attributes = readAttributes(attributes.get(8) ?? new Uint8Array(0))
  return {
    kind: answerKinds[body[7]!] ?? 'other',
    link: readU32(attributes.get(4)) ?? 0,
    source: asAddress(attributes.get(7)),
    gateway: asAddress(attributes.get(5)),
    table: readU32(attributes.get(15)) ?? body[4]!,
    mtu: readU32(metrics.get(2)) ?? 0,
  }
}

/** A route of a list, as it would have to be asked for again; undefined for what this program never makes. */
export function readRoute(body: Uint8Array): (Route & { readonly madeBy: number }) | undefined {
  const answer = readRouteAnswer(body)
  if (answer === undefined || !routeKinds.has(answer.kind as RouteKind)) return undefined
  const attributes = readAttributes(body.subarray(12))
  const family = body[0] === familyNumber(4) ? 4 : 6
  const zero: Address = { family, words: family === 4 ? [0] : [0, 0, 0, 0] }
  const metric = readU32(attributes.get(6))
  return {
    to: { address: asAddress(attributes.get(1)) ?? zero, length: body[1]! },
    kind: answer.kind as RouteKind,
    table: answer.table,
    madeBy: body[5]!,
    ...(answer.link === 0 ? {} : { link: answer.link }),
    ...(answer.gateway === undefined ? {} : { gateway: answer.gateway }),
    ...(answer.source === undefined ? {} : { source: answer.source }),
    ...(metric === undefined ? {} : { metric }),
    ...(answer.mtu === 0 ? {} : { mtu: answer.mtu }),
  }
}

const TO_TABLE = 1
const GO_TO = 2
const NOTHING = 3

/** struct fib_rule_hdr: family, lengths of destination and source, TOS, table, two unused, action, flags. */
export function ruleBody(rule: Rule): Uint8Array {
  const { family, table, from, to } = rule
  const prefix = (value: Prefix | undefined) =>
    value === undefined || value.length === 0 ? undefined : addressOctets(maskAddress(value.address, value.length))
  const range = (ports: PortRange | undefined) =>
    ports === undefined ? undefined : concatenate([u16(ports.from), u16(ports.to)])
  const number = (value: number | undefined) => (value === undefined ? undefined : u32(value))
  const action = rule.goTo !== undefined ? GO_TO : rule.isLandmark === true ? NOTHING : TO_TABLE
  return concatenate([
    Uint8Array.of(familyNumber(family), to?.length ?? 0, from?.length ?? 0, 0, table < 256 ? table : 0, 0, 0, action),
    u32(rule.isInverted === true ? 2 : 0),
    attribute(6, u32(rule.priority)),
    attribute(15, u32(table)),
    attribute(4, number(rule.goTo)),
    attribute(1, prefix(to)),
    attribute(2, prefix(from)),
    attribute(3, rule.incomingLink === undefined ? undefined : text(rule.incomingLink)),
    attribute(10, number(rule.mark)),
    attribute(16, number(rule.mark === undefined ? undefined : (rule.markMask ?? 0xffffffff))),
    attribute(21, u8(MADE_BY_SEALWIRE)),
    attribute(22, rule.protocol === undefined ? undefined : u8(rule.protocol)),
    attribute(23, range(rule.sourcePorts)),
    attribute(24, range(rule.destinationPorts)),
  ])
}

/** A rule of a list with who made it; undefined for those that this program never makes. */
export function readRule(body: Uint8Array): (Rule & { readonly madeBy: number }) | undefined {
  const action = body[7]
  if (body.length < 12 || (action !== TO_TABLE && action !== GO_TO && action !== NOTHING)) return undefined
  const attributes = readAttributes(body.subarray(12))
  const prefix = (kind: number, length: number): Prefix | undefined => {
    const address = asAddress(attributes.get(kind))
    return address === undefined ? undefined : { address, length }
  }
  const range = (kind: number): PortRange | undefined => {
    const word = readU32(attributes.get(kind))
    return word === undefined ? undefined : { from: word & 0xffff, to: word >>> 16 }
  }
  const parts = {
    from: prefix(2, body[2]!),
    to: prefix(1, body[1]!),
    mark: readU32(attributes.get(10)),
    markMask: attributes.has(10) ? readU32(attributes.get(16)) : undefined,
    protocol: attributes.get(22)?.[0],
    sourcePorts: range(23),
    destinationPorts: range(24),
    incomingLink: readText(attributes.get(3)),
    isInverted: (readU32(body.subarray(8))! & 2) !== 0 ? true : undefined,
    goTo: action === GO_TO ? readU32(attributes.get(4)) : undefined,
    isLandmark: action === NOTHING ? true : undefined,
  }
  const given = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))
  return {
    family: body[0] === familyNumber(4) ? 4 : 6,
    priority: readU32(attributes.get(6)) ?? 0,
    table: readU32(attributes.get(15)) ?? body[4]!,
    madeBy: attributes.get(21)?.[0] ?? 0,
    ...(given as Partial<Rule>),
  }
}

/** The body that asks for a list of routes: of a table, or of all. */
export function tableBody(family: 4 | 6, table?: number): Uint8Array {
  const header = new Uint8Array(12)
  header[0] = familyNumber(family)
  return concatenate([header, attribute(15, table === undefined ? undefined : u32(table))])
}
