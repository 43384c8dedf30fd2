// Who somebody is in IKE: the identification payloads of RFC 7296 §3.5, between text and octets. A text is an address, a
// domain name, `user@domain`, a distinguished name (RFC 4514) or `@#` with the hexadecimal digits of a key identifier.
// General names (type 10) are only printed: nothing in a policy stands for them.
import { type Address, formatAddress, parseAddress } from '../base/address.ts'
import { failure, type Result, success } from '../base/result.ts'
import { readStrictly } from '../crypto/x509/der-reader.ts'
import { isSameName, type Name, readNameOctets } from '../crypto/x509/name.ts'
import { identificationTypes } from '../wire/ike/numbers.ts'
import { type NameFault, readDistinguishedName } from './distinguished-name.ts'

const { ipv4, ipv6, fqdn, email, dn } = identificationTypes.of
const keyId = identificationTypes.of['key-id']

export interface Identity {
  /** IKE's ID type. */
  readonly type: number
  readonly data: Uint8Array
}

const domain =
  /^(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/
const mailbox = /^[^\s@\0-\x1f\x7f]{1,64}@[^\s@\0-\x1f\x7f]{1,253}$/

/** A person's words for an identity. */
export function readIdentity(text: string): Result<Identity, NameFault> {
  const word = text.trim()
  const address = parseAddress(word)
  if (address !== undefined) return success(identityOfAddress(address))
  if (word.startsWith('@#')) return readKeyId(word)
  if (word.includes('=')) {
    const name = readDistinguishedName(word)
    return name.ok ? success({ type: dn, data: name.value }) : name
  }
  // Others write a domain name with @ in front, to say that it is not to be looked up.
  const name = word.startsWith('@') ? word.slice(1) : word
  // Certificates have names without the dot of the root.
  if (domain.test(name) && !/^[\d.]+$/.test(name)) return success({ type: fqdn, data: octets(name.replace(/\.$/, '')) })
  if (mailbox.test(word)) return success({ type: email, data: octets(word) })
  return failure({
    what: `${JSON.stringify(word)} is no identity`,
    hint: 'an address, dc1.corp.test, user@corp.test, CN=dc1.corp.test,O=Corp or @# and hexadecimal digits',
  })
}

function readKeyId(word: string): Result<Identity, NameFault> {
  const hex = word.slice(2)
  if (hex.length > 0 && hex.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(hex)) {
    return success({ type: keyId, data: Uint8Array.fromHex(hex) })
  }
  return failure({ what: `${word} is no key identifier`, hint: 'two hexadecimal digits for each octet, as in @#0a0b' })
}

export function identityOfAddress({ family, words }: Address): Identity {
  const data = new Uint8Array(4 * words.length)
  const view = new DataView(data.buffer)
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word)
  return { type: family === 4 ? ipv4 : ipv6, data }
}

/** Undefined for what is no address. */
export function addressOfIdentity({ type, data }: Identity): Address | undefined {
  const length = type === ipv4 ? 4 : type === ipv6 ? 16 : undefined
  if (length === undefined || data.length !== length) return undefined
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  return { family: type === ipv4 ? 4 : 6, words: Array.from({ length: length / 4 }, (_, i) => view.getUint32(4 * i)) }
}

/** For people and logs: it comes from a peer, so nothing of it reaches a terminal as it is. */
export function formatIdentity(identity: Identity): string {
  const { type, data } = identity
  const address = addressOfIdentity(identity)
  if (address !== undefined) return formatAddress(address)
  const name = type === dn ? nameOf(data)?.text : undefined
  // A distinguished name of no parts would print as nothing.
  if (name !== undefined && name !== '') return shortened(name.replace(turning, inPairs))
  if (type === fqdn || type === email) {
    const text = new TextDecoder('iso-8859-1').decode(data)
    if (/^[!-~]+$/.test(text)) return shortened(text)
  }
  return shortened(`${type === keyId ? '@' : `${identificationTypes.nameOf(type)}:`}#${data.toHex()}`)
}

/** Characters that turn the direction of writing: with them a name looks like another. */
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function inPairs(character: string): string {
  return octets(character).toHex().replace(/../g, '\\$&')
}

/** A stranger's words fill no log. */
export function shortened(text: string, most = 400): string {
  return text.length > most ? `${text.slice(0, most)}…` : text
}

/** Domain names whatever their letter case, distinguished names as RFC 5280 §7.1 compares them, all else octet for octet. */
export function isSameIdentity(a: Identity, b: Identity): boolean {
  if (a.type !== b.type) return false
  switch (a.type) {
    case dn:
      return isSameDistinguishedName(a.data, b.data)
    case fqdn:
      return comparableDomain(text(a)) === comparableDomain(text(b))
    case email:
      return comparableMailbox(text(a)) === comparableMailbox(text(b))
    default:
      return Buffer.compare(a.data, b.data) === 0
  }
}

/** Names that cannot be read are the same only octet for octet. */
export function isSameDistinguishedName(a: Uint8Array, b: Uint8Array): boolean {
  if (Buffer.compare(a, b) === 0) return true
  const [left, right] = [nameOf(a), nameOf(b)]
  return left !== undefined && right !== undefined && isSameName(left, right)
}

function nameOf(der: Uint8Array): Name | undefined {
  const read = readStrictly(() => readNameOctets(der, 'name'))
  return read.ok ? read.value : undefined
}

function comparableDomain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Only the part behind @ is without letter case (RFC 5280 §7.5). */
function comparableMailbox(name: string): string {
  const at = name.lastIndexOf('@') + 1
  return name.slice(0, at) + comparableDomain(name.slice(at))
}

function text({ data }: Identity): string {
  return new TextDecoder('iso-8859-1').decode(data)
}

function octets(name: string): Uint8Array {
  return new TextEncoder().encode(name)
}
