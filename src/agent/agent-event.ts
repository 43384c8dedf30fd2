// How what happens in the agent's parts becomes an event that it tells: monitor/told-event.ts has its form.
import { formatAddress } from '../base/address.ts'
import { type Flow, formatFlow } from '../base/flow.ts'
import { formatProblem, type Problem } from '../base/result.ts'
import type { DropReason } from '../ipsec/drop-reasons.ts'
import { describeEvent, spiOf } from '../keying/describe-event.ts'
import type { KeyingEvent } from '../keying/machine.ts'
import type { AgentEvent, Fields, Level } from '../monitor/told-event.ts'

/** Undefined for what nobody but a test may hear. */
export function eventOfKeying(event: KeyingEvent): AgentEvent | undefined {
  // Keys are told in tests and demonstrations only; should the setting ever be on here, they stop at this line.
  if (event.kind === 'keys' || event.kind === 'keys-v1') return undefined
  const fields = {
    ...(event.session === undefined ? {} : { session: event.session }),
    ...(event.peer === undefined ? {} : { peer: formatAddress(event.peer) }),
    ...fieldsOf(event),
  }
  return { level: levelOf(event), kind: event.kind, text: describeEvent(event), fields }
}

function levelOf({ kind }: KeyingEvent): Level {
  switch (kind) {
    case 'session-failed':
    case 'child-failed':
    case 'warning':
      return 'warning'
    case 'ignored':
    case 'message':
    case 'message-v1':
      return 'debug'
    default:
      return 'info'
  }
}

function fieldsOf(event: KeyingEvent): Fields {
  switch (event.kind) {
    case 'message':
    case 'message-v1':
      return { way: event.way, isSealed: event.isSealed, again: event.again }
    case 'session-established':
      return { role: event.role, offer: event.offer, peerName: event.peerName }
    case 'session-rekeyed':
      return { by: event.by, offer: event.offer }
    case 'child-established':
      return {
        spi: spiOf(event.name),
        peerSpi: spiOf(event.peerSpi),
        rule: event.rule,
        security: event.security,
        mode: event.mode,
        ...(event.replaces === undefined ? {} : { replaces: spiOf(event.replaces) }),
      }
    case 'child-closed':
      return { spi: spiOf(event.name), why: event.why }
    case 'child-failed':
      return event.rule === undefined ? {} : { rule: event.rule }
    default:
      return {}
  }
}

export function eventOfProblems(kind: string, text: string, problems: readonly Problem[], level: Level): AgentEvent {
  return { level, kind, text, fields: { problems: problems.map(formatProblem) } }
}

export function eventOfDrops(reason: DropReason, packets: number, flow: Flow | undefined): AgentEvent {
  const example = flow === undefined ? '' : `, the last one ${formatFlow(flow)}`
  return {
    level: 'info',
    kind: 'packets-dropped',
    text: `${packets === 1 ? 'one packet' : `${packets} packets`} dropped: ${reason}${example}`,
    fields: { reason, packets, ...(flow === undefined ? {} : { flow: formatFlow(flow) }) },
  }
}

/** An Error with its causes in one line: whoever caught it says what was tried. */
export function wordsOfError(error: unknown): string {
  const words: string[] = []
  for (let cause = error; cause instanceof Error && words.length < 5; cause = cause.cause) words.push(cause.message)
  if (words.length === 0) words.push(String(error))
  return words.join(': ').replaceAll(/\s*\n\s*/g, ' ')
}
