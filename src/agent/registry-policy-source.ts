// A policy source that asks the host's registry for what the policy does not set, and tells of changes of either.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { RegistryFile } from '../settings/registry-file.ts'
import type { LoadedPolicy, PolicySource } from './policy-source.ts'
import { withRegistry } from './registry-settings.ts'

export class RegistryPolicySource implements PolicySource {
  readonly #source: PolicySource
  readonly #registry: RegistryFile

  constructor(source: PolicySource, registry: RegistryFile) {
    this.#source = source
    this.#registry = registry
  }

  get name(): string {
    return this.#source.name
  }

  /** A registry that cannot be read is refused like a policy that cannot: what it exempts is not known. */
  load(): Result<LoadedPolicy, readonly Problem[]> {
    const loaded = this.#source.load()
    const root = this.#registry.read()
    if (!root.ok) return failure([...(loaded.ok ? [] : loaded.error), ...root.error])
    return loaded.ok ? success({ ...loaded.value, policy: withRegistry(loaded.value.policy, root.value) }) : loaded
  }

  watch(changed: () => void): { stop(): void } {
    const watches = [this.#source.watch(changed), this.#registry.watch(changed)]
    return {
      stop() {
        for (const one of watches) one.stop()
      },
    }
  }
}
