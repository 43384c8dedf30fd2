// `sealwire policy pair`: will two policies agree, and on what? Said before any packet. Exit status 0 they agree, 1 they do
// not, 2 the input is wrong.
import {
  hostsOf,
  type PairAgreement,
  type PairOutcome,
  type PairTraffic,
  type Part,
  type PolicyPair,
  pairPolicies,
} from '../../agent/policy-pair.ts'
import { type Address, formatAddress, sameAddress } from '../../base/address.ts'
import { sayFlow } from '../../policy/explain.ts'
import { readHost } from '../../policy/policy-cells.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  MACHINE_CANNOT,
  WRONG_INPUT,
} from '../command.ts'
import { type Console, meaning, type Style } from '../console.ts'
import { decisionJson, Faults, flowJson, listOption, shortReason } from '../policy-question.ts'
import { readPolicy } from '../read-policy.ts'

export const policyPair: CommandSpec = {
  name: 'policy pair',
  summary: 'say whether two policies will agree with each other, and on what',
  description:
    'Puts the policy of one host beside that of another and looks at all traffic between the two, both ways: where both ' +
    'secure it, whether their rules will agree (mode, keying, methods of IKE and of packets, authentication, lifetimes), ' +
    'else what becomes of it. Files of certificates and keys are not opened: only kinds and identities are compared. ' +
    'Exit status 0: they agree; 1: they do not, or secure nothing; 2: the input is wrong; 3: too large to decide.',
  arguments: [
    { name: '<first>', description: 'the policy file of host A', values: 'file' },
    { name: '<second>', description: 'the policy file of host B', values: 'file' },
  ],
  options: [
    { flags: '--a <addresses...>', key: 'a', description: "host A's addresses; left out, from the filters" },
    { flags: '--b <addresses...>', key: 'b', description: "host B's addresses; left out, from the filters" },
    jsonOption,
  ],
  examples: [
    'sealwire policy pair dc1.yaml dc2.yaml',
    'sealwire policy pair server.yaml client.yaml --a 10.54.0.1 --b 10.54.0.9',
  ],
  run: runPair,
}

function runPair(input: CommandInput, console: Console): number {
  const faults = new Faults()
  const [first, second] = input.arguments.map(file => readPolicy(file, console))
  const given = { a: readAddresses(input, 'a', faults), b: readAddresses(input, 'b', faults) }
  const areRead = first !== undefined && second !== undefined
  const hosts =
    areRead && faults.areNone
      ? hostsOf(first, second, {
          ...(given.a === undefined ? {} : { a: given.a }),
          ...(given.b === undefined ? {} : { b: given.b }),
        })
      : undefined
  if (areRead && faults.areNone && hosts === undefined) {
    const missing = given.a === undefined ? '--a' : '--b'
    faults.add(missing, 'the filters do not say which two hosts are meant', 'write --a and --b with their addresses')
  }
  if (hosts?.a.some(own => hosts.b.some(other => sameAddress(own, other))) === true) {
    faults.add('--b', 'both are the same host', 'write the addresses of two')
  }
  if (hosts !== undefined && !hosts.a.some(own => hosts.b.some(other => own.family === other.family))) {
    faults.add('--b', 'no packet goes from one IP version to the other', 'write addresses of one version')
  }
  if (!faults.areNone || !areRead || hosts === undefined) {
    faults.say(console)
    return WRONG_INPUT
  }
  const pair = pairPolicies(first, second, hosts)
  if (input.options['json'] === true) console.json(pairJson(pair, hosts))
  else printPair(pair, hosts, input.arguments, console)
  if (!pair.isComplete) {
    console.say('The policies are too large to compare whole: there may be more.')
    return pair.agrees ? MACHINE_CANNOT : ANSWER_IS_NO
  }
  return pair.agrees ? FINE : ANSWER_IS_NO
}

function readAddresses(input: CommandInput, key: 'a' | 'b', faults: Faults): readonly Address[] | undefined {
  const texts = listOption(input, key)
  if (texts.length === 0) return undefined
  return texts.map(text => faults.read(`--${key}`, text, readHost)).filter(address => address !== undefined)
}

/** Blocks printed of each kind, and names above one. */
const SHOWN = 25
const SHOWN_RULES = 4

type Hosts = { readonly a: readonly Address[]; readonly b: readonly Address[] }

const outcomes: Readonly<Record<PairOutcome, readonly [word: string, style: Style]>> = {
  broken: ['broken', meaning.leaked],
  unclear: ['unclear', meaning.exempt],
  secured: ['secured', meaning.protected],
  blocked: ['blocked', meaning.blocked],
  clear: ['clear', meaning.permitted],
}

function printPair(pair: PolicyPair, hosts: Hosts, files: readonly string[], console: Console): void {
  const dim = (text: string) => console.style('dim', text)
  const ends = [pair.a, pair.b] as const
  ends.forEach(({ policy, profile }, at) => {
    const addresses = [hosts.a, hosts.b][at]!.map(formatAddress).join(', ')
    console.print(
      `${console.style('bold', 'AB'[at]!)}  ${addresses}  ${policy.name}  ${dim(`${files[at]} · ${profile.title}`)}`,
    )
  })
  console.print()
  for (const traffic of pair.traffic.slice(0, SHOWN)) printTraffic(traffic, pair, console)
  printRest(pair.traffic.length, console)
  // Rules that agree in the same words are told together.
  const alike = [...Map.groupBy(pair.agreements, ({ parts }) => JSON.stringify(parts)).values()]
  const apart = alike.sort(([x], [y]) => Number(x!.isAgreed) - Number(y!.isAgreed))
  for (const agreements of apart.slice(0, SHOWN)) printAgreements(agreements, console)
  printRest(apart.length, console)
  const answer = pair.agrees ? console.style('green', 'They agree.') : console.style('redBright', 'They do not agree.')
  const isAnything = pair.traffic.some(({ a, b }) => a.action === 'negotiate' || b.action === 'negotiate')
  console.print(isAnything ? answer : console.style('redBright', 'Neither secures anything between the two.'))
}

function printTraffic(
  { ways, a, b, outcome, sentence, smallest, selectors }: PairTraffic,
  { a: first, b: second }: PolicyPair,
  console: Console,
): void {
  const [word, style] = outcomes[outcome]
  const way = ways.length === 2 ? 'both ways' : ways[0] === 'a-to-b' ? 'A to B' : 'B to A'
  console.print(`${console.style(style, word)}  ${way}: ${sentence}`)
  console.print(`  A: ${shortReason(a, first)}; B: ${shortReason(b, second)}`)
  console.print(console.style('dim', `  ${selectors ?? `as in ${sayFlow(smallest)}`}`))
  console.print()
}

const states: Readonly<Record<Part['state'], readonly [mark: string, style: Style]>> = {
  agreed: ['✓', 'green'],
  warning: ['!', 'yellow'],
  differs: ['✗', 'redBright'],
}

function printRest(count: number, console: Console): void {
  if (count > SHOWN) console.print(`… and ${count - SHOWN} more: --json tells all\n`)
}

function printAgreements(agreements: readonly PairAgreement[], console: Console): void {
  const names = agreements
    .slice(0, SHOWN_RULES)
    .map(({ a, b }) => (a === b ? `“${a}” of both` : `“${a}” of A with “${b}” of B`))
  const more = agreements.length > SHOWN_RULES ? ` and ${agreements.length - SHOWN_RULES} more` : ''
  console.print(`${agreements.length === 1 ? 'Rule' : 'Rules'} ${names.join(', ')}${more}`)
  const { parts } = agreements[0]!
  console.table(
    parts.map(({ subject, state, text }) => {
      const [mark, style] = states[state]
      return [`  ${console.style(style, mark)}`, subjects[subject], text]
    }),
  )
  console.print()
}

const subjects: Readonly<Record<Part['subject'], string>> = {
  mode: 'mode',
  keying: 'keying',
  ike: 'IKE',
  security: 'packets',
  'fresh keys': 'fresh keys',
  authentication: 'authentication',
  'post-quantum key': 'post-quantum key',
  lifetime: 'lifetime',
}

function pairJson({ agrees, a, b, traffic, agreements, isComplete }: PolicyPair, hosts: Hosts) {
  return {
    agrees,
    a: { policy: a.policy.name, profile: a.profile.name, addresses: hosts.a.map(formatAddress) },
    b: { policy: b.policy.name, profile: b.profile.name, addresses: hosts.b.map(formatAddress) },
    traffic: traffic.map(each => ({
      outcome: each.outcome,
      sentence: each.sentence,
      ways: each.ways,
      a: decisionJson(each.a, a),
      b: decisionJson(each.b, b),
      smallest: flowJson(each.smallest),
      selectors: each.selectors ?? null,
      agreement: each.agreement ?? null,
    })),
    agreements: agreements.map(({ a: first, b: second, isAgreed, keying, ike, security, parts }) => ({
      rules: { a: first, b: second },
      isAgreed,
      keying: keying ?? null,
      ike: begun(ike),
      security: begun(security),
      parts,
    })),
    isComplete,
  }
}

/** What is agreed on where A begins, and where B does; null where nothing is, or where it cannot be foreseen. */
function begun([byA, byB]: readonly (string | undefined)[]) {
  return { byA: byA ?? null, byB: byB ?? null }
}
