// From the keys that stand in a policy file to associations of one host, both directions of each. They are never renewed and
// never expire, and sequence numbers begin anew at every start: that is why methods that count packets are refused here
// once more, whoever made the policy.
import { type Address, formatAddress, sameAddress } from '../base/address.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { type Suite, type SuiteKeys, suiteOf } from '../crypto/suites.ts'
import { type DirectedFilter, directions, filterMatches } from '../policy/filter.ts'
import type { AddressSpec, ManualKey, Policy, Rule } from '../policy/model.ts'
import { offerOf } from '../policy/offers.ts'
import { countsPackets } from '../policy/policy-keys.ts'
import type { AssociationPair, AssociationSpec, LayerSpec } from './association.ts'

/** Packets: several hundred may overtake each other, as on a path with many queues. */
const WINDOW = 1024

/**
 * The pairs of the host that has the addresses `own`; entries between other hosts are passed over. Fails with every
 * problem: a direction without its other one, a key of no rule, flows that the rule does not speak of.
 */
export function manualPairs(policy: Policy, own: readonly Address[]): Result<readonly AssociationPair[], Problem[]> {
  const problems: Problem[] = []
  const isOwn = (address: Address) => own.some(mine => sameAddress(mine, address))
  const specs = (policy.keys ?? []).map((key, index) => {
    if (isOwn(key.source) === isOwn(key.destination)) return undefined
    const spec = specOf(policy, key, own)
    if (!spec.ok) problems.push({ severity: 'error', where: `keys[${index}]`, ...spec.error })
    return spec.ok ? { index, spec: spec.value } : undefined
  })
  const ours = specs.filter(spec => spec !== undefined)
  const inbound = ours.filter(({ spec }) => isOwn(spec.destination))
  const pairs: AssociationPair[] = []
  for (const { index, spec } of ours.filter(({ spec }) => isOwn(spec.source))) {
    const found = inbound.findIndex(other => isWayBack(other.spec, spec))
    const [other] = found < 0 ? [] : inbound.splice(found, 1)
    if (other === undefined) problems.push(oneWay(index, spec))
    else pairs.push({ inbound: other.spec, outbound: spec })
  }
  for (const { index, spec } of inbound) problems.push(oneWay(index, spec))
  return problems.length > 0 ? failure(problems) : success(pairs)
}

function oneWay(index: number, { source, destination }: AssociationSpec): Problem {
  const what = `there is no key for the way back, from ${formatAddress(destination)} to ${formatAddress(source)}`
  return { severity: 'error', where: `keys[${index}]`, what, hint: 'write an entry for each direction' }
}

/** Rules of tunnels go one way, so the way back has another name. */
function isWayBack(other: AssociationSpec, { rule, mode, source, destination }: AssociationSpec): boolean {
  if (other.mode !== mode || (mode === 'transport' && other.rule !== rule)) return false
  return sameAddress(other.source, destination) && sameAddress(other.destination, source)
}

interface Fault {
  readonly what: string
  readonly hint: string
}

function fault(what: string, hint: string): Result<never, Fault> {
  return failure({ what, hint })
}

function specOf(policy: Policy, key: ManualKey, own: readonly Address[]): Result<AssociationSpec, Fault> {
  const rule = policy.rules.find(({ name }) => name === key.rule)
  if (rule === undefined || rule.action !== 'negotiate')
    return fault('it is for no rule that negotiates', 'name one in rule:')
  const offer = offerOf(key.security)
  if (!offer.ok) return failure(offer.error)
  const { protections } = offer.value
  if (policy.test !== true && protections.some(countsPackets)) {
    return fault(`${key.security} counts packets, and every start begins the count anew`, 'use a method in CBC mode')
  }
  const suites = protections.map(suiteOf)
  if (suites.length !== key.layers.length || suites.some(suite => suite === undefined))
    return fault(`${key.security} cannot be done with these keys`, 'write one SPI for each header')
  const selectors = selectorsOf(rule, key, own)
  if (selectors.length === 0) {
    const way = `from ${formatAddress(key.source)} to ${formatAddress(key.destination)}`
    return fault(`the rule has no filter for packets ${way}`, 'a filter that is mirrored has both ways')
  }
  const { mode } = rule
  const { source, destination } = key
  return success({
    rule: rule.name,
    mode,
    source,
    destination,
    selectors,
    layers: key.layers.map((layer, index) => {
      const { spi, cipherKey, integrityKey } = layer
      return layerOf(suites[index]!, spi, { cipher: cipherKey, integrity: integrityKey })
    }),
    extendedSequence: false,
    replayWindow: WINDOW,
    lifetime: { soft: {}, hard: {} },
  })
}

function layerOf(suite: Suite, spi: number, keys: SuiteKeys): LayerSpec {
  return suite.protocol === 'esp' ? { protocol: 'esp', spi, suite, keys } : { protocol: 'ah', spi, suite, keys }
}

/** What the association may carry: the rule's filters in this direction, in transport mode between its two hosts only. */
function selectorsOf(rule: Rule, key: ManualKey, own: readonly Address[]): readonly DirectedFilter[] {
  const filters = rule.filters.flatMap(directions)
  if (rule.mode === 'tunnel') {
    // Outbound the far end is the rule's own endpoint, inbound it is us.
    if (rule.tunnelEndpoint === undefined || !sameAddress(rule.tunnelEndpoint, key.destination)) return []
    return filters.flatMap(filter =>
      resolved(filter.source, own).flatMap(source =>
        resolved(filter.destination, own).map(destination => ({ ...filter, source, destination })),
      ),
    )
  }
  const between = { source: key.source, destination: key.destination, protocol: 0 }
  return filters
    .filter(({ source, destination, isMirror }) => filterMatches({ source, destination, isMirror }, between, own))
    .map(filter => ({ ...filter, source: host(key.source), destination: host(key.destination) }))
}

function host(address: Address): AddressSpec {
  return { kind: 'range', first: address, last: address }
}

function resolved(spec: AddressSpec, own: readonly Address[]): readonly AddressSpec[] {
  return spec.kind === 'me' ? own.map(host) : [spec]
}
