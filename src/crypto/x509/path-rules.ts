// The rules of RFC 5280 §6.1 for one path whose names chain and whose signatures hold: everything but revocation. The
// anchor's own certificate binds too (RFC 5937): who trusts it trusts it within its dates, constraints and path length.
import type { Certificate } from './certificate.ts'
import type { KeyUsage } from './certificate-extensions.ts'
import { type PolicyRules, policyFault } from './certificate-policies.ts'
import { isMeantFor, mayIssueFor, type PurposeDemand } from './extended-key-usage.ts'
import { constraintFault } from './name-constraints.ts'
import { type Effort, keyFault } from './signature-check.ts'

export interface PathFault {
  readonly kind:
    | 'no-path'
    | 'not-authentic'
    | 'not-yet-valid'
    | 'expired'
    | 'unusable-key'
    | 'unknown-critical-extension'
    | 'not-a-ca'
    | 'path-too-long'
    | 'key-usage'
    | 'extended-key-usage'
    | 'name-constraints'
    | 'policies'
    | 'revoked'
    | 'revocation-unknown'
    | 'too-much-work'
  /** In words for a report; peers are not told. */
  readonly what: string
}

export interface PathRules {
  readonly at: number
  readonly purpose: PurposeDemand
  readonly keyUsage: readonly KeyUsage[]
  readonly mostIntermediates: number
  readonly policies: PolicyRules
}

export const fault = (kind: PathFault['kind'], what: string): PathFault => ({ kind, what })

/** RFC 4945 §5.1.3.2: the bits with which IKE signs. */
export const ikeKeyUsages: readonly KeyUsage[] = ['digitalSignature', 'nonRepudiation']

/** For every certificate of a path. */
export function certificateFault(certificate: Certificate, at: number, allowOld: boolean): PathFault | undefined {
  const who = certificate.subject.text
  if (at < certificate.notBefore) return fault('not-yet-valid', `${who} is valid from ${day(certificate.notBefore)}`)
  // The last second is still inside, however far it has gone (RFC 5280 §4.1.2.5).
  if (Math.floor(at) > certificate.notAfter) return fault('expired', `${who} expired ${day(certificate.notAfter)}`)
  const weak = keyFault(certificate.publicKey, allowOld)
  if (weak !== undefined) return fault('unusable-key', `the key of ${who} is ${weak}`)
  const [unknown] = certificate.unknownCritical
  if (unknown === undefined) return undefined
  return fault(
    'unknown-critical-extension',
    `${who} has the critical extension ${unknown}, which must not be passed over`,
  )
}

const day = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000', '')

/** For every certificate above the leaf: may its key sign certificates, as far as it says itself? */
export function issuerFault(issuer: Certificate, rules: PathRules, allowOldAnchor: boolean): PathFault | undefined {
  const who = issuer.subject.text
  const isOldAnchor = allowOldAnchor && issuer.version < 3
  if (issuer.basicConstraints?.isAuthority !== true && !isOldAnchor) return fault('not-a-ca', `${who} is not a CA`)
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has('keyCertSign')) {
    return fault('key-usage', `the key of ${who} is not for signing certificates`)
  }
  if (!mayIssueFor(issuer.extendedKeyUsage, rules.purpose)) {
    return fault('extended-key-usage', `${who} is a CA for other purposes`)
  }
  return undefined
}

/** For the leaf alone. */
export function leafFault(leaf: Certificate, rules: PathRules): PathFault | undefined {
  const who = leaf.subject.text
  const { keyUsage } = leaf
  if (keyUsage !== undefined && rules.keyUsage.length > 0 && !rules.keyUsage.some(usage => keyUsage.has(usage))) {
    return fault('key-usage', `the key of ${who} is not for ${rules.keyUsage.join(' or ')}`)
  }
  if (!isMeantFor(leaf.extendedKeyUsage, rules.purpose)) {
    const stated = leaf.extendedKeyUsage?.join(', ') ?? 'none'
    return fault('extended-key-usage', `${who} is for other purposes (extended key usage: ${stated})`)
  }
  if (leaf.basicConstraints?.isAuthority === true) return undefined
  // What only a CA may have, in what says that it is none (RFC 5280 §4.2.1.9, §4.2.1.10): somebody's mistake or trick.
  if (keyUsage?.has('keyCertSign') === true) return fault('key-usage', `${who} is no CA but would sign certificates`)
  if (leaf.nameConstraints !== undefined) return fault('name-constraints', `${who} is no CA but has name constraints`)
  return undefined
}

/** `path`: the anchor first, the leaf last. Each certificate by itself was judged while the path was built. */
export function pathFault(path: readonly Certificate[], rules: PathRules, effort: Effort): PathFault | undefined {
  const leaf = path.at(-1)!
  const leafProblem = leafFault(leaf, rules)
  if (leafProblem !== undefined) return leafProblem
  const length = lengthFault(path, rules)
  if (length !== undefined) return length
  for (const [above, { nameConstraints }] of path.entries()) {
    if (nameConstraints === undefined) continue
    for (let below = above + 1; below < path.length; below++) {
      const certificate = path[below]!
      // A CA's certificate for itself is in nobody's way (§6.1.3), unless it is what is judged.
      if (certificate.isSelfIssued && certificate !== leaf) continue
      const what = constraintFault(certificate, nameConstraints, effort)
      if (what !== undefined) return fault('name-constraints', what)
    }
  }
  const what = policyFault(path.slice(1), rules.policies)
  return what === undefined ? undefined : fault('policies', what)
}

/** §6.1.4 (l) and (m). */
function lengthFault(path: readonly Certificate[], rules: PathRules): PathFault | undefined {
  let left = path[0]!.basicConstraints?.pathLength ?? path.length
  let logical = 0
  for (const certificate of path.slice(1, -1)) {
    if (!certificate.isSelfIssued) {
      logical++
      if (left === 0) return fault('path-too-long', `${certificate.subject.text} is one CA too many`)
      left--
    }
    left = Math.min(left, certificate.basicConstraints?.pathLength ?? left)
  }
  if (logical <= rules.mostIntermediates) return undefined
  return fault('path-too-long', `${logical} CAs between anchor and leaf; ${rules.mostIntermediates} are allowed`)
}
