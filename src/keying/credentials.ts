// What a rule's authentication became after its files were read: keys, chains and trust, as values. A credential says both
// how this host proves itself and whom it takes for a peer; judge-peer.ts decides about a peer, certificate-payloads.ts says
// what goes into CERT and CERTREQ. Only IKEv1 uses those of Kerberos; the system has the tickets.
import type { KeyObject } from 'node:crypto'
import type { Address } from '../base/address.ts'
import type { Secret } from '../base/secret.ts'
import type { TrustStore } from '../crypto/x509/trust-store.ts'
import type { RuleId } from '../policy/model.ts'
import type { Identity } from './identity.ts'

export type { Identity } from './identity.ts'

/** Windows's certificate-to-account mapping: a peer whose certificate has all that is named stands for the account. */
export interface AccountMapping {
  /** Names in DER. */
  readonly subject?: Uint8Array
  readonly issuer?: Uint8Array
  /** User principal name, `host$@corp.test`, without letter case. */
  readonly upn?: string
  readonly account: string
}

export interface CertificateCredential {
  readonly kind: 'certificate'
  /** Absent: this host can judge a peer but not prove itself in this way. */
  readonly own?: OwnCertificate
  readonly trust: TrustStore
  /** Whom to take; absent: whoever the certificate says. */
  readonly peers?: readonly Identity[]
  /** Where given, only peers that one of them maps. */
  readonly accounts?: readonly AccountMapping[]
}

export interface OwnCertificate {
  /** Bound by the certificate. */
  readonly identity: Identity
  /** DER; our own first, then towards the root, which is left out: who does not have it would not trust it. */
  readonly chain: readonly Uint8Array[]
  readonly key: KeyObject
  /** SHA-1 of the public keys of all that stand above our certificate, the root included: what a CERTREQ may name. */
  readonly issuers: readonly Uint8Array[]
  /** An OCSP response in DER about our certificate (RFC 4806). */
  readonly ocsp?: Uint8Array
}

export interface SharedKeyCredential {
  readonly kind: 'preSharedKey'
  /** Ours; absent: the address that we speak from. */
  readonly identity?: Identity
  readonly secret: Secret<Uint8Array>
  /** Absent: whoever knows the secret. */
  readonly peers?: readonly Identity[]
}

export interface PublicKeyCredential {
  readonly kind: 'publicKey'
  /** Ours; absent: the address that we speak from. */
  readonly identity?: Identity
  readonly key: KeyObject
  readonly peerKeys: readonly KeyObject[]
  readonly peers?: readonly Identity[]
}

/** Names of Kerberos are principals, `host/dc1.corp.test@CORP.TEST`. */
export interface KerberosCredential {
  readonly kind: 'kerberos'
  /** Ours in ID payloads; absent: the address that we speak from. */
  readonly identity?: Identity
  /** File of our key; absent: the system's. */
  readonly keytab?: string
  /** Ours; absent: the first of the keytab. */
  readonly principal?: string
  /** First part of the peer's principal where the peer does not say its name; absent: `host`. */
  readonly service?: string
  /** Absent: the system's. */
  readonly realm?: string
  /** Key centres of our realm; absent: those that the system knows. */
  readonly centres?: readonly Address[]
  /** Of peers that are accepted; absent: every machine that the realm gives a ticket to. */
  readonly principals?: readonly string[]
}

export type Credential = CertificateCredential | SharedKeyCredential | PublicKeyCredential | KerberosCredential

export interface Credentials {
  /** In the order of the policy; empty for a rule that is not known or has none. */
  of(rule: RuleId): readonly Credential[]
}

export const noCredentials: Credentials = { of: () => [] }

export function credentialsOf(rules: ReadonlyMap<RuleId, readonly Credential[]>): Credentials {
  return { of: rule => rules.get(rule) ?? [] }
}
