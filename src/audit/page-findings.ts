// What is worth a person's look, grouped by its reason; and the ledger of the default exemptions: what each let pass, and
// what every other value of the setting would have asked of it.
import type { CompiledPolicy } from '../policy/compile.ts'
import { exemptionSums, otherSettings } from './exemption-ledger.ts'
import { type Content, html, type Markup } from './page-markup.ts'
import { count, group, seen, size } from './page-numbers.ts'
import { named, numbers, tableOf } from './page-verdicts.ts'
import type { AuditReport, Finding } from './report.ts'
import { serviceName } from './verdict-words.ts'

/** Reasons, and conversations of each, beyond which nobody reads on; the sums have all of them. */
const MOST_REASONS = 60
const MOST_CONVERSATIONS = 100

export function findingsSection({ findings }: AuditReport, id: string): Markup {
  const reasons = Map.groupBy(findings, ({ verdict, because, withoutExemption, rule }) =>
    [verdict, because, withoutExemption ?? '', rule ?? ''].join('\n'),
  )
  const shown = [...reasons.values()].slice(0, MOST_REASONS)
  const left = reasons.size - shown.length
  return html`<section class="findings"><h3 id="${id}">Findings</h3>
${shown.length === 0 ? html`<p>None: nothing leaked, nothing that was blocked stood on the wire, nothing went by an exemption.</p>` : undefined}
${shown.map(reason => reasonPart(reason))}
${left === 0 ? undefined : html`<p class="aside">${count(left, 'more reason')}: sealwire audit --json has all of them.</p>`}</section>`
}

function reasonPart(all: readonly Finding[]): Markup {
  const [first] = all
  const { verdict, because, withoutExemption, rule } = first!
  const shown = all.slice(0, MOST_CONVERSATIONS)
  const rest = all.slice(MOST_CONVERSATIONS)
  const sum = all.reduce((packets, finding) => packets + finding.packets, 0)
  const rows: Content[] = shown.map(findingRow)
  if (rest.length > 0) {
    const packets = rest.reduce((more, finding) => more + finding.packets, 0)
    rows.push(
      html`<tr><td class="number">${group(packets)}</td><td colspan="6">${count(rest.length, 'more conversation')}, the smallest ones</td></tr>`,
    )
  }
  const head = [
    numbers('Packets'),
    numbers('On the wire'),
    'Class',
    'Service',
    'Between',
    numbers('First frame'),
    'First seen (UTC)',
  ]
  return html`<div class="finding f-${verdict}"><h4>${named(verdict)} <span>${count(sum, 'packet')}</span></h4>
<p>${capital(because)}.${withoutExemption === undefined ? undefined : ` ${capital(otherwise(withoutExemption, rule))}.`}</p>
${tableOf(count(all.length, 'conversation'), head, rows, `Conversations: ${because}`)}</div>
`
}

function findingRow({ class: name, flow, packets, bytes, first }: Finding): Markup {
  const between = flow === null ? '–' : `${flow.source} ↔ ${flow.destination}`
  return html`<tr><td class="number">${group(packets)}</td><td class="number">${size(bytes)}</td><td>${name}</td><td>${flow === null ? '–' : serviceName(flow)}</td><td>${between}</td><td class="number">${group(first.frame)}</td><td>${seen(first.time)}</td></tr>`
}

function otherwise(verdict: Finding['verdict'], rule: string | undefined): string {
  const who = rule === undefined ? 'no rule' : `rule “${rule}”`
  if (verdict === 'leaked') return `without the exemption ${who} would secure it`
  if (verdict === 'blocked') return `without the exemption ${who} would block it`
  return 'without the exemption it would pass in clear as well'
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

export function ledgerSection(report: AuditReport, policy: CompiledPolicy | undefined, id: string): Markup {
  if (policy === undefined) return html``
  const { profile, setting } = policy
  const rows = exemptionSums(report, policy).map(({ exemption, packets, bytes, without, first }) => {
    const keying = exemption.name.startsWith('ike') && report.totals.keying > 0
    const words = [...without].map(([verdict, sum]) => `${verdict} ${group(sum)}`).join(', ')
    return html`<tr><th scope="row">${exemption.title}</th><td class="text">${exemption.definition}</td><td class="number">${group(packets)}</td><td class="number">${size(bytes)}</td><td>${words === '' ? '–' : words}${keying ? ` (and ${group(report.totals.keying)} keying)` : ''}</td><td>${first === undefined ? '–' : `frame ${group(first.frame)}, ${seen(first.time)}`}</td></tr>`
  })
  const head = [
    'Exemption',
    'What makes a packet this kind',
    numbers('Packets'),
    numbers('On the wire'),
    'Without it',
    'First',
  ]
  const intro =
    setting.name === undefined
      ? `${profile.title} reads no setting.`
      : `${profile.title} at ${setting.name} ${setting.value}${{ policy: '', registry: ', from the registry', default: ', its default' }[setting.from]}.`
  return html`<section><h3 id="${id}">Exemption ledger</h3>
<p>${intro}</p>
${tableOf('What the exemptions in force let pass in clear', head, rows, 'Exemption ledger')}
${setting.name === undefined ? undefined : settingsTable(report, policy)}</section>`
}

function settingsTable(report: AuditReport, policy: CompiledPolicy): Markup {
  const rows = otherSettings(report, policy).map(({ value, isInForce, exemptions, packets, secured }) => {
    const words = [...secured].map(([name, sum]) => `${name} ${group(sum)}`).join(', ')
    return html`<tr><th scope="row">${value}${isInForce ? html` <strong>in force</strong>` : undefined}</th><td class="text">${exemptions.map(({ title }) => title).join(', ')}</td><td class="number">${group(packets)}</td><td>${words === '' ? '–' : words}</td></tr>`
  })
  const caption = `What each value of ${policy.setting.name!} would have secured of the exempt packets`
  return tableOf(caption, ['Value', 'Exempt at it', numbers('Would be secured'), 'By class'], rows, caption)
}
