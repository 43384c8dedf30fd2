// A folder of keys and certificates in many forms, good and bad, and a policy whose one rule names them: for tests of
// loading. Who asks for a folder removes it.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writePkcs12 } from '../crypto/pkcs12.ts'
import { type TestParty, testAuthority, testHost } from '../crypto/test-certificates.ts'
import { writePem } from '../crypto/x509/pem.ts'
import type { Authentication, Policy } from '../policy/model.ts'
import { readPolicyText } from '../policy/policy-text.ts'

export const pem = (...parties: readonly TestParty[]) =>
  parties.map(({ certificate }) => writePem('CERTIFICATE', certificate.der)).join('')
export const keyPem = ({ key }: TestParty) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

export function makeCredentialFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-credentials-'))

  function file(name: string, content: string | Uint8Array, mode = 0o600): string {
    writeFileSync(join(folder, name), content)
    chmodSync(join(folder, name), mode)
    return name
  }

  const root = testAuthority('Corp CA')
  const middle = testAuthority('Middle CA', root)
  const dc1 = testHost(root, { names: ['dc1.corp.test', '10.54.0.1'] })
  const below = testHost(middle, { names: ['dc3.corp.test'] })
  const dc2 = testHost(root, { names: ['dc2.corp.test'] })

  file('ca.pem', pem(root))
  file('middle.pem', pem(middle))
  file('both.pem', pem(root, middle))
  file('dc1.pem', pem(dc1))
  file('dc1.der', dc1.certificate.der)
  file('dc1.key', keyPem(dc1))
  file('dc2.key', keyPem(dc2))
  file('below.pem', pem(below))
  file('chain.pem', pem(below, middle))
  file('below.key', keyPem(below))
  file('all-in-one.pem', keyPem(dc1) + pem(dc1))
  file('open.key', keyPem(dc1), 0o644)
  file(
    'sealed.key',
    dc1.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString(),
  )
  file('empty.pem', '')
  file('words.pem', 'hello')
  file('cut.pem', pem(dc1).slice(0, 200))
  file('public.pem', createPublicKey(dc2.key).export({ type: 'spki', format: 'pem' }).toString())
  const salt = { salt: new Uint8Array(16), iv: new Uint8Array(16) }
  const packed = {
    keys: [new Uint8Array(dc1.key.export({ type: 'pkcs8', format: 'der' }))],
    certificates: [dc1.certificate.der, root.certificate.der],
  }
  file('dc1.p12', writePkcs12(packed, 'secret', { certificates: salt, key: salt, mac: new Uint8Array(16) }))
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  file('short.key', short.export({ type: 'pkcs8', format: 'pem' }).toString())
  file('short.pem', pem(testHost(root, { names: ['dc1'], key: short })))

  return { folder, file, root, middle, dc1, dc2, below }
}

/** One rule, `r`, with that authentication. */
export function policyOf(...authentication: readonly Authentication[]): Policy {
  const filters = 'filters: [{ source: 10.54.0.1, destination: 10.54.0.2, mirrored: true }]'
  const read = readPolicyText(
    `rules: [{ name: r, ${filters}, action: negotiate, authentication: [{ preSharedKey: x }] }]`,
    'p.yaml',
  )
  if (!read.ok) throw new Error('the test policy cannot be read')
  const { policy } = read.value
  return { ...policy, rules: policy.rules.map(rule => ({ ...rule, authentication })) }
}
