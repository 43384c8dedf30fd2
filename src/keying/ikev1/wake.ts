// What time does to a main mode SA: what is not answered is said again and given up, half-open ones end, a silent peer is asked,
// a NAT's mapping kept, lifetimes come to their end.
import { formatAddress } from '../../base/address.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { ruleNamed } from '../child-rule.ts'
import { type Instant, type KeyingOutput, report, type World } from '../machine.ts'
import { type Flight, repeated } from './flight.ts'
import { askWhetherAlive, closeSession, refusedWishes } from './informational.ts'
import { failed } from './main-mode-kerberos.ts'
import type { Driven, News } from './opened.ts'
import { LINGER, withExchange } from './phase-two.ts'
import { connectedNow, quickModeOver } from './quick-mode.ts'
import { about, type Established, inState, isEstablished, type Session, wishesOf } from './session.ts'

/** RFC 3948 §2.3. */
const KEEPALIVE = 0xff

/** How often Windows, and we towards it, say a delete ([MS-IKEE] §3.1). */
const MOST_TOLD = 6

/** When `wake` has something to do; undefined where only a message can change anything. */
export function wakeAtOf(session: Session, world: Pick<World, 'settings' | 'policy'>): Instant | undefined {
  const times = timesOf(session, world).filter(time => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

function timesOf(session: Session, world: Pick<World, 'settings' | 'policy'>): readonly (Instant | undefined)[] {
  const { state, begunAt, role } = session
  switch (state.kind) {
    case 'sa-answered':
    case 'key-answered':
      return [begunAt + world.settings.halfOpenSeconds]
    case 'sa-sent':
      return [state.flight.dueAt, state.refused?.until, silentAt(session, world)]
    case 'key-sent':
    case 'proof-sent':
      return [state.flight.dueAt, state.refused?.until]
    case 'awaiting-kerberos':
      return [state.until, role === 'responder' ? begunAt + world.settings.halfOpenSeconds : undefined]
    case 'closing':
      return [state.flight.dueAt]
    case 'established': {
      const underWay = [...state.exchanges.values()].flatMap(one => {
        const until = one.kind === 'quick-connecting' ? one.until : undefined
        return one.kind === 'over' ? [] : [one.flight.dueAt, until]
      })
      return [
        ...underWay,
        state.expiresAt,
        renewAt(state),
        state.replacedAt,
        livenessAt(session, state),
        keepaliveAt(state),
      ]
    }
  }
}

function renewAt({ rekeyAt, expiresAt }: Established): Instant | undefined {
  return rekeyAt < expiresAt ? rekeyAt : undefined
}

/** What waits for an answer asks as well. */
function livenessAt({ support }: Session, { asking, rhythm, heardAt, exchanges }: Established): Instant | undefined {
  if (!support.deadPeerDetection || rhythm.liveness === 0) return undefined
  const isAsking = [...exchanges.values()].some(one => one.kind === 'quick-sent')
  return asking?.dueAt ?? (isAsking ? undefined : heardAt + rhythm.liveness)
}

function keepaliveAt({ nat, saidAt, rhythm }: Established): Instant | undefined {
  return nat.beforeUs ? saidAt + rhythm.keepalive : undefined
}

/** Where the rule may fall back to clear, a host without IPsec is not waited for long, if any packet waits. */
function silentAt(session: Session, { policy, settings }: Pick<World, 'settings' | 'policy'>): Instant | undefined {
  const { rule, begunAt } = session
  if (wishesOf(session).length === 0) return undefined
  const found = ruleNamed(rule, { policy } as World)
  return found?.fallBackToClear === true ? begunAt + (policy.policy.ike?.silence ?? settings.silence) : undefined
}

export function wake(session: Session, world: World): Driven {
  const { state } = session
  const { now, settings } = world
  switch (state.kind) {
    case 'sa-answered':
    case 'key-answered': {
      if (now < session.begunAt + settings.halfOpenSeconds) return { session, outputs: [] }
      // Whoever sent one message and nothing more is no news; neither is a failure that was told.
      const isTold = state.kind === 'sa-answered' || state.hasFailed === true
      const what = 'the peer began and never proved who it is'
      return {
        session: undefined,
        outputs: isTold ? [] : [report({ kind: 'session-failed', ...about(session), what })],
      }
    }
    case 'awaiting-kerberos':
      return now >= state.until || (session.role === 'responder' && now >= session.begunAt + settings.halfOpenSeconds)
        ? failed(inState(session, state), 'the system does not answer')
        : { session, outputs: [] }
    case 'sa-sent':
    case 'key-sent':
    case 'proof-sent':
      return wakeInitiator(session, world)
    case 'closing':
      return (
        wakeFlight(session, state.flight, MOST_TOLD, world, flight => inState(session, { ...state, flight })) ?? {
          session: undefined,
          outputs: [],
        }
      )
    case 'established':
      return wakeEstablished(inState(session, state), world)
  }
}

/** Said again where it is due; undefined where it was said often enough. */
function wakeFlight(
  session: Session,
  flight: Flight,
  most: number,
  world: World,
  withFlight: (flight: Flight) => Session,
): Driven | undefined {
  if (flight.dueAt === undefined || world.now < flight.dueAt) return { session, outputs: [] }
  if (flight.sends >= most) return undefined
  const again = repeated(session, flight, world)
  return { session: withFlight(again.flight), outputs: again.outputs }
}

function wakeInitiator(session: Session, world: World): Driven {
  const { state } = session
  if (state.kind !== 'sa-sent' && state.kind !== 'key-sent' && state.kind !== 'proof-sent')
    return { session, outputs: [] }
  const { now, settings } = world
  const { refused, flight } = state
  if (refused !== undefined && now >= refused.until) return ended(session, refused.what)
  const isStranger = state.kind === 'sa-sent'
  const silent = isStranger ? silentAt(session, world) : undefined
  const most = isStranger ? settings.retransmit.sendsToStranger : settings.retransmit.sends
  const driven = wakeFlight(
    session,
    flight,
    most,
    world,
    next => ({ ...session, state: { ...state, flight: next } }) as Session,
  )
  if (driven !== undefined && (silent === undefined || now < silent)) return driven
  const peer = formatAddress(session.path.remote.address)
  const what = `${peer} does not answer: ${nameOf(state.kind)} of main mode was sent ${flight.sends} times${hintOf(state.kind)}`
  return ended(session, refused?.what ?? what, isStranger && refused === undefined)
}

function nameOf(kind: 'sa-sent' | 'key-sent' | 'proof-sent'): string {
  return { 'sa-sent': 'message 1', 'key-sent': 'message 3', 'proof-sent': 'message 5' }[kind]
}

function hintOf(kind: 'sa-sent' | 'key-sent' | 'proof-sent'): string {
  return kind === 'proof-sent' ? '; it may not take our proof: where keys are pre-shared they may not be the same' : ''
}

function ended(session: Session, what: string, isSilent = false): Driven {
  const refused = refusedWishes(session).map(one =>
    one.kind === 'refuse' && isSilent ? { ...one, isSilent: true as const } : one,
  )
  if (session.state.kind === 'key-sent') session.state.exchange.close()
  const news: readonly News[] = isSilent ? [{ kind: 'unanswered' }] : []
  return {
    session: undefined,
    outputs: [...refused, report({ kind: 'session-failed', ...about(session), what })],
    news,
  }
}

function wakeEstablished(session: Session<Established>, world: World): Driven {
  const { now } = world
  const { expiresAt, replacedAt } = session.state
  if (now >= expiresAt) return closeSession(session, 'its lifetime is over', world)
  if (replacedAt !== undefined && now >= replacedAt) return closeSession(session, 'another one took its place', world)
  let current = session
  const outputs: KeyingOutput[] = []
  const news: News[] = []
  const take = (driven: Driven): boolean => {
    outputs.push(...driven.outputs)
    news.push(...(driven.news ?? []))
    if (!isEstablished(driven.session)) return false
    current = driven.session
    return true
  }
  for (const id of session.state.exchanges.keys()) take(wakeExchange(current, id, world))
  const { state } = current
  const asksAt = livenessAt(current, state)
  if (asksAt !== undefined && now >= asksAt) {
    const { asking } = state
    if (asking !== undefined && asking.last - asking.first + 1 >= world.settings.retransmit.sends)
      return peerGone(current, outputs, news)
    take(askWhetherAlive(current, world))
  }
  const mappingAt = keepaliveAt(current.state)
  if (mappingAt !== undefined && now >= mappingAt) {
    outputs.push({ kind: 'send', path: current.path, bytes: Uint8Array.of(KEEPALIVE) })
    current = inState(current, { ...current.state, saidAt: now })
  }
  if (now >= (renewAt(current.state) ?? Number.POSITIVE_INFINITY)) {
    current = inState(current, { ...current.state, rekeyAt: current.state.expiresAt })
    news.push({ kind: 'renew' })
  }
  return { session: current, outputs, news }
}

function peerGone(session: Session<Established>, before: readonly KeyingOutput[], news: readonly News[]): Driven {
  const why = 'the peer does not answer: it was asked whether it is there'
  return {
    session: undefined,
    outputs: [...before, ...refusedWishes(session), report({ ...about(session), kind: 'session-closed', why })],
    news: [...news, { kind: 'peer-gone', why }],
  }
}

function wakeExchange(session: Session<Established>, id: number, world: World): Driven {
  const exchange = session.state.exchanges.get(id)
  if (exchange === undefined || exchange.kind === 'over') return { session, outputs: [] }
  if (exchange.kind === 'quick-connecting' && world.now >= exchange.until)
    return connectedNow(session, id, exchange, world)
  const most = exchange.kind === 'told' ? MOST_TOLD : world.settings.retransmit.sends
  const driven = wakeFlight(session, exchange.flight, most, world, flight =>
    inState(session, withExchange(session.state, id, { ...exchange, flight }, world.now)),
  )
  if (driven !== undefined) return driven
  const over = { kind: 'over', until: world.now + LINGER } as const
  const gone = inState(session, withExchange(session.state, id, over, world.now))
  if (exchange.kind === 'quick-sent') {
    const name = exchangeTypesV1.nameOf(32)
    return quickModeOver(
      session,
      id,
      exchange,
      `the peer does not answer: ${name} was sent ${exchange.flight.sends} times`,
    )
  }
  if (exchange.kind !== 'quick-answered') return { session: gone, outputs: [] }
  return { session: gone, outputs: [], news: [{ kind: 'never-confirmed', name: exchange.child }] }
}
