// 1,000 random policies go to Windows's objects, into a .reg file or LDIF, out of it and back: what comes is equal, or the loss of
// every word that differs has been named.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { seededRandom } from '../base/random.ts'
import type { Problem } from '../base/result.ts'
import type { Policy } from '../policy/model.ts'
import { seeded } from '../policy/test-policies.ts'
import { readRegText } from '../settings/reg-text.ts'
import { applied, emptyRegistry } from '../settings/registry.ts'
import { writeRegChanges } from '../settings/write-reg-text.ts'
import { type DirectoryEntry, readLdif, writeLdif, writeLdifChanges } from './directory-ldif.ts'
import { entriesFrom, policiesFromEntries, referenceAttributes } from './directory-policies.ts'
import { fromPolicy } from './from-policy.ts'
import type { BlobForm } from './policy-makers.ts'
import type { PolicyStore } from './policy-objects.ts'
import { readRegistryPolicies, registryChanges } from './registry-policies.ts'
import { meaningOf, randomWindowsPolicy } from './test-windows-policies.ts'
import { toPolicy } from './to-policy.ts'

const AUTHORITY = 'CN=Root, O=Example'

interface Trip {
  readonly back: Policy
  readonly losses: readonly Problem[]
  readonly store: PolicyStore
}

type Way = (store: PolicyStore) => PolicyStore

function throughRegistry(store: PolicyStore): PolicyStore {
  const written = writeRegChanges(registryChanges(emptyRegistry, store, 'local'))
  assert.ok(written.ok)
  const text = readRegText(written.value, 'x.reg')
  assert.ok(text.ok)
  const read = readRegistryPolicies(applied(emptyRegistry, text.value.changes), 'local')
  assert.deepEqual(read.problems, [])
  return read.store
}

function throughLdif(store: PolicyStore, write: (entries: readonly DirectoryEntry[]) => string): PolicyStore {
  const read = readLdif(new TextEncoder().encode(write(entriesFrom(store, 'DC=corp,DC=test', 'stated'))), 'x.ldif')
  assert.ok(read.ok)
  const { store: back, problems } = policiesFromEntries(read.value.entries)
  assert.deepEqual(problems, [])
  return back
}

/** A .reg file, LDIF of entries, LDIF of changes. */
const ways: readonly Way[] = [
  throughRegistry,
  store => throughLdif(store, writeLdif),
  store => throughLdif(store, entries => writeLdifChanges(entries, referenceAttributes)),
]

function roundTrip(policy: Policy, form: BlobForm, seed: number): Trip {
  const authorityOf = (file: string) => (file === 'ca.pem' ? AUTHORITY : undefined)
  const { store, losses } = fromPolicy(policy, { random: seededRandom(seed), form, authorityOf, whenChanged: 1 })
  const kept = ways[seed % ways.length]!(store)
  const { profile, noDefaultExempt, ipsecExempt } = policy
  const back = toPolicy(kept, {
    ...(store.assigned === undefined ? {} : { policy: store.assigned }),
    profile,
    settings: {
      ...(noDefaultExempt === undefined ? {} : { noDefaultExempt }),
      ...(ipsecExempt === undefined ? {} : { ipsecExempt }),
    },
    certificateOf: name => (name === AUTHORITY ? { ca: 'ca.pem', own: 'own.pem', key: 'own.key' } : undefined),
  })
  assert.ok(back.ok)
  return { back: back.value.policy, losses: [...losses, ...back.value.losses], store }
}

/** The words of a loss by which a key of a rule may have changed. */
const explains: Readonly<Record<string, RegExp>> = {
  filters: /filter|range|any address|any protocol|goes one way|Windows 2000 to 2003/,
  action: /no method is left|far end/,
  mode: /mode|no method is left|far end/,
  tunnelEndpoint: /far end|no method is left|far end/,
  security: /the method|security|no method is left|far end/,
  keying: /keying|no method is left|far end/,
  authentication: /authenticat|certificate|preSharedKey|kerberos|no method is left|far end/,
  acceptUnsecuredInbound: /acceptUnsecuredInbound|no method is left|far end/,
  fallBackToClear: /fallBackToClear|no method is left|far end/,
  freshKeys: /freshKeys|no method is left|far end/,
  keyExchange: /keyExchange|no method is left|far end/,
  lifetime: /lifetime|no method is left|far end/,
  encapsulation: /encapsulation|no method is left|far end/,
}

test('1,000 random policies become objects of Windows and come back equal, or what is lost is named', () => {
  const draw = seeded(2003)
  const [count, exact] = [
    { trips: 0, rules: 0 },
    { policies: 0, rules: 0 },
  ]
  for (let round = 0; round < 1000; round++) {
    const policy = randomWindowsPolicy(draw, round % 2 === 0)
    const form = round % 4 < 2 ? 'windows-vista' : 'windows-2000'
    const { back, losses } = roundTrip(policy, form, round)
    count.trips++
    if (losses.length === 0) exact.policies++
    assert.deepEqual(
      [back.name, back.profile, back.noDefaultExempt, back.ipsecExempt, back.defaultResponse],
      [policy.name, policy.profile, policy.noDefaultExempt, policy.ipsecExempt, policy.defaultResponse],
    )
    const told = (place: string) =>
      losses.filter(({ where }) => where.startsWith(place)).map(({ what, hint }) => `${what}; ${hint}`)
    if (!isDeepStrictEqual(back.ike, policy.ike))
      assert.ok(
        told('').some(text => /method|liveness|silence/.test(text)),
        'IKE',
      )
    if (policy.networks.length > 0) assert.ok(told('').some(text => text.startsWith('networks')))
    for (const rule of policy.rules) {
      const found = back.rules.find(({ name }) => name === rule.name)
      if (found === undefined) {
        assert.ok(told(`rule ${JSON.stringify(rule.name)}`).some(text => text.includes('it has no filter')))
        continue
      }
      const [before, after] = [meaningOf(rule), meaningOf(found)]
      const named = told(`rule ${JSON.stringify(rule.name)}`)
      count.rules++
      if (isDeepStrictEqual(before, after)) exact.rules++
      for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
        if (isDeepStrictEqual(before[key], after[key])) continue
        const pattern = explains[key]
        const context = `${round} ${key}: ${JSON.stringify(before[key])} became ${JSON.stringify(after[key])}: ${named.join(' | ')}`
        assert.ok(pattern !== undefined && named.some(text => pattern.test(text)), context)
      }
    }
  }
  assert.ok(exact.policies > 100 && exact.rules > count.rules / 3, JSON.stringify({ count, exact }))
})

test('the same seed gives the same objects, another one other GUIDs', () => {
  const policy = randomWindowsPolicy(seeded(1), true)
  const make = (seed: number) => fromPolicy(policy, { random: seededRandom(seed) }).store
  assert.deepEqual(make(5), make(5))
  assert.notEqual(make(5).assigned, make(6).assigned)
})
