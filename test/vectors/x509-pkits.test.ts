// Paths, policies, name constraints and CRLs against NIST's Public Key Interoperability Test Suite. Every certificate and CRL of
// the suite is at hand in every case, so paths have to be found among 180 CAs, and revocation must be known.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseCertificate } from '../../src/crypto/x509/certificate.ts'
import type { PolicyRules } from '../../src/crypto/x509/certificate-policies.ts'
import { validatePath } from '../../src/crypto/x509/path.ts'
import { parseRevocationList } from '../../src/crypto/x509/revocation-list.ts'
import { pkitsDeviations } from './x509-deviations.ts'

const folder = join(import.meta.dirname, '../../../shared/testdata/vectors/x509/pkits')
const skip = existsSync(folder) ? false : 'skipped, because ../shared is not here'

interface PkitsCase {
  readonly name: string
  readonly ee: string
  readonly expect: string
}

const policy = (number: number) => `2.16.840.1.101.3.2.1.48.${number}`
const explicit: PolicyRules = { requireExplicit: true }
const accepting = (...numbers: readonly number[]): PolicyRules => ({ accepted: numbers.map(policy) })

/** Sections 4.8 to 4.12 of the suite's document, where the outcome depends on what the user accepts. */
const policyCases: readonly (readonly [name: string, rules: PolicyRules, expect: 'valid' | 'invalid'])[] = [
  ['ValidCertificatePathTest1EE', explicit, 'valid'],
  ['ValidCertificatePathTest1EE', { ...explicit, ...accepting(1) }, 'valid'],
  ['ValidCertificatePathTest1EE', { ...explicit, ...accepting(2) }, 'invalid'],
  ['ValidCertificatePathTest1EE', { ...explicit, ...accepting(1, 2) }, 'valid'],
  ['AllCertificatesNoPoliciesTest2EE', {}, 'valid'],
  ['AllCertificatesNoPoliciesTest2EE', explicit, 'invalid'],
  ['DifferentPoliciesTest4EE', {}, 'invalid'],
  ['DifferentPoliciesTest5EE', {}, 'invalid'],
  ['DifferentPoliciesTest7EE', {}, 'invalid'],
  ['DifferentPoliciesTest9EE', {}, 'invalid'],
  ['AllCertificatesSamePoliciesTest10EE', {}, 'valid'],
  ['AllCertificatesSamePoliciesTest10EE', accepting(1), 'valid'],
  ['AllCertificatesSamePoliciesTest10EE', accepting(2), 'valid'],
  ['AllCertificatesanyPolicyTest11EE', {}, 'valid'],
  ['AllCertificatesanyPolicyTest11EE', accepting(1), 'valid'],
  ['DifferentPoliciesTest12EE', {}, 'invalid'],
  ['UserNoticeQualifierTest15EE', {}, 'valid'],
  ['UserNoticeQualifierTest16EE', {}, 'valid'],
  ['UserNoticeQualifierTest18EE', accepting(1), 'valid'],
  ['UserNoticeQualifierTest18EE', accepting(2), 'valid'],
  ['UserNoticeQualifierTest19EE', {}, 'valid'],
  ['ValidPolicyMappingTest1EE', accepting(1), 'valid'],
  ['ValidPolicyMappingTest1EE', accepting(2), 'invalid'],
  ['ValidPolicyMappingTest1EE', { inhibitMapping: true }, 'invalid'],
  ['InvalidPolicyMappingTest2EE', { inhibitMapping: true }, 'invalid'],
  ['ValidPolicyMappingTest12EE', accepting(1), 'valid'],
  ['ValidPolicyMappingTest12EE', accepting(2), 'valid'],
  ['inhibitAnyPolicyTest3EE', {}, 'valid'],
  ['inhibitAnyPolicyTest3EE', { inhibitAny: true }, 'invalid'],
]

const octets = (name: string) => new Uint8Array(readFileSync(join(folder, name)))

function suite() {
  const others = readdirSync(join(folder, 'certs')).filter(name => !/EE\.crt$|^TrustAnchorRoot/.test(name))
  const read = others.map(name => parseCertificate(octets(`certs/${name}`)))
  const lists = readdirSync(join(folder, 'crls')).map(name => parseRevocationList(octets(`crls/${name}`)))
  const anchor = parseCertificate(octets('certs/TrustAnchorRootCertificate.crt'))
  assert.ok(anchor.ok)
  const store = {
    anchors: [anchor.value],
    intermediates: read.flatMap(one => (one.ok ? [one.value] : [])),
    crls: lists.flatMap(one => (one.ok ? [one.value] : [])),
    revocation: 'required' as const,
  }
  return (name: string, policies: PolicyRules): 'valid' | 'invalid' => {
    const leaf = parseCertificate(octets(`certs/${name}.crt`))
    if (!leaf.ok) return 'invalid'
    const options = { at: Date.UTC(2020, 0, 1) / 1000, purpose: { kind: 'ignore' }, keyUsage: [] } as const
    return validatePath(leaf.value, [], { ...store, policies }, options).ok ? 'valid' : 'invalid'
  }
}

const CASES = 130
const deviating = pkitsDeviations.length

test(`${CASES - deviating} of PKITS's ${CASES} paths are judged as it says, and ${deviating} otherwise for a reason each`, {
  skip,
}, () => {
  const judge = suite()
  const { tests }: { tests: readonly PkitsCase[] } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  const stated = tests.filter(({ expect }) => expect === 'valid' || expect === 'invalid')
  assert.equal(stated.length, CASES)
  const found = stated.flatMap(({ name, expect }) => {
    const verdict = judge(name, {})
    return verdict === expect ? [] : [`${name}: ${verdict === 'valid' ? 'accept' : 'refuse'}`]
  })
  assert.deepEqual(found.toSorted(), pkitsDeviations.map(({ id, we }) => `${id}: ${we}`).toSorted())
})

test(`all ${policyCases.length} of PKITS's cases with policies of the user's choice are judged as it says`, {
  skip,
}, () => {
  const judge = suite()
  for (const [name, rules, expect] of policyCases) {
    assert.equal(judge(name, rules), expect, `${name} with ${JSON.stringify(rules)}`)
  }
})
