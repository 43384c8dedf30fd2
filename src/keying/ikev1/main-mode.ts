// The first four messages of main mode (RFC 2409 §5), in the order of travel: what both agree on, then public values and
// nonces, all in clear and nothing of it authentic yet. The proofs are main-mode-proof.ts's, Kerberos's tokens
// main-mode-kerberos.ts's.
import { formatAddress } from '../../base/address.ts'
import { isSameOctets } from '../../base/bytes.ts'
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import { wipeIke1Keys } from '../../crypto/ike1-keys.ts'
import { beginKeyExchange, respondToKeyExchange } from '../../crypto/run-key-exchange.ts'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import { isErrorTypeV1, notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { bodyOfV1, type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { associationOf } from '../../wire/ike/v1-security-association.ts'
import { credentialsFor, rulesForPeer } from '../candidates.ts'
import type { ChildWish } from '../child-rule.ts'
import {
  acceptedIke1,
  chooseIke1,
  DEFAULT_LIFETIME_SECONDS,
  type Ike1Offers,
  ike1Proposals,
} from '../choose-proposal-v1.ts'
import type { Credential } from '../credentials.ts'
import { type Path, report, type World } from '../machine.ts'
import { announcements, noSupport, supportOf } from './announcements.ts'
import { requestPayloads, requestsOf } from './certificates.ts'
import { gssPayload, ownGssName } from './kerberos.ts'
import { askForAnswerToken, askForFirstToken } from './kerberos-asks.ts'
import { beginProof } from './main-mode-proof.ts'
import { KERBEROS, methodsOf } from './methods.ts'
import { natFindings, natPayloads } from './nat.ts'
import { bodyOf, type Driven, find, findAll, type Opened } from './opened.ts'
import { allowsOld, candidatesFor } from './proof.ts'
import {
  type Bare,
  COOKIE_BYTES,
  clearNotify,
  cookieOctets,
  freshCookie,
  freshOctets,
  ignoredIn,
  refusedForNow,
  sendClear,
} from './sending.ts'
import {
  type Exchanged,
  inState,
  type KerberosSoFar,
  type KeyAnswered,
  type KeySent,
  type MainMode,
  type PeerSupport,
  type SaAnswered,
  type SaSent,
  type Session,
} from './session.ts'

/** RFC 2409 §5 has 8 to 256. */
const NONCE_BYTES = 32
function offersOf(credentials: readonly Credential[], { policy }: World, kerberos = true): Ike1Offers {
  const methods = methodsOf(credentials, allowsOld(policy)).filter(method => kerberos || method !== KERBEROS)
  const named = credentials.find(one => one.kind === 'kerberos')
  const gssName = named && ownGssName(named)
  return {
    security: ikeOffersOf(policy.policy),
    authentications: methods,
    lifetimes: { seconds: policy.policy.ike?.lifetime?.seconds ?? DEFAULT_LIFETIME_SECONDS },
    ...(gssName === undefined ? {} : { gssName }),
  }
}

/** A new session as the initiator; a reason where the policy has nothing that IKEv1 could say. */
export function beginMainMode(
  { rule, wishes }: { readonly rule: string; readonly wishes: readonly ChildWish[] },
  path: Path,
  world: World,
): Driven | string {
  const credentials = world.credentials.of(rule)
  const proposals = ike1Proposals(offersOf(credentials, world))
  if (proposals.length === 0) return `the rule ${rule} has nothing that IKEv1 agrees on or proves by`
  const cookies = { initiator: freshCookie(world.random), responder: new Uint8Array(COOKIE_BYTES) }
  const association = payloadV1('security-association', associationOf(proposals))
  const id = cookies.initiator.toHex()
  const base = { id, role: 'initiator', cookies, path, rule, support: noSupport, begunAt: world.now } as const
  const hasKerberos = credentials.some(({ kind }) => kind === 'kerberos')
  const payloads = [association, ...announcements(hasKerberos)]
  const { flight, outputs } = sendClear(base, payloads, undefined, world)
  const state: SaSent = { kind: 'sa-sent', wishes, association: bodyOfV1(association), flight }
  return { session: { ...base, state }, outputs }
}

/** Responder: the first message; nothing is kept of one that leads nowhere. */
export function answerSa(message: Opened, world: World): Driven {
  const { payloads, path, mark, header } = message
  const peer = formatAddress(path.remote.address)
  const zero = new Uint8Array(COOKIE_BYTES)
  const initiator = cookieOctets(header.initiatorSpi)
  const support = supportOf(payloads)
  const [rule] = rulesForPeer(world.policy, path, 'ikev1')
  const bare: Bare = {
    id: '',
    role: 'responder',
    cookies: { initiator, responder: zero },
    path,
    rule: rule?.name ?? '',
    support,
    begunAt: world.now,
  }
  const credentials = credentialsFor(rulesForPeer(world.policy, path, 'ikev1'), world.credentials)
  if (rule === undefined || credentials.length === 0) {
    return refusedSa(bare, 'NO-PROPOSAL-CHOSEN', `no rule that negotiates by IKEv1 speaks of ${peer}`, world)
  }
  const association = find(payloads, 'security-association')
  if (association === undefined) return refusedSa(bare, 'PAYLOAD-MALFORMED', `${peer} begins without an offer`, world)
  if (association.proposals.length === 0) {
    const what = `${peer} speaks of another domain or situation than that of IPsec without labels`
    return refusedSa(bare, 'SITUATION-NOT-SUPPORTED', what, world)
  }
  const chosen = chooseIke1(offersOf(credentials, world, support.kerberos), association.proposals)
  if (!chosen.ok) return refusedSa(bare, 'NO-PROPOSAL-CHOSEN', chosen.error.what, world)
  const responder = freshCookie(world.random)
  const session = { ...bare, id: responder.toHex(), cookies: { initiator, responder } }
  const { choice, answer } = chosen.value
  const main: MainMode = { choice, association: bodyOf(message, 'security-association')!.slice() }
  const reply = [
    payloadV1('security-association', associationOf(answer)),
    ...announcements(choice.authentication === KERBEROS),
  ]
  const { flight, outputs } = sendClear(session, reply, mark, world)
  const state: SaAnswered = { kind: 'sa-answered', main, flight }
  return { session: { ...session, state }, outputs }
}

/** To the peer by a notification in clear, to people in words. */
function refusedSa(bare: Bare, name: keyof typeof notifyTypesV1.of, what: string, world: World): Driven {
  return {
    session: undefined,
    outputs: [
      ...clearNotify(bare, name, world),
      report({ kind: 'session-failed', peer: bare.path.remote.address, what }),
    ],
  }
}

/** Initiator: the responder has chosen. */
export function saAnswered(session: Session<SaSent>, message: Opened, world: World): Driven {
  const { payloads, mark, header } = message
  const { wishes, association } = session.state
  const answer = find(payloads, 'security-association')
  if (answer === undefined || header.responderSpi === 0n)
    return refusedForNow(session, `the peer agrees on nothing${errorsIn(payloads)}`, world)
  const credentials = world.credentials.of(session.rule)
  const accepted = acceptedIke1(offersOf(credentials, world), answer.proposals)
  if (!accepted.ok) return refusedForNow(session, accepted.error.what, world)
  const choice = accepted.value
  const support = supportOf(payloads)
  const cookies = { ...session.cookies, responder: cookieOctets(header.responderSpi) }
  const next = { ...session, cookies, support }
  const main: MainMode = { choice, association }
  if (choice.authentication === KERBEROS) return askForFirstToken(next, { main, wishes }, mark, world)
  return sendKeys(next, { main, wishes }, mark, world)
}

/** Some refuse in main mode itself, and not by an informational exchange. */
function errorsIn(payloads: readonly PayloadV1[]): string {
  const types = findAll(payloads, 'notify').flatMap(({ type }) =>
    isErrorTypeV1(type) ? [notifyTypesV1.nameOf(type)] : [],
  )
  return types.length === 0 ? '' : `: ${[...new Set(types)].join(', ')}`
}

/** Initiator's message 3. */
export function sendKeys(
  session: Bare,
  { main, wishes, kerberos }: Pick<KeySent, 'main' | 'wishes' | 'kerberos'>,
  answers: Uint8Array,
  world: World,
): Driven {
  const exchange = beginKeyExchange(main.choice.method, world.random)
  const nonce = freshOctets(world.random, NONCE_BYTES)
  const payloads = keyPayloads(session, main, exchange.public, nonce, kerberos, world)
  const { flight, outputs } = sendClear(session, payloads, answers, world)
  const state: KeySent = {
    kind: 'key-sent',
    ...{ main, wishes, exchange, nonce, flight },
    ...(kerberos === undefined ? {} : { kerberos }),
  }
  return { session: { ...session, state }, outputs }
}

function keyPayloads(
  { cookies, path, support }: { readonly cookies: Bare['cookies']; readonly path: Path; readonly support: PeerSupport },
  { choice }: MainMode,
  publicValue: Uint8Array,
  nonce: Uint8Array,
  kerberos: KerberosSoFar | undefined,
  world: World,
): readonly PayloadV1[] {
  const token = kerberos?.ownTokens.at(-1)
  return [
    payloadV1('key-exchange', { publicValue }),
    payloadV1('nonce', { nonce }),
    ...(token === undefined ? [] : [gssPayload(token, kerberos!.dialect)]),
    ...natPayloads(choice.suite, cookies, path, support, world),
  ]
}

interface Keys {
  readonly publicValue: Uint8Array
  readonly nonce: Uint8Array
}

function keysIn(payloads: readonly PayloadV1[]): Keys | undefined {
  const [keys, nonce] = [find(payloads, 'key-exchange'), find(payloads, 'nonce')]
  return keys && nonce && { publicValue: keys.publicValue.slice(), nonce: nonce.nonce.slice() }
}

function exchangedIn(
  { payloads, path }: Opened,
  session: Bare,
  main: MainMode,
  values: Exchanged['values'],
  nonces: Exchanged['nonces'],
  world: World,
): Exchanged {
  const nat = natFindings(payloads, main.choice.suite, session.cookies, path, session.support, world)
  return { values, nonces, nat, requests: requestsOf(payloads) }
}

/** Responder: message 3. The peer has heard us at its address, or it would not know our cookie. */
export function answerKeys(session: Session<SaAnswered>, message: Opened, world: World): Driven {
  const { main } = session.state
  const keys = keysIn(message.payloads)
  if (keys === undefined) return ignoredIn(session, message.path, 'it has no public value, or no nonce')
  const exchange = respondToKeyExchange(main.choice.method, keys.publicValue, world.random)
  const values = {
    initiator: keys.publicValue,
    responder: exchange.ok ? exchange.value.public : new Uint8Array(0),
  }
  const nonces = { initiator: keys.nonce, responder: freshOctets(world.random, NONCE_BYTES) }
  const exchanged = exchangedIn(message, session, main, values, nonces, world)
  if (!exchange.ok) {
    return wasted(session, message, exchanged, `the key exchange of the peer: ${exchange.error.what}`)
  }
  const { secret } = exchange.value
  if (main.choice.authentication !== KERBEROS)
    return sendAnswerKeys(session, { main, exchanged, shared: secret }, message.mark, world)
  if (find(message.payloads, 'gss-token') !== undefined)
    return askForAnswerToken(session, message, exchanged, secret, world)
  wipeSecrets([secret])
  return wasted(session, message, exchanged, 'it has no token of Kerberos')
}

/** A key exchange was made for nothing. The session keeps its place among the half-open, or that would go on for ever. */
function wasted(session: Session<SaAnswered>, { path }: Opened, exchanged: Exchanged, what: string): Driven {
  const { main, flight } = session.state
  const state: KeyAnswered = { kind: 'key-answered', main, exchanged, candidates: [], flight, hasFailed: true }
  return ignoredIn(inState(session, state), path, what)
}

/** Responder's message 4. */
export function sendAnswerKeys(
  session: Session,
  parts: {
    readonly main: MainMode
    readonly exchanged: Exchanged
    readonly shared: Parameters<typeof candidatesFor>[2]
    readonly kerberos?: KerberosSoFar
  },
  answers: Uint8Array,
  world: World,
): Driven {
  const { main, exchanged, shared, kerberos } = parts
  const possible = credentialsFor(rulesForPeer(world.policy, session.path, 'ikev1'), world.credentials)
  const candidates = candidatesFor(main, exchanged, shared, session.cookies, possible)
  const { responder: publicValue } = exchanged.values
  const certified = possible.filter(({ kind }) => kind === 'certificate' && main.choice.authentication !== KERBEROS)
  const payloads = [
    ...keyPayloads(session, main, publicValue, exchanged.nonces.responder, kerberos, world),
    ...(candidates[0]?.credential === undefined ? requestPayloads(certified) : []),
  ]
  const { flight, outputs } = sendClear(session, payloads, answers, world)
  const state: KeyAnswered = {
    kind: 'key-answered',
    ...{ main, exchanged, candidates, flight },
    ...(kerberos === undefined ? {} : { kerberos }),
  }
  return { session: inState(session, state), outputs }
}

/** Initiator: both public values are known, and the keys. */
export function keysAnswered(session: Session<KeySent>, message: Opened, world: World): Driven {
  const { main, exchange, nonce } = session.state
  const keys = keysIn(message.payloads)
  if (keys === undefined) return ignoredIn(session, message.path, 'it has no public value, or no nonce')
  if (isSameOctets(keys.publicValue, exchange.public))
    return ignoredIn(session, message.path, 'our own message comes back')
  const shared = exchange.finish(keys.publicValue)
  if (!shared.ok) return ignoredIn(session, message.path, `the key exchange of the peer: ${shared.error.what}`)
  const values = { initiator: exchange.public, responder: keys.publicValue }
  const nonces = { initiator: nonce, responder: keys.nonce }
  const exchanged = exchangedIn(message, session, main, values, nonces, world)
  const credentials = world.credentials.of(session.rule)
  const [candidate] = candidatesFor(main, exchanged, shared.value, session.cookies, credentials)
  if (candidate === undefined) return ignoredIn(session, message.path, 'the policy has no key for it any more')
  const driven = beginProof(session, { exchanged, candidate }, message, world)
  if (driven.session?.state === session.state) {
    // It led nowhere and may be a stranger's: the right one still needs the private value.
    wipeIke1Keys(candidate.secured.keys)
    return { ...driven, session }
  }
  exchange.close()
  return driven
}
