// What stood on the wire during each step of a phase, by the times in the capture: the steps follow one another, so that
// also what is sealed is known by when it was sent.
import { formatAddress, isLimitedBroadcast, isMulticast, lastAddress, sameAddress } from '../../base/address.ts'
import { AH, ESP } from '../../base/flow.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { decide } from '../../policy/decide.ts'
import { CaptureParser } from '../../wire/capture-file.ts'
import { decodeFrame } from '../../wire/decode.ts'
import { ESP_IN_UDP, IKE, IS_IP, KEEPALIVE, Packet } from '../../wire/packet.ts'
import { demoNetworks } from '../demo/wire-recorder.ts'
import type { LiveStep } from './live-phases.ts'

export interface StepTime {
  readonly step: LiveStep
  /** Seconds since 1970. */
  readonly from: number
}

export interface WireCount {
  sealed: number
  clear: number
  because?: string
}

export interface WireCounts {
  readonly packets: number
  readonly ike: number
  readonly steps: ReadonlyMap<LiveStep, WireCount>
}

/** `times` in their order; the first step has also what came before it. Throws where the capture cannot be read. */
export function countWire(capture: Uint8Array, policy: CompiledPolicy, times: readonly StepTime[]): WireCounts {
  const steps = new Map<LiveStep, WireCount>(times.map(({ step }) => [step, { sealed: 0, clear: 0 }]))
  const packet = new Packet()
  let packets = 0
  let ike = 0
  const parser = new CaptureParser({
    frame(bytes, from, to, linkType, _original, seconds, nanoseconds) {
      decodeFrame(packet, bytes, linkType, from, to)
      if (packet.kind !== IS_IP) return
      packets++
      if (packet.content === IKE || packet.content === KEEPALIVE) {
        ike++
        return
      }
      const time = seconds + nanoseconds / 1e9
      const step = groupOf(packet) ?? (times.findLast(one => one.from <= time) ?? times[0])?.step
      const count = step === undefined ? undefined : steps.get(step)
      if (count === undefined) return
      if (packet.protocol === ESP || packet.protocol === AH || packet.content === ESP_IN_UDP) count.sealed++
      else {
        count.clear++
        count.because ??= reason(packet, policy)
      }
    },
  })
  const view = new DataView(capture.buffer, capture.byteOffset, capture.length)
  parser.finish(capture.length - parser.push(capture, view, capture.length))
  if (parser.problem !== '') throw new Error(`the capture cannot be read: ${parser.problem}`)
  return { packets, ike, steps }
}

/** The kernel tells of its groups when it likes. */
function groupOf(packet: Packet): LiveStep | undefined {
  const destination = packet.destination()
  if (isMulticast(destination)) return 'multicast'
  const isBroadcast = demoNetworks.some(network => sameAddress(lastAddress(network), destination))
  return isBroadcast || isLimitedBroadcast(destination) ? 'broadcast' : undefined
}

function reason(packet: Packet, policy: CompiledPolicy): string {
  const { action, because } = decide(policy, packet.flow(), 'out')
  if (because.kind === 'exemption') return 'exempt'
  if (because.kind !== 'filter') return 'no filter matches'
  const from = formatAddress(packet.source())
  return action === 'permit' ? `permitted by ${because.rule}` : `${from} ought to have sealed it`
}
