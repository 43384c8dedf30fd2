// Key tables as their names: made by ourselves, and by MIT's own programs where they are installed.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { KerberosRealm, keytabOf, REALM, whyNoRealm } from '../../../test/kerberos-realm.ts'
import { principalsOf, readKeytab } from './keytab.ts'

const one = keytabOf('host/dc1@R', 3, new Uint8Array(32))
const entryOf = (principal: string, version = 1) => keytabOf(principal, version, new Uint8Array(16), 17).subarray(2)

function read(bytes: Uint8Array) {
  const result = readKeytab(bytes)
  assert.ok(result.ok, result.ok ? '' : result.error.what)
  return result.value
}

test('each entry is a principal with the version and the kind of its key', () => {
  assert.deepEqual(read(one), [{ principal: 'host/dc1@R', version: 3, encryption: 18 }])
  assert.deepEqual(read(Uint8Array.of(5, 2)), [])
})

test('versions over 255 are whole', () => {
  assert.equal(read(keytabOf('a@R', 300, new Uint8Array(16)))[0]?.version, 300)
})

test('holes of removed entries are passed over, and principals told once, in their order', () => {
  const hole = Buffer.from([0xff, 0xff, 0xff, 0xfc, 1, 2, 3, 4])
  const table = Buffer.concat([one, hole, entryOf('DC1$@R'), entryOf('DC1$@R', 2), entryOf('a@R')])
  assert.deepEqual(principalsOf(read(table)), ['host/dc1@R', 'DC1$@R', 'a@R'])
})

test('what separates the parts of a principal is marked inside of one', () => {
  assert.equal(read(keytabOf('a\\b@R', 1, new Uint8Array(16)))[0]?.principal, 'a\\\\b@R')
})

test('a table cut short anywhere ends in words and never throws', () => {
  for (let length = 0; length < one.length; length++) {
    const result = readKeytab(one.subarray(0, length))
    assert.equal(result.ok, length === 2, `${length}`)
  }
  assert.ok(!readKeytab(new TextEncoder().encode('-----BEGIN CERTIFICATE-----')).ok)
})

test("MIT's own tables are read", { skip: whyNoRealm() }, context => {
  const realm = new KerberosRealm({})
  context.after(() => realm.end())
  const file = realm.account('host/dc1.corp.test')
  realm.order('addprinc -randkey DC1$', `ktadd -k ${file} DC1$`)
  const entries = read(readFileSync(file))
  assert.deepEqual(principalsOf(entries), [`host/dc1.corp.test@${REALM}`, `DC1$@${REALM}`])
  assert.ok(entries.some(({ encryption }) => encryption === 18))
})
