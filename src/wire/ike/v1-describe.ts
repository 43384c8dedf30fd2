// One line that a person can read for a message of IKEv1 and for each payload: types, algorithms, identities, sizes. Keys,
// nonces, hashes, signatures, tokens and ciphertext are never shown, only how long they are where that helps.
import { describeAddress, MOST_PAYLOADS, octets, printable } from './describe.ts'
import { keyExchangeMethods } from './transform-numbers.ts'
import type { MessageV1 } from './v1-message.ts'
import { readNotifyV1 } from './v1-notify.ts'
import { notifyTypesV1 } from './v1-notify-numbers.ts'
import {
  certificateEncodingsV1,
  domainsV1,
  exchangeTypesV1,
  IPSEC_DOI,
  identificationTypesV1,
  payloadTypesV1,
  protocolIdsV1,
} from './v1-numbers.ts'
import { type PayloadV1, type PayloadV1Of, payloadTypeV1 } from './v1-payloads.ts'
import {
  type AttributeV1,
  attributeNumber,
  type Lifetimes,
  lifetimesOf,
  type ProposalV1,
  type TransformV1,
} from './v1-security-association.ts'
import {
  authenticationAlgorithms,
  authenticationMethodsV1,
  encapsulationModes,
  ikeAttributes,
  ikeEncryptions,
  ikeHashes,
  ipsecAttributes,
  transformsOfProtocolV1,
} from './v1-transform-numbers.ts'
import { nameOfVendor } from './v1-vendor-ids.ts'

/** `main mode 0: SA(3 transforms) VID(Windows, version 4)`; message IDs in hexadecimal, as other tools have them. */
export function describeMessageV1(message: MessageV1): string {
  const { header } = message
  const about = `${exchangeTypesV1.nameOf(header.exchange)} ${header.messageId.toString(16)}`
  return message.kind === 'sealed'
    ? `${about}: encrypted, ${octets(message.sealed)}`
    : `${about}: ${describePayloadsV1(message.payloads)}`
}

export function describePayloadsV1(payloads: readonly PayloadV1[]): string {
  const more = payloads.length > MOST_PAYLOADS ? ` and ${payloads.length - MOST_PAYLOADS} more` : ''
  const shown = payloads.slice(0, MOST_PAYLOADS).map(describePayloadV1)
  return payloads.length === 0 ? 'empty' : `${shown.join(' ')}${more}`
}

export function describePayloadV1(payload: PayloadV1): string {
  const name = payloadTypesV1.nameOf(payloadTypeV1(payload))
  const detail = describeBody(payload)
  return detail === '' ? name : `${name}(${detail})`
}

function describeBody(payload: PayloadV1): string {
  switch (payload.kind) {
    case 'security-association':
      return describeAssociation(payload)
    case 'key-exchange':
      return octets(payload.publicValue)
    case 'identification':
      return describeIdentificationV1(payload)
    case 'certificate':
    case 'certificate-request':
      return `${certificateEncodingsV1.nameOf(payload.encoding)}, ${octets(payload.data)}`
    case 'hash':
      return ''
    case 'signature':
      return octets(payload.signature)
    case 'nonce':
      return octets(payload.nonce)
    case 'notify':
      return describeNotify(payload)
    case 'delete':
      return describeDeletion(payload)
    case 'vendor-id':
      return nameOfVendor(payload.id) ?? printable(payload.id)
    case 'attributes':
      return payload.attributes.map(({ type }) => type).join(' ')
    case 'nat-detection':
    case 'draft-nat-detection':
      return ''
    case 'nat-original-address':
    case 'draft-nat-original-address':
      return describeAddress(payload.address)
    case 'gss-token':
      return octets(payload.token)
    case 'fragment':
      return `${payload.number} of message ${payload.id}, ${octets(payload.data)}`
    case 'unknown':
      return octets(payload.body)
  }
}

function describeAssociation({ doi, situation, proposals }: PayloadV1Of<'security-association'>): string {
  if (doi !== IPSEC_DOI) return `domain ${domainsV1.nameOf(doi)}`
  if (proposals.length === 0) return `situation ${situation}`
  const [first, ...more] = proposals
  if (more.length > 0) return `${proposals.length} proposals`
  return first!.transforms.length === 1 ? describeProposalV1(first!) : `${first!.transforms.length} transforms`
}

const SHOWN_TRANSFORMS = 4

/** `ESP 3des hmac-sha1 transport`; alternatives stand between bars. */
export function describeProposalV1({ protocol, transforms }: ProposalV1): string {
  const words = [...new Set(transforms.slice(0, 4 * SHOWN_TRANSFORMS).map(each => describeTransformV1(protocol, each)))]
  const isCut = words.length > SHOWN_TRANSFORMS || transforms.length > 4 * SHOWN_TRANSFORMS
  const shown = words.slice(0, SHOWN_TRANSFORMS).join(' | ') || 'nothing'
  const said = `${shown}${isCut ? ' | …' : ''}`
  return protocol === protocolIdsV1.of.ISAKMP ? said : `${protocolIdsV1.nameOf(protocol)} ${said}`
}

/** A peer's list may be as long as a message, so it is cut. */
export function describeProposalsV1(proposals: readonly ProposalV1[]): string {
  const shown = proposals.slice(0, SHOWN_TRANSFORMS).map((proposal, index) => {
    const before = proposals[index - 1]
    const joint = before === undefined ? '' : before.number === proposal.number ? ' with ' : ', '
    return `${joint}${describeProposalV1(proposal)}`
  })
  const more = proposals.length - shown.length
  return `${shown.join('') || 'nothing'}${more > 0 ? ` and ${more} more` : ''}`
}

/** `3des-sha1-modp1024 shared key` of main mode, `aes-cbc-256 hmac-sha1 transport` of quick mode. */
export function describeTransformV1(protocol: number, transform: TransformV1): string {
  return protocol === protocolIdsV1.of.ISAKMP ? mainModeWords(transform) : quickModeWords(protocol, transform)
}

function numberOf(attributes: readonly AttributeV1[], type: number): number | undefined {
  const found = attributes.find(each => each.type === type)
  return found && attributeNumber(found)
}

function mainModeWords({ attributes }: TransformV1): string {
  const { encryption, hash, group, authentication, 'key length': keyLength } = ikeAttributes.of
  const bits = numberOf(attributes, keyLength)
  const word = (type: number, nameOf: (number: number) => string) => {
    const number = numberOf(attributes, type)
    return number === undefined ? [] : [nameOf(number)]
  }
  const cipher = word(encryption, ikeEncryptions.nameOf).map(name => (bits === undefined ? name : `${name}-${bits}`))
  const algorithms = [...cipher, ...word(hash, ikeHashes.nameOf), ...word(group, keyExchangeMethods.nameOf)].join('-')
  return [algorithms, ...word(authentication, authenticationMethodsV1.nameOf)].filter(each => each !== '').join(' ')
}

function quickModeWords(protocol: number, { id, attributes }: TransformV1): string {
  const { authentication, mode, group, 'key length': keyLength, 'extended sequence numbers': esn } = ipsecAttributes.of
  const bits = numberOf(attributes, keyLength)
  const name = transformsOfProtocolV1.get(protocol)?.nameOf(id) ?? String(id)
  const algorithm = numberOf(attributes, authentication)
  const encapsulation = numberOf(attributes, mode)
  const fresh = numberOf(attributes, group)
  return [
    bits === undefined ? name : `${name}-${bits}`,
    ...(algorithm === undefined ? [] : [authenticationAlgorithms.nameOf(algorithm)]),
    ...(encapsulation === undefined ? [] : [encapsulationModes.nameOf(encapsulation)]),
    ...(fresh === undefined ? [] : [keyExchangeMethods.nameOf(fresh)]),
    ...(numberOf(attributes, esn) === undefined ? [] : ['esn']),
  ].join(' ')
}

/** `28800 s, 100000 KiB`. */
export function describeLifetimes({ seconds, kilobytes }: Lifetimes): string {
  return [
    ...(seconds === undefined ? [] : [`${seconds} s`]),
    ...(kilobytes === undefined ? [] : [`${kilobytes} KiB`]),
  ].join(', ')
}

/** `10.0.0.0/255.255.255.0 protocol 6 port 445`. */
export function describeIdentificationV1(
  payload: Pick<PayloadV1Of<'identification'>, 'type' | 'protocol' | 'port' | 'data'>,
): string {
  const { protocol, port } = payload
  return [
    identityWords(payload),
    ...(protocol === 0 ? [] : [`protocol ${protocol}`]),
    ...(port === 0 ? [] : [`port ${port}`]),
  ].join(' ')
}

function identityWords({ type, data }: Pick<PayloadV1Of<'identification'>, 'type' | 'data'>): string {
  const { ipv4, ipv6, fqdn, email } = identificationTypesV1.of
  const name = identificationTypesV1.nameOf(type)
  const half = data.length / 2
  const halves = () => [describeAddress(data.subarray(0, half)), describeAddress(data.subarray(half))]
  if (type === ipv4 || type === ipv6) return describeAddress(data)
  if (name.endsWith('-subnet')) return halves().join('/')
  if (name.endsWith('-range')) return halves().join(' to ')
  if (type === fqdn || type === email) return `${name} ${printable(data)}`
  return data.length === 0 ? name : `${name}, ${octets(data)}`
}

function describeNotify(payload: PayloadV1Of<'notify'>): string {
  const { protocol, spi } = payload
  const content = readNotifyV1(payload)
  const isOfChild = spi.length > 0 && protocol !== protocolIdsV1.of.ISAKMP
  const about = isOfChild ? `${protocolIdsV1.nameOf(protocol)} ${spi.toHex()}` : ''
  const detail = content.ok ? describeContent(payload, content.value) : `malformed: ${content.error.what}`
  return [notifyTypesV1.nameOf(payload.type), detail, about].filter(part => part !== '').join(' ')
}

type Content = Extract<ReturnType<typeof readNotifyV1>, { ok: true }>['value']

function describeContent({ protocol }: PayloadV1Of<'notify'>, content: Content): string {
  switch (content.kind) {
    case 'RESPONDER-LIFETIME': {
      const table = protocol === protocolIdsV1.of.ISAKMP ? ikeAttributes : ipsecAttributes
      const lifetimes = lifetimesOf(content.attributes, lifeAttributesOf(table.of))
      return lifetimes === undefined ? 'without a lifetime' : describeLifetimes(lifetimes)
    }
    case 'REPLAY-STATUS':
      return content.status === 0 ? 'not looked for' : 'looked for'
    case 'R-U-THERE':
    case 'R-U-THERE-ACK':
      return String(content.sequence)
    case 'MS-STATUS':
      return content.detail.toHex()
    case 'MS-EXCHANGE-INFO':
      return `flags ${content.flags}`
    default:
      return ''
  }
}

function lifeAttributesOf(numbers: Readonly<Record<'life type' | 'life duration', number>>) {
  return { type: numbers['life type'], duration: numbers['life duration'] }
}

function describeDeletion({ protocol, spis }: PayloadV1Of<'delete'>): string {
  const shown = spis.slice(0, 4).map(spi => spi.toHex())
  const more = spis.length > shown.length ? [`and ${spis.length - shown.length} more`] : []
  return [protocolIdsV1.nameOf(protocol), ...shown, ...more].join(' ')
}
