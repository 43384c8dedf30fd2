// A policy for Libreswan 4 or later: `ipsec.conf`, a connection for each filter, with pre-shared keys in `ipsec.secrets`.
import { formatAddress } from '../base/address.ts'
import { formatSpec } from '../policy/filter.ts'
import { defaultIkeSecurity } from '../policy/ike-offers.ts'
import { DEFAULT_IKE_SECONDS, DEFAULT_KEY_SECONDS, DEFAULT_LIVENESS_SECONDS } from '../policy/ike-schema.ts'
import type { AddressSpec, Authentication, Policy, PortRange, Rule } from '../policy/model.ts'
import { LEFT_OUT } from '../policy/write-policy.ts'
import { exemptSelectors } from './exempt-selectors.ts'
import {
  type Exported,
  type ExportOptions,
  familiesOf,
  loss,
  type OwnFilter,
  orderLosses,
  ownFilters,
  plainName,
  prefixTexts,
  protocolText,
} from './exported.ts'
import { libreswanGroup, libreswanIke, libreswanPackets } from './ipsec-words.ts'

type Losses = ReturnType<typeof loss>[]
type Words = readonly (readonly [key: string, value: string])[]

export function exportLibreswan(policy: Policy, options: ExportOptions): Exported {
  const { filters, losses: others } = ownFilters(policy, options.me)
  const losses: Losses = [...others, ...orderLosses(filters), ...policyLosses(policy)]
  const names = new Set<string>()
  const secrets: string[] = []
  const told = new Set<Rule>()
  const sections = [...exempt(policy, names, losses)]
  for (const filter of filters) {
    const { rule } = filter
    const ruleLosses: Losses = []
    const words = wordsOf(filter, policy, ruleLosses)
    if (!told.has(rule)) losses.push(...ruleLosses)
    if (words !== undefined && !told.has(rule)) secrets.push(...secretsOf(filter, options))
    told.add(rule)
    if (words === undefined) continue
    for (const ends of endsOf(filter, losses)) sections.push(section(plainName(rule.name, names), [...ends, ...words]))
  }
  const head = `# ${policy.name}: written by sealwire for Libreswan`
  const text = [head, ...sections.map(lines => lines.join('\n')), ''].join('\n\n')
  return { text, losses, ...(secrets.length === 0 ? {} : { secrets: `${secrets.join('\n')}\n` }) }
}

/** One connection has one prefix at each end: ranges become several. */
function endsOf(filter: OwnFilter, losses: Losses): readonly Words[] {
  const { own, peer, protocol, ownPort, peerPort, rule } = filter
  const hostOnly = (spec: AddressSpec) => spec.kind === 'range' && formatSpec(spec) === formatAddress(spec.first)
  for (const port of [ownPort, peerPort]) {
    if (port !== undefined && port.first !== port.last) {
      losses.push(
        loss(
          rule,
          `a range of ports is none that Libreswan takes: the filter is left out`,
          'write a rule for each port',
        ),
      )
      return []
    }
  }
  return familiesOf(filter).flatMap(family =>
    sidesOf(own, family).flatMap(left =>
      sidesOf(peer, family).map((right): Words => {
        const protoport = (port: PortRange | undefined) =>
          protocol === undefined ? [] : [`${protocolText(protocol)}/${port === undefined ? '%any' : port.first}`]
        const leftPort = protoport(ownPort)[0]
        const rightPort = protoport(peerPort)[0]
        const remote =
          rule.tunnelEndpoint === undefined
            ? hostOnly(peer)
              ? right.replace(/\/\d+$/, '')
              : '%any'
            : formatAddress(rule.tunnelEndpoint)
        return [
          ['left', hostOnly(own) ? left.replace(/\/\d+$/, '') : '%defaultroute'],
          ['right', remote],
          ...(hostOnly(own) || own.kind === 'me' ? [] : ([['leftsubnet', left]] as const)),
          ...(hostOnly(peer) && rule.tunnelEndpoint === undefined ? [] : ([['rightsubnet', right]] as const)),
          ...(leftPort === undefined ? [] : ([['leftprotoport', leftPort]] as const)),
          ...(rightPort === undefined ? [] : ([['rightprotoport', rightPort]] as const)),
        ]
      }),
    ),
  )
}

function sidesOf(spec: AddressSpec, family: 4 | 6): readonly string[] {
  return spec.kind === 'me' ? ['%defaultroute'] : prefixTexts(spec, family)
}

function wordsOf({ rule, place, mirrored }: OwnFilter, policy: Policy, losses: Losses): Words | undefined {
  const { action, mode, security, keying, lifetime, freshKeys, keyExchange, encapsulation, fallBackToClear } = rule
  const priority = ['priority', String(place.out + 1)] as const
  if (!mirrored && mode === 'transport') losses.push(loss(rule, 'a filter of one direction becomes one of both'))
  if (action !== 'negotiate') {
    return [['type', action === 'permit' ? 'passthrough' : 'drop'], ['authby', 'never'], ['auto', 'ondemand'], priority]
  }
  if (rule.acceptUnsecuredInbound)
    losses.push(loss(rule, 'clear packets that arrive are not accepted: Libreswan has no such option'))
  const authentication = authenticationWords(rule, losses)
  const packets = security.flatMap(name => {
    const found = libreswanPackets(name)
    if (found === undefined) losses.push(loss(rule, `${name} is no method of Libreswan`))
    return found ?? []
  })
  const group = freshKeys ? libreswanGroup(keyExchange ?? 'modp2048') : undefined
  if (freshKeys && group === undefined)
    losses.push(loss(rule, `${keyExchange} is no key exchange of Libreswan: that of IKE is used`))
  const protocol = packets[0]?.protocol
  const usable = packets.filter(one => one.protocol === protocol)
  if (usable.length < packets.length)
    losses.push(loss(rule, 'ESP and AH cannot be offered beside each other: the first kind is'))
  if (authentication === undefined || protocol === undefined) {
    losses.push(
      loss(
        rule,
        `${protocol === undefined ? 'no method' : 'no way to authenticate'} that Libreswan has: its packets are not secured by this text`,
      ),
    )
    return undefined
  }
  if (keying.length > 1) losses.push(loss(rule, `of several versions of IKE ${keying[0]} is written`))
  const offers = (policy.ike?.security ?? defaultIkeSecurity).map(name => [name, libreswanIke(name)] as const)
  for (const [name, found] of offers) {
    if (found === undefined && policy.ike?.security !== undefined)
      losses.push(loss(rule, `${name} is no method of IKE that Libreswan has`))
  }
  const ike = [...new Set(offers.flatMap(([, found]) => found ?? []))]
  const liveness = policy.ike?.liveness ?? DEFAULT_LIVENESS_SECONDS
  return [
    ['type', mode],
    ['ikev2', keying[0] === 'ikev1' ? 'no' : 'yes'],
    ['ike', ike.join(',')],
    [
      protocol === 'ah' ? 'ah' : 'esp',
      usable.map(({ words }) => words + (group === undefined ? '' : `-${group}`)).join(','),
    ],
    ['pfs', freshKeys ? 'yes' : 'no'],
    ['ikelifetime', `${policy.ike?.lifetime?.seconds ?? DEFAULT_IKE_SECONDS}s`],
    ['salifetime', `${lifetime?.seconds ?? DEFAULT_KEY_SECONDS}s`],
    ...(lifetime?.kilobytes === undefined ? [] : ([['ipsec-max-bytes', `${lifetime.kilobytes * 1024}`]] as const)),
    ...(liveness === 0 ? [] : ([['dpddelay', `${liveness}s`]] as const)),
    ['encapsulation', encapsulation === 'udp' ? 'yes' : 'auto'],
    ...authentication,
    // What has no association yet is held; what cannot get one is dropped unless the rule says otherwise.
    ['auto', 'ondemand'],
    ['negotiationshunt', 'hold'],
    ['failureshunt', fallBackToClear ? 'passthrough' : 'drop'],
    priority,
  ]
}

function usableOf(rule: Rule): Authentication | undefined {
  return rule.authentication.find(({ kind }) => kind === 'certificate' || kind === 'preSharedKey')
}

function authenticationWords(rule: Rule, losses: Losses): Words | undefined {
  const found = usableOf(rule)
  const left = rule.authentication.filter(one => one !== found)
  for (const { kind } of left) losses.push(loss(rule, `authentication by ${kind} is left out`))
  if (found === undefined || found.kind === 'kerberos' || found.kind === 'publicKey') return undefined
  const peers = found.peer ?? []
  if (peers.length > 1) losses.push(loss(rule, 'of several accepted peers only the first is written'))
  const ids: Words = [
    ...(found.identity === undefined ? [] : ([['leftid', quoted(idOf(found.identity))]] as const)),
    ...(peers[0] === undefined ? [] : ([['rightid', quoted(idOf(peers[0]))]] as const)),
  ]
  if (found.kind === 'preSharedKey') return [['authby', 'secret'], ...ids]
  if (found.own !== undefined)
    losses.push(
      loss(
        rule,
        `Libreswan reads certificates from its own store: import ${found.own} there`,
        'ipsec import; leftcert names it by its nickname',
      ),
    )
  const parts = [
    found.accounts && 'the mapping to accounts',
    found.extendedKeyUsage && 'the use that a certificate must be for',
    found.crls && 'the revocation lists',
    found.revocation && 'how revocation is checked',
  ]
  for (const part of parts) if (part) losses.push(loss(rule, `${part} cannot be said in a connection`))
  return [
    ['authby', 'rsasig,ecdsa'],
    ['leftcert', quoted(found.own ?? 'own')],
    ['rightca', '%same'],
    ...(ids.some(([key]) => key === 'leftid') ? ids : [['leftid', '%fromcert'] as const, ...ids]),
  ]
}

/** Libreswan looks names up unless an @ stands before them. */
function idOf(identity: string): string {
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/i.test(identity) && /[a-z]/i.test(identity) ? `@${identity}` : identity
}

function secretsOf({ rule, own, peer }: OwnFilter, options: ExportOptions): readonly string[] {
  const found = usableOf(rule)
  if (found?.kind !== 'preSharedKey') return []
  const host = (spec: AddressSpec) =>
    spec.kind === 'range' && !formatSpec(spec).includes('/') && !formatSpec(spec).includes('-')
      ? formatSpec(spec)
      : '%any'
  const secret = options.secrets === 'write' ? found.secret.reveal() : LEFT_OUT
  const ends = [
    found.identity === undefined ? host(own) : idOf(found.identity),
    found.peer?.[0] === undefined ? host(peer) : idOf(found.peer[0]),
  ]
  return [`${ends.join(' ')} : PSK ${quoted(secret)}`]
}

function exempt(policy: Policy, names: Set<string>, losses: Losses): readonly (readonly string[])[] {
  return exemptSelectors(policy).flatMap(({ exemption, family, own, peer, protocol, ownPort, peerPort }) => {
    const ports = [ownPort, peerPort]
    if (ports.some(port => port !== undefined && port.first !== port.last)) {
      losses.push(loss(undefined, `the exemption ${exemption} names a range of ports, which Libreswan does not take`))
      return []
    }
    const words = (port: PortRange | undefined) =>
      `${protocolText(protocol!)}/${port === undefined ? '%any' : port.first}`
    return prefixTexts(own, family).flatMap(left =>
      prefixTexts(peer, family).map(right =>
        section(plainName(`exempt-${exemption}`, names), [
          ['left', '%defaultroute'],
          ['right', family === 4 ? '0.0.0.0' : '::'],
          ['leftsubnet', left],
          ['rightsubnet', right],
          ...(protocol === undefined
            ? []
            : ([
                ['leftprotoport', words(ownPort)],
                ['rightprotoport', words(peerPort)],
              ] as const)),
          ['type', 'passthrough'],
          ['authby', 'never'],
          ['auto', 'ondemand'],
          ['priority', '1'],
        ]),
      ),
    )
  })
}

function policyLosses(policy: Policy): Losses {
  const losses: Losses = []
  if (policy.defaultResponse) losses.push(loss(undefined, 'the default response rule has no counterpart'))
  if (policy.keys !== undefined)
    losses.push(loss(undefined, 'manual keys cannot stand in ipsec.conf', 'export them for ip xfrm'))
  if (policy.ike?.ppk !== undefined)
    losses.push(loss(undefined, 'the post-quantum key is left out', 'write ppk=insist and a secret by hand'))
  return losses
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '')}"`
}

function section(name: string, words: Words): readonly string[] {
  return [`conn ${name}`, ...words.map(([key, value]) => `\t${key}=${value}`)]
}
