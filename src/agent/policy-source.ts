// Where the agent's policy comes from: now a file, later a registry or a directory. A source gives a policy with the
// credentials that its rules name, or every problem; and it tells when another one may be there.
import { watch } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import type { Address } from '../base/address.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { watchSettled } from '../base/settled-watch.ts'
import type { Clock } from '../base/time.ts'
import type { Credentials } from '../keying/credentials.ts'
import { kerberosWarnings } from '../policy/lint-kerberos.ts'
import type { Authentication, Policy } from '../policy/model.ts'
import { stateOfFile } from '../settings/registry-file.ts'
import { SYSTEM_KEYTAB } from './kerberos/kerberos-contexts.ts'
import { loadCredentials } from './load-credentials.ts'
import { readPolicyFile } from './policy-file.ts'

export interface LoadedPolicy {
  readonly policy: Policy
  readonly credentials: Credentials
  readonly warnings: readonly Problem[]
}

export interface PolicySource {
  /** For people and for status. */
  readonly name: string
  load(): Result<LoadedPolicy, readonly Problem[]>
  /** Tells, until it is stopped, when what `load` gave last may no longer be what it would give. */
  watch(changed: () => void): { stop(): void }
}

/** Seconds that a file must stay as it is before it is read: editors and copies write in several steps. */
const QUIET = 0.2
/** Seconds between looks where nothing tells of changes: file systems of other machines do not. */
const LOOK_EVERY = 5

export class FilePolicySource implements PolicySource {
  readonly name: string
  readonly #clock: Clock
  readonly #date: () => number
  readonly #own: () => readonly Address[]
  /** Files that the policy names; what is in them is part of the policy. */
  #named: readonly string[] = []
  /** The state of all files when they were read last. */
  #read = ''

  /** `date`: seconds since 1970. `own`: the host's addresses, where they are known. */
  constructor(file: string, clock: Clock, date: () => number, own: () => readonly Address[] = () => []) {
    this.#own = own
    this.name = resolve(file)
    this.#clock = clock
    this.#date = date
  }

  load(): Result<LoadedPolicy, readonly Problem[]> {
    // Taken before reading: what is written meanwhile is seen as a change.
    const before = this.#look()
    const read = readPolicyFile(this.name)
    if (!read.ok) {
      this.#read = before
      return read
    }
    const { policy, warnings } = read.value
    this.#named = filesOf(policy).map(name => (isAbsolute(name) ? name : join(dirname(this.name), name)))
    this.#read = this.#look()
    const place = { folder: dirname(this.name), name: this.name, at: this.#date() }
    const loaded = loadCredentials(policy, place)
    if (!loaded.ok) return failure([...warnings, ...loaded.error])
    const { credentials } = loaded.value
    const stuck = kerberosWarnings(policy, this.name, this.#own())
    return success({ policy, credentials, warnings: [...warnings, ...stuck, ...loaded.value.warnings] })
  }

  watch(changed: () => void): { stop(): void } {
    return watchSettled(
      {
        ...{ clock: this.#clock, quiet: QUIET, every: LOOK_EVERY },
        look: () => this.#look(),
        taken: () => this.#read,
        take: state => {
          this.#read = state
        },
        listen: (soon, ended) => this.#listen(soon, ended),
      },
      changed,
    )
  }

  /** The folder is watched, not the file: a file that is replaced by renaming is another file. */
  #listen(soon: () => void, ended: () => void): (() => void) | undefined {
    try {
      const watcher = watch(dirname(this.name), { persistent: false }, (_, file) => {
        // Kubernetes swaps a link `..data`, and the file itself never changes.
        if (file === null || file === basename(this.name) || file.startsWith('..')) soon()
      })
      watcher.on('error', () => {
        watcher.close()
        ended()
      })
      return () => watcher.close()
    } catch {
      return undefined
    }
  }

  #look(): string {
    return [this.name, ...this.#named].map(stateOfFile).join('\n')
  }
}

function filesOf(policy: Policy): readonly string[] {
  const names = policy.rules.flatMap(({ authentication }) => authentication.flatMap(filesOfOne))
  return [...new Set(names)]
}

function filesOfOne(authentication: Authentication): readonly string[] {
  const named = (...names: readonly (string | undefined)[]) => names.filter(name => name !== undefined)
  switch (authentication.kind) {
    case 'certificate': {
      const { ca, own, key, crls = [], ocsp } = authentication
      return named(ca, own, key, ...crls, ocsp)
    }
    case 'publicKey':
      return [authentication.key, ...authentication.peerKeys]
    case 'kerberos':
      return [authentication.keytab ?? SYSTEM_KEYTAB]
    default:
      return []
  }
}
