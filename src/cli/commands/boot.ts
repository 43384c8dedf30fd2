// `sealwire boot install · remove · show`: the net is there before the network is.
import { join } from 'node:path'
import { bootState, installBoot, removeBoot } from '../../agent/boot.ts'
import { type BootExemption, bootModes, bootRuleset } from '../../agent/boot-ruleset.ts'
import { bootPlaces } from '../../agent/boot-units.ts'
import { readBootExemption, readBootMode } from '../../agent/boot-words.ts'
import { checkFirewallTools } from '../../agent/firewall.ts'
import type { Problem } from '../../base/result.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  MACHINE_CANNOT,
  type OptionSpec,
  textOption,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'
import { listOption } from '../policy-question.ts'

const rootOption: OptionSpec = {
  flags: '--root <folder>',
  key: 'root',
  description: 'the machine whose files these are, for images; left out, this one',
  values: 'file',
}

export const bootInstall: CommandSpec = {
  name: 'boot install',
  summary: 'load the net before the network is up, and start the agent with the machine',
  description:
    'Writes two units of systemd. sealwire-guard.service loads, before any network and by nft alone, the rules of the last ' +
    'good policy; where there has been none, those of the mode, as Windows Server 2003 had them. sealwire.service runs the ' +
    'agent with few rights. Both start with the next boot; nothing is started now.',
  options: [
    {
      flags: '--mode <mode>',
      key: 'mode',
      description:
        'until there is a policy: block (nothing but DHCP and exemptions; the default), stateful (what this host begins, and answers) or permit',
      values: bootModes,
    },
    {
      flags: '--exempt <exemption...>',
      key: 'exempt',
      description:
        'passes too: protocol:source port:destination port:inbound or outbound, 0 for any, as tcp:0:3389:inbound',
    },
    {
      flags: '--policy <file>',
      key: 'policy',
      description: 'the policy of the agent on that machine; left out, /etc/sealwire/policy.yaml',
      values: 'file',
    },
    {
      flags: '--program <file>',
      key: 'program',
      description: 'where sealwire stands on that machine; left out, where it stands here',
      values: 'file',
    },
    rootOption,
    jsonOption,
  ],
  examples: ['sealwire boot install', 'sealwire boot install --mode stateful --exempt tcp:0:22:inbound'],
  run: runInstall,
}

export const bootRemove: CommandSpec = {
  name: 'boot remove',
  summary: 'take those units away again',
  description:
    'Removes what `boot install` wrote. The policy and the rules of the last good one stay; what runs goes on until the next boot.',
  options: [rootOption, jsonOption],
  examples: ['sealwire boot remove'],
  run: runRemove,
}

export const bootShow: CommandSpec = {
  name: 'boot show',
  summary: 'what the next boot starts with',
  description: 'Exit status 0: the units are installed; 1: they are not, or not all of them.',
  options: [rootOption, jsonOption],
  examples: ['sealwire boot show'],
  run: runShow,
}

const launcher = join(import.meta.dirname, '..', '..', '..', 'sealwire')

async function runInstall(input: CommandInput, console: Console): Promise<number> {
  const root = textOption(input, 'root') ?? '/'
  const problems: Problem[] = []
  const mode = readBootMode(textOption(input, 'mode') ?? 'block')
  if (!mode.ok) problems.push(mode.error)
  const exemptions = listOption(input, 'exempt').flatMap((text): readonly BootExemption[] => {
    const read = readBootExemption(text)
    if (read.ok) return [read.value]
    problems.push(read.error)
    return []
  })
  const policy = textOption(input, 'policy') ?? '/etc/sealwire/policy.yaml'
  const program = textOption(input, 'program') ?? launcher
  for (const [flag, path] of Object.entries({ '--policy': policy, '--program': program })) {
    if (path.startsWith('/') && !/\p{C}/u.test(path)) continue
    problems.push({
      severity: 'error',
      where: flag,
      what: 'this is no whole path',
      hint: 'begin it with /: units run anywhere',
    })
  }
  if (!mode.ok || problems.length > 0) return refused(input, console, problems, WRONG_INPUT)
  // A machine that cannot load the rules would not come up: better to hear it now.
  if (root === '/') {
    const checked = await checkFirewallTools(bootRuleset(mode.value, exemptions))
    if (!checked.ok) return refused(input, console, [checked.error], MACHINE_CANNOT)
  }
  const installed = installBoot(root, { mode: mode.value, exemptions, policy, program })
  if (!installed.ok) return refused(input, console, [installed.error], WRONG_INPUT)
  if (input.options['json'] === true) console.json({ ok: true, mode: mode.value, written: installed.value })
  else for (const path of installed.value) console.print(path)
  console.say(`Installed, in mode ${mode.value}. The next boot starts with it; to start now:`)
  console.say('  systemctl daemon-reload && systemctl start sealwire-guard sealwire')
  return FINE
}

function runRemove(input: CommandInput, console: Console): number {
  const removed = removeBoot(textOption(input, 'root') ?? '/')
  if (!removed.ok) return refused(input, console, [removed.error], WRONG_INPUT)
  if (input.options['json'] === true) console.json({ ok: true, removed: removed.value })
  else for (const path of removed.value) console.print(path)
  console.say(
    removed.value.length === 0 ? 'Nothing of it was there.' : 'Removed. What runs goes on until the next boot.',
  )
  return FINE
}

function runShow(input: CommandInput, console: Console): number {
  const shown = bootState(textOption(input, 'root') ?? '/')
  if (!shown.ok) return refused(input, console, [shown.error], WRONG_INPUT)
  const { isInstalled, mode, loads, files } = shown.value
  if (input.options['json'] === true) console.json(shown.value)
  else {
    console.print(
      `installed        ${isInstalled ? 'yes' : files.some(({ isThere }) => isThere) ? 'not all of it' : 'no'}`,
    )
    console.print(`mode             ${mode ?? 'none'}`)
    console.print(`next boot loads  ${loads}`)
    for (const { path, isThere } of files) console.print(`${isThere ? 'there ' : 'absent'}           ${path}`)
    if (files.some(({ path, isThere }) => path === bootPlaces.firewall && isThere)) {
      console.say('The firewall of that file is loaded before everything else.')
    }
  }
  return isInstalled ? FINE : ANSWER_IS_NO
}

function refused(input: CommandInput, console: Console, problems: readonly Problem[], status: number): number {
  if (input.options['json'] === true) console.json({ ok: false, problems })
  console.problems(problems)
  return status
}
