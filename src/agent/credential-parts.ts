// What every kind of authentication has: a private key, identities; and where the problems of loading go.
import type { KeyObject } from 'node:crypto'
import { whyNotForIke } from '../crypto/private-key.ts'
import { type Identity, readIdentity } from '../keying/identity.ts'
import type { CredentialFiles, FileFault } from './credential-files.ts'

export interface Circumstances {
  /** Unix seconds. */
  readonly at: number
  /** The policy has old methods: then SHA-1 and RSA keys below 2048 bits will do as well. */
  readonly allowOld: boolean
}

/** Where in the policy something stands, and what is wrong there. */
export interface Complaints {
  error(field: string, fault: FileFault, file?: string): undefined
  warning(field: string, fault: FileFault, file?: string): undefined
}

/** A private key that IKE can sign with; said what keeps it from that. */
export function loadKey(
  name: string,
  passphrase: string | undefined,
  field: string,
  files: CredentialFiles,
  complaints: Complaints,
  { allowOld }: Circumstances,
): KeyObject | undefined {
  const key = files.privateKey(name, passphrase)
  if (!key.ok) return complaints.error(field, key.error, name)
  const unfit = whyNotForIke(key.value, allowOld)
  if (unfit !== undefined) return complaints.error(field, { what: unfit, hint: 'make another key' }, name)
  if (files.isOpenToAll(name)) {
    const hint = 'chmod 600, and make another key if others use this machine'
    complaints.warning(field, { what: 'everybody on this machine may read this private key', hint }, name)
  }
  return key.value
}

export function loadIdentity(text: string | undefined, field: string, complaints: Complaints): Identity | undefined {
  if (text === undefined) return undefined
  const read = readIdentity(text)
  return read.ok ? read.value : complaints.error(field, read.error)
}

export function loadPeers(
  texts: readonly string[] | undefined,
  field: string,
  complaints: Complaints,
): readonly Identity[] | undefined {
  return texts?.flatMap((text, index) => loadIdentity(text, `${field}[${index}]`, complaints) ?? [])
}

/** Only the fields that have a value: optional ones are absent and never undefined. */
export function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
