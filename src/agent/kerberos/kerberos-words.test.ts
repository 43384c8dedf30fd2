// Every reason that the system's Kerberos gives is a sentence with what to do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Circumstances, faultSentence, silenceSentence } from './kerberos-words.ts'

const initiator: Circumstances = { role: 'initiator', own: 'host/a@R', keytab: '/k', target: 'host/b@R' }
const acceptor: Circumstances = { role: 'acceptor', own: 'host/b@R', keytab: '/k' }
const fault = (code: number | undefined, words = 'its words') => ({ major: 0xd0000, code, words })

const sentences: readonly (readonly [code: number, about: Circumstances, told: RegExp])[] = [
  [7, initiator, /does not know host\/b@R: give the peer’s account that name/],
  [6, initiator, /does not know host\/a@R: make the account/],
  [24, initiator, /the key of host\/a@R in \/k is not the one that the key centre has: export/],
  [31, acceptor, /cannot be opened by the key of host\/b@R in \/k: it is not the key/],
  [32, acceptor, /the ticket’s time is over: set both clocks/],
  [33, acceptor, /the peer’s ticket is not valid yet: set both clocks/],
  [33, initiator, /: the ticket is not valid yet: set both clocks/],
  [34, acceptor, /was used once before/],
  [37, acceptor, /clocks of the two hosts are too far apart: set both clocks, and the key centre’s, by NTP/],
  [44, acceptor, /another version of the key of host\/b@R than \/k has/],
  [45, acceptor, /\/k has no key of host\/b@R that the ticket was made for/],
  [154, initiator, /not known which hosts are the key centres of realm R: write kerberos: \{ kdc: \[…\] \}/],
  [156, initiator, /no key centre of realm R answered: look whether it runs, and whether the policy lets port 88 pass/],
  [164, acceptor, /so none is taken: look whether \/var\/tmp can be written to/],
]

for (const [code, about, told] of sentences) {
  test(`code ${code} of an ${about.role} says what to do, with the system's words behind`, () => {
    const said = faultSentence(fault(code), about)
    assert.match(said, told)
    assert.match(said, /\(the system says: its words\)$/)
    assert.ok(said.startsWith(about.role === 'initiator' ? 'as host/a@R towards host/b@R: ' : 'as host/b@R: '))
  })
}

test('what nobody here knows keeps the words of the system, or its number', () => {
  assert.equal(faultSentence(fault(200), acceptor), 'as host/b@R: its words')
  assert.equal(faultSentence(fault(undefined, ''), acceptor), 'as host/b@R: status 851968')
})

test('a key centre of another realm is named by that realm', () => {
  assert.match(
    silenceSentence({ ...initiator, target: 'host/x@EXT' }, 10),
    /of realm EXT answered.*\(no answer in 10 s\)$/,
  )
})
