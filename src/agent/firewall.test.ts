// The firewall of KB 233256: what it is told, what it lets through in a real kernel, and whom it refuses to cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPacket, type PacketWords } from '../../test/build-packets.ts'
import { parseAddress } from '../base/address.ts'
import { ICMP, TCP, UDP } from '../base/flow.ts'
import { checkRuleset } from '../dataplane/guard/nft.ts'
import { type GuardedHost, guardedHost, setNumber, whyNoGuard } from '../dataplane/guard/test-guarded-host.ts'
import { applyFirewall, firewallState, removeFirewall, wouldCut } from './firewall.ts'
import { type FirewallOptions, firewallRuleset } from './firewall-ruleset.ts'
import { readFirewallOptions, readPermit } from './firewall-words.ts'
import { sshConnection } from './ssh-connection.ts'

const skip = whyNoGuard()

function options(permits: readonly string[] = [], hosts: readonly string[] = []): FirewallOptions {
  const read = readFirewallOptions(permits, hosts)
  assert.ok(read.ok, JSON.stringify(read))
  return read.value
}

const me = '10.0.0.1'
const far = '10.0.0.2'
const me6 = 'fd00::1'
const far6 = 'fd00::2'

/** `udp 10.0.0.1:500 10.0.0.2:500`. */
function packet(text: string): Uint8Array {
  const [name = '', from = '', to = ''] = text.split(' ')
  const protocols: Readonly<Record<string, number>> = { tcp: TCP, udp: UDP, icmp: ICMP }
  const end = (word: string) =>
    /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(word.includes('.') || word.startsWith('[') ? word : `[${word}]`)!
  const [, source = '', sourcePort = '1024'] = end(from)
  const [, destination = '', destinationPort = '1024'] = end(to)
  const words: PacketWords = {
    source,
    destination,
    protocol: protocols[name] ?? Number(name),
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
    payload: new Uint8Array(24),
  }
  return buildPacket(words)
}

/** Which of the packets pass, sent or received in this order. */
async function through(host: GuardedHost, steps: readonly string[]): Promise<readonly boolean[]> {
  for (const [index, step] of steps.entries()) {
    const bytes = packet(step.replace(/^\w+ /, ''))
    setNumber(bytes, index + 1)
    if (step.startsWith('out')) host.send(bytes)
    else host.receive(bytes)
  }
  const passed = { out: new Set<number>(), in: new Set<number>() }
  for (const family of [4, 6] as const) {
    for (const number of (await host.outbound(family)).passed) passed.out.add(number)
    for (const number of (await host.inbound(family)).passed) passed.in.add(number)
  }
  return steps.map((step, index) => passed[step.startsWith('out') ? 'out' : 'in'].has(index + 1))
}

async function expectThrough(host: GuardedHost, given: FirewallOptions, table: Readonly<Record<string, boolean>>) {
  const applied = await applyFirewall(firewallRuleset(given))
  assert.ok(applied.ok, JSON.stringify(applied))
  const steps = Object.keys(table)
  const passed = await through(host, steps)
  assert.deepEqual(Object.fromEntries(steps.map((step, index) => [step, passed[index]])), table)
}

test('only ESP, AH and IKE from and to our own ports pass', { skip }, async context => {
  const host = await guardedHost(context, 'firewall')
  await expectThrough(host, options(), {
    [`out 50 ${me} ${far}`]: true,
    [`in 50 ${far} ${me}`]: true,
    [`out 51 ${me} ${far}`]: true,
    [`out 51 ${me6} ${far6}`]: true,
    [`in 51 ${far6} ${me6}`]: true,
    [`out udp ${me}:500 ${far}:500`]: true,
    [`out udp ${me}:4500 ${far}:61000`]: true,
    [`in udp ${far}:61000 ${me}:4500`]: true,
    [`in udp [${far6}]:500 [${me6}]:500`]: true,
    // Ports that Windows's filters of the time let through: from 500 or 88 to anything.
    [`in udp ${far}:500 ${me}:137`]: false,
    [`in udp ${far}:4500 ${me}:137`]: false,
    [`in tcp ${far}:88 ${me}:445`]: false,
    [`out udp ${me}:1024 ${far}:500`]: false,
    [`out icmp ${me} ${far}`]: false,
    [`out tcp ${me}:1024 ${far}:445`]: false,
    [`in tcp [${far6}]:1024 [${me6}]:22`]: false,
    [`out 46 ${me} ${far}`]: false,
    [`out udp ${me}:137 10.0.0.255:137`]: false,
    [`out udp ${me}:5353 224.0.0.251:5353`]: false,
  })
})

test('what is named passes for who may begin, and answers because they are answers', { skip }, async context => {
  const host = await guardedHost(context, 'permits')
  await expectThrough(host, options(['in:tcp/22', `out:udp/53@${far}`, 'icmp', 'out:udp/8000-8010']), {
    [`in tcp ${far}:1024 ${me}:22`]: true,
    [`out tcp ${me}:22 ${far}:1024`]: true,
    [`out tcp ${me}:1024 ${far}:22`]: false,
    [`in tcp ${far}:22 ${me}:1024`]: false,
    // From port 53 without a question.
    [`in udp ${far}:53 ${me}:1024`]: false,
    [`out udp ${me}:1025 ${far}:53`]: true,
    [`in udp ${far}:53 ${me}:1025`]: true,
    [`in udp ${far}:53 ${me}:1026`]: false,
    [`out udp ${me}:1025 10.0.0.3:53`]: false,
    [`out udp ${me}:1025 ${far}:8005`]: true,
    [`out udp ${me}:1025 ${far}:8011`]: false,
    [`out icmp ${me} ${far}`]: true,
    [`in icmp ${far} ${me}`]: true,
  })
})

test('with hosts named, the others are left alone', { skip }, async context => {
  const host = await guardedHost(context, 'hosts')
  await expectThrough(host, options([], [far, '10.1.0.0/16', far6]), {
    [`out tcp ${me}:1024 ${far}:445`]: false,
    [`out tcp ${me}:1024 10.1.2.3:445`]: false,
    [`out tcp ${me}:1024 10.2.2.3:445`]: true,
    [`in tcp 10.0.0.3:1024 ${me}:445`]: true,
    [`in tcp ${far}:1024 ${me}:445`]: false,
    [`out tcp [${me6}]:1024 [${far6}]:445`]: false,
    [`out tcp [${me6}]:1024 [fd00::3]:445`]: true,
    [`out 50 ${me} ${far}`]: true,
  })
})

test('it is absent, in force, in force with other rules, and gone', { skip }, async context => {
  await guardedHost(context, 'states')
  const [plain, other] = [options(), options(['tcp/22'])].map(firewallRuleset)
  const state = async () => {
    const answered = await firewallState(plain!)
    return answered.ok ? answered.value : answered.error.what
  }
  assert.equal(await state(), 'absent')
  await applyFirewall(other!)
  assert.equal(await state(), 'in force with other rules')
  await applyFirewall(plain!)
  assert.equal(await state(), 'in force')
  assert.deepEqual(await removeFirewall(), { ok: true, value: true })
  assert.deepEqual(await removeFirewall(), { ok: true, value: false })
  assert.equal(await state(), 'absent')
})

test('the kernel takes every form of permit and host', { skip }, async context => {
  await guardedHost(context, 'forms')
  const permits = [
    'dhcp',
    'tcp',
    'udp/0-65535',
    'tcp/22@0.0.0.0/0',
    'in:tcp/22@::/0',
    'out:47@fd00::/8',
    'icmpv6',
    'out:icmp',
    '89',
  ]
  for (const hosts of [[], ['0.0.0.0/0'], ['::/0', far], ['fd00::/8']]) {
    const checked = await checkRuleset(firewallRuleset(options(permits, hosts)).text)
    assert.ok(checked.ok, JSON.stringify(checked))
  }
})

test('a permit that cannot be read is told with what to do, all of them at once', () => {
  const words: readonly (readonly [string, string])[] = [
    ['tcpp/22', 'did you mean tcp?'],
    ['icmp/8', 'icmp has no ports'],
    ['tcp/70000', 'ports run from 0 to 65535'],
    ['tcp/9-3', 'the smaller first'],
    ['tcp/22@nowhere', '“nowhere” is no address'],
    ['tcp/22"; drop', 'cannot be read'],
    ['', 'cannot be read'],
  ]
  for (const [text, expected] of words) {
    const read = readPermit(text)
    assert.ok(
      !read.ok && `${read.error.what} ${read.error.hint}`.includes(expected),
      `${text}: ${JSON.stringify(read)}`,
    )
  }
  const all = readFirewallOptions(['nothing/1', 'tcp/x'], ['10.0.0.0/33'])
  assert.equal(!all.ok && all.error.length, 3)
})

test('who comes by ssh is not cut off without a word, sudo or not', () => {
  const read = (path: string) => {
    const files: Readonly<Record<string, string>> = {
      '/proc/self/environ': 'PATH=/bin\0',
      '/proc/self/status': 'Name:\tnode\nPPid:\t70\n',
      '/proc/70/status': 'Name:\tsudo\nPPid:\t60\n',
      '/proc/60/environ': 'HOME=/root\0SSH_CONNECTION=192.0.2.7 50022 10.0.0.1 2222\0',
      '/proc/60/status': 'Name:\tbash\nPPid:\t1\n',
    }
    const text = files[path]
    if (text === undefined) throw new Error('ENOENT')
    return text
  }
  const ssh = sshConnection('self', read)
  assert.deepEqual(ssh, { peer: parseAddress('192.0.2.7'), port: 2222 })
  const cuts = (...given: Parameters<typeof options>) => !wouldCut(options(...given), ssh).ok
  assert.equal(cuts(), true)
  assert.equal(cuts(['tcp/22']), true)
  assert.equal(cuts(['out:tcp/2222']), true)
  assert.equal(cuts(['tcp/2222@10.0.0.0/8']), true)
  assert.equal(cuts([], ['192.0.2.0/24']), true)
  assert.equal(cuts(['in:tcp/2222']), false)
  assert.equal(cuts(['tcp/2000-3000@192.0.2.7']), false)
  assert.equal(cuts([], ['10.0.0.2']), false)
  const refused = wouldCut(options(), ssh)
  assert.ok(!refused.ok && refused.error.hint.includes('--permit in:tcp/2222@192.0.2.7'))
  assert.ok(wouldCut(options(), undefined).ok)
  assert.equal(
    sshConnection('self', () => 'PPid:\t1\n'),
    undefined,
  )
})
