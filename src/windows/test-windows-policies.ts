// Random policies for the tests of this folder: those of the policy folder, with words that Windows has and words that it has
// not. And comparing of policies as far as their meaning goes.
import { Secret } from '../base/secret.ts'
import { formatFilter } from '../policy/filter.ts'
import type { Authentication, IkeSettings, KeyLifetime, Policy, Rule } from '../policy/model.ts'
import { type Draw, pick, randomPolicy, spec } from '../policy/test-policies.ts'

const windowsMethods = [
  'esp-3des-sha1',
  'esp-3des-md5',
  'esp-des-sha1',
  'esp-des-md5',
  'esp-null-sha1',
  'ah-sha1',
  'ah-md5',
  'ah-sha1+esp-3des-sha1',
  'ah-md5+esp-null-md5',
]
const otherMethods = ['esp-aes256gcm16', 'esp-aes128-sha256', 'ah-sha256', 'esp-3des-sha256', 'ah-sha1+esp-aes128-sha1']
const windowsIke = [
  'des-md5-modp768',
  '3des-sha1-modp1024',
  '3des-md5-modp1024',
  'des-sha1-modp2048',
  '3des-sha1-modp2048',
]
const otherIke = ['aes256-sha256-modp2048', '3des-sha1-prfsha256-modp1024', '3des-sha1-curve25519']

function some<T>(draw: Draw, list: readonly T[], most: number): readonly T[] {
  return [...new Set(Array.from({ length: 1 + Math.floor(draw() * most) }, () => pick(draw, list)))]
}

function randomAuthentication(draw: Draw, isWindows: boolean): Authentication {
  const chance = draw()
  const own = !isWindows && draw() < 0.3
  if (chance < 0.4) {
    const secret = new Secret(pick(draw, ['open sesame', 'Schlüssel', 'x'.repeat(300), '🔑']))
    return {
      kind: 'preSharedKey',
      secret,
      ...(own ? { identity: 'a.example' } : {}),
      ...(own ? { peer: ['b.example'] } : {}),
    }
  }
  if (chance < 0.7) return { kind: 'kerberos', kdc: own ? [{ family: 4, words: [0x0a000009] }] : [] }
  if (chance < 0.9) {
    const files = { ca: 'ca.pem', own: 'own.pem', key: 'own.key' }
    return { kind: 'certificate', ...files, ...(own ? { revocation: 'required', identity: 'a.example' } : {}) }
  }
  return isWindows ? { kind: 'kerberos', kdc: [] } : { kind: 'publicKey', key: 'own.key', peerKeys: ['peer.pub'] }
}

function randomLifetime(draw: Draw): KeyLifetime | undefined {
  const seconds = draw() < 0.5 ? { seconds: pick(draw, [300, 900, 3600, 172_799]) } : {}
  const kilobytes = draw() < 0.5 ? { kilobytes: pick(draw, [20_480, 100_000, 2_147_483_647]) } : {}
  const lifetime = { ...seconds, ...kilobytes }
  return Object.keys(lifetime).length === 0 ? undefined : lifetime
}

function withKeying(draw: Draw, rule: Rule, isWindows: boolean): Rule {
  const { tunnelEndpoint: _, lifetime: __, ...plain } = rule
  const options = { acceptUnsecuredInbound: false, fallBackToClear: false, freshKeys: false }
  if (rule.action !== 'negotiate') {
    const bare = { ...plain, security: [], keying: [], authentication: [], mode: 'transport' as const, ...options }
    return isWindows || draw() < 0.7 ? bare : { ...rule }
  }
  const lifetime = randomLifetime(draw)
  const isTunnel = draw() < 0.2
  const filters = isTunnel ? rule.filters.map(filter => ({ ...filter, mirrored: false })) : rule.filters
  const end = spec(pick(draw, isWindows ? ['192.0.2.1'] : ['192.0.2.1', 'fd00::9']))
  return {
    ...plain,
    filters,
    mode: isTunnel ? 'tunnel' : 'transport',
    ...(isTunnel && end.kind === 'range' ? { tunnelEndpoint: end.first } : {}),
    security: some(draw, isWindows ? windowsMethods : [...windowsMethods, ...otherMethods], 4),
    keying: isWindows ? ['ikev1'] : pick(draw, [['ikev1'], ['ikev2'], ['ikev2', 'ikev1']]),
    authentication: Array.from({ length: Math.floor(draw() * 3) }, () => randomAuthentication(draw, isWindows)),
    acceptUnsecuredInbound: draw() < 0.3,
    fallBackToClear: draw() < 0.3,
    freshKeys: draw() < 0.3,
    ...(lifetime === undefined ? {} : { lifetime }),
    ...(!isWindows && draw() < 0.2 ? { keyExchange: 'ecp256', freshKeys: true } : {}),
    ...(!isWindows && draw() < 0.2 ? { encapsulation: 'udp' } : {}),
    ...(draw() < 0.3 ? { description: pick(draw, ['For the servers', 'Für alle']) } : {}),
  }
}

/** With `isWindows` only words that Windows has, but for addresses and ports. */
export function randomWindowsPolicy(draw: Draw, isWindows: boolean): Policy {
  const { networks, ...drawn } = randomPolicy(draw)
  const seconds = draw() < 0.3 ? { lifetime: { seconds: pick(draw, [3600, 28_800, 86_400]) } } : {}
  const ike: IkeSettings = {
    security: some(draw, isWindows ? windowsIke : [...windowsIke, ...otherIke], 4),
    ...seconds,
    ...(draw() < 0.2 ? { masterPfs: true } : {}),
    ...(!isWindows && draw() < 0.2 ? { liveness: 10, silence: 5 } : {}),
  }
  return {
    ...drawn,
    networks: isWindows ? [] : networks,
    rules: drawn.rules.map(rule => withKeying(draw, rule, isWindows)),
    ...(!isWindows && draw() < 0.2 ? {} : { ike }),
  }
}

/** What a rule says, without the order of its filters, which means nothing; secrets in the open, so that they are compared. */
export function meaningOf(rule: Rule): Readonly<Record<string, unknown>> {
  const authentication = rule.authentication.map(one =>
    one.kind === 'preSharedKey' ? { ...one, secret: one.secret.reveal() } : one,
  )
  return { ...rule, filters: rule.filters.map(formatFilter).toSorted(), authentication }
}
