// Every codec once, with values to write: round trips, truncation and mutation in all-codecs.test.ts follow from the list.
import fc from 'fast-check'
import type { Codec } from '../src/base/codec.ts'
import { ikeHeader } from '../src/wire/ike/header.ts'
import { type Message, message } from '../src/wire/ike/message.ts'
import { type NotifyKind, notifyFormats } from '../src/wire/ike/notify.ts'
import { type Proposal, proposalContent, proposals } from '../src/wire/ike/security-association.ts'
import { type TrafficSelector, trafficSelector, trafficSelectors } from '../src/wire/ike/traffic-selectors.ts'
import {
  digitalSignature,
  hashAndUrl,
  type Payload,
  type PayloadKind,
  payloadFormats,
  trustedKeyHashes,
} from '../src/wire/ike/v2-payloads.ts'
import { codecsOfIkev1 } from './all-codecs-v1.ts'
import { codecsOfWindowsPolicies } from './all-codecs-windows.ts'
import {
  addressOf,
  attribute,
  bytes,
  type ListedCodec,
  listed,
  record,
  some,
  u8,
  u16,
  u32,
  u64,
} from './codec-values.ts'

const transform = record({ type: u8, id: u16, attributes: fc.array(attribute, { maxLength: 3 }) })
const proposal: fc.Arbitrary<Proposal> = record({
  number: u8,
  protocol: u8,
  spi: bytes(0, 8),
  transforms: fc.array(transform, { maxLength: 5 }),
})
const listOfProposals = fc.array(proposal, { minLength: 1, maxLength: 4 })

const selector: fc.Arbitrary<TrafficSelector> = fc.oneof(
  fc.constantFrom(4 as const, 6 as const).chain(family =>
    record({
      kind: fc.constant('addresses' as const),
      protocol: u8,
      startPort: u16,
      endPort: u16,
      start: addressOf(family),
      end: addressOf(family),
    }),
  ),
  record({
    kind: fc.constant('other' as const),
    type: u8.filter(type => type !== 7 && type !== 8),
    second: u8,
    data: some,
  }),
)
const selectors = record({ selectors: fc.array(selector, { maxLength: 4 }) })

const identification = fc
  .constantFrom([1, 4], [5, 16], [13, 0], [2, 12], [3, 9], [9, 30], [11, 0], [200, 7])
  .chain(([type, length]) => record({ type: fc.constant(type!), reserved: bytes(3), data: bytes(length!) }))
const certificate = record({ encoding: u8, data: some })
const deletion = fc.constantFrom([1, 0], [2, 4], [3, 4], [9, 6]).chain(([protocol, spiSize]) =>
  record({
    protocol: fc.constant(protocol!),
    spiSize: fc.constant(spiSize!),
    spis: fc.array(bytes(spiSize!), { maxLength: spiSize === 0 ? 0 : 5 }),
  }),
)

const bodies: { readonly [K in PayloadKind]: fc.Arbitrary<object> } = {
  'security-association': record({ proposals: listOfProposals }),
  'key-exchange': record({ method: u16, publicValue: some }),
  'initiator-identification': identification,
  'responder-identification': identification,
  certificate,
  'certificate-request': certificate,
  authentication: record({ method: u8, data: some }),
  nonce: record({ nonce: bytes(16, 256) }),
  notify: record({ protocol: u8, type: u16, spi: bytes(0, 8), data: some }),
  delete: deletion,
  'vendor-id': record({ id: some }),
  'initiator-selectors': selectors,
  'responder-selectors': selectors,
  encrypted: record({ data: some }),
  configuration: record({
    type: u8,
    attributes: fc.array(record({ type: fc.nat(0x7fff), value: some }), { maxLength: 4 }),
  }),
  eap: record({ message: some }),
  'encrypted-fragment': fc
    .tuple(u16, u16, some)
    .map(([a, b, data]) => ({ number: Math.max(1, Math.min(a, b)), total: Math.max(1, a, b), data })),
  'puzzle-solution': record({ solution: fc.integer({ min: 1, max: 16 }).chain(size => bytes(4 * size)) }),
}

const gateway = fc.oneof(
  record({ kind: fc.constant('address'), address: fc.oneof(addressOf(4), addressOf(6)) }),
  record({ kind: fc.constant('name'), name: some }),
  record({ kind: fc.constant('other'), type: fc.integer({ min: 4, max: 255 }), identity: some }),
)

/** Data of notifications; the types that are left out have none. */
const notifyData: { readonly [K in NotifyKind]?: fc.Arbitrary<object> } = {
  UNSUPPORTED_CRITICAL_PAYLOAD: record({ payloadType: u8 }),
  INVALID_MESSAGE_ID: record({ messageId: u32 }),
  INVALID_KE_PAYLOAD: record({ method: u16 }),
  INVALID_SELECTORS: record({ packet: some }),
  SET_WINDOW_SIZE: record({ size: u32 }),
  IPCOMP_SUPPORTED: record({ cpi: u16, transform: u8, attributes: some }),
  NAT_DETECTION_SOURCE_IP: record({ hash: bytes(20) }),
  NAT_DETECTION_DESTINATION_IP: record({ hash: bytes(20) }),
  COOKIE: record({ cookie: bytes(1, 64) }),
  COOKIE2: record({ cookie: bytes(8, 64) }),
  ADDITIONAL_IP4_ADDRESS: record({ address: addressOf(4) }),
  ADDITIONAL_IP6_ADDRESS: record({ address: addressOf(6) }),
  AUTH_LIFETIME: record({ seconds: u32 }),
  REDIRECT: record({ gateway, nonce: some }),
  REDIRECTED_FROM: record({ gateway }),
  QUICK_CRASH_DETECTION: record({ token: bytes(16, 128) }),
  SIGNATURE_HASH_ALGORITHMS: record({ algorithms: fc.array(u16, { maxLength: 8 }) }),
  PUZZLE: record({ prf: u16, difficulty: u8 }),
  PPK_IDENTITY: record({ type: u8, identity: some }),
  NO_PPK_AUTH: record({ data: bytes(1, 40) }),
  ADDITIONAL_KEY_EXCHANGE: record({ link: some }),
  SUPPORTED_AUTH_METHODS: record({
    announcements: fc.array(record({ method: u8, more: some }), { maxLength: 4 }),
  }),
}

const header = {
  initiatorSpi: u64,
  responderSpi: u64,
  exchange: u8,
  flags: u8,
  messageId: u32,
}

const clearKinds = (Object.keys(bodies) as PayloadKind[]).filter(kind => !kind.startsWith('encrypted'))
const knownTypes = new Set(Object.values(payloadFormats).map(({ type }) => type))
const clearPayload: fc.Arbitrary<Payload> = fc.oneof(
  ...clearKinds.map(kind =>
    fc.tuple(fc.boolean(), bodies[kind]).map(([critical, body]) => ({ kind, critical, ...body }) as unknown as Payload),
  ),
  record({
    kind: fc.constant('unknown' as const),
    critical: fc.boolean(),
    type: u8.filter(type => type !== 0 && !knownTypes.has(type as 33)),
    body: some,
  }),
)
const sealedPayload = fc
  .constantFrom('encrypted' as const, 'encrypted-fragment' as const)
  .chain(kind =>
    fc
      .tuple(fc.boolean(), u8, bodies[kind])
      .map(([critical, firstInside, body]) => ({ kind, critical, firstInside, ...body }) as unknown as Payload),
  )

export const messages: fc.Arbitrary<Message> = fc
  .tuple(
    record({ ...header, version: record({ major: fc.constant(2), minor: fc.nat(15) }) }),
    fc.array(clearPayload, { maxLength: 6 }),
    fc.option(sealedPayload),
  )
  .map(([head, clear, sealed]) => ({ header: head, payloads: sealed === null ? clear : [...clear, sealed] }))

export const allCodecs: readonly ListedCodec[] = [
  listed(
    'ike header',
    ikeHeader,
    record({
      ...header,
      firstPayload: u8,
      version: record({ major: fc.nat(15), minor: fc.nat(15) }),
      length: fc.integer({ min: 28, max: 0xffffffff }),
    }),
    false,
  ),
  listed('ike message', message, messages, false),
  listed('ike proposals', proposals, listOfProposals),
  listed('ike proposal', proposalContent, proposal, false),
  listed('ike traffic selector', trafficSelector, selector, false),
  listed(
    'ike traffic selectors',
    trafficSelectors,
    selectors.map(one => one.selectors),
    false,
  ),
  listed('ike digital signature', digitalSignature, record({ algorithm: some, signature: some })),
  listed('ike hash and URL', hashAndUrl, record({ hash: bytes(20), url: some })),
  listed('ike hashes of trusted keys', trustedKeyHashes, fc.array(bytes(20), { maxLength: 4 })),
  ...Object.entries(payloadFormats).map(([kind, { codec }]) =>
    listed(`ike payload ${kind}`, codec as Codec<object>, bodies[kind as PayloadKind]),
  ),
  ...Object.entries(notifyFormats).map(([kind, codec]) =>
    listed(`ike notify ${kind}`, codec as Codec<object>, notifyData[kind as NotifyKind] ?? fc.constant({})),
  ),
  ...codecsOfIkev1,
  ...codecsOfWindowsPolicies,
]
