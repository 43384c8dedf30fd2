// Vendor IDs: what this host says of itself in the first two messages, and what the peer's say of it.

import { isSameOctets } from '../../base/bytes.ts'
import { type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import { isVendor, type VendorName, vendorId, windowsVersion } from '../../wire/ike/v1-vendor-ids.ts'
import { findAll } from './opened.ts'
import type { PeerSupport } from './session.ts'

export const noSupport: PeerSupport = {
  nat: 'none',
  deadPeerDetection: false,
  fragmentation: false,
  hasFragmented: false,
  isWindows: false,
  answersDelete: false,
  kerberos: false,
}

/** The better form of NAT traversal first; a peer that knows both takes that. */
const always: readonly VendorName[] = [
  'natTraversal',
  'natTraversalDraft',
  'natTraversalDraftPlain',
  'deadPeerDetection',
  'fragmentation',
]
const kerberos: readonly VendorName[] = ['gssapi', 'gssapiDraft']

/** 16 octets that name the product and its dialect. Whoever sends them answers deletes, as a Windows does. */
const OWN = new TextEncoder().encode('sealwire IKEv1 1')

export function announcements(withKerberos: boolean): readonly PayloadV1[] {
  const ids = [...always, ...(withKerberos ? kerberos : [])].map(vendorId)
  return [...ids, OWN].map(id => payloadV1('vendor-id', { id }))
}

export function supportOf(payloads: readonly PayloadV1[]): PeerSupport {
  const ids = findAll(payloads, 'vendor-id').map(({ id }) => id)
  const has = (...names: readonly VendorName[]) => ids.some(id => names.some(name => isVendor(name, id)))
  const isWindows = ids.some(id => windowsVersion(id) !== undefined)
  return {
    nat: has('natTraversal') ? 'rfc' : has('natTraversalDraft', 'natTraversalDraftPlain') ? 'draft' : 'none',
    deadPeerDetection: has('deadPeerDetection'),
    fragmentation: has('fragmentation'),
    hasFragmented: false,
    isWindows,
    answersDelete: isWindows || ids.some(id => isSameOctets(id, OWN)),
    kerberos: isWindows || has('gssapi', 'gssapiDraft', 'gssapiDraftLine'),
  }
}
