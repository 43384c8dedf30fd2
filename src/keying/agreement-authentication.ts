// Will two hosts accept each other, as far as their policies can say? Kinds, pre-shared secrets and named identities are
// compared; certificates and public keys stand in files that are not opened here. No secret is ever told.
import type { Authentication, KeyingVersion, Policy, Rule } from '../policy/model.ts'
import { agreeOnKerberos } from './agreement-kerberos.ts'
import type { Part } from './agreement-part.ts'
import { isSameIdentity, readIdentity } from './identity.ts'

type Kind = Authentication['kind']
type Of<K extends Kind> = Extract<Authentication, { readonly kind: K }>

export const kindNames: Readonly<Record<Kind, string>> = {
  certificate: 'certificates',
  preSharedKey: 'a pre-shared key',
  publicKey: 'public keys',
  kerberos: 'Kerberos',
}

const subject = 'authentication'

/** Kerberos is IKEv1's alone; public keys without certificates are IKEv2's (RFC 7670). */
function kindsFor({ authentication }: Rule, version: KeyingVersion): readonly Kind[] {
  const never: Kind = version === 'ikev2' ? 'kerberos' : 'publicKey'
  return [...new Set(authentication.map(({ kind }) => kind))].filter(kind => kind !== never)
}

/** `addresses`: by which a host is known where its rule names no identity. */
export function agreeOnAuthentication(
  a: Rule,
  b: Rule,
  version: KeyingVersion,
  addresses: readonly [readonly string[], readonly string[]],
): readonly Part[] {
  const missing = [a, b].flatMap((rule, at) => (rule.authentication.length === 0 ? ['AB'[at]!] : []))
  if (missing.length > 0) {
    const text = `${missing.join(' and ')} ${missing.length === 1 ? 'does' : 'do'} not say how to authenticate`
    return [{ subject, state: 'differs', text }]
  }
  const [mine, theirs] = [kindsFor(a, version), kindsFor(b, version)]
  const common = mine.filter(kind => theirs.includes(kind))
  if (common.length === 0) {
    const list = (kinds: readonly Kind[]) => kinds.map(kind => kindNames[kind]).join(', ') || 'nothing that it can use'
    return [{ subject, state: 'differs', text: `A has ${list(mine)}, B has ${list(theirs)}: none in common` }]
  }
  const judged = common.map(kind => ({ kind, parts: judge(a, b, kind, addresses) }))
  // One way that works is enough.
  const working = judged.find(({ parts }) => parts.every(({ state }) => state !== 'differs'))
  return working?.parts ?? judged.flatMap(({ parts }) => parts.filter(({ state }) => state === 'differs'))
}

/** The best of all pairs of that kind: a rule may have several secrets. */
function judge(
  a: Rule,
  b: Rule,
  kind: Kind,
  addresses: readonly [readonly string[], readonly string[]],
): readonly Part[] {
  const of = (rule: Rule) => rule.authentication.filter(method => method.kind === kind)
  const all = of(a).flatMap(mine => of(b).map(theirs => judgePair(mine, theirs, addresses)))
  return all.find(parts => parts.every(({ state }) => state !== 'differs')) ?? all[0] ?? []
}

function judgePair(
  a: Authentication,
  b: Authentication,
  addresses: readonly [readonly string[], readonly string[]],
): readonly Part[] {
  const parts: Part[] = [{ subject, state: 'agreed', text: kindNames[a.kind] }]
  const differs = (text: string) => parts.push({ subject, state: 'differs', text })
  if (a.kind === 'kerberos' && b.kind === 'kerberos') return [...parts, ...agreeOnKerberos(a, b)]
  if (a.kind === 'kerberos' || b.kind === 'kerberos') return parts
  if (a.kind === 'preSharedKey' && b.kind === 'preSharedKey' && a.secret.reveal() !== b.secret.reveal()) {
    differs('the pre-shared keys are not the same')
  }
  for (const [own, other, at] of [
    [a, b, 0],
    [b, a, 1],
  ] as const) {
    const who = 'AB'[at]!
    const fault = identityFault(own, other, addresses[at])
    if (fault !== undefined) differs(`${who} calls itself ${fault}, whom ${'BA'[at]} does not accept`)
    if (own.kind === 'certificate' && (own.own === undefined || own.key === undefined)) {
      differs(`${who} has no certificate of its own: write own and key`)
    }
    if (own.kind === 'certificate' && own.ca === undefined) differs(`${who} trusts no authority: write ca`)
  }
  if (a.kind !== 'preSharedKey') {
    const text = `the files are not opened here: whether ${a.kind === 'certificate' ? 'each trusts the other' : 'the keys belong together'} is seen only on the wire`
    parts.push({ subject, state: 'warning', text })
  }
  return parts
}

/** The identity that the other end does not list; undefined where it is accepted or cannot be known here. */
function identityFault(
  own: Of<'certificate' | 'preSharedKey' | 'publicKey'>,
  other: Of<'certificate' | 'preSharedKey' | 'publicKey'>,
  addresses: readonly string[],
): string | undefined {
  if (other.peer === undefined) return undefined
  // A certificate that names no identity here has its own inside.
  const named = own.identity === undefined ? (own.kind === 'certificate' ? [] : addresses) : [own.identity]
  if (named.length === 0) return undefined
  const isListed = named.some(identity => other.peer!.some(accepted => isSame(identity, accepted)))
  return isListed ? undefined : named.join(' or ')
}

/** What cannot be read as an identity is nobody's. */
function isSame(a: string, b: string): boolean {
  const [first, second] = [readIdentity(a), readIdentity(b)]
  return first.ok && second.ok && isSameIdentity(first.value, second.value)
}

export function agreeOnPostQuantumKey(a: Policy, b: Policy): readonly Part[] {
  const subject = 'post-quantum key'
  const keys = [a.ike?.ppk, b.ike?.ppk] as const
  const [first, second] = keys
  if (first === undefined && second === undefined) return []
  if (first === undefined || second === undefined) {
    const has = first === undefined ? 'B' : 'A'
    const isRequired = (first ?? second)!.required
    const text = `only ${has} has one${isRequired ? ', and requires it' : ': it is not used'}`
    return [{ subject, state: isRequired ? 'differs' : 'warning', text }]
  }
  const isSame = first.identity === second.identity && first.secret.reveal() === second.secret.reveal()
  if (isSame) return [{ subject, state: 'agreed', text: first.identity }]
  const what = first.identity === second.identity ? 'the secrets are not the same' : 'the names are not the same'
  // The same name says that both mean the same key, so another secret fails AUTH; another name is as good as none.
  const isFatal = first.identity === second.identity || first.required || second.required
  return [{ subject, state: isFatal ? 'differs' : 'warning', text: what }]
}
