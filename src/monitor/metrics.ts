// Numbers for machines: a status as a list of metrics, from one table that docs/metrics.md is printed from as well. No label
// holds what a peer chose: values are of closed sets, or names of the policy, of which there is a bounded number.
import { dropReasons } from '../ipsec/drop-reasons.ts'
import type { AgentStatus, AssociationStatus, GuardTraffic } from './agent-status.ts'
import { type CountName, countMeanings, countNames } from './counts.ts'
import { faultKinds } from './sealed-traffic.ts'
import { type WireVerdict, wireVerdictMeanings, wireVerdicts } from './wire-status.ts'

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Metric {
  /** Counters without the `_total` that they are written with. */
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  /** What each label can be, for people. */
  readonly labels?: Readonly<Record<string, string>>
  readonly samples: (status: AgentStatus) => readonly Sample[]
}

/** Names of the policy beyond so many are one series, `other`. */
export const MOST_NAMES = 64
const LONGEST_LABEL = 120

export const guardKinds = [
  'exempt',
  'permitted',
  'in-clear',
  'stopped',
  'blocked',
] as const satisfies GuardTraffic['kind'][]
const directions = ['out', 'in'] as const
const ways = { out: 'outbound', in: 'inbound' } as const
const protections = ['confidential', 'authenticated'] as const
const units = ['packets', 'bytes'] as const

const directionLabel = { direction: '`out`, `in`' }
const kindLabel = { kind: guardKinds.map(kind => `\`${kind}\``).join(', ') }

export const metrics: readonly Metric[] = [
  gauge('enforcing', 'Whether the agent is up and enforces its policy: 1 or 0.', ({ state }) => flag(state === 'up')),
  gauge('start_time_seconds', 'When the agent started, in seconds since 1970.', ({ since }) => since),
  gauge('data_plane_answering', 'Whether what moves the packets answers: 1 or 0.', ({ dataPlane }) =>
    flag(dataPlane['isAnswering'] === true),
  ),
  gauge(
    'guard_present',
    'Whether the net of nftables is as it was put in place: 1 or 0, also 0 under --no-guard.',
    ({ guard }) => flag(guard?.isThere === true),
  ),
  {
    ...{ name: 'policy_info', type: 'gauge', help: 'Always 1; which policy is in force.' },
    labels: { policy: 'its name', profile: 'whose default exemptions apply' },
    samples: ({ policy: { name, profile } }) => [{ labels: { policy: name, profile }, value: 1 }],
  },
  gauge(
    'policy_loaded_time_seconds',
    'When the policy in force was read, in seconds since 1970.',
    ({ policy }) => policy.loadedAt,
  ),
  gauge(
    'policy_refused',
    'Whether a newer policy was refused, so that an older one is in force: 1 or 0.',
    ({ policy }) => flag(policy.refused !== null),
  ),
  {
    ...{ name: 'setting_value', type: 'gauge', help: 'The value in force of the setting of default exemptions.' },
    labels: { setting: '`NoDefaultExempt`, `IPsecExempt`, `none`', from: '`policy`, `registry`, `default`' },
    samples: ({ setting: { name, from, value } }) => [{ labels: { setting: name ?? 'none', from }, value }],
  },
  gauge('exemptions', 'Kinds of traffic that are exempt by default now.', ({ setting }) => setting.exempt.length),
  {
    ...{ name: 'sessions', type: 'gauge', help: 'IKE SAs.' },
    labels: { version: '`1`, `2`, of IKE', state: '`established`, `negotiating`' },
    samples: ({ sessions }) =>
      ([1, 2] as const).flatMap(version =>
        (['established', 'negotiating'] as const).map(state => ({
          labels: { version: String(version), state },
          value: sessions.filter(
            one => one.version === version && (one.state === 'established') === (state === 'established'),
          ).length,
        })),
      ),
  },
  {
    ...{ name: 'associations', type: 'gauge', help: 'Pairs of associations that stand.' },
    labels: { protection: '`confidential`, `authenticated`', mode: '`transport`, `tunnel`' },
    samples: ({ associations }) =>
      protections.flatMap(protection =>
        (['transport', 'tunnel'] as const).map(mode => ({
          labels: { protection, mode },
          value: associations.filter(one => one.mode === mode && one.isConfidential === (protection === 'confidential'))
            .length,
        })),
      ),
  },
  gauge(
    'associations_overdue',
    'Associations that send and whose time to be renewed has come. More than none for minutes: nobody renews them.',
    ({ associations }) => associations.filter(isOverdue).length,
  ),
  gauge('association_age_max_seconds', 'Age of the oldest association; 0 where there is none.', ({ associations }) =>
    associations.reduce((most, { ageSeconds }) => Math.max(most, ageSeconds), 0),
  ),
  gauge(
    'clear_pairs',
    'Pairs of hosts that speak in clear now, because a rule lets them fall back.',
    ({ inClear }) => inClear.length,
  ),
  gauge('warnings', 'What needs somebody’s eyes now, as status lists it.', ({ warnings }) => warnings.length),
  ...units.map(
    (unit): Metric => ({
      ...{ name: `sealed_${unit}`, type: 'counter', help: `Sealed or opened since the agent started: ${unit}.` },
      labels: {
        ...directionLabel,
        protection: '`confidential` (encrypted), `authenticated` (protected against change only)',
      },
      samples: ({ sealed }) =>
        directions.flatMap(direction =>
          protections.map(protection => ({
            labels: { direction, protection },
            value: sealed[protection][ways[direction]][unit],
          })),
        ),
    }),
  ),
  ...units.map(
    (unit): Metric => ({
      ...{ name: `tunnel_${unit}`, type: 'counter', help: `The part of sealed_${unit} that was in tunnel mode.` },
      labels: directionLabel,
      samples: ({ sealed }) =>
        directions.map(direction => ({ labels: { direction }, value: sealed.tunnel[ways[direction]][unit] })),
    }),
  ),
  {
    ...{ name: 'association_faults', type: 'counter', help: 'Sealed packets that were not let in.' },
    labels: { fault: faultKinds.map(kind => `\`${snake(kind)}\``).join(', ') },
    samples: ({ sealed }) => faultKinds.map(kind => ({ labels: { fault: snake(kind) }, value: sealed.faults[kind] })),
  },
  {
    ...{ name: 'dropped_packets', type: 'counter', help: 'Packets that the data plane dropped.' },
    labels: {
      reason: Object.entries(dropReasons)
        .map(([name, meaning]) => `\`${name}\`: ${meaning}`)
        .join('; '),
    },
    samples: ({ drops }) =>
      Object.keys(dropReasons).map(reason => ({
        labels: { reason },
        value: drops.find(one => one.reason === reason)?.packets ?? 0,
      })),
  },
  ...units.map(
    (unit): Metric => ({
      name: `guard_${unit}`,
      type: 'counter',
      help: `What the guard let pass in clear or stopped since it was put in place: ${unit}. What comes in may pass two hooks and count twice.`,
      labels: { ...directionLabel, ...kindLabel },
      samples: status =>
        directions.flatMap(direction =>
          guardKinds.map(kind => ({ labels: { direction, kind }, value: guarded(status, unit, { direction, kind }) })),
        ),
    }),
  ),
  {
    name: 'guard_rule_packets',
    type: 'counter',
    help: 'The same by exemption and rule, once it has counted anything.',
    labels: {
      ...directionLabel,
      ...kindLabel,
      why: `the exemption’s or rule’s name; beyond ${MOST_NAMES} names \`other\``,
    },
    samples: guardRules,
  },
  gauge('wire_watched', 'Whether somebody looks at what passes the links: 1 or 0.', ({ wire }) => flag(wire !== null)),
  ...units.map(
    (unit): Metric => ({
      name: `wire_${unit}`,
      type: 'counter',
      help: `What was seen on the links, by the auditor’s verdict, since the watch began: ${unit}. Packets that offload makes one count as one.`,
      labels: {
        verdict: wireVerdicts.map(verdict => `\`${verdict}\`: ${wireVerdictMeanings[verdict]}`).join('; '),
        ...directionLabel,
      },
      samples: status =>
        directions.flatMap(direction =>
          wireVerdicts.map(verdict => ({
            labels: { verdict, direction },
            value: onWire(status, unit, verdict, direction),
          })),
        ),
    }),
  ),
  {
    ...{ name: 'wire_unread_packets', type: 'counter' },
    help: 'Packets that the watch had no time for: what they were is not known.',
    samples: ({ wire }) => [{ labels: {}, value: wire?.unread ?? 0 }],
  },
  {
    ...{ name: 'events', type: 'counter', help: 'What happened so often since the agent started.' },
    labels: { event: countNames.map(name => `\`${snake(name)}\`: ${countMeanings[name]}`).join('; ') },
    samples: ({ counts }) =>
      countNames.map((name: CountName) => ({ labels: { event: snake(name) }, value: counts[name] })),
  },
]

function gauge(name: string, help: string, value: (status: AgentStatus) => number): Metric {
  return { name, type: 'gauge', help, samples: status => [{ labels: {}, value: value(status) }] }
}

function flag(is: boolean): number {
  return is ? 1 : 0
}

export function isOverdue({ rekeyInSeconds, isSending }: AssociationStatus): boolean {
  return isSending && rekeyInSeconds === 0
}

function guarded(
  { guard }: AgentStatus,
  unit: 'packets' | 'bytes',
  asked: Pick<GuardTraffic, 'direction' | 'kind'>,
): number {
  const found =
    guard?.traffic.filter(({ direction, kind }) => direction === asked.direction && kind === asked.kind) ?? []
  return found.reduce((sum, one) => sum + one[unit], 0)
}

function onWire(
  { wire }: AgentStatus,
  unit: 'packets' | 'bytes',
  verdict: WireVerdict,
  direction: 'out' | 'in',
): number {
  return wire?.verdicts.find(one => one.verdict === verdict && one.direction === direction)?.[unit] ?? 0
}

function guardRules({ guard }: AgentStatus): readonly Sample[] {
  const sums = new Map<string, { readonly labels: Labels; value: number }>()
  const names = new Set<string>()
  for (const { direction, kind, why, packets } of guard?.traffic ?? []) {
    if (names.size < MOST_NAMES) names.add(why)
    const labels = { direction, kind, why: names.has(why) ? why : 'other' }
    const key = JSON.stringify(labels)
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { labels, value: packets })
    else sum.value += packets
  }
  return [...sums.values()]
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, big => `_${big.toLowerCase()}`)
}

export type Form = 'openmetrics' | 'prometheus'

export const contentTypes: Readonly<Record<Form, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
}

export const PREFIX = 'sealwire_'

/** Both forms differ in where a counter's `_total` stands, and in an end that tells that nothing was cut off. */
export function writeMetrics(status: AgentStatus, form: Form): string {
  const lines = metrics.flatMap(metric => {
    const name = PREFIX + metric.name
    const sampleName = metric.type === 'counter' ? `${name}_total` : name
    const family = form === 'openmetrics' ? name : sampleName
    return [
      `# HELP ${family} ${escaped(metric.help, form === 'openmetrics')}`,
      `# TYPE ${family} ${metric.type}`,
      ...metric.samples(status).map(({ labels, value }) => `${sampleName}${labelText(labels)} ${value}`),
    ]
  })
  return `${lines.join('\n')}\n${form === 'openmetrics' ? '# EOF\n' : ''}`
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(cut(value), true)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

function cut(text: string): string {
  const characters = [...text.toWellFormed()]
  return characters.length <= LONGEST_LABEL ? text.toWellFormed() : `${characters.slice(0, LONGEST_LABEL).join('')}…`
}

function escaped(text: string, isQuoted: boolean): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return isQuoted ? plain.replaceAll('"', '\\"') : plain
}
