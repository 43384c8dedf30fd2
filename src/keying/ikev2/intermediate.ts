// IKE_INTERMEDIATE with the further key exchanges that were agreed on (RFC 9242, RFC 9370 §2.2.2): one after the other, in
// the order of their transforms, each under the keys that the ones before it made. AUTH covers every message of them.
import { formatAddress } from '../../base/address.ts'
import { type IkeKeys, keysAfterExchange, wipeIkeKeys, wipeSecrets } from '../../crypto/ike-keys.ts'
import { beginKeyExchange, respondToKeyExchange, type SharedSecret } from '../../crypto/run-key-exchange.ts'
import { notification } from '../../wire/ike/notify.ts'
import { payload } from '../../wire/ike/v2-payloads.ts'
import { type Refusal, refusal, type World } from '../machine.ts'
import { beginAuth } from './auth.ts'
import { errorsIn } from './auth-child.ts'
import {
  type Agreed,
  type AwaitingAuth,
  type ChildWish,
  type IntermediateSent,
  inState,
  type Secured,
  type Session,
} from './session.ts'
import { find, type Opened, type Step } from './step.ts'
import { keysTold } from './tell-keys.ts'

export interface AfterExchange {
  readonly secured: Secured
  readonly agreed: Agreed
  readonly wish: ChildWish
}

/** The initiator has new keys: the next key exchange, or the proof. */
export function goOnAfterExchange(session: Session, after: AfterExchange, world: World): Step | Refusal {
  const told = keysTold(session, after.secured, world)
  const [method] = after.agreed.remaining
  if (method === undefined) {
    const step = beginAuth(session, after, world)
    if (!('kind' in step)) return { ...step, outputs: [...told, ...step.outputs] }
    wipeIkeKeys(after.secured.keys)
    return step
  }
  const exchange = beginKeyExchange(method, world.random)
  const state: IntermediateSent = { kind: 'intermediate-sent', ...after, exchange }
  const payloads = [payload('key-exchange', { method: method.transform, publicValue: exchange.public })]
  return { session: inState(session, state), request: { exchange: 'IKE_INTERMEDIATE', payloads }, outputs: told }
}

export function answerIntermediate(session: Session<AwaitingAuth>, message: Opened, world: World): Step | Refusal {
  const { secured, agreed } = session.state
  const peer = formatAddress(message.path.remote.address)
  const wrong = (what: string) => refusal(notification('INVALID_SYNTAX', {}), `${peer} ${what}`)
  const [method, ...remaining] = agreed.remaining
  if (method === undefined) return wrong('goes on with IKE_INTERMEDIATE, which was not agreed on')
  const asked = find(message.payloads, 'key-exchange')
  if (asked?.method !== method.transform) {
    return wrong(
      `does ${asked === undefined ? 'no key exchange' : 'another key exchange'} where ${method.name} is next`,
    )
  }
  const exchange = respondToKeyExchange(method, asked.publicValue, world.random)
  if (!exchange.ok) return wrong(`does its key exchange wrongly: ${exchange.error.what}`)
  // The keys before are still needed for the answer.
  const next = withKeys(secured, keysAfter(session, exchange.value.secret))
  const state = { kind: 'awaiting-auth', secured: next, agreed: { ...agreed, remaining } } as const
  const moved = inState({ ...session, path: message.path }, state)
  const reply = [payload('key-exchange', { method: method.transform, publicValue: exchange.value.public })]
  return { session: moved, reply, outputs: keysTold(moved, next, world) }
}

export function intermediateAnswered(
  session: Session<IntermediateSent>,
  message: Opened,
  world: World,
): Step | Refusal {
  const { secured, agreed, wish, exchange } = session.state
  const answer = find(message.payloads, 'key-exchange')
  const errors = errorsIn(message.payloads)
  if (errors !== '') return refusal('silent', `the peer refuses a further key exchange: ${errors}`)
  if (answer?.method !== exchange.method.transform) {
    return refusal('silent', `the peer does not answer a key exchange of ${exchange.method.name} with one`)
  }
  const shared = exchange.finish(answer.publicValue)
  if (!shared.ok) return refusal('silent', `the key exchange of the peer: ${shared.error.what}`)
  exchange.close()
  const next = withKeys(secured, keysAfter(session, shared.value))
  wipeIkeKeys(secured.keys)
  const after = { secured: next, agreed: { ...agreed, remaining: agreed.remaining.slice(1) }, wish }
  return goOnAfterExchange(session, after, world)
}

function keysAfter({ state, spis }: Session<AwaitingAuth | IntermediateSent>, shared: SharedSecret): IkeKeys {
  const { secured, agreed } = state
  const keys = keysAfterExchange(secured.suite, secured.keys, shared, agreed.nonces, spis)
  wipeSecrets([shared])
  return keys
}

/** Counters begin anew under keys that have sealed nothing. */
function withKeys(secured: Secured, keys: IkeKeys): Secured {
  return { ...secured, keys, sealed: 0 }
}
