// A policy source that runs what the host's registry assigns, as Windows's policy agent does: IPsec policies of this machine,
// of the directory and persistent ones, dynamic rules, or else connection security rules. Without any, nothing is secured.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Policy } from '../policy/model.ts'
import { keyAt, type RegistryKey } from '../settings/registry.ts'
import type { RegistryFile } from '../settings/registry-file.ts'
import { hasPolicyInForce, policyOfRegistry } from '../windows/read-windows-policy.ts'
import { storePath } from '../windows/registry-policies.ts'
import { CredentialFiles } from './credential-files.ts'
import { loadCredentials } from './load-credentials.ts'
import type { LoadedPolicy, PolicySource } from './policy-source.ts'
import { REGISTRY_POLICY } from './registry-settings.ts'

/** A policy of Windows names an authority; the files are the host's. */
export interface OwnCertificate {
  readonly ca: string
  readonly own: string
  readonly key: string
}

export interface AssignedPolicyOptions {
  readonly registry: RegistryFile
  /** Where names of files count from. */
  readonly folder: string
  /** Seconds since 1970. */
  readonly date: () => number
  readonly certificate?: OwnCertificate | undefined
}

export class AssignedPolicySource implements PolicySource {
  readonly name = REGISTRY_POLICY
  readonly #options: AssignedPolicyOptions

  constructor(options: AssignedPolicyOptions) {
    this.#options = options
  }

  load(): Result<LoadedPolicy, readonly Problem[]> {
    const { registry, folder, date, certificate } = this.#options
    const root = registry.read()
    if (!root.ok) return root
    const strange: Problem[] = []
    const read = policyFrom(root.value, authority => filesOf(authority, folder, certificate, strange))
    if (!read.ok) return read
    const { policy, losses } = read.value
    const warnings = losses.map(one => ({ ...one, severity: 'warning' as const }))
    const loaded = loadCredentials(policy, { folder, name: REGISTRY_POLICY, at: date() })
    if (strange.length > 0) return failure([...warnings, ...strange])
    if (!loaded.ok) return failure([...warnings, ...loaded.error])
    const { credentials, warnings: more } = loaded.value
    return success({ policy, credentials, warnings: [...warnings, ...more] })
  }

  /** Whoever asks the registry for its settings watches it already. */
  watch(): { stop(): void } {
    return { stop() {} }
  }
}

const nothing: Policy = {
  name: 'No policy is assigned',
  profile: 'windows-server-2003',
  defaultResponse: false,
  networks: [],
  rules: [],
}

function policyFrom(root: RegistryKey, certificateOf: (authority: string) => OwnCertificate | undefined) {
  if (hasPolicyInForce(root)) return policyOfRegistry(root, { where: 'registry', certificateOf })
  const hint = 'sealwire netsh ipsec static set policy name=… assign=yes'
  const what = 'no policy is assigned: everything passes in clear'
  return success({ policy: nothing, losses: [{ severity: 'warning' as const, where: 'registry', what, hint }] })
}

/** Only files of the authority that the policy names: who trusts one is not to trust another. */
function filesOf(
  authority: string,
  folder: string,
  certificate: OwnCertificate | undefined,
  strange: Problem[],
): OwnCertificate | undefined {
  if (certificate === undefined) return undefined
  const read = new CredentialFiles(folder).certificates(certificate.ca, undefined)
  // A file that cannot be read is told of when credentials are loaded.
  if (!read.ok || read.value.some(({ subject }) => partsOf(subject.text) === partsOf(authority))) return certificate
  const what = `it has no certificate of ${JSON.stringify(authority)}, which a rule names`
  const hint = `it has ${read.value.map(({ subject }) => JSON.stringify(subject.text)).join(', ')}`
  strange.push({ severity: 'error', where: `--ca ${certificate.ca}`, what, hint })
  return undefined
}

const otherNames: Readonly<Record<string, string>> = { e: 'emailaddress', s: 'st' }

/** A distinguished name in whatever order and spelling a program of Windows wrote it. */
function partsOf(name: string): string {
  const parts = name.split(/[,\n](?=\s*[A-Za-z0-9.]+=)/).map(part => {
    const [type = '', ...value] = part.split('=')
    const lower = type.trim().toLowerCase()
    return `${otherNames[lower] ?? lower}=${value
      .join('=')
      .trim()
      .toLowerCase()
      .replace(/^"(.*)"$/, '$1')}`
  })
  return parts.toSorted().join('\n')
}

/** Rules of `netsh ipsec dynamic` end with the agent that ran them. Throws nothing; a registry that cannot be read is left. */
export async function forgetDynamicRules(registry: RegistryFile): Promise<void> {
  const root = registry.read()
  if (!root.ok || !hasDynamicRules(root.value)) return
  await registry.change(() => success([{ kind: 'delete-key', key: storePath('dynamic') }]))
}

function hasDynamicRules(root: RegistryKey): boolean {
  return keyAt(root, storePath('dynamic')) !== undefined
}
