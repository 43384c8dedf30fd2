// The host's routing as the policy wants it: what it secures is led into the device, all else never leaves the kernel. Told
// the desired state again and again, by a new policy or because the network changed; each time only what differs is changed,
// and written down before it is.

import { currentNamespace } from '../../native/namespaces.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import type { NetworkChange } from '../../native/network-watcher.ts'
import { NetworkWatcher } from '../../native/network-watcher.ts'
import { watchReadable } from '../../native/readiness.ts'
import { changeLink, findLink, listRoutes, listRules, openRouting } from '../../native/routing.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { type RoutingState, routeKey, ruleKey, type Step, stepsBetween, take } from './routes-change.ts'
import { readFacts } from './routes-facts.ts'
import { destinationsOf, firstTable, planRoutes, type RoutePlan } from './routes-plan.ts'
import type { ClearPair } from './routes-wishes.ts'
import { type Undone, undoTaken, writeTaken } from './taken.ts'
import { SEALWIRE_MARK } from './tun-options.ts'

export interface HostRoutesOptions {
  /** Where this agent keeps its state. */
  readonly folder: string
  /** The name of the device, which is there. */
  readonly device: string
  /** Absent: 0x5ea1. */
  readonly mark?: number
  /** Absent: 54. Further tables are numbered from a million times this number on. */
  readonly table?: number
}

export const ROUTING_TABLE = 54

export class HostRoutes {
  readonly #folder: string
  readonly #device: string
  readonly #mark: number
  readonly #table: number
  readonly #netlink: NetlinkSocket
  readonly #namespace = currentNamespace()
  #wanted: { readonly policy: CompiledPolicy; readonly inClear: readonly ClearPair[] } | undefined
  /** What this process made, whether or not somebody took it away since. */
  #taken: RoutingState = { rules: [], routes: [] }
  #watch: { stop(): void } | undefined

  /** In the network namespace of this thread. First takes back what an earlier agent of this folder left. */
  constructor(options: HostRoutesOptions) {
    this.#folder = options.folder
    this.#device = options.device
    this.#mark = options.mark ?? SEALWIRE_MARK
    this.#table = options.table ?? ROUTING_TABLE
    this.#netlink = openRouting()
    try {
      const left = undoTaken(this.#folder, this.#netlink)
      if (left.kind === 'elsewhere')
        throw new Error(`another agent of ${this.#folder} works in the network namespace ${left.namespace}`)
    } catch (error) {
      this.#netlink.close()
      throw error
    }
  }

  /** From now on. `inClear`: host pairs that fell back to clear. */
  enforce(policy: CompiledPolicy, inClear: readonly ClearPair[] = []): RoutePlan {
    this.#wanted = { policy, inClear }
    return this.#bring(this.#plan(policy, inClear))
  }

  /** The same policy on a network that may have changed; undefined before the first policy. */
  refresh(): RoutePlan | undefined {
    return this.#wanted && this.enforce(this.#wanted.policy, this.#wanted.inClear)
  }

  /**
   * Refreshes by itself whenever links, addresses or routes change. `failed`: it could not, as when an address went away in
   * between; the next change tries again, and meanwhile what is secured does not leave.
   */
  follow(told: { readonly changed?: (plan: RoutePlan) => void; readonly failed: (error: Error) => void }): void {
    this.#watch?.stop()
    const watcher = new NetworkWatcher(['link', 'address', 'route'])
    const readable = watchReadable(watcher.fd, () => {
      if (!watcher.changes().some(change => this.#concerns(change))) return
      try {
        const plan = this.refresh()
        if (plan !== undefined) told.changed?.(plan)
      } catch (error) {
        told.failed(error instanceof Error ? error : new Error(String(error)))
      }
    })
    this.#watch = {
      stop: () => {
        readable.stop()
        watcher.close()
      },
    }
  }

  /** Takes everything back. */
  withdraw(): Undone {
    this.#watch?.stop()
    this.#watch = undefined
    this.#wanted = undefined
    this.#taken = { rules: [], routes: [] }
    return undoTaken(this.#folder, this.#netlink, this.#namespace)
  }

  close(): void {
    this.#watch?.stop()
    this.#netlink.close()
  }

  /** Of the device itself nothing is news, nor of our own tables unless a route was taken from them. */
  #concerns(change: NetworkChange): boolean {
    if (change.kind === 'link') return change.link.name !== this.#device
    if (change.kind !== 'route') return true
    const { table = 254 } = change.route
    return this.#isOwnTable(table) ? change.isGone && this.#hasLost() : table < 255
  }

  #hasLost(): boolean {
    const there = this.#present()
    return there.routes.length < this.#taken.routes.length || there.rules.length < this.#taken.rules.length
  }

  #isOwnTable(table: number): boolean {
    return table === this.#table || Math.floor(table / firstTable(1)) === this.#table
  }

  #plan(policy: CompiledPolicy, inClear: readonly ClearPair[]): RoutePlan {
    const link = findLink(this.#netlink, this.#device)
    if (link === undefined) throw new Error(`the device ${this.#device} is gone`)
    const facts = readFacts(this.#netlink, destinationsOf(policy), this.#device, this.#mark)
    return planRoutes(policy, facts, { link: link.index, mark: this.#mark, table: this.#table, inClear })
  }

  #bring(plan: RoutePlan): RoutePlan {
    const netlink = this.#netlink
    // A larger size first and a smaller one last would be no better: the routes' own sizes bound what is sent meanwhile.
    const link = findLink(netlink, this.#device)
    if (link !== undefined && plan.routes.length > 0) changeLink(netlink, link.index, { mtu: plan.mtu })
    const have = this.#present()
    const steps = stepsBetween(have, plan)
    if (steps.length === 0) return plan
    const added = steps.filter(step => step.kind === 'rule-added' || step.kind === 'route-added')
    const before = [...this.#asDone(this.#taken), ...added]
    writeTaken(this.#folder, { done: before, settings: [] }, this.#namespace)
    this.#taken = {
      rules: [...this.#taken.rules, ...added.flatMap(step => (step.kind === 'rule-added' ? [step.rule] : []))],
      routes: [...this.#taken.routes, ...added.flatMap(step => (step.kind === 'route-added' ? [step.route] : []))],
    }
    // What was there already is somebody else's, and stays when this ends.
    const others = new Set(steps.filter(step => take(netlink, step).kind === 'nothing').map(keyOfStep))
    const there = this.#present()
    this.#taken = {
      rules: there.rules.filter(rule => !others.has(ruleKey(rule))),
      routes: there.routes.filter(route => !others.has(metricKey(route))),
    }
    writeTaken(this.#folder, { done: this.#asDone(this.#taken), settings: [] }, this.#namespace)
    return plan
  }

  #asDone({ rules, routes }: RoutingState) {
    return [
      ...routes.map(route => ({ kind: 'route-added' as const, route })),
      ...rules.map(rule => ({ kind: 'rule-added' as const, rule })),
    ]
  }

  /** What of ours is there. */
  #present(): RoutingState {
    const netlink = this.#netlink
    const families = [4, 6] as const
    const rules = new Set(families.flatMap(family => listRules(netlink, family)).map(ruleKey))
    const tables = new Set(this.#taken.routes.map(route => route.table))
    const routes = new Set(
      families.flatMap(family =>
        [...tables].flatMap(table =>
          listRoutes(netlink, family, table).map(route => `${routeKey(route)} ${route.metric}`),
        ),
      ),
    )
    return {
      rules: unique(this.#taken.rules, ruleKey).filter(rule => rules.has(ruleKey(rule))),
      routes: unique(this.#taken.routes, metricKey).filter(route => routes.has(metricKey(route))),
    }
  }
}

function keyOfStep(step: Step): string {
  return step.kind === 'rule-added' || step.kind === 'rule-removed' ? ruleKey(step.rule) : metricKey(step.route)
}

function metricKey(route: RoutingState['routes'][number]): string {
  return `${routeKey(route)} ${route.metric}`
}

function unique<T>(list: readonly T[], key: (one: T) => string): readonly T[] {
  return [...new Map(list.map(one => [key(one), one])).values()]
}
