// Who spoke with whom: a matrix in which a cell has the worst verdict by its word, the packets, and a bar of the shares.
import type { HostMatrix, HostPair } from './host-matrix.ts'
import { html, Markup } from './page-markup.ts'
import { count, group } from './page-numbers.ts'
import { shareBar, swatch, tableOf, worstFirst } from './page-verdicts.ts'

/** Columns with which the matrix stands beside the findings on a wide display; a larger one has its whole width. */
const MOST_BESIDE = 6

export function hostsSection(matrix: HostMatrix | undefined, id: string): Markup {
  if (matrix === undefined || matrix.pairs.length === 0) return html``
  const { hosts, groups, pairs, addressesLeftOut, packetsLeftOut } = matrix
  const between = new Map(pairs.flatMap(pair => [entry(pair.from, pair.to, pair), entry(pair.to, pair.from, pair)]))
  const columns = [...hosts, ...groups]
  const rows = hosts.map(
    host =>
      html`<tr><th scope="row">${host}</th>${columns.map(other => cell(between.get(keyOf(host, other)), host === other))}</tr>`,
  )
  const caption =
    'A row for each host; both directions of two hosts together. A cell names the worst verdict between them, with its packets of all packets.'
  const left = [
    ...(addressesLeftOut > 0 ? [`${count(addressesLeftOut, 'further address', 'further addresses')}`] : []),
    ...(packetsLeftOut > 0 ? [`${count(packetsLeftOut, 'packet')} of theirs or without addresses`] : []),
  ]
  return html`<section${columns.length > MOST_BESIDE ? new Markup(' class="full"') : undefined}><h3 id="${id}">Hosts</h3>
${tableOf(caption, ['Host', ...columns.map(name => html`<th scope="col">${name}${groups.includes(name) ? html` <small>group</small>` : undefined}</th>`)], rows, 'Matrix of hosts')}
${left.length === 0 ? undefined : html`<p class="aside">Not in the matrix: ${left.join(', ')}.</p>`}</section>`
}

function cell(pair: HostPair | undefined, isSelf: boolean): Markup {
  if (pair === undefined)
    return html`<td class="none">${isSelf ? '–' : html`<span aria-hidden="true">·</span><span class="unseen">nothing</span>`}</td>`
  const present = worstFirst.filter(verdict => (pair.packets[verdict] ?? 0) > 0)
  const worst = present[0]!
  const sum = present.reduce((all, verdict) => all + pair.packets[verdict]!, 0)
  const words = present.map(verdict => `${verdict} ${group(pair.packets[verdict]!)}`).join(', ')
  const of = present.length === 1 ? '' : ` of ${group(sum)}`
  return html`<td class="cell"><span class="verdict">${swatch(worst)}<b>${worst}</b></span> <span class="amount">${group(pair.packets[worst]!)}${of}</span>${shareBar(pair.packets, words, 8)}</td>`
}

function entry(from: string, to: string, pair: HostPair): readonly [string, HostPair] {
  return [keyOf(from, to), pair]
}

function keyOf(from: string, to: string): string {
  return `${from} ${to}`
}
