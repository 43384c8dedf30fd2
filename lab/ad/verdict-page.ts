// The verdict as one page that needs nothing but itself: no script, no request, light and dark, also on paper. Markup, style
// and bars are those of the auditor's page. A pure function of the verdict.

import { framedPage } from '../../src/audit/page-frame.ts'
import { type Content, html, type Markup } from '../../src/audit/page-markup.ts'
import { count, group, percent } from '../../src/audit/page-numbers.ts'
import { named, numbers, shareBar, tableOf, worstFirst } from '../../src/audit/page-verdicts.ts'
import { classes } from '../../src/audit/verdict.ts'
import { meanings } from '../../src/audit/verdict-words.ts'
import type { ChapterResult, Check, Exercised } from './chapter.ts'
import type { JudgedCapture } from './judge.ts'
import type { StoryVerdict } from './verdict.ts'

const ownStyle = `
.told,.beside{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem}
.beside{grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr));align-items:start}
#main>.overview>.scroll tbody th{white-space:normal;min-width:min(16rem,38vw);position:static}
.kb{color:var(--soft);margin-top:0}
.mark{font-weight:600;white-space:nowrap}
.mark.failed{color:var(--leaked)}
details{margin:.5rem 0}
summary{cursor:pointer;padding:.25rem 0}
summary:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.checks td:first-child{width:1%}
.checks tbody th{font-weight:400;white-space:normal;position:static;background:none;min-width:min(13rem,32vw)}
.checks td:last-child{white-space:normal;min-width:min(8rem,30vw);overflow-wrap:anywhere}
@media print{.told,.beside{display:block}}
`

export function verdictPage(verdict: StoryVerdict): string {
  const contents = html`<nav aria-label="Contents"><ul>${verdict.chapters.map(
    ({ letter, title }) => html`<li><a href="#${letter}">${letter}. ${title}</a></li>`,
  )}</ul></nav>`
  return framedPage({
    title: 'Two domain controllers, as KB 254728 tells it',
    ...{ version: verdict.sealwire, made: verdict.made, style: ownStyle, skipTo: 'To the chapters' },
    header: [answer(verdict), contents],
    main: [overview(verdict), ...verdict.chapters.map(chapterSection)],
  })
}

function answer({ ok, chapters, domain, hosts, seconds, length }: StoryVerdict): Markup {
  const bad = chapters.filter(chapter => !chapter.ok).map(({ letter }) => letter)
  const checks = chapters.flatMap(each => each.checks)
  const failed = checks.filter(check => !check.ok).length
  const first = ok
    ? `Everything is as it should be: ${count(checks.length, 'check')} in ${count(chapters.length, 'chapter')}.`
    : `Not as it should be: ${count(failed, 'check')} of ${group(checks.length)} failed, in ${bad.join(', ') || 'no chapter'}.`
  const who = hosts.map(({ name, address }) => `${name} (${address})`).join(' and ')
  return html`<div class="answer ${ok ? 'fine' : 'leaked'}"><p><strong>${first}</strong></p>
<p>${who} are domain controllers of ${domain}: Samba, in network namespaces of one machine. All packets were recorded on the bridge between them, and each recording is judged twice: by sealwire’s auditor and by tshark. ${length === 'short' ? 'This is the short form, with one step of each kind. ' : ''}It took ${minutes(seconds)}.</p></div>`
}

function minutes(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

function overview({ chapters }: StoryVerdict): Markup {
  const sum = (captures: readonly JudgedCapture[], of: (each: JudgedCapture) => number) =>
    captures.reduce((all, each) => all + of(each), 0)
  const rows = chapters.map(
    ({ letter, title, ok, seconds, checks, captures }) =>
      html`<tr><th scope="row"><a href="#${letter}">${letter}. ${title}</a></th><td>${mark(ok)}</td><td class="number">${checks.filter(each => each.ok).length} of ${checks.length}</td><td class="number">${seconds.toFixed(0)} s</td><td class="number">${group(sum(captures, each => each.packets))}</td><td class="number">${group(sum(captures, each => each.verdicts.protected))}</td><td class="number">${group(sum(captures, each => each.verdicts.leaked))}</td><td class="number">${group(sum(captures, each => each.classes.kerberos))}</td><td class="number">${group(sum(captures, each => each.tshark.classes.kerberos))}</td></tr>`,
  )
  const head = [
    ...[
      'Chapter',
      'Verdict',
      numbers('Checks'),
      numbers('Time'),
      numbers('Packets'),
      numbers('Sealed'),
      numbers('Leaked'),
    ],
    ...[numbers('Port 88 in clear'), numbers('Port 88 by tshark')],
  ]
  return html`<section class="overview" aria-labelledby="all"><h2 id="all">All chapters</h2>${tableOf('Packets of all recordings of a chapter', head, rows, 'All chapters')}</section>`
}

function mark(ok: boolean): Markup {
  return html`<span class="mark ${ok ? 'well' : 'failed'}">${ok ? '✓ as due' : '✗ not so'}</span>`
}

function chapterSection({ letter, title, kb, story, ok, checks, captures, exercises, memory }: ChapterResult): Markup {
  return html`<section aria-labelledby="${letter}"><h2 id="${letter}">${letter}. ${title}</h2>
<p class="kb">${kb} · ${mark(ok)}</p>
${story.map(paragraph => html`<p>${paragraph}</p>`)}
<div class="told">
<div class="beside">${captures.map(captureSection)}</div>
${checksSection(checks)}
<div class="beside">${exercises.length === 0 ? undefined : exercisesSection(exercises)}${memory.length === 0 ? undefined : memorySection(memory)}</div>
</div></section>
`
}

function captureSection({ name, file, packets, verdicts, classes: ours, tshark }: JudgedCapture): Markup {
  const present = worstFirst.filter(verdict => verdicts[verdict] > 0)
  const label = present.map(verdict => `${verdict} ${percent(verdicts[verdict] / packets)}`).join(', ')
  const verdictRows = present.map(
    verdict =>
      html`<tr><th scope="row">${named(verdict)}</th><td class="number">${group(verdicts[verdict])}</td><td class="number">${percent(verdicts[verdict] / packets)}</td><td class="text">${meanings[verdict]}</td></tr>`,
  )
  const classRows = classes
    .filter(each => ours[each] > 0 || tshark.classes[each] > 0)
    .map(
      each =>
        html`<tr><th scope="row">${each}</th><td class="number">${group(ours[each])}</td><td class="number">${group(tshark.classes[each])}</td></tr>`,
    )
  const messages = Object.entries(tshark.messages).map(([message, times]) => `${message} ${times}`)
  const read =
    tshark.kerberos === 0
      ? 'tshark reads no Kerberos in it.'
      : `tshark reads Kerberos in ${count(tshark.kerberos, 'packet')}: ${messages.join(', ')}.`
  return html`<section><h3>On the wire: ${name}</h3>
${
  packets === 0
    ? html`<p>Not one packet.</p>`
    : html`${shareBar(verdicts, `Shares of the packets: ${label}`, 28)}
${tableOf(`${count(packets, 'packet')}, in ${file}`, ['Verdict', numbers('Packets'), numbers('Share'), 'Meaning'], verdictRows, `Verdicts of ${name}`)}
${tableOf('What they are, counted twice', ['Class', numbers('sealwire'), numbers('tshark')], classRows, `Classes of ${name}`)}
<p>${read}</p>`
}</section>`
}

function checksSection(checks: readonly Check[]): Markup {
  const rows = checks.map(
    ({ what, ok, seen }) => html`<tr><td>${mark(ok)}</td><th scope="row">${what}</th><td>${seen}</td></tr>`,
  )
  const bad = checks.filter(({ ok }) => !ok).length
  const words = bad === 0 ? `All ${checks.length} are as due.` : `${bad} of ${checks.length} are not as due.`
  return html`<section class="checks"><h3>What was checked</h3>${tableOf(words, ['', 'Check', 'Seen'], rows, 'Checks')}</section>`
}

function exercisesSection(exercises: readonly Exercised[]): Markup {
  return html`<section><h3>What they said to each other</h3>${exercises.map(({ name, steps }) => {
    const well = steps.filter(({ ok }) => ok).length
    const seconds = steps.reduce((all, each) => all + each.seconds, 0)
    const rows = steps.map(
      ({ from, to, step, ok, said, seconds: took }): Content =>
        html`<tr><th scope="row">${from} asks ${to}: ${step}</th><td>${ok ? 'answered' : 'no answer'}</td><td class="number">${took.toFixed(2)} s</td><td class="text">${said}</td></tr>`,
    )
    return html`<details><summary>${name}: ${well} of ${steps.length} steps answered, ${seconds.toFixed(1)} s</summary>${tableOf('Each step asks the other controller and is answered by it alone', ['Step', 'Answer', numbers('Time'), 'What was said'], rows, name)}</details>`
  })}</section>`
}

function memorySection(memory: ChapterResult['memory']): Markup {
  const rows = memory.map(
    ({ host, when, now, most }) =>
      html`<tr><th scope="row">${host}</th><td>${when}</td><td class="number">${now} MiB</td><td class="number">${most} MiB</td></tr>`,
  )
  return html`<section><h3>Memory of the agents</h3>${tableOf('Resident, now and at most', ['Host', 'When', numbers('Now'), numbers('Most')], rows, 'Memory')}</section>`
}
