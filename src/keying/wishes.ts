// What a waiting packet wants of the endpoint: whether a session can come of it, and from where to where it would lead.
import { type Address, sameAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { Rule, RuleId } from '../policy/model.ts'
import { IKE_PORT } from '../wire/udp-encapsulation.ts'
import type { ChildWish } from './child-rule.ts'
import { type KeyingOutput, type Path, report, type World } from './machine.ts'

/** Why keying does nothing for a rule; undefined where it can. */
export function reasonAgainst(
  name: RuleId,
  rule: Rule | undefined,
  { credentials }: Pick<World, 'credentials'>,
): string | undefined {
  if (rule === undefined) return 'the policy has no such rule that negotiates'
  if (credentials.of(name).length === 0) return 'there is nothing that this host could prove itself with'
  return undefined
}

/** From the packet's own address, where it is ours; a tunnel carries those of others too. */
export function pathFor(rule: Rule, flow: Flow, via: Address | undefined, { me }: CompiledPolicy): Path | undefined {
  const peer = rule.mode === 'tunnel' ? rule.tunnelEndpoint : flow.destination
  if (peer === undefined) return undefined
  const isOwn = (address: Address) => me === 'any' || me.some(own => sameAddress(own, address))
  const own = me === 'any' ? undefined : me.find(({ family }) => family === peer.family)
  const local = via ?? (isOwn(flow.source) ? flow.source : own)
  if (local === undefined || local.family !== peer.family) return undefined
  return { local: { address: local, port: IKE_PORT }, remote: { address: peer, port: IKE_PORT } }
}

/** The packet that waits and people hear why nothing comes. */
export function refusedWish({ rule, flow }: ChildWish, what: string): readonly KeyingOutput[] {
  const told = report({ kind: 'child-failed', rule, what })
  return flow === undefined ? [told] : [{ kind: 'refuse', rule, flow }, told]
}
