// What the commands of `netsh ipsec` work on: the stores of policies, the settings of `dynamic set config`, and how a command
// finds the objects that it names. A state does not change; a command gives the next one.
import type { Random } from '../base/random.ts'
import type { Problem } from '../base/result.ts'
import { isSameName } from '../settings/registry-name.ts'
import { quoted } from './connection-security-cells.ts'
import type { NetshParameters } from './netsh-parameters.ts'
import { type Guid, guidOf, type ObjectKind, parseGuid, typeGuids } from './policy-guids.ts'
import {
  type NegotiationObject,
  objectOf,
  objectsOf,
  type PolicyObject,
  type PolicyStore,
  type RuleObject,
  type WindowsObject,
} from './policy-objects.ts'

/** `dynamic`: of commands that last as long as the agent runs. */
export type NetshPlace = 'local' | 'persistent' | 'dynamic'

export interface NetshState {
  readonly stores: Readonly<Record<NetshPlace, PolicyStore>>
  /** That which `static` speaks of. */
  readonly location: 'local' | 'persistent'
  /** By the words of `dynamic set config`. */
  readonly config: Readonly<Record<string, number | string>>
}

export interface NetshWorld {
  /** For the GUIDs of new objects. */
  readonly random: Random
  /** Seconds since 1970, that objects note as their last change. */
  readonly now: number
  /** The machine's name, as `show` prints it. */
  readonly host: string
}

/** What a command does. */
export interface NetshStep {
  readonly state: NetshState
  readonly output?: string
  readonly notes?: readonly Problem[]
}

export function staticStore({ stores, location }: NetshState): PolicyStore {
  return stores[location]
}

export function withStore(state: NetshState, store: PolicyStore, place: NetshPlace = state.location): NetshState {
  return { ...state, stores: { ...state.stores, [place]: store } }
}

/** Version 4 of RFC 9562. */
export function newGuid({ random }: NetshWorld): Guid {
  const octets = new Uint8Array(16)
  random.fill(octets)
  octets[7] = (octets[7]! & 0x0f) | 0x40
  octets[8] = (octets[8]! & 0x3f) | 0x80
  return guidOf(octets)
}

type Named = 'policy' | 'filter-list' | 'negotiation'

/** What netsh calls each. */
export const netshNames: Readonly<Record<Named, string>> = {
  policy: 'policy',
  'filter-list': 'filter list',
  negotiation: 'filter action',
}

type ObjectOf<K extends Named> = Extract<WindowsObject, { readonly kind: K }>

export function named<K extends Named>(store: PolicyStore, kind: K, name: string): ObjectOf<K> | undefined {
  return store.objects.find(object => object.kind === kind && hasName(object, name)) as ObjectOf<K> | undefined
}

/** Letters of either size. Asked of thousands of objects, most of which the first ASCII letter that differs tells apart. */
export function hasName({ name = '' }: { readonly name?: string }, wanted: string): boolean {
  if (name.length !== wanted.length) return false
  for (let at = 0; at < name.length; at++) {
    const [one, other] = [name.charCodeAt(at), wanted.charCodeAt(at)]
    if (one >= 0x80 || other >= 0x80) return isSameName(name, wanted)
    if (one !== other && (one | 0x20) !== (other | 0x20)) return false
  }
  return isSameName(name, wanted)
}

/** The rules of that name in a policy. */
export function rulesNamed(store: PolicyStore, policy: PolicyObject, name: string): readonly RuleObject[] {
  const found = objectsOf(store, 'rule').filter(rule => hasName(rule, name))
  return found.filter(({ id }) => policy.rules.includes(id))
}

/** By the name that a tag gives, or a `guid`; that it is not there is a problem. */
export function chosen<K extends Named>(
  store: PolicyStore,
  kind: K,
  parameters: NetshParameters,
  tag = 'name',
): ObjectOf<K> | undefined {
  const guid = tag === 'name' ? parameters.get('guid') : undefined
  const name = parameters.get(tag)
  const what = netshNames[kind]
  if (guid !== undefined) {
    const id = parseGuid(guid)
    const found = id === undefined ? undefined : (objectOf(store, kind, id) as ObjectOf<K> | undefined)
    return found ?? parameters.wrong(`there is no ${what} with the GUID ${quoted(guid)}`, 'show all lists them')
  }
  if (name === undefined) return parameters.wrong(`${tag} is missing`, `write ${tag}= of a ${what}`)
  const found = named(store, kind, name)
  return found ?? parameters.wrong(`there is no ${what} ${quoted(name)}`, 'show all lists those that are there')
}

export function isDefaultResponse(store: PolicyStore, rule: RuleObject): boolean {
  return objectOf(store, 'negotiation', rule.negotiation)?.type === typeGuids.defaultResponse
}

/** The rules of a policy in its order, without the default response. */
export function rulesOf(store: PolicyStore, policy: PolicyObject): readonly RuleObject[] {
  return policy.rules.flatMap(id => {
    const rule = objectOf(store, 'rule', id)
    return rule === undefined || isDefaultResponse(store, rule) ? [] : [rule]
  })
}

export function defaultResponseOf(
  store: PolicyStore,
  policy: PolicyObject,
): { readonly rule: RuleObject; readonly negotiation: NegotiationObject } | undefined {
  for (const id of policy.rules) {
    const rule = objectOf(store, 'rule', id)
    const negotiation = objectOf(store, 'negotiation', rule?.negotiation)
    if (rule !== undefined && negotiation?.type === typeGuids.defaultResponse) return { rule, negotiation }
  }
  return undefined
}

/** Many objects out at once. */
export function withoutObjects(store: PolicyStore, gone: readonly { kind: ObjectKind; id: Guid }[]): PolicyStore {
  const keys = new Set(gone.map(({ kind, id }) => kind + id))
  const objects = store.objects.filter(({ kind, id }) => !keys.has(kind + id))
  if (store.assigned === undefined || !keys.has(`policy${store.assigned}`)) return { ...store, objects }
  return { objects }
}

/** What a name or a description may be: one line. */
export function isSayable(text: string): boolean {
  return !/[\0\r\n]/.test(text) && text.length <= 4096
}
