// What the auditor makes of a capture, in two lines: a bar of the verdicts' shares, and their numbers.
import type { AuditReport } from '../audit/report.ts'
import { verdicts } from '../audit/verdict.ts'
import { type Console, meaning } from './console.ts'

const BAR = 48

const glyphs = { protected: '█', keying: '▓', exempt: '▒', permitted: '░', leaked: '!', blocked: '×' } as const

/** `title` as wide as those above and below. */
export function printAuditBar(title: string, audit: AuditReport, console: Console): void {
  const { totals } = audit
  const shown = (['protected', 'keying', 'exempt', 'permitted', 'leaked', 'blocked'] as const).filter(
    v => totals[v] > 0,
  )
  const cells = shown.map(verdict => Math.max(1, Math.round((totals[verdict] / audit.capture.packets) * BAR)))
  // What is rounded up for the small ones is taken from the largest.
  const largest = cells.indexOf(Math.max(...cells))
  cells[largest] = cells[largest]! + BAR - cells.reduce((sum, cell) => sum + cell, 0)
  const bar = shown
    .map((verdict, index) => console.style(meaning[verdict], glyphs[verdict].repeat(cells[index]!)))
    .join('')
  const words = verdicts
    .filter(verdict => totals[verdict] > 0)
    .map(verdict => console.style(meaning[verdict], `${group(totals[verdict])} ${verdict}`))
  const answer =
    totals.leaked > 0
      ? console.style(['bold', meaning.leaked], `${group(totals.leaked)} leaked`)
      : console.style('bold', 'nothing leaked')
  console.print(`  ${title}  ${bar}  ${answer}`)
  console.print(`    ${' '.repeat(title.length)}${words.join(' · ')}${exemptClasses(audit)}`)
}

/** ` (kerberos 589, rsvp 2, …)` behind the sums. */
function exemptClasses({ findings }: AuditReport): string {
  const sums = new Map<string, number>()
  for (const { verdict, class: name, packets } of findings) {
    if (verdict === 'exempt') sums.set(name, (sums.get(name) ?? 0) + packets)
  }
  const told = [...sums].sort((a, b) => b[1] - a[1]).map(([name, packets]) => `${name} ${group(packets)}`)
  return told.length === 0 ? '' : ` — exempt: ${told.join(', ')}`
}

function group(number: number): string {
  return number.toLocaleString('en-US')
}
