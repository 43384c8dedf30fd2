// What values of codecs are made of, for the lists of codecs: numbers, octets, addresses and objects as codecs make them.
import fc from 'fast-check'
import type { Address } from '../src/base/address.ts'
import type { Codec } from '../src/base/codec.ts'

export interface ListedCodec {
  readonly name: string
  readonly codec: Codec<unknown>
  readonly values: fc.Arbitrary<unknown>
  /** Whether a value that is cut off can be a shorter value: where the end of the octets is the end of the value. */
  readonly openEnded: boolean
}

export function listed<T>(name: string, codec: Codec<T>, values: fc.Arbitrary<T>, openEnded = true): ListedCodec {
  return { name, codec: codec as Codec<unknown>, values, openEnded }
}

export const u8 = fc.nat(0xff)
export const u16 = fc.nat(0xffff)
export const u32 = fc.nat(0xffffffff)
export const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })

/** Objects as codecs make them, with the prototype of objects. */
export function record<T>(fields: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields as { [K in keyof T]: fc.Arbitrary<T[K]> }, { noNullPrototype: true }) as fc.Arbitrary<T>
}

export function bytes(minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength })
}
export const some = bytes(0, 40)

export function addressOf(family: 4 | 6): fc.Arbitrary<Address> {
  const count = family === 4 ? 1 : 4
  return fc.array(u32, { minLength: count, maxLength: count }).map(words => ({ family, words }))
}

export const attribute = fc.oneof(
  record({ kind: fc.constant('short' as const), type: fc.nat(0x7fff), value: u16 }),
  record({ kind: fc.constant('long' as const), type: fc.nat(0x7fff), value: some }),
)
