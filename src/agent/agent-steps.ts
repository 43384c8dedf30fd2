// The order in which an agent takes hold of its host, and lets go of it in reverse. Guard first and last: from there on, and
// up to there, what must be sealed cannot leave in clear whatever else stands or falls.
import type { AgentEvent } from '../monitor/told-event.ts'
import { wordsOfError } from './agent-event.ts'
import type { AgentParts } from './agent-parts.ts'
import type { Enforcement } from './enforcement.ts'
import type { Keeper } from './perform.ts'
import type { Step } from './steps.ts'
import type { WatchedPlane } from './watched-plane.ts'

export interface StepParts {
  readonly parts: AgentParts
  readonly keeper: Keeper
  readonly plane: WatchedPlane
  readonly enforcement: Enforcement
  /** Seconds that peers have to answer a farewell. */
  readonly farewell: number
  readonly keepsGuard: () => boolean
  /** False while everything that stands has to be taken back because something did not come up. */
  readonly wasUp: () => boolean
  readonly addressesChanged: () => void
  readonly policyChanged: () => void
  readonly guardChanged: () => void
  readonly tell: (event: AgentEvent) => void
}

const nothing = async () => {}

export function agentSteps(given: StepParts): readonly Step[] {
  const { parts, keeper, plane, enforcement, farewell } = given
  const { guard, routing, sockets, addresses, source, kerberos, wire } = parts
  const compiled = () => enforcement.inForce.compiled
  const watches: { stop(): void }[] = []
  let wasGuarded = false
  const steps: (Step | undefined)[] = [
    guard && {
      name: 'the guard',
      async up() {
        wasGuarded = await guard.isThere()
        await guard.apply(compiled())
      },
      async down() {
        // What the boot or an earlier agent left stays where this agent does not come up.
        if (!given.keepsGuard() && (given.wasUp() || !wasGuarded)) await guard.remove()
      },
    },
    {
      name: 'the data plane',
      up: () => keeper.start(compiled()),
      async down() {
        await Promise.all([keeper.stop(0), plane.stop()])
      },
    },
    // Before the routes, so that the first packet that they bring finds somebody to negotiate.
    { name: 'the IKE port', up: async () => sockets.open(), down: async () => sockets.close() },
    { name: 'the routes', up: () => routing.enforce(compiled(), []), down: () => routing.remove() },
    { name: 'the keys of the policy', up: () => enforcement.installManualKeys(), down: nothing },
    { name: 'Kerberos', up: nothing, down: async () => kerberos?.stop() },
    { name: 'keying', up: nothing, down: () => keeper.stop(farewell) },
    // From when everything stands to when the first of it goes: what passes outside of that is no leak of ours.
    wire && {
      name: 'the watch on the wire',
      async up() {
        const rules = () => ({
          ...{ compiled: compiled(), clearPairs: plane.clearPairs },
          isChanging: enforcement.isChanging,
        })
        try {
          wire.start(rules, given.tell)
        } catch (error) {
          const text = `Nobody watches the wire: ${wordsOfError(error)}`
          given.tell({ level: 'warning', kind: 'wire-unwatched', text })
        }
      },
      down: async () => wire.stop(),
    },
    {
      name: 'watching',
      async up() {
        watches.push(addresses.watch(given.addressesChanged), source.watch(given.policyChanged))
        const guarding = guard?.watch?.(given.guardChanged)
        if (guarding !== undefined) watches.push(guarding)
      },
      async down() {
        for (const watch of watches.splice(0)) watch.stop()
      },
    },
  ]
  return steps.filter(step => step !== undefined)
}
