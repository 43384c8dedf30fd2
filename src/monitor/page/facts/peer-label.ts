// Two short lines beside a peer in the picture, cut to the room that there is.
import { printable } from '../../../base/printable.ts'
import { octets } from '../../words.ts'
import { type Peer, standingWords } from './peers.ts'

/** The label is cut after what steers a display has been written out: a cut may not bring it back. */
export function peerLabel(peer: Peer, room: number): readonly [string, string] {
  const { address, name, standing, strands, inbound, outbound } = peer
  const isPassing = inbound + outbound > 0 && standing === 'sealed'
  const second = isPassing
    ? `↑ ${shortRate(outbound)} ↓ ${shortRate(inbound)}`
    : strands.map(strand => standingWords[strand]).join(' + ')
  return [shortened(name ?? address, room), shortened(second, room + 1)]
}

function shortRate(bytes: number): string {
  return `${octets(bytes).replace(/^(\d{2,})\.\d/, '$1')}/s`
}

export function shortened(text: string, room: number): string {
  const shown = printable(text)
  return shown.length <= room ? shown : `${shown.slice(0, Math.max(1, room - 1))}…`
}
