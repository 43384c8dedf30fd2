// Random connection security policies for the tests of this folder, drawn from a seed, and what they say regardless of ids,
// so that forms which have no ids can be compared. `plain` ones hold what every form has words for, `wild` ones all there is.

import { parseAddress, parsePrefix } from '../base/address.ts'
import { Secret } from '../base/secret.ts'
import { type Draw, pick, seeded } from '../policy/test-policies.ts'
import { binaryValue } from '../settings/value.ts'
import { auth1Of, auth2Of, madeId, mainModeOf, quickModeOf, wellKnownSets } from './connection-security-defaults.ts'
import {
  type AuthProposal,
  type AuthSet,
  type ConnectionSecurityPolicy,
  type ConnectionSecurityRule,
  connectionSecurityRule,
  type EndpointAddress,
  type MainModeRule,
  type MainModeSet,
  mainModeRule,
  type QuickModeProposal,
  type QuickModeSet,
  ruleFlags,
  type SchemaVersion,
} from './connection-security-rules.ts'
import {
  actionRows,
  auth1Methods,
  auth2Methods,
  encryptions,
  freshKeyWords,
  groups,
  hashes,
  interfaceTypes,
  keyModules,
  networkProfiles,
} from './connection-security-words.ts'

export type Style = 'plain' | 'wild'

export { type Draw, seeded }

const names = [
  'Isolation',
  'DCs (clear)',
  'Büro → Zürich',
  "it's a rule",
  'a "quoted" one',
  '50% of it',
  'semi;colon & more',
  '`tick` $var',
  '日本',
  'a',
]

function chance(draw: Draw, odds: number): boolean {
  return draw() < odds
}

function some<T>(draw: Draw, list: readonly T[], most: number): readonly T[] {
  const count = Math.floor(draw() * (most + 1))
  return [...new Set(Array.from({ length: count }, () => pick(draw, list)))]
}

const addresses: readonly string[] = [
  '10.0.0.1',
  '10.1.0.0/16',
  '192.168.7.0/24',
  '0.0.0.0/1',
  'fd00::1',
  'fd00::/64',
  '2001:db8::/32',
]
const ranges: readonly (readonly [string, string])[] = [
  ['10.0.0.1', '10.0.0.9'],
  ['fd00::1', 'fd00::ff'],
]

function randomAddress(draw: Draw, style: Style): EndpointAddress {
  if (chance(draw, 0.15)) {
    const keyword = pick(draw, ['LocalSubnet', 'DNS', 'DHCP', 'WINS', 'DefaultGateway'] as const)
    return style === 'wild' && chance(draw, 0.3)
      ? { kind: 'keyword', keyword, family: pick(draw, [4, 6] as const) }
      : { kind: 'keyword', keyword }
  }
  if (chance(draw, 0.2)) {
    const [first, last] = pick(draw, ranges)
    return { kind: 'range', first: parseAddress(first)!, last: parseAddress(last)! }
  }
  return { kind: 'prefix', prefix: parsePrefix(pick(draw, addresses))! }
}

function randomEndpoint(draw: Draw, style: Style): readonly EndpointAddress[] {
  const list = Array.from({ length: Math.floor(draw() * 4) }, () => randomAddress(draw, style))
  // A keyword of both versions of IP and one of each are the same thing said twice.
  const key = (one: EndpointAddress) => (one.kind === 'keyword' ? one.keyword : JSON.stringify(one))
  return list.filter((one, index) => list.findIndex(other => key(other) === key(one)) === index)
}

const version: SchemaVersion = { major: 2, minor: 10 }

function head(draw: Draw, style: Style, id: string, name: string) {
  const isWild = style === 'wild'
  return {
    id,
    name,
    ...(chance(draw, 0.4) ? { description: pick(draw, ['what it is for', 'x', 'a, b & c']) } : {}),
    ...(isWild && chance(draw, 0.3) ? { group: '@FirewallAPI.dll,-25000' } : {}),
    ...(isWild && chance(draw, 0.3) ? { version } : {}),
    ...(isWild && chance(draw, 0.2) ? { platforms: ['2:6:1'], platformOperator: 'GTEQ' } : {}),
    ...(isWild && chance(draw, 0.1) ? { skipVersion: version } : {}),
    ...(isWild && chance(draw, 0.1) ? { unknown: [{ name: 'Later', value: 'TRUE' }] } : {}),
    active: chance(draw, 0.8),
    profiles: some(
      draw,
      networkProfiles.rows.map(row => row.word),
      2,
    ),
    endpoint1: randomEndpoint(draw, style),
    endpoint2: randomEndpoint(draw, style),
  }
}

function randomAuthProposal(draw: Draw, phase: 1 | 2, style: Style): AuthProposal {
  const method = pick(draw, phase === 1 ? auth1Methods : auth2Methods)
  const other = style === 'wild' && chance(draw, 0.05) ? [binaryValue('Strange', Uint8Array.of(1, 2))] : []
  const skip = style === 'wild' && chance(draw, 0.05) ? { skipVersion: version } : {}
  if (method === 'computer-preshared-key')
    return { method, key: new Secret(pick(draw, ['secret', "it's $secret", 'a"b', 'x y'])), ...skip, other }
  if (!method.endsWith('certificate')) return { method, ...skip, other }
  return {
    method,
    authority: pick(draw, [
      'CN=Root, O=Contoso',
      "DC=local, DC=test, CN=Tester's CA",
      'CN="Quoted" CA',
      'C=US, O=A | B, CN=Bar',
    ]),
    ...(chance(draw, 0.2) ? { isIntermediate: true as const } : {}),
    ...(chance(draw, 0.2) ? { signing: pick(draw, ['ecdsa-256', 'ecdsa-384'] as const) } : {}),
    ...(chance(draw, 0.2) ? { mapsAccount: true as const } : {}),
    ...(chance(draw, 0.2) ? { excludesAuthorityName: true as const } : {}),
    ...(style === 'wild' && chance(draw, 0.2) ? { isHealth: true as const } : {}),
    ...(style === 'wild' && chance(draw, 0.2)
      ? {
          criteria: {
            purpose: pick(draw, ['selection', 'validation', 'both'] as const),
            ...(chance(draw, 0.5) ? { thumbprint: '00112233445566778899AABBCCDDEEFF00112233' } : {}),
            usages: some(draw, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.17'], 2),
            ...(chance(draw, 0.5)
              ? { subject: 'dc1.example.com', subjectType: pick(draw, ['DomainName', 'CN', 'UserPrincipalName']) }
              : {}),
          },
        }
      : {}),
    ...skip,
    other,
  }
}

function randomQuickModeProposal(draw: Draw, style: Style): QuickModeProposal {
  const encapsulation = pick(draw, ['ah', 'esp', 'esp', 'esp', 'ah+esp', 'none'] as const)
  const plainHashes = hashes.rows.map(row => row.word).filter(hash => hash !== 'sha384')
  const [hasAh, hasEsp] = [encapsulation !== 'esp', encapsulation === 'esp' || encapsulation === 'ah+esp']
  const bits = pick(draw, ['128', '192', '256'] as const)
  const isGcm = chance(draw, 0.3)
  const encryption = isGcm
    ? (`aes-gcm-${bits}` as const)
    : pick(draw, [undefined, ...encryptions.rows.map(row => row.word).filter(word => !word.startsWith('aes-gcm'))])
  const espHash = isGcm ? (`aes-gmac-${bits}` as const) : pick(draw, ['md5', 'sha1', 'sha256'] as const)
  return {
    encapsulation,
    ...(hasAh ? { ahHash: pick(draw, plainHashes) } : {}),
    ...(hasEsp ? { espHash, ...(encryption === undefined ? {} : { encryption }) } : {}),
    ...(chance(draw, 0.7) ? { minutes: pick(draw, [5, 60, 480]), kilobytes: pick(draw, [20480, 100000]) } : {}),
    ...(style === 'wild' && chance(draw, 0.05) ? { skipVersion: version } : {}),
    other: [],
  }
}

export function randomConnectionSecurityPolicy(draw: Draw, style: Style): ConnectionSecurityPolicy {
  const [auth1Sets, auth2Sets]: [AuthSet[], AuthSet[]] = [[], []]
  const quickModeSets: QuickModeSet[] = []
  const mainModeSets: MainModeSet[] = []
  const count = (most: number) => 1 + Math.floor(draw() * most)
  const authSet = (phase: 1 | 2, list: AuthSet[], name: string): string => {
    const proposals = Array.from({ length: count(3) }, () => randomAuthProposal(draw, phase, style))
    const id = madeId(`auth${phase}`, name, list.length)
    list.push({ id, name, proposals: style === 'plain' ? oneOfEach(proposals) : proposals, other: [] })
    return id
  }
  const quickModeSet = (name: string): string => {
    const id = madeId('quick', name, quickModeSets.length)
    const proposals = Array.from({ length: count(3) }, () => randomQuickModeProposal(draw, style))
    quickModeSets.push({
      id,
      name,
      proposals,
      freshKeys: pick(
        draw,
        freshKeyWords.rows.map(row => row.word),
      ),
      other: [],
    })
    return id
  }
  const mainModeSet = (id: string, name: string): string => {
    const proposals = Array.from({ length: count(3) }, () => ({
      group: pick(
        draw,
        groups.rows.map(row => row.word),
      ),
      encryption: pick(draw, ['des', '3des', 'aes-128', 'aes-192', 'aes-256'] as const),
      hash: pick(draw, ['md5', 'sha1', 'sha256', 'sha384'] as const),
      other: [],
    }))
    const limits =
      style === 'plain' || chance(draw, 0.8)
        ? { minutes: pick(draw, [1, 480, 2880]), sessions: pick(draw, [0, 7]) }
        : {}
    mainModeSets.push({ id, name, proposals, forceDiffieHellman: chance(draw, 0.3), ...limits, other: [] })
    return id
  }
  const rules: ConnectionSecurityRule[] = Array.from({ length: count(4) }, (_, index) => {
    const name = `${pick(draw, names)} ${index}`
    const action = pick(
      draw,
      actionRows.filter(row => style === 'wild' || row.netsh !== undefined),
    ).action
    const isTunnel =
      action === 'require-in-clear-out' ||
      (chance(draw, 0.2) && action !== 'require-in-request-out' && action !== 'request-in-request-out')
    const isExempt = action === 'no-authentication'
    const protocol = pick(draw, [undefined, undefined, 6, 17, 1, 58, 47, 0, 255])
    const hasPorts = protocol === 6 || protocol === 17
    const ports = () =>
      hasPorts
        ? some(
            draw,
            [
              { first: 88, last: 88 },
              { first: 0, last: 1023 },
              { first: 65535, last: 65535 },
            ],
            2,
          )
        : []
    const isWild = style === 'wild'
    const own1 = !isExempt && chance(draw, 0.7)
    const auth1 = isExempt ? undefined : own1 ? authSet(1, auth1Sets, name) : wellKnownSets.auth1
    const auth2 = isExempt
      ? undefined
      : own1
        ? chance(draw, 0.5)
          ? authSet(2, auth2Sets, name)
          : undefined
        : wellKnownSets.auth2
    const quickMode = isExempt ? undefined : chance(draw, 0.7) ? quickModeSet(name) : wellKnownSets.quickMode
    const address = (text: string) => parseAddress(text)!
    const flags = ruleFlags.filter(
      flag => (isWild || (isTunnel && flag === 'bypass-tunnel') || flag === 'authorize') && chance(draw, 0.2),
    )
    return connectionSecurityRule({
      ...head(draw, style, madeId('rule', name, index), name),
      action,
      ...(protocol === undefined ? {} : { protocol }),
      ports1: ports(),
      ports2: ports(),
      ...(isWild && chance(draw, 0.1) ? { interfaces: ['{11111111-2222-3333-4444-555555555555}'] } : {}),
      interfaceTypes: some(
        draw,
        interfaceTypes.rows.map(row => row.word),
        2,
      ),
      ...(isTunnel
        ? {
            tunnel: {
              local: chance(draw, 0.5) ? [address('1.1.1.1')] : isWild && chance(draw, 0.5) ? [] : [address('fd00::1')],
              remote: isWild ? some(draw, ['2.2.2.2', 'fd00::2', '3.3.3.3'].map(address), 2) : [address('2.2.2.2')],
              ...(isWild && chance(draw, 0.2) ? { remoteName: 'gw.example.com' } : {}),
            },
          }
        : {}),
      ...(auth1 === undefined ? {} : { auth1 }),
      ...(auth2 === undefined ? {} : { auth2 }),
      ...(quickMode === undefined ? {} : { quickMode }),
      ...(isWild && chance(draw, 0.4)
        ? {
            keyModules: some(
              draw,
              keyModules.rows.map(row => row.word).filter(word => word !== 'default'),
              2,
            ),
          }
        : {}),
      flags,
      ...(isWild && chance(draw, 0.1) ? { forwardLifetime: 100, machineAuthorization: 'D:(A;;CC;;;S-1-5-21-1)' } : {}),
    })
  })
  const mainModeRules: MainModeRule[] = Array.from({ length: Math.floor(draw() * 2) }, (_, index) => {
    const name = `main ${index}`
    const auth1 = authSet(1, auth1Sets, name)
    return mainModeRule({
      ...head(draw, style, madeId('mm', name, index), name),
      auth1,
      mainMode: mainModeSet(madeId('mms', name, index), name),
    })
  })
  if (chance(draw, 0.3)) mainModeSet(wellKnownSets.mainMode, 'the default')
  return {
    rules,
    mainModeRules,
    auth1Sets,
    auth2Sets,
    mainModeSets,
    quickModeSets,
    defaults: {},
    settings: {
      ...(chance(draw, 0.5)
        ? { exemptions: style === 'plain' ? pick(draw, [0, 1, 9, 11]) : Math.floor(draw() * 16) }
        : {}),
      ...(chance(draw, 0.3) ? { revocation: pick(draw, [0, 1, 2] as const) } : {}),
      ...(chance(draw, 0.3) ? { throughNat: pick(draw, [0, 1, 2] as const) } : {}),
      ...(chance(draw, 0.3) ? { idleSeconds: style === 'plain' ? 300 : 301 } : {}),
      ...(style === 'wild' && chance(draw, 0.2)
        ? { tunnelMachines: 'O:LSD:(A;;CC;;;S-1-5-21-1)', keyEncoding: 1 }
        : {}),
    },
  }
}

/** netsh keeps certificates of one kind together and one of each other method. */
function oneOfEach(proposals: readonly AuthProposal[]): readonly AuthProposal[] {
  const kind = ({ method, signing }: AuthProposal) => `${method} ${signing ?? ''}`
  return proposals.filter((one, index) => proposals.findIndex(other => kind(other) === kind(one)) === index)
}

function revealed(set: AuthSet | undefined): unknown {
  return set?.proposals.map(proposal => ({
    ...proposal,
    ...(proposal.key === undefined ? {} : { key: proposal.key.reveal() }),
  }))
}

function plainRule({ id, written, profiles, ...rest }: ConnectionSecurityRule | MainModeRule): object {
  return { ...rest, profiles: profiles.length === 3 ? [] : [...profiles].sort() }
}

/** All that a policy says, sets in their rules, secrets revealed, ids and what a form made of them left out. */
export function said(policy: ConnectionSecurityPolicy): unknown {
  const { mainModeSets, settings } = policy
  const ownDefault = mainModeSets.find(({ id }) => id === wellKnownSets.mainMode)
  const content = (set: MainModeSet | undefined) =>
    set === undefined
      ? undefined
      : { proposals: set.proposals, force: set.forceDiffieHellman, minutes: set.minutes, sessions: set.sessions }
  const value = {
    rules: policy.rules.map(rule => ({
      ...plainRule(rule),
      interfaceTypes: [...rule.interfaceTypes].sort(),
      keyModules: [...rule.keyModules].sort(),
      auth1: revealed(auth1Of(policy, rule.auth1)),
      auth2: revealed(auth2Of(policy, rule.auth2)),
      quickMode: (set => set && { proposals: set.proposals, freshKeys: set.freshKeys })(
        quickModeOf(policy, rule.quickMode),
      ),
    })),
    mainModeRules: policy.mainModeRules.map(rule => ({
      ...plainRule(rule),
      auth1: revealed(auth1Of(policy, rule.auth1)),
      mainMode: content(mainModeOf(policy, rule.mainMode)),
    })),
    mainMode: content(ownDefault),
    settings,
  }
  return JSON.parse(JSON.stringify(value, (key, one: unknown) => (isWriters(key, one) ? undefined : one))) as unknown
}

/** Versions that the registry's writer adds by itself; random policies have others. */
function isWriters(key: string, value: unknown): boolean {
  const { major, minor } = (value ?? {}) as Partial<SchemaVersion>
  if (key === 'version') return major === 2 && minor === 26
  return key === 'skipVersion' && major === 2 && (minor === 0 || minor === 9 || minor === 16)
}
