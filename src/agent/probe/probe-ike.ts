// First messages of IKEv2 and IKEv1 whose proposals nobody accepts any more, by which a responder shows itself: it refuses,
// or asks for a cookie first. And the words for what comes back.

import { FROM_INITIATOR, isResponse } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, readHeader, readMessage, writeMessage } from '../../wire/ike/message.ts'
import { notifyName } from '../../wire/ike/notify-numbers.ts'
import { exchangeTypes, protocolIds } from '../../wire/ike/numbers.ts'
import {
  encryptionTransforms,
  integrityTransforms,
  keyExchangeMethods,
  prfTransforms,
  transformTypes,
} from '../../wire/ike/transform-numbers.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'

/** Octets of a public value of group 1 (RFC 7296 §B.1). */
export const PUBLIC_OCTETS = 96
export const IKE_NONCE_OCTETS = 32

/** IKE_SA_INIT (RFC 7296 §1.2) with DES, Tiger and group 1. */
export function ikev2Opening(spi: bigint, publicValue: Uint8Array, nonce: Uint8Array): Uint8Array {
  const transform = (type: number, id: number) => ({ type, id, attributes: [] })
  const transforms = [
    transform(transformTypes.of.encryption, encryptionTransforms.of['des-iv64']),
    transform(transformTypes.of.prf, prfTransforms.of['hmac-tiger']),
    transform(transformTypes.of.integrity, integrityTransforms.of['des-mac']),
    transform(transformTypes.of['key exchange'], keyExchangeMethods.of.modp768),
  ]
  return writeMessage({
    header: {
      ...{ initiatorSpi: spi, responderSpi: 0n, version: IKE_VERSION_2, exchange: exchangeTypes.of.IKE_SA_INIT },
      ...{ flags: FROM_INITIATOR, messageId: 0 },
    },
    payloads: [
      payload('security-association', {
        proposals: [{ number: 1, protocol: protocolIds.of.IKE, spi: new Uint8Array(0), transforms }],
      }),
      payload('key-exchange', { method: keyExchangeMethods.of.modp768, publicValue }),
      payload('nonce', { nonce }),
    ],
  })
}

/** Main mode's first message (RFC 2408 §4.5, RFC 2409 §5.1): IDEA, Tiger, group 1, a key that was told. */
export function ikev1Opening(cookie: bigint): Uint8Array {
  const attributes = [
    [1, 2],
    [2, 3],
    [3, 1],
    [4, 1],
    [11, 1],
    [12, 600],
  ].flatMap(([type, value]) => [0x80, type!, value! >>> 8, value! & 255])
  const transform = [0, 0, 0, 8 + attributes.length, 1, 1, 0, 0, ...attributes]
  const proposal = [0, 0, 0, 8 + transform.length, 1, 1, 0, 1, ...transform]
  const association = [0, 0, 0, 12 + proposal.length, 0, 0, 0, 1, 0, 0, 0, 1, ...proposal]
  const message = Uint8Array.from([...Array<number>(16).fill(0), 1, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...association])
  const view = new DataView(message.buffer)
  view.setBigUint64(0, cookie)
  view.setUint32(24, message.length)
  return message
}

/** In front of IKE on port 4500 (RFC 3948 §2.2). */
export function withMarker(message: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + message.length)
  whole.set(message, 4)
  return whole
}

export interface IkeAnswer {
  /** By which the probe that it answers is known. */
  readonly initiatorSpi: bigint
  readonly major: number
  /** False: the host asks for keys of its own accord. */
  readonly isAnswer: boolean
  readonly words: string
}

/** Of a datagram without the marker; undefined for what is no IKE. */
export function readIkeAnswer(datagram: Uint8Array): IkeAnswer | undefined {
  const header = readHeader(datagram)
  if (!header.ok) return undefined
  const { initiatorSpi, responderSpi, version, exchange, flags } = header.value
  const { major } = version
  if (major === 1) {
    // Main mode's first message has no cookie of the responder; an informational one refuses.
    const isAnswer = exchange === 5 || responderSpi !== 0n
    return { initiatorSpi, major, isAnswer, words: `IKEv1, ${version1Words(exchange)}` }
  }
  if (major !== 2) return undefined
  const message = readMessage(datagram)
  const notices = message.ok
    ? message.value.payloads.flatMap(one => (one.kind === 'notify' ? notifyName(one.type) : []))
    : []
  const words = notices.length === 0 ? exchangeTypes.nameOf(exchange) : notices.join(', ')
  return { initiatorSpi, major, isAnswer: isResponse({ flags }), words: `IKEv2, ${words}` }
}

function version1Words(exchange: number): string {
  if (exchange === 2) return 'main mode'
  return exchange === 5 ? 'a refusal' : `exchange ${exchange}`
}
