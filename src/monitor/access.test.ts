// Every rule of who may ask, by itself: a head that breaks it and nothing else is refused, whatever is asked for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, type Forbidden, type RequestHead, type Rules, type Wanted, whyNot } from './access.ts'

const TOKEN = 'a-token-of-some-length'
const rules: Rules = { port: 9755, tokenDigest: digestOf(TOKEN) }
const data: Wanted = { methods: ['GET'], isOpen: false }
const setting: Wanted = { methods: ['GET', 'POST'], isOpen: false }
const shell: Wanted = { methods: ['GET'], isOpen: true }

/** As the page itself asks. */
const own: RequestHead = {
  ...{ method: 'GET', host: '127.0.0.1:9755', origin: undefined, authorization: `Bearer ${TOKEN}` },
  ...{ fetchSite: 'same-origin', fetchDest: 'empty', contentType: undefined },
}
const change: RequestHead = {
  ...own,
  ...{ method: 'POST', origin: 'http://127.0.0.1:9755', contentType: 'application/json' },
}

const cases: readonly [
  what: string,
  head: Partial<RequestHead>,
  wanted: Wanted,
  status: Forbidden['status'] | undefined,
][] = [
  ['the page asks', {}, data, undefined],
  ['a program asks', { fetchSite: undefined, fetchDest: undefined }, data, undefined],
  ['by its other name', { host: 'localhost:9755', origin: 'http://localhost:9755' }, data, undefined],
  ['in the other family', { host: '[::1]:9755' }, data, undefined],
  ['no token', { authorization: undefined }, data, 401],
  ['another token', { authorization: `Bearer ${TOKEN}x` }, data, 401],
  ['the beginning of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, data, 401],
  ['the token in another manner', { authorization: `Basic ${TOKEN}` }, data, 401],
  ['no Host', { host: undefined }, data, 400],
  ['a name that leads here (rebinding)', { host: 'evil.example:9755' }, data, 403],
  ['the same without the port', { host: '127.0.0.1' }, data, 403],
  ['another port of this machine', { host: '127.0.0.1:9756' }, data, 403],
  ['a page of another origin', { origin: 'http://evil.example' }, data, 403],
  ['a page of another port', { origin: 'http://127.0.0.1:9756' }, data, 403],
  ['a page of a file', { origin: 'null' }, data, 403],
  ['another site', { fetchSite: 'cross-site' }, data, 403],
  ['a sister of the site', { fetchSite: 'same-site' }, data, 403],
  ['a method that is none', { method: 'PUT' }, data, 405],
  ['a question before a change (CORS)', { method: 'OPTIONS' }, setting, 405],
  ['the shell without a token', { authorization: undefined }, shell, undefined],
  [
    'the shell by a link',
    { authorization: undefined, fetchSite: 'cross-site', fetchDest: 'document' },
    shell,
    undefined,
  ],
  ['the shell in a frame', { authorization: undefined, fetchSite: 'cross-site', fetchDest: 'iframe' }, shell, 403],
  [
    'its script for another page',
    { authorization: undefined, fetchSite: 'cross-site', fetchDest: 'script' },
    shell,
    403,
  ],
  ['the shell by a name that leads here', { authorization: undefined, host: 'evil.example:9755' }, shell, 403],
  ['data by a link', { fetchSite: 'cross-site', fetchDest: 'document' }, data, 403],
  ['a change', change, setting, undefined],
  [
    'a change with its letters named',
    { ...change, contentType: 'application/json; charset=utf-8' },
    setting,
    undefined,
  ],
  ['a change where none is', change, data, 405],
  ['a change without Origin', { ...change, origin: undefined }, setting, 403],
  ['a change of another origin', { ...change, origin: 'https://127.0.0.1:9755' }, setting, 403],
  ['a change without token', { ...change, authorization: undefined }, setting, 401],
  ['a change as a form sends it', { ...change, contentType: 'application/x-www-form-urlencoded' }, setting, 415],
  ['a change as text', { ...change, contentType: 'text/plain' }, setting, 415],
  ['a change of no kind', { ...change, contentType: undefined }, setting, 415],
  ['a change of two kinds', { ...change, contentType: 'text/plain, application/json' }, setting, 415],
]

for (const [what, head, wanted, status] of cases) {
  test(`${what}: ${status === undefined ? 'let in' : `refused with ${status}`}`, () => {
    assert.equal(whyNot({ ...own, ...head }, wanted, rules)?.status, status)
  })
}

test('on a Unix socket, which no browser reaches, neither Host nor Origin nor token is asked for', () => {
  const bare: RequestHead = {
    ...{ method: 'GET', host: undefined, origin: undefined, authorization: undefined, contentType: undefined },
    ...{ fetchSite: undefined, fetchDest: undefined },
  }
  const socket: Rules = { port: undefined, tokenDigest: undefined }
  assert.equal(whyNot(bare, data, socket), undefined)
  assert.equal(whyNot({ ...bare, method: 'POST', contentType: 'application/json' }, setting, socket), undefined)
  assert.equal(whyNot({ ...bare, method: 'POST' }, setting, socket)?.status, 415)
})
