// An audit report for a person: a bar of what was sealed and what was clear, the sums, the findings, and the answer in
// one sentence at the end. Colour and glyph both carry the verdict, so that it reads without colour too.
import { otherSettings } from '../audit/exemption-ledger.ts'
import type { AuditReport, Finding } from '../audit/report.ts'
import { type TrafficClass, type Verdict, verdicts } from '../audit/verdict.ts'
import { meanings, serviceName } from '../audit/verdict-words.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { type Console, meaning } from './console.ts'
import { originText } from './policy-question.ts'

const glyphs: Readonly<Record<Verdict, string>> = {
  protected: '█',
  keying: '▓',
  exempt: '▒',
  permitted: '░',
  leaked: '!',
  blocked: '×',
  'not-ip': '·',
  malformed: '?',
  'no-policy': '·',
}

const SHOWN_REASONS = 8
const SHOWN_CONVERSATIONS = 6

export function printAudit(report: AuditReport, policy: CompiledPolicy | undefined, console: Console): void {
  const { capture, totals } = report
  const bold = (text: string) => console.style('bold', text)
  console.print(`${bold(capture.file)}  ${count(capture.packets, 'packet')} · ${size(capture.bytes)} · ${span(report)}`)
  console.print(`policy  ${policy === undefined ? 'none given' : policyLine(policy)}`)
  if (capture.packets === 0) return
  console.print()
  console.print(bar(report, console))
  console.print()
  console.table(
    verdicts
      .filter(verdict => totals[verdict] > 0)
      .map(verdict => [
        `  ${console.style(meaning[verdict], `${glyphs[verdict]} ${verdict}`)}`,
        group(totals[verdict]),
        percent(totals[verdict] / capture.packets),
        console.style('dim', meanings[verdict]) + classesOf(report, verdict),
      ]),
    [1, 2],
  )
  printSeals(report, console)
  printFindings(report, console)
  if (report.capturePoint.openedCopies > 0) {
    console.print()
    console.print(
      `Captured on the receiving host: ${count(report.capturePoint.openedCopies, 'opened copy', 'opened copies')} of sealed packets count as protected.`,
    )
    console.print(
      console.style('dim', '  If this was a mirror port or a bridge, add --capture-point wire: then they are leaks.'),
    )
  }
  console.print()
  for (const line of answer(report, policy, console)) console.print(line)
  console.print()
}

function policyLine(policy: CompiledPolicy): string {
  const { setting, profile } = policy
  const value = setting.name === undefined ? '' : ` · ${setting.name} ${setting.value}${originText(setting)}`
  return `${policy.policy.name} · ${profile.title}${value} · exempt: ${setting.exemptions.map(e => e.title).join(', ')}`
}

/** Every verdict that occurs gets at least one cell, so that a single leaked packet among millions is seen. */
function bar(report: AuditReport, console: Console): string {
  const width = Math.min(72, console.width - 4)
  const present = verdicts.filter(verdict => report.totals[verdict] > 0)
  const cells = present.map(verdict =>
    Math.max(1, Math.round((report.totals[verdict] / report.capture.packets) * width)),
  )
  while (cells.reduce((sum, n) => sum + n, 0) > width) {
    const largest = cells.indexOf(Math.max(...cells))
    cells[largest] = cells[largest]! - 1
  }
  return `  ${present.map((verdict, i) => console.style(meaning[verdict], glyphs[verdict].repeat(cells[i]!))).join('')}`
}

/** ` — kerberos 264, rsvp 2` where the classes say more than the verdict. */
function classesOf(report: AuditReport, verdict: Verdict): string {
  if (verdict !== 'exempt' && verdict !== 'leaked') return ''
  const sums = new Map<TrafficClass, number>()
  // Exempt and leaked conversations are all findings; the list of conversations is cut.
  for (const told of report.findings) {
    if (told.verdict === verdict) sums.set(told.class, (sums.get(told.class) ?? 0) + told.packets)
  }
  return ` — ${[...sums].map(([name, packets]) => `${name} ${group(packets)}`).join(', ')}`
}

/** What keys made of the seals. */
function printSeals({ seals, totals }: AuditReport, console: Console): void {
  if (seals === undefined) return
  const { opened, notAuthentic, noKey, pieces, cut, dummies, readable, repeated } = seals
  const inside = Object.entries(seals.inside)
    .filter(([, packets]) => packets > 0)
    .map(([name, packets]) => `${name} ${group(packets)}`)
  const of = totals.protected + notAuthentic
  console.print()
  console.print(
    `${console.style('bold', 'Seals')}  ${group(opened)} of ${group(of)} sealed packets opened with the keys${inside.length === 0 ? '' : `; inside: ${inside.join(', ')}`}`,
  )
  const word = (packets: number, text: string) => (packets === 0 ? [] : [`${group(packets)} ${text}`])
  const rest = [
    ...word(noKey, 'without a key, taken at their word'),
    ...word(pieces, 'pieces of packets, opened with their last one'),
    ...word(cut, 'cut by the capture'),
    ...word(dummies, 'dummies that hide how much is said'),
    ...word(readable, 'authentic but readable on the way'),
    ...word(repeated, 'whose number came before'),
  ]
  if (rest.length > 0) console.print(console.style('dim', `  ${rest.join(' · ')}`))
  if (notAuthentic > 0) {
    console.print(console.style(meaning.malformed, `  ${group(notAuthentic)} whose check value does not fit their key`))
  }
}

function printFindings(report: AuditReport, console: Console): void {
  const groups = new Map<string, Finding[]>()
  for (const finding of report.findings) {
    const reason = `${finding.verdict} ${finding.because} ${finding.withoutExemption} ${finding.rule}`
    const group = groups.get(reason)
    if (group === undefined) groups.set(reason, [finding])
    else group.push(finding)
  }
  const shown = [...groups.values()].slice(0, SHOWN_REASONS)
  if (shown.length === 0) return
  console.print()
  console.print(console.style('bold', 'Findings'))
  for (const findings of shown) {
    const [first] = findings
    // The same reason is said once above all conversations that share it.
    console.print(`  ${console.style(meaning[first!.verdict], first!.verdict)}: ${first!.because}`)
    if (first!.withoutExemption !== undefined) console.print(console.style('dim', `    ${otherwise(first!)}`))
    console.table(
      findings.slice(0, SHOWN_CONVERSATIONS).map(finding => conversationRow(finding, console)),
      [0],
    )
    const left = findings.length - SHOWN_CONVERSATIONS
    if (left > 0) console.print(console.style('dim', `             … and ${group(left)} more`))
  }
  const left = groups.size - shown.length
  if (left > 0) console.print(console.style('dim', `  … and ${count(left, 'more reason')}`))
  console.print(console.style('dim', '  --json has all of them.'))
}

function conversationRow(finding: Finding, console: Console): readonly string[] {
  const { flow, first } = finding
  const from = console.style('dim', `from frame ${first.frame}`)
  const packets = `    ${group(finding.packets).padStart(7)}`
  if (flow === null) return [packets, finding.verdict === 'malformed' ? '' : 'many hosts', '', from]
  const { source, destination } = flow
  return [packets, serviceName(flow), `${source} ↔ ${destination}`, from]
}

function otherwise(finding: Finding): string {
  const rule = finding.rule === undefined ? 'no rule' : `rule “${finding.rule}”`
  if (finding.withoutExemption === 'leaked') return `without the exemption ${rule} would secure it`
  if (finding.withoutExemption === 'blocked') return `without the exemption ${rule} would block it`
  return 'without the exemption it would pass in clear as well'
}

function answer(report: AuditReport, policy: CompiledPolicy | undefined, console: Console): readonly string[] {
  const { totals } = report
  if (policy === undefined) return ['No policy was given: add --policy FILE to judge what is in clear.']
  const lines: string[] = []
  if (totals.leaked > 0) {
    lines.push(
      console.style(
        ['bold', meaning.leaked],
        `${count(totals.leaked, 'packet')} leaked: the policy secures them, and they stand in clear.`,
      ),
    )
  } else lines.push(console.style(['bold', meaning.protected], 'Nothing leaked.'))
  if (totals.exempt > 0) {
    lines.push(`${count(totals.exempt, 'packet')} went in clear because ${policy.profile.title} exempts them.`)
    lines.push(...whatIf(report, policy))
  }
  return lines
}

/** What the other values of the setting would have asked of the exempt packets. */
function whatIf(report: AuditReport, policy: CompiledPolicy): readonly string[] {
  const { setting } = policy
  return otherSettings(report, policy).flatMap(({ value, isInForce, secured, packets }) => {
    const kinds = [...secured].map(([name, sum]) => `${name} ${group(sum)}`).join(', ')
    if (isInForce || packets === 0) return []
    return [`At ${setting.name} ${value} the policy would secure ${group(packets)} of them (${kinds}).`]
  })
}

function span(report: AuditReport): string {
  const { from, to } = report.capture
  if (from === null || to === null) return 'empty'
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000
  return `${from.slice(0, 19).replace('T', ' ')} UTC, ${seconds < 10 ? seconds.toFixed(2) : Math.round(seconds)} s`
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${group(number)} ${number === 1 ? one : many}`
}

function group(number: number): string {
  return number.toLocaleString('en-US')
}

function percent(share: number): string {
  const value = share * 100
  // A share that is not nothing never reads as nothing, and one that is not all never as all.
  if (share > 0 && value < 0.1) return '<0.1 %'
  if (share < 1 && value > 99.9) return '>99.9 %'
  return `${value.toFixed(1)} %`
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}
