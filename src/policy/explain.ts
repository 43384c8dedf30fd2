// The verdict for one flow in words: which rule or exemption decided, what else would have matched, and what another
// value of the setting would change. The auditor and the proof say their reasons with the same sentences.
import type { CompiledPolicy } from './compile.ts'
import type { Decision } from './decide.ts'
import type { Setting } from './profiles.ts'

/** What becomes of a packet that the policy is asked about; the words are those of the audit. */
export type PolicyVerdict = 'protected' | 'permitted' | 'blocked' | 'exempt' | 'keying'

/** IKE is exempt like other traffic, but it must be: it is told apart as `keying`. */
export function verdictOf(decision: Decision): PolicyVerdict {
  const { because } = decision
  if (because.kind === 'exemption') return because.exemption === 'ike' ? 'keying' : 'exempt'
  if (decision.action === 'negotiate') return 'protected'
  return decision.action === 'block' ? 'blocked' : 'permitted'
}

/** Why, as one sentence about "it", without a full stop so that more can follow. */
export function because(decision: Decision, policy: CompiledPolicy): string {
  const reason = decision.because
  switch (reason.kind) {
    case 'exemption': {
      const exemption = policy.setting.exemptions.find(({ name }) => name === reason.exemption)!
      return `it is ${exemption.title} (${exemption.definition}), which ${whoExempts(policy, exemption.name === 'ike')}`
    }
    case 'filter': {
      const falls = decision.entry?.rule.fallBackToClear === true && decision.action === 'negotiate'
      const deeds = { permit: 'permits it', block: 'blocks it', negotiate: 'secures it' }
      const deed = falls ? 'secures it but falls back to clear where the peer gives no answer' : deeds[decision.action]
      return `rule “${reason.rule}” ${deed}: ${reason.filter}`
    }
    case 'default-response':
      return 'no filter matches it; the default response rule only answers a peer that asks for IPsec'
    case 'no-filter-matched':
      return 'no filter matches it, and what no filter matches passes in clear'
  }
}

function whoExempts(policy: CompiledPolicy, isAlways: boolean): string {
  const { profile, setting } = policy
  if (isAlways)
    return `${profile.title} exempts ${profile.setting === undefined ? 'always' : `at every ${profile.setting}`}`
  return `${profile.title} exempts${setting.name === undefined ? '' : ` at ${settingText(setting)}`}`
}

/** `NoDefaultExempt 1`, `its default, NoDefaultExempt 0`. */
export function settingText(setting: Setting): string {
  return `${setting.from === 'default' ? 'its default, ' : ''}${setting.name} ${setting.value}`
}
