// `sealwire probe` on a real wire: hosts that imitate each value of the setting by rules in the kernel, real agents at it, and
// proof that nothing is sent but what was said, to nobody but the host that was named.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const quick = ['--interval', '0.1', '--patience', '0.5']

interface Report {
  readonly ok: boolean
  readonly likeness: string
  readonly answersInClear: boolean
  readonly sentences: readonly string[]
  readonly sent: { readonly packets: number; readonly octets: number; readonly kernelResets: number }
  readonly plan: { readonly packets: number; readonly octets: number }
  readonly probes: readonly {
    readonly class: string
    readonly what: string
    readonly hasLeft: boolean
    readonly answeredInClear: boolean
    readonly answers: readonly { readonly words: string }[]
  }[]
}

async function probe(host: LiveHost, ...words: readonly string[]) {
  const ran = await host.sealwire('probe', ...words, ...quick, '--json')
  assert.notEqual(ran.out, '', ran.error)
  return { status: ran.status, error: ran.error, report: JSON.parse(ran.out) as Report }
}

/** Only what the rules name passes, as on a Windows that secures the rest and finds nobody to agree on keys with. */
async function pass(host: LiveHost, ...rules: readonly string[]): Promise<void> {
  const always = ['icmpv6 type { 1, 4, 133, 134, 135, 136 } accept', 'udp sport 500 udp dport 500 accept']
  const chain = (hook: string, more: readonly string[]) =>
    `chain ${hook} { type filter hook ${hook} priority 0; policy drop;\n${[...always, ...more, ...rules].join('\n')}\n}`
  const text = `flush ruleset\ntable inet t {\n${chain('input', [])}\n${chain('output', ['icmp type 3 accept'])}\n}\n`
  const ran = await host.run(['nft', text])
  assert.equal(ran.status, 0, ran.error)
}

const kerberos = ['th sport 88 accept', 'th dport 88 accept']
const rsvp = ['meta l4proto 46 accept']

test('a host that secures nothing answers everything, and the connections it accepts are reset', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  const script = "require('node:net').createServer(s => s.on('error', () => {})).listen(445, () => console.log('up'))"
  const server = spawn('ip', ['netns', 'exec', two.namespace, process.execPath, '-e', script])
  context.after(() => server.kill())
  await new Promise(resolve => server.stdout.once('data', resolve))
  for (const address of [two.address, two.address6]) {
    const { status, report } = await probe(one, address)
    assert.deepEqual([status, report.ok, report.likeness], [1, false, 'not-secured'], report.sentences.join(' '))
    assert.ok(report.probes.every(({ hasLeft }) => hasLeft))
    const words = report.probes.flatMap(({ what, answers }) => answers.map(answer => `${what}: ${answer.words}`))
    assert.ok(words.includes('TCP SYN to port 445: TCP accepted (SYN and ACK)'), words.join('\n'))
    assert.ok(words.includes('TCP SYN from port 88 to port 22: TCP reset: nobody listens there'))
    assert.ok(words.includes('ICMP echo request: echo reply'))
    assert.equal(report.sent.kernelResets, 2)
  }
})

test('a host at which source port 88 and RSVP pass is told from one where nothing does', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  await pass(two, ...kerberos, ...rsvp)
  for (const address of [two.address, two.address6]) {
    const { status, report } = await probe(one, address)
    assert.deepEqual([status, report.likeness], [1, 'no-default-exempt-0-or-2'], report.sentences.join(' '))
    assert.ok(
      report.probes.filter(({ class: kind }) => kind === 'plain').every(({ answeredInClear }) => !answeredInClear),
    )
    const rsvpProbe = report.probes.find(({ class: kind }) => kind === 'rsvp')
    assert.match(rsvpProbe?.answers[0]?.words ?? '', /protocol not spoken/)
  }
  const words = await one.sealwire('probe', two.address, ...quick)
  assert.match(words.out, /answers in clear to port 88: as if NoDefaultExempt were 0 or 2/)
  assert.match(words.out, /KB 811832/)
  const group = await probe(one, two.address, '--group')
  assert.equal(group.report.likeness, 'no-default-exempt-2')
  await pass(two)
  const closed = await probe(one, two.address)
  assert.deepEqual([closed.status, closed.report.ok, closed.report.answersInClear], [0, true, false])
})

test('groups are asked only where that is wanted, and who answers them is heard', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  await pass(two, ...kerberos, 'udp dport 137 accept', 'udp sport 137 accept')
  const script =
    "const s = require('node:dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(m, r.port, r.address));" +
    " s.bind(137, () => console.log('up'))"
  const server = spawn('ip', ['netns', 'exec', two.namespace, process.execPath, '-e', script])
  context.after(() => server.kill())
  await new Promise(resolve => server.stdout.once('data', resolve))
  const { status, report } = await probe(one, two.address, '--group')
  assert.deepEqual([status, report.likeness], [1, 'no-default-exempt-0'], report.sentences.join(' '))
  const group = report.probes.filter(({ class: kind }) => kind === 'group')
  assert.deepEqual(
    group.map(({ hasLeft }) => hasLeft),
    [true, true],
  )
  assert.equal(group[0]?.answeredInClear, true)
  const without = await probe(one, two.address)
  assert.equal(
    without.report.probes.some(({ class: kind }) => kind === 'group'),
    false,
  )
})

test('an agent with NoDefaultExempt 0 opens to source port 88, with 1 only IKE answers', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  two.writePolicy({ noDefaultExempt: 0 })
  await two.up()
  const open = await probe(one, two.address)
  assert.deepEqual(
    [open.status, open.report.likeness],
    [1, 'no-default-exempt-0-or-2'],
    open.report.sentences.join(' '),
  )
  await two.down()
  two.writePolicy({ noDefaultExempt: 1 })
  await two.up()
  const closed = await probe(one, two.address)
  assert.deepEqual([closed.status, closed.report.likeness], [0, 'keying-only'], closed.report.sentences.join(' '))
  const words = closed.report.probes.flatMap(({ answers }) => answers.map(answer => answer.words))
  assert.ok(words.includes('IKEv2, NO_PROPOSAL_CHOSEN'), words.join('\n'))
})

test('from a host whose own agent seals or stops the probes nothing is learnt, which is said', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  one.writePolicy({ noDefaultExempt: 1 })
  await one.up()
  const { status, report } = await probe(one, two.address)
  assert.deepEqual([status, report.likeness, report.ok], [3, 'not-probed', false])
})

test('nothing is sent but what was said before, to nobody but the host, and on a dry run nothing at all', {
  skip,
}, async context => {
  const [one, two] = await twoAgents(context)
  await pass(two)
  const rules = `table inet count {
  chain c {
    type filter hook output priority 0;
    icmpv6 type { 133, 134, 135, 136, 143 } accept
    ip daddr ${two.address} counter accept comment "host"
    counter comment "others"
  }
}
`
  const ran = await one.run(['nft', rules])
  assert.equal(ran.status, 0, ran.error)
  const counted = async () => {
    const { out } = await one.run(['nft', 'list', 'table', 'inet', 'count'])
    return [...out.matchAll(/packets (\d+) .*comment "(\w+)"/g)].map(([, packets]) => Number(packets))
  }
  const dry = await one.sealwire('probe', two.address, '--dry-run', '--json', '--group')
  const plan = JSON.parse(dry.out) as Report & { readonly dryRun: boolean }
  assert.deepEqual([dry.status, plan.dryRun, plan.plan.packets, plan.probes.length], [0, true, 18, 18])
  assert.deepEqual(await counted(), [0, 0])
  const { report } = await probe(one, two.address, '--ports', '445')
  assert.deepEqual([report.plan.packets, report.sent.packets], [12, 12])
  assert.equal(report.sent.octets, report.plan.octets)
  assert.deepEqual(await counted(), [12, 0])
})

test('what is no single other host, and ports that are none, are refused', { skip }, async context => {
  const [one, two] = await twoAgents(context)
  for (const words of [
    ...['10.99.0.255', '224.0.0.1', '255.255.255.255', '127.0.0.1', one.address, 'ff02::1', '::1'].map(host => [host]),
    ...['', '0', '65536', '1,1', 'http', '1,,2'].map(ports => [two.address, '--ports', ports]),
    [two.address, '--interval', '0'],
  ]) {
    const ran = await one.sealwire('probe', ...words)
    assert.deepEqual([ran.status, ran.out], [2, ''], `${words} ${ran.error}`)
  }
  const noWay = await one.sealwire('probe', '10.1.2.3')
  assert.equal(noWay.status, 3)
})
