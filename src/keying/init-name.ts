// By what a repeated first message of a session is known again, in both versions of IKE.
import { createHash } from 'node:crypto'
import { formatAddress } from '../base/address.ts'
import type { Path } from './machine.ts'

/**
 * The whole request counts, and where it came from (RFC 7296 §2.1): who only copies an SPI that it saw begins a session of
 * its own and keeps nobody out.
 */
export function nameOfInit({ local, remote }: Path, octets: Uint8Array): string {
  const ends = [local, remote].map(({ address, port }) => `${formatAddress(address)} ${port}`)
  return createHash('sha256').update(ends.join(' ')).update(octets).digest('base64')
}
