// A child has its keys: what becomes of the one that it replaces, and of the one that the peer made at the same time; and
// what becomes of a wish that was refused (RFC 7296 §2.8, §2.8.1, §2.25).
import { type Nonces, wipeSecrets } from '../../crypto/ike-keys.ts'
import type { SharedSecret } from '../../crypto/run-key-exchange.ts'
import type { Spi } from '../../ipsec/association.ts'
import { protocolIds } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { readSpi } from '../association-pair.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import { type AgreedChild, makeChild } from './child-agreement.ts'
import { about, childNamed, contextOf, withChild, withChildren } from './established.ts'
import { isRedundant, withoutFollowUp } from './fresh-exchange.ts'
import type {
  Child,
  ChildBegun,
  ChildTerms,
  ChildWish,
  Established,
  FollowUp,
  Intention,
  MadeChild,
  Session,
} from './session.ts'
import { find, type Step } from './step.ts'

/** What happened to the old child while we rekeyed it. */
export interface RekeyNews {
  readonly peerRekey?: { readonly by: Spi; readonly nonces: Nonces }
  readonly isGone?: true
}

/** How often a wish is brought forward again: a peer that never has time must not keep us busy. */
export const MOST_DETOURS = 5

/** The secrets are used up. */
function made(
  session: Session<Established>,
  terms: ChildTerms,
  shared: readonly SharedSecret[],
  nonces: Nonces,
  role: 'initiator' | 'responder',
  world: World,
): AgreedChild {
  const { suite, keys } = session.state.secured
  const source = { prf: suite.prf, derivation: keys.derivation, nonces, shared }
  const agreed = makeChild(terms, contextOf(session), source, role, world)
  wipeSecrets(shared)
  return agreed
}

/** As the responder. The child that is replaced goes when its peer says so. */
export function childMadeByPeer(
  session: Session<Established>,
  terms: ChildTerms,
  shared: readonly SharedSecret[],
  nonces: Nonces,
  world: World,
): { readonly state: Established; readonly outputs: readonly KeyingOutput[] } {
  const { child, outputs } = made(session, terms, shared, nonces, 'responder', world)
  const { state } = session
  const children = withChildren(state, [...state.children, child], world.now)
  const { task } = state
  const collides = task !== undefined && terms.replaces !== undefined && rekeyedBy(state) === terms.replaces
  if (!collides) return { state: children, outputs }
  const peerRekey = { by: child.name, nonces }
  return { state: { ...children, task: { ...task, peerRekey } as typeof task }, outputs }
}

/** The child that our outstanding request rekeys. */
export function rekeyedBy({ task }: Established): Spi | undefined {
  if (task?.kind === 'rekey-child') return task.begun.wish.replaces
  return task?.kind === 'follow-up' && task.followUp.makes.kind === 'child'
    ? task.followUp.makes.wish.replaces
    : undefined
}

/** What the peer knows already of a child of ours, we may not know yet. */
export function isMakingChild({ task }: Established): boolean {
  return task?.kind === 'make-child' || task?.kind === 'rekey-child' || task?.kind === 'follow-up'
}

/** As the initiator. `session` has no task any more. */
export function childMadeByUs(
  session: Session<Established>,
  terms: ChildTerms,
  shared: readonly SharedSecret[],
  nonces: Nonces,
  { peerRekey }: RekeyNews,
  world: World,
): Step {
  const { child, outputs } = made(session, terms, shared, nonces, 'initiator', world)
  const underWay = peersHalf(session.state, terms.replaces)
  const theirs = peerRekey?.nonces ?? underWay?.nonces
  // What the peer has begun for the same child and what is redundant now, it does not have to finish.
  const isOver = underWay !== undefined && !isRedundant(nonces, underWay.nonces)
  const state = isOver ? withoutFollowUp(session.state) : session.state
  if (theirs !== undefined && isRedundant(nonces, theirs)) {
    // It receives, in case the peer sends through it already, and goes: its initiator deletes it (RFC 7296 §2.8.1).
    const { replaces: _, ...alone } = child
    const redundant: Child = { ...alone, standing: 'replaced', removeAt: world.now + world.settings.overlap }
    const why = 'both hosts rekeyed at once'
    return deleting(
      { ...session, state },
      [...state.children, redundant],
      redundant.name,
      why,
      outputs.filter(isNoSending),
      world,
    )
  }
  const loser = peerRekey === undefined ? undefined : childNamed(state, peerRekey.by)
  const children = loser === undefined ? state.children : withChild(state, overtaken(loser, world))
  const old = terms.replaces === undefined ? undefined : childNamed(state, terms.replaces)
  const all = [...children, child]
  if (old === undefined) return { session: { ...session, state: withChildren(state, all, world.now) }, outputs }
  const marked = all.map(one => (one.name === old.name ? ({ ...one, standing: 'replaced' } as const) : one))
  return deleting({ ...session, state }, marked, old.name, 'it is replaced', outputs, world)
}

/** The peer's rekey of the same child, where its key exchanges are not all done. */
function peersHalf({ followUp }: Established, replaces: Spi | undefined): FollowUp | undefined {
  if (followUp?.makes.kind !== 'child' || replaces === undefined) return undefined
  return followUp.makes.wish.replaces === replaces ? followUp : undefined
}

/** The peer deletes it, and until then and a while longer it receives. */
function overtaken({ replaces: _, ...child }: Child, { now, settings }: World): Child {
  return { ...child, removeAt: now + settings.overlap }
}

function isNoSending({ kind }: KeyingOutput): boolean {
  return kind !== 'begin-sending'
}

function deleting(
  session: Session<Established>,
  children: readonly Child[],
  name: Spi,
  why: string,
  outputs: readonly KeyingOutput[],
  { now }: World,
): Step {
  const state = withChildren(session.state, children, now)
  const queue: readonly Intention[] = [{ kind: 'delete-children', names: [name], why }, ...state.queue]
  return { session: { ...session, state: { ...state, queue } }, outputs }
}

/** Nothing came of it: packets that wait are told. An old child lives on to its hard limit. */
export function childFailed(session: Session<Established>, wish: ChildWish, what: string): Step {
  return { session, outputs: failureOf(session, wish, what) }
}

function failureOf(session: Session, { rule, flow }: ChildWish, what: string): readonly KeyingOutput[] {
  const told = report({ ...about(session), kind: 'child-failed', rule, what })
  return flow === undefined ? [told] : [{ kind: 'refuse', rule, flow }, told]
}

/** The peer has made what we cannot use: it hears so at once. */
export function childUnusable(
  session: Session<Established>,
  { wish, spi, mode }: Pick<ChildBegun, 'wish' | 'spi' | 'mode'>,
  payloads: readonly Payload[],
  what: string,
  world: World,
): Step {
  const proposal = find(payloads, 'security-association')?.proposals[0]
  if (proposal?.spi.length !== 4) return { session, outputs: failureOf(session, wish, what) }
  const protocol = proposal.protocol === protocolIds.of.AH ? 'ah' : 'esp'
  return undone(session, wish, { spi, mode, protocol, peerSpi: readSpi(proposal.spi) }, what, world)
}

/** The same where all was agreed on and the policy has it no more. */
export function childNotWanted(
  session: Session<Established>,
  { terms, wish }: MadeChild,
  what: string,
  world: World,
): Step {
  const { spi, mode, peerSpi, choice } = terms
  return undone(session, wish, { spi, mode, peerSpi, protocol: choice.protocol }, what, world)
}

function undone(
  session: Session<Established>,
  wish: ChildWish,
  { spi, mode, peerSpi, protocol }: Pick<ChildTerms, 'spi' | 'mode' | 'peerSpi'> & Pick<Child, 'protocol'>,
  what: string,
  world: World,
): Step {
  const child: Child = {
    name: spi,
    peerSpi,
    protocol,
    rule: wish.rule,
    security: '',
    mode,
    ownSelectors: [],
    peerSelectors: [],
    standing: 'replaced',
    since: world.now,
  }
  const outputs = failureOf(session, wish, what)
  return deleting(session, [...session.state.children, child], spi, what, outputs, world)
}

/** The wish again, before all others: at once with another key exchange, or later where the peer has no time. */
export function tryAgain(
  session: Session<Established>,
  intention: Intention,
  when: 'now' | 'later',
  { now, settings, random }: World,
): Step {
  const { state } = session
  // At random, or two hosts that put each other off would meet again for ever.
  const pause = when === 'later' ? { notBefore: now + settings.tryAgain * (1 + random.fraction()) } : {}
  return { session: { ...session, state: { ...state, ...pause, queue: [intention, ...state.queue] } }, outputs: [] }
}

/** The same wish, to be brought forward once more. */
export function wishAgain(wish: ChildWish, detours: number, method?: number): Intention {
  const more = { detours: detours + 1, ...(method === undefined ? {} : { method }) }
  return wish.replaces === undefined
    ? { kind: 'make-child', wish, ...more }
    : { kind: 'rekey-child', name: wish.replaces, ...more }
}
