// From a handler's payloads to datagrams: message IDs, flags, the envelope with the right keys, and what is remembered to
// say it again. The counterpart of receiving in drive.ts.
import { intermediateStep } from '../../crypto/ike-auth.ts'
import { wipeIkeKeys } from '../../crypto/ike-keys.ts'
import { FROM_INITIATOR, RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, type MessageHeader, writeMessage } from '../../wire/ike/message.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { withRequest, withResponse } from '../exchange-window.ts'
import { withMarker } from '../first-look.ts'
import { type KeyingOutput, type Path, type Role, report, type World } from '../machine.ts'
import { sealMessage } from './envelope.ts'
import { type Agreed, type Secured, type Session, type State, securedOf } from './session.ts'
import type { ExchangeName } from './step.ts'

export interface Sent {
  readonly session: Session
  readonly outputs: readonly KeyingOutput[]
}

/** The request goes out, sealed with the keys that the session has now, and is outstanding. */
export function sendRequest(
  session: Session,
  exchange: ExchangeName,
  payloads: readonly Payload[],
  world: World,
): Sent {
  const isInit = exchange === 'IKE_SA_INIT'
  // A first request that has to be asked anew keeps its number (RFC 7296 §2.2).
  const id = isInit ? 0 : session.window.nextOwn
  const header = headerOf(session, exchangeTypes.of[exchange], id, false)
  const written = write(session, securedOf(session.state), header, payloads, world)
  const window = withRequest(
    session.window,
    { id, exchange: header.exchange, datagrams: written.datagrams },
    world.now,
    world.settings,
  )
  let state = written.secured === undefined ? session.state : withSecured(session.state, written.secured)
  if (state.kind === 'init-sent') state = { ...state, request: written.datagrams[0]! }
  if (exchange === 'IKE_INTERMEDIATE') state = withChain(state, session.role, securedOf(session.state)!, written)
  const sent = { ...session, window, state }
  return { session: said(sent, world), outputs: outputsOf(sent, header, payloads, written.datagrams, world) }
}

/** The answer to the request with that ID goes out, sealed with `secured`: the keys that opened the request. */
export function sendResponse(
  session: Session,
  secured: Secured | undefined,
  request: Pick<MessageHeader, 'exchange' | 'messageId'>,
  asked: Uint8Array,
  payloads: readonly Payload[],
  world: World,
): Sent {
  const header = headerOf(session, request.exchange, request.messageId, true)
  const written = write(session, secured, header, payloads, world)
  const window = withResponse(session.window, request.messageId, asked, written.datagrams)
  let { state } = session
  const kept = securedOf(state)
  // By the cipher's key: with a PPK others change and this one stays, and its counter must never go back (RFC 8784 §3).
  if (written.secured !== undefined && kept?.keys[session.role].cipher === written.secured.keys[session.role].cipher) {
    state = withSecured(state, { ...kept, sealed: written.secured.sealed })
  }
  if (header.exchange === exchangeTypes.of.IKE_SA_INIT && state.kind === 'awaiting-auth') {
    const { agreed } = state
    state = { ...state, agreed: { ...agreed, init: { ...agreed.init, response: written.datagrams[0]! } } }
  }
  if (header.exchange === exchangeTypes.of.IKE_INTERMEDIATE) {
    state = withChain(state, session.role, secured!, written)
    // The answer was the last message under them (RFC 9370 §2.2.2).
    if (securedOf(state)?.keys !== secured!.keys) wipeIkeKeys(secured!.keys)
  }
  const sent = { ...session, window, state }
  return { session: said(sent, world), outputs: outputsOf(sent, header, payloads, written.datagrams, world) }
}

/** A response that nothing is remembered of: what an IKE_SA_INIT that leads nowhere gets (RFC 7296 §2.6, §2.7). */
export function sendForgotten(
  session: Session,
  request: Pick<MessageHeader, 'exchange' | 'messageId'>,
  payloads: readonly Payload[],
  world: World,
): readonly KeyingOutput[] {
  const bare = { ...session, spis: { ...session.spis, responder: new Uint8Array(8) } }
  const header = headerOf(bare, request.exchange, request.messageId, true)
  return outputsOf(bare, header, payloads, [writeMessage({ header, payloads })], world)
}

export function resend(path: Path, datagrams: readonly Uint8Array[]): readonly KeyingOutput[] {
  return datagrams.map(octets => ({ kind: 'send', path, bytes: withMarker(path, octets) }))
}

interface Written {
  readonly datagrams: readonly Uint8Array[]
  readonly secured?: Secured
  readonly head: Uint8Array
  readonly content: Uint8Array
}

const NOTHING = new Uint8Array(0)

function write(
  { role, path }: Session,
  secured: Secured | undefined,
  header: MessageHeader,
  payloads: readonly Payload[],
  world: World,
): Written {
  if (header.exchange === exchangeTypes.of.IKE_SA_INIT) {
    return { datagrams: [writeMessage({ header, payloads })], head: NOTHING, content: NOTHING }
  }
  if (secured === undefined) throw new Error('a message behind IKE_SA_INIT without keys')
  return sealMessage(secured, role, header, payloads, path, world)
}

export function headerOf(
  { role, spis }: Session,
  exchange: number,
  messageId: number,
  isAnswer: boolean,
): MessageHeader {
  const view = (spi: Uint8Array) => new DataView(spi.buffer, spi.byteOffset, 8).getBigUint64(0)
  const flags = (role === 'initiator' ? FROM_INITIATOR : 0) | (isAnswer ? RESPONSE : 0)
  return {
    initiatorSpi: view(spis.initiator),
    responderSpi: view(spis.responder),
    version: IKE_VERSION_2,
    exchange,
    flags,
    messageId,
  }
}

function outputsOf(
  { id, path }: Session,
  header: MessageHeader,
  payloads: readonly Payload[],
  datagrams: readonly Uint8Array[],
  { settings }: World,
): readonly KeyingOutput[] {
  const sends = resend(path, datagrams)
  if (!settings.tellMessages) return sends
  const isSealed = header.exchange !== exchangeTypes.of.IKE_SA_INIT
  const told = {
    kind: 'message',
    way: 'sent',
    session: id,
    peer: path.remote.address,
    path,
    header,
    payloads,
    isSealed,
    again: 0,
  } as const
  return [report(told), ...sends]
}

export function withSecured(state: State, secured: Secured): State {
  return 'secured' in state ? { ...state, secured } : state
}

interface Covered {
  readonly head: Uint8Array
  readonly content: Uint8Array
}

/** One step of IntAuth, with the SK_p of the side that sent the message (RFC 9242 §3.3). */
export function withChain(state: State, sender: Role, secured: Secured, { head, content }: Covered): State {
  if (!('agreed' in state)) return state
  const { agreed } = state
  const key = secured.keys[sender].authentication
  const step = intermediateStep(secured.suite.prf, key, agreed.chains[sender], head, content)
  const chains: Agreed['chains'] = { ...agreed.chains, [sender]: step }
  return { ...state, agreed: { ...agreed, chains } }
}

function said(session: Session, { now }: World): Session {
  const { state } = session
  return state.kind === 'established' ? { ...session, state: { ...state, saidAt: now } } : session
}
