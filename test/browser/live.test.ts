// The page against live agents in namespaces: what happens on the wire is on the page within a second of the agent's knowing
// it, and the switch changes the agent that runs.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ip } from '../../src/native/test-namespaces.ts'
import { audit, captureWire, type LiveHost, run, twoAgents, whyNoAgents } from '../live/two-agents.ts'
import { picture, root, sighting, whyNoBrowser } from './browser.ts'
import { openLivePage, whyNoLivePage, writtenEvents } from './live-page.ts'

const skip = whyNoLivePage()

test('what the trials of the page need is here', { skip: process.env['SEALWIRE_LAB'] !== 'required' }, () => {
  assert.deepEqual([whyNoAgents(), whyNoBrowser()].filter(Boolean), [])
})

/** Milliseconds from the agent's event to the page. */
const BOUND = 1000

test('keys that come and are renewed, a peer with a wrong certificate, a guard that goes and a leak are each on the page within a second', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ more: ['lifetime: { seconds: 10 }'] })
  await Promise.all([one.up(), two.up()])
  const { page, faults, open } = await openLivePage(context, one)
  const { page: wide } = await open({ viewport: { width: 2560, height: 1200 } }, 'associations')
  await wide.evaluate(recordSpis)
  const took: string[] = []
  const timed = (what: string, from: number, shown: number) => {
    took.push(`${what} ${shown - from} ms`)
    assert.ok(shown - from < BOUND, took.join(', '))
  }

  const established = sighting(page, /Associations\s+1\b/)
  assert.ok((await one.ping(two.address)) > 0)
  timed('keys', writtenEvents(one, 'child-established')[0]!.ms, await established)

  await one.wrote('child-established', 2)
  const [, renewed] = writtenEvents(one, 'child-established')
  const spi = String(renewed!['spi'])
  await sighting(wide, new RegExp(spi))
  timed('renewed keys', renewed!.ms, await wide.evaluate<number>(`firstSeen['${spi}']`))

  const failure = sighting(page, /Newest failure[\s\S]*does not accept our proof of who we are/)
  const ca = await run(join(root, 'sealwire'), [
    'cert',
    'ca',
    '--name',
    'Another CA',
    '--out',
    join(one.folder, 'other'),
  ])
  assert.equal(ca.status, 0, ca.error)
  writeFileSync(two.policy, readFileSync(two.policy, 'utf8').replace('ca: ca.pem', 'ca: other/ca.pem'))
  await two.wrote('policy-changed')
  const pinging = one.ping(two.address, 20)
  const shown = await failure
  const failed = [...writtenEvents(one, 'session-failed'), ...writtenEvents(one, 'child-failed')].map(({ ms }) => ms)
  timed('failure', Math.min(...failed), shown)
  await picture(page, 'live-failure')
  await pinging

  const unguarded = sighting(page, /NOT in place|The guard was not as it was put in place/)
  const gone = Date.now()
  removeGuard(one)
  timed('guard', gone, await unguarded)

  const leaked = sighting(page, /\bLeaked\b[\s\S]*left in clear against the policy/i)
  const sent = await leak(one, two)
  timed('leak', sent, await leaked)
  await picture(page, 'live-leak')
  context.diagnostic(took.join(', '))
  assert.deepEqual(await faults(), [])
})

/** When each SPI was on the page first. */
const recordSpis = `
  globalThis.firstSeen = {}
  const look = () => {
    for (const [spi] of document.body.innerText.matchAll(/0x[0-9a-f]{8}/g)) firstSeen[spi] ??= Date.now()
    requestAnimationFrame(look)
  }
  look()
`

function removeGuard(host: LiveHost): void {
  spawnSync('ip', ['netns', 'exec', host.namespace, 'nft', 'delete', 'table', 'inet', 'sealwire'])
}

/** Takes away what keeps packets from leaving in clear until one left; answers when that was. */
async function leak(host: LiveHost, peer: LiveHost): Promise<number> {
  const stop = await captureWire(peer)
  const rules = ip('-n', host.namespace, 'rule').match(/^\d+(?=:)/gm)!
  for (const rule of rules.filter(number => !['0', '32766', '32767'].includes(number)))
    ip('-n', host.namespace, 'rule', 'delete', 'priority', rule)
  removeGuard(host)
  const sent = Date.now()
  await host.ping(peer.address, 1)
  const { totals } = await audit(await stop(), host.policy)
  assert.ok((totals['leaked'] ?? 0) > 0, 'the trial itself works: something left in clear')
  return sent
}

const IPSEC = String.raw`HKLM\SYSTEM\CurrentControlSet\Services\IPSEC`

/** A datagram to Kerberos's port: is it sealed on the wire? */
async function kerberosOnTheWire(from: LiveHost, to: LiveHost): Promise<'sealed' | 'clear'> {
  const stop = await captureWire(to)
  await from.run(['bash', '-c', `echo ask >/dev/udp/${to.address}/88`])
  const { classes, totals } = await audit(await stop(), from.policy)
  assert.ok((classes['kerberos'] ?? 0) + (totals['protected'] ?? 0) > 0, 'the datagram is on the wire')
  return (classes['kerberos'] ?? 0) > 0 ? 'clear' : 'sealed'
}

test('the switch shows what would change, asks, and changes the agent that runs; Escape changes nothing, and neither does what is no longer so', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  await Promise.all([one.up(), two.up()])
  assert.ok((await one.ping(two.address)) > 0)
  const { page, faults } = await openLivePage(context, one)
  await page.evaluate("location.hash = '#exemptions'")
  const setting = async () => (await one.status()).setting.value
  const choose = async (value: number) => {
    await page.getByRole('radio', { name: new RegExp(`^${value} `) }).check()
    await page.getByRole('heading', { name: `At ${value} instead of` }).waitFor()
  }
  const ask = (value: number) => page.getByRole('button', { name: `Change NoDefaultExempt to ${value}` }).click()
  const dialog = page.getByRole('dialog')
  assert.equal(await setting(), 0)
  assert.equal(await kerberosOnTheWire(one, two), 'clear')

  await choose(1)
  const preview = (await page.getByRole('main').textContent()) ?? ''
  assert.match(preview, /Kerberos.*exempt.*becomes.*sealed/i)
  await ask(1)
  await dialog.waitFor()
  await picture(page, 'live-dialog')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  assert.equal(await setting(), 0, 'Escape')
  await ask(1)
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  assert.equal(await setting(), 0, 'Leave it')

  await ask(1)
  const changed = sighting(page, /NoDefaultExempt is 1 now/)
  await dialog.getByRole('button', { name: 'Change it to 1' }).click()
  await changed
  assert.equal(await setting(), 1)
  await sighting(page, /NoDefaultExempt\s+1, from the registry/)
  assert.equal(await kerberosOnTheWire(one, two), 'sealed')
  assert.match(writtenEvents(one, 'setting-changed')[0]!['by'] as string, /page of root/)
  const query = await one.sealwire('reg', 'query', IPSEC, '--state', one.state)
  assert.match(query.out, /NoDefaultExempt\s+REG_DWORD\s+0x1/)

  // Between the press and its arrival somebody else changes it.
  await choose(0)
  await ask(0)
  await page.route('**/setting', async route => {
    const words = [
      'reg',
      'add',
      IPSEC,
      '/v',
      'NoDefaultExempt',
      '/t',
      'REG_DWORD',
      '/d',
      '0',
      '/f',
      '--state',
      one.state,
    ]
    if (route.request().method() === 'POST') assert.equal((await one.sealwire(...words)).status, 0)
    await route.continue()
  })
  const refused = sighting(page, /0 is in force by now, not 1/)
  await dialog.getByRole('button', { name: 'Change it to 0' }).click()
  await refused
  assert.equal(writtenEvents(one, 'setting-changed').length, 1, 'the page changed it once')
  assert.deepEqual(
    (await faults()).filter(fault => !fault.includes('status of 409')),
    [],
  )
})
