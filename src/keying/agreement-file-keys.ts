// Two rules whose keys stand in the policy files: nothing is negotiated, so both files have to say the same. No key is told.

import { formatAddress, sameAddress } from '../base/address.ts'
import { isSameOctets } from '../base/bytes.ts'
import type { ManualKey, Policy, Rule } from '../policy/model.ts'
import { offerOf } from '../policy/offers.ts'
import type { Part } from './agreement-part.ts'

const subject = 'security'

interface RuleOf {
  readonly policy: Policy
  readonly rule: Rule
}

/** Undefined where neither file has keys for its rule. */
export function agreeOnFileKeys(a: RuleOf, b: RuleOf): readonly Part[] | undefined {
  const keysOf = ({ policy, rule }: RuleOf) => (policy.keys ?? []).filter(key => key.rule === rule.name)
  const [mine, theirs] = [keysOf(a), keysOf(b)]
  if (mine.length === 0 && theirs.length === 0) return undefined
  if (mine.length === 0 || theirs.length === 0) {
    const [has, lacks] = mine.length === 0 ? ['B', 'A'] : ['A', 'B']
    return [{ subject, state: 'differs', text: `the keys of ${has} stand in its file, ${lacks} has none there` }]
  }
  const faults = [...faultsOf(mine, theirs, 'A', 'B'), ...missing(theirs, mine, 'B', 'A')]
  if (faults.length > 0) return faults.map(text => ({ subject, state: 'differs', text }))
  const methods = [...new Set(mine.map(({ security }) => security))].join(', ')
  return [
    { subject, state: 'agreed', text: `${methods}, with the keys in the files` },
    { subject, state: 'warning', text: 'keys in files are never renewed' },
  ]
}

function twin(key: ManualKey, others: readonly ManualKey[]): ManualKey | undefined {
  return others.find(
    ({ source, destination }) => sameAddress(source, key.source) && sameAddress(destination, key.destination),
  )
}

function way({ source, destination }: ManualKey): string {
  return `from ${formatAddress(source)} to ${formatAddress(destination)}`
}

function missing(keys: readonly ManualKey[], others: readonly ManualKey[], has: string, lacks: string): string[] {
  return keys
    .filter(key => twin(key, others) === undefined)
    .map(key => `${has} has keys ${way(key)}, ${lacks} has none`)
}

function faultsOf(keys: readonly ManualKey[], others: readonly ManualKey[], own: string, other: string): string[] {
  const different = keys.flatMap(key => {
    const found = twin(key, others)
    const what = found === undefined ? undefined : difference(key, found)
    return what === undefined ? [] : [`${way(key)} ${what}`]
  })
  return [...missing(keys, others, own, other), ...different]
}

function difference(a: ManualKey, b: ManualKey): string | undefined {
  if (headersOf(a) !== headersOf(b)) return `A has ${a.security}, B ${b.security}`
  const pairs = a.layers.map((layer, at) => [layer, b.layers[at]!] as const)
  if (pairs.some(([x, y]) => x.spi !== y.spi)) return 'the SPIs are not the same'
  const areSame = pairs.every(
    ([x, y]) =>
      isSameOctets(x.cipherKey.reveal(), y.cipherKey.reveal()) &&
      isSameOctets(x.integrityKey.reveal(), y.integrityKey.reveal()),
  )
  return areSame ? undefined : 'the keys are not the same'
}

/** A method of two headers may be written in either order. */
function headersOf({ security }: ManualKey): string {
  const offer = offerOf(security)
  return offer.ok ? JSON.stringify(offer.value.protections) : security
}
