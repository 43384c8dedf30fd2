// What passes from the first moment of the machine until a policy is there: the start-up modes that Windows Server 2003
// has. The rules stand in the guard's own table, so that the policy's take their place in one step.

import { chain, defaultGuard, quoted, type Ruleset, rulesetOf } from '../dataplane/guard/ruleset.ts'
import type { PortRange } from '../policy/model.ts'
import { dhcpRules, neighbours } from './firewall-ruleset.ts'

export const bootModes = ['block', 'stateful', 'permit'] as const
export type BootMode = (typeof bootModes)[number]

/** `protocol:source port:destination port:direction`, as Windows writes them: 0 is any. */
export interface BootExemption {
  readonly protocol: number | undefined
  readonly sourcePort: PortRange | undefined
  readonly destinationPort: PortRange | undefined
  readonly direction: 'inbound' | 'outbound'
  /** As it was written. */
  readonly text: string
}

const CLOSED = 'counter drop comment "until there is a policy"'

/**
 * `block`: nothing but the exemptions, DHCP and what IPv6 needs of its neighbours, as ARP does for IPv4. `stateful`:
 * what this host begins as well, and its answers. `permit`: everything.
 */
export function bootRuleset(mode: BootMode, exemptions: readonly BootExemption[]): Ruleset {
  const { table } = defaultGuard
  const hook = (name: string) => `type filter hook ${name} priority filter; policy accept;`
  const title = `boot mode ${[mode, ...exemptions.map(({ text }) => text)].join(' ')}`
  if (mode === 'permit')
    return rulesetOf(table, title, chain('input', [hook('input'), 'counter comment "until there is a policy"']))
  const isStateful = mode === 'stateful'
  return rulesetOf(table, title, [
    ...chain('input', [
      hook('input'),
      'iif lo accept',
      ...neighbours(),
      ...dhcpRules('in', 'counter accept comment "DHCP"'),
      ...exemptions.flatMap(exempt('in')),
      ...(isStateful ? ['ct state established,related counter accept comment "answers to what this host began"'] : []),
      CLOSED,
    ]),
    ...chain('output', [
      hook('output'),
      'oif lo accept',
      ...(isStateful
        ? ['counter accept comment "what this host begins"']
        : [
            ...neighbours(),
            ...dhcpRules('out', 'counter accept comment "DHCP"'),
            ...exemptions.flatMap(exempt('out')),
            CLOSED,
          ]),
    ]),
    ...chain('forward', [hook('forward'), CLOSED]),
  ])
}

/** The exemption in its direction, and the answers to it in the other: without them it would be of no use. */
function exempt(direction: 'in' | 'out'): (exemption: BootExemption) => readonly string[] {
  return exemption => {
    const isAsked = (exemption.direction === 'inbound') === (direction === 'in')
    const { protocol, text } = exemption
    const [from, to] = isAsked
      ? [exemption.sourcePort, exemption.destinationPort]
      : [exemption.destinationPort, exemption.sourcePort]
    const parts = [
      protocol === undefined ? '' : `meta l4proto ${protocol}`,
      from === undefined ? '' : `th sport ${from.first}`,
      to === undefined ? '' : `th dport ${to.first}`,
      isAsked ? '' : 'ct direction reply',
      `counter accept comment ${quoted(text)}`,
    ]
    return [parts.filter(part => part !== '').join(' ')]
  }
}
