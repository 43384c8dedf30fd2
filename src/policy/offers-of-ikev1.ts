// What of the methods that a policy can name IKEv1 has numbers for: its own are CBC ciphers with HMAC of one hash and groups of
// RFC 2409, 3526 and 5903; for packets nearly everything. A test holds this against what keying can put into a proposal.
import type { IkeOffer, IkePrfName } from './ike-offers.ts'
import { type CipherName, offerOf } from './offers.ts'

const ikeCiphers: readonly CipherName[] = ['aes-cbc', '3des-cbc', 'des-cbc']
const hashes: readonly IkePrfName[] = ['hmac-sha2-256', 'hmac-sha2-384', 'hmac-sha2-512', 'hmac-sha1', 'hmac-md5']

export function isIkeOfferOfIkev1({ cipher, integrity, prf, group, additional }: IkeOffer): boolean {
  const isGroup = group.startsWith('modp-') || group.startsWith('ecp-')
  return ikeCiphers.includes(cipher) && hashes.includes(prf) && integrity === prf && isGroup && additional.length === 0
}

/** Of a rule's `security:`. Names that mean nothing are none of IKEv1. */
export function isSecurityOfIkev1(name: string): boolean {
  const offer = offerOf(name)
  return (
    offer.ok &&
    offer.value.protections.every(({ cipher, integrity }) => cipher !== 'chacha20-poly1305' && integrity !== 'aes-cmac')
  )
}
