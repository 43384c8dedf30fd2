// Whether a NAT stands between two hosts, by hashes of addresses and ports (RFC 3947 §3.2 and draft 02, which differ in the
// numbers of payloads alone), and the addresses that were there before it (§5.2).
import { isSameOctets } from '../../base/bytes.ts'
import { type Cookies, natDetectionHash } from '../../crypto/ike1-keys.ts'
import type { Ike1Suite } from '../../crypto/ike1-suites.ts'
import { type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { wantsEspInUdp } from '../candidates.ts'
import { identityOfAddress } from '../identity.ts'
import type { Path, UdpEndpoint, World } from '../machine.ts'
import { type NatFindings, noNat } from '../nat-findings.ts'
import { findAll } from './opened.ts'
import type { PeerSupport } from './session.ts'

function hashOf(suite: Ike1Suite, cookies: Cookies, { address, port }: UdpEndpoint): Uint8Array {
  return natDetectionHash(suite, cookies, identityOfAddress(address).data, port)
}

/** The peer's end first, then ours (RFC 3947 §3.2). None where the peer does not know them. */
export function natPayloads(
  suite: Ike1Suite,
  cookies: Cookies,
  path: Path,
  { nat }: PeerSupport,
  world: World,
): readonly PayloadV1[] {
  if (nat === 'none') return []
  const own = hashOf(suite, cookies, path.local)
  // A hash of no address makes the peer see a NAT in front of us, so that it puts ESP into UDP.
  if (pretendsNat(path, world)) world.random.fill(own)
  const kind = nat === 'rfc' ? 'nat-detection' : 'draft-nat-detection'
  return [hashOf(suite, cookies, path.remote), own].map(hash => payloadV1(kind, { hash }))
}

function pretendsNat(path: Path, { policy, settings }: World): boolean {
  return wantsEspInUdp(policy, path, 'ikev1', settings.forceEncapsulation)
}

/** By the message's own payloads and the path that it came by. */
export function natFindings(
  payloads: readonly PayloadV1[],
  suite: Ike1Suite,
  cookies: Cookies,
  path: Path,
  { nat }: PeerSupport,
  world: World,
): NatFindings {
  const found = findAll(payloads, nat === 'rfc' ? 'nat-detection' : 'draft-nat-detection')
  const [destination, ...sources] = found
  if (nat === 'none' || destination === undefined || sources.length === 0) return noNat
  const [local, remote] = [hashOf(suite, cookies, path.local), hashOf(suite, cookies, path.remote)]
  return {
    beforeUs: !isSameOctets(destination.hash, local),
    // A host with several addresses may name them all.
    beforePeer: !sources.some(({ hash }) => isSameOctets(hash, remote)),
    ...(pretendsNat(path, world) ? { pretended: true as const } : {}),
  }
}
