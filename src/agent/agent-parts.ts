// What an agent is put together from, each as much as the agent uses of it: start.ts gives it the system's, tests give it
// others. Every part that takes something of the host can give it back.
import type { Address } from '../base/address.ts'
import type { Random } from '../base/random.ts'
import type { Problem } from '../base/result.ts'
import type { Clock } from '../base/time.ts'
import type { DataPlane } from '../dataplane/data-plane.ts'
import type { KeyingSettings } from '../keying/keying-settings.ts'
import type { KerberosAnswer, KerberosAsk, Path, SessionId } from '../keying/machine.ts'
import type { GuardTraffic } from '../monitor/agent-status.ts'
import type { AgentEvent, ToldEvent } from '../monitor/told-event.ts'
import type { WireStatus } from '../monitor/wire-status.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { RuleId } from '../policy/model.ts'
import type { RegistryFile } from '../settings/registry-file.ts'
import type { PolicySource } from './policy-source.ts'

/** A mistake or a state of the machine that a person can do something about, found while going up. */
export class Unready extends Error {
  /** `machine`: what is missing is no fault of what was written. */
  readonly whose: 'input' | 'machine'
  readonly problems: readonly Problem[]

  constructor(whose: 'input' | 'machine', problems: readonly Problem[]) {
    super(problems.map(({ what }) => what).join('; '))
    this.whose = whose
    this.problems = problems
  }
}

/** Two hosts that speak unsecured for a while because their rule allows it. */
export interface ClearPair {
  readonly rule: RuleId
  readonly own: Address
  readonly peer: Address
  /** On the agent's clock. */
  readonly until: number
}

export interface GuardHealth {
  /** The net is where it was put. */
  readonly isThere: boolean
  /** In a few words: packets that it dropped, what is wrong with it. */
  readonly text: string
  readonly traffic?: readonly GuardTraffic[]
}

/** The policy as a net in the kernel, which stays when the agent is gone. */
export interface GuardPart {
  /** For status: `nftables, table inet sealwire`. */
  readonly name: string
  /** One of an earlier agent or of the boot counts too. */
  isThere(): Promise<boolean>
  /** In one step, in place of what was there. */
  apply(policy: CompiledPolicy): Promise<void>
  /** The two speak in clear for so many seconds, because their rule says so. */
  letClear(own: Address, peer: Address, seconds: number): Promise<void>
  endClear(own: Address, peer: Address): Promise<void>
  health(): Promise<GuardHealth>
  /** Tells that something of it changed, whoever did that; left out, it is only looked at. */
  watch?(changed: () => void): { stop(): void }
  remove(): Promise<void>
}

/** Leads what the policy secures into the data plane. */
export interface RoutingPart {
  /** `inClear` speak past the data plane for a while. */
  enforce(policy: CompiledPolicy, inClear: readonly ClearPair[]): Promise<void>
  remove(): Promise<void>
}

export interface PlanePart {
  readonly plane: DataPlane
  /** For status, once it runs: device, engine. */
  facts(): Readonly<Record<string, string>>
  /** IKE on the port that the plane has for ESP in UDP. */
  sendKeying(path: Path, bytes: Uint8Array): void
  /** Whether whatever moves the packets still answers. */
  isAnswering(): Promise<boolean>
  /** Nobody waits for its answers any more: it has failed, and says so as if it had ended by itself. */
  giveUp(error: Error): void
}

export interface SocketsPart {
  open(): void
  send(path: Path, bytes: Uint8Array): void
  close(): void
}

export interface AddressesPart {
  list(): readonly Address[]
  watch(changed: () => void): { stop(): void }
  /** The own address that packets to that host leave from, as routes have it; undefined where none leads there. */
  ownFor(peer: Address): Address | undefined
  close(): void
}

/** What the watch on the wire judges by, as it stands when it is asked. */
export interface WireRules {
  readonly compiled: CompiledPolicy
  readonly clearPairs: readonly ClearPair[]
  /** Another policy is being put in place: packets may obey either. */
  readonly isChanging: boolean
}

/** Looks at what really passes the host's links. */
export interface WirePart {
  /** Throws where the machine does not let it. */
  start(rules: () => WireRules, tell: (event: AgentEvent) => void): void
  /** Null where it does not run. */
  status(): WireStatus | null
  stop(): void
}

/** The system's Kerberos, which may have to ask a key centre. */
export interface KerberosPart {
  /** Never rejects, and answers in bounded time; undefined for what nothing answers. */
  ask(session: SessionId, ask: KerberosAsk): Promise<KerberosAnswer | undefined>
  stop(): void
}

export interface AgentParts {
  readonly source: PolicySource
  /** Where the setting is changed; left out, it is not. */
  readonly registry?: Pick<RegistryFile, 'change'>
  /** Undefined under --no-guard. */
  readonly guard: GuardPart | undefined
  readonly plane: PlanePart
  readonly routing: RoutingPart
  readonly sockets: SocketsPart
  readonly addresses: AddressesPart
  /** Left out, nobody watches. */
  readonly wire?: WirePart | undefined
  /** Left out, sessions that want it fail. */
  readonly kerberos?: KerberosPart
  readonly clock: Clock
  /** Seconds since 1970. */
  readonly date: () => number
  readonly random: Random
  readonly settings: KeyingSettings
  /** Writes it down. */
  readonly tell: (event: ToldEvent) => void
  /** Called while all is well, for a watchdog. */
  readonly alive?: () => void
  /** The guard stays when the agent goes. */
  readonly keepGuard?: boolean
  /** Seconds that peers have to answer a farewell. */
  readonly farewell?: number
}
