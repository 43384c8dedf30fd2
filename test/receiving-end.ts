// A host that receives, for tests: its inbound journey with one association, and the other end that seals for it.
import assert from 'node:assert/strict'
import { TCP } from '../src/base/flow.ts'
import { choosePacketCrypto } from '../src/crypto/packet-crypto.ts'
import type { Association } from '../src/ipsec/association.ts'
import { AssociationDatabase } from '../src/ipsec/association-database.ts'
import { Inbound, type InboundOutcome } from '../src/ipsec/inbound.ts'
import { FallBacks } from '../src/ipsec/negotiation.ts'
import { sealPacket, Workbench } from '../src/ipsec/seal.ts'
import { compile } from '../src/policy/compile.ts'
import { policy, rule } from '../src/policy/test-policies.ts'
import { addressOf, buildPacket, type PacketWords } from './build-packets.ts'
import { bothEnds, type PairWords } from './ipsec-pair.ts'

export const crypto = choosePacketCrypto('openssl')
export const bench = new Workbench()
export const hosts = { 4: ['10.54.0.1', '10.54.0.2'], 6: ['fd54::1', 'fd54::2'] } as const
export const tcpOnly = [
  { source: { kind: 'any' }, destination: { kind: 'any' }, protocol: TCP, isMirror: false },
] as const

export const rules = [
  rule('negotiate', ['any 10.54.0.0/24 <-> 10.54.0.0/24', 'any fd54::/64 <-> fd54::/64'], { name: 'all' }),
  rule('negotiate', ['any 10.54.0.2 <-> 10.54.0.3'], { name: 'soft', fallBackToClear: true }),
  rule('negotiate', ['any 10.54.0.2 <-> 10.54.0.4'], { name: 'polite', acceptUnsecuredInbound: true }),
  rule('negotiate', ['tcp 10.54.0.1 <-> 10.54.0.2:25'], { name: 'mail' }),
  rule('permit', ['tcp 10.54.0.1 <-> 10.54.0.2:80'], { name: 'web' }),
  rule('block', ['tcp 10.54.0.1 <-> 10.54.0.2:23'], { name: 'telnet' }),
]

export interface Ends {
  readonly inbound: Inbound
  readonly sender: Association
  readonly receiver: Association
  readonly fallBacks: FallBacks
  readonly aged: string[]
  readonly database: AssociationDatabase
}

export function ends(words: Partial<PairWords> & { family?: 4 | 6 } = {}): Ends {
  const { family = 4, ...pairWords } = words
  const [one, other] = hosts[family].map(addressOf)
  const [here, there] = bothEnds({ one: one!, other: other!, security: 'esp-aes256gcm16', ...pairWords })
  const database = new AssociationDatabase(crypto)
  const fallBacks = new FallBacks()
  const aged: string[] = []
  const ageing = (_: Association, age: string) => aged.push(age)
  const inbound = new Inbound(compile(policy(rules)), { database, bench, fallBacks, ageing })
  const sender = new AssociationDatabase(crypto).install(here, 0)
  return { inbound, sender, receiver: database.install(there, 0), fallBacks, aged, database }
}

export function packetOf(family: 4 | 6 = 4, more: Partial<PacketWords> = {}): Uint8Array {
  return buildPacket({ source: hosts[family][0], destination: hosts[family][1], ...more })
}

export function seal(sender: Association, packet: Uint8Array): Uint8Array {
  const sealed = sealPacket(bench, sender, packet)
  assert.ok('packet' in sealed, JSON.stringify(sealed))
  return sealed.packet
}

export function reason(outcome: InboundOutcome): string {
  return outcome.kind === 'drop' ? outcome.reason : outcome.kind
}
