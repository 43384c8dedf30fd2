// The security methods a rule may offer, as described values: IKE proposals, packet protection and the linter are made
// from this table. Sources: RFC 8221 (algorithms for ESP and AH), RFC 4106, 4309, 4543, 7634, 3686; for what is old also
// RFC 8221 §5 and §6. A name is `esp-CIPHER[-INTEGRITY]`, `ah-INTEGRITY`, or one of each joined by `+`.
// Key exchange groups stand in no rule of a policy file and are left out.
import { failure, nearest, type Result, success } from '../base/result.ts'

export type CipherName = 'aes-cbc' | 'aes-ctr' | 'aes-gcm' | 'aes-ccm' | 'chacha20-poly1305' | '3des-cbc' | 'des-cbc'

export type IntegrityName =
  | 'hmac-md5'
  | 'hmac-sha1'
  | 'hmac-sha2-256'
  | 'hmac-sha2-384'
  | 'hmac-sha2-512'
  | 'aes-xcbc'
  | 'aes-cmac'
  | 'aes-gmac'

/** One header around a packet. */
export interface Protection {
  readonly protocol: 'esp' | 'ah'
  /** Absent where nothing is enciphered: AH, ESP-NULL and GMAC. */
  readonly cipher?: CipherName
  /** Bits of the cipher's key, or of AES-GMAC's; 0 where there is neither. DES's parity bits count, a salt does not. */
  readonly keyBits: number
  /** Absent where the cipher itself authenticates (an AEAD). */
  readonly integrity?: IntegrityName
  /** Bits of the integrity check value on the wire. */
  readonly icvBits: number
}

export interface Offer {
  readonly name: string
  /** From the inside out, as they are put on: ESP, then AH around it (RFC 2401 §4.3; RFC 4301 asks for it no more). */
  readonly protections: readonly Protection[]
  /** Whether the content is enciphered; without, every host on the way reads it. */
  readonly confidential: boolean
  readonly strength: 'current' | 'old'
  /** Why the method is old, a clause for each reason; empty for a current one. */
  readonly why: readonly string[]
}

interface CipherRow {
  readonly cipher?: CipherName
  readonly keyBits: number
  /** The cipher's own check value; where there is none, an integrity algorithm has to be named as well. */
  readonly icvBits?: number
  readonly integrity?: IntegrityName
  readonly old?: string
}

interface IntegrityRow {
  readonly integrity: IntegrityName
  readonly icvBits: number
  readonly keyBits?: number
  readonly old?: string
}

const AES_BITS = [256, 192, 128] as const
const ICV_BYTES = [16, 12, 8] as const

const cipherRows: ReadonlyMap<string, CipherRow> = new Map<string, CipherRow>([
  ...aead('gcm', 'aes-gcm'),
  ...aead('ccm', 'aes-ccm'),
  ['chacha20poly1305', { cipher: 'chacha20-poly1305', keyBits: 256, icvBits: 128 }],
  ...AES_BITS.map(bits => [`aes${bits}`, { cipher: 'aes-cbc', keyBits: bits }] as const),
  ...AES_BITS.map(bits => [`aes${bits}ctr`, { cipher: 'aes-ctr', keyBits: bits }] as const),
  ...AES_BITS.map(bits => [`aes${bits}gmac`, { keyBits: bits, integrity: 'aes-gmac', icvBits: 128 }] as const),
  ['null', { keyBits: 0 }],
  // 64-bit blocks repeat after some 32 GiB under one key (the Sweet32 attack); RFC 8221 §5 says SHOULD NOT.
  ['3des', { cipher: '3des-cbc', keyBits: 192, old: '3DES has blocks of 64 bits and should no longer be used' }],
  ['des', { cipher: 'des-cbc', keyBits: 64, old: 'DES has a key of 56 bits, which is searched through in a day' }],
])

const integrityRows: ReadonlyMap<string, IntegrityRow> = new Map<string, IntegrityRow>([
  ['sha256', { integrity: 'hmac-sha2-256', icvBits: 128 }],
  ['sha384', { integrity: 'hmac-sha2-384', icvBits: 192 }],
  ['sha512', { integrity: 'hmac-sha2-512', icvBits: 256 }],
  ['aesxcbc', { integrity: 'aes-xcbc', icvBits: 96 }],
  ['aescmac', { integrity: 'aes-cmac', icvBits: 96 }],
  ['sha1', { integrity: 'hmac-sha1', icvBits: 96, old: 'SHA-1 is ageing and on its way out of IPsec' }],
  ['md5', { integrity: 'hmac-md5', icvBits: 96, old: 'MD5 is broken and must not be used' }],
])

/** AH takes GMAC as an algorithm of its own (RFC 4543); ESP names it in the cipher's place. */
const ahOnlyRows: readonly (readonly [string, IntegrityRow])[] = AES_BITS.map(bits => [
  `aes${bits}gmac`,
  { integrity: 'aes-gmac', icvBits: 128, keyBits: bits },
])

function aead(suffix: string, cipher: CipherName): readonly (readonly [string, CipherRow])[] {
  return AES_BITS.flatMap(bits =>
    ICV_BYTES.map(bytes => [`aes${bits}${suffix}${bytes}`, { cipher, keyBits: bits, icvBits: 8 * bytes }] as const),
  )
}

interface Part {
  readonly protection: Protection
  readonly old: readonly string[]
}

function espParts(): (readonly [string, Part])[] {
  return [...cipherRows].flatMap(([name, row]): (readonly [string, Part])[] => {
    const { cipher, keyBits, icvBits } = row
    const enciphering = cipher === undefined ? { keyBits } : { cipher, keyBits }
    const old = row.old === undefined ? [] : [row.old]
    if (icvBits !== undefined) {
      const own = row.integrity === undefined ? {} : { integrity: row.integrity }
      return [[`esp-${name}`, { protection: { protocol: 'esp', ...enciphering, ...own, icvBits }, old }] as const]
    }
    return [...integrityRows].map(([suffix, integrityRow]) => {
      const { integrity, icvBits } = integrityRow
      const protection: Protection = { protocol: 'esp', ...enciphering, integrity, icvBits }
      return [`esp-${name}-${suffix}`, { protection, old: [...old, ...oldOf(integrityRow)] }] as const
    })
  })
}

function ahParts(): (readonly [string, Part])[] {
  return [...integrityRows, ...ahOnlyRows].map(([name, row]) => {
    const { integrity, icvBits, keyBits = 0 } = row
    return [`ah-${name}`, { protection: { protocol: 'ah', keyBits, integrity, icvBits }, old: oldOf(row) }] as const
  })
}

function oldOf(row: IntegrityRow): readonly string[] {
  return row.old === undefined ? [] : [row.old]
}

const parts: ReadonlyMap<string, Part> = new Map([...espParts(), ...ahParts()])

/** Every name of one header; a combination of AH and ESP is two of them. */
export const offerNames: readonly string[] = [...parts.keys()]

/** The offer of that name, or what is wrong with the name and what to do about it. */
export function offerOf(name: string): Result<Offer, { readonly what: string; readonly hint: string }> {
  const words = name.split('+')
  const found: Part[] = []
  for (const word of words) {
    const part = parts.get(word)
    if (part === undefined) return failure({ what: `${quoted(word)} is no security method`, hint: hintFor(word) })
    found.push(part)
  }
  const protocols = found.map(part => part.protection.protocol)
  if (found.length > 2 || new Set(protocols).size < protocols.length) {
    return failure({
      what: `${quoted(name)} is no security method`,
      hint: 'at most one of AH and one of ESP are combined, as in ah-sha1+esp-3des-sha1',
    })
  }
  const isEsp = (part: Part) => part.protection.protocol === 'esp'
  const inside = [...found.filter(isEsp), ...found.filter(part => !isEsp(part))]
  const why = [...new Set(found.flatMap(part => part.old))]
  return success({
    name,
    protections: inside.map(part => part.protection),
    confidential: found.some(part => part.protection.cipher !== undefined),
    strength: why.length === 0 ? 'current' : 'old',
    why,
  })
}

function quoted(word: string): string {
  return JSON.stringify(word.length > 60 ? `${word.slice(0, 59)}…` : word)
}

function hintFor(word: string): string {
  const cipher = word.startsWith('esp-') ? cipherRows.get(word.slice(4)) : undefined
  if (cipher !== undefined) return `an integrity algorithm is missing: write ${word}-sha256`
  const near = nearest(word, parts.keys()) ?? nearest(`esp-${word}`, parts.keys())
  return near === undefined
    ? 'methods are named like esp-aes256gcm16, esp-aes256-sha256 or ah-sha256'
    : `did you mean ${near}?`
}
