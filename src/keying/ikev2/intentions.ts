// What a session wants next becomes a request of its own, or nothing where it has become pointless meanwhile. Only where no
// request is outstanding: the window has one place (RFC 7296 §2.3).
import { notification } from '../../wire/ike/notify.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { ruleNamed } from '../child-rule.ts'
import type { KeyingOutput, World } from '../machine.ts'
import { includes } from '../selectors.ts'
import { isBeingReplaced } from './child.ts'
import { beginChild } from './child-agreement.ts'
import { childFailed } from './child-made.ts'
import { aboutChild, childNamed, closeSession, contextOf, deletionsOf, successorOf } from './established.ts'
import { exchangesToAsk, keyExchangePayload } from './fresh-exchange.ts'
import { beginRekey } from './rekey.ts'
import type { Child, ChildWish, Established, Intention, Session, State, Task } from './session.ts'
import type { Step } from './step.ts'

/** `intention` stands in the queue no more. A step without a request leaves the way to the next one. */
export function begin(given: Session, intention: Intention, world: World): Step {
  if (!isEstablished(given)) return { session: given, outputs: [] }
  switch (intention.kind) {
    case 'make-child':
      return makeChild(given, intention, world)
    case 'rekey-child':
      return rekeyChild(given, intention, world)
    case 'rekey-session':
      return beginRekey(given, intention, world)
    case 'delete-children':
      return deleteChildren(given, intention, world)
    case 'delete-session':
      return closeSession(given, intention.why)
    case 'ask-whether-alive':
      return asking(given, { kind: 'ask-whether-alive' }, 'INFORMATIONAL', [])
  }
}

function isEstablished(session: Session): session is Session<Established> {
  const { kind }: State = session.state
  return kind === 'established'
}

function asking(
  session: Session<Established>,
  task: Task,
  exchange: 'INFORMATIONAL' | 'CREATE_CHILD_SA',
  payloads: readonly Payload[],
  outputs: readonly KeyingOutput[] = [],
): Step {
  return { session: { ...session, state: { ...session.state, task } }, request: { exchange, payloads }, outputs }
}

type Detoured = Pick<Extract<Intention, { readonly kind: 'make-child' }>, 'detours' | 'method'>

function makeChild(
  session: Session<Established>,
  { wish, detours, method }: Extract<Intention, { readonly kind: 'make-child' }>,
  world: World,
): Step {
  // The peer may have made it while the wish stood in the queue. That the wish came says that nothing sends; of two the
  // older is known to both ends.
  const made = session.state.children.find(child => serves(child, wish))
  if (made !== undefined) return { session, outputs: [{ kind: 'begin-sending', name: made.name }] }
  return askForChild(
    session,
    wish,
    undefined,
    { ...(detours ? { detours } : {}), ...(method ? { method } : {}) },
    world,
  )
}

/** Whether packets like the one that waits go through it. */
export function serves({ standing, removeAt, rule, ownSelectors, peerSelectors }: Child, wish: ChildWish): boolean {
  const { flow } = wish
  if (standing !== 'used' || removeAt !== undefined || rule !== wish.rule || flow === undefined) return false
  return includes({ own: ownSelectors, peer: peerSelectors }, flow)
}

function rekeyChild(
  session: Session<Established>,
  { name, detours, method }: Extract<Intention, { readonly kind: 'rekey-child' }>,
  world: World,
): Step {
  const old = childNamed(session.state, name)
  if (old === undefined || isBeingReplaced(session.state, old)) return { session, outputs: [] }
  const wish: ChildWish = { rule: old.rule, replaces: name }
  return askForChild(session, wish, old, { ...(detours ? { detours } : {}), ...(method ? { method } : {}) }, world)
}

function askForChild(
  session: Session<Established>,
  wish: ChildWish,
  old: Child | undefined,
  { detours = 0, method }: Detoured,
  world: World,
): Step {
  const rule = ruleNamed(wish.rule, world)
  if (rule === undefined) return childFailed(session, wish, `the policy has no rule ${wish.rule} that negotiates`)
  const { methods, additional } = exchangesToAsk(rule, session.state.choice, world, method)
  const options = { additional, detours, ...(old === undefined ? {} : { old }) }
  const made = beginChild(wish, contextOf(session), methods, world, options)
  if (!made.ok) return childFailed(session, wish, made.error)
  const { begun } = made.value
  const [proposal, ...rest] = made.value.payloads
  const { exchange } = begun
  const payloads = [
    ...(old === undefined ? [] : [notification('REKEY_SA', {}, aboutChild(old.protocol, old.name))]),
    proposal!,
    payload('nonce', { nonce: begun.nonce }),
    ...(exchange === undefined ? [] : [keyExchangePayload(exchange.method, exchange.public)]),
    ...rest,
  ]
  return asking(session, { kind: old === undefined ? 'make-child' : 'rekey-child', begun }, 'CREATE_CHILD_SA', payloads)
}

/** What has a successor receives until its delete is answered; the others end at once. */
function deleteChildren(
  session: Session<Established>,
  { names, why }: Extract<Intention, { readonly kind: 'delete-children' }>,
  world: World,
): Step {
  const { state } = session
  const named = names.map(name => childNamed(state, name))
  const children = named.filter(child => child !== undefined && child.standing !== 'deleting') as readonly Child[]
  if (children.length === 0) return { session, outputs: [] }
  const isLast = ({ name, removeAt }: Child) => successorOf(state, name) === undefined && removeAt === undefined
  const ended = children.filter(isLast).map(({ name }) => name)
  const marked = state.children.map((child): Child => {
    if (!children.includes(child)) return child
    // The successor may be over when the answer comes; whether this one receives until then is settled now.
    return { ...child, standing: 'deleting', ...(isLast(child) ? {} : { removeAt: child.removeAt ?? world.now }) }
  })
  const task = { kind: 'delete-children', names: children.map(({ name }) => name), why } as const
  // A child that the peer made in the place of this one and that waited for its end.
  const waiting = children.flatMap(child => {
    const successor = child.standing === 'used' ? successorOf(state, child.name) : undefined
    return successor === undefined ? [] : [{ kind: 'begin-sending', name: successor.name } as const]
  })
  const removed: readonly KeyingOutput[] = ended.length === 0 ? [] : [{ kind: 'remove', names: ended }]
  const outputs = [...waiting, ...removed]
  const next = { ...session, state: { ...state, children: marked } }
  return asking(next, task, 'INFORMATIONAL', deletionsOf(children), outputs)
}
