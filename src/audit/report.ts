// What an audit says when it is done: the sums by verdict and by class, what is worth a person's look, and where the
// capture seems to have been taken. The JSON of `sealwire audit --json` is this value.

import { formatAddress } from '../base/address.ts'
import { type Flow, protocolName } from '../base/flow.ts'
import type { Auditor } from './audit.ts'
import type { FingerprintReport } from './fingerprint.ts'
import { type HostMatrix, hostMatrix } from './host-matrix.ts'
import { type LedgerEntry, mergeAlike } from './ledger.ts'
import type { CaptureRead } from './open-capture.ts'
import type { SealReport } from './seals.ts'
import type { TimelineReport } from './timeline.ts'
import { classes, type TrafficClass, type Verdict, verdicts } from './verdict.ts'

export interface FlowReport {
  readonly source: string
  readonly destination: string
  /** IP protocol number. */
  readonly protocol: number
  readonly protocolName: string
  readonly sourcePort: number | null
  readonly destinationPort: number | null
}

/** A conversation, or all conversations of two hosts about one service, that share a judgement. */
export interface Finding {
  readonly verdict: Verdict
  readonly class: TrafficClass
  /** Why, in a sentence. */
  readonly because: string
  /** The exemption or the rule by its name, where one decided. */
  readonly exemption?: string
  readonly rule?: string
  /** What an exempt packet would be without its exemption. */
  readonly withoutExemption?: Verdict
  /** The first packet's; null where many hosts are told together, or for what is not IP. */
  readonly flow: FlowReport | null
  readonly packets: number
  /** Octets on the wire, link headers included. */
  readonly bytes: number
  /** The first packet: its frame number as Wireshark counts, and when it was seen. */
  readonly first: { readonly frame: number; readonly time: string }
}

export interface AuditReport {
  readonly capture: {
    readonly file: string
    readonly packets: number
    readonly bytes: number
    /** Null for a capture without packets. */
    readonly from: string | null
    readonly to: string | null
    readonly format: string
    /** What stopped the reading early, or what was passed over; empty where nothing was. */
    readonly problems: readonly string[]
  }
  readonly capturePoint: {
    readonly point: 'wire' | 'receiver'
    readonly because: string
    /** Packets that are opened copies of sealed ones; they count as protected. */
    readonly openedCopies: number
  }
  readonly totals: Readonly<Record<Verdict, number>>
  readonly classes: Readonly<Record<TrafficClass, number>>
  /** Only where keys were given. */
  readonly seals?: SealReport
  /** Leaked first, then blocked, exempt, malformed; each by packets. */
  readonly findings: readonly Finding[]
  /** Everything, findings included, by packets; cut after the first thousand. */
  readonly conversations: readonly Finding[]
  readonly conversationsLeftOut: number
  /** Only where a page was asked for: sums over time (none of an empty capture), between hosts, and the capture's digest. */
  readonly timeline?: TimelineReport
  readonly hosts?: HostMatrix
  readonly fingerprint?: FingerprintReport
}

const MOST_CONVERSATIONS = 1000
const findingVerdicts: readonly Verdict[] = ['leaked', 'blocked', 'exempt', 'malformed']

/** Directions between hosts whose clear packets are opened copies of sealed ones. */
export function copyDirections(auditor: Auditor): ReadonlySet<number> {
  const paired = auditor.sums.entries.filter(({ direction }) => direction >= 0)
  return new Set(paired.map(({ direction }) => direction).filter(direction => auditor.copies.areCopies(direction)))
}

/** `fingerprint` of the octets that were read, where it was taken. */
export function reportOf(
  file: string,
  auditor: Auditor,
  read: CaptureRead,
  fingerprint?: FingerprintReport,
): AuditReport {
  const copies = copyDirections(auditor)
  const isCopy = (entry: LedgerEntry) => copies.has(entry.direction)
  const openedCopies = auditor.sums.entries.filter(isCopy).reduce((sum, { packets }) => sum + packets, 0)
  const entries = mergeAlike(auditor.sums.entries.map(entry => (isCopy(entry) ? openedCopy(entry) : entry)))
  const totals = Object.fromEntries(verdicts.map(verdict => [verdict, 0])) as Record<Verdict, number>
  const byClass = Object.fromEntries(classes.map(name => [name, 0])) as Record<TrafficClass, number>
  for (const entry of entries) {
    totals[entry.judgement.verdict] += entry.packets
    byClass[entry.judgement.class] += entry.packets
  }
  const told = entries.map(findingOf).sort((a, b) => b.packets - a.packets || a.first.frame - b.first.frame)
  const timeline = auditor.timeline?.report(copies)
  const rank = (finding: Finding) => findingVerdicts.indexOf(finding.verdict)
  return {
    capture: {
      file,
      packets: auditor.frames,
      bytes: auditor.wireBytes,
      from: auditor.frames === 0 ? null : timeText(auditor.first),
      to: auditor.frames === 0 ? null : timeText(auditor.last),
      format: read.format,
      problems: [...(read.problem === '' ? [] : [read.problem]), ...read.warnings],
    },
    capturePoint: {
      point: openedCopies > 0 ? 'receiver' : 'wire',
      because:
        openedCopies > 0
          ? 'the sealed packets of one direction are each followed at once by what they hold, in clear: these are the opened copies that a receiving Linux host shows'
          : 'no clear packet is the opened copy of a sealed one',
      openedCopies,
    },
    totals,
    classes: byClass,
    ...(auditor.seals === undefined ? {} : { seals: auditor.seals.report() }),
    findings: told.filter(finding => rank(finding) >= 0).sort((a, b) => rank(a) - rank(b)),
    conversations: told.slice(0, MOST_CONVERSATIONS),
    conversationsLeftOut: Math.max(0, told.length - MOST_CONVERSATIONS),
    ...(timeline === undefined ? {} : { timeline }),
    ...(auditor.timeline === undefined ? {} : { hosts: hostMatrix(entries) }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  }
}

export const COPY_SENTENCE = 'it is the opened copy of a sealed packet, as the receiving host shows it'

function openedCopy(entry: LedgerEntry): LedgerEntry {
  const { class: trafficClass } = entry.judgement
  return { ...entry, judgement: { class: trafficClass, verdict: 'protected', because: COPY_SENTENCE } }
}

function findingOf(entry: LedgerEntry): Finding {
  const { judgement, flow, first } = entry
  const { reason, otherwise } = judgement
  return {
    verdict: judgement.verdict,
    class: judgement.class,
    because: judgement.because,
    ...(reason?.kind === 'exemption' ? { exemption: reason.exemption } : {}),
    ...(reason?.kind === 'filter' ? { rule: reason.rule } : {}),
    ...(otherwise === undefined ? {} : { withoutExemption: otherwise.verdict }),
    ...(otherwise?.rule === undefined ? {} : { rule: otherwise.rule }),
    flow: flow === undefined ? null : flowReport(flow),
    packets: entry.packets,
    bytes: entry.bytes,
    first: { frame: first.frame, time: timeText(first) },
  }
}

export function flowReport(flow: Flow): FlowReport {
  return {
    source: formatAddress(flow.source),
    destination: formatAddress(flow.destination),
    protocol: flow.protocol,
    protocolName: protocolName(flow.protocol),
    sourcePort: flow.sourcePort ?? null,
    destinationPort: flow.destinationPort ?? null,
  }
}

/** RFC 3339 in UTC with the fraction that the capture has: six digits, or nine. */
export function timeText(time: { readonly seconds: number; readonly nanoseconds: number }): string {
  // A damaged file can state any 64-bit time; what no calendar holds is written as seconds.
  if (!(Math.abs(time.seconds) <= 8.64e12)) return `${time.seconds} s`
  const digits = String(time.nanoseconds).padStart(9, '0')
  const fraction = digits.endsWith('000') ? digits.slice(0, 6) : digits
  return new Date(time.seconds * 1000).toISOString().replace(/\.\d+Z$/, `.${fraction}Z`)
}
