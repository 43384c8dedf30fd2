// `sealwire ping` on a real wire, with agents, without, and with the kernel's own IPsec: what it says is what was there.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EchoResult } from '../../src/agent/ping/ping-report.ts'
import { insideNamespace } from '../../src/native/namespaces.ts'
import { readSysctl, writeSysctl } from '../../src/native/sysctl.ts'
import { type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const quick = ['--interval', '0.1', '--patience', '3']

interface Report {
  readonly ok: boolean
  readonly verdict: string
  readonly sentence: string
  readonly from: { readonly address: string; readonly link: string }
  readonly agent: { readonly policy: string; readonly asks: { readonly action: string } } | null
  readonly socket: string
  readonly lostFrames: number
  readonly summary: Readonly<Record<string, number | null>>
  readonly echoes: readonly (EchoResult & { readonly protection: string | null })[]
}

async function ping(host: LiveHost, ...words: readonly string[]) {
  const ran = await host.sealwire('ping', ...words, ...quick, '--state', host.state, '--json')
  assert.doesNotMatch(ran.error, /^sealwire: /m)
  return { status: ran.status, said: ran.error, report: JSON.parse(ran.out) as Report }
}

test('the first ping brings about the keys and says so, and what follows is sealed by the association that the agent has', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1 })
  await Promise.all([one.up(), two.up()])
  const words = await one.sealwire('ping', two.address, '--count', '3', ...quick, '--state', one.state)
  assert.equal(words.status, 0, words.out)
  const lines = words.out.split('\n')
  assert.ok(lines.includes('Negotiating IP Security.'), words.out)
  const replies = lines.filter(line => line.startsWith(`Reply from ${two.address}: octets=32 time=`))
  assert.equal(replies.length, 3, words.out)
  for (const line of replies)
    assert.match(line, / ms {2}sealed {2}ESP aes-gcm 256, SPI out 0x[0-9a-f]{8}, in 0x[0-9a-f]{8}$/)
  assert.match(words.out, /every request and reply was sealed on the wire\.\n$/)

  const [association] = (await one.status()).associations
  const { status, report } = await ping(one, two.address, '--count', '2', '--size', '20000')
  assert.equal(status, 0)
  assert.deepEqual([report.ok, report.verdict, report.lostFrames], [true, 'sealed', 0])
  assert.equal(report.agent?.asks.action, 'negotiate')
  assert.deepEqual(report.from, { address: one.address, link: 'wire' })
  for (const { request, reply, waitedForKeys, protection } of report.echoes) {
    assert.deepEqual([waitedForKeys, protection], [false, 'sealed'])
    assert.deepEqual([request.certainty, request.spi, request.form], ['strong', association?.peerSpi, 'esp'])
    assert.deepEqual([reply?.certainty, reply?.spi], ['strong', association?.spi])
    assert.equal(request.algorithms, association?.algorithms)
    assert.ok(request.octets! > 20_008 && request.octets! < 20_100, `${request.octets}`)
  }
})

test('over IPv6 it is the same', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const host of [one, two]) host.writePolicy({ profile: 'windows-vista' })
  await Promise.all([one.up(), two.up()])
  const { status, said, report } = await ping(one, two.address6, '--count', '2')
  assert.equal(status, 0, report.sentence)
  assert.match(said, /Negotiating IP Security\./)
  assert.deepEqual([report.verdict, report.summary['sealed']], ['sealed', 2])
})

test('what the policy lets pass in clear is said to be in clear, and is no failure', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  const rules = [
    '{ name: Echoes, filters: [{ source: 10.99.0.1, destination: 10.99.0.2, protocol: icmp, mirrored: true }], action: permit }',
  ]
  for (const host of [one, two]) host.writePolicy({ rules })
  await Promise.all([one.up(), two.up()])
  const { status, report } = await ping(one, two.address, '--count', '1')
  assert.deepEqual([status, report.verdict, report.echoes[0]?.protection], [0, 'clear-as-asked', 'as-asked-clear'])
  assert.match(report.sentence, /rule “Echoes” permits it/)
})

test('a rule that falls back to clear is said to be not secured, from when it does', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ more: ['fallBackToClear: true'] })
  await one.up()
  const { status, report } = await ping(one, two.address, '--count', '8')
  assert.deepEqual([status, report.verdict], [0, 'clear-as-asked'], report.sentence)
  assert.match(report.sentence, /NOT SECURED: its rule falls back to clear/)
  assert.ok(report.echoes.some(({ state }) => state === 'negotiating'))
  assert.ok(report.echoes.every(echo => echo.state !== 'reply' || (echo.fellBack && echo.request.kind === 'clear')))
  const words = await one.sealwire('ping', two.address, '--count', '1', '--state', one.state)
  assert.match(words.out, / {2}NOT SECURED, fell back to clear {2}request and reply\n/)
})

test('where no peer agrees on keys there is no answer, the echo waits for keys, and nothing stands in clear', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  await one.up()
  const { status, report } = await ping(one, two.address, '--count', '1')
  assert.deepEqual([status, report.verdict], [1, 'no-answer'])
  assert.equal(report.echoes[0]?.state, 'negotiating')
  assert.equal(report.echoes[0]?.request.kind, 'unseen')
  assert.match(report.sentence, /keys were being agreed on/)
})

test('without an agent a ping in clear is told loudly, whatever its size and version of IP', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  for (const [host, size] of [
    [two.address, '32'],
    [two.address, '0'],
    [two.address6, '20000'],
    [two.address, '65507'],
  ] as const) {
    const { status, report } = await ping(one, host, '--count', '1', '--size', size)
    assert.deepEqual([status, report.verdict, report.agent, report.lostFrames], [1, 'clear', null, 0])
    const [echo] = report.echoes
    assert.deepEqual([echo?.state, echo?.request.kind, echo?.reply?.kind], ['reply', 'clear', 'clear'])
    assert.equal(echo?.request.certainty, 'exact')
    assert.match(report.sentence, /^CLEAR: one echo to /)
  }
  const words = await one.sealwire('ping', two.address, '--count', '1', '--state', one.state)
  assert.match(words.out, / {2}CLEAR {2}request and reply\n/)
  const link = await one.run(['ip', '-n', two.namespace, '-6', '-o', 'address', 'show', 'dev', 'wire', 'scope', 'link'])
  const local = /fe80:[0-9a-f:]+/.exec(link.out)?.[0]
  assert.equal((await ping(one, `${local}%wire`, '--count', '1')).report.verdict, 'clear')
})

test('an address of IPv6 that has just come is waited for', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  const link = await one.run(['ip', '-n', two.namespace, '-6', '-o', 'address', 'show', 'dev', 'wire', 'scope', 'link'])
  const local = /fe80:[0-9a-f:]+/.exec(link.out)?.[0]
  insideNamespace(one.namespace, () => writeSysctl('net/ipv6/conf/wire/accept_dad', '1'))
  const addresses = async () => (await one.run(['ip', '-6', '-o', 'address', 'show', 'dev', 'wire'])).out
  for (const state of ['down', 'up']) await one.run(['ip', 'link', 'set', 'wire', state])
  assert.match(await addresses(), /tentative/)
  const { report } = await ping(one, `${local}%wire`, '--count', '1')
  assert.equal(report.verdict, 'clear')
  assert.doesNotMatch(await addresses(), /tentative/)
})

test('whoever may not ask the agent still sees what is sealed, and a ping socket is used where every user has one', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const range = 'net/ipv4/ping_group_range'
  insideNamespace(one.namespace, () => {
    assert.notEqual(readSysctl(range), undefined)
    writeSysctl(range, '0 2147483647')
  })
  await Promise.all([one.up(), two.up()])
  const words = ['--count', '2', ...quick, '--state', one.folder, '--json']
  const ran = await one.sealwire('ping', two.address, ...words)
  const report = JSON.parse(ran.out) as Report
  assert.deepEqual(
    [ran.status, report.verdict, report.socket, report.agent],
    [0, 'sealed', 'ping', null],
    report.sentence,
  )
  const [association] = (await one.status()).associations
  for (const { request, reply } of report.echoes) {
    assert.deepEqual([request.spi, request.certainty, request.algorithms], [association?.peerSpi, 'likely', null])
    assert.equal(reply?.spi, association?.spi)
  }
})

test('nobody there, somebody who refuses, and a firewall here are told apart', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  const silent = await ping(one, '10.99.0.9', '--count', '1')
  assert.deepEqual([silent.status, silent.report.verdict], [1, 'no-answer'])
  const table = 'table inet t { chain c { type filter hook input priority 0; meta l4proto icmp reject; }; }'
  await two.run(['nft', table])
  const refused = await ping(one, two.address, '--count', '1')
  assert.equal(refused.report.echoes[0]?.state, 'unreachable')
  await one.run(['nft', 'table inet t { chain c { type filter hook output priority 0; meta l4proto icmp drop; }; }'])
  const kept = await ping(one, two.address, '--count', '1')
  assert.equal(kept.report.echoes[0]?.state, 'not-sent')
  assert.match(kept.report.echoes[0]?.note ?? '', /firewall of this host/)
  const noWay = await one.sealwire('ping', '10.1.2.3', '--json', '--state', one.state)
  assert.deepEqual([noWay.status, JSON.parse(noWay.out).verdict], [1, 'no-answer'])
})

describe('input that cannot be meant is refused before anything is sent:', { skip }, () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a broadcast address', ['10.99.0.255'], /every host of a network/],
    ['every host', ['255.255.255.255'], /every host/],
    ['a multicast group', ['224.0.0.1'], /multicast/],
    ['a multicast group of IPv6', ['ff02::1%wire'], /multicast/],
    ['this host', ['10.99.0.1'], /is this host/],
    ['the loopback', ['127.0.0.1'], /is this host/],
    ['a link-local address without its link', ['fe80::1'], /on which link/],
    ['a link that is not there', ['fe80::1%nowhere'], /no link nowhere/],
    ['no name', ['--', '-x;'], /neither an address nor a name/],
    [
      'wrong numbers, all of them',
      ['10.99.0.2', '--count', '0', '--size', '65508', '--interval', 'x'],
      /--count.*\n.*--size.*\n.*--interval/,
    ],
  ]
  test('each with a word about why', async context => {
    const [one] = await twoAgents(context)
    for (const [name, words, expected] of cases) {
      const ran = await one.sealwire('ping', ...words)
      assert.equal(ran.status, 2, `${name}: ${ran.out}${ran.error}`)
      assert.match(ran.error, expected, name)
      assert.equal(ran.out, '')
    }
  })
})

test('who may not capture is told what is missing, and how to get it', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const command of ['ping', 'probe']) {
    const without = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw']
    const program = new URL('../../sealwire', import.meta.url).pathname
    const ran = await one.run([...without, program, command, two.address])
    if (ran.error.includes('setpriv:')) return context.skip('skipped, because setpriv cannot drop rights here')
    assert.equal(ran.status, 3, ran.error)
    assert.match(ran.error, /CAP_NET_RAW is missing.*run it as root, or grant it/)
  }
})
