// Routes into the TUN device as the agent has them: dataplane/tun does it, and follows the network by itself.
import { HostRoutes } from '../dataplane/tun/routes.ts'
import { type Undone, undoTaken } from '../dataplane/tun/taken.ts'
import { openRouting } from '../native/routing.ts'
import type { RoutingPart } from './agent-parts.ts'

export interface RoutingPartOptions {
  /** Where it is written down what was changed. */
  readonly folder: string
  /** The device's name, once it is there. */
  readonly device: () => string | undefined
  /** Routes could not follow a change of the network; the next change tries again. */
  readonly failed: (error: Error) => void
}

export function routingPart({ folder, device, failed }: RoutingPartOptions): RoutingPart {
  let routes: HostRoutes | undefined
  return {
    async enforce(policy, inClear) {
      const name = device()
      if (name === undefined) throw new Error('there is no device to route into')
      const isNew = routes === undefined
      routes ??= new HostRoutes({ folder, device: name })
      routes.enforce(policy, inClear)
      if (isNew) routes.follow({ failed })
    },
    async remove() {
      const taken = routes
      routes = undefined
      try {
        taken?.withdraw()
      } finally {
        taken?.close()
      }
    },
  }
}

/** What an agent of this folder left when it died. */
export function undoRoutes(folder: string): Undone {
  const netlink = openRouting()
  try {
    return undoTaken(folder, netlink)
  } finally {
    netlink.close()
  }
}
