// All associations: sorted, filtered, as many as there are; what is said about one stands below the table.
import { useEffect, useState } from 'preact/hooks'
import type { AssociationView } from '../../rates.ts'
import { count } from '../../words.ts'
import { associationColumns, associationFacts, associationText, faultsOf } from '../facts/association-rows.ts'
import { filterRows, type Order, sortRows } from '../facts/table-rows.ts'
import { FilterField } from '../parts/filter-field.tsx'
import { VirtualTable } from '../parts/virtual-table.tsx'

interface AssociationsProps {
  readonly associations: readonly AssociationView[]
  /** A peer that was chosen elsewhere. */
  readonly peer: string | undefined
}

export function Associations({ associations, peer }: AssociationsProps) {
  const [filter, setFilter] = useState(peer ?? '')
  const [order, setOrder] = useState<Order>({ key: 'peer', way: 'ascending' })
  const [opened, setOpened] = useState<string>()
  useEffect(() => setFilter(peer ?? ''), [peer])
  const rows = sortRows(filterRows(associations, associationText, filter), associationColumns, order)
  const chosen = associations.find(({ spi }) => spi === opened)
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
      <VirtualTable
        {...{ label: 'Associations', columns: associationColumns, rows, order, opened }}
        keyOf={({ spi }) => spi}
        classOf={one => (faultsOf(one) > 0 ? 'r-failed' : one.isSending ? '' : 'dim')}
        onOrder={setOrder}
        onOpen={setOpened}
        empty={
          filter === ''
            ? 'No associations: keys are asked for when the first packet wants to leave.'
            : 'No association fits the filter.'
        }
      />
      {chosen === undefined ? null : <Details association={chosen} onClose={() => setOpened(undefined)} />}
    </section>
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
