// Object identifiers as DER (X.690 §8.19), and those of purposes that certificates for IKE name; x509/der-reader.ts reads.
import { DER_OID, derElement } from './der.ts'

/** Purposes of a certificate (RFC 5280 §4.2.1.12, RFC 4945 §5.1.3.12), by the names that policies and people use. */
export const purposeIds: ReadonlyMap<string, string> = new Map([
  ['serverAuth', '1.3.6.1.5.5.7.3.1'],
  ['clientAuth', '1.3.6.1.5.5.7.3.2'],
  ['ipsecIKE', '1.3.6.1.5.5.7.3.17'],
  ['iKEIntermediate', '1.3.6.1.5.5.8.2.2'],
  ['codeSigning', '1.3.6.1.5.5.7.3.3'],
  ['emailProtection', '1.3.6.1.5.5.7.3.4'],
  ['ipsecEndSystem', '1.3.6.1.5.5.7.3.5'],
  ['ipsecTunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsecUser', '1.3.6.1.5.5.7.3.7'],
  ['timeStamping', '1.3.6.1.5.5.7.3.8'],
  ['OCSPSigning', '1.3.6.1.5.5.7.3.9'],
  ['anyExtendedKeyUsage', '2.5.29.37.0'],
])

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
