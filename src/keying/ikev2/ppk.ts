// A key agreed on beforehand that is mixed into those of IKE, so that they hold when the key exchange no longer does (RFC
// 8784). The three ways in which each side can have it, not at all, if the other has it too, and always, make nine.
import { Secret } from '../../base/secret.ts'
import { type IkeKeys, type SecretOctets, wipeSecrets, withPpk } from '../../crypto/ike-keys.ts'
import type { PrfAlgorithm } from '../../crypto/prf.ts'
import type { PostQuantumKey } from '../../policy/model.ts'
import { notification, notifyTypeOf } from '../../wire/ike/notify.ts'
import { ppkIdentityTypes } from '../../wire/ike/numbers.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import type { World } from '../machine.ts'
import { findAll, findNotify } from './step.ts'

const NO_OCTETS = new Uint8Array(0)

export interface PpkChoice {
  /** What AUTH is made with and children come from. */
  readonly keys: IkeKeys
  /** Absent where there is no doubt. */
  readonly keysWithoutPpk?: IkeKeys
}

function ownPpk({ policy }: World): PostQuantumKey | undefined {
  return policy.policy.ike?.ppk
}

function mixed(prf: PrfAlgorithm, keys: IkeKeys, { secret }: PostQuantumKey): IkeKeys {
  const octets: SecretOctets = new Secret(new TextEncoder().encode(secret.reveal()))
  const result = withPpk(prf, keys, octets)
  wipeSecrets([octets])
  return result
}

/** What protects messages stays the same with a PPK and without: only what differs is wiped. */
export function wipeOtherOf({ derivation, initiator, responder }: IkeKeys): void {
  wipeSecrets([derivation, initiator.authentication, responder.authentication])
}

/** As the initiator: both keys where the peer may turn out not to have it. */
export function initiatorPpk(prf: PrfAlgorithm, keys: IkeKeys, peerUses: boolean, world: World): PpkChoice {
  const ppk = ownPpk(world)
  if (ppk === undefined || !peerUses) return { keys }
  const withIt = mixed(prf, keys, ppk)
  if (!ppk.required) return { keys: withIt, keysWithoutPpk: keys }
  wipeOtherOf(keys)
  return { keys: withIt }
}

/** The identity always names the same key. */
export function ppkIdentity(world: World): Payload {
  const identity = new TextEncoder().encode(ownPpk(world)?.identity ?? '')
  return notification('PPK_IDENTITY', { type: ppkIdentityTypes.of.fixed, identity })
}

export type ResponderPpk =
  | { readonly kind: 'used' }
  | { readonly kind: 'not-used' }
  /** The initiator has another key and can do without: its proof stands in NO_PPK_AUTH. */
  | { readonly kind: 'done-without'; readonly auth: Uint8Array }
  | { readonly kind: 'refused'; readonly what: string }

/** As the responder, by the table of RFC 8784 §3. `peerUses`: it sent USE_PPK. */
export function responderPpk(payloads: readonly Payload[], peerUses: boolean, world: World): ResponderPpk {
  const ppk = ownPpk(world)
  if (ppk === undefined || !peerUses) {
    return ppk?.required === true
      ? { kind: 'refused', what: 'the peer uses no PPK, and policy asks for one' }
      : NOT_USED
  }
  const named = findNotify(payloads, 'PPK_IDENTITY')
  const wanted = new TextEncoder().encode(ppk.identity)
  if (named !== undefined && Buffer.compare(named.identity, wanted) === 0) return { kind: 'used' }
  const without = findNotify(payloads, 'NO_PPK_AUTH')
  const what = named === undefined ? 'the peer names no PPK' : 'the peer names another PPK than ours'
  if (ppk.required) return { kind: 'refused', what: `${what}, and policy asks for one` }
  if (without === undefined) return { kind: 'refused', what: `${what}, and cannot do without` }
  return { kind: 'done-without', auth: without.data }
}

const NOT_USED: ResponderPpk = { kind: 'not-used' }

export function responderKeys(prf: PrfAlgorithm, keys: IkeKeys, world: World): IkeKeys {
  return mixed(prf, keys, ownPpk(world)!)
}

/** The responder's word that it used the key: the same notification without data (RFC 8784 §3). */
export function ppkUsed(): Payload {
  const type = notifyTypeOf('PPK_IDENTITY')
  return payload('notify', { protocol: 0, spi: NO_OCTETS, type, data: NO_OCTETS })
}

export function isPpkUsed(payloads: readonly Payload[]): boolean {
  return findAll(payloads, 'notify').some(({ type }) => type === notifyTypeOf('PPK_IDENTITY'))
}
