// What an IKE session may be protected with and its keys exchanged by, as described values. Sources: RFC 8247 (algorithms
// for IKEv2), RFC 5282, 5930 and 7634 (ciphers), RFC 9370 (additional key exchanges). A name is
// `CIPHER[-INTEGRITY]-PRF-GROUP[+GROUP…]`; the PRF may be left out where the integrity algorithm says it.
import { failure, nearest, type Result, success } from '../base/result.ts'
import type { Policy } from './model.ts'
import type { CipherName, IntegrityName } from './offers.ts'
import type { Fault } from './policy-cells.ts'

export type IkeIntegrityName = Exclude<IntegrityName, 'aes-gmac'>
export type IkePrfName = IkeIntegrityName

export type GroupName =
  | 'modp-768'
  | 'modp-1024'
  | 'modp-1536'
  | 'modp-2048'
  | 'modp-3072'
  | 'modp-4096'
  | 'modp-6144'
  | 'modp-8192'
  | 'ecp-256'
  | 'ecp-384'
  | 'ecp-521'
  | 'curve25519'
  | 'curve448'
  | 'ml-kem-512'
  | 'ml-kem-768'
  | 'ml-kem-1024'

/** The first key exchange, and those behind `+` that are done after it. */
export interface KeyExchangeOffer {
  readonly group: GroupName
  readonly additional: readonly GroupName[]
}

export interface IkeOffer extends KeyExchangeOffer {
  /** As it was written. */
  readonly name: string
  readonly cipher: CipherName
  readonly keyBits: number
  /** Of the cipher's own check value; 0 where an integrity algorithm stands beside it. */
  readonly icvBits: number
  readonly integrity?: IkeIntegrityName
  readonly prf: IkePrfName
  readonly strength: 'current' | 'old'
  /** Why the offer is old, a clause for each reason; empty for a current one. */
  readonly why: readonly string[]
}

interface Row {
  readonly old?: string
}

export interface IkeCipherRow extends Row {
  readonly cipher: CipherName
  readonly keyBits: number
  readonly icvBits: number
}

export interface IkeIntegrityRow extends Row {
  readonly integrity: IkeIntegrityName
  /** The word of the PRF that is meant where none is named. */
  readonly prf: string
}

export interface IkePrfRow extends Row {
  readonly prf: IkePrfName
}

export interface GroupRow extends Row {
  readonly group: GroupName
}

const AES_BITS = [256, 192, 128] as const
const ICV_BYTES = [16, 12, 8] as const
const SHA1 = 'SHA-1 is ageing and on its way out of IKE'
const MD5 = 'MD5 is broken and must not be used'

function aead(suffix: string, cipher: CipherName): readonly (readonly [string, IkeCipherRow])[] {
  return AES_BITS.flatMap(keyBits =>
    ICV_BYTES.map(bytes => [`aes${keyBits}${suffix}${bytes}`, { cipher, keyBits, icvBits: 8 * bytes }] as const),
  )
}

/** By the words of names. */
export const ikeCiphers: ReadonlyMap<string, IkeCipherRow> = new Map<string, IkeCipherRow>([
  ...aead('gcm', 'aes-gcm'),
  ...aead('ccm', 'aes-ccm'),
  ['chacha20poly1305', { cipher: 'chacha20-poly1305', keyBits: 256, icvBits: 128 }],
  ...AES_BITS.map(keyBits => [`aes${keyBits}`, { cipher: 'aes-cbc', keyBits, icvBits: 0 }] as const),
  ...AES_BITS.map(keyBits => [`aes${keyBits}ctr`, { cipher: 'aes-ctr', keyBits, icvBits: 0 }] as const),
  [
    '3des',
    { cipher: '3des-cbc', keyBits: 192, icvBits: 0, old: '3DES has blocks of 64 bits and should no longer be used' },
  ],
  [
    'des',
    { cipher: 'des-cbc', keyBits: 64, icvBits: 0, old: 'DES has a key of 56 bits, which is searched through in a day' },
  ],
])

export const ikeIntegrities: ReadonlyMap<string, IkeIntegrityRow> = new Map<string, IkeIntegrityRow>([
  ['sha256', { integrity: 'hmac-sha2-256', prf: 'prfsha256' }],
  ['sha384', { integrity: 'hmac-sha2-384', prf: 'prfsha384' }],
  ['sha512', { integrity: 'hmac-sha2-512', prf: 'prfsha512' }],
  ['aesxcbc', { integrity: 'aes-xcbc', prf: 'prfaesxcbc' }],
  ['aescmac', { integrity: 'aes-cmac', prf: 'prfaescmac' }],
  ['sha1', { integrity: 'hmac-sha1', prf: 'prfsha1', old: SHA1 }],
  ['md5', { integrity: 'hmac-md5', prf: 'prfmd5', old: MD5 }],
])

export const ikePrfs: ReadonlyMap<string, IkePrfRow> = new Map<string, IkePrfRow>([
  ['prfsha256', { prf: 'hmac-sha2-256' }],
  ['prfsha384', { prf: 'hmac-sha2-384' }],
  ['prfsha512', { prf: 'hmac-sha2-512' }],
  ['prfaesxcbc', { prf: 'aes-xcbc' }],
  ['prfaescmac', { prf: 'aes-cmac' }],
  ['prfsha1', { prf: 'hmac-sha1', old: SHA1 }],
  ['prfmd5', { prf: 'hmac-md5', old: MD5 }],
])

export const groups: ReadonlyMap<string, GroupRow> = new Map<string, GroupRow>([
  ['curve25519', { group: 'curve25519' }],
  ['curve448', { group: 'curve448' }],
  ['ecp256', { group: 'ecp-256' }],
  ['ecp384', { group: 'ecp-384' }],
  ['ecp521', { group: 'ecp-521' }],
  ['modp2048', { group: 'modp-2048' }],
  ['modp3072', { group: 'modp-3072' }],
  ['modp4096', { group: 'modp-4096' }],
  ['modp6144', { group: 'modp-6144' }],
  ['modp8192', { group: 'modp-8192' }],
  ['mlkem512', { group: 'ml-kem-512' }],
  ['mlkem768', { group: 'ml-kem-768' }],
  ['mlkem1024', { group: 'ml-kem-1024' }],
  ['modp1536', { group: 'modp-1536', old: 'a prime of 1536 bits is too weak for keys that last' }],
  ['modp1024', { group: 'modp-1024', old: 'a prime of 1024 bits can be broken by states' }],
  ['modp768', { group: 'modp-768', old: 'a prime of 768 bits has been broken in public' }],
])

/** Where a policy names none. */
export const defaultIkeSecurity: readonly string[] = [
  'aes256gcm16-prfsha384-curve25519+mlkem768',
  'aes256gcm16-prfsha384-ecp384',
  'aes256gcm16-prfsha384-curve25519',
  'aes128gcm16-prfsha256-ecp256',
  'aes128gcm16-prfsha256-curve25519',
  'aes256-sha256-modp2048',
]

/** RFC 9370 §2.2.2: transform types 6 to 12. */
const MOST_ADDITIONAL = 7

/** The offer of that name, or what is wrong with the name and what to do about it. */
export function ikeOfferOf(name: string): Result<IkeOffer, Fault> {
  const dash = name.lastIndexOf('-')
  const head = dash < 0 ? [name] : name.slice(0, dash).split('-')
  if (dash < 0) return failure(incomplete(name))
  const exchange = keyExchangeOf(name.slice(dash + 1))
  const [cipherWord = '', ...middle] = head
  const cipher = ikeCiphers.get(cipherWord)
  if (cipher === undefined) {
    const near = nearest(cipherWord, ikeCiphers.keys())
    const bare = cipherWord === 'esp' || cipherWord === 'ah'
    const hint = bare ? `a method of IKE has no ${cipherWord}- before it` : near === undefined ? FORM : didYouMean(near)
    return failure({ what: `${quoted(cipherWord)} is no cipher of IKE`, hint })
  }
  // Where the last word is no group, one has been forgotten.
  const lastWord = name.slice(dash + 1)
  if (!exchange.ok) {
    const isOther = ikePrfs.has(lastWord) || ikeIntegrities.has(lastWord)
    const fault = {
      what: `${quoted(name)} names no key exchange`,
      hint: `write it behind the rest: ${name}-curve25519`,
    }
    return failure(isOther ? fault : exchange.error)
  }
  const words = middlePart(cipherWord, cipher, middle, lastWord)
  if (!words.ok) return words
  const { integrity, prf } = words.value
  const rows: readonly (Row | undefined)[] = [
    cipher,
    integrity,
    prf,
    ...lastWord.split('+').map(word => groups.get(word)),
  ]
  const why = [...new Set(rows.flatMap(row => row?.old ?? []))]
  return success({
    name,
    cipher: cipher.cipher,
    keyBits: cipher.keyBits,
    icvBits: cipher.icvBits,
    ...(integrity === undefined ? {} : { integrity: integrity.integrity }),
    prf: prf.prf,
    ...exchange.value,
    strength: why.length === 0 ? 'current' : 'old',
    why,
  })
}

/** What a policy offers for IKE itself, the preferred first. Names that mean nothing are passed over. */
export function ikeOffersOf({ ike }: Pick<Policy, 'ike'>): readonly IkeOffer[] {
  const names = ike?.security ?? defaultIkeSecurity
  const known = offersOfNames.get(names)
  if (known !== undefined) return known
  const offers = names.flatMap(name => {
    const offer = ikeOfferOf(name)
    return offer.ok ? [offer.value] : []
  })
  offersOfNames.set(names, offers)
  return offers
}

/** Asked for in every handshake; a policy's list never changes. */
const offersOfNames = new WeakMap<readonly string[], readonly IkeOffer[]>()

/** `GROUP[+GROUP…]`, as behind an offer of IKE and as `keyExchange:` of a rule has it. */
export function keyExchangeOf(text: string): Result<KeyExchangeOffer, Fault> {
  const words = text.split('+')
  const found: GroupName[] = []
  for (const word of words) {
    const row = groups.get(word)
    if (row === undefined) {
      const near = nearest(word, groups.keys())
      const hint = near === undefined ? `known: ${[...groups.keys()].join(', ')}` : didYouMean(near)
      return failure({ what: `${quoted(word)} is no key exchange`, hint })
    }
    if (found.includes(row.group)) {
      return failure({ what: `${word} is named twice`, hint: 'a key exchange is done once (RFC 9370 §2.2.2)' })
    }
    found.push(row.group)
  }
  const [group, ...additional] = found
  if (additional.length > MOST_ADDITIONAL) {
    return failure({ what: 'more key exchanges than IKE can do', hint: `at most ${MOST_ADDITIONAL} stand behind a +` })
  }
  return success({ group: group!, additional })
}

/** Why a key exchange is old; empty for a current one, and for a name that is none. */
export function whyKeyExchangeIsOld(text: string): readonly string[] {
  return text.split('+').flatMap(word => groups.get(word)?.old ?? [])
}

const FORM = 'methods of IKE are named like aes256gcm16-prfsha384-ecp384 or aes256-sha256-modp2048'

function middlePart(
  cipherWord: string,
  cipher: IkeCipherRow,
  middle: readonly string[],
  group: string,
): Result<{ readonly integrity?: IkeIntegrityRow; readonly prf: IkePrfRow }, Fault> {
  const prfWords = middle.filter(word => word.startsWith('prf'))
  const integrityWords = middle.filter(word => !word.startsWith('prf'))
  const [integrityWord] = integrityWords
  const isInOrder =
    prfWords.length <= 1 && integrityWords.length <= 1 && (prfWords.length === 0 || prfWords[0] === middle.at(-1))
  if (!isInOrder) return failure({ what: 'the parts of the name do not stand in their order', hint: FORM })
  if (cipher.icvBits > 0 && integrityWord !== undefined) {
    const isKnown = ikeIntegrities.has(integrityWord) && prfWords.length === 0
    const hint = isKnown ? `for the PRF write ${cipherWord}-prf${integrityWord}-${group}` : `leave ${integrityWord} out`
    return failure({ what: `${cipherWord} authenticates by itself and takes no integrity algorithm`, hint })
  }
  if (cipher.icvBits === 0 && integrityWord === undefined) {
    const hint = `write ${[cipherWord, 'sha256', ...prfWords, group].join('-')}`
    return failure({ what: `${cipherWord} needs an integrity algorithm`, hint })
  }
  const integrity = integrityWord === undefined ? undefined : ikeIntegrities.get(integrityWord)
  if (integrityWord !== undefined && integrity === undefined) {
    const near = nearest(integrityWord, ikeIntegrities.keys())
    const hint = near === undefined ? `known: ${[...ikeIntegrities.keys()].join(', ')}` : didYouMean(near)
    return failure({ what: `${quoted(integrityWord)} is no integrity algorithm of IKE`, hint })
  }
  const prfWord = prfWords[0] ?? integrity?.prf
  if (prfWord === undefined) {
    const hint = `it makes the keys: write ${cipherWord}-prfsha256-${group}`
    return failure({ what: 'a pseudorandom function is missing', hint })
  }
  const prf = ikePrfs.get(prfWord)
  if (prf === undefined) {
    const near = nearest(prfWord, ikePrfs.keys())
    const hint = near === undefined ? `known: ${[...ikePrfs.keys()].join(', ')}` : didYouMean(near)
    return failure({ what: `${quoted(prfWord)} is no pseudorandom function of IKE`, hint })
  }
  return success({ ...(integrity === undefined ? {} : { integrity }), prf })
}

function incomplete(word: string): Fault {
  const cipher = ikeCiphers.get(word)
  const hint =
    cipher === undefined
      ? FORM
      : `write the rest too: ${word}-${cipher.icvBits > 0 ? 'prfsha384-ecp384' : 'sha256-modp2048'}`
  return { what: `${quoted(word)} is no method of IKE`, hint }
}

function didYouMean(near: string): string {
  return `did you mean ${near}?`
}

function quoted(word: string): string {
  return JSON.stringify(word.length > 60 ? `${word.slice(0, 59)}…` : word)
}
