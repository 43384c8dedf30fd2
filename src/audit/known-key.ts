// Keys that somebody hands to the auditor, so that it need not take a seal at its word: one association's, one direction.
import type { Address } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import type { Suite, SuiteKeys } from '../crypto/suites.ts'
import type { Spi } from '../ipsec/association.ts'

export interface KnownKey {
  readonly spi: Spi
  /** Of the sealed packets; absent for any. */
  readonly source?: Address
  readonly destination?: Address
  readonly suite: Suite
  readonly keys: SuiteKeys
  readonly extendedSequence: boolean
}

/** What a file of keys holds. What cannot be used is a warning: its packets are then taken at their word. */
export interface KeysRead {
  readonly keys: readonly KnownKey[]
  readonly problems: readonly Problem[]
}

export function keyProblem(severity: Problem['severity'], where: string, what: string, hint = ''): Problem {
  return { severity, where, what, hint }
}
