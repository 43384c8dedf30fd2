// Keys that a person writes into the policy file (`keys:`), for hosts that do not negotiate: shape, lengths, and what
// must never be. Nothing that was written is repeated in a message where it could be a key in the wrong place.
import { z } from 'zod'
import { type Address, formatAddress, isLimitedBroadcast, isMulticast, sameAddress } from '../base/address.ts'
import { type Result, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import type { Path } from './located-yaml.ts'
import type { ManualKey, ManualLayer, Rule } from './model.ts'
import { type IntegrityName, type Offer, offerOf, type Protection } from './offers.ts'
import { type Cell, readHost } from './policy-cells.ts'

const HEX = 'hexadecimal digits in quotes'
const SPI = 'a number of 256 to 4294967295, or one such as "0x1001"'
const spi = z.union([z.number(), z.string()], { error: SPI })
const hex = z.string({ error: HEX })

const manualKey = z.strictObject(
  {
    rule: z
      .string({ error: 'the name of a rule' })
      .optional()
      .meta({ description: 'The rule whose packets it protects; may be left out where one rule negotiates.' }),
    source: z.string({ error: 'an address' }).meta({ description: 'The host that seals with it.' }),
    destination: z.string({ error: 'an address' }).meta({ description: 'The host that opens with it.' }),
    spi: z
      .union([spi, z.array(spi, { error: SPI }).length(2, { error: 'two SPIs, from the inside out' })], { error: SPI })
      .meta({ description: 'Security parameters index, 256 or more. For ESP within AH two, from the inside out.' }),
    security: z
      .string({ error: 'the name of a security method' })
      .meta({ description: 'A security method that the rule offers.' }),
    key: hex.optional().meta({ description: "The cipher's key in hexadecimal, its salt behind it." }),
    integrityKey: z
      .union([hex, z.array(hex, { error: HEX }).length(2, { error: 'two keys, from the inside out' })], { error: HEX })
      .optional()
      .meta({
        description: 'The integrity key in hexadecimal. Where ESP and AH both need one two, from the inside out.',
      }),
  },
  { error: 'a key: a mapping with source, destination, spi, security and key' },
)

export const manualKeys = z.array(manualKey, { error: 'a list of keys' })

export const manualKeyNames: readonly string[] = Object.keys(manualKey.shape)

type Report = (path: Path, what: string, hint: string) => void
type Mapping = Readonly<Record<string, unknown>>

/** Octets of key material that one header takes, its salts included (RFC 4106 §8.1, 4309 §7.1, 3686 §5.1, 7634 §2). */
export interface KeyNeeds {
  readonly cipher: number
  readonly cipherSalt: number
  readonly integrity: number
  readonly integritySalt: number
}

const integrityBytes: Readonly<Record<Exclude<IntegrityName, 'aes-gmac'>, number>> = {
  'hmac-md5': 16,
  'hmac-sha1': 20,
  'hmac-sha2-256': 32,
  'hmac-sha2-384': 48,
  'hmac-sha2-512': 64,
  'aes-xcbc': 16,
  'aes-cmac': 16,
}

export function keyNeeds({ protocol, cipher, keyBits, integrity }: Protection): KeyNeeds {
  const bytes = keyBits / 8
  if (integrity === 'aes-gmac') {
    const [own, salt] = [bytes, 4]
    return protocol === 'esp'
      ? { cipher: own, cipherSalt: salt, integrity: 0, integritySalt: 0 }
      : { cipher: 0, cipherSalt: 0, integrity: own, integritySalt: salt }
  }
  const cipherSalt = cipher === 'aes-ccm' ? 3 : cipher !== undefined && countsPackets({ cipher }) ? 4 : 0
  const own = integrity === undefined ? 0 : integrityBytes[integrity]
  return { cipher: cipher === undefined ? 0 : bytes, cipherSalt, integrity: own, integritySalt: 0 }
}

/**
 * Whether the method must never meet one counter twice under a key. With keys in a file each restart begins the count
 * anew: of two packets under one count the difference can be read, and GCM's own integrity key comes out (RFC 8221 §3).
 */
export function countsPackets({ cipher, integrity }: Pick<Protection, 'cipher' | 'integrity'>): boolean {
  return integrity === 'aes-gmac' || (cipher !== undefined && !['aes-cbc', '3des-cbc', 'des-cbc'].includes(cipher))
}

/** `rules` are those of the same file, as read. Whatever is wrong is told; only whole entries are answered. */
export function readManualKeys(root: Mapping, rules: readonly Rule[], report: Report): readonly ManualKey[] {
  const entries: readonly unknown[] = Array.isArray(root['keys']) ? root['keys'] : []
  const keys = entries.map((entry, index) =>
    typeof entry === 'object' && entry !== null
      ? readEntry(entry as Mapping, rules, root['test'] === true, (path, what, hint) =>
          report(['keys', index, ...path], what, hint),
        )
      : undefined,
  )
  checkTogether(keys, rules, report)
  return keys.filter(key => key !== undefined)
}

function readEntry(entry: Mapping, rules: readonly Rule[], isTest: boolean, report: Report): ManualKey | undefined {
  const rule = ruleOf(entry, rules, report)
  const source = hostOf(entry, 'source', report)
  const destination = hostOf(entry, 'destination', report)
  const areTwo = source !== undefined && destination !== undefined && areTwoHosts(source, destination, report)
  const offer = methodOf(entry, rule, isTest, report)
  const layers = offer === undefined ? undefined : layersOf(entry, offer, report)
  if (rule === undefined || !areTwo) return undefined
  if (offer === undefined || layers === undefined) return undefined
  return { rule: rule.name, source, destination, security: offer.name, layers }
}

function areTwoHosts(source: Address, destination: Address, report: Report): boolean {
  if (source.family !== destination.family) {
    const what = `this is IPv${destination.family}, and source is IPv${source.family}`
    report(['destination'], what, 'write one IP version')
    return false
  }
  const isSame = sameAddress(source, destination)
  if (isSame) report(['destination'], 'this is the source again', 'a key is for packets from one host to another')
  return !isSame
}

function ruleOf(entry: Mapping, rules: readonly Rule[], report: Report): Rule | undefined {
  const negotiating = rules.filter(rule => rule.action === 'negotiate')
  const known = `rules that negotiate: ${negotiating.map(rule => rule.name).join(', ')}`
  if (entry['rule'] === undefined) {
    if (negotiating.length === 1) return negotiating[0]
    if (negotiating.length === 0)
      report([], 'no rule of this policy negotiates, so no packet needs a key', 'leave keys out')
    else report([], 'several rules negotiate, and the key does not say which it is for', `write rule:; ${known}`)
    return undefined
  }
  const found = negotiating.find(rule => rule.name === entry['rule'])
  if (found === undefined && typeof entry['rule'] === 'string')
    report(['rule'], 'no rule that negotiates has this name', known)
  return found
}

function hostOf(entry: Mapping, key: 'source' | 'destination', report: Report): Address | undefined {
  if (typeof entry[key] !== 'string') return undefined
  const read: Cell<Address> = readHost(entry[key])
  const isHost = read.ok && !isMulticast(read.value) && !isLimitedBroadcast(read.value)
  if (!isHost) report([key], 'this is no address of one host', 'write an IPv4 or IPv6 address')
  return isHost ? read.value : undefined
}

function methodOf(entry: Mapping, rule: Rule | undefined, isTest: boolean, report: Report): Offer | undefined {
  const { security } = entry
  if (typeof security !== 'string') return undefined
  const offer = offerOf(security)
  if (!offer.ok) {
    // What does not look like a name may be a key.
    const isName = /^(esp|ah)-[a-z0-9+-]{1,40}$/.test(security)
    report(['security'], isName ? offer.error.what : 'this is no security method', isName ? offer.error.hint : example)
    return undefined
  }
  const { protections, name } = offer.value
  if (protections.some(countsPackets) && !isTest) {
    const what =
      `${name} counts packets, and with a key from a file every restart begins the count anew: ` +
      'two packets under one count give away what they hold'
    report(['security'], what, `${example}; or test: true at the top, where nothing has to be kept secret`)
  }
  if (rule !== undefined && !rule.security.some(offered => isSame(offered, offer.value))) {
    report(
      ['security'],
      `the rule does not offer ${name}`,
      'add it to the security of the rule, or use one that is there',
    )
  }
  return offer.value
}

const example = 'write a method in CBC mode, such as esp-aes256-sha256'

/** The two parts of a combination may be written either way round. */
function isSame(offered: string, offer: Offer): boolean {
  const other = offerOf(offered)
  return other.ok && JSON.stringify(other.value.protections) === JSON.stringify(offer.protections)
}

function layersOf(entry: Mapping, offer: Offer, report: Report): readonly ManualLayer[] | undefined {
  const needs = offer.protections.map(keyNeeds)
  const spis = spisOf(entry, offer, report)
  const total = (what: 'cipher' | 'integrity') => needs.filter(need => need[what] > 0)
  const cipher = keysOf(entry, 'key', total('cipher').map(cipherText), offer, report)
  const integrity = keysOf(entry, 'integrityKey', total('integrity').map(integrityText), offer, report)
  if (spis === undefined || cipher === undefined || integrity === undefined) return undefined
  const none = () => new Secret(new Uint8Array())
  return needs.map((need, index) => ({
    spi: spis[index]!,
    cipherKey: need.cipher > 0 ? cipher.shift()! : none(),
    integrityKey: need.integrity > 0 ? integrity.shift()! : none(),
  }))
}

interface Wanted {
  readonly bytes: number
  readonly text: string
}

const cipherText = (need: KeyNeeds) => wanted(need.cipher, need.cipherSalt)
const integrityText = (need: KeyNeeds) => wanted(need.integrity, need.integritySalt)

function wanted(key: number, salt: number): Wanted {
  return { bytes: key + salt, text: salt === 0 ? `${key}` : `${key + salt} (${key} and a salt of ${salt})` }
}

function spisOf(entry: Mapping, offer: Offer, report: Report): readonly number[] | undefined {
  if (entry['spi'] === undefined) return undefined
  const isList = Array.isArray(entry['spi'])
  const written: readonly unknown[] = isList ? (entry['spi'] as unknown[]) : [entry['spi']]
  const count = offer.protections.length
  if (written.length !== count) {
    const hint = count === 2 ? 'write [inner, outer]: first that of ESP, then that of AH' : 'write one number'
    report(['spi'], `${offer.name} takes ${count === 1 ? 'one SPI' : 'two SPIs'}`, hint)
    return undefined
  }
  const read = written.map((value, index) => {
    const word = typeof value === 'string' && /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(value) ? Number(value) : value
    const isSpi = typeof word === 'number' && Number.isInteger(word) && word >= 256 && word <= 0xffffffff
    if (!isSpi) report(isList ? ['spi', index] : ['spi'], 'this is no SPI', `write ${SPI}`)
    return isSpi ? word : undefined
  })
  return read.every(value => value !== undefined) ? read : undefined
}

function keysOf(
  entry: Mapping,
  name: 'key' | 'integrityKey',
  needed: readonly Wanted[],
  offer: Offer,
  report: Report,
): Secret<Uint8Array>[] | undefined {
  const given = entry[name]
  const isList = Array.isArray(given)
  const written: readonly unknown[] = isList ? (given as unknown[]) : given === undefined ? [] : [given]
  if (written.length !== needed.length) {
    const lengths = needed.map(({ text }) => text).join(' and ')
    if (needed.length === 0) report([name], `${offer.name} takes no ${name}`, 'leave it out')
    else if (given === undefined)
      report([], `the key ${JSON.stringify(name)} is missing`, `${offer.name} takes ${lengths} octets`)
    else
      report(
        [name],
        `${offer.name} takes ${needed.length === 1 ? 'one key' : 'two keys'} here`,
        `of ${lengths} octets, from the inside out`,
      )
    return undefined
  }
  const read = written.map((value, index) => {
    const key = typeof value === 'string' ? octetsOf(value, needed[index]!) : undefined
    if (key !== undefined && !key.ok) report(isList ? [name, index] : [name], key.error.what, key.error.hint)
    return key?.ok ? key.value : undefined
  })
  return read.every(value => value !== undefined) ? read : undefined
}

function octetsOf(
  written: string,
  { bytes, text }: Wanted,
): Result<Secret<Uint8Array>, { what: string; hint: string }> {
  const digits = written.replace(/^0x/i, '')
  const error = (what: string) => ({
    ok: false as const,
    error: { what, hint: `write ${text} octets, two digits each` },
  })
  if (!/^[0-9a-f]*$/i.test(digits)) return error('this is not hexadecimal')
  if (digits.length !== 2 * bytes) return error(`this has ${digits.length} digits where ${2 * bytes} are wanted`)
  return success(new Secret(Uint8Array.from(Buffer.from(digits, 'hex'))))
}

/** What only shows when all keys are seen. Entries with faults of their own are passed over. */
function checkTogether(keys: readonly (ManualKey | undefined)[], rules: readonly Rule[], report: Report): void {
  const spis = new Map<string, number>()
  const material = new Map<string, number>()
  const directions = new Map<string, number>()
  const present = new Set<string>()
  keys.forEach((key, index) => {
    if (key === undefined) return
    const taken = (seen: Map<string, number>, name: string) => {
      const first = seen.get(name)
      if (first === undefined) seen.set(name, index)
      return first
    }
    present.add(directionOf(key, rules))
    const direction = taken(directions, `${key.rule} ${formatAddress(key.source)} ${formatAddress(key.destination)}`)
    if (direction !== undefined)
      report(
        ['keys', index],
        `keys[${direction}] is for the same rule and direction`,
        'keep one of them: keys in a file are not renewed',
      )
    for (const { spi, cipherKey, integrityKey } of key.layers) {
      const other = taken(spis, `${formatAddress(key.destination)} ${spi}`)
      if (other !== undefined)
        report(['keys', index, 'spi'], `keys[${other}] has this SPI for the same destination`, 'give each its own')
      for (const secret of [cipherKey, integrityKey]) {
        const octets = Buffer.from(secret.reveal()).toString('hex')
        const owner = octets === '' ? undefined : taken(material, octets)
        if (owner !== undefined)
          report(
            ['keys', index],
            `it shares a key with keys[${owner}]`,
            'give each direction and each use a key of its own',
          )
      }
    }
  })
  // A fault in the other direction's entry has been told: it would only be said twice.
  if (keys.includes(undefined)) return
  keys.forEach((key, index) => {
    if (key === undefined || present.has(directionOf(wayBack(key), rules))) return
    const [from, to] = [formatAddress(key.destination), formatAddress(key.source)]
    report(
      ['keys', index],
      `there is no key for the way back, from ${from} to ${to}`,
      'write an entry for each direction',
    )
  })
}

function wayBack(key: ManualKey): ManualKey {
  return { ...key, source: key.destination, destination: key.source }
}

/** Rules of tunnels go one way, so the way back is any other tunnel between the two. */
function directionOf({ rule, source, destination }: ManualKey, rules: readonly Rule[]): string {
  const isTunnel = rules.some(({ name, mode }) => name === rule && mode === 'tunnel')
  return `${isTunnel ? '' : rule} ${formatAddress(source)} ${formatAddress(destination)}`
}
