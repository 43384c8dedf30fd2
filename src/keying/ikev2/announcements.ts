// What each side says of itself in IKE_SA_INIT beside the agreement: notifications of what it can do, and a vendor ID (RFC
// 7296 §3.12). Most are sent by the initiator first and answered in kind.
import { announcedHashes } from '../../crypto/signatures.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { ikeOffersOf } from '../../policy/ike-offers.ts'
import { notification } from '../../wire/ike/notify.ts'
import { type Payload, payload } from '../../wire/ike/v2-payloads.ts'
import type { IkeChoice } from '../choose-proposal.ts'
import type { PeerSupport } from './session.ts'
import { findNotify } from './step.ts'

/** 16 octets that name the product and its dialect, for people with a capture; nobody's behaviour depends on them. */
const VENDOR_ID = new TextEncoder().encode('sealwire IKEv2 1')

export function vendorId(): Payload {
  return payload('vendor-id', { id: VENDOR_ID })
}

export function supportOf(payloads: readonly Payload[]): PeerSupport {
  const has = (kind: Parameters<typeof findNotify>[1]) => findNotify(payloads, kind) !== undefined
  return {
    fragmentation: has('IKEV2_FRAGMENTATION_SUPPORTED'),
    hashes: findNotify(payloads, 'SIGNATURE_HASH_ALGORITHMS')?.algorithms ?? [],
    intermediate: has('INTERMEDIATE_EXCHANGE_SUPPORTED'),
    ppk: has('USE_PPK'),
    childless: has('CHILDLESS_IKEV2_SUPPORTED'),
  }
}

/**
 * Old signatures are for those whose policy names old methods of IKE: it speaks with hosts that have no others. Where it
 * names none, nothing that a peer says brings them back.
 */
export function allowsOld({ policy }: CompiledPolicy): boolean {
  return ikeOffersOf(policy).some(({ strength }) => strength === 'old')
}

/** Hashes that signatures of the peer may have; what it may not use is not announced (RFC 7427 §4). */
export function ownHashes(policy: CompiledPolicy): readonly number[] {
  return announcedHashes(allowsOld(policy))
}

export function initiatorAnnouncements(policy: CompiledPolicy): readonly Payload[] {
  const hasAdditional = ikeOffersOf(policy.policy).some(({ additional }) => additional.length > 0)
  return [
    notification('IKEV2_FRAGMENTATION_SUPPORTED', {}),
    notification('SIGNATURE_HASH_ALGORITHMS', { algorithms: ownHashes(policy) }),
    ...(hasAdditional ? [notification('INTERMEDIATE_EXCHANGE_SUPPORTED', {})] : []),
    ...(policy.policy.ike?.ppk === undefined ? [] : [notification('USE_PPK', {})]),
    vendorId(),
  ]
}

export function responderAnnouncements(
  policy: CompiledPolicy,
  peer: PeerSupport,
  { additional }: Pick<IkeChoice, 'additional'>,
): readonly Payload[] {
  const usesPpk = peer.ppk && policy.policy.ike?.ppk !== undefined
  return [
    ...(peer.fragmentation ? [notification('IKEV2_FRAGMENTATION_SUPPORTED', {})] : []),
    notification('SIGNATURE_HASH_ALGORITHMS', { algorithms: ownHashes(policy) }),
    ...(additional.length > 0 ? [notification('INTERMEDIATE_EXCHANGE_SUPPORTED', {})] : []),
    ...(usesPpk ? [notification('USE_PPK', {})] : []),
    notification('CHILDLESS_IKEV2_SUPPORTED', {}),
    vendorId(),
  ]
}
