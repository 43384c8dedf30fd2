// The codecs of Windows's IPsec policies, with values to write, for the list of all codecs.
import fc from 'fast-check'
import { Secret } from '../src/base/secret.ts'
import { type AuthenticationMethod, authenticationMethod, wideText } from '../src/windows/policy-blob-parts.ts'
import {
  type Algorithm,
  isakmpContent,
  negotiationContent,
  policyContent,
  type QuickModeOffer,
  type RuleContent,
  ruleContent,
} from '../src/windows/policy-blobs.ts'
import { type FilterListContent, filterListContent } from '../src/windows/policy-filter-blob.ts'
import { guid, guidOf } from '../src/windows/policy-guids.ts'
import { bytes, type ListedCodec, listed, record, some, u8, u16, u32 } from './codec-values.ts'

const guids = bytes(16).map(guidOf)
/** Without zeros, which end a text. */
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map(value => value.replaceAll('\0', ''))
const texts = fc.option(text, { nil: undefined })

/** Fields that are undefined are left out, as codecs leave them out. */
function present<T>(values: fc.Arbitrary<object>): fc.Arbitrary<T> {
  return values.map(value => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T)
}

const method: fc.Arbitrary<AuthenticationMethod> = record({ type: u32, data: some.map(octets => new Secret(octets)) })
const methods = fc.array(method, { maxLength: 3 })
const algorithm: fc.Arbitrary<Algorithm> = record({
  algorithm: u32,
  integrity: u32,
  type: u32,
  keyLength: u32,
  rounds: u32,
})
const offer: fc.Arbitrary<QuickModeOffer> = record({
  seconds: u32,
  kilobytes: u32,
  flags: u32,
  pfs: u32,
  algorithmCount: u32,
  algorithms: fc.tuple(algorithm, algorithm, algorithm),
})

const mainModeMethod = record({
  version: bytes(4),
  cipher: u32,
  cipherKeyLength: u32,
  cipherRounds: u32,
  hash: u32,
  hashKeyLength: u32,
  reserved: bytes(12),
  fixedMethod: u8,
  reservedBehind: bytes(7),
  group: u32,
  quickModeLimit: u32,
  kilobytes: u32,
  seconds: u32,
  identityProtection: u32,
})

const isakmp = record({
  instance: guids,
  reserved: u32,
  masterPfs: u32,
  options: u32,
  fixedMethods: bytes(4),
  quickModeLimit: u32,
  seconds: u32,
  reservedBehind: bytes(20),
  methods: fc.array(mainModeMethod, { maxLength: 3 }),
  trailing: some,
})

const version = present(record({ number: u32, seconds: u32, system: texts, author: texts, comment: texts }))
const extension = methods.chain(all =>
  present<NonNullable<RuleContent['extension']>>(
    record({
      methods: fc.constant(all),
      flags: fc.option(record({ head: u32, values: fc.array(u32, { minLength: all.length, maxLength: all.length }) }), {
        nil: undefined,
      }),
    }),
  ),
)
const rule = present<RuleContent>(
  record({
    version: fc.option(version, { nil: undefined }),
    authentication: methods,
    interfaceType: u32,
    interfaceName: texts,
    tunnelAddress: u32,
    isTunnel: u32,
    isActive: u32,
    tunnelName: texts,
    extension: fc.option(extension, { nil: undefined }),
    tunnelAddress6: fc.option(bytes(16), { nil: undefined }),
    trailing: some,
  }),
)

const head = { sourceName: texts, destinationName: texts, description: texts, id: guids, mirrored: u32 }
const filter = present(
  record({
    ...head,
    sourceAddress: u32,
    sourceMask: u32,
    destinationAddress: u32,
    destinationMask: u32,
    tunnelAddress: u32,
    protocol: u32,
    sourcePort: u16,
    destinationPort: u16,
    isTunnel: u8,
    special: u8,
    flags: u16,
  }),
)
const address = record({ type: u32, version: u32, address: bytes(16), second: bytes(16) })
const ports = record({ type: u32, first: u16, last: u16 })
const filter2 = present(
  record({
    ...head,
    source: address,
    destination: address,
    sourcePorts: ports,
    destinationPorts: ports,
    protocol: u32,
    flags: u32,
  }),
)
const list = present<FilterListContent>(
  record({
    filters: fc.array(filter, { maxLength: 3 }),
    version2: fc.option(record({ version1Count: u32, filters: fc.array(filter2, { maxLength: 3 }) }), {
      nil: undefined,
    }),
    trailing: some,
  }),
)

export const codecsOfWindowsPolicies: readonly ListedCodec[] = [
  listed('windows GUID', guid, guids, false),
  listed('windows text', wideText, texts, false),
  listed('windows authentication method', authenticationMethod, method, false),
  listed('windows policy', policyContent, record({ pollingSeconds: u32, trailing: some })),
  listed('windows IKE settings', isakmpContent, isakmp),
  listed(
    'windows filter action',
    negotiationContent,
    record({ offers: fc.array(offer, { maxLength: 3 }), trailing: some }),
  ),
  listed('windows rule', ruleContent, rule),
  listed('windows filter list', filterListContent, list),
]
