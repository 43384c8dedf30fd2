// Two strongSwans in a room, on a cable of ours: each scenario is one exchange of IKE_SA_INIT, IKE_AUTH and pings through
// the tunnel, with all frames and with the keys from the initiator's log. Proves the lab, and is truth for our decoders.
import assert from 'node:assert/strict'
import { truncateSync } from 'node:fs'
import { UDP } from '../../../src/base/flow.ts'
import { decodeFrame } from '../../../src/wire/decode.ts'
import { Packet } from '../../../src/wire/packet.ts'
import { type HostCertificate, type KeyKind, LabAuthority } from './certificates.ts'
import { type LoggedSecrets, readLoggedSecrets } from './exchange-truth.ts'
import { joinPorts } from './frame-wire.ts'
import { LabRoom } from './lab-room.ts'
import { load, type RoomStrongSwan, startStrongSwan } from './strongswan.ts'

export interface Scenario {
  readonly name: string
  readonly ike: string
  readonly esp: string
  /** Of both hosts' certificates; left out, a preshared key. */
  readonly key?: KeyKind
  /** strongSwan's demand on signatures. */
  readonly auth?: string
  /** Octets by which the certificates are larger. */
  readonly padding?: number
}

/** One of each cipher, PRF, integrity algorithm, group and proof that strongSwan has and we have too, not all pairs. */
export const scenarios: readonly Scenario[] = [
  { name: 'psk-aes-cbc-x25519', ike: 'aes256-sha256-x25519', esp: 'aes128gcm16' },
  { name: 'psk-3des-sha1-modp1024', ike: '3des-sha1-modp1024', esp: '3des-sha1' },
  { name: 'psk-aes-ctr-xcbc-modp2048', ike: 'aes128ctr-aesxcbc-prfaesxcbc-modp2048', esp: 'aes128ctr-aesxcbc' },
  { name: 'psk-aes-cmac-ecp521', ike: 'aes192-aescmac-prfaescmac-ecp521', esp: 'aes192-sha384' },
  { name: 'psk-aes-ccm-modp1536', ike: 'aes128ccm16-prfsha1-modp1536', esp: 'aes256ccm16' },
  { name: 'psk-aes-ccm8-modp3072', ike: 'aes256ccm8-prfsha512-modp3072', esp: 'aes128ccm8' },
  { name: 'psk-gcm8-modp4096', ike: 'aes192gcm8-prfmd5-modp4096', esp: 'aes192gcm12' },
  { name: 'psk-sha512-modp6144', ike: 'aes128-sha512-modp6144', esp: 'aes128-sha512' },
  { name: 'psk-md5-modp768', ike: 'aes128-md5-modp768', esp: 'aes128-md5' },
  { name: 'psk-sha384-modp8192', ike: 'aes256-sha384-modp8192', esp: 'aes128-aescmac' },
  { name: 'rsa-gcm-ecp256', ike: 'aes128gcm16-prfsha256-ecp256', esp: 'aes256gcm16', key: 'rsa' },
  {
    ...{ name: 'rsa-pss-fragments', ike: 'aes256gcm16-prfsha384-ecp384', esp: 'aes128gcm16', key: 'rsa' },
    ...{ auth: 'ike:rsa/pss-sha384', padding: 1500 },
  },
  { name: 'rsa-gcm12', ike: 'aes256gcm12-prfsha512-curve25519', esp: 'chacha20poly1305', key: 'rsa' },
  { name: 'ecdsa-256-chacha', ike: 'chacha20poly1305-prfsha256-x25519', esp: 'chacha20poly1305', key: 'ecdsa-256' },
  { name: 'ecdsa-384-x448', ike: 'aes128-sha256-x448', esp: 'aes128-sha256', key: 'ecdsa-384' },
  { name: 'ecdsa-521', ike: 'aes256-sha512-ecp521', esp: 'aes256-sha512', key: 'ecdsa-521' },
  { name: 'ed25519', ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16', key: 'ed25519' },
]

export const addresses = ['10.54.10.1', '10.54.10.2'] as const
export const psk = 'a preshared key of the lab'

export interface RanExchange {
  readonly frames: readonly Uint8Array[]
  /** IKE messages without markers. */
  readonly datagrams: readonly Uint8Array[]
  readonly secrets: LoggedSecrets
  /** Milliseconds from the request to the established child. */
  readonly took: number
}

export class LabExchanges {
  readonly #room = new LabRoom()
  readonly #hosts = new Map<string, HostCertificate>()
  readonly #authorities = new Map<KeyKind, LabAuthority>()
  #daemons: readonly RoomStrongSwan[] = []
  #frames: Uint8Array[] = []

  async start(): Promise<void> {
    const ports = []
    for (const [index, address] of addresses.entries()) {
      const namespace = `host${index}`
      await this.#room.must(undefined, `ip netns add ${namespace}`)
      ports.push(await this.#room.tap(`lab${index}`, namespace))
      await this.#room.must(namespace, `ip address add ${address}/24 dev lab${index}`)
      await this.#room.must(namespace, `ip link set lab${index} addrgenmode none up`)
    }
    joinPorts(ports[0]!, ports[1]!, frame => this.#frames.push(frame))
    this.#daemons = await Promise.all(
      addresses.map((_, index) =>
        startStrongSwan({ room: this.#room, name: `host${index}`, namespace: `host${index}`, ikeLog: 4 }),
      ),
    )
  }

  async stop(): Promise<void> {
    for (const { vici } of this.#daemons) vici.close()
    for (const authority of this.#authorities.values()) authority.close()
    await this.#room.close()
  }

  async run(scenario: Scenario): Promise<RanExchange> {
    const { name, key, auth, ike, esp, padding = 0 } = scenario
    const authority = key === undefined ? undefined : this.#authorityOf(key)
    const hosts = addresses.map(address => key && this.#certificateOf(address, key, padding))
    for (const [index, { vici, logFile }] of this.#daemons.entries()) {
      const [local, remote] = [addresses[index]!, addresses[1 - index]!]
      const own = hosts[index]
      const proof = auth ?? (own === undefined ? 'psk' : 'pubkey')
      await load(
        vici,
        [
          {
            ...{ name: 'lab', local, remote, ike: [ike], esp: [esp], mode: 'tunnel' },
            here: { auth: proof, ...(own === undefined ? {} : { certificates: [own.certificate] }) },
            there: { auth: proof, ...(authority === undefined ? {} : { authorities: [authority.certificate] }) },
          },
        ],
        own === undefined ? { psk: [[remote, psk]] } : { keys: [own.key] },
      )
      truncateSync(logFile)
    }
    this.#frames = []
    const [{ vici }, other] = this.#daemons as [RoomStrongSwan, RoomStrongSwan]
    try {
      const from = performance.now()
      await vici.ask('initiate', { child: 'lab', timeout: '10000', loglevel: '-1' })
      const took = performance.now() - from
      const secrets = readLoggedSecrets(await this.#daemons[0]!.log())
      const pinged = await this.#room.run({ words: ['ping', '-c1', '-W5', '-q', addresses[1]], namespace: 'host0' })
      assert.equal(pinged.status, 0, `${name}: no ping through the tunnel: ${pinged.output}`)
      await vici.ask('terminate', { ike: 'lab', timeout: '5000', loglevel: '-1' })
      const frames = this.#frames
      return { frames, datagrams: frames.flatMap(ikeOf), secrets, took }
    } catch (cause) {
      throw new Error(`${name}: ${await this.#daemons[0]!.log()}\n\nthe other:\n${await other.log()}`, { cause })
    }
  }

  #certificateOf(address: string, key: KeyKind, padding: number): HostCertificate {
    const name = `${address} ${key} ${padding}`
    const host = this.#hosts.get(name) ?? this.#authorityOf(key).issue(address, [`IP:${address}`], key, padding)
    this.#hosts.set(name, host)
    return host
  }

  #authorityOf(key: KeyKind): LabAuthority {
    const authority = this.#authorities.get(key) ?? new LabAuthority(key)
    this.#authorities.set(key, authority)
    return authority
  }
}

const ETHERNET = 1

/** Of one Ethernet frame: an IKE message, or nothing. */
export function ikeOf(frame: Uint8Array): readonly Uint8Array[] {
  const packet = new Packet()
  decodeFrame(packet, frame, ETHERNET, 0, frame.length)
  if (packet.protocol !== UDP || (packet.destinationPort !== 500 && packet.destinationPort !== 4500)) return []
  const content = frame.slice(packet.transport + 8, packet.end)
  if (packet.destinationPort === 500) return [content]
  const isMarked = content.length > 4 && content.subarray(0, 4).every(octet => octet === 0)
  return isMarked ? [content.slice(4)] : []
}
