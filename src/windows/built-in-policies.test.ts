// The built-in policies are those that a new domain holds, and mean what Microsoft says they mean. samba's objects are in
// ../shared/testdata.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { compile } from '../policy/compile.ts'
import { decide } from '../policy/decide.ts'
import { flow } from '../policy/test-policies.ts'
import { builtInPolicies, builtInStore } from './built-in-policies.ts'
import { readLdif } from './directory-ldif.ts'
import { entriesFrom, policiesFromEntries } from './directory-policies.ts'
import type { PolicyStore, WindowsObject } from './policy-objects.ts'
import { toPolicy } from './to-policy.ts'

const ldif = resolve(import.meta.dirname, '../../../shared/testdata/policy-texts/samba/ip-security-objects.ldif')
const skip = existsSync(ldif) ? false : 'skipped, because ../shared/testdata is not there'

function samba(): PolicyStore {
  const read = readLdif(readFileSync(ldif), 'ip-security-objects.ldif')
  assert.ok(read.ok)
  assert.deepEqual(read.value.problems, [])
  const { store, problems } = policiesFromEntries(read.value.entries)
  assert.deepEqual(problems, [])
  return store
}

function policyOf(store: PolicyStore, policy: string) {
  const { value } = toPolicy(store, { policy }) as Extract<ReturnType<typeof toPolicy>, { readonly ok: true }>
  return value
}

/** Without texts, and without what was in Windows's memory where nothing counts. */
function plain(object: WindowsObject): unknown {
  const { name: _, description: __, dataType: ___, ...rest } = object
  if (rest.kind === 'policy') return { ...rest, rules: rest.rules.toSorted() }
  if (rest.kind === 'negotiation') {
    const offers = rest.content.offers.map(({ algorithms, ...offer }) => ({
      ...offer,
      algorithms: algorithms.slice(0, offer.algorithmCount),
    }))
    return { ...rest, content: { ...rest.content, offers } }
  }
  if (rest.kind !== 'isakmp') return rest
  const methods = rest.content.methods.map(
    ({ version, reserved, reservedBehind, identityProtection, ...method }) => method,
  )
  return { ...rest, content: { ...rest.content, methods } }
}

test('our built-in policies are the objects of a new domain, but for texts and what Windows left in unused fields', {
  skip,
}, () => {
  const VERSION_OBJECT = '{6A1F5C6F-72B7-11D2-ACF0-0060B0ECCA17}'
  const theirs = samba().objects.filter(({ id }) => id !== VERSION_OBJECT)
  const ours = builtInStore().objects
  const key = ({ kind, id }: WindowsObject) => kind + id
  const sorted = (objects: readonly WindowsObject[]) => objects.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  assert.deepEqual(sorted(ours).map(key), sorted(theirs).map(key))
  const owners = (object: WindowsObject) => ({ ...object, owners: [] })
  assert.deepEqual(sorted(ours).map(owners).map(plain), sorted(theirs).map(owners).map(plain))
})

test("samba's objects come back from LDIF octet for octet", { skip }, () => {
  const store = samba()
  const again = policiesFromEntries(entriesFrom(store, 'DC=corp,DC=test'))
  assert.deepEqual(again.problems, [])
  assert.deepEqual(again.store, store)
})

for (const [source, makes] of [
  ['ours', () => builtInStore()],
  ["samba's", samba],
] as const) {
  const options = source === 'ours' ? {} : { skip }

  test(`Client (Respond Only), ${source}, has no rule but answers`, options, () => {
    const { policy, losses } = policyOf(makes(), builtInPolicies.client)
    assert.equal(policy.name, 'Client (Respond Only)')
    assert.deepEqual([policy.rules, policy.defaultResponse], [[], true])
    assert.deepEqual(policy.ike?.security, [
      '3des-sha1-modp1024',
      '3des-md5-modp1024',
      'des-sha1-modp768',
      'des-md5-modp768',
    ])
    assert.deepEqual(losses, [])
  })

  test(`Server (Request Security), ${source}, asks for all traffic and falls back, and permits ICMP`, options, () => {
    const { policy, losses } = policyOf(makes(), builtInPolicies.server)
    const all = policy.rules.find(({ action }) => action === 'negotiate')!
    assert.deepEqual(all.filters, [{ source: { kind: 'me' }, destination: { kind: 'any' }, mirrored: true }])
    assert.deepEqual([all.acceptUnsecuredInbound, all.fallBackToClear, all.freshKeys], [true, true, false])
    assert.deepEqual(all.security, ['esp-3des-sha1', 'esp-des-sha1', 'ah-sha1', 'ah-md5'])
    assert.deepEqual(all.lifetime, { seconds: 300, kilobytes: 100_000 })
    assert.ok(losses.some(({ what }) => what.includes('900, 300 seconds')))
    assert.deepEqual([all.authentication, all.keying], [[{ kind: 'kerberos', kdc: [] }], ['ikev1']])
    assert.equal(policy.defaultResponse, true)
    assert.equal(policy.rules.length, 2)
    meansWhatItSays(policy, 'negotiate')
  })

  test(`Secure Server (Require Security), ${source}, never falls back`, options, () => {
    const { policy } = policyOf(makes(), builtInPolicies.secureServer)
    const all = policy.rules.find(({ action }) => action === 'negotiate')!
    assert.deepEqual([all.acceptUnsecuredInbound, all.fallBackToClear], [true, false])
    assert.deepEqual(all.security, ['esp-3des-sha1', 'esp-3des-md5', 'esp-des-sha1', 'esp-des-md5'])
    assert.deepEqual([policy.rules.length, policy.defaultResponse], [2, true])
    meansWhatItSays(policy, 'negotiate')
  })
}

/** ICMP in clear, everything else as said, Kerberos in clear where Windows 2000 exempts it. */
function meansWhatItSays(policy: Parameters<typeof compile>[0], action: string): void {
  const asked = (profile: 'windows-2000' | 'windows-server-2003', text: string) =>
    decide(compile({ ...policy, profile }), flow(text), 'out').action
  assert.equal(asked('windows-server-2003', 'icmp 10.0.0.1 10.0.0.2 8'), 'permit')
  assert.equal(asked('windows-server-2003', 'tcp 10.0.0.1:49152 10.0.0.2:445'), action)
  assert.equal(asked('windows-server-2003', 'udp 10.0.0.1:49152 10.0.0.2:88'), action)
  assert.equal(asked('windows-2000', 'udp 10.0.0.1:49152 10.0.0.2:88'), 'permit')
}
