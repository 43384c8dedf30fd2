// One line that a person can read for a message and for each payload: types, algorithms, identities, sizes. Keys, nonces,
// authentication data, EAP messages, cookies and ciphertext are never shown, only how long they are where that helps.
import { formatAddress } from '../../base/address.ts'
import { isResponse } from './header.ts'
import type { Message } from './message.ts'
import { type NotifyContent, readNotify } from './notify.ts'
import { notifyName } from './notify-numbers.ts'
import {
  authenticationMethods,
  certificateEncodings,
  configurationAttributes,
  configurationTypes,
  exchangeTypes,
  hashAlgorithms,
  identificationTypes,
  payloadTypes,
  protocolIds,
} from './numbers.ts'
import type { Proposal, Transform } from './security-association.ts'
import type { TrafficSelector } from './traffic-selectors.ts'
import { keyExchangeMethods, transformAttributes, transformsOf, transformTypes } from './transform-numbers.ts'
import { type Payload, type PayloadOf, payloadType } from './v2-payloads.ts'

/** Of texts that come from a peer, so many characters are shown. */
const LONGEST_TEXT = 80
/** A datagram can hold thousands of empty payloads; so many are shown. */
export const MOST_PAYLOADS = 50

/** `IKE_SA_INIT request 0: SA(3 proposals) KE(x25519) Nonce(32 octets) N(NAT_DETECTION_SOURCE_IP)`. */
export function describeMessage({ header, payloads }: Message): string {
  const direction = isResponse(header) ? 'response' : 'request'
  const more = payloads.length > MOST_PAYLOADS ? ` and ${payloads.length - MOST_PAYLOADS} more` : ''
  const shown = payloads.slice(0, MOST_PAYLOADS).map(describePayload)
  const what = payloads.length === 0 ? 'empty' : `${shown.join(' ')}${more}`
  return `${exchangeTypes.nameOf(header.exchange)} ${direction} ${header.messageId}: ${what}`
}

export function describePayload(payload: Payload): string {
  const name = payloadTypes.nameOf(payloadType(payload))
  const detail = describeBody(payload)
  return `${name}${detail === '' ? '' : `(${detail})`}${payload.critical ? '!' : ''}`
}

function describeBody(payload: Payload): string {
  switch (payload.kind) {
    case 'security-association':
      return payload.proposals.length === 1
        ? describeProposal(payload.proposals[0]!)
        : `${payload.proposals.length} proposals`
    case 'key-exchange':
      return keyExchangeMethods.nameOf(payload.method)
    case 'initiator-identification':
    case 'responder-identification':
      return describeIdentification(payload)
    case 'certificate':
    case 'certificate-request':
      return `${certificateEncodings.nameOf(payload.encoding)}, ${octets(payload.data)}`
    case 'authentication':
      return authenticationMethods.nameOf(payload.method)
    case 'nonce':
      return octets(payload.nonce)
    case 'notify':
      return describeNotify(payload)
    case 'delete':
      return describeDeletion(payload)
    case 'vendor-id':
      return printable(payload.id)
    case 'initiator-selectors':
    case 'responder-selectors':
      return payload.selectors.map(describeSelector).join(', ')
    case 'encrypted':
      return octets(payload.data)
    case 'encrypted-fragment':
      return `${payload.number} of ${payload.total}, ${octets(payload.data)}`
    case 'configuration': {
      const names = payload.attributes.map(({ type }) => configurationAttributes.nameOf(type))
      return [configurationTypes.nameOf(payload.type), ...names].join(' ')
    }
    case 'eap':
      return octets(payload.message)
    case 'puzzle-solution':
      return octets(payload.solution)
    case 'unknown':
      return octets(payload.body)
  }
}

export function octets({ length }: Uint8Array): string {
  return length === 1 ? '1 octet' : `${length} octets`
}

/** `ESP aes-gcm-16-256 esn`. */
export function describeProposal({ protocol, transforms }: Proposal): string {
  return [protocolIds.nameOf(protocol), ...transforms.map(describeTransform)].join(' ')
}

export function describeTransform({ type, id, attributes }: Transform): string {
  const table = transformsOf.get(type)
  const name = table?.has(id) === true ? table.nameOf(id) : `${transformTypes.nameOf(type)} ${id}`
  const keyLength = attributes.find(one => one.type === transformAttributes.of['key length'] && one.kind === 'short')
  return keyLength === undefined ? name : `${name}-${keyLength.value}`
}

function describeIdentification({
  type,
  data,
}: PayloadOf<'initiator-identification'> | PayloadOf<'responder-identification'>): string {
  const name = identificationTypes.nameOf(type)
  if (type === identificationTypes.of.ipv4 || type === identificationTypes.of.ipv6) return describeAddress(data)
  if (type === identificationTypes.of.fqdn || type === identificationTypes.of.email) return `${name} ${printable(data)}`
  return data.length === 0 ? name : `${name}, ${octets(data)}`
}

export function describeAddress(data: Uint8Array): string {
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const words = Array.from({ length: data.length >> 2 }, (_, index) => view.getUint32(4 * index))
  return formatAddress({ family: data.length === 4 ? 4 : 6, words })
}

function describeNotify(payload: PayloadOf<'notify'>): string {
  const { protocol, spi } = payload
  const content = readNotify(payload)
  const detail = content.ok ? describeContent(content.value) : `malformed: ${content.error.what}`
  const about = spi.length === 0 ? '' : `${protocolIds.nameOf(protocol)} ${spi.toHex()}`
  return [notifyName(payload.type), detail, about].filter(part => part !== '').join(' ')
}

function describeContent(content: NotifyContent): string {
  switch (content.kind) {
    case 'UNSUPPORTED_CRITICAL_PAYLOAD':
      return payloadTypes.nameOf(content.payloadType)
    case 'INVALID_KE_PAYLOAD':
      return keyExchangeMethods.nameOf(content.method)
    case 'SIGNATURE_HASH_ALGORITHMS':
      return content.algorithms.map(hashAlgorithms.nameOf).join(' ')
    case 'ADDITIONAL_IP4_ADDRESS':
    case 'ADDITIONAL_IP6_ADDRESS':
      return formatAddress(content.address)
    case 'PUZZLE':
      return `${content.difficulty} bits`
    case 'SET_WINDOW_SIZE':
      return String(content.size)
    case 'AUTH_LIFETIME':
      return `${content.seconds} s`
    default:
      return ''
  }
}

function describeDeletion({ protocol, spis }: PayloadOf<'delete'>): string {
  const shown = spis.slice(0, 4).map(spi => spi.toHex())
  const more = spis.length > shown.length ? [`and ${spis.length - shown.length} more`] : []
  return [protocolIds.nameOf(protocol), ...shown, ...more].join(' ')
}

/** `10.0.0.0 to 10.0.0.255 protocol 6 port 445`. */
export function describeSelector(selector: TrafficSelector): string {
  if (selector.kind === 'other') return `type ${selector.type}, ${octets(selector.data)}`
  const { start, end, protocol, startPort, endPort } = selector
  const [first, last] = [formatAddress(start), formatAddress(end)]
  const parts = [first === last ? first : `${first} to ${last}`]
  if (protocol !== 0) parts.push(`protocol ${protocol}`)
  if (startPort === 65535 && endPort === 0) parts.push('ports not seen')
  else if (startPort === endPort) parts.push(`port ${startPort}`)
  else if (startPort !== 0 || endPort !== 65535) parts.push(`ports ${startPort} to ${endPort}`)
  return parts.join(' ')
}

/** Text of a peer, if it is plain: nothing of it may steer a terminal. Else its octets. */
export function printable(bytes: Uint8Array): string {
  const isPlain = bytes.every(octet => octet >= 0x20 && octet < 0x7f)
  const text = isPlain ? Buffer.from(bytes).toString('latin1') : bytes.toHex()
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
}
