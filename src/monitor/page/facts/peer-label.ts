// Two short lines beside a peer in the picture, cut to the room that there is.
import { printable } from '../../../base/printable.ts'
import { rate } from '../../words.ts'
import { type Peer, standingWords } from './peers.ts'

/** The label is cut after what steers a display has been written out: a cut may not bring it back. */
export function peerLabel(
  { address, name, standing, inbound, outbound }: Peer,
  room: number,
): readonly [string, string] {
  const sum = inbound + outbound
  const second = sum > 0 && standing === 'sealed' ? `↑ ${rate(outbound)}  ↓ ${rate(inbound)}` : standingWords[standing]
  return [shortened(name ?? address, room), shortened(second, room + 3)]
}

export function shortened(text: string, room: number): string {
  const shown = printable(text)
  return shown.length <= room ? shown : `${shown.slice(0, Math.max(1, room - 1))}…`
}
