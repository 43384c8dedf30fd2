// The steps below and beside the directory: ping, NetBIOS names, broadcast, multicast and RSVP. Each of the last three is
// a kind of packet that Windows leaves in clear by default.

import { readFileSync } from 'node:fs'
import { broadcastAddress } from './forest.ts'
import { inside } from './namespace.ts'
import { run } from './run.ts'
import { ask, type Direction, expectAnswer, type Step, type Verdict } from './step.ts'

const everybody = '224.0.0.1'

const noNetbios = 'NetBIOS is of IPv4 alone (RFC 1001)'
const noBroadcast = 'IPv6 has no broadcast (RFC 4291 section 2)'
/** Seen with the agents up: the question arrives, the guard stops the answer, which is unsealed. In clear it is answered. */
const pastRoutes = 'Linux answers a ping to an IPv6 group by the link it came on, past the routes that lead to the seal'

async function ping(direction: Direction, ...words: readonly string[]): Promise<Verdict> {
  const answer = new RegExp(`^.*from ${direction.to.address.replaceAll('.', '\\.')}.*$`, 'm')
  const command = ['ping', '-n', '-c', '3', '-i', '0.2', '-w', String(direction.patience), ...words]
  return expectAnswer(await ask(direction, command), answer)
}

async function findName(direction: Direction, ...words: readonly string[]): Promise<Verdict> {
  const { name, address } = direction.to
  return expectAnswer(await ask(direction, ['nmblookup', ...words, name]), new RegExp(`${address} ${name}.*`, 'i'))
}

/** Well when the other controller's raw socket got it; that socket also keeps the kernel from refusing the protocol. */
async function rsvp({ from, to, patience }: Direction): Promise<Verdict> {
  const script = readFileSync(new URL('rsvp.py', import.meta.url), 'utf8')
  const python = (mode: string): readonly string[] => ['python3', '-I', '-', mode, from.address, to.address]
  const received = run(inside(to.host, python('receive'), patience), { input: script })
  const sent = await run(inside(from.host, python('send'), patience), { input: script })
  if (sent.status !== 0) return expectAnswer(sent, /^/)
  return expectAnswer(await received, /RSVP.*/)
}

export const wireSteps: readonly Step[] = [
  { name: 'ping', story: 'three pings', run: each => ping(each, each.to.address) },
  {
    name: 'ping-fragments',
    story: 'pings of 4000 bytes, in IP fragments',
    run: each => ping(each, '-s', '4000', each.to.address),
  },
  {
    name: 'netbios-broadcast',
    story: 'a NetBIOS name asked of everybody',
    notOnIpv6: noNetbios,
    run: each => findName(each, '-B', broadcastAddress),
  },
  {
    name: 'netbios-unicast',
    story: 'the same asked of the other',
    notOnIpv6: noNetbios,
    run: each => findName(each, '-U', each.to.address),
  },
  {
    name: 'broadcast-ping',
    story: 'a ping to the subnet',
    notOnIpv6: noBroadcast,
    run: each => ping(each, '-b', broadcastAddress),
  },
  {
    name: 'limited-broadcast-ping',
    story: 'a ping to 255.255.255.255',
    notOnIpv6: noBroadcast,
    run: each => ping(each, '-b', '255.255.255.255'),
  },
  {
    name: 'multicast-ping',
    story: 'a ping to all hosts',
    notOnIpv6: pastRoutes,
    run: each => ping(each, '-t', '1', everybody),
  },
  { name: 'rsvp', story: 'one RSVP Path message', run: rsvp },
]
