// Who gets at the page's data in a real browser, and who does not: without the token nobody, from pages of other origins nobody,
// under another name nobody, and not even with the token from there.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { openPage, seconds, sighting, startBrowser, whyNoBrowser } from './browser.ts'
import { type MadeUp, serveMadeUp, TOKEN } from './made-up-server.ts'

const skip = whyNoBrowser()
/** What stands in each answer that tells something of the host. */
const data = /10\.54\.|2001:db8|corp\.test|domain controllers/i

function serve(context: TestContext): Promise<MadeUp> {
  return serveMadeUp(context, 'calm', 20)
}

/** Each way in which a page asks somebody else's server; the answer is what it could read. */
const attacks = (target: string) => `(async () => {
  const read = []
  const token = { authorization: 'Bearer ${TOKEN}' }
  const json = { 'content-type': 'application/json' }
  const body = JSON.stringify({ value: 1, expected: 0 })
  for (const path of ['/feed', '/policy', '/setting', '/metrics', '/healthz', '/', '/page.js'])
    for (const options of [{}, { headers: token }, { mode: 'no-cors' }, { credentials: 'include' }])
      read.push(await Promise.race([
        fetch('${target}' + path, options).then(async answer => answer.type + ' ' + (await answer.text()).slice(0, 500)),
        new Promise(resolve => setTimeout(resolve, 1000, 'nothing came')),
      ]).catch(error => 'refused'))
  for (const options of [
    { headers: { ...token, ...json } }, { headers: json }, { mode: 'no-cors' },
    { mode: 'no-cors', headers: { 'content-type': 'text/plain' } }, { mode: 'no-cors', keepalive: true },
  ])
    read.push(await fetch('${target}/setting', { method: 'POST', body, ...options })
      .then(async answer => answer.type + ' ' + await answer.text()).catch(error => 'refused'))
  read.push('beacon ' + navigator.sendBeacon('${target}/setting', new Blob([body], { type: 'application/json' })))
  const frame = document.createElement('iframe')
  frame.src = '${target}/#token=${TOKEN}'
  document.body.append(frame)
  const script = document.createElement('script')
  script.src = '${target}/policy'
  document.body.append(script)
  const form = Object.assign(document.createElement('form'), { method: 'post', action: '${target}/setting', target: 'elsewhere', enctype: 'text/plain' })
  form.append(Object.assign(document.createElement('input'), { name: '{"value":1,"expected":0,"x":"', value: '"}' }))
  document.body.append(form)
  form.submit()
  await new Promise(resolve => setTimeout(resolve, 400))
  try { read.push('frame ' + frame.contentDocument.body.innerText) } catch { read.push('frame refused') }
  return read
})()`

async function attack(page: Page, target: string): Promise<readonly string[]> {
  return page.evaluate<string[]>(attacks(target))
}

function nothingIn(read: readonly string[]): void {
  assert.ok(read.length > 30)
  for (const text of read) {
    assert.doesNotMatch(text, data)
    assert.match(text, /^(refused|nothing came|opaque $|beacon |frame (refused|$|null))/)
  }
}

test('who gets at the data of the page, in a browser', { skip }, async whole => {
  // A name that leads here (DNS rebinding). Chromium by itself asks its user before a page may go on to loopback; what is
  // tried here is our own defence.
  const flags = ['--host-resolver-rules=MAP evil.example 127.0.0.1', '--disable-features=LocalNetworkAccessChecks']
  const browser = await startBrowser(whole, { flags })

  await whole.test('without a token and with a wrong one there are words that help, and no data', async context => {
    const { origin } = await serve(context)
    for (const fragment of ['', '#token=', '#token=this-is-not-the-token-of-this-test', '#tokn=x']) {
      const { page } = await openPage(browser, origin)
      const statuses: number[] = []
      page.on('response', response => {
        if (/\/(feed|policy|setting|metrics)/.test(response.url())) statuses.push(response.status())
      })
      await page.goto(`${origin}/${fragment}`)
      await sighting(page, /sealwire monitor --web/)
      await seconds(0.5)
      assert.doesNotMatch(await page.content(), data)
      assert.ok(
        statuses.every(status => status === 401),
        `${fragment}: ${statuses.join(' ')}`,
      )
      await page.context().close()
    }
  })

  await whole.test(
    'the token goes out of the address and to no cookie, and reloading the page still has it',
    async context => {
      const { origin } = await serve(context)
      const { page, faults } = await openPage(browser, origin)
      const urls: string[] = []
      page.on('request', request => urls.push(request.url()))
      await page.goto(`${origin}/#token=${TOKEN}`)
      for (const visit of ['first', 'again']) {
        await sighting(page, /10\.54\.0\.1/)
        assert.equal(await page.evaluate('location.href'), `${origin}/`, visit)
        if (visit === 'first') await page.reload()
      }
      assert.deepEqual(await page.context().cookies(), [])
      // What stays after the window is the choice of colours.
      assert.doesNotMatch(await page.evaluate<string>('JSON.stringify(localStorage)'), new RegExp(TOKEN))
      assert.ok(urls.every(url => !url.includes(TOKEN)))
      assert.doesNotMatch(await page.content(), new RegExp(TOKEN))
      assert.deepEqual(await faults(), [])
      // Another window of the same browser is told nothing.
      const other = await page.context().newPage()
      await other.goto(origin)
      await other.getByText('sealwire monitor --web').waitFor()
      assert.doesNotMatch(await other.content(), data)
    },
  )

  await whole.test(
    'a page of another origin on this host reads nothing and changes nothing, even if it knows the token',
    async context => {
      const { origin, changed } = await serve(context)
      const stranger = createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>a stranger</title><body>')
      })
      await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
      context.after(() => stranger.close())
      const { port } = stranger.address() as AddressInfo
      for (const host of ['127.0.0.1', 'localhost']) {
        const page = await browser.newPage()
        await page.goto(`http://${host}:${port}/`)
        nothingIn(await attack(page, origin))
        nothingIn(await attack(page, origin.replace('127.0.0.1', 'localhost')))
        await page.close()
      }
      assert.deepEqual(changed, [])
      // Who follows a link from there comes to the page itself, which tells nothing without the token.
      const { page } = await openPage(browser, origin)
      await page.goto(`http://127.0.0.1:${port}/`)
      await page.evaluate(`void setTimeout(() => location.href = '${origin}/')`)
      await page.getByText('sealwire monitor --web').waitFor()
    },
  )

  await whole.test(
    'a name that is made to lead here (DNS rebinding) gets nothing, even if it knows the token',
    async context => {
      const { origin, changed } = await serve(context)
      const evil = origin.replace('127.0.0.1', 'evil.example')
      const page = await browser.newPage()
      const answer = await page.goto(`${evil}/#token=${TOKEN}`)
      assert.equal(answer?.status(), 403)
      assert.doesNotMatch(await page.content(), data)
      // The attacker's own page, as it came while the name still led elsewhere; from here on it is of the same origin as the monitor.
      await page.route(`${evil}/`, route =>
        route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>evil</title><body>' }),
      )
      await page.goto(`${evil}/`)
      assert.equal(await page.title(), 'evil')
      const read = await page.evaluate<string[]>(`(async () => {
    const headers = { authorization: 'Bearer ${TOKEN}' }
    const read = []
    for (const path of ['/feed', '/policy', '/setting?value=1', '/metrics', '/page.js', '/healthz'])
      for (const options of [{}, { headers }])
        read.push(await fetch(path, options).then(async answer => answer.status + ' ' + await answer.text()))
    const change = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{"value":1,"expected":0}' }
    read.push(await fetch('/setting', change).then(async answer => answer.status + ' ' + await answer.text()))
    return read
  })()`)
      assert.equal(read.length, 13)
      for (const text of read) assert.match(text, /^403 this is not the host that is meant\n$/)
      assert.deepEqual(changed, [])
    },
  )
})
