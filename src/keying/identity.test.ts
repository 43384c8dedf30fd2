// Identities between the words of people and the octets of IKE, and which of them are the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readDistinguishedName } from './distinguished-name.ts'
import { addressOfIdentity, formatIdentity, type Identity, isSameIdentity, readIdentity } from './identity.ts'

const hex = (text: string) => Uint8Array.fromHex(text)
const octets = (text: string) => new TextEncoder().encode(text)

function read(text: string): Identity {
  const result = readIdentity(text)
  assert.ok(result.ok, `${text}: ${result.ok ? '' : result.error.what}`)
  return result.value
}

const words: readonly (readonly [text: string, type: number, data: Uint8Array, back?: string])[] = [
  ['10.54.0.1', 1, hex('0a360001')],
  ['2001:DB8::1', 5, hex('20010db8000000000000000000000001'), '2001:db8::1'],
  ['dc1.corp.test', 2, octets('dc1.corp.test')],
  ['@dc1.corp.test', 2, octets('dc1.corp.test'), 'dc1.corp.test'],
  ['dc1.corp.test.', 2, octets('dc1.corp.test'), 'dc1.corp.test'],
  ['dc1', 2, octets('dc1')],
  ['admin@corp.test', 3, octets('admin@corp.test')],
  ['@#0aFF', 11, hex('0aff'), '@#0aff'],
  ['CN=dc1', 9, hex('300e310c300a06035504030c03646331')],
  // The first of the text is the last of the name (RFC 4514 §2.1).
  ['CN=dc1, C=DE', 9, hex('301b310b3009060355040613024445310c300a06035504030c03646331'), 'CN=dc1,C=DE'],
]

for (const [text, type, data, back = text] of words) {
  test(`${text} is an identity of type ${type}`, () => {
    assert.deepEqual(read(text), { type, data })
    assert.equal(formatIdentity({ type, data }), back)
  })
}

const mistakes: readonly (readonly [text: string, what: RegExp, hint: RegExp])[] = [
  ['', /is no identity/, /an address, dc1/],
  ['10.54.0.300', /is no identity/, /an address/],
  ['dc1 corp', /is no identity/, /an address/],
  ['@#abc', /no key identifier/, /two hexadecimal digits/],
  ['@#', /no key identifier/, /two hexadecimal digits/],
  ['CM=dc1', /no part of a distinguished name/, /CN=/],
  ['CN=', /has no value/, /behind =/],
  ['CN=dc1,,C=DE', /no part of a distinguished name/, /CN=dc1/],
  ['CN=#zz', /no value in DER/, /\\#/],
  ['C=Österreich', /ASCII only/, /as the certificate/],
]

for (const [text, what, hint] of mistakes) {
  test(`${JSON.stringify(text)} is refused with words`, () => {
    const result = readIdentity(text)
    assert.ok(!result.ok)
    assert.match(result.error.what, what)
    assert.match(result.error.hint, hint)
  })
}

const same: readonly (readonly [a: string, b: string, isSame: boolean])[] = [
  ['DC1.corp.test', 'dc1.CORP.test', true],
  ['Admin@CORP.test', 'Admin@corp.test', true],
  ['Admin@corp.test', 'admin@corp.test', false],
  ['CN=DC1,  O=The   Corp', 'CN=dc1,O=the corp', true],
  ['CN=dc1,O=Corp', 'O=Corp,CN=dc1', false],
  ['CN=dc1+OU=x,O=Corp', 'OU=x+CN=dc1,O=Corp', true],
  ['CN=dc1', 'CN=dc1,O=Corp', false],
  ['dc1', 'CN=dc1', false],
  ['10.54.0.1', '10.54.0.1', true],
  ['@#00', '@#0000', false],
]

for (const [a, b, isSame] of same) {
  test(`${a} and ${b} are ${isSame ? 'one' : 'two'}`, () => {
    assert.equal(isSameIdentity(read(a), read(b)), isSame)
    assert.equal(isSameIdentity(read(b), read(a)), isSame)
  })
}

test('how a name is encoded does not count: PrintableString and UTF8String are one', () => {
  const printable: Identity = { type: 9, data: hex('300e310c300a06035504031303646331') }
  assert.ok(isSameIdentity(printable, read('CN=dc1')))
})

test('commas, spaces and hexadecimal pairs in values are kept by a backslash', () => {
  for (const text of [
    'CN=Corp\\, Inc.,C=DE',
    'CN=\\ dc1\\ ',
    'CN=a\\+b',
    'CN=\\#1',
    'CN=\\22x\\22',
    'CN=\\ ',
    'CN=\\5c\\20',
    'CN=\\c2\\a0x\\e2\\80\\a8',
  ]) {
    const der = readDistinguishedName(text)
    assert.ok(der.ok)
    const again = readDistinguishedName(formatIdentity({ type: 9, data: der.value }))
    assert.ok(again.ok)
    assert.deepEqual(again.value, der.value, text)
  }
  const one = readDistinguishedName('CN=\\c3\\84')
  assert.deepEqual(one, readDistinguishedName('CN=Ä'))
})

test('any text as a value of a name comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), value => {
      fc.pre(value.trim() !== '' && value.isWellFormed())
      const escaped = value.replace(/[\\,;+"<>=#\s\p{C}]/gu, character =>
        [...octets(character)].map(octet => `\\${octet.toString(16).padStart(2, '0')}`).join(''),
      )
      const der = readDistinguishedName(`CN=${escaped}`)
      assert.ok(der.ok)
      assert.ok(Buffer.from(der.value).includes(Buffer.from(value)))
      const printed = formatIdentity({ type: 9, data: der.value })
      assert.deepEqual(readDistinguishedName(printed), der)
    }),
  )
})

test('nothing of a stranger reaches a terminal as it is', () => {
  fc.assert(
    fc.property(fc.nat(255), fc.uint8Array(), (type, data) => {
      assert.doesNotMatch(formatIdentity({ type, data }), /[\0-\x1f\x7f-\x9f]/)
    }),
  )
  assert.equal(formatIdentity({ type: 2, data: octets('dc1\u001b[31m') }), 'fqdn:#6463311b5b33316d')
  assert.equal(formatIdentity({ type: 9, data: hex('3000') }), 'dn:#3000')
})

test('what turns the direction of writing is shown and not obeyed, and a long name is cut', () => {
  const name = readDistinguishedName('CN=dc1\u202etset')
  assert.ok(name.ok)
  assert.equal(formatIdentity({ type: 9, data: name.value }), 'CN=dc1\\e2\\80\\aetset')
  const long: Identity = { type: 2, data: octets('a'.repeat(60_000)) }
  assert.equal(formatIdentity(long).length, 401)
})

test('octets of any content compare without an error, and only with their own type', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.uint8Array(), fc.uint8Array(), (type, a, b) => {
      assert.ok(isSameIdentity({ type, data: a }, { type, data: a }))
      isSameIdentity({ type, data: a }, { type, data: b })
      assert.equal(isSameIdentity({ type, data: a }, { type: type + 1, data: a }), false)
    }),
  )
})

test('an identity that says address has the octets of one', () => {
  assert.deepEqual(addressOfIdentity(read('10.54.0.1')), { family: 4, words: [0x0a360001] })
  assert.equal(addressOfIdentity({ type: 1, data: hex('0a36') }), undefined)
  assert.equal(addressOfIdentity(read('dc1')), undefined)
})
