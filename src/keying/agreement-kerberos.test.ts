// What two policies tell of their tickets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agreeOnKerberos } from './agreement-kerberos.ts'

type Kerberos = Parameters<typeof agreeOnKerberos>[0]
const of = (more: Partial<Kerberos>): Kerberos => ({ kind: 'kerberos', kdc: [], ...more })
const dc1 = 'host/dc1.corp.test@CORP.TEST'

const cases: readonly (readonly [what: string, a: Partial<Kerberos>, b: Partial<Kerberos>, told: readonly string[]])[] =
  [
    ['nothing is known of either', {}, {}, ['whether both are of one realm is not known here']],
    ['both are of one realm', { principal: dc1 }, { realm: 'CORP.TEST' }, []],
    [
      'they are of two',
      { realm: 'CORP.TEST' },
      { realm: 'EXT.TEST' },
      ['A is of CORP.TEST, B of EXT.TEST: one has to trust the other'],
    ],
    ['the one that is named', { principal: dc1 }, { realm: 'CORP.TEST', peer: ['host/dc1.corp.test'] }, []],
    ['its realm stands beside it', { principal: 'DC1$', realm: 'R' }, { realm: 'R', peer: ['dc1$@R'] }, []],
    [
      'another one is named',
      { principal: dc1 },
      { realm: 'CORP.TEST', peer: ['host/dc3.corp.test'] },
      [`A calls itself ${dc1}, whom B does not accept`],
    ],
    ['a user for a host', { realm: 'R' }, { principal: 'alice@R' }, ['B calls itself alice@R, whom A does not accept']],
  ]

for (const [what, a, b, told] of cases) {
  test(`${what}: ${told.join() || 'nothing to say'}`, () => {
    assert.deepEqual(
      agreeOnKerberos(of(a), of(b)).map(({ text }) => text),
      told,
    )
  })
}
