// Policies in registry keys and back. The real one is VPNease's: a policy of Windows 2000 in a .reg file.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { mounted, readHive } from '../settings/hive.ts'
import { readRegText } from '../settings/reg-text.ts'
import {
  applied,
  changesTo,
  emptyRegistry,
  keyAt,
  type RegistryKey,
  registryKey,
  valueAt,
  valueIn,
} from '../settings/registry.ts'
import { type RegistryValue, stringValue, textOf } from '../settings/value.ts'
import { builtInPolicies } from './built-in-policies.ts'
import { credentialOf } from './policy-blob-parts.ts'
import { actionGuids, typeGuids } from './policy-guids.ts'
import {
  defaultMainModeMethods,
  filterListOf,
  filterVersion1,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
} from './policy-makers.ts'
import {
  objectOf,
  objectsOf,
  ownersOf,
  type PolicyStore,
  withObject,
  withOwners,
  withoutObject,
} from './policy-objects.ts'
import {
  domainAssignment,
  domainAssignmentChanges,
  policiesInForce,
  readPoliciesIn,
  readRegistryPolicies,
  registryChanges,
  storeKey,
  storePath,
} from './registry-policies.ts'
import { toPolicy } from './to-policy.ts'

const vpnease = resolve(
  import.meta.dirname,
  '../../../shared/testdata/registry/reg/vpnease/win2k-ipsec-policy-instantiated.reg',
)
const skip = existsSync(vpnease) ? false : 'skipped, because ../shared/testdata is not there'

const guid = (number: number) => `{00000000-0000-4000-8000-${String(number).padStart(12, '0')}}`

/** One policy with one rule that blocks telnet. */
function small(): PolicyStore {
  const [policy, isakmp, rule, action, list, filter] = [1, 2, 3, 4, 5, 6].map(guid) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  return withOwners({
    assigned: policy,
    objects: [
      newPolicy({ id: policy, name: 'Ours', description: 'ä', whenChanged: 1_200_000_000 }, { isakmp, rules: [rule] }),
      newIsakmp({ id: isakmp }, { methods: defaultMainModeMethods() }),
      newRule(
        { id: rule, name: 'No telnet' },
        { negotiation: action, filterLists: [list] },
        {
          credentials: [{ kind: 'pre-shared-key', secret: new Secret('open') }],
        },
      ),
      newNegotiation({ id: action, name: 'Block' }, actionGuids.block, []),
      newFilterList({ id: list, name: 'Telnet' }, filterListOf([filterVersion1(filter, { protocol: 6 })])),
    ],
  })
}

const byId = (store: PolicyStore) => ({
  ...store,
  objects: store.objects.toSorted((a, b) => (a.kind + a.id < b.kind + b.id ? -1 : 1)),
})

test('a policy of Windows 2000 is read from its .reg file, and its keys come back value for value', { skip }, () => {
  const text = readRegText(readFileSync(vpnease), 'vpnease.reg')
  assert.ok(text.ok)
  const root = applied(emptyRegistry, text.value.changes)
  const { store, problems } = readRegistryPolicies(root, 'local')
  assert.deepEqual(problems, [])
  assert.deepEqual(
    ['policy', 'isakmp', 'rule', 'negotiation', 'filter-list'].map(kind => objectsOf(store, kind as 'rule').length),
    [1, 1, 2, 2, 1],
  )
  assert.equal(objectOf(store, 'policy', store.assigned)?.name, 'VPNease Policy 203.0.113.5')
  const actions = objectsOf(store, 'negotiation')
  assert.ok(actions.some(({ type }) => type === typeGuids.defaultResponse))
  const credentials = objectsOf(store, 'rule').flatMap(({ content }) => content.authentication.map(credentialOf))
  assert.deepEqual(credentials.map(({ kind }) => kind).toSorted(), ['kerberos', 'pre-shared-key'])
  const written = storeKey(store, 'local')
  const before = keyAt(root, storePath('local'))!
  assert.deepEqual(plain(written), plain(before))
  // What is there already needs no change, though values stand in another order.
  assert.deepEqual(registryChanges(root, store, 'local'), [])
})

test('a SOFTWARE hive has the same policies as the .reg file, or those of a new domain', { skip }, () => {
  const hives = resolve(import.meta.dirname, '../../../shared/testdata/registry/hives-made')
  const read = (name: string) => {
    const hive = readHive(readFileSync(join(hives, name)), { where: name })
    assert.ok(hive.ok)
    const root = mounted(hive.value.root)
    assert.ok(root !== undefined)
    return readRegistryPolicies(root, 'local')
  }
  const text = readRegText(readFileSync(vpnease), 'vpnease.reg')
  assert.ok(text.ok)
  const fromText = readRegistryPolicies(applied(emptyRegistry, text.value.changes), 'local')
  const fromHive = read('software-ipsec-vpnease.hive')
  assert.deepEqual([fromHive.problems, byId(fromHive.store)], [[], byId(fromText.store)])
  const domain = read('software-ipsec-ad-default-policies-unassigned.hive')
  assert.deepEqual([domain.problems, domain.store.assigned], [[], undefined])
  for (const id of Object.values(builtInPolicies)) assert.ok(objectOf(domain.store, 'policy', id) !== undefined)
})

/** Keys and values without their order and without the spelling of names. */
function plain(key: RegistryKey): unknown {
  return {
    values: Object.fromEntries(key.values.map(({ name, type, data }) => [name.toLowerCase(), [type, data.toHex()]])),
    keys: Object.fromEntries(key.keys.map(child => [child.name.toLowerCase(), plain(child)])),
  }
}

test('a store that is written into an empty registry is read as the same store', () => {
  for (const place of ['local', 'persistent', 'cache'] as const) {
    const store = small()
    const root = applied(emptyRegistry, registryChanges(emptyRegistry, store, place))
    const read = readRegistryPolicies(root, place)
    assert.deepEqual(read.problems, [])
    assert.deepEqual(byId(read.store), byId(store))
    assert.deepEqual(readRegistryPolicies(root, place === 'local' ? 'cache' : 'local').store.objects, [])
  }
})

test('only what differs is written: gone objects go, values that are not ours stay', () => {
  const store = small()
  const path = storePath('local')
  const rule = `${path}\\ipsecNFA${guid(3)}`
  const root = applied(emptyRegistry, [
    ...registryChanges(emptyRegistry, store, 'local'),
    { kind: 'set', key: rule, value: stringValue('vendor', 'x') },
    { kind: 'set', key: `${path}\\Vendor`, value: stringValue('y', 'z') },
  ])
  const { description: _, ...policy } = objectOf(store, 'policy', guid(1))!
  const changed = withObject(withoutObject(store, 'filter-list', guid(5)), { ...policy, name: 'Other' })
  const changes = registryChanges(root, changed, 'local')
  assert.deepEqual(
    changes.map(change => `${change.kind} ${change.key.slice(path.length)}`),
    [`delete-key \\ipsecFilter${guid(5)}`, `set \\ipsecPolicy${guid(1)}`, `delete-value \\ipsecPolicy${guid(1)}`],
  )
  const after = applied(root, changes)
  assert.equal(textOf(valueAt(after, rule, 'vendor')!), 'x')
  assert.ok(keyAt(after, `${path}\\Vendor`) !== undefined)
  const read = readRegistryPolicies(after, 'local')
  assert.equal(objectOf(read.store, 'policy', guid(1))?.name, 'Other')
  assert.ok(read.problems.some(({ what }) => what.includes(`ipsecFilter${guid(5)} is not there`)))
})

test('Windows 10 writes GUIDs in small letters: the same store needs no change for that', () => {
  const store = small()
  const [written] = [storeKey(store, 'local')]
  const lower = (value: RegistryValue): RegistryValue => {
    const text = value.name === 'ipsecName' || value.name === 'description' ? undefined : textOf(value)
    return text === undefined ? value : stringValue(value.name.toLowerCase(), text.toLowerCase())
  }
  const small10 = registryKey(
    'Local',
    written.values.map(lower),
    written.keys.map(key => registryKey(key.name.toLowerCase(), key.values.map(lower))),
  )
  const root = applied(emptyRegistry, changesTo(small10, storePath('local')))
  const read = readRegistryPolicies(root, 'local')
  assert.deepEqual([read.problems, byId(read.store)], [[], byId(store)])
  assert.deepEqual(registryChanges(root, read.store, 'local'), [])
})

test('who names an object is known, and taking a policy away takes its assignment away', () => {
  const store = small()
  assert.deepEqual(
    ownersOf(store, 'negotiation', guid(4)).map(({ id }) => id),
    [guid(3)],
  )
  assert.equal(withoutObject(store, 'policy', guid(1)).assigned, undefined)
})

test('a policy of the directory counts before that of the machine, and without its cache nothing does', () => {
  const store = small()
  const path = `LDAP://CN=ipsecPolicy${guid(1)},CN=IP Security,CN=System,DC=corp,DC=test`
  const assignment = { path, id: guid(1), name: 'Ours', flags: 0 }
  const local = applied(emptyRegistry, registryChanges(emptyRegistry, store, 'local'))
  assert.equal(policiesInForce(local).main?.place, 'local')
  const domain = applied(local, domainAssignmentChanges(assignment))
  assert.deepEqual(domainAssignment(domain), assignment)
  const without = policiesInForce(domain)
  assert.equal(without.main, undefined)
  assert.match(without.problems[0]!.what, /not in the cache/)
  const cached = applied(domain, registryChanges(domain, store, 'cache'))
  assert.deepEqual([policiesInForce(cached).main?.place, policiesInForce(cached).problems], ['cache', []])
  const freed = applied(cached, domainAssignmentChanges(undefined))
  assert.equal(policiesInForce(freed).main?.place, 'local')
  const persistent = applied(freed, registryChanges(freed, { objects: store.objects }, 'persistent'))
  assert.equal(policiesInForce(persistent).persistent?.id, guid(1))
})

test('values of wrong types, blobs that cannot be read and foreign keys are told, each with its key', () => {
  const path = storePath('local')
  const store = small()
  const root = applied(emptyRegistry, [
    ...registryChanges(emptyRegistry, store, 'local'),
    { kind: 'set', key: `${path}\\ipsecNFA${guid(3)}`, value: stringValue('ipsecData', 'text') },
    { kind: 'set', key: `${path}\\ipsecPolicy${guid(1)}`, value: stringValue('whenChanged', 'now') },
    { kind: 'create-key', key: `${path}\\ipsecPhantom` },
    { kind: 'set', key: path, value: stringValue('ActivePolicy', 'nobody') },
  ])
  const { store: read, problems } = readRegistryPolicies(root, 'local')
  const told = problems.map(({ where, what }) => `${where.slice(path.length)}: ${what}`)
  for (const part of [
    'ipsecData is no REG_BINARY',
    'whenChanged is no REG_DWORD',
    'no object of an IPsec policy',
    'ActivePolicy names no ipsecPolicy',
    `ipsecNFA${guid(3)} is not there`,
  ]) {
    assert.ok(
      told.some(text => text.includes(part)),
      part,
    )
  }
  assert.equal(read.assigned, undefined)
  assert.equal(objectOf(read, 'policy', guid(1))?.name, 'Ours')
  assert.ok(valueIn(keyAt(root, path)!, 'ActivePolicy') !== undefined)
})

test('3,000 stores of broken values never throw, whatever their types', () => {
  const random = seededRandom(21)
  const pick = (count: number) => Math.floor(random.fraction() * count)
  const whole = storeKey(small(), 'local')
  const broken = (value: RegistryValue): RegistryValue => {
    if (random.fraction() < 0.7) return value
    const data = value.data.slice(0, random.fraction() < 0.3 ? pick(value.data.length + 1) : value.data.length)
    if (data.length > 0) data[pick(data.length)] = pick(256)
    return { ...value, type: random.fraction() < 0.5 ? value.type : pick(13), data }
  }
  for (let round = 0; round < 3000; round++) {
    const keys = whole.keys.map(key =>
      registryKey(random.fraction() < 0.1 ? 'ipsecNFA{' : key.name, key.values.map(broken)),
    )
    const key = registryKey('Local', whole.values.map(broken), keys)
    const { store, problems } = readPoliciesIn(key, 'x')
    assert.ok(store.objects.length <= 5 && problems.every(({ where }) => where.startsWith('x')))
    toPolicy(store)
  }
})
