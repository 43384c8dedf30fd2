// Building certification paths (RFC 4158): from the leaf up, through whatever certificates were offered, to any of several
// anchors. Cross-signed CAs make loops and mazes: a CA with the same name and key comes once in a path, and the effort of the
// whole search is bounded.
import { isSameOctets } from '../../base/bytes.ts'
import { type Certificate, isSameCertificate } from './certificate.ts'
import { nameKey } from './name.ts'
import { certificateFault, fault, issuerFault, type PathFault, type PathRules, pathFault } from './path-rules.ts'
import type { Effort } from './signature-check.ts'

/** Certificates by subject, each once, anchors before others. */
export class CertificatePool {
  readonly #anchors = new Set<Certificate>()
  readonly #bySubject = new Map<string, Certificate[]>()

  constructor(anchors: readonly Certificate[], others: readonly Certificate[]) {
    for (const anchor of anchors) if (this.#add(anchor)) this.#anchors.add(anchor)
    for (const other of others) this.#add(other)
  }

  #add(certificate: Certificate): boolean {
    const key = nameKey(certificate.subject)
    const same = this.#bySubject.get(key)
    if (same === undefined) this.#bySubject.set(key, [certificate])
    else if (same.some(one => isSameCertificate(one, certificate))) return false
    else same.push(certificate)
    return true
  }

  isAnchor(certificate: Certificate): boolean {
    return this.#anchors.has(certificate)
  }

  /** The anchor that these very octets are. */
  anchorLike(certificate: Certificate): Certificate | undefined {
    return this.named(nameKey(certificate.subject)).find(
      one => this.isAnchor(one) && isSameCertificate(one, certificate),
    )
  }

  named(key: string): readonly Certificate[] {
    return this.#bySubject.get(key) ?? []
  }

  /** Who may have issued it, by name: anchors first, and within them those whose key identifier fits. */
  issuersOf(certificate: Certificate): readonly Certificate[] {
    const rank = (issuer: Certificate) => (this.isAnchor(issuer) ? 0 : 3) + keyRank(certificate, issuer)
    return this.named(nameKey(certificate.issuer)).toSorted((a, b) => rank(a) - rank(b))
  }
}

/** Key identifiers help to find the issuer and prove nothing (RFC 5280 §4.2.1.1): the signature decides. */
function keyRank(certificate: Certificate, issuer: Certificate): 0 | 1 | 2 {
  const wanted = certificate.authorityKey?.keyIdentifier
  const has = issuer.subjectKeyIdentifier
  if (wanted === undefined || has === undefined) return 1
  return isSameOctets(wanted, has) ? 0 : 2
}

export interface Search {
  readonly pool: CertificatePool
  readonly rules: PathRules
  readonly effort: Effort
  /** The last word on a path that holds otherwise: revocation, and whether its anchor will do. */
  readonly judge: (path: readonly Certificate[]) => PathFault | undefined
}

/** The most certificates in a path, self-issued ones included. */
const MOST_LENGTH = 20

export type Found =
  | { readonly ok: true; readonly value: readonly Certificate[] }
  | { readonly ok: false; readonly error: PathFault }

/** The first path that holds, the anchor first; else what stood in the way of the one that came furthest. */
export function findPath(leaf: Certificate, search: Search): Found {
  const { pool, rules, effort } = search
  const leafProblem = certificateFault(leaf, rules.at, effort.allowOld)
  if (leafProblem !== undefined) return { ok: false, error: leafProblem }
  let [worst, furthest] = [fault('no-path', `no issuer of ${leaf.subject.text} is known: ${leaf.issuer.text}`), 0]
  const remember = (problem: PathFault, progress: number) => {
    if (progress > furthest) [worst, furthest] = [problem, progress]
  }
  const judged = (path: readonly Certificate[]): PathFault | undefined =>
    pathFault(path, rules, effort) ?? search.judge(path)

  const climb = (chain: readonly Certificate[]): readonly Certificate[] | undefined => {
    const child = chain[0]!
    for (const issuer of pool.issuersOf(child)) {
      if (!effort.step() || effort.isSpent) return undefined
      const isAnchor = pool.isAnchor(issuer)
      if (!isAnchor && (chain.length >= MOST_LENGTH || isAgain(chain, issuer))) continue
      const problem =
        certificateFault(issuer, rules.at, effort.allowOld) ?? issuerFault(issuer, rules, isAnchor && effort.allowOld)
      if (problem !== undefined) {
        remember(problem, chain.length)
        continue
      }
      const broken = effort.signatureFault(child.signed, issuer.publicKey)
      if (broken !== undefined) {
        remember(fault('not-authentic', `${child.subject.text}: ${broken}`), chain.length)
        continue
      }
      const longer = [issuer, ...chain]
      if (!isAnchor) {
        remember(fault('no-path', `no issuer of ${issuer.subject.text} is known: ${issuer.issuer.text}`), chain.length)
        const found = climb(longer)
        if (found !== undefined) return found
        continue
      }
      const refused = judged(longer)
      if (refused === undefined) return longer
      // A whole path tells more than a part of one.
      remember(refused, MOST_LENGTH + chain.length)
    }
    return undefined
  }

  const self = pool.anchorLike(leaf)
  if (self !== undefined) {
    // Trusted as it is: nobody above it has a say, and its own rules for what is below do not bind it.
    const refused = judged([self])
    if (refused === undefined) return { ok: true, value: [self] }
    remember(refused, MOST_LENGTH)
  }
  const found = climb([leaf])
  if (found !== undefined) return { ok: true, value: found }
  if (effort.isSpent)
    return { ok: false, error: fault('too-much-work', `the certificates around ${leaf.subject.text} are a maze`) }
  return { ok: false, error: worst }
}

function isAgain(chain: readonly Certificate[], issuer: Certificate): boolean {
  return chain.some(
    one =>
      isSameCertificate(one, issuer) ||
      (isSameOctets(one.publicKeyInfo, issuer.publicKeyInfo) && nameKey(one.subject) === nameKey(issuer.subject)),
  )
}
