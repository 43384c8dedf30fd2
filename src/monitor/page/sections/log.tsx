// The log: the newest first, by level and words; it can be held while a person reads.
import { useState } from 'preact/hooks'
import type { ToldEvent } from '../../told-event.ts'
import type { MonitorView } from '../../view.ts'
import { clockTime, count } from '../../words.ts'
import { levels, levelWords, logColumns, logRows, type ShownLevel } from '../facts/log-rows.ts'
import { FilterField } from '../parts/filter-field.tsx'
import { focusOpened, VirtualTable } from '../parts/virtual-table.tsx'

export function Log({ view }: { readonly view: MonitorView }) {
  const [held, setHeld] = useState<readonly ToldEvent[]>()
  const [least, setLeast] = useState<ShownLevel>('info')
  const [filter, setFilter] = useState('')
  const [opened, setOpened] = useState<string>()
  const log = held ?? view.log
  const rows = logRows(log, least, filter)
  const chosen = opened === undefined ? undefined : log.find(event => keyOf(event) === opened)
  const close = () => {
    focusOpened()
    setOpened(undefined)
  }
  return (
    <section aria-labelledby="log-title">
      <div class="title">
        <h2 id="log-title">Log</h2>
        <label>
          <span class="unseen">Level</span>
          <select value={least} onChange={event => setLeast(event.currentTarget.value as ShownLevel)}>
            {levels.map(level => (
              <option key={level} value={level}>
                {levelWords[level]}
              </option>
            ))}
          </select>
        </label>
        <FilterField label="words" value={filter} onValue={setFilter} />
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? view.log : undefined)}
        >
          Hold
        </button>
        <p class="soft">
          {`${count(rows.length)} of the newest ${count(log.length)}`}
          {view.omitted === 0 ? '' : `; ${count(view.omitted)} came too fast to be told`}
        </p>
      </div>
      {chosen === undefined ? null : <Whole event={chosen} onClose={close} />}
      <VirtualTable
        {...{ label: 'Log, the newest first', columns: logColumns, rows, keyOf, opened }}
        classOf={({ level }) => `n-${level}`}
        onOpen={setOpened}
        empty={log.length === 0 ? 'Nothing has happened since this page was opened.' : 'Nothing fits the filter.'}
      />
    </section>
  )
}

const keys = new WeakMap<ToldEvent, string>()
let last = 0

/** Two events may be alike in everything. */
function keyOf(event: ToldEvent): string {
  const known = keys.get(event)
  if (known !== undefined) return known
  const key = String(++last)
  keys.set(event, key)
  return key
}

interface WholeProps {
  readonly event: ToldEvent
  readonly onClose: () => void
}

function Whole({ event: { at, level, kind, text, fields }, onClose }: WholeProps) {
  return (
    <section class="card details" aria-label="The chosen line">
      <div class="title">
        <h3>{`${clockTime(at)} UTC, ${level}, ${kind}`}</h3>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      <p>{text}</p>
      <dl class="facts">
        {Object.entries(fields ?? {}).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{Array.isArray(value) ? value.join('; ') : String(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
