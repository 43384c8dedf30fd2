// IKE_AUTH (RFC 7296 §1.2, §2.15): both prove who they are and that IKE_SA_INIT went as they saw it, and agree on the first
// child; or go without one for now (RFC 6023). With a further key for quantum safety by RFC 8784. EAP is not spoken.
import { formatAddress } from '../../base/address.ts'
import type { IkeKeys } from '../../crypto/ike-keys.ts'
import { whyIkeSuiteIsOld } from '../../crypto/ike-suites.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import { credentialsFor, rulesForPeer } from '../candidates.ts'
import { certificateRequests, chooseOwnCredential } from '../certificate-payloads.ts'
import type { IkeChoice } from '../choose-proposal.ts'
import type { Credential } from '../credentials.ts'
import { formatIdentity, identityOfAddress, isSameIdentity } from '../identity.ts'
import { type Refusal, type Role, refusal, report, type World } from '../machine.ts'
import { allowsOld, ownHashes } from './announcements.ts'
import {
  answerChildInside,
  beginChildInside,
  concludeChildInside,
  credentialsAskedFor,
  errorsIn,
} from './auth-child.ts'
import { type IdentityPayload, octetsOfSigner } from './auth-octets.ts'
import { establish } from './established.ts'
import { type AuthData, identityPayload, ownCertificates, ownProofOf, prove } from './own-proof.ts'
import { type ProvedPeer, provePeer } from './peer-proof.ts'
import { initiatorPpk, isPpkUsed, ppkIdentity, ppkUsed, responderKeys, responderPpk, wipeOtherOf } from './ppk.ts'
import {
  type Agreed,
  type AuthSent,
  type AwaitingAuth,
  type Child,
  type ChildWish,
  type Established,
  inState,
  type OwnProof,
  type Peer,
  type Secured,
  type Session,
} from './session.ts'
import { find, findAll, findNotify, type Opened, type Step } from './step.ts'
import { keysTold } from './tell-keys.ts'

export interface BeforeAuth {
  readonly secured: Secured
  readonly agreed: Agreed
  readonly wish: ChildWish
}

/** The initiator's proof, and its wish for a child. */
export function beginAuth(session: Session, { secured, agreed, wish }: BeforeAuth, world: World): Step | Refusal {
  const { path, window } = session
  const { prf } = secured.suite
  const credentials = world.credentials.of(wish.rule)
  const requests = agreed.certificateRequests
  const credential = chooseOwnCredential(credentials, { requests, peers: [identityOfAddress(path.remote.address)] })
  if (credential === undefined) return refusal('silent', `the rule ${wish.rule} has nothing to prove this host by`)
  const own = ownProofOf(credential, path)
  const identity = identityPayload('initiator', own.identity)
  const { keys, keysWithoutPpk } = initiatorPpk(prf, secured.keys, agreed.support.ppk, world)
  const proofWith = (some: IkeKeys) => {
    const octets = octetsOfSigner('initiator', some, agreed, identity, window.nextOwn)
    return prove(own, octets, prf, { hashes: agreed.support.hashes, allowOld: allowsOld(world.policy) })
  }
  const proof = proofWith(keys)
  const proofWithout = keysWithoutPpk === undefined ? undefined : proofWith(keysWithoutPpk)
  if (!proof.ok) return refusal('silent', proof.error)
  const child = beginChildInside(session, agreed, wish, world)
  if (child !== undefined && !child.ok) return refusal('silent', child.error)
  const state: AuthSent = {
    kind: 'auth-sent',
    secured: { ...secured, keys },
    agreed,
    wish,
    own,
    ...(child === undefined ? {} : { child: child.value.begun }),
    ...(keysWithoutPpk === undefined ? {} : { keysWithoutPpk }),
  }
  const payloads = [
    identity,
    ...ownCertificates(own, requests),
    ...initialContact(session, world),
    ...certificateRequests(credentials).map(one => payload('certificate-request', one)),
    ...wantedIdentity(credential),
    payload('authentication', proof.value),
    ...(keys === secured.keys ? [] : [ppkIdentity(world)]),
    ...(proofWithout?.ok === true ? [notification('NO_PPK_AUTH', { data: proofWithout.value.data })] : []),
    ...(child?.value.payloads ?? []),
  ]
  return { session: inState(session, state), request: { exchange: 'IKE_AUTH', payloads }, outputs: [] }
}

/** Whom we want to speak with, where the rule leaves no choice: a responder of several identities shows the right one. */
function wantedIdentity(credential: Credential): readonly Payload[] {
  const peers = credential.kind === 'kerberos' ? undefined : credential.peers
  const [only, ...others] = peers ?? []
  return only === undefined || others.length > 0 ? [] : [identityPayload('responder', only)]
}

/** Whatever the peer still has of us is from before a restart (RFC 7296 §2.4). */
function initialContact({ path }: Session, world: World): readonly Payload[] {
  return world.isFirstContact?.(path.remote.address) === true ? [notification('INITIAL_CONTACT', {})] : []
}

export function answerAuth(before: Session<AwaitingAuth>, message: Opened, world: World): Step | Refusal {
  const { payloads, header, path } = message
  const { secured, agreed } = before.state
  const session = { ...before, path }
  const stranger = formatAddress(path.remote.address)
  if (agreed.remaining.length > 0) {
    return notProved(`${stranger} leaves out the key exchange ${agreed.remaining[0]!.name}, which was agreed on`)
  }
  const identity = find(payloads, 'initiator-identification')
  const auth = find(payloads, 'authentication')
  if (identity === undefined || auth === undefined) {
    return notProved(`${stranger} sent no AUTH: it wants to be asked by EAP, which is not spoken here`)
  }
  const ppk = responderPpk(payloads, agreed.support.ppk, world)
  if (ppk.kind === 'refused') return notProved(`${stranger}: ${ppk.what}`)
  const { prf } = secured.suite
  const keys = ppk.kind === 'used' ? responderKeys(prf, secured.keys, world) : secured.keys
  const failed = (what: string) => {
    if (keys !== secured.keys) wipeOtherOf(keys)
    return notProved(what)
  }
  const possible = credentialsFor(rulesForPeer(world.policy, path, 'ikev2'), world.credentials)
  const allowed = asWanted(possible, find(payloads, 'responder-identification'), session)
  const shown: AuthData = ppk.kind === 'done-without' ? { method: auth.method, data: ppk.auth } : auth
  const provedBy = (credentials: readonly Credential[]) =>
    peerOf('initiator', session, { keys, agreed, identity, auth: shown, credentials }, message, world)
  const first = provedBy(allowed)
  if (!first.ok) return failed(first.error)
  // Several rules may take the peer, each in its own way: that of the child which it asks for counts, where it does.
  const asked = credentialsAskedFor(session, agreed, first.value.judged.credential, payloads, world)
  const again = asked.length === 0 ? first : provedBy(asked)
  const proved = again.ok ? again.value : first.value
  const { judged } = proved
  const requests = findAll(payloads, 'certificate-request')
  const credential = chooseOwnCredential(allowed, { requests, judged: judged.credential, peers: [identity] })
  if (credential === undefined) return failed(`no rule about ${judged.name} has anything to prove this host by`)
  const own = ownProofOf(credential, path)
  const ownIdentity = identityPayload('responder', own.identity)
  const octets = octetsOfSigner('responder', keys, agreed, ownIdentity, header.messageId)
  const proof = prove(own, octets, prf, { hashes: agreed.support.hashes, allowOld: allowsOld(world.policy) })
  if (!proof.ok) return failed(proof.error)
  if (keys !== secured.keys) wipeOtherOf(secured.keys)
  const child = answerChildInside(session, agreed, { ...judged, identity }, keys, payloads, world)
  const next: Parts = {
    secured: { ...secured, keys },
    agreed,
    own,
    proved,
    identity,
    children: child.made,
    isInitialContact: findNotify(payloads, 'INITIAL_CONTACT') !== undefined,
  }
  const reply = [
    ownIdentity,
    ...ownCertificates(own, requests),
    ...initialContact(session, world),
    payload('authentication', proof.value),
    ...(ppk.kind === 'used' ? [ppkUsed()] : []),
    ...child.payloads,
  ]
  const step = established(session, next, world)
  const told = ppk.kind === 'used' ? keysTold(session, next.secured, world) : []
  return { ...step, reply, outputs: [...told, ...step.outputs, ...child.outputs] }
}

/** A peer may say whom of us it wants to speak with; those credentials come first, and the others still count. */
function asWanted(
  credentials: readonly Credential[],
  wanted: IdentityPayload | undefined,
  { path }: Session,
): readonly Credential[] {
  if (wanted === undefined) return credentials
  const isWanted = (credential: Credential) => isSameIdentity(ownProofOf(credential, path).identity, wanted)
  return [...credentials.filter(isWanted), ...credentials.filter(credential => !isWanted(credential))]
}

/** To the peer the same word, whatever it was; people hear the reason (RFC 7296 §2.21.2). */
function notProved(what: string): Refusal {
  return refusal(notification('AUTHENTICATION_FAILED', {}), what)
}

export function authAnswered(session: Session<AuthSent>, message: Opened, world: World): Step | Refusal {
  const { payloads } = message
  const { secured, agreed, wish, own, child: begun } = session.state
  const identity = find(payloads, 'responder-identification')
  const auth = find(payloads, 'authentication')
  const peer = formatAddress(session.path.remote.address)
  if (identity === undefined || auth === undefined) {
    const errors = errorsIn(payloads)
    // Its half of the session is gone already: there is nobody to say farewell to.
    // A peer says no more than that (RFC 7296 §2.21.2): whoever looks for the reason has to ask there.
    const words =
      errors === 'AUTHENTICATION_FAILED' ? ' (it does not accept our proof of who we are; its log says why)' : ''
    if (errors !== '') return refusal('silent', `${peer} refuses us: ${errors}${words}`)
    return notProved(`${peer} sent no AUTH, and EAP is not spoken here`)
  }
  const isUsed = isPpkUsed(payloads)
  const keys = keysInForce(session.state, isUsed, world)
  if (keys === undefined) return notProved(`${peer} did not use the key that policy asks for (PPK)`)
  const credentials = world.credentials.of(wish.rule)
  const proved = peerOf('responder', session, { keys, agreed, identity, auth, credentials }, message, world)
  if (!proved.ok) return notProved(proved.error)
  forgetOther(session.state, keys)
  const concluded = concludeChildInside(session, keys, begun, proved.value.judged.credential, payloads, world)
  const next: Parts = {
    secured: { ...secured, keys },
    agreed,
    own,
    proved: proved.value,
    identity,
    children: concluded.made,
    isInitialContact: findNotify(payloads, 'INITIAL_CONTACT') !== undefined,
  }
  const step = established(session, next, world, begun === undefined ? wish : undefined)
  const told = isUsed ? keysTold(session, next.secured, world) : []
  const outputs = [...told, ...step.outputs, ...concluded.outputs]
  if (concluded.unwanted === undefined || begun === undefined) return { ...step, outputs }
  // The peer believes in a child that we cannot have.
  const task = { kind: 'delete-children', names: [begun.spi], why: 'it is not what was asked for' } as const
  const request = { exchange: 'INFORMATIONAL', payloads: [concluded.unwanted] } as const
  return { ...step, session: inState(step.session, { ...step.session.state, task }), request, outputs }
}

/** Undefined where the peer left a key out that it must not leave out, or claims to have used one that nobody offered. */
function keysInForce(
  { secured, keysWithoutPpk, agreed }: AuthSent,
  isUsed: boolean,
  world: World,
): IkeKeys | undefined {
  const wasOffered = world.policy.policy.ike?.ppk !== undefined && agreed.support.ppk
  if (!wasOffered) return secured.keys
  return isUsed ? secured.keys : keysWithoutPpk
}

function forgetOther({ secured, keysWithoutPpk }: AuthSent, inForce: IkeKeys): void {
  if (keysWithoutPpk === undefined) return
  wipeOtherOf(inForce === secured.keys ? keysWithoutPpk : secured.keys)
}

interface Claimed {
  readonly keys: IkeKeys
  readonly agreed: Agreed
  readonly identity: IdentityPayload
  readonly auth: AuthData
  readonly credentials: readonly Credential[]
}

function peerOf(
  role: Role,
  { path }: Session,
  { keys, agreed, identity, auth, credentials }: Claimed,
  { payloads, header }: Opened,
  { policy, date }: World,
) {
  const { prf } = agreed.choice.suite
  const octets = octetsOfSigner(role, keys, agreed, identity, header.messageId)
  const rules = { hashes: ownHashes(policy), allowOld: allowsOld(policy) }
  const certificates = findAll(payloads, 'certificate')
  const isTranslated = agreed.nat.beforePeer
  return provePeer(credentials, { identity, certificates, auth, isTranslated, octets }, path, { prf, rules, date })
}

interface Parts {
  readonly secured: Secured
  readonly agreed: Agreed
  readonly own: OwnProof
  readonly proved: ProvedPeer
  readonly identity: IdentityPayload
  readonly children: readonly Child[]
  readonly isInitialContact: boolean
}

/** `wish`: for a child that is made when the session stands. */
function established(
  session: Session,
  { secured, agreed, own, proved, identity, children, isInitialContact }: Parts,
  world: World,
  wish?: ChildWish,
): Step & { readonly session: Session<Established> } {
  const { choice, nat, support, since } = agreed
  const { credential, name, until } = proved.judged
  const { type, data } = identity
  const peer: Peer = {
    identity: { type, data },
    name,
    credential,
    support,
    ...(until === undefined ? {} : { until }),
    ...(isInitialContact ? { saysFirstContact: true } : {}),
  }
  const queue = wish === undefined ? [] : [{ kind: 'make-child', wish } as const]
  const state = establish({ secured, choice, own, peer, nat, children, begunAt: since, queue }, world)
  const next: Session<Established> = inState(session, state)
  const event = report({
    kind: 'session-established',
    session: session.id,
    peer: session.path.remote.address,
    role: session.role,
    offer: choice.offer,
    ownName: formatIdentity(own.identity),
    peerName: name,
    warnings: [...whyOld(choice), ...proved.warnings],
  })
  return { session: next, outputs: [event] }
}

function whyOld({ suite, method, additional }: IkeChoice): readonly string[] {
  return [...whyIkeSuiteIsOld(suite), ...[method, ...additional].flatMap(({ old }) => old ?? [])]
}
