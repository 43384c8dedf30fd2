// A peer that speaks IKEv1 alone answers the first message of IKEv2 by a notification of its own version, in clear, under the
// SPI that it takes for a cookie (RFC 2408 §5.2). Anybody on the way can write it: it is a hint, and better answers count still.
import type { IkeHeader } from '../../wire/ike/header.ts'
import { readMessageV1 } from '../../wire/ike/v1-message.ts'
import { notifyTypesV1 } from '../../wire/ike/v1-notify-numbers.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { findAll } from './opened.ts'

/** The SPI of the session that it is about, where the message says that. */
export function saysOtherVersion(header: IkeHeader, octets: Uint8Array): bigint | undefined {
  if (header.exchange !== exchangeTypesV1.of.informational) return undefined
  const read = readMessageV1(octets)
  if (!read.ok || read.value.kind !== 'clear') return undefined
  const version = notifyTypesV1.of['INVALID-MAJOR-VERSION']
  return findAll(read.value.payloads, 'notify').some(({ type }) => type === version) ? header.initiatorSpi : undefined
}
