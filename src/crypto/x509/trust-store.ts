// What this host trusts and how far: values, made once from a policy's files.
import type { Certificate } from './certificate.ts'
import type { KeyUsage } from './certificate-extensions.ts'
import type { PolicyRules } from './certificate-policies.ts'
import type { RevocationList } from './revocation-list.ts'
import type { EffortLimits } from './signature-check.ts'

/** `if-known`: refused where it is known to be revoked. `required`: refused where nothing fresh says that it is not. */
export type RevocationMode = 'off' | 'if-known' | 'required'

export interface TrustStore {
  readonly anchors: readonly Certificate[]
  /** For building paths; they are not trusted by themselves. */
  readonly intermediates: readonly Certificate[]
  readonly crls: readonly RevocationList[]
  readonly revocation: RevocationMode
  /**
   * An OID, a name of `extended-key-usage.ts`, or `ignore`. Left out, the rule of IKE holds (RFC 4945 §5.1.3.12): a
   * certificate that states purposes has to state IKE or any among them.
   */
  readonly extendedKeyUsage?: string
  /** SHA-1, MD5, RSA of 1024 bits, anchors of version 1: for hosts of their time. */
  readonly allowOld?: boolean
  readonly policies?: PolicyRules
}

export interface PathOptions {
  /** Unix seconds. */
  readonly at: number
  /** OCSP responses and CRLs in DER that came with the certificates; nothing in them is believed without a signature. */
  readonly ocsp?: readonly Uint8Array[]
  readonly crls?: readonly Uint8Array[]
  /** One of them, where the certificate states usages; default: those with which IKE signs (RFC 4945 §5.1.3.2). */
  readonly keyUsage?: readonly KeyUsage[]
  /** Intermediates that are not self-issued; default 8. */
  readonly mostIntermediates?: number
  readonly effort?: EffortLimits
}
