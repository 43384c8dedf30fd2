// Quick mode (RFC 2409 §5.5), in the order of travel: three messages that make associations, with a fresh key exchange or
// without. Who answers receives from message 2 on and sends when message 3 has come, so that nothing is lost. A commit bit
// (RFC 2408 §3.1) is answered with CONNECTED, and waited for a while.
import { closingHash } from '../../crypto/ike1-keys.ts'
import { isSameMac } from '../../crypto/whole-mac.ts'
import { plainNotificationV1 } from '../../wire/ike/v1-notify.ts'
import { COMMIT_FLAG, protocolIdsV1 } from '../../wire/ike/v1-numbers.ts'
import { payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { associationOf } from '../../wire/ike/v1-security-association.ts'
import { spiBytes } from '../association-pair.ts'
import type { ChildWish, OldChild } from '../child-rule.ts'
import { child1Proposals } from '../choose-child-v1.ts'
import type { World } from '../machine.ts'
import { namedPair, selectorPayload } from './identities.ts'
import { type Driven, find, findAll, findNotify, type Opened } from './opened.ts'
import {
  firstHash,
  hasTooMany,
  isAuthentic,
  ivFor,
  LINGER,
  say,
  secondHash,
  withExchange,
  withoutExchange,
} from './phase-two.ts'
import { agreeOnTerms, beginChild, concludeTerms, makeChild } from './quick-agreement.ts'
import {
  answerExchange,
  childLifetime,
  exchangeInfo,
  originalAddresses,
  refuse,
  sharedWith,
  shorterLifetime,
  undone,
  wishFailed,
  withResponderLifetime,
} from './quick-mode-parts.ts'
import { freshOctets, ignoredIn } from './sending.ts'
import type { Established, QuickAnswered, QuickConnecting, QuickSent, Session } from './session.ts'

type Standing = Session<Established>

const NONCE_BYTES = 32

/** Message 1. */
export function beginQuickMode(session: Standing, wish: ChildWish, old: OldChild | undefined, world: World): Driven {
  const made = beginChild(session, wish, old, world)
  if (!made.ok) return { session, outputs: wishFailed(session, wish, made.error) }
  const begun = made.value
  const { secured, used } = session.state
  const messageId = used.fresh(world.random)
  const own = { esp: spiBytes(begun.spis.esp), ah: spiBytes(begun.spis.ah) }
  const payloads = [
    payloadV1('security-association', associationOf(child1Proposals(begun.offers, own))),
    payloadV1('nonce', { nonce: begun.nonce }),
    ...(begun.exchange === undefined ? [] : [payloadV1('key-exchange', { publicValue: begun.exchange.public })]),
    selectorPayload(begun.own),
    selectorPayload(begun.peer),
    ...originalAddresses(session, begun.mode),
  ]
  const hashOf = firstHash(secured, messageId)
  const iv = ivFor(secured, messageId)
  const said = say(
    session,
    secured,
    { exchange: 'quick mode', messageId, iv, hashOf, payloads, isAwaited: true },
    world,
  )
  const exchange: QuickSent = { kind: 'quick-sent', iv: said.nextIv, begun, flight: said.flight }
  const quickModes = session.state.quickModes + 1
  const state = withExchange({ ...session.state, quickModes, saidAt: world.now }, messageId, exchange, world.now)
  return { session: { ...session, state }, outputs: said.outputs }
}

/** Responder: message 1. */
export function answerQuickMode(
  session: Standing,
  message: Opened & { readonly nextIv: Uint8Array },
  world: World,
): Driven {
  const { secured, used } = session.state
  const { header, payloads, path, mark } = message
  const { messageId } = header
  if (!isAuthentic(message, firstHash(secured, messageId))) return ignoredIn(session, path, 'its hash is not right')
  used.add(messageId)
  const heard = { ...session, state: { ...session.state, heardAt: world.now } }
  if (hasTooMany(heard.state)) return ignoredIn(heard, path, 'too many exchanges are under way')
  // Both may begin one at the same moment. A second one of the peer's gets no answer but that it has to begin anew.
  if (world.policy.policy.ike?.masterPfs === true && heard.state.peerQuickModes > 0) {
    return { session: heard, outputs: [], news: [{ kind: 'used-up' }] }
  }
  const [association, nonce] = [find(payloads, 'security-association'), find(payloads, 'nonce')]
  if (association === undefined || nonce === undefined || association.proposals.length === 0) {
    return refuse(
      heard,
      'PAYLOAD-MALFORMED',
      association?.proposals,
      'the peer asks for a child without saying which',
      world,
    )
  }
  const named = namedPair(payloads, heard.path, false)
  if (!named.ok) return refuse(heard, 'INVALID-ID-INFORMATION', association.proposals, named.error, world)
  const agreed = agreeOnTerms(heard, association.proposals, named.value, world)
  if (!agreed.ok) {
    const { isAboutTraffic, what } = agreed.error
    return refuse(
      heard,
      isAboutTraffic ? 'INVALID-ID-INFORMATION' : 'NO-PROPOSAL-CHOSEN',
      association.proposals,
      what,
      world,
    )
  }
  const { terms, answer } = agreed.value
  const fresh = answerExchange(terms.choice, payloads, world)
  if (typeof fresh === 'string') return refuse(heard, 'INVALID-KEY-INFORMATION', association.proposals, fresh, world)
  const nonces = { initiator: nonce.nonce.slice(), responder: freshOctets(world.random, NONCE_BYTES) }
  const made = makeChild(heard, terms, nonces, fresh.shared, false, world)
  const reply = [
    payloadV1('security-association', associationOf(answer)),
    payloadV1('nonce', { nonce: nonces.responder }),
    ...fresh.payloads,
    // The same as the peer named them.
    ...findAll(payloads, 'identification'),
    ...originalAddresses(heard, terms.mode, true),
    ...shorterLifetime(terms),
  ]
  const hashOf = secondHash(secured, messageId, nonces.initiator)
  const saying = {
    exchange: 'quick mode',
    messageId,
    iv: message.nextIv,
    hashOf,
    payloads: reply,
    answers: mark,
    isAwaited: true,
  } as const
  const said = say(heard, secured, saying, world)
  const isCommitted = (header.flags & COMMIT_FLAG) !== 0
  const { name: child } = made.child
  const exchange: QuickAnswered = {
    kind: 'quick-answered',
    iv: said.nextIv,
    nonces,
    child,
    isCommitted,
    flight: said.flight,
  }
  const peerQuickModes = heard.state.peerQuickModes + 1
  const state = withExchange({ ...heard.state, peerQuickModes, saidAt: world.now }, messageId, exchange, world.now)
  return {
    session: { ...heard, state },
    // An association receives before the peer can know of it.
    outputs: [...exchangeInfo(session, payloads), made.install, ...said.outputs, made.told],
    news: [{ kind: 'child-made', child: made.child }],
  }
}

/** Initiator: message 2 leads to message 3, and packets may go. */
export function quickModeAnswered(
  session: Standing,
  exchange: QuickSent,
  message: Opened & { readonly nextIv: Uint8Array },
  world: World,
): Driven {
  const { secured } = session.state
  const { header, payloads, path, mark } = message
  const { messageId } = header
  const { begun } = exchange
  if (!isAuthentic(message, secondHash(secured, messageId, begun.nonce)))
    return ignoredIn(session, path, 'its hash is not right')
  const heard = { ...session, state: { ...session.state, heardAt: world.now } }
  const unwanted = (what: string) => undone(heard, messageId, exchange, payloads, what, world)
  const [association, nonce] = [find(payloads, 'security-association'), find(payloads, 'nonce')]
  if (association === undefined || nonce === undefined) return unwanted('the peer answers without a child')
  const hasNames = findAll(payloads, 'identification').length > 0
  const named = hasNames ? namedPair(payloads, session.path, true) : undefined
  if (named?.ok === false) return unwanted(`the peer answers with ${named.error}`)
  const terms = concludeTerms(heard, begun, association.proposals, named?.value, world)
  if (!terms.ok) return unwanted(terms.error)
  const shared = sharedWith(exchange, payloads)
  if (typeof shared === 'string') return unwanted(shared)
  begun.exchange?.close()
  const nonces = { initiator: begun.nonce, responder: nonce.nonce.slice() }
  const made = makeChild(heard, withResponderLifetime(terms.value, payloads), nonces, shared.secret, true, world)
  const isCommitted = (header.flags & COMMIT_FLAG) !== 0
  const hash = closingHash(secured.suite, secured.keys, messageId, nonces)
  const saying = {
    exchange: 'quick mode',
    messageId,
    iv: message.nextIv,
    hashOf: () => hash,
    payloads: [],
    answers: mark,
    isAwaited: isCommitted,
  } as const
  const said = say(heard, secured, saying, world)
  const { child } = made
  const until = world.now + (isCommitted ? CONNECTED : begun.wish.replaces === undefined ? INSTALLED : HANDED_OVER)
  const next = {
    kind: 'quick-connecting',
    iv: said.nextIv,
    nonces,
    child: child.name,
    until,
    flight: said.flight,
  } as const
  const state = withExchange({ ...heard.state, saidAt: world.now }, messageId, next, world.now)
  return {
    session: { ...heard, state },
    outputs: [...exchangeInfo(session, payloads), made.install, ...said.outputs, made.told],
    news: [{ kind: 'child-made', child: { ...child, standing: 'coming' } }],
  }
}

/**
 * Seconds until the peer is taken to have installed what message 3 lets it install. Nothing answers that message, and a packet
 * that runs after it at once comes too early at hosts which hand their keys to a kernel. A packet of the peer's ends the wait.
 */
const INSTALLED = 0.05
/** The same where packets have a way until then. */
const HANDED_OVER = 0.5

/** Seconds that CONNECTED is waited for: the peer receives since message 2, and its word may be lost. */
const CONNECTED = 2

/** Responder: message 3 shows that the peer has our nonce, and receives. */
export function quickModeConfirmed(
  session: Standing,
  exchange: QuickAnswered,
  message: Opened & { readonly nextIv: Uint8Array },
  world: World,
): Driven {
  const { secured } = session.state
  const { header, payloads, path, mark } = message
  const { messageId } = header
  const { nonces, child: name, isCommitted } = exchange
  const hash = find(payloads, 'hash')?.hash
  if (hash === undefined || !isSameMac(hash, closingHash(secured.suite, secured.keys, messageId, nonces))) {
    return ignoredIn(session, path, 'its hash is not right')
  }
  const news = [{ kind: 'child-ready', name }] as const
  const heard = { ...session, state: { ...session.state, heardAt: world.now } }
  const until = world.now + LINGER
  if (!isCommitted) {
    return {
      session: { ...heard, state: withExchange(heard.state, messageId, { kind: 'over', until }, world.now) },
      outputs: [],
      news,
    }
  }
  const connected = plainNotificationV1('CONNECTED', {
    protocol: protocolIdsV1.of.ISAKMP,
    spi: new Uint8Array([...session.cookies.initiator, ...session.cookies.responder]),
  })
  const hashOf = secondHash(secured, messageId, nonces.initiator)
  const saying = {
    exchange: 'quick mode',
    messageId,
    iv: message.nextIv,
    hashOf,
    payloads: [connected],
    answers: mark,
    isAwaited: false,
  } as const
  const said = say(heard, secured, saying, world)
  const state = withExchange(heard.state, messageId, { kind: 'over', until, flight: said.flight }, world.now)
  return { session: { ...heard, state }, outputs: said.outputs, news }
}

/** Initiator: the peer says CONNECTED, in quick mode or in an informational exchange under its message ID. */
export function quickModeConnected(
  session: Standing,
  { nonces, child, flight }: QuickConnecting,
  message: Opened,
  world: World,
): Driven {
  const { secured } = session.state
  const { messageId } = message.header
  const isRight =
    isAuthentic(message, secondHash(secured, messageId, nonces.initiator)) ||
    isAuthentic(message, firstHash(secured, messageId))
  if (!isRight || findNotify(message.payloads, 'CONNECTED') === undefined) {
    return ignoredIn(session, message.path, 'it does not say CONNECTED')
  }
  const connected = connectedNow(session, messageId, { child, flight }, world)
  const lifetime = findNotify(message.payloads, 'RESPONDER-LIFETIME')
  return lifetime === undefined
    ? connected
    : { ...connected, news: [...(connected.news ?? []), ...childLifetime(lifetime)] }
}

/** The peer said so, or sent a packet, or has had its time. */
export function connectedNow(
  session: Standing,
  messageId: number,
  { child: name, flight: { dueAt: _, ...flight } }: Pick<QuickConnecting, 'child' | 'flight'>,
  world: World,
): Driven {
  const over = { kind: 'over', until: world.now + LINGER, flight } as const
  const state = withExchange({ ...session.state, heardAt: world.now }, messageId, over, world.now)
  return { session: { ...session, state }, outputs: [], news: [{ kind: 'child-ready', name }] }
}

/** The same by a packet that came through the child. */
export function connectedByPacket(session: Standing, child: number, world: World): Driven | undefined {
  for (const [id, one] of session.state.exchanges) {
    if (one.kind === 'quick-connecting' && one.child === child) return connectedNow(session, id, one, world)
  }
  return undefined
}

/** Nobody answered, or the peer refuses by a notification under keys. */
export function quickModeOver(session: Standing, messageId: number, exchange: QuickSent, what: string): Driven {
  exchange.begun.exchange?.close()
  const state = withoutExchange(session.state, messageId)
  return { session: { ...session, state }, outputs: wishFailed(session, exchange.begun.wish, what) }
}
