// `sealwire compare`: what becomes clear or secured when the setting goes from one value to another.
import { ICMP, ICMPV6, protocolName } from '../../base/flow.ts'
import { type Appearance, type ChangedTraffic, type Comparison, compareValues } from '../../policy/compare.ts'
import { atSetting, type CompiledPolicy, compile } from '../../policy/compile.ts'
import { sayFlow } from '../../policy/explain.ts'
import { formatSpec } from '../../policy/filter.ts'
import type { Policy } from '../../policy/model.ts'
import { profiles, type SettingName } from '../../policy/profiles.ts'
import { type Box, layoutOf, NO_PORT } from '../../policy/region.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, MACHINE_CANNOT, WRONG_INPUT } from '../command.ts'
import { type Console, meaning } from '../console.ts'
import {
  decisionJson,
  Faults,
  flagOf,
  flowJson,
  listOption,
  policyOption,
  readPolicyOption,
  readValue,
} from '../policy-question.ts'

/** Changes printed under one heading. */
const SHOWN = 25

export const compare: CommandSpec = {
  name: 'compare',
  summary: 'say what becomes clear or secured when NoDefaultExempt changes',
  description:
    'Compares values of the setting from left to right, each with the next: the exact traffic that is decided otherwise, ' +
    'with the reason before and after and the smallest packet of each.',
  options: [
    policyOption,
    { flags: '--no-default-exempt <value...>', key: 'noDefaultExempt', description: 'two or more values, as in 0 1' },
    {
      flags: '--ipsec-exempt <value...>',
      key: 'ipsecExempt',
      description: 'two or more values of the mask that Vista and later read',
    },
    jsonOption,
  ],
  examples: [
    'sealwire compare --policy policy.yaml --no-default-exempt 0 1',
    'sealwire compare --policy policy.yaml --no-default-exempt 0 1 3 --json',
  ],
  run: runCompare,
}

function runCompare(input: CommandInput, console: Console): number {
  const faults = new Faults()
  const policy = readPolicyOption(input, faults, console)
  const question = readQuestion(input, policy, faults)
  if (!faults.areNone || policy === undefined || question === undefined) {
    faults.say(console)
    return WRONG_INPUT
  }
  const compiled = compile(policy)
  const comparisons = question.values.slice(1).map((to, index) => compareValues(compiled, question.values[index]!, to))
  if (input.options['json'] === true) {
    console.json({
      policy: policy.name,
      profile: policy.profile,
      setting: question.name,
      values: question.values,
      comparisons: comparisons.map(comparison => comparisonJson(comparison, compiled)),
    })
  } else {
    console.print(console.style('dim', `${policy.name} · ${compiled.profile.title}`))
    for (const comparison of comparisons) printComparison(comparison, question.name, console)
  }
  if (comparisons.every(({ isComplete }) => isComplete)) return FINE
  console.say('The policy is too large to compare whole: there may be more changes.')
  return MACHINE_CANNOT
}

function readQuestion(
  input: CommandInput,
  policy: Policy | undefined,
  faults: Faults,
): { name: SettingName; values: readonly number[] } | undefined {
  const own = policy === undefined ? undefined : profiles.get(policy.profile)!.setting
  const lists = { NoDefaultExempt: listOption(input, 'noDefaultExempt'), IPsecExempt: listOption(input, 'ipsecExempt') }
  if (lists.NoDefaultExempt.length > 0 && lists.IPsecExempt.length > 0) {
    faults.add('--ipsec-exempt', 'stands beside --no-default-exempt', 'a Windows reads one of the two: compare one')
  }
  const name = lists.IPsecExempt.length > 0 ? 'IPsecExempt' : lists.NoDefaultExempt.length > 0 ? 'NoDefaultExempt' : own
  const texts = lists[name ?? 'NoDefaultExempt']
  if (texts.length < 2) {
    const flag = flagOf(name ?? 'NoDefaultExempt')
    faults.add(flag, texts.length === 0 ? 'is missing' : 'takes two values or more', `as in ${flag} 0 1`)
  }
  if (name === undefined) return undefined
  // One sentence is enough where this Windows reads no such setting.
  const read = policy === undefined || own === name ? texts : texts.slice(0, 1)
  const values = read.map(text => readValue(policy, name, text, faults)).filter(value => value !== undefined)
  return { name, values }
}

const is = (before: readonly Appearance[], after: Appearance) => (change: ChangedTraffic) =>
  before.includes(change.appearsBefore) && change.appearsAfter === after

/**
 * The order and the words of the groups. What stays secured or blocked is no news and is left to the JSON, like what
 * another exemption holds at both values: those are listed by name.
 */
const headings: readonly (readonly [string, Appearance, (change: ChangedTraffic) => boolean])[] = [
  ['Becomes clear', 'clear', is(['secured', 'blocked'], 'clear')],
  ['Becomes secured', 'secured', is(['clear', 'blocked'], 'secured')],
  ['Becomes blocked', 'blocked', is(['clear', 'secured'], 'blocked')],
  ['Stays clear', 'clear', change => is(['clear'], 'clear')(change) && !isExemptAtBoth(change)],
]

function isExemptAtBoth({ before, after }: ChangedTraffic): boolean {
  return before.because.kind === 'exemption' && after.because.kind === 'exemption'
}

const colours = { clear: meaning.leaked, secured: meaning.protected, blocked: meaning.blocked } as const

function printComparison(comparison: Comparison, name: SettingName, console: Console): void {
  const { from, to, changes, stillExempt, notes } = comparison
  console.print()
  console.print(console.style('bold', `${name} ${from} → ${to}`))
  for (const [heading, appearance, belongs] of headings) {
    const group = changes.filter(belongs)
    if (group.length === 0) continue
    console.print(console.style(colours[appearance], heading))
    for (const { sentence, smallest } of group.slice(0, SHOWN)) {
      console.print(`  ${sentence}`)
      console.print(console.style('dim', `    smallest: ${sayFlow(smallest)}`))
    }
    if (group.length > SHOWN) console.print(`  … and ${group.length - SHOWN} more: --json tells all`)
  }
  if (changes.every(({ appearsBefore, appearsAfter }) => appearsBefore === appearsAfter)) {
    console.print(from === to ? 'The values are the same.' : 'Nothing becomes clear, secured or blocked.')
  }
  console.print(`Stays exempt: ${stillExempt.map(({ title }) => title).join(', ')}`)
  for (const note of notes) console.print(console.style('dim', `Note: ${note}.`))
}

function comparisonJson(comparison: Comparison, policy: CompiledPolicy) {
  const { from, to, changes, stillExempt, isComplete, areRegionsWhole, notes } = comparison
  return {
    from,
    to,
    isComplete,
    areRegionsWhole,
    changes: changes.map(change => ({
      effect: `${change.appearsBefore === change.appearsAfter ? 'stays' : 'becomes'} ${change.appearsAfter}`,
      sentence: change.sentence,
      exemption: change.exemption.name,
      before: decisionJson(change.before, atSetting(policy, from)),
      after: decisionJson(change.after, atSetting(policy, to)),
      smallest: flowJson(change.smallest),
      regions: change.regions.map(({ family, box }) => regionJson(family, box)),
    })),
    stillExempt: stillExempt.map(({ name }) => name),
    notes,
  }
}

/** A box as ranges, `first` or `first-last`; `any` where it asks for nothing, ports `none` where it holds no packet with ports. */
function regionJson(family: 4 | 6, box: Box) {
  const layout = layoutOf(family)
  const addresses = (from: number) => {
    const [first, last] = [box.first, box.last].map(corner => ({
      family,
      words: corner.slice(from, from + layout.words),
    }))
    return formatSpec({ kind: 'range', first: first!, last: last! })
  }
  const protocols = () => {
    const [first, last] = [box.first[layout.protocol]!, box.last[layout.protocol]!]
    if (first === 0 && last === 255) return 'any'
    return first === last ? protocolName(first) : `${first}-${last}`
  }
  const ports = (d: number, other: number) => {
    const first = box.first[d]!
    // A packet carries both ports or neither: where the other must be there, this one is too.
    const mayLack = box.last[d] === NO_PORT && box.last[other] === NO_PORT
    const last = Math.min(box.last[d]!, NO_PORT - 1)
    if (first === NO_PORT) return 'none'
    if (first === 0 && last === NO_PORT - 1 && box.last[d] === NO_PORT) return 'any'
    return `${first === last ? first : `${first}-${last}`}${mayLack ? ' or none' : ''}`
  }
  const ends = {
    source: addresses(layout.source),
    destination: addresses(layout.destination),
    protocol: protocols(),
  }
  const [first, last] = [box.first[layout.protocol]!, box.last[layout.protocol]!]
  // The type of an ICMP message stands in the place of the destination port.
  if (first === last && (first === ICMP || first === ICMPV6)) {
    return { ...ends, icmpType: ports(layout.destinationPort, layout.sourcePort) }
  }
  return {
    ...ends,
    sourcePort: ports(layout.sourcePort, layout.destinationPort),
    destinationPort: ports(layout.destinationPort, layout.sourcePort),
  }
}
