// The setting of default exemptions as a page changes it: what another value would do, and the change itself as it is asked
// for. What is asked comes from a browser and is held to be wrong until it is read.
import { failure, type Problem, type Result, success } from '../base/result.ts'

/** What becomes of traffic. */
export type Fate = 'exempt' | 'secured' | 'blocked' | 'permitted'

/** Of a kind that is exempt now: where it would not be, and what the policy in force would then do with it. */
export interface Otherwise {
  /** The smallest value of the setting at which this kind obeys the filters. */
  readonly value: number
  readonly becomes: 'secured' | 'blocked' | 'permitted' | 'mixed'
  readonly words: string
}

export interface SettingPreview {
  /** Null where the profile reads none. */
  readonly name: 'NoDefaultExempt' | 'IPsecExempt' | null
  readonly value: number
  readonly from: 'policy' | 'registry' | 'default'
  /** Key and name in the registry, where it is from there. */
  readonly where: string | null
  /** The value that the rest is about. */
  readonly asked: number
  /** All that the profile knows. */
  readonly values: readonly { readonly value: number; readonly meaning: string }[]
  readonly isChangeable: boolean
  readonly whyNot: string | null
  /** Of what leaves this host. One kind may have several fates, each with its words. */
  readonly changes: readonly SettingEffect[]
  readonly warnings: readonly string[]
}

export interface SettingEffect {
  /** The kind of traffic. */
  readonly title: string
  readonly now: Fate
  readonly then: Fate
  readonly words: string
}

export interface SettingChange {
  readonly value: number
  /** What who asks believes to be in force. */
  readonly expected: number
}

/** Where a problem stands that says that another value is in force than the one that was seen. */
export const EXPECTED = 'expected'

/** A value of a REG_DWORD. */
export function isSettingValue(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff
}

export function readSettingChange(text: string): Result<SettingChange, readonly Problem[]> {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return refused('the request', 'this is no JSON')
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read))
    return refused('the request', 'this is no object')
  const { value, expected } = read as Readonly<Record<string, unknown>>
  if (!isSettingValue(value)) return refused('value', 'this is no whole number from 0 to 4294967295')
  // Not by the name of what is no longer so: this is a request that nobody could have meant.
  if (!isSettingValue(expected)) return refused('the request', '“expected” is no whole number from 0 to 4294967295')
  return success({ value, expected })
}

function refused(where: string, what: string): Result<never, readonly Problem[]> {
  return failure([{ severity: 'error', where, what, hint: 'write { "value": 1, "expected": 0 }' }])
}
