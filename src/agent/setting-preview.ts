// What a page is shown before it changes the setting: the values that this Windows honours, what the one that is asked about
// would do here, and what a person should know first.
import type { Problem } from '../base/result.ts'
import type { SettingPreview } from '../monitor/setting-change.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Exemption } from '../policy/exemptions.ts'
import type { Answer } from './control-protocol.ts'
import type { InForce } from './enforcement.ts'

/** `value` left out: the one in force. */
export function previewOf({ compiled, outlook }: InForce, value = compiled.setting.value): Answer {
  const { setting, profile } = compiled
  const { name } = setting
  if (name !== undefined && !profile.table.has(value))
    return { kind: 'refused', problems: [notHonoured(compiled, value)] }
  const whyNot = whyFixed(compiled)
  const isOther = name !== undefined && value !== setting.value
  const preview: SettingPreview = {
    ...{
      name: name ?? null,
      value: setting.value,
      from: setting.from,
      where: setting.where ?? null,
      asked: name === undefined ? setting.value : value,
    },
    values:
      name === undefined ? [] : [...profile.table].map(([one, exempt]) => ({ value: one, meaning: meaningOf(exempt) })),
    ...{ isChangeable: whyNot === undefined, whyNot: whyNot ?? null },
    changes: isOther ? outlook.effectsAt(value) : [],
    warnings: isOther ? outlook.warningsAt(name, value) : [],
  }
  return { kind: 'fine', value: preview }
}

/** Why no registry changes it, in a sentence; undefined where one does. */
export function whyFixed({ policy, profile, setting: { name } }: CompiledPolicy): string | undefined {
  if (name === undefined) return `${profile.title} reads no setting: its exemptions are always the same.`
  const written = { NoDefaultExempt: policy.noDefaultExempt, IPsecExempt: policy.ipsecExempt }
  if (written[name] === undefined) return undefined
  return `The policy sets ${name} itself, and that goes before the registry: change it in the policy.`
}

export function notHonoured({ profile, setting: { name } }: CompiledPolicy, value: number): Problem {
  const known = [...profile.table.keys()].join(', ')
  const what = `${profile.title} does not honour ${value} for ${name ?? 'any setting'}`
  return { severity: 'error', where: 'value', what, hint: `it honours ${known}` }
}

/** `Kerberos, RSVP and IKE are exempt`. */
function meaningOf(exempt: readonly Exemption[]): string {
  const titles = exempt.map(({ title }) => title)
  const last = titles.at(-1)!
  return titles.length === 1 ? `only ${last} is exempt` : `${titles.slice(0, -1).join(', ')} and ${last} are exempt`
}
