// The page of the two domain controllers and its pictures, from the verdict of a run of the lab:
// `node docs/story-page.ts FOLDER`, where FOLDER is what `sealwire lab ad tell --out FOLDER` made. Numbers and pictures are the run's.
// Of the trials it tells what stands there too: ratios.json (`lab ad measure --out`) and endure.json (`lab ad endure --out`).
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChapterResult } from '../lab/ad/chapter.ts'
import type { EnduranceVerdict } from '../lab/ad/endurance/endure.ts'
import type { JudgedCapture } from '../lab/ad/judge.ts'
import type { Ratios, StepRatio } from '../lab/ad/ratios.ts'
import type { StoryVerdict } from '../lab/ad/verdict.ts'
import { html, Markup } from '../src/audit/page-markup.ts'
import { count, group } from '../src/audit/page-numbers.ts'
import { paletteStyle } from '../src/audit/page-style.ts'
import { patternDefinitions, shareBar, verdictStyles, worstFirst } from '../src/audit/page-verdicts.ts'

const WIDTH = 760
/** Of one recording in the picture: its name, its bar, its numbers. */
const ROW = 74
const SIZES = { name: 15, bar: 22, numbers: 13 } as const

/** A picture by itself: no script, no request, light and dark. */
export function pictureOf({ letter, title, captures }: ChapterResult): string {
  const recorded = captures.filter(({ packets }) => packets > 0)
  const style = `${paletteStyle()}
text{font:${SIZES.numbers}px system-ui,"Segoe UI",Roboto,Arial,"DejaVu Sans",sans-serif;fill:var(--soft)}
.name{font-size:${SIZES.name}px;fill:var(--ink)}.paper{fill:var(--paper)}.edge{stroke:var(--edge);stroke-width:1}
${verdictStyles()}`
  const rows = recorded.map((capture, index) => row(capture, 12 + index * ROW))
  const height = 8 + recorded.length * ROW
  const label = recorded.map(({ name, verdicts }) => `${name}: ${numbersOf(verdicts)}`).join('; ')
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title"><title id="title">${letter}. ${title}: ${label}</title><style>${new Markup(style)}</style>${patternDefinitions()}<rect class="paper" width="${WIDTH}" height="${height}"/>${rows}</svg>
`.text
}

function row({ name, packets, verdicts }: JudgedCapture, top: number): Markup {
  const bar = shareBar(verdicts, numbersOf(verdicts), SIZES.bar)
  return html`<g transform="translate(12 ${top})"><text class="name" y="13">${name}: ${count(packets, 'packet')}</text><svg y="21" width="${WIDTH - 24}" height="${SIZES.bar}">${bar}</svg><text y="58">${numbersOf(verdicts)}</text></g>`
}

function numbersOf(verdicts: JudgedCapture['verdicts']): string {
  return worstFirst
    .toReversed()
    .filter(verdict => verdicts[verdict] > 0)
    .map(verdict => `${verdict} ${group(verdicts[verdict])}`)
    .join(' · ')
}

const intro = `# Two domain controllers, as the KB tells it

An administrator of Windows 2000 had a policy that secures “all IP traffic” between two domain controllers, looked at the wire, and
saw Kerberos in clear. That was no fault: Windows leaves five kinds of traffic out of every policy (KB 253169), and Service Pack 1 brought
a value of the registry, \`NoDefaultExempt\`, that takes two of them back in (KB 254728). Around that one value stand a dozen other
articles. Here they are acted out, by domain controllers that none of us wrote: Samba's, in network namespaces of one Linux machine,
with sealwire on each, and a recording of the bridge between them.

\`\`\`sh
npm run lab:ad                        # the whole story; lab/ad/verdict/verdict.html is the long form of this page
./sealwire lab ad tell --only b,c     # some chapters of it
\`\`\`

Every packet is judged twice: by sealwire's auditor, with the policy that is in force, and by tshark, which knows nothing of the policy and
counts what it reads as Kerberos, RSVP, ESP or IKE. In the pictures *protected* is sealed, *keying* is IKE, *exempt* is in clear because
of a default exemption, *permitted* is in clear because the policy permits it, *blocked* reached the wire and was stopped at its end,
*leaked* is in clear against the policy, *no-policy* was not judged since there was none yet, and *not-ip* is
ARP. What is needed and how it works is in [lab/ad](../lab/ad/README.md).
`

export interface Trials {
  readonly ratios?: Ratios
  readonly endurance?: EnduranceVerdict
}

/** The chapters in their own words, each with what was seen; then the trials. */
export function storyPage(verdict: StoryVerdict, { ratios, endurance }: Trials = {}): string {
  const { chapters, sealwire, made, seconds } = verdict
  const checks = chapters.flatMap(chapter => chapter.checks)
  const well = checks.filter(({ ok }) => ok).length
  const head = '| chapter | KB | checks | packets | sealed | leaked | port 88 in clear: sealwire | tshark |'
  const rows = chapters.map(({ letter, title, kb, checks: own, captures }) => {
    const sum = (of: (capture: JudgedCapture) => number) => group(captures.reduce((all, each) => all + of(each), 0))
    const cells = [
      ...[`[${letter}. ${title}](#${anchorOf(`${letter}. ${title}`)})`, kb.replaceAll('KB ', '')],
      `${own.filter(({ ok }) => ok).length} of ${own.length}`,
      ...[sum(each => each.packets), sum(each => each.verdicts.protected), sum(each => each.verdicts.leaked)],
      ...[sum(each => each.classes.kerberos), sum(each => each.tshark.classes.kerberos)],
    ]
    return `| ${cells.join(' | ')} |`
  })
  const run = `This run: sealwire ${sealwire}, ${made.slice(0, 10)}, ${(seconds / 60).toFixed(0)} minutes, ${well} of ${checks.length} checks as due.`
  return [
    '<!-- Made by `node docs/story-page.ts FOLDER` from a run of the lab: do not edit. -->\n',
    ...[intro, run, '', head, '|---|---|---:|---:|---:|---:|---:|---:|', ...rows, ''],
    ...chapters.map(section),
    ...(ratios === undefined ? [] : [costSection(ratios)]),
    ...(endurance === undefined ? [] : [enduranceSection(endurance)]),
  ].join('\n')
}

/** As the pages of code hosts make them of headings. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')
}

function section({ letter, title, kb, story, captures, checks }: ChapterResult): string {
  const recorded = captures.filter(({ packets }) => packets > 0)
  const alt = recorded.map(({ name, verdicts }) => `${name}: ${numbersOf(verdicts)}`).join('; ')
  const silent = captures.filter(({ packets }) => packets === 0).map(({ name }) => `“${name}”`)
  return [
    `## ${letter}. ${title}\n`,
    `*${kb}*\n`,
    ...story.map(paragraph => `${paragraph}\n`),
    ...(recorded.length === 0 ? [] : [`![${alt}](images/story-${letter}.svg)\n`]),
    ...(silent.length === 0 ? [] : [`Not one packet was recorded in ${silent.join(', ')}.\n`]),
    `<details><summary>${checks.filter(({ ok }) => ok).length} of ${checks.length} checks are as due</summary>\n`,
    '| | check | seen |\n|---|---|---|',
    ...checks.map(({ what, ok, seen }) => `| ${ok ? '✓' : '✗'} | ${cell(what)} | ${cell(seen)} |`),
    '\n</details>\n',
  ].join('\n')
}

function costSection({ rounds, steps, together }: Ratios): string {
  const line = ({ step, clear, sealed, ratio }: StepRatio) =>
    `| ${step} | ${clear.toFixed(2)} s | ${sealed.toFixed(2)} s | ${ratio.toFixed(2)} |`
  return [
    '## What the seal costs\n',
    `The same steps in clear and sealed by turns, ${rounds} rounds each way, in one run on one machine (\`sealwire lab ad measure\`). Medians;`,
    'a ratio of 1 is no difference, and steps of a few hundredths of a second are mostly noise. What waits for Samba’s own clock is not in the sum.\n',
    '| step | in clear | sealed | ratio |\n|---|---:|---:|---:|',
    ...steps.map(line),
    line({ ...together, step: '**all together**' }),
    '',
  ].join('\n')
}

function enduranceSection({ seconds, lifetimes, checks, restarts }: EnduranceVerdict): string {
  return [
    `## ${seconds < 3600 ? `${Math.round(seconds / 60)} minutes` : 'An hour'} of it\n`,
    `Both controllers change their directories all the time, one TCP connection carries numbered octets both ways, and questions of every kind are`,
    `asked in turn, while keys live ${lifetimes.keys} seconds, IKE’s own ${lifetimes.ike / 60} minutes, and agents are told to go down or killed, ${restarts.length} times (\`sealwire lab ad endure\`).\n`,
    '| | check | seen |\n|---|---|---|',
    ...checks.map(({ what, ok, seen }) => `| ${ok ? '✓' : '✗'} | ${cell(what)} | ${cell(seen)} |`),
    '',
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')
}

function write(folder: string): void {
  const verdict: StoryVerdict = JSON.parse(readFileSync(join(folder, 'verdict.json'), 'utf8'))
  const images = join(import.meta.dirname, 'images')
  for (const file of readdirSync(images)) if (/^story-.*\.svg$/.test(file)) rmSync(join(images, file))
  const trial = (name: string) => {
    const file = join(folder, name)
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  }
  const trials = { ratios: trial('ratios.json'), endurance: trial('endure.json') }
  writeFileSync(join(import.meta.dirname, 'domain-controllers.md'), storyPage(verdict, trials))
  for (const chapter of verdict.chapters) {
    if (chapter.captures.some(({ packets }) => packets > 0))
      writeFileSync(join(images, `story-${chapter.letter}.svg`), pictureOf(chapter))
  }
}

if (import.meta.main) {
  const folder = process.argv[2]
  if (folder === undefined) {
    process.stderr.write('docs/story-page.ts: name the folder of a told story, as `sealwire lab ad tell --out FOLDER` makes it\n')
    process.exitCode = 2
  } else write(folder)
}
