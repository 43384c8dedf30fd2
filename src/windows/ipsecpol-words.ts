// The words of `ipsecpol` (Windows 2000) and `ipseccmd` (XP): a command line as options with their values, filters, methods,
// ways to authenticate and rekeying, as the two programs document them.
import { parseAddress } from '../base/address.ts'
import { failure, type Problem, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { problem, quoted } from './connection-security-cells.ts'
import type { NewFilter } from './netsh-filters.ts'
import { LARGEST, type NetshAddress, readNetshAddress, readNetshProtocol, readNumber } from './netsh-values.ts'
import type { Algorithm, MainModeMethod, QuickModeOffer } from './policy-blobs.ts'
import { ahAlgorithm, espAlgorithm, mainModeMethod, type NewCredential, quickModeOffer } from './policy-makers.ts'

/** With how many values: none, one, or all up to the next option. */
const options: Readonly<Record<string, 'none' | 'one' | 'many'>> = {
  '-w': 'one',
  '-p': 'one',
  '-r': 'one',
  '-f': 'many',
  '-n': 'many',
  '-t': 'one',
  '-a': 'many',
  '-1s': 'many',
  '-1k': 'one',
  '-1p': 'none',
  '-1f': 'many',
  '-1e': 'one',
  '-soft': 'none',
  '-confirm': 'none',
  '-dialup': 'none',
  '-lan': 'none',
  '-x': 'none',
  '-y': 'none',
  '-o': 'none',
  '-u': 'none',
}

export type IpsecpolOptions = ReadonlyMap<string, readonly string[]>

export function readIpsecpolOptions(words: readonly string[], at: string, problems: Problem[]): IpsecpolOptions {
  const found = new Map<string, string[]>()
  let values: string[] | undefined
  let most = 0
  for (const word of words) {
    const name = word.toLowerCase()
    const kind = options[name]
    if (kind !== undefined) {
      values = found.get(name) ?? []
      found.set(name, values)
      most = kind === 'none' ? 0 : kind === 'one' ? values.length + 1 : Number.POSITIVE_INFINITY
    } else if (values !== undefined && values.length < most) values.push(word)
    else {
      const hint = word.startsWith('\\\\')
        ? 'other machines are not reached from here'
        : `options are ${Object.keys(options).join(' ')}`
      problems.push(problem(at, `${quoted(word)} is not known here`, hint))
    }
  }
  for (const [name, given] of found) {
    if (options[name] === 'one' && given.length > 1) problems.push(problem(at, `${name} comes twice`, 'write it once'))
    if (options[name] !== 'none' && given.length === 0) problems.push(problem(at, `${name} needs a value`))
  }
  return found
}

/** `A.B.C.D/mask:port=A.B.C.D/mask:port:protocol`; `+` in the middle mirrors. */
export function readIpsecpolFilter(text: string): Cell<NewFilter> {
  if (/^[([]/.test(text))
    return failure({
      what: `${quoted(text)}: filters that pass or block by themselves`,
      hint: 'write a rule with -n PASS or -n BLOCK',
    })
  const middle = text.search(/[=+]/)
  if (middle < 0) return failure({ what: `${quoted(text)} has no = and no +`, hint: 'write source=destination' })
  const [from = '', fromPort = '', ...tooMany] = text.slice(0, middle).split(':')
  const [to = '', toPort = '', protocolWord = '', ...more] = text.slice(middle + 1).split(':')
  if (tooMany.length + more.length > 0)
    return failure({ what: `${quoted(text)} has too many colons`, hint: 'write source:port=destination:port:protocol' })
  const [source, destination] = [readSide(from), readSide(to)]
  if (!source.ok) return source
  if (!destination.ok) return destination
  const port = (word: string) => (word === '' ? success(0) : readNumber(0, 65_535)(word))
  const [sourcePort, destinationPort] = [port(fromPort), port(toPort)]
  const protocol = protocolWord === '' ? success(0) : readNetshProtocol(protocolWord)
  if (!sourcePort.ok) return sourcePort
  if (!destinationPort.ok) return destinationPort
  if (!protocol.ok) return protocol
  if (sourcePort.value + destinationPort.value > 0 && protocol.value !== 6 && protocol.value !== 17)
    return failure({ what: `${quoted(text)} has a port without TCP or UDP`, hint: 'end it with :TCP or :UDP' })
  return success({
    source: source.value,
    destination: destination.value,
    protocol: protocol.value,
    mirrored: text[middle] === '+',
    sourcePort: sourcePort.value,
    destinationPort: destinationPort.value,
    description: '',
  })
}

function readSide(text: string): Cell<NetshAddress> {
  if (text === '*') return success({ kind: 'masked', address: 0, mask: 0 })
  // Written with its mask as well, as those do who copy from the help.
  if (text === '0' || text === '0/255.255.255.255') return success({ kind: 'masked', address: 0, mask: LARGEST })
  const parts = text.split('.')
  const stars = parts.indexOf('*')
  if (parts.length === 4 && stars > 0 && parts.slice(stars).every(part => part === '*')) {
    const address = parseAddress(parts.map(part => (part === '*' ? '0' : part)).join('.'))
    const mask = (LARGEST << (8 * (4 - stars))) >>> 0
    if (address !== undefined) return success({ kind: 'masked', address: address.words[0]!, mask })
  }
  const [address = '', mask] = text.split('/', 2)
  return readNetshAddress(address, mask)
}

export interface IpsecpolActions {
  readonly kind: 'permit' | 'block' | 'negotiate'
  readonly isInPass: boolean
  readonly offers: readonly QuickModeOffer[]
}

const METHOD =
  /^(?:AH\[(MD5|SHA1?)\])?(\+)?(?:ESP\[(NONE|3?DES),\s*(NONE|MD5|SHA1?)\])?(?:(\d{1,10})([KS]))?(?:\/(\d{1,10})([KS]))?(?:(P(?:FS)?)[123]?)?$/i

/** `BLOCK`, `PASS`, or methods, among which `INPASS` may stand. */
export function readIpsecpolActions(words: readonly string[]): Cell<IpsecpolActions> {
  const lower = words.map(word => word.toLowerCase())
  if (lower.includes('block') || lower.includes('pass')) {
    if (words.length > 1) return failure({ what: 'BLOCK and PASS stand alone', hint: 'leave the others out' })
    return success({ kind: lower[0] === 'block' ? 'block' : 'permit', isInPass: false, offers: [] })
  }
  const offers: QuickModeOffer[] = []
  for (const word of words) {
    if (word.toLowerCase() === 'inpass') continue
    const offer = readOffer(word)
    if (offer === undefined)
      return failure({
        what: `${quoted(word)} is no method`,
        hint: 'write ESP[3DES,SHA], AH[MD5] or AH[SHA]+ESP[DES,NONE]3600S/5000KPFS',
      })
    offers.push(offer)
  }
  return success({
    kind: 'negotiate',
    isInPass: lower.includes('inpass'),
    offers: offers.length > 0 ? offers : usualOffers(),
  })
}

function usualOffers(): readonly QuickModeOffer[] {
  return [
    readOffer('ESP[3DES,SHA]')!,
    readOffer('ESP[3DES,MD5]')!,
    readOffer('ESP[DES,SHA]')!,
    readOffer('ESP[DES,MD5]')!,
  ]
}

function readOffer(word: string): QuickModeOffer | undefined {
  const found = METHOD.exec(word)
  if (found === null) return undefined
  const [, ah, plus, cipher, hash, first, firstUnit, second, secondUnit, pfs] = found.map(part => part?.toLowerCase())
  if ((ah === undefined && cipher === undefined) || (plus !== undefined) !== (ah !== undefined && cipher !== undefined))
    return undefined
  if (cipher === 'none' && hash === 'none') return undefined
  const given = [
    ...(first === undefined ? [] : [[firstUnit, first]]),
    ...(second === undefined ? [] : [[secondUnit, second]]),
  ]
  const amount = (unit: string) => Number(given.find(([one]) => one === unit)?.[1] ?? 0)
  const [seconds, kilobytes] = [amount('s'), amount('k')]
  if (seconds > LARGEST || kilobytes > LARGEST || (given.length === 2 && firstUnit === secondUnit)) return undefined
  const integrity = (name: string) => (name === 'md5' || name === 'none' ? name : 'sha1')
  const algorithms: Algorithm[] = []
  if (ah !== undefined) algorithms.push(ahAlgorithm(ah === 'md5' ? 'md5' : 'sha1'))
  if (cipher !== undefined) algorithms.push(espAlgorithm(cipher as 'none' | 'des' | '3des', integrity(hash!)))
  return quickModeOffer(algorithms, { seconds, kilobytes, freshKeys: pfs !== undefined })
}

/** `P:"key"`, `K`, `C:"name of the authority"`; the long words too. */
export function readIpsecpolCredential(word: string): Cell<NewCredential> {
  if (/^k(erberos)?$/i.test(word)) return success({ kind: 'kerberos' })
  const colon = word.indexOf(':')
  const [name, value] = [word.slice(0, Math.max(0, colon)).toLowerCase(), word.slice(colon + 1)]
  if (value !== '' && 'preshare'.startsWith(name) && name !== '')
    return success({ kind: 'pre-shared-key', secret: new Secret(value) })
  if (value !== '' && 'cert'.startsWith(name) && name !== '') return success({ kind: 'certificate', authority: value })
  return failure({ what: 'a way to authenticate is not known', hint: 'write KERBEROS, PRESHARE:"key" or CERT:"CN=…"' })
}

/** `3DES-SHA-2`. */
export function readIpsecpolMainMode(word: string, seconds: number): MainModeMethod | undefined {
  const found = /^(3?des)-(md5|sha)1?-([123])$/i.exec(word)
  if (found === null) return undefined
  const group = ({ 1: 1, 2: 2, 3: 14 } as const)[Number(found[3]) as 1 | 2 | 3]
  const hash = found[2]!.toLowerCase() === 'md5' ? 'md5' : 'sha1'
  return mainModeMethod(found[1]!.toLowerCase() as 'des' | '3des', hash, group, seconds)
}

/** `10Q/3600S`: associations of a session and its seconds. */
export function readIpsecpolRekey(word: string): { readonly limit?: number; readonly seconds?: number } | undefined {
  const found = /^(?:(\d{1,9})Q)?\/?(?:(\d{1,9})S)?$/i.exec(word)
  if (found === null || (found[1] ?? found[2]) === undefined) return undefined
  return {
    ...(found[1] === undefined ? {} : { limit: Number(found[1]) }),
    ...(found[2] === undefined ? {} : { seconds: Number(found[2]) }),
  }
}
