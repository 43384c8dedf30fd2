// What a policy of Windows means in our words, word by word, and what of it is lost.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { compile } from '../policy/compile.ts'
import { formatFilter } from '../policy/filter.ts'
import { address } from '../policy/test-policies.ts'
import { readRegText } from '../settings/reg-text.ts'
import { applied, emptyRegistry } from '../settings/registry.ts'
import { actionGuids, type Guid, typeGuids } from './policy-guids.ts'
import {
  ahAlgorithm,
  defaultResponseOffers,
  espAlgorithm,
  fallBackOffer,
  filterListOf,
  filterVersion1,
  interfaceTypes,
  mainModeMethod,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  quickModeOffer,
} from './policy-makers.ts'
import { dataOf, objectFrom, objectOf, type WindowsObject, withObject } from './policy-objects.ts'
import { readRegistryPolicies } from './registry-policies.ts'
import { id, said, sixteen, storeWith, usual, version2, word } from './test-windows-stores.ts'
import { toPolicy } from './to-policy.ts'

test('actions and the ways out: accept unsecured, fall back to clear, fresh keys', () => {
  const rule = (action: Guid, offers = usual) => said(storeWith({ action, offers })).rule
  assert.deepEqual([rule(actionGuids.permit).action, rule(actionGuids.block).action], ['permit', 'block'])
  const plain = rule(actionGuids.negotiate)
  assert.deepEqual(
    [plain.action, plain.acceptUnsecuredInbound, plain.fallBackToClear, plain.freshKeys],
    ['negotiate', false, false, false],
  )
  assert.equal(rule(actionGuids.acceptUnsecured).acceptUnsecuredInbound, true)
  assert.equal(rule(actionGuids.negotiate, [...usual, fallBackOffer()]).fallBackToClear, true)
  const fresh = quickModeOffer([espAlgorithm('des', 'md5')], { freshKeys: true })
  assert.equal(rule(actionGuids.negotiate, [fresh]).freshKeys, true)
  assert.equal(rule(actionGuids.negotiate, [...usual, fresh]).freshKeys, false, 'the first offer says it')
  const unknown = said(storeWith({ action: id(7) }))
  assert.deepEqual([unknown.rule.action, unknown.losses.length], ['block', 1])
})

test('methods are named; a rule of which none is left blocks', () => {
  const offers = [
    [espAlgorithm('3des', 'sha1')],
    [espAlgorithm('des', 'md5')],
    [espAlgorithm('none', 'sha1')],
    [ahAlgorithm('md5')],
    [ahAlgorithm('sha1'), espAlgorithm('3des', 'sha1')],
  ].map(algorithms => quickModeOffer(algorithms))
  assert.deepEqual(said(storeWith({ offers })).rule.security, [
    'esp-3des-sha1',
    'esp-des-md5',
    'esp-null-sha1',
    'ah-md5',
    'ah-sha1+esp-3des-sha1',
  ])
  const bad = [
    [espAlgorithm('3des', 'none')],
    [{ ...ahAlgorithm('md5'), algorithm: 9 }],
    [{ ...ahAlgorithm('md5'), type: 3 }],
    [espAlgorithm('des', 'md5'), espAlgorithm('des', 'md5')],
  ].map(algorithms => quickModeOffer(algorithms))
  const { rule, losses } = said(storeWith({ offers: [...bad, fallBackOffer()] }))
  assert.deepEqual([rule.action, rule.security, rule.fallBackToClear], ['block', [], false])
  assert.deepEqual(losses, [
    'warning: a method is left out: ESP without integrity',
    'warning: a method is left out: AH with algorithm 9',
    'warning: a method is left out: a header of type 3',
    'warning: a method is left out: esp-des-md5 and esp-des-md5 around each other',
    'error: no method is left to secure with',
  ])
})

test('lifetimes: none where Windows has its own, the shortest of several', () => {
  const offer = (seconds: number, kilobytes: number) =>
    quickModeOffer([espAlgorithm('3des', 'sha1')], { seconds, kilobytes })
  assert.equal(said(storeWith({})).rule.lifetime, undefined)
  assert.deepEqual(said(storeWith({ offers: [offer(900, 0)] })).rule.lifetime, { seconds: 900 })
  const several = said(storeWith({ offers: [offer(900, 50_000), offer(300, 100_000), fallBackOffer()] }))
  assert.deepEqual(several.rule.lifetime, { seconds: 300, kilobytes: 50_000 })
  assert.equal(several.losses.length, 2)
  const odd = said(storeWith({ offers: [offer(1, 1)] }))
  assert.deepEqual([odd.rule.lifetime, odd.losses.length], [{ seconds: 10, kilobytes: 1024 }, 2])
})

test('tunnels have their far end, of either version of IP, and filters that go one way', () => {
  const one = filterListOf([filterVersion1(id(9), { mirrored: 0 })])
  const four = said(storeWith({ list: one, rule: { tunnel: word('192.0.2.1') } }))
  assert.deepEqual([four.rule.mode, four.rule.tunnelEndpoint, four.losses], ['tunnel', address('192.0.2.1'), []])
  const six = said(storeWith({ list: one, rule: { tunnel: sixteen(0xfd) } }))
  assert.deepEqual(six.rule.tunnelEndpoint, address('fd00::'))
  const { rule, losses } = said(storeWith({ rule: { tunnel: 0 } }))
  assert.deepEqual(
    [rule.action, rule.filters[0]?.mirrored, losses],
    ['block', true, ['error: the tunnel has no far end']],
    'it blocks, both ways',
  )
  const mirrored = said(storeWith({ rule: { tunnel: word('192.0.2.1') } }))
  assert.deepEqual(
    [mirrored.rule.filters[0]?.mirrored, mirrored.losses],
    [false, ['error: a filter of a tunnel goes one way, and this one is mirrored']],
  )
})

test('a rule that is left without filters is left out', () => {
  const none = toPolicy(storeWith({ list: filterListOf([]), action: actionGuids.block }))
  assert.ok(none.ok)
  assert.deepEqual(none.value.policy.rules, [])
  assert.deepEqual(
    none.value.losses.map(({ severity, what }) => `${severity}: ${what}`),
    ['error: it has no filter'],
  )
})

test('ways to authenticate keep their order and their secrets; an authority is asked for by its name', () => {
  const credentials = [
    { kind: 'certificate', authority: 'CN=Root', mapsToAccount: true, hidesAuthority: true },
    { kind: 'pre-shared-key', secret: new Secret('open') },
    { kind: 'kerberos' },
  ] as const
  const store = storeWith({ rule: { credentials } })
  const { rule, losses } = said(store)
  assert.deepEqual(
    rule.authentication.map(({ kind }) => kind),
    ['certificate', 'preSharedKey', 'kerberos'],
  )
  const [, key] = rule.authentication
  assert.ok(key?.kind === 'preSharedKey' && key.secret.reveal() === 'open')
  assert.deepEqual(losses, [
    'warning: certificates of "CN=Root" are meant',
    'error: only certificates that stand for an account of the domain were accepted',
    'warning: the authority was not named in requests for certificates',
  ])
  const files = said(store, {
    certificateOf: name =>
      name === 'CN=Root'
        ? { ca: 'root.pem', own: 'a', key: 'b', accounts: [{ subject: 'CN=a', account: 'a' }] }
        : undefined,
  })
  assert.ok(files.rule.authentication[0]?.kind === 'certificate' && files.rule.authentication[0].ca === 'root.pem')
  assert.equal(files.losses.length, 1)
})

test('kinds of connections are lost, and none at all makes the rule inactive', () => {
  const rule = (interfaceType: number, action: Guid) => said(storeWith({ rule: { interfaceType }, action }))
  assert.deepEqual(rule(interfaceTypes.lan, actionGuids.block).losses, ['warning: it was for LAN connections alone'])
  assert.deepEqual(rule(interfaceTypes.dialUp, actionGuids.permit).losses, [
    'error: it was for dial-up connections alone',
  ])
  assert.deepEqual(
    [rule(0, actionGuids.block).rule.active, rule(interfaceTypes.all, actionGuids.block).rule.active],
    [false, true],
  )
  assert.equal(said(storeWith({ rule: { isActive: false } })).rule.active, false)
})

test('how IKE runs: methods, lifetimes, master key PFS, limits, mapping of certificates', () => {
  const ike = (content: Parameters<typeof newIsakmp>[1]) => {
    const store = withObject(storeWith({}), newIsakmp({ id: id(2) }, content))
    const read = toPolicy(store)
    assert.ok(read.ok)
    return { ike: read.value.policy.ike, losses: read.value.losses.map(({ what }) => what) }
  }
  const methods = [mainModeMethod('3des', 'sha1', 14), mainModeMethod('des', 'md5', 2)]
  assert.deepEqual(ike({ methods }), { ike: { security: ['3des-sha1-modp2048', 'des-md5-modp1024'] }, losses: [] })
  assert.deepEqual(ike({ methods, seconds: 3600 }).ike?.lifetime, { seconds: 3600 })
  const all = (seconds: number) => ike({ methods: methods.map(method => ({ ...method, seconds })) }).ike?.lifetime
  assert.deepEqual([all(600), all(0), all(86_400)], [{ seconds: 600 }, undefined, { seconds: 86_400 }])
  const master = ike({ methods, masterPfs: 1, quickModeLimit: 1 })
  assert.deepEqual([master.ike?.masterPfs, master.losses], [true, []])
  assert.match(ike({ methods, quickModeLimit: 5 }).losses.join(), /5 associations at most/)
  assert.match(ike({ methods, options: 3 }).losses.join(), /stood for accounts.*no authority was named/)
  assert.deepEqual(ike({ methods: [mainModeMethod('des', 'md5', 1)] }).ike?.security, ['des-md5-modp768'])
  const odd = ike({
    methods: [
      { ...methods[0]!, group: 77 },
      { ...methods[0]!, cipher: 9 },
      { ...methods[0]!, hash: 9 },
    ],
  })
  assert.deepEqual([odd.ike, odd.losses.length], [undefined, 4])
  const fixed = ike({ methods: [{ ...methods[1]!, fixedMethod: 4 }] })
  assert.deepEqual(fixed.ike?.security, ['3des-sha1-modp2048'], 'a fixed method counts instead of what stands there')
})

test('polling, a default response of its own kind and missing parts are told; an unassigned store has no policy', () => {
  const store = storeWith({})
  const { losses } = said(withObject(store, newPolicy({ id: id(1) }, { rules: [id(3), id(77)], pollingSeconds: 60 })))
  assert.deepEqual(losses, [
    `error: the rule ${id(77)} is not there`,
    'warning: the policy was looked for every 60 seconds',
    'warning: the policy has no settings of IKE',
  ])
  const respond = (isActive: boolean, secret: boolean) => {
    const credentials = secret
      ? [{ kind: 'pre-shared-key', secret: new Secret('x') } as const]
      : [{ kind: 'kerberos' } as const]
    const rule = newRule({ id: id(3) }, { negotiation: id(4), filterLists: [] }, { credentials, isActive })
    const action = newNegotiation(
      { id: id(4) },
      actionGuids.negotiate,
      defaultResponseOffers(),
      typeGuids.defaultResponse,
    )
    const read = toPolicy(withObject(withObject(store, rule), action))
    assert.ok(read.ok)
    return [read.value.policy.defaultResponse, read.value.policy.rules.length, read.value.losses.length]
  }
  assert.deepEqual(
    [respond(true, false), respond(true, true), respond(false, true)],
    [
      [true, 0, 0],
      [true, 0, 1],
      [false, 0, 0],
    ],
  )
  const none = toPolicy({ objects: store.objects })
  assert.ok(!none.ok)
  assert.equal(none.error[0]?.what, 'no policy is assigned')
})

test('names that two rules share are told apart, and what cannot be shown is left out of them', () => {
  const store = storeWith({})
  const rule = objectOf(store, 'rule', id(3))!
  const more = [
    newPolicy({ id: id(1), name: '\u202e' }, { rules: [id(3), id(6)] }),
    { ...rule, id: id(6), description: 'a\nb' },
    { ...rule, name: 'R\u0007' },
  ]
  const read = toPolicy(more.reduce(withObject, store))
  assert.ok(read.ok)
  assert.deepEqual(
    [read.value.policy.name, ...read.value.policy.rules.map(({ name }) => name)],
    ['Windows policy', 'R', 'R (2)'],
  )
  assert.equal(read.value.policy.rules[1]?.description, 'a b')
})

const vpnease = resolve(
  import.meta.dirname,
  '../../../shared/testdata/registry/reg/vpnease/win2k-ipsec-policy-instantiated.reg',
)

test('VPNease’s policy of Windows 2000 secures L2TP with a pre-shared key', {
  skip: existsSync(vpnease) ? false : 'skipped, because ../shared/testdata is not there',
}, () => {
  const text = readRegText(readFileSync(vpnease), 'vpnease.reg')
  assert.ok(text.ok)
  const { store } = readRegistryPolicies(applied(emptyRegistry, text.value.changes), 'local')
  const { rule } = said(store, { profile: 'windows-2000' })
  assert.deepEqual(
    rule.filters.map(filter => formatFilter(filter)),
    ['udp any:1701 ↔ 203.0.113.5'],
  )
  assert.equal(
    rule.name,
    'VPNease Filter Action 203.0.113.5',
    'a rule without a name of its own has that of its action',
  )
  assert.deepEqual([rule.security, rule.lifetime, rule.keying], [['esp-3des-md5'], { seconds: 300 }, ['ikev1']])
  const [key] = rule.authentication
  assert.ok(key?.kind === 'preSharedKey' && key.secret.reveal() === 'test-psk-open')
})

test('whatever blobs say that can be read, becomes a policy or a loss, and nothing throws: 5,000 broken ones', () => {
  const random = seededRandom(3)
  const pick = (count: number) => Math.floor(random.fraction() * count)
  const whole = storeWith({
    list: version2({ protocol: 6, destinationPorts: { type: 2, first: 1, last: 9 } }),
    rule: { tunnel: 1 },
  })
  let readable = 0
  for (let round = 0; round < 5000; round++) {
    const at = pick(whole.objects.length)
    const object = whole.objects[at]!
    const data = dataOf(object)
    for (let change = 1 + pick(6); change > 0; change--) data[20 + pick(data.length - 20)] = pick(256)
    const fields = {
      kind: object.kind,
      id: object.id,
      data,
      owners: [],
      references: [],
      action: actionGuids.negotiate,
      type: typeGuids.standard,
    }
    const broken = objectFrom(fields, 'x').object
    if (broken === undefined) continue
    readable++
    const read = toPolicy(withObject(whole, { ...object, content: broken.content } as WindowsObject))
    assert.ok(read.ok)
    compile(read.value.policy)
  }
  assert.ok(readable > 2000, `${readable}`)
})
