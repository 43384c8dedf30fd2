// IKE_SA_INIT (RFC 7296 §1.2): algorithms, key exchange and nonces in clear, with what both sides can do. Nothing here is
// authentic yet: IKE_AUTH proves it, octet for octet. REDIRECT and other notifications that ask to go elsewhere are passed
// over: whom a host speaks with is for its policy to say.
import { formatAddress } from '../../base/address.ts'
import type { Random } from '../../base/random.ts'
import { firstSeed, type IkeSpis, ikeKeysOf, type Nonces, wipeSecrets } from '../../crypto/ike-keys.ts'
import { findKeyExchange, type KeyExchangeMethod, keyExchangeOfTransform } from '../../crypto/key-exchange.ts'
import { beginKeyExchange, respondToKeyExchange, type SharedSecret } from '../../crypto/run-key-exchange.ts'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { credentialsFor, rulesForPeer } from '../candidates.ts'
import { certificateRequests } from '../certificate-payloads.ts'
import { acceptedIke, chooseIke, type IkeChoice, ikeProposals } from '../choose-proposal.ts'
import { newWindow } from '../exchange-window.ts'
import { type Path, type Refusal, refusal, type World } from '../machine.ts'
import { isInUdp, noNat, pathThroughNat } from '../nat-findings.ts'
import { initiatorAnnouncements, responderAnnouncements, supportOf } from './announcements.ts'
import { errorsIn } from './auth-child.ts'
import { goOnAfterExchange } from './intermediate.ts'
import { natFindings, natNotifies, pretendsNat } from './nat-detection.ts'
import { refusedNonce, whyShort } from './nonces.ts'
import {
  type Agreed,
  type AwaitingInit,
  type ChildWish,
  type InitSent,
  type Secured,
  type Session,
  sessionId,
} from './session.ts'
import { find, findAll, findNotify, need, type Opened, type Step } from './step.ts'
import { keysTold } from './tell-keys.ts'

/** At least 16, and half of the largest prf key that there is (RFC 7296 §2.10). */
const NONCE_BYTES = 32
const SPI_BYTES = 8
/** Cookies and other groups that a responder may ask for: a few are honest, an endless row is not. */
const MOST_DETOURS = 5
const NO_OCTETS = new Uint8Array(0)

/** A new session as the initiator. */
export function beginInit(wish: ChildWish, path: Path, world: World): Step {
  const spis = { initiator: freshSpi(world.random), responder: new Uint8Array(SPI_BYTES) }
  const [first] = ikeOffersOf(world.policy.policy)
  if (first === undefined) throw new Error('a policy that negotiates offers no method of IKE')
  const state: InitSent = {
    kind: 'init-sent',
    wish,
    exchange: beginKeyExchange(findKeyExchange(first.group), world.random),
    nonce: freshOctets(world.random, NONCE_BYTES),
    request: NO_OCTETS,
    detours: 0,
  }
  const session = { id: sessionId(spis.initiator), role: 'initiator', spis, path, window: newWindow, state } as const
  return asking(session, world)
}

/** A cookie comes first (RFC 7296 §2.6); nonce and SPI stay the same when it is asked anew, for the cookie is made of them. */
function asking(session: Session<InitSent>, world: World): Step {
  const { cookie, exchange, nonce } = session.state
  const payloads = [
    ...(cookie === undefined ? [] : [notification('COOKIE', { cookie })]),
    payload('security-association', { proposals: ikeProposals(ikeOffersOf(world.policy.policy), NO_OCTETS) }),
    keyExchangePayload(exchange.method, exchange.public),
    payload('nonce', { nonce }),
    ...natNotifies(session.spis, session.path, world),
    ...initiatorAnnouncements(world.policy),
  ]
  return { session, request: { exchange: 'IKE_SA_INIT', payloads }, outputs: [] }
}

export function answerInit(session: Session<AwaitingInit>, message: Opened, world: World): Step | Refusal {
  const { payloads, path } = message
  const peer = formatAddress(path.remote.address)
  const credentials = credentialsFor(rulesForPeer(world.policy, path, 'ikev2'), world.credentials)
  if (credentials.length === 0) {
    return notChosen(`no rule that negotiates by IKEv2 speaks of ${peer}`)
  }
  const support = supportOf(payloads)
  const ppk = world.policy.policy.ike?.ppk
  if (ppk?.required === true && !support.ppk)
    return notChosen(`${peer} does not use the key that policy asks for (PPK)`)
  const offers = ikeOffersOf(world.policy.policy)
  const asked = need(payloads, 'key-exchange')
  // Who does not know IKE_INTERMEDIATE cannot do what an offer with further key exchanges asks for (RFC 9370 §2.2.1).
  const possible = offers.filter(({ additional }) => additional.length === 0 || support.intermediate)
  const chosen = chooseIke(possible, need(payloads, 'security-association').proposals, asked.method)
  if (!chosen.ok) {
    const { kind, what, group } = chosen.error
    return kind === 'invalid-ke' && group !== undefined ? otherGroup(group) : notChosen(what)
  }
  const { choice, answer } = chosen.value
  if (asked.method !== choice.method.transform) return otherGroup(choice.method.transform)
  const short = refusedNonce(need(payloads, 'nonce').nonce, choice.suite.prf)
  if (short !== undefined) return short
  const exchange = respondToKeyExchange(choice.method, asked.publicValue, world.random)
  if (!exchange.ok) {
    return refusal(notification('INVALID_SYNTAX', {}), `the key exchange of ${peer}: ${exchange.error.what}`)
  }
  const nonces = { initiator: need(payloads, 'nonce').nonce.slice(), responder: freshOctets(world.random, NONCE_BYTES) }
  const { secured, agreed } = agreement(message, session.spis, choice, nonces, exchange.value.secret, world)
  const reply = [
    payload('security-association', { proposals: [{ ...answer, spi: NO_OCTETS }] }),
    keyExchangePayload(choice.method, exchange.value.public),
    payload('nonce', { nonce: nonces.responder }),
    ...natNotifies(session.spis, path, world),
    ...certificateRequests(credentials).map(request => payload('certificate-request', request)),
    ...responderAnnouncements(world.policy, support, choice),
  ]
  const next = { ...session, state: { kind: 'awaiting-auth', secured, agreed } } as const
  return { session: next, reply, outputs: keysTold(next, secured, world) }
}

/** Nothing is kept: the request comes again with the group that is wanted (RFC 7296 §1.2). */
function otherGroup(method: number): Step {
  return { session: undefined, reply: [notification('INVALID_KE_PAYLOAD', { method })], outputs: [] }
}

function notChosen(what: string): Refusal {
  return refusal(notification('NO_PROPOSAL_CHOSEN', {}), what)
}

export function initAnswered(session: Session<InitSent>, message: Opened, world: World): Step | Refusal {
  const { payloads, header } = message
  const { exchange, nonce, wish, request } = session.state
  const association = find(payloads, 'security-association')
  if (association === undefined) return askedAgain(session, payloads, world)
  const accepted = acceptedIke(ikeOffersOf(world.policy.policy), association.proposals)
  if (!accepted.ok) return refusal('silent', accepted.error.what)
  const { choice } = accepted.value
  const answer = need(payloads, 'key-exchange')
  if (choice.method !== exchange.method || answer.method !== exchange.method.transform) {
    return refusal('silent', `the peer answers with ${choice.method.name} to a key exchange of ${exchange.method.name}`)
  }
  const support = supportOf(payloads)
  const fault = unmet(choice, support, world) ?? whyShort(need(payloads, 'nonce').nonce, choice.suite.prf)
  if (fault !== undefined) return refusal('silent', fault)
  const spis = { initiator: session.spis.initiator, responder: spiOctets(header.responderSpi) }
  if (header.responderSpi === 0n) return refusal('silent', 'the peer agrees, and has chosen no SPI')
  const shared = exchange.finish(answer.publicValue)
  if (!shared.ok) return refusal('silent', `the key exchange of the peer: ${shared.error.what}`)
  const nonces = { initiator: nonce, responder: need(payloads, 'nonce').nonce.slice() }
  const { secured, agreed } = agreement(message, spis, choice, nonces, shared.value, world, request)
  const moves = isInUdp(agreed.nat)
  const path = moves ? pathThroughNat(session.path) : session.path
  const next = goOnAfterExchange({ ...session, spis, path }, { secured, agreed, wish }, world)
  // Until then another answer may still count.
  if (!('kind' in next)) exchange.close()
  return next
}

function unmet(choice: IkeChoice, support: Agreed['support'], world: World): string | undefined {
  if (choice.additional.length > 0 && !support.intermediate) {
    return `the peer agrees on ${choice.offer} and not on IKE_INTERMEDIATE, which that needs`
  }
  const isRequired = world.policy.policy.ike?.ppk?.required === true
  return isRequired && !support.ppk ? 'the peer does not use the key that policy asks for (PPK)' : undefined
}

/** Notifications without an agreement, which anybody on the way can send: what is asked for is bounded and was offered. */
function askedAgain(session: Session<InitSent>, payloads: readonly Payload[], world: World): Step | Refusal {
  const { state } = session
  const offers = ikeOffersOf(world.policy.policy)
  const detours = state.detours + 1
  if (detours > MOST_DETOURS) return refusal('silent', `the peer has asked ${detours} times to be asked in another way`)
  const cookie = findNotify(payloads, 'COOKIE')?.cookie.slice()
  if (cookie !== undefined) return asking({ ...session, state: { ...state, cookie, detours } }, world)
  const wanted = findNotify(payloads, 'INVALID_KE_PAYLOAD')?.method
  if (wanted !== undefined) {
    const method = keyExchangeOfTransform(wanted)
    // Only what was offered, and not what was just sent: nobody talks us into a weaker group, or into a circle.
    if (
      method === undefined ||
      method === state.exchange.method ||
      !offers.some(({ group }) => group === method.name)
    ) {
      const sent = `${state.exchange.method.name} was sent`
      return refusal(
        'silent',
        `the peer wants the key exchange ${method?.name ?? wanted}, which is not offered; ${sent}`,
      )
    }
    state.exchange.close()
    return asking({ ...session, state: { ...state, exchange: beginKeyExchange(method, world.random), detours } }, world)
  }
  return refusal('silent', whyRefused(payloads, offers.map(({ name }) => name).join(', ')))
}

function whyRefused(payloads: readonly Payload[], offered: string): string {
  const names = errorsIn(payloads)
  if (names === '') return 'the peer answers and agrees on nothing'
  return findNotify(payloads, 'NO_PROPOSAL_CHOSEN') === undefined
    ? `the peer refuses: ${names}`
    : `the peer takes none of what we offer (${names}), or speaks with nobody at our address: ${offered}`
}

function agreement(
  { payloads, octets, path }: Opened,
  spis: IkeSpis,
  choice: IkeChoice,
  nonces: Nonces,
  shared: SharedSecret,
  world: World,
  request?: Uint8Array,
): { readonly secured: Secured; readonly agreed: Agreed } {
  const { suite, additional } = choice
  const seed = firstSeed(suite.prf, nonces, shared)
  const keys = ikeKeysOf(suite, seed, nonces, spis)
  wipeSecrets([seed, shared])
  const support = supportOf(payloads)
  // The hashes cover the SPIs of the message's own header: in the first request there is one.
  const seen = request === undefined ? { ...spis, responder: new Uint8Array(SPI_BYTES) } : spis
  const nat = natFindings(payloads, seen, path)
  const pretended = nat !== undefined && pretendsNat(path, world) ? { pretended: true as const } : {}
  return {
    secured: { suite, keys, sealed: 0, mayFragment: support.fragmentation },
    agreed: {
      choice,
      nonces,
      init: request === undefined ? { request: octets, response: NO_OCTETS } : { request, response: octets },
      support,
      nat: { ...(nat ?? noNat), ...pretended },
      remaining: additional,
      chains: {},
      since: world.now,
      // Copies, as of the nonces: whoever received the datagram may use its memory again.
      certificateRequests: findAll(payloads, 'certificate-request').map(one => ({ ...one, data: one.data.slice() })),
    },
  }
}

export function keyExchangePayload(method: KeyExchangeMethod, publicValue: Uint8Array): Payload {
  return payload('key-exchange', { method: method.transform, publicValue })
}

function freshOctets(random: Random, count: number): Uint8Array {
  const octets = new Uint8Array(count)
  random.fill(octets)
  return octets
}

/** Zero stands for "not chosen yet". */
function freshSpi(random: Random): Uint8Array {
  const spi = freshOctets(random, SPI_BYTES)
  return spi.some(octet => octet !== 0) ? spi : freshSpi(random)
}

function spiOctets(spi: MessageHeader['responderSpi']): Uint8Array {
  const octets = new Uint8Array(SPI_BYTES)
  new DataView(octets.buffer).setBigUint64(0, spi)
  return octets
}
