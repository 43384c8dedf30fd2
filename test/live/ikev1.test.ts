// Two agents that have IKEv1 alone with each other: keys that live for seconds, a path that loses large datagrams, a peer
// without IPsec, and what a scanner is told.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const wait = (seconds: number) => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

test('keys of both phases that live for seconds are renewed while packets flow, and none is lost or clear', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) {
    host.writePolicy({ ike: ['lifetime: { seconds: 10 }'], more: ['keying: [ikev1]', 'lifetime: { seconds: 10 }'] })
  }
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address, 1), 1)
  const pings = ['-q', '-c', '600', '-i', '0.02']
  const both = [one.run(['ping', ...pings, two.address]), two.run(['ping', ...pings, one.address])]
  await one.wrote('child-established', 2)
  await one.wrote('session-established', 2)
  for (const { out } of await Promise.all(both)) assert.match(out, / 600 received/, `${out}\n${one.log()}`)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

async function filter(host: LiveHost, hook: 'input' | 'output', rule: string): Promise<void> {
  const chain = `add chain ip path ${hook} { type filter hook ${hook} priority 0 ; }`
  const { status, error } = await host.run(['nft', `add table ip path; ${chain}; add rule ip path ${hook} ${rule}`])
  assert.equal(status, 0, error)
}

/** What a firewall does that takes large datagrams for an attack. */
async function loseLarge(host: LiveHost): Promise<void> {
  await filter(host, 'output', 'udp dport { 500, 4500 } udp length > 556 drop')
}

test('certificates come through in pieces where large datagrams do not', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) {
    host.writePolicy({ more: ['keying: [ikev1]'] })
    await loseLarge(host)
  }
  await Promise.all([one.up(), two.up()])
  await one.ping(two.address, 1, '-w', '8')
  assert.equal(await one.ping(two.address), 3, one.log())
  assert.match(two.log(), /session-established/)
})

test('a host without IPsec is spoken with in clear after three seconds where the rule says so', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ more: ['keying: [ikev1]', 'fallBackToClear: true'] })
  // A closed port would be an answer sooner.
  await filter(two, 'input', 'udp dport 500 drop')
  await one.up()
  const begun = performance.now()
  assert.equal(await one.ping(two.address, 1, '-W', '6'), 1, one.log())
  const seconds = (performance.now() - begun) / 1000
  assert.ok(seconds > 2.5 && seconds < 5.5, `${seconds} s`)
})

test('a peer that speaks IKE and refuses is not spoken with in clear', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ more: ['keying: [ikev1]', 'fallBackToClear: true'] })
  two.writePolicy({ ike: ['security: [3des-sha1-modp1024]'], more: ['keying: [ikev1]'] })
  const stop = await captureWire(one)
  await Promise.all([one.up(), two.up()])
  assert.equal(await one.ping(two.address, 3, '-w', '3'), 0)
  assert.match(one.log(), /NO-PROPOSAL-CHOSEN/)
  const { totals } = await audit(await stop(), one.policy)
  assert.equal(totals['leaked'], 0)
})

const isScannerHere = existsSync('/usr/bin/ike-scan') || process.env['SEALWIRE_LAB'] === 'required'
const whyNoScanner = isScannerHere ? false : 'skipped, because ike-scan is not installed'

test('a scanner is answered in main mode by what the policy has, and in aggressive mode by nobody', {
  skip: skip || whyNoScanner,
}, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ ike: ['security: [aes256-sha256-modp2048]'], more: ['keying: [ikev1]'] })
  await one.up()
  const scan = async (...words: readonly string[]) => {
    const ran = await two.run(['ike-scan', '--sport=500', '--retry=2', '--timeout=400', ...words, one.address])
    return `${ran.out}${ran.error}`
  }
  // Cipher and its key length, hash, signatures of ECDSA over P-256, group.
  const ours = '--trans=(1=7,14=256,2=4,3=9,4=14)'
  const main = await scan(ours)
  assert.match(main, /Main Mode Handshake returned/, main)
  assert.match(main, /Enc=AES.*KeyLength=256.*Hash=SHA2-256.*Group=14/, main)
  assert.match(main, /RFC 3947/, main)
  assert.match(await scan('--trans=5,2,1,2'), /NO-PROPOSAL-CHOSEN|0 returned handshake/)
  const aggressive = await scan('--aggressive', '--id=somebody', '--dhgroup=14', ours)
  assert.match(aggressive, /0 returned handshake/, aggressive)
  await wait(0.2)
  assert.match(one.log(), /aggressive mode/i)
})
