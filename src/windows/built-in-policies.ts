// The three policies that every Windows 2000 to Server 2003 and every new domain has: Client (Respond Only), Server (Request
// Security) and Secure Server (Require Security), under the GUIDs by which tools know them. Numbers and methods are those of
// the objects that a new domain holds; the texts are ours.
import type { QuickModeOffer } from './policy-blobs.ts'
import { actionGuids, type Guid, typeGuids } from './policy-guids.ts'
import {
  ahAlgorithm,
  defaultMainModeMethods,
  defaultResponseOffers,
  espAlgorithm,
  fallBackOffer,
  filterListOf,
  filterVersion1,
  ME,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  quickModeOffer,
} from './policy-makers.ts'
import { type PolicyStore, type WindowsObject, withOwners } from './policy-objects.ts'

const own = (start: string): Guid => `{${start}-70FA-11D1-864C-14A300000000}`
const later = (start: string): Guid => `{${start}-5EE3-11D2-ACE8-0060B0ECCA17}`
const latest = (start: string): Guid => `{${start}-071D-11D3-AD22-0060B0ECCA17}`

export const builtInPolicies = {
  server: own('72385230'),
  client: own('72385236'),
  secureServer: own('7238523C'),
} as const satisfies Readonly<Record<string, Guid>>

const [ALL_TRAFFIC, ALL_ICMP, PERMIT] = [own('7238523A'), own('72385235'), own('7238523B')]
const KERBEROS = { credentials: [{ kind: 'kerberos' }] } as const
const ICMP = 1

/** Objects that a policy has for itself. */
interface Parts {
  readonly isakmp: Guid
  readonly instance: Guid
  readonly defaultResponse: { readonly rule: Guid; readonly action: Guid }
}

function ike({ isakmp, instance }: Parts): WindowsObject {
  return newIsakmp({ id: isakmp }, { instance, methods: defaultMainModeMethods() })
}

function defaultResponse({ defaultResponse: { rule, action } }: Parts): readonly WindowsObject[] {
  return [
    newRule({ id: rule }, { negotiation: action, filterLists: [] }, KERBEROS),
    newNegotiation({ id: action }, actionGuids.negotiate, defaultResponseOffers(), typeGuids.defaultResponse),
  ]
}

/** 15 minutes for what is enciphered and 5 for what is not, 100,000 kB for both. */
const enciphered = { seconds: 900, kilobytes: 100_000 }
const inClear = { seconds: 300, kilobytes: 100_000 }

/** Asks for security, and does without where none is answered. */
const requested: readonly QuickModeOffer[] = [
  quickModeOffer([espAlgorithm('3des', 'sha1')], enciphered),
  quickModeOffer([espAlgorithm('des', 'sha1')], enciphered),
  quickModeOffer([ahAlgorithm('sha1')], inClear),
  quickModeOffer([ahAlgorithm('md5')], inClear),
  fallBackOffer(),
]

const required: readonly QuickModeOffer[] = [
  quickModeOffer([espAlgorithm('3des', 'sha1')], enciphered),
  quickModeOffer([espAlgorithm('3des', 'md5')], enciphered),
  quickModeOffer([espAlgorithm('des', 'sha1')], enciphered),
  quickModeOffer([espAlgorithm('des', 'md5')], enciphered),
]

const client: Parts = {
  isakmp: own('72385237'),
  instance: latest('5F41EC73'),
  defaultResponse: { rule: later('59319C04'), action: later('59319C01') },
}

const server: Parts = {
  isakmp: own('72385231'),
  instance: latest('5119D268'),
  defaultResponse: { rule: later('59319BE2'), action: later('59319BDF') },
}

const secureServer: Parts = {
  isakmp: own('7238523D'),
  instance: latest('594272F9'),
  defaultResponse: { rule: later('59319BF3'), action: later('59319BF0') },
}

function permitIcmp(id: Guid): WindowsObject {
  return newRule(
    { id, name: 'Permit unsecured ICMP', description: 'ICMP passes in clear.' },
    { negotiation: PERMIT, filterLists: [ALL_ICMP] },
    KERBEROS,
  )
}

/** All three in one store; `assigned`: which of `builtInPolicies` is in force. */
export function builtInStore(assigned?: Guid): PolicyStore {
  const objects: readonly WindowsObject[] = [
    newPolicy(
      {
        id: builtInPolicies.client,
        name: 'Client (Respond Only)',
        description: 'Asks nobody for security; answers who asks.',
      },
      { isakmp: client.isakmp, rules: [client.defaultResponse.rule] },
    ),
    ike(client),
    ...defaultResponse(client),
    newPolicy(
      {
        id: builtInPolicies.server,
        name: 'Server (Request Security)',
        description: 'Asks for security with all traffic, and speaks in clear with who does not answer.',
      },
      { isakmp: server.isakmp, rules: [latest('594272E2'), server.defaultResponse.rule, own('72385232')] },
    ),
    ike(server),
    newRule(
      { id: own('72385232'), name: 'Request security', description: 'All traffic, secured where the peer can.' },
      { negotiation: own('72385233'), filterLists: [ALL_TRAFFIC] },
      KERBEROS,
    ),
    newNegotiation(
      {
        id: own('72385233'),
        name: 'Request Security (Optional)',
        description: 'Takes what arrives in clear, answers with IPsec, and falls back to clear.',
      },
      actionGuids.acceptUnsecured,
      requested,
    ),
    ...defaultResponse(server),
    permitIcmp(latest('594272E2')),
    newPolicy(
      {
        id: builtInPolicies.secureServer,
        name: 'Secure Server (Require Security)',
        description: 'Asks for security with all traffic, and does not speak without.',
      },
      { isakmp: secureServer.isakmp, rules: [latest('594272FD'), secureServer.defaultResponse.rule, own('7238523E')] },
    ),
    ike(secureServer),
    newRule(
      { id: own('7238523E'), name: 'Require security', description: 'All traffic, secured or not at all.' },
      { negotiation: own('7238523F'), filterLists: [ALL_TRAFFIC] },
      KERBEROS,
    ),
    newNegotiation(
      {
        id: own('7238523F'),
        name: 'Require Security',
        description: 'Takes what arrives in clear, answers with IPsec, and never falls back.',
      },
      actionGuids.acceptUnsecured,
      required,
    ),
    ...defaultResponse(secureServer),
    permitIcmp(latest('594272FD')),
    newNegotiation({ id: PERMIT, name: 'Permit', description: 'Traffic passes in clear.' }, actionGuids.permit, []),
    newFilterList(
      {
        id: ALL_TRAFFIC,
        name: 'All IP Traffic',
        description: 'From this machine to any other, but for what is exempt.',
      },
      filterListOf([fromMe(later('59319BDD'), {})]),
    ),
    newFilterList(
      { id: ALL_ICMP, name: 'All ICMP Traffic', description: 'ICMP between this machine and any other.' },
      filterListOf([fromMe(latest('5119D263'), { protocol: ICMP, description: 'ICMP' })]),
    ),
  ]
  return withOwners({ objects, ...(assigned === undefined ? {} : { assigned }) })
}

function fromMe(id: Guid, changes: { readonly protocol?: number; readonly description?: string }) {
  return filterVersion1(id, { sourceAddress: ME.address, sourceMask: ME.mask, ...changes })
}
