// Windows's proposals of algorithms and our names for them, both ways: quick mode and policy/offers.ts, main mode and
// policy/ike-offers.ts. What one side does not have is said with its reason.
import { type IkeOffer, ikeOfferOf } from '../policy/ike-offers.ts'
import { type IntegrityName, offerOf, type Protection } from '../policy/offers.ts'
import type { Encryption, Group, Hash, MainModeProposal, QuickModeProposal } from './connection-security-rules.ts'

export type Mapped<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string }

function no(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why }
}

function yes<T>(value: T): Mapped<T> {
  return { ok: true, value }
}

const hashNames: readonly (readonly [Hash, string, IntegrityName])[] = [
  ['md5', 'md5', 'hmac-md5'],
  ['sha1', 'sha1', 'hmac-sha1'],
  ['sha256', 'sha256', 'hmac-sha2-256'],
  ['sha384', 'sha384', 'hmac-sha2-384'],
]

const groupNames: readonly (readonly [Group, string, IkeOffer['group']])[] = [
  ['dh1', 'modp768', 'modp-768'],
  ['dh2', 'modp1024', 'modp-1024'],
  ['dh14', 'modp2048', 'modp-2048'],
  ['ecdh-256', 'ecp256', 'ecp-256'],
  ['ecdh-384', 'ecp384', 'ecp-384'],
]

const cipherNames: readonly (readonly [Encryption, string])[] = [
  ['des', 'des'],
  ['3des', '3des'],
  ['aes-128', 'aes128'],
  ['aes-192', 'aes192'],
  ['aes-256', 'aes256'],
]

function hashName(hash: Hash): string | undefined {
  return hashNames.find(([ours]) => ours === hash)?.[1]
}

function gmacBits(hash: Hash | undefined): string | undefined {
  return /^aes-gmac-(\d+)$/.exec(hash ?? '')?.[1]
}

/** The name of an offer of ours that is the same on the wire. */
export function offerName(proposal: QuickModeProposal): Mapped<string> {
  const { encapsulation, ahHash, espHash, encryption } = proposal
  if (encapsulation === 'none') return no('packets that are authenticated once and then go as they are (AuthNoEncap)')
  const ah = encapsulation === 'esp' ? yes('') : ahName(ahHash)
  const esp = encapsulation === 'ah' ? yes('') : espName(espHash, encryption)
  if (!ah.ok) return ah
  if (!esp.ok) return esp
  const name = [ah.value, esp.value].filter(part => part !== '').join('+')
  return offerOf(name).ok ? yes(name) : no(name)
}

function ahName(hash: Hash | undefined): Mapped<string> {
  if (hash === undefined) return no('AH without integrity')
  const bits = gmacBits(hash)
  return yes(bits === undefined ? `ah-${hashName(hash)}` : `ah-aes${bits}gmac`)
}

function espName(hash: Hash | undefined, encryption: Encryption | undefined): Mapped<string> {
  const bits = gmacBits(hash)
  const gcm = /^aes-gcm-(\d+)$/.exec(encryption ?? '')?.[1]
  if (gcm !== undefined) {
    return bits === undefined || bits === gcm
      ? yes(`esp-aes${gcm}gcm16`)
      : no(`AES-GCM of ${gcm} bits with an integrity of its own`)
  }
  if (hash === undefined) return no('ESP without integrity')
  if (bits !== undefined)
    return encryption === undefined ? yes(`esp-aes${bits}gmac`) : no('AES-GMAC beside another cipher')
  const cipher = encryption === undefined ? 'null' : cipherNames.find(([ours]) => ours === encryption)![1]
  return yes(`esp-${cipher}-${hashName(hash)}`)
}

/** The proposal of quick mode for an offer of ours. */
export function quickModeProposal(name: string): Mapped<QuickModeProposal> {
  const offer = offerOf(name)
  if (!offer.ok) return no(offer.error.what)
  const esp = offer.value.protections.find(({ protocol }) => protocol === 'esp')
  const ah = offer.value.protections.find(({ protocol }) => protocol === 'ah')
  const ahHash = ah === undefined ? undefined : hashOf(ah)
  if (ahHash?.ok === false) return ahHash
  const encapsulation = ah === undefined ? 'esp' : esp === undefined ? 'ah' : 'ah+esp'
  const inside = esp === undefined ? yes({}) : espOf(esp)
  if (!inside.ok) return inside
  return yes({ encapsulation, ...(ahHash === undefined ? {} : { ahHash: ahHash.value }), ...inside.value, other: [] })
}

function hashOf(protection: Protection): Mapped<Hash> {
  const { integrity, keyBits } = protection
  if (integrity === 'aes-gmac') return yes(`aes-gmac-${keyBits}` as Hash)
  const hash = hashNames.find(([, , ours]) => ours === integrity)?.[0]
  return hash === undefined || hash === 'sha384' ? no(`Windows has no ${integrity} for packets`) : yes(hash)
}

function espOf(protection: Protection): Mapped<Pick<QuickModeProposal, 'espHash' | 'encryption'>> {
  const { cipher, keyBits, icvBits } = protection
  if (cipher === 'aes-gcm') {
    if (icvBits !== 128) return no('Windows has AES-GCM with check values of 16 octets only')
    // Windows names GMAC beside GCM: it is GCM's own check value.
    return yes({ encryption: `aes-gcm-${keyBits}` as Encryption, espHash: `aes-gmac-${keyBits}` as Hash })
  }
  const espHash = hashOf(protection)
  if (!espHash.ok) return espHash
  if (cipher === undefined) return yes({ espHash: espHash.value })
  const word =
    cipher === 'des-cbc' ? 'des' : cipher === '3des-cbc' ? '3des' : cipher === 'aes-cbc' ? `aes-${keyBits}` : undefined
  return word === undefined
    ? no(`Windows has no ${cipher}`)
    : yes({ espHash: espHash.value, encryption: word as Encryption })
}

/** Our name of a main mode proposal. */
export function ikeOfferName(proposal: MainModeProposal): Mapped<string> {
  const cipher = cipherNames.find(([ours]) => ours === proposal.encryption)?.[1]
  const hash = hashName(proposal.hash)
  const group = groupNames.find(([ours]) => ours === proposal.group)?.[1]
  if (group === undefined) return no(`the group ${proposal.group}`)
  if (cipher === undefined || hash === undefined) return no(`${proposal.encryption} with ${proposal.hash} in main mode`)
  const name = `${cipher}-${hash}-${group}`
  return ikeOfferOf(name).ok ? yes(name) : no(name)
}

export function mainModeProposal(name: string): Mapped<MainModeProposal> {
  const found = ikeOfferOf(name)
  if (!found.ok) return no(found.error.what)
  const offer = found.value
  const group = groupOf(offer.group)
  const hash = hashNames.find(([, , ours]) => ours === offer.integrity)?.[0]
  if (group === undefined || offer.additional.length > 0)
    return no(`Windows has no group ${[offer.group, ...offer.additional].join('+')}`)
  if (offer.icvBits > 0 || hash === undefined) return no(`Windows has no ${name} in main mode`)
  if (offer.prf !== offer.integrity) return no('Windows takes the pseudorandom function from the integrity')
  const { cipher, keyBits } = offer
  const word =
    cipher === 'des-cbc' ? 'des' : cipher === '3des-cbc' ? '3des' : cipher === 'aes-cbc' ? `aes-${keyBits}` : undefined
  if (word === undefined) return no(`Windows has no ${cipher} in main mode`)
  return yes({ group, encryption: word as Encryption, hash, other: [] })
}

function groupOf(name: IkeOffer['group']): Group | undefined {
  return groupNames.find(([, , ours]) => ours === name)?.[0]
}

/** The name of a key exchange as a rule of ours has it. */
export function keyExchangeName(group: Group): string | undefined {
  return groupNames.find(([ours]) => ours === group)?.[1]
}

export function keyExchangeGroup(name: string): Group | undefined {
  return groupNames.find(([, ours]) => ours === name)?.[0]
}
