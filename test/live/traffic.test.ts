// What hosts do all day, through two real agents: every kind of packet arrives as it was sent, and whoever listens on the
// wire sees ESP and IKE. SEALWIRE_LONG_TESTS=1 goes on for longer.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ip } from '../../src/native/test-namespaces.ts'
import { audit, captureWire, type LiveHost, run, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const end = join(import.meta.dirname, 'traffic-end.ts')
const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
const PORT = 7000
const KERBEROS = 88
const MB = 1_000_000
/** Seconds that a stream may stand on a machine that has much else to do: keys that were missing would take longer. */
const LONGEST_STALL = 3

const wait = (seconds: number) => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

function pidOf({ state }: LiveHost): number {
  return (JSON.parse(readFileSync(join(state, 'agent.json'), 'utf8')) as { pid: number }).pid
}

/** Applications that answer at all addresses of the host. */
async function serve(context: TestContext, { namespace, address, address6 }: LiveHost, ports = [PORT]): Promise<void> {
  for (const own of [address, address6]) {
    const words = ['netns', 'exec', namespace, process.execPath, end, 'serve', own, ...ports.map(String)]
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    context.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
  }
}

interface Answers {
  readonly tcp: { readonly got: readonly number[]; readonly seconds: number }
  readonly udp: { readonly same: number }
  readonly rsvp: { readonly faults: readonly string[] }
  readonly flow: {
    readonly bytes: number
    readonly isSame: boolean
    /** Seconds. */
    readonly stall: number
    readonly stallAt: number
  }
}

async function ask<K extends keyof Answers>(
  what: K,
  host: LiveHost,
  peer: string,
  ...numbers: readonly number[]
): Promise<Answers[K]> {
  const own = peer.includes(':') ? host.address6 : host.address
  const ran = await host.run([process.execPath, end, what, own, peer, ...numbers.map(String)])
  assert.equal(ran.status, 0, `${what} to ${peer} ${numbers.join(' ')}: ${ran.error}\n${host.log()}`)
  return JSON.parse(ran.out) as Answers[K]
}

/** What Wireshark counts, where it is there. */
async function counted(file: string, filter: string): Promise<number | undefined> {
  if (spawnSync('tshark', ['--version']).error !== undefined) return undefined
  const { out } = await run('tshark', ['-r', file, '-Y', filter, '-T', 'fields', '-e', 'frame.number'])
  return out.split('\n').filter(line => line !== '').length
}

/** ESP, IKE and how neighbours find each other; Wireshark's word beside that of our auditor. */
async function assertOnlySealed(file: string, host: LiveHost, form: 'raw' | 'udp'): Promise<void> {
  const { totals, findings } = await audit(file, host.policy)
  assert.equal(totals['leaked'], 0, JSON.stringify(findings))
  // What is exempt or of no rule is how IPv6 finds neighbours and routers: Wireshark is asked whether that is so.
  assert.deepEqual([totals['malformed'], totals['blocked']], [0, 0], JSON.stringify(totals))
  assert.ok(totals['protected']! > 1000, JSON.stringify(totals))
  const isNeighbours = 'arp or (icmpv6.type >= 133 and icmpv6.type <= 136) or icmpv6.type == 143'
  // Of ESP in UDP the first piece shows our port behind the headers of Ethernet and IPv6; captures hold no whole pieces.
  const first = '(ipv6.fraghdr.nxt == 17 and frame[62:2] == 11:94)'
  const pieces = 'ip.proto == 50 or ipv6.fraghdr.nxt == 50 or ip.frag_offset > 0 or ipv6.fraghdr.offset > 0'
  const others = `not (esp or udpencap or isakmp or ${isNeighbours} or ${pieces} or ${first})`
  assert.equal((await counted(file, others)) ?? 0, 0)
  assert.equal(
    (await counted(file, form === 'raw' ? 'udpencap and esp' : 'esp and not udp and not (ip.frag_offset > 0)')) ?? 0,
    0,
  )
}

async function firewall(context: TestContext, hosts: readonly LiveHost[]): Promise<void> {
  for (const host of hosts) {
    const ran = await host.sealwire('firewall', 'apply')
    assert.equal(ran.status, 0, ran.error)
  }
  context.after(() => Promise.all(hosts.map(host => host.sealwire('firewall', 'remove'))))
}

/** Until routes through the device have followed, which asks the agent. */
async function linksOf(mtu: number, ...hosts: readonly LiveHost[]): Promise<void> {
  for (const { namespace } of hosts) ip('-n', namespace, 'link', 'set', 'wire', 'mtu', String(mtu))
  for (const [at, { namespace }] of hosts.entries()) {
    const peer = hosts[1 - at]!.address
    const size = () => {
      const texts = [ip('-n', namespace, 'route', 'get', peer), ip('-n', namespace, 'link', 'show', 'sealwire0')]
      return Math.min(...texts.map(text => Number(/ mtu (\d+)/.exec(text)?.[1] ?? 65_535)))
    }
    for (let tries = 0; size() > mtu || size() < mtu - 100; tries++) {
      assert.ok(tries < 60, `the route to ${peer} has an MTU of ${size()} on links of ${mtu}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

for (const form of ['raw', 'udp'] as const) {
  test(`all that hosts do passes with the firewall on, ESP ${form === 'raw' ? 'raw' : 'in UDP'}, and the wire shows ESP and IKE`, {
    skip,
  }, async context => {
    const [one, two] = await twoAgents(context)
    const words = { profile: 'windows-vista', more: [`encapsulation: ${form}`] }
    for (const host of [one, two]) host.writePolicy({ ...words, noDefaultExempt: 1 })
    await Promise.all([one.up(), two.up()])
    await firewall(context, [one, two])
    await Promise.all([one, two].map(host => serve(context, host)))
    const stop = await captureWire(one)
    for (const mtu of [1500, 9000, 1280]) {
      if (mtu !== 1500) await linksOf(mtu, one, two)
      for (const peer of [two.address, two.address6]) {
        const what = `${peer}, links of ${mtu} octets`
        assert.equal(await one.ping(peer), 3, what)
        if (mtu === 1500) assert.equal((await ask('udp', one, peer, PORT, 10, 100)).same, 10, what)
        // Sizes of links are learnt when the kernel refuses: the first one on a smaller link may be lost, each way.
        if (mtu === 1280) await ask('udp', one, peer, PORT, 2, 20_000)
        assert.equal((await ask('udp', one, peer, PORT, 3, 20_000)).same, 3, what)
        const bytes = mtu === 1500 && peer === two.address ? 10 * MB : MB
        assert.deepEqual((await ask('tcp', one, peer, PORT, 1, bytes)).got, [bytes], what)
      }
    }
    assert.deepEqual((await ask('tcp', two, one.address, PORT, 100, 20_000)).got, Array(100).fill(20_000))
    const { associations } = await one.status()
    assert.ok(
      associations.every(({ encapsulation }) => encapsulation === form),
      JSON.stringify(associations),
    )
    await assertOnlySealed(await stop(), one, form)
  })
}

test('with NoDefaultExempt 0 Kerberos over TCP and UDP and RSVP stand in clear, both ways, and only they', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 0 })
  await Promise.all([one.up(), two.up()])
  await Promise.all([one, two].map(host => serve(context, host, [PORT, KERBEROS])))
  const stop = await captureWire(one)
  for (const [host, peer] of [
    [one, two.address],
    [two, one.address],
  ] as const) {
    for (const port of [PORT, KERBEROS]) {
      assert.equal((await ask('udp', host, peer, port, 5, 300)).same, 5)
      assert.deepEqual((await ask('tcp', host, peer, port, 2, 50_000)).got, [50_000, 50_000])
    }
    assert.deepEqual((await ask('rsvp', host, peer, 4)).faults, [])
  }
  const file = await stop()
  const { totals, classes } = await audit(file, one.policy)
  // Hosts tell the group of their neighbours about themselves.
  const { kerberos, rsvp, unicast, multicast = 0 } = classes
  assert.deepEqual([totals['leaked'], rsvp, unicast], [0, 8, 0], JSON.stringify({ totals, classes }))
  assert.ok(kerberos! > 20 + 8 * 8, `${kerberos}`)
  assert.equal(totals['exempt'], kerberos! + rsvp! + multicast, JSON.stringify({ totals, classes }))
  const theirs = await Promise.all([
    counted(file, '(tcp.port == 88 or udp.port == 88) and not icmp'),
    counted(file, 'rsvp'),
    counted(file, 'not (tcp.port == 88 or udp.port == 88 or rsvp or esp or isakmp or arp or icmpv6)'),
  ])
  if (theirs[0] !== undefined) assert.deepEqual(theirs, [kerberos, rsvp, 0])
})

test('under load keys are renewed, policies read fifty times and the peer killed: no octet is lost, nothing is in clear', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const seconds = isLong ? 120 : 11
  const write = (host: LiveHost, noDefaultExempt: number) => {
    host.writePolicy({ noDefaultExempt, more: ['lifetime: { seconds: 10 }'] })
    // IKE's own keys as well, and a peer that is gone is noticed.
    writeFileSync(host.policy, `ike: { lifetime: { seconds: 10 }, liveness: 2 }\n${readFileSync(host.policy, 'utf8')}`)
  }
  for (const host of [one, two]) write(host, 1)
  await Promise.all([one.up(), two.up()])
  await serve(context, two)
  assert.equal(await one.ping(two.address), 3)
  const stop = await captureWire(one)

  const flowing = ask('flow', one, two.address, PORT, seconds, isLong ? 1 : 5)
  for (let round = 1; round <= 50; round++) {
    write(one, round % 2 === 0 ? 1 : 3)
    process.kill(pidOf(one), 'SIGHUP')
    await wait((0.9 * seconds) / 50)
  }
  const flow = await flowing
  assert.ok(flow.isSame && flow.bytes > MB, JSON.stringify(flow))
  assert.ok(flow.stall < LONGEST_STALL, `nothing arrived for ${flow.stall} s, from ${flow.stallAt} s on\n${one.log()}`)
  const times = (event: string) => one.log().split(`"event":"${event}"`).length - 1
  const renewals = Math.floor(seconds / 10)
  // Two requests that cross make one of them wait, for longer perhaps than an IKE SA of ten seconds has left: then it is
  // made anew instead.
  const anew = times('session-rekeyed') + times('session-established') - 1
  assert.ok(times('child-established') > renewals && anew >= renewals, one.log())
  assert.ok(times('policy-changed') >= 25, `${times('policy-changed')} changes of policy\n${one.log()}`)

  const again = ask('flow', one, two.address, PORT, isLong ? 30 : 6, 5)
  await wait(1)
  two.kill()
  const killed = performance.now()
  await wait(0.5)
  await two.up()
  const away = (performance.now() - killed) / 1000
  const restarted = await again
  assert.ok(restarted.isSame, JSON.stringify(restarted))
  // TCP waits twice as long each time: what it tries just before the peer hears again is tried anew that much later. By then
  // the peer has been asked, after two seconds of silence, and a moment later has said that it knows nothing.
  const most = 2 * (away + 4) + 1
  assert.ok(restarted.stall < most, `${restarted.stall} s without an octet, ${away} s without the peer\n${one.log()}`)
  const { totals, classes, findings } = await audit(await stop(), one.policy)
  assert.deepEqual([totals['leaked'], classes['unicast']], [0, 0], JSON.stringify(findings))
  context.diagnostic(
    `${flow.bytes} octets each way, longest stall ${flow.stall.toFixed(2)} s; ${times('child-established')} associations, ` +
      `${times('session-rekeyed')} IKE rekeys, ${times('policy-changed')} policies; peer away for ${away.toFixed(1)} s: ` +
      `${restarted.stall.toFixed(1)} s; ${totals['protected']} sealed packets`,
  )
})

/** Where Debian and its kin have it; it answers another time of day to the program that it is loaded into. */
const FAKETIME = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`

test('with keys renewed every two seconds under load, and clocks that jump by an hour, no octet is lost and nothing is in clear', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const seconds = isLong ? 120 : 16
  for (const host of [one, two]) {
    host.writePolicy({ noDefaultExempt: 1, more: ['lifetime: { seconds: 10 }'] })
    writeFileSync(host.policy, `ike: { lifetime: { seconds: 20 } }\n${readFileSync(host.policy, 'utf8')}`)
  }
  const times = join(one.folder, 'time')
  const jump = (hours: number) => writeFileSync(times, `${hours < 0 ? '-' : '+'}${Math.abs(hours)}h\n`)
  jump(0)
  const hasFake = existsSync(FAKETIME)
  const environment = {
    LD_PRELOAD: FAKETIME,
    FAKETIME_TIMESTAMP_FILE: times,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  const keying = { renewAt: 0.2, overlap: 1, tryAgain: 0.5 }
  await Promise.all([one.upWith(keying, hasFake ? environment : {}), two.upWith(keying)])
  await serve(context, two)
  assert.equal(await one.ping(two.address), 3)
  const stop = await captureWire(one)
  const flowing = ask('flow', one, two.address, PORT, seconds, isLong ? 1 : 5)
  for (const hours of [1, 0, -1, 0]) {
    await wait(seconds / 5)
    jump(hours)
  }
  const flow = await flowing
  assert.ok(flow.isSame && flow.bytes > MB, JSON.stringify(flow))
  assert.ok(flow.stall < LONGEST_STALL, `nothing arrived for ${flow.stall} s, from ${flow.stallAt} s on\n${one.log()}`)
  const wrote = (event: string) => one.log().split(`"event":"${event}"`).length - 1
  assert.ok(wrote('child-established') >= seconds / 2 - 2, one.log())
  assert.ok(wrote('session-rekeyed') >= seconds / 4 - 2, one.log())
  const hours = [...one.log().matchAll(/"time":"([^"]+)"/g)].map(([, time]) => Date.parse(time!) / 3_600_000)
  const [least, most] = [Math.min(...hours), Math.max(...hours)]
  if (hasFake) assert.ok(most - least > 1.9, `the clock went from ${least} h to ${most} h`)
  const { totals, classes, findings } = await audit(await stop(), one.policy)
  assert.deepEqual([totals['leaked'], classes['unicast']], [0, 0], JSON.stringify(findings))
  context.diagnostic(
    `${flow.bytes} octets each way, longest stall ${flow.stall.toFixed(2)} s; ${wrote('child-established')} associations, ` +
      `${wrote('session-rekeyed')} IKE rekeys; ${hasFake ? '' : 'the clock stood, because libfaketime is not installed; '}` +
      `${totals['protected']} sealed packets`,
  )
})
