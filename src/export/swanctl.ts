// A policy for strongSwan 5.9 or later: `swanctl.conf`, a connection for each rule and pair of hosts, a child for each
// filter with our order as its priority, and shunts for what is permitted, blocked or exempt.
import { formatAddress } from '../base/address.ts'
import { formatPorts, formatSpec } from '../policy/filter.ts'
import { defaultIkeSecurity } from '../policy/ike-offers.ts'
import { DEFAULT_IKE_SECONDS, DEFAULT_KEY_SECONDS, DEFAULT_LIVENESS_SECONDS } from '../policy/ike-schema.ts'
import type { AddressSpec, Authentication, Policy, PortRange, Rule } from '../policy/model.ts'
import { LEFT_OUT } from '../policy/write-policy.ts'
import { exemptSelectors } from './exempt-selectors.ts'
import {
  type Exported,
  type ExportOptions,
  loss,
  type OwnFilter,
  orderLosses,
  ownFilters,
  plainName,
  protocolText,
} from './exported.ts'
import { strongSwanIke, strongSwanKeyExchange, strongSwanPackets } from './ipsec-words.ts'

type Lines = readonly string[]

export function exportSwanctl(policy: Policy, options: ExportOptions): Exported {
  const { filters, losses: others } = ownFilters(policy, options.me)
  const losses = [...others, ...orderLosses(filters), ...policyLosses(policy)]
  const names = new Set<string>()
  const connections: Lines[] = []
  const secrets: Lines[] = []
  for (const group of byConnection(filters.filter(({ rule }) => rule.action === 'negotiate'))) {
    const name = plainName(group[0]!.rule.name, names)
    const made = connectionOf(name, group, policy, options)
    losses.push(...made.losses)
    if (made.lines.length === 0) continue
    connections.push(made.lines)
    secrets.push(...made.secrets)
  }
  const shunts = filters.filter(({ rule }) => rule.action !== 'negotiate').map(filter => shuntOf(filter, names))
  const exempt = exemptSelectors(policy).map(one => ({
    name: plainName(`exempt-${one.exemption}`, names),
    lines: [
      `mode = pass`,
      `local_ts = ${selector(one.own, one.protocol, one.ownPort)}`,
      `remote_ts = ${selector(one.peer, one.protocol, one.peerPort)}`,
      'priority = 1',
      'start_action = trap',
    ],
  }))
  const passed = [...exempt, ...shunts]
  const shuntLines =
    passed.length === 0
      ? []
      : [
          section('shunts', [
            'remote_addrs = 127.0.0.1',
            ...section(
              'children',
              passed.flatMap(({ name, lines }) => section(name, lines)),
            ),
          ]),
        ]
  const text = [
    `# ${policy.name}: written by sealwire for strongSwan (swanctl --load-all)`,
    ...section('connections', [...connections, ...shuntLines].flat()),
    ...(secrets.length === 0 ? [] : section('secrets', secrets.flat())),
    '',
  ].join('\n')
  return { text, losses }
}

/** A session of IKE serves all filters of a rule towards the same peer. */
function byConnection(filters: readonly OwnFilter[]): readonly (readonly OwnFilter[])[] {
  const groups = new Map<string, OwnFilter[]>()
  for (const filter of filters) {
    const key = JSON.stringify([filter.rule.name, formatSpec(filter.own), formatSpec(filter.peer)])
    groups.set(key, [...(groups.get(key) ?? []), filter])
  }
  return [...groups.values()]
}

function connectionOf(name: string, filters: readonly OwnFilter[], policy: Policy, options: ExportOptions) {
  const [first] = filters
  const { rule, own, peer } = first!
  const losses = ruleLosses(rule)
  const authentication = rule.authentication.find(({ kind }) => kind !== 'kerberos')
  const packets = rule.security.flatMap(method => {
    const found = strongSwanPackets(method)
    if (found === undefined)
      losses.push(loss(rule, `${method} is AH and ESP at once, which strongSwan does not agree on`))
    return found ?? []
  })
  const versions = new Set(rule.keying)
  if (authentication === undefined || packets.length === 0) {
    const what =
      authentication === undefined ? 'no way to authenticate that strongSwan has' : 'no method that strongSwan has'
    return {
      lines: [],
      secrets: [],
      losses: [...losses, loss(rule, `${what}: its packets are not secured by this text`)],
    }
  }
  const tunnel = rule.tunnelEndpoint === undefined ? undefined : formatAddress(rule.tunnelEndpoint)
  const offers = (policy.ike?.security ?? defaultIkeSecurity).filter(name => !name.includes('+'))
  if (policy.ike?.security?.some(name => name.includes('+')) === true) {
    losses.push(loss(rule, 'more than one key exchange needs strongSwan 6: these methods of IKE are left out'))
  }
  const usual = { liveness: DEFAULT_LIVENESS_SECONDS, lifetime: { seconds: DEFAULT_IKE_SECONDS }, ...policy.ike }
  const sides = sidesOf(name, rule, authentication, options, losses)
  const lines = section(name, [
    `version = ${versions.size === 2 ? 0 : versions.has('ikev1') ? 1 : 2}`,
    `local_addrs = ${hostsOf(own)}`,
    `remote_addrs = ${tunnel ?? hostsOf(peer)}`,
    `proposals = ${offers.map(strongSwanIke).join(', ')}`,
    `rekey_time = ${usual.lifetime.seconds}s`,
    ...(usual.liveness > 0 ? [`dpd_delay = ${usual.liveness}s`] : []),
    ...(rule.encapsulation === 'udp' ? ['encap = yes'] : []),
    ...(policy.ike?.childless === true ? ['childless = prefer'] : []),
    'mobike = no',
    ...sides.lines,
    ...section(
      'children',
      filters.flatMap((filter, index) => section(`${name}-${index + 1}`, childLines(filter, packets))),
    ),
  ])
  return { lines, secrets: sides.secrets, losses }
}

function childLines(
  { rule, own, peer, protocol, ownPort, peerPort, place }: OwnFilter,
  packets: readonly { readonly protocol: 'esp' | 'ah'; readonly words: string }[],
): Lines {
  const { lifetime, freshKeys, keyExchange } = rule
  const fresh = freshKeys ? `-${strongSwanKeyExchange(keyExchange ?? 'curve25519')}` : ''
  const proposals = (of: 'esp' | 'ah') => packets.filter(one => one.protocol === of).map(({ words }) => words + fresh)
  return [
    `mode = ${rule.mode}`,
    `local_ts = ${selector(own, protocol, ownPort)}`,
    `remote_ts = ${selector(peer, protocol, peerPort)}`,
    ...(['esp', 'ah'] as const).flatMap(of =>
      proposals(of).length === 0 ? [] : [`${of}_proposals = ${proposals(of).join(', ')}`],
    ),
    `rekey_time = ${lifetime?.seconds ?? DEFAULT_KEY_SECONDS}s`,
    ...(lifetime?.kilobytes === undefined ? [] : [`rekey_bytes = ${lifetime.kilobytes * 1024}`]),
    `priority = ${place.out + 1}`,
    // What has no association yet is held, not sent.
    'start_action = trap',
    'dpd_action = trap',
    'close_action = trap',
  ]
}

function sidesOf(
  name: string,
  rule: Rule,
  authentication: Authentication,
  options: ExportOptions,
  losses: ReturnType<typeof ruleLosses>,
) {
  const quoted = (text: string) => JSON.stringify(text)
  const hidden = (secret: { reveal(): string }) =>
    options.secrets === 'write' ? quoted(secret.reveal()) : quoted(LEFT_OUT)
  const peers = 'peer' in authentication ? (authentication.peer ?? []) : []
  if (peers.length > 1)
    losses.push(loss(rule, 'of several accepted peers only the first is written', 'write a connection for each'))
  const id =
    'identity' in authentication && authentication.identity !== undefined
      ? [`id = ${quoted(authentication.identity)}`]
      : []
  const peerId = peers.slice(0, 1).map(peer => `id = ${quoted(peer)}`)
  switch (authentication.kind) {
    case 'preSharedKey': {
      const ids = [...id, ...peerId].map((line, index) => line.replace('id', `id-${index + 1}`))
      return {
        lines: [...section('local', ['auth = psk', ...id]), ...section('remote', ['auth = psk', ...peerId])],
        secrets: [section(`ike-${name}`, [...ids, `secret = ${hidden(authentication.secret)}`])],
      }
    }
    case 'publicKey': {
      const keys = authentication.peerKeys.join(', ')
      return {
        lines: [
          ...section('local', ['auth = pubkey', `pubkeys = ${authentication.key}`, ...id]),
          ...section('remote', ['auth = pubkey', `pubkeys = ${keys}`, ...peerId]),
        ],
        secrets: [],
      }
    }
    case 'certificate': {
      const { own, ca, key, passphrase, revocation } = authentication
      if (authentication.accounts !== undefined)
        losses.push(loss(rule, 'certificates are not mapped to accounts by strongSwan'))
      if (authentication.extendedKeyUsage !== undefined)
        losses.push(loss(rule, 'the use that a certificate must be for is not asked'))
      if (authentication.ocsp !== undefined || authentication.crls !== undefined)
        losses.push(
          loss(
            rule,
            'revocation lists and OCSP answers are not named in swanctl.conf',
            'put the lists into swanctl/x509crl',
          ),
        )
      const strict =
        revocation === 'required'
          ? ['revocation = strict']
          : revocation === 'off'
            ? ['revocation = relaxed']
            : ['revocation = relaxed']
      const secret =
        key === undefined || passphrase === undefined
          ? []
          : [section(`private-${name}`, [`file = ${key}`, `secret = ${hidden(passphrase)}`])]
      return {
        lines: [
          ...section('local', ['auth = pubkey', ...(own === undefined ? [] : [`certs = ${own}`]), ...id]),
          ...section('remote', [
            'auth = pubkey',
            ...(ca === undefined ? [] : [`cacerts = ${ca}`]),
            ...peerId,
            ...strict,
          ]),
        ],
        secrets: secret,
      }
    }
    case 'kerberos':
      return { lines: [], secrets: [] }
  }
}

function shuntOf({ rule, own, peer, protocol, ownPort, peerPort, place }: OwnFilter, names: Set<string>) {
  return {
    name: plainName(rule.name, names),
    lines: [
      `mode = ${rule.action === 'permit' ? 'pass' : 'drop'}`,
      `local_ts = ${selector(own, protocol, ownPort)}`,
      `remote_ts = ${selector(peer, protocol, peerPort)}`,
      `priority = ${place.out + 1}`,
      'start_action = trap',
    ],
  }
}

function ruleLosses(rule: Rule) {
  const losses = []
  const { authentication, acceptUnsecuredInbound, fallBackToClear } = rule
  if (acceptUnsecuredInbound)
    losses.push(loss(rule, 'clear packets that arrive are not accepted: strongSwan has no such option'))
  if (fallBackToClear) losses.push(loss(rule, 'it never falls back to clear: strongSwan has no such option'))
  if (authentication.some(({ kind }) => kind === 'kerberos')) losses.push(loss(rule, 'strongSwan has no Kerberos'))
  if (authentication.filter(({ kind }) => kind !== 'kerberos').length > 1)
    losses.push(loss(rule, 'of several ways to authenticate the first is written'))
  if (rule.filters.some(({ mirrored }) => !mirrored) && rule.mode === 'transport')
    losses.push(loss(rule, 'a filter of one direction becomes one of both'))
  return losses
}

function policyLosses(policy: Policy) {
  const losses = []
  if (policy.defaultResponse) losses.push(loss(undefined, 'the default response rule has no counterpart'))
  if (policy.keys !== undefined)
    losses.push(loss(undefined, 'manual keys cannot stand in swanctl.conf', 'export them for ip xfrm'))
  if (policy.ike?.ppk !== undefined)
    losses.push(loss(undefined, 'the post-quantum key is left out', 'write ppk_id, ppk_required and a secret by hand'))
  const isBroadcastExempt = exemptSelectors(policy).some(({ exemption }) => exemption === 'broadcast')
  if (policy.networks.length === 0 && isBroadcastExempt)
    losses.push(loss(undefined, 'broadcasts of networks are not known, since the policy names no networks'))
  return losses
}

/** Where IKE goes: strongSwan takes hosts, prefixes and ranges there, and %any. */
function hostsOf(spec: AddressSpec): string {
  return spec.kind === 'range' ? formatSpec(spec) : '%any'
}

/** `10.0.0.0/8[tcp/445]`; `dynamic` is whatever address the connection has. */
function selector(spec: AddressSpec, protocol: number | undefined, port: PortRange | undefined): string {
  const what =
    protocol === undefined ? '' : `[${protocolText(protocol)}${port === undefined ? '' : `/${formatPorts(port)}`}]`
  if (spec.kind === 'me') return `dynamic${what}`
  if (spec.kind === 'any') return `0.0.0.0/0${what}, ::/0${what}`
  return `${formatSpec(spec)}${what}`
}

function section(name: string, lines: Lines): string[] {
  return [`${name} {`, ...lines.map(line => `  ${line}`), '}']
}
