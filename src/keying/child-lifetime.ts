// How long a child lives before it is renewed and before it ends: what its rule says, and what its cipher and its sequence
// numbers allow (RFC 7296 §2.8: each host decides for itself).
import type { Lifetime } from '../ipsec/lifetime.ts'
import { ruleNamed } from './child-rule.ts'
import { softShare } from './ikev2/established.ts'
import type { ChildTerms } from './ikev2/session.ts'
import type { World } from './machine.ts'

const SECONDS = 3600
const KILOBYTE = 1024
/** Blocks of 64 bits meet again after 2^32 of them, and well before that attacks begin (Sweet32). */
const MOST_OF_SMALL_BLOCKS = 2 ** 30
const SEQUENCE_NUMBERS = 2 ** 32

export function lifetimeOf({ rule, choice }: ChildTerms, world: World): Lifetime {
  const { seconds = SECONDS, kilobytes } = ruleNamed(rule, world)?.lifetime ?? {}
  const hasSmallBlocks = choice.suite.protocol === 'esp' && choice.suite.cipher.blockBytes === 8
  const limits = [
    ...(kilobytes === undefined ? [] : [kilobytes * KILOBYTE]),
    ...(hasSmallBlocks ? [MOST_OF_SMALL_BLOCKS] : []),
  ]
  const hard = {
    seconds,
    ...(limits.length === 0 ? {} : { bytes: Math.min(...limits) }),
    // Extended numbers outlast everything else.
    ...(choice.extendedSequence ? {} : { packets: SEQUENCE_NUMBERS - 1 }),
  }
  const share = softShare(world)
  // Whole packets and octets; of seconds also parts, else short lifetimes end on both hosts at one moment.
  const part = (name: string, limit: number) => (name === 'seconds' ? limit * share : Math.floor(limit * share))
  const soft = Object.fromEntries(Object.entries(hard).map(([name, limit]) => [name, part(name, limit)]))
  return { soft, hard }
}
