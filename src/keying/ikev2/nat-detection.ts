// Whether a NAT stands between two hosts: each says by hashes which addresses and ports it believes in (RFC 7296 §2.23).

import { createHash } from 'node:crypto'
import { octetsOf } from '../../base/bytes.ts'
import type { IkeSpis } from '../../crypto/ike-keys.ts'
import { notification } from '../../wire/ike/notify.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { wantsEspInUdp } from '../candidates.ts'
import { identityOfAddress } from '../identity.ts'
import type { Path, UdpEndpoint, World } from '../machine.ts'
import type { NatFindings } from '../nat-findings.ts'
import { findNotifies } from './step.ts'

const HASH_BYTES = 20

/** SHA-1 hides nothing here and has to: both sides must come to the same octets. */
export function endpointHash(spis: IkeSpis, { address, port }: UdpEndpoint): Uint8Array {
  const hash = createHash('sha1').update(spis.initiator).update(spis.responder)
  hash.update(identityOfAddress(address).data).update(Uint8Array.of(port >> 8, port & 0xff))
  return octetsOf(hash.digest())
}

/** `spis` are those of the message's header. */
export function natNotifies(spis: IkeSpis, path: Path, world: World): readonly Payload[] {
  const { local, remote } = path
  // A hash of no address makes the peer see a NAT in front of us, so that it puts ESP into UDP.
  const source = pretendsNat(path, world) ? noHash(world) : endpointHash(spis, local)
  return [
    notification('NAT_DETECTION_SOURCE_IP', { hash: source }),
    notification('NAT_DETECTION_DESTINATION_IP', { hash: endpointHash(spis, remote) }),
  ]
}

export function pretendsNat(path: Path, { policy, settings }: World): boolean {
  return wantsEspInUdp(policy, path, 'ikev2', settings.forceEncapsulation)
}

function noHash({ random }: World): Uint8Array {
  const hash = new Uint8Array(HASH_BYTES)
  random.fill(hash)
  return hash
}

/** Undefined where the peer says nothing of NATs: then ESP in UDP is nothing that it knows. */
export function natFindings(payloads: readonly Payload[], spis: IkeSpis, path: Path): NatFindings | undefined {
  // A host with several addresses may name them all.
  const sources = findNotifies(payloads, 'NAT_DETECTION_SOURCE_IP')
  const destinations = findNotifies(payloads, 'NAT_DETECTION_DESTINATION_IP')
  if (sources.length === 0 || destinations.length === 0) return undefined
  const isAmong = (all: readonly { readonly hash: Uint8Array }[], endpoint: UdpEndpoint) => {
    const wanted = endpointHash(spis, endpoint)
    return all.some(({ hash }) => Buffer.compare(hash, wanted) === 0)
  }
  return { beforeUs: !isAmong(destinations, path.local), beforePeer: !isAmong(sources, path.remote) }
}
