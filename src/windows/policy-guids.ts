// The GUIDs by which Windows 2000 to 11 name the parts of an IPsec policy ([MS-GPIPSEC] §2.2.1), and GUIDs as text and octets:
// the first three fields are little-endian, the rest is in order ([MS-DTYP] §2.3.4.2).
import { type Codec, mapped, octets } from '../base/codec.ts'

/** As Windows writes it, in capitals and braces: `{72385230-70FA-11D1-864C-14A300000000}`. */
export type Guid = string

const FORM = /^\{?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}?$/i

/** In Windows's own spelling; undefined for what is no GUID. Braces and case do not matter. */
export function parseGuid(text: string): Guid | undefined {
  const found = FORM.exec(text.trim())
  return found === null ? undefined : `{${found.slice(1).join('-').toUpperCase()}}`
}

/** From 16 octets, in the order in which blobs have them. */
export function guidOf(bytes: Uint8Array): Guid {
  const hex = Uint8Array.of(
    ...bytes.slice(0, 4).reverse(),
    ...bytes.slice(4, 6).reverse(),
    ...bytes.slice(6, 8).reverse(),
    ...bytes.slice(8, 16),
  )
    .toHex()
    .toUpperCase()
  return `{${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}}`
}

export function guidOctets(guid: Guid): Uint8Array {
  const bytes = Uint8Array.fromHex(guid.replace(/[{}-]/g, ''))
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}

export const guid: Codec<Guid> = mapped(octets(16), guidOf, guidOctets)

/** What an object is, by the kind that we give it. */
export type ObjectKind = 'policy' | 'isakmp' | 'rule' | 'negotiation' | 'filter-list'

/** The class of an object in the directory, with which the names of registry keys begin too. */
export const classNames: Readonly<Record<ObjectKind, string>> = {
  policy: 'ipsecPolicy',
  isakmp: 'ipsecISAKMPPolicy',
  rule: 'ipsecNFA',
  negotiation: 'ipsecNegotiationPolicy',
  'filter-list': 'ipsecFilter',
}

/** What `ipsecData` of each kind begins with. */
export const blobGuids: Readonly<Record<ObjectKind, Guid>> = {
  policy: '{22202163-4F4C-11D1-863B-00A0248D3021}',
  isakmp: '{80DC20B8-2EC8-11D1-A89E-00A0248D3021}',
  rule: '{11BBAC00-498D-11D1-8639-00A0248D3021}',
  negotiation: '{80DC20B9-2EC8-11D1-A89E-00A0248D3021}',
  'filter-list': '{80DC20B5-2EC8-11D1-A89E-00A0248D3021}',
}

/** The second part of a filter list, since Windows Vista. */
export const VERSION_2_FILTERS: Guid = '{35FECD3D-AE29-4373-8A6A-C5D8FAB2FB08}'

/** Of a rule that no policy names: who made the objects of a directory, and with what. Windows 2000 put it there. */
export const VERSION_INFORMATION: Guid = '{6A1F5C6F-72B7-11D2-ACF0-0060B0ECCA17}'

// The specification prints these three with four digits too few; the octets are those of real rules.
export const ALTERNATIVE_METHODS: Guid = '{01010101-0101-0101-0101-010101010101}'
export const ALTERNATIVE_FLAGS: Guid = '{01010101-0101-0101-0101-010101010102}'
export const TUNNEL_ENDPOINT_6: Guid = '{01010101-0101-0101-0101-010101010103}'

/** `ipsecNegotiationPolicyAction`. */
export const actionGuids = {
  block: '{3F91A819-7647-11D1-864D-D46A00000000}',
  permit: '{8A171DD2-77E3-11D1-8659-A04F00000000}',
  negotiate: '{8A171DD3-77E3-11D1-8659-A04F00000000}',
  /** Negotiate, but accept unsecured packets that arrive. */
  acceptUnsecured: '{3F91A81A-7647-11D1-864D-D46A00000000}',
} as const satisfies Readonly<Record<string, Guid>>

/** `ipsecNegotiationPolicyType`. */
export const typeGuids = {
  standard: '{62F49E10-6C37-11D1-864C-14A300000000}',
  defaultResponse: '{62F49E13-6C37-11D1-864C-14A300000000}',
} as const satisfies Readonly<Record<string, Guid>>
