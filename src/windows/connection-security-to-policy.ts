// Connection security rules to a policy of ours, and what is lost on the way. A loss that leaves traffic less protected than
// Windows would, or that needs a person, is an error, any other a warning. Where Windows's meaning cannot be said, the rule
// here protects more: an exemption whose conditions are not known does nothing, a rule that cannot be kept blocks.
import { type Address, lastAddress, type Prefix } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import type { AddressSpec, Filter, Policy, PortRange, Rule } from '../policy/model.ts'
import { isBundle } from '../policy/negotiable.ts'
import { authenticationOf, type CertificateFiles } from './connection-security-authentication.ts'
import { problem, warning } from './connection-security-cells.ts'
import { quickModeOf, wellKnownSets } from './connection-security-defaults.ts'
import { meanings } from './connection-security-meanings.ts'
import { keyExchangeName, offerName } from './connection-security-methods.ts'
import type {
  AddressKeyword,
  ConnectionSecurityPolicy,
  ConnectionSecurityRule,
  EndpointAddress,
  NetworkProfile,
  QuickModeProposal,
  Written,
} from './connection-security-rules.ts'
import { ikeSettings, settingLosses } from './connection-security-whole.ts'

/** What the rules leave to the computer they run on. */
export interface PolicyContext {
  readonly name?: string
  /** The kind of network it is on; absent: not known. */
  readonly profile?: NetworkProfile
  /** What LocalSubnet stands for. */
  readonly networks?: readonly Prefix[]
  readonly servers?: Partial<Readonly<Record<Exclude<AddressKeyword, 'LocalSubnet'>, readonly Address[]>>>
  /** Key distribution centres, for Kerberos. */
  readonly kdc?: readonly Address[]
  /** Files for an authority, by its distinguished name. */
  certificates?(authority: string | undefined): CertificateFiles | undefined
}

/** More filters than this are a mistake or an attack: lists of addresses and ports multiply. */
const MOST_FILTERS = 100_000

export function toPolicy(from: ConnectionSecurityPolicy, context: PolicyContext = {}): Written<Policy> {
  const losses: Problem[] = []
  const names = new Map<string, number>()
  const rules = from.rules.flatMap(rule => new RuleConverter(from, rule, context, losses).converted(names))
  const ike = ikeSettings(from, losses)
  settingLosses(from, losses)
  const { exemptions } = from.settings
  const policy: Policy = {
    name: context.name ?? 'Connection security rules',
    profile: 'windows-vista',
    ...(exemptions === undefined ? {} : { ipsecExempt: exemptions }),
    defaultResponse: false,
    networks: context.networks ?? [],
    rules,
    ...(ike === undefined ? {} : { ike }),
  }
  const actions = new Set(rules.filter(({ active }) => active).map(({ action }) => action))
  if (actions.size > 1) {
    const what =
      'of rules that overlap the more specific one counts here too, but Windows does not publish its exact weights'
    losses.push(warning(policy.name, what, 'sealwire policy lint names rules that meet'))
  }
  return { value: policy, losses }
}

/** Rules of ours have names of their own. `names`: those that are taken, each with the number that was tried last. */
function unique(name: string, names: Map<string, number>): string {
  const plain = name === '' ? 'rule' : name
  let free = plain
  for (let number = names.get(plain) ?? 1; names.has(free); ) {
    number++
    names.set(plain, number)
    free = `${plain} (${number})`
  }
  names.set(free, 1)
  return free
}

class RuleConverter {
  readonly #policy: ConnectionSecurityPolicy
  readonly #rule: ConnectionSecurityRule
  readonly #context: PolicyContext
  readonly #losses: Problem[]

  constructor(
    policy: ConnectionSecurityPolicy,
    rule: ConnectionSecurityRule,
    context: PolicyContext,
    losses: Problem[],
  ) {
    this.#policy = policy
    this.#rule = rule
    this.#context = context
    this.#losses = losses
  }

  #lost(what: string, hint = ''): void {
    this.#losses.push(problem(this.#rule.name, what, hint))
  }

  #changed(what: string, hint = ''): void {
    this.#losses.push(warning(this.#rule.name, what, hint))
  }

  get #isExempt(): boolean {
    return this.#rule.action === 'no-authentication'
  }

  /** A tunnel is two rules: each way is sealed to the end at which it arrives. */
  converted(names: Map<string, number>): readonly Rule[] {
    const rule = this.#rule
    const name = unique(rule.name, names)
    const meaning = meanings[rule.action]
    if (meaning.loss !== undefined) this.#losses.push({ ...meaning.loss, where: rule.name })
    if (name !== rule.name) this.#changed(`the name is taken: the rule is called ${name} here`)
    const isMeant = this.#isMeant()
    const filters = this.#filters()
    const plain: Rule = {
      name,
      ...(rule.description === undefined ? {} : { description: rule.description }),
      filters,
      action: meaning.action,
      mode: 'transport',
      security: [],
      keying: [],
      authentication: [],
      acceptUnsecuredInbound: meaning.acceptUnsecuredInbound,
      fallBackToClear: meaning.fallBackToClear,
      freshKeys: false,
      active: rule.active && isMeant,
    }
    this.#otherLosses()
    // What matches nothing cannot be a rule of ours; why it does has been said.
    if (filters.length === 0) return []
    if (meaning.action === 'permit') return [plain]
    const secured = this.#secured(plain)
    return rule.tunnel === undefined ? [secured] : this.#bothWays(secured, unique(`${name} (back)`, names))
  }

  /** Whether the rule counts on this computer: its profile, interfaces and platforms. */
  #isMeant(): boolean {
    const { profiles, interfaces, interfaceTypes, platforms } = this.#rule
    const { profile } = this.#context
    if (profiles.length > 0 && profiles.length < 3 && profile !== undefined && !profiles.includes(profile)) {
      this.#changed(`the rule counts on ${profiles.join(' and ')} networks: it is inactive here`)
      return false
    }
    const conditions = [
      ...(profiles.length > 0 && profiles.length < 3 && profile === undefined
        ? [`${profiles.join(' and ')} networks`]
        : []),
      ...(interfaces.length > 0 ? ['single interfaces'] : []),
      ...(interfaceTypes.length > 0 && interfaceTypes.length < 3 ? [`${interfaceTypes.join(' and ')} interfaces`] : []),
      ...(platforms.length > 0 ? ['some versions of Windows'] : []),
    ]
    if (conditions.length === 0) return true
    const what = `the rule counts on ${conditions.join(', ')} only, which a rule here does not know`
    if (this.#isExempt) this.#lost(`${what}: the exemption is inactive`, 'make it active once it holds for this host')
    else this.#changed(`${what}: it counts always`)
    return !this.#isExempt
  }

  #filters(): readonly Filter[] {
    const rule = this.#rule
    const [sources, destinations] = [this.#specs(rule.endpoint1), this.#specs(rule.endpoint2)]
    const any: readonly (PortRange | undefined)[] = [undefined]
    const [ports1, ports2] = [
      rule.ports1.length === 0 ? any : rule.ports1,
      rule.ports2.length === 0 ? any : rule.ports2,
    ]
    if (ports1 !== any || ports2 !== any) {
      if (rule.protocol !== 6 && rule.protocol !== 17) {
        this.#lost('the rule names ports of a protocol that has none: they are left out')
        return this.#product(sources, destinations, any, any)
      }
    }
    return this.#product(sources, destinations, ports1, ports2)
  }

  #product(
    sources: readonly AddressSpec[],
    destinations: readonly AddressSpec[],
    ports1: readonly (PortRange | undefined)[],
    ports2: readonly (PortRange | undefined)[],
  ): readonly Filter[] {
    const pairs = sources
      .flatMap(source => destinations.map(destination => ({ source, destination })))
      .filter(isOneFamily)
    if (pairs.length * ports1.length * ports2.length > MOST_FILTERS) {
      this.#lost(`the lists of the rule make more than ${MOST_FILTERS} filters`, 'write several rules')
      return this.#isExempt ? [] : [{ source: { kind: 'any' }, destination: { kind: 'any' }, mirrored: true }]
    }
    if (pairs.length === 0 && sources.length > 0 && destinations.length > 0) {
      this.#changed('the ends of the rule are of different versions of IP: nothing matches it')
    }
    const { protocol } = this.#rule
    return pairs.flatMap(pair =>
      ports1.flatMap(sourcePort =>
        ports2.map(destinationPort => ({
          ...pair,
          ...(protocol === undefined ? {} : { protocol }),
          ...(sourcePort === undefined ? {} : { sourcePort }),
          ...(destinationPort === undefined ? {} : { destinationPort }),
          mirrored: true,
        })),
      ),
    )
  }

  #specs(addresses: readonly EndpointAddress[]): readonly AddressSpec[] {
    if (addresses.length === 0) return [{ kind: 'any' }]
    return addresses.flatMap(address => this.#spec(address))
  }

  #spec(address: EndpointAddress): readonly AddressSpec[] {
    if (address.kind === 'range') return [address]
    if (address.kind === 'prefix') return [rangeOf(address.prefix)]
    const { keyword, family } = address
    const { networks, servers } = this.#context
    const known =
      keyword === 'LocalSubnet'
        ? networks?.map(rangeOf)
        : servers?.[keyword]?.map(host => ({ kind: 'range' as const, first: host, last: host }))
    if (known !== undefined) return known.filter(({ first }) => family === undefined || first.family === family)
    const what = `what ${keyword} stands for is not in the rule`
    const hint = keyword === 'LocalSubnet' ? 'say which networks the host is on' : 'say which hosts these are'
    if (this.#isExempt) this.#lost(`${what}: it is left out of the exemption`, hint)
    else this.#changed(`${what}: the rule counts for any address instead`, hint)
    return this.#isExempt ? [] : [{ kind: 'any' }]
  }

  #secured(plain: Rule): Rule {
    const rule = this.#rule
    const set = quickModeOf(this.#policy, rule.quickMode ?? wellKnownSets.quickMode)
    if (set === undefined)
      this.#lost(`the quick mode set ${rule.quickMode} is not there: the rule blocks`, 'give its keys too')
    const security = this.#security(set?.proposals ?? [])
    // A rule without a method would let nothing through, but nobody would see why.
    if (security.length === 0) return blocking(plain)
    const keying = this.#keying()
    const isIkev2 = keying.length === 1 && keying[0] === 'ikev2'
    if (isIkev2 && security.every(isBundle)) {
      this.#lost('AH and ESP at once cannot be agreed on by IKEv2: the rule blocks', 'offer one of them')
      return blocking(plain)
    }
    const authentication = authenticationOf(this.#policy, rule, { ...this.#context, isIkev2 }, this.#losses)
    const { keyExchange, freshKeys } = this.#freshKeys(set?.freshKeys ?? 'none')
    return {
      ...plain,
      security,
      keying,
      authentication,
      freshKeys,
      ...(keyExchange === undefined ? {} : { keyExchange }),
      ...this.#lifetime(set?.proposals ?? []),
    }
  }

  #bothWays(secured: Rule, backName: string): readonly Rule[] {
    const { local, remote, remoteName } = this.#rule.tunnel!
    if (remote.length > 1 || local.length > 1) this.#lost('a tunnel here has one end on each side: the first counts')
    if (remoteName !== undefined) this.#changed("the name of the tunnel's far end is not looked up here")
    const oneWay = secured.filters.map(filter => ({ ...filter, mirrored: false }))
    const wayBack = secured.filters.map(({ source, destination, sourcePort, destinationPort, ...rest }) => ({
      ...rest,
      source: destination,
      destination: source,
      ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
      ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
      mirrored: false,
    }))
    return [
      this.#oneWay({ ...secured, filters: oneWay }, remote[0], 'far'),
      this.#oneWay({ ...secured, name: backName, filters: wayBack }, local[0], 'near'),
    ]
  }

  #oneWay(rule: Rule, end: Address | undefined, side: 'near' | 'far'): Rule {
    if (rule.action !== 'negotiate') return rule
    if (end !== undefined) return { ...rule, mode: 'tunnel', tunnelEndpoint: end }
    this.#lost(`the ${side} end of the tunnel is any address: ${rule.name} blocks`, 'give it an address')
    return blocking(rule)
  }

  #security(proposals: readonly QuickModeProposal[]): readonly string[] {
    const names = new Set<string>()
    for (const proposal of proposals) {
      const name = offerName(proposal)
      if (name.ok) names.add(name.value)
      else this.#changed(`there is no method here for ${name.why}: the proposal is left out`)
    }
    if (proposals.length > 0 && names.size === 0)
      this.#lost('none of its methods is known here: the rule blocks', 'offer ESP with AES and SHA256')
    return [...names]
  }

  #freshKeys(of: 'none' | 'main-mode' | Parameters<typeof keyExchangeName>[0]): {
    readonly freshKeys: boolean
    readonly keyExchange?: string
  } {
    if (of === 'none') return { freshKeys: false }
    if (of === 'main-mode') return { freshKeys: true }
    const keyExchange = keyExchangeName(of)
    if (keyExchange !== undefined) return { freshKeys: true, keyExchange }
    this.#changed(`there is no group ${of} here: fresh keys are made by that of the IKE session`)
    return { freshKeys: true }
  }

  #keying(): Rule['keying'] {
    const { keyModules } = this.#rule
    const isDefault = keyModules.length === 0 || keyModules.includes('default')
    if (isDefault || keyModules.includes('authip')) {
      this.#changed('Windows tries AuthIP as well, which nobody speaks here: IKEv1 is what is left of it')
    }
    const versions = new Set<'ikev1' | 'ikev2'>()
    if (isDefault || keyModules.includes('authip') || keyModules.includes('ikev1')) versions.add('ikev1')
    if (keyModules.includes('ikev2')) versions.add('ikev2')
    return [...versions]
  }

  #lifetime(proposals: readonly QuickModeProposal[]): Pick<Rule, 'lifetime'> {
    const [first] = proposals
    const isSame = proposals.every(one => one.minutes === first?.minutes && one.kilobytes === first?.kilobytes)
    if (!isSame) this.#changed('its proposals have lifetimes of their own: that of the first counts for all')
    const { minutes, kilobytes } = first ?? {}
    if (minutes === undefined && kilobytes === undefined) return {}
    return {
      lifetime: {
        ...(minutes === undefined ? {} : { seconds: minutes * 60 }),
        ...(kilobytes === undefined ? {} : { kilobytes }),
      },
    }
  }

  #otherLosses(): void {
    const { flags, unknown, group, version, skipVersion, forwardLifetime, isStatic } = this.#rule
    const { machineAuthorization, userAuthorization } = this.#rule
    if (flags.includes('authorize')) this.#lost('which computers and users may connect is not asked here')
    if (machineAuthorization !== undefined || userAuthorization !== undefined) {
      this.#lost('the lists of computers and users that may connect are not kept here')
    }
    if (flags.includes('bypass-tunnel')) this.#changed('sealed packets do not bypass a tunnel here')
    if (flags.some(flag => flag.startsWith('key-manager') || flag === 'security-realm')) {
      this.#changed('key managers and security realms are not known here')
    }
    for (const { name } of unknown) this.#lost(`the token ${name} is not known: what it asks for is left out`)
    const small = [
      group === undefined ? [] : 'group',
      version === undefined ? [] : 'schema version',
      skipVersion === undefined ? [] : 'version that skips it',
      forwardLifetime === undefined ? [] : 'lifetime of paths',
      isStatic === undefined ? [] : 'type',
    ].flat()
    if (small.length > 0) this.#changed(`a rule here does not keep its ${small.join(', ')}`)
  }
}

function blocking({ name, description, filters, active }: Rule): Rule {
  return {
    name,
    ...(description === undefined ? {} : { description }),
    filters,
    action: 'block',
    mode: 'transport',
    security: [],
    keying: [],
    authentication: [],
    acceptUnsecuredInbound: false,
    fallBackToClear: false,
    freshKeys: false,
    active,
  }
}

function rangeOf(prefix: Prefix): AddressSpec & { kind: 'range' } {
  return { kind: 'range', first: prefix.address, last: lastAddress(prefix) }
}

function isOneFamily({ source, destination }: Pick<Filter, 'source' | 'destination'>): boolean {
  return source.kind !== 'range' || destination.kind !== 'range' || source.first.family === destination.first.family
}
