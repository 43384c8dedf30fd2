// A format is described once and used in both directions. Reading is strict: every octet is accounted for, and bytes that
// lie end it. Writing trusts its caller: a value that does not fit its format is our own fault and throws an Error.
import { type Malformed, Reader, Unreadable, Writer } from './bytes.ts'
import { failure, type Result, success } from './result.ts'

export interface Codec<T> {
  read(from: Reader): T
  write(to: Writer, value: T): void
}

/** The value of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never

/** Reads all of `bytes` as one value. Bytes of any content give a value or Malformed; this is the only catch. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): Result<T, Malformed> {
  try {
    const reader = new Reader(bytes)
    const value = codec.read(reader)
    reader.finish()
    return success(value)
  } catch (thrown) {
    if (thrown instanceof Unreadable) return failure(thrown.malformed)
    throw thrown
  }
}

export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer()
  codec.write(writer, value)
  return writer.finish()
}

export const u8: Codec<number> = { read: from => from.u8(), write: (to, value) => to.u8(value) }
export const u16: Codec<number> = { read: from => from.u16(), write: (to, value) => to.u16(value) }
export const u32: Codec<number> = { read: from => from.u32(), write: (to, value) => to.u32(value) }
export const u64: Codec<bigint> = { read: from => from.u64(), write: (to, value) => to.u64(value) }

/** As Windows writes numbers. */
export const u16LittleEndian: Codec<number> = {
  read: from => from.u16LittleEndian(),
  write: (to, value) => to.u16LittleEndian(value),
}
export const u32LittleEndian: Codec<number> = {
  read: from => from.u32LittleEndian(),
  write: (to, value) => to.u32LittleEndian(value),
}

/** All octets up to the end of what surrounds it. */
export const rest: Codec<Uint8Array> = {
  read: from => from.bytes(from.left),
  write: (to, value) => to.bytes(value),
}

export function octets(count: number): Codec<Uint8Array> {
  return {
    read: from => from.bytes(count),
    write(to, value) {
      if (value.length !== count) throw new RangeError(`${value.length} octets where there have to be ${count}`)
      to.bytes(value)
    },
  }
}

/** Sent as zero, not looked at on receipt; `struct` leaves it out of its value. */
export function reserved(count: number): Codec<undefined> {
  return {
    read: from => void from.bytes(count),
    write: to => to.zeros(count),
  }
}

type Fields = Readonly<Record<string, Codec<unknown> | Codec<never>>>
type Flat<T> = { readonly [K in keyof T]: T[K] }

/** The fields without those that are reserved. */
export type Struct<F> = Flat<{ [K in keyof F as F[K] extends Codec<undefined> ? never : K]: ValueOf<F[K]> }>

/** Fields one after the other, in the order in which they are written down. */
export function struct<F extends Readonly<Record<string, object>>>(fields: F & Fields): Codec<Struct<F>> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][]
  return {
    read(from) {
      const value: Record<string, unknown> = {}
      for (const [name, codec] of entries) {
        const field = codec.read(from)
        if (field !== undefined) value[name] = field
      }
      return value as Struct<F>
    },
    write(to, value) {
      for (const [name, codec] of entries) codec.write(to, (value as Record<string, unknown>)[name])
    },
  }
}

/** As many as there are, up to the end of what surrounds them. */
export function repeat<T>(codec: Codec<T>): Codec<readonly T[]> {
  return {
    read(from) {
      const values: T[] = []
      while (from.left > 0) {
        const start = from.at
        values.push(codec.read(from))
        // A value without octets would be read for ever.
        if (from.at === start) throw new Error('a repeated value takes no octets')
      }
      return values
    },
    write(to, values) {
      for (const value of values) codec.write(to, value)
    },
  }
}

/** A count in front, then that many. */
export function counted<T>(
  count: Codec<number>,
  codec: Codec<T>,
  between: Codec<undefined> = reserved(0),
): Codec<readonly T[]> {
  return {
    read(from) {
      const wanted = count.read(from)
      between.read(from)
      const values: T[] = []
      // Every value takes an octet at least, so that a lying count ends where the octets do.
      for (let index = 0; index < wanted; index++) values.push(codec.read(from))
      return values
    },
    write(to, values) {
      count.write(to, values.length)
      between.write(to, undefined)
      for (const value of values) codec.write(to, value)
    },
  }
}

/**
 * A length in front, then a value of exactly that length. `before` octets in front of the value are counted by the length
 * as well: where it measures the whole structure, itself included.
 */
export function sized<T>(length: Codec<number>, codec: Codec<T>, before = 0): Codec<T> {
  return {
    read(from) {
      const start = from.at
      const stated = length.read(from)
      if (stated < before) from.fail(`a length of ${stated} where ${before} octets come before the content`, start)
      const inner = from.part(stated - before)
      const value = codec.read(inner)
      inner.finish()
      return value
    },
    write(to, value) {
      const start = to.at
      length.write(to, 0)
      const content = to.at
      codec.write(to, value)
      const total = to.at - content + before
      to.patch(start, patched => length.write(patched, total))
    },
  }
}

/** A number in front decides how the rest is read; `tagOf` says which number a value has. */
export function choice<T>(tag: Codec<number>, of: (tag: number) => Codec<T>, tagOf: (value: T) => number): Codec<T> {
  return {
    read: from => of(tag.read(from)).read(from),
    write(to, value) {
      const number = tagOf(value)
      tag.write(to, number)
      of(number).write(to, value)
    },
  }
}

/** The same octets, as another value. */
export function mapped<A, B>(codec: Codec<A>, there: (value: A) => B, back: (value: B) => A): Codec<B> {
  return {
    read: from => there(codec.read(from)),
    write: (to, value) => codec.write(to, back(value)),
  }
}

/** Only values of which `fault` says nothing. It holds in both directions: what we would refuse we never send. */
export function refined<T>(codec: Codec<T>, fault: (value: T) => string | undefined): Codec<T> {
  return {
    read(from) {
      const start = from.at
      const value = codec.read(from)
      const what = fault(value)
      if (what !== undefined) from.fail(what, start)
      return value
    },
    write(to, value) {
      const what = fault(value)
      if (what !== undefined) throw new RangeError(what)
      codec.write(to, value)
    },
  }
}

/** Octets of a length between two bounds, both included, up to the end of what surrounds them. */
export function restBetween(least: number, most: number, what: string): Codec<Uint8Array> {
  return refined(rest, ({ length }) =>
    length < least || length > most ? `${what} of ${length} octets: ${least} to ${most} are allowed` : undefined,
  )
}
