// The service as the agent has it, with the real library in its process and MIT's key center on a loopback port.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { existsSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { freePort, type KerberosRealm, keytabOf, REALM, startRealm, whyNoRealm } from '../../../test/kerberos-realm.ts'
import { parseAddress } from '../../base/address.ts'
import { systemClock } from '../../base/time.ts'
import type { KerberosCredential } from '../../keying/credentials.ts'
import type { KerberosAnswer, KerberosAsk } from '../../keying/machine.ts'
import { KerberosService } from './kerberos-service.ts'

const skip = whyNoRealm()
const one = `host/dc1.corp.test@${REALM}`
const two = `host/dc2.corp.test@${REALM}`
const faketime = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map(machine => `/usr/lib/${machine}/faketime/libfaketime.so.1`)
  .find(file => existsSync(file))

interface Host {
  readonly service: KerberosService
  readonly credential: KerberosCredential
  ask(ask: KerberosAsk, session?: string): Promise<KerberosAnswer>
}

interface HostOptions {
  readonly keytab: string
  readonly environment?: Readonly<Record<string, string>>
  readonly patience?: number
  readonly program?: URL
  readonly credential?: Partial<KerberosCredential>
}

let made = 0

function hostOf(context: TestContext, realm: KerberosRealm, principal: string, options: HostOptions): Host {
  const { keytab, environment = {}, patience, program } = options
  const service = new KerberosService({
    clock: systemClock,
    environment: { ...process.env, ...realm.environment, ...environment },
    configuration: realm.path(`own-${++made}.conf`),
    ...(patience === undefined ? {} : { patience }),
    ...(program === undefined ? {} : { program }),
  })
  context.after(() => service.stop())
  const credential = { kind: 'kerberos', principal, keytab, ...options.credential } as const
  return {
    service,
    credential,
    async ask(ask, session = 's') {
      const answer = await service.ask(session, ask)
      assert.ok(answer !== undefined)
      return answer
    },
  }
}

function context(answer: KerberosAnswer): Extract<KerberosAnswer, { kind: 'context' }> {
  assert.ok(answer.kind === 'context', answer.kind === 'failed' ? answer.what : answer.kind)
  return answer
}

function content(answer: KerberosAnswer): Uint8Array {
  assert.ok(answer.kind === 'content', answer.kind === 'failed' ? answer.what : answer.kind)
  return answer.content
}

function why(answer: KerberosAnswer): string {
  assert.ok(answer.kind === 'failed', answer.kind)
  return answer.what
}

/** A realm and the two hosts of it. */
async function scene(t: TestContext, left: Partial<HostOptions> = {}, right: Partial<HostOptions> = {}, more = '') {
  const realm = await startRealm(t)
  const keytabs = [realm.account(one, more), realm.account(two, more)] as const
  return {
    realm,
    left: hostOf(t, realm, one, { keytab: keytabs[0], ...left }),
    right: hostOf(t, realm, two, { keytab: keytabs[1], ...right }),
  }
}

const begin = ({ credential }: Host, target = two) => ({ kind: 'begin', credential, target }) as const

/** The answer to the first token. */
async function accept(from: Host, to: Host, session = 's'): Promise<KerberosAnswer> {
  const { token } = context(await from.ask(begin(from), session))
  return to.ask({ kind: 'accept', credential: to.credential, token: token! }, session)
}

test('a ticket and its answer make a context at both ends, and a hash goes through it wrapped', {
  skip,
}, async t => {
  const { left, right } = await scene(t)
  const accepted = context(await accept(left, right))
  assert.deepEqual([accepted.isComplete, accepted.peer], [true, one])
  const last = context(await left.ask({ kind: 'continue', token: accepted.token! }))
  assert.deepEqual(last, { kind: 'context', isComplete: true, peer: two })
  const hash = new Uint8Array(20).fill(9)
  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const) {
    const wrapped = content(await from.ask({ kind: 'wrap', content: hash }))
    assert.notDeepEqual(wrapped, hash)
    assert.deepEqual(content(await to.ask({ kind: 'unwrap', content: wrapped })), hash)
  }
  assert.equal(await left.service.ask('s', { kind: 'forget' }), undefined)
  assert.match(why(await left.ask({ kind: 'wrap', content: hash })), /no context/)
})

test('many sessions at once have contexts of their own', { skip }, async t => {
  const { left, right } = await scene(t)
  const sessions = Array.from({ length: 60 }, (_, index) => `session ${index}`)
  await Promise.all(
    sessions.map(async session => {
      const { token } = context(await accept(left, right, session))
      assert.equal(context(await left.ask({ kind: 'continue', token: token! }, session)).peer, two)
    }),
  )
  const sealed = content(await left.ask({ kind: 'wrap', content: Uint8Array.of(1) }, 'session 3'))
  assert.equal((await right.ask({ kind: 'unwrap', content: sealed }, 'session 4')).kind, 'failed')
})

test('a keytab older than the account: both ends are told to export it anew', { skip }, async t => {
  const { realm, left, right } = await scene(t)
  realm.order(`ktadd -k ${realm.path('newer.keytab')} ${two}`)
  const answer = await accept(left, right)
  assert.match(why(answer), /^as host\/dc2.*(another version of the key|has no key of).*export the keytab anew/)
  assert.ok(answer.kind === 'failed' && answer.token !== undefined)
  const told = why(await left.ask({ kind: 'continue', token: answer.token }))
  assert.match(told, /^as host\/dc1.* towards host\/dc2.*: /)
  assert.match(told, /keytab|key/)
})

test('a keytab with another key of the same version: the ticket cannot be opened', { skip }, async t => {
  const realm = await startRealm(t)
  const keytab = realm.account(one)
  realm.account(two)
  const wrong = realm.path('wrong.keytab')
  writeFileSync(wrong, keytabOf(two, 2, new Uint8Array(32).fill(1)))
  const left = hostOf(t, realm, one, { keytab })
  const right = hostOf(t, realm, two, { keytab: wrong })
  const answer = await accept(left, right)
  assert.match(why(answer), /cannot be opened by the key of host\/dc2.*export the keytab anew.*Cannot decrypt ticket/)
  assert.ok(answer.kind === 'failed' && answer.token !== undefined)
  assert.match(why(await left.ask({ kind: 'continue', token: answer.token })), /host\/dc2/)
})

test('the initiator’s own key is not the realm’s: no ticket is given, and it is said why', { skip }, async t => {
  const { realm, right } = await scene(t)
  const wrong = realm.path('wrong.keytab')
  writeFileSync(wrong, keytabOf(one, 2, new Uint8Array(32).fill(1)))
  const left = hostOf(t, realm, one, { keytab: wrong })
  assert.match(why(await left.ask(begin(left))), /the key of host\/dc1.*is not the one that the key centre has: export/)
  void right
})

test('a service that the realm does not know, and an account that it does not know', { skip }, async t => {
  const { realm, left } = await scene(t)
  assert.match(
    why(await left.ask(begin(left, `host/dc9@${REALM}`))),
    /does not know host\/dc9@CORP\.TEST: give the peer/,
  )
  const nobody = `host/nobody@${REALM}`
  const keytab = realm.path('nobody.keytab')
  writeFileSync(keytab, keytabOf(nobody, 2, new Uint8Array(32).fill(1)))
  const stranger = hostOf(t, realm, nobody, { keytab })
  assert.match(why(await stranger.ask(begin(stranger))), /does not know host\/nobody@CORP\.TEST: make the account/)
})

test('an account whose time is over', { skip }, async t => {
  const { realm, left } = await scene(t)
  realm.order(`modprinc -expire 2001-01-01 ${one}`)
  assert.match(why(await left.ask(begin(left))), /the account host\/dc1.* has expired at the key centre: prolong it/)
})

test('a ticket that is over is fetched anew, and the peer takes no old one', { skip }, async t => {
  const realm = await startRealm(t, { defaults: ['clockskew = 1'] })
  realm.order(`modprinc -maxlife "3 seconds" krbtgt/${REALM}`)
  const [left, right] = [one, two].map(principal =>
    hostOf(t, realm, principal, { keytab: realm.account(principal) }),
  ) as [Host, Host]
  const { token } = context(await left.ask(begin(left)))
  await new Promise(resolve => setTimeout(resolve, 5500))
  const late = await right.ask({ kind: 'accept', credential: right.credential, token: token! })
  assert.match(why(late), /(clocks of the two hosts are too far apart|ticket’s time is over).*NTP/)
  assert.equal(context(await accept(left, right, 'anew')).peer, one)
})

test('clocks an hour apart: both ends are told to set them', {
  skip: skip || (faketime === undefined ? 'skipped, because libfaketime is not installed' : false),
}, async t => {
  const { left, right } = await scene(t, {}, { environment: { LD_PRELOAD: faketime!, FAKETIME: '+1h' } })
  const answer = await accept(left, right)
  assert.match(why(answer), /^as host\/dc2.*clocks of the two hosts are too far apart: set both clocks.*NTP/)
  assert.ok(answer.kind === 'failed' && answer.token !== undefined)
  assert.match(
    why(await left.ask({ kind: 'continue', token: answer.token })),
    /^as host\/dc1.* towards host\/dc2.*clocks of the two hosts are too far apart: set both clocks/,
  )
})

test('a key center that is not there is an answer at once', { skip }, async t => {
  const { realm, left } = await scene(t)
  realm.stop()
  const said = why(await left.ask(begin(left)))
  assert.match(
    said,
    /no key centre of realm CORP\.TEST answered: look whether it runs, and whether the policy lets port 88/,
  )
})

test('a key center that is silent is an answer in time, and in nobody’s way', { skip }, async t => {
  const { realm, left, right } = await scene(t)
  // Takes requests and says nothing, as a firewall lets a host look.
  const silent = createSocket('udp4')
  const port = await freePort()
  await new Promise<void>(resolve => silent.bind(port, '127.0.0.1', resolve))
  t.after(() => silent.close())
  writeFileSync(realm.path('silent.conf'), realm.configuration(['udp_preference_limit = 30000'], port))
  const environment = { KRB5_CONFIG: realm.path('silent.conf') }
  const deaf = hostOf(t, realm, one, { keytab: left.credential.keytab!, environment, patience: 0.6 })
  const start = performance.now()
  const said = why(await deaf.ask(begin(deaf)))
  assert.ok(performance.now() - start < 2500)
  assert.match(said, /no key centre of realm CORP\.TEST answered.*\(no answer in 0\.6 s\)/)
  // Meanwhile peers are answered by the same process, which still waits.
  const { token } = context(await left.ask(begin(left, one)))
  assert.equal(
    context(await deaf.ask({ kind: 'accept', credential: deaf.credential, token: token! }, 'peer')).peer,
    one,
  )
  // Also after more of them than there are threads.
  const all = await Promise.all(Array.from({ length: 30 }, (_, at) => deaf.ask(begin(deaf), `silent ${at}`)))
  for (const answer of all) assert.match(why(answer), /key centre/)
  const again = context(await left.ask(begin(left, one), 'again'))
  const late = await deaf.ask({ kind: 'accept', credential: deaf.credential, token: again.token! }, 'again')
  assert.equal(context(late).isComplete, true)
  void right
})

test('what strangers send is a failure in words, and the next peer is taken', { skip }, async t => {
  const { left, right } = await scene(t)
  for (const token of [new Uint8Array(0), new Uint8Array(3000).fill(0x60), Uint8Array.of(0x60, 0x80)]) {
    assert.match(why(await right.ask({ kind: 'accept', credential: right.credential, token })), /^as host\/dc2/)
  }
  assert.equal(context(await accept(left, right)).peer, one)
})

test('steps out of their order are failures', { skip }, async t => {
  const { left, right } = await scene(t)
  const bytes = Uint8Array.of(1, 2, 3)
  for (const kind of ['wrap', 'unwrap'] as const)
    assert.match(why(await left.ask({ kind, content: bytes })), /no context/)
  assert.match(why(await left.ask({ kind: 'continue', token: bytes })), /no context/)
  context(await left.ask(begin(left)))
  assert.match(why(await left.ask({ kind: 'wrap', content: bytes })), /does not stand yet/)
  context(await accept(left, right, 'two'))
  assert.match(why(await right.ask({ kind: 'continue', token: bytes }, 'two')), /a token too many/)
})

test('a process that dies is an answer, and the next session has another one', { skip }, async t => {
  const { realm, left } = await scene(t)
  const program = new URL(`file://${realm.path('dying.mjs')}`)
  writeFileSync(realm.path('dying.mjs'), `process.on('message', () => process.kill(process.pid, 'SIGSEGV'))`)
  const dying = hostOf(t, realm, one, { keytab: left.credential.keytab!, program })
  assert.match(
    why(await dying.ask(begin(dying))),
    /the process with the system’s Kerberos ended \(SIGSEGV\); try again/,
  )
  writeFileSync(
    realm.path('dying.mjs'),
    `process.on('message', ({ number }) => process.send({ number, answer: { kind: 'failed', what: 'here again' } }))`,
  )
  assert.equal(why(await dying.ask(begin(dying))), 'here again')
})

test('a library that hangs is an answer, and its process is ended', { skip }, async t => {
  const { realm, left } = await scene(t)
  const program = new URL(`file://${realm.path('hanging.mjs')}`)
  writeFileSync(realm.path('hanging.mjs'), `process.on('message', () => { for (;;); })`)
  const hanging = hostOf(t, realm, one, { keytab: left.credential.keytab!, program })
  const ask = { kind: 'accept', credential: hanging.credential, token: Uint8Array.of(1) } as const
  assert.match(why(await hanging.ask(ask)), /does not answer in 5 s/)
})

test('key centres of the policy are asked, and other ones after the policy changed', { skip }, async t => {
  const { realm, left } = await scene(t)
  // Nothing listens on port 88 of these: what counts is that the library asks there, and not in its own configuration.
  const centres = (text: string) => ({ ...left.credential, centres: [parseAddress(text)!] })
  const host = hostOf(t, realm, one, { keytab: left.credential.keytab!, environment: { KRB5_CONFIG: '/nowhere' } })
  for (const address of ['127.0.0.98', '127.0.0.99']) {
    const answer = await host.ask({ kind: 'begin', credential: centres(address), target: two })
    assert.match(why(answer), /no key centre of realm CORP\.TEST answered/)
  }
  const { readFileSync } = await import('node:fs')
  assert.match(readFileSync(realm.path(`own-${made}.conf`), 'utf8'), /CORP\.TEST = \{\n {4}kdc = 127\.0\.0\.99\n/)
})
