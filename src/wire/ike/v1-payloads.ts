// Every payload of IKEv1 (RFC 2408 §3, RFC 2407 §4.6, RFC 3947, [MS-IKEE] §2.2), each described once, and the table that
// says which type has which format. The chain has IKEv2's generic header but no critical bit, and no payload that ends it
// early: what is encrypted is the message as a whole.
import { type Reader, Writer } from '../../base/bytes.ts'
import {
  type Codec,
  refined,
  reserved,
  rest,
  restBetween,
  struct,
  u8,
  u16,
  u32,
  type ValueOf,
} from '../../base/codec.ts'
import { GENERIC_HEADER } from './payload-chain.ts'
import { attributes } from './security-association.ts'
import { identificationTypesV1, payloadTypesV1 } from './v1-numbers.ts'
import { securityAssociationV1 } from './v1-security-association.ts'

/** How long an address of each family, a pair of them, and so on are (RFC 2407 §4.6.2). */
const identificationLengths: ReadonlyMap<number, number> = new Map([
  [identificationTypesV1.of.ipv4, 4],
  [identificationTypesV1.of['ipv4-subnet'], 8],
  [identificationTypesV1.of['ipv4-range'], 8],
  [identificationTypesV1.of.ipv6, 16],
  [identificationTypesV1.of['ipv6-subnet'], 32],
  [identificationTypesV1.of['ipv6-range'], 32],
])

/** Protocol and port are 0, or UDP and 500 or 4500, in main mode; in quick mode they say what the SAs are for. */
export const identificationV1 = refined(
  struct({ type: u8, protocol: u8, port: u16, data: rest }),
  ({ type, data: { length } }) => {
    const wanted = identificationLengths.get(type)
    return wanted === undefined || wanted === length
      ? undefined
      : `an identification of type ${identificationTypesV1.nameOf(type)} has ${length} octets and not ${wanted}`
  },
)

/** 8 to 256 octets (RFC 2409 §5). */
export const nonceV1 = struct({ nonce: restBetween(8, 256, 'a nonce') })

const notifyHeader = struct({ doi: u32, protocol: u8, spiSize: u8, type: u16 })
export const notifyV1: Codec<NotifyV1> = {
  read(from) {
    const { doi, protocol, spiSize, type } = notifyHeader.read(from)
    return { doi, protocol, type, spi: from.bytes(spiSize), data: from.bytes(from.left) }
  },
  write(to, { doi, protocol, type, spi, data }) {
    notifyHeader.write(to, { doi, protocol, spiSize: spi.length, type })
    to.bytes(spi)
    to.bytes(data)
  },
}
export interface NotifyV1 {
  readonly doi: number
  readonly protocol: number
  readonly type: number
  /** Both cookies, 16 octets, where it speaks of the main mode SA; some peers leave them out. */
  readonly spi: Uint8Array
  /** v1-notify.ts reads it. */
  readonly data: Uint8Array
}

const deleteHeader = struct({ doi: u32, protocol: u8, spiSize: u8, count: u16 })
export const deletionV1: Codec<DeletionV1> = {
  read(from) {
    const start = from.at
    const { doi, protocol, spiSize, count } = deleteHeader.read(from)
    // Compared first, so that a lying count asks for no memory.
    if (spiSize * count !== from.left || (spiSize === 0 && count > 0)) {
      from.fail(`${count} SPIs of ${spiSize} octets are announced and ${from.left} octets are left`, start)
    }
    return { doi, protocol, spiSize, spis: Array.from({ length: count }, () => from.bytes(spiSize)) }
  },
  write(to, { doi, protocol, spiSize, spis }) {
    if (spis.some(({ length }) => length !== spiSize)) throw new RangeError(`an SPI that is not of ${spiSize} octets`)
    deleteHeader.write(to, { doi, protocol, spiSize, count: spis.length })
    for (const spi of spis) to.bytes(spi)
  },
}
export interface DeletionV1 {
  readonly doi: number
  readonly protocol: number
  readonly spiSize: number
  readonly spis: readonly Uint8Array[]
}

/** A hash of cookies, address and port, as long as the hash that was agreed on (RFC 3947 §3.2). */
const natDetection = struct({ hash: rest })
/** An address as it is in front of the NAT (RFC 3947 §5.2). */
const natOriginalAddress = refined(struct({ type: u8, reserved: reserved(3), address: rest }), ({ type, address }) => {
  const wanted = originalAddressLengths.get(type)
  return wanted === address.length ? undefined : `an original address of type ${type} and ${address.length} octets`
})
const originalAddressLengths: ReadonlyMap<number, number> = new Map([
  [identificationTypesV1.of.ipv4, 4],
  [identificationTypesV1.of.ipv6, 16],
])

/** Last of its message: fragments of one message share `id` and count from 1 ([MS-IKEE] §2.2.3.1). */
const fragment = refined(struct({ id: u16, number: u8, flags: u8, data: rest }), ({ number }) =>
  number === 0 ? 'a fragment with the number 0' : undefined,
)
/** In `flags`. */
export const LAST_FRAGMENT = 1

const certificate = struct({ encoding: u8, data: rest })

/** What every token of GSS-API begins with (RFC 2743 §3.1). */
const GSS_TOKEN = 0x60

/**
 * An octet of the vendor's stands in front of the token (draft-ietf-ipsec-isakmp-gss-auth-07 §3.3.3), as with Windows; racoon
 * has none.
 */
const gssToken: Codec<{ readonly vendor?: number; readonly token: Uint8Array }> = {
  read(from) {
    const whole = from.bytes(from.left)
    if (whole[0] === GSS_TOKEN || whole[1] !== GSS_TOKEN) return { token: whole }
    return { vendor: whole[0]!, token: whole.subarray(1) }
  },
  write(to, { vendor, token }) {
    if (vendor !== undefined) to.u8(vendor)
    to.bytes(token)
  },
}

/** Every kind of payload, its type and its format. */
export const payloadFormatsV1 = {
  'security-association': { type: payloadTypesV1.of.SA, codec: securityAssociationV1 },
  'key-exchange': { type: payloadTypesV1.of.KE, codec: struct({ publicValue: rest }) },
  identification: { type: payloadTypesV1.of.ID, codec: identificationV1 },
  certificate: { type: payloadTypesV1.of.CERT, codec: certificate },
  /** Without data any authority will do (RFC 2408 §3.10). */
  'certificate-request': { type: payloadTypesV1.of.CR, codec: certificate },
  hash: { type: payloadTypesV1.of.HASH, codec: struct({ hash: rest }) },
  signature: { type: payloadTypesV1.of.SIG, codec: struct({ signature: rest }) },
  nonce: { type: payloadTypesV1.of.NONCE, codec: nonceV1 },
  notify: { type: payloadTypesV1.of.N, codec: notifyV1 },
  delete: { type: payloadTypesV1.of.D, codec: deletionV1 },
  'vendor-id': { type: payloadTypesV1.of.VID, codec: struct({ id: rest }) },
  attributes: {
    type: payloadTypesV1.of.ATTR,
    codec: struct({ type: u8, reserved: reserved(1), id: u16, attributes }),
  },
  'nat-detection': { type: payloadTypesV1.of['NAT-D'], codec: natDetection },
  'nat-original-address': { type: payloadTypesV1.of['NAT-OA'], codec: natOriginalAddress },
  'draft-nat-detection': { type: payloadTypesV1.of['NAT-D draft'], codec: natDetection },
  'draft-nat-original-address': { type: payloadTypesV1.of['NAT-OA draft'], codec: natOriginalAddress },
  'gss-token': { type: payloadTypesV1.of.GSS, codec: gssToken },
  fragment: { type: payloadTypesV1.of.FRAGMENT, codec: fragment },
} as const

export type PayloadKindV1 = keyof typeof payloadFormatsV1
type Body<K extends PayloadKindV1> = ValueOf<(typeof payloadFormatsV1)[K]['codec']>
export type PayloadV1Of<K extends PayloadKindV1> = { readonly kind: K } & Body<K>
export interface UnknownPayloadV1 {
  readonly kind: 'unknown'
  readonly type: number
  readonly body: Uint8Array
}
export type PayloadV1 = { [K in PayloadKindV1]: PayloadV1Of<K> }[PayloadKindV1] | UnknownPayloadV1

const formatsByType: ReadonlyMap<number, { readonly kind: PayloadKindV1; readonly codec: Codec<object> }> = new Map(
  Object.entries(payloadFormatsV1).map(([kind, { type, codec }]) => [
    type,
    { kind: kind as PayloadKindV1, codec: codec as Codec<object> },
  ]),
)

/** A payload to send. */
export function payloadV1<K extends PayloadKindV1>(kind: K, body: Body<K>): PayloadV1Of<K> {
  return { kind, ...body } as PayloadV1Of<K>
}

export function payloadTypeV1(value: PayloadV1): number {
  return value.kind === 'unknown' ? value.type : payloadFormatsV1[value.kind].type
}

interface LinkV1 {
  readonly type: number
  readonly body: Reader
}

function* readLinks(from: Reader, first: number): Generator<LinkV1> {
  for (let type = first; type !== payloadTypesV1.of.NONE; ) {
    const start = from.at
    const next = from.u8()
    // Reserved. RFC 2408 §5.3 would refuse other values than zero, which would punish what changes nothing.
    from.u8()
    const length = from.u16()
    if (length < GENERIC_HEADER) from.fail(`a payload of ${length} octets has no header`, start)
    if (length - GENERIC_HEADER > from.left) {
      from.fail(`a payload claims ${length} octets and ${from.left + GENERIC_HEADER} are left`, start)
    }
    yield { type, body: from.part(length - GENERIC_HEADER) }
    type = next
  }
}

/** All payloads of a chain that begins with the type `first`; what follows the last one is left to the caller. */
export function readChainV1(from: Reader, first: number): readonly PayloadV1[] {
  const found: PayloadV1[] = []
  for (const { type, body } of readLinks(from, first)) {
    const format = formatsByType.get(type)
    if (format === undefined) {
      found.push({ kind: 'unknown', type, body: body.bytes(body.left) })
      continue
    }
    found.push({ kind: format.kind, ...format.codec.read(body) } as PayloadV1)
    body.finish()
  }
  return found
}

/**
 * What each payload of a chain has behind its generic header, as it travelled. Hashes cover that, with whatever stands in
 * reserved octets, so it must not be written anew.
 */
export function readBodiesV1(from: Reader, first: number): readonly Uint8Array[] {
  return Array.from(readLinks(from, first), ({ body }) => body.bytes(body.left))
}

export function writeChainV1(to: Writer, payloads: readonly PayloadV1[]): void {
  for (const [index, value] of payloads.entries()) {
    const type = payloadTypeV1(value)
    // Zero would end the chain in front of it, and a known type has a format to keep.
    if (value.kind === 'unknown' && (type === 0 || formatsByType.has(type))) {
      throw new RangeError(`type ${type} is no unknown payload`)
    }
    const start = to.at
    to.u8(firstTypeV1(payloads.slice(index + 1, index + 2)))
    to.u8(0)
    to.u16(0)
    writeBody(to, value)
    const length = to.at - start
    to.patch(start + 2, patched => patched.u16(length))
  }
}

function writeBody(to: Writer, value: PayloadV1): void {
  if (value.kind === 'unknown') to.bytes(value.body)
  else (payloadFormatsV1[value.kind].codec as Codec<object>).write(to, value)
}

/** A payload that we send, without its generic header: what hashes cover as SAi_b and IDii_b (RFC 2409 §5). */
export function bodyOfV1(value: PayloadV1): Uint8Array {
  const to = new Writer()
  writeBody(to, value)
  return to.finish()
}

export function firstTypeV1(payloads: readonly PayloadV1[]): number {
  return payloads[0] === undefined ? payloadTypesV1.of.NONE : payloadTypeV1(payloads[0])
}
