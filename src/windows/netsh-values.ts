// What one value of a `netsh ipsec` command means, and how it is written: yes and no, numbers, addresses with their masks,
// protocols, security methods of both modes, ways to authenticate.
import { compareAddresses, parseAddress } from '../base/address.ts'
import { failure, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import type { AddressSpec } from '../policy/model.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { meaning, quoted } from './connection-security-cells.ts'
import type { Algorithm, MainModeMethod, QuickModeOffer } from './policy-blobs.ts'
import {
  ahAlgorithm,
  espAlgorithm,
  mainModeCiphers,
  mainModeGroups,
  mainModeHashes,
  mainModeMethod,
  type NewCredential,
  quickModeOffer,
} from './policy-makers.ts'
import { algorithmsOf } from './policy-methods.ts'
import type { ServerKind } from './to-policy-filters.ts'

export const LARGEST = 0xffff_ffff

/** Words may be shortened. */
export function readWord<T extends string>(...words: readonly T[]): (text: string) => Cell<T> {
  return text => {
    const lower = text.trim().toLowerCase()
    const found = words.filter(word => lower !== '' && word.startsWith(lower))
    const exact = found.find(word => word === lower)
    if (exact !== undefined || found.length === 1) return success(exact ?? found[0]!)
    return failure({ what: `${quoted(text)} is not known`, hint: meaning(lower, words) })
  }
}

export function readYes(text: string): Cell<boolean> {
  const word = readWord('yes', 'no')(text)
  return word.ok ? success(word.value === 'yes') : failure({ ...word.error, hint: 'write yes or no' })
}

export function readNumber(least: number, most: number): (text: string) => Cell<number> {
  return text => {
    const number = /^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return success(number)
    return failure({ what: `${quoted(text)} is no number from ${least} to ${most}`, hint: '' })
  }
}

/** What stands on one side of a filter. */
export type NetshAddress =
  | { readonly kind: 'server'; readonly server: ServerKind }
  /** Any, me, hosts and subnets of IPv4, as filters of version 1 have them. */
  | { readonly kind: 'masked'; readonly address: number; readonly mask: number }
  | { readonly kind: 'range'; readonly spec: AddressSpec }

const servers: readonly ServerKind[] = ['dns', 'wins', 'dhcp', 'gateway']
const FORMS = 'write me, any, dns, wins, dhcp, gateway, an address or a range 10.0.0.1-10.0.0.9'

export function readNetshAddress(text: string, mask: string | undefined): Cell<NetshAddress> {
  const word = text.trim().toLowerCase()
  const server = servers.find(kind => kind === word)
  if (word === 'me' || word === 'any' || server !== undefined) {
    if (server !== undefined) return success({ kind: 'server', server })
    return success({ kind: 'masked', address: 0, mask: word === 'me' ? LARGEST : 0 })
  }
  const ends = word.split('-').map(end => parseAddress(end.trim()))
  const [first, last] = ends
  if (first === undefined || ends.length > 2 || (ends.length === 2 && last === undefined)) {
    const isName = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(word) && /[a-z]/i.test(word)
    const what = isName ? `names are not looked up here: ${quoted(text)}` : `${quoted(text)} is no address`
    return failure({ what, hint: isName ? 'write its address' : FORMS })
  }
  if (last !== undefined) {
    if (mask !== undefined) return failure({ what: 'a range has no mask', hint: 'leave the mask out' })
    if (first.family !== last.family || compareAddresses(first, last) > 0)
      return failure({ what: `the range ${quoted(text)} has no order`, hint: 'write the lower address first' })
    return success({ kind: 'range', spec: { kind: 'range', first, last } })
  }
  if (first.family === 6) return subnetOfIpv6(first.words, mask)
  const bits = mask === undefined ? success(LARGEST) : readMask(mask)
  return bits.ok ? success({ kind: 'masked', address: first.words[0]!, mask: bits.value }) : bits
}

function subnetOfIpv6(words: readonly number[], mask: string | undefined): Cell<NetshAddress> {
  const length = mask === undefined ? success(128) : readNumber(0, 128)(mask)
  if (!length.ok) return length
  const first = words.map((word, index) => (word & wordMask(length.value, index)) >>> 0)
  const last = words.map((word, index) => (word | ~wordMask(length.value, index)) >>> 0)
  const spec: AddressSpec = { kind: 'range', first: { family: 6, words: first }, last: { family: 6, words: last } }
  return success({ kind: 'range', spec })
}

function wordMask(length: number, index: number): number {
  const bits = Math.min(32, Math.max(0, length - 32 * index))
  return bits === 0 ? 0 : (LARGEST << (32 - bits)) >>> 0
}

/** `24` or `255.255.255.0`; masks with gaps are Windows's to allow. */
function readMask(text: string): Cell<number> {
  if (/^\d{1,2}$/.test(text) && Number(text) <= 32) return success(wordMask(Number(text), 0))
  const dotted = parseAddress(text)
  if (dotted?.family === 4) return success(dotted.words[0]!)
  return failure({ what: `${quoted(text)} is no mask`, hint: 'write 24 or 255.255.255.0' })
}

const protocols = { any: 0, icmp: 1, tcp: 6, udp: 17, raw: 255 } as const

export function readNetshProtocol(text: string): Cell<number> {
  const word = text.trim().toLowerCase()
  if (Object.hasOwn(protocols, word)) return success(protocols[word as keyof typeof protocols])
  const number = readNumber(0, 255)(text)
  return number.ok
    ? number
    : failure({ what: `${quoted(text)} is no protocol`, hint: 'any, icmp, tcp, udp, raw, 0-255' })
}

export function formatNetshProtocol(protocol: number): string {
  return (
    Object.entries(protocols)
      .find(([, number]) => number === protocol)?.[0]
      .toUpperCase() ?? String(protocol)
  )
}

/** `A B C`, or undefined with the first that means nothing. */
function readMethods<T>(text: string, form: string, reader: (word: string) => T | undefined): Cell<readonly T[]> {
  const words = text.trim().split(/\s+/)
  const read: T[] = []
  for (const word of words) {
    const method = reader(word)
    if (method === undefined) return failure({ what: `${quoted(word)} is no method`, hint: `write ${form}` })
    read.push(method)
    if (read.length > 100) return failure({ what: 'there are more than 100 methods', hint: 'the first ones count' })
  }
  return success(read)
}

/** Of netsh: low, medium, 2048 bits. */
const netshGroups = { 1: 1, 2: 2, 3: 14 } as const

/** `3DES-SHA1-2 DES-MD5-1`. */
export function readMainModeMethods(text: string, seconds: number): Cell<readonly MainModeMethod[]> {
  return readMethods(text, '3DES-SHA1-2: DES or 3DES, MD5 or SHA1, group 1, 2 or 3', word => {
    const found = /^(3?des)-(md5|sha)1?-([123])$/i.exec(word)
    if (found === null) return undefined
    const [cipher, hash, group] = [found[1]!.toLowerCase(), found[2]!.toLowerCase(), Number(found[3]) as 1 | 2 | 3]
    return mainModeMethod(cipher as 'des' | '3des', hash === 'md5' ? 'md5' : 'sha1', netshGroups[group], seconds)
  })
}

/** Undefined where netsh has no word for it. */
export function formatMainModeMethod(method: MainModeMethod): string | undefined {
  const nameOf = (table: Readonly<Record<string, number>>, number: number) =>
    Object.entries(table).find(([, known]) => known === number)?.[0]
  const [cipher, hash] = [nameOf(mainModeCiphers, method.cipher), nameOf(mainModeHashes, method.hash)]
  const ours = nameOf(mainModeGroups, method.group)
  const group = Object.entries(netshGroups).find(([, own]) => String(own) === ours)?.[0]
  if (cipher === undefined || hash === undefined || group === undefined || method.fixedMethod !== 0) return undefined
  return `${cipher.toUpperCase()}-${hash.toUpperCase()}-${group}`
}

const OFFER =
  /^(?:ah\[(md5|sha1?)\]\+?)?(?:esp\[(none|3?des),(none|md5|sha1?)\])?(?::(?:(\d{1,10})k)?\/?(?:(\d{1,10})s)?)?$/i

/** `ESP[3DES,SHA1]:100000k/3600s AH[SHA1]+ESP[DES,MD5]`. */
export function readQuickModeMethods(text: string, freshKeys: boolean): Cell<readonly QuickModeOffer[]> {
  return readMethods(text, 'ESP[3DES,SHA1]:100000k/3600s, AH[SHA1] or AH[SHA1]+ESP[3DES,SHA1]', word => {
    const found = OFFER.exec(word)
    if (found === null || word.includes(']+:') || word.endsWith(']+')) return undefined
    const [ah, cipher, hash] = found.slice(1, 4).map(part => part?.toLowerCase())
    if ((ah !== undefined && cipher !== undefined) !== word.includes('+')) return undefined
    const [kilobytes, seconds] = [Number(found[4] ?? 0), Number(found[5] ?? 0)]
    if (kilobytes > LARGEST || seconds > LARGEST || (cipher === 'none' && hash === 'none')) return undefined
    const integrity = (name: string) => (name === 'md5' || name === 'none' ? name : 'sha1')
    const algorithms: Algorithm[] = []
    if (ah !== undefined) algorithms.push(ahAlgorithm(ah === 'md5' ? 'md5' : 'sha1'))
    if (cipher !== undefined) algorithms.push(espAlgorithm(cipher as 'none' | 'des' | '3des', integrity(hash!)))
    return algorithms.length === 0 ? undefined : quickModeOffer(algorithms, { seconds, kilobytes, freshKeys })
  })
}

const hashNames = ['None', 'MD5', 'SHA1'] as const
const cipherNames: Readonly<Record<number, string>> = { 0: 'None', 1: 'DES', 3: '3DES' }

/** What goes into `AH[…]` and `ESP[…]`; undefined where netsh has no word for it. */
export function offerParts(
  offer: QuickModeOffer,
): { readonly ah?: string; readonly cipher?: string; readonly hash?: string } | undefined {
  const parts: { ah?: string; cipher?: string; hash?: string } = {}
  for (const { type, algorithm, integrity } of algorithmsOf(offer)) {
    if (type === 1) {
      if (parts.ah !== undefined || algorithm === 0 || hashNames[algorithm] === undefined) return undefined
      parts.ah = hashNames[algorithm]
    } else {
      const [cipher, hash] = [cipherNames[algorithm], hashNames[integrity]]
      if (type !== 2 || parts.cipher !== undefined || cipher === undefined || hash === undefined) return undefined
      Object.assign(parts, { cipher, hash })
    }
  }
  return offer.algorithmCount > 3 ? undefined : parts
}

export function formatQuickModeMethod(offer: QuickModeOffer): string | undefined {
  const parts = offerParts(offer)
  if (parts === undefined || (parts.cipher === 'None' && parts.hash === 'None')) return undefined
  const words = [
    ...(parts.ah === undefined ? [] : [`AH[${parts.ah}]`]),
    ...(parts.cipher === undefined ? [] : [`ESP[${parts.cipher},${parts.hash}]`]),
  ]
  if (words.length === 0) return undefined
  const lives = [
    ...(offer.kilobytes === 0 ? [] : [`${offer.kilobytes}k`]),
    ...(offer.seconds === 0 ? [] : [`${offer.seconds}s`]),
  ]
  return `${words.join('+')}${lives.length === 0 ? '' : `:${lives.join('/')}`}`
}

export const credentialTags = ['kerberos', 'psk', 'rootca'] as const

/** Undefined of `kerberos=no`, which means nothing. */
export function readCredential(tag: string, text: string): Cell<NewCredential | undefined> {
  if (tag === 'kerberos') {
    const yes = readYes(text)
    if (!yes.ok) return yes
    return success(yes.value ? { kind: 'kerberos' } : undefined)
  }
  if (text === '') return failure({ what: 'it is empty', hint: 'write it behind the =' })
  if (tag === 'psk') return success({ kind: 'pre-shared-key', secret: new Secret(text) })
  const { authority, options } = withoutOptions(text.trim())
  if (authority === '') return failure({ what: 'no authority is named', hint: 'write rootca="CN=… certmap:no"' })
  return success({
    kind: 'certificate',
    // Within quotes a quotation mark is written \', as the help of netsh says.
    authority: authority.replaceAll("\\'", '"'),
    mapsToAccount: options.get('certmap') === 'yes',
    hidesAuthority: options.get('excludecaname') === 'yes',
  })
}

/** `certmap:yes` and `excludecaname:no` stand behind the name. */
function withoutOptions(text: string) {
  const options = new Map<string, string>()
  let authority = text
  for (;;) {
    const found = /\s(certmap|excludecaname):(yes|no)$/i.exec(authority)
    const name = found?.[1]?.toLowerCase()
    if (found === null || options.has(name!)) return { authority, options }
    options.set(name!, found[2]!.toLowerCase())
    authority = authority.slice(0, found.index).trimEnd()
  }
}
