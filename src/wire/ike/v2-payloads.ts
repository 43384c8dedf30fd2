// Every payload of IKEv2 (RFC 7296 §3, RFC 7383 §2.5, RFC 8019 §8.2), each described once, and the table that says which
// type has which format. What is encrypted, EAP messages and payloads of unknown types keep their octets.
import type { Reader, Writer } from '../../base/bytes.ts'
import {
  type Codec,
  mapped,
  octets,
  refined,
  repeat,
  reserved,
  rest,
  restBetween,
  sized,
  struct,
  u8,
  u16,
  type ValueOf,
} from '../../base/codec.ts'
import { identificationTypes, payloadTypes, protocolIds } from './numbers.ts'
import { isEncrypted, readChain, writePayload } from './payload-chain.ts'
import { proposals } from './security-association.ts'
import { trafficSelectors } from './traffic-selectors.ts'

export const keyExchange = struct({ method: u16, reserved: reserved(2), publicValue: rest })

/** The reserved octets are kept: authentication covers them as they were sent (RFC 7296 §2.15, RestOfInitIDPayload). */
export const identification = refined(struct({ type: u8, reserved: octets(3), data: rest }), ({ type, data }) => {
  const wanted = identificationLengths.get(type)
  return wanted === undefined || wanted === data.length
    ? undefined
    : `an identification of type ${identificationTypes.nameOf(type)} has ${data.length} octets and not ${wanted}`
})
const identificationLengths: ReadonlyMap<number, number> = new Map([
  [identificationTypes.of.ipv4, 4],
  [identificationTypes.of.ipv6, 16],
  [identificationTypes.of.null, 0],
])

export const certificate = struct({ encoding: u8, data: rest })
/** Data of a certificate that is given by hash and URL (RFC 7296 §3.6). */
export const hashAndUrl = struct({ hash: octets(20), url: rest })
/** Data of a certificate request for X.509 or OCSP: SHA-1 of the public keys that are trusted (RFC 7296 §3.7). */
export const trustedKeyHashes = repeat(octets(20))

export const authentication = struct({ method: u8, reserved: reserved(3), data: rest })
/** Authentication data of method "digital signature": AlgorithmIdentifier in DER, then the signature (RFC 7427 §3). */
export const digitalSignature = struct({ algorithm: sized(u8, rest), signature: rest })

/** 16 to 256 octets (RFC 7296 §3.9). */
export const nonce = struct({ nonce: restBetween(16, 256, 'a nonce') })

const notifyHeader = struct({ protocol: u8, spiSize: u8, type: u16 })
export const notify: Codec<Notify> = {
  read(from) {
    const { protocol, spiSize, type } = notifyHeader.read(from)
    return { protocol, type, spi: from.bytes(spiSize), data: from.bytes(from.left) }
  },
  write(to, { protocol, type, spi, data }) {
    notifyHeader.write(to, { protocol, spiSize: spi.length, type })
    to.bytes(spi)
    to.bytes(data)
  },
}
export interface Notify {
  /** Zero and ignored where there is no SPI (RFC 7296 §3.10). */
  readonly protocol: number
  readonly type: number
  readonly spi: Uint8Array
  /** notify.ts reads it. */
  readonly data: Uint8Array
}

const deleteHeader = struct({ protocol: u8, spiSize: u8, count: u16 })
const spiSizes: ReadonlyMap<number, number> = new Map([
  [protocolIds.of.IKE, 0],
  [protocolIds.of.AH, 4],
  [protocolIds.of.ESP, 4],
])
/** The IKE SA itself is deleted without any SPI (RFC 7296 §3.11). */
export const deletion: Codec<Deletion> = {
  read(from) {
    const start = from.at
    const { protocol, spiSize, count } = deleteHeader.read(from)
    const wanted = spiSizes.get(protocol)
    if (wanted !== undefined && spiSize !== wanted) {
      from.fail(`SPIs of ${spiSize} octets for ${protocolIds.nameOf(protocol)}, which has ${wanted}`, start)
    }
    // Compared first, so that a lying count asks for no memory.
    if (spiSize * count !== from.left || (spiSize === 0 && count > 0)) {
      from.fail(`${count} SPIs of ${spiSize} octets are announced and ${from.left} octets are left`, start)
    }
    return { protocol, spiSize, spis: Array.from({ length: count }, () => from.bytes(spiSize)) }
  },
  write(to, { protocol, spiSize, spis }) {
    if (spis.some(({ length }) => length !== spiSize)) throw new RangeError(`an SPI that is not of ${spiSize} octets`)
    deleteHeader.write(to, { protocol, spiSize, count: spis.length })
    for (const spi of spis) to.bytes(spi)
  },
}
export interface Deletion {
  readonly protocol: number
  readonly spiSize: number
  readonly spis: readonly Uint8Array[]
}

/** The highest bit is reserved (RFC 7296 §3.15.1). */
const attributeType = mapped(
  u16,
  type => type & 0x7fff,
  type => type,
)
export const configuration = struct({
  type: u8,
  reserved: reserved(3),
  attributes: repeat(struct({ type: attributeType, value: sized(u16, rest) })),
})

/** Four keys of one size, each of 1 to 64 octets (RFC 8019 §8.2). */
export const puzzleSolution = struct({
  solution: refined(rest, ({ length }) =>
    length === 0 || length % 4 !== 0 ? `a puzzle solution of ${length} octets is not four keys of one size` : undefined,
  ),
})

/** Fragments count from 1 (RFC 7383 §2.5, §2.6). */
const encryptedFragment = refined(struct({ number: u16, total: u16, data: rest }), ({ number, total }) =>
  number === 0 || number > total ? `fragment ${number} of ${total}` : undefined,
)

/** Every kind of payload, its type and its format. */
export const payloadFormats = {
  'security-association': { type: payloadTypes.of.SA, codec: struct({ proposals }) },
  'key-exchange': { type: payloadTypes.of.KE, codec: keyExchange },
  'initiator-identification': { type: payloadTypes.of.IDi, codec: identification },
  'responder-identification': { type: payloadTypes.of.IDr, codec: identification },
  certificate: { type: payloadTypes.of.CERT, codec: certificate },
  'certificate-request': { type: payloadTypes.of.CERTREQ, codec: certificate },
  authentication: { type: payloadTypes.of.AUTH, codec: authentication },
  nonce: { type: payloadTypes.of.Nonce, codec: nonce },
  notify: { type: payloadTypes.of.N, codec: notify },
  delete: { type: payloadTypes.of.D, codec: deletion },
  'vendor-id': { type: payloadTypes.of.V, codec: struct({ id: rest }) },
  'initiator-selectors': { type: payloadTypes.of.TSi, codec: struct({ selectors: trafficSelectors }) },
  'responder-selectors': { type: payloadTypes.of.TSr, codec: struct({ selectors: trafficSelectors }) },
  encrypted: { type: payloadTypes.of.SK, codec: struct({ data: rest }) },
  configuration: { type: payloadTypes.of.CP, codec: configuration },
  eap: { type: payloadTypes.of.EAP, codec: struct({ message: rest }) },
  'encrypted-fragment': { type: payloadTypes.of.SKF, codec: encryptedFragment },
  'puzzle-solution': { type: payloadTypes.of.PS, codec: puzzleSolution },
} as const

export type PayloadKind = keyof typeof payloadFormats
type Body<K extends PayloadKind> = ValueOf<(typeof payloadFormats)[K]['codec']>
type Inside<K> = K extends 'encrypted' | 'encrypted-fragment' ? { readonly firstInside: number } : unknown
export type PayloadOf<K extends PayloadKind> = { readonly kind: K; readonly critical: boolean } & Inside<K> & Body<K>
export interface UnknownPayload {
  readonly kind: 'unknown'
  readonly critical: boolean
  readonly type: number
  readonly body: Uint8Array
}
export type Payload = { [K in PayloadKind]: PayloadOf<K> }[PayloadKind] | UnknownPayload

const formatsByType: ReadonlyMap<number, { readonly kind: PayloadKind; readonly codec: Codec<object> }> = new Map(
  Object.entries(payloadFormats).map(([kind, { type, codec }]) => [
    type,
    { kind: kind as PayloadKind, codec: codec as Codec<object> },
  ]),
)

/** A payload to send. The critical bit stays clear in every payload that RFC 7296 defines (§2.5). */
export function payload<K extends PayloadKind>(kind: K, body: Inside<K> & Body<K>): PayloadOf<K> {
  return { kind, critical: false, ...body } as PayloadOf<K>
}

export function payloadType(value: Payload): number {
  return value.kind === 'unknown' ? value.type : payloadFormats[value.kind].type
}

/** All payloads of a chain that begins with the type `first` and takes everything that is left. */
export function readPayloads(from: Reader, first: number): readonly Payload[] {
  const found: Payload[] = []
  for (const { type, critical, firstInside, body } of readChain(from, first)) {
    const format = formatsByType.get(type)
    if (format === undefined) {
      found.push({ kind: 'unknown', critical, type, body: body.bytes(body.left) })
      continue
    }
    const inside = isEncrypted(type) ? { firstInside } : {}
    found.push({ kind: format.kind, critical, ...inside, ...format.codec.read(body) } as Payload)
    body.finish()
  }
  return found
}

export function writePayloads(to: Writer, payloads: readonly Payload[]): void {
  for (const [index, value] of payloads.entries()) {
    const following = payloads[index + 1]
    const type = payloadType(value)
    // Zero would end the chain in front of it, and a known type has a format to keep.
    if (value.kind === 'unknown' && (type === 0 || formatsByType.has(type))) {
      throw new RangeError(`type ${type} is no unknown payload`)
    }
    const link = { type, critical: value.critical, firstInside: 'firstInside' in value ? value.firstInside : 0 }
    writePayload(to, link, following === undefined ? 0 : payloadType(following), body => {
      if (value.kind === 'unknown') body.bytes(value.body)
      else (payloadFormats[value.kind].codec as Codec<object>).write(body, value)
    })
  }
}

export function firstType(payloads: readonly Payload[]): number {
  return payloads[0] === undefined ? 0 : payloadType(payloads[0])
}
