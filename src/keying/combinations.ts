// What may be agreed on as exact combinations of transforms, and their proposals on the wire (RFC 7296 §3.3, RFC 9370).
// Combinations that differ in transforms of one type share a proposal: it then stands for exactly those, no more, so a
// responder that mixes freely within a proposal still answers with one of them.
import { type Result, success } from '../base/result.ts'
import { protocolIds } from '../wire/ike/numbers.ts'
import type { Proposal, Transform } from '../wire/ike/security-association.ts'
import {
  integrityTransforms,
  keyExchangeMethods,
  transformAttributes,
  transformTypes,
} from '../wire/ike/transform-numbers.ts'

const {
  encryption,
  prf,
  integrity,
  'key exchange': keyExchange,
  'sequence numbers': sequenceNumbers,
} = transformTypes.of
export const types = { encryption, prf, integrity, keyExchange, sequenceNumbers } as const
export const FIRST_ADDITIONAL = transformTypes.of['additional key exchange 1']
export const LAST_ADDITIONAL = transformTypes.of['additional key exchange 7']
const KEY_LENGTH = transformAttributes.of['key length']
const NO_KEY_EXCHANGE = keyExchangeMethods.of.none
const NO_INTEGRITY = integrityTransforms.of.none

/** Proposal numbers are of one octet, and begin at 1. */
const MOST_PROPOSALS = 255

export interface Combination {
  /** A protocol identifier of RFC 7296 §3.3.1. */
  readonly protocol: number
  /** At most one of each type, additional key exchanges aside. */
  readonly transforms: readonly Transform[]
  /** Key exchange methods that are done after the first, in this order; none of them twice, nor the first (RFC 9370 §2.2.2). */
  readonly additional: readonly number[]
}

export function transform(type: number, id: number, keyBits?: number): Transform {
  const attributes = keyBits === undefined ? [] : [{ kind: 'short' as const, type: KEY_LENGTH, value: keyBits }]
  return { type, id, attributes }
}

/**
 * What a transform is, to compare by; undefined where an attribute is not understood: such a transform is passed over and
 * the others of its type count (RFC 7296 §3.3.6). A key length stands in the short form alone (§3.3.5).
 */
function markOf({ id, attributes }: Transform): number | undefined {
  if (attributes.length === 0) return id
  const [only] = attributes
  if (attributes.length > 1 || only?.kind !== 'short' || only.type !== KEY_LENGTH) return undefined
  return id + 65_536 * (1 + only.value)
}

type Marks = ReadonlySet<number>

/** Understood transforms of each type that stands in a proposal; a type may be there without one that is understood. */
export type Sets = ReadonlyMap<number, Marks>

const allowedTypes: ReadonlyMap<number, readonly number[]> = new Map([
  [protocolIds.of.IKE, [types.encryption, types.prf, types.integrity, types.keyExchange]],
  [protocolIds.of.ESP, [types.encryption, types.integrity, types.keyExchange, types.sequenceNumbers]],
  [protocolIds.of.AH, [types.integrity, types.keyExchange, types.sequenceNumbers]],
])

function isAdditional(type: number): boolean {
  return type >= FIRST_ADDITIONAL && type <= LAST_ADDITIONAL
}

/** Undefined where a type has no place in the protocol or is unknown: the whole proposal cannot be taken then (§3.3.6). */
export function setsOf({ protocol, transforms }: Proposal): Sets | undefined {
  const allowed = allowedTypes.get(protocol)
  const sets = new Map<number, Set<number>>()
  for (const each of transforms) {
    if (allowed?.includes(each.type) !== true && !isAdditional(each.type)) return undefined
    const marks = sets.get(each.type) ?? new Set()
    sets.set(each.type, marks)
    const mark = markOf(each)
    if (mark !== undefined) marks.add(mark)
  }
  return allowed === undefined ? undefined : sets
}

/**
 * The one transform of each type that makes the combination out of what the sets hold; undefined where it cannot be made.
 * A type that the combination has not is answered with NONE, where that is among the sets.
 */
export function pick(sets: Sets, { transforms, additional }: Combination): readonly Transform[] | undefined {
  const picked: Transform[] = []
  for (const each of transforms) {
    if (sets.get(each.type)?.has(markOf(each)!) !== true) return undefined
    picked.push(each)
  }
  const surplus: number[] = []
  for (const [type, marks] of sets) {
    if (isAdditional(type)) surplus.push(type)
    else if (!transforms.some(each => each.type === type)) {
      const none = type === types.integrity ? NO_INTEGRITY : type === types.keyExchange ? NO_KEY_EXCHANGE : undefined
      if (none === undefined || !marks.has(none)) return undefined
      picked.push(transform(type, none))
    }
  }
  const after = pickAdditional(
    sets,
    surplus.sort((a, b) => a - b),
    additional,
  )
  return after === undefined ? undefined : [...picked, ...after].sort((a, b) => a.type - b.type)
}

/** The methods in their order over the types in theirs; types left over are answered with NONE (RFC 9370 §2.2.2). */
function pickAdditional(
  sets: Sets,
  [type, ...later]: readonly number[],
  methods: readonly number[],
): readonly Transform[] | undefined {
  if (type === undefined) return methods.length === 0 ? [] : undefined
  const marks = sets.get(type)!
  const [next, ...others] = methods
  if (next !== undefined && marks.has(next)) {
    const rest = pickAdditional(sets, later, others)
    if (rest !== undefined) return [transform(type, next), ...rest]
  }
  if (!marks.has(NO_KEY_EXCHANGE)) return undefined
  const rest = pickAdditional(sets, later, methods)
  return rest === undefined ? undefined : [transform(type, NO_KEY_EXCHANGE), ...rest]
}

/** The transforms of each type, the preferred first. */
type Merged = { readonly protocol: number; readonly byType: ReadonlyMap<number, readonly Transform[]> }

/** In the order of preference. Beyond 255 proposals nothing more is offered: their number is one octet. */
export function proposalsOf(combinations: readonly Combination[], spi: Uint8Array): readonly Proposal[] {
  const stack: Merged[] = []
  for (const combination of combinations) {
    stack.push(alone(combination))
    // Two that were merged may now differ in one type from the one before them.
    for (;;) {
      const [before, last] = stack.slice(-2)
      const merged = last === undefined ? undefined : merge(before!, last)
      if (merged === undefined) break
      stack.splice(-2, 2, merged)
    }
  }
  return stack.slice(0, MOST_PROPOSALS).map(({ protocol, byType }, index) => ({
    number: index + 1,
    protocol,
    spi,
    transforms: [...byType].sort(([a], [b]) => a - b).flatMap(([, transforms]) => transforms),
  }))
}

function alone({ protocol, transforms, additional }: Combination): Merged {
  const after = additional.map((method, index) => transform(FIRST_ADDITIONAL + index, method))
  return { protocol, byType: new Map([...transforms, ...after].map(each => [each.type, [each]])) }
}

/**
 * Two sets of combinations as one, where they have the same types and the same transforms of all but one: no product is
 * wider than the two were. Those with and without additional key exchanges stay apart, because a peer from before RFC 9370
 * refuses a whole proposal that has them.
 */
function merge(a: Merged, b: Merged): Merged | undefined {
  if (a.protocol !== b.protocol || a.byType.size !== b.byType.size) return undefined
  let differing: number | undefined
  for (const [type, transforms] of a.byType) {
    const others = b.byType.get(type)
    if (others === undefined) return undefined
    if (isSameSet(transforms, others)) continue
    if (differing !== undefined) return undefined
    differing = type
  }
  if (differing === undefined) return a
  const marks = new Set(a.byType.get(differing)!.map(markOf))
  const added = b.byType.get(differing)!.filter(each => !marks.has(markOf(each)))
  const byType = new Map(a.byType).set(differing, [...a.byType.get(differing)!, ...added])
  return { protocol: a.protocol, byType }
}

function isSameSet(a: readonly Transform[], b: readonly Transform[]): boolean {
  const marks = new Set(a.map(markOf))
  return a.length === b.length && b.every(each => marks.has(markOf(each)))
}

export interface Chosen<C extends Combination> {
  readonly combination: C
  /** The peer's, with exactly one transform of each type that stands in it. */
  readonly answer: Proposal
}

/**
 * As a responder. Our order of preference counts: the first of our combinations that any proposal of the peer has, in the
 * peer's first proposal that has it (RFC 7296 §2.7 leaves the choice to the responder). `isUsable` asks the SPI.
 */
export function chooseFrom<C extends Combination>(
  combinations: readonly C[],
  proposals: readonly Proposal[],
  isUsable: (proposal: Proposal) => boolean,
): Chosen<C> | undefined {
  const usable = proposals.flatMap(proposal => {
    const sets = isUsable(proposal) ? setsOf(proposal) : undefined
    return sets === undefined ? [] : [{ proposal, sets }]
  })
  for (const combination of combinations) {
    for (const { proposal, sets } of usable) {
      if (proposal.protocol !== combination.protocol) continue
      const transforms = pick(sets, combination)
      if (transforms !== undefined) return { combination, answer: { ...proposal, transforms } }
    }
  }
  return undefined
}

/**
 * As an initiator: the answer must be one proposal, with the number of one of ours and one transform of each of its types
 * (RFC 7296 §2.7, §3.3.6). NONE for integrity or the key exchange says no more than its absence. The fault is said in words
 * that follow "the peer's answer".
 */
export function acceptFrom<C extends Combination>(
  combinations: readonly C[],
  answer: readonly Proposal[],
  isUsable: (proposal: Proposal) => boolean,
): Result<C, string> {
  const fault = (error: string): Result<C, string> => ({ ok: false, error })
  const [only] = answer
  if (only === undefined || answer.length > 1) return fault(`has ${answer.length} proposals where one is wanted`)
  const sent = proposalsOf(combinations, only.spi).find(({ number }) => number === only.number)
  if (sent === undefined) return fault(`is proposal ${only.number}, which was not made`)
  if (only.protocol !== sent.protocol) return fault('is for another protocol')
  if (!isUsable(only)) return fault('has no usable SPI')
  if (new Set(only.transforms.map(({ type }) => type)).size < only.transforms.length)
    return fault('has two transforms of one type')
  const [sets, ours] = [setsOf(only), setsOf(sent)]
  if (sets === undefined || ours === undefined) return fault('has a transform of a type that was not offered')
  for (const [type, marks] of sets) {
    const isNone = marks.has(0) && (type === types.integrity || type === types.keyExchange)
    const isOffered = [...marks].every(mark => ours.get(type)?.has(mark) === true)
    if (marks.size === 0 || !(isOffered || (isNone && !ours.has(type))))
      return fault('has a transform that was not offered')
  }
  if ([...ours.keys()].some(type => !sets.has(type))) return fault('lacks a transform')
  const combination = combinations.find(each => each.protocol === only.protocol && pick(sets, each) !== undefined)
  return combination === undefined ? fault('mixes what was not offered together') : success(combination)
}
