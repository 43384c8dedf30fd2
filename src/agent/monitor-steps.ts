// What an agent serves of itself by HTTP: numbers for machines, and the page, each at its own place where it is asked for.
import { systemClock } from '../base/time.ts'
import { builtPage } from '../monitor/page-files.ts'
import { MonitorServer, type Place } from '../monitor/server.ts'
import type { Agent } from './agent.ts'
import { ownSource } from './asked-source.ts'
import type { Step } from './steps.ts'

export interface Served {
  readonly place: Place
  /** Of whoever may ask; undefined where everybody who reaches the place may. */
  readonly tokenDigest: Uint8Array | undefined
}

export interface MonitorPlaces {
  /** Left out, none are served. */
  readonly metrics?: Served
  /** The page, and what it asks for. */
  readonly web?: Served
}

export function monitorSteps(agent: Agent, { metrics, web }: MonitorPlaces): readonly Step[] {
  const step = (name: string, served: Served, page?: string): Step => {
    const { place } = served
    const where = place.kind === 'socket' ? place.path : `${place.host}:${place.port}`
    const source = ownSource(agent, `the page that the agent serves at ${where}`)
    const server = new MonitorServer({ ...served, source, clock: systemClock, ...(page === undefined ? {} : { page }) })
    return { name, up: () => server.start(), down: () => server.close() }
  }
  return [
    ...(metrics === undefined ? [] : [step('metrics', metrics)]),
    ...(web === undefined ? [] : [step('the monitor’s page', web, builtPage)]),
  ]
}
