// What the lab consists of, as data: the forest, its domain controllers, the accounts, the names and addresses.
// A further forest or a third controller is a new entry here; how one is made stands in domain-controller.ts.
// The passwords are for this lab only: it has no way out, and everything in it is thrown away with it.

import { isIPv6 } from 'node:net'

export interface Controller {
  readonly name: string
  readonly address: string
  /** Fixed, locally administered: a capture is then the same from one run to the next, and names no real hardware. */
  readonly hardwareAddress: string
}

export interface Forest {
  /** DNS name of the domain; the Kerberos realm is the same in capitals. */
  readonly domain: string
  readonly realm: string
  readonly netbiosName: string
  readonly administratorPassword: string
  /** The first one is provisioned, the others join it over the network. */
  readonly controllers: readonly [Controller, ...Controller[]]
}

export const corp: Forest = {
  domain: 'corp.test',
  realm: 'CORP.TEST',
  netbiosName: 'CORP',
  administratorPassword: 'Lab-Admin-1',
  controllers: [
    { name: 'dc1', address: '10.54.0.1', hardwareAddress: '02:00:0a:36:00:01' },
    { name: 'dc2', address: '10.54.0.2', hardwareAddress: '02:00:0a:36:00:02' },
  ],
}

/** The same one where no link has an address of IPv4. */
export const corpOnIpv6: Forest = {
  ...corp,
  controllers: [
    { name: 'dc1', address: 'fd54::1', hardwareAddress: '02:00:0a:36:00:01' },
    { name: 'dc2', address: 'fd54::2', hardwareAddress: '02:00:0a:36:00:02' },
  ],
}

/** A forest of its own, which the first one trusts and which trusts it: made by second-forest.ts where it is wanted. */
export const other: Forest = {
  domain: 'other.test',
  realm: 'OTHER.TEST',
  netbiosName: 'OTHER',
  administratorPassword: 'Lab-Admin-2',
  controllers: [{ name: 'dc3', address: '10.54.0.3', hardwareAddress: '02:00:0a:36:00:03' }],
}

export const prefixLength = 24
export const prefixLength6 = 64
export const broadcastAddress = '10.54.0.255'

export function isOnIpv6({ address }: Pick<Controller, 'address'>): boolean {
  return isIPv6(address)
}

/** As URLs, and Kerberos's settings, write it. */
export function inBrackets({ address }: Pick<Controller, 'address'>): string {
  return isIPv6(address) ? `[${address}]` : address
}

/** All that its hosts' links are. */
export function networkOf({ controllers: [first] }: Pick<Forest, 'controllers'>): string {
  return isOnIpv6(first) ? `fd54::/${prefixLength6}` : `10.54.0.0/${prefixLength}`
}

export interface Account {
  readonly name: string
  readonly password: string
}

export const accounts = {
  alice: { name: 'alice', password: 'Lab-Alice-1' },
  /** Its own account, so that a step that fails half way spoils no other step's password. */
  changesPassword: { name: 'carol', password: 'Lab-Carol-1' },
  /** In 200 groups: its tickets are over 3 kB, so that Kerberos over UDP is carried in IP fragments both ways. */
  bigTicket: { name: 'bigpac', password: 'Lab-Bigpac-1' },
} as const satisfies Record<string, Account>

export const groupsOfBigTicket = 200

export function baseName(forest: Forest): string {
  return forest.domain
    .split('.')
    .map(label => `DC=${label}`)
    .join(',')
}

export function fullName(forest: Forest, controller: Controller): string {
  return `${controller.name}.${forest.domain}`
}

/** Every naming context a controller replicates. */
export function namingContexts(forest: Forest): readonly string[] {
  const base = baseName(forest)
  return [
    base,
    `CN=Configuration,${base}`,
    `CN=Schema,CN=Configuration,${base}`,
    `DC=DomainDnsZones,${base}`,
    `DC=ForestDnsZones,${base}`,
  ]
}
