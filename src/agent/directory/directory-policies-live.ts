// The IPsec policies of a running domain: read from CN=IP Security and from its group policies, and written there. What the
// entries mean is windows/directory-policies.ts.
import { AlreadyExistsError, Attribute, Change, type Client, NoSuchObjectError } from 'ldapts'
import { failure, type Problem, type Result } from '../../base/result.ts'
import type { DirectoryAttribute, DirectoryEntry } from '../../windows/directory-ldif.ts'
import {
  type DirectoryPolicies,
  entriesFrom,
  policiesFromEntries,
  policyAttributes,
  policyContainer,
  referenceAttributes,
} from '../../windows/directory-policies.ts'
import type { PolicyStore } from '../../windows/policy-objects.ts'
import { type DirectoryAddress, domainOf, searchEntries, withDirectory } from './directory-client.ts'

export interface DomainPolicies extends DirectoryPolicies {
  /** `DC=corp,DC=test`. */
  readonly domain: string
  /** As they came: what LDIF is written from. */
  readonly entries: readonly DirectoryEntry[]
}

const octets = ['ipsecData', 'iPSECData']

/** All policies of the domain and what its group policies assign. */
export async function readDomainPolicies(
  address: DirectoryAddress,
): Promise<Result<DomainPolicies, readonly Problem[]>> {
  const read = await withDirectory(address, async client => {
    const domain = await domainOf(client)
    if (domain === undefined) return undefined
    const common = { attributes: policyAttributes, octets }
    const policies = await present(
      searchEntries(client, { ...common, base: policyContainer(domain), scope: 'one', filter: '(objectClass=*)' }),
    )
    const assigned = await present(
      searchEntries(client, {
        ...common,
        base: `CN=Policies,CN=System,${domain}`,
        scope: 'sub',
        filter: '(objectClass=ipsecPolicy)',
      }),
    )
    const entries = [...policies, ...assigned]
    return { domain, entries, ...policiesFromEntries(entries) }
  })
  return noDomain(address, read)
}

function noDomain<T>(
  address: DirectoryAddress,
  read: Result<T | undefined, readonly Problem[]>,
): Result<T, readonly Problem[]> {
  if (!read.ok) return read
  const { value } = read
  if (value !== undefined) return { ok: true, value }
  const what = 'this is no directory of a domain'
  return failure([{ severity: 'error', where: address.url, what, hint: 'name a domain controller' }])
}

/** A container that is not there holds nothing. */
async function present(entries: Promise<readonly DirectoryEntry[]>): Promise<readonly DirectoryEntry[]> {
  try {
    return await entries
  } catch (thrown) {
    if (thrown instanceof NoSuchObjectError) return []
    throw thrown
  }
}

/**
 * Writes the objects into the domain: new ones are added, those that are there get these contents; others stay. References
 * come last, when everything that they name is there. Answers how many entries were added and how many changed.
 */
export async function writeDomainPolicies(
  address: DirectoryAddress,
  store: PolicyStore,
): Promise<Result<{ readonly added: number; readonly changed: number }, readonly Problem[]>> {
  const written = await withDirectory(address, async client => {
    const domain = await domainOf(client)
    if (domain === undefined) return undefined
    const entries = entriesFrom(store, domain)
    let added = 0
    for (const entry of entries) added += (await addEntry(client, entry)) ? 1 : 0
    for (const { dn, attributes } of entries) {
      const some = attributes.filter(isReference)
      if (some.length > 0) await client.modify(dn, some.map(replacing))
    }
    return { added, changed: entries.length - added }
  })
  return noDomain(address, written)
}

function isReference({ name }: DirectoryAttribute): boolean {
  return referenceAttributes.includes(name)
}

/** Without references. False where the entry was there: then it has the new contents. */
async function addEntry(client: Client, { dn, attributes }: DirectoryEntry): Promise<boolean> {
  const plain = attributes.filter(attribute => !isReference(attribute))
  try {
    await client.add(dn, plain.map(attributeOf))
    return true
  } catch (thrown) {
    if (!(thrown instanceof AlreadyExistsError)) throw thrown
  }
  const changing = plain.filter(({ name }) => name !== 'objectClass')
  await client.modify(dn, changing.map(replacing))
  return false
}

/** Octets for octets, text for text: ldapts asks for one or the other. */
function attributeOf({ name, values }: DirectoryAttribute): Attribute {
  const buffers = values.map(value => Buffer.from(value))
  return new Attribute({ type: name, values: octets.includes(name) ? buffers : buffers.map(String) })
}

function replacing(attribute: DirectoryAttribute): Change {
  return new Change({ operation: 'replace', modification: attributeOf(attribute) })
}
