// Audits one capture file from its name to its report; in a worker thread too, so that several captures use several
// cores. With `onPacket` the file is read twice where it must be: whether a clear packet is the opened copy of a sealed
// one is known only when all of the capture has been seen.
import type { CompiledPolicy } from '../policy/compile.ts'
import { Auditor, type FrameVerdict } from './audit.ts'
import type { CapturePointOption } from './capture-point.ts'
import { Fingerprint } from './fingerprint.ts'
import type { KnownKey } from './known-key.ts'
import { canReadTwice, type Progress, readCapture } from './open-capture.ts'
import { type AuditReport, copyDirections, reportOf } from './report.ts'

export interface AuditFileOptions {
  readonly policy?: CompiledPolicy
  readonly capturePoint: CapturePointOption
  readonly keys?: readonly KnownKey[]
  /** Whether the report is for a page: with sums over time and between hosts, and the digest of the capture. */
  readonly forPage?: boolean
  /** A random number, see Conversations. */
  readonly seed: number
  readonly progress?: Progress
  /** Called for each frame, in order, with the final verdict. */
  readonly onPacket?: (verdict: FrameVerdict, isCopy: boolean) => void
}

export async function auditFile(file: string, options: AuditFileOptions): Promise<AuditReport> {
  const { onPacket } = options
  // Without a policy nothing leaks, so nothing can be a copy.
  const needsTwo = onPacket !== undefined && options.policy !== undefined && options.capturePoint !== 'wire'
  const canTwo = needsTwo && canReadTwice(file)
  const first = new Auditor(auditorOptions(options, needsTwo && !canTwo ? 'wire' : options.capturePoint))
  if (onPacket !== undefined && !canTwo) first.onFrame = verdict => onPacket(verdict, false)
  const fingerprint = options.forPage === true ? new Fingerprint() : undefined
  const read = await readCapture(file, first, options.progress, fingerprint)
  first.finish()
  if (onPacket !== undefined && canTwo) {
    const copies = copyDirections(first)
    const second = new Auditor(auditorOptions(options, options.capturePoint))
    second.onFrame = verdict => onPacket(verdict, verdict.isPaired && copies.has(verdict.direction))
    await readCapture(file, second, options.progress)
  }
  return reportOf(file, first, read, fingerprint?.report())
}

function auditorOptions(options: AuditFileOptions, capturePoint: CapturePointOption) {
  const { policy, keys, seed, forPage = false } = options
  return {
    ...(policy === undefined ? {} : { policy }),
    ...(keys === undefined ? {} : { keys }),
    capturePoint,
    overTime: forPage,
    seed,
  }
}
