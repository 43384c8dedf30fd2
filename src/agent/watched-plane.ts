// The data plane as keying sees it, with what the agent has to know and do beside it: what is installed, what was dropped,
// and who speaks in clear, which the guard is told before the first packet goes.
import { type Address, formatAddress } from '../base/address.ts'
import type { Flow } from '../base/flow.ts'
import type { Clock } from '../base/time.ts'
import type { DataPlane, DataPlaneListener, WhyNone } from '../dataplane/data-plane.ts'
import { type AssociationPair, type Counters, pairName, type Spi } from '../ipsec/association.ts'
import type { DropReason } from '../ipsec/drop-reasons.ts'
import { IN_CLEAR } from '../ipsec/negotiation.ts'
import type { AgentEvent } from '../monitor/told-event.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { RuleId } from '../policy/model.ts'
import { eventOfDrops } from './agent-event.ts'
import type { ClearPair, GuardPart } from './agent-parts.ts'
import { Tally } from './tally.ts'

/** What status shows of an association; its keys are the plane's alone. */
export interface InstalledAssociation {
  readonly name: Spi
  readonly peerSpi: Spi
  readonly rule: RuleId
  readonly mode: 'transport' | 'tunnel'
  readonly own: Address
  readonly peer: Address
  readonly algorithms: string
  readonly selectors: AssociationPair['outbound']['selectors']
  readonly isInUdp: boolean
  readonly isConfidential: boolean
  /** On the agent's clock. */
  readonly since: number
  readonly rekeyAt: number | undefined
  readonly endsAt: number | undefined
  isSending: boolean
}

export interface WatchedPlaneOptions {
  readonly plane: DataPlane
  readonly guard: GuardPart | undefined
  readonly clock: Clock
  readonly tell: (event: AgentEvent) => void
  /** `clearPairs` is not what it was. */
  readonly clearChanged: () => void
}

/** Seconds by which a pair is led back to the data plane before its time in clear is over there and in the guard. */
const BACK_BEFORE = 1
/** Seconds over which drops of one reason become one event. */
const DROPS_EVERY = 5

export class WatchedPlane implements DataPlane {
  readonly #plane: DataPlane
  readonly #guard: GuardPart | undefined
  readonly #clock: Clock
  readonly #tell: (event: AgentEvent) => void
  readonly #clearChanged: () => void
  readonly #installed = new Map<Spi, InstalledAssociation>()
  readonly #inClear = new Map<string, ClearPair>()
  readonly #drops = new Map<DropReason, number>()
  /** Not told yet. */
  readonly #untold = new Map<DropReason, { packets: number; flow: Flow | undefined }>()
  #cancelTelling: (() => void) | undefined
  readonly #cancelClear: (() => void)[] = []
  #policy: CompiledPolicy | undefined
  readonly tally = new Tally()
  #looking: Promise<unknown> | undefined

  constructor({ plane, guard, clock, tell, clearChanged }: WatchedPlaneOptions) {
    this.#plane = plane
    this.#guard = guard
    this.#clock = clock
    this.#tell = tell
    this.#clearChanged = clearChanged
  }

  get associations(): readonly InstalledAssociation[] {
    return [...this.#installed.values()]
  }

  get drops(): ReadonlyMap<DropReason, number> {
    return this.#drops
  }

  get clearPairs(): readonly ClearPair[] {
    for (const [key, { until }] of this.#inClear) if (until <= this.#clock.now()) this.#inClear.delete(key)
    return [...this.#inClear.values()]
  }

  start(listener: DataPlaneListener): Promise<void> {
    return this.#plane.start({
      needsKeys: (rule, flow) => listener.needsKeys(rule, flow),
      ageing: (spi, age) => listener.ageing(spi, age),
      dropped: (reason, flow) => {
        this.dropped(reason, flow, 1)
        listener.dropped(reason, flow)
      },
    })
  }

  dropped(reason: DropReason, flow: Flow | undefined, packets: number): void {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + packets)
    const untold = this.#untold.get(reason)
    if (untold === undefined) this.#untold.set(reason, { packets, flow })
    else {
      untold.packets += packets
      untold.flow = flow ?? untold.flow
    }
    this.#cancelTelling ??= this.#clock.at(this.#clock.now() + DROPS_EVERY, () => this.tellDrops())
  }

  tellDrops(): void {
    this.#cancelTelling?.()
    this.#cancelTelling = undefined
    for (const [reason, { packets, flow }] of this.#untold) this.#tell(eventOfDrops(reason, packets, flow))
    this.#untold.clear()
  }

  async enforce(policy: CompiledPolicy): Promise<void> {
    const last = this.#lookBeforeRemoval([...this.#installed.keys()])
    await this.#plane.enforce(policy)
    await last
    this.#policy = policy
    this.tally.keepRules(new Set(policy.policy.rules.map(({ name }) => name)))
    // A new policy begins without any: the plane forgets them, and the guard that was put in place has none.
    this.#forgetClear()
    const left = await this.#plane.counters()
    const gone = [...this.#installed.keys()].filter(name => !left.has(name))
    this.tally.closed(gone.filter(name => this.#installed.delete(name)))
  }

  async install(pair: AssociationPair): Promise<void> {
    await this.#plane.install(pair)
    const installed = describe(pair, this.#clock.now())
    this.#installed.set(installed.name, installed)
  }

  async beginSending(name: Spi): Promise<void> {
    await this.#plane.beginSending(name)
    const association = this.#installed.get(name)
    if (association === undefined) return
    association.isSending = true
    const { own, peer, rule } = association
    if (!this.#inClear.delete(keyOf(rule, own, peer))) return
    this.#clearChanged()
    await this.#guard?.endClear(own, peer)
    const text = `${formatAddress(own)} and ${formatAddress(peer)} are sealed now; they had spoken in clear`
    this.#tell({ level: 'info', kind: 'clear-ended', text, fields: { rule, peer: formatAddress(peer) } })
  }

  async remove(names: readonly Spi[]): Promise<void> {
    const last = this.#lookBeforeRemoval(names)
    await this.#plane.remove(names)
    await last
    this.tally.closed(names.filter(name => this.#installed.delete(name)))
  }

  /**
   * Asked before the removal, and so answered before it. Where a look is under way already it has to do: a thousand
   * associations that close one by one are not looked at a million times.
   */
  #lookBeforeRemoval(names: readonly Spi[]): Promise<unknown> {
    const isKnown = names.some(name => this.#installed.has(name))
    if (isKnown)
      this.#looking ??= this.counters()
        .catch(() => {})
        .finally(() => (this.#looking = undefined))
    return this.#looking ?? Promise.resolve()
  }

  async refuse(flow: Flow, rule: RuleId, why: WhyNone): Promise<void> {
    const isAllowed = this.#policy?.policy.rules.find(({ name }) => name === rule)?.fallBackToClear === true
    const fallsBack = isAllowed && why === 'no-answer'
    if (fallsBack) await this.#begin(rule, flow.source, flow.destination)
    await this.#plane.refuse(flow, rule, why)
    if (fallsBack) this.#clearChanged()
  }

  async #begin(rule: RuleId, own: Address, peer: Address): Promise<void> {
    await this.#guard?.letClear(own, peer, IN_CLEAR)
    const until = this.#clock.now() + IN_CLEAR - BACK_BEFORE
    this.#inClear.set(keyOf(rule, own, peer), { rule, own, peer, until })
    this.#cancelClear.push(this.#clock.at(until, this.#clearChanged))
    const text =
      `NOT SECURED: ${formatAddress(own)} and ${formatAddress(peer)} speak in clear for ${IN_CLEAR} s, ` +
      `because rule “${rule}” allows it and nobody answers IKE there`
    this.#tell({
      level: 'warning',
      kind: 'in-clear',
      text,
      fields: { rule, own: formatAddress(own), peer: formatAddress(peer), seconds: IN_CLEAR },
    })
  }

  async counters(): Promise<ReadonlyMap<Spi, Counters>> {
    const counters = await this.#plane.counters()
    this.tally.look(this.#installed.values(), counters)
    return counters
  }

  async stop(): Promise<void> {
    this.tellDrops()
    await this.#plane.stop()
    this.#installed.clear()
    this.#forgetClear()
  }

  #forgetClear(): void {
    this.#inClear.clear()
    for (const cancel of this.#cancelClear.splice(0)) cancel()
  }
}

function keyOf(rule: RuleId, own: Address, peer: Address): string {
  return `${formatAddress(own)} ${formatAddress(peer)} ${rule}`
}

function describe(pair: AssociationPair, now: number): InstalledAssociation {
  const { inbound, outbound } = pair
  const after = (age: 'soft' | 'hard') => {
    const seconds = Math.min(
      ...[inbound, outbound].map(({ lifetime }) => lifetime[age].seconds ?? Number.POSITIVE_INFINITY),
    )
    return Number.isFinite(seconds) ? now + seconds : undefined
  }
  return {
    name: pairName(pair),
    peerSpi: outbound.layers.at(-1)!.spi,
    ...{ rule: outbound.rule, mode: outbound.mode, own: outbound.source, peer: outbound.destination },
    algorithms: outbound.layers.map(wordsOfLayer).join(' in '),
    selectors: outbound.selectors,
    isInUdp: outbound.encapsulation !== undefined,
    isConfidential: outbound.layers.some(isEncrypted),
    since: now,
    rekeyAt: after('soft'),
    endsAt: after('hard'),
    isSending: false,
  }
}

function isEncrypted({ suite }: AssociationPair['outbound']['layers'][number]): boolean {
  return suite.protocol === 'esp' && suite.cipher.mode !== 'null' && suite.cipher.mode !== 'gmac'
}

function wordsOfLayer({ protocol, suite }: AssociationPair['outbound']['layers'][number]): string {
  const parts = suite.protocol === 'ah' ? [suite.integrity.name] : [cipherWords(suite), suite.integrity?.name]
  return `${protocol} ${parts.filter(part => part !== undefined).join(' ')}`
}

function cipherWords({ cipher }: Extract<AssociationPair['outbound']['layers'][number]['suite'], { protocol: 'esp' }>) {
  return cipher.keyBytes === 0 ? cipher.name : `${cipher.name} ${8 * cipher.keyBytes}`
}
