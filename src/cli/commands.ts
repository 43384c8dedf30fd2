// The table of commands, in the order in which help shows them.
import type { CommandSpec } from './command.ts'
import { audit } from './commands/audit.ts'
import { bootInstall, bootRemove, bootShow } from './commands/boot.ts'
import { certCa } from './commands/cert-ca.ts'
import { certRequest } from './commands/cert-request.ts'
import { certShow } from './commands/cert-show.ts'
import { certSign } from './commands/cert-sign.ts'
import { compare } from './commands/compare.ts'
import { completion } from './commands/completion.ts'
import { demo } from './commands/demo.ts'
import { down } from './commands/down.ts'
import { explain } from './commands/explain.ts'
import { firewallApply, firewallRemove, firewallShow } from './commands/firewall.ts'
import { labCommands } from './commands/lab-ad.ts'
import { labTrials } from './commands/lab-trials.ts'
import { monitor } from './commands/monitor.ts'
import { netshCommands } from './commands/netsh.ts'
import { ping } from './commands/ping.ts'
import { policyCheck } from './commands/policy-check.ts'
import { policyExport } from './commands/policy-export.ts'
import { policyImport } from './commands/policy-import.ts'
import { policyLint } from './commands/policy-lint.ts'
import { policyPair } from './commands/policy-pair.ts'
import { policyShow } from './commands/policy-show.ts'
import { probe } from './commands/probe.ts'
import { prove } from './commands/prove.ts'
import { regCommands } from './commands/reg.ts'
import { status } from './commands/status.ts'
import { up } from './commands/up.ts'

export const commands: readonly CommandSpec[] = [
  demo,
  audit,
  explain,
  prove,
  compare,
  up,
  down,
  status,
  monitor,
  ping,
  probe,
  policyCheck,
  policyShow,
  policyExport,
  policyImport,
  policyLint,
  policyPair,
  certCa,
  certRequest,
  certSign,
  certShow,
  ...regCommands,
  ...netshCommands,
  firewallShow,
  firewallApply,
  firewallRemove,
  bootShow,
  bootInstall,
  bootRemove,
  ...labCommands,
  ...labTrials,
  completion(() => commands),
]
