// The commands of the NetSecurity module that are known. Names and parameters are those of
// Microsoft's reference; powershell-proposals.ts, powershell-sets.ts and
// powershell-rules.ts say what each does.
import { proposalCommands } from './powershell-proposals.ts'
import { ruleCommands } from './powershell-rules.ts'
import type { Command } from './powershell-session.ts'
import { setCommands } from './powershell-sets.ts'
import { settingCommands } from './powershell-settings.ts'

const commands: ReadonlyMap<string, Command> = new Map(
  [...proposalCommands, ...setCommands, ...ruleCommands, ...settingCommands].map(command => [
    command.name.toLowerCase(),
    command,
  ]),
)

export const commandNames: readonly string[] = [...commands.values()].map(({ name }) => name)

export function commandNamed(lower: string): Command | undefined {
  return commands.get(lower)
}

/** What a script may say besides, and nothing of the policy changes by it. */
export const harmlessCommands: ReadonlySet<string> = new Set([
  'out-null',
  'import-module',
  'set-strictmode',
  'clear-host',
  'write-host',
  'write-output',
  'write-verbose',
])

export const showingCommands: ReadonlySet<string> = new Set([
  'select',
  'select-object',
  'format-list',
  'format-table',
  'fl',
  'ft',
  'out-string',
  'convertto-json',
  'restart-service',
  'show-netipsecrule',
  'find-netipsecrule',
  'get-netfirewallprofile',
])
