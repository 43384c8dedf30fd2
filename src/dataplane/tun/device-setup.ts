// How large the packets may be that applications send through the device: what the link takes, less the most that any
// security method of the rule can add. So nothing has to be cut after it was sealed, and TCP knows its segments' size from
// the start.

import { suiteOf } from '../../crypto/suites.ts'
import { ahBytes } from '../../ipsec/ah.ts'
import { espRoom } from '../../ipsec/esp.ts'
import { outerHeaderBytes, UDP_HEADER } from '../../ipsec/headers.ts'
import type { EspForm, Rule } from '../../policy/model.ts'
import { offerOf } from '../../policy/offers.ts'

/** RFC 791 §3.2 has 68 for IPv4, which no path has any more; RFC 8200 §5 has 1280. */
const LEAST: Readonly<Record<4 | 6, number>> = { 4: 576, 6: 1280 }
/** One super-packet, cut and sealed, fits one call that sends many datagrams: 64 KiB less a header for each. */
export const MOST_SEGMENTED = 61_000

/**
 * The largest packet of `family` that this rule seals into at most `linkMtu` octets, whichever of its methods is agreed on.
 * ESP of form `auto` may come to stand in UDP, so that counts.
 */
export function sealedMtu(
  rule: Rule,
  linkMtu: number,
  family: 4 | 6,
  form: EspForm = rule.encapsulation ?? 'auto',
): number {
  const rooms = rule.security.map(name => roomOf(name, rule, linkMtu, family, form))
  return Math.max(LEAST[family], Math.min(linkMtu, ...rooms))
}

function roomOf(name: string, rule: Rule, linkMtu: number, family: 4 | 6, form: EspForm): number {
  const offer = offerOf(name)
  if (!offer.ok) return linkMtu
  const isTunnel = rule.mode === 'tunnel'
  const outside = isTunnel ? (rule.tunnelEndpoint?.family ?? family) : family
  const header = outerHeaderBytes(outside)
  const { protections } = offer.value
  // AH covers addresses, so it cannot pass a translator and never stands in UDP (RFC 3715 §2.1).
  const isInUdp = form !== 'raw' && protections.every(({ protocol }) => protocol === 'esp')
  let room = linkMtu - header - (isInUdp ? UDP_HEADER : 0)
  for (const protection of protections.toReversed()) {
    const suite = suiteOf(protection)
    if (suite?.protocol === 'esp') room = espRoom({ suite }, room)
    else if (suite !== undefined) room -= ahBytes({ suite }, outside)
  }
  return isTunnel ? room : room + header
}
