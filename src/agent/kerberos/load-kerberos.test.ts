// What a rule's Kerberos becomes, and what is said of it before anything is negotiated.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { keytabOf } from '../../../test/kerberos-realm.ts'
import { parseAddress } from '../../base/address.ts'
import { formatProblem } from '../../base/result.ts'
import type { Authentication } from '../../policy/model.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { loadCredentials } from '../load-credentials.ts'

const folder = mkdtempSync(join(tmpdir(), 'sealwire-keytab-'))
after(() => rmSync(folder, { recursive: true }))

/** Of Samba and of `net ads keytab create`: services first, the machine's own name somewhere. */
const domain = ['host/dc1@CORP.TEST', 'host/dc1.corp.test@CORP.TEST', 'cifs/dc1@CORP.TEST', 'DC1$@CORP.TEST']

function write(name: string, principals: readonly string[]): void {
  const parts = principals.map(principal => keytabOf(principal, 2, new Uint8Array(32)).subarray(2))
  writeFileSync(join(folder, name), Buffer.concat([Buffer.from([5, 2]), ...parts]), { mode: 0o600 })
}
write('domain.keytab', domain)
write('mit.keytab', ['alice@CORP.TEST', 'host/dc1.corp.test@CORP.TEST'])
write('two.keytab', ['DC1$@EXT.TEST', 'DC1$@CORP.TEST'])
write('empty.keytab', [])
write('open.keytab', domain)
chmodSync(join(folder, 'open.keytab'), 0o644)
writeFileSync(join(folder, 'text.keytab'), 'no keys', { mode: 0o600 })

function load(more: Partial<Extract<Authentication, { kind: 'kerberos' }>>) {
  const authentication = [{ kind: 'kerberos', kdc: [], ...more }] as const
  const all = policy([rule('negotiate', ['any me <-> any'], { name: 'r', keying: ['ikev1'], authentication })])
  return loadCredentials(all, { folder, name: 'p.yaml', at: 0 })
}

function loaded(more: Parameters<typeof load>[0]) {
  const result = load(more)
  assert.ok(result.ok, result.ok ? '' : result.error.map(formatProblem).join())
  const [credential] = result.value.credentials.of('r')
  assert.ok(credential?.kind === 'kerberos')
  return { credential, warnings: result.value.warnings.map(formatProblem) }
}

function problem(more: Parameters<typeof load>[0]): string {
  const result = load(more)
  assert.ok(!result.ok)
  return result.error.map(formatProblem).join()
}

test('a joined host is its machine account, which alone gets tickets of its own in Active Directory', () => {
  const { credential, warnings } = loaded({ keytab: 'domain.keytab' })
  assert.deepEqual(credential, {
    kind: 'kerberos',
    keytab: join(folder, 'domain.keytab'),
    principal: 'DC1$@CORP.TEST',
    realm: 'CORP.TEST',
  })
  assert.deepEqual(warnings, [])
})

test('elsewhere it is the host of the key table, whoever else has a key there', () => {
  assert.equal(loaded({ keytab: 'mit.keytab' }).credential.principal, 'host/dc1.corp.test@CORP.TEST')
})

test('of several realms the policy can say which', () => {
  assert.equal(loaded({ keytab: 'two.keytab', realm: 'CORP.TEST' }).credential.principal, 'DC1$@CORP.TEST')
  assert.match(problem({ keytab: 'two.keytab', realm: 'ELSE' }), /two\.keytab has no key of realm ELSE/)
})

test('a principal may stand without its realm, peers too', () => {
  const { credential } = loaded({
    keytab: 'domain.keytab',
    principal: 'host/dc1',
    peer: ['DC2$', 'host/x@EXT.TEST'],
    kdc: [parseAddress('10.0.0.9')!],
    service: 'ike',
  })
  assert.equal(credential.principal, 'host/dc1@CORP.TEST')
  assert.deepEqual(credential.principals, ['DC2$@CORP.TEST', 'host/x@EXT.TEST'])
  assert.deepEqual(credential.centres, [parseAddress('10.0.0.9')])
  assert.equal(credential.service, 'ike')
})

const problems: readonly (readonly [what: string, more: Parameters<typeof load>[0], told: RegExp])[] = [
  [
    'that is not there',
    { keytab: 'none.keytab' },
    /none\.keytab: .*no such file.*join the domain, or export one: ktadd/,
  ],
  ['that is none', { keytab: 'text.keytab' }, /text\.keytab: no key table: .*ktadd/],
  ['without a key', { keytab: 'empty.keytab' }, /no key stands in empty\.keytab/],
  [
    'without the name that the policy has',
    { keytab: 'mit.keytab', principal: 'host/dc2.corp.test@CORP.TEST' },
    /no key of host\/dc2\.corp\.test@CORP\.TEST \(did you mean host\/dc1\.corp\.test@CORP\.TEST\?/,
  ],
]

for (const [what, more, told] of problems) {
  test(`a key table ${what} is a problem with what to do`, () => assert.match(problem(more), told))
}

test('a key table that everybody may read is a warning', () => {
  assert.match(loaded({ keytab: 'open.keytab' }).warnings.join(), /open\.keytab: everybody on this machine may read/)
})
