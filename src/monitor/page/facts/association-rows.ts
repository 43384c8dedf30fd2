// The table of associations: ipsecmon's columns and what it did not have, as far as the width goes.
import type { AssociationView } from '../../rates.ts'
import { count, octets, rate, span } from '../../words.ts'
import type { Column } from './table-rows.ts'

export function faultsOf({ faults }: AssociationView): number {
  return faults.replayed + faults.notAuthentic + faults.badPadding + faults.outsideSelectors
}

const left = { side: 'left' } as const
const right = { side: 'right' } as const

export const associationColumns: readonly Column<AssociationView>[] = [
  { ...left, key: 'peer', title: 'Peer', width: 132, spare: 0, text: ({ peer }) => peer },
  { ...left, key: 'name', title: 'Name', width: 150, spare: 4, text: ({ peerName }) => peerName ?? '' },
  { ...left, key: 'rule', title: 'Rule', width: 170, spare: 5, text: ({ rule }) => rule },
  { ...left, key: 'algorithms', title: 'Algorithms', width: 165, spare: 6, text: ({ algorithms }) => algorithms },
  { ...left, key: 'mode', title: 'Mode', width: 90, spare: 7, text: modeWords },
  { ...left, key: 'spi', title: 'SPI in', width: 100, spare: 9, text: ({ spi }) => spi },
  {
    ...right,
    key: 'age',
    title: 'Age',
    width: 90,
    spare: 3,
    text: one => span(one.ageSeconds),
    sorts: one => one.ageSeconds,
  },
  {
    ...{ ...right, key: 'rekey', title: 'Rekey in', width: 98, spare: 2 },
    ...{ text: one => span(one.rekeyInSeconds), sorts: one => one.rekeyInSeconds },
  },
  {
    ...{ ...right, key: 'sent', title: 'Sent', width: 88, spare: 8 },
    ...{ text: one => octets(one.outbound.bytes), sorts: one => one.outbound.bytes },
  },
  {
    ...{ ...right, key: 'received', title: 'Received', width: 96, spare: 8 },
    ...{ text: one => octets(one.inbound.bytes), sorts: one => one.inbound.bytes },
  },
  {
    ...{ ...right, key: 'out', title: 'Out', width: 96, spare: 0 },
    ...{ text: one => rate(one.rates.outbound.bytes), sorts: one => one.rates.outbound.bytes },
  },
  {
    ...{ ...right, key: 'in', title: 'In', width: 96, spare: 0 },
    ...{ text: one => rate(one.rates.inbound.bytes), sorts: one => one.rates.inbound.bytes },
  },
  {
    ...{ ...right, key: 'replayed', title: 'Replays', width: 88, spare: 8 },
    ...{ text: one => count(one.faults.replayed), sorts: one => one.faults.replayed },
  },
  { ...right, key: 'faults', title: 'Drops', width: 76, spare: 1, text: one => count(faultsOf(one)), sorts: faultsOf },
]

function modeWords({ mode, isSending }: AssociationView): string {
  return isSending ? mode : `${mode}, in`
}

/** What a filter looks at. */
export function associationText(one: AssociationView): string {
  const { own, peer, peerName, rule, algorithms, mode, security, spi, peerSpi, encapsulation } = one
  return [own, peer, peerName, rule, algorithms, mode, security, spi, peerSpi, encapsulation].join(' ')
}

export function associationFacts(one: AssociationView): readonly (readonly [label: string, value: string])[] {
  const { faults } = one
  return [
    ['Between', `${one.own} and ${one.peer}${one.peerName === null ? '' : ` (${one.peerName})`}`],
    ['Rule', one.rule],
    ['Security', [one.security, one.algorithms].filter(text => text !== null).join(': ')],
    ['Encrypted', one.isConfidential ? 'yes' : 'no, protected against change only'],
    ['Mode', `${one.mode}${one.encapsulation === 'udp' ? ', in UDP' : ''}${one.isSending ? '' : ', only receives'}`],
    ['Carries', one.selectors.map(selectorWords).join('; ') || 'anything'],
    ['SPI', `in ${one.spi}, out ${one.peerSpi}`],
    ['Age', span(one.ageSeconds)],
    ['New keys in', `${span(one.rekeyInSeconds)}, ends in ${span(one.endsInSeconds)}`],
    [
      'Sent',
      `${count(one.outbound.packets)} packets, ${octets(one.outbound.bytes)}, ${rate(one.rates.outbound.bytes)} now`,
    ],
    [
      'Received',
      `${count(one.inbound.packets)} packets, ${octets(one.inbound.bytes)}, ${rate(one.rates.inbound.bytes)} now`,
    ],
    [
      'Not let in',
      `${count(faults.replayed)} seen before, ${count(faults.notAuthentic)} not authentic, ${count(faults.badPadding)} badly padded, ${count(faults.outsideSelectors)} outside of what was agreed on`,
    ],
  ]
}

function selectorWords({ protocol, sourcePort, destinationPort }: AssociationView['selectors'][number]): string {
  if (protocol === null) return 'any protocol'
  if (sourcePort === null && destinationPort === null) return protocol
  return `${protocol} ${sourcePort ?? 'any'} → ${destinationPort ?? 'any'}`
}
