// What is kept of peers' certificates, and how much.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { Authority, identityOf } from './ikev2/test-certificates.ts'
import { judgePeer, type PeerClaim } from './judge-peer.ts'
import { KnownCertificates, knownCertificates } from './known-certificates.ts'

const DATE = 1_800_000_000
const authority = new Authority('One', DATE)

function claimOf(name: string, of = authority): PeerClaim {
  const { own } = of.host(name, 'p256')
  const shown = { certificates: own!.chain, ocsp: [], crls: [] }
  return { identity: identityOf(name), ...shown, address: parseAddress('10.0.0.9')! }
}

test('a peer that comes back is judged anew, by the certificate that was parsed before', () => {
  const credential = authority.host('here.test', 'p256')
  const claim = claimOf('there.test')
  const first = judgePeer([credential], claim, DATE)
  const again = judgePeer([credential], claim, DATE)
  assert.ok(first.ok && again.ok)
  assert.equal(first.value.key, again.value.key)
  const late = judgePeer([credential], claim, DATE + 100 * 86_400)
  assert.ok(!late.ok && late.error.kind === 'untrusted')
  const other = judgePeer([credential], { ...claim, identity: identityOf('else.test') }, DATE)
  assert.ok(!other.ok && other.error.kind === 'not-bound')
})

test('certificates that lead to no trust are not kept, and those that do have an end', () => {
  const credential = authority.host('here.test', 'p256')
  const strange = judgePeer([credential], claimOf('there.test', new Authority('Two', DATE)), DATE)
  assert.ok(!strange.ok)
  assert.equal(knownCertificates(credential.trust).size, 0)
  const known = new KnownCertificates()
  for (let count = 0; count < 600; count++) {
    known.remember([{ ...authority.certificate, der: Uint8Array.of(count >> 8, count) }])
  }
  assert.equal(known.size, 500)
})
