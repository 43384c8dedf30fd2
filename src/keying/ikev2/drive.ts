// What happens to a session around its handlers, the same for every exchange: a datagram finds its place in the window, is
// opened and held against the rules; the row of the table runs; answer and next request go out. Time is in wake.ts.
import { formatAddress, sameAddress } from '../../base/address.ts'
import { ruleFaults } from '../../wire/ike/exchange-rules.ts'
import type { IkeHeader } from '../../wire/ike/header.ts'
import { isFromInitiator, isResponse } from '../../wire/ike/header.ts'
import { type Message, type MessageHeader, readMessage, sealedOf } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import { isAskedAgain, newWindow, placeOf, withoutRequest } from '../exchange-window.ts'
import {
  type Instant,
  type KeyingOutput,
  type Path,
  type Refusal,
  type Role,
  refusal,
  report,
  type World,
} from '../machine.ts'
import { childrenGone, ended, forget, forgetHeir, lingering, waitingFlows } from './ending.ts'
import { openMessage } from './envelope.ts'
import { movedAgain } from './established.ts'
import { beginInit } from './init.ts'
import { begin } from './intentions.ts'
import { resend, type Sent, sendForgotten, sendRequest, sendResponse, withChain } from './sending.ts'
import {
  type ChildWish,
  type Established,
  type InitSent,
  type Intention,
  inState,
  type Session,
  securedOf,
  sessionId,
} from './session.ts'
import { type ExchangeName, findNotify, type Opened, type Step } from './step.ts'
import { transitionFor } from './transitions.ts'

export interface Driven {
  /** What the session became: none, itself, or itself and a sibling. */
  readonly sessions: readonly Session[]
  readonly outputs: readonly KeyingOutput[]
}

/** A new session as the initiator, its first message on the way. */
export function start(wish: ChildWish, path: Path, world: World): Driven {
  return carryOut(beginInit(wish, path, world), undefined, world)
}

/** A session for an IKE_SA_INIT request of a stranger; nothing is agreed on yet. */
export function responderFor(header: Pick<IkeHeader, 'initiatorSpi'>, path: Path, world: World): Session {
  const initiator = new Uint8Array(8)
  new DataView(initiator.buffer).setBigUint64(0, header.initiatorSpi)
  const responder = new Uint8Array(8)
  // Zero stands for "not chosen yet".
  while (responder.every(octet => octet === 0)) world.random.fill(responder)
  const spis = { initiator, responder }
  const state = { kind: 'awaiting-init' } as const
  return { id: sessionId(responder), role: 'responder', spis, path, window: newWindow, state }
}

/** `datagram` from the IKE header on. Whatever it is, nothing throws; what is of no use leaves the session as it was. */
export function receive(session: Session, datagram: Uint8Array, path: Path, world: World): Driven {
  const read = readMessage(datagram)
  if (!read.ok) return ignored(session, path, `malformed: ${read.error.what}`)
  const { header } = read.value
  if (isFromInitiator(header) === (session.role === 'initiator')) {
    return ignored(session, path, 'it claims to be from the side that this host is')
  }
  const place = placeOf(session.window, header)
  if (place === 'stale') return ignored(session, path, `nobody waits for message ${header.messageId}`)
  if (place === 'request-again') {
    // To the path that was proved, wherever this one claims to come from.
    const { datagrams } = session.window.answered!
    return {
      sessions: [session],
      outputs: isAskedAgain(session.window, datagram) ? resend(session.path, datagrams) : [],
    }
  }
  return header.exchange === exchangeTypes.of.IKE_SA_INIT
    ? receiveInit(session, read.value, datagram, path, world)
    : receiveSealed(session, read.value, datagram, path, world)
}

/** In clear: whatever is wrong with it may be a stranger's doing, and what is waited for may still come. */
function receiveInit(session: Session, message: Message, datagram: Uint8Array, path: Path, world: World): Driven {
  // Who has not been asked by the peer yet waits for message 0: it must not come from anybody who knows the SPIs.
  if (securedOf(session.state) !== undefined) return ignored(session, path, 'it is in clear, and keys are agreed on')
  const [fault] = ruleFaults(message)
  if (fault?.kind === 'unknown-critical' && session.state.kind === 'awaiting-init') {
    const notify = notification('UNSUPPORTED_CRITICAL_PAYLOAD', { payloadType: fault.type })
    const refused = refusal(notify, `a critical payload of type ${fault.type}, which is not known here`)
    return refuse(session, refused, message.header, datagram, world)
  }
  if (fault !== undefined) return ignored(session, path, `not in order: ${textOf(fault)}`)
  const octets = datagram.slice()
  return run(session, { header: message.header, payloads: message.payloads, octets, path }, octets, world)
}

function receiveSealed(session: Session, message: Message, datagram: Uint8Array, path: Path, world: World): Driven {
  const secured = securedOf(session.state)
  if (secured === undefined) return ignored(session, path, 'it is sealed, and no keys are agreed on')
  // Who proves itself has shown by its first messages that it hears us at that address, and shows it for no other.
  if (session.state.kind === 'awaiting-auth' && !hasSameEnds(session.path, path)) {
    return ignored(session, path, `its session was begun from ${formatAddress(session.path.remote.address)}`)
  }
  const { header } = message
  const sender: Role = session.role === 'initiator' ? 'responder' : 'initiator'
  const opened = openMessage(secured, sender, message, datagram, session.pieces, world.settings)
  if (opened.kind === 'not-authentic') return ignored(session, path, opened.what)
  const { pieces, ...rest } = session
  const { asked = datagram.slice() } = pieces ?? {}
  if (opened.kind === 'piece') {
    const sealed = sealedOf(message)
    const isFirst = sealed?.kind === 'encrypted-fragment' && sealed.number === 1
    const first = isFirst ? { asked: datagram.slice() } : pieces?.asked === undefined ? {} : { asked: pieces.asked }
    return { sessions: [{ ...rest, pieces: { ...opened.pieces, ...first } }], outputs: [] }
  }
  const heard = withHeard(rest, path, world)
  // Of a message in pieces it is the first that asks for the answer again (RFC 7383 §2.6.1).
  const sealed = sealedOf(message)
  const isLaterPiece = sealed?.kind === 'encrypted-fragment' && sealed.number > 1
  const octets = isLaterPiece ? asked : datagram.slice()
  if (opened.kind === 'malformed') return fatal(heard, header, octets, opened.what, world)
  const [fault] = ruleFaults(message, opened.payloads)
  if (fault?.kind === 'unknown-critical') {
    const notify = notification('UNSUPPORTED_CRITICAL_PAYLOAD', { payloadType: fault.type })
    const refused = refusal(notify, `a critical payload of type ${fault.type}, which is not known here`)
    return refuse(heard, refused, header, octets, world)
  }
  if (fault !== undefined) return fatal(heard, header, octets, textOf(fault), world)
  const isIntermediate = header.exchange === exchangeTypes.of.IKE_INTERMEDIATE
  const state = isIntermediate ? withChain(heard.state, sender, secured, opened) : heard.state
  const told = { header, payloads: opened.payloads, octets: new Uint8Array(0), path }
  return run(inState(heard, state), told, octets, world)
}

/** `asked` are the octets by which the same request is known again. */
function run(session: Session, opened: Opened, asked: Uint8Array, world: World): Driven {
  const { header, payloads, path } = opened
  const name = exchangeTypes.nameOf(header.exchange) as ExchangeName
  const isAnswer = isResponse(header)
  const told = tellReceived(session, opened, world)
  const row = transitionFor(session, name, isAnswer ? 'response' : 'request', payloads)
  if (row === undefined) {
    // A peer whose proof was lost believes in the session already: what it asks for waits until its proof has come.
    const isEarly = !isAnswer && (session.state.kind === 'auth-sent' || session.state.kind === 'intermediate-sent')
    if (isEarly || securedOf(session.state) === undefined)
      return ignored(session, path, `${name} in the state ${session.state.kind}`)
    return withFirst(
      told,
      fatal(session, header, asked, `${name} has no place in the state ${session.state.kind}`, world),
    )
  }
  const before = isAnswer ? { ...session, window: withoutRequest(session.window) } : session
  const step = row.run(before, opened, world)
  if ('kind' in step) {
    const isInClear = session.state.kind === 'init-sent'
    return withFirst(
      told,
      isInClear
        ? held(session as Session<InitSent>, step, payloads, world)
        : refuse(before, step, header, asked, world),
    )
  }
  const request = isAnswer ? undefined : { header, asked, before }
  return withFirst(told, wiped(before, carryOut(step, request, world)))
}

/** Keys of a session that is gone are overwritten, once the last answer is sealed with them. */
function wiped({ id, state }: Session, driven: Driven): Driven {
  const after = driven.sessions.find(one => one.id === id)
  if (after !== undefined && after.state.kind !== 'closed') return driven
  forget(state)
  const heir = state.kind === 'established' ? state.peerRekey?.session.id : undefined
  if (heir !== undefined && !driven.sessions.some(one => one.id === heir)) forgetHeir(state as Established)
  return driven
}

interface Asked {
  readonly header: MessageHeader
  readonly asked: Uint8Array
  readonly before: Session
}

/** Sends what the step has to say, and goes on with what the session wants next. */
export function carryOut(step: Step, request: Asked | undefined, world: World): Driven {
  let { session } = step
  const outputs: KeyingOutput[] = []
  const take = (sent: Sent) => {
    outputs.push(...sent.outputs)
    return sent.session
  }
  // An association receives before the peer can know of it, and sends when the peer can.
  outputs.push(...step.outputs.filter(one => one.kind === 'install'))
  if (step.reply !== undefined && request !== undefined) {
    const { header, asked, before } = request
    if (session === undefined && header.exchange === exchangeTypes.of.IKE_SA_INIT) {
      outputs.push(...sendForgotten(before, header, step.reply, world))
    } else {
      const from = session ?? before
      const answered = take(sendResponse(from, securedOf(before.state), header, asked, step.reply, world))
      if (session !== undefined) session = answered
    }
  }
  outputs.push(...step.outputs.filter(one => one.kind !== 'install'))
  if (session !== undefined && step.request !== undefined) {
    session = take(sendRequest(session, step.request.exchange, step.request.payloads, world))
  }
  const siblings: Session[] = []
  for (const sibling of step.siblings ?? []) {
    const next = goOn(sibling, world)
    siblings.push(...next.sessions)
    outputs.push(...next.outputs)
  }
  const next = session === undefined ? undefined : goOn(session, world)
  return { sessions: [...(next?.sessions ?? []), ...siblings], outputs: [...outputs, ...(next?.outputs ?? [])] }
}

/** The next intention, where nothing is outstanding (a window of one, RFC 7296 §2.3). */
export function goOn(session: Session, world: World): Driven {
  const { state, window } = session
  const mayBegin = state.kind === 'established' && window.outstanding === undefined && state.queue.length > 0
  if (!mayBegin || world.now < (state.notBefore ?? world.now)) return { sessions: [session], outputs: [] }
  const [intention, ...queue] = state.queue
  const step = begin({ ...session, state: { ...state, queue } }, intention!, world)
  return carryOut(step, undefined, world)
}

/** What the session shall do next, at once where nothing is outstanding. */
export function intend(session: Session<Established>, intention: Intention, world: World): Driven {
  const { state } = session
  return goOn({ ...session, state: { ...state, queue: [...state.queue, intention] } }, world)
}

/**
 * The same, of a child by its age. Where its time is over and something else is on its way still, which a peer that is gone
 * never answers, it is taken away at once: what packets want is told then, and waits for whoever comes next.
 */
export function intendForChild(session: Session<Established>, intention: Intention, world: World): Driven {
  if (session.window.outstanding === undefined || intention.kind !== 'delete-children')
    return intend(session, intention, world)
  const { names } = intention
  const children = session.state.children.map(child =>
    names.includes(child.name) ? { ...child, removeAt: child.removeAt ?? world.now } : child,
  )
  const { sessions, outputs } = intend({ ...session, state: { ...session.state, children } }, intention, world)
  return { sessions, outputs: [{ kind: 'remove', names }, ...outputs] }
}

/** Farewell; without a word where nobody has proved anything yet. */
export function close(session: Session, why: string, world: World): Driven {
  const { state } = session
  if (state.kind !== 'established') {
    return state.kind === 'closing' || state.kind === 'closed' || state.kind === 'replaced'
      ? { sessions: [session], outputs: [] }
      : ended(session, [
          report({ kind: 'session-failed', session: session.id, peer: session.path.remote.address, what: why }),
        ])
  }
  const refused = waitingFlows(session)
  const driven = goOn({ ...session, state: { ...state, queue: [{ kind: 'delete-session', why }] } }, world)
  return { ...driven, outputs: [...refused, ...driven.outputs] }
}

/** Seconds that an answer in clear which ends the attempt waits for a better one. */
const BETTER_ANSWER = 1.5

/**
 * Anybody can write such an answer: the request stays on its way, and only when no better answer comes the attempt is over
 * (RFC 7296 §2.21.1). wake.ts ends it.
 */
function held(
  session: Session<InitSent>,
  { what }: Refusal,
  payloads: Opened['payloads'],
  { now }: Pick<World, 'now'>,
): Driven {
  const { state } = session
  // Who has asked for a cookie or another group speaks this version.
  if (state.detours === 0 && findNotify(payloads, 'INVALID_MAJOR_VERSION') !== undefined) {
    return { sessions: [otherVersionSaid(session, now)], outputs: [] }
  }
  // Peers that have nothing but IKEv1 for us say no more than this (strongSwan and Libreswan do). Who forges it could as well
  // drop our packets: the rule's next version is tried, and clear never follows from it.
  const mayLackVersion = state.detours === 0 && findNotify(payloads, 'NO_PROPOSAL_CHOSEN') !== undefined
  const lacksVersion = mayLackVersion ? { lacksVersion: true as const } : {}
  const refused = state.refused ?? { what, until: now + BETTER_ANSWER, ...lacksVersion }
  return { sessions: [inState(session, { ...state, refused })], outputs: [] }
}

/** The same where the peer says, in its version or in ours, that it does not speak this one. */
export function otherVersionSaid(session: Session<InitSent>, now: Instant): Session<InitSent> {
  const { state } = session
  const what = `${formatAddress(session.path.remote.address)} says that it does not speak IKEv2`
  const refused = state.refused ?? { what, until: now + BETTER_ANSWER, lacksVersion: true as const }
  return inState(session, { ...state, refused })
}

/** Two honest hosts do not match: here a refusal becomes a notify for the peer and words for people, and nowhere else. */
function refuse(session: Session, refused: Refusal, header: MessageHeader, asked: Uint8Array, world: World): Driven {
  const { kind } = session.state
  const peer = session.path.remote.address
  const failed = report({ kind: 'session-failed', session: session.id, peer, what: refused.what })
  const warned = report({ kind: 'warning', session: session.id, peer, what: refused.what })
  const { notify } = refused
  if (isResponse(header)) {
    if (kind === 'established') return { sessions: [session], outputs: [warned] }
    if (kind !== 'auth-sent' || notify === 'silent') return ended(session, [failed])
    // The responder believes in the session already and has to be told (RFC 7296 §2.21.2).
    const closing = { kind: 'closing', secured: session.state.secured, why: refused.what } as const
    const request = { exchange: 'INFORMATIONAL', payloads: [notify] } as const
    const outputs = [failed, ...waitingFlows(session)]
    return carryOut({ session: inState(session, closing), request, outputs }, undefined, world)
  }
  const request = { header, asked, before: session }
  const reply = notify === 'silent' ? undefined : [notify]
  const said = reply === undefined ? {} : { reply }
  if (kind === 'awaiting-init') return carryOut({ session: undefined, ...said, outputs: [failed] }, request, world)
  if (kind === 'awaiting-auth') {
    return wiped(session, carryOut({ session: lingering(session, world), ...said, outputs: [failed] }, request, world))
  }
  return carryOut({ session, ...said, outputs: [warned] }, request, world)
}

/** The peer itself errs inside what only it can have sealed: both ends give the IKE SA up (RFC 7296 §2.21.3). */
function fatal(session: Session, header: MessageHeader, asked: Uint8Array, what: string, world: World): Driven {
  const why = `the peer sent a message that is not in order: ${what}`
  const told = report({ kind: 'session-failed', session: session.id, peer: session.path.remote.address, what: why })
  if (isResponse(header)) return ended(session, [told])
  const outputs = [...waitingFlows(session), ...childrenGone(session), told]
  const reply = [notification('INVALID_SYNTAX', {})]
  const step = { session: lingering(session, world), reply, outputs }
  return wiped(session, carryOut(step, { header, asked, before: session }, world))
}

function withHeard(session: Session, path: Path, world: World): Session {
  const { state } = session
  if (state.kind !== 'established') return session
  const heard = { ...state, heardAt: world.now }
  // Only who is not behind a NAT itself follows a peer whose NAT gave it another port (RFC 7296 §2.23). Not to another
  // address: anybody can write one in front of its own messages, and would get the keys for somebody else's traffic.
  const follows = state.nat.beforePeer && !state.nat.beforeUs && hasSameEnds(session.path, path)
  if (!follows || session.path.remote.port === path.remote.port) return { ...session, state: heard }
  return { ...session, path, state: { ...heard, moved: movedAgain(state.moved, world.now) } }
}

/** Whatever the ports are. */
function hasSameEnds(a: Path, b: Path): boolean {
  return sameAddress(a.local.address, b.local.address) && sameAddress(a.remote.address, b.remote.address)
}

function tellReceived(
  { id }: Session,
  { header, payloads, path }: Opened,
  { settings }: World,
): readonly KeyingOutput[] {
  if (!settings.tellMessages) return []
  const isSealed = header.exchange !== exchangeTypes.of.IKE_SA_INIT
  const peer = path.remote.address
  return [report({ kind: 'message', way: 'received', session: id, peer, path, header, payloads, isSealed, again: 0 })]
}

function withFirst(first: readonly KeyingOutput[], driven: Driven): Driven {
  return first.length === 0 ? driven : { ...driven, outputs: [...first, ...driven.outputs] }
}

function ignored(session: Session, path: Path, what: string): Driven {
  const event = { kind: 'ignored', session: session.id, peer: path.remote.address, path, what } as const
  // A session that has not begun is not kept for a datagram that begins nothing.
  return { sessions: session.state.kind === 'awaiting-init' ? [] : [session], outputs: [report(event)] }
}

function textOf(fault: ReturnType<typeof ruleFaults>[number]): string {
  return fault.kind === 'no-form-fits' ? fault.why : fault.kind.replaceAll('-', ' ')
}
