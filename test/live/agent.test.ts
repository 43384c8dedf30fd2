// Two real agents on a real wire: what a person and what a neighbour with a capture see of them.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()

/** Sends datagrams from and to that port, from inside the host. */
async function datagrams(host: LiveHost, to: string, port: number, count: number, bytes = 100): Promise<void> {
  const script =
    `const s = require('node:dgram').createSocket('udp4'); let left = ${count}; s.bind(${port}, () => { const go = () => ` +
    `s.send(Buffer.alloc(${bytes}), ${port}, '${to}', () => --left > 0 ? setTimeout(go, 20) : s.close()); go() })`
  const ran = await host.run([process.execPath, '-e', script])
  assert.equal(ran.status, 0, ran.error)
}

test('two agents agree on keys by the first packet, everything between the two is sealed, and afterwards the hosts are as before', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  const before = await Promise.all([one.traces(), two.traces()])
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address, 5), 5)
  assert.equal(await two.ping(one.address, 3, '-s', '4000'), 3, 'larger than a packet of the link')
  await datagrams(one, two.address, 88, 5)
  await datagrams(two, one.address, 7001, 2, 20_000)

  const status = await one.status()
  assert.equal(status.state, 'up')
  assert.deepEqual(status.warnings, [])
  assert.equal(status.setting.value, 1)
  assert.equal(status.setting.from, 'policy')
  assert.ok(!status.setting.exempt.some(({ name }) => name === 'kerberos'))
  assert.equal(status.guard?.isThere, true)
  assert.equal(status.sessions[0]?.peerName, 'CN=dc2.corp.test')
  const [association] = status.associations
  assert.equal(association?.security, 'esp-aes256gcm16')
  assert.ok(association.outbound.packets >= 8 && association.inbound.packets >= 8, JSON.stringify(association))
  assert.ok(association.rekeyInSeconds! > 2000)

  await one.down()
  await two.wrote('session-closed')
  await two.down()
  assert.deepEqual(await Promise.all([one.traces(), two.traces()]), before)
  const { totals, classes } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  assert.equal(classes['unicast'], 0, 'of the two nothing but ESP and IKE')
  assert.equal(classes['kerberos'], 0)
  assert.ok(totals['protected']! >= 20 && totals['keying']! >= 4, JSON.stringify(totals))
})

test('with NoDefaultExempt 0 Kerberos stands in clear, and only Kerberos', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  await datagrams(one, two.address, 88, 5)
  await datagrams(one, two.address, 389, 5)
  assert.equal(await one.ping(two.address), 3)
  const { setting } = await one.status()
  assert.deepEqual([setting.name, setting.value, setting.from], ['NoDefaultExempt', 0, 'default'])
  assert.ok(setting.exempt.some(({ name }) => name === 'kerberos'))
  const { totals, classes } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  assert.equal(classes['kerberos'], 5)
  assert.ok(classes['esp']! >= 11)
})

test('IPv6 is sealed as well, and neighbours find each other', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  // Vista's profile exempts neighbour discovery; under others the guard lets it pass, and the auditor tells of it.
  for (const host of [one, two]) host.writePolicy({ profile: 'windows-vista' })
  const stop = await captureWire(two)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address6), 3)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
  assert.ok(totals['protected']! >= 6, JSON.stringify(totals))
})

test('a policy that is written anew is enforced at once without a lost packet, and one with mistakes changes nothing', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address), 3)
  const stop = await captureWire(one)
  const pinging = one.ping(two.address, 60)
  for (let round = 1; round <= 3; round++) {
    one.writePolicy({ noDefaultExempt: round % 2 })
    await one.wrote('policy-changed', round)
  }
  const [{ spi }] = (await one.status()).associations as unknown as [{ spi: string }]
  // As editors do it: another file takes the name.
  writeFileSync(`${one.policy}.new`, `${readFileSync(one.policy, 'utf8')}wrong: 1\nrules: 2\n`)
  renameSync(`${one.policy}.new`, one.policy)
  await one.wrote('policy-refused')
  const status = await one.status()
  assert.ok(status.policy.refused!.problems.length >= 1)
  assert.equal(status.setting.value, 1)
  assert.match(status.warnings.join(), /refused/)
  assert.equal(status.associations[0]?.spi, spi, 'the association lives on')
  assert.equal(await pinging, 60)
  one.writePolicy({ noDefaultExempt: 1 })
  await one.wrote('policy-changed', 4)
  assert.equal((await one.status()).policy.refused, null)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

test('after SIGKILL nothing leaves in clear, the next start takes over, and “down” leaves the host as it was', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const before = await one.traces()
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address), 3)
  one.kill()
  assert.equal(await one.ping(two.address, 3), 0, 'the guard holds it')
  assert.equal((await one.sealwire('status', '--state', one.state)).status, 1)
  await one.up()
  await one.wrote('dead-agent')
  assert.equal(await one.ping(two.address), 3, 'the peer that knows nothing of it is told')
  one.kill()
  await one.down()
  assert.equal(await one.traces(), before)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

test('a host without IPsec is spoken to in clear only where the rule says so, and loudly', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ more: ['fallBackToClear: true'] })
  await one.up()
  assert.equal(await one.ping(two.address, 2), 0, 'not before the peer had its time to answer')
  await one.wrote('in-clear')
  assert.equal(await one.ping(two.address, 3), 3)
  const status = await one.status()
  assert.equal(status.inClear[0]?.peer, two.address)
  assert.match(status.warnings.join(), /NOT SECURED/)
  assert.match(one.log(), /"level":"warning","event":"in-clear"/)
})

test('no secret is in anything that an agent writes, tells or leaves', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  const secret = 'correct horse battery staple'
  for (const host of [one, two]) {
    host.writePolicy()
    const text = readFileSync(host.policy, 'utf8')
    writeFileSync(
      host.policy,
      text.replace(/authentication: .*/, `authentication: [{ preSharedKey: { secret: ${secret} } }]`),
    )
  }
  await Promise.all([one.up('--verbose'), two.up('--verbose')])
  assert.equal(await one.ping(two.address), 3)
  const said = await one.sealwire('status', '--state', one.state, '--json')
  const files = readdirSync(one.state, { withFileTypes: true, recursive: true }).filter(file => file.isFile())
  const texts = files.map(file => readFileSync(join(file.parentPath, file.name), 'utf8'))
  const all = [said.out, said.error, ...texts].join('\n')
  assert.ok(all.includes('session-established'))
  for (const form of [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64')]) {
    assert.ok(!all.includes(form), form)
  }
  await one.down()
  assert.equal(one.log().includes(secret), false)
})

test('what is in the way is said at once, each with its exit status, and nothing of the host is touched', {
  skip,
}, async context => {
  const [one] = await twoAgents(context)
  const before = await one.traces()
  writeFileSync(one.policy, 'name: Wrong\nprofile: windows-95\nrules: []\n')
  const wrong = await one.sealwire('up', '--policy', one.policy, '--state', one.state)
  assert.equal(wrong.status, 2)
  assert.match(wrong.error, /windows-95/)
  one.writePolicy()
  const text = readFileSync(one.policy, 'utf8')
  writeFileSync(one.policy, text.replace('ca.pem', 'nowhere.pem').replace('.key', '.lost'))
  const missing = await one.sealwire('up', '--policy', one.policy, '--state', one.state, '--detach')
  assert.equal(missing.status, 2)
  assert.match(missing.error, /nowhere\.pem[\s\S]*\.lost/, 'both files at once')
  one.writePolicy()
  await one.up()
  const again = await one.sealwire('up', '--policy', one.policy, '--state', one.state)
  assert.equal(again.status, 2)
  assert.match(again.error, /another agent/)
  const port = await one.sealwire('up', '--policy', one.policy, '--state', `${one.state}-other`)
  assert.equal(port.status, 3)
  assert.match(port.error, /EADDRINUSE/)
  assert.equal((await one.status()).guard?.isThere, true, 'the guard of the one that runs stays')
  await one.down()
  assert.equal(await one.traces(), before)
})
