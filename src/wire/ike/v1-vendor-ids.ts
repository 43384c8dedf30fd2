// Vendor IDs of IKEv1: what a peer says that it can do and what it is. Most are the MD5 of a text. Some have more behind it,
// such as a version, so a front that fits is enough. Those of Windows are from [MS-IKEE] §1.7.

interface VendorRow {
  readonly name: string
  /** In hexadecimal; what a peer sends begins with it. */
  readonly front: string
  /** What it is the MD5 of, where it is known; a test computes it. */
  readonly text?: string
}

const rows = {
  windows: { name: 'Windows', front: '1e2b516905991c7d7c96fcbfb587e461', text: 'MS NT5 ISAKMPOAKLEY' },
  gssapi: { name: 'Kerberos', front: '621b04bb09882ac1e15935fefa24aeee', text: 'GSSAPI' },
  gssapiDraft: {
    name: 'Kerberos as the draft has it',
    front: 'ad2c0dd0b9c32083ccba25b8861ec455',
    text: 'A GSS-API Authentication Method for IKE',
  },
  gssapiDraftLine: {
    name: 'Kerberos as the draft has it, with a line feed',
    front: 'b46d8914f3aaa3f2fedeb7c7db2943ca',
    text: 'A GSS-API Authentication Method for IKE\n',
  },
  fragmentation: { name: 'fragments', front: '4048b7d56ebce88525e7de7f00d6c2d3', text: 'FRAGMENTATION' },
  /** Everybody computed it with the line feed by mistake, and so it stayed. */
  natTraversalDraft: {
    name: 'NAT traversal, draft 02',
    front: '90cb80913ebb696e086381b5ec427b1f',
    text: 'draft-ietf-ipsec-nat-t-ike-02\n',
  },
  natTraversalDraftPlain: {
    name: 'NAT traversal, draft 02 without a line feed',
    front: 'cd60464335df21f87cfdb2fc68b6a448',
    text: 'draft-ietf-ipsec-nat-t-ike-02',
  },
  natTraversalDraft0: {
    name: 'NAT traversal, draft 00',
    front: '4485152d18b6bbcd0be8a8469579ddcc',
    text: 'draft-ietf-ipsec-nat-t-ike-00',
  },
  natTraversalDraft1: {
    name: 'NAT traversal, draft 01',
    front: '16f6ca16e4a4066d83821a0f0aeaa862',
    text: 'draft-ietf-ipsec-nat-t-ike-01',
  },
  natTraversalDraft3: {
    name: 'NAT traversal, draft 03',
    front: '7d9419a65310ca6f2c179d9215529d56',
    text: 'draft-ietf-ipsec-nat-t-ike-03',
  },
  natTraversal: { name: 'NAT traversal', front: '4a131c81070358455c5728f20e95452f', text: 'RFC 3947' },
  initialContact: {
    name: 'initial contact',
    front: '26244d38eddb61b3172a36e3d0cfb819',
    text: 'Vid-Initial-Contact',
  },
  loadBalancing: { name: 'load balancing', front: '72872b95fcda2eb708efe322119b4971', text: 'NLBS_PRESENT' },
  authIp: { name: 'AuthIP', front: '214ca4faffa7f32d6748e5303395ae83', text: 'MS-MamieExists' },
  generatedAddresses: {
    name: 'cryptographically generated addresses',
    front: 'e3a5966a76379fe707228231e5ce8652',
    text: 'IKE CGA version 1',
  },
  negotiationDiscovery: {
    name: 'negotiation discovery',
    front: 'fb1de3cdf341b7ea16b7e5be0855f120',
    text: 'MS-Negotiation Discovery Capable',
  },
  /** The bytes of these three are not the MD5 of the texts that are printed beside them. */
  keyModules: { name: 'keying modules', front: '01528bbbc00696121849ab9a1c5b2a51' },
  authIpGroup: { name: 'AuthIP with Diffie-Hellman', front: '7bb93867d76c8d80df0f40fae8fc3b19' },
  xboxIkev2: { name: 'IKEv2 of Xbox', front: '660822b3a73a244149578d62e0eb46a0' },
  /** Two octets of version follow (RFC 3706 §5.1), the same for all. */
  deadPeerDetection: { name: 'dead peer detection', front: 'afcad71368a1f1c96b8696fc7757' },
  xauth: { name: 'XAUTH', front: '09002689dfd6b712' },
  unity: { name: 'Cisco Unity', front: '12f5f28c457168a9702d9fe274cc' },
  heartbeat: { name: 'heartbeat', front: '4865617274426561745f4e6f74696679' },
  strongswan: { name: 'strongSwan', front: '882fe56d6fd20dbc2251613b2ebe5beb', text: 'strongSwan' },
} as const satisfies Readonly<Record<string, VendorRow>>

export type VendorName = keyof typeof rows

export const vendorRows: readonly (VendorRow & { readonly key: VendorName })[] = Object.entries(rows).map(
  ([key, row]) => ({ ...row, key: key as VendorName }),
)

/** As we send it. The version of RFC 3706 is 1.0. */
export function vendorId(name: VendorName): Uint8Array {
  return Uint8Array.fromHex(name === 'deadPeerDetection' ? `${rows[name].front}0100` : rows[name].front)
}

export function isVendor(name: VendorName, id: Uint8Array): boolean {
  const { front } = rows[name]
  return id.subarray(0, front.length / 2).toHex() === front
}

/** Which of those that are known an ID is; undefined for one that is not. */
export function vendorOf(id: Uint8Array): VendorName | undefined {
  return vendorRows.find(({ key }) => isVendor(key, id))?.key
}

/** Version of "MS NT5 ISAKMPOAKLEY", from which on Windows is told. */
const windowsNames = [
  [2, 'Windows 2000'],
  [3, 'Windows XP'],
  [4, 'Windows Server 2003'],
  [5, 'Windows Vista'],
  [6, 'Windows Server 2008'],
  [7, 'Windows 7'],
  [8, 'Windows Server 2008 R2'],
  [9, 'Windows 8 or later'],
] as const

export const WINDOWS_2000 = 2
export const WINDOWS_XP = 3
export const WINDOWS_SERVER_2003 = 4
export const WINDOWS_VISTA = 5
export const WINDOWS_7 = 7

/** The version of Windows, a number of 32 bits behind the ID; undefined for any other ID. */
export function windowsVersion(id: Uint8Array): number | undefined {
  if (!isVendor('windows', id) || id.length !== 20) return undefined
  return new DataView(id.buffer, id.byteOffset, id.length).getUint32(16)
}

/** As a Windows of that version sends it. */
export function windowsVendorId(version: number): Uint8Array {
  const id = new Uint8Array(20)
  id.set(vendorId('windows'))
  new DataView(id.buffer).setUint32(16, version)
  return id
}

/** For people; undefined for an ID that is not known. */
export function nameOfVendor(id: Uint8Array): string | undefined {
  const version = windowsVersion(id)
  if (version !== undefined) {
    return windowsNames.find(([number]) => number === version)?.[1] ?? `Windows, version ${version}`
  }
  const key = vendorOf(id)
  return key && rows[key].name
}
