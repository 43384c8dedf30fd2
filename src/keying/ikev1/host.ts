// All IKEv1 of a host: inputs in, outputs out, sessions and children in between. It finds the session that a message, a packet
// or the clock speaks of, lets strangers in, and settles what sessions and children have to do with each other. What is inside
// a session is drive.ts's.
import { type Address, sameAddress } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import type { Spi } from '../../ipsec/association.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import type { RuleId } from '../../policy/model.ts'
import type { IkeHeader } from '../../wire/ike/header.ts'
import type { ChildWish } from '../child-rule.ts'
import type { Instant, KerberosAnswer, KeyingOutput, OutsideWorld, Path, SessionId, World } from '../machine.ts'
import { report } from '../machine.ts'
import { keyedRule } from '../policy-change.ts'
import type { SessionSummary } from '../session-summary.ts'
import { pathFor, refusedWish } from '../wishes.ts'
import { ChildBook } from './child-book.ts'
import { type Child, isProvedAlike, isSamePeer, isSameUse } from './children.ts'
import { answered, receive } from './drive.ts'
import { Entrance } from './entrance.ts'
import { livenessOf } from './established.ts'
import { closeSession, deletionsOf, refusedWishes, sayDeleted } from './informational.ts'
import { forgetting } from './kerberos-asks.ts'
import { beginMainMode } from './main-mode.ts'
import type { Driven, News } from './opened.ts'
import { Orphans } from './orphans.ts'
import { judgePolicy } from './policy-change.ts'
import { peerOf } from './quick-agreement.ts'
import { connectedByPacket } from './quick-mode.ts'
import { about, type Established, inState, isEstablished, type Session, wishesOf } from './session.ts'
import { SessionBook } from './session-book.ts'
import { summariesOf } from './summary.ts'
import { goOn, newest, oneTooMany, onPort500, pathTo, sessionFor, withWish } from './waiting.ts'
import { wake, wakeAtOf } from './wake.ts'

type Standing = Session<Established>

export class Version1Host {
  readonly #book = new SessionBook()
  readonly #children = new ChildBook()
  readonly #entrance = new Entrance(this.#book)
  readonly #orphans = new Orphans()

  get wakeAt(): Instant | undefined {
    const all = [this.#book, this.#children, this.#orphans]
    const times = all.map(({ earliest }) => earliest).filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  sessions(): readonly SessionSummary[] {
    return summariesOf(this.#book.all(), this.#children.all(), peer => this.#standingWith(peer))
  }

  isTaken(spi: Spi): boolean {
    return this.#children.isTaken(spi)
  }

  isServed({ rule, flow }: { readonly rule: RuleId; readonly flow: Flow }): boolean {
    return this.#children.serving(rule, flow) !== undefined
  }

  /** Whether a session with that address stands or is on its way: who spoke IKEv1 once, is asked by it again. */
  knows(address: Address): boolean {
    return this.#book.toPeer(address).some(isEstablished)
  }

  /** `octets` from the IKE header on. */
  datagram(header: IkeHeader, octets: Uint8Array, path: Path, outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const session = this.#entrance.sessionOf(header)
    if (session !== undefined) return this.#received(session, () => receive(session, octets, path, world), world)
    const entry = this.#entrance.stranger(header, octets, path, world)
    return entry.outputs.concat(
      entry.gone === undefined ? [] : this.#end(entry.gone),
      entry.driven === undefined ? [] : this.#become(undefined, entry.driven, world),
      entry.again === undefined ? [] : this.#become(entry.again, receive(entry.again, octets, path, world), world),
    )
  }

  /** Who goes on to the second message has its address proved: of those there are only so many, and key exchanges. */
  #received(before: Session, run: () => Driven, world: World): readonly KeyingOutput[] {
    if (before.state.kind !== 'sa-answered') return this.#become(before, run(), world)
    const admission = this.#book.halfOpen.admit(before.path.remote.address, world.now, world.settings)
    if (admission.kind === 'too-many') {
      return [report({ kind: 'ignored', ...about(before), path: before.path, what: admission.what })]
    }
    const driven = run()
    const isNowHalf = driven.session !== undefined && driven.session.state !== before.state
    if (!isNowHalf) return this.#become(before, driven, world)
    const gone = admission.kind === 'instead-of' ? this.#end(admission.id) : []
    return [...gone, ...this.#become(before, driven, world)]
  }

  #end(id: SessionId): readonly KeyingOutput[] {
    const session = this.#book.get(id)
    this.#book.delete(id)
    return session === undefined ? [] : [...refusedWishes(session), ...forgetting(session, undefined)]
  }

  #world(outside: OutsideWorld): World {
    return {
      ...outside,
      isSpiTaken: spi => this.#children.isTaken(spi) || outside.isSpiTaken?.(spi) === true,
      isAnothers: claim => {
        const session = this.#book.get(claim.session)
        return isEstablished(session) && this.#children.isAnothers(claim, peerOf(session))
      },
      // A session whose proof is on its way may stand at the peer already.
      isFirstContact: peer =>
        this.#children.toAddress(peer).length === 0 &&
        !this.#book.toPeer(peer).some(({ state: { kind } }) => kind === 'established' || kind === 'proof-sent'),
    }
  }

  kerberos(id: SessionId, answer: KerberosAnswer, outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const session = this.#book.get(id)
    return session === undefined ? [] : this.#become(session, answered(session, answer, world), world)
  }

  /** Packets wait: by a child or a session that stands, one that is on its way, or a new one. */
  need(name: RuleId, flow: Flow, via: Address | undefined, outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const wish = { rule: name, flow }
    const rule = keyedRule(world.policy.policy, name)
    if (rule === undefined) return refusedWish(wish, 'the policy has no such rule that negotiates')
    const path = pathFor(rule, flow, via, world.policy)
    if (path === undefined) return refusedWish(wish, 'this host has no address to begin from')
    return this.#wish(wish, path, world)
  }

  #wish(wish: ChildWish, path: Path, world: World): readonly KeyingOutput[] {
    const session = sessionFor(wish, path, this.#book.toPeer(path.remote.address), world)
    if (session === undefined) return this.#begin(wish.rule, [wish], path, world)
    const next = withWish(session, wish)
    if (next === undefined) return refusedWish(wish, 'too much waits for this peer already')
    return this.#become(session, { session: next, outputs: [] }, world)
  }

  #begin(rule: RuleId, wishes: readonly ChildWish[], path: Path, world: World): readonly KeyingOutput[] {
    const begun = beginMainMode({ rule, wishes }, path, world)
    if (typeof begun !== 'string') return this.#become(undefined, begun, world)
    return wishes.flatMap(wish => refusedWish(wish, begun))
  }

  /** From the data plane: an association reached a limit. */
  ageing(name: Spi, age: 'soft' | 'hard', outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const child = this.#children.get(name)
    if (child === undefined || child.standing === 'gone') return []
    if (age === 'hard') return this.#deleteChildren([child], 'its lifetime is over', world)
    return child.standing === 'used' ? this.#rekey(child, world) : []
  }

  #rekey(child: Child, world: World): readonly KeyingOutput[] {
    const { rule, name, peer } = child
    const isAsked = this.#book.toPeer(peer.address).some(one => wishesOf(one).some(({ replaces }) => replaces === name))
    const isComing = this.#children.all().some(one => one.standing === 'coming' && isSameUse(one, child))
    const path = pathTo(child, this.#book.get(child.session) ?? this.#standingWith(peer), world)
    return isAsked || isComing || path === undefined ? [] : this.#wish({ rule, replaces: name }, path, world)
  }

  #standingWith(peer: Child['peer']): Standing | undefined {
    return newest(
      this.#book
        .toPeer(peer.address)
        .filter(isEstablished)
        .filter(one => isSamePeer(peerOf(one), peer)),
    )
  }

  #deleteChildren(children: readonly Child[], why: string, world: World): readonly KeyingOutput[] {
    const outputs: KeyingOutput[] = []
    for (const child of children) {
      const session = this.#standingWith(child.peer)
      if (session !== undefined && child.standing !== 'gone') {
        outputs.push(...this.#become(session, sayDeleted(session, deletionsOf([child]), world), world))
      }
      outputs.push(...this.#children.remove(child.name, why))
    }
    return outputs
  }

  heard(names: readonly Spi[], outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    return names.flatMap(name => {
      const child = this.#children.get(name)
      if (child === undefined) return []
      const session = this.#standingWith(child.peer)
      this.#orphans.heard(child.peer, world.now)
      if (session !== undefined) this.#put(inState(session, { ...session.state, heardAt: world.now }), world)
      // A packet under keys that only both have says as much as the last message does.
      const outputs = child.standing === 'coming' ? this.#children.ready(name, world) : []
      const maker = this.#book.get(child.session)
      const connected = isEstablished(maker) ? connectedByPacket(maker, name, world) : undefined
      return connected === undefined ? outputs : [...outputs, ...this.#become(maker, connected, world)]
    })
  }

  policyChanged(before: CompiledPolicy, outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const outputs: KeyingOutput[] = []
    for (const session of this.#book.all()) {
      const verdict = judgePolicy(session, this.#children.all(), before, world)
      if (verdict.kind === 'ends') {
        outputs.push(...this.#close(session, verdict.why, world, verdict.ending))
        continue
      }
      if (verdict.ending.length > 0) outputs.push(...this.#deleteChildren(verdict.ending, verdict.why, world))
      const now = this.#book.get(session.id)
      if (now !== undefined) outputs.push(...this.#become(now, verdict.refresh(now), world))
    }
    return outputs
  }

  /** Farewell to that address, or to all. */
  close(peer: Address | undefined, outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const isMeant = (address: Address) => peer === undefined || sameAddress(peer, address)
    const why = 'this host closes it'
    const outputs: KeyingOutput[] = []
    for (const { id } of this.#book.all().filter(({ path }) => isMeant(path.remote.address))) {
      const session = this.#book.get(id)
      if (session !== undefined) outputs.push(...this.#close(session, why, world, this.#childrenOf(session)))
    }
    const left = this.#children.all().filter(one => isMeant(one.peer.address))
    return [...outputs, ...this.#deleteChildren(left, why, world)]
  }

  /** All of the peer's, where the session is the one that speaks for them. */
  #childrenOf(session: Session): readonly Child[] {
    if (!isEstablished(session)) return []
    const peer = peerOf(session)
    return this.#standingWith(peer)?.id === session.id ? this.#children.ofPeer(peer) : []
  }

  #close(session: Session, why: string, world: World, children: readonly Child[] = []): readonly KeyingOutput[] {
    if (session.state.kind === 'closing') return []
    if (isEstablished(session)) {
      const closed = this.#become(session, closeSession(session, why, world, children), world)
      return [...closed, ...children.flatMap(({ name }) => this.#children.remove(name, why))]
    }
    const failed = report({ kind: 'session-failed', ...about(session), what: why })
    return this.#become(session, { session: undefined, outputs: [...refusedWishes(session), failed] }, world)
  }

  wake(outside: OutsideWorld): readonly KeyingOutput[] {
    const world = this.#world(outside)
    const outputs: KeyingOutput[] = []
    for (const child of this.#children.due(world.now)) {
      if (child.standing === 'gone') outputs.push(...this.#children.remove(child.name, 'it is replaced'))
      else outputs.push(...this.#deleteChildren([child], 'it is replaced', world))
    }
    for (const { name, age } of this.#children.ageing(world.now)) outputs.push(...this.ageing(name, age, outside))
    for (const id of this.#book.due(world.now)) {
      const session = this.#book.get(id)
      if (session !== undefined) outputs.push(...this.#become(session, wake(session, world), world))
    }
    for (const peer of this.#orphans.due(world.now)) {
      const [child] = this.#standingWith(peer) === undefined ? this.#children.ofPeer(peer) : []
      const path = child && pathTo(child, undefined, world)
      if (path === undefined) this.#orphans.over(peer)
      else outputs.push(...this.#begin(child!.rule, [], path, world))
    }
    return outputs
  }

  #put(session: Session, world: World): void {
    this.#book.put(session, wakeAtOf(session, world))
  }

  /** What a session became takes its place, and what follows for others is done. */
  #become(before: Session | undefined, { session, outputs, news = [] }: Driven, world: World): readonly KeyingOutput[] {
    const all = [...outputs.filter(one => one.kind !== 'refuse' || !this.isServed(one)), ...forgetting(before, session)]
    if (session === undefined) {
      if (before !== undefined) this.#book.delete(before.id)
    } else {
      this.#put(session, world)
      if (before === undefined) this.#entrance.remember(session)
    }
    if (isEstablished(before) && session === undefined) this.#watch(peerOf(before), world)
    const maker = session ?? before
    if (maker !== undefined) for (const one of news) all.push(...this.#hear(one, maker, world))
    if (isEstablished(session)) {
      if (before !== undefined && !isEstablished(before)) all.push(...this.#welcome(session, world))
      all.push(...this.#goOn(session.id, world))
    }
    return all
  }

  #hear(news: News, maker: Session, world: World): readonly KeyingOutput[] {
    const peer = isEstablished(maker) ? peerOf(maker) : undefined
    switch (news.kind) {
      case 'child-made':
        return this.#children
          .add(news.child, world)
          .concat(this.#deleteChildren(this.#children.tooMany(news.child), 'its peer has too many', world))
      case 'child-ready':
        return [...this.#children.ready(news.name, world), ...this.#goOn(maker.id, world)]
      case 'never-confirmed': {
        const child = this.#children.get(news.name)
        const why = 'the peer never said that it has the answer'
        // It may have it all the same, and would send what nobody opens.
        return child?.standing === 'coming' ? this.#deleteChildren([child], why, world) : []
      }
      case 'children-deleted':
        return peer === undefined ? [] : this.#children.deletedByPeer(peer, news.protocol, news.peerSpis, world)
      case 'first-contact':
        return isEstablished(maker) ? this.#forgotten(maker, world) : []
      case 'peer-gone':
        // Another session may be the one that the peer still has.
        return peer === undefined || this.#standingWith(peer) !== undefined
          ? []
          : this.#children.ofPeer(peer).flatMap(({ name }) => this.#children.remove(name, news.why))
      case 'unanswered':
        return this.#unanswered(maker)
      case 'used-up':
        return this.#close(maker, 'under master PFS one main mode makes one quick mode', world)
      case 'child-lifetime':
        if (peer !== undefined) this.#children.shorten(peer, news.spi, news.seconds, world.now)
        return []
      case 'renew':
        return isEstablished(maker) ? this.#renew(maker, world) : []
    }
  }

  /** Its last session is gone and associations live on. Through its NAT only the peer can begin. */
  #watch(peer: Child['peer'], { now, policy }: World): void {
    const liveness = livenessOf(policy)
    const isAlone = !peer.isTranslated && this.#standingWith(peer) === undefined
    if (liveness > 0 && isAlone && this.#children.ofPeer(peer).length > 0) this.#orphans.watch(peer, liveness, now)
  }

  /** Not even a first message: what was made with a peer that is watched is of no use. */
  #unanswered({ path, begunAt }: Session): readonly KeyingOutput[] {
    const gone = this.#children
      .toAddress(path.remote.address)
      .filter(({ peer }) => this.#standingWith(peer) === undefined && this.#orphans.isSilentSince(peer, begunAt))
    return gone.flatMap(({ name }) => this.#children.remove(name, 'the peer does not answer'))
  }

  /** What the peer made before this session it knows no more. */
  #forgotten(session: Standing, world: World): readonly KeyingOutput[] {
    const peer = peerOf(session)
    const why = 'its peer began anew and knows of no other session'
    const isOfPeer = (other: Child['peer']) => isSamePeer(other, peer) && isProvedAlike(other, peer)
    const others = this.#book.toPeer(peer.address).filter(isEstablished)
    const ended = others.filter(
      one => one.id !== session.id && isOfPeer(peerOf(one)) && one.state.establishedAt < session.begunAt,
    )
    const children = this.#children
      .ofPeer(peer)
      .filter(one => one.session !== session.id && one.since < session.begunAt)
    const removed = children.flatMap(({ name }) => this.#children.remove(name, why))
    const gone = ended.flatMap(one => {
      this.#book.delete(one.id)
      // What waited for the old one is asked of the new one.
      const wishes = wishesOf(one).flatMap(wish => this.#wish(wish, session.path, world))
      return [report({ kind: 'session-closed', ...about(one), why }), ...wishes]
    })
    return [...removed, ...gone]
  }

  /** Who made the new session ends the old ones, once nothing can be under way in them. */
  #welcome(session: Standing, world: World): readonly KeyingOutput[] {
    const peer = peerOf(session)
    const all = this.#book.toPeer(peer.address).filter(isEstablished)
    const tooMany = oneTooMany(session, all)
    if (tooMany !== undefined) return this.#close(tooMany, 'its peer has too many sessions', world)
    for (const other of session.role === 'initiator' ? all : []) {
      const isOld =
        other.id !== session.id && other.state.rekeyAt >= other.state.expiresAt && isSamePeer(peerOf(other), peer)
      if (!isOld || other.state.replacedAt !== undefined) continue
      const replacedAt = world.now + world.settings.overlap
      this.#put(inState(other, { ...other.state, replacedAt }), world)
    }
    return []
  }

  /** Nobody needs a session without children, and a newer one is enough. */
  #renew(session: Standing, world: World): readonly KeyingOutput[] {
    const peer = peerOf(session)
    const isNewest = this.#standingWith(peer)?.id === session.id
    // Through its NAT only the peer can begin.
    if (!isNewest || session.state.nat.beforePeer || this.#children.ofPeer(peer).length === 0) return []
    return this.#begin(session.rule, [], onPort500(session.path), world)
  }

  /** Begins what waits, and takes elsewhere what this session may not make. */
  #goOn(id: SessionId, world: World): readonly KeyingOutput[] {
    const session = this.#book.get(id)
    if (!isEstablished(session) || session.state.queue.length === 0) return []
    const gone = goOn(session, this.#children, world)
    this.#put(gone.session, world)
    const { path } = session
    return [...gone.outputs, ...gone.elsewhere.flatMap(wish => this.#begin(wish.rule, [wish], onPort500(path), world))]
  }
}
