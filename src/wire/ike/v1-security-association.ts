// The SA payload of IKEv1: proposals, of which those with one number go together, and the transforms of each, of which one
// is chosen (RFC 2408 §3.4 to §3.6, RFC 2407 §4.6.1). Attributes have IKEv2's form. Of another domain of interpretation,
// or of a situation with labels, the octets are kept and nothing is understood.
import { type Codec, struct, u8, u16 } from '../../base/codec.ts'
import {
  attributes,
  MORE_PROPOSALS,
  proposalOf,
  readElements,
  type TransformAttribute,
  writeElements,
} from './security-association.ts'
import { IDENTITY_ONLY, IPSEC_DOI } from './v1-numbers.ts'

export interface TransformV1 {
  /** Numbers count up and need not follow each other; an answer repeats the one that is chosen. */
  readonly number: number
  /** Of the proposal's protocol: KEY_IKE, a cipher of ESP, an algorithm of AH. */
  readonly id: number
  /** In the order on the wire, which counts: a life duration is of the life type before it. */
  readonly attributes: readonly TransformAttribute[]
}

export interface ProposalV1 {
  /** Proposals of one number are accepted together or not at all, as AH and ESP are (RFC 2408 §4.2). */
  readonly number: number
  readonly protocol: number
  /** Of main mode 0 to 16 octets that mean nothing (RFC 2408 §3.5), of ESP and AH 4, of IPCOMP 2 or 4. */
  readonly spi: Uint8Array
  readonly transforms: readonly TransformV1[]
}

export interface SecurityAssociationV1 {
  readonly doi: number
  /** Of the IPsec domain; zero of others. */
  readonly situation: number
  readonly proposals: readonly ProposalV1[]
  /** What follows a domain or a situation that is not understood; else empty. */
  readonly other: Uint8Array
}

const transformHeader = struct({ number: u8, id: u8, reserved: u16 })

const transform: Codec<TransformV1> = {
  read(from) {
    const { number, id } = transformHeader.read(from)
    return { number, id, attributes: attributes.read(from) }
  },
  write(to, { number, id, attributes: values }) {
    transformHeader.write(to, { number, id, reserved: 0 })
    attributes.write(to, values)
  },
}

/** A proposal by itself, without marker and length. */
export const proposalContentV1: Codec<ProposalV1> = proposalOf(transform)

const NOTHING = new Uint8Array(0)

export const securityAssociationV1: Codec<SecurityAssociationV1> = {
  read(from) {
    const doi = from.u32()
    const situation = doi === IPSEC_DOI ? from.u32() : 0
    if (!isUnderstood(doi, situation)) return { doi, situation, proposals: [], other: from.bytes(from.left) }
    const proposals = readElements(from, proposalContentV1, MORE_PROPOSALS)
    if (proposals.length === 0) from.fail('a security association without a proposal')
    return { doi, situation, proposals, other: NOTHING }
  },
  write(to, { doi, situation, proposals, other }) {
    const hasProposals = isUnderstood(doi, situation)
    if (hasProposals ? other.length > 0 : proposals.length > 0) {
      throw new RangeError('proposals stand in the IPsec domain without labels, and nothing else does')
    }
    to.u32(doi)
    if (doi === IPSEC_DOI) to.u32(situation)
    if (hasProposals) writeElements(to, proposalContentV1, MORE_PROPOSALS, proposals)
    else to.bytes(other)
  },
}

function isUnderstood(doi: number, situation: number): boolean {
  return doi === IPSEC_DOI && situation === IDENTITY_ONLY
}

/** An SA payload's body of the IPsec domain. */
export function associationOf(proposals: readonly ProposalV1[]): SecurityAssociationV1 {
  return { doi: IPSEC_DOI, situation: IDENTITY_ONLY, proposals, other: NOTHING }
}

/** Attributes of one type, such as the life types and their durations, come more than once. */
export type AttributeV1 = TransformAttribute

/** Short where it fits 16 bits, else four octets: how Windows and everybody else write lifetimes. */
export function numberAttribute(type: number, value: number): AttributeV1 {
  if (value <= 0xffff) return { kind: 'short', type, value }
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, value)
  return { kind: 'long', type, value: octets }
}

/**
 * The number of an attribute in either form: basic attributes may come long and long ones short (RFC 2409 §A, RFC 2407
 * §4.5). undefined where it is none: empty, or beyond 2^53, which no lifetime is.
 */
export function attributeNumber(attribute: AttributeV1): number | undefined {
  if (attribute.kind === 'short') return attribute.value
  const { value } = attribute
  if (value.length === 0) return undefined
  // Octets in front may be zeros, and of a hostile peer there are many.
  const number = value.reduce((sum, octet) => sum * 256 + octet, 0)
  return Number.isSafeInteger(number) ? number : undefined
}

export interface Lifetimes {
  readonly seconds?: number
  readonly kilobytes?: number
}

/**
 * The lifetimes among attributes: each duration belongs to the type before it (RFC 2407 §4.5). undefined where a duration
 * has no type before it or a type no duration behind it, or where a type is not known or comes twice.
 */
export function lifetimesOf(
  attributes: readonly AttributeV1[],
  { type: typeNumber, duration: durationNumber }: { readonly type: number; readonly duration: number },
): Lifetimes | undefined {
  const found: { seconds?: number; kilobytes?: number } = {}
  let open: 'seconds' | 'kilobytes' | undefined
  for (const attribute of attributes) {
    if (attribute.type === typeNumber) {
      const word = lifeWords.get(attributeNumber(attribute) ?? 0)
      if (open !== undefined || word === undefined || word in found) return undefined
      open = word
    } else if (attribute.type === durationNumber) {
      const number = attributeNumber(attribute)
      if (open === undefined || number === undefined) return undefined
      found[open] = number
      open = undefined
    }
  }
  return open === undefined ? found : undefined
}

const lifeWords: ReadonlyMap<number, 'seconds' | 'kilobytes'> = new Map([
  [1, 'seconds'],
  [2, 'kilobytes'],
])

/** In seconds first, as everybody sends them. */
export function lifetimeAttributes(
  { seconds, kilobytes }: Lifetimes,
  { type, duration }: { readonly type: number; readonly duration: number },
): readonly AttributeV1[] {
  return [
    ...(seconds === undefined ? [] : [numberAttribute(type, 1), numberAttribute(duration, seconds)]),
    ...(kilobytes === undefined ? [] : [numberAttribute(type, 2), numberAttribute(duration, kilobytes)]),
  ]
}
