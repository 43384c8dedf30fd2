// A policy written and read again is the same policy: the examples, every option of a rule, and random ones.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Policy, Rule } from './model.ts'
import { readPolicyText } from './policy-text.ts'
import { randomPolicy, seeded } from './test-policies.ts'
import { LEFT_OUT, writePolicyText } from './write-policy.ts'

function read(text: string): Policy {
  const result = readPolicyText(text, 'written.yaml')
  assert.ok(result.ok, result.ok ? '' : `${JSON.stringify(result.error)}\n${text}`)
  return result.value.policy
}

const root = join(import.meta.dirname, '../..')

test('every example is the same after it was written and read again', () => {
  const files = globSync('examples/policies/*.{yaml,json}', { cwd: root })
  assert.ok(files.length >= 6)
  for (const file of files) {
    const policy = read(readFileSync(join(root, file), 'utf8'))
    assert.deepEqual(read(writePolicyText(policy, { secrets: 'write' })), policy, file)
  }
})

const everything = `
name: Everything
profile: windows-vista
ipsecExempt: 9
noDefaultExempt: 1
defaultResponse: true
role: domain-controller
networks: [10.54.0.0/24]
ike:
  security: [aes256-sha256-modp2048]
  lifetime: { seconds: 600 }
  liveness: 0
  childless: true
  ppk: { identity: q, secret: "0123456789abcdef0123456789abcdef", required: false }
rules:
  - name: A
    description: "with: colons # and signs"
    filters:
      - { source: me, destination: 10.0.0.0/8, protocol: tcp, destinationPort: 1000-2000 }
      - { source: 10.0.0.1-10.0.0.9, destination: any, protocol: 99, mirrored: false }
      - { source: "fd00::/8", destination: any, protocol: icmpv6 }
    action: negotiate
    security: [esp-aes256-sha256, esp-null-sha256]
    keying: [ikev2, ikev1]
    authentication:
      - certificate: { ca: ca.pem, own: a.pem, key: a.key, passphrase: "yes", crls: [x.crl], revocation: required,
          ocsp: a.ocsp, identity: dc1.corp.test, peer: ["CN=dc2"], extendedKeyUsage: ipsecIKE,
          accounts: [{ subject: "CN=dc2", account: "DC2$" }] }
      - preSharedKey: "0x1234"
      - preSharedKey: { secret: "no", identity: 10.0.0.1, peer: [10.0.0.2] }
      - publicKey: { key: a.key, peerKeys: [b.pub], identity: a@b }
      - kerberos: { kdc: [10.0.0.5, "fd00::5"] }
      - kerberos
    acceptUnsecuredInbound: true
    fallBackToClear: true
    freshKeys: true
    keyExchange: modp2048
    lifetime: { seconds: 900, kilobytes: 2048 }
    encapsulation: raw
    active: false
  - { name: "true", filters: [{ source: any, destination: any }], action: permit }
  - name: T
    filters: [{ source: 10.0.0.1, destination: 10.0.0.2, mirrored: false }]
    action: negotiate
    mode: tunnel
    tunnelEndpoint: 192.0.2.1
    security: [ah-sha256, ah-sha1+esp-3des-sha1, esp-aes256gcm16]
    keying: [ikev1]
keys:
  - { rule: T, source: 10.0.0.1, destination: 10.0.0.2, spi: 4096, security: ah-sha256, integrityKey: ${'ab'.repeat(32)} }
  - { rule: T, source: 10.0.0.2, destination: 10.0.0.1, spi: [4097, 4098], security: ah-sha1+esp-3des-sha1,
      key: 0123456789abcdef23456789abcdef01456789abcdef0123, integrityKey: [${'0c'.repeat(20)}, ${'ef'.repeat(20)}] }
`

/** The secrets by their way through the value, which equality does not look into. */
function secrets(value: unknown, path = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  if ('reveal' in value) return [`${path} ${String((value as { reveal(): unknown }).reveal())}`]
  return Object.entries(value).flatMap(([key, one]) => secrets(one, `${path}.${key}`))
}

test('every option that a policy can have is kept, secrets included', () => {
  const policy = read(everything)
  const again = read(writePolicyText(policy, { secrets: 'write' }))
  assert.deepEqual(again, policy)
  assert.ok(secrets(policy).length > 5)
  assert.deepEqual(secrets(again), secrets(policy))
})

test('secrets that are left out stand nowhere in the text', () => {
  const text = writePolicyText(read(everything), { secrets: 'leave-out' })
  for (const secret of ['0123456789abcdef', '0x1234', 'efef', '"yes"', ': yes'])
    assert.ok(!text.includes(secret), secret)
  assert.equal(text.split(LEFT_OUT).length - 1, 8)
})

/** Of a rule that does not negotiate a file can say no more than this. */
function writable(rule: Rule): Rule {
  const { tunnelEndpoint: _, ...rest } = rule
  const never = { acceptUnsecuredInbound: false, fallBackToClear: false, freshKeys: false }
  if (rule.action !== 'negotiate')
    return { ...rest, ...never, mode: 'transport', security: [], keying: [], authentication: [] }
  return { ...rest, mode: 'transport' }
}

test('1,000 random policies are the same after they were written and read again', () => {
  const draw = seeded(31)
  for (let run = 0; run < 1000; run++) {
    const drawn = randomPolicy(draw)
    const policy = { ...drawn, rules: drawn.rules.map(writable) }
    assert.deepEqual(read(writePolicyText(policy, { secrets: 'write' })), policy)
  }
})
