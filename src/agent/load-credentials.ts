// The files that a policy's rules name for authentication, read and checked: credentials for keying, or every problem at
// once. What would only fail later, on the wire and without words, is said here: a key that is not the certificate's, an
// identity that the certificate does not have, a certificate whose time is over.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { readPublicKey, whyNotForIke } from '../crypto/private-key.ts'
import { type Credential, type Credentials, credentialsOf } from '../keying/credentials.ts'
import { ikeOffersOf } from '../policy/ike-offers.ts'
import type { Authentication, Policy, RuleId } from '../policy/model.ts'
import { CredentialFiles, type FileFault } from './credential-files.ts'
import { type Circumstances, type Complaints, loadIdentity, loadKey, loadPeers, present } from './credential-parts.ts'
import { loadKerberos } from './kerberos/load-kerberos.ts'
import { loadCertificate } from './load-certificate.ts'

export interface LoadingPlace {
  /** Names in the policy count from here: the folder of its file. */
  readonly folder: string
  /** What problems call the policy: the name of its file. */
  readonly name: string
  /** Unix seconds: whose time is over, whose has not come. */
  readonly at: number
}

export interface LoadedCredentials {
  readonly credentials: Credentials
  readonly warnings: readonly Problem[]
}

export function loadCredentials(policy: Policy, place: LoadingPlace): Result<LoadedCredentials, readonly Problem[]> {
  const files = new CredentialFiles(place.folder)
  const circumstances = { at: place.at, allowOld: ikeOffersOf(policy).some(({ strength }) => strength === 'old') }
  const problems = new Map<string, Problem>()
  const loaded = new Map<RuleId, readonly Credential[]>()
  for (const [index, rule] of policy.rules.entries()) {
    if (rule.action !== 'negotiate' || !rule.active) continue
    const found = rule.authentication.flatMap((authentication, position) => {
      const path = `${place.name} rules[${index}].authentication[${position}]`
      const credential = loadOne(authentication, files, complaintsAt(path, problems), circumstances)
      return credential === undefined ? [] : [credential]
    })
    loaded.set(rule.name, found)
  }
  files.wipe()
  const all = [...problems.values()]
  return all.some(({ severity }) => severity === 'error')
    ? failure(all)
    : success({ credentials: credentialsOf(loaded), warnings: all })
}

function complaintsAt(path: string, problems: Map<string, Problem>): Complaints {
  const add = (severity: Problem['severity'], field: string, { what, hint }: FileFault, file?: string) => {
    const where = `${path}.${field}${file === undefined ? '' : ` ${file}`}`
    // Rules share files: what is wrong with one is said once.
    problems.set(file === undefined ? `${where}: ${what}` : `${file}: ${what}`, { severity, where, what, hint })
    return undefined
  }
  return {
    error: (field, fault, file) => add('error', field, fault, file),
    warning: (field, fault, file) => add('warning', field, fault, file),
  }
}

function loadOne(
  authentication: Authentication,
  files: CredentialFiles,
  complaints: Complaints,
  circumstances: Circumstances,
): Credential | undefined {
  switch (authentication.kind) {
    case 'certificate':
      return loadCertificate(authentication, files, complaints, circumstances)
    case 'publicKey':
      return loadPublicKey(authentication, files, complaints, circumstances)
    case 'preSharedKey': {
      const identity = loadIdentity(authentication.identity, 'preSharedKey.identity', complaints)
      const peers = loadPeers(authentication.peer, 'preSharedKey.peer', complaints)
      const secret = new Secret(new TextEncoder().encode(authentication.secret.reveal()))
      return { kind: 'preSharedKey', secret, ...present({ identity, peers }) }
    }
    case 'kerberos':
      return loadKerberos(authentication, files, complaints)
  }
}

type PublicKeyAuthentication = Extract<Authentication, { kind: 'publicKey' }>

function loadPublicKey(
  authentication: PublicKeyAuthentication,
  files: CredentialFiles,
  complaints: Complaints,
  circumstances: Circumstances,
): Credential | undefined {
  const { key: name, passphrase, peerKeys: names } = authentication
  const key = loadKey(name, passphrase?.reveal(), 'publicKey.key', files, complaints, circumstances)
  const peerKeys = names.flatMap((file, index) => {
    const field = `publicKey.peerKeys[${index}]`
    const bytes = files.read(file)
    const read = bytes.ok ? readPublicKey(bytes.value) : bytes
    if (!read.ok) {
      const hint =
        'hint' in read.error ? read.error.hint : 'name a file with a public key: PEM, DER or a line of OpenSSH'
      complaints.error(field, { what: read.error.what, hint }, file)
      return []
    }
    const unfit = whyNotForIke(read.value, circumstances.allowOld)
    if (unfit !== undefined) complaints.error(field, { what: unfit, hint: 'have the peer make another key' }, file)
    return [read.value]
  })
  if (names.length === 0) {
    complaints.error('publicKey.peerKeys', {
      what: 'no key of a peer is named',
      hint: 'name the files of their public keys',
    })
  }
  const identity = loadIdentity(authentication.identity, 'publicKey.identity', complaints)
  const peers = loadPeers(authentication.peer, 'publicKey.peer', complaints)
  return key && { kind: 'publicKey', key, peerKeys, ...present({ identity, peers }) }
}
