// A policy that an administrator of Windows wrote as a netsh script, run by agents, beside the same policy as YAML; then netsh
// on running agents: what it changes counts when it answers. Pre-shared keys prove who is who.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()

/** All traffic between the two is sealed, but for what asks port 9001, which passes, and what asks 9002, which does not. */
const script = `@echo off
rem Two hosts, as a batch file of Windows Server 2003.
netsh ipsec static add policy name="Two hosts" activatedefaultrule=no mmsecmethods="3DES-SHA1-2"
netsh ipsec static add filterlist name=All
netsh ipsec static add filter filterlist=All srcaddr=10.99.0.1 dstaddr=10.99.0.2
netsh ipsec static add filterlist name=Clear
netsh ipsec static add filter filterlist=Clear srcaddr=10.99.0.1 dstaddr=10.99.0.2 protocol=udp dstport=9001
netsh ipsec static add filterlist name=Closed
netsh ipsec static add filter filterlist=Closed srcaddr=10.99.0.1 dstaddr=10.99.0.2 protocol=udp dstport=9002
netsh ipsec static add filteraction name=Require soft=no inpass=no qmsecmethods="ESP[3DES,SHA1]:100000k/3600s"
netsh ipsec static add filteraction name=Permit action=permit
netsh ipsec static add filteraction name=Block action=block
netsh ipsec static add rule name=Secure policy="Two hosts" filterlist=All filteraction=Require psk="open sesame"
netsh ipsec static add rule name=Open policy="Two hosts" filterlist=Clear filteraction=Permit
netsh ipsec static add rule name=Shut policy="Two hosts" filterlist=Closed filteraction=Block
netsh ipsec static set policy name="Two hosts" assign=yes
`

const yaml = `name: Two hosts
profile: windows-server-2003
ike: { security: [3des-sha1-modp1024] }
rules:
  - name: Secure
    filters: [{ source: 10.99.0.1, destination: 10.99.0.2, mirrored: true }]
    action: negotiate
    security: [esp-3des-sha1]
    keying: [ikev1]
    authentication: [{ preSharedKey: open sesame }]
  - name: Open
    filters: [{ source: 10.99.0.1, destination: 10.99.0.2, protocol: udp, destinationPort: 9001, mirrored: true }]
    action: permit
  - name: Shut
    filters: [{ source: 10.99.0.1, destination: 10.99.0.2, protocol: udp, destinationPort: 9002, mirrored: true }]
    action: block
`

const sender = `
const socket = require('node:dgram').createSocket('udp4')
const send = (left) => left === 0 ? socket.close() : socket.send('x', Number(process.argv[2]), process.argv[1], () => setTimeout(send, 20, left - 1))
socket.on('error', () => {})
send(5)
`

/** Says when it listens, and how many datagrams came to each port. */
const receiver = `
const counts = { 9001: 0, 9002: 0, 9003: 0 }
let open = 0
for (const port of Object.keys(counts)) {
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', () => counts[port]++)
  socket.bind(Number(port), () => { if (++open === 3) console.log('ready') })
}
process.stdin.on('data', () => { console.log(JSON.stringify(counts)); process.exit() })
`

async function netsh(host: LiveHost, ...words: readonly string[]): Promise<string> {
  const ran = await host.sealwire('netsh', ...words, '--state', host.state)
  assert.equal(ran.status, 0, ran.error + host.log())
  return ran.out
}

/** What passes, and how it looks on the wire. */
async function seen(one: LiveHost, two: LiveHost, judge: string) {
  const child = spawn('ip', ['netns', 'exec', two.namespace, process.execPath, '-e', receiver], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]()
  await lines.next()
  const stop = await captureWire(two)
  const echoes = await one.ping(two.address)
  for (const port of ['9001', '9002', '9003']) {
    await one.run([process.execPath, '-e', sender, two.address, port])
  }
  const { conversations, findings } = await audit(await stop(), judge)
  child.stdin.end('end\n')
  const arrived = JSON.parse(String((await lines.next()).value)) as Readonly<Record<string, number>>
  const kinds = ['protected', 'permitted', 'leaked', 'blocked', 'no-policy']
  // What hosts say to groups while their links come up is none of it.
  const isTheirs = (address: string) => address === one.address || address === two.address
  const theirs = conversations.filter(
    ({ flow }) => flow !== null && isTheirs(flow.source) && isTheirs(flow.destination),
  )
  const sum = (kind: string) => theirs.reduce((all, { verdict, packets }) => all + (verdict === kind ? packets : 0), 0)
  return { echoes, arrived, findings, totals: Object.fromEntries(kinds.map(kind => [kind, sum(kind)])) }
}

test('a policy of a netsh script, run live, does what the same policy in YAML does', { skip }, async context => {
  const hosts = await twoAgents(context)
  const [one, two] = hosts
  const file = join(one.folder, 'two-hosts.bat')
  const judge = join(one.folder, 'judge.yaml')
  writeFileSync(file, script.replaceAll('\n', '\r\n'))
  writeFileSync(judge, yaml)
  const results = []
  for (const kind of ['netsh', 'yaml'] as const) {
    for (const host of hosts) {
      if (kind === 'yaml') writeFileSync(host.policy, yaml)
      else await netsh(host, '-f', file)
      const policy = kind === 'yaml' ? host.policy : 'registry:'
      const ran = await host.sealwire('up', '--policy', policy, '--state', host.state, '--detach')
      assert.equal(ran.status, 0, `${ran.error}\n${host.log()}`)
    }
    results.push(await seen(one, two, judge))
    for (const host of hosts) await host.down()
  }
  const [byScript, byYaml] = results
  assert.deepEqual(byScript, byYaml)
  assert.equal(byScript!.echoes, 3)
  assert.deepEqual(byScript!.arrived, { 9001: 5, 9002: 0, 9003: 5 })
  // Three echoes there and back and the datagrams to 9003; to 9002 nothing came out.
  assert.deepEqual(byScript!.totals, { protected: 11, permitted: 5, leaked: 0, blocked: 0, 'no-policy': 0 })
})

test('netsh on running agents: a rule that is set, a dynamic rule, a policy that is taken away count at once', {
  skip,
}, async context => {
  const hosts = await twoAgents(context)
  const [one, two] = hosts
  const file = join(one.folder, 'two-hosts.bat')
  writeFileSync(file, script)
  for (const host of hosts) {
    const ran = await host.sealwire('up', '--policy', 'registry:', '--state', host.state, '--detach')
    assert.equal(ran.status, 0, `${ran.error}\n${host.log()}`)
    assert.match((await host.status()).policy.warnings.join(), /no policy is assigned/)
    await netsh(host, '-f', file)
  }
  assert.equal(await one.ping(two.address), 3)
  const stop = await captureWire(two)
  assert.equal(await one.ping(two.address), 3)
  const judge = join(one.folder, 'judge.yaml')
  writeFileSync(judge, yaml)
  assert.equal((await audit(await stop(), judge)).totals['protected'], 6)

  await netsh(one, 'ipsec', 'static', 'set', 'rule', 'name=Secure', 'policy=Two hosts', 'filteraction=Block')
  assert.equal(await one.ping(two.address), 0)
  await netsh(one, 'ipsec', 'static', 'set', 'rule', 'name=Secure', 'policy=Two hosts', 'filteraction=Require')
  assert.equal(await one.ping(two.address), 3)

  const icmp = ['srcaddr=10.99.0.1', 'dstaddr=10.99.0.2', 'protocol=icmp']
  await netsh(one, 'ipsec', 'dynamic', 'add', 'rule', ...icmp, 'actioninbound=block', 'actionoutbound=block')
  assert.equal(await one.ping(two.address), 0)
  await netsh(one, 'ipsec', 'dynamic', 'delete', 'rule', ...icmp)
  assert.equal(await one.ping(two.address), 3)

  // A mistake changes nothing: every line is named.
  const broken = join(one.folder, 'broken.bat')
  writeFileSync(broken, 'netsh ipsec static delete all\nnetsh ipsec static ad polcy name=x\n')
  const ran = await one.sealwire('netsh', '-f', broken, '--state', one.state)
  assert.equal(ran.status, 2)
  assert.match(ran.error, /broken\.bat:2/)
  assert.equal(await one.ping(two.address), 3)

  for (const host of hosts) await netsh(host, 'ipsec', 'static', 'set', 'policy', 'name=Two hosts', 'assign=no')
  const clear = await captureWire(two)
  assert.equal(await one.ping(two.address), 3)
  assert.equal((await audit(await clear(), judge)).totals['leaked'], 6, 'in clear, as Windows without a policy')
})

test('an authority that a script names stands for the host’s own files', { skip }, async context => {
  const hosts = await twoAgents(context)
  const [one, two] = hosts
  const file = join(one.folder, 'certificates.bat')
  writeFileSync(file, script.replace('psk="open sesame"', 'rootca="CN=Test CA certmap:no excludecaname:no"'))
  for (const host of hosts) {
    await netsh(host, '-f', file)
    const own = (name: string) => join(host.folder, name)
    const files = ['--ca', own('ca.pem'), '--certificate', own(`${host.name}.pem`), '--key', own(`${host.name}.key`)]
    const ran = await host.sealwire('up', '--policy', 'registry:', ...files, '--state', host.state, '--detach')
    assert.equal(ran.status, 0, `${ran.error}\n${host.log()}`)
  }
  assert.equal(await one.ping(two.address), 3)
  const { sessions } = await one.status()
  assert.match(JSON.stringify(sessions), /dc2\.corp\.test/)
})
