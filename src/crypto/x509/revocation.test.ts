// What CRLs and OCSP responses do to a path in each mode, fresh and stale, whole and in part, honest and forged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  authority,
  certify,
  commonName,
  DAY,
  directory,
  NOON,
  ocspResponse,
  type Party,
  purposes,
  type ResponseWishes,
  revocationList,
  sequence,
} from '../../../test/build-certificates.ts'
import { DER_NULL, derElement, derInteger } from '../der.ts'
import { basicConstraints, extension, keyUsage } from '../make-certificate.ts'
import { type PathOptions, type RevocationMode, validatePath } from './path.ts'
import { parseRevocationList, readRevocationLists } from './revocation-list.ts'

const root = authority('Root')
const leaf = certify('Host', { issuer: root })
const serial = leaf.certificate.serialNumber

function judge(
  revocation: RevocationMode,
  crls: readonly Uint8Array[],
  options: Partial<PathOptions> = {},
  of = leaf,
  offered: readonly Party[] = [],
) {
  const lists = crls.map(parseRevocationList).map(read => {
    assert.ok(read.ok, read.ok ? '' : read.error.what)
    return read.value
  })
  const found = validatePath(
    of.certificate,
    offered.map(party => party.certificate),
    { anchors: [root.certificate], intermediates: [], crls: lists, revocation },
    { at: NOON, ...options },
  )
  return found.ok ? (found.value.warnings.length === 0 ? 'good' : 'warned') : found.error.kind
}

const critical = (oid: string, value: Uint8Array) => extension(oid, true, value)

test('each mode takes what it promises: off, if-known and required', () => {
  const clear = revocationList(root)
  const listed = revocationList(root, { revoked: [{ serial, reason: 1 }] })
  const other = revocationList(root, { revoked: [{ serial: Uint8Array.of(5) }] })
  for (const [lists, off, ifKnown, required] of [
    [[], 'good', 'good', 'revocation-unknown'],
    [[clear], 'good', 'good', 'good'],
    [[other], 'good', 'good', 'good'],
    [[listed], 'good', 'revoked', 'revoked'],
    [[clear, listed], 'good', 'revoked', 'revoked'],
  ] as const) {
    assert.deepEqual(
      [judge('off', lists), judge('if-known', lists), judge('required', lists)],
      [off, ifKnown, required],
    )
  }
})

test('a CRL that the peer brings counts as much as one from a file, signed as it is', () => {
  assert.equal(judge('required', [], { crls: [revocationList(root)] }), 'good')
  assert.equal(judge('required', [], { crls: [revocationList(root, { revoked: [{ serial }] })] }), 'revoked')
  const forged = revocationList(authority('Root'))
  assert.equal(judge('required', [], { crls: [forged] }), 'revocation-unknown')
  assert.equal(judge('if-known', [], { crls: [Uint8Array.of(1, 2, 3)] }), 'warned')
})

test('a CRL out of date clears nobody, but condemns whom it names', () => {
  const old = { thisUpdate: NOON - 9 * DAY, nextUpdate: NOON - DAY }
  assert.equal(judge('required', [revocationList(root, old)]), 'revocation-unknown')
  assert.equal(judge('if-known', [revocationList(root, old)]), 'warned')
  assert.equal(judge('if-known', [revocationList(root, { ...old, revoked: [{ serial }] })]), 'revoked')
  const future = { thisUpdate: NOON + DAY, nextUpdate: NOON + 2 * DAY }
  assert.equal(judge('required', [revocationList(root, future)]), 'revocation-unknown')
})

test('a CRL with an unknown critical extension clears nobody, but condemns whom it names', () => {
  const extensions = [critical('1.3.6.1.4.1.55738.9', derElement(DER_NULL))]
  assert.equal(judge('required', [revocationList(root, { extensions })]), 'revocation-unknown')
  assert.equal(judge('required', [revocationList(root, { extensions, revoked: [{ serial }] })]), 'revoked')
})

test('a CRL for part of the certificates says nothing of the others', () => {
  const scope = (...fields: readonly Uint8Array[]) => [critical('2.5.29.28', sequence(...fields))]
  const yes = Uint8Array.of(0xff)
  assert.equal(judge('required', [revocationList(root, { extensions: scope(derElement(0x81, yes)) })]), 'good')
  const cas = revocationList(root, { extensions: scope(derElement(0x82, yes)), revoked: [{ serial }] })
  assert.equal(judge('required', [cas]), 'revocation-unknown')
  const named = (name: string) => scope(derElement(0xa0, derElement(0xa0, directory(commonName(name)))))
  assert.equal(judge('required', [revocationList(root, { extensions: named('Elsewhere') })]), 'revocation-unknown')
  assert.equal(judge('required', [revocationList(root, { extensions: named('Root') })]), 'good')
  // keyCompromise alone; with all other reasons beside it the certificate is clear.
  const some = revocationList(root, { extensions: scope(derElement(0x83, Uint8Array.of(6, 0x40))) })
  const others = revocationList(root, { extensions: scope(derElement(0x83, Uint8Array.of(7, 0x3f, 0x80))) })
  assert.equal(judge('required', [some]), 'revocation-unknown')
  assert.equal(judge('required', [some, others]), 'good')
})

test('a delta adds to its base and takes away from it, and stands for nothing alone', () => {
  const delta = (base: number, number: number, reason?: number) =>
    revocationList(root, {
      number,
      extensions: [critical('2.5.29.27', derInteger(Uint8Array.of(base)))],
      ...(reason === undefined ? {} : { revoked: [{ serial, reason }] }),
    })
  const clear = revocationList(root, { number: 5 })
  const held = revocationList(root, { number: 5, revoked: [{ serial, reason: 6 }] })
  assert.equal(judge('required', [clear, delta(5, 6, 1)]), 'revoked')
  assert.equal(judge('required', [held, delta(5, 6)]), 'revoked')
  assert.equal(judge('required', [held, delta(5, 6, 8)]), 'good')
  assert.equal(judge('required', [held, delta(6, 7, 8)]), 'revoked', 'the delta is of a later base')
  assert.equal(judge('required', [delta(5, 6)]), 'revocation-unknown')
  const stale = revocationList(root, { number: 5, thisUpdate: NOON - 9 * DAY, nextUpdate: NOON - DAY })
  assert.equal(judge('required', [stale, delta(5, 6)]), 'good')
})

test('a delta takes away a hold and no other revocation', () => {
  const delta = revocationList(root, {
    number: 6,
    extensions: [critical('2.5.29.27', derInteger(Uint8Array.of(5)))],
    revoked: [{ serial, reason: 8 }],
  })
  assert.equal(
    judge('required', [revocationList(root, { number: 5, revoked: [{ serial, reason: 1 }] }), delta]),
    'revoked',
  )
  assert.equal(judge('required', [revocationList(root, { number: 5 }), delta]), 'good')
})

test('who is revoked gains nothing by making the search tire', () => {
  const listed = revocationList(root, { revoked: [{ serial }] })
  const decoys = Array.from({ length: 30 }, () => authority('Root'))
  for (let signatures = 0; signatures < 40; signatures++) {
    const effort = { signatures, steps: 1000, comparisons: 1000 }
    const verdict = judge('if-known', [listed], { effort }, leaf, decoys)
    assert.ok(verdict === 'too-much-work' || verdict === 'revoked', `${signatures}: ${verdict}`)
  }
})

test('a hold ends with a newer list, and no other revocation does', () => {
  const newer = revocationList(root, { number: 9 })
  assert.equal(judge('required', [revocationList(root, { revoked: [{ serial, reason: 6 }] }), newer]), 'good')
  assert.equal(judge('required', [revocationList(root, { revoked: [{ serial, reason: 1 }] }), newer]), 'revoked')
})

test('a CA in the middle that is revoked takes down who is below it', () => {
  const middle = authority('Middle', { issuer: root })
  const below = certify('Below', { issuer: middle })
  const lists = [revocationList(middle), revocationList(root)]
  assert.equal(judge('required', lists, {}, below, [middle]), 'good')
  assert.equal(judge('required', lists.slice(0, 1), {}, below, [middle]), 'revocation-unknown')
  const listed = revocationList(root, { revoked: [{ serial: middle.certificate.serialNumber }] })
  assert.equal(judge('if-known', [listed], {}, below, [middle]), 'revoked')
})

test('CRLs may come from a key of their own, if a path says so', () => {
  const signer = (usage: 'cRLSign' | 'digitalSignature') =>
    certify('Root', { issuer: root, name: root.name, extensions: [keyUsage([usage])] })
  const fit = signer('cRLSign')
  assert.equal(judge('required', [revocationList(fit)], {}, leaf, [fit]), 'good')
  const unfit = signer('digitalSignature')
  assert.equal(judge('required', [revocationList(unfit)], {}, leaf, [unfit]), 'revocation-unknown')
  assert.equal(judge('required', [revocationList(fit)]), 'revocation-unknown', 'its certificate is not at hand')
})

test('a CA whose key may not sign CRLs clears nobody', () => {
  const middle = authority('Middle', {
    issuer: root,
    extensions: [basicConstraints({ isAuthority: true }), keyUsage(['keyCertSign'])],
  })
  const below = certify('Below', { issuer: middle })
  const lists = [revocationList(root), revocationList(middle)]
  assert.equal(judge('required', lists, {}, below, [middle]), 'revocation-unknown')
})

test('a file may hold several CRLs in PEM, or one in DER', () => {
  const der = revocationList(root)
  const pem = (bytes: Uint8Array) => `-----BEGIN X509 CRL-----\n${bytes.toBase64()}\n-----END X509 CRL-----\n`
  const text = new TextEncoder().encode(`# ours\n${pem(der)}\n${pem(revocationList(root, { number: 2 }))}`)
  assert.deepEqual([readRevocationLists(text).length, readRevocationLists(der).length], [2, 1])
  assert.ok(readRevocationLists(text).every(read => read.ok))
})

const responder = (wishes: { readonly extensions?: readonly Uint8Array[]; readonly issuer?: Party } = {}) =>
  certify('Responder', {
    issuer: root,
    extensions: [purposes('1.3.6.1.5.5.7.3.9'), extension('1.3.6.1.5.5.7.48.1.5', false, derElement(DER_NULL))],
    ...wishes,
  })

test('an OCSP response speaks by the CA, by name or key, about this certificate', () => {
  const answer = (status: 'good' | 'revoked' | 'unknown', wishes: ResponseWishes = {}, about = leaf) =>
    judge('required', [], { ocsp: [ocspResponse(about, root, status, wishes)] })
  assert.equal(answer('good'), 'good')
  assert.equal(answer('good', { hash: 'sha256' }), 'good')
  assert.equal(answer('good', { byKey: true }), 'good')
  assert.equal(answer('revoked'), 'revoked')
  assert.equal(answer('unknown'), 'revocation-unknown')
  assert.equal(answer('good', {}, certify('Other', { issuer: root, serial: 3 })), 'revocation-unknown')
  assert.equal(answer('good', { thisUpdate: NOON - 9 * DAY, nextUpdate: NOON - DAY }), 'revocation-unknown')
  assert.equal(answer('revoked', { thisUpdate: NOON - 9 * DAY, nextUpdate: NOON - DAY }), 'revoked')
  assert.equal(answer('good', { thisUpdate: NOON + DAY, nextUpdate: NOON + 2 * DAY }), 'revocation-unknown')
  assert.equal(answer('good', { thisUpdate: NOON - 3600, nextUpdate: null }), 'good')
  assert.equal(answer('good', { thisUpdate: NOON - 2 * DAY, nextUpdate: null }), 'revocation-unknown')
})

test('an OCSP responder is one that the CA itself appointed for it', () => {
  const by = (signer: Party, wishes: ResponseWishes = {}) =>
    judge('required', [], { ocsp: [ocspResponse(leaf, root, 'good', { signer, ...wishes })] })
  assert.equal(by(responder()), 'good')
  assert.equal(by(responder(), { byKey: true }), 'good')
  assert.equal(by(responder(), { certificates: [] }), 'revocation-unknown', 'its certificate is not in the response')
  assert.equal(by(certify('Host 2', { issuer: root })), 'revocation-unknown', 'no responder')
  assert.equal(by(responder({ extensions: [purposes('2.5.29.37.0')] })), 'revocation-unknown', 'any is not OCSP')
  assert.equal(by(responder({ issuer: authority('Root') })), 'revocation-unknown', 'another key of that name')
  const asked = responder({ extensions: [purposes('1.3.6.1.5.5.7.3.9')] })
  assert.equal(by(asked), 'revocation-unknown', 'nobody knows whether it is revoked itself')
  const ocsp = [ocspResponse(leaf, root, 'good', { signer: asked })]
  assert.equal(judge('required', [revocationList(root)], { ocsp }), 'good')
  const listed = revocationList(root, { revoked: [{ serial: asked.certificate.serialNumber }] })
  assert.equal(judge('required', [listed], { ocsp: [ocspResponse(leaf, root, 'revoked', { signer: asked })] }), 'good')
})

test('what a CRL revokes no OCSP response makes good', () => {
  const ocsp = [ocspResponse(leaf, root, 'good')]
  assert.equal(judge('if-known', [revocationList(root, { revoked: [{ serial }] })], { ocsp }), 'revoked')
})

test('an indirect CRL is about the CAs that its entries name', () => {
  const clerk = certify('Clerk', { issuer: root, extensions: [keyUsage(['cRLSign'])] })
  const point = sequence(
    sequence(
      derElement(0xa0, derElement(0xa0, directory(commonName('Point')))),
      derElement(0xa2, directory(clerk.name)),
    ),
  )
  const host = certify('Host', { issuer: root, extensions: [extension('2.5.29.31', false, point)] })
  const scope = critical(
    '2.5.29.28',
    sequence(derElement(0xa0, derElement(0xa0, directory(commonName('Point')))), derElement(0x84, Uint8Array.of(0xff))),
  )
  const own = revocationList(root)
  const clear = revocationList(clerk, { extensions: [scope] })
  assert.equal(judge('required', [clear, own], {}, host, [clerk]), 'good')
  // Without the CA's name the entry is about the clerk's own certificates.
  const theirs = revocationList(clerk, { extensions: [scope], revoked: [{ serial: host.certificate.serialNumber }] })
  assert.equal(judge('required', [theirs, own], {}, host, [clerk]), 'good')
})
