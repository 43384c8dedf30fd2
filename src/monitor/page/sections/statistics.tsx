// The statistics of ipsecmon and netsh by their labels, the agent's own counts, and why packets were not let through.
import type { AgentStatus } from '../../agent-status.ts'
import { countMeanings, countNames } from '../../counts.ts'
import { statisticsOf } from '../../statistics.ts'
import { wireVerdictMeanings } from '../../wire-status.ts'
import { count, octets } from '../../words.ts'

type Rows = readonly (readonly [label: string, value: string])[]

export function Statistics({ status }: { readonly status: AgentStatus }) {
  const drops = status.drops.filter(({ packets }) => packets > 0)
  return (
    <section aria-labelledby="statistics-title">
      <h2 id="statistics-title">Statistics</h2>
      <div class="blocks">
        {statisticsOf(status).map(({ title, rows }) => (
          <Block key={title} title={title} rows={rows.map(([label, value]) => [label, count(value)])} />
        ))}
        <Block
          title="Since the agent started"
          rows={countNames.map(name => [countMeanings[name], count(status.counts[name])])}
        />
        <Block
          title="Packets not let through"
          rows={drops.map(({ meaning, packets }) => [meaning, count(packets)])}
          empty="Every packet was let through."
        />
        {status.wire === null ? null : (
          <Block
            title={`On the wire (${status.wire.links.join(', ')})`}
            rows={status.wire.verdicts.map(({ verdict, direction, packets, bytes }) => [
              `${verdict}, ${direction}: ${wireVerdictMeanings[verdict]}`,
              `${count(packets)} (${octets(bytes)})`,
            ])}
            empty="Nothing was seen yet."
          />
        )}
      </div>
    </section>
  )
}

function Block({ title, rows, empty }: { readonly title: string; readonly rows: Rows; readonly empty?: string }) {
  return (
    <section class="card">
      <h3>{title}</h3>
      {rows.length === 0 ? <p class="empty">{empty}</p> : null}
      <table class="plain" aria-label={title}>
        <tbody>
          {rows.map(([label, value]) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td class="right">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
