// What the linter says of a policy as a whole: the setting of its exemptions, its role, what it does not do at all.
import type { Remark } from './lint-kinds.ts'
import type { Policy } from './model.ts'
import { keyOf, type Profile, profiles, type Setting, settingOf } from './profiles.ts'

export function* lintSettings(policy: Policy): Generator<Remark> {
  const profile = profiles.get(policy.profile)!
  const setting = settingOf(policy)
  yield* aboutSetting(policy, profile, setting)
  yield* aboutRole(policy, profile, setting)
  if (!policy.rules.some(rule => rule.active && rule.action === 'negotiate')) {
    const sentence = 'No active rule has the action negotiate: whatever is not blocked passes in clear.'
    yield { kind: 'nothing-secured', sentence, hint: 'write a rule with action: negotiate for the traffic to protect' }
  }
  if (policy.keys !== undefined && policy.keys.length > 0) {
    const sentence =
      'Keys stand in the file: whoever can read it opens everything that they ever sealed, and they are never renewed.'
    yield {
      kind: 'secret-in-file',
      sentence,
      hint: 'let only root read the file (chmod 600), or let IKE agree on keys',
    }
  }
  if (policy.defaultResponse) yield defaultResponse(profile)
}

function* aboutSetting(policy: Policy, profile: Profile, setting: Setting): Generator<Remark> {
  for (const { where, what, hint } of setting.problems) {
    const isOwn = setting.name !== undefined && (keyOf(setting.name) === where || where.includes('\\'))
    const isTooOld = profile.name === 'windows-2000' && where === 'noDefaultExempt'
    const kind = isOwn ? 'setting-unusable' : isTooOld ? 'setting-before-service-pack' : 'setting-ignored'
    yield {
      kind,
      sentence: `${capital(what)}.`,
      hint: isTooOld ? 'write profile: windows-2000-sp1, or install it' : hint,
    }
  }
  if (setting.name !== undefined && policy[keyOf(setting.name)] === undefined && setting.from === 'default') {
    const exempt = setting.exemptions.map(exemption => exemption.title).join(', ')
    const sentence = `${setting.name} is not set here: the machine's registry counts, and where that has no value, the default of ${profile.title}, ${setting.value} (exempt: ${exempt}).`
    yield { kind: 'setting-missing', sentence, hint: `write ${keyOf(setting.name)}: and the value you rely on` }
  }
}

function* aboutRole({ role }: Policy, profile: Profile, setting: Setting): Generator<Remark> {
  if (role !== 'member-server' && role !== 'workstation') return
  // Where this Windows withdraws it by itself, setting it changes nothing.
  const withdrawsKerberos = (setting.value & 1) === 1 && (profile.defaultValue & 1) === 0
  if (setting.name !== 'NoDefaultExempt' || setting.from === 'default' || !withdrawsKerberos) return
  yield {
    kind: 'setting-of-domain-controllers',
    sentence: `NoDefaultExempt ${setting.value} withdraws the exemption of Kerberos, which Microsoft advises for domain controllers only: a ${role.replace('-', ' ')} has to reach its domain controllers before IPsec works.`,
    hint: 'permit port 88 to the domain controllers, or authenticate with certificates, or leave the setting out here',
  }
}

function defaultResponse(profile: Profile): Remark {
  if (!profile.defaultResponse) {
    const sentence = `The default response rule does nothing on ${profile.title}.`
    return { kind: 'default-response-on', sentence, hint: 'leave defaultResponse out', severity: 'note' }
  }
  const sentence =
    'Where no filter matches, a peer that asks for IPsec gets it, and one that does not ask gets clear traffic.'
  return {
    kind: 'default-response-on',
    sentence,
    hint: 'write a negotiate rule for the peers that are to be protected',
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
