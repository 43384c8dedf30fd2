// How long a child lives before it is renewed and before it ends: what its rule says, and what its cipher and its sequence
// numbers allow (RFC 7296 §2.8: each host decides for itself).
import type { Suite } from '../crypto/suites.ts'
import type { Lifetime } from '../ipsec/lifetime.ts'
import type { RuleId } from '../policy/model.ts'
import { ruleNamed } from './child-rule.ts'
import type { World } from './machine.ts'

export interface LifetimeTerms {
  readonly rule: RuleId
  readonly suites: readonly Suite[]
  readonly extendedSequence: boolean
}

const SECONDS = 3600
const KILOBYTE = 1024
/** Blocks of 64 bits meet again after 2^32 of them, and well before that attacks begin (Sweet32). */
const MOST_OF_SMALL_BLOCKS = 2 ** 30
const SEQUENCE_NUMBERS = 2 ** 32

/** As an initiator of IKEv1 offers it, too. */
export function ruleLifetime(rule: RuleId, world: World): { readonly seconds: number; readonly kilobytes?: number } {
  return { seconds: SECONDS, ...ruleNamed(rule, world)?.lifetime }
}

/** `agreed`: as both hosts of IKEv1 settle it; else the rule's. */
export function lifetimeOf(
  { rule, suites, extendedSequence }: LifetimeTerms,
  world: World,
  agreed?: { readonly seconds?: number; readonly kilobytes?: number },
): Lifetime {
  const { seconds = SECONDS, kilobytes } = agreed ?? ruleLifetime(rule, world)
  const hasSmallBlocks = suites.some(suite => suite.protocol === 'esp' && suite.cipher.blockBytes === 8)
  const limits = [
    ...(kilobytes === undefined ? [] : [kilobytes * KILOBYTE]),
    ...(hasSmallBlocks ? [MOST_OF_SMALL_BLOCKS] : []),
  ]
  const hard = {
    seconds,
    ...(limits.length === 0 ? {} : { bytes: Math.min(...limits) }),
    // Extended numbers outlast everything else.
    ...(extendedSequence ? {} : { packets: SEQUENCE_NUMBERS - 1 }),
  }
  const share = softShare(world)
  // Whole packets and octets; of seconds also parts, else short lifetimes end on both hosts at one moment.
  const part = (name: string, limit: number) => (name === 'seconds' ? limit * share : Math.floor(limit * share))
  const soft = Object.fromEntries(Object.entries(hard).map(([name, limit]) => [name, part(name, limit)]))
  return { soft, hard }
}

/** The part of a lifetime after which it is renewed, 0 to 1. */
export function softShare({ settings, random }: Pick<World, 'settings' | 'random'>): number {
  return Math.max(0, settings.renewAt - settings.jitter * random.fraction())
}
