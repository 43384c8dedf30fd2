// Against the real library and MIT's key center on a loopback port. This process has one realm for all of its tests, since
// the library takes its configuration from the environment.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { freePort, KerberosRealm, REALM, whyNoRealm } from '../../test/kerberos-realm.ts'
import { type Gssapi, type GssFault, type GssStep, gssapi, WANTED_FLAGS } from './gssapi.ts'

const skip = whyNoRealm()
const one = `host/dc1.corp.test@${REALM}`
const two = `host/dc2.corp.test@${REALM}`
let gss: Gssapi
let realm: KerberosRealm
let keytabs: readonly [string, string]

before(async () => {
  if (skip !== false) return
  gss = gssapi() as Gssapi
  realm = new KerberosRealm({ port: await freePort() })
  Object.assign(process.env, realm.environment)
  // What would be found by default must not be: neither keys nor tickets of this user.
  Object.assign(process.env, { KRB5_KTNAME: '/nowhere/keytab', KRB5CCNAME: `FILE:${realm.path('cache')}` })
  await realm.start()
  keytabs = [realm.account(one), realm.account(two)]
})
after(() => realm?.end())

type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: GssFault }

function good<T>(answer: Answer<T>): T {
  assert.ok(answer.ok, answer.ok ? '' : `${answer.error.code}: ${answer.error.words}`)
  return answer.value
}

function fault<T>(answer: Answer<T>): GssFault {
  assert.ok(!answer.ok)
  return answer.error
}

const initiator = async () => good(await gss.acquireInitiator({ principal: one, keytab: keytabs[0] }))
const acceptor = () => good(gss.acquireAcceptor({ principal: two, keytab: keytabs[1] }))

async function begun(credential: number): Promise<GssStep & { readonly token: Uint8Array }> {
  const step = good(await gss.beginContext(credential, two))
  assert.ok(step.token !== undefined && !step.isComplete)
  return { ...step, token: step.token }
}

async function both(): Promise<readonly [initiator: number, acceptor: number]> {
  const credential = await initiator()
  const first = await begun(credential)
  const accepted = good(gss.acceptContext(acceptor(), 0, first.token))
  const last = good(gss.continueContext(credential, first.context, two, accepted.token!))
  assert.deepEqual([accepted.isComplete, last.isComplete], [true, true])
  for (const { flags } of [accepted, last]) assert.equal(flags & WANTED_FLAGS, WANTED_FLAGS)
  return [last.context, accepted.context]
}

test('two principals of one process prove themselves to each other, and each hears who the other is', {
  skip,
}, async () => {
  const [left, right] = await both()
  assert.equal(good(gss.peerOf(left)), two)
  assert.equal(good(gss.peerOf(right)), one)
  for (const context of [left, right]) gss.deleteContext(context)
})

test('what is wrapped is encrypted, opens once, and not after a change', { skip }, async () => {
  const [left, right] = await both()
  const hash = new Uint8Array(20).fill(7)
  const sealed = good(gss.wrap(left, hash))
  assert.ok(!sealed.toHex().includes(hash.toHex()))
  assert.deepEqual(good(gss.unwrap(right, sealed)), hash)
  assert.equal(fault(gss.unwrap(right, sealed)).major, 8, 'GSS_S_UNSEQ_TOKEN: it was opened before')
  for (let at = 0; at < sealed.length; at++) {
    const changed = good(gss.wrap(right, hash))
    changed[at]! ^= 1
    const opened = gss.unwrap(left, changed)
    // The last octet of the filler counts for nothing; a changed sequence number may be a later one.
    if (opened.ok) assert.deepEqual(opened.value, hash)
    else assert.notEqual(opened.error.words, '')
  }
})

test('a token is taken once: a second time it is a replay', { skip }, async () => {
  const credential = acceptor()
  const { token } = await begun(await initiator())
  good(gss.acceptContext(credential, 0, token))
  const { code, token: answer } = fault(gss.acceptContext(credential, 0, token))
  assert.equal(code, 34)
  assert.ok(answer !== undefined, 'with an error that the peer can read')
})

test('octets of a stranger are a fault with words, whatever they are', { skip }, async () => {
  const credential = acceptor()
  const { token } = await begun(await initiator())
  const strangers = [new Uint8Array(0), new Uint8Array(1), new Uint8Array(2000).fill(0x60), token.subarray(0, 40)]
  for (let at = 0; at < token.length; at += 7) {
    const changed = Uint8Array.from(token)
    changed[at]! ^= 0x55
    strangers.push(changed)
  }
  for (const bytes of strangers) {
    const accepted = gss.acceptContext(credential, 0, bytes)
    if (!accepted.ok) assert.notEqual(accepted.error.words, '', bytes.toHex())
  }
  const { token: next } = await begun(await initiator())
  assert.ok(good(gss.acceptContext(credential, 0, next)).isComplete)
})

test('an error of the acceptor tells the initiator what it was', { skip }, async () => {
  const credential = await initiator()
  const first = await begun(credential)
  const other = acceptor()
  good(gss.acceptContext(other, 0, first.token))
  const { token } = fault(gss.acceptContext(other, 0, first.token))
  const { words } = fault(gss.continueContext(credential, first.context, two, token!))
  assert.match(words, /replay/)
})

test('a name that the key center does not have is a fault with a code', { skip }, async () => {
  const { code, words } = fault(await gss.beginContext(await initiator(), `host/dc9.corp.test@${REALM}`))
  assert.deepEqual([code, words], [7, 'Server not found in Kerberos database'])
})

test('the keytab that is named counts, and neither the environment’s nor a ticket cache of the user', {
  skip,
}, async () => {
  const wish = { principal: two }
  assert.match(
    fault(gss.acquireAcceptor({ ...wish, keytab: keytabs[0] })).words,
    /No key table entry found for host\/dc2/,
  )
  assert.match(fault(gss.acquireAcceptor({ ...wish, keytab: realm.path('none') })).words, /none' not found/)
  await begun(await initiator())
  const { existsSync } = await import('node:fs')
  assert.ok(!existsSync(realm.path('cache')))
})

test('a thousand contexts leave nothing behind', { skip }, async () => {
  const round = async () => {
    for (let count = 0; count < 250; count++) {
      const credential = await initiator()
      gss.deleteContext((await begun(credential)).context)
      gss.releaseCredential(credential)
      const other = acceptor()
      assert.ok(!gss.acceptContext(other, 0, new Uint8Array(30)).ok)
      gss.releaseCredential(other)
    }
    return process.memoryUsage.rss()
  }
  await round()
  const first = await round()
  await round()
  const last = await round()
  assert.ok(last - first < 8 * 1024 * 1024, `${last - first} octets`)
})
