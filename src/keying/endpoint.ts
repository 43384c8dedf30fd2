// A host's keying as one thing: inputs in, outputs out. Here a version of IKE finds its host, and a rule that allows both goes
// from one to the next: where the peer says nothing, or that it does not speak the first. A peer that speaks it and refuses has
// refused.
import type { Address } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { Spi } from '../ipsec/association.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { KeyingVersion, Rule, RuleId } from '../policy/model.ts'
import { firstLook, versionOf } from './first-look.ts'
import { Version1Host } from './ikev1/host.ts'
import { OtherVersion, saysOtherVersion } from './ikev1/other-version.ts'
import { Version2Host } from './ikev2/host.ts'
import type { Instant, KeyingInput, KeyingOutput, OutsideWorld, Path } from './machine.ts'
import { ignored, report } from './machine.ts'
import { NextVersion } from './next-version.ts'
import { keyedRule } from './policy-change.ts'
import { RateLimit } from './rate-limit.ts'
import type { SessionSummary } from './session-summary.ts'
import { reasonAgainst } from './wishes.ts'

export type { OutsideWorld } from './machine.ts'

/** Events about what strangers send and leads nowhere, a second and at once: a flood of it is no flood of log lines. */
const IGNORED = [10, 50] as const

type Refused = Extract<KeyingOutput, { readonly kind: 'refuse' }>

export class KeyingEndpoint {
  readonly #version2 = new Version2Host()
  readonly #version1 = new Version1Host()
  readonly #other = new OtherVersion()
  readonly #ignored = new RateLimit(...IGNORED)
  readonly #next = new NextVersion()
  /** By which IKEv1's sessions were made; compared when it changes. */
  #policy: CompiledPolicy | undefined

  /** When `wake` has to come, whatever else comes; undefined where nothing is to be done. */
  get wakeAt(): Instant | undefined {
    const times = [this.#version2.wakeAt, this.#version1.wakeAt].filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  sessions(): readonly SessionSummary[] {
    return [...this.#version2.sessions(), ...this.#version1.sessions()]
  }

  /** Never throws for anything that a peer sent. Outputs are to be carried out in their order. */
  handle(input: KeyingInput, outside: OutsideWorld): readonly KeyingOutput[] {
    const world = { ...outside, isSpiTaken: (spi: Spi) => this.#isTaken(spi) || outside.isSpiTaken?.(spi) === true }
    const before = this.#policy ?? world.policy
    if (this.#policy === undefined || input.kind === 'policy-changed') this.#policy = world.policy
    return this.#withoutNoise(this.#handle(input, before, world), world)
  }

  #isTaken(spi: Spi): boolean {
    return this.#version1.isTaken(spi) || this.#version2.isTaken(spi)
  }

  #handle(input: KeyingInput, before: CompiledPolicy, world: OutsideWorld): readonly KeyingOutput[] {
    switch (input.kind) {
      case 'datagram':
        return versionOf(input.path, input.bytes) === 1
          ? this.#version1Datagram(input.path, input.bytes, world)
          : (this.#other.answer(input.path, input.bytes, world) ??
              this.#after('ikev2', this.#version2.handle(input, world), world))
      case 'needs-keys':
        return this.#need(input.rule, input.flow, input.via, world)
      case 'ageing': {
        const { name, age } = input
        return this.#version1.isTaken(name)
          ? this.#after('ikev1', this.#version1.ageing(name, age, world), world)
          : this.#after('ikev2', this.#version2.handle(input, world), world)
      }
      case 'kerberos':
        return this.#after('ikev1', this.#version1.kerberos(input.session, input.answer, world), world)
      case 'heard':
        return [...this.#version2.handle(input, world), ...this.#version1.heard(input.names, world)]
      case 'policy-changed':
        return [...this.#version2.handle(input, world), ...this.#version1.policyChanged(before, world)]
      case 'close':
        return [...this.#version2.handle(input, world), ...this.#version1.close(input.peer, world)]
      case 'wake':
        return [
          ...this.#after('ikev2', this.#version2.handle(input, world), world),
          ...this.#after('ikev1', this.#version1.wake(world), world),
        ]
    }
  }

  #version1Datagram(path: Path, bytes: Uint8Array, world: OutsideWorld): readonly KeyingOutput[] {
    const look = firstLook(path, bytes)
    if (look.kind === 'keepalive') return []
    if (look.kind === 'not-ours') return [ignored(path, look.what)]
    // A host of IKEv1 alone answers our IKEv2 in its own form.
    const asked = saysOtherVersion(look.header, look.octets)
    if (asked !== undefined && this.#version2.lacksVersion(asked, path, world)) return []
    return this.#after('ikev1', this.#version1.datagram(look.header, look.octets, path, world), world)
  }

  #need(name: RuleId, flow: Flow, via: Address | undefined, world: OutsideWorld): readonly KeyingOutput[] {
    const rule = keyedRule(world.policy.policy, name)
    const why = reasonAgainst(name, rule, world)
    if (rule === undefined || why !== undefined) {
      return [{ kind: 'refuse', rule: name, flow }, report({ kind: 'child-failed', rule: name, what: why ?? '' })]
    }
    const version = this.#firstVersion(rule, flow)
    if (version !== rule.keying.at(-1)) this.#next.begins({ rule: name, flow }, via, world.now)
    return this.#after(version, this.#needBy(version, name, flow, via, world), world)
  }

  #needBy(
    version: KeyingVersion,
    rule: RuleId,
    flow: Flow,
    via: Address | undefined,
    world: OutsideWorld,
  ): readonly KeyingOutput[] {
    const from = via === undefined ? {} : { via }
    return version === 'ikev1'
      ? this.#version1.need(rule, flow, via, world)
      : this.#version2.handle({ kind: 'needs-keys', rule, flow, ...from }, world)
  }

  /** What a peer has a session by is asked first. */
  #firstVersion({ keying, tunnelEndpoint }: Rule, flow: Flow): KeyingVersion {
    const peer = tunnelEndpoint ?? flow.destination
    const known = keying.find(version =>
      version === 'ikev1' ? this.#version1.knows(peer) : this.#version2.knows(peer),
    )
    return known ?? keying[0]!
  }

  /** A refusal by silence leads to the next version of the rule, where it has one. */
  #after(version: KeyingVersion, outputs: readonly KeyingOutput[], world: OutsideWorld): readonly KeyingOutput[] {
    if (!outputs.some(({ kind }) => kind === 'refuse')) return outputs
    return outputs.flatMap(output => (output.kind === 'refuse' ? this.#refused(version, output, world) : [output]))
  }

  #refused(version: KeyingVersion, output: Refused, world: OutsideWorld): readonly KeyingOutput[] {
    const { rule: name, flow, isSilent, lacksVersion } = output
    // What the other version made meanwhile serves the packet as well, and a fallback to clear would pass it by.
    if (this.#version1.isServed({ rule: name, flow }) || this.#version2.isServed({ rule: name, flow }, world)) return []
    const keying = keyedRule(world.policy.policy, name)?.keying ?? []
    const next = keying[keying.indexOf(version) + 1]
    const one = { rule: name, flow }
    const isNext = next !== undefined && (isSilent === true || lacksVersion === true)
    if (!isNext) {
      const hasHeard = this.#next.ends(one)
      return [{ kind: 'refuse', ...one, ...(isSilent === true && !hasHeard ? { isSilent } : {}) }]
    }
    const from = this.#next.goesOn(one, lacksVersion === true)
    // Not remembered: too many wait. What the peer said is not known then, and nothing goes in clear.
    if (from === undefined) return [{ kind: 'refuse', ...one }]
    return this.#after(next, this.#needBy(next, name, flow, from.via, world), world)
  }

  /** Without more words about useless datagrams than anybody can read. */
  #withoutNoise(outputs: readonly KeyingOutput[], { now }: OutsideWorld): readonly KeyingOutput[] {
    return outputs.flatMap(output => {
      if (output.kind !== 'report' || output.event.kind !== 'ignored') return [output]
      if (!this.#ignored.allows(now)) return []
      const more = this.#ignored.takePassedOver()
      if (more === 0) return [output]
      const { event } = output
      return [report({ ...event, what: `${event.what}; ${more} more before, of which nothing was said` })]
    })
  }
}
