// The TUN data plane as the agent has it. Keying's datagrams on the port that ESP in UDP has too carry a marker of zeros in
// front (RFC 3948 §2.2), which the data plane takes off and puts on.

import { TunDataPlane } from '../dataplane/tun/tun-data-plane.ts'
import type { Path } from '../keying/machine.ts'
import { listLinks, openRouting } from '../native/routing.ts'
import type { PlanePart } from './agent-parts.ts'

const MARKER_BYTES = 4

/** The next free number: several agents may live in one namespace. */
const DEVICE = 'sealwire%d'
/** Until routes say how much fits once it is sealed. */
const MTU_AT_FIRST = 1280
/** Ethernet's, where no link tells another. */
const USUAL_MTU = 1500

export interface TunPlaneParts {
  readonly heard: (path: Path, bytes: Uint8Array) => void
  readonly failed: (error: Error) => void
  /** ESP past the kernel's IP. */
  readonly byFrames?: boolean
}

export function tunPlanePart({ heard, failed, byFrames = false }: TunPlaneParts): PlanePart {
  const plane = new TunDataPlane({
    ...{ device: DEVICE, mtu: MTU_AT_FIRST, linkMtu: smallestLinkMtu(), byFrames },
    failed,
    keyingDatagram(path, bytes) {
      const whole = new Uint8Array(MARKER_BYTES + bytes.length)
      whole.set(bytes, MARKER_BYTES)
      heard(path, whole)
    },
  })
  return {
    plane,
    facts() {
      const { facts } = plane
      if (facts === undefined) return { kind: 'tun' }
      const { device, engine, segmentation } = facts
      return { kind: 'tun', device, engine, segmentation, ...(byFrames ? { esp: 'by frames' } : {}) }
    },
    sendKeying(path, bytes) {
      // A NAT keepalive has none (RFC 3948 §2.3).
      plane.sendKeying(path, bytes.length === 1 ? bytes : bytes.subarray(MARKER_BYTES))
    },
    async isAnswering() {
      return (await plane.statistics()) !== undefined
    },
    giveUp: error => plane.giveUp(error),
  }
}

/** Whichever link a sealed packet leaves by, it is cut here and not on its way. */
function smallestLinkMtu(): number {
  const netlink = openRouting()
  try {
    const links = listLinks(netlink).filter(
      ({ isUp, isLoopback, name }) => isUp && !isLoopback && !name.startsWith('sealwire'),
    )
    return links.length === 0 ? USUAL_MTU : Math.min(...links.map(({ mtu }) => mtu))
  } finally {
    netlink.close()
  }
}
