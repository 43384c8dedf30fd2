// What counts as the same after policy and credentials were read again.
import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { Secret } from '../base/secret.ts'
import { isSameValue } from './same-value.ts'

const key = (octet: number) => createSecretKey(new Uint8Array(16).fill(octet))
const value = (secret: string, octet: number) => ({
  kind: 'x',
  secret: new Secret(secret),
  list: [{ key: key(octet), data: Uint8Array.of(1, octet) }],
})

test('secrets, keys and octets are the same by what is in them', () => {
  assert.ok(isSameValue(value('one', 1), value('one', 1)))
  assert.ok(!isSameValue(value('one', 1), value('other', 1)))
  assert.ok(!isSameValue(value('one', 1), value('one', 2)))
  assert.ok(!isSameValue(new Secret('one'), 'one'))
  assert.ok(!isSameValue({ a: 1 }, { a: 1, b: undefined }))
  assert.ok(!isSameValue({ a: undefined }, { b: undefined }))
  assert.ok(!isSameValue([1], { 0: 1 }))
  assert.ok(!isSameValue(null, {}))
  assert.ok(isSameValue(new Secret(Uint8Array.of(1)), new Secret(Uint8Array.of(1))))
})
