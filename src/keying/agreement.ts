// Will two rules agree, and on what? Asked before any packet, of the same functions that judge proposals on the wire, for
// either host as the one that begins. What only files can say (certificates, public keys) is left to the negotiation.
import { findKeyExchange, type KeyExchangeMethod } from '../crypto/key-exchange.ts'
import { ikeOfferOf, ikeOffersOf, keyExchangeOf, whyKeyExchangeIsOld } from '../policy/ike-offers.ts'
import { DEFAULT_KEY_SECONDS } from '../policy/ike-schema.ts'
import type { KeyingVersion, Policy, Rule } from '../policy/model.ts'
import { isBundle } from '../policy/negotiable.ts'
import { offerOf } from '../policy/offers.ts'
import { agreeOnAuthentication, agreeOnPostQuantumKey } from './agreement-authentication.ts'
import { agreeOnFileKeys } from './agreement-file-keys.ts'
import type { Part } from './agreement-part.ts'
import { agreeOnMainMode, quickModeSecurity } from './agreement-v1.ts'
import { type ChildOffers, childProposals, chooseChild, chooseIke, ikeProposals } from './choose-proposal.ts'

export interface RuleOf {
  readonly policy: Policy
  readonly rule: Rule
}

export interface Agreement {
  readonly isAgreed: boolean
  readonly keying?: KeyingVersion
  /** What A gets where it begins, then B; absent where they do not agree, or where keys stand in the files. */
  readonly ike: readonly (string | undefined)[]
  readonly security: readonly (string | undefined)[]
  readonly parts: readonly Part[]
}

const WHO = ['A', 'B'] as const
const versionNames: Readonly<Record<KeyingVersion, string>> = { ikev2: 'IKEv2', ikev1: 'IKEv1' }

/** Both rules negotiate. `identities`: what each host is where its rule does not say, its address. */
export function agree(a: RuleOf, b: RuleOf, addresses: readonly [readonly string[], readonly string[]]): Agreement {
  const mode = agreeOnMode(a.rule, b.rule)
  const fileKeys = agreeOnFileKeys(a, b)
  if (fileKeys !== undefined) return agreementOf([mode, ...fileKeys], undefined, [], [])
  const keying = agreeOnKeying(a.rule, b.rule)
  const version = keying.version
  const ike =
    version === undefined
      ? { names: [], parts: [] }
      : (version === 'ikev2' ? agreeOnIke : agreeOnMainMode)(a.policy, b.policy)
  const security = version === undefined ? { names: [], parts: [] } : agreeOnSecurity(a.rule, b.rule, version)
  const parts = [
    mode,
    ...keying.parts,
    ...ike.parts,
    ...security.parts,
    ...(version === undefined ? [] : agreeOnFreshKeys([a, b])),
    ...(version === undefined ? [] : agreeOnAuthentication(a.rule, b.rule, version, addresses)),
    ...(version === 'ikev2' ? agreeOnPostQuantumKey(a.policy, b.policy) : []),
    agreeOnLifetime(a.rule, b.rule),
  ]
  return agreementOf(parts, version, ike.names, security.names)
}

function agreementOf(
  parts: readonly Part[],
  keying: KeyingVersion | undefined,
  ike: Agreement['ike'],
  security: Agreement['security'],
): Agreement {
  const isAgreed = parts.every(({ state }) => state !== 'differs')
  return { isAgreed, ...(keying === undefined ? {} : { keying }), ike, security, parts }
}

function agreeOnMode(a: Rule, b: Rule): Part {
  if (a.mode === b.mode) return { subject: 'mode', state: 'agreed', text: a.mode }
  return { subject: 'mode', state: 'differs', text: `A wants ${a.mode} mode, B ${b.mode} mode` }
}

/** Whoever begins speaks its first version that the other has too; it cannot know more than its own list at first. */
function agreeOnKeying(a: Rule, b: Rule): { readonly version?: KeyingVersion; readonly parts: readonly Part[] } {
  const list = (rule: Rule) => rule.keying.map(version => versionNames[version]).join(', ') || 'no keying'
  const [version] = a.keying.filter(each => b.keying.includes(each))
  if (version === undefined) {
    return { parts: [{ subject: 'keying', state: 'differs', text: `A speaks ${list(a)}, B ${list(b)}` }] }
  }
  const [others] = b.keying.filter(each => a.keying.includes(each))
  const text = versionNames[version]
  const state = others === version ? 'agreed' : 'warning'
  const more = others === version ? '' : ` where A begins, ${versionNames[others!]} where B does`
  return { version, parts: [{ subject: 'keying', state, text: `${text}${more}` }] }
}

interface Named {
  readonly names: readonly (string | undefined)[]
  readonly parts: readonly Part[]
}

function agreeOnIke(a: Policy, b: Policy): Named {
  const lists = [ikeOffersOf(a), ikeOffersOf(b)] as const
  const begun = [lists, [lists[1], lists[0]] as const].map(([initiator, responder]) => {
    const chosen = chooseIke(responder, ikeProposals(initiator, new Uint8Array(0)))
    const first = initiator[0]?.group
    const isSecondRound = chosen.ok && first !== undefined && findKeyExchange(first) !== chosen.value.choice.method
    return { chosen, isSecondRound }
  })
  const names = begun.map(({ chosen }) => (chosen.ok ? chosen.value.choice.offer : undefined))
  const failed = begun.find(({ chosen }) => !chosen.ok)?.chosen
  if (failed !== undefined && !failed.ok) {
    // Seen from B, which answers where A begins.
    const text = failed.error.what.replace('the peer offers', 'A offers').replace(', we want', ', B wants')
    return { names, parts: [{ subject: 'ike', state: 'differs', text }] }
  }
  const told = said(names as string[])
  const rounds = begun.flatMap(({ isSecondRound }, at) => (isSecondRound ? [WHO[at]!] : []))
  const more = rounds.length === 0 ? '' : `, after a second round where ${rounds.join(' or ')} begins`
  const parts: Part[] = [{ subject: 'ike', state: 'agreed', text: `${told}${more}` }]
  const old = new Set(
    names.flatMap(name => {
      const offer = ikeOfferOf(name!)
      return offer.ok ? offer.value.why : []
    }),
  )
  if (old.size > 0) parts.push({ subject: 'ike', state: 'warning', text: `old: ${[...old].join('; ')}` })
  return { names, parts }
}

/** One name, or one for each host that may begin. */
function said(names: readonly string[]): string {
  const [a, b] = names
  return a === b ? a! : `${a} where A begins, ${b} where B does`
}

/** What a rule offers for its packets in the first exchange, which has no fresh keys of its own. */
function childOffers(rule: Rule): ChildOffers {
  return { security: rule.security, methods: [undefined], additional: [], extendedSequence: 'both' }
}

function agreeOnSecurity(a: Rule, b: Rule, version: KeyingVersion): Named {
  const choose = (initiator: Rule, responder: Rule): string | undefined => {
    if (version === 'ikev1') return quickModeSecurity(initiator.security, responder.security)
    const spi = Uint8Array.of(0, 0, 1, 0)
    const chosen = chooseChild(childOffers(responder), childProposals(childOffers(initiator), spi))
    return chosen.ok ? chosen.value.choice.security : undefined
  }
  const names = [choose(a, b), choose(b, a)]
  if (names.includes(undefined)) {
    const list = ({ security }: Rule) =>
      security.filter(name => version === 'ikev1' || !isBundle(name)).join(', ') || 'nothing'
    const text = `A offers ${list(a)}, B ${list(b)}: none in common`
    return { names, parts: [{ subject: 'security', state: 'differs', text }] }
  }
  const parts: Part[] = [{ subject: 'security', state: 'agreed', text: said(names as string[]) }]
  for (const name of new Set(names)) {
    const offer = offerOf(name!)
    if (!offer.ok) continue
    if (offer.value.strength === 'old') {
      parts.push({ subject: 'security', state: 'warning', text: `old: ${offer.value.why.join('; ')}` })
    }
    if (!offer.value.confidential) {
      parts.push({
        subject: 'security',
        state: 'warning',
        text: `${name} enciphers nothing: the content stays readable`,
      })
    }
  }
  return { names, parts }
}

/** First associations have none (RFC 7296 §1.2): it counts when keys are renewed. */
function agreeOnFreshKeys(ends: readonly [RuleOf, RuleOf]): readonly Part[] {
  const subject = 'fresh keys'
  const [a, b] = ends.map(({ rule }) => rule)
  if (!a!.freshKeys && !b!.freshKeys) return []
  if (a!.freshKeys !== b!.freshKeys) {
    const [with_, without] = a!.freshKeys ? WHO : ([WHO[1], WHO[0]] as const)
    const text = `${with_} renews keys with a fresh key exchange, ${without} without: ${with_} refuses what ${without} begins`
    return [{ subject, state: 'warning', text }]
  }
  const words = ends.map(({ rule }) => rule.keyExchange)
  const methods = words.map(methodsOf)
  const own = words[0] ?? 'that of the IKE session'
  const isSame = methods[0]?.join() === methods[1]?.join()
  if (words[0] !== undefined && words[1] !== undefined && !isSame) {
    return [
      {
        subject,
        state: 'differs',
        text: `A renews keys with ${words[0]}, B with ${words[1]}: after a lifetime they part`,
      },
    ]
  }
  if (!isSame) {
    const text = `${words.map((word, at) => `${WHO[at]} renews keys with ${word ?? 'the key exchange of the IKE session'}`).join(', ')}: it works where both are the same`
    return [{ subject, state: 'warning', text }]
  }
  const old = words[0] === undefined ? [] : whyKeyExchangeIsOld(words[0])
  const warning: Part = { subject, state: 'warning', text: `old: ${old.join('; ')}` }
  return [{ subject, state: 'agreed', text: own }, ...(old.length > 0 ? [warning] : [])]
}

function methodsOf(word: string | undefined): readonly KeyExchangeMethod['name'][] {
  const read = word === undefined ? undefined : keyExchangeOf(word)
  return read?.ok === true ? [read.value.group, ...read.value.additional] : []
}

/** IKEv2 does not negotiate lifetimes (RFC 7296 §2.8): each host renews by its own, so the shorter counts. */
function agreeOnLifetime(a: Rule, b: Rule): Part {
  const text = ({ lifetime }: Rule) => {
    const amount = lifetime?.kilobytes === undefined ? '' : ` or ${lifetime.kilobytes} KiB`
    return `${lifetime?.seconds ?? DEFAULT_KEY_SECONDS} s${amount}`
  }
  const [first, second] = [text(a), text(b)]
  const said = first === second ? first : `${first} (A), ${second} (B): whoever is due first renews`
  return { subject: 'lifetime', state: 'agreed', text: said }
}
