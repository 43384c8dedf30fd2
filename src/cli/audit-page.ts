// `audit --html FILE`: whether the page may be written there, what it was made from, and writing it. A page that cannot be
// written is told before a capture of many gigabytes is read.
import { accessSync, constants, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FileOutcome } from '../audit/audit-files.ts'
import { sha256Of } from '../audit/fingerprint.ts'
import type { AuditReport } from '../audit/report.ts'
import type { PageEvidence } from '../audit/report-page.ts'
import type { Problem } from '../base/result.ts'
import { unixSeconds } from '../base/time.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { CommandInput, CommandSpec } from './command.ts'
import { VERSION } from './version.ts'

/** A file that the verdicts depend on, noted as it was read. */
export type ReadFile = PageEvidence['files'][number]

export function readFileOf(role: string, file: string, octets: Uint8Array): ReadFile {
  return { role, file, sha256: sha256Of(octets), bytes: octets.length }
}

/** `inputs`: files that are read, and must not be written over. */
export function pageProblems(file: string, inputs: readonly string[]): readonly Problem[] {
  const problem = (what: string, hint: string): Problem => ({ severity: 'error', where: '--html', what, hint })
  if (file === '-') return [problem('the page goes to a file', 'name one, such as audit.html')]
  const target = realPath(file)
  const input = inputs.find(one => target !== undefined && realPath(one) === target)
  if (input !== undefined) return [problem(`“${file}” is read by this audit`, 'name another file')]
  try {
    const exists = target !== undefined
    if (exists && !statSync(file).isFile()) return [problem(`“${file}” is no plain file`, 'name another one')]
    accessSync(exists ? file : dirname(file), constants.W_OK)
    return []
  } catch {
    return [problem(`“${file}” cannot be written`, 'name a file in a folder that is there and may be written to')]
  }
}

function realPath(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}

export interface PageOrder {
  readonly file: string
  readonly spec: CommandSpec
  readonly input: CommandInput
  readonly files: readonly ReadFile[]
}

export async function writePage(
  { file, spec, input, files }: PageOrder,
  reports: readonly AuditReport[],
  outcomes: readonly FileOutcome[],
  policy: CompiledPolicy | undefined,
): Promise<void> {
  // Brought in here: an audit without a page starts without it.
  const { reportPage } = await import('../audit/report-page.ts')
  const evidence: PageEvidence = {
    version: VERSION,
    command: commandLine(spec, input),
    made: new Date(unixSeconds() * 1000).toISOString(),
    files,
    failed: outcomes.flatMap((outcome, index) => {
      const capture = input.arguments[index]!
      if (!outcome.ok) return [{ file: capture, message: outcome.message }]
      const { format, problems } = outcome.report.capture
      return format === 'unknown' ? [{ file: capture, message: problems.join('; ') }] : []
    }),
  }
  writeFileSync(file, reportPage(reports, policy, evidence))
}

/** As a shell would take it again. */
function commandLine(spec: CommandSpec, input: CommandInput): string {
  const options = spec.options.flatMap(({ flags, key }) => {
    const value = input.options[key]
    if (value === undefined) return []
    const flag = flags.split(' ')[0]!
    return value === true ? [flag] : [flag, ...(typeof value === 'string' ? [value] : value)]
  })
  const captures = input.arguments.some(name => name.startsWith('-') && name !== '-')
    ? ['--', ...input.arguments]
    : input.arguments
  return ['sealwire', spec.name, ...options, ...captures].map(quoted).join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
