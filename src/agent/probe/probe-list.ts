// What a probe sends, in order: each packet with what it asks. Few packets, each of which differs from another in the one
// thing that is to be learnt, such as source port 88 (KB 811832).
import { type Address, formatAddress } from '../../base/address.ts'
import { RSVP, TCP, UDP } from '../../base/flow.ts'
import type { Random } from '../../base/random.ts'
import { echoProtocol, NONCE_OCTETS, writeEcho } from '../ping/echo-message.ts'
import { IKE_NONCE_OCTETS, ikev1Opening, ikev2Opening, PUBLIC_OCTETS, withMarker } from './probe-ike.ts'
import { kerberosRequest, nameQuestion, type Ports, rsvpPath, tcpSyn, udpDatagram } from './probe-packets.ts'

/** Which exemption would let it in: `plain`: none. */
export type ProbeClass = 'plain' | 'icmp' | 'kerberos' | 'ike-port' | 'ike' | 'rsvp' | 'group'

/** By what its answer is known. */
export type Expects =
  | { readonly kind: 'ports'; readonly ports: Ports }
  | { readonly kind: 'ike'; readonly spi: bigint; readonly ports: Ports }
  | { readonly kind: 'echo'; readonly identifier: number; readonly nonce: string }
  | { readonly kind: 'protocol' }

export interface Probe {
  readonly number: number
  readonly class: ProbeClass
  /** What is sent, in words. */
  readonly what: string
  /** What an answer in clear would tell. */
  readonly asks: string
  readonly to: Address
  readonly protocol: number
  /** From the header behind IP's on. */
  readonly message: Uint8Array
  readonly expects: Expects
}

export interface ProbeSettings {
  readonly own: Address
  readonly host: Address
  readonly ports: readonly number[]
  /** Groups that reach others as well: the subnet's broadcast address, a multicast group. */
  readonly groups: readonly Address[]
  readonly random: Random
}

export const usualPorts: readonly number[] = [22, 445, 1]

const KERBEROS = 88
const IKE_PORT = 500
const NAT_TRAVERSAL = 4500
const NAMES = 137

export function listProbes(settings: ProbeSettings): readonly Probe[] {
  const { own, host, ports, groups, random } = settings
  const ends = { own, to: host }
  const below = (least: number, count: number) => least + Math.floor(random.fraction() * count)
  // One port of ours for all of a kind: nothing else of this host may use it, which is why it is high.
  const ordinary = below(49_152, 16_000)
  const closed = below(33_434, 10_000)
  const number = () => Math.floor(random.fraction() * 2 ** 32)
  const octets = (count: number) => {
    const bytes = new Uint8Array(count)
    random.fill(bytes)
    return bytes
  }
  const spi = () => (BigInt(number()) << 32n) | BigInt((number() | 1) >>> 0)
  const tcp = (from: number, to: number) => ({
    ...{ protocol: TCP, to: host, message: tcpSyn(ends, { from, to }, number()) },
    expects: { kind: 'ports', ports: { from, to } } as const,
  })
  const udp = (from: number, to: number, content: Uint8Array) => ({
    ...{ protocol: UDP, to: host, message: udpDatagram(ends, { from, to }, content) },
    expects: { kind: 'ports', ports: { from, to } } as const,
  })
  const ike = (port: number, own: bigint, content: Uint8Array) => ({
    ...udp(port, port, content),
    expects: { kind: 'ike', spi: own, ports: { from: port, to: port } } as const,
  })
  const [spi2, spi1, spiNat] = [spi(), spi(), spi()]
  const opening = (own: bigint) => ikev2Opening(own, octets(PUBLIC_OCTETS), octets(IKE_NONCE_OCTETS))
  const nonce = octets(NONCE_OCTETS)
  const identifier = below(1, 65_000)
  const echo = writeEcho({ family: host.family, identifier, sequence: 1, nonce, size: 32 })
  const list: readonly Omit<Probe, 'number'>[] = [
    ...ports.map(port => ({ ...plain(`TCP SYN to port ${port}`, 'is anything secured?'), ...tcp(ordinary, port) })),
    {
      ...plain(`UDP to port ${closed}, which should be closed`, 'is anything secured?'),
      ...udp(ordinary, closed, octets(16)),
    },
    {
      ...{ class: 'icmp', what: 'ICMP echo request', asks: 'is ICMP secured?', to: host },
      ...{ protocol: echoProtocol(host.family), message: echo },
      expects: { kind: 'echo', identifier, nonce: nonce.toHex() },
    },
    ...ports.map(port => ({
      ...kerberos(`TCP SYN from port 88 to port ${port}`, 'does source port 88 open it?'),
      ...tcp(KERBEROS, port),
    })),
    { ...kerberos('TCP SYN to port 88', 'is Kerberos exempt?'), ...tcp(ordinary, KERBEROS) },
    {
      ...kerberos(`UDP from port 88 to port ${closed}`, 'does source port 88 open it?'),
      ...udp(KERBEROS, closed, octets(16)),
    },
    {
      ...kerberos('UDP from port 88 to port 88, a Kerberos request', 'is Kerberos exempt?'),
      ...udp(KERBEROS, KERBEROS, kerberosRequest(number())),
    },
    {
      ...{ class: 'ike-port', what: `UDP from port 500 to port ${closed}`, asks: 'does source port 500 open it?' },
      ...udp(IKE_PORT, closed, octets(16)),
    },
    { ...keying('IKEv2 (port 500), a proposal to refuse', 'IKEv2'), ...ike(IKE_PORT, spi2, opening(spi2)) },
    {
      ...keying('IKEv1 main mode (port 500), a proposal to refuse', 'IKEv1'),
      ...ike(IKE_PORT, spi1, ikev1Opening(spi1)),
    },
    {
      ...keying('IKEv2 (port 4500), a proposal to refuse', 'IKEv2 behind NAT'),
      ...ike(NAT_TRAVERSAL, spiNat, withMarker(opening(spiNat))),
    },
    {
      ...{ class: 'rsvp', what: 'RSVP (protocol 46) PATH message', asks: 'is RSVP exempt?', to: host, protocol: RSVP },
      ...{ message: rsvpPath(ends), expects: { kind: 'protocol' } },
    },
    ...groups.map((to, index) => ({
      ...{ class: 'group' as const, what: `UDP to port 137 of ${formatAddress(to)}, a question for names` },
      ...{ asks: 'are groups exempt?', to, protocol: UDP },
      message: udpDatagram({ own, to }, { from: ordinary + 1 + index, to: NAMES }, nameQuestion(number() & 0xffff)),
      expects: { kind: 'ports', ports: { from: ordinary + 1 + index, to: NAMES } } as const,
    })),
  ]
  return list.map((probe, index) => ({ ...probe, number: index + 1 }))
}

function plain(what: string, asks: string) {
  return { class: 'plain', what, asks } as const
}

function kerberos(what: string, asks: string) {
  return { class: 'kerberos', what, asks } as const
}

function keying(what: string, version: string) {
  return { class: 'ike', what, asks: `is ${version} spoken?` } as const
}
