// The data plane as the keeper gets it: news of it are caught where they come in, and starting and stopping it is the agent's.
import type { DataPlane } from '../dataplane/data-plane.ts'
import type { WatchedPlane } from './watched-plane.ts'

/** The keeper may not stop what it did not start: the data plane is a step of its own. */
export function planeForKeeper(plane: WatchedPlane, caught: (work: () => void) => void): DataPlane {
  return {
    start: listener =>
      plane.start({
        needsKeys: (rule, flow) => caught(() => listener.needsKeys(rule, flow)),
        ageing: (spi, age) => caught(() => listener.ageing(spi, age)),
        dropped: (reason, flow) => listener.dropped(reason, flow),
      }),
    enforce: policy => plane.enforce(policy),
    install: pair => plane.install(pair),
    beginSending: name => plane.beginSending(name),
    remove: names => plane.remove(names),
    refuse: (flow, rule, why) => plane.refuse(flow, rule, why),
    counters: () => plane.counters(),
    stop: async () => {},
  }
}
