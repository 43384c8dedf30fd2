// `sealwire firewall` as a service: what would be loaded, whether it is there, loading it, taking it away.
import { formatAddress } from '../base/address.ts'
import { TCP } from '../base/flow.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { type Applied, loadWithPieces, removeTable, seenGuard } from '../dataplane/guard/apply.ts'
import { checkRuleset } from '../dataplane/guard/nft.ts'
import type { Ruleset } from '../dataplane/guard/ruleset.ts'
import { FIREWALL_TABLE, type FirewallOptions, staysConnected } from './firewall-ruleset.ts'
import type { SshConnection } from './ssh-connection.ts'

export type FirewallState = 'absent' | 'in force' | 'in force with other rules'

export async function firewallState(ruleset: Ruleset): Applied<FirewallState> {
  const seen = await seenGuard(FIREWALL_TABLE)
  if (!seen.ok) return seen
  if (seen.value === undefined) return success('absent')
  return success(seen.value.digest === ruleset.digest ? 'in force' : 'in force with other rules')
}

/** Refused where it would cut the connection of whoever asks. */
export function wouldCut(options: FirewallOptions, ssh: SshConnection | undefined): Result<void, Problem> {
  if (ssh === undefined || staysConnected(options, { protocol: TCP, ...ssh })) return success(undefined)
  const peer = formatAddress(ssh.peer)
  return failure({
    severity: 'error',
    where: 'ssh',
    what: `this would cut the ssh connection from ${peer} that runs this command`,
    hint: `add --permit in:tcp/${ssh.port}@${peer}, or --yes where that is meant or ssh is secured by the policy`,
  })
}

export async function applyFirewall(ruleset: Ruleset): Applied {
  const loaded = await loadWithPieces(ruleset, FIREWALL_TABLE)
  return loaded.ok ? success(undefined) : loaded
}

/** Answers whether it was there. */
export async function removeFirewall(): Applied<boolean> {
  const seen = await seenGuard(FIREWALL_TABLE)
  if (!seen.ok) return seen
  if (seen.value === undefined) return success(false)
  const removed = await removeTable(FIREWALL_TABLE)
  return removed.ok ? success(true) : removed
}

/** Whether this machine could load such rules; nothing is changed. */
export async function checkFirewallTools(ruleset: Ruleset): Applied {
  const checked = await checkRuleset(ruleset.text)
  return checked.ok ? success(undefined) : checked
}
