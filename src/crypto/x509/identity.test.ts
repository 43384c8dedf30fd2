// Which of the identities that a peer may state a certificate speaks for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  address,
  alternative,
  certify,
  commonName,
  dns,
  mail,
  sequence,
  uri,
} from '../../../test/build-certificates.ts'
import { derElement } from '../der.ts'
import { oidElement } from '../object-identifiers.ts'
import { bindsIdentity, identitiesOf, principalNamesOf } from './identity.ts'

const ascii = (text: string) => new TextEncoder().encode(text)
const upn = derElement(
  0xa0,
  oidElement('1.3.6.1.4.1.311.20.2.3'),
  derElement(0xa0, derElement(0x0c, ascii('host$@corp.test'))),
)
const v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
const { certificate } = certify('host.cn.test', {
  extensions: [
    alternative(
      dns('DC1.corp.test'),
      dns('*.wild.test'),
      address(192, 0, 2, 1),
      address(...v6),
      mail('Admin@Corp.test'),
      uri('https://uri.test'),
      upn,
    ),
  ],
})

test('an identity is bound by the name of its kind and by no other', () => {
  const cases: readonly (readonly [type: number, data: Uint8Array | readonly number[], isBound: boolean])[] = [
    [1, [192, 0, 2, 1], true],
    [1, [192, 0, 2, 2], false],
    [1, [192, 0, 2, 1, 0], false],
    [1, v6, false],
    [5, v6, true],
    [5, [192, 0, 2, 1], false],
    [2, ascii('dc1.CORP.test'), true],
    [2, ascii('dc2.corp.test'), false],
    [2, ascii('dc1.corp.test.'), false],
    [2, ascii('dc1.corp.test\0'), false],
    [2, [], false],
    [2, ascii('a.wild.test'), false],
    [2, ascii('*.wild.test'), true],
    [2, ascii('host.cn.test'), false],
    [2, ascii('192.0.2.1'), false],
    [2, ascii('uri.test'), false],
    [3, ascii('Admin@corp.TEST'), true],
    [3, ascii('admin@corp.test'), false],
    [3, ascii('dc1.corp.test'), false],
    [3, ascii('host$@corp.test'), false],
    [9, commonName('host.cn.test'), true],
    [9, commonName('HOST.cn.test', 0x13), true],
    [9, commonName('  host.cn.test '), true],
    [9, commonName('other.test'), false],
    [9, sequence(), false],
    [9, [0x30, 0x80], false],
    [9, [...commonName('host.cn.test'), 0], false],
    [11, ascii('dc1.corp.test'), false],
  ]
  for (const [type, data, isBound] of cases) {
    const bound = bindsIdentity(certificate, { type, data: Uint8Array.from(data) })
    assert.equal(bound, isBound, `${type} ${Buffer.from(data).toString('latin1')}`)
  }
})

test('every identity that a certificate offers it also binds', () => {
  const offered = identitiesOf(certificate)
  assert.deepEqual(
    offered.map(one => one.type),
    [2, 2, 1, 5, 3, 9],
  )
  for (const identity of offered) assert.ok(bindsIdentity(certificate, identity))
})

test("Windows's principal names are read for mapping accounts", () => {
  assert.deepEqual(principalNamesOf(certificate), ['host$@corp.test'])
})
