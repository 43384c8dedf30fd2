// A router with network address translation between two TAP devices of a room: what the inside begins goes out under the
// router's own address and another port; what the outside begins reaches one host inside only where that is asked for.
import type { FramePort } from '../uml/lab-link.ts'
import type { LabRoom } from './lab-room.ts'

export interface NatBox {
  readonly inside: FramePort
  readonly outside: FramePort
  /** As after a restart of the router: what was translated so far is forgotten, and gets other ports. */
  forget(): Promise<void>
}

export interface NatWords {
  /** With prefix length. */
  readonly inside: string
  readonly outside: string
  /** Hardware addresses; LabLink speaks to guestStation. */
  readonly insideStation: string
  readonly outsideStation: string
  /** A host inside that gets IKE from the outside. */
  readonly forward?: string
  /** Octets of the largest packet on the outside. */
  readonly mtu?: number
}

const NAMESPACE = 'nat'

export async function startNat(room: LabRoom, words: NatWords): Promise<NatBox> {
  await room.must(undefined, `ip netns add ${NAMESPACE}`)
  const inside = await room.tap('inside0', NAMESPACE)
  const outside = await room.tap('outside0', NAMESPACE)
  for (const [name, address, station] of [
    ['inside0', words.inside, words.insideStation],
    ['outside0', words.outside, words.outsideStation],
  ] as const) {
    await room.must(NAMESPACE, `ip link set ${name} address ${station} addrgenmode none`)
    await room.must(NAMESPACE, `ip address add ${address} dev ${name}`)
    await room.must(NAMESPACE, `ip link set ${name} up`)
  }
  if (words.mtu !== undefined) await room.must(NAMESPACE, `ip link set outside0 mtu ${words.mtu}`)
  await room.must(NAMESPACE, 'tee /proc/sys/net/ipv4/ip_forward', '1')
  const forward =
    words.forward === undefined
      ? ''
      : `chain before { type nat hook prerouting priority dstnat; iifname "outside0" udp dport { 500, 4500 } dnat to ${words.forward}; }`
  const behind = 'chain behind { type nat hook postrouting priority srcnat; oifname "outside0" masquerade random; }'
  const rules = `table ip lab {\n${forward}\n${behind}\n}\n`
  await room.must(NAMESPACE, 'nft -f -', rules)
  return {
    inside,
    outside,
    async forget() {
      // Translations live as long as their rules; to flush them otherwise takes another package.
      await room.must(NAMESPACE, 'nft flush ruleset')
      await room.must(NAMESPACE, `ip address flush dev outside0`)
      await room.must(NAMESPACE, `ip address add ${words.outside} dev outside0`)
      await room.must(NAMESPACE, 'nft -f -', rules)
    },
  }
}
