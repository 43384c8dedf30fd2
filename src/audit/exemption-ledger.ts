// What the default exemptions let pass in a capture, and what another value of the setting would have secured of it.
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Exemption } from '../policy/exemptions.ts'
import type { AuditReport, Finding } from './report.ts'
import type { Verdict } from './verdict.ts'

export interface ExemptionSum {
  readonly exemption: Exemption
  readonly packets: number
  readonly bytes: number
  /** What the filters alone would make of these packets. */
  readonly without: ReadonlyMap<Verdict, number>
  /** The earliest packet; undefined where there was none. */
  readonly first: Finding['first'] | undefined
}

/** One for each exemption in force, those that let nothing pass too. */
export function exemptionSums(report: AuditReport, policy: CompiledPolicy): readonly ExemptionSum[] {
  return policy.setting.exemptions.map(exemption => {
    const told = report.findings.filter(finding => finding.verdict === 'exempt' && finding.exemption === exemption.name)
    const without = new Map<Verdict, number>()
    for (const { withoutExemption, packets } of told) {
      if (withoutExemption !== undefined) without.set(withoutExemption, (without.get(withoutExemption) ?? 0) + packets)
    }
    return {
      exemption,
      packets: told.reduce((sum, { packets }) => sum + packets, 0),
      bytes: told.reduce((sum, { bytes }) => sum + bytes, 0),
      without,
      first: told.map(({ first }) => first).sort((a, b) => a.frame - b.frame)[0],
    }
  })
}

export interface OtherSetting {
  readonly value: number
  readonly isInForce: boolean
  readonly exemptions: readonly Exemption[]
  /** Exempt packets that the policy would secure at this value, by the exemption that goes, and all together. */
  readonly secured: ReadonlyMap<string, number>
  readonly packets: number
}

/** Every value that this Windows honours. */
export function otherSettings(report: AuditReport, { profile, setting }: CompiledPolicy): readonly OtherSetting[] {
  return [...profile.table].map(([value, exemptions]) => {
    const kept = new Set<string>(exemptions.map(({ name }) => name))
    const secured = new Map<string, number>()
    for (const told of report.findings) {
      if (told.withoutExemption !== 'leaked' || told.exemption === undefined || kept.has(told.exemption)) continue
      secured.set(told.exemption, (secured.get(told.exemption) ?? 0) + told.packets)
    }
    const packets = [...secured.values()].reduce((sum, one) => sum + one, 0)
    return { value, isInForce: value === setting.value, exemptions, secured, packets }
  })
}
