// The SA payload: proposals, the transforms of each and their attributes (RFC 7296 §3.3). Lists are marked twice, by a
// count or a length and by "last" or "more" in front of each element; both have to agree.
import type { Reader, Writer } from '../../base/bytes.ts'
import { type Codec, repeat, rest, sized, struct, u8, u16 } from '../../base/codec.ts'

/** Short attributes hold their value in place of a length (RFC 7296 §3.3.5). */
export type TransformAttribute =
  | { readonly kind: 'short'; readonly type: number; readonly value: number }
  | { readonly kind: 'long'; readonly type: number; readonly value: Uint8Array }

export interface Transform {
  readonly type: number
  readonly id: number
  readonly attributes: readonly TransformAttribute[]
}

export interface Proposal {
  readonly number: number
  readonly protocol: number
  /** Empty in a first IKE SA, of 8 octets where one is rekeyed, of 4 for ESP and AH (RFC 7296 §3.3.1). */
  readonly spi: Uint8Array
  readonly transforms: readonly Transform[]
}

const LAST = 0
export const MORE_PROPOSALS = 2
const MORE_TRANSFORMS = 3
/** Marker, reserved octet and length, which the length counts. */
const ELEMENT_HEADER = 4
const SHORT = 0x8000
const bytesOfU16 = sized(u16, rest)

const attribute: Codec<TransformAttribute> = {
  read(from) {
    const type = from.u16()
    if ((type & SHORT) !== 0) return { kind: 'short', type: type & ~SHORT, value: from.u16() }
    return { kind: 'long', type, value: bytesOfU16.read(from) }
  },
  write(to, value) {
    if (value.type >= SHORT) throw new RangeError(`attribute type ${value.type} does not fit 15 bits`)
    to.u16(value.kind === 'short' ? value.type | SHORT : value.type)
    if (value.kind === 'short') to.u16(value.value)
    else bytesOfU16.write(to, value.value)
  },
}
/** As many as there are; IKEv1 has them in the same form (RFC 2408 §3.3). */
export const attributes = repeat(attribute)

const transform: Codec<Transform> = {
  read(from) {
    const type = from.u8()
    from.u8()
    return { type, id: from.u16(), attributes: attributes.read(from) }
  },
  write(to, value) {
    to.u8(value.type)
    to.u8(0)
    to.u16(value.id)
    attributes.write(to, value.attributes)
  },
}

const proposalHeader = struct({ number: u8, protocol: u8, spiSize: u8, count: u8 })

interface ProposalOf<T> {
  readonly number: number
  readonly protocol: number
  readonly spi: Uint8Array
  readonly transforms: readonly T[]
}

/** A proposal by itself, without marker and length: the same in both versions but for its transforms (RFC 2408 §3.5). */
export function proposalOf<T>(transformCodec: Codec<T>): Codec<ProposalOf<T>> {
  return {
    read(from) {
      const { number, protocol, spiSize, count } = proposalHeader.read(from)
      const spi = from.bytes(spiSize)
      const start = from.at
      const transforms = readElements(from, transformCodec, MORE_TRANSFORMS)
      if (transforms.length !== count) from.fail(`${transforms.length} transforms where ${count} are announced`, start)
      return { number, protocol, spi, transforms }
    },
    write(to, { number, protocol, spi, transforms }) {
      proposalHeader.write(to, { number, protocol, spiSize: spi.length, count: transforms.length })
      to.bytes(spi)
      writeElements(to, transformCodec, MORE_TRANSFORMS, transforms)
    },
  }
}

export const proposalContent: Codec<Proposal> = proposalOf(transform)

export const proposals: Codec<readonly Proposal[]> = {
  read(from) {
    const found = readElements(from, proposalContent, MORE_PROPOSALS)
    if (found.length === 0) from.fail('a security association without a proposal')
    return found
  },
  write: (to, values) => writeElements(to, proposalContent, MORE_PROPOSALS, values),
}

/** The list of IKEv1's proposals and transforms has the same marks (RFC 2408 §3.5, §3.6). */
export function readElements<T>(from: Reader, codec: Codec<T>, more: number): readonly T[] {
  const found: T[] = []
  while (from.left > 0) {
    const start = from.at
    const marker = from.u8()
    from.u8()
    const length = from.u16()
    if (length < ELEMENT_HEADER) from.fail(`an element of ${length} octets has no header`, start)
    const content = from.part(length - ELEMENT_HEADER)
    if (marker !== (from.left > 0 ? more : LAST)) {
      from.fail(`the marker ${marker} where ${from.left > 0 ? 'more elements follow' : 'the last element is'}`, start)
    }
    found.push(codec.read(content))
    content.finish()
  }
  return found
}

export function writeElements<T>(to: Writer, codec: Codec<T>, more: number, values: readonly T[]): void {
  for (const [index, value] of values.entries()) {
    const start = to.at
    to.u8(index < values.length - 1 ? more : LAST)
    to.u8(0)
    to.u16(0)
    codec.write(to, value)
    const length = to.at - start
    to.patch(start + 2, patched => patched.u16(length))
  }
}
