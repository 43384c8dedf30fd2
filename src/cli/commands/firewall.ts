// `sealwire firewall show · apply · remove`: the firewall that KB 233256 asks for, where only IPsec passes.
import { applyFirewall, firewallState, removeFirewall, wouldCut } from '../../agent/firewall.ts'
import { FIREWALL_TABLE, type FirewallOptions, firewallRuleset } from '../../agent/firewall-ruleset.ts'
import { readFirewallOptions } from '../../agent/firewall-words.ts'
import { sshConnection } from '../../agent/ssh-connection.ts'
import type { Problem } from '../../base/result.ts'
import {
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  MACHINE_CANNOT,
  type OptionSpec,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'
import { listOption } from '../policy-question.ts'

const choices: readonly OptionSpec[] = [
  {
    flags: '--permit <what...>',
    key: 'permit',
    description:
      'passes too, as [in:|out:]PROTOCOL[/PORT][@ADDRESS]: tcp/22, out:udp/53@10.0.0.1, icmp, dhcp; in: others begin, out: this host begins, else either',
  },
  {
    flags: '--host <address...>',
    key: 'host',
    description: 'filter only what is exchanged with these hosts or networks; left out, with all',
  },
]

const ABOUT =
  'Between this host and the others only ESP, AH and IKE (UDP 500 and 4500 at our end) pass, with what IPv6 and path MTU ' +
  `need. It is a table of its own in nftables, inet ${FIREWALL_TABLE}; other tables are not touched.`

export const firewallShow: CommandSpec = {
  name: 'firewall show',
  summary: 'the rules of the firewall where only IPsec passes, and whether they are in force',
  description: `Prints what \`firewall apply\` with the same options would load, and says whether it is in force. Changes nothing. ${ABOUT}`,
  options: [...choices, jsonOption],
  examples: ['sealwire firewall show', 'sealwire firewall show --permit tcp/22 --host 10.54.0.2 --json'],
  run: runShow,
}

export const firewallApply: CommandSpec = {
  name: 'firewall apply',
  summary: 'let only IPsec pass, and what you name',
  description:
    `${ABOUT} Replaces an earlier one in one step. It does not outlive a restart of the machine; with \`boot install\`, ` +
    'what `firewall show` prints does, in /etc/sealwire/firewall.nft. ' +
    'Exit status 2 where it would cut the ssh connection that runs the command; nothing is changed then.',
  options: [
    ...choices,
    { flags: '--yes', key: 'yes', description: 'apply even where that cuts the ssh connection that runs this' },
    jsonOption,
  ],
  examples: ['sealwire firewall apply --permit in:tcp/22 dhcp', 'sealwire firewall apply --host 10.54.0.2'],
  run: runApply,
}

export const firewallRemove: CommandSpec = {
  name: 'firewall remove',
  summary: 'take that firewall away',
  description: `Removes the table inet ${FIREWALL_TABLE}, where it is there. The guard of a running agent stays.`,
  options: [jsonOption],
  examples: ['sealwire firewall remove'],
  run: runRemove,
}

function readOptions(input: CommandInput): ReturnType<typeof readFirewallOptions> {
  return readFirewallOptions(listOption(input, 'permit'), listOption(input, 'host'))
}

async function runShow(input: CommandInput, console: Console): Promise<number> {
  const options = readOptions(input)
  if (!options.ok) return refused(input, console, options.error, WRONG_INPUT)
  const ruleset = firewallRuleset(options.value)
  const state = await firewallState(ruleset)
  if (isJson(input)) {
    const problems = state.ok ? [] : [state.error]
    console.json({
      ok: state.ok,
      table: FIREWALL_TABLE,
      state: state.ok ? state.value : 'unknown',
      ruleset: ruleset.text,
      problems,
    })
  } else console.print(ruleset.text.trimEnd())
  if (!state.ok) {
    console.problems([state.error])
    return MACHINE_CANNOT
  }
  console.say(`The firewall is ${state.value === 'absent' ? 'not in force' : state.value}.`)
  return FINE
}

async function runApply(input: CommandInput, console: Console): Promise<number> {
  const options = readOptions(input)
  if (!options.ok) return refused(input, console, options.error, WRONG_INPUT)
  const cut = wouldCut(options.value, sshConnection())
  if (!cut.ok && input.options['yes'] !== true) return refused(input, console, [cut.error], WRONG_INPUT)
  const applied = await applyFirewall(firewallRuleset(options.value))
  if (!applied.ok) return refused(input, console, [applied.error], MACHINE_CANNOT)
  if (isJson(input)) console.json({ ok: true, table: FIREWALL_TABLE, state: 'in force' })
  console.say(inForce(options.value))
  return FINE
}

async function runRemove(input: CommandInput, console: Console): Promise<number> {
  const removed = await removeFirewall()
  if (!removed.ok) return refused(input, console, [removed.error], MACHINE_CANNOT)
  if (isJson(input)) console.json({ ok: true, table: FIREWALL_TABLE, state: 'absent', wasThere: removed.value })
  console.say(removed.value ? 'The firewall is gone.' : 'There was no firewall of ours.')
  return FINE
}

function inForce({ permits, hosts }: FirewallOptions): string {
  const beside = permits.length === 0 ? '' : `, and ${permits.map(({ text }) => text).join(', ')}`
  return `In force: with ${hosts.length === 0 ? 'all hosts' : 'the hosts named'} only ESP, AH and IKE pass${beside}.`
}

function refused(input: CommandInput, console: Console, problems: readonly Problem[], status: number): number {
  if (isJson(input)) console.json({ ok: false, problems })
  console.problems(problems)
  return status
}

function isJson(input: CommandInput): boolean {
  return input.options['json'] === true
}
