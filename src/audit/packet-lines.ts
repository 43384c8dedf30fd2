// One line of JSON for every packet, as `sealwire audit --packets` prints them. Built by hand from parts that need no
// escaping, because a capture has millions; written in large pieces.
import { formatIpv4, formatIpv6 } from '../base/address.ts'
import { IS_IP, type Packet } from '../wire/packet.ts'
import type { FrameVerdict } from './audit.ts'
import { COPY_SENTENCE } from './report.ts'

const PIECE = 1 << 16

/** `file` is told in each line where several captures are audited. Call `flush` at the end. */
export function packetLines(write: (text: string) => void, file: string | undefined) {
  const tail = file === undefined ? '}\n' : `,"file":${JSON.stringify(file)}}\n`
  let text = ''
  const flush = () => {
    write(text)
    text = ''
  }
  return {
    packet: (told: FrameVerdict, isCopy: boolean) => {
      text += line(told, isCopy) + tail
      if (text.length > PIECE) flush()
    },
    flush,
  }
}

function line(told: FrameVerdict, isCopy: boolean): string {
  const { packet } = told
  const verdict = isCopy ? 'protected' : told.verdict
  const because = JSON.stringify(isCopy ? COPY_SENTENCE : told.because)
  const fragment = told.firstFragment === 0 ? '' : `,"judgedWithFrame":${told.firstFragment}`
  const { inside, insideClass } = told
  const within = inside === undefined ? '' : `,"inside":{"class":"${insideClass}",${flowPart(inside)}}`
  return `{"frame":${told.frame},"class":"${told.class}","verdict":"${verdict}",${flowPart(packet)},"because":${because}${fragment}${within}`
}

function flowPart(packet: Packet): string {
  if (packet.kind !== IS_IP) {
    return '"source":null,"destination":null,"protocol":null,"sourcePort":null,"destinationPort":null'
  }
  const { sourcePort, destinationPort } = packet
  const ports = `"sourcePort":${sourcePort < 0 ? null : sourcePort},"destinationPort":${destinationPort < 0 ? null : destinationPort}`
  return `"source":"${source(packet)}","destination":"${destination(packet)}","protocol":${packet.protocol},${ports}`
}

function source(packet: Packet): string {
  if (packet.version === 4) return formatIpv4(packet.s0)
  return formatIpv6([packet.s0 >>> 0, packet.s1 >>> 0, packet.s2 >>> 0, packet.s3 >>> 0])
}

function destination(packet: Packet): string {
  if (packet.version === 4) return formatIpv4(packet.d0)
  return formatIpv6([packet.d0 >>> 0, packet.d1 >>> 0, packet.d2 >>> 0, packet.d3 >>> 0])
}
