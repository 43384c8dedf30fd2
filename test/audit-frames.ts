// Audits frames in memory, and makes policies for that: what the tests of the auditor share.
import { type AuditOptions, Auditor, type FrameVerdict } from '../src/audit/audit.ts'
import type { CapturePointOption } from '../src/audit/capture-point.ts'
import type { KnownKey } from '../src/audit/known-key.ts'
import { type AuditReport, copyDirections, reportOf } from '../src/audit/report.ts'
import type { Verdict } from '../src/audit/verdict.ts'
import { lastAddress, parseAddress, parsePrefix } from '../src/base/address.ts'
import { type CompiledPolicy, compile } from '../src/policy/compile.ts'
import type { AddressSpec, Filter, Policy, Rule } from '../src/policy/model.ts'
import { rule as negotiating, policy } from '../src/policy/test-policies.ts'
import { CaptureParser } from '../src/wire/capture-file.ts'
import { type Bytes, type Frame, pcap } from './build-frames.ts'

export { policy }

/** `any`, `me`, an address or a prefix. */
export function spec(text: string): AddressSpec {
  if (text === 'any' || text === 'me') return { kind: text }
  const prefix = parsePrefix(text)
  if (prefix === undefined) throw new Error(`${text} is no address`)
  return { kind: 'range', first: prefix.address, last: lastAddress(prefix) }
}

export interface RuleOptions extends Partial<Omit<Rule, 'filters'>> {
  readonly protocol?: number
  readonly port?: number
  readonly mirrored?: boolean
}

/** A rule with one mirrored filter; it negotiates where nothing else is said. */
export function rule(source: string, destination: string, options: RuleOptions = {}): Rule {
  const { protocol, port, mirrored = true, ...rest } = options
  const filter: Filter = {
    source: spec(source),
    destination: spec(destination),
    mirrored,
    ...(protocol === undefined ? {} : { protocol }),
    ...(port === undefined ? {} : { destinationPort: { first: port, last: port } }),
  }
  return negotiating('negotiate', [], { name: `${source} and ${destination}`, filters: [filter], ...rest })
}

/** Every packet is to be secured. */
export const everything: Policy = policy([rule('any', 'any')])

export interface Audited {
  readonly report: AuditReport
  /** The final verdict of each frame, as `--packets` prints them. */
  readonly verdicts: readonly Verdict[]
  readonly frames: readonly FrameVerdict[]
}

export interface AuditFramesOptions {
  readonly policy?: Policy | undefined
  readonly me?: readonly string[]
  readonly capturePoint?: CapturePointOption
  readonly keys?: readonly KnownKey[]
}

/** Audits a capture in memory twice, as `audit --packets` does. */
export function auditCapture(capture: Bytes, options: AuditFramesOptions = {}): Audited {
  const settings: AuditOptions = {
    ...(options.policy === undefined ? {} : { policy: compiledFor(options.policy, options.me) }),
    ...(options.keys === undefined ? {} : { keys: options.keys }),
    capturePoint: options.capturePoint ?? 'auto',
    seed: 7,
  }
  const first = new Auditor(settings)
  const parser = parse(capture, first)
  first.finish()
  const copies = copyDirections(first)
  const second = new Auditor(settings)
  const frames: FrameVerdict[] = []
  const verdicts: Verdict[] = []
  second.onFrame = told => {
    frames.push({ ...told })
    verdicts.push(told.isPaired && copies.has(told.direction) ? 'protected' : told.verdict)
  }
  parse(capture, second)
  const { format, problem, warnings } = parser
  const read = { format, problem, warnings, bytes: capture.length, frames: parser.frames }
  return { report: reportOf('memory', first, read), verdicts, frames }
}

export function auditFrames(
  frames: readonly (Bytes | Frame)[],
  options: AuditFramesOptions & { linkType?: number } = {},
): Audited {
  const whole = frames.map(frame => (frame instanceof Uint8Array ? { bytes: frame } : frame))
  return auditCapture(pcap(whole, options.linkType), options)
}

const compiled = new WeakMap<Policy, CompiledPolicy>()

export function compiledFor(written: Policy, me?: readonly string[]): CompiledPolicy {
  if (me !== undefined) return compile(written, { me: me.map(text => parseAddress(text)!) })
  const known = compiled.get(written) ?? compile(written)
  compiled.set(written, known)
  return known
}

function parse(capture: Bytes, auditor: Auditor): CaptureParser {
  const parser = new CaptureParser(auditor)
  const view = new DataView(capture.buffer, capture.byteOffset, capture.length)
  parser.finish(capture.length - parser.push(capture, view, capture.length))
  return parser
}
