// The host that somebody named: its address by the system's resolver, and the way there: which link, from which own
// address. What cannot be pinged or probed over a wire is refused: this host itself, and groups, which are others.
import { lookup } from 'node:dns/promises'
import {
  type Address,
  formatAddress,
  isLimitedBroadcast,
  isMulticast,
  parseAddress,
  sameAddress,
} from '../../base/address.ts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import type { Clock } from '../../base/time.ts'
import { SEALWIRE_MARK } from '../../dataplane/tun/tun-options.ts'
import { effectiveCapabilities } from '../../native/capabilities.ts'
import type { Link } from '../../native/link-messages.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import { findLink, listAddresses, lookUpRoute, openRouting } from '../../native/routing.ts'

export interface Target {
  /** As it was named. */
  readonly asked: string
  readonly address: Address
  /** Of a link-local address: the link's name. */
  readonly zone?: string
}

export interface Way {
  readonly link: Link
  readonly own: Address
}

export type WayThere = { readonly kind: 'way'; readonly way: Way } | { readonly kind: 'no-way'; readonly name: string }

const LONGEST_NAME = 253

export async function resolveTarget(asked: string): Promise<Result<Target, Problem>> {
  const percent = asked.indexOf('%')
  const zone = percent < 0 ? {} : { zone: asked.slice(percent + 1) }
  const address = parseAddress(percent < 0 ? asked : asked.slice(0, percent))
  if (address !== undefined) return success({ asked, address, ...zone })
  if (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$/i.test(asked) || asked.length > LONGEST_NAME) {
    return refused(asked, 'this is neither an address nor a name', 'name one host: 10.54.0.2, fd54::2 or dc2.example')
  }
  try {
    const found = parseAddress((await lookup(asked)).address)
    if (found !== undefined) return success({ asked, address: found })
    return refused(asked, 'the name has no usable address', 'name the address')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const what = lookupErrors[code]
    if (what === undefined) throw error
    return refused(asked, what, 'check the name, or name the address')
  }
}

const lookupErrors: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the resolver knows no such name',
  EAI_NODATA: 'the name has no address',
  EAI_NONAME: 'the resolver knows no such name',
  EAI_AGAIN: 'the resolver gives no answer',
  EAI_FAIL: 'the resolver answers with a failure',
}

/** Why this process can see no wire, and what helps; undefined where it can. */
export function whyNoCapture(): string | undefined {
  if (process.platform !== 'linux') return `this needs Linux, and this machine runs ${process.platform}`
  if (effectiveCapabilities().has('CAP_NET_RAW')) return undefined
  return 'the capability CAP_NET_RAW is missing, which it takes to capture and to send: run it as root, or grant it'
}

/** The way as the routes are now. */
export function findWay(target: Target): Result<WayThere, Problem> {
  const netlink = openRouting()
  try {
    return findWayBy(netlink, target)
  } finally {
    netlink.close()
  }
}

function findWayBy(netlink: NetlinkSocket, target: Target): Result<WayThere, Problem> {
  const { asked, address, zone } = target
  const problem = whyNoHost(address)
  if (problem !== undefined) return refused(asked, problem, 'name the one host that is meant')
  if (address.family === 6 && address.words[0]! >>> 22 === 0x3fa) return wayOnLink(netlink, target)
  if (zone !== undefined) return refused(asked, 'only link-local addresses have a zone', 'leave out what is behind %')
  // Sealed packets leave by the way that the mark makes them take; unmarked ones would be led into the agent's device.
  const answer = lookUpRoute(netlink, { to: address, mark: SEALWIRE_MARK })
  if (answer.kind === 'none') return success({ kind: 'no-way', name: answer.name })
  if (answer.kind === 'local') {
    return refused(asked, `${formatAddress(address)} is this host: no packet to it reaches a wire`, 'name another host')
  }
  if (answer.kind === 'broadcast' || answer.kind === 'multicast') {
    return refused(asked, `${formatAddress(address)} is every host of a network`, 'name the one host that is meant')
  }
  const link = findLink(netlink, answer.link)
  const own = answer.source ?? ownAddress(netlink, answer.link, address.family)
  if (answer.kind !== 'unicast' || link === undefined || own === undefined) {
    return success({ kind: 'no-way', name: answer.kind === 'unicast' ? '' : answer.kind })
  }
  return success({ kind: 'way', way: { link, own } })
}

/** Seconds in which the kernel has made sure that nobody else has a new address of IPv6 (RFC 4862 §5.4), usually two. */
const LONGEST_PROOF = 5

/** Nothing can be sent from an address that is that new. Answers whether something can now; as soon as it can. */
export async function untilUsable({ own }: Way, clock: Clock): Promise<boolean> {
  const end = clock.now() + LONGEST_PROOF
  for (;;) {
    if (!isTentative(own)) return true
    if (clock.now() >= end) return false
    await new Promise<void>(resolve => clock.at(clock.now() + 0.1, resolve))
  }
}

function isTentative(own: Address): boolean {
  if (own.family === 4) return false
  const netlink = openRouting()
  try {
    const same = listAddresses(netlink).filter(({ address }) => sameAddress(address, own))
    return same.length > 0 && same.every(one => one.isTentative)
  } finally {
    netlink.close()
  }
}

/** Undefined for the address of a host; judged by the address alone. */
export function whyNoHost(address: Address): string | undefined {
  const text = formatAddress(address)
  if (isMulticast(address)) return `${text} is a multicast group`
  if (isLimitedBroadcast(address)) return `${text} is every host of the network`
  const first = address.words[0]!
  if (address.family === 4 && first >>> 24 === 0) return `${text} is no host's address`
  if (address.family === 4 && first >>> 24 === 127) return `${text} is this host: no packet to it reaches a wire`
  if (address.family === 4 && first >>> 28 === 15) return `${text} is of no use yet (RFC 1112 §4)`
  const isLow = address.family === 6 && address.words.slice(0, 3).every(word => word === 0)
  if (isLow && address.words[3]! <= 1) {
    return address.words[3] === 1
      ? `${text} is this host: no packet to it reaches a wire`
      : `${text} is no host's address`
  }
  return undefined
}

function wayOnLink(netlink: NetlinkSocket, { asked, zone }: Target): Result<WayThere, Problem> {
  const link = zone === undefined ? undefined : findLink(netlink, /^\d+$/.test(zone) ? Number(zone) : zone.slice(0, 15))
  if (link === undefined) {
    const what = zone === undefined ? 'a link-local address does not say on which link' : `there is no link ${zone}`
    return refused(asked, what, 'name the link behind %: fe80::1%eth0')
  }
  const own = listAddresses(netlink).find(one => one.link === link.index && one.isLinkLocal && one.address.family === 6)
  if (own === undefined) return success({ kind: 'no-way', name: '' })
  return success({ kind: 'way', way: { link, own: own.address } })
}

function ownAddress(netlink: NetlinkSocket, link: number, family: 4 | 6): Address | undefined {
  return listAddresses(netlink).find(own => own.link === link && own.address.family === family)?.address
}

function refused(where: string, what: string, hint: string): Result<never, Problem> {
  return failure({ severity: 'error', where, what, hint })
}
