// Which authentication methods of IKEv1 the credentials of a rule stand for: both sides prove themselves by the one method
// that their main mode agrees on. Encryption with public keys is never offered nor taken.
import { signatureMethodOf } from '../../crypto/ike1-signatures.ts'
import { authenticationMethodsV1 } from '../../wire/ike/v1-transform-numbers.ts'
import type { Credential } from '../credentials.ts'

export const SHARED_KEY = authenticationMethodsV1.of['shared key']
export const KERBEROS = authenticationMethodsV1.of.Kerberos

/** Undefined for what IKEv1 has no method for: raw public keys, a certificate that is not ours to prove with. */
export function methodOf(credential: Credential, allowOld: boolean): number | undefined {
  switch (credential.kind) {
    case 'preSharedKey':
      return SHARED_KEY
    case 'kerberos':
      return KERBEROS
    case 'certificate':
      return credential.own === undefined ? undefined : signatureMethodOf(credential.own.key, allowOld)
    case 'publicKey':
      return undefined
  }
}

/** Each once, in the order of the policy. */
export function methodsOf(credentials: readonly Credential[], allowOld: boolean): readonly number[] {
  return [...new Set(credentials.flatMap(credential => methodOf(credential, allowOld) ?? []))]
}

/** Those that prove by the method. */
export function credentialsBy(
  method: number,
  credentials: readonly Credential[],
  allowOld: boolean,
): readonly Credential[] {
  return credentials.filter(credential => methodOf(credential, allowOld) === method)
}

/** Those that a peer which proves by the method may be judged by: a certificate of ours need not be of its kind. */
export function judgesBy(method: number, credentials: readonly Credential[]): readonly Credential[] {
  const kind = method === SHARED_KEY ? 'preSharedKey' : method === KERBEROS ? 'kerberos' : 'certificate'
  return credentials.filter(credential => credential.kind === kind)
}
