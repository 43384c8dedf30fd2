// What two policies would agree on for a main mode of IKEv1, asked of the functions that judge proposals on the wire.
import { ikeOfferOf, ikeOffersOf } from '../policy/ike-offers.ts'
import type { Policy } from '../policy/model.ts'
import type { Part } from './agreement-part.ts'
import { securityOfIkev1 } from './choose-child-v1.ts'
import { chooseIke1, DEFAULT_LIFETIME_SECONDS, type Ike1Offers, ike1Proposals } from './choose-proposal-v1.ts'

/** How the hosts prove themselves is asked elsewhere; here both have one method. */
const ANY_METHOD = [1]

function offersOf(policy: Policy): Ike1Offers {
  const seconds = policy.ike?.lifetime?.seconds ?? DEFAULT_LIFETIME_SECONDS
  return { security: ikeOffersOf(policy), authentications: ANY_METHOD, lifetimes: { seconds } }
}

export interface MainModeAgreement {
  /** What comes of it where A begins, then B. */
  readonly names: readonly (string | undefined)[]
  readonly parts: readonly Part[]
}

export function agreeOnMainMode(a: Policy, b: Policy): MainModeAgreement {
  const ends = [offersOf(a), offersOf(b)] as const
  const none = ends.findIndex(offers => ike1Proposals(offers).length === 0)
  if (none >= 0) {
    const who = none === 0 ? 'A' : 'B'
    const text = `${who} has no method for ike.security that IKEv1 has a number for: ciphers in CBC mode, HMAC of one hash, MODP or ECP groups`
    return { names: [], parts: [{ subject: 'ike', state: 'differs', text }] }
  }
  const begun = [ends, [ends[1], ends[0]] as const].map(([initiator, responder]) =>
    chooseIke1(responder, ike1Proposals(initiator)),
  )
  const names = begun.map(chosen => (chosen.ok ? chosen.value.choice.offer : undefined))
  const failed = begun.find(chosen => !chosen.ok)
  if (failed !== undefined && !failed.ok) {
    // Seen from B, which answers where A begins.
    const text = failed.error.what
      .replace('the peer offers', 'A offers')
      .replace(', we want', ', B wants')
      .replaceAll(' shared key', '')
    return { names, parts: [{ subject: 'ike', state: 'differs', text }] }
  }
  const [first, second] = names
  const text = first === second ? first! : `${first} where A begins, ${second} where B does`
  const old = new Set(names.flatMap(name => whyOld(name!)))
  const warnings: readonly Part[] =
    old.size === 0 ? [] : [{ subject: 'ike', state: 'warning', text: `old: ${[...old].join('; ')}` }]
  return { names, parts: [{ subject: 'ike', state: 'agreed', text }, ...warnings] }
}

function whyOld(name: string): readonly string[] {
  const offer = ikeOfferOf(name)
  return offer.ok ? offer.value.why : []
}

/** The first of the one who answers that the other one has too, and that IKEv1 can agree on. */
export function quickModeSecurity(initiator: readonly string[], responder: readonly string[]): string | undefined {
  const theirs = securityOfIkev1(initiator)
  return securityOfIkev1(responder).find(name => theirs.includes(name))
}
