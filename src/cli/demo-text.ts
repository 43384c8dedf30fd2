// The demo for a person: what stood on the wire at each value, kind by kind; a bar and the auditor's verdict for each
// value; and what to look at next.
import type { DemoRun } from '../agent/demo/run-demo.ts'
import type { AuditReport } from '../audit/report.ts'
import { printAuditBar } from './audit-bar.ts'
import { type Console, meaning } from './console.ts'

export interface JudgedRun {
  readonly run: DemoRun
  /** What our own auditor makes of the capture, and of nothing else. */
  readonly audit: AuditReport
}

const CELL = 13

export function printDemo(runs: readonly JudgedRun[], console: Console): void {
  const bold = (text: string) => console.style('bold', text)
  const first = runs[0]!.run
  console.print(bold('Two domain controllers, and the policy “everything between the two”'))
  console.print(
    `What two Samba controllers said in ${Math.round(first.seconds)} s, ${group(first.packets)} packets on a simulated wire: sealed with ESP (AES-256-GCM) as the`,
  )
  console.print(
    `policy decides, with keys that the two agree on by IKEv2 (certificates, Curve25519) and renew. ${runs.length} runs, one for each`,
  )
  console.print('value of NoDefaultExempt.')
  console.print()
  printKinds(runs, console)
  console.print()
  console.print(bold('What the auditor says, who has seen the captures only'))
  for (const { run, audit } of runs) printAuditBar(run.setting.title.padStart(6), audit, console)
  console.print()
  for (const line of story) console.print(line)
}

/** A row for each kind, a column for each value: packets, and whether they were sealed. */
function printKinds(runs: readonly JudgedRun[], console: Console): void {
  const kinds = runs[0]!.run.kinds.map(({ kind }) => kind)
  const row = (name: string, cells: readonly string[]) =>
    console.print(`  ${[name.padEnd(17), ...cells].join('').trimEnd()}`)
  const style = (text: string) => console.style('dim', text)
  row(
    'NoDefaultExempt',
    runs.map(({ run }) => console.style('bold', run.setting.title.padStart(CELL))),
  )
  row(
    '',
    runs.map(({ run }) => style(shortTitle(run).padStart(CELL))),
  )
  for (const name of kinds) {
    row(
      name,
      runs.map(({ run }) => cellOf(run, name, console)),
    )
  }
  for (const [name, keys] of [
    ['keys for ESP', 'esp'],
    ['keys for IKE', 'ike'],
  ] as const) {
    row(
      style(name.padEnd(17)),
      runs.map(({ run }) => style(`${run.keysMade[keys]} ×`.padStart(CELL))),
    )
  }
  console.print()
  console.print(
    `  ${console.style(meaning.protected, '█ sealed')}   ${console.style(meaning.exempt, '▒ in clear: exempt by default')}   ` +
      `${console.style(meaning.permitted, '░ in clear: no filter speaks of it')}   ${console.style(meaning.keying, '▓ IKE')}   ` +
      style('× times agreed on'),
  )
}

function shortTitle(run: DemoRun): string {
  return run.policy.profile.title.replace('Windows ', '')
}

function cellOf(run: DemoRun, name: string, console: Console): string {
  const found = run.kinds.find(({ kind }) => kind === name)
  if (found === undefined) return ''.padStart(CELL)
  const { sealed, clear, because } = found
  const colour = name === 'IKE' ? 'keying' : sealed > 0 ? 'protected' : because === 'exempt' ? 'exempt' : 'permitted'
  const glyph = { keying: '▓', protected: '█', exempt: '▒', permitted: '░' }[colour]
  const text = sealed > 0 && clear > 0 ? `${sealed}+${clear} !` : `${group(sealed + clear)} ${glyph}`
  return console.style(sealed > 0 && clear > 0 ? meaning.leaked : meaning[colour], text.padStart(CELL))
}

const story: readonly string[] = [
  'Absent means 0: Windows leaves Kerberos and RSVP out of every filter, so “everything” is not everything (KB 254728).',
  'At 1 all that goes from one of the two to the other is sealed, but for IKE itself. Broadcast and multicast stay exempt:',
  'nobody can agree on keys with a group. 2 and 3 came with Server 2003: 2 takes their exemption away instead, and gives',
  'Kerberos and RSVP theirs back; 3 is both. Groups still pass in clear there, because this policy has no filter for them.',
]

/** Where the commands look when nothing was written yet. */
const NEW_FOLDER = 'demo-captures'

/** Command lines that work as they stand, in this folder. `sealwire`: how the command is called here. */
export function printNext(folder: string | undefined, sealwire: string, console: Console): void {
  const path = (name: string) => quote(`${(folder ?? NEW_FOLDER).replace(/\/+$/, '')}/${name}`)
  const [absent, one] = [path('absent.yaml'), path('no-default-exempt-1.pcapng')]
  const lines: readonly (readonly [why: string, line: string])[] = [
    ['keep the captures, their policies, certificates and keys', `${sealwire} demo --out ${NEW_FOLDER}`],
    ['what was clear, and why', `${sealwire} audit --policy ${absent} ${path('absent.pcapng')}`],
    ['the smallest packet that leaves in clear', `${sealwire} prove --policy ${absent} --between 10.54.0.1 10.54.0.2`],
    ['how the two agree on their keys, message by message', `${sealwire} demo --trace`],
    ['what the value changes', `${sealwire} compare --policy ${absent} --no-default-exempt 0 1`],
    ['every packet, opened with the keys, IKE too', `WIRESHARK_CONFIG_DIR=${path('')} wireshark ${one}`],
    ['Kerberos inside ESP', `WIRESHARK_CONFIG_DIR=${path('')} tshark -r ${one} -Y 'kerberos && esp'`],
  ]
  console.print()
  console.print(console.style('bold', 'Look next'))
  for (const [why, line] of folder === undefined ? lines : lines.slice(1)) {
    console.print(`  ${console.style('dim', `# ${why}`)}`)
    console.print(`  ${line}`)
  }
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

function group(number: number): string {
  return number.toLocaleString('en-US')
}
