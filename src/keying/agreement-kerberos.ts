// Whether two hosts will take each other's tickets, as far as their policies tell: realms and the principals that are accepted.
// What their key tables and key centres have is seen only on the wire.
import type { Authentication } from '../policy/model.ts'
import type { Part } from './agreement-part.ts'
import { isMachine, isSamePrincipal, realmOf } from './principal.ts'

type Kerberos = Extract<Authentication, { readonly kind: 'kerberos' }>

export function agreeOnKerberos(a: Kerberos, b: Kerberos): readonly Part[] {
  const part = (state: Part['state'], text: string): Part => ({ subject: 'authentication', state, text })
  const realms = [a, b].map(({ realm, principal }) => realm ?? realmOf(principal ?? '')) as [string?, string?]
  const parts: Part[] = []
  if (realms[0] === undefined || realms[1] === undefined) {
    parts.push(part('warning', 'whether both are of one realm is not known here'))
  } else if (realms[0] !== realms[1]) {
    parts.push(part('warning', `A is of ${realms[0]}, B of ${realms[1]}: one has to trust the other`))
  }
  for (const [own, other, at] of [
    [a, b, 0],
    [b, a, 1],
  ] as const) {
    const { principal } = own
    if (principal === undefined) continue
    const [who, by] = ['AB'[at]!, 'BA'[at]!]
    const realm = realms[at]
    const whole = realmOf(principal) === undefined && realm !== undefined ? `${principal}@${realm}` : principal
    const isTaken =
      other.peer === undefined
        ? isMachine(whole, other.service)
        : other.peer.some(peer => isSamePrincipal(peer, whole) || isSamePrincipal(whole, peer))
    if (!isTaken) parts.push(part('differs', `${who} calls itself ${principal}, whom ${by} does not accept`))
  }
  return parts
}
