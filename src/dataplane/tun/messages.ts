// What the main thread and the worker of the TUN data plane say to each other, in values that structured cloning carries.
// Of a policy only what decides about packets goes over, no secret of it; keys of associations go over as octets that are
// wiped on this side, and become Secrets again there.

import type { Address } from '../../base/address.ts'
import type { Flow } from '../../base/flow.ts'
import { Secret } from '../../base/secret.ts'
import { wipeKeys } from '../../crypto/suites.ts'
import type { AssociationPair, AssociationSpec, Counters, LayerSpec, Spi } from '../../ipsec/association.ts'
import type { DropReason } from '../../ipsec/drop-reasons.ts'
import { atSetting, type CompiledPolicy, compile } from '../../policy/compile.ts'
import type { Me } from '../../policy/filter.ts'
import type { Policy, RuleId } from '../../policy/model.ts'
import type { WhyNone } from '../data-plane.ts'

/** A policy without authentication and keys, whose addresses it is, and the value of its setting. */
export interface SentPolicy {
  readonly policy: Policy
  readonly me: Me
  readonly setting: number
}

type SentLayer = Omit<LayerSpec, 'keys'> & { readonly cipher: Uint8Array; readonly integrity: Uint8Array }
type SentSpec = Omit<AssociationSpec, 'layers'> & { readonly layers: readonly SentLayer[] }

export interface SentPair {
  readonly inbound: SentSpec
  readonly outbound: SentSpec
}

/** Of a datagram of IKE on port 4500, without the non-ESP marker. */
export interface KeyingPath {
  readonly local: { readonly address: Address; readonly port: number }
  readonly remote: { readonly address: Address; readonly port: number }
}

export type Command =
  | { readonly kind: 'enforce'; readonly policy: SentPolicy }
  | { readonly kind: 'install'; readonly pair: SentPair }
  | { readonly kind: 'begin-sending'; readonly name: Spi }
  | { readonly kind: 'remove'; readonly names: readonly Spi[] }
  | { readonly kind: 'refuse'; readonly flow: Flow; readonly rule: RuleId; readonly why: WhyNone }
  | { readonly kind: 'counters' }
  | { readonly kind: 'statistics' }
  | { readonly kind: 'send-keying'; readonly path: KeyingPath; readonly bytes: Uint8Array }
  | { readonly kind: 'stop' }

export interface Asked {
  readonly number: number
  readonly command: Command
}

/** What the worker is running with, for `status`. */
export interface TunFacts {
  readonly device: string
  readonly segmentation: 'none' | 'tcp' | 'tcp-and-udp'
  readonly engine: string
}

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'counters'; readonly counters: ReadonlyMap<Spi, Counters> }
  | { readonly kind: 'statistics'; readonly statistics: Statistics }
  | { readonly kind: 'failed'; readonly isRange: boolean; readonly message: string }

/** Packets by the way that they took. */
export interface Statistics {
  readonly sealedQuickly: number
  readonly openedQuickly: number
  readonly readFromTun: number
  readonly writtenToTun: number
  readonly sendingCalls: number
}

/**
 * Messages that the main thread has not taken yet are counted in one word that both threads see. Above this many, what
 * strangers can cause is held back or dropped: a busy main thread must not fill the memory.
 */
export const MOST_UNHEARD = 1000

export type Told =
  | { readonly kind: 'started'; readonly facts: TunFacts }
  | { readonly kind: 'answer'; readonly number: number; readonly answer: Answer }
  | { readonly kind: 'needs-keys'; readonly rule: RuleId; readonly flow: Flow }
  | { readonly kind: 'ageing'; readonly name: Spi; readonly age: 'soft' | 'hard' }
  /** So many for the same reason; the flow of the first. */
  | { readonly kind: 'dropped'; readonly reason: DropReason; readonly flow: Flow | undefined; readonly count: number }
  | { readonly kind: 'keying-datagram'; readonly path: KeyingPath; readonly bytes: Uint8Array }

export function sendPolicy({ policy, me, setting }: CompiledPolicy): SentPolicy {
  const { keys: _, ike: __, ...rest } = policy
  const rules = policy.rules.map(rule => ({ ...rule, authentication: [] }))
  return { policy: { ...rest, rules }, me, setting: setting.value }
}

export function receivePolicy({ policy, me, setting }: SentPolicy): CompiledPolicy {
  const compiled = compile(policy, { me })
  // A policy may be enforced at another value than its own.
  return compiled.setting.value === setting ? compiled : atSetting(compiled, setting)
}

export function sendPair(pair: AssociationPair): SentPair {
  return { inbound: sendSpec(pair.inbound), outbound: sendSpec(pair.outbound) }
}

function sendSpec(spec: AssociationSpec): SentSpec {
  const layers = spec.layers.map(({ keys, ...layer }) => ({
    ...layer,
    cipher: keys.cipher.reveal().slice(),
    integrity: keys.integrity.reveal().slice(),
  }))
  return { ...spec, layers }
}

export function receivePair(pair: SentPair): AssociationPair {
  return { inbound: receiveSpec(pair.inbound), outbound: receiveSpec(pair.outbound) }
}

function receiveSpec(spec: SentSpec): AssociationSpec {
  const layers = spec.layers.map(({ cipher, integrity, ...layer }) => {
    return { ...layer, keys: { cipher: new Secret(cipher), integrity: new Secret(integrity) } } as LayerSpec
  })
  return { ...spec, layers }
}

/** Once the message is on its way, or the keyed objects are made. */
export function wipePair(pair: SentPair): void {
  for (const spec of [pair.inbound, pair.outbound])
    for (const { cipher, integrity } of spec.layers)
      wipeKeys({ cipher: new Secret(cipher), integrity: new Secret(integrity) })
}
