// `sealwire audit`: a verdict for every packet of a capture, the sums, and what is worth a look. Exit status 1 where
// something leaked.
import { statSync } from 'node:fs'
import { auditFile } from '../../audit/audit-file.ts'
import { auditFiles, type FileOutcome, type WorkerSettings } from '../../audit/audit-files.ts'
import type { CapturePointOption } from '../../audit/capture-point.ts'
import type { KeyText } from '../../audit/key-file.ts'
import type { KnownKey } from '../../audit/known-key.ts'
import { STANDARD_INPUT } from '../../audit/open-capture.ts'
import { packetLines } from '../../audit/packet-lines.ts'
import type { AuditReport } from '../../audit/report.ts'
import { random32 } from '../../base/random.ts'
import type { Problem } from '../../base/result.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import { pageProblems, type ReadFile, readFileOf, writePage } from '../audit-page.ts'
import { printAudit } from '../audit-text.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  textOption,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'
import { meFlags, readMe } from '../me-option.ts'
import { ProgressLine } from '../progress.ts'
import { readKeys } from '../read-keys.ts'
import { readPolicy } from '../read-policy.ts'
import { registryOptions, withNamedRegistry } from '../registry-option.ts'

const points: readonly CapturePointOption[] = ['auto', 'wire', 'receiver']

export const audit: CommandSpec = {
  name: 'audit',
  summary: 'give every packet of a capture a verdict: protected, keying, exempt, permitted, leaked …',
  description:
    'Reads pcap and pcapng captures (also gzip or zstd compressed, - for standard input) and says of every packet what a policy makes of it. ' +
    'Exit status 0: nothing leaked; 1: something did; 2: the policy or the capture cannot be used.',
  arguments: [{ name: '<capture...>', description: 'capture files; several are read at once', values: 'file' }],
  options: [
    {
      flags: '--policy <file>',
      key: 'policy',
      description: 'the policy to judge by; without it only sealed and keying packets are told',
      values: 'file',
    },
    {
      ...meFlags,
      description: 'addresses of the host whose policy it is, separated by commas; left out, "me" is every host',
    },
    {
      flags: '--capture-point <point>',
      key: 'capturePoint',
      description:
        'where it was captured: wire, receiver (opened copies of sealed packets are no leak), or auto (the default) to tell by the packets',
      values: points,
    },
    {
      flags: '--keys <file>',
      key: 'keys',
      description:
        "keys of the associations, so that every seal is checked and opened: Wireshark's table esp_sa, a folder with it, or what ip xfrm state prints",
      values: 'file',
    },
    ...registryOptions,
    {
      flags: '--html <file>',
      key: 'html',
      description:
        'also write the report as one HTML page that needs nothing but itself, with digests of what was read',
      values: 'file',
    },
    { flags: '--packets', key: 'packets', description: 'print one line of JSON for every packet' },
    jsonOption,
  ],
  examples: [
    'sealwire audit --policy examples/policies/domain-controllers.yaml examples/captures/two-domain-controllers.pcapng',
    'sealwire audit --packets capture.pcapng | jq -c \'select(.verdict == "leaked")\'',
    'sealwire audit --policy policy.yaml --keys esp_sa capture.pcapng',
    'sealwire audit --policy policy.yaml --html audit.html capture.pcapng',
    'tcpdump -i eth0 -w - | sealwire audit --policy policy.yaml -',
  ],
  run: runAudit,
}

type Settings = WorkerSettings & {
  readonly keys: readonly KnownKey[] | undefined
  /** What was read beside the captures. */
  readonly files: readonly ReadFile[]
}

async function runAudit(input: CommandInput, console: Console): Promise<number> {
  const settings = readSettings(input, console)
  if (settings === undefined) return WRONG_INPUT
  const compiled = settings.policy === undefined ? undefined : compile(settings.policy, { me: settings.me })
  if (input.options['packets'] === true) return printPackets(input.arguments, settings, compiled, console)
  const outcomes = await auditAll(input.arguments, settings, compiled, console)
  const reports: AuditReport[] = []
  outcomes.forEach((outcome, index) => {
    if (!outcome.ok) console.problems([faultOf(input.arguments[index]!, outcome.message, 'error')])
    else if (outcome.report.capture.format !== 'unknown') reports.push(outcome.report)
    if (outcome.ok) tellFaults(outcome.report, console)
  })
  if (input.options['json'] === true) {
    if (reports.length > 0) console.json(input.arguments.length === 1 ? reports[0] : reports)
  } else {
    for (const report of reports) printAudit(report, compiled, console)
  }
  const page = textOption(input, 'html')
  if (page !== undefined)
    await writePage({ file: page, spec: audit, input, files: settings.files }, reports, outcomes, compiled)
  if (reports.length < input.arguments.length) return WRONG_INPUT
  return reports.some(report => report.totals.leaked > 0) ? ANSWER_IS_NO : FINE
}

/** What is no capture at all is an error; one that is cut off or partly unknown is judged as far as it goes. */
function tellFaults({ capture }: AuditReport, console: Console): void {
  const severity = capture.format === 'unknown' ? 'error' : 'warning'
  console.problems(capture.problems.map(problem => faultOf(capture.file, problem, severity)))
}

function faultOf(file: string, message: string, severity: Problem['severity']): Problem {
  const what = message.startsWith('ENOENT') ? 'there is no such file' : message
  return { severity, where: file === STANDARD_INPUT ? 'standard input' : file, what, hint: '' }
}

/** Undefined where the options are wrong; every problem has been said then. */
function readSettings(input: CommandInput, console: Console): Settings | undefined {
  const problems: Problem[] = []
  const point = (textOption(input, 'capturePoint') ?? 'auto') as CapturePointOption
  if (!points.includes(point)) {
    const what = `“${point}” is no capture point`
    problems.push({ severity: 'error', where: '--capture-point', what, hint: `one of ${points.join(', ')}` })
  }
  const { me, problems: wrongMe } = readMe(input)
  problems.push(...wrongMe)
  if (input.arguments.filter(file => file === STANDARD_INPUT).length > 1) {
    problems.push({ severity: 'error', where: '-', what: 'standard input can be read once only', hint: '' })
  }
  const file = textOption(input, 'policy')
  const keyFile = textOption(input, 'keys')
  const page = textOption(input, 'html')
  if (page !== undefined) {
    const inputs = [
      ...input.arguments,
      ...(file === undefined ? [] : [file]),
      ...(keyFile === undefined ? [] : [keyFile]),
    ]
    problems.push(...pageProblems(page, inputs))
    if (input.options['packets'] === true) {
      const hint = 'leave one of them out'
      problems.push({ severity: 'error', where: '--html', what: 'stands beside --packets, which has no report', hint })
    }
  }
  console.problems(problems)
  const files: ReadFile[] = []
  const seen = (octets: Uint8Array) => files.push(readFileOf('policy', file!, octets))
  const read = file === undefined ? undefined : readPolicy(file, console, seen)
  const policy = read && withNamedRegistry(read, input, console)
  const keysSeen = (where: string, octets: Uint8Array) => files.push(readFileOf('keys', where, octets))
  const keys = keyFile === undefined ? undefined : readKeys(keyFile, console, keysSeen)
  const isMissing = (file !== undefined && policy === undefined) || (keyFile !== undefined && keys === undefined)
  if (problems.length > 0 || isMissing) return undefined
  const keyTexts: readonly KeyText[] | undefined = keys?.texts
  const whose = me.length === 0 ? ('any' as const) : me
  const forPage = page !== undefined
  return { policy, me: whose, capturePoint: point, seed: random32(), forPage, keys: keys?.keys, keyTexts, files }
}

async function auditAll(
  files: readonly string[],
  settings: Settings,
  policy: CompiledPolicy | undefined,
  console: Console,
): Promise<readonly FileOutcome[]> {
  const progress = new ProgressLine(
    console,
    files.reduce((sum, file) => sum + sizeOf(file), 0),
  )
  try {
    // Threads cost a tenth of a second to start and cannot share standard input.
    if (files.length > 1 && !files.includes(STANDARD_INPUT)) {
      const { keys: _, files: __, ...plain } = settings
      return await auditFiles(files, plain, done => progress.show(done))
    }
    const outcomes: FileOutcome[] = []
    for (const file of files) {
      const { capturePoint, seed, keys, forPage = false } = settings
      const options = { capturePoint, seed, keys, policy, forPage, progress: (done: number) => progress.show(done) }
      outcomes.push(await outcomeOf(() => auditFile(file, withoutUndefined(options))))
    }
    return outcomes
  } finally {
    progress.end()
  }
}

function withoutUndefined<O extends { policy: CompiledPolicy | undefined; keys: readonly KnownKey[] | undefined }>(
  options: O,
) {
  const { policy, keys, ...rest } = options
  return { ...rest, ...(policy === undefined ? {} : { policy }), ...(keys === undefined ? {} : { keys }) }
}

async function outcomeOf(work: () => ReturnType<typeof auditFile>): Promise<FileOutcome> {
  try {
    return { ok: true, report: await work() }
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}

async function printPackets(
  files: readonly string[],
  settings: Settings,
  policy: CompiledPolicy | undefined,
  console: Console,
): Promise<number> {
  let status = FINE
  for (const file of files) {
    const lines = packetLines(text => console.write(text), files.length > 1 ? file : undefined)
    const { capturePoint, seed, keys } = settings
    const options = { capturePoint, seed, keys, onPacket: lines.packet, policy }
    const outcome = await outcomeOf(() => auditFile(file, withoutUndefined(options)))
    lines.flush()
    if (!outcome.ok) {
      console.problems([faultOf(file, outcome.message, 'error')])
      status = WRONG_INPUT
      continue
    }
    const { capture, totals } = outcome.report
    tellFaults(outcome.report, console)
    if (capture.format === 'unknown') status = WRONG_INPUT
    else if (totals.leaked > 0 && status === FINE) status = ANSWER_IS_NO
  }
  return status
}
