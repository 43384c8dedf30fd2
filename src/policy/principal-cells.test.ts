// What is taken for a principal, a service and a realm, and what is said of anything else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPrincipal, readRealm, readService } from './principal-cells.ts'

test('principals of MIT and of Active Directory are taken, with a realm and without', () => {
  for (const text of ['host/dc1.corp.test@CORP.TEST', 'DC1$@CORP.TEST', 'DC1$', 'host/dc1', 'a/b/c@R']) {
    assert.ok(readPrincipal(text).ok, text)
  }
  for (const text of ['', '@R', 'a@', 'a@b c', 'a b@R', 'a@{', 'host/@R', '/x', 'a\u0000@R', `${'a'.repeat(500)}@R`]) {
    assert.ok(!readPrincipal(text).ok, text)
  }
})

test('a realm has no character that means something in krb5.conf', () => {
  assert.ok(readRealm('CORP.TEST').ok)
  for (const text of ['', 'A B', 'A{', 'A\n[x]', 'A=', 'A*', 'A"']) assert.ok(!readRealm(text).ok, text)
})

test('a service is one part', () => {
  assert.ok(readService('host').ok)
  for (const text of ['', 'a/b', 'a@b', 'a b']) assert.ok(!readService(text).ok, text)
})

test('nothing that was written is repeated', () => {
  const secret = 'hunter 2'
  for (const read of [readPrincipal, readRealm, readService]) {
    const answer = read(secret)
    assert.ok(!answer.ok && !`${answer.error.what} ${answer.error.hint}`.includes('hunter'))
  }
})
