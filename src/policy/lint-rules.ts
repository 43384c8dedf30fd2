// What the linter says of a rule by itself: its security methods, its secrets, and options that let clear traffic by; and
// of how IKE runs for all of them.
import { sameAddress } from '../base/address.ts'
import { formatFilter } from './filter.ts'
import { ikeOfferOf, ikeOffersOf, whyKeyExchangeIsOld } from './ike-offers.ts'
import type { Remark } from './lint-kinds.ts'
import type { Authentication, Filter, IkeSettings, Policy, Rule } from './model.ts'
import { isBundle } from './negotiable.ts'
import { type Offer, offerOf } from './offers.ts'
import { isIkeOfferOfIkev1, isSecurityOfIkev1 } from './offers-of-ikev1.ts'

/** Letters and digits chosen at random carry about six bits each: 20 of them are beyond guessing. */
const SHORTEST_SECRET = 20

/** RFC 8784 §6 asks for 256 bits: these many characters of base64 have them. */
const SHORTEST_POST_QUANTUM = 43

export function* lintRules(policy: Policy): Generator<Remark> {
  if (policy.ike !== undefined) yield* aboutIke(policy.ike)
  yield* aboutIkev1(policy)
  for (const rule of policy.rules) {
    for (const remark of rule.active ? aboutRule(rule) : inactive()) yield { ...remark, rule: rule.name }
  }
}

function* aboutIke({ security = [], ppk }: IkeSettings): Generator<Remark> {
  for (const name of security) {
    const offer = ikeOfferOf(name)
    if (!offer.ok || offer.value.strength === 'current') continue
    const remark = oldOfIke(`IKE offers ${name}`, offer.value.why)
    const isBroken = offer.value.cipher === 'des-cbc' || offer.value.group === 'modp-768'
    yield isBroken ? { ...remark, severity: 'danger' } : remark
  }
  if (ppk === undefined) return
  const secret = ppk.secret.reveal()
  if (secret.length < SHORTEST_POST_QUANTUM) {
    yield {
      kind: 'weak-secret',
      sentence: `The post-quantum key has fewer than ${SHORTEST_POST_QUANTUM} characters: a quantum computer searches through half its bits.`,
      hint: 'make a long random one (openssl rand -base64 36)',
    }
  }
  yield secretInFile('The post-quantum key')
}

/** IKEv1 passes over what it has no numbers for, down to nothing. */
function* aboutIkev1(policy: Policy): Generator<Remark> {
  const only = policy.rules.find(
    ({ active, action, keying }) => active && action === 'negotiate' && isIkev1Alone(keying),
  )
  if (only === undefined || ikeOffersOf(policy).some(isIkeOfferOfIkev1)) return
  yield {
    kind: 'method-never-used',
    severity: 'danger',
    rule: only.name,
    sentence: 'IKEv1, the only keying of the rule, can do none of the methods that ike: security: lists.',
    hint: 'add aes256-sha256-modp2048 to them: a CBC cipher, one hash, one group',
  }
}

function isIkev1Alone(keying: Rule['keying']): boolean {
  return keying.length > 0 && keying.every(version => version === 'ikev1')
}

function oldOfIke(what: string, why: readonly string[]): Remark {
  const hint = 'offer aes256gcm16-prfsha384-ecp384, or leave ike: security: out'
  return { kind: 'old-ike-method', sentence: `${what}: ${why.join('; ')}.`, hint }
}

/** What one version of IKE alone can never agree on, beside other things that it can. */
function* aboutUnused({ keying, security, authentication }: Rule): Generator<Remark> {
  for (const name of isIkev1Alone(keying) ? security.filter(each => !isSecurityOfIkev1(each)) : []) {
    const sentence = `${name} is never offered: IKEv1 has no number for it, and it is the only keying of the rule.`
    yield { kind: 'method-never-used', sentence, hint: 'leave it out, or write keying: [ikev2, ikev1]' }
  }
  if (keying.length === 0 || keying.includes('ikev1')) return
  const isKerberos = authentication.some(({ kind }) => kind === 'kerberos')
  if (isKerberos && authentication.some(({ kind }) => kind !== 'kerberos')) {
    const sentence = 'Kerberos is never tried: IKEv2 has none, and it is the only keying of the rule.'
    yield { kind: 'method-never-used', sentence, hint: 'leave kerberos out, or write keying: [ikev2, ikev1]' }
  }
  for (const name of security.filter(isBundle)) {
    const sentence = `${name} is never offered: IKEv2 cannot agree on AH and ESP at once, and it is the only keying of the rule.`
    yield { kind: 'method-never-used', sentence, hint: 'leave it out, or write keying: [ikev2, ikev1]' }
  }
}

function* inactive(): Generator<Remark> {
  const sentence = 'The rule is inactive: its filters decide nothing.'
  yield { kind: 'rule-inactive', sentence, hint: 'remove it, or write active: true' }
}

function* aboutRule(rule: Rule): Generator<Remark> {
  if (rule.action !== 'negotiate') return
  if (rule.fallBackToClear) {
    yield {
      kind: 'falls-back-to-clear',
      sentence:
        'With a peer that does not answer IKE the traffic passes in clear, and anybody on the way can see to it that no answer comes.',
      hint: 'remove fallBackToClear once every peer has IPsec',
    }
  }
  if (rule.acceptUnsecuredInbound) {
    yield {
      kind: 'accepts-unsecured',
      sentence: 'Packets that arrive unsecured are accepted, whoever sent them; only the answers are secured.',
      hint: 'remove acceptUnsecuredInbound once every peer has IPsec',
    }
  }
  const offers = rule.security.flatMap(name => {
    const offer = offerOf(name)
    return offer.ok ? [offer.value] : []
  })
  for (const offer of offers) yield* aboutOffer(offer, offers)
  yield* aboutUnused(rule)
  const weak = rule.keyExchange === undefined ? [] : whyKeyExchangeIsOld(rule.keyExchange)
  if (weak.length > 0) {
    yield {
      ...oldOfIke(`The key exchange ${rule.keyExchange}`, weak),
      hint: 'write keyExchange: ecp384, or leave it out',
    }
  }
  yield* aboutPeers(rule)
  for (const method of rule.authentication) {
    yield* aboutSecret(method)
    if (method.kind !== 'certificate' || method.revocation !== 'off') continue
    const sentence = 'Nobody is asked whether a certificate was revoked: who steals a key keeps its place.'
    yield { kind: 'revocation-off', sentence, hint: 'write revocation: if-known, and name crls' }
  }
}

/** Who may be at which of several addresses is said nowhere: one proof opens them all. */
function* aboutPeers({ mode, filters, authentication }: Rule): Generator<Remark> {
  const broad = mode === 'tunnel' ? undefined : filters.find(hasManyPeers)
  if (broad === undefined) return
  const hint =
    'write peer: with the names that are accepted; a host that no other may stand for needs a rule of its own'
  for (const method of authentication) {
    if ('peer' in method && method.peer !== undefined) continue
    const whose =
      method.kind === 'certificate' && method.accounts === undefined
        ? 'Whoever has a certificate of the authority'
        : method.kind === 'publicKey' && method.peerKeys.length > 1
          ? `Whoever has one of the ${method.peerKeys.length} keys`
          : method.kind === 'kerberos'
            ? 'Every machine of the realm'
            : undefined
    if (whose === undefined) continue
    const sentence = `${whose} can stand for every host that the filter ${formatFilter(broad)} covers: which of them is at which address is asked nowhere.`
    yield { kind: 'peers-unnamed', sentence, hint }
  }
}

function hasManyPeers({ source, destination }: Filter): boolean {
  return [source, destination].some(
    spec => spec.kind === 'any' || (spec.kind === 'range' && !sameAddress(spec.first, spec.last)),
  )
}

function* aboutOffer(offer: Offer, offers: readonly Offer[]): Generator<Remark> {
  if (offer.strength === 'old') {
    const isBroken = offer.protections.some(({ cipher }) => cipher === 'des-cbc')
    yield {
      kind: isBroken ? 'broken-method' : 'old-method',
      sentence: `${offer.name} is offered: ${offer.why.join('; ')}.`,
      hint: offer.confidential
        ? 'offer esp-aes256gcm16, or esp-aes256-sha256'
        : 'offer ah-sha256, or better esp-aes256gcm16',
    }
  }
  if (offer.confidential) return
  const others = offers.some(other => other.confidential)
  yield {
    kind: 'content-readable',
    sentence: `${offer.name} enciphers nothing: the content stays readable on the way${others ? ' whenever the peer chooses it' : ''}.`,
    hint: others ? 'remove it from the list' : 'offer esp-aes256gcm16',
  }
}

function* aboutSecret(method: Authentication): Generator<Remark> {
  if (method.kind === 'preSharedKey' && method.secret.reveal().length < SHORTEST_SECRET) {
    yield {
      kind: 'weak-secret',
      sentence: `The pre-shared key has fewer than ${SHORTEST_SECRET} characters: who takes part in one IKE exchange can try secrets at leisure.`,
      hint: 'make a long random one (openssl rand -base64 30), or use certificates',
    }
  }
  if (method.kind === 'preSharedKey') yield secretInFile('The pre-shared key')
  else if (method.kind !== 'kerberos' && method.passphrase !== undefined) {
    yield secretInFile('The passphrase of the private key')
  }
}

function secretInFile(what: string): Remark {
  return {
    kind: 'secret-in-file',
    sentence: `${what} stands in the file: whoever can read the file has it.`,
    hint: 'let only root read the file (chmod 600), and keep it out of version control',
  }
}
