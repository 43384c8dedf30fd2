// ESP in UDP that was cut for the link, as one datagram again: it leaves by a UDP socket, which cuts it itself, behind the
// firewall's rules. Those know ESP in UDP by its ports, which a later piece does not show.

const UDP = 17
const UDP_HEADER = 8
const FRAGMENT = 44
const FRAGMENT_HEADER = 8
const IPV6_HEADER = 40

/** All of the UDP datagram, its header too; undefined where the pieces are of something else, or have options. */
export function joinedDatagram(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  const starts = pieces.map(startOfPiece)
  if (starts.includes(-1)) return undefined
  const parts = pieces.map((piece, index) => piece.subarray(starts[index]))
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole.length > UDP_HEADER ? whole : undefined
}

function startOfPiece(piece: Uint8Array): number {
  if (piece[0]! >> 4 === 4) return piece[0] === 0x45 && piece[9] === UDP ? 20 : -1
  return piece[6] === FRAGMENT && piece[IPV6_HEADER] === UDP ? IPV6_HEADER + FRAGMENT_HEADER : -1
}
