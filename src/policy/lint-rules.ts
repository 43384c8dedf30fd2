// What the linter says of a rule by itself: its security methods, its secrets, and options that let clear traffic by.
import type { Remark } from './lint-kinds.ts'
import type { Authentication, Policy, Rule } from './model.ts'
import { type Offer, offerOf } from './offers.ts'

/** Letters and digits chosen at random carry about six bits each: 20 of them are beyond guessing. */
const SHORTEST_SECRET = 20

export function* lintRules(policy: Policy): Generator<Remark> {
  for (const rule of policy.rules) {
    for (const remark of rule.active ? aboutRule(rule) : inactive()) yield { ...remark, rule: rule.name }
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
  for (const method of rule.authentication) yield* aboutSecret(method)
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
  const what = method.kind === 'preSharedKey' ? 'The pre-shared key' : 'The passphrase of the private key'
  if (method.kind === 'preSharedKey' || (method.kind === 'certificate' && method.passphrase !== undefined)) {
    const sentence = `${what} stands in the file: whoever can read the file has it.`
    yield {
      kind: 'secret-in-file',
      sentence,
      hint: 'let only root read the file (chmod 600), and keep it out of version control',
    }
  }
}
