// A filter on the wire itself, in the bridge between the controllers: nftables of the kernel, none of sealwire's. It counts
// what crosses by kind, and when it is closed only what IPsec needs crosses: the witness that no host has a hand in.

import { inNetworkOf, type LabHost } from './namespace.ts'
import { must, run } from './run.ts'

export interface WireCounts {
  readonly arp: number
  readonly ike: number
  readonly esp: number
  readonly ah: number
  readonly other: number
}

export type Crossing = 'everything' | 'ipsec-only'

const table = 'sealwire_lab'

/** From zero. `everything` only counts. */
export async function filterWire(wire: LabHost, crossing: Crossing): Promise<void> {
  const kinds = ['arp', 'ike', 'esp', 'ah', 'other']
  const rules = `table bridge ${table}
delete table bridge ${table}
table bridge ${table} {
${kinds.map(kind => `  counter crossed_${kind} {}`).join('\n')}
  chain wire {
    type filter hook forward priority 0; policy drop;
    ether type arp counter name crossed_arp accept
    ip protocol 50 counter name crossed_esp accept
    ip protocol 51 counter name crossed_ah accept
    udp sport { 500, 4500 } udp dport { 500, 4500 } counter name crossed_ike accept
    counter name crossed_other ${crossing === 'everything' ? 'accept' : 'drop'}
  }
}
`
  await must(inNetworkOf(wire, ['nft', '-f', '-']), { input: rules })
}

/** Frames since `filterWire`. Those that were dropped are `other`. ESP in UDP counts as ike. */
export async function readWire(wire: LabHost): Promise<WireCounts> {
  const text = await must(inNetworkOf(wire, ['nft', '-j', 'list', 'counters', 'table', 'bridge', table]))
  const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] }
  const of = (kind: string) =>
    nftables.find(({ counter }) => counter?.name === `crossed_${kind}`)?.counter?.packets ?? NaN
  return { arp: of('arp'), ike: of('ike'), esp: of('esp'), ah: of('ah'), other: of('other') }
}

export async function unfilterWire(wire: LabHost): Promise<void> {
  await run(inNetworkOf(wire, ['nft', 'delete', 'table', 'bridge', table]))
}
