// A policy of ours to connection security rules, and what is lost on the way. A rule with several filters becomes several
// rules; what blocks cannot be one; an exemption that would grow wider than it is here becomes inactive.
import { type Address, formatAddress, lastAddress, parsePrefix, sameAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { ikeOffersOf } from '../policy/ike-offers.ts'
import type { AddressSpec, Authentication, Filter, KeyLifetime, Policy, PortRange, Rule } from '../policy/model.ts'
import { isBundle } from '../policy/negotiable.ts'
import { settingOf } from '../policy/profiles.ts'
import { problem, warning } from './connection-security-cells.ts'
import { madeId, wellKnownSets } from './connection-security-defaults.ts'
import { keyExchangeGroup, mainModeProposal, quickModeProposal } from './connection-security-methods.ts'
import {
  type AuthProposal,
  type AuthSet,
  type ConnectionSecurityPolicy,
  type ConnectionSecurityRule,
  connectionSecurityRule,
  type EndpointAddress,
  emptyPolicy,
  type GlobalSettings,
  type KeyModule,
  type MainModeSet,
  type QuickModeProposal,
  type QuickModeSet,
  type RuleAction,
  type Tunnel,
  type Written,
} from './connection-security-rules.ts'
import { isWayBack } from './connection-security-way-back.ts'

export interface FromPolicyContext {
  /** The distinguished name of the authority in a file of ours. */
  authorityOf?(file: string | undefined): string | undefined
}

export function fromPolicy(policy: Policy, context: FromPolicyContext = {}): Written<ConnectionSecurityPolicy> {
  const writer = new RuleWriter(policy, context)
  writer.write()
  return { value: writer.result(), losses: writer.losses }
}

/** 5 minutes to two days, 20 MiB to 2 TiB: Windows's own bounds of a lifetime. */
const MINUTES = [5, 2880] as const
const KILOBYTES = [20480, 2147483647] as const

class RuleWriter {
  readonly losses: Problem[] = []
  readonly #policy: Policy
  readonly #context: FromPolicyContext
  readonly #rules: ConnectionSecurityRule[] = []
  readonly #auth1Sets: AuthSet[] = []
  readonly #quickModeSets: QuickModeSet[] = []

  constructor(policy: Policy, context: FromPolicyContext) {
    this.#policy = policy
    this.#context = context
  }

  result(): ConnectionSecurityPolicy {
    const mainMode = this.#mainMode()
    return {
      ...emptyPolicy,
      rules: this.#rules,
      auth1Sets: this.#auth1Sets,
      quickModeSets: this.#quickModeSets,
      mainModeSets: mainMode === undefined ? [] : [mainMode],
      settings: this.#settings(),
    }
  }

  #lost(where: string, what: string, hint = ''): void {
    this.losses.push(problem(where, what, hint))
  }

  #changed(where: string, what: string, hint = ''): void {
    this.losses.push(warning(where, what, hint))
  }

  write(): void {
    const { rules } = this.#policy
    const done = new Set<Rule>()
    for (const rule of rules) {
      if (done.has(rule)) continue
      done.add(rule)
      if (rule.action === 'block') {
        this.#lost(rule.name, 'a connection security rule cannot block', 'a rule of the firewall can')
        continue
      }
      const back = rule.mode === 'tunnel' ? rules.find(other => !done.has(other) && isWayBack(rule, other)) : undefined
      if (back !== undefined) done.add(back)
      this.#rule(rule, back)
    }
    const { keys, defaultResponse, role, networks, test } = this.#policy
    if (test === true) this.#changed('test', 'that nothing of the policy has to stay secret is not said in these rules')
    if ((keys?.length ?? 0) > 0) this.#lost('keys', 'keys that stand in the policy have no place in these rules')
    if (defaultResponse) this.#changed('defaultResponse', 'Vista and later have no default response rule')
    if (role !== undefined) this.#changed('role', 'the role of the machine is not said in these rules')
    if (networks.length > 0) this.#changed('networks', 'the networks of the host are not said in these rules')
  }

  #rule(rule: Rule, back: Rule | undefined): void {
    const action = this.#action(rule)
    const sets = rule.action === 'permit' ? {} : this.#sets(rule)
    const tunnel = rule.mode === 'tunnel' ? this.#tunnel(rule, back) : undefined
    const modules = this.#keyModules(rule)
    if (rule.filters.length > 1) this.#changed(rule.name, `its ${rule.filters.length} filters become as many rules`)
    if (rule.filters.length === 0) this.#changed(rule.name, 'a rule without filters matches nothing and is left out')
    for (const [index, filter] of rule.filters.entries()) {
      const name = index === 0 ? rule.name : `${rule.name} (${index + 1})`
      const isOneWay = !filter.mirrored && back === undefined
      if (isOneWay && rule.action === 'permit') {
        this.#lost(rule.name, 'the exemption goes one way, and such a rule goes both: it is inactive')
      } else if (isOneWay) this.#changed(rule.name, 'the filter goes one way, and such a rule goes both')
      const [endpoint1, endpoint2, isSwapped] = this.#endpoints(rule, filter)
      const [ports1, ports2] = [portsOf(filter.sourcePort), portsOf(filter.destinationPort)]
      this.#rules.push(
        connectionSecurityRule({
          id: madeId('policy-rule', name, this.#rules.length),
          name,
          ...(rule.description === undefined ? {} : { description: rule.description }),
          action,
          active: rule.active && !(isOneWay && rule.action === 'permit'),
          endpoint1,
          endpoint2,
          ...(filter.protocol === undefined ? {} : { protocol: filter.protocol }),
          ports1: isSwapped ? ports2 : ports1,
          ports2: isSwapped ? ports1 : ports2,
          ...(tunnel === undefined ? {} : { tunnel }),
          keyModules: modules,
          ...sets,
        }),
      )
    }
  }

  #action(rule: Rule): RuleAction {
    if (rule.action === 'permit') return 'no-authentication'
    const { acceptUnsecuredInbound, fallBackToClear } = rule
    if (fallBackToClear) {
      if (!acceptUnsecuredInbound) {
        this.#changed(
          rule.name,
          'RequireInRequestOut falls back for connections that the host begins, and for those alone',
        )
      }
      return acceptUnsecuredInbound ? 'request-in-request-out' : 'require-in-request-out'
    }
    if (acceptUnsecuredInbound)
      this.#changed(rule.name, 'no rule accepts clear packets and answers sealed ones: it requires both')
    return 'require-in-require-out'
  }

  /** This host is the first endpoint, where a filter says which end it is. */
  #endpoints(
    rule: Rule,
    { source, destination }: Filter,
  ): readonly [readonly EndpointAddress[], readonly EndpointAddress[], boolean] {
    const isSwapped = destination.kind === 'me' && source.kind !== 'me'
    if (source.kind === 'me' || destination.kind === 'me') {
      this.#changed(rule.name, 'the host itself ("me") is any address of the first endpoint')
    }
    const [one, two] = [endpointOf(source), endpointOf(destination)]
    return isSwapped ? [two, one, true] : [one, two, false]
  }

  #tunnel(rule: Rule, back: Rule | undefined): Tunnel {
    if (back === undefined)
      this.#changed(rule.name, 'a tunnel goes both ways in Windows: the way back has no end here and is any')
    return {
      local: back?.tunnelEndpoint === undefined ? [] : [back.tunnelEndpoint],
      remote: rule.tunnelEndpoint === undefined ? [] : [rule.tunnelEndpoint],
    }
  }

  #keyModules(rule: Rule): readonly KeyModule[] {
    if (rule.action === 'permit') return []
    if (rule.keying.length > 1 && rule.keying[0] === 'ikev2')
      this.#changed(rule.name, 'which version of IKE is tried first is not said in such a rule')
    return (['ikev1', 'ikev2'] as const).filter(version => rule.keying.includes(version))
  }

  #sets(rule: Rule): Pick<ConnectionSecurityRule, 'auth1' | 'quickMode'> {
    const where = rule.name
    const proposals: QuickModeProposal[] = []
    const lifetime = this.#lifetime(rule)
    for (const name of rule.security) {
      const proposal = quickModeProposal(name)
      if (proposal.ok) proposals.push({ ...proposal.value, ...lifetime })
      else this.#changed(where, `${name}: ${proposal.why}`)
    }
    if (proposals.length === 0) this.#lost(where, 'none of its methods is known to Windows: the set has no proposals')
    const auth = rule.authentication.flatMap(one => this.#authentication(where, one))
    if (!rule.keying.includes('ikev1') && rule.security.some(isBundle)) {
      this.#changed(where, 'IKEv2 cannot agree on AH and ESP at once, in Windows neither')
    }
    if (!rule.keying.includes('ikev1') && rule.authentication.some(({ kind }) => kind === 'kerberos')) {
      this.#changed(where, 'IKEv2 has no Kerberos, in Windows neither')
    }
    if (auth.length === 0) this.#lost(where, 'no way to authenticate is left: the set has no proposals')
    if (rule.encapsulation !== undefined && rule.encapsulation !== 'auto')
      this.#changed(where, 'whether UDP stands around ESP is decided by Windows')
    const quickMode = madeId('policy-quick-mode', where, this.#quickModeSets.length)
    this.#quickModeSets.push({ id: quickMode, name: where, proposals, freshKeys: this.#freshKeys(rule), other: [] })
    const auth1 = madeId('policy-auth1', where, this.#auth1Sets.length)
    this.#auth1Sets.push({ id: auth1, name: where, proposals: auth, other: [] })
    return { auth1, quickMode }
  }

  #lifetime({ name, lifetime }: Rule): Pick<QuickModeProposal, 'minutes' | 'kilobytes'> {
    const { seconds, kilobytes } = lifetime ?? ({} as KeyLifetime)
    const minutes = seconds === undefined ? undefined : clamp(Math.floor(seconds / 60), MINUTES)
    const size = kilobytes === undefined ? undefined : clamp(kilobytes, KILOBYTES)
    if (minutes !== undefined && minutes * 60 !== seconds)
      this.#changed(name, `Windows says lifetimes in minutes of 5 to 2880: ${minutes} minutes`)
    if (size !== kilobytes) this.#changed(name, `Windows has 20480 to 2147483647 kilobytes: ${size}`)
    return { ...(minutes === undefined ? {} : { minutes }), ...(size === undefined ? {} : { kilobytes: size }) }
  }

  #freshKeys({ name, freshKeys, keyExchange }: Rule): QuickModeSet['freshKeys'] {
    if (!freshKeys) return 'none'
    if (keyExchange === undefined) return 'main-mode'
    const group = keyExchangeGroup(keyExchange)
    if (group === undefined)
      this.#changed(name, `Windows has no key exchange ${keyExchange}: that of the main mode counts`)
    return group ?? 'main-mode'
  }

  #authentication(where: string, way: Authentication): readonly AuthProposal[] {
    switch (way.kind) {
      case 'kerberos':
        if (way.kdc.length > 0) this.#changed(where, 'Windows finds its key distribution centres itself')
        if ((way.keytab ?? way.principal ?? way.service ?? way.realm) !== undefined) {
          this.#changed(where, 'Windows knows its own keys, principal, service and realm')
        }
        if (way.peer !== undefined)
          this.#lost(where, 'which machines are accepted is not said of Kerberos in such a rule')
        return [{ method: 'computer-kerberos', other: [] }]
      case 'preSharedKey':
        if (way.identity !== undefined || way.peer !== undefined)
          this.#lost(where, 'identities of IKE have no place beside a preshared key')
        return [{ method: 'computer-preshared-key', key: way.secret, other: [] }]
      case 'publicKey':
        this.#lost(where, 'Windows knows no public keys without certificates')
        return []
      case 'certificate':
        return [this.#certificate(where, way)]
    }
  }

  #certificate(where: string, way: Authentication & { kind: 'certificate' }): AuthProposal {
    const authority = this.#context.authorityOf?.(way.ca)
    if (authority === undefined)
      this.#lost(
        where,
        `the authority in ${way.ca ?? 'no file'} is not known by its name`,
        'name it: Windows asks for it',
      )
    const files = [way.own, way.key, way.passphrase, way.ocsp, way.identity, ...(way.crls ?? [])]
    if (files.some(one => one !== undefined))
      this.#changed(where, 'Windows takes its own certificate, key, lists and identity from its stores')
    const wanted = (['off', 'if-known', 'required'] as const).indexOf(way.revocation ?? 'if-known')
    const set = this.#revocation()
    if (wanted !== set)
      this.#lost(where, `revocation is checked the same for all rules: ${['off', 'if-known', 'required'][set]}`)
    if (way.accounts !== undefined)
      this.#lost(where, 'accounts are those of the directory: which certificate stands for which is not said')
    const peers = way.peer ?? []
    if (peers.length > 1) this.#lost(where, 'one name of peers can be asked for: the first counts')
    const [subject] = peers
    const type = subject?.includes('@') === true ? 'EmailAddress' : 'DomainName'
    const isName = subject !== undefined && !/[=:]|^[\d.]+$/.test(subject)
    if (subject !== undefined && !isName)
      this.#lost(where, `${subject.slice(0, 60)} is no name that Windows asks a certificate for`)
    const hasCriteria = isName || way.extendedKeyUsage !== undefined
    return {
      method: 'computer-certificate',
      ...(authority === undefined ? {} : { authority }),
      ...(way.accounts === undefined ? {} : { mapsAccount: true as const }),
      ...(hasCriteria
        ? {
            criteria: {
              purpose: 'validation' as const,
              usages: way.extendedKeyUsage === undefined ? [] : [way.extendedKeyUsage],
              ...(isName ? { subject, subjectType: type } : {}),
            },
          }
        : {}),
      other: [],
    }
  }

  /** The strictest that any rule asks for: there is one setting. */
  #revocation(): 0 | 1 | 2 {
    const asked = this.#policy.rules.flatMap(({ authentication }) =>
      authentication.flatMap(way =>
        way.kind === 'certificate'
          ? [(['off', 'if-known', 'required'] as const).indexOf(way.revocation ?? 'if-known')]
          : [],
      ),
    )
    return Math.max(0, ...asked) as 0 | 1 | 2
  }

  #settings(): GlobalSettings {
    const { profile } = this.#policy
    const setting = settingOf(this.#policy)
    const hasCertificates = this.#policy.rules.some(({ authentication }) =>
      authentication.some(({ kind }) => kind === 'certificate'),
    )
    const revocation = hasCertificates ? { revocation: this.#revocation() } : {}
    if (profile === 'windows-vista') {
      for (const found of setting.problems) this.#changed(found.where, found.what, found.hint)
      return { ...(setting.from === 'policy' ? { exemptions: setting.value } : {}), ...revocation }
    }
    const lost = setting.exemptions.filter(({ name }) => name !== 'ike').map(({ title }) => title)
    const what = `the exemptions of ${profile} become those of Windows Vista with IPsecExempt 0`
    if (lost.length > 0) this.#changed('profile', `${what}: ${lost.join(', ')} are exempt no more`)
    else this.#changed('profile', what)
    return { exemptions: 0, ...revocation }
  }

  #mainMode(): MainModeSet | undefined {
    const { ike } = this.#policy
    const proposals = ikeOffersOf(this.#policy).flatMap(({ name }) => {
      const proposal = mainModeProposal(name)
      if (!proposal.ok) this.#changed('ike', `${name}: ${proposal.why}`)
      return proposal.ok ? [proposal.value] : []
    })
    if (ike?.security === undefined)
      this.#changed('ike', 'the methods of IKE are those of sealwire, and are written out')
    if (proposals.length === 0) this.#lost('ike', "none of its methods is known to Windows: Windows's own count")
    if (ike?.liveness !== undefined || ike?.childless !== undefined)
      this.#changed('ike', 'liveness and childless are not said in these rules')
    if (ike?.masterPfs === true)
      this.#lost('ike', 'Vista and later have no fresh main mode for each quick mode in these rules')
    if (ike?.silence !== undefined) this.#changed('ike', 'how long silence is waited for is decided by Windows')
    if (ike?.ppk !== undefined) this.#lost('ike', 'Windows mixes in no post-quantum key')
    const seconds = ike?.lifetime?.seconds
    const minutes = seconds === undefined ? undefined : clamp(Math.floor(seconds / 60), [1, 2880])
    if (minutes !== undefined && minutes * 60 !== seconds)
      this.#changed('ike', `Windows says lifetimes in minutes of 1 to 2880: ${minutes} minutes`)
    if (proposals.length === 0) return undefined
    return {
      id: wellKnownSets.mainMode,
      name: 'ike',
      proposals,
      forceDiffieHellman: false,
      ...(minutes === undefined ? {} : { minutes }),
      other: [],
    }
  }
}

function clamp(number: number, [least, most]: readonly [number, number]): number {
  return Math.min(most, Math.max(least, number))
}

function portsOf(range: PortRange | undefined): readonly PortRange[] {
  return range === undefined ? [] : [range]
}

function endpointOf(spec: AddressSpec): readonly EndpointAddress[] {
  if (spec.kind !== 'range') return []
  const { first, last } = spec
  const prefix = prefixOf(first, last)
  return [prefix ?? { kind: 'range', first, last }]
}

/** The prefix that holds exactly these addresses. */
function prefixOf(first: Address, last: Address): EndpointAddress | undefined {
  const bits = first.family === 4 ? 32 : 128
  for (let length = bits; length >= 0; length--) {
    const prefix = parsePrefix(`${formatAddress(first)}/${length}`)!
    if (!sameAddress(prefix.address, first)) return undefined
    if (sameAddress(lastAddress(prefix), last)) return { kind: 'prefix', prefix }
  }
  return undefined
}
