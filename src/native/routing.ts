// The host's links, addresses, routes and rules: asked for and changed. Each change answers with what it did, as a
// value; `undo` takes it back. A change that finds things as wanted does nothing and says so, and undoing that does
// nothing: what somebody else set up stays.
import type { Address } from '../base/address.ts'
import { formatAddress, formatPrefix, sameAddress } from '../base/address.ts'
import { failedCall } from './libc.ts'
import {
  addressBody,
  type Link,
  type LinkAddress,
  type LinkChange,
  linkBody,
  linkByName,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_SETLINK,
  readLink,
  readLinkAddress,
} from './link-messages.ts'
import { NETLINK_ROUTE, NetlinkSocket, NLM_F_CREATE, NLM_F_EXCL, type RefusedRequest } from './netlink.ts'
import {
  type Route,
  type RouteAnswer,
  type RouteQuestion,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_GETROUTE,
  RTM_GETRULE,
  RTM_NEWROUTE,
  RTM_NEWRULE,
  type Rule,
  readRoute,
  readRouteAnswer,
  readRule,
  routeBody,
  routeQuestionBody,
  ruleBody,
  tableBody,
} from './route-messages.ts'
import { familyNumber } from './socket-address.ts'

/** An address of a link; `prefixLength` makes the network that is reached directly. */
export interface GivenAddress {
  readonly link: number
  readonly address: Address
  readonly prefixLength: number
}

/** What a change did. A value that may be kept in a file and undone by the next process. */
export type Done =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'link-changed'; readonly index: number; readonly before: LinkChange; readonly after: LinkChange }
  | { readonly kind: 'address-added'; readonly given: GivenAddress }
  | { readonly kind: 'address-removed'; readonly given: GivenAddress }
  | { readonly kind: 'route-added'; readonly route: Route }
  | { readonly kind: 'route-removed'; readonly route: Route }
  | { readonly kind: 'rule-added'; readonly rule: Rule }
  | { readonly kind: 'rule-removed'; readonly rule: Rule }

const noWay: ReadonlySet<string> = new Set('ENETUNREACH EHOSTUNREACH EACCES EINVAL ENODEV'.split(' '))

const nothing: Done = { kind: 'nothing' }

/** In the namespace of this thread; it stays there. */
export function openRouting(): NetlinkSocket {
  return new NetlinkSocket(NETLINK_ROUTE)
}

export function listLinks(netlink: NetlinkSocket): readonly Link[] {
  return netlink.list(RTM_GETLINK, linkBody(0), 'listing links').flatMap(({ body }) => readLink(body) ?? [])
}

/** By name, or by number; undefined where there is none. */
export function findLink(netlink: NetlinkSocket, link: string | number): Link | undefined {
  const body = typeof link === 'string' ? linkByName(link) : linkBody(link)
  const answer = unless(['ENODEV'], () => netlink.ask(RTM_GETLINK, 0, body, `looking for the link ${link}`))
  return answer === undefined ? undefined : readLink(answer.body)
}

/** Only what differs is changed. */
export function changeLink(netlink: NetlinkSocket, index: number, change: LinkChange): Done {
  const link = findLink(netlink, index)
  if (link === undefined) throw new Error(`changing link ${index}: there is no such link`)
  const wanted = Object.entries(change) as [keyof LinkChange, never][]
  const different = wanted.filter(([key, value]) => link[key] !== value)
  if (different.length === 0) return nothing
  const before = Object.fromEntries(different.map(([key]) => [key, link[key]])) as LinkChange
  const after = Object.fromEntries(different) as LinkChange
  netlink.change(RTM_SETLINK, 0, linkBody(index, after), `changing the link ${link.name}`)
  return { kind: 'link-changed', index, before, after }
}

export function listAddresses(netlink: NetlinkSocket): readonly LinkAddress[] {
  const messages = netlink.list(RTM_GETADDR, addressBody(), 'listing addresses')
  return messages.flatMap(({ body }) => readLinkAddress(body) ?? [])
}

export function addAddress(netlink: NetlinkSocket, given: GivenAddress): Done {
  const doing = `adding the address ${formatAddress(given.address)} to link ${given.link}`
  const flags = NLM_F_CREATE | NLM_F_EXCL
  const isNew = unless(['EEXIST'], () => did(() => netlink.change(RTM_NEWADDR, flags, addressBody(given), doing)))
  return isNew === undefined ? nothing : { kind: 'address-added', given }
}

export function removeAddress(netlink: NetlinkSocket, given: GivenAddress): Done {
  const doing = `removing the address ${formatAddress(given.address)} from link ${given.link}`
  const was = unless(['EADDRNOTAVAIL', 'ENODEV'], () =>
    did(() => netlink.change(RTM_DELADDR, 0, addressBody(given), doing)),
  )
  return was === undefined ? nothing : { kind: 'address-removed', given }
}

/** Of a table; undefined for all tables. Those of other programs too: `madeBy` tells. */
export function listRoutes(netlink: NetlinkSocket, family: 4 | 6, table?: number) {
  // A table is there as long as it holds something.
  const messages =
    unless(['ENOENT'], () => netlink.list(RTM_GETROUTE, tableBody(family, table), 'listing routes')) ?? []
  // A kernel that does not look at what was asked lists every table.
  return messages.flatMap(({ body }) => readRoute(body) ?? []).filter(route => (table ?? route.table) === route.table)
}

/** Where the same destination has a route in that table at that metric already, it stays, whatever it says. */
export function addRoute(netlink: NetlinkSocket, route: Route): Done {
  const doing = `adding a route to ${formatPrefix(route.to)}`
  const flags = NLM_F_CREATE | NLM_F_EXCL
  const isNew = unless(['EEXIST'], () => did(() => netlink.change(RTM_NEWROUTE, flags, routeBody(route), doing)))
  return isNew === undefined ? nothing : { kind: 'route-added', route }
}

export function removeRoute(netlink: NetlinkSocket, route: Route): Done {
  const doing = `removing a route to ${formatPrefix(route.to)}`
  // Routes go with their links.
  const was = unless(['ESRCH', 'ENODEV'], () => did(() => netlink.change(RTM_DELROUTE, 0, routeBody(route), doing)))
  return was === undefined ? nothing : { kind: 'route-removed', route }
}

export function listRules(netlink: NetlinkSocket, family: 4 | 6) {
  const body = new Uint8Array(12)
  body[0] = familyNumber(family)
  return netlink.list(RTM_GETRULE, body, 'listing rules').flatMap(message => readRule(message.body) ?? [])
}

export function addRule(netlink: NetlinkSocket, rule: Rule): Done {
  const doing = `adding the rule ${rule.priority}`
  const flags = NLM_F_CREATE | NLM_F_EXCL
  const isNew = unless(['EEXIST'], () => did(() => netlink.change(RTM_NEWRULE, flags, ruleBody(rule), doing)))
  return isNew === undefined ? nothing : { kind: 'rule-added', rule }
}

export function removeRule(netlink: NetlinkSocket, rule: Rule): Done {
  const doing = `removing the rule ${rule.priority}`
  const was = unless(['ENOENT'], () => did(() => netlink.change(RTM_DELRULE, 0, ruleBody(rule), doing)))
  return was === undefined ? nothing : { kind: 'rule-removed', rule }
}

/** How the kernel would send such a packet now, by its rules; the errno's name where it would not. */
export function lookUpRoute(
  netlink: NetlinkSocket,
  question: RouteQuestion,
): RouteAnswer | { readonly kind: 'none'; readonly name: string } {
  try {
    const answer = netlink.ask(RTM_GETROUTE, 0, routeQuestionBody(question), `the way to ${formatAddress(question.to)}`)
    return (answer && readRouteAnswer(answer.body)) ?? { kind: 'none', name: '' }
  } catch (error) {
    const refused = failedCall(error) as RefusedRequest | undefined
    // EINVAL is a blackhole, or a source that is not ours; with a sentence it is a question that the kernel does not take.
    if (refused === undefined || refused.said !== '' || !noWay.has(refused.name)) throw error
    return { kind: 'none', name: refused.name }
  }
}

/** Takes a change back; answers what that did. Undone in the reverse order of doing. */
export function undo(netlink: NetlinkSocket, done: Done): Done {
  switch (done.kind) {
    case 'nothing':
      return nothing
    case 'link-changed':
      return changeLinkBack(netlink, done.index, done.before, done.after)
    case 'address-added':
      return removeAddress(netlink, done.given)
    case 'address-removed':
      return addAddress(netlink, done.given)
    case 'route-added':
      return removeRoute(netlink, done.route)
    case 'route-removed':
      return addRoute(netlink, done.route)
    case 'rule-added':
      return removeRule(netlink, done.rule)
    case 'rule-removed':
      return addRule(netlink, done.rule)
  }
}

/** What somebody else has changed since is left alone. */
function changeLinkBack(netlink: NetlinkSocket, index: number, before: LinkChange, after: LinkChange): Done {
  const link = findLink(netlink, index)
  if (link === undefined) return nothing
  const ours = Object.entries(before).filter(
    ([key]) => link[key as keyof LinkChange] === after[key as keyof LinkChange],
  )
  return changeLink(netlink, index, Object.fromEntries(ours))
}

/** The link that has an address of ours. */
export function linkOfAddress(netlink: NetlinkSocket, address: Address): number | undefined {
  return listAddresses(netlink).find(own => sameAddress(own.address, address))?.link
}

function did(run: () => void): true {
  run()
  return true
}

/** Undefined where the kernel refused with one of these names. */
function unless<T>(names: readonly string[], run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (names.includes(failedCall(error)?.name ?? '')) return undefined
    throw error
  }
}
