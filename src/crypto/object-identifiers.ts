// Object identifiers as DER (X.690 §8.19); x509/der-reader.ts reads them.
import { DER_OID, derElement } from './der.ts'

export function oidElement(oid: string): Uint8Array {
  const [first, second, ...others] = oid.split('.').map(Number)
  const octets = [40 * first! + second!, ...others].flatMap(number => {
    const groups = [number % 128]
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(128 + (left % 128))
    return groups
  })
  return derElement(DER_OID, Uint8Array.from(octets))
}
