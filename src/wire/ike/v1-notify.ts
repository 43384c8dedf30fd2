// What notifications of IKEv1 carry: the data of each type that has a form, read and written by one table. A notification of
// any other type keeps its octets.
import type { Malformed } from '../../base/bytes.ts'
import { type Codec, decode, encode, octets, rest, struct, u32, type ValueOf } from '../../base/codec.ts'
import { type Result, success } from '../../base/result.ts'
import { attributes } from './security-association.ts'
import { notifyTypesV1 } from './v1-notify-numbers.ts'
import { IPSEC_DOI } from './v1-numbers.ts'
import { type NotifyV1, type PayloadV1Of, payloadV1 } from './v1-payloads.ts'

/** The data of each type of notification, by the name of the type. */
export const notifyFormatsV1 = {
  /** Attributes of the SA's protocol: of main mode for ISAKMP, of quick mode for ESP and AH (RFC 2407 §4.6.3.1). */
  'RESPONDER-LIFETIME': struct({ attributes }),
  /** 1 where the responder looks for replays (RFC 2407 §4.6.3.2). */
  'REPLAY-STATUS': struct({ status: u32 }),
  'R-U-THERE': struct({ sequence: u32 }),
  'R-U-THERE-ACK': struct({ sequence: u32 }),
  /** An error of Windows, for its logs ([MS-IKEE] §2.2.6); the message ID of a quick mode may stand in front. */
  'MS-STATUS': struct({ detail: rest }),
  'MS-DOS-COOKIE': struct({ cookie: octets(8) }),
  'MS-EXCHANGE-INFO': struct({ flags: u32 }),
} as const

/** Flags of MS-EXCHANGE-INFO. */
export const NEGOTIATION_DISCOVERY_BOUNDARY = 1
export const GUARANTEED_ENCRYPTION = 2

export type NotifyKindV1 = keyof typeof notifyFormatsV1
export type NotifyDataV1<K extends NotifyKindV1> = ValueOf<(typeof notifyFormatsV1)[K]>

/** What a notification says, discriminated by the name of its type. */
export type NotifyContentV1 =
  | { [K in NotifyKindV1]: { readonly kind: K } & NotifyDataV1<K> }[NotifyKindV1]
  | { readonly kind: 'other'; readonly data: Uint8Array }

const formatsByType: ReadonlyMap<number, { readonly kind: NotifyKindV1; readonly codec: Codec<object> }> = new Map(
  Object.entries(notifyFormatsV1).map(([kind, codec]) => [
    notifyTypesV1.of[kind as NotifyKindV1],
    { kind: kind as NotifyKindV1, codec: codec as Codec<object> },
  ]),
)

export function readNotifyV1({ type, data }: Pick<NotifyV1, 'type' | 'data'>): Result<NotifyContentV1, Malformed> {
  const format = formatsByType.get(type)
  if (format === undefined) return success({ kind: 'other', data })
  const content = decode(format.codec, data)
  return content.ok ? success({ kind: format.kind, ...content.value } as NotifyContentV1) : content
}

/** What a notification is about: an SA's protocol and SPI, or both cookies for the main mode SA. */
export interface AboutV1 {
  readonly protocol: number
  readonly spi: Uint8Array
}

/** A notification of a type whose data has a form. */
export function notificationV1<K extends NotifyKindV1>(
  kind: K,
  content: NotifyDataV1<K>,
  about: AboutV1,
): PayloadV1Of<'notify'> {
  const codec = notifyFormatsV1[kind] as unknown as Codec<NotifyDataV1<K>>
  return plainNotificationV1(kind, about, encode(codec, content))
}

/** A notification of any type, most of which have no data. */
export function plainNotificationV1(
  name: keyof typeof notifyTypesV1.of,
  { protocol, spi }: AboutV1,
  data: Uint8Array = new Uint8Array(0),
): PayloadV1Of<'notify'> {
  return payloadV1('notify', { doi: IPSEC_DOI, protocol, type: notifyTypesV1.of[name], spi, data })
}
