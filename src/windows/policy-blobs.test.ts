// Blobs that Windows wrote come back octet for octet; blobs of any content never throw. Real ones are in
// ../shared/testdata: those of Windows 2000 from VPNease's export and those that samba puts into a new domain.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { type Codec, decode, encode } from '../base/codec.ts'
import { seededRandom } from '../base/random.ts'
import { Secret } from '../base/secret.ts'
import { credentialOf } from './policy-blob-parts.ts'
import { isakmpContent, negotiationContent, policyContent, type RuleContent, ruleContent } from './policy-blobs.ts'
import { type FilterListContent, filterListContent } from './policy-filter-blob.ts'
import { actionGuids, guidOctets, guidOf, parseGuid } from './policy-guids.ts'
import {
  fallBackOffer,
  filterListOf,
  filterVersion1,
  newNegotiation,
  newPolicy,
  ruleContentOf,
} from './policy-makers.ts'
import { dataOf } from './policy-objects.ts'

const ldif = resolve(import.meta.dirname, '../../../shared/testdata/policy-texts/samba/ip-security-objects.ldif')
const isThere = existsSync(ldif)
const skip = isThere ? false : 'skipped, because ../shared/testdata is not there'

const codecs: Readonly<Record<string, Codec<never>>> = {
  ipsecPolicy: policyContent as Codec<never>,
  ipsecISAKMPPolicy: isakmpContent as Codec<never>,
  ipsecNFA: ruleContent as Codec<never>,
  ipsecNegotiationPolicy: negotiationContent as Codec<never>,
  ipsecFilter: filterListContent as Codec<never>,
}

const id = '{51125251-695C-4BE6-9F1C-D192432C2FEE}'

function sambaBlobs(): { readonly kind: string; readonly bytes: Uint8Array }[] {
  const text = readFileSync(ldif, 'utf8').replace(/\r?\n /g, '')
  return text.split(/\r?\n\r?\n/).flatMap(entry => {
    const kind = /^dn: CN=(ipsec\w+)\{/m.exec(entry)?.[1]
    const data = /^ipsecData:: (.*)$/m.exec(entry)?.[1]
    return kind === undefined || data === undefined ? [] : [{ kind, bytes: Uint8Array.fromBase64(data) }]
  })
}

test('a GUID is the same as text and as octets, in any spelling', () => {
  const octets = Uint8Array.fromHex('632120224c4fd111863b00a0248d3021')
  assert.equal(guidOf(octets), '{22202163-4F4C-11D1-863B-00A0248D3021}')
  assert.deepEqual(guidOctets('{22202163-4F4C-11D1-863B-00A0248D3021}'), octets)
  assert.equal(parseGuid('22202163-4f4c-11d1-863b-00A0248D3021'), '{22202163-4F4C-11D1-863B-00A0248D3021}')
  assert.equal(parseGuid('{22202163-4f4c-11d1-863b-00A0248D302}'), undefined)
})

test('every blob of the policies that samba puts into a domain comes back octet for octet', { skip }, () => {
  const blobs = sambaBlobs()
  assert.ok(blobs.length >= 21, `${blobs.length}`)
  for (const { kind, bytes } of blobs) {
    const read = decode(codecs[kind]!, bytes)
    assert.ok(read.ok, `${kind}: ${JSON.stringify(read)}`)
    assert.ok(!('statedLength' in (read.value as object)), `${kind} states the length that we expect`)
    assert.deepEqual(encode(codecs[kind]!, read.value), bytes)
  }
})

test('what we make is what Windows 10 writes, octet for octet', () => {
  const kerberos = encode(ruleContent, ruleContentOf({ credentials: [{ kind: 'kerberos' }] }, 'windows-vista'))
  assert.equal(
    kerberos.toHex(),
    '00acbb118d49d111863900a0248d3021' +
      '2a000000010000000500000002000000' +
      '0000fdffffff02000000000000000000' +
      '00000000010000000200000000000101' +
      '01010101010101010101010101010100' +
      '0000050000000000000001010101010101010101010101010102'.replace(/^0000/, '0000') +
      '010000000000000000',
  )
  const list = encode(filterListContent, filterListOf([filterVersion1(id)], 'windows-vista'))
  assert.equal(list.length, 94)
  assert.equal(new DataView(list.buffer).getUint32(16, true), 70)
  const block = newNegotiation({ id }, actionGuids.block, [fallBackOffer()])
  assert.equal(dataOf(block).toHex(), 'b920dc80c82ed111a89e00a0248d3021040000000000000000')
  const policy = newPolicy({ id }, { rules: [] })
  assert.equal(dataOf(policy).toHex(), '632120224c4fd111863b00a0248d302104000000302a000000')
})

test('a rule for Windows 2000 holds the same without what Vista added', () => {
  const content = ruleContentOf({ credentials: [{ kind: 'kerberos' }] }, 'windows-2000')
  const bytes = encode(ruleContent, content)
  assert.equal(bytes.length, 63)
  assert.equal(new DataView(bytes.buffer).getUint32(16, true), 42)
  assert.deepEqual(decode(ruleContent, bytes), { ok: true, value: content })
})

test('a pre-shared key, an authority with its flags and an IPv6 tunnel stand in a rule and come back', () => {
  const content = ruleContentOf(
    {
      credentials: [
        { kind: 'pre-shared-key', secret: new Secret('Schlüssel 🔑') },
        { kind: 'certificate', authority: 'CN=Root, O=Häuser', mapsToAccount: true, hidesAuthority: true },
        { kind: 'kerberos' },
      ],
      tunnel: Uint8Array.from({ length: 16 }, (_, index) => index),
      isActive: false,
    },
    'windows-vista',
  )
  const bytes = encode(ruleContent, content)
  const read = decode(ruleContent, bytes)
  assert.ok(read.ok)
  assert.deepEqual(encode(ruleContent, read.value), bytes)
  const value: RuleContent = read.value
  assert.deepEqual(value.extension?.flags?.values, [0, 3, 0])
  assert.deepEqual(value.tunnelAddress6?.[15], 15)
  const [key, certificate, kerberos] = value.authentication.map(credentialOf)
  assert.ok(key?.kind === 'pre-shared-key')
  assert.equal(key.secret.reveal(), 'Schlüssel 🔑')
  assert.deepEqual(certificate, { kind: 'certificate', authority: 'CN=Root, O=Häuser' })
  assert.deepEqual(kerberos, { kind: 'kerberos' })
  assert.ok(!JSON.stringify(value).includes('83,0,99'), 'the octets of a key are never printed')
})

/** A list with filters of both versions. */
function bothVersions(): FilterListContent {
  const address = (type: number) => ({
    type,
    version: 2,
    address: new Uint8Array(16).fill(0xfd),
    second: new Uint8Array(16),
  })
  const filter = {
    sourceName: 'a.example',
    destinationName: '',
    description: 'ä',
    id,
    mirrored: 1,
    source: address(1),
    destination: address(8),
    sourcePorts: { type: 0, first: 0, last: 0 },
    destinationPorts: { type: 2, first: 1000, last: 2000 },
    protocol: 6,
    flags: 8,
  }
  const filters = [filterVersion1(id, { protocol: 17, sourcePort: 1701 })]
  return { filters, version2: { version1Count: 1, filters: [filter] }, trailing: new Uint8Array(0) }
}

test('filters of version 2 stand behind those of version 1, with counts and a length of their own', () => {
  const content = bothVersions()
  const bytes = encode(filterListContent, content)
  assert.deepEqual(decode(filterListContent, bytes), { ok: true, value: content })
  const view = new DataView(bytes.buffer)
  // Head, count and one filter of 70 octets; then a GUID.
  assert.equal(guidOf(bytes.subarray(94, 110)), '{35FECD3D-AE29-4373-8A6A-C5D8FAB2FB08}')
  assert.equal(view.getUint32(16, true), 70)
  assert.equal(view.getUint32(110, true), bytes.length - 122)
})

test('a length that is not Windows’s own, octets behind the end and texts without octets are kept', () => {
  const { trailing: _, ...list } = filterListOf([filterVersion1(id)])
  const { sourceName: __, ...bare } = list.filters[0]!
  const odd: FilterListContent = { statedLength: 99, filters: [bare], trailing: Uint8Array.of(0, 0xcd, 0xcd) }
  const bytes = encode(filterListContent, odd)
  assert.deepEqual(decode(filterListContent, bytes), { ok: true, value: odd })
})

/** Blobs to be broken: real ones where they are there, and our own. */
function seeds(): readonly (readonly [string, Uint8Array])[] {
  const own: (readonly [string, Uint8Array])[] = [
    ['ipsecFilter', encode(filterListContent, bothVersions())],
    [
      'ipsecNFA',
      encode(ruleContent, ruleContentOf({ credentials: [{ kind: 'kerberos' }], tunnel: 1 }, 'windows-vista')),
    ],
    ['ipsecNegotiationPolicy', dataOf(newNegotiation({ id }, actionGuids.negotiate, [fallBackOffer()]))],
    ['ipsecPolicy', dataOf(newPolicy({ id }, { rules: [] }))],
  ]
  return [...own, ...(isThere ? sambaBlobs().map(({ kind, bytes }) => [kind, bytes] as const) : [])]
}

test('20,000 broken blobs never throw, and what is read comes back octet for octet', () => {
  const random = seededRandom(7)
  const pick = (count: number) => Math.floor(random.fraction() * count)
  const all = seeds()
  let readable = 0
  for (let round = 0; round < 20_000; round++) {
    const [kind, original] = all[pick(all.length)]!
    const bytes = original.slice(0, random.fraction() < 0.2 ? pick(original.length + 1) : original.length)
    for (let change = pick(4); change > 0 && bytes.length > 0; change--) bytes[pick(bytes.length)] = pick(256)
    const read = decode(codecs[kind]!, bytes)
    if (!read.ok) continue
    readable++
    assert.deepEqual(encode(codecs[kind]!, read.value), bytes, `${kind} ${bytes.toHex()}`)
  }
  assert.ok(readable > 2000, `${readable}`)
})
