// IPsec policies as Windows 2000 to 11 keep them: objects that name each other by GUID, the same in the registry and in the
// directory ([MS-GPIPSEC] §2.2.1). A policy has rules and one set of IKE settings; a rule has filter lists and one filter action.
// Windows's own words: rule is NFA, filter action is negotiation policy. policy-makers.ts makes new ones.
import { type Codec, decode, encode } from '../base/codec.ts'
import type { Problem, Result } from '../base/result.ts'
import {
  type IsakmpContent,
  isakmpContent,
  type NegotiationContent,
  negotiationContent,
  type PolicyContent,
  policyContent,
  type RuleContent,
  ruleContent,
} from './policy-blobs.ts'
import { type FilterListContent, filterListContent } from './policy-filter-blob.ts'
import { classNames, type Guid, type ObjectKind, parseGuid } from './policy-guids.ts'

interface ObjectHead {
  readonly id: Guid
  readonly name?: string
  readonly description?: string
  /** Seconds since 1970. */
  readonly whenChanged?: number
  /** 256 in what Windows writes. */
  readonly dataType: number
  /** Of those objects that name this one, as far as it says so itself. */
  readonly owners: readonly Guid[]
}

export interface PolicyObject extends ObjectHead {
  readonly kind: 'policy'
  readonly isakmp?: Guid
  readonly rules: readonly Guid[]
  readonly content: PolicyContent
}

/** How IKE itself runs. */
export interface IsakmpObject extends ObjectHead {
  readonly kind: 'isakmp'
  readonly content: IsakmpContent
}

/** One rule: NFA. Without a filter list it is the default response rule. */
export interface RuleObject extends ObjectHead {
  readonly kind: 'rule'
  readonly negotiation?: Guid
  readonly filterLists: readonly Guid[]
  readonly content: RuleContent
}

/** A filter action. */
export interface NegotiationObject extends ObjectHead {
  readonly kind: 'negotiation'
  /** One of `actionGuids`. */
  readonly action: Guid
  /** One of `typeGuids`. */
  readonly type: Guid
  readonly content: NegotiationContent
}

export interface FilterListObject extends ObjectHead {
  readonly kind: 'filter-list'
  readonly content: FilterListContent
}

export type WindowsObject = PolicyObject | IsakmpObject | RuleObject | NegotiationObject | FilterListObject

type ObjectOf<K extends ObjectKind> = Extract<WindowsObject, { readonly kind: K }>

/** One place with policies: the local registry, the persistent store, the cache of the directory's, a directory. */
export interface PolicyStore {
  readonly objects: readonly WindowsObject[]
  /** The policy that is in force. */
  readonly assigned?: Guid
}

export const emptyStore: PolicyStore = { objects: [] }

/** Windows writes this as `ipsecDataType`. */
export const DATA_TYPE = 0x100

export function objectsOf<K extends ObjectKind>(store: PolicyStore, kind: K): readonly ObjectOf<K>[] {
  return store.objects.filter((object): object is ObjectOf<K> => object.kind === kind)
}

/** Of two with one id the first counts. */
export function objectOf<K extends ObjectKind>(
  store: PolicyStore,
  kind: K,
  id: Guid | undefined,
): ObjectOf<K> | undefined {
  return id === undefined ? undefined : (findIn(store.objects, kind, id) as ObjectOf<K> | undefined)
}

interface Index {
  asked: number
  readonly byKey: Map<string, WindowsObject>
}

// Stores do not change, so that what stands where is found out once; but for those that are asked a few times, and then
// make way for the next one, looking through is quicker than keeping a list.
const indices = new WeakMap<readonly WindowsObject[], Index>()
const WORTH_AN_INDEX = 16

function findIn(objects: readonly WindowsObject[], kind: ObjectKind, id: Guid): WindowsObject | undefined {
  let index = indices.get(objects)
  if (index === undefined) {
    index = { asked: 0, byKey: new Map() }
    indices.set(objects, index)
  }
  if (index.asked++ < WORTH_AN_INDEX) return objects.find(object => object.id === id && object.kind === kind)
  if (index.byKey.size === 0)
    for (const object of objects.toReversed()) index.byKey.set(object.kind + object.id, object)
  return index.byKey.get(kind + id)
}

/** The store with the object in the place of the one with its id, or at the end. */
export function withObject(store: PolicyStore, object: WindowsObject): PolicyStore {
  const at = store.objects.findIndex(({ kind, id }) => kind === object.kind && id === object.id)
  return { ...store, objects: at < 0 ? [...store.objects, object] : store.objects.with(at, object) }
}

export function withoutObject(store: PolicyStore, kind: ObjectKind, id: Guid): PolicyStore {
  const objects = store.objects.filter(object => object.kind !== kind || object.id !== id)
  if (kind !== 'policy' || store.assigned !== id) return { ...store, objects }
  const { assigned: _, ...rest } = store
  return { ...rest, objects }
}

/** What an object names, in the order in which it names them. */
export function referencesOf(object: WindowsObject): readonly { readonly kind: ObjectKind; readonly id: Guid }[] {
  const to = (kind: ObjectKind, ids: readonly (Guid | undefined)[]) =>
    ids.flatMap(id => (id === undefined ? [] : [{ kind, id }]))
  if (object.kind === 'policy') return [...to('isakmp', [object.isakmp]), ...to('rule', object.rules)]
  if (object.kind === 'rule')
    return [...to('negotiation', [object.negotiation]), ...to('filter-list', object.filterLists)]
  return []
}

/** Those that name the object. Windows refuses to delete a filter list, a filter action or IKE settings that has any. */
export function ownersOf(store: PolicyStore, kind: ObjectKind, id: Guid): readonly WindowsObject[] {
  return store.objects.filter(object => referencesOf(object).some(found => found.kind === kind && found.id === id))
}

/** The store with every object saying who names it. */
export function withOwners(store: PolicyStore): PolicyStore {
  const owners = new Map<string, Guid[]>()
  for (const object of store.objects) {
    for (const { kind, id } of referencesOf(object)) {
      const key = kind + id
      const known = owners.get(key)
      if (known === undefined) owners.set(key, [object.id])
      else if (!known.includes(object.id)) known.push(object.id)
    }
  }
  const objects = store.objects.map(object => ({ ...object, owners: owners.get(object.kind + object.id) ?? [] }))
  return { ...store, objects }
}

/** An object as a store of any kind writes it down: texts and one blob. */
export interface ObjectFields {
  readonly kind: ObjectKind
  readonly id: Guid
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly whenChanged?: number | undefined
  readonly dataType?: number | undefined
  readonly data: Uint8Array
  readonly owners: readonly string[]
  /** `ipsecISAKMPReference` or `ipsecNegotiationPolicyReference`. */
  readonly reference?: string | undefined
  /** `ipsecNFAReference` or `ipsecFilterReference`. */
  readonly references: readonly string[]
  readonly action?: string | undefined
  readonly type?: string | undefined
}

const codecs: Readonly<Record<ObjectKind, Codec<never>>> = {
  policy: policyContent as Codec<never>,
  isakmp: isakmpContent as Codec<never>,
  rule: ruleContent as Codec<never>,
  negotiation: negotiationContent as Codec<never>,
  'filter-list': filterListContent as Codec<never>,
}

/** Its `ipsecData`. */
export function dataOf(object: WindowsObject): Uint8Array {
  return encode(codecs[object.kind], object.content as never)
}

/** Octets; some 100,000 filters. */
const LARGEST_DATA = 8 * 1024 * 1024

/** An object, with what was odd about it; undefined where its blob cannot be read. `where` is what problems name. */
export function objectFrom(
  fields: ObjectFields,
  where: string,
): { readonly object?: WindowsObject; readonly problems: readonly Problem[] } {
  const problems: Problem[] = []
  if (fields.data.length > LARGEST_DATA) {
    const what = `ipsecData has ${fields.data.length} octets`
    problems.push({ severity: 'error', where, what, hint: `at most ${LARGEST_DATA} are read; the object is left out` })
    return { problems }
  }
  const content: Result<unknown, { readonly what: string; readonly at: number }> = decode(
    codecs[fields.kind],
    fields.data,
  )
  if (!content.ok) {
    const { what, at } = content.error
    const hint = 'the object is left out, and the policy without it may mean something else'
    problems.push({ severity: 'error', where, what: `ipsecData cannot be read at octet ${at}: ${what}`, hint })
    return { problems }
  }
  const ids = (texts: readonly string[], kinds: readonly ObjectKind[]): readonly Guid[] =>
    texts.flatMap(text => {
      const found = referenceIn(text)
      if (found !== undefined && kinds.includes(found.kind)) return [found.id]
      const what = `${JSON.stringify(text.slice(0, 200))} names no ${kinds.map(kind => classNames[kind]).join(' or ')}`
      problems.push({ severity: 'error', where, what, hint: 'the reference is left out' })
      return []
    })
  const one = (kind: ObjectKind) => ids(fields.reference === undefined ? [] : [fields.reference], [kind])[0]
  const head = {
    id: fields.id,
    ...(fields.name === undefined ? {} : { name: fields.name }),
    ...(fields.description === undefined ? {} : { description: fields.description }),
    ...(fields.whenChanged === undefined ? {} : { whenChanged: fields.whenChanged }),
    dataType: fields.dataType ?? DATA_TYPE,
    owners: ids(fields.owners, ['policy', 'rule']),
    content: content.value,
  }
  if (fields.kind === 'policy') {
    const isakmp = one('isakmp')
    const rules = ids(fields.references, ['rule'])
    const object = { kind: 'policy', ...head, ...(isakmp === undefined ? {} : { isakmp }), rules }
    return { object: object as PolicyObject, problems }
  }
  if (fields.kind === 'rule') {
    const negotiation = one('negotiation')
    const filterLists = ids(fields.references, ['filter-list'])
    const object = { kind: 'rule', ...head, ...(negotiation === undefined ? {} : { negotiation }), filterLists }
    return { object: object as RuleObject, problems }
  }
  if (fields.kind === 'negotiation') {
    const [action, type] = [parseGuid(fields.action ?? ''), parseGuid(fields.type ?? '')]
    if (action === undefined || type === undefined) {
      const what = `${action === undefined ? 'ipsecNegotiationPolicyAction' : 'ipsecNegotiationPolicyType'} is no GUID`
      problems.push({ severity: 'error', where, what, hint: 'the object is left out: what it does is not known' })
      return { problems }
    }
    return { object: { kind: 'negotiation', ...head, action, type } as NegotiationObject, problems }
  }
  return { object: { kind: fields.kind, ...head } as IsakmpObject | FilterListObject, problems }
}

const kindsByClass = new Map(
  Object.entries(classNames).map(([kind, name]) => [name.toLowerCase(), kind as ObjectKind] as const),
)

/** A path of the registry or a distinguished name has its object well before. */
const LONGEST_REFERENCE = 1000

const REFERENCE = /(ipsec[a-z]+)\s*(\{[0-9a-f-]{36}\})/i

/** The object that a registry path, the name of a key or a distinguished name speaks of: `ipsecNFA{…}` somewhere in it. */
export function referenceIn(text: string): { readonly kind: ObjectKind; readonly id: Guid } | undefined {
  const found = REFERENCE.exec(text.slice(0, LONGEST_REFERENCE))
  const kind = kindsByClass.get(found?.[1]?.toLowerCase() ?? '')
  const id = parseGuid(found?.[2] ?? '')
  return kind === undefined || id === undefined ? undefined : { kind, id }
}

/** `ipsecNFA{…}`: a key's name in the registry, a common name in the directory. */
export function objectName(kind: ObjectKind, id: Guid): string {
  return classNames[kind] + id
}

/** The same as `objectFrom` for many. */
export function objectsFrom(all: readonly { readonly fields: ObjectFields; readonly where: string }[]): {
  readonly objects: readonly WindowsObject[]
  readonly problems: readonly Problem[]
} {
  const read = all.map(({ fields, where }) => objectFrom(fields, where))
  return {
    objects: read.flatMap(({ object }) => (object === undefined ? [] : [object])),
    problems: read.flatMap(({ problems }) => problems),
  }
}

/** A reference or an assignment that leads nowhere. */
export function danglingReferences(store: PolicyStore, where: string): readonly Problem[] {
  const known = new Set(store.objects.map(({ kind, id }) => kind + id))
  const missing = (from: string, kind: ObjectKind, id: Guid): readonly Problem[] => {
    if (known.has(kind + id)) return []
    const hint = 'it was deleted, or could not be read'
    return [{ severity: 'error', where: `${where}${from}`, what: `${objectName(kind, id)} is not there`, hint }]
  }
  return [
    ...(store.assigned === undefined ? [] : missing('ActivePolicy', 'policy', store.assigned)),
    ...store.objects.flatMap(object =>
      referencesOf(object).flatMap(({ kind, id }) => missing(objectName(object.kind, object.id), kind, id)),
    ),
  ]
}
