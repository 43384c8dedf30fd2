// What a person looks at, as a pure fold: snapshots of the agent's status and the events that it tells go in, one value comes
// out, the same for terminal and browser. It reads no clock and is bounded whatever the agent tells.
import type { AgentStatus, GuardTraffic } from './agent-status.ts'
import { type HostView, hostsOf } from './hosts.ts'
import { followEvents, type Negotiation } from './negotiations.ts'
import { type AssociationView, type Rate, type Rates, rateOf, ratesOf } from './rates.ts'
import type { Traffic } from './sealed-traffic.ts'
import type { Otherwise } from './setting-change.ts'
import type { ToldEvent } from './told-event.ts'

export type Heard =
  | { readonly kind: 'status'; readonly status: AgentStatus }
  | { readonly kind: 'event'; readonly event: ToldEvent }
  /** So many came at once that these are not told one by one. */
  | { readonly kind: 'omitted'; readonly events: number }
  /** The agent is gone, or nobody reaches it. */
  | { readonly kind: 'lost'; readonly why: string }

/** One point of the curves. */
export interface Sample {
  readonly at: number
  readonly sealed: Rates
  /** What the guard let pass as exempt, in both directions. */
  readonly exempt: Rate
  /** By fall-back, in both directions. */
  readonly inClear: Rate
  /** What rules of the policy let pass as it is, in both directions. */
  readonly permitted: Rate
  /** By guard and data plane. */
  readonly droppedPackets: number
}

export interface ExemptView {
  readonly title: string
  /** Null where no guard counts. */
  readonly outbound: Traffic | null
  readonly inbound: Traffic | null
  /** Null where no value of the profile withdraws it. */
  readonly otherwise: Otherwise | null
}

export interface MonitorView {
  readonly connection: 'waiting' | 'there' | 'lost'
  readonly lostBecause: string | null
  readonly status: AgentStatus | null
  readonly associations: readonly AssociationView[]
  readonly hosts: readonly HostView[]
  /** The newest last. */
  readonly negotiations: readonly Negotiation[]
  readonly exempt: readonly ExemptView[]
  readonly samples: readonly Sample[]
  readonly log: readonly ToldEvent[]
  /** Events that came too fast to be told one by one, since this view began. */
  readonly omitted: number
}

export const MOST_SAMPLES = 600
export const MOST_LOG = 1000
/** Characters of an event's text: what peers call themselves may be long. */
export const LONGEST_TEXT = 1000

export const emptyView: MonitorView = {
  ...{ connection: 'waiting', lostBecause: null, status: null },
  ...{ associations: [], hosts: [], negotiations: [], exempt: [], samples: [], log: [], omitted: 0 },
}

/** All at once, because ten thousand events a second come in bursts: each burst costs one copy of what is kept. */
export function follow(view: MonitorView, heard: readonly Heard[]): MonitorView {
  const events = heard.flatMap(one => (one.kind === 'event' ? [shortened(one.event)] : []))
  const negotiations = events.length === 0 ? view.negotiations : followEvents(view.negotiations, events)
  // Details of the protocol stand in the ladders; the log is for what a person has to hear of.
  const forLog = events.filter(({ level }) => level !== 'debug')
  const log = forLog.length === 0 ? view.log : [...view.log, ...forLog].slice(-MOST_LOG)
  let next: MonitorView = { ...view, negotiations, log }
  for (const one of heard) {
    if (one.kind === 'status') next = withStatus(next, one.status)
    if (one.kind === 'omitted') next = { ...next, omitted: next.omitted + one.events }
    if (one.kind === 'lost') next = { ...next, connection: 'lost', lostBecause: one.why }
  }
  const { status } = next
  if (status === null) return next
  return { ...next, hosts: hostsOf(status, next.associations, negotiations) }
}

function shortened(event: ToldEvent): ToldEvent {
  const { text } = event
  return text.length <= LONGEST_TEXT ? event : { ...event, text: `${text.slice(0, LONGEST_TEXT)}…` }
}

function withStatus(view: MonitorView, status: AgentStatus): MonitorView {
  // What another process counted says nothing about this one.
  const isSame = view.status !== null && view.status.pid === status.pid && view.status.since === status.since
  const before = isSame ? view.status : null
  const seconds = before === null ? 0 : status.at - before.at
  // Asked twice at the same time, or a clock that was set back: the rates from before stay.
  if (before !== null && seconds <= 0) return { ...view, connection: 'there', lostBecause: null, status }
  const earlier = new Map(before?.associations.map(one => [one.spi, one]))
  const names = new Map(
    status.sessions.flatMap(({ associations, peerName }) => associations.map(spi => [spi, peerName])),
  )
  const associations = status.associations.map(one => ({
    ...one,
    rates: ratesOf(one, earlier.get(one.spi), seconds),
    peerName: names.get(one.spi) ?? null,
  }))
  const samples = before === null ? [] : [...view.samples, sampleOf(status, before, seconds)].slice(-MOST_SAMPLES)
  return {
    ...view,
    ...{ connection: 'there', lostBecause: null, status, associations, samples },
    exempt: exemptOf(status),
  }
}

function sampleOf(now: AgentStatus, before: AgentStatus, seconds: number): Sample {
  const whole = ({ sealed: { confidential, authenticated } }: AgentStatus, way: 'inbound' | 'outbound'): Traffic => ({
    packets: confidential[way].packets + authenticated[way].packets,
    bytes: confidential[way].bytes + authenticated[way].bytes,
  })
  const dropped = droppedBy(before)
  return {
    at: now.at,
    sealed: {
      inbound: rateOf(whole(now, 'inbound'), whole(before, 'inbound'), seconds),
      outbound: rateOf(whole(now, 'outbound'), whole(before, 'outbound'), seconds),
    },
    exempt: guardRate(now, before, 'exempt', seconds),
    inClear: guardRate(now, before, 'in-clear', seconds),
    permitted: guardRate(now, before, 'permitted', seconds),
    droppedPackets: Math.max(0, droppedBy(now) - dropped) / seconds,
  }
}

/** Where the guard was put in place anew it counts from nothing: all of it is since then. */
function guardRate(now: AgentStatus, before: AgentStatus, kind: GuardTraffic['kind'], seconds: number): Rate {
  const [sum, last] = [sumOf(now.guard?.traffic ?? [], kind), sumOf(before.guard?.traffic ?? [], kind)]
  return rateOf(sum, sum.packets < last.packets ? undefined : last, seconds)
}

export function sumOf(traffic: readonly GuardTraffic[], kind: GuardTraffic['kind']): Traffic {
  const ofKind = traffic.filter(one => one.kind === kind)
  return {
    packets: ofKind.reduce((sum, { packets }) => sum + packets, 0),
    bytes: ofKind.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function droppedBy({ drops, guard }: AgentStatus): number {
  const guarded = guard?.traffic.filter(({ kind }) => kind === 'stopped' || kind === 'blocked') ?? []
  return [...drops, ...guarded].reduce((sum, { packets }) => sum + packets, 0)
}

/** What is counted by kind and reason; IKE by the watch on the wire, since the guard lets the agent's own pass elsewhere. */
export function countedTraffic({ setting, guard, wire }: AgentStatus): readonly GuardTraffic[] {
  const title = setting.exempt.find(({ name }) => name === 'ike')?.title
  const counted = guard?.traffic ?? []
  if (wire === null || title === undefined) return counted
  const keying = wire.verdicts.flatMap(({ verdict, ...seen }) =>
    verdict === 'keying' ? [{ ...seen, kind: 'exempt' as const, why: title }] : [],
  )
  return [...counted.filter(({ kind, why }) => kind !== 'exempt' || why !== title), ...keying]
}

function exemptOf(status: AgentStatus): readonly ExemptView[] {
  const { setting, guard } = status
  const counted = countedTraffic(status)
  return setting.exempt.map(({ title, otherwise }) => {
    const of = (direction: GuardTraffic['direction']) =>
      guard === null
        ? null
        : sumOf(
            counted.filter(one => one.why === title && one.direction === direction),
            'exempt',
          )
    return { title, outbound: of('out'), inbound: of('in'), otherwise }
  })
}
