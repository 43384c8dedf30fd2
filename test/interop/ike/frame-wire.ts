// An Ethernet cable in this process: carries frames between two ports and shows them to whoever looks on.
import type { FramePort } from '../uml/lab-link.ts'

/** `fromFirst` tells the way. */
export type Onlooker = (frame: Uint8Array, fromFirst: boolean) => void

export function joinPorts(first: FramePort, second: FramePort, look: Onlooker = () => {}): void {
  first.receive = frame => {
    look(frame, true)
    second.send(frame)
  }
  second.receive = frame => {
    look(frame, false)
    first.send(frame)
  }
}

/** For experiments (IEEE 802 §9.2.3), to everybody; guests throw it away. */
const NUDGE = new Uint8Array(60)
NUDGE.set([255, 255, 255, 255, 255, 255, 2, 0x54, 9, 0, 0, 9, 0x88, 0xb5])

/** User-mode Linux 6.1 now and then misses that a frame has come, and sees it when the next one comes. */
export function nudge(ports: readonly FramePort[]): () => void {
  const timer = setInterval(() => {
    for (const port of ports) port.send(NUDGE)
  }, 50)
  return () => clearInterval(timer)
}
