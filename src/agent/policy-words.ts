// The policy in force as a page shows it: rules as they are written, bounded, in words that hold no secret.
import { formatAddress } from '../base/address.ts'
import { MOST_FILTERS, MOST_RULES, type PolicyView, type RuleView } from '../monitor/policy-view.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { formatFilter } from '../policy/filter.ts'
import type { Authentication, EspForm, Rule } from '../policy/model.ts'

export function policyViewOf({ policy, profile }: CompiledPolicy, source: string): PolicyView {
  const rules = policy.rules.filter(({ active }) => active)
  return {
    ...{ name: policy.name, profile: profile.name, source },
    rules: rules.slice(0, MOST_RULES).map(viewOf),
    moreRules: Math.max(0, rules.length - MOST_RULES),
  }
}

const encapsulations: Readonly<Record<EspForm, string>> = {
  udp: 'in UDP',
  raw: 'as a protocol of IP',
  auto: 'as a protocol of IP, in UDP behind a NAT',
}

function viewOf(rule: Rule): RuleView {
  const { name, action, filters, mode, tunnelEndpoint } = rule
  const isSecured = action === 'negotiate'
  const tunnel = tunnelEndpoint === undefined ? '' : `, in a tunnel to ${formatAddress(tunnelEndpoint)}`
  return {
    ...{ name, action },
    filters: filters.slice(0, MOST_FILTERS).map(formatFilter),
    moreFilters: Math.max(0, filters.length - MOST_FILTERS),
    mode: isSecured ? mode : null,
    security: rule.security,
    keying: rule.keying,
    authentication: rule.authentication.map(authenticationWords),
    encapsulation: isSecured ? `${encapsulations[rule.encapsulation ?? 'auto']}${tunnel}` : null,
    fallBackToClear: isSecured && rule.fallBackToClear,
    acceptUnsecuredInbound: isSecured && rule.acceptUnsecuredInbound,
  }
}

/** By which means, and from whom it is taken; what is secret is of no type that could be written here. */
function authenticationWords(method: Authentication): string {
  switch (method.kind) {
    case 'certificate':
      return `certificate${method.ca === undefined ? '' : ` of ${method.ca}`}${peers(method.peer)}`
    case 'preSharedKey':
      return `pre-shared key${peers(method.peer)}`
    case 'publicKey':
      return `public key${peers(method.peer)}`
    case 'kerberos':
      return `Kerberos${method.realm === undefined ? '' : ` of ${method.realm}`}${peers(method.peer)}`
  }
}

const MOST_PEERS = 3

function peers(names: readonly string[] | undefined): string {
  if (names === undefined || names.length === 0) return ''
  const more = names.length - MOST_PEERS
  return `, of ${names.slice(0, MOST_PEERS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
