// Numbers of IKEv1 messages and payloads (RFC 2408 §3, RFC 2407 §4 and §6, and what came later), each with its name, its
// meaning and its source. What stands in transforms is in v1-transform-numbers.ts, notify types in v1-notify-numbers.ts.
import { numberTable } from './number-table.ts'

/** Bits of `flags` in IKEv1 (RFC 2408 §3.1). */
export const ENCRYPTED_FLAG = 0x01
export const COMMIT_FLAG = 0x02
export const AUTHENTICATED_FLAG = 0x04

/** The IPsec domain of interpretation, the one we speak (RFC 2407). */
export const IPSEC_DOI = 1
/** SIT_IDENTITY_ONLY: no labels (RFC 2407 §4.2.1). */
export const IDENTITY_ONLY = 1

export const exchangeTypesV1 = numberTable('exchange type of IKEv1', {
  none: [0, 'no exchange', 'RFC 2408 §3.1'],
  base: [1, 'keys and identities together, without hiding who they are', 'RFC 2408 §4.4'],
  'main mode': [2, 'agrees on algorithms and keys, then proves who both are under them', 'RFC 2409 §5'],
  'authentication only': [3, 'proves who both are, agrees on no keys', 'RFC 2408 §4.6'],
  'aggressive mode': [4, 'main mode in three messages; identities travel in clear', 'RFC 2409 §5'],
  informational: [5, 'tells or deletes; nothing answers', 'RFC 2409 §5.7'],
  transaction: [6, 'asks for and sets configuration', 'draft-ietf-ipsec-isakmp-mode-cfg'],
  'quick mode': [32, 'makes SAs for ESP and AH', 'RFC 2409 §5.5'],
  'new group mode': [33, 'agrees on a group of their own', 'RFC 2409 §5.6'],
  'AuthIP main mode': [243, "main mode of Microsoft's AuthIP", '[MS-AIPS]'],
  'AuthIP quick mode': [244, 'quick mode of AuthIP', '[MS-AIPS]'],
  'AuthIP extended mode': [245, 'a second authentication, of a user', '[MS-AIPS]'],
  'AuthIP notify': [246, 'informational exchange of AuthIP', '[MS-AIPS]'],
})

export const payloadTypesV1 = numberTable('payload type of IKEv1', {
  NONE: [0, 'no next payload', 'RFC 2408 §3.1'],
  SA: [1, 'security association: what is proposed or chosen', 'RFC 2408 §3.4'],
  P: [2, 'proposal, only inside an SA payload', 'RFC 2408 §3.5'],
  T: [3, 'transform, only inside a proposal', 'RFC 2408 §3.6'],
  KE: [4, 'key exchange: a public value', 'RFC 2408 §3.7'],
  ID: [5, 'identification, and in quick mode what the SAs are for', 'RFC 2408 §3.8'],
  CERT: [6, 'certificate', 'RFC 2408 §3.9'],
  CR: [7, 'certificate request', 'RFC 2408 §3.10'],
  HASH: [8, 'hash: proves a shared key, or that a message is authentic', 'RFC 2408 §3.11'],
  SIG: [9, 'signature', 'RFC 2408 §3.12'],
  NONCE: [10, 'nonce', 'RFC 2408 §3.13'],
  N: [11, 'notification', 'RFC 2408 §3.14'],
  D: [12, 'delete', 'RFC 2408 §3.15'],
  VID: [13, 'vendor ID', 'RFC 2408 §3.16'],
  ATTR: [14, 'attributes of a transaction', 'draft-ietf-ipsec-isakmp-mode-cfg'],
  SAK: [15, "key of a group's rekey messages", 'RFC 6407'],
  SAT: [16, "SA of a group's traffic", 'RFC 6407'],
  KD: [17, 'keys of a group', 'RFC 6407'],
  SEQ: [18, 'sequence number of a group', 'RFC 6407'],
  POP: [19, 'proof of possession', 'RFC 3547'],
  'NAT-D': [20, 'hash of an address and a port, which shows a NAT', 'RFC 3947 §3.2'],
  'NAT-OA': [21, 'address before the NAT', 'RFC 3947 §5.2'],
  GAP: [22, 'policy of a group', 'RFC 6407'],
  GSS: [129, 'token of GSS-API', 'draft-ietf-ipsec-isakmp-gss-auth'],
  'NAT-D draft': [130, 'NAT-D as the drafts have it', 'draft-ietf-ipsec-nat-t-ike-02'],
  'NAT-OA draft': [131, 'NAT-OA as the drafts have it', 'draft-ietf-ipsec-nat-t-ike-02'],
  FRAGMENT: [132, 'part of a message that is too long for a packet', '[MS-IKEE] §2.2.3.1'],
  'AuthIP CRYPTO': [133, 'encrypted payloads of AuthIP', '[MS-AIPS]'],
  'AuthIP GSS_ID': [134, 'how AuthIP authenticates', '[MS-AIPS]'],
  'AuthIP AUTH': [135, 'authentication of AuthIP', '[MS-AIPS]'],
  'AuthIP NOTIFY': [136, 'notification of AuthIP', '[MS-AIPS]'],
})

export const domainsV1 = numberTable('domain of interpretation', {
  ISAKMP: [0, 'ISAKMP itself', 'RFC 2408 §3.4'],
  IPsec: [IPSEC_DOI, 'ESP, AH and IP compression', 'RFC 2407'],
  GDOI: [2, 'groups', 'RFC 6407'],
})

export const protocolIdsV1 = numberTable('protocol ID of IKEv1', {
  none: [0, 'no protocol: the notification is of none', 'RFC 2408 §3.14'],
  ISAKMP: [1, 'the main mode SA', 'RFC 2407 §4.4.1'],
  AH: [2, 'Authentication Header', 'RFC 2407 §4.4.1'],
  ESP: [3, 'Encapsulating Security Payload', 'RFC 2407 §4.4.1'],
  IPCOMP: [4, 'IP compression', 'RFC 2407 §4.4.1'],
  GIGABEAM: [5, 'radio of Gigabeam', 'RFC 4705'],
})

export const identificationTypesV1 = numberTable('ID type of IKEv1', {
  ipv4: [1, 'an IPv4 address', 'RFC 2407 §4.6.2'],
  fqdn: [2, 'a domain name', 'RFC 2407 §4.6.2'],
  email: [3, 'a user at a domain', 'RFC 2407 §4.6.2'],
  'ipv4-subnet': [4, 'an IPv4 address and a mask', 'RFC 2407 §4.6.2'],
  ipv6: [5, 'an IPv6 address', 'RFC 2407 §4.6.2'],
  'ipv6-subnet': [6, 'an IPv6 address and a mask', 'RFC 2407 §4.6.2'],
  'ipv4-range': [7, 'the first and the last of IPv4 addresses', 'RFC 2407 §4.6.2'],
  'ipv6-range': [8, 'the first and the last of IPv6 addresses', 'RFC 2407 §4.6.2'],
  dn: [9, 'an X.500 distinguished name in DER', 'RFC 2407 §4.6.2'],
  gn: [10, 'an X.500 general name in DER', 'RFC 2407 §4.6.2'],
  'key-id': [11, 'octets that mean something to both', 'RFC 2407 §4.6.2'],
  list: [12, 'several identifications', 'RFC 3554 §3'],
})

export const certificateEncodingsV1 = numberTable('certificate encoding of IKEv1', {
  none: [0, 'no certificate', 'RFC 2408 §3.9'],
  'PKCS #7': [1, 'wrapped X.509 certificates', 'RFC 2408 §3.9'],
  PGP: [2, 'PGP certificate', 'RFC 2408 §3.9'],
  'DNS key': [3, 'signed key of DNS', 'RFC 2408 §3.9'],
  'X.509': [4, 'X.509 certificate for signatures', 'RFC 2408 §3.9'],
  'X.509 key exchange': [5, 'X.509 certificate for key exchange', 'RFC 2408 §3.9'],
  Kerberos: [6, 'Kerberos tokens', 'RFC 2408 §3.9'],
  CRL: [7, 'certificate revocation list', 'RFC 2408 §3.9'],
  ARL: [8, 'authority revocation list', 'RFC 2408 §3.9'],
  SPKI: [9, 'SPKI certificate', 'RFC 2408 §3.9'],
  'X.509 attribute': [10, 'X.509 attribute certificate', 'RFC 2408 §3.9'],
})
