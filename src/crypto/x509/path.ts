// Does this host trust a certificate? Paths by RFC 5280 §6 to any of its anchors, revocation by CRLs and OCSP responses that
// are at hand (nothing is fetched), and the rules of IKE (RFC 4945 §5).
import { failure, type Result, success } from '../../base/result.ts'
import type { Certificate } from './certificate.ts'
import { demandOf, type PurposeDemand } from './extended-key-usage.ts'
import { fault, ikeKeyUsages, type PathFault, type PathRules } from './path-rules.ts'
import { CertificatePool, findPath } from './path-search.ts'
import { revocationJudge } from './revocation.ts'
import { Effort, usualEffort } from './signature-check.ts'
import type { PathOptions, TrustStore } from './trust-store.ts'

export type { PathFault } from './path-rules.ts'
export type { PathOptions, RevocationMode, TrustStore } from './trust-store.ts'

export interface ValidPath {
  /** The leaf first, the anchor last; the leaf alone where it is an anchor. */
  readonly chain: readonly Certificate[]
  /** For people: revocation that could not be told, CRLs that are out of date. */
  readonly warnings: readonly string[]
}

/** `purpose` overrides the store's, for uses other than IKE. */
export function validatePath(
  leaf: Certificate,
  offered: readonly Certificate[],
  store: TrustStore,
  options: PathOptions & { readonly purpose?: PurposeDemand },
): Result<ValidPath, PathFault> {
  const rules: PathRules = {
    at: options.at,
    purpose: options.purpose ?? demandOf(store.extendedKeyUsage),
    keyUsage: options.keyUsage ?? ikeKeyUsages,
    mostIntermediates: options.mostIntermediates ?? 8,
    policies: store.policies ?? {},
  }
  const effort = new Effort(options.effort ?? usualEffort, store.allowOld ?? false)
  const pool = new CertificatePool(store.anchors, [...store.intermediates, ...offered])
  const revocation = revocationJudge(store, options, pool, effort)
  const found = findPath(leaf, { pool, rules, effort, judge: revocation.judge })
  if (!found.ok) return failure(found.error)
  // Who makes us tire of checking must not gain by what was left unchecked: a CRL that names it, say.
  if (effort.isSpent) return failure(fault('too-much-work', `judging ${leaf.subject.text} takes too much work`))
  return success({ chain: found.value.toReversed(), warnings: revocation.warnings() })
}
