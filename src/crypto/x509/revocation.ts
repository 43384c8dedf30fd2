// Is a certificate of a path revoked? By CRLs (RFC 5280 §6.3) with their distribution points, reasons, indirect issuers and
// deltas, and by OCSP responses. Nothing is fetched. What any authentic list names as revoked stays so, even if the list is old
// or has flaws; cleared is a certificate only by a list that is current and without them.
import { isSameOctets } from '../../base/bytes.ts'
import type { Certificate } from './certificate.ts'
import type { DistributionPoint, Reasons } from './certificate-extensions.ts'
import type { GeneralName } from './general-name.ts'
import { extendName, isSameName, type Name, nameKey } from './name.ts'
import { type OcspResponse, ocspVerdict, parseOcspResponse, type Verdict } from './ocsp.ts'
import { fault, type PathFault } from './path-rules.ts'
import { type CertificatePool, findPath } from './path-search.ts'
import { parseRevocationList, REMOVED, type RevocationList } from './revocation-list.ts'
import type { Effort } from './signature-check.ts'
import type { PathOptions, TrustStore } from './trust-store.ts'

export interface RevocationJudge {
  /** `path`: the anchor first. */
  readonly judge: (path: readonly Certificate[]) => PathFault | undefined
  /** About the path judged last. */
  readonly warnings: () => readonly string[]
}

/** Of what peers send along: more would only make work. */
const [MOST_LISTS, MOST_RESPONSES] = [16, 16]
/** Signers of CRLs whose own revocation is looked up for the sake of another's. */
const MOST_DEPTH = 2

export function revocationJudge(
  store: TrustStore,
  options: PathOptions,
  pool: CertificatePool,
  effort: Effort,
): RevocationJudge {
  if (store.revocation === 'off') return { judge: () => undefined, warnings: () => [] }
  const notes: string[] = []
  const theirs = (options.crls ?? []).slice(0, MOST_LISTS).flatMap(der => {
    const read = parseRevocationList(der)
    if (!read.ok) notes.push(`a CRL of the peer cannot be read: ${read.error.what}`)
    return read.ok ? [read.value] : []
  })
  const responses = (options.ocsp ?? []).slice(0, MOST_RESPONSES).flatMap(der => {
    const read = parseOcspResponse(der)
    if (!read.ok) notes.push(`an OCSP response of the peer cannot be read: ${read.error.what}`)
    return read.ok ? [read.value] : []
  })
  const lookup = new Lookup([...store.crls, ...theirs], responses, options.at, pool, effort)
  let warnings: readonly string[] = notes
  const judge = (path: readonly Certificate[]): PathFault | undefined => {
    const found: string[] = [...notes]
    for (let at = path.length - 1; at > 0; at--) {
      const certificate = path[at]!
      const verdict = lookup.statusOf(certificate, path[at - 1]!, path[0]!, 0)
      if (verdict.kind === 'good') continue
      const what = `${certificate.subject.text}: ${verdict.what}`
      if (verdict.kind === 'revoked') return fault('revoked', what)
      if (store.revocation === 'required') return fault('revocation-unknown', what)
      // Who has no CRLs at all does not want to hear that with every peer.
      if (store.crls.length > 0 || theirs.length > 0 || responses.length > 0) found.push(what)
    }
    warnings = found
    return undefined
  }
  return { judge, warnings: () => warnings }
}

/** CRLReason certificateHold. */
const ON_HOLD = 6
const ALL_REASONS: Reasons = new Set([1, 2, 3, 4, 5, 6, 7, 8])

class Lookup {
  readonly #lists = new Map<string, RevocationList[]>()
  readonly #responses: readonly OcspResponse[]
  readonly #at: number
  readonly #pool: CertificatePool
  readonly #effort: Effort
  /** Whose status is being asked for: a list must not clear its own signer by way of others. */
  readonly #asked = new Set<Certificate>()
  readonly #signers = new Map<RevocationList, Map<Certificate, Signer>>()

  constructor(
    lists: readonly RevocationList[],
    responses: readonly OcspResponse[],
    at: number,
    pool: CertificatePool,
    effort: Effort,
  ) {
    for (const list of lists) {
      const key = nameKey(list.issuer)
      this.#lists.set(key, [...(this.#lists.get(key) ?? []), list])
    }
    this.#responses = responses
    this.#at = at
    this.#pool = pool
    this.#effort = effort
  }

  statusOf(certificate: Certificate, issuer: Certificate, anchor: Certificate, depth: number): Verdict {
    if (depth > MOST_DEPTH || this.#asked.has(certificate)) return unknown('one signer of CRLs leads to the next')
    this.#asked.add(certificate)
    try {
      const rules = {
        at: this.#at,
        effort: this.#effort,
        statusOf: (responder: Certificate) => this.statusOf(responder, issuer, anchor, depth + 1),
      }
      const answers = this.#responses.map(response => ocspVerdict(response, certificate, issuer, rules))
      const byList = this.#byLists(certificate, issuer, anchor, depth)
      const verdicts = [...answers, byList]
      return (
        verdicts.find(one => one.kind === 'revoked') ??
        verdicts.find(one => one.kind === 'good') ??
        // What stood in the way of a response that came is more than that no list is here.
        answers[0] ??
        byList
      )
    } finally {
      this.#asked.delete(certificate)
    }
  }

  /** §6.3.3, over all distribution points and at last those lists that need none. */
  #byLists(certificate: Certificate, issuer: Certificate, anchor: Certificate, depth: number): Verdict {
    const covered = new Set<number>()
    let why: string | undefined
    const own: DistributionPoint = { names: [{ kind: 'directory', name: certificate.issuer }], issuers: [] }
    for (const point of [...certificate.distributionPoints, own]) {
      for (const list of this.#candidates(certificate, point)) {
        if (!this.#effort.step()) return unknown('too much work')
        const scope = scopeFault(certificate, point, list)
        if (scope !== undefined) {
          why ??= scope
          continue
        }
        const signer = this.#signerOf(list, certificate, issuer, anchor, depth)
        if (signer.kind === 'refused') {
          why = `its CRL: ${signer.what}`
          continue
        }
        const entry = list.find(certificate.issuer, certificate.serialNumber)
        const delta =
          list.base === undefined ? this.#deltaOf(list, point, certificate, issuer, anchor, depth) : undefined
        const changed = delta?.find(certificate.issuer, certificate.serialNumber)
        // A delta ends a hold and nothing else.
        const isRemoved = changed?.reason === REMOVED && entry?.reason === ON_HOLD
        if (changed !== undefined && changed.reason !== REMOVED) return revoked(changed.reason)
        const isReleased = entry?.reason === ON_HOLD && this.#isSuperseded(list, certificate, issuer, anchor, depth)
        if (entry !== undefined && entry.reason !== REMOVED && !isRemoved && !isReleased) return revoked(entry.reason)
        // A delta by itself tells only what has changed.
        if (list.base !== undefined) continue
        const flaw = signer.what ?? listFlaw(list, delta, this.#at)
        if (flaw !== undefined) why = `its CRL: ${flaw}`
        else for (const reason of reasonsOf(point, list)) covered.add(reason)
      }
    }
    if ([...ALL_REASONS].every(reason => covered.has(reason))) return { kind: 'good', what: 'on no CRL' }
    if (covered.size > 0) return unknown('no current CRL for all reasons of revocation')
    return unknown(why ?? 'no CRL is at hand that says whether it is revoked')
  }

  #candidates(certificate: Certificate, point: DistributionPoint): readonly RevocationList[] {
    const issuers = point.issuers.flatMap(name => (name.kind === 'directory' ? [name.name] : []))
    const names = issuers.length > 0 ? issuers : [certificate.issuer]
    return [...new Set(names.map(nameKey))].flatMap(key => this.#lists.get(key) ?? [])
  }

  /** Of all reasons only a hold can end, and a newer list of the same scope tells. */
  #isSuperseded(
    list: RevocationList,
    certificate: Certificate,
    issuer: Certificate,
    anchor: Certificate,
    depth: number,
  ): boolean {
    return (this.#lists.get(nameKey(list.issuer)) ?? []).some(
      newer =>
        newer.base === undefined &&
        (newer.number ?? '') > (list.number ?? '') &&
        isSameScope(newer, list) &&
        listFlaw(newer, undefined, this.#at) === undefined &&
        this.#signerOf(newer, certificate, issuer, anchor, depth).kind === 'trusted',
    )
  }

  /** The newest delta that goes with a complete list (§5.2.4). */
  #deltaOf(
    list: RevocationList,
    point: DistributionPoint,
    certificate: Certificate,
    issuer: Certificate,
    anchor: Certificate,
    depth: number,
  ): RevocationList | undefined {
    const number = list.number
    if (number === undefined) return undefined
    return (this.#lists.get(nameKey(list.issuer)) ?? [])
      .filter(
        delta =>
          delta.base !== undefined &&
          delta.base <= number &&
          (delta.number ?? '') > number &&
          isSameScope(delta, list) &&
          listFlaw(delta, undefined, this.#at) === undefined &&
          scopeFault(certificate, point, delta) === undefined &&
          this.#signerOf(delta, certificate, issuer, anchor, depth).kind === 'trusted',
      )
      .toSorted((a, b) => (a.number! < b.number! ? 1 : -1))[0]
  }

  /** §6.3.3 (f) and (g): the CA's own key, or another key that a path to the same anchor says may sign CRLs. */
  #signerOf(
    list: RevocationList,
    certificate: Certificate,
    issuer: Certificate,
    anchor: Certificate,
    depth: number,
  ): Signer {
    if (depth > 0 && this.#isOwnList(list, certificate)) return TRUSTED
    const known = this.#signers.get(list) ?? new Map<Certificate, Signer>()
    this.#signers.set(list, known)
    const signer = known.get(issuer) ?? this.#findSigner(list, issuer, anchor, depth)
    known.set(issuer, signer)
    return signer
  }

  /** A signer of CRLs may be covered by the list that it signs itself; nobody else could list it there. */
  #isOwnList(list: RevocationList, signer: Certificate): boolean {
    if (!isSameName(list.issuer, signer.subject) || signer.keyUsage?.has('cRLSign') !== true) return false
    return this.#effort.signatureFault(list.signed, signer.publicKey) === undefined
  }

  #findSigner(list: RevocationList, issuer: Certificate, anchor: Certificate, depth: number): Signer {
    const named = this.#pool.named(nameKey(list.issuer))
    const isIssuer = isSameName(issuer.subject, list.issuer)
    let best: Signer = refused(`nobody named ${list.issuer.text} is known who could have signed it`)
    for (const signer of new Set([...(isIssuer ? [issuer] : []), ...named])) {
      const judged = this.#judgeSigner(list, signer, issuer, anchor, depth)
      if (judged.kind === 'trusted') return judged
      if (best.kind === 'refused') best = judged
    }
    return best
  }

  #judgeSigner(
    list: RevocationList,
    signer: Certificate,
    issuer: Certificate,
    anchor: Certificate,
    depth: number,
  ): Signer {
    if (signer.keyUsage !== undefined && !signer.keyUsage.has('cRLSign')) {
      return refused(`${signer.subject.text} may not sign CRLs`)
    }
    const broken = this.#effort.signatureFault(list.signed, signer.publicKey)
    if (broken !== undefined) return refused(broken)
    if (signer === issuer || signer === anchor) return TRUSTED
    let doubt: string | undefined
    const found = findPath(signer, {
      pool: this.#pool,
      rules: { at: this.#at, purpose: { kind: 'ignore' }, keyUsage: ['cRLSign'], mostIntermediates: 8, policies: {} },
      effort: this.#effort,
      judge: path => {
        doubt = undefined
        if (path[0] !== anchor) return fault('no-path', 'the signer of the CRL is under another anchor')
        for (let at = path.length - 1; at > 0; at--) {
          const verdict = this.statusOf(path[at]!, path[at - 1]!, anchor, depth + 1)
          const what = `the signer of the CRL, ${path[at]!.subject.text}: ${verdict.what}`
          if (verdict.kind === 'revoked') return fault('revoked', what)
          if (verdict.kind === 'unknown') doubt = what
        }
        return undefined
      },
    })
    if (!found.ok) return refused(found.error.what)
    return doubt === undefined ? TRUSTED : { kind: 'doubtful', what: doubt }
  }
}

/** Who signed a list: whether it may clear certificates, only condemn them, or neither. */
type Signer =
  | { readonly kind: 'trusted'; readonly what?: never }
  | { readonly kind: 'doubtful' | 'refused'; readonly what: string }

const TRUSTED: Signer = { kind: 'trusted' }
const refused = (what: string): Signer => ({ kind: 'refused', what })

/** §6.3.3 (b): is the list about this certificate at all? */
function scopeFault(certificate: Certificate, point: DistributionPoint, list: RevocationList): string | undefined {
  const { scope } = list
  const isDirect = isSameName(list.issuer, certificate.issuer)
  if (!(isDirect && point.issuers.length === 0) && scope?.isIndirect !== true) return 'no indirect CRL'
  if (scope === undefined) return undefined
  const isAuthority = certificate.basicConstraints?.isAuthority === true
  if (scope.onlyAttributes || (scope.onlyUsers && isAuthority) || (scope.onlyAuthorities && !isAuthority)) {
    return 'no CRL is about certificates of its kind'
  }
  if (scope.point === undefined) return undefined
  const theirs = namesOf(scope.point, list.issuer)
  const ours = point.names.length > 0 || point.relative !== undefined ? namesOf(point, list.issuer) : point.issuers
  const isSame = ours.some(one => theirs.some(other => isSameGeneralName(one, other)))
  return isSame ? undefined : 'no CRL is of its distribution point'
}

function namesOf(point: Pick<DistributionPoint, 'names' | 'relative'>, issuer: Name): readonly GeneralName[] {
  if (point.relative === undefined) return point.names
  return [{ kind: 'directory', name: extendName(issuer, point.relative) }]
}

function isSameGeneralName(a: GeneralName, b: GeneralName): boolean {
  if (a.kind === 'directory' && b.kind === 'directory') return isSameName(a.name, b.name)
  if (a.kind === 'uri' && b.kind === 'uri') return a.value === b.value
  if (a.kind === 'dns' && b.kind === 'dns') return a.value.toLowerCase() === b.value.toLowerCase()
  if (a.kind === 'rfc822' && b.kind === 'rfc822') return a.value.toLowerCase() === b.value.toLowerCase()
  if (a.kind === 'address' && b.kind === 'address') return isSameOctets(a.octets, b.octets)
  return false
}

/** A base that is out of date is brought up to date by its delta. */
function listFlaw(list: RevocationList, delta: RevocationList | undefined, at: number): string | undefined {
  const [flaw] = list.flaws
  if (flaw !== undefined) return flaw
  if (list.thisUpdate > at) return 'it is of the future'
  return (delta ?? list).nextUpdate! >= at ? undefined : 'it is out of date'
}

function isSameScope(a: RevocationList, b: RevocationList): boolean {
  if ((a.scope === undefined) !== (b.scope === undefined)) return false
  const [key, other] = [a.authorityKey?.keyIdentifier, b.authorityKey?.keyIdentifier]
  if (key !== undefined && other !== undefined && !isSameOctets(key, other)) return false
  return a.scope === undefined || isSameOctets(a.scope.der, b.scope!.der)
}

/** §6.3.3 (d). */
function reasonsOf(point: DistributionPoint, list: RevocationList): readonly number[] {
  const [ours, theirs] = [point.reasons ?? ALL_REASONS, list.scope?.onlyReasons ?? ALL_REASONS]
  return [...ours].filter(reason => theirs.has(reason))
}

const reasonNames = [
  '',
  'its key is compromised',
  'its CA is compromised',
  'its holder has changed',
  'it is superseded',
  'its holder has ceased to operate',
  'it is on hold',
  '',
  '',
  'its rights were withdrawn',
  'its attribute authority is compromised',
]

function revoked(reason: number): Verdict {
  const why = reasonNames[reason] ?? ''
  return { kind: 'revoked', what: `revoked by a CRL${why === '' ? '' : `: ${why}`}` }
}

const unknown = (what: string): Verdict => ({ kind: 'unknown', what })
