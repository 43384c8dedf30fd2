// Informational exchanges (RFC 2409 §5.7): deletes, notifications, the question whether the peer is there (RFC 3706), and
// Windows's delete that is answered ([MS-IKEE] §3.1). Only what main mode's keys protect is believed; what comes in clear is a
// hint to people.
import { formatAddress } from '../../base/address.ts'
import { isSameOctets } from '../../base/bytes.ts'
import { notificationV1, readNotifyV1 } from '../../wire/ike/v1-notify.ts'
import { isErrorTypeV1, notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { protocolIdsV1 } from '../../wire/ike/v1-numbers.ts'
import { type NotifyV1, type PayloadV1, type PayloadV1Of, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { lifetimesOf } from '../../wire/ike/v1-security-association.ts'
import { ikeAttributes } from '../../wire/ike/v1-transform-numbers.ts'
import { readSpi, spiBytes } from '../association-pair.ts'
import { type KeyingOutput, type Path, report, type World } from '../machine.ts'
import type { Child } from './children.ts'
import { cookieBrought } from './dos-cookie.ts'
import { type Driven, find, findAll, findNotify, type Opened } from './opened.ts'
import { firstHash, isAuthentic, ivFor, LINGER, reliableHash, say, tell, withExchange } from './phase-two.ts'
import { quickModeOver } from './quick-mode.ts'
import { childLifetime, exchangeInfo } from './quick-mode-parts.ts'
import { freshOctets, ignoredIn, refusedForNow } from './sending.ts'
import {
  about,
  type Closing,
  type Established,
  inState,
  type ProofSent,
  type Session,
  type Told,
  wishesOf,
} from './session.ts'
import { windowsError } from './windows-errors.ts'

type Standing = Session<Established>
type Message = Opened & { readonly nextIv: Uint8Array }

const { ISAKMP, ESP, AH } = protocolIdsV1.of
const NONCE_BYTES = 32

function cookiesOf({ cookies }: Session): Uint8Array {
  return new Uint8Array([...cookies.initiator, ...cookies.responder])
}

/** Of one message, each of a type of its own. */
const MOST_NOTIFIES = 8

/** A new exchange of the peer's, under keys. */
export function answerInformational(session: Standing, message: Message, world: World): Driven {
  const { secured, used } = session.state
  const { header, payloads, path } = message
  const { messageId } = header
  if (!isAuthentic(message, firstHash(secured, messageId))) return ignoredIn(session, path, 'its hash is not right')
  used.add(messageId)
  const heard = { ...session, state: { ...session.state, heardAt: world.now } }
  const nonce = find(payloads, 'nonce')
  const deletions = findAll(payloads, 'delete')
  let current: Driven = { session: heard, outputs: [] }
  const seen = new Set<number>()
  for (const notify of findAll(payloads, 'notify')) {
    // One message is no reason for a thousand answers or words about it.
    if (seen.has(notify.type) || seen.size === MOST_NOTIFIES) continue
    seen.add(notify.type)
    current = followed(current, next => notified(next, notify, world))
  }
  if (nonce !== undefined && deletions.length > 0) {
    current = followed(current, next => answerDelete(next, message, nonce.nonce.slice(), deletions, world))
  }
  for (const deletion of deletions) current = followed(current, next => deleted(next, deletion))
  return current
}

function followed(before: Driven, next: (session: Standing) => Driven): Driven {
  if (before.session === undefined || before.session.state.kind !== 'established') return before
  const after = next(before.session as Standing)
  return {
    session: after.session,
    outputs: [...before.outputs, ...after.outputs],
    news: [...(before.news ?? []), ...(after.news ?? [])],
  }
}

function notified(session: Standing, notify: NotifyV1, world: World): Driven {
  const { type, spi } = notify
  const read = readNotifyV1(notify)
  const content = read.ok ? read.value : undefined
  const isAboutUs = spi.length === 0 || isSameOctets(spi, cookiesOf(session))
  switch (type) {
    case notifyTypesV1.of['R-U-THERE']:
      if (content?.kind !== 'R-U-THERE' || !isAboutUs) return { session, outputs: [] }
      return tell(session, [dpd(session, 'R-U-THERE-ACK', content.sequence)], world)
    case notifyTypesV1.of['R-U-THERE-ACK']: {
      const { asking, ...rest } = session.state
      const isAnswer =
        content?.kind === 'R-U-THERE-ACK' &&
        asking !== undefined &&
        content.sequence >= asking.first &&
        content.sequence <= asking.last
      return { session: isAnswer ? inState(session, rest) : session, outputs: [] }
    }
    case notifyTypesV1.of['INITIAL-CONTACT']:
      return { session, outputs: [], news: [{ kind: 'first-contact' }] }
    case notifyTypesV1.of['RESPONDER-LIFETIME']:
      return shortened(session, notify, world)
    case notifyTypesV1.of['MS-STATUS']:
      return { session, outputs: [warning(session, `the peer, a Windows, tells ${windowsError(notify.data)}`)] }
    case notifyTypesV1.of['MS-EXCHANGE-INFO']:
      return { session, outputs: exchangeInfo(session, [{ ...notify, kind: 'notify' }]) }
    default:
      return isErrorTypeV1(type) ? errorTold(session, notify) : { session, outputs: [] }
  }
}

/** A quick mode of ours that it is about ends; which one, its SPI says, or there is only one. */
function errorTold(session: Standing, { type, spi }: NotifyV1): Driven {
  const what = `the peer refuses: ${notifyTypesV1.nameOf(type)}`
  const under = [...session.state.exchanges].flatMap(([id, one]) =>
    one.kind === 'quick-sent' ? [[id, one] as const] : [],
  )
  const named = spi.length === 4 ? readSpi(spi) : undefined
  const meant = under.find(([, { begun }]) => begun.spis.esp === named || begun.spis.ah === named)
  const only = under.length === 1 ? under[0] : undefined
  const found = meant ?? only
  if (found === undefined)
    return { session, outputs: [warning(session, `the peer tells ${notifyTypesV1.nameOf(type)}`)] }
  return quickModeOver(session, found[0], found[1], what)
}

function warning(session: Session, what: string): KeyingOutput {
  return report({ ...about(session), kind: 'warning', what })
}

/** RFC 2407 §4.6.3.1: the responder counts with less than was offered. */
function shortened(session: Standing, notify: NotifyV1, world: World): Driven {
  const numbers = { type: ikeAttributes.of['life type'], duration: ikeAttributes.of['life duration'] }
  const read = readNotifyV1(notify)
  if (read.ok !== true || read.value.kind !== 'RESPONDER-LIFETIME') return { session, outputs: [] }
  if (notify.protocol !== ISAKMP) return { session, outputs: [], news: childLifetime(notify) }
  const seconds = lifetimesOf(read.value.attributes, numbers)?.seconds
  return { session: seconds === undefined ? session : withLifetime(session, seconds, world), outputs: [] }
}

export function withLifetime(session: Standing, seconds: number, { now }: World): Standing {
  const { state } = session
  const left = Math.max(1, state.establishedAt + seconds - now)
  const expiresAt = Math.min(state.expiresAt, now + left)
  return inState(session, { ...state, expiresAt, rekeyAt: Math.min(state.rekeyAt, now + left * 0.8) })
}

function dpd(session: Session, kind: 'R-U-THERE' | 'R-U-THERE-ACK', sequence: number): PayloadV1 {
  return notificationV1(kind, { sequence }, { protocol: ISAKMP, spi: cookiesOf(session) })
}

/** Whether the peer is there; the first time, and again with the next number. */
export function askWhetherAlive(session: Standing, world: World): Driven {
  const { state } = session
  const { asking } = state
  const { retransmit } = world.settings
  const sequence = state.sequence + 1
  const wait = asking === undefined ? retransmit.first : Math.min(asking.wait * retransmit.factor, retransmit.longest)
  const told = tell(session, [dpd(session, 'R-U-THERE', sequence)], world)
  const next = { first: asking?.first ?? sequence, last: sequence, dueAt: world.now + wait, wait }
  return { session: inState(told.session, { ...told.session.state, sequence, asking: next }), outputs: told.outputs }
}

function deleted(session: Standing, { protocol, spis }: PayloadV1Of<'delete'>): Driven {
  if (protocol === ISAKMP) {
    // An empty list means the SA that protects the message, as do its cookies.
    const isThis = spis.length === 0 || spis.some(spi => isSameOctets(spi, cookiesOf(session)))
    return isThis ? closedByPeer(session) : { session, outputs: [] }
  }
  const isPacket = protocol === ESP || protocol === AH
  const peerSpis = spis.filter(({ length }) => length === 4).map(readSpi)
  if (!isPacket || peerSpis.length === 0) return { session, outputs: [] }
  return {
    session,
    outputs: [],
    news: [{ kind: 'children-deleted', protocol: protocol === ESP ? 'esp' : 'ah', peerSpis }],
  }
}

function closedByPeer(session: Standing): Driven {
  const closed = report({ ...about(session), kind: 'session-closed', why: 'the peer closes it' })
  return { session: undefined, outputs: [...refusedWishes(session), closed] }
}

export function refusedWishes(session: Session): readonly KeyingOutput[] {
  return wishesOf(session).flatMap(({ rule, flow }) =>
    flow === undefined ? [] : [{ kind: 'refuse', rule, flow } as const],
  )
}

/** Windows says a delete again until it is answered. */
function answerDelete(
  session: Standing,
  { header, nextIv, mark }: Message,
  initiator: Uint8Array,
  deletions: readonly PayloadV1[],
  world: World,
): Driven {
  const { secured } = session.state
  const { messageId } = header
  const nonces = { initiator, responder: freshOctets(world.random, NONCE_BYTES) }
  const payloads = [payloadV1('nonce', { nonce: nonces.responder }), ...deletions]
  const hashOf = reliableHash(secured, messageId, nonces)
  const saying = {
    exchange: 'informational',
    messageId,
    iv: nextIv,
    hashOf,
    payloads,
    answers: mark,
    isAwaited: false,
  } as const
  const said = say(session, secured, saying, world)
  const over = { kind: 'over', until: world.now + LINGER, flight: said.flight } as const
  return { session: inState(session, withExchange(session.state, messageId, over, world.now)), outputs: said.outputs }
}

/** Of our delete towards a Windows. */
export function deleteAnswered(
  session: Standing | Session<Closing>,
  exchange: Pick<Told, 'nonce'>,
  message: Message,
  world: World,
): Driven {
  const { secured } = session.state
  const { messageId } = message.header
  const nonce = find(message.payloads, 'nonce')?.nonce
  const isRight =
    nonce !== undefined &&
    isAuthentic(message, reliableHash(secured, messageId, { initiator: exchange.nonce, responder: nonce }))
  if (!isRight) return ignoredIn(session, message.path, 'its hash is not right')
  if (session.state.kind === 'closing') return { session: undefined, outputs: [] }
  const state = withExchange(session.state, messageId, { kind: 'over', until: world.now + LINGER }, world.now)
  return { session: inState(session, state), outputs: [] }
}

/** Deletes of children, by our inbound SPIs (RFC 2408 §3.15): a payload for each protocol. */
export function deletionsOf(children: readonly Child[]): readonly PayloadV1[] {
  const layers = children.flatMap(child => child.layers)
  return (['esp', 'ah'] as const).flatMap(protocol => {
    const spis = layers.filter(layer => layer.protocol === protocol).map(({ spi }) => spiBytes(spi))
    const number = protocol === 'esp' ? ESP : AH
    return spis.length === 0 ? [] : [payloadV1('delete', { doi: 1, protocol: number, spiSize: 4, spis })]
  })
}

/** The peer hears of it, a Windows until it has answered. */
export function sayDeleted(session: Standing, deletions: readonly PayloadV1[], world: World): Driven {
  if (deletions.length === 0) return { session, outputs: [] }
  if (!session.support.answersDelete) return tellEach(session, deletions, world)
  const { secured, used } = session.state
  const messageId = used.fresh(world.random)
  const nonce = freshOctets(world.random, NONCE_BYTES)
  const payloads = [payloadV1('nonce', { nonce }), ...deletions]
  const hashOf = firstHash(secured, messageId)
  const saying = {
    exchange: 'informational',
    messageId,
    iv: ivFor(secured, messageId),
    hashOf,
    payloads,
    isAwaited: true,
  } as const
  const said = say(session, secured, saying, world)
  const told: Told = { kind: 'told', iv: said.nextIv, nonce, flight: said.flight }
  return { session: inState(session, withExchange(session.state, messageId, told, world.now)), outputs: said.outputs }
}

/** A message for each: strongSwan passes over what stands behind the first delete. */
function tellEach(session: Standing, deletions: readonly PayloadV1[], world: World): Driven {
  let current = session
  const outputs: KeyingOutput[] = []
  for (const deletion of deletions) {
    const told = tell(current, [deletion], world)
    current = told.session
    outputs.push(...told.outputs)
  }
  return { session: current, outputs }
}

/** Our farewell, with children that go with it. */
export function closeSession(session: Standing, why: string, world: World, children: readonly Child[] = []): Driven {
  const deletion = payloadV1('delete', { doi: 1, protocol: ISAKMP, spiSize: 16, spis: [cookiesOf(session)] })
  const driven = sayDeleted(session, [...deletionsOf(children), deletion], world)
  const outputs = [
    ...refusedWishes(session),
    ...driven.outputs,
    report({ ...about(session), kind: 'session-closed', why }),
  ]
  const next = driven.session as Standing
  const waiting = [...next.state.exchanges].findLast(([, one]) => one.kind === 'told')
  if (!session.support.answersDelete || waiting?.[1].kind !== 'told') return { session: undefined, outputs }
  const [messageId, { nonce, iv, flight }] = [waiting[0], waiting[1]]
  const { secured, peer } = session.state
  return { session: inState(session, { kind: 'closing', ...{ secured, peer, messageId, nonce, iv, flight } }), outputs }
}

/** In clear anybody can write it: while main mode is under way it is a hint, later it is nothing. */
export function toldInClear(session: Session, { payloads, path }: Opened, world: World): Driven {
  const asked = session.state.kind === 'sa-sent' ? findNotify(payloads, 'MS-DOS-COOKIE') : undefined
  const read = asked && readNotifyV1(asked)
  if (session.state.kind === 'sa-sent' && read?.ok === true && read.value.kind === 'MS-DOS-COOKIE') {
    return cookieBrought(inState(session, session.state), read.value.cookie)
  }
  const errors = findAll(payloads, 'notify').filter(
    ({ type }) => isErrorTypeV1(type) || type === notifyTypesV1.of['MS-STATUS'],
  )
  const [first] = errors
  if (first === undefined) return ignoredIn(session, path, 'a notification in clear')
  const name =
    first.type === notifyTypesV1.of['MS-STATUS'] ? windowsError(first.data) : notifyTypesV1.nameOf(first.type)
  const { state } = session
  if (state.kind !== 'sa-sent' && state.kind !== 'key-sent' && state.kind !== 'proof-sent') {
    return ignoredIn(session, path, `a notification in clear: ${name}`)
  }
  const peer = formatAddress(session.path.remote.address)
  return refusedForNow(session, `${peer} refuses: ${name}${hintOf(state.kind)}`, world)
}

/**
 * Under keys, and nobody has proved anything yet: the same hint. Where keys are pre-shared the peer says it under others than
 * ours if they differ, and what it says cannot be opened.
 */
export function toldBeforeProof(
  session: Session<ProofSent>,
  message: Opened | undefined,
  path: Path,
  world: World,
): Driven {
  const { secured } = session.state
  const peer = formatAddress(session.path.remote.address)
  if (message === undefined) {
    const what = `${peer} says something that our keys do not open${hints['proof-sent']}`
    return refusedForNow(session, what, world)
  }
  if (!isAuthentic(message, firstHash(secured, message.header.messageId))) {
    return ignoredIn(session, path, 'its hash is not right')
  }
  const [error] = findAll(message.payloads, 'notify').filter(({ type }) => isErrorTypeV1(type))
  if (error === undefined) return ignoredIn(session, path, 'informational in the state proof-sent')
  return refusedForNow(session, `${peer} refuses: ${notifyTypesV1.nameOf(error.type)}${hints['proof-sent']}`, world)
}

const hints = {
  'sa-sent': ': it takes none of what we offer, or speaks with nobody at our address',
  'key-sent': '',
  'proof-sent': ': it does not take our proof; where keys are pre-shared they may not be the same',
} as const

function hintOf(state: keyof typeof hints): string {
  return hints[state]
}
