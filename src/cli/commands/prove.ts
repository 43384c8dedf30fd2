// `sealwire prove`: no packet between two hosts, or sets of hosts, leaves in clear; or the smallest that does. Exit
// status 0 proved, 1 refuted, 3 where the search was given up.
import { sameAddress } from '../../base/address.ts'
import { failure } from '../../base/result.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import { because, sayFlow, verdictOf } from '../../policy/explain.ts'
import { formatSpec } from '../../policy/filter.ts'
import type { AddressSpec } from '../../policy/model.ts'
import { type Cell, readAddressSpec } from '../../policy/policy-cells.ts'
import { type ClearReason, type Proof, prove as proveRegion, type Way } from '../../policy/prove.ts'
import type { Region } from '../../policy/region-decisions.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  MACHINE_CANNOT,
  WRONG_INPUT,
} from '../command.ts'
import { type Console, meaning } from '../console.ts'
import {
  decisionJson,
  Faults,
  flowJson,
  listOption,
  policyLine,
  policyOption,
  readPolicyOption,
  settingJson,
  settingOptions,
  shortReason,
  withSettings,
} from '../policy-question.ts'
import { registryOptions } from '../registry-option.ts'

export const prove: CommandSpec = {
  name: 'prove',
  summary: 'prove that no packet between two hosts leaves in clear, or show the smallest that does',
  description:
    'Looks at every flow there can be between two hosts, prefixes or ranges, both ways, with the policy on the host that ' +
    'each packet leaves. Exact: nothing is sampled. Exit status 0: proved; 1: refuted, with the smallest packet that leaves ' +
    'in clear; 2: the input is wrong; 3: the policy is too large to decide.',
  options: [
    policyOption,
    {
      flags: '--between <addresses...>',
      key: 'between',
      description: 'two of: an address, a prefix (10.0.0.0/8), a range (10.0.0.1-10.0.0.9), any',
    },
    ...settingOptions,
    ...registryOptions,
    jsonOption,
  ],
  examples: [
    'sealwire prove --policy policy.yaml --between 10.54.0.1 10.54.0.2',
    'sealwire prove --policy policy.yaml --between 10.54.0.0/24 any --no-default-exempt 0',
  ],
  run: runProve,
}

function runProve(input: CommandInput, console: Console): number {
  const faults = new Faults()
  const policy = readPolicyOption(input, faults, console)
  const between = readBetween(input, faults)
  const asked = withSettings(policy, input, faults)
  if (!faults.areNone || asked === undefined || between === undefined) {
    faults.say(console)
    return WRONG_INPUT
  }
  const compiled = compile(asked)
  const proof = proveRegion(compiled, between)
  if (input.options['json'] === true) console.json(proofJson(proof, compiled, between))
  else printProof(proof, compiled, between, console)
  return { proved: FINE, refuted: ANSWER_IS_NO, unknown: MACHINE_CANNOT }[proof.outcome]
}

function readBetween(input: CommandInput, faults: Faults): Region | undefined {
  const texts = listOption(input, 'between')
  if (texts.length !== 2) {
    const what = texts.length === 0 ? 'is missing' : `takes two addresses, not ${texts.length}`
    faults.add('--between', what, 'write two hosts, prefixes or ranges: --between 10.54.0.1 10.54.0.2')
  }
  const [a, b] = texts.map(text => faults.read('--between', text, readHosts))
  if (texts.length !== 2 || a === undefined || b === undefined) return undefined
  if (a.kind === 'range' && b.kind === 'range') {
    if (a.first.family !== b.first.family) {
      faults.add(
        '--between',
        `${formatSpec(a)} and ${formatSpec(b)} are of different IP versions`,
        'no packet goes from one to the other: write two of one version',
      )
    } else if (sameAddress(a.first, a.last) && sameAddress(b.first, b.last) && sameAddress(a.first, b.first)) {
      faults.add('--between', 'both are the same host', 'what a host sends to itself is on no wire: write two hosts')
    }
  }
  return { a, b }
}

function readHosts(text: string): Cell<AddressSpec> {
  const cell = readAddressSpec(text)
  if (!cell.ok || cell.value.kind !== 'me') return cell
  return failure({ what: '“me” is every host here', hint: 'write the address of one, or any' })
}

function proofJson(proof: Proof, policy: CompiledPolicy, between: Region) {
  const first = proof.counterExample
  return {
    proved: { proved: true, refuted: false, unknown: null }[proof.outcome],
    outcome: proof.outcome,
    counterExample: first === undefined ? null : flowJson(first.smallest),
    ...(first === undefined
      ? { verdict: null, action: null, because: null, reason: null }
      : decisionJson(first.decision, policy)),
    reasons: proof.reasons.map(({ decision, smallest, ways }) => ({
      ...decisionJson(decision, policy),
      smallest: flowJson(smallest),
      ways,
    })),
    isSmallest: proof.isSmallest,
    isExhaustive: proof.isExhaustive,
    between: { a: formatSpec(between.a), b: formatSpec(between.b) },
    families: proof.families,
    policy: policy.policy.name,
    ...settingJson(policy),
    notes: proof.notes,
  }
}

function printProof(proof: Proof, policy: CompiledPolicy, { a, b }: Region, console: Console): void {
  const pair = `between ${formatSpec(a)} and ${formatSpec(b)}`
  const first = proof.counterExample
  console.print(console.style('dim', policyLine(policy)))
  if (proof.outcome === 'proved') {
    console.print(`${console.style(meaning.protected, 'proved')}: no packet ${pair} leaves in clear.`)
  } else if (first !== undefined) {
    const isSmallest = proof.isSmallest ? 'the smallest packet that does is' : 'one that does is'
    console.print(`${console.style(meaning.leaked, 'refuted')}: packets ${pair} may leave in clear; ${isSmallest}`)
    console.print(`  ${console.style('bold', sayFlow(first.smallest))}`)
    console.print(`  ${because(first.decision, policy)}`)
    if (proof.reasons.length > 1) printReasons(proof.reasons, policy, console)
  } else {
    console.say(`unknown: the policy is too large to decide for ${pair}; ask about fewer hosts.`)
  }
  if (first !== undefined && !proof.isExhaustive) console.say('The search was given up: there may be more reasons.')
  console.print()
  for (const note of proof.notes) console.print(console.style('dim', `Note: ${note}.`))
}

function printReasons(reasons: readonly ClearReason[], policy: CompiledPolicy, console: Console): void {
  console.print()
  console.print('Every reason, with the smallest packet of each:')
  console.table(
    reasons.slice(0, SHOWN).map(({ decision, smallest, ways }) => {
      const verdict = verdictOf(decision)
      // What a rule secures is here because it may fall back to clear.
      const colour = verdict === 'protected' ? meaning.leaked : meaning[verdict]
      const arrow = arrows[ways.length === 2 ? 'both' : ways[0]!]
      return [`  ${console.style(colour, sayFlow(smallest))}`, arrow, shortReason(decision, policy)]
    }),
  )
  if (reasons.length > SHOWN) console.print(`  … and ${reasons.length - SHOWN} more: --json tells all`)
}

/** Reasons printed; the JSON has all. */
const SHOWN = 25
const arrows: Readonly<Record<Way | 'both', string>> = { 'a-to-b': 'one way', 'b-to-a': 'back', both: 'both ways' }
