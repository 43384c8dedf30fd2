// Wishes that wait for a session which stands: which of them become quick modes now, which wait for one that is under way, and
// which need another session.
import { sameAddress } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import type { RuleId } from '../../policy/model.ts'
import type { ChildWish } from '../child-rule.ts'
import type { KeyingOutput, Path, World } from '../machine.ts'
import { keyedRule } from '../policy-change.ts'
import { pathFor } from '../wishes.ts'
import type { ChildBook } from './child-book.ts'
import { type Child, isSamePeer, serves } from './children.ts'
import { peerOf } from './quick-agreement.ts'
import { beginQuickMode } from './quick-mode.ts'
import { type ChildBegun, type Established, inState, isEstablished, type Session, wishesOf } from './session.ts'

type Standing = Session<Established>

/** Quick modes of ours that are under way with one peer at once. */
const MOST_UNDER_WAY = 8

export interface GoneOn {
  readonly session: Standing
  readonly outputs: readonly KeyingOutput[]
  /** Under master PFS every quick mode has a main mode of its own. */
  readonly elsewhere: readonly ChildWish[]
}

export function goOn(session: Standing, children: ChildBook, world: World): GoneOn {
  const outputs: KeyingOutput[] = []
  const later: ChildWish[] = []
  const elsewhere: ChildWish[] = []
  let current: Standing = inState(session, { ...session.state, queue: [] })
  for (const wish of session.state.queue) {
    const underWay = [...current.state.exchanges.values()].flatMap(one =>
      one.kind === 'quick-sent' ? [one.begun] : [],
    )
    const { flow, replaces, rule } = wish
    const served = flow && children.serving(rule, flow)
    const isCovered =
      flow !== undefined &&
      (children.coming(rule, flow) !== undefined || underWay.some(one => coversFlow(one, rule, flow)))
    const old = replaces === undefined ? undefined : children.get(replaces)
    if (served !== undefined) outputs.push({ kind: 'begin-sending', name: served.name })
    else if (replaces !== undefined && old?.standing !== 'used') continue
    else if (isCovered || underWay.length >= MOST_UNDER_WAY) later.push(wish)
    else if (!mayMake(current, world)) elsewhere.push(wish)
    else {
      const driven = beginQuickMode(current, wish, old, world)
      outputs.push(...driven.outputs)
      current = driven.session as Standing
    }
  }
  return { session: inState(current, { ...current.state, queue: later }), outputs, elsewhere }
}

function coversFlow({ wish, own, peer, mode }: ChildBegun, rule: RuleId, flow: Flow): boolean {
  const asked = { rule: wish.rule, mode, ownSelectors: [own], peerSelectors: [peer], standing: 'used' } as const
  return serves(asked as unknown as Child, { rule, flow })
}

/** Under master PFS a main mode makes one quick mode and no more; one that is about to end makes none. */
export function mayMake({ state }: Standing, { policy, now }: World): boolean {
  const isUsedUp = policy.policy.ike?.masterPfs === true && state.quickModes + state.peerQuickModes > 0
  return !isUsedUp && state.replacedAt === undefined && now < state.expiresAt && !state.used.isFull
}

export function onPort500({ local, remote }: Path): Path {
  return { local: { ...local, port: 500 }, remote: { ...remote, port: 500 } }
}

export function newest(sessions: readonly Standing[]): Standing | undefined {
  return sessions.reduce<Standing | undefined>(
    (one, other) => (one === undefined || other.state.establishedAt >= one.state.establishedAt ? other : one),
    undefined,
  )
}

function oldest(sessions: readonly Standing[]): Standing {
  return sessions.reduce((one, other) => (other.state.establishedAt < one.state.establishedAt ? other : one))
}

/** Sessions with one peer, and with all behind one NAT: there its own oldest one goes, or the new one, and no neighbour's. */
const MOST_SESSIONS = 64
const MOST_BEHIND_NAT = 1024

export function oneTooMany(session: Standing, ofAddress: readonly Standing[]): Standing | undefined {
  const own = session.state.nat.beforePeer
    ? ofAddress.filter(one => isSamePeer(peerOf(one), peerOf(session)))
    : ofAddress
  if (own.length > MOST_SESSIONS) return oldest(own)
  return ofAddress.length > MOST_BEHIND_NAT ? session : undefined
}

/** Between the same ends as before; a new main mode begins on port 500 in any case. */
export function pathTo(
  { peer, rule: name, ownSelectors }: Child,
  known: Session | undefined,
  { policy }: World,
): Path | undefined {
  const rule = keyedRule(policy.policy, name)
  const [own] = ownSelectors
  if (rule === undefined || own === undefined) return undefined
  const flow = { source: own.start, destination: peer.address, protocol: 0 }
  const found = pathFor(rule, flow, known?.path.local.address, policy)
  return found && { ...found, remote: { ...found.remote, address: peer.address } }
}

/** The session that a wish waits for: one that stands, with a peer of the rule's, or one that is on its way. */
export function sessionFor(wish: ChildWish, path: Path, toPeer: readonly Session[], world: World): Session | undefined {
  const credentials = world.credentials.of(wish.rule)
  const ofPath = toPeer.filter(one => sameAddress(one.path.local.address, path.local.address))
  const standing = ofPath.filter(isEstablished).filter(one => mayMake(one, world))
  const session = newest(standing.filter(one => credentials.includes(one.state.peer.credential)))
  const isComing = (one: Session) =>
    one.role === 'initiator' &&
    'wishes' in one.state &&
    world.credentials.of(one.rule).some(each => credentials.includes(each))
  return session ?? ofPath.find(isComing)
}

/** Wishes that wait for one session; more are refused. */
const MOST_WAITING = 256

export function withWish(session: Session, wish: ChildWish): Session | undefined {
  const { state } = session
  if (isEstablished(session)) {
    const { queue } = session.state
    return queue.length >= MOST_WAITING ? undefined : inState(session, { ...session.state, queue: [...queue, wish] })
  }
  const wishes = wishesOf(session)
  return wishes.length >= MOST_WAITING
    ? undefined
    : ({ ...session, state: { ...state, wishes: [...wishes, wish] } } as Session)
}
