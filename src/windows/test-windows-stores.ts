// One small policy of Windows for the tests of this folder, to be changed in a word at a time, and what is made of it.
import type { Rule } from '../policy/model.ts'
import { address } from '../policy/test-policies.ts'
import type { QuickModeOffer } from './policy-blobs.ts'
import type { AddressVersion2, FilterListContent, FilterVersion2 } from './policy-filter-blob.ts'
import { actionGuids, type Guid } from './policy-guids.ts'
import {
  espAlgorithm,
  filterListOf,
  filterVersion1,
  mainModeMethod,
  type NewRuleContent,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  quickModeOffer,
} from './policy-makers.ts'
import type { PolicyStore } from './policy-objects.ts'
import { type ToPolicyOptions, toPolicy } from './to-policy.ts'

export const id = (number: number): Guid => `{00000000-0000-4000-8000-${String(number).padStart(12, '0')}}`
export const usual = [quickModeOffer([espAlgorithm('3des', 'sha1')])]

export interface Parts {
  readonly list?: FilterListContent
  readonly action?: Guid
  readonly offers?: readonly QuickModeOffer[]
  readonly rule?: Partial<NewRuleContent>
}

/** A policy with one rule. */
export function storeWith({
  list = filterListOf([filterVersion1(id(9))]),
  action = actionGuids.negotiate,
  offers = usual,
  rule = {},
}: Parts): PolicyStore {
  const credentials = [{ kind: 'kerberos' }] as const
  return {
    assigned: id(1),
    objects: [
      newPolicy({ id: id(1), name: 'P' }, { isakmp: id(2), rules: [id(3)] }),
      newIsakmp({ id: id(2) }, { methods: [mainModeMethod('3des', 'sha1', 2)] }),
      newRule(
        { id: id(3), name: 'R' },
        { negotiation: id(4), filterLists: [id(5)] },
        { credentials, ...rule },
        'windows-vista',
      ),
      newNegotiation({ id: id(4) }, action, offers),
      newFilterList({ id: id(5) }, list),
    ],
  }
}

/** Its first rule, and the losses as words. */
export function said(
  store: PolicyStore,
  options: ToPolicyOptions = {},
): { readonly rule: Rule; readonly losses: readonly string[] } {
  const { value } = toPolicy(store, options) as Extract<ReturnType<typeof toPolicy>, { readonly ok: true }>
  return { rule: value.policy.rules[0]!, losses: value.losses.map(({ severity, what }) => `${severity}: ${what}`) }
}

/** An IPv4 address as one number. */
export const word = (text: string): number => address(text).words[0]!

/** A list whose second filter is of version 2; the first of version 1 only stands for it. */
export function version2(changes: Partial<FilterVersion2>): FilterListContent {
  const any: AddressVersion2 = { type: 0, version: 1, address: new Uint8Array(16), second: new Uint8Array(16) }
  const ports = { type: 0, first: 0, last: 0 }
  const common = { sourceName: '', destinationName: '', description: '', mirrored: 1, protocol: 0, flags: 8 }
  const filter = {
    ...common,
    id: id(8),
    source: any,
    destination: any,
    sourcePorts: ports,
    destinationPorts: ports,
    ...changes,
  }
  return {
    ...filterListOf([filterVersion1(id(8)), filterVersion1(id(9), { protocol: 6 })], 'windows-vista'),
    version2: { version1Count: 0, filters: [filter] },
  }
}

/** Octets of an address of version 2. */
export const sixteen = (...octets: number[]) => Uint8Array.from({ length: 16 }, (_, index) => octets[index] ?? 0)
