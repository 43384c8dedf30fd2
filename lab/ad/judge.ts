// Judges a recording of the bridge: every packet by sealwire's own auditor, as a library, and by tshark beside it.

import { readPolicyFile } from '../../src/agent/policy-file.ts'
import { withRegistry } from '../../src/agent/registry-settings.ts'
import { auditFile } from '../../src/audit/audit-file.ts'
import type { Finding } from '../../src/audit/report.ts'
import { classes, type TrafficClass, type Verdict } from '../../src/audit/verdict.ts'
import { compile } from '../../src/policy/compile.ts'
import { readStored } from '../../src/settings/registry-file.ts'
import { askTshark, type TsharkCounts } from './tshark.ts'

export interface JudgedCapture {
  readonly name: string
  /** In the folder that the verdict lies in. */
  readonly file: string
  readonly packets: number
  readonly verdicts: Readonly<Record<Verdict, number>>
  readonly classes: Readonly<Record<TrafficClass, number>>
  /** What leaked, was blocked, exempt or malformed, with the reason; by packets. */
  readonly findings: readonly Finding[]
  readonly tshark: TsharkCounts
}

export interface JudgeBy {
  readonly policyFile: string
  /** Folder of the registry that counts where the policy file sets nothing, as it is now. */
  readonly registry?: string
}

/** Without `by` there is no policy: what is in clear is `no-policy`. */
export async function judge(name: string, path: string, file: string, by: JudgeBy | undefined): Promise<JudgedCapture> {
  const policy = by === undefined ? {} : { policy: compile(policyBy(by)) }
  const [report, tshark] = await Promise.all([
    // We know where it was recorded: nothing clear on the bridge is the opened copy of something sealed.
    auditFile(path, { ...policy, capturePoint: 'wire', seed: 254_728 }),
    askTshark(path),
  ])
  const { problems } = report.capture
  if (problems.length > 0) throw new Error(`${path} cannot be read to its end: ${problems.join('; ')}`)
  return {
    name,
    file,
    packets: report.capture.packets,
    verdicts: report.totals,
    classes: report.classes,
    findings: report.findings,
    tshark,
  }
}

export function policyBy({ policyFile, registry }: JudgeBy) {
  const read = readPolicyFile(policyFile)
  if (!read.ok) throw new Error(`${policyFile}: ${read.error.map(({ what }) => what).join('; ')}`)
  if (registry === undefined) return read.value.policy
  const root = readStored(registry)
  if (!root.ok) throw new Error(`${registry}: ${root.error.map(({ what }) => what).join('; ')}`)
  return withRegistry(read.value.policy, root.value)
}

/** The classes of which the auditor and tshark counted differently; empty where they agree on every packet. */
export function disagreements({ classes: ours, tshark }: JudgedCapture): readonly string[] {
  return classes
    .filter(name => ours[name] !== tshark.classes[name])
    .map(name => `${name} ${ours[name]} and ${tshark.classes[name]}`)
}
