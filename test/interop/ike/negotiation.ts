// One negotiation as a test writes it, in few words that both sides' configurations are made from: who begins, what protects
// IKE and traffic, how they prove themselves. Runs it in a lab and looks at everything that must be true afterwards.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyingSettings } from '../../../src/keying/keying-settings.ts'
import type { LabHostOptions } from '../uml/lab-host.ts'
import { type HostCertificate, type KeyKind, LabAuthority } from './certificates.ts'
import type { IkeHost } from './ike-host.ts'
import { clear, type GuestLab, hidden, type NatSide, ours, type RoomLab, theirs } from './ike-lab.ts'
import { type ConnectionWords, load, type StrongSwan } from './strongswan.ts'
import { part, type ViciSection } from './vici.ts'

export const psk = 'a preshared key of the lab, long enough for everybody'

/** Seconds to the first answer, on a machine that has much else to do. */
const PATIENCE = 6

export interface Negotiation {
  readonly initiator: 'ours' | 'theirs'
  /** Our names; strongSwan's are nearly the same. */
  readonly ike?: string
  readonly security?: string
  /** Of both hosts' certificates; left out, the preshared key. */
  readonly key?: KeyKind
  /** Octets by which the certificates are larger. */
  readonly padding?: number
  readonly mode?: 'transport' | 'tunnel'
  readonly family?: 4 | 6
  readonly extendedSequence?: boolean
  /** What our policy, its rules and our host have beside. */
  readonly policy?: { readonly ike?: object }
  readonly rule?: object
  readonly settings?: Partial<KeyingSettings>
  readonly wire?: LabHostOptions['wire']
  readonly losesPieces?: boolean
  readonly altered?: (message: Uint8Array) => Uint8Array
  /** What strongSwan's connection has beside, and what is different there. */
  readonly theirs?: Partial<ConnectionWords> & { readonly psk?: string }
}

/** Both hosts' certificates, made when they are first asked for; ours as files too, as a policy names them. */
export class LabCertificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'sealwire-credentials-'))
  readonly #authorities = new Map<KeyKind, LabAuthority>()
  readonly #hosts = new Map<string, HostCertificate>()

  authority(key: KeyKind): LabAuthority {
    const known = this.#authorities.get(key)
    if (known !== undefined) return known
    const authority = new LabAuthority(key === 'rsa-4096' ? 'rsa' : key)
    writeFileSync(join(this.folder, `${key}-ca.pem`), authority.certificate)
    this.#authorities.set(key, authority)
    return authority
  }

  /** Names of files for a policy. */
  ours(addresses: readonly string[], key: KeyKind, padding = 0) {
    const name = `${addresses[0]!.replaceAll(/[.:]/g, '-')}-${key}-${padding}`
    const host = this.#host(addresses, key, padding)
    writeFileSync(join(this.folder, `${name}.pem`), host.certificate)
    writeFileSync(join(this.folder, `${name}.key`), host.key, { mode: 0o600 })
    return { ca: `${key}-ca.pem`, own: `${name}.pem`, key: `${name}.key` }
  }

  theirs(addresses: readonly string[], key: KeyKind, padding = 0): HostCertificate {
    return this.#host(addresses, key, padding)
  }

  close(): void {
    for (const authority of this.#authorities.values()) authority.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #host(addresses: readonly string[], key: KeyKind, padding: number): HostCertificate {
    const name = `${addresses.join(' ')} ${key} ${padding}`
    const names = addresses.map(address => `IP:${address}`)
    const host = this.#hosts.get(name) ?? this.authority(key).issue(addresses[0]!, names, key, padding)
    this.#hosts.set(name, host)
    return host
  }
}

/** As each side sees itself and the other. */
export interface Ends {
  readonly own: string
  readonly peer: string
  readonly peerOwn: string
  readonly ownAsSeen: string
}

export function endsOf(nat: NatSide, family: 4 | 6 = 4): Ends {
  const [own, peer] = [ours[family], theirs[family]]
  return {
    ...{ own: nat === 'ours' ? hidden : own, peer },
    ...{ peerOwn: nat === 'theirs' ? hidden : peer, ownAsSeen: own },
  }
}

export function policyOf(words: Negotiation, ends: Ends, certificates: LabCertificates): object {
  const { ike, security = 'esp-aes256gcm16', key, padding, mode = 'transport', policy, rule } = words
  const proof =
    key === undefined
      ? { preSharedKey: psk }
      : { certificate: { ...certificates.ours([ends.own], key, padding), identity: ends.own } }
  if (key !== undefined) certificates.authority(key)
  const all = {
    ...{ action: 'negotiate', security: security.split(' '), keying: ['ikev2'], authentication: [proof] },
    ...rule,
  }
  const [source, destination] = [ends.own, ends.peer]
  const rules =
    mode === 'transport'
      ? [{ name: 'all', filters: [{ source, destination }], ...all }]
      : [
          {
            ...{ name: 'out', filters: [{ source, destination, mirrored: false }], mode, tunnelEndpoint: ends.peer },
            ...all,
          },
          {
            ...{ name: 'in', filters: [{ source: destination, destination: source, mirrored: false }], mode },
            ...{ tunnelEndpoint: ends.own, ...all },
          },
        ]
  return { name: 'lab', ike: { ...(ike === undefined ? {} : { security: [ike] }), ...policy?.ike }, rules }
}

export function theirSecurity(security: string): ViciSection {
  const words = (protocol: string) =>
    security
      .split(' ')
      .filter(name => name.startsWith(`${protocol}-`))
      .map(name => name.slice(protocol.length + 1))
  return { esp_proposals: words('esp'), ah_proposals: words('ah') }
}

export async function teach(
  { vici }: StrongSwan,
  words: Negotiation,
  ends: Ends,
  certificates: LabCertificates,
): Promise<void> {
  const { ike = 'aes256gcm16-prfsha384-curve25519', security = 'esp-aes256gcm16', key, padding } = words
  const own = key === undefined ? undefined : certificates.theirs([ends.peerOwn], key, padding)
  const auth = key === undefined ? 'psk' : 'pubkey'
  const { psk: secret = psk, child, ...more } = words.theirs ?? {}
  const authorities = key === undefined ? {} : { authorities: [certificates.authority(key).certificate] }
  await load(
    vici,
    [
      {
        ...{ name: 'lab', local: ends.peerOwn, remote: ends.ownAsSeen, mode: words.mode ?? 'transport', esp: [] },
        ike: [ike.replace('curve448', 'x448')],
        here: { auth, ...(own === undefined ? {} : { certificates: [own.certificate] }) },
        there: { auth, id: ends.own, ...authorities },
        ...(words.mode === 'tunnel' ? { localSelectors: [ends.peer], remoteSelectors: [ends.own] } : {}),
        ...more,
        child: { ...theirSecurity(security), ...child },
      },
    ],
    own === undefined ? { psk: [[ends.own, secret]] } : { keys: [own.key] },
  )
}

export interface Standing {
  readonly host: IkeHost
  readonly ends: Ends
}

export interface Scene {
  readonly lab: GuestLab | RoomLab
  readonly strongSwan: StrongSwan
  readonly certificates: LabCertificates
  readonly nat?: NatSide
}

/** Our host and strongSwan, taught, before anybody has said a word. */
export async function prepare(scene: Scene, words: Negotiation): Promise<Standing> {
  const { lab, strongSwan, certificates, nat = 'none' } = scene
  const ends = endsOf(nat, words.family)
  await lab.end.leave()
  await clear(strongSwan)
  await teach(strongSwan, words, ends, certificates)
  const { settings = {}, wire = {}, losesPieces = false, altered } = words
  const host = await lab.end.host({ settings, wire, losesPieces, ...(altered === undefined ? {} : { altered }) })
  await host.follow(policyOf(words, ends, certificates), certificates.folder)
  lab.end.link.clear.length = 0
  return { host, ends }
}

/** Until both sides stand and traffic goes both ways, sealed and nothing else. */
export async function agree(scene: Scene, words: Negotiation): Promise<Standing> {
  const { lab, strongSwan } = scene
  const standing = await prepare(scene, words)
  const { host, ends } = standing
  return explained(scene, host, async () => {
    if (words.initiator === 'theirs') {
      await strongSwan.vici.ask('initiate', { child: 'lab', timeout: '10000', loglevel: '-1' })
    }
    assert.equal(await host.lab.ping(ends.own, ends.peer, 56, PATIENCE), '')
    assert.equal(await lab.pingFromPeer(words.mode === 'tunnel' ? ends.own : ends.ownAsSeen), '')
    assert.deepEqual(host.sessions().length, 1, host.sessions().join(', '))
    assert.match(host.sessions()[0]!, words.initiator === 'ours' ? /^initiator established/ : /^responder established/)
    assert.ok(lab.end.link.counts.sealed >= 4, 'sealed packets stood on the wire')
    nothingElse(scene, host)
    return standing
  })
}

/** That nothing was in clear, and that nobody complained. */
export function nothingElse({ lab }: Scene, host: IkeHost): void {
  assert.deepEqual(lab.end.link.clear, [], 'something stood on the wire in clear')
  assert.equal(host.lab.clear, 0, 'something reached our applications in clear')
  assert.deepEqual(host.faults, [], 'the data plane refused something')
}

/** With both sides' logs where it fails. */
export async function explained<T>({ strongSwan }: Scene, host: IkeHost, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const log = (await strongSwan.log().catch(() => '')).split('\n').filter(line => !/CFG\] {3}/.test(line))
    const story = host.story().split('\n').slice(-40).join('\n')
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${what}\n\nours:\n${story}\n${host.sessions()}\n\nstrongSwan:\n${log.slice(-60).join('\n')}`, {
      cause,
    })
  }
}

/** strongSwan's IKE SA, and its children by their unique names. */
export async function theirSession({
  vici,
}: StrongSwan): Promise<{ session: ViciSection; children: readonly ViciSection[] }> {
  const [first = {}] = await vici.list('list-sas', 'list-sa')
  const session = part(first, 'lab')
  return { session, children: Object.values(part(session, 'child-sas')) as readonly ViciSection[] }
}
