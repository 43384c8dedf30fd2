// What the commands that ask a policy have in common: reading its options, where every fault is collected before any is
// said, and writing flows and decisions as JSON.
import { formatAddress } from '../base/address.ts'
import { type Flow, protocolName } from '../base/flow.ts'
import type { Problem } from '../base/result.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Because, Decision } from '../policy/decide.ts'
import { because, isLaterFragment, type PolicyVerdict, verdictOf } from '../policy/explain.ts'
import type { Policy } from '../policy/model.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { keyOf, profiles, type SettingName, settingOf } from '../policy/profiles.ts'
import { type CommandInput, type OptionSpec, textOption } from './command.ts'
import type { Console } from './console.ts'
import { readPolicy } from './read-policy.ts'
import { withNamedRegistry } from './registry-option.ts'

export const policyOption: OptionSpec = {
  flags: '--policy <file>',
  key: 'policy',
  description: 'the policy that is asked',
  values: 'file',
}

export const settingOptions: readonly OptionSpec[] = [
  {
    flags: '--no-default-exempt <value>',
    key: 'noDefaultExempt',
    description: 'ask as if NoDefaultExempt had this value',
  },
  {
    flags: '--ipsec-exempt <value>',
    key: 'ipsecExempt',
    description: 'ask as if IPsecExempt, the mask that Vista and later read, had this value',
  },
]

/** Collects faults of the input, so that all are said at once. */
export class Faults {
  readonly #problems: Problem[] = []

  add(where: string, what: string, hint = ''): void {
    this.#problems.push({ severity: 'error', where, what, hint })
  }

  get areNone(): boolean {
    return this.#problems.length === 0
  }

  /** The value of an option that must be there, read with `read`; undefined where it is missing or wrong. */
  required<T>(
    input: CommandInput,
    key: string,
    flag: string,
    hint: string,
    read: (text: string) => Cell<T>,
  ): T | undefined {
    if (textOption(input, key) === undefined) {
      this.add(flag, 'is missing', hint)
      return undefined
    }
    return this.optional(input, key, flag, read)
  }

  optional<T>(input: CommandInput, key: string, flag: string, read: (text: string) => Cell<T>): T | undefined {
    const text = textOption(input, key)
    return text === undefined ? undefined : this.read(flag, text, read)
  }

  read<T>(flag: string, text: string, read: (text: string) => Cell<T>): T | undefined {
    const cell = read(text)
    if (cell.ok) return cell.value
    this.add(flag, cell.error.what, cell.error.hint)
    return undefined
  }

  say(console: Console): void {
    console.problems(this.#problems)
  }
}

export function listOption(input: CommandInput, key: string): readonly string[] {
  const value = input.options[key]
  return typeof value === 'string' ? [value] : Array.isArray(value) ? (value as readonly string[]) : []
}

/** Reads the file of `--policy`, and the registry that is named with it; their own problems are said here. */
export function readPolicyOption(input: CommandInput, faults: Faults, console: Console): Policy | undefined {
  const file = textOption(input, 'policy')
  if (file !== undefined) {
    const policy = readPolicy(file, console)
    return policy && withNamedRegistry(policy, input, console)
  }
  faults.add('--policy', 'is missing', 'name the policy file: --policy policy.yaml')
  return undefined
}

/** The policy with the settings of the command line in the place of its own. */
export function withSettings(policy: Policy | undefined, input: CommandInput, faults: Faults): Policy | undefined {
  let found = policy
  for (const name of ['NoDefaultExempt', 'IPsecExempt'] as const) {
    const text = textOption(input, keyOf(name))
    const value = text === undefined ? undefined : readValue(policy, name, text, faults)
    if (found !== undefined && value !== undefined) found = { ...found, [keyOf(name)]: value }
  }
  return found
}

/** A value of a setting that the policy's Windows honours; else a fault is added. Without a policy any number is. */
export function readValue(
  policy: Policy | undefined,
  name: SettingName,
  text: string,
  faults: Faults,
): number | undefined {
  const flag = flagOf(name)
  if (!/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) {
    faults.add(flag, `“${text}” is no value of a setting`, 'write a number, as in 1 or 0x1')
    return undefined
  }
  const value = Number(text)
  if (policy === undefined) return value
  const profile = profiles.get(policy.profile)!
  const [problem] = settingOf({ profile: policy.profile, [keyOf(name)]: value }).problems
  if (problem === undefined) return value
  if (profile.setting === name) faults.add(flag, `${value} is out of range for ${profile.title}`, problem.hint)
  else {
    const hint = profile.setting === undefined ? profile.note : `use ${flagOf(profile.setting)}`
    faults.add(flag, `${profile.title} does not read ${name}`, hint)
  }
  return undefined
}

export function flagOf(name: SettingName): string {
  return name === 'NoDefaultExempt' ? '--no-default-exempt' : '--ipsec-exempt'
}

/** One line that names the policy and what is exempt under it. */
export function policyLine({ policy, profile, setting }: CompiledPolicy): string {
  const value = setting.name === undefined ? '' : ` · ${setting.name} ${setting.value}`
  return `${policy.name} · ${profile.title}${value}${value === '' ? '' : originText(setting)}`
}

/** ` (its default)`; empty where the policy has it. */
export function originText({ from }: CompiledPolicy['setting']): string {
  return { policy: '', registry: ' (from the registry)', default: ' (its default)' }[from]
}

export interface DecisionJson {
  readonly verdict: PolicyVerdict
  readonly action: string
  /** In a sentence. */
  readonly because: string
  readonly reason: Because
}

export function decisionJson(decision: Decision, policy: CompiledPolicy): DecisionJson {
  return {
    verdict: verdictOf(decision),
    action: decision.action,
    because: because(decision, policy),
    reason: decision.because,
  }
}

/** The same fields as a line of `audit --packets`; a port that a packet does not carry is null. */
export function flowJson(flow: Flow) {
  return {
    source: formatAddress(flow.source),
    destination: formatAddress(flow.destination),
    protocol: flow.protocol,
    protocolName: protocolName(flow.protocol),
    sourcePort: flow.sourcePort ?? null,
    destinationPort: flow.destinationPort ?? null,
    ...(flow.icmpType === undefined ? {} : { icmpType: flow.icmpType }),
    ...(isLaterFragment(flow) ? { laterFragment: true } : {}),
  }
}

export function settingJson({ profile, setting }: CompiledPolicy) {
  return {
    profile: profile.name,
    setting: setting.name === undefined ? null : { name: setting.name, value: setting.value, from: setting.from },
    exempt: setting.exemptions.map(({ name }) => name),
  }
}

/** A reason in few words, for a row of a table. */
export function shortReason({ because: reason, action, entry }: Decision, { setting }: CompiledPolicy): string {
  if (reason.kind === 'exemption') {
    return `${setting.exemptions.find(({ name }) => name === reason.exemption)!.title} is exempt`
  }
  if (reason.kind !== 'filter') return 'no filter matches it'
  const deeds = { permit: 'permits it', block: 'blocks it', negotiate: 'secures it' }
  const falls = action === 'negotiate' && entry?.rule.fallBackToClear === true
  return `rule “${reason.rule}” ${falls ? 'may fall back to clear' : deeds[action]}`
}
