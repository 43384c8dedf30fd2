// `sealwire explain`: what becomes of one packet, why, what else would have matched, and what another value of the
// setting would change.
import { type Address, sameAddress } from '../../base/address.ts'
import { type Direction, type Flow, hasPorts, ICMP, ICMPV6 } from '../../base/flow.ts'
import { failure, success } from '../../base/result.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import { type Explanation, explain as explainFlow, type PolicyVerdict, sayFlow } from '../../policy/explain.ts'
import { type Cell, readHost, readProtocol } from '../../policy/policy-cells.ts'
import { type CommandInput, type CommandSpec, FINE, jsonOption, textOption, WRONG_INPUT } from '../command.ts'
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
  withSettings,
} from '../policy-question.ts'
import { registryOptions } from '../registry-option.ts'

export const explain: CommandSpec = {
  name: 'explain',
  summary: 'say what becomes of one packet, and why',
  description:
    'Gives the verdict of a policy for one packet, the rule or exemption that decides, the filters that match too and why ' +
    'they lose, and what other values of the setting would change. TCP or UDP without ports is a later fragment.',
  options: [
    policyOption,
    { flags: '--source <address>', key: 'source', description: 'where the packet comes from' },
    { flags: '--destination <address>', key: 'destination', description: 'where it goes' },
    { flags: '--protocol <protocol>', key: 'protocol', description: 'tcp, udp, icmp, another name, or a number' },
    { flags: '--source-port <port>', key: 'sourcePort', description: '0 to 65535, for TCP and UDP' },
    { flags: '--destination-port <port>', key: 'destinationPort', description: '0 to 65535, for TCP and UDP' },
    { flags: '--icmp-type <type>', key: 'icmpType', description: '0 to 255, for ICMP and ICMPv6' },
    {
      flags: '--direction <direction>',
      key: 'direction',
      description: 'out (the default): judged on the host that sends it; in: on the host that receives it',
      values: ['out', 'in'],
    },
    {
      flags: '--me <addresses...>',
      key: 'me',
      description:
        'addresses of the host whose policy it is, also separated by commas; left out, the host that the direction means',
    },
    ...settingOptions,
    ...registryOptions,
    jsonOption,
  ],
  examples: [
    'sealwire explain --policy policy.yaml --source 10.54.0.1 --destination 10.54.0.2 --protocol tcp --source-port 49152 --destination-port 88',
    'sealwire explain --policy policy.yaml --source 10.54.0.1 --destination 10.54.0.2 --protocol udp',
  ],
  run: runExplain,
}

function runExplain(input: CommandInput, console: Console): number {
  const faults = new Faults()
  const policy = readPolicyOption(input, faults, console)
  const flow = readFlow(input, faults)
  const direction = faults.optional(input, 'direction', '--direction', readDirection) ?? 'out'
  const me = listOption(input, 'me')
    .flatMap(text => text.split(','))
    .map(text => faults.read('--me', text, readHost))
  const asked = withSettings(policy, input, faults)
  if (!faults.areNone || asked === undefined || flow === undefined) {
    faults.say(console)
    return WRONG_INPUT
  }
  const near = direction === 'out' ? flow.source : flow.destination
  const own = me.length === 0 ? [near] : me.filter(address => address !== undefined)
  const compiled = compile(asked, { me: own })
  const explanation = explainFlow(compiled, flow, direction)
  const notes = [...explanation.notes, ...(isStranger(flow, own) ? ['neither of its addresses is one of --me'] : [])]
  if (input.options['json'] === true) {
    console.json(explanationJson({ ...explanation, notes }, compiled, flow, direction))
  } else printExplanation({ ...explanation, notes }, compiled, flow, direction, console)
  return FINE
}

function isStranger(flow: Flow, me: readonly Address[]): boolean {
  return !me.some(own => sameAddress(own, flow.source) || sameAddress(own, flow.destination))
}

function readFlow(input: CommandInput, faults: Faults): Flow | undefined {
  const source = faults.required(input, 'source', '--source', 'the address that the packet comes from', readHost)
  const destination = faults.required(input, 'destination', '--destination', 'the address that it goes to', readHost)
  const protocol = faults.required(input, 'protocol', '--protocol', 'tcp, udp, icmp … or a number', readOneProtocol)
  const sourcePort = faults.optional(input, 'sourcePort', '--source-port', text => readNumber(text, 65535, 'port'))
  const destinationPort = faults.optional(input, 'destinationPort', '--destination-port', text =>
    readNumber(text, 65535, 'port'),
  )
  const icmpType = faults.optional(input, 'icmpType', '--icmp-type', text => readNumber(text, 255, 'ICMP type'))
  if (source !== undefined && destination !== undefined && source.family !== destination.family) {
    faults.add('--destination', 'is not of the IP version of --source', 'a packet has two addresses of one version')
  }
  if (protocol !== undefined) {
    for (const [key, flag] of [
      ['sourcePort', '--source-port'],
      ['destinationPort', '--destination-port'],
    ] as const) {
      const isGiven = textOption(input, key) !== undefined
      if (isGiven && !hasPorts(protocol))
        faults.add(flag, 'only TCP and UDP have ports', 'leave it out, or write --protocol tcp')
    }
    if (textOption(input, 'icmpType') !== undefined && protocol !== ICMP && protocol !== ICMPV6) {
      faults.add('--icmp-type', 'only ICMP and ICMPv6 have types', 'leave it out, or write --protocol icmp')
    }
  }
  if (!faults.areNone || source === undefined || destination === undefined || protocol === undefined) return undefined
  return {
    source,
    destination,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmpType === undefined ? {} : { icmpType }),
  }
}

function readOneProtocol(text: string): Cell<number> {
  const cell = readProtocol(text)
  if (!cell.ok) return cell
  if (cell.value !== undefined) return success(cell.value)
  return failure({ what: 'a packet is of one protocol', hint: 'write tcp, udp, icmp, another name or a number' })
}

function readDirection(text: string): Cell<Direction> {
  if (text === 'out' || text === 'in') return success(text)
  return failure({ what: `“${text}” is no direction`, hint: 'write out or in' })
}

function readNumber(text: string, last: number, what: string): Cell<number> {
  if (/^\d{1,5}$/.test(text) && Number(text) <= last) return success(Number(text))
  return failure({ what: `“${text}” is no ${what}`, hint: `write a number of 0 to ${last}` })
}

function explanationJson(
  { decision, losers, otherValues, notes }: Explanation,
  policy: CompiledPolicy,
  flow: Flow,
  direction: Direction,
) {
  const because = decision.because
  return {
    flow: flowJson(flow),
    direction,
    ...decisionJson(decision, policy),
    rule: because.kind === 'filter' ? because.rule : null,
    alsoMatched: losers.map(({ entry, why }) => ({
      rule: entry.rule.name,
      filter: entry.text,
      action: entry.rule.action,
      because: why,
    })),
    policy: policy.policy.name,
    ...settingJson(policy),
    atOtherValues: otherValues,
    notes,
  }
}

function printExplanation(
  { verdict, because, losers, otherValues, notes }: Explanation,
  policy: CompiledPolicy,
  flow: Flow,
  direction: Direction,
  console: Console,
): void {
  const coloured = (word: PolicyVerdict) => console.style(meaning[word], word)
  const dim = (text: string) => console.style('dim', text)
  console.print(`${console.style('bold', sayFlow(flow))}  ${direction === 'out' ? 'as it leaves' : 'as it arrives'}`)
  console.print(dim(policyLine(policy)))
  console.print()
  console.print(`${coloured(verdict)}: ${because}`)
  if (losers.length > 0) {
    console.print()
    console.print('It matches these filters too:')
    console.table(
      losers.map(({ entry, why }) => [`  rule “${entry.rule.name}”`, entry.rule.action, entry.text, dim(why)]),
    )
  }
  if (otherValues.length > 0) {
    console.print()
    console.print(`At other values of ${policy.setting.name}:`)
    console.table(
      otherValues.map(({ values, verdict: other, because: why }) => [
        `  ${values.join(', ')}`,
        coloured(other),
        dim(why),
      ]),
    )
  }
  if (notes.length > 0) console.print()
  for (const note of notes) console.print(`Note: ${note}.`)
}
