// What a policy of Windows means in our words, word by word, and what of it is lost.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { compile } from '../policy/compile.ts'
import { formatFilter } from '../policy/filter.ts'
import type { Rule } from '../policy/model.ts'
import { address } from '../policy/test-policies.ts'
import { readRegText } from '../settings/reg-text.ts'
import { applied, emptyRegistry } from '../settings/registry.ts'
import type { QuickModeOffer } from './policy-blobs.ts'
import type { AddressVersion2, FilterListContent, FilterVersion2 } from './policy-filter-blob.ts'
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
  type NewRuleContent,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  quickModeOffer,
} from './policy-makers.ts'
import { dataOf, objectFrom, objectOf, type PolicyStore, type WindowsObject, withObject } from './policy-objects.ts'
import { readRegistryPolicies } from './registry-policies.ts'
import { type ToPolicyOptions, toPolicy } from './to-policy.ts'

const id = (number: number): Guid => `{00000000-0000-4000-8000-${String(number).padStart(12, '0')}}`
const HOST = 0xffff_ffff
const usual = [quickModeOffer([espAlgorithm('3des', 'sha1')])]

interface Parts {
  readonly list?: FilterListContent
  readonly action?: Guid
  readonly offers?: readonly QuickModeOffer[]
  readonly rule?: Partial<NewRuleContent>
}

/** A policy with one rule. */
function storeWith({
  list = filterListOf([filterVersion1(id(9))]),
  action = actionGuids.negotiate,
  offers = usual,
  rule = {},
}: Parts): PolicyStore {
  const credentials = [{ kind: 'kerberos' }] as const
  return {
    assigned: id(1),
    objects: [
      newPolicy({ id: id(1), name: 'P' }, { isakmp: id(2), rules: [id(3)] }),
      newIsakmp({ id: id(2) }, { methods: [mainModeMethod('3des', 'sha1', 2)] }),
      newRule(
        { id: id(3), name: 'R' },
        { negotiation: id(4), filterLists: [id(5)] },
        { credentials, ...rule },
        'windows-vista',
      ),
      newNegotiation({ id: id(4) }, action, offers),
      newFilterList({ id: id(5) }, list),
    ],
  }
}

function said(
  store: PolicyStore,
  options: ToPolicyOptions = {},
): { readonly rule: Rule; readonly losses: readonly string[] } {
  const { value } = toPolicy(store, options) as Extract<ReturnType<typeof toPolicy>, { readonly ok: true }>
  return { rule: value.policy.rules[0]!, losses: value.losses.map(({ severity, what }) => `${severity}: ${what}`) }
}

const word = (text: string): number => address(text).words[0]!

test('addresses, masks, protocols and ports of version 1 are read as what they stand for', () => {
  const cases = [
    [{}, 'any protocol any ↔ any'],
    [{ sourceMask: HOST }, 'any protocol me ↔ any'],
    [{ sourceMask: HOST, destinationAddress: word('10.0.0.1'), destinationMask: HOST }, 'any protocol me ↔ 10.0.0.1'],
    [
      { destinationAddress: word('10.1.2.3'), destinationMask: word('255.255.0.0'), mirrored: 0 },
      'any protocol any → 10.1.0.0/16',
    ],
    [{ protocol: 6, destinationPort: 445 }, 'tcp any ↔ any:445'],
    [{ protocol: 17, sourcePort: 1701, destinationPort: 65535 }, 'udp any:1701 ↔ any:65535'],
    [{ protocol: 47 }, 'gre any ↔ any'],
    [{ sourceAddress: word('255.255.255.255'), sourceMask: HOST }, 'any protocol 255.255.255.255 ↔ any'],
  ] as const
  for (const [changes, text] of cases) {
    const { rule, losses } = said(storeWith({ list: filterListOf([filterVersion1(id(9), changes)]) }))
    assert.deepEqual([rule.filters.map(filter => formatFilter(filter)), losses], [[text], []])
  }
})

test('servers that only the machine knows are those that it is told of, or an error unless the rule permits', () => {
  const list = (special: number) =>
    filterListOf([filterVersion1(id(9), { special, sourceMask: special < 0x80 ? 0 : HOST })])
  const dns = { servers: { dns: [address('10.0.0.53'), address('10.0.1.53')], gateway: [address('10.0.0.1')] } }
  const known = said(storeWith({ list: list(0x81) }), dns)
  assert.deepEqual(
    known.rule.filters.map(filter => formatFilter(filter)),
    ['any protocol me ↔ 10.0.0.53', 'any protocol me ↔ 10.0.1.53'],
  )
  assert.deepEqual(known.losses, ['warning: the DNS servers are kept as addresses'])
  assert.deepEqual(
    said(storeWith({ list: list(4) }), dns).rule.filters.map(filter => formatFilter(filter)),
    ['any protocol 10.0.0.1 ↔ any'],
  )
  const unknown = said(storeWith({ list: list(0x82) }), dns)
  assert.deepEqual(
    [unknown.rule.filters, unknown.losses],
    [[], ['error: the WINS servers of the machine are not known here']],
  )
  const permitted = said(storeWith({ list: list(3), action: actionGuids.permit }), dns)
  assert.deepEqual(permitted.losses, ['warning: the DHCP server of the machine are not known here'])
  assert.deepEqual(said(storeWith({ list: list(0x55) })).losses, ['error: special address 85 is not known'])
})

test('masks with gaps and protocols beyond 255 leave a filter out, a looked-up name stays as its address', () => {
  const filter = (changes: object) => said(storeWith({ list: filterListOf([filterVersion1(id(9), changes)]) }))
  assert.match(
    filter({ sourceAddress: 1, sourceMask: word('255.0.255.0') }).losses[0]!,
    /^error: the mask 255.0.255.0 has gaps/,
  )
  assert.match(filter({ protocol: 300 }).losses[0]!, /^error: protocol 300/)
  const named = filter({ sourceName: 'www.example', sourceAddress: word('192.0.2.1'), sourceMask: HOST })
  assert.deepEqual(
    [named.rule.filters.length, named.losses],
    [1, ['warning: the name "www.example" is kept as the address 192.0.2.1']],
  )
  assert.match(filter({ protocol: 1, sourcePort: 7 }).losses[0]!, /^warning: ports with protocol 1/)
})

function version2(changes: Partial<FilterVersion2>): FilterListContent {
  const any: AddressVersion2 = { type: 0, version: 1, address: new Uint8Array(16), second: new Uint8Array(16) }
  const ports = { type: 0, first: 0, last: 0 }
  const common = { sourceName: '', destinationName: '', description: '', mirrored: 1, protocol: 0, flags: 8 }
  const filter = {
    ...common,
    id: id(8),
    source: any,
    destination: any,
    sourcePorts: ports,
    destinationPorts: ports,
    ...changes,
  }
  return {
    ...filterListOf([filterVersion1(id(8)), filterVersion1(id(9), { protocol: 6 })], 'windows-vista'),
    version2: { version1Count: 0, filters: [filter] },
  }
}

const sixteen = (...octets: number[]) => Uint8Array.from({ length: 16 }, (_, index) => octets[index] ?? 0)

test('filters of version 2 take the place of those that stand for them: ranges, IPv6, ranges of ports', () => {
  const spec = (type: number, version: number, first: Uint8Array, second = sixteen()): AddressVersion2 => ({
    type,
    version,
    address: first,
    second,
  })
  const v6 = sixteen(0xfd, 0, 1)
  const cases: readonly (readonly [Partial<FilterVersion2>, string])[] = [
    [{ source: spec(2, 1, sixteen(10, 0, 0, 1), sixteen(10, 0, 0, 9)) }, 'any protocol 10.0.0.1-10.0.0.9 ↔ any'],
    [{ source: spec(4, 1, sixteen(10, 1, 0, 1), sixteen(255, 255)) }, 'any protocol 10.1.0.0/16 ↔ any'],
    [{ source: spec(1, 2, v6) }, 'any protocol fd00:100:: ↔ any'],
    [{ source: spec(4, 2, v6, sixteen(8)) }, 'any protocol fd00::/8 ↔ any'],
    [{ source: spec(8, 3, sixteen()), destination: spec(0, 2, sixteen()) }, 'any protocol me ↔ ::/0'],
    [{ protocol: 6, destinationPorts: { type: 2, first: 1000, last: 2000 } }, 'tcp any ↔ any:1000-2000'],
    [{ protocol: 6, sourcePorts: { type: 1, first: 80, last: 0 } }, 'tcp any:80 ↔ any'],
  ]
  for (const [changes, text] of cases) {
    const { rule, losses } = said(storeWith({ list: version2(changes) }))
    assert.deepEqual([rule.filters.map(filter => formatFilter(filter)), losses], [['tcp any ↔ any', text], []])
  }
  const lost: readonly (readonly [Partial<FilterVersion2>, RegExp])[] = [
    [{ source: spec(2, 1, sixteen(10, 0, 0, 9), sixteen(10, 0, 0, 1)) }, /a range whose end comes before/],
    [{ source: spec(3, 1, sixteen()) }, /an address of type 3/],
    [{ source: spec(1, 7, sixteen()) }, /IP version 7/],
    [{ source: spec(4, 2, v6, sixteen(129)) }, /a prefix of 129 bits/],
    [{ protocol: 6, sourcePorts: { type: 2, first: 9, last: 1 } }, /ports of a kind/],
  ]
  for (const [changes, pattern] of lost)
    assert.match(said(storeWith({ list: version2(changes) })).losses.join(), pattern)
})

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
    [rule.filters[0]?.mirrored, losses],
    [false, ['error: a filter of a tunnel goes one way, and this one is mirrored', 'error: the tunnel has no far end']],
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
  assert.deepEqual(ike({ methods: methods.map(method => ({ ...method, seconds: 600 })) }).ike?.lifetime, {
    seconds: 600,
  })
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
