// A policy file read: what each key means, and what a person is told of each fault, at which place.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { z } from 'zod'
import { formatProblem } from '../base/result.ts'
import { formatFilter } from './filter.ts'
import type { Policy, Rule } from './model.ts'
import { keysAt, policyJsonSchema } from './policy-schema.ts'
import { readPolicyText } from './policy-text.ts'

const root = join(import.meta.dirname, '../..')

function read(text: string): { policy: Policy; warnings: readonly string[] } {
  const result = readPolicyText(text, 'p.yaml')
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join('\n'))
  return { policy: result.value.policy, warnings: result.value.warnings.map(formatProblem) }
}

function problems(text: string): readonly string[] {
  const result = readPolicyText(text, 'p.yaml')
  return (result.ok ? result.value.warnings : result.error).map(formatProblem)
}

/** A policy of one rule; `filter` and `rest` are YAML. */
function oneRule(filter: string, rest = 'action: block'): string {
  return `rules:\n  - filters: [${filter}]\n    ${rest}\n`
}

function ruleOf(rest: string): Rule {
  return read(oneRule('{ source: me, destination: any }', rest)).policy.rules[0]!
}

function filtersOf(filter: string): readonly string[] {
  return read(oneRule(filter)).policy.rules[0]!.filters.map(formatFilter)
}

test('the policy of the contract is read as it is written', () => {
  const { policy, warnings } = read(`name: Domain controllers
profile: windows-2000-sp1
noDefaultExempt: 1
rules:
  - name: Everything between the two
    filters: [{ source: 10.54.0.1, destination: 10.54.0.2, mirrored: true }]
    action: negotiate
    mode: transport
    security: [esp-aes256gcm16, esp-aes128gcm16]
    keying: [ikev2]
    authentication: [{ certificate: { ca: ca.pem, own: dc1.pem, key: dc1.key } }]
`)
  const [rule] = policy.rules
  assert.deepEqual(warnings, [])
  assert.equal(policy.name, 'Domain controllers')
  assert.equal(policy.profile, 'windows-2000-sp1')
  assert.equal(policy.noDefaultExempt, 1)
  assert.deepEqual(rule?.filters.map(formatFilter), ['any protocol 10.54.0.1 ↔ 10.54.0.2'])
  assert.deepEqual(rule?.security, ['esp-aes256gcm16', 'esp-aes128gcm16'])
  assert.deepEqual(rule?.authentication, [{ kind: 'certificate', ca: 'ca.pem', own: 'dc1.pem', key: 'dc1.key' }])
})

test('what is left out has its default', () => {
  const { policy } = read('rules: [{ filters: [{ source: me, destination: any }], action: negotiate }]')
  assert.equal(policy.name, 'p')
  assert.equal(policy.profile, 'strict')
  assert.equal('noDefaultExempt' in policy, false)
  assert.equal(policy.defaultResponse, false)
  const { filters: _, ...rule } = policy.rules[0]!
  assert.deepEqual(rule, {
    name: 'rule 1',
    action: 'negotiate',
    mode: 'transport',
    security: ['esp-aes256gcm16', 'esp-aes128gcm16'],
    keying: ['ikev2'],
    authentication: [],
    acceptUnsecuredInbound: false,
    fallBackToClear: false,
    freshKeys: false,
    active: true,
  })
})

test('ways to authenticate are read with all that belongs to them', () => {
  const { authentication } = ruleOf(`action: negotiate
    keying: [ikev2, ikev1]
    authentication:
      - certificate:
          { ca: ca.pem, own: a.pem, key: a.key, crls: [a.crl], revocation: required, ocsp: a.ocsp, identity: "CN=dc1, O=Corp",
            peer: [dc2.corp.test, admin@corp.test, fd00::1], extendedKeyUsage: ipsecIKE,
            accounts: [{ subject: CN=dc2, upn: dc2$@corp.test, account: DC2$ }] }
      - preSharedKey: { secret: x, identity: 10.0.0.1, peer: [10.0.0.2] }
      - preSharedKey: y
      - publicKey: { key: a.key, peerKeys: [b.pub, c.pub], identity: dc1 }
      - kerberos`)
  assert.deepEqual(
    authentication.map(item => ('secret' in item ? { ...item, secret: item.secret.reveal() } : item)),
    [
      {
        kind: 'certificate',
        ca: 'ca.pem',
        own: 'a.pem',
        key: 'a.key',
        ocsp: 'a.ocsp',
        identity: 'CN=dc1, O=Corp',
        extendedKeyUsage: 'ipsecIKE',
        crls: ['a.crl'],
        peer: ['dc2.corp.test', 'admin@corp.test', 'fd00::1'],
        revocation: 'required',
        accounts: [{ subject: 'CN=dc2', upn: 'dc2$@corp.test', account: 'DC2$' }],
      },
      { kind: 'preSharedKey', secret: 'x', identity: '10.0.0.1', peer: ['10.0.0.2'] },
      { kind: 'preSharedKey', secret: 'y' },
      { kind: 'publicKey', key: 'a.key', identity: 'dc1', peerKeys: ['b.pub', 'c.pub'] },
      { kind: 'kerberos', kdc: [] },
    ],
  )
})

test('lifetimes, the key exchange of fresh keys and how IKE runs are read', () => {
  const { policy, warnings } = read(`ike:
  security: [aes256gcm16-prfsha384-ecp384]
  lifetime: { seconds: 600 }
  liveness: 0
  childless: true
  ppk: { identity: dc, secret: x }
rules:
  - filters: [{ source: me, destination: any }]
    action: negotiate
    authentication: [{ preSharedKey: x }]
    freshKeys: true
    keyExchange: curve25519+mlkem768
    lifetime: { seconds: 60, kilobytes: 2048 }
    encapsulation: udp
`)
  assert.deepEqual(warnings, [])
  const { keyExchange, lifetime, encapsulation } = policy.rules[0]!
  assert.equal(encapsulation, 'udp')
  assert.deepEqual(
    { keyExchange, lifetime },
    { keyExchange: 'curve25519+mlkem768', lifetime: { seconds: 60, kilobytes: 2048 } },
  )
  const { ppk, ...ike } = policy.ike!
  assert.deepEqual(ike, {
    security: ['aes256gcm16-prfsha384-ecp384'],
    lifetime: { seconds: 600 },
    liveness: 0,
    childless: true,
  })
  assert.equal(ppk?.secret.reveal(), 'x')
  assert.equal(ppk?.required, true)
})

test('a rule that does not say keys by the version that can do what it asks for', () => {
  assert.deepEqual(ruleOf('action: negotiate\n    authentication: [kerberos]').keying, ['ikev1'])
  assert.deepEqual(ruleOf('action: negotiate\n    security: [ah-sha256+esp-aes256gcm16]').keying, ['ikev1'])
  assert.deepEqual(ruleOf('action: negotiate\n    authentication: [kerberos, { preSharedKey: x }]').keying, ['ikev2'])
})

test('a permit or block rule has no security', () => {
  const { security, keying, authentication } = ruleOf('action: permit')
  assert.deepEqual({ security, keying, authentication }, { security: [], keying: [], authentication: [] })
})

const filters: readonly (readonly [filter: string, expected: readonly string[]])[] = [
  ['{ source: any, destination: me }', ['any protocol any ↔ me']],
  ['{ source: Any, destination: ME }', ['any protocol any ↔ me']],
  ['{ source: 10.0.0.0/8, destination: me, mirrored: false }', ['any protocol 10.0.0.0/8 → me']],
  ['{ source: 10.1.2.3/255.0.0.0, destination: me }', ['any protocol 10.0.0.0/8 ↔ me']],
  ['{ source: 0.0.0.0/0, destination: me }', ['any protocol 0.0.0.0/0 ↔ me']],
  ['{ source: 10.0.0.1-10.0.0.9, destination: me }', ['any protocol 10.0.0.1-10.0.0.9 ↔ me']],
  ['{ source: "10.0.0.1 - 10.0.0.1", destination: me }', ['any protocol 10.0.0.1 ↔ me']],
  ['{ source: fd00::/8, destination: fd00::1 }', ['any protocol fd00::/8 ↔ fd00::1']],
  ['{ source: ::1, destination: "::/0" }', ['any protocol ::1 ↔ ::/0']],
  ['{ source: [10.0.0.1, 10.0.0.2], destination: me }', ['any protocol 10.0.0.1 ↔ me', 'any protocol 10.0.0.2 ↔ me']],
  [
    '{ source: [10.0.0.1, fd00::1], destination: [10.0.0.2, fd00::2, any] }',
    [
      'any protocol 10.0.0.1 ↔ 10.0.0.2',
      'any protocol 10.0.0.1 ↔ any',
      'any protocol fd00::1 ↔ fd00::2',
      'any protocol fd00::1 ↔ any',
    ],
  ],
  ['{ source: me, destination: any, protocol: tcp, destinationPort: 445 }', ['tcp me ↔ any:445']],
  ['{ source: me, destination: any, protocol: TCP, destinationPort: "445" }', ['tcp me ↔ any:445']],
  ['{ source: me, destination: any, protocol: 17, sourcePort: 1000-2000 }', ['udp me:1000-2000 ↔ any']],
  ['{ source: me, destination: any, protocol: "6", sourcePort: any, destinationPort: any }', ['tcp me ↔ any']],
  ['{ source: me, destination: any, protocol: any }', ['any protocol me ↔ any']],
  ['{ source: me, destination: any, protocol: 47 }', ['gre me ↔ any']],
  ['{ source: me, destination: any, protocol: udp, destinationPort: 0-65535 }', ['udp me ↔ any:0-65535']],
]

for (const [filter, expected] of filters) {
  test(`${filter} is ${expected.join(' and ')}`, () => assert.deepEqual(filtersOf(filter), expected))
}

const ways: readonly (readonly [yaml: string, expected: unknown])[] = [
  ['kerberos', { kind: 'kerberos', kdc: [] }],
  ['{ kerberos: true }', { kind: 'kerberos', kdc: [] }],
  ['{ kerberos: {} }', { kind: 'kerberos', kdc: [] }],
  ['{ certificate: { ca: ca.pem } }', { kind: 'certificate', ca: 'ca.pem' }],
]

for (const [yaml, expected] of ways) {
  test(`authentication: [${yaml}] is read`, () => {
    assert.deepEqual(ruleOf(`action: negotiate\n    authentication: [${yaml}]`).authentication, [expected])
  })
}

const masks: readonly (readonly [written: string, value: unknown])[] = [
  ['9', 9],
  ['[neighbour-discovery, dhcp]', 9],
  ['[icmp]', 2],
  ['[]', 0],
  ['[dhcp, icmp, router-discovery, neighbour-discovery]', 15],
  ['"9"', '9'],
  ['16', 16],
]

for (const [written, value] of masks) {
  test(`ipsecExempt: ${written} is kept as ${JSON.stringify(value)}`, () => {
    assert.equal(read(`profile: windows-vista\nipsecExempt: ${written}\nrules: []`).policy.ipsecExempt, value)
  })
}

const unusable: readonly (readonly [profile: string, written: string])[] = [
  ['windows-xp', '4'],
  ['windows-xp', '-1'],
  ['windows-xp', '0.5'],
  ['windows-xp', '"1"'],
  ['windows-xp', 'true'],
  ['windows-xp', ''],
  ['windows-xp', '[1]'],
  ['windows-xp', '.nan'],
  ['windows-2000-sp1', '2'],
  ['strict', '"one"'],
  ['windows-vista', '7'],
]

for (const [profile, written] of unusable) {
  test(`noDefaultExempt: ${written} of ${profile} is a warning at its place, and no error`, () => {
    const result = readPolicyText(`profile: ${profile}\nnoDefaultExempt: ${written}\nrules: []`, 'p.yaml')
    assert.ok(result.ok)
    const { warnings, unusableSettings } = result.value
    assert.equal(unusableSettings.length, 1)
    assert.ok(warnings.includes(unusableSettings[0]!))
    for (const { severity, where } of warnings) {
      assert.equal(severity, 'warning')
      assert.match(where, /^p\.yaml:2:\d+ noDefaultExempt$/)
    }
  })
}

test('a setting that the profile does not read is a warning, but its value is usable', () => {
  const result = readPolicyText('noDefaultExempt: 1\nrules: []', 'p.yaml')
  assert.ok(result.ok)
  assert.equal(result.value.warnings.length, 1)
  assert.equal(result.value.unusableSettings.length, 0)
})

test('every policy of examples/ is read without a warning, and its schema accepts it', () => {
  const files = globSync('examples/policies/*', { cwd: root })
  const schema = z.fromJSONSchema(policyJsonSchema() as Parameters<typeof z.fromJSONSchema>[0])
  assert.ok(files.length >= 5)
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8')
    const result = readPolicyText(text, file)
    assert.deepEqual(result.ok ? result.value.warnings : result.error, [], file)
    assert.deepEqual(schema.safeParse(parse(text)).error?.issues, undefined, file)
    assert.equal(schema.safeParse({ ...parse(text), nonsense: 1 }).success, false)
  }
})

test('every policy in the pages is read', () => {
  let count = 0
  for (const file of globSync(['README.md', 'docs/*.md'], { cwd: root })) {
    for (const [, text] of readFileSync(join(root, file), 'utf8').matchAll(/```yaml\n(name:[\s\S]*?)```/g)) {
      count++
      assert.deepEqual(problems(text!), [], file)
    }
  }
  assert.ok(count >= 1)
})

test('the page of the policy file tells of every key', () => {
  const page = readFileSync(join(root, 'docs/policy-file.md'), 'utf8')
  for (const [place, keys] of keysAt) {
    if (place === 'keys') continue
    for (const key of keys) assert.match(page, new RegExp(`\\W${key.replace('$', '\\$')}\\W`), `${place} ${key}`)
  }
})

test('the JSON Schema says of every mapping that it has no other keys', () => {
  const visit = (node: unknown, path: string): number => {
    if (typeof node !== 'object' || node === null) return 0
    const { type, additionalProperties } = node as Record<string, unknown>
    if (type === 'object') assert.equal(additionalProperties, false, path)
    return Object.entries(node).reduce(
      (sum, [key, child]) => sum + visit(child, `${path}/${key}`),
      type === 'object' ? 1 : 0,
    )
  }
  assert.ok(visit(policyJsonSchema(), '') >= 6)
})

test('whatever is written under the known keys, there is an answer and never an exception', () => {
  const words = [
    'any',
    'me',
    '10.0.0.1',
    'fd00::/8',
    '10.0.0.1-10.0.0.9',
    'tcp',
    'udp',
    'permit',
    'negotiate',
    'tunnel',
    'kerberos',
    'ikev2',
    'esp-aes256gcm16',
    '88',
    '1000-2000',
    '',
  ]
  const leaf = fc.oneof(
    fc.constantFrom(...words),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.double(),
    fc.string(),
  )
  const keys = [...keysAt.values()].flat()
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof(
      { maxDepth: 6, depthSize: 'medium' },
      leaf,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(
        fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...keys) }, { weight: 1, arbitrary: fc.string() }),
        tie('tree'),
        { maxKeys: 6 },
      ),
    ),
  }))
  const rule = fc.record(
    {
      name: tree,
      filters: fc.array(
        fc.record(
          { source: tree, destination: tree, protocol: tree, sourcePort: tree, mirrored: tree },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
      action: fc.constantFrom('permit', 'block', 'negotiate', 'x'),
      mode: tree,
      security: tree,
      authentication: tree,
      keying: tree,
    },
    { requiredKeys: [] },
  )
  const policy = fc.oneof(
    tree,
    fc.record(
      {
        profile: tree,
        noDefaultExempt: tree,
        ipsecExempt: tree,
        networks: tree,
        keys: tree,
        rules: fc.array(fc.oneof(rule, tree), { maxLength: 4 }),
      },
      { requiredKeys: [] },
    ),
  )
  fc.assert(
    fc.property(policy, value => {
      const result = readPolicyText(JSON.stringify(value) ?? '', 'p.json')
      for (const problem of result.ok ? result.value.warnings : result.error) {
        assert.match(problem.where, /^p\.json/)
        assert.ok(problem.what.length > 0 && !/undefined|\[object/.test(problem.what), problem.what)
      }
      if (!result.ok) assert.ok(result.error.some(({ severity }) => severity === 'error'))
    }),
    { numRuns: 1000 },
  )
})
