// Names of GSS-API on the wire, whom a ticket is asked for, and what the hashes cover.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../base/address.ts'
import type { KerberosCredential } from '../credentials.ts'
import { dialectFor, nameForms, ownGssName, proofBehind, readGssName, ticketTarget, writeGssName } from './kerberos.ts'

const peer = parseAddress('10.54.0.2')!
const own: KerberosCredential = { kind: 'kerberos', principal: 'DC1$@CORP.TEST' }

test('a name goes in UTF-16LE, as Windows has it, and comes back', () => {
  assert.equal(writeGssName('DC1$@R').toHex(), '440043003100240040005200')
  assert.equal(readGssName(ownGssName(own)!), 'DC1$@CORP.TEST')
  assert.equal(ownGssName({ kind: 'kerberos' }), undefined)
})

test('the one octet a character of older racoons is read too, and a last zero is passed over', () => {
  const octets = new TextEncoder().encode('host/dc2.corp.test')
  assert.equal(readGssName(octets), 'host/dc2.corp.test')
  assert.equal(readGssName(Uint8Array.of(...octets, 0)), 'host/dc2.corp.test')
  assert.equal(readGssName(writeGssName('host/dc2\0')), 'host/dc2')
})

test('what is no name is none: nothing, too long, with control characters, half a character', () => {
  const wide = (text: string) => writeGssName(text)
  const zeros = new Uint8Array(4)
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array(1025).fill(65),
    wide('a\nb'),
    wide('a\0b'),
    wide('a\ud800'),
    zeros,
  ]) {
    assert.equal(readGssName(bytes), undefined)
  }
})

const targets: readonly (readonly [
  what: string,
  more: Partial<KerberosCredential>,
  told: string | undefined,
  target: string,
])[] = [
  ['the peer’s own name', {}, 'DC2$@CORP.TEST', 'DC2$@CORP.TEST'],
  ['the peer’s own name in our realm', {}, 'host/dc2.corp.test', 'host/dc2.corp.test@CORP.TEST'],
  ['the peer’s name in another realm', {}, 'host/x@EXT.TEST', 'host/x@EXT.TEST'],
  ['the peer of the rule', { principals: ['host/dc2@CORP.TEST'] }, undefined, 'host/dc2@CORP.TEST'],
  ['the service at its address', { principals: ['a', 'b'] }, undefined, 'host/10.54.0.2@CORP.TEST'],
  ['another service at its address', { service: 'ike' }, undefined, 'ike/10.54.0.2@CORP.TEST'],
  ['the account of a Windows, which leaves out its dollar sign', {}, 'dc2@CORP.TEST', 'dc2$@CORP.TEST'],
  ['the account of a Windows that the rule names', { principals: ['DC2$'] }, 'dc2', 'dc2$@CORP.TEST'],
  ['whoever the rule names, dollar sign or not', { principals: ['dc2'] }, 'dc2@CORP.TEST', 'dc2@CORP.TEST'],
  ['one that the rule names', { principals: ['a', 'dc2$'] }, 'DC2$@CORP.TEST', 'DC2$@CORP.TEST'],
]

for (const [what, more, told, target] of targets) {
  test(`a ticket is asked for ${what}`, () => {
    assert.deepEqual(ticketTarget({ ...own, ...more }, told, peer), { ok: true, value: target })
  })
}

test('no ticket is asked for a name that the rule does not have', () => {
  const result = ticketTarget({ ...own, principals: ['host/dc2@CORP.TEST'] }, 'host/dc3@CORP.TEST', peer)
  assert.match(result.ok ? '' : result.error, /10\.54\.0\.2 calls itself host\/dc3@CORP\.TEST, which is not among/)
})

test('no ticket is asked for what is no machine, though a peer says that it is that: it could guess at the key in it', () => {
  for (const told of [
    'MSSQLSvc/sql1.corp.test:1433@CORP.TEST',
    'krbtgt/CORP.TEST',
    'cifs/dc1@CORP.TEST',
    'alice/admin',
  ]) {
    const result = ticketTarget(own, told, peer)
    assert.match(result.ok ? result.value : result.error, /which is no machine's name/, told)
  }
  assert.deepEqual(ticketTarget({ ...own, service: 'ike' }, 'ike/dc2@CORP.TEST', peer), {
    ok: true,
    value: 'ike/dc2@CORP.TEST',
  })
})

test('the hash covers the name, if both told one, and then the tokens in their order', () => {
  const tokens = [Uint8Array.of(1), Uint8Array.of(2)]
  const name = writeGssName('ab')
  const covered = nameForms.map(form =>
    proofBehind({ name, tokens }, form)
      .map(part => part.toHex())
      .join(' '),
  )
  assert.deepEqual(covered, ['61006200 01 02', '6162 01 02', '01 02'])
  assert.deepEqual(proofBehind({ name: undefined, tokens }, 'text'), tokens)
})

test('towards Windows tokens and names are as the draft has them, towards others as racoon has them', () => {
  assert.deepEqual(dialectFor(true), { form: 'attribute', vendor: 0 })
  assert.deepEqual(dialectFor(false), { form: 'text' })
})
