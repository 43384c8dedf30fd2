// A filter for the kernel (linux/filter.h) that keeps a capture small on a busy link: packets from or to one host (and the groups it is
// asked by), ESP and
// AH of anybody, and UDP on port 4500, since the far end of a tunnel has another address than the host.
import type { Address } from '../../base/address.ts'
import { AH, ESP, UDP } from '../../base/flow.ts'
import type { FilterStep } from '../../native/socket-options.ts'

const LOAD_WORD = 0x20
const LOAD_HALF = 0x28
const LOAD_OCTET = 0x30
const LOAD_HALF_BEHIND = 0x48
const LOAD_IPV4_LENGTH = 0xb1
const SET_INDEX = 0x01
const SHIFT_RIGHT = 0x74
const EQUALS = 0x15
const ANSWER = 0x06
const KEEP: FilterStep = [ANSWER, 0, 0, 0x40000]
const NAT_TRAVERSAL = 4500

/** For a socket whose packets begin with the IP header; all addresses are of one version. */
export function hostFilter(hosts: readonly [Address, ...Address[]], withSealed: boolean): readonly FilterStep[] {
  const [{ family }] = hosts
  const isIpv4 = family === 4
  const places = isIpv4 ? [12, 16] : [8, 24]
  const head: readonly FilterStep[] = [
    [LOAD_OCTET, 0, 0, 0],
    [SHIFT_RIGHT, 0, 0, 4],
    [EQUALS, 1, 0, family],
    [ANSWER, 0, 0, 0],
  ]
  const sealed = withSealed ? sealedSteps(isIpv4) : []
  return [
    ...head,
    ...hosts.flatMap(({ words }) => places.flatMap(place => addressSteps(words, place))),
    ...sealed,
    [ANSWER, 0, 0, 0],
  ]
}

/** Keeps the packet where these words stand there, else goes on behind. */
function addressSteps(words: readonly number[], place: number): readonly FilterStep[] {
  const steps = words.flatMap((word, index): readonly FilterStep[] => {
    const behind = 2 * (words.length - index - 1) + 1
    return [
      [LOAD_WORD, 0, 0, place + 4 * index],
      [EQUALS, 0, behind, word],
    ]
  })
  return [...steps, KEEP]
}

function sealedSteps(isIpv4: boolean): readonly FilterStep[] {
  const ports: readonly FilterStep[] = [0, 2].flatMap((at): readonly FilterStep[] => [
    [LOAD_HALF_BEHIND, 0, 0, at],
    [EQUALS, 0, 1, NAT_TRAVERSAL],
    KEEP,
  ])
  const start: FilterStep = isIpv4 ? [LOAD_IPV4_LENGTH, 0, 0, 0] : [SET_INDEX, 0, 0, 40]
  return [
    [LOAD_OCTET, 0, 0, isIpv4 ? 9 : 6],
    [EQUALS, 1, 0, ESP],
    [EQUALS, 0, 1, AH],
    KEEP,
    // Later fragments have no ports.
    [EQUALS, 0, ports.length + 1 + (isIpv4 ? 2 : 0), UDP],
    ...(isIpv4
      ? ([
          [LOAD_HALF, 0, 0, 6],
          [0x45, ports.length + 1, 0, 0x1fff],
        ] as const)
      : []),
    start,
    ...ports,
  ]
}
