// Numbers of IKEv2 messages and payloads (registry "IKEv2 Parameters"), each with its name, its meaning and its source.
// Transforms are in transform-numbers.ts, notify types in notify-numbers.ts. IKEv1 has its own fields in
// v1-numbers.ts: only the header is shared (RFC 7296 §3.1 keeps that of RFC 2408 §3.1).
import { numberTable } from './number-table.ts'

export const exchangeTypes = numberTable('exchange type', {
  IKE_SA_INIT: [34, 'agrees on algorithms and keys, in clear', 'RFC 7296 §1.2'],
  IKE_AUTH: [35, 'proves who both are and makes the first Child SA', 'RFC 7296 §1.2'],
  CREATE_CHILD_SA: [36, 'makes or replaces an SA', 'RFC 7296 §1.3'],
  INFORMATIONAL: [37, 'tells, deletes, or asks whether the peer is there', 'RFC 7296 §1.4'],
  IKE_SESSION_RESUME: [38, 'goes on from a ticket', 'RFC 5723'],
  GSA_AUTH: [39, 'joins a group, and proves who both are', 'RFC 9838'],
  GSA_REGISTRATION: [40, 'joins a group on an IKE SA that stands', 'RFC 9838'],
  GSA_REKEY: [41, 'a group gets new keys by multicast', 'RFC 9838'],
  GSA_INBAND_REKEY: [42, 'a member gets new keys of its group', 'RFC 9838'],
  IKE_INTERMEDIATE: [43, 'carries more between IKE_SA_INIT and IKE_AUTH, already encrypted', 'RFC 9242 §3.2'],
  IKE_FOLLOWUP_KE: [44, 'a further key exchange of CREATE_CHILD_SA', 'RFC 9370 §2.2.4'],
})

export const payloadTypes = numberTable('payload type', {
  NONE: [0, 'no next payload', 'RFC 7296 §3.2'],
  SA: [33, 'security association: what is proposed or chosen', 'RFC 7296 §3.3'],
  KE: [34, 'key exchange: a public value', 'RFC 7296 §3.4'],
  IDi: [35, 'identification of the initiator', 'RFC 7296 §3.5'],
  IDr: [36, 'identification of the responder', 'RFC 7296 §3.5'],
  CERT: [37, 'certificate', 'RFC 7296 §3.6'],
  CERTREQ: [38, 'certificate request', 'RFC 7296 §3.7'],
  AUTH: [39, 'authentication', 'RFC 7296 §3.8'],
  Nonce: [40, 'nonce', 'RFC 7296 §3.9'],
  N: [41, 'notify', 'RFC 7296 §3.10'],
  D: [42, 'delete', 'RFC 7296 §3.11'],
  V: [43, 'vendor ID', 'RFC 7296 §3.12'],
  TSi: [44, 'traffic selectors of the initiator', 'RFC 7296 §3.13'],
  TSr: [45, 'traffic selectors of the responder', 'RFC 7296 §3.13'],
  SK: [46, 'encrypted and authenticated payloads', 'RFC 7296 §3.14'],
  CP: [47, 'configuration', 'RFC 7296 §3.15'],
  EAP: [48, 'extensible authentication', 'RFC 7296 §3.16'],
  GSPM: [49, 'generic secure password method', 'RFC 6467'],
  IDg: [50, 'identification of a group', 'RFC 9838'],
  GSA: [51, 'group security association', 'RFC 9838'],
  KD: [52, 'key download', 'RFC 9838'],
  SKF: [53, 'fragment of encrypted and authenticated payloads', 'RFC 7383 §2.5'],
  PS: [54, 'puzzle solution', 'RFC 8019 §8.2'],
})

export const protocolIds = numberTable('protocol ID', {
  none: [0, 'no protocol: the notification is of none', 'RFC 7296 §3.10'],
  IKE: [1, 'the IKE SA', 'RFC 7296 §3.3.1'],
  AH: [2, 'Authentication Header', 'RFC 7296 §3.3.1'],
  ESP: [3, 'Encapsulating Security Payload', 'RFC 7296 §3.3.1'],
  FC_ESP_HEADER: [4, 'ESP header of Fibre Channel', 'RFC 4595'],
  FC_CT_AUTHENTICATION: [5, 'common transport of Fibre Channel', 'RFC 4595'],
  GIKE_UPDATE: [6, 'rekey messages of a group', 'RFC 9838'],
})

export const authenticationMethods = numberTable('authentication method', {
  'RSA signature': [1, 'PKCS #1 v1.5 with SHA-1', 'RFC 7296 §3.8'],
  'shared key': [2, 'message integrity code over a pre-shared key', 'RFC 7296 §3.8'],
  'DSS signature': [3, 'DSA with SHA-1', 'RFC 7296 §3.8'],
  'ECDSA-256': [9, 'ECDSA with SHA-256 on P-256', 'RFC 4754 §3'],
  'ECDSA-384': [10, 'ECDSA with SHA-384 on P-384', 'RFC 4754 §3'],
  'ECDSA-521': [11, 'ECDSA with SHA-512 on P-521', 'RFC 4754 §3'],
  'secure password': [12, 'generic secure password method', 'RFC 6467'],
  null: [13, 'nobody proves anything', 'RFC 7619 §2.1'],
  'digital signature': [14, 'any signature; its algorithm stands in front of it', 'RFC 7427 §3'],
})

export const identificationTypes = numberTable('ID type', {
  ipv4: [1, 'an IPv4 address', 'RFC 7296 §3.5'],
  fqdn: [2, 'a domain name', 'RFC 7296 §3.5'],
  email: [3, 'a mail address', 'RFC 7296 §3.5'],
  ipv6: [5, 'an IPv6 address', 'RFC 7296 §3.5'],
  dn: [9, 'an X.500 distinguished name in DER', 'RFC 7296 §3.5'],
  gn: [10, 'an X.509 general name in DER', 'RFC 7296 §3.5'],
  'key-id': [11, 'octets that mean something to both', 'RFC 7296 §3.5'],
  'fc-name': [12, 'a Fibre Channel name', 'RFC 4595'],
  null: [13, 'nobody in particular', 'RFC 7619 §2.2'],
})

export const certificateEncodings = numberTable('certificate encoding', {
  'PKCS #7': [1, 'wrapped X.509 certificate', 'RFC 7296 §3.6'],
  PGP: [2, 'PGP certificate', 'RFC 7296 §3.6'],
  'DNS key': [3, 'signed key of DNS', 'RFC 7296 §3.6'],
  'X.509': [4, 'X.509 certificate for signatures', 'RFC 7296 §3.6'],
  Kerberos: [6, 'Kerberos token', 'RFC 7296 §3.6'],
  CRL: [7, 'certificate revocation list', 'RFC 7296 §3.6'],
  ARL: [8, 'authority revocation list', 'RFC 7296 §3.6'],
  SPKI: [9, 'SPKI certificate', 'RFC 7296 §3.6'],
  'X.509 attribute': [10, 'X.509 attribute certificate', 'RFC 7296 §3.6'],
  'RSA key': [11, 'raw RSA key, no longer used', 'RFC 7670 §3'],
  'X.509 by URL': [12, 'hash and URL of an X.509 certificate', 'RFC 7296 §3.6'],
  'X.509 bundle by URL': [13, 'hash and URL of a bundle of X.509 certificates', 'RFC 7296 §3.6'],
  OCSP: [14, 'OCSP content: hashes of responders asked for, or a response', 'RFC 4806 §3'],
  'raw public key': [15, 'SubjectPublicKeyInfo of any algorithm', 'RFC 7670 §3'],
})

export const selectorTypes = numberTable('traffic selector type', {
  'ipv4-range': [7, 'protocol, ports and IPv4 addresses', 'RFC 7296 §3.13.1'],
  'ipv6-range': [8, 'protocol, ports and IPv6 addresses', 'RFC 7296 §3.13.1'],
  'fc-range': [9, 'Fibre Channel addresses', 'RFC 4595'],
  'security-label': [10, 'a security label', 'RFC 9478'],
})

export const configurationTypes = numberTable('configuration type', {
  request: [1, 'asks for values', 'RFC 7296 §3.15'],
  reply: [2, 'answers a request', 'RFC 7296 §3.15'],
  set: [3, 'offers values', 'RFC 7296 §3.15'],
  acknowledge: [4, 'takes values that were offered', 'RFC 7296 §3.15'],
})

export const configurationAttributes = numberTable('configuration attribute', {
  INTERNAL_IP4_ADDRESS: [1, 'an address inside', 'RFC 7296 §3.15.1'],
  INTERNAL_IP4_NETMASK: [2, 'the mask of the network inside', 'RFC 7296 §3.15.1'],
  INTERNAL_IP4_DNS: [3, 'a name server', 'RFC 7296 §3.15.1'],
  INTERNAL_IP4_NBNS: [4, 'a NetBIOS name server', 'RFC 7296 §3.15.1'],
  INTERNAL_IP4_DHCP: [6, 'a DHCP server', 'RFC 7296 §3.15.1'],
  APPLICATION_VERSION: [7, 'version of the implementation', 'RFC 7296 §3.15.1'],
  INTERNAL_IP6_ADDRESS: [8, 'an address inside and the length of its prefix', 'RFC 7296 §3.15.1'],
  INTERNAL_IP6_DNS: [10, 'a name server', 'RFC 7296 §3.15.1'],
  INTERNAL_IP6_DHCP: [12, 'a DHCP server', 'RFC 7296 §3.15.1'],
  INTERNAL_IP4_SUBNET: [13, 'a network that is reached through the peer', 'RFC 7296 §3.15.1'],
  SUPPORTED_ATTRIBUTES: [14, 'attributes that the peer understands', 'RFC 7296 §3.15.1'],
  INTERNAL_IP6_SUBNET: [15, 'a network that is reached through the peer', 'RFC 7296 §3.15.1'],
  MIP6_HOME_PREFIX: [16, 'home prefix of Mobile IPv6', 'RFC 5026'],
  INTERNAL_IP6_LINK: [17, 'identity of a virtual link', 'RFC 5739'],
  INTERNAL_IP6_PREFIX: [18, 'a prefix for a virtual link', 'RFC 5739'],
  HOME_AGENT_ADDRESS: [19, 'a home agent of Mobile IPv6', 'RFC 6611'],
  P_CSCF_IP4_ADDRESS: [20, 'a call session server', 'RFC 7651'],
  P_CSCF_IP6_ADDRESS: [21, 'a call session server', 'RFC 7651'],
  FTT_KAT: [22, 'keepalive of a firewall traversal tunnel', '3GPP TS 24.302'],
  EXTERNAL_SOURCE_IP4_NAT_INFO: [23, 'address and port outside of a NAT', '3GPP TS 29.139'],
  TIMEOUT_PERIOD_FOR_LIVENESS_CHECK: [24, 'seconds between checks', '3GPP TS 24.302'],
  INTERNAL_DNS_DOMAIN: [25, 'a domain that the inner name servers know', 'RFC 8598'],
  INTERNAL_DNSSEC_TA: [26, 'a trust anchor of such a domain', 'RFC 8598'],
  ENCDNS_IP4: [27, 'an encrypted name server', 'RFC 9464'],
  ENCDNS_IP6: [28, 'an encrypted name server', 'RFC 9464'],
  ENCDNS_DIGEST_INFO: [29, 'digests of its certificates', 'RFC 9464'],
})

export const hashAlgorithms = numberTable('hash algorithm', {
  'SHA-1': [1, 'no longer trusted for signatures', 'RFC 7427 §7'],
  'SHA-256': [2, 'SHA2-256', 'RFC 7427 §7'],
  'SHA-384': [3, 'SHA2-384', 'RFC 7427 §7'],
  'SHA-512': [4, 'SHA2-512', 'RFC 7427 §7'],
  identity: [5, 'the signature algorithm hashes by itself', 'RFC 8420'],
  'Streebog-256': [6, 'GOST R 34.11-2012', 'RFC 9385'],
  'Streebog-512': [7, 'GOST R 34.11-2012', 'RFC 9385'],
})

export const ppkIdentityTypes = numberTable('PPK ID type', {
  opaque: [1, 'octets that lead to one pre-shared key for quantum safety, perhaps once', 'RFC 8784 §5.1'],
  fixed: [2, 'octets that always name the same key', 'RFC 8784 §5.1'],
})
