// The codecs of IKEv1, with values to write, for the list of all codecs.
import fc from 'fast-check'
import type { Codec } from '../src/base/codec.ts'
import { type MessageV1, messageV1 } from '../src/wire/ike/v1-message.ts'
import { type NotifyKindV1, notifyFormatsV1 } from '../src/wire/ike/v1-notify.ts'
import { type PayloadKindV1, type PayloadV1, payloadFormatsV1 } from '../src/wire/ike/v1-payloads.ts'
import {
  type ProposalV1,
  proposalContentV1,
  type SecurityAssociationV1,
  securityAssociationV1,
} from '../src/wire/ike/v1-security-association.ts'
import { attribute, bytes, type ListedCodec, listed, record, some, u8, u16, u32, u64 } from './codec-values.ts'

const attributes = fc.array(attribute, { maxLength: 5 })
const proposal: fc.Arbitrary<ProposalV1> = record({
  number: u8,
  protocol: u8,
  spi: bytes(0, 16),
  transforms: fc.array(record({ number: u8, id: u8, attributes }), { maxLength: 5 }),
})
const association: fc.Arbitrary<SecurityAssociationV1> = fc.oneof(
  record({
    doi: fc.constant(1),
    situation: fc.constant(1),
    proposals: fc.array(proposal, { minLength: 1, maxLength: 4 }),
    other: fc.constant(new Uint8Array(0)),
  }),
  record({
    doi: fc.constant(1),
    situation: u32.filter(value => value !== 1),
    proposals: fc.constant([]),
    other: some,
  }),
  record({
    doi: u32.filter(value => value !== 1),
    situation: fc.constant(0),
    proposals: fc.constant([]),
    other: some,
  }),
)
const identification = fc
  .constantFrom([1, 4], [4, 8], [7, 8], [5, 16], [6, 32], [8, 32], [2, 12], [9, 30], [11, 0], [200, 7])
  .chain(([type, length]) => record({ type: fc.constant(type!), protocol: u8, port: u16, data: bytes(length!) }))
const certificate = record({ encoding: u8, data: some })
const deletion = fc.constantFrom([1, 16], [2, 4], [3, 4], [1, 0], [9, 6]).chain(([protocol, spiSize]) =>
  record({
    doi: u32,
    protocol: fc.constant(protocol!),
    spiSize: fc.constant(spiSize!),
    spis: fc.array(bytes(spiSize!), { maxLength: spiSize === 0 ? 0 : 5 }),
  }),
)
const originalAddress = fc
  .constantFrom([1, 4], [5, 16])
  .chain(([type, length]) => record({ type: fc.constant(type!), address: bytes(length!) }))
const natDetection = record({ hash: some })

const bodies: { readonly [K in PayloadKindV1]: fc.Arbitrary<object> } = {
  'security-association': association,
  'key-exchange': record({ publicValue: some }),
  identification,
  certificate,
  'certificate-request': certificate,
  hash: record({ hash: some }),
  signature: record({ signature: some }),
  nonce: record({ nonce: bytes(8, 256) }),
  notify: record({ doi: u32, protocol: u8, type: u16, spi: bytes(0, 16), data: some }),
  delete: deletion,
  'vendor-id': record({ id: some }),
  attributes: record({ type: u8, id: u16, attributes }),
  'nat-detection': natDetection,
  'nat-original-address': originalAddress,
  'draft-nat-detection': natDetection,
  'draft-nat-original-address': originalAddress,
  'gss-token': record({ token: some }),
  fragment: record({ id: u16, number: fc.integer({ min: 1, max: 255 }), flags: u8, data: some }),
}

const notifyData: { readonly [K in NotifyKindV1]: fc.Arbitrary<object> } = {
  'RESPONDER-LIFETIME': record({ attributes }),
  'REPLAY-STATUS': record({ status: u32 }),
  'R-U-THERE': record({ sequence: u32 }),
  'R-U-THERE-ACK': record({ sequence: u32 }),
  'MS-STATUS': record({ detail: some }),
  'MS-DOS-COOKIE': record({ cookie: bytes(8) }),
  'MS-EXCHANGE-INFO': record({ flags: u32 }),
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(payloadFormatsV1).map(({ type }) => type))
const kinds = Object.keys(bodies) as PayloadKindV1[]
const payload: fc.Arbitrary<PayloadV1> = fc.oneof(
  ...kinds.map(kind => bodies[kind].map(body => ({ kind, ...body }) as unknown as PayloadV1)),
  record({
    kind: fc.constant('unknown' as const),
    type: u8.filter(type => type !== 0 && !knownTypes.has(type)),
    body: some,
  }),
)

const ENCRYPTED = 1
const header = record({
  initiatorSpi: u64,
  responderSpi: u64,
  version: record({ major: fc.constant(1), minor: fc.nat(15) }),
  exchange: u8,
  flags: u8,
  messageId: u32,
})
export const messagesV1: fc.Arbitrary<MessageV1> = fc.oneof(
  fc.tuple(header, fc.array(payload, { maxLength: 6 })).map(([head, payloads]): MessageV1 => {
    return { kind: 'clear', header: { ...head, flags: head.flags & ~ENCRYPTED }, payloads }
  }),
  fc.tuple(header, u8, some).map(([head, firstInside, sealed]): MessageV1 => {
    return { kind: 'sealed', header: { ...head, flags: head.flags | ENCRYPTED }, firstInside, sealed }
  }),
)

export const codecsOfIkev1: readonly ListedCodec[] = [
  listed('ikev1 message', messageV1, messagesV1, false),
  listed('ikev1 security association', securityAssociationV1, association),
  listed('ikev1 proposal', proposalContentV1, proposal, false),
  ...Object.entries(payloadFormatsV1).map(([kind, { codec }]) =>
    listed(`ikev1 payload ${kind}`, codec as Codec<object>, bodies[kind as PayloadKindV1]),
  ),
  ...Object.entries(notifyFormatsV1).map(([kind, codec]) =>
    listed(`ikev1 notify ${kind}`, codec as unknown as Codec<object>, notifyData[kind as NotifyKindV1]),
  ),
]
