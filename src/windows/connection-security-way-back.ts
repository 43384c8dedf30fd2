// The second half of a tunnel: in a policy of ours each way is a rule of its own, in Windows both are one.
import type { Authentication, Rule } from '../policy/model.ts'
import { sameContent } from './connection-security-cells.ts'

/** Whether `other` is what `rule` is, the other way round: the second half of a tunnel. */
export function isWayBack(rule: Rule, other: Rule): boolean {
  if (other.mode !== 'tunnel' || rule.filters.length !== other.filters.length) return false
  const plain = ({ name, filters, tunnelEndpoint, authentication, ...rest }: Rule) => rest
  const isSameAuth = rule.authentication.every((way, index) => isSameWay(way, other.authentication[index]))
  if (!isSameAuth || rule.authentication.length !== other.authentication.length) return false
  if (!sameContent(plain(rule), plain(other))) return false
  return rule.filters.every((filter, index) => {
    const twin = other.filters[index]!
    return (
      !filter.mirrored &&
      !twin.mirrored &&
      filter.protocol === twin.protocol &&
      same(filter.source, twin.destination) &&
      same(filter.destination, twin.source) &&
      same(filter.sourcePort, twin.destinationPort) &&
      same(filter.destinationPort, twin.sourcePort)
    )
  })
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Secrets are compared as such: printed they all look alike. */
function isSameWay(a: Authentication, b: Authentication | undefined): boolean {
  if (b === undefined || !sameContent(a, b)) return false
  if (a.kind === 'preSharedKey' && b.kind === 'preSharedKey') return a.secret.reveal() === b.secret.reveal()
  return a === b || !('passphrase' in a && 'passphrase' in b) || a.passphrase?.reveal() === b.passphrase?.reveal()
}
