// What is exempt right now and why, what it would be otherwise, and the setting that decides it.

import type { Traffic } from '../../sealed-traffic.ts'
import { count, octets, rate } from '../../words.ts'
import type { Asker } from '../browser.ts'
import { exemptRows } from '../facts/exempt-rows.ts'
import type { PageState } from '../facts/page-state.ts'
import { Mark } from '../parts/mark.tsx'
import { SettingSwitch } from './setting-switch.tsx'

interface ExemptionsProps {
  readonly state: PageState
  readonly asker: Asker
}

export function Exemptions({ state, asker }: ExemptionsProps) {
  const { status } = state.view
  const rows = exemptRows(state)
  return (
    <section class="exemptions" aria-labelledby="exemptions-title">
      <h2 id="exemptions-title">Exempt from the policy now</h2>
      <div class="beside wide-left">
        <div>
          {rows.length === 0 ? <p class="empty">Nothing is exempt by default.</p> : null}
          <ul class="exempt-rows">
            {rows.map(({ title, outbound, inbound, bytesPerSecond, isPassing, last, otherwise }) => (
              <li key={title} class="card">
                <h3>
                  <Mark standing={isPassing ? 'exempt' : 'idle'} /> {title}
                  <span class="soft">{isPassing ? ` passes, ${rate(bytesPerSecond)}` : ' rests'}</span>
                </h3>
                <dl class="facts">
                  <div>
                    <dt>Out</dt>
                    <dd>{trafficWords(outbound)}</dd>
                  </div>
                  <div>
                    <dt>In</dt>
                    <dd>{trafficWords(inbound)}</dd>
                  </div>
                  <div>
                    <dt>Seen last</dt>
                    <dd>{last}</dd>
                  </div>
                </dl>
                <p class="otherwise">{otherwise}</p>
              </li>
            ))}
          </ul>
        </div>
        {status === null ? null : <SettingSwitch status={status} asker={asker} />}
      </div>
    </section>
  )
}

function trafficWords(traffic: Traffic | null): string {
  return traffic === null ? 'not counted' : `${count(traffic.packets)} packets, ${octets(traffic.bytes)}`
}
