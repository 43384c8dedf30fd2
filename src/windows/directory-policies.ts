// IPsec policies in the directory of a domain ([MS-GPIPSEC] §2.2): an entry for each object in CN=IP Security,CN=System, and an
// entry in a group policy that says which policy its machines are under. Entries come from LDIF or from LDAP; reading a
// running directory is the agent's work.

import type { Problem } from '../base/result.ts'
import {
  attributeTexts,
  attributeValues,
  type DirectoryAttribute,
  type DirectoryEntry,
  textAttribute,
} from './directory-ldif.ts'
import { classNames, type Guid, type ObjectKind, parseGuid } from './policy-guids.ts'
import {
  danglingReferences,
  dataOf,
  type ObjectFields,
  objectName,
  objectsFrom,
  type PolicyStore,
  referenceIn,
  type WindowsObject,
} from './policy-objects.ts'
import { ownerKind } from './registry-policies.ts'

/** A group policy and the IPsec policy that its machines are under. */
export interface GroupPolicyAssignment {
  readonly gpo: Guid
  readonly policy: Guid
  readonly name?: string
  readonly description?: string
}

export interface DirectoryPolicies {
  /** None is assigned here: that is for group policies to say. */
  readonly store: PolicyStore
  readonly assignments: readonly GroupPolicyAssignment[]
  readonly problems: readonly Problem[]
}

/** What of an entry is asked for from a directory. */
export const policyAttributes: readonly string[] = [
  'objectClass',
  'description',
  'whenChanged',
  'ipsecName',
  'ipsecID',
  'ipsecDataType',
  'ipsecData',
  'ipsecISAKMPReference',
  'ipsecNFAReference',
  'ipsecNegotiationPolicyReference',
  'ipsecFilterReference',
  'ipsecOwnersReference',
  'ipsecNegotiationPolicyAction',
  'ipsecNegotiationPolicyType',
]

/** References name other entries: they are written when those are there. */
export const referenceAttributes: readonly string[] = policyAttributes.filter(name => name.endsWith('Reference'))

/** The container of policies in the domain of that name: `DC=corp,DC=test`. */
export function policyContainer(domain: string): string {
  return `CN=IP Security,CN=System,${domain}`
}

/** Entries that are no policies are passed over: a directory holds much else. */
export function policiesFromEntries(entries: readonly DirectoryEntry[]): DirectoryPolicies {
  const odd: Problem[] = []
  const fields: { readonly fields: ObjectFields; readonly where: string }[] = []
  const assignments: GroupPolicyAssignment[] = []
  for (const entry of entries) {
    const named = referenceIn(entry.dn.split(',', 1)[0]!)
    const assignment = named === undefined ? assignmentIn(entry, odd) : undefined
    if (assignment !== undefined) assignments.push(assignment)
    if (named === undefined) continue
    const read = fieldsOf(entry, named, odd)
    if (read !== undefined) fields.push({ fields: read, where: entry.dn })
  }
  const { objects, problems } = objectsFrom(fields)
  const store: PolicyStore = { objects }
  return { store, assignments, problems: [...odd, ...problems, ...danglingReferences(store, '')] }
}

function fieldsOf(
  entry: DirectoryEntry,
  named: { readonly kind: ObjectKind; readonly id: Guid },
  odd: Problem[],
): ObjectFields | undefined {
  const report = (severity: Problem['severity'], what: string, hint: string) =>
    odd.push({ severity, where: entry.dn, what, hint })
  const text = (name: string) => attributeTexts(entry, name)[0]
  // Windows puts several names into one value, with zeros between them.
  const texts = (name: string) =>
    attributeTexts(entry, name).flatMap(value => value.split(/\0+/).filter(one => one !== ''))
  const [data] = attributeValues(entry, 'ipsecData')
  if (data === undefined) {
    report('error', 'there is no ipsecData', 'the object is left out')
    return undefined
  }
  const classes = attributeTexts(entry, 'objectClass').map(name => name.toLowerCase())
  if (classes.length > 0 && !classes.includes(classNames[named.kind].toLowerCase())) {
    report('warning', `its class is ${classes.at(-1)}`, `its name says ${classNames[named.kind]}, and that counts`)
  }
  const id = text('ipsecID')
  if (id !== undefined && parseGuid(id) !== named.id)
    report('warning', `ipsecID is ${id}`, 'the name of the entry counts')
  const type = text('ipsecDataType')
  const dataType = type !== undefined && /^\d{1,9}$/.test(type) ? Number(type) : undefined
  if (type !== undefined && dataType === undefined)
    report('warning', `ipsecDataType is ${JSON.stringify(type)}`, '256 is taken')
  const isPolicy = named.kind === 'policy'
  const isRule = named.kind === 'rule'
  const one = isPolicy ? 'ipsecISAKMPReference' : 'ipsecNegotiationPolicyReference'
  const many = isPolicy ? 'ipsecNFAReference' : 'ipsecFilterReference'
  const changed = text('whenChanged')
  return {
    ...named,
    name: text('ipsecName'),
    description: text('description'),
    whenChanged: changed === undefined ? undefined : secondsOf(changed),
    dataType,
    data,
    owners: texts('ipsecOwnersReference'),
    reference: isPolicy || isRule ? texts(one)[0] : undefined,
    references: isPolicy || isRule ? texts(many) : [],
    ...(named.kind === 'negotiation'
      ? { action: text('ipsecNegotiationPolicyAction'), type: text('ipsecNegotiationPolicyType') }
      : {}),
  }
}

/** From GeneralizedTime: `20080101000000.0Z`. */
function secondsOf(text: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/.exec(text)?.slice(1).map(Number)
  if (parts === undefined) return undefined
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number]
  const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second)
  return milliseconds < 0 ? undefined : milliseconds / 1000
}

function generalizedTime(seconds: number): string {
  const digits = new Date(seconds * 1000).toISOString().replace(/\D/g, '')
  return `${digits.slice(0, 14)}.0Z`
}

const GPO_ENTRY = /^CN=IPSEC,\s?CN=Windows,\s?CN=Microsoft,\s?CN=Machine,\s?CN=(\{[0-9a-f-]{36}\}),/i

function assignmentIn(entry: DirectoryEntry, odd: Problem[]): GroupPolicyAssignment | undefined {
  const gpo = parseGuid(GPO_ENTRY.exec(entry.dn)?.[1] ?? '')
  if (gpo === undefined) return undefined
  const [owner] = attributeTexts(entry, 'ipsecOwnersReference')
  const policy = owner === undefined ? undefined : referenceIn(owner)
  if (policy?.kind !== 'policy') {
    const what =
      owner === undefined
        ? 'the group policy names no IPsec policy'
        : `${JSON.stringify(owner.slice(0, 200))} names no ipsecPolicy`
    odd.push({ severity: 'warning', where: entry.dn, what, hint: 'it assigns none' })
    return undefined
  }
  const [[name], [description]] = [attributeTexts(entry, 'ipsecName'), attributeTexts(entry, 'description')]
  return {
    gpo,
    policy: policy.id,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  }
}

/** The entry of a group policy that puts its machines under a policy. */
export function assignmentEntry(assignment: GroupPolicyAssignment, domain: string): DirectoryEntry {
  const { gpo, policy, name, description } = assignment
  const owner = `CN=${objectName('policy', policy)},${policyContainer(domain)}`
  return {
    dn: `CN=IPSEC,CN=Windows,CN=Microsoft,CN=Machine,CN=${gpo},CN=Policies,CN=System,${domain}`,
    attributes: [
      textAttribute('objectClass', ['top', 'ipsecBase', 'ipsecPolicy']),
      ...optional('ipsecName', name),
      ...optional('description', description),
      textAttribute('ipsecOwnersReference', [owner]),
    ],
  }
}

/** The entries of all objects. `whenChanged` is the directory's own; `stated` writes it all the same. */
export function entriesFrom(store: PolicyStore, domain: string, whenChanged?: 'stated'): readonly DirectoryEntry[] {
  const container = policyContainer(domain)
  const dn = (kind: ObjectKind, id: Guid) => `CN=${objectName(kind, id)},${container}`
  return store.objects.map(object => ({
    dn: dn(object.kind, object.id),
    attributes: [
      textAttribute('objectClass', ['top', 'ipsecBase', classNames[object.kind]]),
      ...optional('description', object.description),
      ...(whenChanged === 'stated' && object.whenChanged !== undefined
        ? optional('whenChanged', generalizedTime(object.whenChanged))
        : []),
      ...optional('ipsecName', object.name),
      textAttribute('ipsecID', [object.id]),
      textAttribute('ipsecDataType', [String(object.dataType)]),
      { name: 'ipsecData', values: [dataOf(object)] },
      ...references(object, dn),
      ...many(
        'ipsecOwnersReference',
        object.owners.map(id => dn(ownerKind(object, store, id), id)),
      ),
    ],
  }))
}

function references(object: WindowsObject, dn: (kind: ObjectKind, id: Guid) => string): readonly DirectoryAttribute[] {
  switch (object.kind) {
    case 'policy':
      return [
        ...optional('ipsecISAKMPReference', object.isakmp === undefined ? undefined : dn('isakmp', object.isakmp)),
        ...many(
          'ipsecNFAReference',
          object.rules.map(id => dn('rule', id)),
        ),
      ]
    case 'rule':
      return [
        ...optional(
          'ipsecNegotiationPolicyReference',
          object.negotiation === undefined ? undefined : dn('negotiation', object.negotiation),
        ),
        ...many(
          'ipsecFilterReference',
          object.filterLists.map(id => dn('filter-list', id)),
        ),
      ]
    case 'negotiation':
      return [
        textAttribute('ipsecNegotiationPolicyAction', [object.action]),
        textAttribute('ipsecNegotiationPolicyType', [object.type]),
      ]
    default:
      return []
  }
}

function optional(name: string, text: string | undefined): readonly DirectoryAttribute[] {
  return text === undefined ? [] : [textAttribute(name, [text])]
}

function many(name: string, texts: readonly string[]): readonly DirectoryAttribute[] {
  return texts.length === 0 ? [] : [textAttribute(name, texts)]
}
