// What of connection security rules counts for the whole policy of ours: how IKE runs, and the global settings that have no
// place in it.
import type { Problem } from '../base/result.ts'
import type { IkeSettings } from '../policy/model.ts'
import { problem, warning } from './connection-security-cells.ts'
import { defaultMainMode, mainModeOf } from './connection-security-defaults.ts'
import { ikeOfferName } from './connection-security-methods.ts'
import type { ConnectionSecurityPolicy, MainModeSet } from './connection-security-rules.ts'

/** Ours are for the whole policy: those of a main mode rule for all hosts, else the computer's own. */
export function ikeSettings(policy: ConnectionSecurityPolicy, losses: Problem[]): IkeSettings | undefined {
  let set: MainModeSet = defaultMainMode(policy)
  for (const rule of policy.mainModeRules) {
    const isForAll = rule.active && rule.endpoint1.length + rule.endpoint2.length + rule.profiles.length === 0
    const own = mainModeOf(policy, rule.mainMode)
    if (isForAll && own !== undefined) set = own
    else losses.push(warning(rule.name, 'a main mode rule for some hosts cannot be kept: one setting counts for all'))
    if (rule.auth1 !== undefined)
      losses.push(warning(rule.name, 'how a main mode rule authenticates is left to the rules'))
  }
  const where = set.name ?? 'main mode'
  const security: string[] = []
  for (const proposal of set.proposals) {
    const name = ikeOfferName(proposal)
    if (!name.ok) losses.push(warning(where, `there is no method of IKE here for ${name.why}: it is left out`))
    else if (!security.includes(name.value)) security.push(name.value)
  }
  if (security.length === 0)
    losses.push(problem(where, 'none of its methods is known here: those of sealwire are offered'))
  if (set.forceDiffieHellman) losses.push(warning(where, 'IKE always exchanges keys here: forcing it says nothing'))
  if ((set.sessions ?? 0) > 0)
    losses.push(warning(where, 'how many associations an IKE session makes is not bounded here'))
  const { minutes } = set
  if (security.length === 0 && minutes === undefined) return undefined
  return {
    ...(security.length === 0 ? {} : { security }),
    ...(minutes === undefined ? {} : { lifetime: { seconds: minutes * 60 } }),
  }
}

export function settingLosses({ settings }: ConnectionSecurityPolicy, losses: Problem[]): void {
  const { idleSeconds, throughNat, tunnelMachines, tunnelUsers, transportMachines, transportUsers } = settings
  const where = 'global settings'
  if (idleSeconds !== undefined) losses.push(warning(where, 'associations that are idle are kept here'))
  if (throughNat !== undefined && throughNat < 2)
    losses.push(warning(where, 'hosts behind a NAT are always spoken with here'))
  const lists = [tunnelMachines, tunnelUsers, transportMachines, transportUsers]
  if (lists.some(list => list !== undefined))
    losses.push(problem(where, 'the lists of computers and users that may connect are not kept here'))
}
