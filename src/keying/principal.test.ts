// Names of Kerberos: whose they are, and which are the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMachine, isSamePrincipal, realmOf } from './principal.ts'

test('where nobody is named, machines are hosts and users are not', () => {
  for (const name of ['DC1$@R', 'host/dc1@R', 'HOST/dc1@R']) assert.ok(isMachine(name), name)
  for (const name of ['alice@R', 'alice/admin@R', 'cifs/dc1@R', 'a/b$@R', 'alice@host/x']) {
    assert.ok(!isMachine(name), name)
  }
})

test('another service than host can be that of machines', () => {
  assert.ok(isMachine('ike/dc1@R', 'ike'))
  assert.ok(!isMachine('ike/dc1@R'))
})

test('a realm stands behind the last @ that is not part of a name', () => {
  assert.equal(realmOf('host/dc1@CORP.TEST'), 'CORP.TEST')
  assert.equal(realmOf('host/dc1'), undefined)
  assert.equal(realmOf('a\\@b'), undefined)
  assert.equal(realmOf('a\\@b@R'), 'R')
})

test('letter case does not matter, and a name without a realm is of any', () => {
  assert.ok(isSamePrincipal('dc1$@corp.test', 'DC1$@CORP.TEST'))
  assert.ok(isSamePrincipal('host/dc1', 'host/dc1@CORP.TEST'))
  assert.ok(!isSamePrincipal('host/dc1@A', 'host/dc1@B'))
  assert.ok(!isSamePrincipal('host/dc1', 'host/dc10@CORP.TEST'))
})
