// What a person sees first: who talks to whom, what passes, what failed last, and the newest of the log.
import { useMemo, useState } from 'preact/hooks'
import { clockTime, count, rate } from '../../words.ts'
import { isFailure, ordered } from '../facts/ladders.ts'
import type { PageState } from '../facts/page-state.ts'
import { type Peer, peersOf, standings, standingWords } from '../facts/peers.ts'
import { hashOf } from '../facts/route.ts'
import { type Column, type Order, sortRows } from '../facts/table-rows.ts'
import { Ladder } from '../parts/ladder.tsx'
import { useScreen } from '../parts/use-size.ts'
import { VirtualTable } from '../parts/virtual-table.tsx'
import { Picture, PictureLegend } from './picture.tsx'
import { Rates } from './rates.tsx'

interface OverviewProps {
  readonly state: PageState
  readonly colors: string
}

export function Overview({ state, colors }: OverviewProps) {
  const { view } = state
  // Whatever makes another picture brings a status with it; a flood of events does not.
  const peers = useMemo(() => peersOf(view), [view.status])
  const failure = ordered(view.negotiations).find(isFailure)
  return (
    <div class="overview">
      <div class="column">
        <Who own={view.status?.addresses[0] ?? ''} peers={peers} />
        {failure === undefined ? null : (
          <section class="card" aria-labelledby="failure-title">
            <div class="title">
              <h2 id="failure-title">Newest failure</h2>
              <a href={hashOf('negotiations', failure.session)}>whole negotiation</a>
            </div>
            <Ladder negotiation={failure} most={MOST_STEPS} />
          </section>
        )}
      </div>
      <div class="column">
        <Rates state={state} colors={colors} />
        <Newest state={state} />
      </div>
    </div>
  )
}

/** Of the newest failure; the part on negotiations has all. */
const MOST_STEPS = 6

function Who({ own, peers }: { readonly own: string; readonly peers: readonly Peer[] }) {
  const [isTable, setIsTable] = useState(false)
  return (
    <section class="who card" aria-labelledby="who-title">
      <div class="title">
        <h2 id="who-title">Who talks to whom</h2>
        <button type="button" aria-pressed={isTable} onClick={() => setIsTable(!isTable)}>
          As a table
        </button>
      </div>
      {isTable ? <PeerTable peers={peers} /> : <Picture own={own} peers={peers} />}
      {isTable ? null : <PictureLegend peers={peers} />}
    </section>
  )
}

const rank = (peer: Peer) => standings.indexOf(peer.standing)

const peerColumns: readonly Column<Peer>[] = [
  { key: 'peer', title: 'Peer', side: 'left', width: 140, spare: 0, text: ({ address }) => address },
  { key: 'name', title: 'Name', side: 'left', width: 150, spare: 2, text: ({ name }) => name ?? '' },
  {
    ...{ key: 'standing', title: 'Standing', side: 'left', width: 140, spare: 0, sorts: rank },
    text: ({ strands }) => strands.map(one => standingWords[one]).join(', '),
  },
  { key: 'why', title: 'Why', side: 'left', width: 160, spare: 4, text: ({ reason }) => reason ?? '' },
  {
    ...{ key: 'associations', title: 'Associations', side: 'right', width: 110, spare: 3 },
    ...{ text: peer => count(peer.associations), sorts: peer => peer.associations },
  },
  {
    key: 'out',
    title: 'Out',
    side: 'right',
    width: 96,
    spare: 1,
    text: peer => rate(peer.outbound),
    sorts: peer => peer.outbound,
  },
  {
    key: 'in',
    title: 'In',
    side: 'right',
    width: 96,
    spare: 1,
    text: peer => rate(peer.inbound),
    sorts: peer => peer.inbound,
  },
]

function PeerTable({ peers }: { readonly peers: readonly Peer[] }) {
  const [order, setOrder] = useState<Order>({ key: 'standing', way: 'ascending' })
  return (
    <VirtualTable
      {...{ label: 'Peers', columns: peerColumns, rows: sortRows(peers, peerColumns, order), order }}
      keyOf={({ address }) => address}
      classOf={({ standing }) => `r-${standing}`}
      onOrder={setOrder}
      opened={undefined}
      onOpen={key => {
        if (key !== undefined) location.hash = hashOf('associations', key)
      }}
      empty="Nobody yet: hosts appear with their first packet."
    />
  )
}

/** A line takes some 26 pixels; on a wall there is room for more. */
const LINE = 26
const LEAST_NEWS = 8

function Newest({ state: { view } }: { readonly state: PageState }) {
  const { width, height } = useScreen()
  const room = width < 1600 ? LEAST_NEWS : Math.max(LEAST_NEWS, Math.floor((height * 0.6) / LINE / 1.5))
  const newest = view.log.slice(-room).toReversed()
  return (
    <section class="card" aria-labelledby="newest-title">
      <div class="title">
        <h2 id="newest-title">Newest of the log</h2>
        <a href={hashOf('log')}>all of it</a>
      </div>
      {newest.length === 0 ? <p class="empty">Nothing has happened since this page was opened.</p> : null}
      <ol class="lines">
        {newest.map(({ at, level, text }, index) => (
          <li key={view.log.length - index} class={`n-${level}`}>
            <time>{clockTime(at)}</time> <span>{text}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
