// No secret comes to the page, nor to anything else that is served or written around it: known ones are planted and searched
// for in every form in which octets are written.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { sections } from '../../src/monitor/page/facts/route.ts'
import { run, twoAgents } from '../live/two-agents.ts'
import { seconds } from './browser.ts'
import { openLivePage, whyNoLivePage } from './live-page.ts'

const SECRET = 'the planted secret of a page and two agents'

function formsOf(octets: Uint8Array): readonly string[] {
  const hex = octets.toHex()
  return [
    ...[hex, hex.toUpperCase(), hex.match(/../g)!.join(':'), hex.match(/../g)!.join(' '), [...octets].join(',')],
    ...[octets.toBase64(), octets.toBase64({ alphabet: 'base64url', omitPadding: true })],
    Buffer.from(octets).toString('latin1'),
  ]
}

/** The lines between BEGIN and END, without the key's kind that all keys share. */
function keyOf(file: string): Uint8Array {
  const text = readFileSync(file, 'utf8').replaceAll(/-----.*-----|\s/g, '')
  return Uint8Array.fromBase64(text).slice(-40)
}

/** All that the page has, wherever it has it, but for where it keeps its token: sessionStorage, and the address it was opened by. */
async function holdings(page: Page): Promise<string> {
  const stored = await page.evaluate<string>(`(async () => JSON.stringify([
    document.documentElement.outerHTML, document.body.innerText, document.cookie, location.href, document.title,
    { ...localStorage }, Object.keys(sessionStorage), history.state,
    (await indexedDB.databases()).map(({ name }) => name), await caches?.keys().catch(() => []),
  ]))()`)
  return JSON.stringify([stored, await page.context().cookies()])
}

test('planted keys and the page’s token are in no page, answer, event, log or metric', {
  skip: whyNoLivePage(),
}, async context => {
  const [one, two] = await twoAgents(context)
  // The agent's own page, and the one of a process beside it.
  const own = { origin: 'http://127.0.0.1:9755', token: 'the-planted-token-of-the-page-of-the-agent' }
  writeFileSync(join(one.folder, 'token'), `${own.token}\n`)
  // One rule by a secret and one by certificates, so that both are in use.
  const rule = ['name: By a secret', 'filters: [{ source: "fd99::1", destination: "fd99::2", mirrored: true }]']
  const more = ['action: negotiate', 'security: [esp-aes256gcm16]', `authentication: [{ preSharedKey: ${SECRET} }]`]
  for (const host of [one, two]) {
    host.writePolicy({ rules: [`{ ${[...rule, ...more].join(', ')} }`] })
    writeFileSync(host.policy, readFileSync(host.policy, 'utf8').replace(/^ {6}- .*"fd99::1".*\n/m, ''))
  }
  await one.up('--verbose', '--web', '127.0.0.1:9755', '--web-token', join(one.folder, 'token'))
  await two.up()
  const { page, served, open, faults } = await openLivePage(context, one)
  const ownPage = await open({}, 'overview', own)
  const lines: string[] = []
  for (const to of [two.address, two.address6]) assert.ok((await one.ping(to, 3)) > 0, one.log())
  assert.equal((await one.status()).associations.length, 2, 'both rules have keys')
  for (const section of sections) {
    await page.evaluate(`location.hash = '#${section}'`)
    await seconds(0.4)
    const closed = page.getByRole('main').getByRole('button', { expanded: false })
    if ((await closed.count()) > 0) await closed.first().click()
    lines.push(await holdings(page))
  }
  await ownPage.page.getByText(two.name).first().waitFor()
  lines.push(await holdings(ownPage.page))
  const ask = (path: string, token: string, origin = served.origin) =>
    one.run([process.execPath, '-e', reader, `${origin}${path}`, token]).then(({ out }) => out)
  const outputs = {
    page: lines.join('\n'),
    feed: await ask('/feed', served.token),
    policy: await ask('/policy', served.token),
    setting: await ask('/setting?value=1', served.token),
    metrics: await ask('/metrics', served.token),
    'metrics of the agent': await ask('/metrics', own.token, own.origin),
    'feed of the agent': await ask('/feed', own.token, own.origin),
    log: one.log() + two.log(),
    status: JSON.stringify(await one.status()),
    processes: (await run('ps', ['-eo', 'args'])).out,
  }
  const bytes = (text: string) => new TextEncoder().encode(text)
  const secrets = {
    ...{ 'the shared secret': bytes(SECRET), 'the token of the agent’s page': bytes(own.token) },
    ...{ 'the token of the page': bytes(served.token) },
    'the private key of one': keyOf(join(one.folder, `${one.name}.key`)),
    'the private key of the other': keyOf(join(two.folder, `${two.name}.key`)),
  }
  for (const [name, text] of Object.entries(outputs)) {
    assert.ok(text.length > 200, `${name} has something to search: ${text}`)
    for (const [what, octets] of Object.entries(secrets))
      for (const form of formsOf(octets)) assert.ok(!text.includes(form), `${name} holds ${what}`)
    assert.doesNotMatch(text, /PRIVATE KEY/)
  }
  assert.ok(outputs.feed.includes(two.address), 'the feed tells of the peer')
  assert.deepEqual([...(await faults()), ...(await ownPage.faults())], [])
})

/** Prints what comes within two seconds. */
const reader = `
  const [url, token] = process.argv.slice(1)
  setTimeout(() => process.exit(), 2000)
  fetch(url, { headers: { authorization: 'Bearer ' + token } }).then(async answer => {
    for await (const piece of answer.body) process.stdout.write(piece)
  })
`
