// All children of IKEv1 on a host: which of several that carry the same packets sends, when the others go, and what is told to
// whom. Both ends receive on all that stand; whoever made the one that stays deletes the others, a while later, so that no
// packet is lost over it.
import { type Address, sameAddress } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import type { Spi } from '../../ipsec/association.ts'
import { DueTimes } from '../due-times.ts'
import { type Instant, type KeyingOutput, type NatClaim, report, type World } from '../machine.ts'
import { overlap } from '../selectors.ts'
import { type Child, isSamePeer, isSameUse, outranks, type PeerOfChild, serves } from './children.ts'

/** Of one address: a peer, however honest it seems, has only so much of this host's memory. */
const MOST_CHILDREN = 4096

export class ChildBook {
  readonly #children = new Map<Spi, Child>()
  readonly #removals = new DueTimes<Spi>()
  /** When those that the peer shortened are renewed, and then when they end. */
  readonly #ages = new DueTimes<Spi>()
  /** SPIs of inner headers, by which no child is named. */
  readonly #inner = new Map<Spi, Spi>()

  get earliest(): Instant | undefined {
    const times = [this.#removals.earliest, this.#ages.earliest].filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  get(name: Spi): Child | undefined {
    return this.#children.get(name)
  }

  all(): readonly Child[] {
    return [...this.#children.values()]
  }

  isTaken(spi: Spi): boolean {
    return this.#children.has(spi) || this.#inner.has(spi)
  }

  ofPeer(peer: PeerOfChild): readonly Child[] {
    return this.all().filter(child => isSamePeer(child.peer, peer))
  }

  toAddress(address: Address): readonly Child[] {
    return this.all().filter(child => sameAddress(child.peer.address, address))
  }

  /** One that packets like this go through. */
  serving(rule: string, flow: Flow): Child | undefined {
    return this.all().find(child => serves(child, { rule, flow }))
  }

  /** The peer is making it already. */
  coming(rule: string, flow: Flow): Child | undefined {
    return this.all().find(
      child => child.standing === 'coming' && serves({ ...child, standing: 'used' }, { rule, flow }),
    )
  }

  /** `claimant`: of the claim's session. */
  isAnothers({ address, selectors }: NatClaim, claimant: PeerOfChild): boolean {
    return this.toAddress(address).some(
      ({ mode, standing, peer, ownSelectors: own, peerSelectors }) =>
        mode === 'transport' &&
        standing !== 'gone' &&
        peer.isTranslated &&
        !isSamePeer(peer, claimant) &&
        overlap({ own, peer: peerSelectors }, selectors),
    )
  }

  #put(child: Child): void {
    this.#children.set(child.name, child)
    for (const { spi } of child.layers.slice(0, -1)) this.#inner.set(spi, child.name)
    this.#removals.set(child.name, child.removeAt)
  }

  add(child: Child, world: World): readonly KeyingOutput[] {
    this.#put(child)
    return child.standing === 'used' ? this.#begin(child, world) : []
  }

  /** The one that came last, where there is no room for it. */
  tooMany(last: Child): readonly Child[] {
    return this.toAddress(last.peer.address).length > MOST_CHILDREN ? [last] : []
  }

  /** It may be used from now on. */
  ready(name: Spi, world: World): readonly KeyingOutput[] {
    const child = this.#children.get(name)
    if (child === undefined || child.standing !== 'coming') return []
    const next: Child = { ...child, standing: 'used' }
    this.#put(next)
    return this.#begin(next, world)
  }

  /** Which of those with the same use sends. */
  #begin(child: Child, { now, settings: { overlap: seconds } }: World): readonly KeyingOutput[] {
    const others = this.all().filter(one => one.name !== child.name && one.standing === 'used' && isSameUse(one, child))
    let winner = child
    for (const other of others) {
      const isSimultaneous = child.replaces !== other.name && Math.abs(child.since - other.since) <= seconds
      // One that took long to be ready does not push out what was made after it.
      const isBeaten = isSimultaneous ? outranks(other, winner) : other.since > child.since
      const [stays, goes] = isBeaten ? [other, winner] : [winner, other]
      winner = stays
      this.#put({ ...goes, standing: 'replaced', ...(stays.isOwn ? { removeAt: now + seconds } : {}) })
    }
    return [{ kind: 'begin-sending', name: winner.name }]
  }

  /** From the data plane and from here. */
  remove(name: Spi, why: string): readonly KeyingOutput[] {
    const child = this.#children.get(name)
    if (child === undefined) return []
    this.#children.delete(name)
    for (const { spi } of child.layers) this.#inner.delete(spi)
    this.#removals.set(name, undefined)
    this.#ages.set(name, undefined)
    const { session, peer } = child
    const closed = report({ kind: 'child-closed', session, peer: peer.address, name, why })
    const removed: KeyingOutput = { kind: 'remove', names: [name] }
    return child.standing === 'gone' ? [removed] : [removed, closed]
  }

  /** The peer says that it has them no more. A message has room for many SPIs: those that mean nothing are passed over at once. */
  deletedByPeer(
    peer: PeerOfChild,
    protocol: 'esp' | 'ah',
    peerSpis: readonly Spi[],
    world: World,
  ): readonly KeyingOutput[] {
    const spis = new Set(peerSpis)
    const isMeant = ({ layers }: Child) => layers.some(one => one.protocol === protocol && spis.has(one.peerSpi))
    const meant = this.ofPeer(peer).filter(child => child.standing !== 'gone' && isMeant(child))
    return meant.flatMap(({ name }) => this.#deleted(name, world))
  }

  /** It still receives for a while where another one has its place. */
  #deleted(name: Spi, world: World): readonly KeyingOutput[] {
    const child = this.#children.get(name)
    if (child === undefined) return []
    const why = 'the peer deletes it'
    const next = this.all().find(
      one => one.name !== child.name && isSameUse(one, child) && one.standing !== 'gone' && one.standing !== 'replaced',
    )
    if (next === undefined) return this.remove(child.name, why)
    const closed = report({
      kind: 'child-closed',
      session: child.session,
      peer: child.peer.address,
      name: child.name,
      why,
    })
    this.#put({ ...child, standing: 'gone', removeAt: world.now + world.settings.overlap })
    // Whoever deletes the old one has the new one.
    const begins =
      next.standing === 'coming' ? this.ready(next.name, world) : [{ kind: 'begin-sending', name: next.name } as const]
    return [...begins, closed]
  }

  /** RFC 2407 §4.6.3.1, of a child that is made already; who answered for it says so, and its kilobytes it counts itself. */
  shorten(peer: PeerOfChild, spi: Spi, seconds: number, now: Instant): void {
    const child = this.ofPeer(peer).find(
      ({ isOwn, standing, layers }) =>
        isOwn && standing !== 'gone' && layers.some(one => one.spi === spi || one.peerSpi === spi),
    )
    if (child === undefined || seconds === 0) return
    const until = Math.max(now + 1, child.since + seconds)
    if (child.until !== undefined && child.until <= until) return
    this.#put({ ...child, until })
    this.#ages.set(child.name, now + 0.8 * (until - now))
  }

  /** Whose shortened time nears its end, or is over. */
  ageing(now: Instant): readonly { readonly name: Spi; readonly age: 'soft' | 'hard' }[] {
    return this.#ages.due(now).map(name => {
      const { until = now } = this.#children.get(name)!
      const isOver = now >= until
      this.#ages.set(name, isOver ? undefined : until)
      return { name, age: isOver ? 'hard' : 'soft' }
    })
  }

  /** Those whose time has come: replaced ones are ours to delete, the others are gone already. */
  due(now: Instant): readonly Child[] {
    return this.#removals.due(now).map(name => this.#children.get(name)!)
  }
}
