// What notifications carry: the data of each type that has a form, read and written by one table. A notification of any
// other type keeps its octets.
import type { Address } from '../../base/address.ts'
import type { Malformed } from '../../base/bytes.ts'
import {
  type Codec,
  decode,
  encode,
  octets,
  refined,
  repeat,
  rest,
  restBetween,
  sized,
  struct,
  u8,
  u16,
  u32,
  type ValueOf,
} from '../../base/codec.ts'
import { type Result, success } from '../../base/result.ts'
import { notifyErrors, notifyStatuses } from './notify-numbers.ts'
import { ipv4Address, ipv6Address } from './traffic-selectors.ts'
import { type Notify, type PayloadOf, payload } from './v2-payloads.ts'

/** Nothing is sent; what comes is left for extensions to use, and ignored (RFC 4555 §4.2.1 says so of its own). */
const noData: Codec<Readonly<Record<never, never>>> = {
  read(from) {
    from.bytes(from.left)
    return {}
  },
  write: () => {},
}

/** SHA-1 over SPIs, address and port (RFC 7296 §2.23). */
const natDetection = struct({ hash: octets(20) })

/** Another gateway, by address or by name (RFC 5685 §7.1); other types keep their octets. */
export type Gateway =
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'name'; readonly name: Uint8Array }
  | { readonly kind: 'other'; readonly type: number; readonly identity: Uint8Array }

const GATEWAY_IPV4 = 1
const GATEWAY_IPV6 = 2
const GATEWAY_FQDN = 3
const identityOfGateway = sized(u8, rest)
const ipv4OfGateway = sized(u8, ipv4Address)
const ipv6OfGateway = sized(u8, ipv6Address)

const gateway: Codec<Gateway> = {
  read(from) {
    const type = from.u8()
    if (type === GATEWAY_IPV4) return { kind: 'address', address: ipv4OfGateway.read(from) }
    if (type === GATEWAY_IPV6) return { kind: 'address', address: ipv6OfGateway.read(from) }
    const identity = identityOfGateway.read(from)
    return type === GATEWAY_FQDN ? { kind: 'name', name: identity } : { kind: 'other', type, identity }
  },
  write(to, value) {
    if (value.kind === 'address') {
      const isIpv4 = value.address.family === 4
      to.u8(isIpv4 ? GATEWAY_IPV4 : GATEWAY_IPV6)
      return (isIpv4 ? ipv4OfGateway : ipv6OfGateway).write(to, value.address)
    }
    to.u8(value.kind === 'name' ? GATEWAY_FQDN : value.type)
    identityOfGateway.write(to, value.kind === 'name' ? value.name : value.identity)
  },
}

/** One way to authenticate: its length counts all of it; a link to a certificate request, an algorithm (RFC 9593 §3.2). */
const announcement = sized(u8, struct({ method: u8, more: rest }), 1)

/** The data of each type of notification, by the name of the type. */
export const notifyFormats = {
  UNSUPPORTED_CRITICAL_PAYLOAD: struct({ payloadType: u8 }),
  INVALID_IKE_SPI: noData,
  INVALID_MAJOR_VERSION: noData,
  INVALID_SYNTAX: noData,
  INVALID_MESSAGE_ID: struct({ messageId: u32 }),
  NO_PROPOSAL_CHOSEN: noData,
  INVALID_KE_PAYLOAD: struct({ method: u16 }),
  AUTHENTICATION_FAILED: noData,
  SINGLE_PAIR_REQUIRED: noData,
  NO_ADDITIONAL_SAS: noData,
  TS_UNACCEPTABLE: noData,
  INVALID_SELECTORS: struct({ packet: rest }),
  TEMPORARY_FAILURE: noData,
  CHILD_SA_NOT_FOUND: noData,
  STATE_NOT_FOUND: noData,
  INITIAL_CONTACT: noData,
  SET_WINDOW_SIZE: struct({ size: u32 }),
  ADDITIONAL_TS_POSSIBLE: noData,
  IPCOMP_SUPPORTED: struct({ cpi: u16, transform: u8, attributes: rest }),
  NAT_DETECTION_SOURCE_IP: natDetection,
  NAT_DETECTION_DESTINATION_IP: natDetection,
  COOKIE: struct({ cookie: restBetween(1, 64, 'a cookie') }),
  USE_TRANSPORT_MODE: noData,
  HTTP_CERT_LOOKUP_SUPPORTED: noData,
  REKEY_SA: noData,
  ESP_TFC_PADDING_NOT_SUPPORTED: noData,
  NON_FIRST_FRAGMENTS_ALSO: noData,
  MOBIKE_SUPPORTED: noData,
  ADDITIONAL_IP4_ADDRESS: struct({ address: ipv4Address }),
  ADDITIONAL_IP6_ADDRESS: struct({ address: ipv6Address }),
  NO_ADDITIONAL_ADDRESSES: noData,
  UPDATE_SA_ADDRESSES: noData,
  COOKIE2: struct({ cookie: restBetween(8, 64, 'a cookie') }),
  AUTH_LIFETIME: struct({ seconds: u32 }),
  MULTIPLE_AUTH_SUPPORTED: noData,
  ANOTHER_AUTH_FOLLOWS: noData,
  REDIRECT_SUPPORTED: noData,
  REDIRECT: struct({ gateway, nonce: rest }),
  REDIRECTED_FROM: struct({ gateway }),
  EAP_ONLY_AUTHENTICATION: noData,
  CHILDLESS_IKEV2_SUPPORTED: noData,
  QUICK_CRASH_DETECTION: struct({ token: restBetween(16, 128, 'a token of crash detection') }),
  IKEV2_FRAGMENTATION_SUPPORTED: noData,
  SIGNATURE_HASH_ALGORITHMS: struct({ algorithms: repeat(u16) }),
  /** The difficulty is a number of zero bits (RFC 8019 §8.1). */
  PUZZLE: struct({ prf: u16, difficulty: u8 }),
  USE_PPK: noData,
  PPK_IDENTITY: struct({ type: u8, identity: rest }),
  /** Authentication data computed without the key (RFC 8784 §3): long enough for any prf's output, never empty. */
  NO_PPK_AUTH: refined(struct({ data: rest }), ({ data }) =>
    data.length === 0 ? 'authentication without a PPK has no data' : undefined,
  ),
  INTERMEDIATE_EXCHANGE_SUPPORTED: noData,
  /** What the responder chose; the initiator sends it back unchanged (RFC 9370 §2.2.4). */
  ADDITIONAL_KEY_EXCHANGE: struct({ link: rest }),
  SUPPORTED_AUTH_METHODS: struct({ announcements: repeat(announcement) }),
} as const

export type NotifyKind = keyof typeof notifyFormats
export type NotifyData<K extends NotifyKind> = ValueOf<(typeof notifyFormats)[K]>

/** What a notification says, discriminated by the name of its type. */
export type NotifyContent =
  | { [K in NotifyKind]: { readonly kind: K } & NotifyData<K> }[NotifyKind]
  | { readonly kind: 'other'; readonly data: Uint8Array }

const numbers: Readonly<Record<string, number>> = { ...notifyErrors.of, ...notifyStatuses.of }

export function notifyTypeOf(kind: NotifyKind): number {
  return numbers[kind]!
}

const formatsByType: ReadonlyMap<number, { readonly kind: NotifyKind; readonly codec: Codec<object> }> = new Map(
  Object.entries(notifyFormats).map(([kind, codec]) => [
    notifyTypeOf(kind as NotifyKind),
    { kind: kind as NotifyKind, codec: codec as Codec<object> },
  ]),
)

export function readNotify({ type, data }: Pick<Notify, 'type' | 'data'>): Result<NotifyContent, Malformed> {
  const format = formatsByType.get(type)
  if (format === undefined) return success({ kind: 'other', data })
  const content = decode(format.codec, data)
  return content.ok ? success({ kind: format.kind, ...content.value } as NotifyContent) : content
}

/** A notification to send; `about` names the SA it speaks of, where it speaks of one. */
export function notification<K extends NotifyKind>(
  kind: K,
  data: NotifyData<K>,
  about: { readonly protocol: number; readonly spi: Uint8Array } = { protocol: 0, spi: new Uint8Array(0) },
): PayloadOf<'notify'> {
  const codec = notifyFormats[kind] as unknown as Codec<NotifyData<K>>
  return payload('notify', { ...about, type: notifyTypeOf(kind), data: encode(codec, data) })
}
