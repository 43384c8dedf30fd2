// The last two messages of main mode (RFC 2409 §5), in the order of travel: encrypted, each side proves who it is and that
// all went as it saw it. INITIAL-CONTACT and a shorter lifetime are told beside it. Certificates go only here.
import { formatAddress } from '../../base/address.ts'
import { notificationV1, plainNotificationV1 } from '../../wire/ike/v1-notify.ts'
import { protocolIdsV1 } from '../../wire/ike/v1-numbers.ts'
import type { PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import { lifetimeAttributes } from '../../wire/ike/v1-security-association.ts'
import { ikeAttributes } from '../../wire/ike/v1-transform-numbers.ts'
import { credentialsFor, rulesForPeer } from '../candidates.ts'
import { report, type World } from '../machine.ts'
import { isInUdp, pathThroughNat } from '../nat-findings.ts'
import { requestPayloads, requestsOf } from './certificates.ts'
import { establish } from './established.ts'
import { askForLastToken, askToUnwrap } from './kerberos-asks.ts'
import { KERBEROS, SHARED_KEY } from './methods.ts'
import { type Driven, findNotify, type Opened, writeSealed } from './opened.ts'
import { judgeProof, ownProof, type ProofParts, proofPayloads } from './proof.ts'
import { clearNotify, ignoredIn, sendWritten } from './sending.ts'
import {
  about,
  type Candidate,
  type Exchanged,
  inState,
  type KeyAnswered,
  type KeySent,
  type MainMode,
  type OwnProof,
  type Peer,
  type ProofSent,
  type Secured,
  type Session,
} from './session.ts'

/** Initiator, once message 4 has come. Where a NAT was found, all that follows goes between ports 4500 (RFC 3947 §4). */
export function beginProof(
  session: Session<KeySent>,
  { exchanged, candidate }: { readonly exchanged: Exchanged; readonly candidate: Candidate },
  message: Opened,
  world: World,
): Driven {
  const { main, wishes } = session.state
  const { secured } = candidate
  const path = isInUdp(exchanged.nat) ? pathThroughNat(session.path) : session.path
  const next = { ...session, path }
  if (main.choice.authentication === KERBEROS) return askForLastToken(next, message, exchanged, secured, world)
  const credentials = candidate.credential === undefined ? world.credentials.of(session.rule) : [candidate.credential]
  const own = ownProof(credentials, main.choice.authentication, exchanged, path, world)
  if (own === undefined) return ignoredIn(session, path, 'the policy has nothing to prove this host by any more')
  const parts = { cookies: session.cookies, main, exchanged, secured }
  const proof = proofPayloads('initiator', own, parts)
  return sendProof(next, { main, exchanged, secured, own, wishes }, proof, message.mark, world)
}

/** Initiator's message 5. */
export function sendProof(
  session: Session,
  parts: Pick<ProofSent, 'main' | 'exchanged' | 'secured' | 'own' | 'wishes' | 'kerberos'>,
  proof: readonly PayloadV1[],
  answers: Uint8Array,
  world: World,
): Driven {
  const { secured, main } = parts
  const isSigned = main.choice.authentication !== SHARED_KEY && main.choice.authentication !== KERBEROS
  const payloads = [
    ...proof,
    ...(isSigned ? requestPayloads(world.credentials.of(session.rule)) : []),
    ...firstContact(session, world),
  ]
  const written = writeSealed(session, secured, secured.iv, 'main mode', payloads)
  const { flight, outputs } = sendWritten(session, written, payloads, answers, true, world)
  const state: ProofSent = { kind: 'proof-sent', ...parts, secured: { ...secured, iv: written.nextIv }, flight }
  return { session: inState(session, state), outputs }
}

/** Both cookies name the main mode SA (RFC 2407 §4.6.3). */
function aboutMain({ cookies }: Pick<Session, 'cookies'>) {
  return { protocol: protocolIdsV1.of.ISAKMP, spi: new Uint8Array([...cookies.initiator, ...cookies.responder]) }
}

/** Whatever the peer still has of us is from before a restart. */
function firstContact(session: Session, world: World): readonly PayloadV1[] {
  const isFirst = world.isFirstContact?.(session.path.remote.address) === true
  return isFirst ? [plainNotificationV1('INITIAL-CONTACT', aboutMain(session))] : []
}

/** Message 5 under one of the keys that may be meant. */
export interface Opening {
  readonly candidate: Candidate
  readonly message: Opened
  readonly nextIv: Uint8Array
}

/** Responder: message 5. `openings` are those that look like a message at all. */
export function answerProof(
  session: Session<KeyAnswered>,
  openings: readonly Opening[],
  path: Opened['path'],
  world: World,
): Driven {
  const { main, exchanged, kerberos, proofs = 0 } = session.state
  if (proofs >= MOST_PROOFS) return ignoredIn(session, path, 'too many proofs came for it that were none')
  const credentials = credentialsFor(rulesForPeer(world.policy, path, 'ikev1'), world.credentials)
  let reason = cannotBeOpened(main)
  for (const { candidate, message, nextIv } of openings) {
    const secured = { ...candidate.secured, iv: nextIv }
    if (kerberos !== undefined)
      return askToUnwrap({ ...session, path }, { main, exchanged, secured, kerberos, isFirst: true }, message, world)
    const parts = { cookies: session.cookies, main, exchanged, secured }
    const shared = candidate.credential
    const peer = judgeProof('initiator', message, parts, credentials, { path, world, shared })
    if (!peer.ok) {
      reason = peer.error
      continue
    }
    const wanted = { ...exchanged, requests: [...exchanged.requests, ...requestsOf(message.payloads)] }
    const own = ownProof(shared === undefined ? credentials : [shared], main.choice.authentication, wanted, path, world)
    if (own === undefined) {
      reason = `no rule about ${peer.value.name} has anything to prove this host by`
      continue
    }
    const proof = proofPayloads('responder', own, parts)
    return sendLast(
      { ...session, path },
      { main, exchanged, secured, own },
      withContact(peer.value, message),
      proof,
      message.mark,
      world,
    )
  }
  // What no key opens costs next to nothing.
  const next = openings.length === 0 ? session : inState(session, { ...session.state, proofs: proofs + 1 })
  return notProved(next, path, reason, world)
}

/**
 * Proofs of one session that are looked at: each may cost a chain of certificates and a signature, and whoever has the keys of
 * the exchange has proved nothing yet.
 */
const MOST_PROOFS = 8

function cannotBeOpened({ choice }: MainMode): string {
  return choice.authentication === SHARED_KEY
    ? 'its proof cannot be opened: its pre-shared key is another one than ours, or a message was changed on the way'
    : 'its proof cannot be opened: a message was changed on the way'
}

/** People hear it once. It may be a stranger's message: the right one may still come, and by the path that was known. */
function notProved(session: Session<KeyAnswered>, path: Opened['path'], what: string, world: World): Driven {
  const { state } = session
  const peer = formatAddress(session.path.remote.address)
  if (state.hasFailed === true) return ignoredIn(session, path, what)
  const failed = report({
    kind: 'session-failed',
    ...about(session),
    what: `${peer} has not proved who it is: ${what}`,
  })
  const next = inState(session, { ...state, hasFailed: true as const })
  return { session: next, outputs: [...clearNotify({ ...session, path }, 'AUTHENTICATION-FAILED', world), failed] }
}

export function withContact(peer: Peer, { payloads }: Opened): Peer {
  return findNotify(payloads, 'INITIAL-CONTACT') === undefined ? peer : { ...peer, saysFirstContact: true }
}

/** Responder's message 6; the session stands. */
export function sendLast(
  session: Session,
  {
    main,
    exchanged,
    secured,
    own,
  }: Pick<ProofParts, 'main' | 'exchanged'> & { readonly secured: Secured; readonly own: OwnProof },
  peer: Peer,
  proof: readonly PayloadV1[],
  answers: Uint8Array,
  world: World,
): Driven {
  const { isShortened, lifetimes } = main.choice
  const numbers = { type: ikeAttributes.of['life type'], duration: ikeAttributes.of['life duration'] }
  const lifetime = { attributes: lifetimeAttributes(lifetimes, numbers) }
  const payloads = [
    ...proof,
    ...firstContact(session, world),
    ...(isShortened ? [notificationV1('RESPONDER-LIFETIME', lifetime, aboutMain(session))] : []),
  ]
  const written = writeSealed(session, secured, secured.iv, 'main mode', payloads)
  const { flight, outputs } = sendWritten(session, written, payloads, answers, true, world)
  const rule = ruleOf(session, peer, world)
  const parts = { main, exchanged, secured: { ...secured, iv: written.nextIv }, own, peer, last: flight, wishes: [] }
  const driven = establish({ ...session, rule }, parts, world)
  return { ...driven, outputs: [...outputs, ...driven.outputs] }
}

/** The rule that takes the peer by what it proved. */
function ruleOf({ path, rule }: Session, { credential }: Peer, { policy, credentials }: World): string {
  return rulesForPeer(policy, path, 'ikev1').find(({ name }) => credentials.of(name).includes(credential))?.name ?? rule
}

/** Initiator: message 6. */
export function proofAnswered(
  session: Session<ProofSent>,
  message: Opened & { readonly nextIv: Uint8Array },
  world: World,
): Driven {
  const { main, exchanged, secured, own, wishes, kerberos, flight } = session.state
  const next = { ...secured, iv: message.nextIv }
  if (kerberos !== undefined) {
    return askToUnwrap(
      session,
      { main, exchanged, secured: next, kerberos, wishes, own, isFirst: false },
      message,
      world,
    )
  }
  const parts = { cookies: session.cookies, main, exchanged, secured }
  const credentials = world.credentials.of(session.rule)
  const { path } = session
  const peer = judgeProof('responder', message, parts, credentials, { path, world, shared: own.credential })
  if (!peer.ok) return unproved(session, peer.error, world)
  return establish(
    session,
    { main, exchanged, secured: next, own, peer: withContact(peer.value, message), last: flight, wishes },
    world,
  )
}

/** Only who has the keys of the exchange can have written it: nothing better will come. */
export function unproved(session: Session, what: string, world: World): Driven {
  const peer = formatAddress(session.path.remote.address)
  const failed = report({
    kind: 'session-failed',
    ...about(session),
    what: `${peer} has not proved who it is: ${what}`,
  })
  const wishes = 'wishes' in session.state ? session.state.wishes : []
  const refused = wishes.flatMap(({ rule, flow }) =>
    flow === undefined ? [] : [{ kind: 'refuse', rule, flow } as const],
  )
  return { session: undefined, outputs: [...clearNotify(session, 'AUTHENTICATION-FAILED', world), ...refused, failed] }
}
