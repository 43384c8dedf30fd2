// What the two hosts of a run said to each other by IKE, and what came of it: as values that can be printed or written as
// JSON, in the order in which it happened. Each message once, when it is sent.
import { describeEvent } from '../../keying/describe-event.ts'
import type { KeyingEvent } from '../../keying/machine.ts'
import { describePayload } from '../../wire/ike/describe.ts'
import { isResponse } from '../../wire/ike/header.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { DemoRun, TracedEvent } from './run-demo.ts'

export type TraceLine =
  | {
      readonly kind: 'message'
      /** Seconds since the first packet. */
      readonly time: number
      readonly from: string
      readonly to: string
      readonly exchange: string
      readonly direction: 'request' | 'response'
      readonly messageId: number
      readonly isSealed: boolean
      /** How often it was sent before. */
      readonly again: number
      /** Each payload in words. */
      readonly payloads: readonly string[]
    }
  | {
      readonly kind: 'event'
      readonly time: number
      readonly host: string
      readonly event: Exclude<KeyingEvent['kind'], 'message' | 'keys' | 'keys-v1'>
      readonly text: string
    }

export function traceOf({ trace, hosts }: Pick<DemoRun, 'trace' | 'hosts'>): readonly TraceLine[] {
  const names = hosts.map(({ name }) => name)
  return trace.flatMap(traced => lineOf(traced, names.find(name => name !== traced.host) ?? '') ?? [])
}

function lineOf({ time, host, event }: TracedEvent, other: string): TraceLine | undefined {
  if (event.kind === 'keys' || event.kind === 'keys-v1') return undefined
  if (event.kind !== 'message') return { kind: 'event', time, host, event: event.kind, text: describeEvent(event) }
  if (event.way !== 'sent') return undefined
  const { header, isSealed, again } = event
  return {
    ...{ kind: 'message', time, from: host, to: other, isSealed, again },
    exchange: exchangeTypes.nameOf(header.exchange),
    direction: isResponse(header) ? 'response' : 'request',
    messageId: header.messageId,
    payloads: event.payloads.map(describePayload),
  }
}
