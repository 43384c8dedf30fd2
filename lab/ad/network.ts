// The lab's only network: a bridge in a network namespace of its own, one veth pair per controller. No link leads to this
// machine's network, no lab host has a default route, so no packet can leave. Leaves out filters on the wire.

import { broadcastAddress, type Controller, isOnIpv6, prefixLength, prefixLength6 } from './forest.ts'
import type { Lab } from './lab.ts'
import { inNetworkOf, type LabHost } from './namespace.ts'
import { must, run } from './run.ts'

export const bridge = 'bridge'
/** Every host's one link. */
export const link = 'eth0'

export async function makeBridge(wire: LabHost): Promise<void> {
  // No spanning tree, no snooping: the bridge itself must not speak, and must flood multicast to everyone.
  await ip(wire, 'link', 'add', bridge, 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0')
  await offloadsOff(wire, bridge)
  await ip(wire, 'link', 'set', bridge, 'up')
}

export async function connect(wire: LabHost, host: LabHost, controller: Controller, linkSize: number): Promise<void> {
  const port = controller.name
  const peer = ['peer', 'name', link, 'address', controller.hardwareAddress, 'netns', String(host.pid)]
  await ip(wire, 'link', 'add', port, 'type', 'veth', ...peer)
  await offloadsOff(wire, port)
  await offloadsOff(host, link)
  // The bridge takes the smallest size of its ports.
  await ip(wire, 'link', 'set', port, 'mtu', String(linkSize))
  await ip(host, 'link', 'set', link, 'mtu', String(linkSize))
  await ip(wire, 'link', 'set', port, 'master', bridge, 'up')
  await ip(host, 'link', 'set', 'lo', 'up')
  if (isOnIpv6(controller)) await addressOnIpv6(host, controller)
  else
    await ip(
      host,
      'address',
      'add',
      `${controller.address}/${prefixLength}`,
      'broadcast',
      broadcastAddress,
      'dev',
      link,
    )
  await ip(host, 'link', 'set', link, 'up')
  if (!isOnIpv6(controller)) await routeGroups(host)
}

/** One address and no other: none of the link itself, none that a router would give. */
async function addressOnIpv6(host: LabHost, { address }: Controller): Promise<void> {
  const settings = { accept_ra: 0, router_solicitations: 0, addr_gen_mode: 1 }
  const places = Object.entries(settings).map(([name, value]) => [`${link}/${name}`, value] as const)
  // hold.sh turned IPv6 off: on links that are there, and by default on those that come, as a device of sealwire's does.
  const devices = ['default', 'lo', link].map(device => [`${device}/disable_ipv6`, 0] as const)
  for (const [place, value] of [...places, ...devices]) {
    await must(inNetworkOf(host, ['tee', `/proc/sys/net/ipv6/conf/${place}`]), { input: String(value) })
  }
  await ip(host, '-6', 'address', 'add', `${address}/${prefixLength6}`, 'dev', link, 'nodad')
}

/**
 * The hosts know each other's stations. Neighbour discovery is IPv6 between the two and can only be in clear, and no Windows
 * that reads NoDefaultExempt exempts it: a recording would have nothing else to tell of.
 */
export async function knowNeighbours(controllers: readonly (Controller & { readonly host: LabHost })[]): Promise<void> {
  for (const { host, name } of controllers.filter(isOnIpv6)) {
    for (const other of controllers.filter(each => each.name !== name)) {
      const station = ['lladdr', other.hardwareAddress, 'dev', link, 'nud', 'permanent']
      await ip(host, '-6', 'neighbour', 'replace', other.address, ...station)
    }
  }
}

/** The next packet then begins with ARP, so that a capture shows it. */
export async function forgetNeighbours(host: LabHost): Promise<void> {
  await ip(host, 'neighbour', 'flush', 'dev', link)
}

async function ip(host: LabHost, ...words: readonly string[]): Promise<void> {
  await must(inNetworkOf(host, ['ip', ...words]))
}

/** So that a capture shows what a real wire would carry: packets of at most the MTU with checksums that are filled in. */
async function offloadsOff(host: LabHost, device: string): Promise<void> {
  for (const feature of ['tx', 'rx', 'sg', 'tso', 'gso', 'gro', 'lro', 'rxvlan', 'txvlan']) {
    // A device that has not got the feature refuses: that is as good. What counts is seen in the capture (counts.ts).
    await run(inNetworkOf(host, ['ethtool', '-K', device, feature, 'off']))
  }
}

/** The MTU that links are made with where nothing else is asked for. */
export const usualLinkSize = 1500

/** Of every link: both ends of each, and the bridge. */
export async function setLinkSizes(
  { wire, controllers }: Pick<Lab, 'wire' | 'controllers'>,
  bytes: number,
): Promise<void> {
  const size = ['mtu', String(bytes)]
  for (const { name, host } of controllers) {
    await ip(host, 'link', 'set', link, ...size)
    await ip(wire, 'link', 'set', name, ...size)
  }
  await ip(wire, 'link', 'set', bridge, ...size)
}

export async function linkDown(host: LabHost): Promise<void> {
  await ip(host, 'link', 'set', link, 'down')
}

/** With the routes that a link loses when it goes down. */
export async function linkUp(host: LabHost): Promise<void> {
  await ip(host, 'link', 'set', link, 'up')
  await routeGroups(host)
}

/** Without a default route the kernel knows no way for these two. */
async function routeGroups(host: LabHost): Promise<void> {
  await ip(host, 'route', 'add', '224.0.0.0/4', 'dev', link)
  await ip(host, 'route', 'add', 'broadcast', '255.255.255.255', 'dev', link)
}
