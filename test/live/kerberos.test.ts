// Two real agents that authenticate with Kerberos, and MIT's key center on one of them: the knot of KB 254949 as a person meets
// it, and its ways out.
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { KerberosRealm, REALM, whyNoRealm } from '../kerberos-realm.ts'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents() || whyNoRealm()
// Nothing of this machine's Kerberos: agents have it from their environment.
process.env['KRB5_CONFIG'] = '/nowhere/krb5.conf'

interface Scene {
  readonly one: LiveHost
  /** The key center runs here. */
  readonly two: LiveHost
  readonly realm: KerberosRealm
}

interface PolicyWords {
  readonly exempt: 0 | 1
  readonly rules?: readonly string[]
  readonly kerberos?: string
}

const permit = [
  '{ name: The key center, action: permit, filters: [{ source: 10.99.0.1, destination: 10.99.0.2, protocol: udp, destinationPort: 88 }, { source: 10.99.0.1, destination: 10.99.0.2, protocol: tcp, destinationPort: 88 }] }',
]

function writePolicy(host: LiveHost, { exempt, rules = [], kerberos = '' }: PolicyWords): void {
  const lines = [
    'name: Two hosts of a realm',
    'profile: windows-2000-sp1',
    `noDefaultExempt: ${exempt}`,
    'rules:',
    ...rules.map(rule => `  - ${rule}`),
    '  - name: Everything between the two',
    '    filters: [{ source: 10.99.0.1, destination: 10.99.0.2 }]',
    '    action: negotiate',
    '    security: [esp-aes256gcm16, esp-aes256-sha256]',
    '    keying: [ikev1]',
    `    authentication: [{ kerberos: { kdc: [10.99.0.2], keytab: ${host.name}.keytab${kerberos} } }]`,
  ]
  writeFileSync(host.policy, `${lines.join('\n')}\n`)
}

async function scene(context: TestContext): Promise<Scene> {
  const [one, two] = await twoAgents(context)
  const realm = new KerberosRealm({ address: '10.99.0.2', namespace: two.namespace })
  context.after(() => realm.end())
  for (const { name, folder } of [one, two]) copyFileSync(realm.account(`host/${name}`), join(folder, `${name}.keytab`))
  await realm.start()
  return { one, two, realm }
}

async function upWith(hosts: readonly LiveHost[], words: PolicyWords): Promise<void> {
  for (const host of hosts) writePolicy(host, words)
  await Promise.all(hosts.map(host => host.up()))
}

test('with Kerberos exempt two hosts of a realm prove themselves by tickets, and everything else is sealed', {
  skip,
}, async context => {
  const { one, two } = await scene(context)
  const stop = await captureWire(one)
  await upWith([one, two], { exempt: 0 })
  assert.equal(await one.ping(two.address, 5, '-W', '5'), 5, one.log() + two.log())
  assert.equal(await two.ping(one.address, 3, '-s', '4000'), 3)
  const [status, other] = await Promise.all([one.status(), two.status()])
  assert.deepEqual([status.warnings, other.warnings], [[], []])
  assert.equal(status.sessions[0]?.peerName, `host/${two.name}@${REALM}`)
  assert.equal(other.sessions[0]?.peerName, `host/${one.name}@${REALM}`)
  const { totals, classes } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  assert.ok(classes['kerberos']! >= 4, 'the tickets were fetched in clear')
  assert.ok(classes['esp']! >= 16)
})

test('with NoDefaultExempt 1 and the key center behind the rule itself nothing starts, and everybody is told why', {
  skip,
}, async context => {
  const { one, two } = await scene(context)
  await upWith([one, two], { exempt: 1 })
  assert.equal(await one.ping(two.address, 2, '-W', '2'), 0)
  await one.wrote('session-failed')
  assert.match(
    one.log(),
    /no key centre of realm CORP\.TEST answered: look whether it runs, and whether the policy lets port 88/,
  )
  const told = JSON.stringify(await one.status())
  assert.match(
    told,
    /The ticket has to be fetched from 10\.99\.0\.2 on port 88 first, and rule .* needs a ticket for that/,
  )
  assert.match(
    told,
    /permit tcp and udp between me and 10\.99\.0\.2:88 in a rule of its own, or authenticate with certificates/,
  )
  assert.match(one.log(), /The ticket has to be fetched from/)
  // The key center asks itself, so there is nothing to say to it.
  assert.doesNotMatch(two.log(), /The ticket has to be fetched from/)
})

test('a permit filter to the key center unties it while the agents run, and nothing else is in clear', {
  skip,
}, async context => {
  const { one, two } = await scene(context)
  await upWith([one, two], { exempt: 1 })
  assert.equal(await one.ping(two.address, 1, '-W', '1'), 0)
  const stop = await captureWire(two)
  for (const host of [one, two]) writePolicy(host, { exempt: 1, rules: permit })
  for (const host of [one, two]) await host.wrote('policy-changed')
  let got = 0
  for (let tries = 0; tries < 20 && got === 0; tries++) got = await one.ping(two.address, 2, '-W', '2')
  assert.ok(got > 0, one.log() + two.log())
  const { totals, classes, findings } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0, JSON.stringify(findings))
  assert.ok(classes['kerberos']! >= 4)
  assert.equal(classes['unicast'], 0)
})

test('a host with another realm’s idea of its key is refused, and both logs say what to do', {
  skip,
}, async context => {
  const { one, two, realm } = await scene(context)
  // The account of the second host gets a new key; its keytab is the old one.
  realm.order(`ktadd -k ${realm.path('new.keytab')} host/${two.name}`)
  await upWith([one, two], { exempt: 0 })
  assert.equal(await one.ping(two.address, 1, '-W', '3'), 0)
  for (const host of [one, two]) {
    await host.wrote('session-failed')
    assert.match(host.log(), /export the keytab anew/)
  }
})

test('only the peers that a rule names are taken', { skip }, async context => {
  const { one, two } = await scene(context)
  await upWith([one, two], { exempt: 0, kerberos: ', peer: [host/dc9.corp.test]' })
  assert.equal(await one.ping(two.address, 1, '-W', '3'), 0)
  await one.wrote('session-failed')
  assert.match(one.log(), /10\.99\.0\.2 calls itself host\/dc2\.corp\.test@CORP\.TEST, which is not among the peers/)
})
