// From what the agent has in hand to the value that it tells of itself: monitor/agent-status.ts has its form.
import { formatAddress } from '../base/address.ts'
import { protocolName } from '../base/flow.ts'
import { formatProblem, type Problem } from '../base/result.ts'
import type { Counters, Spi } from '../ipsec/association.ts'
import { type DropReason, dropReasons } from '../ipsec/drop-reasons.ts'
import { spiOf } from '../keying/describe-event.ts'
import type { SessionSummary } from '../keying/session-summary.ts'
import type { AgentStatus, AssociationStatus, SelectorStatus, SessionStatus } from '../monitor/agent-status.ts'
import { MOST_RULES } from '../monitor/policy-view.ts'
import type { ToldEvent } from '../monitor/told-event.ts'
import { leaksNow, type WireStatus } from '../monitor/wire-status.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { ClearPair, GuardHealth } from './agent-parts.ts'
import type { SettingOutlook } from './setting-outlook.ts'
import type { Tally } from './tally.ts'
import type { InstalledAssociation } from './watched-plane.ts'

export interface StatusFacts {
  readonly state: AgentStatus['state']
  readonly pid: number
  readonly since: number
  /** Of the agent's clock. */
  readonly now: number
  readonly source: string
  readonly compiled: CompiledPolicy
  readonly outlook: SettingOutlook
  readonly loadedAt: number
  readonly policyWarnings: readonly Problem[]
  readonly refused: { readonly at: number; readonly problems: readonly Problem[] } | undefined
  readonly addresses: readonly string[]
  readonly planeFacts: Readonly<Record<string, string>>
  readonly isAnswering: boolean
  readonly guard: { readonly name: string; readonly health: GuardHealth } | undefined
  readonly sessions: readonly SessionSummary[]
  readonly associations: readonly InstalledAssociation[]
  readonly counters: ReadonlyMap<Spi, Counters>
  readonly clearPairs: readonly ClearPair[]
  readonly drops: ReadonlyMap<DropReason, number>
  readonly wire: WireStatus | null
  readonly tally: Pick<Tally, 'counts' | 'sealed' | 'rules'>
  /** Seconds since 1970. */
  readonly at: number
  readonly recent: readonly ToldEvent[]
}

const noCounters: Counters = {
  ...{ inbound: { packets: 0, bytes: 0 }, outbound: { packets: 0, bytes: 0 } },
  ...{ replayed: 0, notAuthentic: 0, badPadding: 0, outsideSelectors: 0 },
}

export function statusOf(facts: StatusFacts): AgentStatus {
  const { compiled, outlook, now, sessions, refused, guard } = facts
  const { policy, profile, setting } = compiled
  const offers = new Map(sessions.flatMap(({ children }) => children.map(({ name, security }) => [name, security])))
  return {
    version: 1,
    at: facts.at,
    ...{ state: facts.state, pid: facts.pid, since: facts.since },
    policy: {
      source: facts.source,
      name: policy.name,
      profile: profile.name,
      rules: policy.rules.filter(({ active }) => active).length,
      loadedAt: facts.loadedAt,
      warnings: facts.policyWarnings.map(formatProblem),
      refused: refused === undefined ? null : { at: refused.at, problems: refused.problems.map(formatProblem) },
    },
    setting: {
      name: setting.name ?? null,
      value: setting.value,
      from: setting.from,
      where: setting.where ?? null,
      exempt: setting.exemptions.map(({ name, title }) => ({
        name,
        title,
        otherwise: outlook.otherwise.get(name) ?? null,
      })),
    },
    addresses: facts.addresses,
    dataPlane: { ...facts.planeFacts, isAnswering: facts.isAnswering },
    guard: guard === undefined ? null : { name: guard.name, ...guard.health, traffic: guard.health.traffic ?? [] },
    sessions: sessions.map(session => sessionStatus(session, now)),
    associations: facts.associations.map(one =>
      associationStatus(one, facts.counters.get(one.name) ?? noCounters, offers.get(one.name) ?? null, now),
    ),
    inClear: facts.clearPairs.map(({ rule, own, peer, until }) => ({
      rule,
      own: formatAddress(own),
      peer: formatAddress(peer),
      forSeconds: whole(until - now),
    })),
    drops: [...facts.drops].map(([reason, packets]) => ({ reason, packets, meaning: dropReasons[reason] })),
    counts: { ...facts.tally.counts },
    sealed: facts.tally.sealed,
    rules: rulesOf(facts),
    wire: facts.wire,
    warnings: warningsOf(facts),
    recent: facts.recent.map(({ at, kind, text }) => ({ at, kind, text })),
  }
}

/** Of associations that an earlier policy left behind nothing is told. */
function rulesOf({ compiled, tally }: StatusFacts): AgentStatus['rules'] {
  const names = new Set(compiled.policy.rules.map(({ name }) => name))
  return tally.rules.filter(({ rule }) => names.has(rule)).slice(0, MOST_RULES)
}

function sessionStatus(
  { id, version, role, state, path, peerName, offer, establishedAt, rekeyAt, children }: SessionSummary,
  now: number,
): SessionStatus {
  return {
    ...{ id, version, role, state },
    own: formatAddress(path.local.address),
    peer: formatAddress(path.remote.address),
    peerName: peerName ?? null,
    offer: offer ?? null,
    ageSeconds: establishedAt === undefined ? null : whole(now - establishedAt),
    rekeyInSeconds: rekeyAt === undefined ? null : whole(rekeyAt - now),
    associations: children.map(({ name }) => spiOf(name)),
  }
}

function associationStatus(
  association: InstalledAssociation,
  counters: Counters,
  security: string | null,
  now: number,
): AssociationStatus {
  const {
    name,
    peerSpi,
    own,
    peer,
    rule,
    mode,
    algorithms,
    isInUdp,
    isConfidential,
    since,
    rekeyAt,
    endsAt,
    isSending,
  } = association
  const { inbound, outbound, replayed, notAuthentic, badPadding, outsideSelectors } = counters
  return {
    ...{ spi: spiOf(name), peerSpi: spiOf(peerSpi), own: formatAddress(own), peer: formatAddress(peer) },
    selectors: association.selectors.slice(0, MOST_SELECTORS).map(selectorStatus),
    ...{ rule, mode, security, algorithms, encapsulation: isInUdp ? 'udp' : 'raw', isConfidential, isSending },
    ageSeconds: whole(now - since),
    rekeyInSeconds: rekeyAt === undefined ? null : whole(rekeyAt - now),
    endsInSeconds: endsAt === undefined ? null : whole(endsAt - now),
    inbound: { ...inbound },
    outbound: { ...outbound },
    faults: { replayed, notAuthentic, badPadding, outsideSelectors },
  }
}

/** A peer may narrow to hundreds of them. */
const MOST_SELECTORS = 8

function selectorStatus({
  protocol,
  sourcePort,
  destinationPort,
}: InstalledAssociation['selectors'][number]): SelectorStatus {
  return {
    protocol: protocol === undefined ? null : protocolName(protocol),
    sourcePort: portWords(sourcePort),
    destinationPort: portWords(destinationPort),
  }
}

function portWords(range: InstalledAssociation['selectors'][number]['sourcePort']): string | null {
  if (range === undefined) return null
  return range.first === range.last ? `${range.first}` : `${range.first}-${range.last}`
}

function warningsOf({
  refused,
  clearPairs,
  guard,
  isAnswering,
  compiled,
  state,
  wire,
  at,
}: StatusFacts): readonly string[] {
  const warnings: string[] = []
  const leaks = leaksNow(wire, at)
  if (leaks.length > 0) {
    const { flow, because } = leaks[0]!
    const more = leaks.length === 1 ? '' : `, and ${leaks.length - 1} other flows`
    warnings.push(`LEAKING: this host sent ${flow}${more}: ${because}.`)
  }
  if (state === 'up' && !isAnswering) warnings.push('The data plane does not answer: no packet of the policy passes.')
  if (guard === undefined) warnings.push('There is no guard (--no-guard): where the agent is not, traffic is in clear.')
  else if (!guard.health.isThere) warnings.push(`The guard is not as it was put in place: ${guard.health.text}.`)
  for (const { own, peer, rule } of clearPairs) {
    const pair = `${formatAddress(own)} and ${formatAddress(peer)}`
    warnings.push(
      `NOT SECURED: ${pair} speak in clear, because rule “${rule}” allows it and no keys could be agreed on.`,
    )
  }
  if (refused !== undefined) {
    const count = refused.problems.length
    warnings.push(
      `The newest policy was refused (${count === 1 ? 'one problem' : `${count} problems`}): an older one is in force.`,
    )
  }
  const { problems, remarks } = compiled.setting
  for (const { what, hint } of [...problems, ...remarks]) warnings.push(`${what}${hint === '' ? '' : ` (${hint})`}.`)
  return warnings
}

function whole(seconds: number): number {
  return Math.max(0, Math.round(seconds))
}
