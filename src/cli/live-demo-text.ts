// The live demo for a person: kind by kind what was seen on the wire in each phase and whether it worked, the auditor's
// verdict on each capture, and what was not as it must be.
import { deviation, type LivePhase, type LiveStep, liveSteps, type StepResult } from '../agent/live-demo/live-phases.ts'
import type { LiveRun } from '../agent/live-demo/play-live-demo.ts'
import type { AuditReport } from '../audit/report.ts'
import { printAuditBar } from './audit-bar.ts'
import { type Console, meaning } from './console.ts'

export interface JudgedPhase {
  readonly run: LiveRun
  /** What our own auditor makes of tcpdump's capture, and of nothing else. */
  readonly audit: AuditReport
  /** As tshark reads it; undefined where there is no tshark. */
  readonly kerberosSeen: readonly string[] | undefined
}

const CELL = 14
const FIRST = 17

export interface LiveIntroduction {
  readonly hasKeyCenter: boolean
  readonly missingForKerberos: readonly string[]
}

export function printLiveDemo(phases: readonly JudgedPhase[], about: LiveIntroduction, console: Console): void {
  const bold = (text: string) => console.style('bold', text)
  console.print(bold('Two hosts with real sockets, and the policy “everything between the two”'))
  console.print(
    'Two network namespaces with a bridge between them, where tcpdump listens; on each an agent (sealwire up), which agrees',
  )
  console.print(
    'on keys with the other by IKEv2 (certificates) and seals with ESP (AES-256-GCM). One story in five phases.',
  )
  for (const line of kerberosWords(about)) console.print(line)
  console.print()
  printSteps(phases, console)
  console.print()
  console.print(bold('What the auditor says, who has seen the captures only'))
  for (const { run, audit } of phases) printAuditBar(titleOf(run.phase).padStart(11), audit, console)
  console.print()
  for (const line of witnessWords(phases)) console.print(line)
  for (const line of story) console.print(line)
}

function kerberosWords({ hasKeyCenter, missingForKerberos }: LiveIntroduction): readonly string[] {
  if (hasKeyCenter)
    return ['Kerberos is real: a KDC of MIT on dc2; dc1 asks it for tickets by kinit (AS) and kvno (TGS).']
  return [
    `Kerberos is RECORDED: no KDC is installed (${missingForKerberos.join(', ')} missing; Debian: krb5-kdc krb5-admin-server`,
    'krb5-user), so what two real controllers said on port 88 is said again over UDP and TCP.',
  ]
}

function titleOf({ title }: LivePhase): string {
  return title[1] === '' ? title[0] : title[1].replace(/^agent /, '')
}

function printSteps(phases: readonly JudgedPhase[], console: Console): void {
  const row = (name: string, cells: readonly string[]) =>
    console.print(`  ${[name.padEnd(FIRST), ...cells].join('').trimEnd()}`)
  const dim = (text: string) => console.style('dim', text)
  row(
    'NoDefaultExempt',
    phases.map(({ run }) => console.style('bold', run.phase.title[0].padStart(CELL))),
  )
  row(
    '',
    phases.map(({ run }) => dim(run.phase.title[1].padStart(CELL))),
  )
  for (const step of liveSteps) {
    row(
      step,
      phases.map(({ run }) => cellOf(run, step, console)),
    )
  }
  row(
    'IKE',
    phases.map(({ run }) =>
      run.ike === 0 ? dim('–'.padStart(CELL)) : console.style(meaning.keying, `${run.ike} ▓`.padStart(CELL)),
    ),
  )
  console.print()
  console.print(
    `  ${console.style(meaning.protected, '█ sealed')}   ${console.style(meaning.exempt, '▒ in clear: exempt by default')}   ` +
      `${console.style(meaning.keying, '▓ IKE')}   ${console.style(meaning.blocked, '× does not work, nothing in clear')}   ` +
      console.style(meaning.leaked, '! not as it must be'),
  )
}

function cellOf(run: LiveRun, step: LiveStep, console: Console): string {
  const found = run.steps.find(one => one.step === step)
  if (found === undefined) return ''.padStart(CELL)
  const [colour, text] = glyphOf(run.phase, found)
  return console.style(meaning[colour], text.padStart(CELL))
}

function glyphOf(phase: LivePhase, result: StepResult): readonly [keyof typeof meaning, string] {
  const { sealed, clear, worked, because } = result
  if (deviation(phase, result) !== undefined) return ['leaked', `${worked ? '' : '× '}${sealed}+${clear} !`]
  if (!worked) return ['blocked', sealed === 0 ? '×' : `${sealed} █ ×`]
  if (sealed > 0) return ['protected', `${sealed} █`]
  return because === 'exempt' ? ['exempt', `${clear} ▒`] : ['permitted', `${clear} ░`]
}

/** AS-REQ, AS-REP, TGS-REQ, TGS-REP, KRB-ERROR (RFC 4120 §7.5.7). */
const messageNames: ReadonlyMap<string, string> = new Map([
  ['10', 'AS-REQ'],
  ['11', 'AS-REP'],
  ['12', 'TGS-REQ'],
  ['13', 'TGS-REP'],
  ['30', 'KRB-ERROR'],
])

/** What somebody else's eyes saw. */
function witnessWords(phases: readonly JudgedPhase[]): readonly string[] {
  const [absent, ...sealed] = phases
  const seen = absent?.kerberosSeen
  if (absent === undefined || seen === undefined) return []
  const others = sealed.reduce((sum, { kerberosSeen }) => sum + (kerberosSeen?.length ?? 0), 0)
  const kinds = [...new Set(seen.map(line => messageNames.get(line.split(/[\t,]/)[0] ?? '') ?? 'others'))]
  const client = seen.map(line => line.split('\t')[1] ?? '').find(name => name !== '')
  return [
    `tshark reads ${seen.length} Kerberos messages in the first capture (${kinds.join(', ')}; client: ${client ?? 'not told'}), ${others} in the others.`,
  ]
}

const story: readonly string[] = [
  'Absent means 0: Kerberos and RSVP stand in clear on the wire, though the policy says everything (KB 254728). At 1, set in',
  'the policy files of the running agents, all that one sends to the other is sealed; groups stay exempt. A firewall that only',
  'lets IPsec pass (KB 233256) then stops nothing but the groups. Without its agent a host says nothing to the other in clear:',
  'the guard in the kernel holds it. The next agent takes over.',
]

/** Everything that is not as the KB says, in words. */
export function wrongsOf(phases: readonly JudgedPhase[]): readonly string[] {
  return phases.flatMap(({ run, audit, kerberosSeen }) => {
    const { phase, steps } = run
    const title = titleOf(phase)
    const isExempt = phase.expected.exempt === 'clear'
    const wrong = steps.flatMap(result => deviation(phase, result) ?? [])
    const { leaked, protected: sealed } = audit.totals
    if (leaked > 0) wrong.push(`${title}: the auditor finds ${leaked} leaked packets`)
    if (sealed === 0) wrong.push(`${title}: the auditor finds nothing sealed`)
    if (kerberosSeen !== undefined && kerberosSeen.length > 0 !== isExempt) {
      wrong.push(`${title}: tshark reads ${kerberosSeen.length} Kerberos messages`)
    }
    return wrong
  })
}
