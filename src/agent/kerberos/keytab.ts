// A key table of Kerberos (MIT's FILE format, version 2) as far as its names: whose keys stand in it, in which order and
// with which version. Keys themselves are passed over: the system's library reads them.
import type { Malformed, Reader } from '../../base/bytes.ts'
import { type Codec, decode } from '../../base/codec.ts'
import type { Result } from '../../base/result.ts'

export interface KeytabEntry {
  /** As Kerberos writes it: `host/dc1.corp.test@CORP.TEST`. */
  readonly principal: string
  readonly version: number
  /** RFC 3961: 17 and 18 are AES with SHA-1, 23 is RC4. */
  readonly encryption: number
}

const HEAD = 0x0502

const keytab: Codec<readonly KeytabEntry[]> = {
  read(from) {
    if (from.u16() !== HEAD) from.fail('it does not begin as a key table of version 2 does', 0)
    const entries: KeytabEntry[] = []
    while (from.left >= 4) {
      const size = from.u32() | 0
      // A hole where an entry was removed; nought ends the table.
      if (size === 0) break
      if (size < 0) from.bytes(-size)
      else entries.push(entryOf(from.part(size)))
    }
    return entries
  },
  write() {
    throw new Error('key tables are not written here')
  },
}

function entryOf(from: Reader): KeytabEntry {
  const decoder = new TextDecoder()
  const count = from.u16()
  const text = () => decoder.decode(from.bytes(from.u16()))
  const realm = text()
  const components = Array.from({ length: count }, text)
  // Type of the name, and when it was written.
  from.bytes(8)
  const short = from.u8()
  const encryption = from.u16()
  from.bytes(from.u16())
  // Versions over 255 stand once more at the end, if the entry has room for it.
  const long = from.left >= 4 ? from.u32() : 0
  const principal = `${components.map(quoted).join('/')}@${quoted(realm)}`
  return { principal, version: long === 0 ? short : long, encryption }
}

/** What separates the parts of a principal is marked where it is part of one. */
function quoted(part: string): string {
  return part.replaceAll(/[\\/@]/g, '\\$&')
}

export function readKeytab(bytes: Uint8Array): Result<readonly KeytabEntry[], Malformed> {
  return decode(keytab, bytes)
}

/** Each once, in the order of the table. */
export function principalsOf(entries: readonly KeytabEntry[]): readonly string[] {
  return [...new Set(entries.map(({ principal }) => principal))]
}
