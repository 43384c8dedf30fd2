// All IKEv2 of a host: inputs in, outputs out, sessions in between. It finds the session that a message, a packet or the
// clock speaks of, lets strangers in at a price, and settles what sessions have to do with each other. What is inside a
// session is drive.ts's.
import { type Address, sameAddress } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import type { Spi } from '../../ipsec/association.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import { type IkeHeader, isFromInitiator, isResponse } from '../../wire/ike/header.ts'
import { firstLook, firstRequest } from '../first-look.ts'
import { nameOfInit } from '../init-name.ts'
import type { Instant, KeyingInput, KeyingOutput, OutsideWorld, Path, SessionId, World } from '../machine.ts'
import { ignored, report } from '../machine.ts'
import { judgeSession, keyedRule } from '../policy-change.ts'
import { RateLimit } from '../rate-limit.ts'
import { type SessionSummary, summaryOf } from '../session-summary.ts'
import { pathFor, reasonAgainst, refusedWish } from '../wishes.ts'
import { close, type Driven, intend, intendForChild, otherVersionSaid, receive, responderFor, start } from './drive.ts'
import { ended } from './ending.ts'
import { serves } from './intentions.ts'
import { LostSessions } from './lost-sessions.ts'
import { isAnothers, isEstablished, isForgotten, isUsable, oneTooMany, type Standing } from './redundancy.ts'
import { Rivals } from './rivals.ts'
import type { ChildWish, InitSent, Intention, Session } from './session.ts'
import { childrenOf, SessionBook } from './session-book.ts'
import { Strangers } from './strangers.ts'
import { wake, wakeAtOf } from './wake.ts'

/** Wishes that wait for one session; more are refused. */
const MOST_WAITING = 256
/** Refusals of strangers that are told, a second and at once: a flood of them is no flood of log lines. */
const REFUSED = [10, 50] as const

/** Of a datagram only what is not IKEv1. */
export type Version2Input = Exclude<KeyingInput, { readonly kind: 'kerberos' }>

export class Version2Host {
  readonly #book = new SessionBook()
  readonly #strangers = new Strangers()
  readonly #rivals = new Rivals(this.#book)
  readonly #lost = new LostSessions()
  /** What is wanted of sessions that are on their way; the session's own wish stands in its state. */
  readonly #waiting = new Map<SessionId, ChildWish[]>()
  /** When sessions that are on their way were begun here. */
  readonly #began = new Map<SessionId, Instant>()
  readonly #refused = new RateLimit(...REFUSED)
  /** By which the sessions were made; compared when it changes. */
  #policy: CompiledPolicy | undefined

  /** When `wake` has to come, whatever else comes; undefined where nothing is to be done. */
  get wakeAt(): Instant | undefined {
    const times = [this.#book.earliest, this.#rivals.wakeAt].filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  sessions(): readonly SessionSummary[] {
    return this.#book.all().map(summaryOf)
  }

  /** Never throws for anything that a peer sent. Outputs are to be carried out in their order. */
  handle(input: Version2Input, outside: OutsideWorld): readonly KeyingOutput[] {
    if (input.kind === 'datagram') {
      const answer = this.#askForCookie(input.path, input.bytes, outside)
      if (answer !== undefined) return answer
    }
    const world: World = {
      ...outside,
      isSpiTaken: spi => this.isTaken(spi) || outside.isSpiTaken?.(spi) === true,
      isAnothers: claim => isAnothers(this.#book.toPeer(claim.address), claim),
      // A session whose proof is on its way may stand at the peer already.
      isFirstContact: peer =>
        !this.#book.toPeer(peer).some(({ state: { kind } }) => kind === 'established' || kind === 'auth-sent'),
    }
    const before = this.#policy
    if (before === undefined || input.kind === 'policy-changed') this.#policy = world.policy
    return this.#handle(input, before ?? world.policy, world)
  }

  /** Before anything else is done for a stranger. */
  #askForCookie(path: Path, bytes: Uint8Array, outside: OutsideWorld): readonly KeyingOutput[] | undefined {
    const octets = firstRequest(path, bytes)
    if (octets === undefined || this.#book.mayKnowInit(octets)) return undefined
    return this.#strangers.askForCookie(octets, path, this.#book.halfOpen.count, outside)
  }

  #handle(input: Version2Input, before: CompiledPolicy, world: World): readonly KeyingOutput[] {
    switch (input.kind) {
      case 'datagram':
        return this.#datagram(input.path, input.bytes, world)
      case 'needs-keys':
        return this.#need(input.rule, input.flow, input.via, world)
      case 'ageing': {
        const { name, age } = input
        const why = 'its lifetime is over'
        return age === 'soft'
          ? this.#intendForChild(name, { kind: 'rekey-child', name }, world)
          : this.#intendForChild(name, { kind: 'delete-children', names: [name], why }, world)
      }
      case 'heard':
        return this.#heard(input.names, world)
      case 'policy-changed':
        return this.#policyChanged(before, world)
      case 'close': {
        const { peer } = input
        const sessions = peer === undefined ? this.#book.all() : this.#book.toPeer(peer)
        return sessions.flatMap(session => this.#become(session, close(session, 'this host closes it', world), world))
      }
      case 'wake':
        return this.#wake(world)
    }
  }

  #wake(world: World): readonly KeyingOutput[] {
    const { outputs, closings } = this.#rivals.due(world)
    const closed = closings.flatMap(({ id, intention }) => {
      const session = this.#book.get(id)
      return isUsable(session) ? this.#become(session, intend(session, intention, world), world) : []
    })
    const woken = this.#book.due(world.now).flatMap(({ id }) => {
      // One that was woken before may have ended this one.
      const session = this.#book.get(id)
      return session === undefined ? [] : this.#become(session, wake(session, world), world)
    })
    return [...outputs, ...closed, ...woken]
  }

  #datagram(path: Path, bytes: Uint8Array, world: World): readonly KeyingOutput[] {
    const look = firstLook(path, bytes)
    if (look.kind === 'keepalive') return []
    if (look.kind === 'not-ours') return [ignored(path, look.what)]
    const { header, octets } = look
    const { major } = header.version
    if (major !== 2) {
      return [ignored(path, `IKE of version ${major}`), ...this.#strangers.otherVersion(header, path, world)]
    }
    const role = isFromInitiator(header) ? 'responder' : 'initiator'
    if (role === 'responder' && header.responderSpi === 0n) return this.#stranger(header, octets, path, world)
    const session = this.#bySpi(role === 'responder' ? header.responderSpi : header.initiatorSpi)
    if (session === undefined || session.role !== role) {
      return [ignored(path, 'a message of no session here'), ...this.#strangers.noSession(header, path, world)]
    }
    const anew = this.#lost.wishFor(session, header, octets, path, world.now)
    if (anew !== undefined) return this.#tryAnew(session, anew, world)
    return this.#become(session, receive(session, octets, path, world), world, isResponse(header))
  }

  #bySpi(spi: bigint): Session | undefined {
    return this.#book.get(spi.toString(16).padStart(16, '0'))
  }

  /** Somebody begins: an IKE_SA_INIT request, new or again. */
  #stranger(header: IkeHeader, octets: Uint8Array, path: Path, world: World): readonly KeyingOutput[] {
    // Who sends everything back would have this host prove itself to itself, and take its own packets for the peer's. With
    // another SPI in it the keys of the two sides would differ.
    if (this.#bySpi(header.initiatorSpi)?.role === 'initiator') return [ignored(path, 'our own request comes back')]
    const name = nameOfInit(path, octets)
    const { halfOpen } = this.#book
    if (this.#book.mayKnowInit(octets)) {
      const known = this.#book.ofInit(name)
      if (known !== undefined) return this.#become(known, receive(known, octets, path, world), world)
      // Others were asked before.
      const asked = this.#strangers.askForCookie(octets, path, halfOpen.count, world)
      if (asked !== undefined) return asked
    }
    const entry = this.#strangers.judge(header, path, halfOpen, world)
    if (entry.kind === 'turned-away') return entry.outputs
    const outputs: KeyingOutput[] = []
    if (entry.insteadOf !== undefined) {
      const other = this.#book.get(entry.insteadOf)!
      outputs.push(...this.#become(other, ended(other, []), world))
    }
    const session = responderFor(header, path, world)
    const received = this.#become(session, receive(session, octets, path, world), world)
    outputs.push(...received.filter(output => !isFailure(output) || this.#refused.allows(world.now)))
    if (this.#book.get(session.id) !== undefined) this.#book.rememberInit(name, session.id)
    return outputs
  }

  /** Beside the session, which nothing has ended yet. */
  #tryAnew({ path }: Session, wish: ChildWish, world: World): readonly KeyingOutput[] {
    const isComing = this.#book.toPeer(path.remote.address).some(({ state }) => 'wish' in state)
    const why = reasonAgainst(wish.rule, keyedRule(world.policy.policy, wish.rule), world)
    return isComing || why !== undefined ? [] : this.#become(undefined, start(wish, path, world), world)
  }

  /** Packets wait: by a session that stands, one that is on its way, or a new one. */
  #need(name: RuleId, flow: Flow, via: Address | undefined, world: World): readonly KeyingOutput[] {
    const wish = { rule: name, flow }
    const rule = keyedRule(world.policy.policy, name)
    const why = reasonAgainst(name, rule, world)
    if (rule === undefined || why !== undefined) return refusedWish(wish, why ?? '')
    const path = pathFor(rule, flow, via, world.policy)
    if (path === undefined) return refusedWish(wish, 'this host has no address to begin from')
    const held = this.#rivals.release(name, path.remote.address)
    if (held.length > 0) return held
    const toPeer = this.#book.toPeer(path.remote.address)
    const credentials = world.credentials.of(name)
    const isOfPath = ({ path: { local } }: Session) => sameAddress(local.address, path.local.address)
    const standing = toPeer
      .filter(isUsable)
      .find(one => isOfPath(one) && credentials.includes(one.state.peer.credential))
    if (standing !== undefined) {
      if (standing.state.queue.length >= MOST_WAITING) return refusedWish(wish, 'too much waits for this peer already')
      return this.#become(standing, intend(standing, { kind: 'make-child', wish }, world), world)
    }
    const coming = toPeer.find(one => {
      const { state } = one
      if (!('wish' in state) || !isOfPath(one)) return false
      return world.credentials.of(state.wish.rule).some(each => credentials.includes(each))
    })
    if (coming === undefined) return this.#become(undefined, start(wish, path, world), world)
    const waiting = this.#waiting.get(coming.id) ?? []
    if (waiting.length >= MOST_WAITING) return refusedWish(wish, 'too much waits for this peer already')
    this.#waiting.set(coming.id, [...waiting, wish])
    return []
  }

  #intendForChild(name: Spi, intention: Intention, world: World): readonly KeyingOutput[] {
    const session = this.#book.ofChild(name)
    const child = session === undefined ? undefined : childrenOf(session).find(one => one.name === name)
    if (!isUsable(session) || child === undefined || child.standing === 'deleting' || child.standing === 'gone')
      return []
    // What is being replaced, or about to be, needs no second time.
    const isAsked = session.state.queue.some(one => one.kind === intention.kind && 'name' in one && one.name === name)
    if (intention.kind === 'rekey-child' && (isAsked || child.standing !== 'used')) return []
    return this.#become(session, intendForChild(session, intention, world), world)
  }

  #heard(names: readonly Spi[], world: World): readonly KeyingOutput[] {
    for (const name of names) {
      const session = this.#book.ofChild(name)
      if (!isEstablished(session)) continue
      this.#put({ ...session, state: { ...session.state, heardAt: world.now } }, world)
    }
    return this.#rivals.heard(names)
  }

  #policyChanged(before: CompiledPolicy, world: World): readonly KeyingOutput[] {
    const change = { before, after: world.policy, credentials: world.credentials }
    const outputs: KeyingOutput[] = []
    for (const session of this.#book.all()) {
      const { state } = session
      const wished = 'wish' in state ? state.wish.rule : undefined
      if (wished !== undefined && reasonAgainst(wished, keyedRule(world.policy.policy, wished), world) !== undefined) {
        outputs.push(...this.#become(session, close(session, 'the policy changed', world), world))
      }
      if (!isUsable(session)) continue
      const verdict = judgeSession(session, change)
      if (verdict.kind === 'ends') {
        outputs.push(...this.#become(session, close(session, verdict.why, world), world))
        continue
      }
      const { ending: names } = verdict
      const why = 'the policy no longer has its rule'
      const driven =
        names.length === 0
          ? { sessions: [verdict.session], outputs: [] }
          : intend(verdict.session, { kind: 'delete-children', names, why }, world)
      outputs.push(...this.#become(session, driven, world))
    }
    return outputs
  }

  #put(session: Session, world: World): void {
    this.#book.put(session, wakeAtOf(session, world))
  }

  /** What a session became takes its place, and what follows for others is done. */
  #become(
    before: Session | undefined,
    { sessions, outputs }: Driven,
    world: World,
    isAnswer = false,
  ): readonly KeyingOutput[] {
    if (before !== undefined && !sessions.some(({ id }) => id === before.id)) {
      this.#book.delete(before.id)
      this.#began.delete(before.id)
      this.#lost.forget(before.id)
    }
    for (const session of sessions) {
      if (before === undefined) this.#began.set(session.id, world.now)
      this.#put(this.#withBegin(session), world)
    }
    const all = outputs.flatMap(output => this.#pass(output, isAnswer, world))
    const stood = before !== undefined && isEstablished(before)
    for (const { id, state } of sessions) {
      const session = this.#book.get(id)
      if (!stood && isEstablished(session)) all.push(...this.#welcome(session, world))
      if ('wish' in state) return all
    }
    const isSilent = outputs.some(one => one.kind === 'refuse' && one.isSilent === true)
    if (before !== undefined) all.push(...this.#goOnWaiting(before, isSilent, world))
    return all
  }

  /** A session of ours began when its first message went, however late the answer came. */
  #withBegin(session: Session): Session {
    const begunAt = this.#began.get(session.id)
    if (begunAt === undefined || !isEstablished(session)) return session
    this.#began.delete(session.id)
    return { ...session, state: { ...session.state, begunAt } }
  }

  #pass(output: KeyingOutput, isAnswer: boolean, world: World): readonly KeyingOutput[] {
    switch (output.kind) {
      case 'begin-sending':
        return this.#rivals.begin(output.name, isAnswer, world)
      case 'remove':
        return this.#rivals.remove(output.names, world)
      case 'refuse':
        // What another session made meanwhile serves the packet as well, and a fallback to clear would pass it by.
        return this.isServed(output, world) ? [] : [output]
      default:
        return [output]
    }
  }

  isServed(
    { rule: name, flow }: { readonly rule: string; readonly flow: Flow },
    { policy }: Pick<World, 'policy'>,
  ): boolean {
    const rule = keyedRule(policy.policy, name)
    const peer = rule?.tunnelEndpoint ?? flow.destination
    return this.#book
      .toPeer(peer)
      .filter(isUsable)
      .some(session => childrenOf(session).some(child => serves(child, { rule: name, flow })))
  }

  /** A session has come about: what its peer has forgotten ends without a word, and what waited for it goes on. */
  #welcome(session: Standing, world: World): readonly KeyingOutput[] {
    const ofAddress = this.#book.toPeer(session.path.remote.address)
    const forgotten = ofAddress.flatMap(other => {
      if (!isForgotten(other, session)) return []
      if (session.state.peer.saysFirstContact !== true) {
        if (!this.#lost.isDoubted(other)) return []
        return this.#become(other, close(other, 'its peer was asked anew, and answered', world), world)
      }
      const { id, path } = other
      const why = 'its peer began anew and knows of no other session'
      const told = report({ kind: 'session-closed', session: id, peer: path.remote.address, why })
      const { outputs } = ended(other, [told])
      const rest = outputs.filter(({ kind }) => kind !== 'refuse')
      const gone = this.#become(other, { sessions: [], outputs: rest }, world)
      // What waited for the old one is asked of the new one.
      return [
        ...gone,
        ...outputs.flatMap(one =>
          one.kind === 'refuse' ? this.#need(one.rule, one.flow, path.local.address, world) : [],
        ),
      ]
    })
    const surplus = oneTooMany(
      session,
      ofAddress.filter(({ id }) => this.#book.get(id) !== undefined),
    )
    if (surplus === undefined) return forgotten
    const closed = close(surplus, 'its peer has too many sessions', world)
    return [...forgotten, ...this.#become(surplus, closed, world)]
  }

  /** Wishes that waited for the session: it stands, or it came to nothing. */
  #goOnWaiting({ id, path }: Session, isSilent: boolean, world: World): readonly KeyingOutput[] {
    const waiting = this.#waiting.get(id) ?? []
    this.#waiting.delete(id)
    const isThere = this.#book.get(id) !== undefined
    return waiting.flatMap(wish => {
      const { rule, flow } = wish
      if (flow === undefined || this.isServed({ rule, flow }, world)) return []
      if (!isThere) return [{ kind: 'refuse', rule, flow, ...(isSilent ? { isSilent } : {}) } as const]
      return this.#need(rule, flow, path.local.address, world)
    })
  }

  /** Whether a session with that address stands. */
  knows(address: Address): boolean {
    return this.#book.toPeer(address).some(isEstablished)
  }

  /** The peer says that it does not speak IKEv2. Whether the session is one that waits for its first answer. */
  lacksVersion(spi: bigint, path: Path, world: OutsideWorld): boolean {
    const session = this.#bySpi(spi)
    if (session?.state.kind !== 'init-sent' || !sameAddress(session.path.remote.address, path.remote.address))
      return false
    // Who has asked for a cookie or another group speaks it.
    if (session.state.detours > 0) return true
    const next = otherVersionSaid(session as Session<InitSent>, world.now)
    this.#book.put(next, wakeAtOf(next, world))
    return true
  }

  isTaken(spi: Spi): boolean {
    return this.#book.ofChild(spi) !== undefined || this.#rivals.isLingering(spi)
  }
}

function isFailure(output: KeyingOutput): boolean {
  return output.kind === 'report' && output.event.kind === 'session-failed'
}
