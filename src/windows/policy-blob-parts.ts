// What the blobs of Windows's IPsec policies have in common: a head with GUID and length, texts, ways to authenticate. Every
// octet is kept, also those without a meaning, so that a blob comes back as it was: Windows 2000 left what was in its memory
// in fields that are not used.
import { isSameOctets, type Reader } from '../base/bytes.ts'
import type { Codec } from '../base/codec.ts'
import { Secret } from '../base/secret.ts'
import { type Guid, guid, guidOctets } from './policy-guids.ts'

/** What stands behind the head and what counts as its length. */
export interface Framed {
  /** Only where the length that the blob states is not the one that Windows's own rule gives. */
  readonly statedLength?: number
  /** Octets behind the content; one zero in what Windows writes, but for filter lists since Vista. */
  readonly trailing: Uint8Array
}

/** What stands behind the head, without what the head itself says. */
export type Content<T extends Framed> = Omit<T, 'statedLength'>

/**
 * GUID, length, `measured`, `behind`: the length is that of `measured`, or what `lengthOf` makes of it. The two codecs
 * share the value between them.
 */
export function framed<T extends Framed>(
  id: Guid,
  measured: Codec<Partial<Content<T>>>,
  behind: Codec<Partial<Content<T>>>,
  lengthOf: (size: number, value: Content<T>) => number = size => size,
): Codec<T> {
  return {
    read(from) {
      const start = from.at
      const found = guid.read(from)
      if (found !== id) from.fail(`${found} where ${id} has to stand`, start)
      const stated = from.u32LittleEndian()
      const before = from.at
      const first = measured.read(from)
      const size = from.at - before
      const value = { ...first, ...behind.read(from) } as Content<T>
      return { ...value, ...(stated === lengthOf(size, value) ? {} : { statedLength: stated }) } as T
    },
    write(to, value) {
      guid.write(to, id)
      const at = to.at
      to.u32LittleEndian(0)
      const before = to.at
      measured.write(to, value)
      const size = to.at - before
      behind.write(to, value)
      to.patch(at, patched => patched.u32LittleEndian(value.statedLength ?? lengthOf(size, value)))
    },
  }
}

/** A length in octets, then UTF-16LE with a zero behind it. Undefined: no octets at all, not even the zero. */
export const wideText: Codec<string | undefined> = {
  read(from) {
    const start = from.at
    const length = from.u32LittleEndian()
    if (length === 0) return undefined
    if (length % 2 !== 0) from.fail('a text of half a character', start)
    const bytes = from.bytes(length)
    if (bytes[length - 1] !== 0 || bytes[length - 2] !== 0) from.fail('a text that does not end with a zero', start)
    return textOfWide(bytes.subarray(0, length - 2))
  },
  write(to, value) {
    if (value === undefined) return to.u32LittleEndian(0)
    const bytes = wideOctets(value)
    to.u32LittleEndian(bytes.length)
    to.bytes(bytes)
  },
}

/** Texts that are not there are left out of the value and written as nothing. */
export function withTexts<T extends object>(codec: Codec<unknown>, names: readonly string[]): Codec<T> {
  const none = Object.fromEntries(names.map(name => [name, undefined]))
  return {
    read: from => codec.read(from) as T,
    write: (to, value) => codec.write(to, { ...none, ...value }),
  }
}

/** UTF-16LE and a zero. */
export function wideOctets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(`${text}\0`, 'utf16le'))
}

function textOfWide(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf16le')
}

/** A way to authenticate as a blob has it. Its octets may be a pre-shared key, so they are a secret in any case. */
export interface AuthenticationMethod {
  /** 1 pre-shared key, 3 certificate, 5 Kerberos. */
  readonly type: number
  readonly data: Secret<Uint8Array>
}

export const authenticationMethod: Codec<AuthenticationMethod> = {
  read(from) {
    const type = from.u32LittleEndian()
    return { type, data: new Secret(from.bytes(from.u32LittleEndian())) }
  },
  write(to, { type, data }) {
    to.u32LittleEndian(type)
    const bytes = data.reveal()
    to.u32LittleEndian(bytes.length)
    to.bytes(bytes)
  },
}

/** What a method's octets mean. */
export type Credential =
  | { readonly kind: 'pre-shared-key'; readonly secret: Secret<string> }
  /** Of the authority that is trusted, as a distinguished name. */
  | { readonly kind: 'certificate'; readonly authority: string }
  | { readonly kind: 'kerberos' }
  | { readonly kind: 'unknown'; readonly type: number }

const PRE_SHARED_KEY = 1
const CERTIFICATE = 3
const KERBEROS = 5

export function credentialOf({ type, data }: AuthenticationMethod): Credential {
  if (type === KERBEROS) return { kind: 'kerberos' }
  const bytes = data.reveal()
  if (bytes.length % 2 !== 0 || (type !== PRE_SHARED_KEY && type !== CERTIFICATE)) return { kind: 'unknown', type }
  const text = textOfWide(bytes).replace(/\0+$/, '')
  return type === CERTIFICATE
    ? { kind: 'certificate', authority: text }
    : { kind: 'pre-shared-key', secret: new Secret(text) }
}

export function preSharedKeyMethod(secret: Secret<string>): AuthenticationMethod {
  return { type: PRE_SHARED_KEY, data: new Secret(wideOctets(secret.reveal())) }
}

export function certificateMethod(authority: string): AuthenticationMethod {
  return { type: CERTIFICATE, data: new Secret(wideOctets(authority)) }
}

export function kerberosMethod(): AuthenticationMethod {
  return { type: KERBEROS, data: new Secret(new Uint8Array(2)) }
}

/** Whether a GUID comes next; if so, the reader stands behind it. */
export function passesGuid(from: Reader, id: Guid): boolean {
  if (from.left < 16) return false
  if (!isSameOctets(from.peek(16), guidOctets(id))) return false
  from.bytes(16)
  return true
}
