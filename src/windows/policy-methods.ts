// Methods of Windows 2000 to 11 and our names for them, in both directions: what protects packets (quick mode) and what
// protects IKE itself (main mode). The numbers are those of real policies; the tables of [MS-GPIPSEC] count ESP's ciphers
// differently and are wrong.
import { ikeOfferOf } from '../policy/ike-offers.ts'
import { offerOf } from '../policy/offers.ts'
import type { Algorithm, MainModeMethod, QuickModeOffer } from './policy-blobs.ts'
import { ahAlgorithm, espAlgorithm, mainModeGroups, mainModeMethod } from './policy-makers.ts'

const AH = 1
const ESP = 2
const integrities = ['none', 'md5', 'sha1'] as const
const ciphers: Readonly<Record<number, 'null' | 'des' | '3des'>> = { 0: 'null', 1: 'des', 3: '3des' }

/** The algorithms of an offer that count. */
export function algorithmsOf({ algorithmCount, algorithms }: QuickModeOffer): readonly Algorithm[] {
  return algorithms.slice(0, algorithmCount)
}

/** Whether the offer stands for "fall back to clear". */
export function isFallBack(offer: QuickModeOffer): boolean {
  return offer.algorithmCount === 0
}

/** The name of an offer in a policy file, or why it has none. */
export function securityName(offer: QuickModeOffer): { readonly name: string } | { readonly why: string } {
  if (offer.algorithmCount > 3) return { why: `${offer.algorithmCount} headers in one method` }
  const parts = algorithmsOf(offer).map(partName)
  const why = parts.find(part => 'why' in part)
  if (why !== undefined) return why
  const words = parts.flatMap(part => ('name' in part ? [part.name] : []))
  const name = words.toSorted().join('+')
  return offerOf(name).ok ? { name } : { why: `${words.join(' and ')} around each other` }
}

function partName({ algorithm, integrity, type }: Algorithm): { readonly name: string } | { readonly why: string } {
  if (type === AH) {
    const hash = integrities[algorithm]
    return hash === undefined || hash === 'none' ? { why: `AH with algorithm ${algorithm}` } : { name: `ah-${hash}` }
  }
  if (type !== ESP) return { why: `a header of type ${type}` }
  const [cipher, hash] = [ciphers[algorithm], integrities[integrity]]
  if (cipher === undefined) return { why: `ESP with cipher ${algorithm}` }
  if (hash === undefined) return { why: `ESP with integrity ${integrity}` }
  // RFC 4303 allows it, RFC 8221 forbids it: what nobody authenticates, anybody can change.
  if (hash === 'none') return { why: 'ESP without integrity' }
  return { name: `esp-${cipher}-${hash}` }
}

/** The algorithms of a name, or undefined where Windows 2000 to 11 have none of that name. */
export function algorithmsNamed(name: string): readonly Algorithm[] | undefined {
  const offer = offerOf(name)
  if (!offer.ok) return undefined
  const found: Algorithm[] = []
  for (const { protocol, cipher, integrity } of offer.value.protections) {
    const hash = integrity === 'hmac-sha1' ? 'sha1' : integrity === 'hmac-md5' ? 'md5' : undefined
    if (hash === undefined) return undefined
    if (protocol === 'ah') {
      found.push(ahAlgorithm(hash))
      continue
    }
    const known =
      cipher === undefined ? 'none' : cipher === '3des-cbc' ? '3des' : cipher === 'des-cbc' ? 'des' : undefined
    if (known === undefined) return undefined
    found.push(espAlgorithm(known, hash))
  }
  return found
}

const hashes: Readonly<Record<number, 'md5' | 'sha1'>> = { 1: 'md5', 2: 'sha1' }
const ikeCiphers: Readonly<Record<number, 'des' | '3des'>> = { 1: 'des', 2: '3des', 3: '3des' }
const ikeGroups: Readonly<Record<number, string>> = {
  [mainModeGroups[1]]: 'modp768',
  [mainModeGroups[2]]: 'modp1024',
  [mainModeGroups[14]]: 'modp2048',
}

/** The four methods that are known by number alone. */
const fixed: Readonly<Record<number, string>> = {
  1: 'des-md5-modp2048',
  2: 'des-sha1-modp2048',
  3: '3des-md5-modp2048',
  4: '3des-sha1-modp2048',
}

/** The name of one of the four fixed methods; undefined for 0, which is none. */
export function fixedMethodName(number: number): string | undefined {
  return fixed[number]
}

/** The name of a main mode method, or why it has none. */
export function ikeSecurityName(method: MainModeMethod): { readonly name: string } | { readonly why: string } {
  const whole = fixed[method.fixedMethod]
  if (whole !== undefined) return { name: whole }
  const [cipher, hash, group] = [ikeCiphers[method.cipher], hashes[method.hash], ikeGroups[method.group]]
  if (cipher === undefined) return { why: `cipher ${method.cipher}` }
  if (hash === undefined) return { why: `hash ${method.hash}` }
  if (group === undefined) return { why: `group ${method.group}` }
  return { name: `${cipher}-${hash}-${group}` }
}

/** The method of a name, or undefined where Windows 2000 to 11 have none. */
export function mainModeMethodNamed(name: string, seconds: number): MainModeMethod | undefined {
  const offer = ikeOfferOf(name)
  if (!offer.ok) return undefined
  const { cipher, integrity, prf, group, additional } = offer.value
  const ciphersByName = { '3des-cbc': '3des', 'des-cbc': 'des' } as const
  const hashesByName = { 'hmac-sha1': 'sha1', 'hmac-md5': 'md5' } as const
  const groupsByName = { 'modp-768': 1, 'modp-1024': 2, 'modp-2048': 14 } as const
  const has = <T extends object>(table: T, key: string | undefined): key is keyof T & string =>
    key !== undefined && Object.hasOwn(table, key)
  const isKnown = has(ciphersByName, cipher) && has(hashesByName, integrity) && has(groupsByName, group)
  if (!isKnown || prf !== integrity || additional.length > 0) return undefined
  return mainModeMethod(ciphersByName[cipher], hashesByName[integrity], groupsByName[group], seconds)
}
