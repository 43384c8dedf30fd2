// Link types that few captures have. What is not listed is not IP as far as we can tell, and is counted as such.
import type { Network } from './network-layer.ts'
import type { Packet } from './packet.ts'

export function locateRare(
  _packet: Packet,
  _bytes: Uint8Array,
  _linkType: number,
  _start: number,
  _end: number,
): Network {
  return 0
}
