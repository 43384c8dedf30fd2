// What a policy of ours becomes in Windows's objects, and which words Windows has not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import type { Policy, Rule } from '../policy/model.ts'
import { address, filter, policy, rule } from '../policy/test-policies.ts'
import { type FromPolicyOptions, fromPolicy } from './from-policy.ts'
import { credentialOf } from './policy-blob-parts.ts'
import { actionGuids, typeGuids } from './policy-guids.ts'
import { objectOf, objectsOf, ownersOf, referencesOf } from './policy-objects.ts'

const windows: Partial<Rule> = {
  name: 'R',
  keying: ['ikev1'],
  security: ['esp-3des-sha1'],
  authentication: [{ kind: 'kerberos', kdc: [] }],
}

function write(rules: readonly Rule[], changes: Partial<Policy> = {}, options: Partial<FromPolicyOptions> = {}) {
  const ike = { security: ['3des-sha1-modp1024'] }
  const { store, losses } = fromPolicy(policy(rules, { ike, ...changes }), { random: seededRandom(1), ...options })
  return { store, losses: losses.map(({ severity, what }) => `${severity}: ${what}`) }
}

const negotiate = (changes: Partial<Rule> = {}, filters: readonly string[] = ['any me <-> any']) =>
  rule('negotiate', filters, { ...windows, ...changes })

/** Filters of version 1 as `address/mask:port` of both ends. */
function version1(filters: readonly string[], form: FromPolicyOptions['form'] = 'windows-2000'): readonly string[] {
  const { store } = write([negotiate({}, filters)], {}, { form })
  const dotted = (word: number) => formatAddress({ family: 4, words: [word] })
  return objectsOf(store, 'filter-list')[0]!.content.filters.map(
    one =>
      `${one.protocol} ${dotted(one.sourceAddress)}/${dotted(one.sourceMask)}:${one.sourcePort} ` +
      `${dotted(one.destinationAddress)}/${dotted(one.destinationMask)}:${one.destinationPort} ${one.mirrored}`,
  )
}

test('a policy becomes objects that name each other, each with its owners, and one that is assigned', () => {
  const { store, losses } = write(
    [negotiate(), rule('block', ['tcp any <-> me:23'], { name: 'B', keying: [], security: [] })],
    {
      name: 'Ours',
      defaultResponse: true,
    },
  )
  assert.deepEqual(losses, [])
  const assigned = objectOf(store, 'policy', store.assigned)!
  assert.equal(assigned.name, 'Ours')
  assert.deepEqual(
    assigned.rules.map(id => objectOf(store, 'rule', id)?.name),
    ['R', 'B', undefined],
  )
  const actions = assigned.rules.map(id => objectOf(store, 'negotiation', objectOf(store, 'rule', id)!.negotiation)!)
  assert.deepEqual(
    actions.map(({ action, type }) => [action, type]),
    [
      [actionGuids.negotiate, typeGuids.standard],
      [actionGuids.block, typeGuids.standard],
      [actionGuids.negotiate, typeGuids.defaultResponse],
    ],
  )
  for (const object of store.objects) {
    assert.deepEqual(
      object.owners,
      ownersOf(store, object.kind, object.id).map(({ id }) => id),
    )
    for (const { kind, id } of referencesOf(object)) assert.ok(objectOf(store, kind, id) !== undefined)
  }
  assert.equal(new Set(store.objects.map(({ id }) => id)).size, store.objects.length)
})

test('the ways out of a rule: accept unsecured is an action, fall back to clear an offer without algorithms', () => {
  const { store } = write([
    negotiate({
      acceptUnsecuredInbound: true,
      fallBackToClear: true,
      freshKeys: true,
      lifetime: { seconds: 900, kilobytes: 5000 },
      security: ['ah-sha1+esp-3des-md5', 'esp-null-sha1'],
    }),
  ])
  const [{ action, content }] = objectsOf(store, 'negotiation') as [ReturnType<typeof objectsOf<'negotiation'>>[0]]
  assert.equal(action, actionGuids.acceptUnsecured)
  assert.deepEqual(
    content.offers.map(({ algorithmCount, pfs, seconds, kilobytes }) => [algorithmCount, pfs, seconds, kilobytes]),
    [
      [2, 1, 900, 5000],
      [1, 1, 900, 5000],
      [0, 0, 0, 0],
    ],
  )
})

test('filters of version 1: any, me, subnets, ports; ranges become the fewest subnets', () => {
  assert.deepEqual(version1(['any me <-> any']), ['0 0.0.0.0/255.255.255.255:0 0.0.0.0/0.0.0.0:0 1'])
  assert.deepEqual(version1(['tcp 10.1.0.0/16:80 -> 10.0.0.1:445']), [
    '6 10.1.0.0/255.255.0.0:80 10.0.0.1/255.255.255.255:445 0',
  ])
  assert.deepEqual(version1(['any me <-> 10.0.0.1-10.0.0.6']), [
    '0 0.0.0.0/255.255.255.255:0 10.0.0.1/255.255.255.255:0 1',
    '0 0.0.0.0/255.255.255.255:0 10.0.0.2/255.255.255.254:0 1',
    '0 0.0.0.0/255.255.255.255:0 10.0.0.4/255.255.255.254:0 1',
    '0 0.0.0.0/255.255.255.255:0 10.0.0.6/255.255.255.255:0 1',
  ])
  assert.equal(
    version1(['any me <-> 128.0.0.0-255.255.255.255'])[0],
    '0 0.0.0.0/255.255.255.255:0 128.0.0.0/128.0.0.0:0 1',
  )
})

test('what version 1 has no words for stands in version 2, or is lost', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['tcp me <-> any:1000-2000', /ranges of ports/],
    ['udp me:0 <-> any', /port 0/],
    ['any fd00::/8 <-> me', /IPv6/],
    ['any me <-> 0.0.0.0', /the host 0.0.0.0/],
    ['any 1.0.0.1-254.0.0.9 <-> 1.0.0.1-254.0.0.9', /too many parts/],
  ]
  for (const [text, pattern] of cases) {
    const old = write([negotiate({}, [text])])
    assert.match(old.losses.join(), pattern, text)
    assert.deepEqual(objectsOf(old.store, 'filter-list')[0]!.content.filters, [])
    const vista = write([negotiate({}, [text])], {}, { form: 'windows-vista' })
    assert.deepEqual(vista.losses, [], text)
    assert.equal(objectsOf(vista.store, 'filter-list')[0]!.content.version2?.filters.length, 1)
  }
  const range = write(
    [negotiate({}, ['any me <-> 10.0.0.1-10.0.0.6', 'any me <-> 10.0.0.9'])],
    {},
    { form: 'windows-vista' },
  )
  const { filters, version2 } = objectsOf(range.store, 'filter-list')[0]!.content
  assert.deepEqual([filters.length, version2?.version1Count, version2?.filters[0]?.flags], [5, 1, 8])
  assert.ok(
    filters.slice(1).every(({ id }) => id === version2!.filters[0]!.id),
    'older readers find subnets in its place',
  )
})

test('protocol 0 and port 0 are never written as any', () => {
  const zero = { ...filter('any me <-> any'), protocol: 0 }
  const { losses, store } = write([{ ...negotiate(), filters: [zero] }], {}, { form: 'windows-vista' })
  assert.deepEqual(losses, ['error: protocol 0 is any protocol in Windows'])
  assert.deepEqual(objectsOf(store, 'filter-list')[0]!.content.filters, [])
})

test('every word that Windows has not is named', () => {
  const rules: readonly (readonly [Partial<Rule>, readonly string[]])[] = [
    [{ keying: ['ikev2'] }, ['warning: keying: ikev2']],
    [{ keyExchange: 'ecp256', freshKeys: true }, ['warning: keyExchange: ecp256']],
    [{ encapsulation: 'udp' }, ['warning: encapsulation: udp']],
    [{ security: ['esp-aes256gcm16', 'esp-des-md5'] }, ['warning: the method esp-aes256gcm16']],
    [
      { security: ['esp-aes256gcm16'], fallBackToClear: true },
      ['warning: the method esp-aes256gcm16', 'error: no method is left that Windows has'],
    ],
    [{ lifetime: { kilobytes: 2 ** 35 } }, ['warning: the lifetime']],
    [{ authentication: [{ kind: 'kerberos', kdc: [address('10.0.0.1')] }] }, ['warning: kerberos: kdc']],
    [
      { authentication: [{ kind: 'preSharedKey', secret: new Secret('x'), peer: ['a.example'] }] },
      ['error: preSharedKey: peer'],
    ],
    [
      { authentication: [{ kind: 'certificate', ca: 'x.pem' }] },
      ['error: the name of its certificate authority is not known'],
    ],
    [{ authentication: [{ kind: 'publicKey', key: 'k', peerKeys: [] }] }, ['error: authentication by publicKey']],
    [{ mode: 'tunnel', tunnelEndpoint: address('fd00::1') }, ['error: the far end fd00::1 is of IPv6']],
  ]
  for (const [changes, losses] of rules) assert.deepEqual(write([negotiate(changes)]).losses, losses)
  const policies: readonly (readonly [Partial<Policy>, readonly string[]])[] = [
    [{ role: 'workstation' }, ['warning: role: workstation']],
    [{ test: true }, ['warning: test: true']],
    [{ keys: [] }, ['error: keys that are not agreed on']],
    [
      { ike: { security: ['aes256-sha256-modp2048'] } },
      ['warning: the method aes256-sha256-modp2048', 'warning: its methods'],
    ],
    [
      { ike: { security: ['3des-sha1-modp1024'], liveness: 5, childless: true, silence: 1 } },
      ['warning: liveness of IKE', 'warning: silence of IKE', 'warning: childless IKE sessions'],
    ],
    [{ ike: { security: ['3des-sha1-modp1024'], masterPfs: true, lifetime: { seconds: 60 } } }, []],
  ]
  for (const [changes, losses] of policies) assert.deepEqual(write([negotiate()], changes).losses, losses)
  const blocked = write([negotiate({ security: ['ah-sha256'] })]).store
  assert.equal(objectsOf(blocked, 'negotiation')[0]!.action, actionGuids.block)
})

test('an authority is asked for by its file, and stands in the rule by its name', () => {
  const certificate = { kind: 'certificate', ca: 'root.pem', own: 'own.pem', key: 'own.key' } as const
  const authorityOf = (file: string) => (file === 'root.pem' ? 'CN=Root' : undefined)
  const { store, losses } = write([negotiate({ authentication: [certificate] })], {}, { authorityOf })
  assert.deepEqual(losses, [])
  const [method] = objectsOf(store, 'rule')[0]!.content.authentication
  assert.deepEqual(credentialOf(method!), { kind: 'certificate', authority: 'CN=Root' })
})
