// IPsec policies in the registry of Windows 2000 to 11: a key for each object under one of three stores, the name of the policy
// in force beside them, and where a group policy has put the machine under a policy of the directory. What is not known in
// these keys stays as it is.
import { isSameOctets } from '../base/bytes.ts'
import type { Problem } from '../base/result.ts'
import { childOf, keyAt, type RegistryChange, type RegistryKey, registryKey, valueIn } from '../settings/registry.ts'
import { isSameName } from '../settings/registry-name.ts'
import {
  binaryValue,
  dwordValue,
  multiStringValue,
  numberOf,
  octetsIn,
  type RegistryValue,
  stringValue,
  textOf,
  textsOf,
} from '../settings/value.ts'
import { classNames, type Guid, type ObjectKind } from './policy-guids.ts'
import {
  danglingReferences,
  dataOf,
  type ObjectFields,
  objectName,
  objectOf,
  objectsFrom,
  type PolicyStore,
  referenceIn,
  type WindowsObject,
} from './policy-objects.ts'

/**
 * `local`: of this machine. `persistent`: in force before all others, from the start on. `cache`: those of the directory.
 * `dynamic` is ours: rules that Windows holds in memory, each in a policy of its own, until the agent ends.
 */
export type RegistryPlace = 'local' | 'persistent' | 'cache' | 'dynamic'

const ROOT = 'HKEY_LOCAL_MACHINE'
const IPSEC = 'SOFTWARE\\Policies\\Microsoft\\Windows\\IPSec'
const names: Readonly<Record<RegistryPlace, string>> = {
  local: 'Local',
  persistent: 'Persistent',
  cache: 'Cache',
  dynamic: 'Dynamic',
}

export const registryPlaces: readonly RegistryPlace[] = ['local', 'persistent', 'cache']

/** The key of a store, from the root of the registry. */
export function storePath(place: RegistryPlace): string {
  return `${ROOT}\\${IPSEC}\\Policy\\${names[place]}`
}

/** References do not name the root. */
function referencePath(place: RegistryPlace): string {
  return `${IPSEC}\\Policy\\${names[place]}`
}

export interface ReadStore {
  readonly store: PolicyStore
  readonly problems: readonly Problem[]
}

/** The policies of one store; of a store that is not there, none. */
export function readRegistryPolicies(root: RegistryKey, place: RegistryPlace): ReadStore {
  const key = keyAt(root, storePath(place))
  return key === undefined ? { store: { objects: [] }, problems: [] } : readPoliciesIn(key, storePath(place))
}

/** The same from the key of the store itself. `where` is what problems name. */
export function readPoliciesIn(key: RegistryKey, where: string): ReadStore {
  const odd: Problem[] = []
  const found = key.keys.flatMap(child => {
    const read = fieldsOf(child, `${where}\\${child.name}`)
    odd.push(...read.problems)
    return read.fields === undefined ? [] : [{ fields: read.fields, where: `${where}\\${child.name}` }]
  })
  const { objects, problems } = objectsFrom(found)
  const active = valueIn(key, 'ActivePolicy')
  const assigned = active === undefined ? undefined : referenceIn(textOf(active) ?? '')
  // An empty value is how Windows writes that no policy is in force.
  if (active !== undefined && assigned?.kind !== 'policy' && (textOf(active) ?? '?') !== '') {
    const what = 'ActivePolicy names no ipsecPolicy'
    odd.push({ severity: 'error', where, what, hint: 'no policy counts as assigned' })
  }
  const store: PolicyStore = { objects, ...(assigned?.kind === 'policy' ? { assigned: assigned.id } : {}) }
  return { store, problems: [...odd, ...problems, ...danglingReferences(store, `${where}\\`)] }
}

/** Of these a rule, a filter action and so on have those that are theirs. */
const referenceNames: Readonly<Record<ObjectKind, readonly [one: string, many: string] | undefined>> = {
  policy: ['ipsecISAKMPReference', 'ipsecNFAReference'],
  isakmp: undefined,
  rule: ['ipsecNegotiationPolicyReference', 'ipsecFilterReference'],
  negotiation: undefined,
  'filter-list': undefined,
}

function fieldsOf(
  key: RegistryKey,
  where: string,
): { readonly fields?: ObjectFields; readonly problems: readonly Problem[] } {
  const named = referenceIn(key.name)
  const problems: Problem[] = []
  const report = (severity: Problem['severity'], what: string, hint: string) =>
    problems.push({ severity, where, what, hint })
  if (named === undefined) {
    report(
      'warning',
      'the key is no object of an IPsec policy',
      `names begin with ${Object.values(classNames).join(', ')}`,
    )
    return { problems }
  }
  /** A value of a wrong type is told and passed over. */
  const value = <T>(name: string, reader: (value: RegistryValue) => T | undefined, type: string): T | undefined => {
    const found = valueIn(key, name)
    const read = found === undefined ? undefined : reader(found)
    if (found !== undefined && read === undefined) report('error', `${name} is no ${type}`, 'it is left out')
    return read
  }
  const text = (name: string) => value(name, textOf, 'REG_SZ')
  const data = value('ipsecData', octetsIn, 'REG_BINARY')
  if (data === undefined) {
    report('error', 'there is no ipsecData', 'the object is left out')
    return { problems }
  }
  const id = text('ipsecID')
  if (id !== undefined && !isSameName(id, named.id)) report('warning', `ipsecID is ${id}`, 'the name of the key counts')
  const references = referenceNames[named.kind]
  const fields: ObjectFields = {
    ...named,
    name: text('ipsecName'),
    description: text('description'),
    whenChanged: value('whenChanged', numberOf, 'REG_DWORD'),
    dataType: value('ipsecDataType', numberOf, 'REG_DWORD'),
    data,
    owners: value('ipsecOwnersReference', textsOf, 'REG_MULTI_SZ') ?? [],
    reference: references === undefined ? undefined : text(references[0]),
    references: references === undefined ? [] : (value(references[1], textsOf, 'REG_MULTI_SZ') ?? []),
    ...(named.kind === 'negotiation'
      ? { action: text('ipsecNegotiationPolicyAction'), type: text('ipsecNegotiationPolicyType') }
      : {}),
  }
  return { fields, problems }
}

/** The key of one object. */
export function objectKey(object: WindowsObject, store: PolicyStore, place: RegistryPlace): RegistryKey {
  const path = (kind: ObjectKind, id: Guid) => `${referencePath(place)}\\${objectName(kind, id)}`
  const values: (RegistryValue | undefined)[] = [
    stringValue('ClassName', classNames[object.kind]),
    optional(object.description, text => stringValue('description', text)),
    stringValue('name', objectName(object.kind, object.id)),
    optional(object.name, text => stringValue('ipsecName', text)),
    stringValue('ipsecID', object.id),
    dwordValue('ipsecDataType', object.dataType),
    binaryValue('ipsecData', dataOf(object)),
    ...referenceValues(object, path),
    many('ipsecOwnersReference', object.owners, id => path(ownerKind(object, store, id), id)),
    optional(object.whenChanged, seconds => dwordValue('whenChanged', seconds)),
  ]
  return registryKey(
    objectName(object.kind, object.id),
    values.filter(value => value !== undefined),
  )
}

function referenceValues(
  object: WindowsObject,
  path: (kind: ObjectKind, id: Guid) => string,
): readonly (RegistryValue | undefined)[] {
  switch (object.kind) {
    case 'policy':
      return [
        optional(object.isakmp, id => stringValue('ipsecISAKMPReference', path('isakmp', id))),
        many('ipsecNFAReference', object.rules, id => path('rule', id)),
      ]
    case 'rule':
      return [
        optional(object.negotiation, id => stringValue('ipsecNegotiationPolicyReference', path('negotiation', id))),
        many('ipsecFilterReference', object.filterLists, id => path('filter-list', id)),
      ]
    case 'negotiation':
      return [
        stringValue('ipsecNegotiationPolicyAction', object.action),
        stringValue('ipsecNegotiationPolicyType', object.type),
      ]
    default:
      return []
  }
}

function optional<T>(value: T | undefined, make: (value: T) => RegistryValue): RegistryValue | undefined {
  return value === undefined ? undefined : make(value)
}

function many(name: string, ids: readonly Guid[], path: (id: Guid) => string): RegistryValue | undefined {
  return ids.length === 0 ? undefined : multiStringValue(name, ids.map(path))
}

/** Policies own rules and IKE settings; rules own the rest. */
export function ownerKind(object: WindowsObject, store: PolicyStore, owner: Guid): ObjectKind {
  const usual: ObjectKind = object.kind === 'rule' || object.kind === 'isakmp' ? 'policy' : 'rule'
  if (objectOf(store, usual, owner) !== undefined) return usual
  return store.objects.find(({ id }) => id === owner)?.kind ?? usual
}

/** The key of a whole store. */
export function storeKey(store: PolicyStore, place: RegistryPlace): RegistryKey {
  const { assigned } = store
  const active = assigned === undefined ? [] : [activePolicy(assigned, place)]
  return registryKey(
    names[place],
    active,
    store.objects.map(object => objectKey(object, store, place)),
  )
}

function activePolicy(id: Guid, place: RegistryPlace): RegistryValue {
  return stringValue('ActivePolicy', `${referencePath(place)}\\${objectName('policy', id)}`)
}

/**
 * What turns the store that is in the registry into this one: only what differs. Keys of objects that are gone go; values
 * and keys that are none of ours stay.
 */
export function registryChanges(
  root: RegistryKey,
  store: PolicyStore,
  place: RegistryPlace,
): readonly RegistryChange[] {
  const path = storePath(place)
  const before = keyAt(root, path)
  const wanted = storeKey(store, place)
  const changes: RegistryChange[] = before === undefined ? [{ kind: 'create-key', key: path }] : []
  for (const key of before?.keys ?? []) {
    const isGone = referenceIn(key.name) !== undefined && childOf(wanted, key.name) === undefined
    if (isGone) changes.push({ kind: 'delete-key', key: `${path}\\${key.name}` })
  }
  for (const key of wanted.keys) {
    const old = before === undefined ? undefined : childOf(before, key.name)
    changes.push(...valueChanges(old, key, `${path}\\${key.name}`, ownValues))
  }
  changes.push(...valueChanges(before, wanted, path, ['ActivePolicy']))
  return changes
}

/** Names of values that an object may have; others in its key are left alone. */
const ownValues: readonly string[] = [
  'description',
  'ipsecName',
  'ipsecISAKMPReference',
  'ipsecNFAReference',
  'ipsecNegotiationPolicyReference',
  'ipsecFilterReference',
  'ipsecOwnersReference',
  'whenChanged',
]

/** What a person wrote; everything else is names and GUIDs, whose case means nothing. */
const writtenByPeople: readonly string[] = ['description', 'ipsecName']

function isSameValue(a: RegistryValue, b: RegistryValue): boolean {
  if (a.type !== b.type) return false
  if (isSameOctets(a.data, b.data)) return true
  if (writtenByPeople.includes(b.name)) return false
  const [one, other] = [textsOf(a) ?? [textOf(a)], textsOf(b) ?? [textOf(b)]]
  return (
    one.length === other.length &&
    one.every((text, at) => text !== undefined && other[at] !== undefined && isSameName(text, other[at]))
  )
}

function valueChanges(
  before: RegistryKey | undefined,
  wanted: RegistryKey,
  path: string,
  mayGo: readonly string[],
): readonly RegistryChange[] {
  const set = wanted.values.flatMap((value): readonly RegistryChange[] => {
    const old = before === undefined ? undefined : valueIn(before, value.name)
    const isSame = old !== undefined && isSameValue(old, value)
    return isSame ? [] : [{ kind: 'set', key: path, value }]
  })
  const gone = mayGo.flatMap((name): readonly RegistryChange[] =>
    before !== undefined && valueIn(before, name) !== undefined && valueIn(wanted, name) === undefined
      ? [{ kind: 'delete-value', key: path, name }]
      : [],
  )
  return [...set, ...gone]
}

/** A policy of the directory that a group policy has assigned to the machine. */
export interface DomainAssignment {
  /** The place of the policy: `LDAP://CN=ipsecPolicy{…},CN=IP Security,…`. */
  readonly path: string
  readonly id?: Guid
  readonly name?: string
  readonly flags?: number
}

const GROUP_POLICY = `${ROOT}\\${IPSEC}\\GPTIPSECPolicy`

export function domainAssignment(root: RegistryKey): DomainAssignment | undefined {
  const key = keyAt(root, GROUP_POLICY)
  const read = <T>(name: string, reader: (value: RegistryValue) => T | undefined): T | undefined => {
    const value = key === undefined ? undefined : valueIn(key, name)
    return value === undefined ? undefined : reader(value)
  }
  const path = read('DSIPSECPolicyPath', textOf)
  if (path === undefined || path === '') return undefined
  const found = referenceIn(path)
  const [name, flags] = [read('DSIPSECPolicyName', textOf), read('DSIPSECPolicyFlags', numberOf)]
  return {
    path,
    ...(found?.kind === 'policy' ? { id: found.id } : {}),
    ...(name === undefined ? {} : { name }),
    ...(flags === undefined ? {} : { flags }),
  }
}

/** What makes the assignment; undefined takes it away. */
export function domainAssignmentChanges(assignment: DomainAssignment | undefined): readonly RegistryChange[] {
  if (assignment === undefined) return [{ kind: 'delete-key', key: GROUP_POLICY }]
  const { path, name, flags } = assignment
  const values = [
    stringValue('DSIPSECPolicyPath', path),
    ...(name === undefined ? [] : [stringValue('DSIPSECPolicyName', name)]),
    ...(flags === undefined ? [] : [dwordValue('DSIPSECPolicyFlags', flags)]),
  ]
  return values.map(value => ({ kind: 'set', key: GROUP_POLICY, value }))
}

/** The policies in force: that of the directory before that of the machine, and the persistent one with either. */
export interface PoliciesInForce {
  readonly main?: { readonly place: RegistryPlace; readonly store: PolicyStore; readonly id: Guid }
  readonly persistent?: { readonly store: PolicyStore; readonly id: Guid }
  readonly problems: readonly Problem[]
}

export function policiesInForce(root: RegistryKey): PoliciesInForce {
  const [local, persistent, cache] = registryPlaces.map(place => readRegistryPolicies(root, place))
  const problems: Problem[] = [local, persistent, cache].flatMap(read => read!.problems)
  const domain = domainAssignment(root)
  const fallback = local!.store.assigned
  const hasDomain = domain?.id !== undefined && objectOf(cache!.store, 'policy', domain.id) !== undefined
  if (domain !== undefined && !hasDomain) {
    const what = `the policy of the directory, ${domain.name ?? domain.path}, is not in the cache`
    problems.push({ severity: 'error', where: GROUP_POLICY, what, hint: 'read it from the directory' })
  }
  // Where the directory has assigned a policy, that of the machine does not count, even if the other cannot be read.
  const main = hasDomain
    ? { place: 'cache' as const, store: cache!.store, id: domain.id! }
    : domain === undefined && fallback !== undefined
      ? { place: 'local' as const, store: local!.store, id: fallback }
      : undefined
  const first = persistent!.store.assigned ?? onlyPolicy(persistent!.store)
  return {
    ...(main === undefined ? {} : { main }),
    ...(first === undefined ? {} : { persistent: { store: persistent!.store, id: first } }),
    problems,
  }
}

function onlyPolicy(store: PolicyStore): Guid | undefined {
  const policies = store.objects.filter(({ kind }) => kind === 'policy')
  return policies.length === 1 ? policies[0]!.id : undefined
}
