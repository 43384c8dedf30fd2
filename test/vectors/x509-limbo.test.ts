// Paths, names and revocation against x509-limbo (C2SP), which states for what each chain is meant: the purpose, the names,
// the moment, how many CAs may stand between. IKE's own demands are put aside for that.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAddress } from '../../src/base/address.ts'
import { type Certificate, parseCertificate } from '../../src/crypto/x509/certificate.ts'
import type { KeyUsage } from '../../src/crypto/x509/certificate-extensions.ts'
import { extendedKeyUsages, readExtendedKeyUsage } from '../../src/crypto/x509/extended-key-usage.ts'
import { bindsIdentity, type CertificateIdentity } from '../../src/crypto/x509/identity.ts'
import { validatePath } from '../../src/crypto/x509/path.ts'
import { readPem } from '../../src/crypto/x509/pem.ts'
import { parseRevocationList } from '../../src/crypto/x509/revocation-list.ts'
import { vectorText } from './read-vectors.ts'
import { limboDeviations } from './x509-deviations.ts'

interface PeerName {
  readonly kind: 'DNS' | 'IP' | 'RFC822'
  readonly value: string
}

interface LimboCase {
  readonly id: string
  readonly features: readonly string[]
  readonly validation_kind: 'SERVER' | 'CLIENT'
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly key_usage: readonly KeyUsage[]
  readonly extended_key_usage: readonly string[]
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly expected_peer_name: PeerName | null
  readonly expected_peer_names: readonly PeerName[]
  readonly max_chain_depth: number | null
  readonly crls: readonly string[]
}

const file = 'x509/limbo.json'
const isHere = existsSync(join(import.meta.dirname, '../../../shared/testdata/vectors', file))
const skip = isHere ? false : 'skipped, because ../shared is not here'

/** For cases that state none: within the dates of all that do not test dates. */
const SOME_TIME = Date.UTC(2026, 5, 1) / 1000

const derOf = (pem: string) => readPem(pem).blocks[0]!.der
const readable = (pems: readonly string[]): readonly Certificate[] =>
  pems.flatMap(pem => {
    const read = parseCertificate(derOf(pem))
    return read.ok ? [read.value] : []
  })

function identityOf({ kind, value }: PeerName): CertificateIdentity {
  if (kind !== 'IP') return { type: kind === 'DNS' ? 2 : 3, data: new TextEncoder().encode(value) }
  const { family, words } = parseAddress(value)!
  const data = Uint8Array.from(words.flatMap(word => [24, 16, 8, 0].map(shift => (word >>> shift) & 0xff)))
  return { type: family === 4 ? 1 : 5, data }
}

/** '' where the case is accepted, else the reason. */
function judge(limbo: LimboCase): string {
  const leaf = parseCertificate(derOf(limbo.peer_certificate))
  if (!leaf.ok) return leaf.error.what
  const purposes = limbo.extended_key_usage.map(name => readExtendedKeyUsage(name)!)
  const usual = extendedKeyUsages[limbo.validation_kind === 'SERVER' ? 'serverAuth' : 'clientAuth']
  const crls = limbo.crls.map(pem => parseRevocationList(derOf(pem))).flatMap(read => (read.ok ? [read.value] : []))
  const path = validatePath(
    leaf.value,
    readable(limbo.untrusted_intermediates),
    {
      anchors: readable(limbo.trusted_certs),
      intermediates: [],
      crls,
      revocation: limbo.features.includes('has-crl') ? 'required' : 'off',
    },
    {
      at: limbo.validation_time === null ? SOME_TIME : Date.parse(limbo.validation_time) / 1000,
      purpose: { kind: 'if-stated', oids: [...(purposes.length > 0 ? purposes : [usual]), extendedKeyUsages.any] },
      keyUsage: limbo.key_usage,
      ...(limbo.max_chain_depth === null ? {} : { mostIntermediates: limbo.max_chain_depth }),
    },
  )
  if (!path.ok) return path.error.what
  const names = limbo.expected_peer_name === null ? [] : [limbo.expected_peer_name]
  const missing = [...names, ...limbo.expected_peer_names].find(name => !bindsIdentity(leaf.value, identityOf(name)))
  return missing === undefined ? '' : `it does not bind ${missing.value}`
}

const CASES = 137
const agreeing = CASES - limboDeviations.length

test(`${agreeing} of x509-limbo's ${CASES} chains are judged as it says, and ${limboDeviations.length} otherwise for a reason each`, {
  skip,
}, () => {
  const cases: readonly LimboCase[] = JSON.parse(vectorText(file)).testcases
  assert.equal(cases.length, CASES)
  const found = cases.flatMap(limbo => {
    const started = process.hrtime.bigint()
    const why = judge(limbo)
    const milliseconds = Number(process.hrtime.bigint() - started) / 1e6
    // Mazes of a hundred CAs are among them.
    assert.ok(milliseconds < 2000, `${limbo.id} took ${milliseconds} ms`)
    const isAccepted = why === ''
    return isAccepted === (limbo.expected_result === 'SUCCESS')
      ? []
      : [`${limbo.id}: ${isAccepted ? 'accept' : 'refuse'}`]
  })
  const known = limboDeviations.map(({ id, we }) => `${id}: ${we}`)
  assert.deepEqual(found.toSorted(), known.toSorted())
})

test('of what x509-limbo calls critical or of high importance nothing deviates', { skip }, () => {
  const cases: readonly (LimboCase & { readonly importance: string })[] = JSON.parse(vectorText(file)).testcases
  const important = cases.filter(limbo => limbo.importance === 'high' || limbo.importance === 'critical')
  assert.equal(important.length, 10)
  for (const limbo of important) assert.equal(judge(limbo) === '', limbo.expected_result === 'SUCCESS', limbo.id)
})
