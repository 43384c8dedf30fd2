// Transport checksums behind a translator (RFC 3948 §3.1.2): in transport mode the checksum inside the seal is over the
// addresses before translation, and the packet comes to the host with those after it. The seal has vouched for the octets,
// so the checksum is made anew.
import { TCP, UDP } from '../../base/flow.ts'
import type { AssociationSpec } from '../../ipsec/association.ts'
import { transportChecksum } from '../../ipsec/headers.ts'

/** Whether packets of the association may have gone through a translator without their checksums being changed. */
export function mayBeTranslated({ mode, encapsulation }: AssociationSpec): boolean {
  return mode === 'transport' && encapsulation !== undefined
}

/** Puts the checksum of a plain packet at `ip` right; answers whether it was wrong. UDP without one keeps none. */
export function repairChecksum(bytes: Uint8Array, ip: number, length: number): boolean {
  const isIpv4 = bytes[ip]! >> 4 === 4
  const header = isIpv4 ? (bytes[ip]! & 15) * 4 : 40
  const protocol = bytes[ip + (isIpv4 ? 9 : 6)]!
  const place = protocol === TCP ? 16 : protocol === UDP ? 6 : -1
  const octets = length - header
  if (place < 0 || octets < place + 2) return false
  const at = ip + header + place
  const before = (bytes[at]! << 8) | bytes[at + 1]!
  if (protocol === UDP && before === 0) return false
  bytes[at] = 0
  bytes[at + 1] = 0
  const right = transportChecksum(bytes, ip, ip + header, octets, protocol)
  bytes[at] = right >> 8
  bytes[at + 1] = right & 255
  // Zero and its complement are the same sum.
  return right % 0xffff !== before % 0xffff
}
