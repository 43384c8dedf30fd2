// The heart against a naive oracle: plain loops over every filter, with the exemptions written down a second time here.
// SEALWIRE_LONG_TESTS=1 asks a million random questions instead of a hundred thousand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareAddresses, formatAddress } from '../base/address.ts'
import { type Direction, type Flow, formatFlow, reverseFlow } from '../base/flow.ts'
import { compile } from './compile.ts'
import { decide, decideByFilters } from './decide.ts'
import { compareSpecificity, type DirectedFilter, filterMatches, type Me, specificity } from './filter.ts'
import type { Policy, ProfileName } from './model.ts'
import { profiles, settingOf } from './profiles.ts'
import { address, flow, pick, policy, randomFlow, randomPolicy, rule, seeded, someHosts } from './test-policies.ts'

/** Name of the exemption that holds the flow, as the reference tells it. */
function exemptByHand(
  asked: Policy,
  { protocol, sourcePort, destinationPort, icmpType, ...packet }: Flow,
): string | undefined {
  const { value } = settingOf(asked)
  const isVista = asked.profile === 'windows-vista'
  const isIpv4 = packet.source.family === 4
  const text = formatAddress(packet.destination)
  const either = (port: number) => sourcePort === port || destinationPort === port
  const knowsNat = asked.profile !== 'windows-2000' && !(isVista && !isIpv4)
  if (protocol === 17 && sourcePort === 500 && destinationPort === 500) return 'ike'
  if (protocol === 17 && knowsNat && either(4500)) return 'ike'
  if (isVista) {
    if (!isIpv4 && protocol === 58 && (value & 1) !== 0 && [135, 136, 137].includes(icmpType ?? -1))
      return 'neighbour-discovery'
    if (protocol === (isIpv4 ? 1 : 58) && (value & 2) !== 0) return 'icmp'
    if (!isIpv4 && protocol === 58 && (value & 4) !== 0 && [133, 134].includes(icmpType ?? -1))
      return 'router-discovery'
    const pair = `${sourcePort} ${destinationPort}`
    const dhcp = isIpv4 ? ['68 67', '67 68', '67 67'] : ['546 547', '547 546', '547 547']
    return protocol === 17 && (value & 8) !== 0 && dhcp.includes(pair) ? 'dhcp' : undefined
  }
  if (asked.profile === 'strict') return undefined
  if ((value & 1) === 0) {
    if ((protocol === 6 || protocol === 17) && either(88)) return 'kerberos'
    if (protocol === 46) return 'rsvp'
  }
  if ((value & 2) === 0) {
    const first = packet.destination.words[0]!
    if (isIpv4 ? first >= 0xe0000000 && first <= 0xefffffff : first >= 0xff000000) return 'multicast'
    if (text === '255.255.255.255' || isSubnetBroadcastByHand(asked, packet)) return 'broadcast'
  }
  return undefined
}

/** Where a Windows never negotiates multicast and broadcast, written down a second time. */
function neverNegotiates(profile: ProfileName, direction: Direction): boolean {
  return profile === 'windows-vista' || (profile === 'windows-server-2003' && direction === 'in')
}

type Target = Pick<Flow, 'destination' | 'linkBroadcast'>

/** The network that the policies here name, if any, is 10.0.0.0/24. */
function isSubnetBroadcastByHand({ networks }: Policy, { destination, linkBroadcast }: Target): boolean {
  const text = formatAddress(destination)
  if (!text.includes('.') || text.includes(':')) return false
  if (networks.length > 0 && text.startsWith('10.0.0.')) return text === '10.0.0.255'
  return linkBroadcast === true && Number(text.split('.')[3]) % 4 === 3
}

function isGroupByHand(asked: Policy, packet: Flow): boolean {
  if (isSubnetBroadcastByHand(asked, packet)) return true
  return /^(22[4-9]|23\d)\.|^255\.255\.255\.255$|^ff..:/.test(formatAddress(packet.destination))
}

/** What decided: an exemption's name, a rule and whether it was its mirror, or nothing. */
function decideSlowly(asked: Policy, me: Me, packet: Flow, direction: Direction): string {
  const exempt = exemptByHand(asked, packet)
  if (exempt !== undefined) return `permit, exempt as ${exempt}`
  let best: { rank: readonly number[]; text: string } | undefined
  for (const { filters, action, mode, name, active } of asked.rules) {
    if (
      !active ||
      (action === 'negotiate' && neverNegotiates(asked.profile, direction) && isGroupByHand(asked, packet))
    )
      continue
    for (const { mirrored, ...straight } of filters) {
      const { source, destination, sourcePort, destinationPort } = straight
      const twin = {
        ...straight,
        source: destination,
        destination: source,
        sourcePort: destinationPort,
        destinationPort: sourcePort,
      }
      const both: DirectedFilter[] = [{ ...straight, isMirror: false }]
      if (mirrored) both.push({ ...twin, isMirror: true })
      for (const directed of both) {
        if (!filterMatches(directed, packet, me)) continue
        const rank = specificity(directed, action, mode === 'tunnel')
        if (best === undefined || compareSpecificity(rank, best.rank) < 0)
          best = { rank, text: `${action}, rule ${name}` }
      }
    }
  }
  const hasDefaultResponse = asked.defaultResponse && asked.profile !== 'windows-vista'
  return best?.text ?? (hasDefaultResponse ? 'permit, default-response' : 'permit, no-filter-matched')
}

function decideInWords(asked: Policy, me: Me): (packet: Flow, direction: Direction) => string {
  const compiled = compile(asked, { me })
  return (packet, direction) => {
    const { action, because } = decide(compiled, packet, direction)
    if (because.kind === 'exemption') return `${action}, exempt as ${because.exemption}`
    return because.kind === 'filter' ? `${action}, rule ${because.rule}` : `${action}, ${because.kind}`
  }
}

test('random policies decide random flows as plain loops over their filters do', context => {
  const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
  const [policies, flows] = isLong ? [5000, 200] : [1000, 100]
  const seen = new Map<string, number>()
  for (let seed = 0; seed < policies; seed++) {
    const draw = seeded(seed)
    const asked = randomPolicy(draw)
    const me: Me = draw() < 0.3 ? 'any' : someHosts.slice(0, 1 + Math.floor(draw() * 3))
    const quick = decideInWords(asked, me)
    for (let index = 0; index < flows; index++) {
      const packet = randomFlow(draw, asked)
      const direction = pick<Direction>(draw, ['out', 'in'])
      const slow = decideSlowly(asked, me, packet, direction)
      if (quick(packet, direction) !== slow) {
        assert.equal(quick(packet, direction), slow, `seed ${seed}: ${formatFlow(packet)} ${direction}`)
      }
      const kind = slow.replace(/ \d+$/, '')
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
    }
  }
  // Without this a test that draws nothing but misses would pass.
  for (const kind of ['permit, rule rule', 'block, rule rule', 'negotiate, rule rule', 'permit, no-filter-matched']) {
    assert.ok((seen.get(kind) ?? 0) > (policies * flows) / 50, `${kind} decided ${seen.get(kind)} flows`)
  }
  const exemptions = new Set(
    [...profiles.values()].flatMap(({ table }) => [...table.values()].flat()).map(({ name }) => name),
  )
  for (const name of exemptions) assert.ok(seen.has(`permit, exempt as ${name}`), `${name} was never met`)
  context.diagnostic(`${policies * flows} flows asked`)
})

test('a later fragment meets only filters that ask for no port', () => {
  const asked = policy([rule('block', ['tcp any <-> any:80']), rule('negotiate', ['udp any <-> any'])])
  const words = decideInWords(asked, 'any')
  assert.equal(words(flow('tcp 10.0.0.1 10.0.0.2'), 'out'), 'permit, no-filter-matched')
  assert.equal(words(flow('udp 10.0.0.1 10.0.0.2'), 'out'), 'negotiate, rule negotiate udp any <-> any')
})

test('an exemption outranks even a blocking rule between two hosts and one port: the port 88 bypass', () => {
  const asked = (noDefaultExempt: number) =>
    policy([rule('block', ['tcp 10.0.0.9 -> 10.0.0.1:445'])], { profile: 'windows-xp', noDefaultExempt })
  const attack = flow('tcp 10.0.0.9:88 10.0.0.1:445')
  const verdicts = [0, 1, 2, 3].map(value => decide(compile(asked(value)), attack, 'in').action)
  assert.deepEqual(verdicts, ['permit', 'block', 'permit', 'block'])
})

test('without the exemptions the filters decide', () => {
  const compiled = compile(policy([rule('block', ['any any <-> any'])], { profile: 'windows-2000' }))
  const kerberos = flow('tcp 10.0.0.1:49152 10.0.0.2:88')
  assert.equal(decide(compiled, kerberos, 'out').action, 'permit')
  assert.equal(decideByFilters(compiled, kerberos, 'out').action, 'block')
})

test('a mirrored filter decides a flow and its answer alike, a plain one only its own direction', () => {
  const asked = policy([rule('negotiate', ['tcp 10.0.0.1 <-> 10.0.0.2:445', 'udp 10.0.0.1 -> 10.0.0.2:53'])])
  const compiled = compile(asked)
  const smb = flow('tcp 10.0.0.1:50000 10.0.0.2:445')
  assert.equal(decide(compiled, smb, 'out').action, 'negotiate')
  assert.equal(decide(compiled, reverseFlow(smb), 'in').action, 'negotiate')
  const dns = flow('udp 10.0.0.1:50000 10.0.0.2:53')
  assert.equal(decide(compiled, dns, 'out').action, 'negotiate')
  assert.equal(decide(compiled, reverseFlow(dns), 'in').because.kind, 'no-filter-matched')
})

test('“me” is each of the own addresses and nothing else', () => {
  const asked = policy([rule('negotiate', ['any me <-> 10.0.0.9'])])
  const me = [address('10.0.0.1'), address('10.0.0.2')]
  const compiled = compile(asked, { me })
  assert.ok(compareAddresses(me[0]!, me[1]!) < 0)
  for (const [source, action] of [
    ['10.0.0.1', 'negotiate'],
    ['10.0.0.2', 'negotiate'],
    ['10.0.0.3', 'permit'],
  ] as const) {
    assert.equal(decide(compiled, flow(`tcp ${source}:1 10.0.0.9:2`), 'out').action, action)
  }
})
