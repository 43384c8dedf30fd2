// All associations: sorted, filtered, as many as there are; what is said about one stands below the table.
import { useState } from 'preact/hooks'
import type { AssociationView } from '../../rates.ts'
import { count } from '../../words.ts'
import { associationColumns, associationFacts, associationText, faultsOf } from '../facts/association-rows.ts'
import { type Peer, peerWords } from '../facts/peers.ts'
import { hashOf } from '../facts/route.ts'
import { filterRows, type Order, sortRows } from '../facts/table-rows.ts'
import { FilterField } from '../parts/filter-field.tsx'
import { Mark } from '../parts/mark.tsx'
import { focusOpened, VirtualTable } from '../parts/virtual-table.tsx'

interface AssociationsProps {
  readonly associations: readonly AssociationView[]
  /** Chosen elsewhere, with what is known of it; left out, all are shown. */
  readonly peer: Peer | undefined
}

export function Associations({ associations, peer }: AssociationsProps) {
  const [filter, setFilter] = useState('')
  const [order, setOrder] = useState<Order>({ key: 'peer', way: 'ascending' })
  const [opened, setOpened] = useState<string>()
  const own = peer === undefined ? associations : associations.filter(one => one.peer === peer.address)
  const rows = sortRows(filterRows(own, associationText, filter), associationColumns, order)
  const chosen = associations.find(({ spi }) => spi === opened)
  const close = () => {
    focusOpened()
    setOpened(undefined)
  }
  return (
    <section aria-labelledby="associations-title">
      <div class="title">
        <h2 id="associations-title">Associations</h2>
        <FilterField label="Peer, rule, algorithm, SPI" value={filter} onValue={setFilter} />
        <p class="soft">
          {rows.length === associations.length
            ? count(rows.length)
            : `${count(rows.length)} of ${count(associations.length)}`}
        </p>
      </div>
      {peer === undefined ? null : <Chosen peer={peer} />}
      <VirtualTable
        {...{ label: 'Associations', columns: associationColumns, rows, order, opened }}
        keyOf={({ spi }) => spi}
        classOf={one => (faultsOf(one) > 0 ? 'r-failed' : one.isSending ? '' : 'dim')}
        onOrder={setOrder}
        onOpen={setOpened}
        empty={emptyWords(filter, peer)}
      />
      {chosen === undefined ? null : <Details association={chosen} onClose={close} />}
    </section>
  )
}

function emptyWords(filter: string, peer: Peer | undefined): string {
  if (filter !== '') return 'No association fits the filter.'
  if (peer !== undefined) return 'No association with this host.'
  return 'No associations: keys are asked for when the first packet wants to leave.'
}

/** The host that all of them are of, and the way back. */
function Chosen({ peer }: { readonly peer: Peer }) {
  return (
    <p class="chosen">
      <Mark standing={peer.standing} /> {peerWords(peer)} <a href={hashOf('associations')}>Show all hosts</a>
    </p>
  )
}

interface DetailsProps {
  readonly association: AssociationView
  readonly onClose: () => void
}

function Details({ association, onClose }: DetailsProps) {
  return (
    <section class="card details" aria-label="The chosen association">
      <div class="title">
        <h3>{`${association.peer}, ${association.rule}`}</h3>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      <dl class="facts">
        {associationFacts(association).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
