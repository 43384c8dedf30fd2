// The child that is asked for inside IKE_AUTH (RFC 7296 §1.2): it has its keys from the session and its nonces from
// IKE_SA_INIT, and whatever becomes of it, the session stands.
import { type Result, success } from '../../base/result.ts'
import type { IkeKeys } from '../../crypto/ike-keys.ts'
import { notification } from '../../wire/ike/notify.ts'
import { isErrorNotify, notifyName } from '../../wire/ike/notify-numbers.ts'
import { protocolIds } from '../../wire/ike/numbers.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import type { Credential, Identity } from '../credentials.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import { isSameValue } from '../same-value.ts'
import {
  agreeOnChild,
  beginChild,
  type ChildContext,
  type ChildKeySource,
  concludeChild,
  ruleAskedFor,
} from './child-agreement.ts'
import { aboutChild } from './established.ts'
import type { Agreed, AuthSent, Child, ChildBegun, ChildWish, Session } from './session.ts'
import { find, findAll } from './step.ts'

/** There is no KE payload for keys of its own. */
const NO_FRESH_KEYS = [undefined] as const

/** Undefined where the child is asked for when the session stands. */
export function beginChildInside(
  session: Session,
  agreed: Agreed,
  wish: ChildWish,
  world: World,
): Result<{ readonly begun: ChildBegun; readonly payloads: readonly Payload[] }, string> | undefined {
  if (world.policy.policy.ike?.childless === true && agreed.support.childless) return undefined
  const begun = beginChild(wish, contextOf(session, agreed), NO_FRESH_KEYS, world)
  if (!begun.ok) return begun
  // Its nonces are those of IKE_SA_INIT (RFC 7296 §2.17).
  return success({ ...begun.value, begun: { ...begun.value.begun, nonce: agreed.nonces.initiator } })
}

/** What the rule of the child that is asked for takes a peer by; empty where that is what it was judged by. */
export function credentialsAskedFor(
  session: Session,
  agreed: Agreed,
  judgedBy: Credential,
  payloads: readonly Payload[],
  world: World,
): readonly Credential[] {
  const rule = ruleAskedFor(payloads, contextOf(session, agreed), world)
  const credentials = rule === undefined ? [] : world.credentials.of(rule.name)
  return credentials.some(one => isSameValue(one, judgedBy)) ? [] : credentials
}

export interface ResponderChild {
  readonly made: readonly Child[]
  readonly payloads: readonly Payload[]
  readonly outputs: readonly KeyingOutput[]
}

/** A child that cannot be agreed on leaves the session as it is (RFC 7296 §1.2). */
export function answerChildInside(
  session: Session,
  agreed: Agreed,
  peer: { readonly credential: Credential; readonly identity: Identity },
  keys: IkeKeys,
  payloads: readonly Payload[],
  world: World,
): ResponderChild {
  if (find(payloads, 'security-association') === undefined) return { made: [], payloads: [], outputs: [] }
  const known = contextOf(session, agreed, peer.credential)
  const context = { ...known, session: { ...known.session, peerIdentity: peer.identity } }
  const done = agreeOnChild(payloads, context, childKeys(agreed, keys), NO_FRESH_KEYS, world)
  if (!('kind' in done)) return { made: [done.child], payloads: done.payloads, outputs: done.outputs }
  const answer = done.notify === 'silent' ? notification('NO_PROPOSAL_CHOSEN', {}) : done.notify
  return { made: [], payloads: [answer], outputs: [childFailed(session, undefined, done.what)] }
}

export interface InitiatorChild {
  readonly made: readonly Child[]
  readonly outputs: readonly KeyingOutput[]
  /** The peer made it, and we cannot use it. */
  readonly unwanted?: Payload
}

export function concludeChildInside(
  session: Session<AuthSent>,
  keys: IkeKeys,
  begun: ChildBegun | undefined,
  peerCredential: Credential,
  payloads: readonly Payload[],
  world: World,
): InitiatorChild {
  if (begun === undefined) return { made: [], outputs: [] }
  const { agreed, wish } = session.state
  const waiting: readonly KeyingOutput[] =
    wish.flow === undefined ? [] : [{ kind: 'refuse', rule: wish.rule, flow: wish.flow }]
  const association = find(payloads, 'security-association')
  if (association === undefined) {
    const errors = errorsIn(payloads)
    const what = `the peer refuses the association: ${errors === '' ? 'without a reason' : errors}`
    return { made: [], outputs: [childFailed(session, wish, what), ...waiting] }
  }
  const context = contextOf(session, agreed, peerCredential)
  const done = concludeChild(begun, payloads, context, childKeys(agreed, keys), world)
  if (!('kind' in done)) return { made: [done.child], outputs: done.outputs }
  const isAh = association.proposals[0]?.protocol === protocolIds.of.AH
  const { protocol, spi } = aboutChild(isAh ? 'ah' : 'esp', begun.spi)
  const unwanted = payload('delete', { protocol, spiSize: spi.length, spis: [spi] })
  return { made: [], outputs: [childFailed(session, wish, done.what), ...waiting], unwanted }
}

function childFailed({ id, path }: Session, wish: ChildWish | undefined, what: string): KeyingOutput {
  const about = wish === undefined ? {} : { rule: wish.rule }
  return report({ kind: 'child-failed', session: id, peer: path.remote.address, ...about, what })
}

/** By name, those that the peer tells; empty where there are none. */
export function errorsIn(payloads: readonly Payload[]): string {
  const errors = findAll(payloads, 'notify').filter(({ type }) => isErrorNotify(type))
  return errors.map(({ type }) => notifyName(type)).join(', ')
}

function contextOf({ id, path }: Session, { nat }: Agreed, peerCredential?: Credential): ChildContext {
  return { keying: 'ikev2', path, nat, session: { id, ...(peerCredential === undefined ? {} : { peerCredential }) } }
}

function childKeys({ choice, nonces }: Agreed, { derivation }: IkeKeys): ChildKeySource {
  return { prf: choice.suite.prf, derivation, nonces, shared: [] }
}
