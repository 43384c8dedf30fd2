// A main mode that both have proved: how it begins to stand. When to renew is drawn at random within a share of the lifetime,
// so that the two ends seldom renew at the same moment.
import { Secret } from '../../base/secret.ts'
import { whyIke1SuiteIsOld } from '../../crypto/ike1-suites.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { softShare } from '../child-lifetime.ts'
import type { ChildWish } from '../child-rule.ts'
import { formatIdentity } from '../identity.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import type { Flight } from './flight.ts'
import { UsedIds } from './message-ids.ts'
import type { Driven } from './opened.ts'
import {
  about,
  type Established,
  type Exchanged,
  inState,
  type MainMode,
  type OwnProof,
  type Peer,
  type Secured,
  type Session,
} from './session.ts'

const LIVENESS = 30

/** Seconds of silence after which a peer is asked; 0 for never. */
export function livenessOf({ policy }: CompiledPolicy): number {
  return policy.ike?.liveness ?? LIVENESS
}

export interface EstablishedParts {
  readonly main: MainMode
  readonly exchanged: Exchanged
  readonly secured: Secured
  readonly own: OwnProof
  readonly peer: Peer
  readonly last: Flight
  readonly wishes: readonly ChildWish[]
}

export function establish(session: Session, parts: EstablishedParts, world: World): Driven {
  const { main, exchanged, secured, own, peer, last, wishes } = parts
  const { now, policy, settings } = world
  const { choice } = main
  const { seconds } = choice.lifetimes
  // Without this one certificate would be good for ever: a rekey of IKEv1 asks for it anew, and this session ends with it.
  const left = peer.until === undefined ? seconds : peer.until - world.date
  const sequence = new DataView(new ArrayBuffer(4))
  world.random.fill(new Uint8Array(sequence.buffer))
  const state: Established = {
    kind: 'established',
    ...{ secured, choice, own, peer, last },
    nat: exchanged.nat,
    exchanges: new Map(),
    used: new UsedIds(),
    queue: wishes,
    quickModes: 0,
    peerQuickModes: 0,
    establishedAt: now,
    rekeyAt: now + seconds * softShare(world),
    expiresAt: now + Math.max(0, Math.min(seconds, left)),
    heardAt: now,
    saidAt: now,
    // Half of what there is: it counts up and must not wrap.
    sequence: sequence.getUint32(0) >>> 1,
    rhythm: { liveness: livenessOf(policy), keepalive: settings.keepalive },
  }
  const oldGroup = choice.method.old === undefined ? [] : [choice.method.old]
  const warnings = [...whyIke1SuiteIsOld(choice.suite), ...oldGroup, ...peer.warnings]
  const event = report({
    kind: 'session-established',
    ...about(session),
    role: session.role,
    offer: choice.offer,
    ownName: formatIdentity(own.identity),
    peerName: peer.name,
    warnings,
  })
  const news = peer.saysFirstContact === true ? ([{ kind: 'first-contact' }] as const) : []
  return { session: inState(session, state), outputs: [...keysTold(session, secured, world), event], news }
}

/** A copy: the session wipes its own. Only where a test or a demonstration asks for it. */
function keysTold(session: Session, { keys }: Secured, { settings }: World): readonly KeyingOutput[] {
  if (!settings.tellKeys) return []
  const cipherKey = new Secret(keys.cipher.reveal().slice())
  return [report({ kind: 'keys-v1', ...about(session), initiatorCookie: session.cookies.initiator, cipherKey })]
}
