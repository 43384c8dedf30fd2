// Whether two values that were read at different times say the same: policies and credentials before and after a change.
// Secrets and keys are compared by what is in them.
import { KeyObject } from 'node:crypto'
import { Secret } from '../base/secret.ts'

export function isSameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Secret || b instanceof Secret) {
    return a instanceof Secret && b instanceof Secret && isSameValue(a.reveal(), b.reveal())
  }
  if (a instanceof KeyObject || b instanceof KeyObject) {
    return a instanceof KeyObject && b instanceof KeyObject && a.equals(b)
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [Object.entries(a), b as Readonly<Record<string, unknown>>]
  if (left.length !== Object.keys(b).length) return false
  return left.every(([key, value]) => Object.hasOwn(b, key) && isSameValue(value, right[key]))
}
