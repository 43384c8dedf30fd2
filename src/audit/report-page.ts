// The audit as one HTML page that needs nothing but itself: no script, no request, one style that is known by its digest
// (Content-Security-Policy), pictures as SVG. A pure function of what the audit said; all that is from outside is escaped.
import type { CompiledPolicy } from '../policy/compile.ts'
import type { FingerprintReport } from './fingerprint.ts'
import { findingsSection, ledgerSection } from './page-findings.ts'
import { framedPage } from './page-frame.ts'
import { hostsSection } from './page-hosts.ts'
import { html, type Markup } from './page-markup.ts'
import { count, group, percent, size, told } from './page-numbers.ts'
import { timeSection } from './page-time.ts'
import { named, numbers, shareBar, tableOf, worstFirst } from './page-verdicts.ts'
import type { AuditReport } from './report.ts'
import { meanings } from './verdict-words.ts'

/** What the audit was made from, so that it can be made again. */
export interface PageEvidence {
  /** Of sealwire. */
  readonly version: string
  /** The command line as it could be given again. */
  readonly command: string
  /** When the page was made, RFC 3339 in UTC. */
  readonly made: string
  /** Files beside the captures that the verdicts depend on, as they were read. */
  readonly files: readonly {
    readonly role: string
    readonly file: string
    readonly sha256: string
    readonly bytes: number
  }[]
  /** Captures that could not be read at all, and why. */
  readonly failed: readonly { readonly file: string; readonly message: string }[]
}

/** The whole page. The reports are those of an audit for a page, see AuditFileOptions. */
export function reportPage(
  reports: readonly AuditReport[],
  policy: CompiledPolicy | undefined,
  evidence: PageEvidence,
): string {
  const title =
    reports.length === 1 ? `Audit of ${reports[0]!.capture.file}` : `Audit of ${count(reports.length, 'capture')}`
  return framedPage({
    ...{ title, version: evidence.version, made: evidence.made, skipTo: 'To the findings' },
    header: [answer(reports, policy, evidence), contents(reports, policy)],
    main: [
      reports.length > 1 ? overview(reports) : undefined,
      ...reports.map((report, index) => captureSection(report, policy, `c${index + 1}`)),
      evidenceSection(reports, policy, evidence),
    ],
  })
}

function answer(reports: readonly AuditReport[], policy: CompiledPolicy | undefined, { failed }: PageEvidence): Markup {
  const sum = (verdict: 'leaked' | 'exempt' | 'blocked') =>
    reports.reduce((all, { totals }) => all + totals[verdict], 0)
  const leaked = sum('leaked')
  const kind = policy === undefined ? 'unknown' : leaked > 0 ? 'leaked' : 'fine'
  const first =
    policy === undefined
      ? 'No policy was given: only sealed and keying packets are told.'
      : leaked > 0
        ? `${count(leaked, 'packet')} leaked: the policy secures them, and they stand in clear.`
        : 'Nothing leaked.'
  const exempt = sum('exempt')
  const blocked = sum('blocked')
  const problems = reports.reduce((all, { capture }) => all + capture.problems.length, 0)
  return html`<div class="answer ${kind}"><p><strong>${first}</strong></p>${[
    ...(exempt > 0 ? [`${count(exempt, 'packet')} went in clear because ${policy!.profile.title} exempts them.`] : []),
    ...(blocked > 0 ? [`${count(blocked, 'packet')} stood on the wire although the policy blocks them.`] : []),
    ...(problems > 0 ? ['Not everything could be read: see the captures.'] : []),
    ...(failed.length > 0 ? [`${count(failed.length, 'capture')} could not be read at all: see the evidence.`] : []),
  ].map(line => html`<p>${line}</p>`)}</div>`
}

function contents(reports: readonly AuditReport[], policy: CompiledPolicy | undefined): Markup {
  const parts =
    reports.length !== 1
      ? reports.map(({ capture }, index) => html`<li><a href="#c${index + 1}">${capture.file}</a></li>`)
      : sectionsOf(reports[0]!, policy, 'c1').map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)
  return html`<nav aria-label="Contents"><ul>${parts}<li><a href="#evidence">Evidence</a></li></ul></nav>`
}

function sectionsOf(
  report: AuditReport,
  policy: CompiledPolicy | undefined,
  id: string,
): readonly { readonly id: string; readonly title: string }[] {
  const { timeline, hosts, seals } = report
  return [
    { id: `${id}-verdicts`, title: 'Verdicts' },
    ...(timeline === undefined ? [] : [{ id: `${id}-time`, title: 'Over time' }]),
    ...(hosts === undefined || hosts.pairs.length === 0 ? [] : [{ id: `${id}-hosts`, title: 'Hosts' }]),
    ...(seals === undefined ? [] : [{ id: `${id}-seals`, title: 'Seals' }]),
    { id: `${id}-findings`, title: 'Findings' },
    ...(policy === undefined ? [] : [{ id: `${id}-ledger`, title: 'Exemption ledger' }]),
  ]
}

function overview(reports: readonly AuditReport[]): Markup {
  const present = worstFirst.filter(verdict => reports.some(({ totals }) => totals[verdict] > 0))
  const rows = reports.map(
    ({ capture, totals }, index) =>
      html`<tr><th scope="row"><a href="#c${index + 1}">${capture.file}</a></th><td class="number">${group(capture.packets)}</td>${present.map(
        verdict => html`<td class="number">${group(totals[verdict])}</td>`,
      )}</tr>`,
  )
  const head = ['Capture', numbers('Packets'), ...present.map(numbers)]
  return html`<section aria-labelledby="all"><h2 id="all">All captures</h2>${tableOf('Packets by verdict', head, rows, 'All captures')}</section>`
}

function captureSection(report: AuditReport, policy: CompiledPolicy | undefined, id: string): Markup {
  const { capture, capturePoint } = report
  const facts: readonly (readonly [string, string])[] = [
    ['Packets', group(capture.packets)],
    ['On the wire', size(capture.bytes)],
    ['From', capture.from === null ? '–' : told(capture.from)],
    ['To', capture.to === null ? '–' : told(capture.to)],
    ['Format', capture.format],
    ['Captured on', capturePoint.point === 'wire' ? 'the wire' : 'the receiving host'],
  ]
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${capture.file}</h2>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${capture.problems.map(problem => html`<p><strong>Not everything could be read:</strong> ${problem}</p>`)}
${
  capturePoint.openedCopies === 0
    ? undefined
    : html`<p>${count(capturePoint.openedCopies, 'opened copy', 'opened copies')} of sealed packets count as protected: ${capturePoint.because}.</p>`
}
<div class="parts">
${verdictsSection(report, `${id}-verdicts`)}
${timeSection(report.timeline, `${id}-time`)}
${hostsSection(report.hosts, `${id}-hosts`)}
${sealsSection(report, `${id}-seals`)}
${findingsSection(report, `${id}-findings`)}
${ledgerSection(report, policy, `${id}-ledger`)}
</div></section>
`
}

function verdictsSection({ totals, capture }: AuditReport, id: string): Markup {
  const present = worstFirst.filter(verdict => totals[verdict] > 0)
  const label = present.map(verdict => `${verdict} ${percent(totals[verdict] / capture.packets)}`).join(', ')
  const rows = present.map(
    verdict =>
      html`<tr><th scope="row">${named(verdict)}</th><td class="number">${group(totals[verdict])}</td><td class="number">${percent(totals[verdict] / capture.packets)}</td><td class="text">${meanings[verdict]}</td></tr>`,
  )
  return html`<section><h3 id="${id}">Verdicts</h3>
${present.length === 0 ? html`<p>The capture has no packets.</p>` : html`${shareBar(totals, `Shares of the packets: ${label}`, 28)}${tableOf('From worst to best', ['Verdict', numbers('Packets'), numbers('Share'), 'Meaning'], rows, 'Verdicts')}`}</section>`
}

/** What keys made of the sealed packets. */
function sealsSection({ seals, totals }: AuditReport, id: string): Markup {
  if (seals === undefined) return html``
  const all: readonly (readonly [string, number])[] = [
    ['opened with the keys', seals.opened],
    ['check value does not fit the key', seals.notAuthentic],
    ['without a key, taken at their word', seals.noKey],
    ['pieces of packets, opened with their last one', seals.pieces],
    ['cut by the capture', seals.cut],
    ['dummies that hide how much is said', seals.dummies],
    ['authentic but readable on the way', seals.readable],
    ['number came before', seals.repeated],
  ]
  const inside = Object.entries(seals.inside).filter(([, packets]) => packets > 0)
  const row = (name: string, packets: number) =>
    html`<tr><th scope="row">${name}</th><td class="number">${group(packets)}</td></tr>`
  return html`<section><h3 id="${id}">Seals</h3>
<p>${group(seals.opened)} of ${group(totals.protected + seals.notAuthentic)} sealed packets opened with the keys that were given.</p>
${tableOf(
  'What keys made of the seals',
  ['Sealed packets', numbers('Packets')],
  all.filter(([, packets]) => packets > 0).map(([name, packets]) => row(name, packets)),
  'Seals',
)}
${
  inside.length === 0
    ? undefined
    : tableOf(
        'What was inside',
        ['Class', numbers('Packets')],
        inside.map(([name, packets]) => row(name, packets)),
        'Inside of the seals',
      )
}</section>`
}

function evidenceSection(
  reports: readonly AuditReport[],
  policy: CompiledPolicy | undefined,
  { version, command, made, files, failed }: PageEvidence,
): Markup {
  const rows = [
    ...reports.map(({ capture, fingerprint }) => fileRow('capture', capture.file, fingerprint)),
    ...files.map(({ role, file, sha256, bytes }) => fileRow(role, file, { sha256, bytes, isWhole: true })),
    ...failed.map(
      ({ file, message }) =>
        html`<tr><td>capture</td><th scope="row">${file}</th><td>–</td><td>not read: ${message}</td></tr>`,
    ),
  ]
  const facts: readonly (readonly [string, string])[] = [
    ['Made', told(made)],
    ['By', `sealwire ${version}`],
    ['Policy', policy === undefined ? 'none' : policy.policy.name],
    ['Profile', policy === undefined ? '–' : policy.profile.title],
  ]
  return html`<section aria-labelledby="evidence"><h2 id="evidence">Evidence</h2>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<p>Command: <code>${command}</code></p>
${tableOf('SHA-256 of what was read, taken while it was judged', ['What', 'File', numbers('Octets'), 'SHA-256'], rows, 'Digests')}</section>`
}

function fileRow(role: string, file: string, fingerprint: FingerprintReport | undefined): Markup {
  const { sha256, bytes, isWhole } = fingerprint ?? { sha256: '', bytes: 0, isWhole: true }
  const known = fingerprint === undefined ? '–' : html`<code>${sha256}</code>`
  const part = isWhole ? undefined : html` <small>of the first ${group(bytes)} octets, where reading stopped</small>`
  return html`<tr><td>${role}</td><th scope="row">${file}</th><td class="number">${fingerprint === undefined ? '–' : group(bytes)}</td><td>${known}${part}</td></tr>`
}
