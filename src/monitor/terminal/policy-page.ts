// The terminal's page of rules: what each has sealed, and what was let pass or stopped for it.
import { packetsOf, type RuleHits, ruleHits } from '../rule-hits.ts'
import type { BothWays } from '../sealed-traffic.ts'
import type { MonitorView } from '../view.ts'
import { count, octets } from '../words.ts'
import { piece } from './line.ts'
import type { Page } from './page.ts'

export function policyPage({ status }: MonitorView): Page {
  const hits = status === null ? [] : ruleHits(status)
  return {
    columns: [
      { title: 'Rule', side: 'left', spare: 0 },
      { title: 'Packets', side: 'right', spare: 0 },
      { title: 'Sealed out', side: 'right', spare: 0 },
      { title: 'Sealed in', side: 'right', spare: 0 },
      { title: 'Permitted', side: 'right', spare: 2 },
      { title: 'In clear', side: 'right', spare: 1 },
      { title: 'Stopped', side: 'right', spare: 1 },
      { title: 'Blocked', side: 'right', spare: 2 },
    ],
    rows: hits.map(one => ({
      key: one.rule,
      cells: [
        ...[one.rule, count(packetsOf(one)), octets(one.sealed.outbound.bytes), octets(one.sealed.inbound.bytes)],
        ...[one.permitted, one.inClear, one.stopped, one.blocked].map(packets),
      ],
      style: one.inClear.outbound.packets + one.inClear.inbound.packets > 0 ? 'bad' : undefined,
    })),
    empty: 'No rule has decided anything yet.',
    details: key => hits.filter(({ rule }) => rule === key).map(one => [piece(sealedWords(one))]),
  }
}

function packets({ inbound, outbound }: BothWays): string {
  const sum = inbound.packets + outbound.packets
  return sum === 0 ? '–' : count(sum)
}

function sealedWords({ sealed: { inbound, outbound } }: RuleHits): string {
  return (
    `sealed since the agent started: ${count(outbound.packets)} packets out, ${count(inbound.packets)} in; ` +
    'the rest since the guard was put in place'
  )
}
