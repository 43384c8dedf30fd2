// Key exchanges of CREATE_CHILD_SA: which ones a rule wants, one's own half and the answer to the peer's, and further ones
// through IKE_FOLLOWUP_KE (RFC 9370 §2.2.4). What is made with the secrets is child-made.ts's and session-made.ts's.
import { type Nonces, wipeSecrets } from '../../crypto/ike-keys.ts'
import { findKeyExchange, type KeyExchangeMethod } from '../../crypto/key-exchange.ts'
import { beginKeyExchange, respondToKeyExchange, type SharedSecret } from '../../crypto/run-key-exchange.ts'
import { ikeOffersOf, keyExchangeOf } from '../../policy/ike-offers.ts'
import type { Rule } from '../../policy/model.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Payload, type PayloadOf, payload } from '../../wire/ike/v2-payloads.ts'
import type { ChildOffers, IkeChoice } from '../choose-proposal.ts'
import { type Refusal, refusal, type World } from '../machine.ts'
import type { Established, FollowUp, Session, Task } from './session.ts'
import type { Step } from './step.ts'

const NONCE_BYTES = 32
const LINK_BYTES = 16

export type Exchanges = Pick<ChildOffers, 'methods' | 'additional'>

export function freshNonce({ random }: World): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES)
  random.fill(nonce)
  return nonce
}

function wantedOf({ keyExchange }: Rule, choice: IkeChoice): Pick<IkeChoice, 'method' | 'additional'> {
  const named = keyExchange === undefined ? undefined : keyExchangeOf(keyExchange)
  if (named?.ok !== true) return choice
  const { group, additional } = named.value
  return { method: findKeyExchange(group), additional: additional.map(findKeyExchange) }
}

/** Single methods that the policy trusts for IKE itself. */
function knownMethods({ policy }: World): readonly KeyExchangeMethod[] {
  return ikeOffersOf(policy.policy)
    .filter(({ additional }) => additional.length === 0)
    .map(({ group }) => findKeyExchange(group))
}

function first(methods: readonly KeyExchangeMethod[], number: number | undefined): readonly KeyExchangeMethod[] {
  const distinct = [...new Set(methods)]
  const preferred = distinct.filter(({ transform }) => transform === number)
  return [...preferred, ...distinct.filter(({ transform }) => transform !== number)]
}

/** What to ask for; `method` is the one that the peer asked for instead, or that is tried because it wants fresh keys. */
export function exchangesToAsk(rule: Rule, choice: IkeChoice, world: World, method?: number): Exchanges {
  if (!rule.freshKeys && method === undefined) return { methods: [undefined], additional: [] }
  const wanted = wantedOf(rule, choice)
  const others = rule.keyExchange === undefined && wanted.additional.length === 0 ? knownMethods(world) : []
  return { methods: first([wanted.method, ...others], method), additional: wanted.additional }
}

/**
 * What to accept, the preferred first; `came` is the number in the peer's KE payload. Where the rule wants fresh keys, our
 * order counts; a rule without lets the peer have them, as it began them, with its additional exchanges or without.
 */
export function exchangesToAccept(rule: Rule, choice: IkeChoice, world: World, came?: number): readonly Exchanges[] {
  const wanted = exchangesToAsk({ ...rule, freshKeys: true }, choice, world)
  if (rule.freshKeys) return [wanted]
  const plain = { methods: [undefined, ...first([wanted.methods[0]!, ...knownMethods(world)], came)], additional: [] }
  return wanted.additional.length === 0 ? [plain] : [plain, wanted]
}

export interface Answered {
  readonly shared: readonly SharedSecret[]
  readonly payloads: readonly Payload[]
}

/** Our half of the exchange that was agreed on; `came` is the peer's. */
export function answerExchange(
  method: KeyExchangeMethod | undefined,
  came: PayloadOf<'key-exchange'> | undefined,
  { random }: World,
): Answered | Refusal {
  if (method === undefined) return { shared: [], payloads: [] }
  if (came?.method !== method.transform) {
    return refusal(notification('INVALID_KE_PAYLOAD', { method: method.transform }), `we want ${method.name}`)
  }
  const made = respondToKeyExchange(method, came.publicValue, random)
  if (!made.ok) return refusal(notification('INVALID_SYNTAX', {}), `key exchange of the peer: ${made.error.what}`)
  return { shared: [made.value.secret], payloads: [keyExchangePayload(method, made.value.public)] }
}

export function keyExchangePayload({ transform }: KeyExchangeMethod, publicValue: Uint8Array): Payload {
  return payload('key-exchange', { method: transform, publicValue })
}

/** Where more exchanges follow: what the peer has to send back with the next one, and what we keep until then. */
export function awaitFollowUp(
  parts: Omit<FollowUp, 'link' | 'since'>,
  { random, now }: World,
): { readonly followUp: FollowUp; readonly payload: Payload } {
  const link = new Uint8Array(LINK_BYTES)
  random.fill(link)
  return { followUp: { ...parts, link, since: now }, payload: linkPayload(link) }
}

export function linkPayload(link: Uint8Array): Payload {
  return notification('ADDITIONAL_KEY_EXCHANGE', { link })
}

/** Secrets of what is not finished are given up with it. */
export function withoutFollowUp({ followUp, ...state }: Established): Established {
  if (followUp !== undefined) wipeSecrets(followUp.shared)
  return state
}

type FollowUpTask = Extract<Task, { readonly kind: 'follow-up' }>

/** Our next IKE_FOLLOWUP_KE. */
export function askFollowUp(
  session: Session<Established>,
  task: Omit<FollowUpTask, 'kind' | 'exchange'>,
  world: World,
): Step {
  const { followUp } = task
  const exchange = beginKeyExchange(followUp.remaining[0]!, world.random)
  const { state } = session
  const next: Established = { ...state, task: { ...task, kind: 'follow-up', exchange } }
  const payloads = [keyExchangePayload(exchange.method, exchange.public), linkPayload(followUp.link)]
  return { session: { ...session, state: next }, request: { exchange: 'IKE_FOLLOWUP_KE', payloads }, outputs: [] }
}

/**
 * Both hosts rekeyed at once: whether what was made with `ours` is the one to go. It is the one with the lowest of all four
 * nonces, compared octet by octet, where the shorter of equals is lower (RFC 7296 §2.8.1).
 */
export function isRedundant(ours: Nonces, theirs: Nonces): boolean {
  return isLower(lowest(ours), lowest(theirs))
}

function lowest({ initiator, responder }: Nonces): Uint8Array {
  return isLower(initiator, responder) ? initiator : responder
}

function isLower(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((octet, index) => octet !== b[index])
  return at < 0 ? a.length < b.length : at < b.length && a[at]! < b[at]!
}
