// What a rule did, in words and as one number: how often it decided.
import { packetsOf, type RuleHits } from '../../rule-hits.ts'
import type { BothWays } from '../../sealed-traffic.ts'
import { count, octets } from '../../words.ts'
import type { Standing } from './peers.ts'

export interface HitPart {
  readonly standing: Standing
  readonly words: string
}

const parts = [
  ['sealed', 'sealed', 'sealed'],
  ['permitted', 'permitted', 'permitted'],
  ['inClear', 'clear', 'in clear by fall-back'],
  ['stopped', 'failed', 'stopped in clear'],
  ['blocked', 'failed', 'blocked'],
] as const

export function hitParts(hits: RuleHits): readonly HitPart[] {
  return parts.flatMap(([name, standing, word]) => {
    const { packets, bytes } = sumOfWays(hits[name])
    return packets === 0 ? [] : [{ standing, words: `${count(packets)} ${word}, ${octets(bytes)}` }]
  })
}

export function hitCount(hits: RuleHits | undefined): number {
  return hits === undefined ? 0 : packetsOf(hits)
}

function sumOfWays({ inbound, outbound }: BothWays) {
  return { packets: inbound.packets + outbound.packets, bytes: inbound.bytes + outbound.bytes }
}
