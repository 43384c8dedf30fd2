// For what a key may be used (RFC 5280 §4.2.1.12), and what of it IKE asks for (RFC 4945 §5.1.3.12).

/** OIDs by the names that a policy file may use. */
export const extendedKeyUsages = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  ipsecEndSystem: '1.3.6.1.5.5.7.3.5',
  ipsecTunnel: '1.3.6.1.5.5.7.3.6',
  ipsecUser: '1.3.6.1.5.5.7.3.7',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  ipsecIKE: '1.3.6.1.5.5.7.3.17',
  /** What Windows's templates for IPsec state: "IP security IKE intermediate". */
  ikeIntermediate: '1.3.6.1.5.5.8.2.2',
} as const

const { any, ipsecIKE, ikeIntermediate, serverAuth } = extendedKeyUsages

/**
 * RFC 4945 §5.1.3.12 has the first two and leaves more to policy. Windows's templates for computers and domain controllers
 * state `serverAuth`, and no certificate of a person does: it is a machine's.
 */
const HOSTS = [ipsecIKE, any, ikeIntermediate, serverAuth]

/** The OID of a name or of an OID itself; undefined for anything else. */
export function readExtendedKeyUsage(text: string): string | undefined {
  if (/^[0-2](\.\d+)+$/.test(text)) return text
  return Object.entries(extendedKeyUsages).find(([name]) => name.toLowerCase() === text.toLowerCase())?.[1]
}

/** Which purposes a certificate has to state. */
export type PurposeDemand =
  | { readonly kind: 'ignore' }
  /** Where it states any, one of these. */
  | { readonly kind: 'if-stated'; readonly oids: readonly string[] }
  /** It has to state this one. */
  | { readonly kind: 'demanded'; readonly oids: readonly string[] }

export function demandOf(extendedKeyUsage: string | undefined): PurposeDemand {
  if (extendedKeyUsage === undefined) return { kind: 'if-stated', oids: HOSTS }
  if (extendedKeyUsage === 'ignore') return { kind: 'ignore' }
  // A word that is no purpose demands what nobody has: a mistake must not open the door.
  return { kind: 'demanded', oids: [readExtendedKeyUsage(extendedKeyUsage) ?? extendedKeyUsage] }
}

export function isMeantFor(stated: readonly string[] | undefined, demand: PurposeDemand): boolean {
  if (demand.kind === 'ignore') return true
  if (stated === undefined) return demand.kind === 'if-stated'
  return stated.some(oid => demand.oids.includes(oid))
}

/** For the CAs above: one that states purposes hands on no others, as Windows and browsers have it. */
export function mayIssueFor(stated: readonly string[] | undefined, demand: PurposeDemand): boolean {
  return (
    demand.kind === 'ignore' || stated === undefined || stated.some(oid => oid === any || demand.oids.includes(oid))
  )
}
