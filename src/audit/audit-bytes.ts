// Audits a capture that lies in memory, as a simulation leaves it: the same verdicts as for a file.
import { CaptureParser } from '../wire/capture-file.ts'
import { type AuditOptions, Auditor } from './audit.ts'
import { type AuditReport, reportOf } from './report.ts'

/** `name` is what the report calls the capture. */
export function auditBytes(name: string, capture: Uint8Array, options: AuditOptions): AuditReport {
  const auditor = new Auditor(options)
  const parser = new CaptureParser(auditor)
  const view = new DataView(capture.buffer, capture.byteOffset, capture.length)
  parser.finish(capture.length - parser.push(capture, view, capture.length))
  auditor.finish()
  const { format, frames, problem, warnings } = parser
  return reportOf(name, auditor, { format, bytes: capture.length, frames, problem, warnings })
}
