// What each page of the terminal view lists: columns and rows from the view, and what is said about the row that is chosen.
import type { AgentStatus } from '../agent-status.ts'
import type { Negotiation } from '../negotiations.ts'
import type { AssociationView } from '../rates.ts'
import { statisticsOf } from '../statistics.ts'
import type { MonitorView } from '../view.ts'
import { clockTime, count, octets, rate, span } from '../words.ts'
import { type Line, piece } from './line.ts'
import type { Column, Page } from './page.ts'
import { policyPage } from './policy-page.ts'

export const pageNames = ['associations', 'hosts', 'negotiations', 'exempt', 'statistics', 'log', 'policy'] as const
export type PageName = (typeof pageNames)[number]

const left = (title: string, spare = 0): Column => ({ title, side: 'left', spare })
const right = (title: string, spare = 0): Column => ({ title, side: 'right', spare })
const nothing = () => []

export function pageOf(name: PageName, view: MonitorView): Page {
  return makers[name](view)
}

const makers: Readonly<Record<PageName, (view: MonitorView) => Page>> = {
  associations: associationsPage,
  hosts: hostsPage,
  negotiations: negotiationsPage,
  exempt: exemptPage,
  statistics: statisticsPage,
  log: logPage,
  policy: policyPage,
}

/** ipsecmon's columns, and what it did not have behind them. */
function associationsPage({ associations }: MonitorView): Page {
  return {
    columns: [
      ...[
        left('Policy Name', 1),
        left('Security', 3),
        left('Source Address', 2),
        left('Dest. Address'),
        left('Protocol', 5),
      ],
      ...[right('Src. Port', 7), right('Dest. Port', 6), left('Tunnel Endpoint', 8)],
      ...[
        right('Age', 4),
        right('Rekey in'),
        right('Sent'),
        right('Received'),
        right('Out'),
        right('In'),
        right('Bad', 2),
      ],
    ],
    rows: associations.map(one => ({
      key: one.spi,
      cells: [
        ...[one.rule, one.security ?? one.algorithms, one.own, one.peer],
        ...[selector(one, 'protocol'), selector(one, 'sourcePort'), selector(one, 'destinationPort')],
        one.mode === 'tunnel' ? one.peer : 'None',
        ...[span(one.ageSeconds), span(one.rekeyInSeconds)],
        ...[octets(one.outbound.bytes), octets(one.inbound.bytes)],
        ...[rate(one.rates.outbound.bytes), rate(one.rates.inbound.bytes)],
        count(faultsOf(one)),
      ],
      style: one.isSending ? undefined : 'dim',
    })),
    empty: 'No associations: keys are asked for when the first packet wants to leave.',
    details: key => associations.filter(({ spi }) => spi === key).flatMap(associationDetails),
  }
}

function selector({ selectors }: AssociationView, part: 'protocol' | 'sourcePort' | 'destinationPort'): string {
  const [first, ...more] = selectors
  return `${first?.[part] ?? 'Any'}${more.length === 0 ? '' : ' …'}`
}

function faultsOf({ faults }: AssociationView): number {
  return faults.replayed + faults.notAuthentic + faults.badPadding + faults.outsideSelectors
}

function associationDetails(one: AssociationView): readonly Line[] {
  const { replayed, notAuthentic, badPadding, outsideSelectors } = one.faults
  const how = `${one.algorithms}, ${one.mode} mode${one.encapsulation === 'udp' ? ', in UDP' : ''}${one.isSending ? '' : ', only receives'}`
  return [
    [piece(`in ${one.spi}, out ${one.peerSpi}`, 'bold'), piece(`  ${one.peerName ?? ''}  ${how}`)],
    [
      piece(`${count(one.outbound.packets)} packets out, ${count(one.inbound.packets)} in; `),
      piece(
        `${count(replayed)} seen before, ${count(notAuthentic)} not authentic, ${count(badPadding)} badly padded, `,
      ),
      piece(`${count(outsideSelectors)} outside of what was agreed on; ends in ${span(one.endsInSeconds)}`),
    ],
  ]
}

const standings = {
  leaking: 'bad',
  sealed: 'good',
  clear: 'bad',
  failed: 'bad',
  negotiating: 'note',
  idle: 'dim',
} as const

const standingWords: Readonly<Record<string, string>> = { clear: 'IN CLEAR', leaking: 'LEAKING' }

function hostsPage({ hosts }: MonitorView): Page {
  return {
    columns: [
      left('Host'),
      left('Name', 1),
      left('Standing'),
      right('Associations', 2),
      right('Out'),
      right('In'),
      left('Why', 3),
    ],
    rows: hosts.map(({ address, name, standing, associations, rates, reason }) => ({
      key: address,
      cells: [
        ...[address, name ?? '', standingWords[standing] ?? standing, count(associations)],
        ...[rate(rates.outbound.bytes), rate(rates.inbound.bytes), reason ?? ''],
      ],
      style: standings[standing],
    })),
    empty: 'No hosts yet.',
    details: key =>
      hosts.filter(({ address, reason }) => address === key && reason !== null).map(one => [piece(one.reason!, 'bad')]),
  }
}

function negotiationsPage({ negotiations }: MonitorView): Page {
  const newest = negotiations.toReversed()
  return {
    columns: [left('Began'), left('Host'), left('Session', 1), left('Outcome'), right('Steps', 2), left('Last')],
    rows: newest.map(({ session, begunAt, peer, outcome, rungs, omitted, reason }) => ({
      key: session,
      cells: [
        ...[clockTime(begunAt), peer ?? '', session.slice(0, 8), outcome, count(rungs.length + omitted)],
        reason ?? rungs.at(-1)?.text ?? '',
      ],
      style: outcome === 'failed' ? 'bad' : undefined,
    })),
    empty: 'Nothing was negotiated since this view began.',
    details: key => newest.filter(({ session }) => session === key).flatMap(ladder),
  }
}

const arrows = { sent: '──►', received: '◄──' } as const

export function ladder({ rungs, omitted }: Negotiation): readonly Line[] {
  const before: readonly Line[] =
    omitted === 0 ? [] : [[piece(`(${count(omitted)} earlier steps are not kept)`, 'dim')]]
  return [
    ...before,
    ...rungs.map(
      ({ at, way, text, isBad }): Line => [
        piece(`${clockTime(at)} `, 'dim'),
        piece(`${way === undefined ? ' · ' : arrows[way]} `),
        piece(text, isBad ? 'bad' : undefined),
      ],
    ),
  ]
}

function exemptPage({ exempt, status }: MonitorView): Page {
  const seen = (traffic: { readonly packets: number; readonly bytes: number } | null) =>
    traffic === null ? ['not counted', ''] : [count(traffic.packets), octets(traffic.bytes)]
  return {
    columns: [
      left('Exempt by default'),
      right('Packets out'),
      right('Octets out'),
      right('Packets in', 1),
      right('Octets in', 1),
      left('Otherwise', 2),
    ],
    rows: exempt.map(({ title, outbound, inbound, otherwise }) => ({
      key: title,
      cells: [title, ...seen(outbound), ...seen(inbound), otherwise?.words ?? 'exempt at every value'],
    })),
    empty: 'Nothing is exempt by default.',
    details: () => (status === null ? [] : [[piece(settingWords(status))]]),
  }
}

function settingWords({ setting: { name, value, from }, policy }: AgentStatus): string {
  return name === null ? `Profile ${policy.profile} reads no setting.` : `${name} is ${value}, from the ${from}.`
}

function statisticsPage({ status }: MonitorView): Page {
  const blocks = status === null ? [] : statisticsOf(status)
  return {
    columns: [left('Statistics'), right('Value')],
    rows: blocks.flatMap(({ title, rows }) => [
      { key: title, cells: [title, ''], style: 'bold' as const },
      ...rows.map(([label, value]) => ({ key: `${title} ${label}`, cells: [`  ${label}`, count(value)] })),
    ]),
    empty: 'No status yet.',
    details: nothing,
  }
}

function logPage({ log }: MonitorView): Page {
  return {
    columns: [left('Time'), left('What')],
    rows: log.toReversed().map(({ at, level, kind, text }) => ({
      key: `${at} ${kind} ${text}`,
      cells: [clockTime(at), text],
      style: level === 'error' || level === 'warning' ? 'bad' : undefined,
    })),
    empty: 'Nothing has happened since this view began.',
    details: nothing,
  }
}
