// Which rules a peer can be meant by, before anybody has proved anything: by its address alone. They say whether it is
// answered at all, and what it may prove itself with.
import { type Address, sameAddress } from '../base/address.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { directions, filterMatches } from '../policy/filter.ts'
import type { KeyingVersion, Rule } from '../policy/model.ts'
import type { Credential, Credentials } from './credentials.ts'
import type { Path } from './machine.ts'

/** In the order of the policy. */
export function rulesForPeer(
  { policy, me }: CompiledPolicy,
  { local, remote }: Path,
  keying: KeyingVersion,
): readonly Rule[] {
  const [own, peer] = [local.address, remote.address]
  return policy.rules.filter(rule => {
    if (!rule.active || rule.action !== 'negotiate' || !rule.keying.includes(keying)) return false
    if (rule.mode === 'tunnel') return isTunnelEnd(rule, own) || isTunnelEnd(rule, peer)
    return rule.filters.flatMap(directions).some(({ source, destination, isMirror }) => {
      const addresses = { source, destination, isMirror }
      const out = { source: own, destination: peer, protocol: 0 }
      const back = { source: peer, destination: own, protocol: 0 }
      return filterMatches(addresses, out, me) || filterMatches(addresses, back, me)
    })
  })
}

/** One such rule is enough: the hashes of IKE_SA_INIT count for all that is agreed on with the peer. */
export function wantsEspInUdp(policy: CompiledPolicy, path: Path, keying: KeyingVersion, otherwise = false): boolean {
  const forms = rulesForPeer(policy, path, keying).map(({ encapsulation }) => encapsulation ?? 'auto')
  return forms.includes('udp') || (otherwise && !forms.includes('raw'))
}

/** The rule of the way out names the peer, that of the way in names us. */
function isTunnelEnd({ tunnelEndpoint }: Rule, address: Address): boolean {
  return tunnelEndpoint !== undefined && sameAddress(tunnelEndpoint, address)
}

/** Each once, in the order of the rules. */
export function credentialsFor(rules: readonly Rule[], credentials: Credentials): readonly Credential[] {
  return [...new Set(rules.flatMap(({ name }) => credentials.of(name)))]
}
